//! Lists of what is known of images: CelebA's, and any table whose first column names images.

mod common;

use std::path::{Path, PathBuf};

use calotype_data::{Broken, DataError, Dataset, DatasetSpec, Options, Part, Result, Split};
use image::RgbImage;

use common::{Folder, continuous, fails, open_path, said, values, with};

fn labelled(path: &Path, label: &str) -> Result<Dataset> {
    with(path, &Options { label: Some(label.into()), ..Options::default() })
}

/// A picture of one grey level.
fn picture(folder: &Folder, name: &str, level: u8) -> PathBuf {
    let path = folder.write(name, []);
    RgbImage::from_pixel(3, 3, image::Rgb([level; 3])).save(&path).unwrap();
    path
}

/// The level of each row.
fn shown(data: &Dataset) -> Vec<f64> {
    values(data).chunks(data.n_values()).map(|row| row[0]).collect()
}

const SPACED: &str = "3\nBald Young\n1.png -1  1\n2.png  1 -1\n3.png 1 1\n";
const TABLE: &str = "image_id,Bald,Young\n1.png,-1,1\n2.png,1,-1\n3.png,1,1\n";

#[test]
fn celeba_is_read_as_text_and_as_a_table_wherever_its_images_are() {
    for (list, text) in [("list_attr_celeba.txt", SPACED), ("list_attr_celeba.csv", TABLE), ("Anno/list_attr_celeba.txt", SPACED)]
    {
        for below in ["", "img_align_celeba/", "img_align_celeba/img_align_celeba/", "Img/img_align_celeba/", "elsewhere/deep/"] {
            let folder = Folder::new();
            folder.write(list, text);
            (1..=3).for_each(|n| drop(picture(&folder, &format!("{below}{n}.png"), n)));
            let data = open_path(folder.0.path()).unwrap();
            assert_eq!((shown(&data), data.shape()), (vec![1.0, 2.0, 3.0], [64, 64, 1].as_slice()), "{list} {below}");
            assert_eq!(data.factor("Bald").unwrap().of_row, [0, 1, 1]);
            assert_eq!(data.factor("Young").unwrap().values, ["no", "yes"]);
            assert!(data.labels().is_none() && data.files().unwrap()[0].ends_with("1.png"));
            said(&data, "resized to 64x64");
        }
    }
    // Kaggle's other coding; a class that is asked for.
    let folder = Folder::new();
    folder.write("list_attr_celeba.csv", TABLE.replace("-1", "0"));
    (1..=3).for_each(|n| drop(picture(&folder, &format!("{n}.png"), n)));
    assert_eq!(open_path(folder.0.path()).unwrap().factor("Young").unwrap().of_row, [1, 0, 1]);
    let data = labelled(folder.0.path(), "Young").unwrap();
    assert_eq!((data.labels(), data.class_names()), (Some([1, 0, 1].as_slice()), ["no".to_owned(), "yes".to_owned()].as_slice()));
    let error = labelled(folder.0.path(), "Old").unwrap_err().to_string();
    assert!(error.contains("(Bald, Young)"), "{error}");
    folder.write("list_attr_celeba.csv", TABLE.replace("-1", "2"));
    assert!(matches!(fails(folder.0.path()), DataError::Value { row: 0, column: 1, .. }));
    folder.write("list_attr_celeba.csv", TABLE.replace(",-1,1", ",1"));
    assert!(matches!(fails(folder.0.path()), DataError::LineLength { line: 2, expected: 3, found: 2, .. }));
}

