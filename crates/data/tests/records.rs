//! Files of records and their folders: IDX of every type, MNIST's relatives, CIFAR, and lists of what is known of images.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use calotype_data::{Broken, DataError, Dataset, DatasetSpec, Options, Part, Range, Result, Split, Values, open};
use image::RgbImage;

use common::{Folder, continuous, fails, open_path};

fn idx_of(kind: u8, sizes: &[u32], data: &[u8]) -> Vec<u8> {
    let sizes: Vec<u8> = sizes.iter().flat_map(|s| s.to_be_bytes()).collect();
    [[0, 0, kind, (sizes.len() / 4) as u8].as_slice(), &sizes, data].concat()
}

fn idx(sizes: &[u32], data: &[u8]) -> Vec<u8> {
    idx_of(8, sizes, data)
}

fn values(data: &Dataset) -> Vec<f64> {
    (0..data.values().len()).map(|at| data.values().get(at)).collect()
}

fn said(data: &Dataset, words: &str) {
    assert!(data.notes().iter().any(|note| note.contains(words)), "{words}: {:?}", data.notes());
}

fn with(path: &Path, options: Options) -> Result<Dataset> {
    open(path.to_str().unwrap(), &options)
}

fn labelled(path: &Path, label: &str) -> Result<Dataset> {
    with(path, Options { label: Some(label.into()), ..Options::default() })
}

// ---- IDX

#[test]
fn idx_of_every_type_follows_the_rules_of_arrays() {
    let folder = Folder::new();
    // Bytes by `numpy.array([0, 1, -2, 3], dtype='>i2').tobytes()` and the like.
    let whole: [(u8, &[u8]); 3] = [
        (9, &[0, 1, 254, 3]),
        (0x0b, &[0, 0, 0, 1, 255, 254, 0, 3]),
        (0x0c, &[0, 0, 0, 0, 0, 0, 0, 1, 255, 255, 255, 254, 0, 0, 0, 3]),
    ];
    for (kind, bytes) in whole {
        let data = open_path(&folder.write("a.idx", idx_of(kind, &[2, 2], bytes))).unwrap();
        assert_eq!((values(&data), data.shape()), (vec![0.0, 1.0, -2.0, 3.0], [2].as_slice()), "{kind:x}");
        assert!(matches!(data.values(), Values::Double(_)));
    }
    let data = open_path(&folder.write("f4", idx_of(0x0d, &[1, 1, 2], &[0x3f, 0, 0, 0, 0x3f, 0x80, 0, 0]))).unwrap();
    assert_eq!((continuous(&data), data.shape()), (vec![0.5, 1.0], [1, 2, 1].as_slice()));
    let double = idx_of(0x0e, &[1, 1], &[0x3f, 0xb9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a]);
    assert_eq!(values(&open_path(&folder.write("f8", double)).unwrap()), [0.1]);
    // u8 has 256 levels, others as many as there are; labels of any type.
    folder.write("b-images-idx3-ubyte", idx_of(0x0b, &[2, 1, 1], &[0, 7, 0, 3]));
    folder.write("b-labels-idx1-ubyte", idx_of(0x0c, &[2], &[0, 0, 0, 1, 0, 0, 0, 0]));
    let path = folder.path("b-images-idx3-ubyte");
    let data = open_path(&path).unwrap();
    assert_eq!((values(&data), data.levels(), data.labels()), (vec![7.0, 3.0], Some(8), Some([1, 0].as_slice())));
    let bytes = folder.write("c.idx", idx(&[1, 2], &[0, 16]));
    assert_eq!(open_path(&bytes).unwrap().levels(), Some(256));
    assert_eq!(with(&bytes, Options { levels: Some(17), ..Options::default() }).unwrap().levels(), Some(17));
    // Images whose range is given; three planes.
    let sensor = folder.write("d.idx", idx_of(0x0b, &[1, 3, 1, 2], &[0, 0, 16, 0, 8, 0, 0, 0, 4, 0, 2, 0]));
    let data = with(&sensor, Options { range: Some(Range::Between(0.0, 4096.0)), ..Options::default() }).unwrap();
    assert_eq!((continuous(&data), data.shape()), (vec![0.0, 0.5, 0.25, 1.0, 0.0, 0.125], [1, 2, 3].as_slice()));
    let labels = fails(&folder.path("b-labels-idx1-ubyte")).to_string();
    assert!(labels.contains("open the file of the images"), "{labels}");
    assert!(fails(&folder.write("e.idx", idx_of(0x0a, &[1, 1], &[0]))).to_string().contains("none of them"));
}

fn pair(folder: &Folder, prefix: &str, level: u8, label: u8) {
    folder.write(&format!("{prefix}-images-idx3-ubyte"), idx(&[1, 1, 1], &[level]));
    folder.write(&format!("{prefix}-labels-idx1-ubyte"), idx(&[1], &[label]));
}

