//! What is written can be read, here and by other programs.

use std::fs;

use calotype_data::{DataError, picture, read_npy, write_npy};
use image::{AnimationDecoder, RgbImage};
use proptest::prelude::*;

const LIMIT: u64 = 1 << 20;

/// What NumPy's `np.save` writes for a type, a shape and the bytes of the elements.
fn as_numpy_writes(descr: &str, shape: &str, elements: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}");
    [b"\x93NUMPY\x01\x00v\x00", format!("{header:<117}\n").as_bytes(), elements].concat()
}

/// The bytes of `np.save(f, np.array([[1.5, -2, 3.25], [1e-30, 0, 7]], dtype=np.float32))`.
#[test]
fn npy_is_what_numpy_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npy");
    let values = [1.5, -2.0, 3.25, 1e-30, 0.0, 7.0];
    let elements = b"\x00\x00\xc0?\x00\x00\x00\xc0\x00\x00P@`B\xa2\r\x00\x00\x00\x00\x00\x00\xe0@";
    write_npy(&path, &[2, 3], &values).unwrap();
    assert_eq!(fs::read(&path).unwrap(), as_numpy_writes("<f4", "2, 3", elements));
}

proptest! {
    #[test]
    fn npy_comes_back_as_it_was(shape in proptest::collection::vec(0..5_usize, 0..5), salt in -1e30_f32..1e30) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        let data: Vec<f32> = (0..shape.iter().product()).map(|i: usize| salt * i as f32 / 7.0).collect();
        write_npy(&path, &shape, &data).unwrap();
        let read = read_npy(&path, LIMIT).unwrap();
        prop_assert_eq!((&read.shape, &read.data), (&shape, &data));
        prop_assert_eq!(fs::metadata(&path).unwrap().len() % 64, (4 * data.len() as u64) % 64, "the data begin at a multiple of 64");
    }
}

#[test]
fn npy_refuses_what_does_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npy");
    assert!(matches!(write_npy(&path, &[2, 2], &[0.0; 3]).unwrap_err(), DataError::Format { .. }));
    assert!(matches!(write_npy(&folder.path().join("no/folder.npy"), &[1], &[0.0]).unwrap_err(), DataError::NotFound { .. }));
    write_npy(&path, &[1000], &[0.0; 1000]).unwrap();
    assert!(matches!(read_npy(&path, 3_999).unwrap_err(), DataError::TooLarge { claimed_bytes: 4_000, .. }));
    fs::write(&path, as_numpy_writes("|O", "2,", &[1, 1])).unwrap();
    assert!(read_npy(&path, LIMIT).unwrap_err().to_string().contains("expected an array of numbers, found Python objects"));
}

#[test]
fn a_grid_puts_every_pixel_in_its_place() {
    // Three images of 1 x 2, grey.
    let picture = picture::grid(&[0.0, 1.0, 0.5, 0.25, -3.0, 9.0], [3, 1, 2, 1], Some(2), 1).unwrap();
    assert_eq!(picture.dimensions(), (7, 5));
    let grey = |x, y| {
        let [r, g, b] = picture.get_pixel(x, y).0;
        assert!(r == g && g == b);
        r
    };
    assert_eq!([grey(1, 1), grey(2, 1), grey(4, 1), grey(5, 1)], [0, 255, 128, 64]);
    assert_eq!([grey(1, 3), grey(2, 3)], [0, 255], "clamped");
    assert_eq!([grey(0, 0), grey(3, 1), grey(6, 4), grey(4, 3)], [128; 4], "margins and the empty place");
    let colour = picture::grid(&[1.0, 0.0, 0.5, f32::NAN, 0.0, 0.0], [1, 1, 2, 3], None, 0).unwrap();
    assert_eq!(colour.as_raw(), &[255, 0, 128, 255, 0, 255], "NaN is magenta");
    assert_eq!(picture::grid(&[0.0; 9], [9, 1, 1, 1], None, 0).unwrap().dimensions(), (3, 3));
}

#[test]
fn a_grid_of_nonsense_is_an_error() {
    for (n, shape, columns, margin) in [
        (3, [1, 2, 2, 1], None, 1),
        (0, [0, 2, 2, 1], None, 1),
        (8, [1, 2, 2, 2], None, 1),
        (4, [4, 1, 1, 1], Some(4), 40_000),
        (4, [4, 1, 1, 1], Some(4), usize::MAX),
        (0, [usize::MAX, 2, 2, 1], None, 1),
    ] {
        let error = picture::grid(&vec![0.0; n], shape, columns, margin).unwrap_err();
        assert!(matches!(error, DataError::Format { .. }), "{error}");
    }
    assert_eq!(picture::grid(&[0.0], [1, 1, 1, 1], Some(0), 0).unwrap().dimensions(), (1, 1), "columns are at least one");
}