#[test]
fn the_partition_of_celeba_is_its_split() {
    for (name, text) in [
        ("list_eval_partition.txt", "1.png 0\n2.png 1\n3.png 2\n"),
        ("list_eval_partition.csv", "image_id,partition\n3.png,2\n2.png,1\n1.png,0\n"),
    ] {
        let folder = Folder::new();
        folder.write("list_attr_celeba.txt", SPACED);
        folder.write(name, text);
        (1..=3).for_each(|n| drop(picture(&folder, &format!("img_align_celeba/{n}.png"), n)));
        let data = open_path(folder.0.path()).unwrap();
        assert_eq!((shown(&data), data.rows(Split::Test).unwrap()), (vec![1.0, 2.0, 3.0], vec![2]), "{name}");
        assert_eq!(data.factor("Bald").unwrap().of_row, [0, 1, 1]);
        assert_eq!(data.parts(), Some([Part::Train, Part::Validation, Part::Test].as_slice()));
        assert_eq!(data.hold_out(&data.rows(Split::Train).unwrap(), 0.5), (vec![0], vec![1]));
        assert!(data.left_out().is_empty());
        // Without test rows, those of validation are the test split.
        folder.write(name, text.replace("3.png 2", "3.png 0").replace("3.png,2", "3.png,0"));
        let data = open_path(folder.0.path()).unwrap();
        assert_eq!(data.rows(Split::Test).unwrap(), [1]);
        said(&data, "its validation rows are the test split");
        folder.write(name, text.replace('1', "7"));
        assert!(open_path(folder.0.path()).is_err());
        folder.write(name, &text[..text.len() - 8]);
        let error = fails(folder.0.path()).to_string();
        assert!(error.contains("none for `"), "{error}");
    }
}

