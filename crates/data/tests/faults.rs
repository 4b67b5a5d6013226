//! Files that lie, end early or hold nonsense: each is an error that says what was expected and found, and takes no memory first.

mod common;
#[path = "common/zips.rs"]
mod zips;

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use calotype_data::{Captions, DataError, Dataset, Options, Split, Values, open, read_npy};
use flate2::Compression;
use flate2::write::GzEncoder;
use image::ImageFormat;
use proptest::prelude::*;

use common::{Folder, continuous, fails, open_path, picture_bytes};

/// Remembers the largest single allocation.
struct Largest;
static LARGEST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on unchanged.
unsafe impl GlobalAlloc for Largest {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LARGEST.fetch_max(layout.size(), Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Largest = Largest;

/// No test of this file needs a larger piece of memory at once.
const MODEST_BYTES: usize = 40 << 20;

fn idx(sizes: &[u32], data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, sizes.len() as u8];
    sizes.iter().for_each(|s| bytes.extend(s.to_be_bytes()));
    bytes.extend(data);
    bytes
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(vec![], Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn npy(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

/// Of an array of u8.
fn u8_header(shape: &str) -> String {
    format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({shape}), }}\n")
}

fn levels(data: &Dataset) -> &[u8] {
    match data.values() {
        Values::Levels { data, .. } => data,
        Values::Continuous(_) | Values::Double(_) => panic!("continuous"),
    }
}

// ---- IDX and gzip

#[test]
fn idx_is_read_plain_and_zipped_with_the_labels_beside_it() {
    let folder = Folder::new();
    let pixels: Vec<u8> = (0..12).collect();
    let plain = folder.write("a-images-idx3-ubyte", idx(&[3, 2, 2], &pixels));
    let zipped = folder.write("b-images-idx3-ubyte.gz", gz(&idx(&[3, 2, 2], &pixels)));
    folder.write("b-labels-idx1-ubyte", idx(&[3], &[2, 0, 1]));
    let (plain, zipped) = (open_path(&plain).unwrap(), open_path(&zipped).unwrap());
    assert_eq!((levels(&plain), plain.shape(), plain.labels()), (pixels.as_slice(), [2, 2, 1].as_slice(), None));
    assert_eq!((levels(&zipped), zipped.labels()), (pixels.as_slice(), Some([2, 0, 1].as_slice())));
    assert_eq!(zipped.class_names(), ["0", "1", "2"]);
    assert_ne!(plain.content_hash(), zipped.content_hash(), "labels are part of the identity");
    assert!(matches!(plain.rows(Split::Test).unwrap_err(), DataError::NoSplit { .. }));
    assert_eq!(plain.default_evaluation_split(), Split::All);
}

#[test]
fn a_family_folder_keeps_its_official_split() {
    let folder = Folder::new();
    folder.write("train-images-idx3-ubyte", idx(&[2, 1, 1], &[7, 8]));
    folder.write("train-labels-idx1-ubyte", idx(&[2], &[0, 1]));
    folder.write("t10k-images-idx3-ubyte.gz", gz(&idx(&[1, 1, 1], &[9])));
    folder.write("t10k-labels-idx1-ubyte.gz", gz(&idx(&[1], &[2])));
    let data = open_path(folder.0.path()).unwrap();
    assert_eq!(levels(&data), [7, 8, 9]);
    assert_eq!((data.rows(Split::Train).unwrap(), data.rows(Split::Test).unwrap()), (vec![0, 1], vec![2]));
    assert_eq!(data.labels(), Some([0, 1, 2].as_slice()));
}

#[test]
fn labels_of_another_length_are_an_error_that_names_both() {
    let folder = Folder::new();
    let images = folder.write("x-images-idx3-ubyte", idx(&[3, 1, 1], &[1, 2, 3]));
    folder.write("x-labels-idx1-ubyte", idx(&[2], &[0, 1]));
    let error = fails(&images);
    assert!(
        matches!(&error, DataError::LabelCount { expected: 3, found: 2, labels, .. } if labels.contains("x-labels")),
        "{error}"
    );
}

#[test]
fn lying_idx_headers_are_refused_before_memory_is_taken() {
    let folder = Folder::new();
    let claims = [
        idx(&[60_000, 28, 28], &[0; 100]),
        idx(&[u32::MAX, u32::MAX, 1], &[0; 100]),
        idx(&[u32::MAX, u32::MAX, u32::MAX, u32::MAX], &[0; 100]),
        idx(&[2, 2, 2], &[0; 7]),
        vec![0, 0, 8, 3, 0, 0],
    ];
    for (nth, claim) in claims.iter().enumerate() {
        let (plain, zipped) = (folder.write(&format!("{nth}.idx"), claim), folder.write(&format!("{nth}.gz"), gz(claim)));
        for path in [plain, zipped] {
            let error = fails(&path);
            let refused = matches!(error, DataError::Truncated { .. } | DataError::Format { .. });
            assert!(refused && error.to_string().contains(path.to_str().unwrap()), "{error}");
        }
    }
    let error = fails(&folder.write("type.idx", [0, 0, 0x0f, 1, 0, 0, 0, 1, 0, 0, 0, 0]));
    assert!(error.to_string().contains("none of them"), "{error}");
    let error = fails(&folder.write("type.gz", gz(&[0, 0, 0x0f, 1, 0, 0, 0, 1, 0, 0, 0, 0])));
    assert!(matches!(error, DataError::Format { .. }), "{error}");
    assert!(matches!(fails(&folder.write("none.idx", idx(&[0, 28, 28], &[]))), DataError::Empty { .. }));
    assert!(matches!(fails(&folder.write("flat.idx", idx(&[4, 0, 28], &[]))), DataError::Format { .. }));
    assert!(matches!(fails(&folder.write("more.idx", idx(&[1, 2, 2], &[0; 5]))), DataError::Trailing { expected_bytes: 20, .. }));
    assert!(LARGEST.load(Relaxed) < MODEST_BYTES);
}

#[test]
fn gzip_bombs_are_not_unpacked() {
    let folder = Folder::new();
    let bomb = |claim: &[u32]| {
        let mut encoder = GzEncoder::new(vec![], Compression::best());
        encoder.write_all(&idx(claim, &[])).unwrap();
        (0..256).for_each(|_| encoder.write_all(&[0; 1 << 20]).unwrap());
        encoder.finish().unwrap()
    };
    let small_claim = folder.write("small.gz", bomb(&[4, 2, 2]));
    assert!(matches!(fails(&small_claim), DataError::Trailing { expected_bytes: 32, .. }));
    // 256 MiB claimed and there, but over the limit; then more than so few bytes can unpack to.
    let large_claim = folder.write("large.gz", bomb(&[256, 1024, 1024]));
    let tight = Options { max_bytes: 10 << 20, ..Options::default() };
    let error = open(large_claim.to_str().unwrap(), &tight).unwrap_err();
    assert!(matches!(error, DataError::TooLarge { claimed_bytes: 0x1000_0000, limit_bytes: 0xa0_0000, .. }), "{error}");
    let huge_claim = folder.write("huge.gz", bomb(&[4096, 1024, 1024]));
    assert!(matches!(fails(&huge_claim), DataError::Truncated { expected_bytes: 0x1_0000_0000, .. }));
    // A table that is a bomb stops at the limit.
    let table = folder.write("table.csv", fs::read(&small_claim).unwrap());
    assert!(matches!(open(table.to_str().unwrap(), &tight).unwrap_err(), DataError::TooLarge { .. }));
    assert!(LARGEST.load(Relaxed) < MODEST_BYTES, "{}", LARGEST.load(Relaxed));
}

#[test]
fn zip_bombs_are_not_unpacked() {
    let folder = Folder::new();
    let zeros = |shape: &str, n: usize| zips::npz(&[("x", npy(&u8_header(shape), &vec![0; n]))]);
    // 32 MiB that a small array is in front of; an array over the limit; one that claims more than there is.
    let tail = folder.write("tail.npz", zeros("2, 2", 32 << 20));
    assert!(matches!(fails(&tail), DataError::Trailing { .. }));
    let tight = Options { max_bytes: 10 << 20, ..Options::default() };
    let large = folder.write("large.npz", zeros("32, 1048576", 32 << 20));
    assert!(matches!(open(large.to_str().unwrap(), &tight).unwrap_err(), DataError::TooLarge { claimed_bytes: 0x200_0000, .. }));
    let lies = folder.write("lies.npz", zeros("1048576, 1048576", 1 << 20));
    assert!(matches!(fails(&lies), DataError::Truncated { expected_bytes: 0x100_0000_0000, .. }));
    // The zip's own claim of its sizes is a claim too: at 22 to 26 of the local header, and in the list.
    let whole = zeros("4, 1024", 1 << 12);
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        let _ = open_path(&folder.write("flipped.npz", bytes)).map_err(|e| e.to_string());
        let _ = open_path(&folder.write("cut.npz", &whole[..at])).expect_err("a cut zip");
    }
    assert!(LARGEST.load(Relaxed) < MODEST_BYTES, "{}", LARGEST.load(Relaxed));
}

#[test]
fn damaged_gzip_is_an_error() {
    let folder = Folder::new();
    let noise: Vec<u8> = (0..4_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let whole = gz(&idx(&[40, 10, 10], &noise));
    assert!(open_path(&folder.write("whole.gz", &whole)).is_ok());
    let error = fails(&folder.write("cut.gz", &whole[..whole.len() / 2]));
    assert!(matches!(error, DataError::Truncated { .. }), "{error}");
    let mut flipped = whole.clone();
    let last = whole.len() - 6;
    flipped[last] ^= 1; // its checksum
    assert!(matches!(fails(&folder.write("checksum.gz", &flipped)), DataError::Corrupt { .. }));
    let tail: Vec<u8> = whole.iter().copied().chain([1, 2, 3]).collect();
    assert!(open_path(&folder.write("tail.gz", &tail)).is_err());
}

// ---- .npy

#[test]
fn npy_holds_levels_or_continuous_values() {
    let folder = Folder::new();
    let header = |kind: &str, shape: &str| format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}\n");
    let images = folder.write("levels.npy", npy(&header("|u1", "2, 2, 3"), &[0, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0]));
    let data = open_path(&images).unwrap();
    assert_eq!((data.shape(), data.n_rows(), data.levels()), ([2, 3, 1].as_slice(), 2, Some(4)));
    let with = |levels| open(images.to_str().unwrap(), &Options { levels: Some(levels), ..Options::default() });
    assert_eq!(with(8).unwrap().levels(), Some(8));
    assert!(matches!(with(1).unwrap_err(), DataError::Setting { key: "levels", .. }));
    let error = with(3).unwrap_err();
    assert!(matches!(error, DataError::Value { row: 0, column: 3, .. }), "{error}");

    let floats: Vec<u8> = [1.5_f32, -2.0, 0.0, 7.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    let data = open_path(&folder.write("f.npy", npy(&header("<f4", "2, 2"), &floats))).unwrap();
    assert_eq!((continuous(&data), data.shape(), data.levels()), (vec![1.5, -2.0, 0.0, 7.0], [2].as_slice(), None));
    let data = open_path(&folder.write("g.npy", npy(&header("<f4", "1, 2, 2, 1"), &floats))).unwrap();
    assert_eq!(data.image_shape(), Some([2, 2, 1]));
}

#[test]
fn npy_that_cannot_be_meant_is_an_error() {
    let folder = Folder::new();
    let case = |name: &str, header: &str, data: &[u8]| {
        let path = folder.write(name, npy(header, data));
        let error = fails(&path);
        assert!(error.to_string().contains(name), "{error}");
        error
    };
    case("f16.npy", "{'descr': '<f16', 'fortran_order': False, 'shape': (1, 1), }", &[0; 16]);
    case("order.npy", "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1, 1), }", &[0; 4]);
    case("rank.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (), }", &[0; 4]);
    case("sizes.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 2), }", &[0; 16]);
    case("none.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 2), }", &[]);
    case("words.npy", "no dictionary at all", &[]);
    let huge = "{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 9223372036854775807), }";
    case("huge.npy", huge, &[0; 16]);
    let short = case("short.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 2), }", &[0; 16]);
    assert!(matches!(short, DataError::Truncated { expected_bytes: 8_000_000_000, found_bytes: 16, .. }), "{short}");
    let long = case("long.npy", "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 2), }", &[0; 3]);
    assert!(matches!(long, DataError::Trailing { .. }), "{long}");
    let nan: Vec<u8> = [1.0, 2.0, 3.0, f32::NAN, 5.0, 6.0].iter().flat_map(|v: &f32| v.to_le_bytes()).collect();
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
    assert!(matches!(case("nan.npy", header, &nan), DataError::Value { row: 1, column: 0, .. }));
    let error = read_npy(&folder.path("nan.npy"), 1 << 20).unwrap_err();
    assert!(matches!(error, DataError::Value { row: 1, column: 0, .. }), "{error}");
    assert!(LARGEST.load(Relaxed) < MODEST_BYTES);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Any bytes behind any magic number: a data set or an error, never a panic, never much memory.
    #[test]
    fn no_bytes_panic(magic in 0..11_usize, bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let folder = Folder::new();
        let central = b"\0\0PK\x05\x06\0\0\0\0\x01\0\x01\0\x20\0\0\0\x10\0\0\0\0\0";
        let zipped = [zips::npz(&[("x", npy(&u8_header("2, 2"), &bytes[..bytes.len().min(4)]))]).as_slice(), &bytes, central].concat();
        let starts: [(&str, &[u8]); 11] = [
            ("a.npz", &zipped),
            ("b.npz", b"PK\x03\x04"),
            ("b.idx", &[0, 0, 0x0e, 2, 0, 0, 0, 2, 0, 0, 0, 1]),
            ("f.npy", b"\x93NUMPY\x01\x00\x40\x00{'descr': '>f2', 'fortran_order': True, 'shape': (2, 3), }"),
            ("h.npy", b"\x93NUMPY\x03\x00\x40\x00\x00\x00{'descr': '"),
            ("a.pkl", &[0x80, 4]),
            ("a.idx", [0, 0, 8, 3].as_slice()),
            ("a.npy", b"\x93NUMPY\x01\x00\x40\x00{'descr': '|u1', 'fortran_order': False, 'shape': ("),
            ("a.csv", b"1,2\n"),
            ("a.bin", b""),
            ("a.gz", &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]),
        ];
        let (name, start) = starts[magic];
        let path = folder.write(name, [start, &bytes].concat());
        let _ = open_path(&path).map_err(|e| e.to_string());
        prop_assert!(LARGEST.load(Relaxed) < MODEST_BYTES);
    }

    /// The same for pictures.
    #[test]
    fn no_picture_panics(at in 8..200_usize, flip in 1..=255_u8, cut in 0..200_usize) {
        let folder = Folder::new();
        let mut bytes = picture_bytes(ImageFormat::Png);
        let at = at % bytes.len();
        bytes[at] ^= flip;
        bytes.truncate(bytes.len().saturating_sub(cut));
        folder.write("x.png", bytes);
        let _ = open_path(folder.0.path()).map_err(|e| e.to_string());
        prop_assert!(LARGEST.load(Relaxed) < MODEST_BYTES);
    }
}

// ---- CIFAR-10

#[test]
fn cifar_planes_become_pixels() {
    let folder = Folder::new();
    let record = |label: u8, red: u8| -> Vec<u8> {
        std::iter::once(label).chain([red; 1024]).chain([2; 1024]).chain((0..1024).map(|p| p as u8)).collect()
    };
    let one = folder.write("data_batch_1.bin", [record(3, 1), record(9, 5)].concat());
    folder.write("test_batch.bin", record(0, 7));
    let data = open_path(folder.0.path()).unwrap();
    assert_eq!((data.shape(), data.labels()), ([32, 32, 3].as_slice(), Some([3, 9, 0].as_slice())));
    assert_eq!(&levels(&data)[..6], [1, 2, 0, 1, 2, 1]);
    assert_eq!(data.rows(Split::Test).unwrap(), [2]);
    assert_eq!(open_path(&one).unwrap().n_rows(), 2);
    let error = fails(&folder.write("short.bin", &record(0, 0)[1..]));
    assert!(matches!(error, DataError::Truncated { expected_bytes: 3073, found_bytes: 3072, .. }), "{error}");
    assert!(matches!(fails(&folder.write("label.bin", record(10, 0))), DataError::Value { row: 0, .. }));
}

// ---- pictures

#[test]
fn a_picture_that_claims_too_much_is_refused_before_memory_is_taken() {
    let folder = Folder::new();
    for side in [20_000_u32, 1 << 20] {
        let mut bytes = picture_bytes(ImageFormat::Png);
        bytes[16..20].copy_from_slice(&side.to_be_bytes());
        bytes[20..24].copy_from_slice(&side.to_be_bytes());
        let mut crc = flate2::Crc::new();
        crc.update(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&crc.sum().to_be_bytes());
        folder.write("vast.png", bytes);
        let error = fails(folder.0.path());
        assert!(error.to_string().contains("vast.png"), "{error}");
    }
    let good = Folder::new();
    (0..8).for_each(|n| drop(good.write(&format!("{n}.png"), picture_bytes(ImageFormat::Png))));
    let tight = Options { size: Some(64), max_bytes: 8 * 64 * 64 * 3 - 1, ..Options::default() };
    assert!(matches!(open(good.0.path().to_str().unwrap(), &tight).unwrap_err(), DataError::TooLarge { .. }));
    assert!(LARGEST.load(Relaxed) < MODEST_BYTES);
}

#[test]
fn what_is_no_data_says_what_would_be() {
    let folder = Folder::new();
    assert!(fails(folder.0.path()).to_string().contains("expected images (png, jpg,"));
    assert!(fails(&folder.write("readme.md", "words")).to_string().contains("IDX"));
    assert!(matches!(fails(&folder.path("missing.npy")), DataError::NotFound { .. }));
    assert!(matches!(fails(&folder.path("gone.png")), DataError::NotFound { .. }));
}

// ---- CelebA

#[test]
fn celeba_attributes_are_factors() {
    let folder = Folder::new();
    folder.write("img_align_celeba/1.jpg", picture_bytes(ImageFormat::Jpeg));
    folder.write("img_align_celeba/2.jpg", picture_bytes(ImageFormat::Jpeg));
    let list = |text: &str| drop(folder.write("list_attr_celeba.txt", text));
    list("2\nBald Young\n1.jpg -1  1\n2.jpg  1 -1\n");
    // One size, but never kept: so many of 178x218 are too large.
    assert_eq!(open_path(folder.0.path()).unwrap().shape(), [64, 64, 3]);
    let data = open(folder.0.path().to_str().unwrap(), &Options { size: Some(8), ..Options::default() }).unwrap();
    assert_eq!(data.factor("Bald").unwrap().of_row, [0, 1]);
    assert_eq!(data.factor("Young").unwrap().of_row, [1, 0]);
    for (text, part) in [
        ("3\nBald\n1.jpg 1\n2.jpg 1\n", "`3` images"),
        ("1\nBald\n1.jpg 0\n", "1 or -1"),
        ("1\nBald Young\n1.jpg 1\n", "has 1 values"),
        ("1\nBald\n../1.jpg 1\n", "the name of an image"),
        ("1\nBald\n3.jpg 1\n", "1 missing: 3.jpg"),
        ("0\nBald\n", "no images"),
        ("", "images"),
    ] {
        list(text);
        let error = fails(folder.0.path()).to_string();
        assert!(error.contains(part), "{text:?}: {error}");
    }
}

// ---- data sets made by callers

#[test]
fn rows_that_contradict_their_shape_are_errors() {
    let bytes = |n: usize, levels| Values::Levels { data: vec![1; n].into(), levels };
    assert!(matches!(Dataset::new("d", &[2, 2, 1], bytes(9, 256)).unwrap_err(), DataError::RowLength { row: 2, .. }));
    assert!(matches!(Dataset::new("d", &[2, 2], bytes(8, 256)).unwrap_err(), DataError::Format { .. }));
    assert!(matches!(Dataset::new("d", &[0], bytes(8, 256)).unwrap_err(), DataError::Format { .. }));
    assert!(matches!(Dataset::new("d", &[usize::MAX, 2, 2], bytes(8, 256)).unwrap_err(), DataError::Format { .. }));
    assert!(matches!(Dataset::new("d", &[4], bytes(0, 256)).unwrap_err(), DataError::Empty { .. }));
    assert!(matches!(Dataset::new("d", &[4], bytes(8, 1)).unwrap_err(), DataError::Setting { key: "levels", .. }));
    assert!(matches!(Dataset::new("d", &[4], bytes(8, 257)).unwrap_err(), DataError::Setting { key: "levels", .. }));
    let three = Values::Levels { data: vec![0, 1, 2, 3].into(), levels: 3 };
    assert!(matches!(Dataset::new("d", &[2], three).unwrap_err(), DataError::Value { row: 1, column: 1, .. }));
    let data = || Dataset::new("d", &[4], bytes(8, 2)).unwrap();
    let error = data().with_labels(vec![0, 2], vec!["a".into(), "b".into()], "l").unwrap_err();
    assert!(matches!(error, DataError::Value { row: 1, .. }), "{error}");
    assert!(matches!(
        data().with_captions(Captions::default()).unwrap_err(),
        DataError::LabelCount { expected: 2, found: 0, .. }
    ));
    assert!(matches!(data().with_test_rows(vec![true]).unwrap_err(), DataError::LabelCount { .. }));
}
