//! Every refusal that the list of kinds promises for arrays and records: the file is made, and the words are in the message.

mod common;
#[path = "common/arrays.rs"]
mod made;
#[path = "common/zips.rs"]
mod zips;

use calotype_data::{DataError, KINDS, Options, Range, open};
use common::{Folder, continuous, fails, open_path};
use made::{npy, npy_f32, npy_f64, npy_i64};

/// What a case gives: the path below the folder, and how it is opened.
type Case = (&'static str, Options);

fn with(name: &'static str, change: impl FnOnce(&mut Options)) -> Case {
    let mut options = Options::default();
    change(&mut options);
    (name, options)
}

fn array(folder: &Folder, bytes: Vec<u8>) -> Case {
    folder.write("a.npy", bytes);
    ("a.npy", Options::default())
}

fn of_npy(folder: &Folder, what: &str) -> Option<Case> {
    let one = |descr: &str| array(folder, npy(descr, &[1, 1], &[0; 16]));
    Some(match what {
        "Python objects" => one("|O"),
        "records of named fields" => {
            let header = "{'descr': [('a', '<f8'), ('b', '<i4')], 'fortran_order': False, 'shape': (1,), }\n";
            let length = (header.len() as u16).to_le_bytes();
            array(folder, [b"\x93NUMPY\x01\x00".as_slice(), &length, header.as_bytes(), &[0; 12]].concat())
        }
        "complex numbers" => one("<c16"),
        "words" => one("<U4"),
        "dates or times" => one("<M8[s]"),
        "sizes other than one, two, three or four" => array(folder, npy("|u1", &[1; 5], &[0])),
        "images of 2 or more than 4 channels" => array(folder, npy("|u1", &[1, 2, 2, 5], &[0; 20])),
        "images whose other layout has a fitting number of channels" => array(folder, npy("|u1", &[1, 4, 2, 5], &[0; 40])),
        "a NaN or infinity" => array(folder, npy_f32(&[1, 2], &[0.0, f32::NAN])),
        "a value outside the range that is set" => {
            let (name, _) = array(folder, npy_f64(&[1, 1], &[2.0]));
            with(name, |o| o.range = Some(Range::Between(0.0, 1.0)))
        }
        "a value beyond the levels that are set" => {
            let (name, _) = array(folder, npy_i64(&[1, 1], &[-1]));
            with(name, |o| o.levels = Some(9))
        }
        "classes of another number than rows" => {
            folder.write("y.npy", npy_i64(&[2], &[0, 1]));
            let (name, _) = array(folder, npy_i64(&[1, 1], &[1]));
            with(name, |o| o.label = Some("y.npy".into()))
        }
        "a table of 0 and 1 as classes" => {
            folder.write("y.npy", npy_i64(&[1, 2], &[0, 1]));
            let (name, _) = array(folder, npy_i64(&[1, 1], &[1]));
            with(name, |o| o.label = Some("y.npy".into()))
        }
        "a file that ends early" => array(folder, npy("|u1", &[2, 2], &[0; 3])),
        "a file that goes on" => array(folder, npy("|u1", &[2, 2], &[0; 5])),
        _ => return None,
    })
}

fn of_npz(folder: &Folder, what: &str) -> Option<Case> {
    let zipped = |arrays: &[(&str, Vec<u8>)]| {
        folder.write("a.npz", zips::npz(arrays));
        with("a.npz", |_| {})
    };
    let small = || npy("|u1", &[1, 1], &[0]);
    Some(match what {
        "several arrays of unknown names" => zipped(&[("a", small()), ("b", small())]),
        "a name that no array has" => {
            zipped(&[("a", small())]);
            with("a.npz:b", |_| {})
        }
        "test rows of another type or shape than training rows" => {
            zipped(&[("x_train", small()), ("x_test", npy("|u1", &[1, 2], &[0, 0]))])
        }
        "no arrays" => zipped(&[]),
        "a zip that is damaged" => {
            folder.write("a.npz", b"PK\x03\x04");
            with("a.npz", |_| {})
        }
        _ => return None,
    })
}

fn idx(kind: u8, sizes: &[u32], data: &[u8]) -> Vec<u8> {
    let sizes: Vec<u8> = sizes.iter().flat_map(|s| s.to_be_bytes()).collect();
    [[0, 0, kind, (sizes.len() / 4) as u8].as_slice(), &sizes, data].concat()
}

fn pair(folder: &Folder, prefix: &str, side: u32) {
    folder.write(&format!("{prefix}-images-idx3-ubyte"), idx(8, &[1, side, side], &vec![0; (side * side) as usize]));
    folder.write(&format!("{prefix}-labels-idx1-ubyte"), idx(8, &[1], &[0]));
}

fn of_idx(folder: &Folder, what: &str) -> Option<Case> {
    let file = |name: &'static str, bytes: Vec<u8>| {
        folder.write(name, bytes);
        with(name, |_| {})
    };
    Some(match what {
        "labels by themselves" => file("a-labels", idx(8, &[2], &[0, 1])),
        "a type other than 08, 09, 0b, 0c, 0d and 0e, in a .gz" => file("a.gz", idx(0x0a, &[1, 1], &[0, 0])),
        "labels of another number than images" => {
            folder.write("a-labels", idx(8, &[1], &[0]));
            file("a-images", idx(8, &[2, 1], &[0, 1]))
        }
        "several data sets in one folder" => {
            ["a-train", "b-train"].iter().for_each(|prefix| pair(folder, prefix, 1));
            with("", |_| {})
        }
        "several folders raw" => {
            ["a/raw/train", "b/raw/train"].iter().for_each(|prefix| pair(folder, prefix, 1));
            with("", |_| {})
        }
        "test images of another size" => {
            pair(folder, "train", 1);
            pair(folder, "t10k", 2);
            with("", |_| {})
        }
        _ => return None,
    })
}

