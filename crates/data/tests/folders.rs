//! Folders and archives of images as people have them.

mod common;

use std::fs::{self, File};
use std::io::Write;

use calotype_data::{Broken, DataError, Dataset, DatasetSpec, KINDS, Kind, Options, Range, Split, Values, open, without_cache};
use image::{DynamicImage, GrayImage, ImageBuffer, ImageFormat, Luma, RgbImage};

use common::{Folder, continuous, fails, open_path, with};

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(vec![]);
    picture.write_to(&mut bytes, format).expect("it is encoded");
    bytes.into_inner()
}

/// 6 high, 8 wide; `shade` tells them apart.
fn colour(shade: u8) -> DynamicImage {
    RgbImage::from_fn(8, 6, |x, y| image::Rgb([shade, 30 * x as u8, 40 * y as u8])).into()
}

fn png(shade: u8) -> Vec<u8> {
    encoded(&colour(shade), ImageFormat::Png)
}

fn grey(shade: u8) -> Vec<u8> {
    encoded(&GrayImage::from_pixel(8, 6, Luma([shade])).into(), ImageFormat::Png)
}

fn files(data: &Dataset) -> Vec<&str> {
    data.files().expect("names").iter().map(String::as_str).collect()
}

fn classes(data: &Dataset) -> Vec<&str> {
    let labels = data.labels().expect("classes");
    labels.iter().map(|&label| data.class_names()[label as usize].as_str()).collect()
}

/// Whether one of the notes and of what was left out says this.
fn says(data: &Dataset, what: &str) -> bool {
    data.summary().to_string().contains(what)
}

#[test]
fn hidden_files_are_no_data_and_what_is_left_out_is_counted() {
    let folder = Folder::new();
    for name in ["cats/a.png", "dogs/b.png", ".ipynb_checkpoints/a.png", ".git/x.png", "__MACOSX/cats/._a.png", "cats/._a.png"] {
        folder.write(name, png(7));
    }
    folder.write("cats/Thumbs.db", "x");
    folder.write("cats/notes.txt", "x");
    folder.write("birds/list.csv", "x");
    fs::create_dir(folder.path("fish")).expect("a folder");
    let data = open_path(folder.0.path()).expect("two classes");
    assert_eq!((files(&data), classes(&data)), (vec!["cats/a.png", "dogs/b.png"], vec!["cats", "dogs"]));
    assert!(says(&data, "5 hidden files and folders: .git, .ipynb_checkpoints, __MACOSX, cats/._a.png, cats/Thumbs.db"));
    assert!(says(&data, "2 files that are no images (1 .csv, 1 .txt): birds/list.csv, cats/notes.txt"));
    assert!(says(&data, "2 folders without images: birds, fish"));
}

#[test]
fn folders_are_walked_down_and_sorted_by_their_numbers() {
    let folder = Folder::new();
    for class in 0..12 {
        folder.write(&format!("{class}/more/deep/{class}.png"), png(class));
    }
    let data = open_path(folder.0.path()).expect("twelve classes");
    let names: Vec<String> = (0..12).map(|c| c.to_string()).collect();
    assert_eq!(data.class_names(), names);
    assert_eq!(data.labels().expect("classes"), (0..12).collect::<Vec<u32>>());
}

#[test]
fn folders_of_splits_are_splits() {
    let folder = Folder::new();
    for name in ["train/cats/1.png", "train/dogs/2.png", "valid/dogs/3.png", "test/cats/4.png", "test/dogs/5.png"] {
        folder.write(name, png(9));
    }
    let data = open_path(folder.0.path()).expect("three splits");
    let of = |split| data.rows(split).expect("rows").iter().map(|&row| files(&data)[row as usize]).collect::<Vec<_>>();
    assert_eq!(of(Split::Test), ["test/cats/4.png", "test/dogs/5.png"]);
    assert_eq!(of(Split::Train), ["train/cats/1.png", "train/dogs/2.png", "valid/dogs/3.png"]);
    // The validation split is held out, whatever the fraction; never learned from where nothing is held out.
    let train = data.rows(Split::Train).expect("rows");
    assert_eq!(data.hold_out(&train, 0.5), (vec![0, 1], vec![2]));
    assert_eq!(data.hold_out(&train, 0.0), (vec![0, 1], vec![]));
    assert!(
        says(&data, "5 rows (2 train, 1 validation, 2 test)")
            && says(&data, "dogs                 1 train, 1 validation, 1 test")
    );
}

