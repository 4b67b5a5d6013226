//! Files of records and their folders: IDX of every type, MNIST's relatives, CIFAR.

mod common;

use std::fs;

use calotype_data::{DataError, DatasetSpec, Options, Range, Split, Values};

use common::{Folder, continuous, fails, open_path, said, values, with};

fn idx_of(kind: u8, sizes: &[u32], data: &[u8]) -> Vec<u8> {
    let sizes: Vec<u8> = sizes.iter().flat_map(|s| s.to_be_bytes()).collect();
    [[0, 0, kind, (sizes.len() / 4) as u8].as_slice(), &sizes, data].concat()
}

fn idx(sizes: &[u32], data: &[u8]) -> Vec<u8> {
    idx_of(8, sizes, data)
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
    assert_eq!(with(&bytes, &Options { levels: Some(17), ..Options::default() }).unwrap().levels(), Some(17));
    // Images whose range is given; three planes.
    let sensor = folder.write("d.idx", idx_of(0x0b, &[1, 3, 1, 2], &[0, 0, 16, 0, 8, 0, 0, 0, 4, 0, 2, 0]));
    let data = with(&sensor, &Options { range: Some(Range::Between(0.0, 4096.0)), ..Options::default() }).unwrap();
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