fn of_cifar(folder: &Folder, what: &str) -> Option<Case> {
    let record = |labels: &[u8]| [labels, &[0; 3072]].concat();
    Some(match what {
        "a part of a record" => {
            folder.write("a.bin", [0; 100]);
            with("a.bin", |_| {})
        }
        "a label of no class" => {
            folder.write("a.bin", record(&[10]));
            with("a.bin", |_| {})
        }
        "another number of names than classes" => {
            folder.write("train.bin", record(&[0, 0]));
            folder.write("fine_label_names.txt", "apple\n");
            with("", |_| {})
        }
        "the Python version" => {
            ["data_batch_1", "data_batch_2"].iter().for_each(|name| drop(folder.write(name, b"\x80\x02}.")));
            with("", |_| {})
        }
        "both versions in one folder" => {
            folder.write("cifar-10-batches-bin/data_batch_1.bin", record(&[0]));
            folder.write("cifar-100-binary/train.bin", record(&[0, 0]));
            with("", |_| {})
        }
        _ => return None,
    })
}

fn of_lists(folder: &Folder, celeba: bool, what: &str) -> Option<Case> {
    let picture = |name: &str| image::RgbImage::new(2, 2).save(folder.write(name, [])).unwrap();
    picture("1.png");
    let list = |text: &str| drop(folder.write(if celeba { "list_attr_celeba.txt" } else { "list.csv" }, text));
    match (celeba, what) {
        (true, "images that are missing") => list("1\nBald\n2.png 1\n"),
        (true, "a value other than 1 and -1") => list("1\nBald\n1.png 2\n"),
        (true, "another number of images than the list begins with") => list("2\nBald\n1.png 1\n"),
        (true, "a line of another length") => list("1\nBald Young\n1.png 1\n"),
        (true, "an image without a part") => {
            list("1\nBald\n1.png 1\n");
            folder.write("list_eval_partition.txt", "2.png 0\n");
        }
        (false, "images that are missing") => list("file,kind\n2.png,1\n"),
        (false, "a name that several images have") => {
            list("file,kind\n3.png,1\n");
            ["a/b/3.png", "a/c/3.png"].iter().for_each(|name| picture(name));
        }
        (false, "a path that leads out of the folder") => list("file,kind\n../1.png,1\n"),
        (false, "a label that is no column") => {
            list("file,kind\n1.png,1\n");
            return Some(with("", |o| o.label = Some("other".into())));
        }
        _ => return None,
    }
    Some(with("", |_| {}))
}

fn case(folder: &Folder, kind: &str, what: &str) -> Option<Case> {
    match kind {
        "a NumPy array" => of_npy(folder, what),
        "a file of NumPy arrays" => of_npz(folder, what),
        "an IDX file" | "a folder of IDX files" => of_idx(folder, what),
        "CIFAR's binary version" => of_cifar(folder, what),
        "CelebA" => of_lists(folder, true, what),
        "images with a list of attributes" => of_lists(folder, false, what),
        _ => None,
    }
}

#[test]
fn what_is_promised_to_be_refused_is_refused_in_those_words() {
    let mine =
        ["a NumPy array", "a file of NumPy arrays", "an IDX file", "a folder of IDX files", "CIFAR's binary version", "CelebA"];
    let mine = [mine.as_slice(), &["images with a list of attributes"]].concat();
    let mut n = 0;
    for kind in KINDS.iter().filter(|kind| mine.contains(&kind.name)) {
        assert!(!kind.refused.is_empty(), "{}", kind.name);
        for refused in kind.refused {
            let folder = Folder::new();
            let (path, options) =
                case(&folder, kind.name, refused.what).unwrap_or_else(|| panic!("{}: {}", kind.name, refused.what));
            let opened = open(folder.path(path).to_str().unwrap(), &options);
            let error = opened.map(|data| data.summary().to_string()).expect_err(refused.what).to_string();
            assert!(error.contains(refused.words), "{}: {}: {error}", kind.name, refused.what);
            n += 1;
        }
    }
    assert_eq!(n, 40);
}

/// The same data without what is wrong with them are opened.
#[test]
fn what_is_right_beside_it_is_not_refused() {
    let folder = Folder::new();
    let small = folder.write("a.npy", npy_f32(&[1, 2], &[0.0, 0.5]));
    assert_eq!(continuous(&open_path(&small).unwrap()), [0.0, 0.5]);
    let missing = fails(&folder.path("b.npz:x"));
    assert!(matches!(missing, DataError::NotFound { .. }), "{missing}");
}