#[test]
fn folders_of_idx_are_found_by_their_names() {
    // The test files alone are rows to train on.
    let folder = Folder::new();
    pair(&folder, "t10k", 9, 1);
    let data = open_path(folder.0.path()).unwrap();
    assert_eq!((values(&data), data.labels(), data.has_splits()), (vec![9.0], Some([1].as_slice()), false));
    said(&data, "only the test files are there");
    assert_eq!(DatasetSpec::parse(folder.0.path().to_str().unwrap()).unwrap().kind().unwrap().name, "a folder of IDX files");
    // Images without labels are not read, and that is said.
    let folder = Folder::new();
    pair(&folder, "train", 3, 0);
    folder.write("t10k-images-idx3-ubyte.gz", [0]);
    let data = open_path(folder.0.path()).unwrap();
    assert_eq!((values(&data), data.has_splits()), (vec![3.0], false));
    said(&data, "t10k-images-idx3-ubyte.gz is left out, for there is no t10k-labels-idx1-ubyte.gz beside it");
    // Labels of another type than those of the training files.
    folder.write("t10k-images-idx3-ubyte", idx(&[1, 1, 1], &[4]));
    fs::remove_file(folder.path("t10k-images-idx3-ubyte.gz")).unwrap();
    folder.write("t10k-labels-idx1-ubyte", idx_of(0x0c, &[1], &[0, 0, 0, 1]));
    let data = open_path(folder.0.path()).unwrap();
    assert_eq!((data.labels(), data.notes().len()), (Some([0, 1].as_slice()), 0));
    // Where torchvision puts them.
    for raw in ["raw", "MNIST/raw"] {
        let folder = Folder::new();
        pair(&folder, &format!("{raw}/train"), 3, 0);
        pair(&folder, &format!("{raw}/t10k"), 4, 1);
        let data = open_path(folder.0.path()).unwrap();
        assert_eq!((values(&data), data.rows(Split::Test).unwrap()), (vec![3.0, 4.0], vec![1]));
        said(&data, &format!("read from {raw}"));
    }
    // EMNIST: a common beginning.
    let folder = Folder::new();
    pair(&folder, "emnist-letters-train", 3, 1);
    pair(&folder, "emnist-letters-test", 4, 2);
    let data = open_path(folder.0.path()).unwrap();
    assert_eq!((values(&data), data.labels()), (vec![3.0, 4.0], Some([1, 2].as_slice())));
    assert_eq!(data.rows(Split::Test).unwrap(), [1]);
    said(&data, "`emnist-letters-`");
    pair(&folder, "emnist-digits-train", 5, 1);
    let error = fails(folder.0.path()).to_string();
    assert!(error.contains("emnist-digits, emnist-letters"), "{error}");
    // MNIST's own names are meant before all others; several folders below are not told apart.
    pair(&folder, "train", 6, 0);
    assert_eq!(values(&open_path(folder.0.path()).unwrap()), [6.0]);
    let folder = Folder::new();
    pair(&folder, "MNIST/raw/train", 3, 0);
    pair(&folder, "KMNIST/raw/train", 3, 0);
    let error = fails(folder.0.path()).to_string();
    assert!(error.contains("KMNIST/raw, MNIST/raw; open one"), "{error}");
}

#[test]
fn test_files_unlike_training_files_are_an_error() {
    let folder = Folder::new();
    pair(&folder, "train", 3, 0);
    folder.write("t10k-images-idx3-ubyte", idx(&[1, 1, 2], &[1, 2]));
    folder.write("t10k-labels-idx1-ubyte", idx(&[1], &[0]));
    let error = fails(folder.0.path()).to_string();
    assert!(error.contains("t10k-images") && error.contains("uint8 [1, 1, 2]"), "{error}");
    folder.write("t10k-labels-idx1-ubyte", idx(&[2], &[0, 1]));
    assert!(matches!(fails(folder.0.path()), DataError::LabelCount { expected: 1, found: 2, .. }));
}

// ---- CIFAR

fn record(labels: &[u8], red: u8) -> Vec<u8> {
    labels.iter().copied().chain([red; 1024]).chain([2; 1024]).chain([3; 1024]).collect()
}

