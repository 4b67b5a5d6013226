//! Several arrays in a file: `.npz`, whole and array by array.

mod common;
#[path = "common/arrays.rs"]
mod made;
#[path = "common/zips.rs"]
mod zips;

use calotype_data::{DataError, Dataset, DatasetSpec, Options, Part, Result, Split, open};

use common::{Folder, continuous, fails, open_path};
use made::{npy, npy_f32, npy_f64, npy_i64};
use zips::npz;

/// The bytes of `numpy.savez_compressed(f, x=numpy.arange(8, dtype='u1').reshape(2, 2, 2))`.
const COMPRESSED: &str = "504b03042d0000000800000021006160fdb5ffffffffffffffff05001400782e6e70790100100088000000000000004f00000000000000\
    9bec17ea1b10c9c850c650ad9e925a9c5ca46ea5a05e536aa8aea3a09e965f54529498179f5f94920a12774bcc294e058a17672416a402f91a463a0a20a4a9a3\
    50ab401ee062606462666165630700504b01022d032d0000000800000021006160fdb54f00000088000000050000000000000000000000800100000000782e6e7079\
    504b0506000000000100010033000000860000000000";

fn bytes_of(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}

fn values(data: &Dataset) -> Vec<f64> {
    (0..data.values().len()).map(|at| data.values().get(at)).collect()
}

fn named(folder: &Folder, file: &str, array: &str, label: Option<&str>) -> Result<Dataset> {
    let path = format!("{}:{array}", folder.path(file).display());
    open(&path, &Options { label: label.map(str::to_owned), ..Options::default() })
}

#[test]
fn what_numpy_compressed_is_read() {
    let folder = Folder::new();
    let data = open_path(&folder.write("a.npz", bytes_of(COMPRESSED))).unwrap();
    assert_eq!((values(&data), data.shape()), ((0..8).map(f64::from).collect(), [2, 2, 1].as_slice()));
    assert_eq!(data.levels(), Some(8));
}