#[test]
fn png_and_gif_can_be_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let frame = |level| RgbImage::from_pixel(6, 4, image::Rgb([level, 0, 255 - level]));
    let png = folder.path().join("a.png");
    picture::write_png(&png, &frame(30)).unwrap();
    assert_eq!(image::open(&png).unwrap().into_rgb8(), frame(30));
    let gif = folder.path().join("a.gif");
    picture::write_gif(&gif, &[frame(0), frame(255)], 120).unwrap();
    let decoder = image::codecs::gif::GifDecoder::new(std::io::Cursor::new(fs::read(&gif).unwrap())).unwrap();
    let frames = decoder.into_frames().collect_frames().unwrap();
    assert_eq!(frames.len(), 2);
    assert_eq!(frames[0].delay().numer_denom_ms(), (120, 1));
    let red = |nth: usize| frames[nth].buffer().get_pixel(3, 2).0[0];
    assert!(red(0) < 8 && red(1) > 247, "{} {}", red(0), red(1));
    let again = folder.path().join("b.gif");
    picture::write_gif(&again, &[frame(0), frame(255)], 120).unwrap();
    assert_eq!(fs::read(&gif).unwrap(), fs::read(&again).unwrap(), "equal frames are equal bytes");

    assert!(matches!(picture::write_gif(&gif, &[], 100).unwrap_err(), DataError::Format { .. }));
    let uneven = [frame(0), RgbImage::new(2, 2)];
    assert!(matches!(picture::write_gif(&gif, &uneven, 100).unwrap_err(), DataError::Format { .. }));
    assert!(picture::write_png(&folder.path().join("no/folder.png"), &frame(0)).is_err());
    fs::write(&png, b"no picture").unwrap();
    assert!(matches!(picture::opaque(&png, 1, 1).unwrap_err(), DataError::NotImage { .. }));
}

#[test]
fn enlarging_repeats_pixels() {
    let large = picture::enlarged(&[0.0, 0.5, 1.0, 0.25], [1, 2, 2], 2);
    assert_eq!(large, [0.0, 0.5, 0.0, 0.5, 1.0, 0.25, 1.0, 0.25].repeat(2));
}

/// What can be seen of a picture that is partly transparent, after its middle square is brought to another size.
#[test]
fn transparent_pixels_are_told_apart() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("half.png");
    // 8 wide, 4 high: the middle square is columns 2 to 5; its left half can be seen.
    let picture = image::RgbaImage::from_fn(8, 4, |x, _| image::Rgba([9, 9, 9, if x < 4 { 255 } else { 0 }]));
    picture.save(&path).expect("it is written");
    let seen = picture::opaque(&path, 2, 2).expect("a picture").expect("some of it is transparent");
    assert_eq!(seen, [true, false, true, false]);
    image::RgbaImage::from_pixel(3, 3, image::Rgba([1, 2, 3, 128])).save(&path).expect("it is written");
    assert_eq!(picture::opaque(&path, 2, 2).expect("a picture"), None);
}

#[test]
fn small_images_are_shown_larger() {
    let images = [0.0, 1.0, 1.0, 0.0];
    let sheet = picture::sheet(&images, [2, 1, 2, 1], Some(2), 21).expect("a sheet");
    assert_eq!(sheet.dimensions(), (21, 9), "7 pixels of 3");
    let small = picture::grid(&images, [2, 1, 2, 1], Some(2), 1).expect("a grid");
    assert!(sheet.enumerate_pixels().all(|(x, y, p)| p == small.get_pixel(x / 3, y / 3)));
    assert_eq!(picture::sheet(&images, [2, 1, 2, 1], Some(2), 13).expect("a sheet"), small);
    assert!(picture::sheet(&images, [3, 1, 2, 1], None, 100).is_err());
}

/// On a disk that is full, nothing is written and it is said.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error() {
    let (full, picture) = (std::path::Path::new("/dev/full"), RgbImage::new(8, 8));
    let said = |written: Result<(), DataError>| assert!(matches!(written, Err(DataError::Io { .. })), "{written:?}");
    said(picture::write_png(full, &picture));
    said(picture::write_gif(full, std::slice::from_ref(&picture), 100));
    said(write_npy(full, &[3], &[0.0; 3]));
}

#[test]
fn each_line_is_above_its_pair_where_the_last_is_short_too() {
    let pairs = picture::pairs(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0], 2);
    assert_eq!(pairs, [1.0, 2.0, 4.0, 5.0, 3.0, 0.5, 6.0, 0.5]);
    assert!(picture::pairs(&[], &[], 0).is_empty());
}