#[test]
fn cifar_100_has_two_labels() {
    let folder = Folder::new();
    let train = folder.write("train.bin", [record(&[19, 99], 1), record(&[0, 5], 7)].concat());
    folder.write("test.bin", record(&[4, 30], 9));
    let data = open_path(folder.0.path()).unwrap();
    assert_eq!((data.shape(), data.labels()), ([32, 32, 3].as_slice(), Some([99, 5, 30].as_slice())));
    assert_eq!((data.class_names().len(), data.class_names()[99].as_str()), (100, "99"));
    let coarse = data.factor("coarse").unwrap();
    assert_eq!((coarse.of_row.as_slice(), coarse.values.len()), ([19, 0, 4].as_slice(), 20));
    assert_eq!((values(&data)[..3].to_vec(), data.rows(Split::Test).unwrap()), (vec![1.0, 2.0, 3.0], vec![2]));
    // A file by itself, by its length.
    let data = open_path(&train).unwrap();
    assert_eq!((data.n_rows(), data.labels(), data.has_splits()), (2, Some([99, 5].as_slice()), false));
    let other = folder.write("other.bin", record(&[3, 4], 1));
    assert_eq!(open_path(&other).unwrap().factor("coarse").unwrap().of_row, [3]);
    // The names beside it.
    let lines = |n: usize| (0..n).map(|c| format!("name {c}\n")).collect::<String>();
    folder.write("fine_label_names.txt", lines(100));
    folder.write("coarse_label_names.txt", lines(20));
    let data = open_path(folder.0.path()).unwrap();
    assert_eq!((data.class_names()[99].as_str(), data.factor("coarse").unwrap().values[4].as_str()), ("name 99", "name 4"));
    folder.write("coarse_label_names.txt", lines(19));
    assert!(fails(folder.0.path()).to_string().contains("20 names"));
    fs::remove_file(folder.path("coarse_label_names.txt")).unwrap();
    folder.write("train.bin", record(&[20, 0], 1));
    assert!(matches!(fails(folder.0.path()), DataError::Value { column: 0, .. }));
    folder.write("train.bin", record(&[0, 100], 1));
    assert!(matches!(fails(folder.0.path()), DataError::Value { column: 1, .. }));
    folder.write("train.bin", &record(&[0, 0], 1)[1..]);
    assert!(matches!(fails(folder.0.path()), DataError::Truncated { expected_bytes: 3074, found_bytes: 3073, .. }));
    // The folder that its archive was unpacked in.
    let folder = Folder::new();
    folder.write("cifar-100-binary/test.bin", record(&[1, 2], 5));
    let data = open_path(folder.0.path()).unwrap();
    assert_eq!((data.labels(), data.has_splits()), (Some([2].as_slice()), false));
    said(&data, "read from cifar-100-binary");
    said(&data, "only the test file is there");
    folder.write("cifar-10-batches-bin/data_batch_1.bin", record(&[1], 5));
    assert!(fails(folder.0.path()).to_string().contains("cifar-10-batches-bin and cifar-100-binary"));
    fs::remove_dir_all(folder.path("cifar-100-binary")).unwrap();
    assert_eq!(open_path(folder.0.path()).unwrap().class_names()[1], "automobile");
}

#[test]
fn pickles_are_named_for_what_they_are() {
    let folder = Folder::new();
    let pickle = b"\x80\x02}q\x00.";
    folder.write("cifar-10-batches-py/data_batch_1", pickle);
    folder.write("cifar-10-batches-py/data_batch_2", pickle);
    folder.write("hundred/train", pickle);
    folder.write("hundred/test", pickle);
    let of = |path: &str| fails(&folder.path(path)).to_string();
    for path in ["", "cifar-10-batches-py", "cifar-10-batches-py/data_batch_1"] {
        let error = of(path);
        assert!(error.contains("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"), "{error}");
    }
    for path in ["hundred", "hundred/train"] {
        assert!(of(path).contains("cifar-100-binary.tar.gz"), "{}", of(path));
    }
    for (name, bytes) in [("a.pkl", b"(dp0\n.".as_slice()), ("b.pickle", b""), ("c", b"\x80\x05K\x01.")] {
        folder.write(name, bytes);
        assert!(of(name).contains("numpy.save('data.npy'"), "{}", of(name));
    }
    folder.write("d.pt", b"PK\x03\x04");
    assert!(of("d.pt").contains("torch.load"), "{}", of("d.pt"));
    // Where the binary version is too, it is read.
    folder.write("cifar-10-batches-bin/data_batch_1.bin", record(&[1], 5));
    assert!(open_path(folder.0.path()).is_ok());
}

// ---- lists of attributes

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
    let data = with(folder.0.path(), Options { broken: Broken::Skip, ..Options::default() }).unwrap();
    assert_eq!((shown(&data), data.labels()), (vec![3.0, 12.0], Some([1, 0].as_slice())));
    assert_eq!(data.left_out()[0].n, 13);
    assert!(data.left_out().iter().any(|l| l.to_string() == "1 images that the list does not name: extra.png"));
    let gone = Folder::new();
    gone.write("list_attr_celeba.txt", SPACED);
    let skip = Options { broken: Broken::Skip, ..Options::default() };
    assert!(matches!(with(gone.0.path(), skip).unwrap_err(), DataError::Empty { .. }));
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
    folder.write("numbers.csv", "a,b\n1,2\n");
    assert!(open_path(folder.0.path()).unwrap().factors().is_empty());
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
    folder.write("list.csv", "file,kind\n1.png,x\n");
    assert_eq!(shown(&open_path(folder.0.path()).unwrap()), [1.0]);
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