fn zipped(folder: &Folder, name: &str, files: &[(&str, Vec<u8>)]) -> std::path::PathBuf {
    let path = folder.path(name);
    let mut zip = zip::ZipWriter::new(File::create(&path).expect("a file"));
    for (name, bytes) in files {
        let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
        zip.start_file(*name, options).expect("an entry");
        zip.write_all(bytes).expect("it is written");
    }
    zip.finish().expect("it is whole");
    path
}

fn tarred(to: impl Write, files: &[(&str, Vec<u8>)]) {
    let mut tar = tar::Builder::new(to);
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, bytes.as_slice()).expect("an entry");
    }
    tar.finish().expect("it is whole");
}

/// An archive holds what the folder of the same files holds, row for row.
#[test]
fn archives_are_read_in_place() {
    let folder = Folder::new();
    let names = ["x/cats/2.png", "x/dogs/10.png", "x/cats/1.jpg", "x/__MACOSX/._1.png", "x/readme.md"];
    let jpg = encoded(&colour(3), ImageFormat::Jpeg);
    let held: Vec<(&str, Vec<u8>)> = names.map(|name| (name, if name.ends_with("jpg") { jpg.clone() } else { png(50) })).into();
    held.iter().for_each(|(name, bytes)| drop(folder.write(name, bytes)));
    let plain = open_path(&folder.path("x")).expect("a folder");
    assert_eq!(classes(&plain), ["cats", "cats", "dogs"]);
    let zip = zipped(&folder, "x.zip", &held);
    tarred(File::create(folder.path("x.tar")).expect("a file"), &held);
    let gz = flate2::write::GzEncoder::new(File::create(folder.path("x.tgz")).expect("a file"), flate2::Compression::fast());
    tarred(gz, &held);
    for path in [zip.clone(), folder.path("x.tar"), folder.path("x.tgz")] {
        let data = open_path(&path).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(data.content_hash(), plain.content_hash(), "{}", path.display());
        assert_eq!(data.files(), Some(["x/cats/1.jpg", "x/cats/2.png", "x/dogs/10.png"].map(str::to_owned).as_slice()));
        assert!(says(&data, "1 hidden files") && says(&data, "(1 .md)"), "{}", data.summary());
    }
    // Cut off, and more than may be.
    let bytes = fs::read(&zip).expect("it is there");
    let cut = folder.write("cut.zip", &bytes[..bytes.len() / 2]);
    assert!(matches!(fails(&cut), DataError::Corrupt { .. }));
    let tight = Options { max_bytes: 1000, ..Options::default() };
    assert!(matches!(with(&folder.path("x.tgz"), &tight).unwrap_err(), DataError::TooLarge { .. }));
    let none = zipped(&folder, "none.zip", &[("a/data.csv", b"1,2".to_vec())]);
    assert!(fails(&none).to_string().contains("found 1 .csv; unpack it"), "{}", fails(&none));
}

/// What a file of an archive claims to unpack to is held against the limit of one image.
#[test]
fn a_bomb_in_a_zip_is_not_unpacked() {
    let folder = Folder::new();
    let zip = zipped(&folder, "bomb.zip", &[("a.png", png(1)), ("b.png", vec![0; 300 << 20])]);
    let error = fails(&zip).to_string();
    assert!(error.contains("b.png") && error.contains("1 of 2 images"), "{error}");
}

#[test]
fn grey_images_have_one_channel_unless_asked() {
    let folder = Folder::new();
    (0..3).for_each(|n| drop(folder.write(&format!("{n}.png"), grey(50 * n))));
    let path = folder.0.path();
    let data = open_path(path).expect("grey");
    assert_eq!(data.shape(), [6, 8, 1]);
    assert_eq!(with(path, &Options { channels: Some(3), ..Options::default() }).expect("colour").shape(), [6, 8, 3]);
    folder.write("c.png", png(200));
    assert_eq!(open_path(path).expect("one is coloured").shape(), [6, 8, 3]);
    let data = with(path, &Options { channels: Some(1), ..Options::default() }).expect("made grey");
    let Values::Levels { data: values, .. } = data.values() else { panic!("levels") };
    // BT.601 of (200, 30, 40).
    let want = (0.299 * 200.0 + 0.587 * 30.0 + 0.114 * 40.0_f32).round() as u8;
    assert_eq!((data.shape(), values[3 * 48 + 8 + 1]), ([6, 8, 1].as_slice(), want));
}