#[test]
fn an_array_is_opened_by_its_name() {
    let folder = Folder::new();
    folder.write(
        "a.npz",
        npz(&[
            ("first", npy("|u1", &[2, 1], &[1, 2])),
            ("second", npy_f64(&[2, 2], &[1.5, 2.0, -3.0, 4.0])),
            ("of", npy_i64(&[2, 1], &[1, 0])),
        ]),
    );
    let data = named(&folder, "a.npz", "second", None).unwrap();
    assert_eq!((values(&data), data.name(), data.labels()), (vec![1.5, 2.0, -3.0, 4.0], "a.npz:second", None));
    assert_eq!(named(&folder, "a.npz", "second", Some("of")).unwrap().labels(), Some([1, 0].as_slice()));
    folder.write("y.npy", npy_i64(&[2], &[0, 1]));
    assert_eq!(named(&folder, "a.npz", "first", Some("y.npy")).unwrap().labels(), Some([0, 1].as_slice()));
    assert!(matches!(named(&folder, "a.npz", "first", Some("second")).unwrap_err(), DataError::Format { .. }));
    let error = named(&folder, "a.npz", "third", None).unwrap_err().to_string();
    assert!(error.contains("arrays first, second, of"), "{error}");
    assert!(matches!(named(&folder, "b.npz", "first", None).unwrap_err(), DataError::NotFound { .. }));
    // None is known: all are listed, and how one is opened.
    let error = fails(&folder.path("a.npz")).to_string();
    for part in ["`first` uint8 [2, 1]", "`second` float64 [2, 2]", "`of` int64 [2, 1]", "a.npz:first"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    // It is found again from the root, and is a kind.
    let spec = DatasetSpec::parse(&format!("{}:second", folder.path("a.npz").display())).unwrap();
    let real = folder.path("a.npz").canonicalize().unwrap();
    assert_eq!(spec.resolved().unwrap(), format!("{}:second", real.display()));
    assert_eq!(values(&open(&spec.resolved().unwrap(), &Options::default()).unwrap()), values(&data));
    assert_eq!((spec.short_name().as_str(), spec.kind().unwrap().name), ("a", "a file of NumPy arrays"));
    assert_eq!(spec.open(&Options { test_every: Some(2), ..Options::default() }).unwrap().rows(Split::Test).unwrap(), [1]);
}

#[test]
fn the_arrays_of_keras_and_medmnist_are_joined() {
    let folder = Folder::new();
    let keras = npz(&[
        ("x_test", npy("|u1", &[1, 2, 1], &[9, 255])),
        ("x_train", npy("|u1", &[2, 2, 1], &[1, 2, 3, 4])),
        ("y_train", npy("|u1", &[2], &[3, 0])),
        ("y_test", npy("|u1", &[1], &[5])),
    ]);
    let data = open_path(&folder.write("mnist.npz", keras)).unwrap();
    assert_eq!((values(&data), data.levels()), (vec![1.0, 2.0, 3.0, 4.0, 9.0, 255.0], Some(256)));
    assert_eq!((data.labels(), data.class_names().len()), (Some([3, 0, 5].as_slice()), 6));
    assert_eq!((data.rows(Split::Train).unwrap(), data.rows(Split::Test).unwrap()), (vec![0, 1], vec![2]));
    assert!(data.left_out().is_empty());
    let medmnist = npz(&[
        ("train_images", npy("|u1", &[1, 1, 1, 3], &[1, 2, 3])),
        ("val_images", npy("|u1", &[2, 1, 1, 3], &[9; 6])),
        ("test_images", npy("|u1", &[1, 1, 1, 3], &[4, 5, 6])),
        ("train_labels", npy("|u1", &[1, 1], &[1])),
        ("val_labels", npy("|u1", &[2, 1], &[0, 1])),
        ("test_labels", npy("|u1", &[1, 1], &[0])),
        ("about", npy("<U1", &[1], &[0; 4])),
    ]);
    let data = open_path(&folder.write("med.npz", medmnist)).unwrap();
    let expected = [1, 2, 3, 9, 9, 9, 9, 9, 9, 4, 5, 6].map(f64::from).to_vec();
    assert_eq!((values(&data), data.labels()), (expected, Some([1, 0, 1, 0].as_slice())));
    assert_eq!(data.parts(), Some([Part::Train, Part::Validation, Part::Validation, Part::Test].as_slice()));
    let left_out: Vec<String> = data.left_out().iter().map(ToString::to_string).collect();
    assert_eq!(left_out, ["1 other arrays of the file: about"]);
    // Without test rows they are the test split, as in folders.
    let file = npz(&[
        ("x_train", npy("|u1", &[1, 1], &[1])),
        ("y_train", npy("|u1", &[1], &[1])),
        ("x_val", npy("|u1", &[1, 1], &[2])),
        ("Y_val", npy("|u1", &[1], &[0])),
    ]);
    let data = open_path(&folder.write("val.npz", file)).unwrap();
    assert_eq!((data.rows(Split::Test).unwrap(), data.labels()), (vec![1], Some([1, 0].as_slice())));
    assert!(data.notes()[0].contains("validation rows (`x_val`) are the test split"), "{:?}", data.notes());
    // Validation rows of another size, or without classes where the others have them, are left out.
    for (size, label) in [(2, "y_val"), (1, "y_other")] {
        let file = npz(&[
            ("x_train", npy("|u1", &[1, 1], &[1])),
            ("y_train", npy("|u1", &[1], &[1])),
            ("x_val", npy("|u1", &[1, size], &vec![1; size])),
            (label, npy("|u1", &[1], &[0])),
        ]);
        let data = open_path(&folder.write("unlike.npz", file)).unwrap();
        assert_eq!((data.n_rows(), data.parts(), data.labels()), (1, None, Some([1].as_slice())));
        let left_out: Vec<String> = data.left_out().iter().map(ToString::to_string).collect();
        assert!(left_out[0].starts_with("1 validation rows (`x_val`; unlike.npz:x_val opens them)"), "{left_out:?}");
    }
}

/// Numbers of classes are joined whatever their type is, and in a column or not.
#[test]
fn classes_of_several_types_are_joined() {
    let folder = Folder::new();
    let file = npz(&[
        ("x_train", npy("|u1", &[2, 1], &[1, 2])),
        ("y_train", npy("|u1", &[2], &[3, 0])),
        ("x_test", npy("|u1", &[1, 1], &[1])),
        ("y_test", npy_i64(&[1, 1], &[2])),
    ]);
    let data = open_path(&folder.write("a.npz", file)).unwrap();
    assert_eq!((data.labels(), data.notes().len()), (Some([3, 0, 2].as_slice()), 0));
}

/// The range and the levels are those of both splits together.
#[test]
fn both_splits_are_mapped_alike() {
    let folder = Folder::new();
    let file =
        |train: &[f32], test: &[f32]| npz(&[("X_train", npy_f32(&[1, 1, 2], train)), ("X_test", npy_f32(&[1, 1, 2], test))]);
    let data = open_path(&folder.write("a.npz", file(&[0.0, 1.0], &[51.0, 254.5]))).unwrap();
    let expected = [0.0, 1.0 / 255.0, 0.2, 254.5 / 255.0];
    assert!(continuous(&data).iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6));
    assert!(data.labels().is_none());
    let whole = npz(&[("x_train", npy_i64(&[1, 2], &[0, 1])), ("x_test", npy_i64(&[1, 2], &[-1, 300]))]);
    assert_eq!(values(&open_path(&folder.write("b.npz", whole)).unwrap()), [0.0, 1.0, -1.0, 300.0]);
    let unlike = [
        npz(&[("x_train", npy_f32(&[1, 2], &[0.0, 1.0])), ("x_test", npy_f64(&[1, 2], &[0.0, 1.0]))]),
        npz(&[("x_train", npy_f32(&[1, 2], &[0.0, 1.0])), ("x_test", npy_f32(&[1, 1], &[0.0]))]),
    ];
    for file in unlike {
        let error = fails(&folder.write("c.npz", file)).to_string();
        assert!(error.contains("c.npz:x_test") && error.contains("float32 [1, 2]"), "{error}");
    }
}

