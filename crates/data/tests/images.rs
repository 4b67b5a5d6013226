//! Images of a folder become rows: their size, what is transparent, and files that are cut off.

mod common;

use calotype_data::{DataError, Dataset, Options, Values, open};
use image::{ImageFormat, RgbImage};

use common::{Folder, fails, open_path, picture_bytes};

fn levels(data: &Dataset) -> &[u8] {
    match data.values() {
        Values::Levels { data, .. } => data,
        Values::Continuous(_) | Values::Double(_) => panic!("continuous"),
    }
}

#[test]
fn folders_of_pictures_are_classes_of_middle_squares() {
    let folder = Folder::new();
    for (name, red) in [("b/2.png", 20), ("a/1.png", 10), ("b/10.png", 30)] {
        // The middle square is of one colour, what is beside it black.
        let image = RgbImage::from_fn(30, 10, |x, _| image::Rgb([if (10..20).contains(&x) { red } else { 0 }, 0, 0]));
        let path = folder.write(name, []);
        image.save(path).unwrap();
    }
    let data = open(folder.0.path().to_str().unwrap(), &Options { size: Some(5), ..Options::default() }).unwrap();
    assert_eq!((data.class_names(), data.labels()), (["a".to_owned(), "b".to_owned()].as_slice(), Some([0, 1, 1].as_slice())));
    let expected = [10, 30, 20].iter().flat_map(|&r| [r, 0, 0].repeat(25)).collect::<Vec<u8>>();
    assert_eq!(levels(&data), expected);
    folder.write("loose.png", picture_bytes(ImageFormat::Png));
    assert!(fails(folder.0.path()).to_string().contains("1 images beside 2 folders"));
}

#[test]
fn pictures_of_one_size_keep_it_and_others_are_said_to_be_resized() {
    let folder = Folder::new();
    let save =
        |name: &str, w, h| RgbImage::from_fn(w, h, |x, y| image::Rgb([x as u8, y as u8, 9])).save(folder.path(name)).unwrap();
    let opened = || open_path(folder.0.path()).unwrap();
    let said = |shape: [usize; 3], note: &str| {
        let data = opened();
        assert_eq!(data.shape(), shape);
        assert!(data.notes().len() == 1 && data.notes()[0].starts_with(note), "{:?}", data.notes());
        assert!(data.summary().to_string().contains(note));
    };
    // One size, 3 high and 2 wide.
    ["a.png", "b.png"].iter().for_each(|name| save(name, 2, 3));
    let data = opened();
    assert_eq!((data.shape(), data.notes()), ([3, 2, 3].as_slice(), [].as_slice()));
    assert_eq!(levels(&data)[..18], [0, 0, 9, 1, 0, 9, 0, 1, 9, 1, 1, 9, 0, 2, 9, 1, 2, 9]);
    let asked = open(folder.0.path().to_str().unwrap(), &Options { size: Some(4), ..Options::default() }).unwrap();
    assert_eq!((asked.shape(), asked.notes()), ([4, 4, 3].as_slice(), [].as_slice()));
    // Where they would take more than they may, they are resized as large ones are.
    ["a.png", "b.png"].iter().for_each(|name| save(name, 256, 1));
    assert_eq!(opened().shape(), [1, 256, 3]);
    ["a.png", "b.png"].iter().for_each(|name| save(name, 200, 256));
    let tight = Options { max_bytes: 2 * 200 * 256 * 3 - 1, ..Options::default() };
    assert_eq!(open(folder.0.path().to_str().unwrap(), &tight).unwrap().shape(), [64, 64, 3]);
    assert_eq!(opened().shape(), [256, 200, 3]);
    ["a.png", "b.png"].iter().for_each(|name| save(name, 257, 3));
    said([64, 64, 3], "images of 3x257, resized to 64x64");
    save("c.png", 300, 200);
    save("d.png", 1, 1);
    said([64, 64, 3], "images of 3 sizes, 1x1 to 200x300, resized to 64x64");
}

#[test]
fn transparent_pixels_become_white() {
    let folder = Folder::new();
    let path = folder.write("t.png", []);
    image::RgbaImage::from_fn(4, 4, |x, _| image::Rgba([0, 0, 0, [0, 255, 51, 0][x as usize]])).save(&path).unwrap();
    let data = open(path.to_str().unwrap(), &Options { size: Some(4), ..Options::default() }).unwrap();
    assert_eq!(data.shape(), [4, 4, 1], "all grey");
    assert_eq!(&levels(&data)[..4], [255, 0, 204, 255]);
}

#[test]
fn truncated_pictures_are_errors_that_name_the_file() {
    for (format, extension) in [
        (ImageFormat::Png, "png"),
        (ImageFormat::Jpeg, "jpg"),
        (ImageFormat::Gif, "gif"),
        (ImageFormat::WebP, "webp"),
        (ImageFormat::Bmp, "bmp"),
    ] {
        let folder = Folder::new();
        let whole = picture_bytes(format);
        folder.write(&format!("good.{extension}"), &whole);
        assert_eq!(open_path(folder.0.path()).unwrap().n_rows(), 1, "{extension}");
        for part in [0, 1, whole.len() / 3, whole.len() / 2, whole.len() * 9 / 10] {
            let name = format!("bad.{extension}");
            folder.write(&name, &whole[..part]);
            let error = fails(folder.0.path());
            let named = error.to_string().contains(&name);
            assert!(named && matches!(error, DataError::Broken { n: 1, of: 2, .. }), "{extension} {part}: {error}");
        }
    }
}

#[test]
fn the_end_of_a_thumbnail_is_not_the_end_of_a_jpeg() {
    let folder = Folder::new();
    let jpeg = picture_bytes(ImageFormat::Jpeg);
    // An APP1 segment of eight bytes that holds an end marker, after the start marker.
    let whole = [&jpeg[..2], &[0xff, 0xe1, 0, 8, 0xff, 0xd8, 0xff, 0xd9, 0, 0], &jpeg[2..]].concat();
    folder.write("x.jpg", &whole);
    assert_eq!(open_path(folder.0.path()).unwrap().n_rows(), 1);
    folder.write("x.jpg", &whole[..whole.len() - 20]);
    assert!(matches!(fails(folder.0.path()), DataError::Broken { .. }));
}