#[test]
fn broken_images_are_all_named_and_may_be_skipped() {
    let folder = Folder::new();
    (0..5).for_each(|n| drop(folder.write(&format!("a/good-{n}.png"), png(n))));
    (0..12).for_each(|n| drop(folder.write(&format!("b/bad-{n:02}.png"), &png(9)[..40])));
    folder.write("b/good.png", png(77));
    let message = fails(folder.0.path()).to_string();
    assert!(message.contains("12 of 18 images cannot be read: b/bad-00.png (truncated or damaged"), "{message}");
    assert!(message.contains("b/bad-09.png") && !message.contains("b/bad-10.png") && message.contains("and 2 more"), "{message}");
    let skip = Options { broken: Broken::Skip, ..Options::default() };
    let data = with(folder.0.path(), &skip).expect("the rest");
    assert_eq!((data.n_rows(), classes(&data)[5], files(&data)[5]), (6, "b", "b/good.png"));
    let left_out = &data.left_out()[0];
    assert_eq!((left_out.n, left_out.names.len()), (12, 12), "all names are kept");
    let only_bad = Folder::new();
    only_bad.write("bad.png", b"\x89PNG");
    assert!(matches!(with(only_bad.0.path(), &skip).unwrap_err(), DataError::Broken { n: 1, of: 1, .. }));
}

#[test]
fn a_jpeg_without_its_end_marker_is_a_warning_and_one_without_its_pixels_an_error() {
    let folder = Folder::new();
    let whole =
        encoded(&RgbImage::from_fn(64, 48, |x, y| image::Rgb([(x * y) as u8, x as u8, y as u8])).into(), ImageFormat::Jpeg);
    folder.write("a.jpg", &whole);
    let wanted = open_path(folder.0.path()).expect("whole").content_hash().to_owned();
    folder.write("a.jpg", &whole[..whole.len() - 2]);
    let data = open_path(folder.0.path()).expect("it can be read");
    assert_eq!(data.content_hash(), wanted, "no pixel is missing");
    assert!(says(&data, "1 JPEGs have no end marker, and may have been cut off: a.jpg"), "{}", data.summary());
    for cut in [20, 60, whole.len() / 2] {
        folder.write("a.jpg", &whole[..whole.len() - cut]);
        assert!(fails(folder.0.path()).to_string().contains("ends before its pixels do"), "{cut}");
    }
}

#[test]
fn sixteen_bits_are_kept_and_their_range_can_be_said() {
    let folder = Folder::new();
    // A sensor of 12 bits.
    let image =
        |most: u16| ImageBuffer::<Luma<u16>, _>::from_fn(8, 8, |x, y| Luma([(u32::from(most) * (x * 8 + y) / 63) as u16]));
    let save = |name: &str, most: u16| image(most).save(folder.path(name)).expect("it is written");
    save("a.png", 63 * 65);
    save("b.tif", 63 * 65);
    let data = open_path(folder.0.path()).expect("wide");
    let values = continuous(&data);
    let want = |v: f64| (0..64).map(|n| f64::from(n % 8 * 8 + n / 8) * 65.0 / v).collect::<Vec<f64>>();
    let close = |a: &[f64], b: &[f64]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
    assert_eq!(data.shape(), [8, 8, 1]);
    assert!(close(&values[..64], &want(65_535.0)) && close(&values[64..], &want(65_535.0)));
    assert!(
        says(&data, "whose largest value is 4095 of 65535: they are dark; --set range=0..4095 makes it white"),
        "{}",
        data.summary()
    );
    let white = Options { range: Some(Range::Between(0.0, 4095.0)), ..Options::default() };
    let data = with(folder.0.path(), &white).expect("it holds all");
    let values = continuous(&data);
    assert!(close(&values[..64], &want(4095.0)));
    let low = Options { range: Some(Range::Between(0.0, 4000.0)), ..Options::default() };
    let error = with(folder.0.path(), &low).unwrap_err().to_string();
    assert!(error.contains("a.png has 40") && error.contains("range"), "{error}");
    // Beside images of 8 bits all are f32.
    folder.write("c.png", grey(51));
    let mixed = with(folder.0.path(), &Options { size: Some(4), ..Options::default() }).expect("mixed");
    let values = continuous(&mixed);
    assert!(close(&values[32..], &[0.2; 16]));
}