#[test]
fn rows_with_classes_are_known_by_names_in_use() {
    let folder = Folder::new();
    for (rows, classes) in [("X", "y"), ("data", "target"), ("images", "labels")] {
        let file = npz(&[(classes, npy_i64(&[2], &[1, 0])), (rows, npy_f64(&[2, 1], &[0.5, 2.0]))]);
        let path = folder.write("a.npz", file);
        let data = open_path(&path).unwrap();
        assert_eq!((values(&data), data.labels()), (vec![0.5, 2.0], Some([1, 0].as_slice())), "{rows}");
        let none = Options { label: Some("none".into()), ..Options::default() };
        assert_eq!(open(path.to_str().unwrap(), &none).unwrap().labels(), None);
        let asked = Options { label: Some("other".into()), ..Options::default() };
        assert!(matches!(open(path.to_str().unwrap(), &asked).unwrap_err(), DataError::Setting { key: "label", .. }));
    }
    // Measurements are no classes: that is said.
    let file = npz(&[("x", npy_f64(&[2, 1], &[0.5, 2.0])), ("y", npy_f64(&[2], &[1.25, 0.0]))]);
    let data = open_path(&folder.write("b.npz", file)).unwrap();
    assert!(data.labels().is_none() && data.notes().iter().any(|n| n.contains("no classes are known")), "{:?}", data.notes());
    let file = npz(&[("x", npy_f64(&[2, 1], &[0.5, 2.0])), ("y", npy_i64(&[1], &[1]))]);
    assert!(matches!(fails(&folder.write("c.npz", file)), DataError::LabelCount { .. }));
    // A sparse matrix of SciPy's is not its numbers.
    let sparse =
        [("data", npy_f64(&[3], &[1.0, 2.0, 3.0])), ("indices", npy_i64(&[3], &[0, 1, 2])), ("indptr", npy_i64(&[2], &[0, 3]))];
    assert!(fails(&folder.write("d.npz", npz(&sparse))).to_string().contains("`indptr` int64 [2]"));
    // The only array that is not the classes.
    let path = folder.write("e.npz", npz(&[("numbers", npy_f64(&[2, 1], &[0.5, 2.0])), ("of", npy_i64(&[2], &[1, 0]))]));
    let data = open(path.to_str().unwrap(), &Options { label: Some("of".into()), ..Options::default() }).unwrap();
    assert_eq!(data.labels(), Some([1, 0].as_slice()));
}

#[test]
fn what_is_no_file_of_arrays_is_an_error() {
    let folder = Folder::new();
    assert!(matches!(fails(&folder.write("a.npz", b"PK\x03\x04 nothing")), DataError::Corrupt { .. }));
    assert!(matches!(fails(&folder.write("b.npz", npz(&[]))), DataError::Empty { .. }));
    let objects = npz(&[("x", npy("|O", &[1], b"\x80\x04."))]);
    let error = fails(&folder.write("c.npz", objects)).to_string();
    assert!(error.contains("c.npz:x") && error.contains("saved with pickle"), "{error}");
    let mut damaged = npz(&[("x", npy("|u1", &[1, 4], &[1, 2, 3, 4]))]);
    // The checksum in the local header and in the list.
    let crc = damaged[14..18].to_vec();
    let places: Vec<usize> = (0..damaged.len() - 4).filter(|&at| damaged[at..at + 4] == crc).collect();
    places.iter().for_each(|&at| damaged[at] ^= 1);
    assert!(matches!(fails(&folder.write("d.npz", damaged)), DataError::Corrupt { .. }));
}