#[test]
fn missing_images_are_counted_and_named_and_left_out_if_asked() {
    let folder = Folder::new();
    let rows: String = (0..15).map(|n| format!("{n:02}.png,{}\n", if n % 2 == 0 { "even" } else { "odd" })).collect();
    folder.write("about.csv", format!("file,parity\n{rows}"));
    [3, 12].iter().for_each(|&n| drop(picture(&folder, &format!("{n:02}.png"), n)));
    picture(&folder, "extra.png", 200);
    let error = fails(folder.0.path()).to_string();
    for part in ["the 15 images", "13 missing: 00.png, 01.png, 02.png, 04.png", "and 3 more", "--set broken=skip"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let data = with(folder.0.path(), &Options { broken: Broken::Skip, ..Options::default() }).unwrap();
    assert_eq!((shown(&data), data.labels()), (vec![3.0, 12.0], Some([1, 0].as_slice())));
    assert_eq!(data.left_out()[0].n, 13);
    assert!(data.left_out().iter().any(|l| l.to_string() == "1 images that the list does not name: extra.png"));
    let gone = Folder::new();
    gone.write("list_attr_celeba.txt", SPACED);
    let skip = Options { broken: Broken::Skip, ..Options::default() };
    assert!(matches!(with(gone.0.path(), &skip).unwrap_err(), DataError::Empty { .. }));
}

#[test]
fn any_table_that_names_images_says_what_is_known_of_them() {
    let folder = Folder::new();
    let level = |n: u8| picture(&folder, &format!("photos/{n}.png"), n);
    (1..=3).for_each(|n| drop(level(n)));
    folder.write("garden.csv", "file;kind;wild;note\n3.png;rose;1;\"a;b\"\nphotos/1.png;lily;0;c\n2.png;rose;0;d\n");
    let data = open_path(folder.0.path()).unwrap();
    assert_eq!(
        (shown(&data), data.shape()),
        (vec![3.0, 1.0, 2.0], [3, 3, 1].as_slice()),
        "in the order of the list, as they are"
    );
    let kind = data.factor("kind").unwrap();
    assert_eq!((kind.values.join(" "), kind.of_row.as_slice()), ("lily rose".into(), [1, 0, 1].as_slice()));
    assert_eq!(data.factor("wild").unwrap().of_row, [1, 0, 0]);
    assert_eq!(data.factor("note").unwrap().values, ["a;b", "c", "d"]);
    assert!(data.labels().is_none());
    assert_eq!(labelled(folder.0.path(), "kind").unwrap().labels(), Some([1, 0, 1].as_slice()));
    let kind = DatasetSpec::parse(folder.0.path().to_str().unwrap()).unwrap().kind().unwrap();
    assert_eq!(kind.name, "images with a list of attributes");
    // One column is the class, and it is said; unless it is not wanted.
    folder.write("garden.csv", "file,kind\n1.png,rose\n2.png,lily\n3.png,rose\n");
    let data = open_path(folder.0.path()).unwrap();
    assert_eq!((data.labels(), data.class_names().len()), (Some([1, 0, 1].as_slice()), 2));
    said(&data, "`kind` is the class");
    assert_eq!(labelled(folder.0.path(), "none").unwrap().labels(), None);
    // A name that two images have, without the way to one of them.
    picture(&folder, "photos/deep/1.png", 9);
    let error = fails(folder.0.path()).to_string();
    assert!(error.contains("one image of that name") && error.contains("photos"), "{error}");
}

/// Folders of classes stay that, whatever table lies beside them; a table of other things is no list.
#[test]
fn folders_of_classes_are_not_a_list() {
    let folder = Folder::new();
    picture(&folder, "a/1.png", 1);
    picture(&folder, "b/2.png", 2);
    folder.write("meta.csv", "file,kind\n1.png,rose\n2.png,lily\n");
    assert_eq!(open_path(folder.0.path()).unwrap().class_names(), ["a", "b"]);
    let folder = Folder::new();
    picture(&folder, "1.png", 1);
    let numbers = folder.write("numbers.csv", "a,b\n1,2\n");
    assert!(open_path(folder.0.path()).unwrap().factors().is_empty());
    assert_eq!(continuous(&open_path(&numbers).unwrap()), [1.0, 2.0]);
    folder.write("numbers.csv", "file,b\n1.png,2\n");
    folder.write("more.csv", "file,b\n1.png,2\n");
    assert!(open_path(folder.0.path()).unwrap().factors().is_empty());
}

/// At any depth, and below folders that are splits.
#[test]
fn folders_of_splits_are_not_a_list() {
    for files in [
        ["train/cats/1.png", "train/dogs/2.png", "test/cats/3.png"],
        ["train/cats/1.png", "train/dogs/2.png", "train/cats/3.png"],
        ["cats/old/1.png", "dogs/old/2.png", "cats/new/3.png"],
    ] {
        let folder = Folder::new();
        folder.write("list.csv", "file,kind\n1.png,rose\n2.png,lily\n3.png,rose\n");
        files.iter().for_each(|name| drop(picture(&folder, name, 1)));
        assert_eq!(open_path(folder.0.path()).unwrap().class_names(), ["cats", "dogs"], "{files:?}");
    }
    // The only folder of images is no class, whatever its name.
    let folder = Folder::new();
    folder.write("list.csv", "file,kind\n1.png,rose\n2.png,lily\n");
    ["train/1.png", "train/2.png"].iter().for_each(|name| drop(picture(&folder, name, 1)));
    assert_eq!(open_path(folder.0.path()).unwrap().class_names(), ["lily", "rose"]);
}

fn list_of(text: impl AsRef<[u8]>, files: &[&str]) -> (Folder, Result<Dataset>) {
    let folder = Folder::new();
    folder.write("list.csv", text);
    files.iter().enumerate().for_each(|(n, name)| drop(picture(&folder, name, n as u8 + 1)));
    let data = open_path(folder.0.path());
    (folder, data)
}

#[test]
fn a_list_without_a_header_loses_no_image() {
    let (folder, data) = list_of("1.png,rose,x\n2.png,lily,y\n", &["1.png", "2.png"]);
    let data = data.unwrap();
    assert_eq!((shown(&data), data.factor("column 2").unwrap().of_row.as_slice()), (vec![1.0, 2.0], [1, 0].as_slice()));
    assert_eq!(labelled(folder.0.path(), "3").unwrap().class_names(), ["x", "y"]);
    // One line.
    let (_, data) = list_of("1.png,rose\n", &["1.png"]);
    assert_eq!(data.unwrap().class_names(), ["rose"]);
    let folder = Folder::new();
    folder.write("list_attr_celeba.csv", TABLE);
    folder.write("list_eval_partition.csv", "1.png,0\n2.png,0\n3.png,2\n");
    (1..=3).for_each(|n| drop(picture(&folder, &format!("{n}.png"), n)));
    assert_eq!(open_path(folder.0.path()).unwrap().rows(Split::Test).unwrap(), [2]);
}

#[test]
fn lists_are_read_as_tables_are() {
    let files = ["1.png", "2.png", "3.png"];
    let utf16 = |text: &str| [vec![0xff, 0xfe], text.encode_utf16().flat_map(u16::to_le_bytes).collect()].concat();
    for bytes in [
        utf16("file\tkind\n1.png\timg10\n2.png\timg9\n3.png\t\"say \"\"no\"\"\"\n"),
        b"sep=|\nfile|kind\n1.png|img10\n2.png|img9\n3.png|\"say \"\"no\"\"\"\n".to_vec(),
        b"\xef\xbb\xbf\"file, or name\";\"kind\"\r\n1.png;img10\r\n\r\n2.png; img9\r\n3.png;\"say \"\"no\"\"\"\r\n".to_vec(),
    ] {
        let (_folder, data) = list_of(&bytes, &files);
        let data = data.unwrap();
        // In natural order.
        assert_eq!((data.class_names().join(" "), data.labels()), ("img9 img10 say \"no\"".into(), Some([1, 0, 2].as_slice())));
    }
    let (_, data) = list_of("file,kind\n1.png,a\n2.png\n", &files);
    assert!(matches!(data.unwrap_err(), DataError::LineLength { line: 3, expected: 2, found: 1, .. }));
}

#[test]
fn doubtful_lines_of_a_list_are_said() {
    let (_, data) = list_of("file,kind\n1.png,a\n2.png,b\n1.png,b\n", &["1.png", "2.png"]);
    said(&data.unwrap(), "1 images are listed more than once, each line a row: 1.png");
    let (folder, data) = list_of("file,kind\n1.png,a\n2.png,\n3.png,\n", &["1.png", "2.png", "3.png"]);
    let error = data.unwrap_err().to_string();
    assert!(error.contains("a class in `kind` for every image, found none for 2 images, the first of them `2.png`"), "{error}");
    assert!(error.contains("--set label=none"));
    assert_eq!(labelled(folder.0.path(), "none").unwrap().n_rows(), 3);
}

#[test]
fn capital_letters_of_a_name_do_not_hide_an_image() {
    let (_, data) =
        list_of("file,kind\nIMG_1.PNG,a\nDeep/two.png,b\n", &["photos/img_1.png", "photos/deep/Two.PNG", "photos/3.png"]);
    let data = data.unwrap();
    assert_eq!((shown(&data), data.left_out().len()), (vec![1.0, 2.0], 1));
    assert_eq!(data.left_out()[0].names, ["photos/3.png"]);
    // The exact name before others; of two that fit as well, none. Systems where these are one file have no such folder.
    if cfg!(any(windows, target_os = "macos")) {
        return;
    }
    let files = ["a.png", "A.png"];
    let (_folder, data) = list_of("file,kind\nA.png,x\n", &files);
    assert_eq!(shown(&data.unwrap()), [2.0]);
    let (_folder, data) = list_of("file,kind\nA.PNG,x\n", &files);
    let error = data.unwrap_err().to_string();
    assert!(error.contains("one image of that name"), "{error}");
}

/// A link to a folder beside it makes no two images of one.
#[cfg(unix)]
#[test]
fn images_that_links_name_twice_are_one() {
    let folder = Folder::new();
    picture(&folder, "photos/deep/1.png", 1);
    std::os::unix::fs::symlink(folder.path("photos/deep"), folder.path("photos/link")).unwrap();
    for listed in ["1.png", "photos/deep/1.png", "photos/link/1.png"] {
        folder.write("list.csv", format!("file,kind\n{listed},x\n"));
        let data = open_path(folder.0.path()).unwrap();
        assert_eq!((shown(&data), data.left_out().len()), (vec![1.0], 0), "{listed}");
    }
}

#[test]
fn columns_of_many_values_are_left_out_and_named() {
    let folder = Folder::new();
    let rows: String = (0..300).map(|n| format!("{}.png,{n},{}\n", n % 3, n % 2)).collect();
    (0..3).for_each(|n| drop(picture(&folder, &format!("{n}.png"), n)));
    folder.write("list.csv", format!("file,serial,odd\n{rows}"));
    let data = open_path(folder.0.path()).unwrap();
    assert_eq!((data.n_rows(), data.factors().len(), data.labels().unwrap()[1]), (300, 1, 1));
    assert!(data.left_out().iter().any(|l| l.to_string() == "1 columns of the list with more than 256 values: serial"));
}