/// The survey of a folder says what opening it says, without its values.
#[test]
fn a_survey_is_the_summary_of_what_is_opened() {
    let folder = Folder::new();
    (0..30).for_each(|n| drop(folder.write(&format!("train/{}/{n}.png", n % 3), grey(n))));
    (0..10).for_each(|n| drop(folder.write(&format!("test/{}/{n}.png", n % 3), grey(n))));
    folder.write("train/1/bad.png", b"\x89PNG");
    folder.write("train/notes.txt", "x");
    let path = folder.0.path().to_str().expect("UTF-8");
    let skip = Options { broken: Broken::Skip, ..Options::default() };
    for options in [skip.clone(), Options { size: Some(5), ..skip.clone() }, Options { channels: Some(3), ..skip.clone() }] {
        for coloured in [false, true] {
            if coloured {
                folder.write("train/2/c.png", png(3));
            }
            let survey = DatasetSpec::parse(path).expect("a path").survey(&options, 16).expect("it is described");
            let data = open(path, &options).expect("it opens");
            assert_eq!(survey.summary, data.summary());
            assert!((15..=16).contains(&survey.shown.n_rows()), "{}", survey.shown.n_rows());
            assert_eq!(survey.shown.shape(), data.shape());
        }
        fs::remove_file(folder.path("train/2/c.png")).expect("it is there");
    }
    // An image of 16 bits, and other sizes.
    ImageBuffer::<Luma<u16>, _>::from_pixel(3, 5, Luma([9000])).save(folder.path("train/1/w.png")).expect("it is written");
    let survey = DatasetSpec::parse(path).expect("a path").survey(&skip, 16).expect("it is described");
    assert_eq!(survey.summary, open(path, &skip).expect("it opens").summary());
}

/// A thousand images are decoded once. The cache is of this test alone.
#[test]
fn decoded_images_are_kept_by_content() {
    let folder = Folder::new();
    let cache = Folder::new();
    let options = Options { cache: Some(cache.0.path().to_owned()), broken: Broken::Skip, ..Options::default() };
    (0..1000_u32).for_each(|n| drop(folder.write(&format!("{}/{n}.png", n % 2), grey((n % 251) as u8))));
    folder.write("0/bad.png", b"\x89PNG");
    let kept = || fs::read_dir(cache.path("decoded")).map_or(0, |entries| entries.count());
    let opened = |options: &Options| with(folder.0.path(), options).expect("it opens");
    let from_cache = |data: &Dataset| says(data, "taken from the cache");
    let first = opened(&options);
    // Under two names: as it was asked for, and as a run asks again.
    assert!(!from_cache(&first) && kept() == 2);
    let as_found = Options { channels: Some(1), ..options.clone() };
    assert!(from_cache(&opened(&as_found)));
    let second = opened(&options);
    assert!(from_cache(&second));
    assert_eq!(
        (second.content_hash(), second.files(), second.left_out()),
        (first.content_hash(), first.files(), first.left_out())
    );
    // Other options, another content, and what is damaged are decoded.
    let other = opened(&Options { size: Some(4), ..options.clone() });
    assert!(!from_cache(&other) && kept() == 4);
    let strict = Options { broken: Broken::Error, ..options.clone() };
    assert!(
        matches!(with(folder.0.path(), &strict).unwrap_err(), DataError::Broken { n: 1, .. }),
        "what is kept forgives nothing"
    );
    folder.write("1/7.png", grey(255));
    let changed = opened(&options);
    assert!(!from_cache(&changed) && changed.content_hash() != first.content_hash());
    for entry in fs::read_dir(cache.path("decoded")).expect("a folder") {
        let path = entry.expect("an entry").path();
        let mut bytes = fs::read(&path).expect("it is there");
        // Two names may be one file.
        bytes.pop();
        fs::write(&path, bytes).expect("it is written");
    }
    let again = opened(&options);
    assert!(!from_cache(&again) && again.content_hash() == changed.content_hash());
    assert!(from_cache(&opened(&options)), "it was kept anew");
    without_cache();
    assert!(!from_cache(&opened(&options)));
}

/// Each kind's refusals, as the list of kinds has them.
#[test]
fn what_is_refused_is_refused_in_these_words() {
    let heic = |brand: &str| [b"\0\0\0\x18ftyp", brand.as_bytes(), &[0; 32]].concat();
    let walk = |kind: &Kind, make: &dyn Fn(&Folder, &str) -> Option<Options>| {
        for refused in kind.refused {
            let folder = Folder::new();
            let options = make(&folder, refused.what).unwrap_or_else(|| panic!("no case for {}: {}", kind.name, refused.what));
            let path = if kind.name == "an image" { folder.path("a.png") } else { folder.0.path().to_owned() };
            let message = with(&path, &options).err().unwrap_or_else(|| panic!("{} opened", refused.what)).to_string();
            assert!(message.contains(refused.words), "{}: {message}", refused.what);
        }
    };
    let make = |folder: &Folder, what: &str| {
        folder.write("good.png", grey(4));
        let mut options = Options::default();
        match what {
            "no image in it" => fs::remove_file(folder.path("good.png")).expect("it is there"),
            "images that cannot be decoded" | "an image that cannot be decoded" => {
                drop(folder.write("a.png", b"\x89PNG\r\n\x1a\n"))
            }
            "images beside class folders" => drop(folder.write("cats/a.png", grey(1))),
            "HEIC under the name of a JPEG" => drop(folder.write("a.jpg", heic("heic"))),
            "AVIF under the name of a PNG" => drop(folder.write("a.png", heic("avif"))),
            "a web page under the name of an image" => drop(folder.write("a.jpg", "<!DOCTYPE html><html></html>")),
            "trainA and trainB beside each other, for a model of one data set" => {
                ["trainA/a.png", "trainB/b.png"].iter().for_each(|name| drop(folder.write(name, png(1))));
            }
            "a Git LFS pointer" => drop(folder.write("a.png", "version https://git-lfs.github.com/spec/v1\noid sha256:1\n")),
            "a text under the name of an image" => drop(folder.write("a.png", "404: not found")),
            #[cfg(unix)]
            "a link whose target is missing" => {
                std::os::unix::fs::symlink("/nowhere/at/all.png", folder.path("a.png")).expect("a link");
            }
            "a range that does not hold all values" => {
                ImageBuffer::<Luma<u16>, _>::from_pixel(3, 5, Luma([9000])).save(folder.path("a.png")).expect("it is written");
                options.range = Some(Range::Between(0.0, 100.0));
            }
            _ => return None,
        }
        Some(options)
    };
    let kinds =
        KINDS.iter().filter(|kind| ["a folder or an archive of images", "an image"].contains(&kind.name)).collect::<Vec<_>>();
    assert_eq!(kinds.len(), 2);
    kinds.iter().for_each(|kind| walk(kind, &make));
}

/// The layout of the public sets of unpaired translation: each of the two is opened by its own name, with its own test rows.
#[test]
fn a_folder_of_two_domains_is_two_data_sets() {
    let folder = Folder::new();
    for (name, shade) in [("trainA/a.png", 1), ("trainA/b.png", 2), ("testA/c.png", 3), ("trainB/d.png", 4), ("testB/e.png", 5)] {
        folder.write(&format!("summer/{name}"), png(shade));
    }
    folder.write("summer/list.csv", "a.png,1\n");
    let path = folder.path("summer");
    let spec = DatasetSpec::parse(path.to_str().expect("UTF-8")).expect("a folder");
    let [a, b] = spec.two().expect("two");
    assert_eq!((a.short_name().as_str(), a.kind().expect("images").name), ("summerA", "a folder or an archive of images"));
    let resolved = b.resolved().expect("a path");
    assert!(resolved.ends_with("/summer:B") && DatasetSpec::parse(&resolved).is_ok(), "{resolved}");
    let [a, b] = [a, b].map(|spec| spec.open(&Options::default()).expect("images"));
    assert_eq!(
        (files(&a), files(&b)),
        (vec!["trainA/a.png", "trainA/b.png", "testA/c.png"], vec!["trainB/d.png", "testB/e.png"])
    );
    assert_eq!((a.rows(Split::Test).expect("a split"), b.rows(Split::Train).expect("a split")), (vec![2], vec![0]));
    assert!(a.labels().is_none() && b.labels().is_none(), "their folders are no classes");

    let message = fails(&path).to_string();
    assert!(message.contains("summer:A or ") && message.contains("trainA and trainB"), "{message}");
    fs::remove_dir_all(folder.path("summer/trainB")).expect("it was there");
    assert!(DatasetSpec::parse(path.to_str().expect("UTF-8")).expect("a folder").two().is_none());
}
