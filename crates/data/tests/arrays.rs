//! Arrays of numbers: every type, order and version; what becomes of their sizes and values.

mod common;
#[path = "common/arrays.rs"]
mod made;

use calotype_data::{
    DataError, Dataset, Encoding, Layout, Options, Preparation, Prepared, Range, Result, Values, open, read_npy, write_npy_f64,
};

use common::{Folder, continuous, fails, open_path};
use made::{npy, npy_f32, npy_f64, npy_i64, npy_of};

/// Type, bytes of six elements, their values. The bytes are `numpy.array(values, dtype=...).tobytes()`.
#[rustfmt::skip]
const ELEMENTS: &[(&str, &[u8], [f64; 6])] = &[
        ("|b1", &[0, 1, 1, 0, 1, 0], [0.0, 1.0, 1.0, 0.0, 1.0, 0.0]),
        ("|i1", &[0, 1, 254, 3, 100, 128], [0.0, 1.0, -2.0, 3.0, 100.0, -128.0]),
        ("<i2", &[0, 0, 1, 0, 254, 255, 3, 0, 100, 0, 128, 255], [0.0, 1.0, -2.0, 3.0, 100.0, -128.0]),
        (">i2", &[0, 0, 0, 1, 255, 254, 0, 3, 0, 100, 255, 128], [0.0, 1.0, -2.0, 3.0, 100.0, -128.0]),
        ("<i4", &[0, 0, 0, 0, 1, 0, 0, 0, 254, 255, 255, 255, 3, 0, 0, 0, 100, 0, 0, 0, 128, 255, 255, 255], [0.0, 1.0, -2.0, 3.0, 100.0, -128.0]),
        (">i4", &[0, 0, 0, 0, 0, 0, 0, 1, 255, 255, 255, 254, 0, 0, 0, 3, 0, 0, 0, 100, 255, 255, 255, 128], [0.0, 1.0, -2.0, 3.0, 100.0, -128.0]),
        ("<i8", &[0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 254, 255, 255, 255, 255, 255, 255, 255, 3, 0, 0, 0, 0, 0, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0, 128, 255, 255, 255, 255, 255, 255, 255], [0.0, 1.0, -2.0, 3.0, 100.0, -128.0]),
        (">i8", &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 255, 255, 255, 255, 255, 255, 255, 254, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 100, 255, 255, 255, 255, 255, 255, 255, 128], [0.0, 1.0, -2.0, 3.0, 100.0, -128.0]),
        ("|u1", &[0, 1, 2, 3, 100, 255], [0.0, 1.0, 2.0, 3.0, 100.0, 255.0]),
        ("<u2", &[0, 0, 1, 0, 2, 0, 3, 0, 100, 0, 255, 0], [0.0, 1.0, 2.0, 3.0, 100.0, 255.0]),
        (">u2", &[0, 0, 0, 1, 0, 2, 0, 3, 0, 100, 0, 255], [0.0, 1.0, 2.0, 3.0, 100.0, 255.0]),
        ("<u4", &[0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 100, 0, 0, 0, 255, 0, 0, 0], [0.0, 1.0, 2.0, 3.0, 100.0, 255.0]),
        (">u4", &[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 100, 0, 0, 0, 255], [0.0, 1.0, 2.0, 3.0, 100.0, 255.0]),
        ("<u8", &[0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 0], [0.0, 1.0, 2.0, 3.0, 100.0, 255.0]),
        (">u8", &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0, 255], [0.0, 1.0, 2.0, 3.0, 100.0, 255.0]),
        ("<f2", &[0, 0, 0, 62, 0, 192, 0, 52, 64, 86, 0, 176], [0.0, 1.5, -2.0, 0.25, 100.0, -0.125]),
        (">f2", &[0, 0, 62, 0, 192, 0, 52, 0, 86, 64, 176, 0], [0.0, 1.5, -2.0, 0.25, 100.0, -0.125]),
        ("<f4", &[0, 0, 0, 0, 0, 0, 192, 63, 0, 0, 0, 192, 0, 0, 128, 62, 0, 0, 200, 66, 0, 0, 0, 190], [0.0, 1.5, -2.0, 0.25, 100.0, -0.125]),
        (">f4", &[0, 0, 0, 0, 63, 192, 0, 0, 192, 0, 0, 0, 62, 128, 0, 0, 66, 200, 0, 0, 190, 0, 0, 0], [0.0, 1.5, -2.0, 0.25, 100.0, -0.125]),
        ("<f8", &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 248, 63, 0, 0, 0, 0, 0, 0, 0, 192, 0, 0, 0, 0, 0, 0, 208, 63, 0, 0, 0, 0, 0, 0, 89, 64, 0, 0, 0, 0, 0, 0, 192, 191], [0.0, 1.5, -2.0, 0.25, 100.0, -0.125]),
        (">f8", &[0, 0, 0, 0, 0, 0, 0, 0, 63, 248, 0, 0, 0, 0, 0, 0, 192, 0, 0, 0, 0, 0, 0, 0, 63, 208, 0, 0, 0, 0, 0, 0, 64, 89, 0, 0, 0, 0, 0, 0, 191, 192, 0, 0, 0, 0, 0, 0], [0.0, 1.5, -2.0, 0.25, 100.0, -0.125]),
];

fn values(data: &Dataset) -> Vec<f64> {
    (0..data.values().len()).map(|at| data.values().get(at)).collect()
}

fn levels(data: &Dataset) -> (&[u8], u32) {
    match data.values() {
        Values::Levels { data, levels } => (data, *levels),
        _ => panic!("continuous"),
    }
}

fn with(folder: &Folder, bytes: Vec<u8>, options: Options) -> Result<Dataset> {
    open(folder.write("a.npy", bytes).to_str().unwrap(), &options)
}

fn auto(bytes: Vec<u8>) -> Dataset {
    with(&Folder::new(), bytes, Options::default()).unwrap()
}

fn ranged(bytes: Vec<u8>, range: Range) -> Result<Dataset> {
    with(&Folder::new(), bytes, Options { range: Some(range), ..Options::default() })
}

fn said(data: &Dataset, words: &str) {
    assert!(data.notes().iter().any(|note| note.contains(words)), "{words}: {:?}", data.notes());
}

#[test]
fn every_type_in_every_version_and_order_has_its_values() {
    let folder = Folder::new();
    for (descr, bytes, expected) in ELEMENTS {
        let size = bytes.len() / 6;
        // [2, 3] in Fortran order: columns first.
        let columns: Vec<u8> = [0, 3, 1, 4, 2, 5].iter().flat_map(|&at| &bytes[at * size..(at + 1) * size]).copied().collect();
        for version in 1..=3 {
            let c = folder.write("c.npy", npy_of(version, descr, false, "2, 3", bytes));
            let f = folder.write("f.npy", npy_of(version, descr, true, "2, 3", &columns));
            for path in [&c, &f] {
                let data = open_path(path).unwrap();
                assert_eq!((values(&data), data.shape()), (expected.to_vec(), [3].as_slice()), "{descr} {version}");
                let single: Vec<f32> = expected.iter().map(|&v| v as f32).collect();
                let array = read_npy(path, 1 << 20).unwrap();
                assert_eq!((array.data, array.shape), (single, vec![2, 3]), "{descr} {version}");
            }
        }
        let kind = open_path(&folder.path("c.npy")).unwrap();
        let expected = match &descr[1..2] {
            "b" => Some(2),
            "u" => Some(256),
            _ => None,
        };
        assert_eq!(kind.levels(), expected, "{descr}");
        let cut = folder.write("cut.npy", npy_of(1, descr, false, "2, 3", &bytes[..bytes.len() - 1]));
        assert!(matches!(fails(&cut), DataError::Truncated { .. }), "{descr}");
        let more = folder.write("more.npy", npy_of(1, descr, false, "2, 3", &[bytes, [0].as_slice()].concat()));
        assert!(matches!(fails(&more), DataError::Trailing { .. }), "{descr}");
    }
}

/// More elements than are read at once, with the first that is no level after that.
#[test]
fn large_arrays_are_read_part_by_part() {
    let n = 70_000;
    let numbers: Vec<i64> = (0..n).map(|i| if i == 60_000 { -5 } else { i % 256 }).collect();
    assert_eq!(values(&auto(npy_i64(&[n as usize, 1], &numbers))), numbers.iter().map(|&v| v as f64).collect::<Vec<_>>());
    let bytes: Vec<u8> = numbers.iter().map(|&v| v as u8).collect();
    assert_eq!(levels(&auto(npy("|u1", &[n as usize / 2, 2], &bytes))).0, bytes);
    // Three dimensions in Fortran order: element (i, j, k) is i + 100 j + 10000 k.
    let fortran: Vec<u8> = (0..100 * 100 * 4).map(|i: u32| (i % 251) as u8).collect();
    let data = auto(npy_of(1, "|u1", true, "100, 100, 4", &fortran));
    let at = |i: usize, j: usize, k: usize| levels(&data).0[(i * 100 + j) * 4 + k];
    for (i, j, k) in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (99, 98, 3), (17, 60, 2)] {
        assert_eq!(at(i, j, k), ((i + 100 * j + 10_000 * k) % 251) as u8);
    }
}

#[test]
fn no_digit_of_f64_is_lost() {
    let seconds: Vec<f64> = (0..1000).map(|i| 1.7e9 + f64::from(i) + 0.123).collect();
    let data = auto(npy_f64(&[1000], &seconds));
    assert_eq!((values(&data), data.shape()), (seconds, [1].as_slice()));
    said(&data, "1000 rows of one value");
    assert!(matches!(data.values(), Values::Double(_)));
    assert!(matches!(auto(npy_f32(&[1, 2], &[0.5, 2.0])).values(), Values::Continuous(_)));
    // Whole numbers lose some from 2^53 on, and that is said.
    let most = 1_i64 << 53;
    assert!(auto(npy_i64(&[1, 2], &[most, -most])).notes().is_empty());
    said(&auto(npy_i64(&[1, 2], &[most + 2, 0])), "int64 lose their last digits");
}

#[test]
fn whole_numbers_of_a_byte_are_levels_and_others_continuous() {
    let data = auto(npy_i64(&[2, 3], &[0, 1, 2, 3, 4, 16]));
    assert_eq!((levels(&data), data.range()), (([0, 1, 2, 3, 4, 16].as_slice(), 17), None));
    assert_eq!(levels(&auto(npy("|b1", &[2, 2], &[0, 0, 0, 0]))).1, 2);
    let data = auto(npy_i64(&[2, 3], &[0, 1, 2, 3, 4, 256]));
    assert!(matches!(data.values(), Values::Double(v) if v[5] == 256.0));
    let with_levels = |n| with(&Folder::new(), npy_i64(&[1, 2], &[0, 16]), Options { levels: Some(n), ..Options::default() });
    assert_eq!(levels(&with_levels(32).unwrap()).1, 32);
    assert!(matches!(with_levels(16).unwrap_err(), DataError::Value { column: 1, .. }));
    let beyond = with(&Folder::new(), npy_i64(&[1, 2], &[0, -1]), Options { levels: Some(9), ..Options::default() });
    let error = beyond.unwrap_err().to_string();
    assert!(error.contains("column 1") && error.contains("0 to 8"), "{error}");
}

#[test]
fn channels_are_found_by_the_sizes() {
    let layout = |layout| Options { layout: Some(layout), ..Options::default() };
    let bytes: Vec<u8> = (0..24).collect();
    let folder = Folder::new();
    // [1, 3, 2, 4]: three planes.
    let data = auto(npy("|u1", &[1, 3, 2, 4], &bytes));
    assert_eq!((data.shape(), &levels(&data).0[..6]), ([2, 4, 3].as_slice(), [0, 8, 16, 1, 9, 17].as_slice()));
    said(&data, "[N, C, H, W]");
    said(&data, "--set layout=nhwc");
    // The same of two rows of one plane.
    let data = auto(npy("|u1", &[2, 1, 3, 4], &bytes));
    assert_eq!((data.shape(), levels(&data).0), ([3, 4, 1].as_slice(), bytes.as_slice()));
    // The channels last: nothing is said; both may be: [N, H, W, C], and it is.
    let data = auto(npy("|u1", &[1, 4, 2, 3], &bytes));
    assert_eq!((data.shape(), levels(&data).0, data.notes().len()), ([4, 2, 3].as_slice(), bytes.as_slice(), 0));
    let either = || npy("|u1", &[1, 3, 2, 3], &bytes[..18]);
    let data = auto(either());
    assert_eq!(data.shape(), [3, 2, 3]);
    said(&data, "may be either");
    let data = with(&folder, either(), layout(Layout::Nchw)).unwrap();
    assert_eq!((data.shape(), &levels(&data).0[..3]), ([2, 3, 3].as_slice(), [0, 6, 12].as_slice()));
    assert!(data.notes().is_empty(), "{:?}", data.notes());
    assert_eq!(with(&folder, either(), layout(Layout::Nhwc)).unwrap().shape(), [3, 2, 3]);
    // Two channels are none; four first are, if it is said.
    let error = with(&folder, npy("|u1", &[1, 3, 4, 2], &bytes), layout(Layout::Nhwc)).unwrap_err().to_string();
    assert!(error.contains("2 channels") && error.contains("--set layout=nchw"), "{error}");
    let error = with(&folder, npy("|u1", &[1, 4, 3, 2], &bytes), Options::default()).unwrap_err().to_string();
    assert!(error.contains("--set layout=nchw"), "{error}");
    assert_eq!(with(&folder, npy("|u1", &[1, 4, 3, 2], &bytes), layout(Layout::Nchw)).unwrap().shape(), [3, 2, 3]);
    let error = with(&folder, npy("|u1", &[2, 2, 3, 2], &bytes), Options::default()).unwrap_err().to_string();
    assert!(error.contains("a.reshape(len(a), -1)") && !error.contains("layout="), "{error}");
    // Channels that come first, though not of a number that an image has.
    for (sizes, remedy) in [
        ([1, 2, 5, 6], "2 channels in [N, 2, 5, 6] as [N, C, H, W]; save the channel wanted (`a[:, :1]`)"),
        ([1, 2, 2, 6], "6 channels in [N, 2, 2, 6] as [N, H, W, C]; save the channels wanted (`a[..., :3]` or `a[..., :1]`)"),
        ([1, 3, 4, 2], "use --set layout=nchw"),
        ([1, 4, 3, 2], "use --set layout=nchw"),
        ([2, 2, 3, 2], "save the channel wanted (`a[..., :1]`)"),
    ] {
        let options = if sizes == [1, 3, 4, 2] { layout(Layout::Nhwc) } else { Options::default() };
        let error = with(&folder, npy("|u1", &sizes, &vec![0; sizes.iter().product()]), options).unwrap_err().to_string();
        assert!(error.contains(remedy), "{error}");
    }
    let error = with(&folder, npy("|u1", &[], &bytes[..1]), Options::default()).unwrap_err().to_string();
    assert!(error.contains("`a.reshape(1, 1)`"), "{error}");
    // One picture that was saved as it is.
    let one = auto(npy("|u1", &[5, 6, 3], &[1; 90]));
    assert_eq!((one.n_rows(), one.shape()), (5, [6, 3, 1].as_slice()));
    said(&one, "one RGB image of 5x6, save it as [1, 5, 6, 3]: `a[None]`");
    for sizes in [[4, 6, 3], [5, 4, 3], [5, 6, 2]] {
        assert!(auto(npy("|u1", &sizes, &vec![1; sizes.iter().product()])).notes().is_empty(), "{sizes:?}");
    }
    for sizes in [vec![], vec![1, 2, 3, 2, 2]] {
        let n = sizes.iter().product();
        let error = with(&folder, npy("|u1", &sizes, &bytes[..n]), Options::default()).unwrap_err().to_string();
        assert!(error.contains("shape [N], [N, D]"), "{error}");
    }
}

/// A dark file has the levels of a bright one.
#[test]
fn images_of_many_levels_have_256() {
    let folder = Folder::new();
    for most in [64, 199, 254] {
        for bytes in [npy("|u1", &[1, 1, 2], &[0, most]), npy_i64(&[1, 1, 1, 2], &[0, most.into()])] {
            let options = Options { layout: Some(Layout::Nchw), ..Options::default() };
            let data = with(&folder, bytes, options).unwrap();
            assert_eq!(levels(&data), ([0, most].as_slice(), 256));
            said(&data, &format!("--set levels={}", u32::from(most) + 1));
        }
    }
    for (most, n) in [(63, 64), (255, 256), (0, 2)] {
        let data = auto(npy("|u1", &[1, 1, 2], &[0, most]));
        assert_eq!((levels(&data).1, data.notes().len()), (n, 0));
    }
    let said_so = with(&folder, npy("|u1", &[1, 1, 2], &[0, 199]), Options { levels: Some(200), ..Options::default() }).unwrap();
    assert_eq!((levels(&said_so).1, said_so.notes().len()), (200, 0));
    // Rows of vectors have what is in them.
    assert_eq!(levels(&auto(npy("|u1", &[1, 2], &[0, 199]))).1, 200);
}

/// As a PNG of the same pixels is.
#[test]
fn four_channels_are_laid_on_white() {
    let rgba = [0, 0, 0, 0, 0, 0, 0, 255, 0, 10, 255, 51, 7, 8, 9, 255];
    let data = auto(npy("|u1", &[1, 2, 2, 4], &rgba));
    let white = [255, 255, 255, 0, 0, 0, 204, 206, 255, 7, 8, 9];
    assert_eq!((levels(&data), data.shape()), ((white.as_slice(), 256), [2, 2, 3].as_slice()));
    said(&data, "laid on white");
    let folder = Folder::new();
    let picture = image::RgbaImage::from_raw(2, 2, rgba.to_vec()).unwrap();
    picture.save(folder.path("a.png")).unwrap();
    assert_eq!(levels(&open_path(folder.0.path()).unwrap()).0, white);
    // All but opaque: levels are 256 although none reaches 255.
    assert_eq!(levels(&auto(npy("|u1", &[1, 2, 1, 4], &[0, 0, 0, 51].repeat(2)))), ([204; 6].as_slice(), 256));
    let data = auto(npy_f32(&[1, 2, 1, 4], &[0.5, 0.0, 1.0, 0.5, 0.25, 0.5, 0.75, 1.0]));
    assert_eq!(continuous(&data), [0.75, 0.5, 1.0, 0.25, 0.5, 0.75]);
    let error =
        with(&folder, npy_f32(&[2, 2, 1, 4], &[0.5, 0.0, 300.0, 1.0].repeat(4)), Options::default()).unwrap_err().to_string();
    assert!(error.contains("--set range=0..300"), "{error}");
    assert!(ranged(npy_f32(&[2, 2, 1, 4], &[0.5, 0.0, 300.0, 1.0].repeat(4)), Range::Between(0.0, 300.0)).is_ok());
}

#[test]
fn the_range_of_images_is_seen_by_their_values() {
    let image = |values: [f32; 4]| auto(npy_f32(&[1, 2, 2], &values));
    let between = |low, high| Some(Range::Between(low, high));
    let unit = image([0.0, 0.5, 0.25, 1.0]);
    assert_eq!((continuous(&unit), unit.range(), unit.notes().len()), (vec![0.0, 0.5, 0.25, 1.0], between(0.0, 1.0), 0));
    // Bits in f32 are as they were.
    assert_eq!(continuous(&image([0.0, 1.0, 1.0, 0.0])), [0.0, 1.0, 1.0, 0.0]);
    let whole = image([0.0, 17.0, 255.0, 3.0]);
    assert_eq!((levels(&whole), whole.range()), (([0, 17, 255, 3].as_slice(), 256), between(0.0, 255.0)));
    said(&whole, "taken for levels of 256");
    said(&image([0.0, 16.0, 2.0, 3.0]), "use --set range=0..16");
    let fewer = ranged(npy_f32(&[1, 2, 2], &[0.0, 16.0, 2.0, 3.0]), Range::Between(0.0, 16.0)).unwrap();
    assert_eq!(levels(&fewer), ([0, 16, 2, 3].as_slice(), 17));
    let parts = image([0.0, 51.0, 127.5, 3.0]);
    assert_eq!((parts.range(), &continuous(&parts)[..3]), (between(0.0, 255.0), [0.0, f64::from(0.2_f32), 0.5].as_slice()));
    said(&parts, "divided by 255");
    said(&parts, "--set range=0..127.5");
    let signed = image([-1.0, 0.0, 0.5, 1.0]);
    assert_eq!((continuous(&signed), signed.range()), (vec![0.0, 0.5, 0.75, 1.0], between(-1.0, 1.0)));
    said(&signed, "-1..1 became 0..1");
    let other = image([-1024.5, 0.0, 3071.25, 0.1]);
    assert_eq!((continuous(&other), other.range()), (vec![-1024.5, 0.0, 3071.25, f64::from(0.1_f32)], Some(Range::Raw)));
    said(&other, "--set range=-1024.5..3071.25");
    // Whole numbers of other types too: 12 bits of a sensor, spins.
    let sensor = auto(npy_i64(&[1, 1, 2], &[0, 4095]));
    assert_eq!((continuous(&sensor), sensor.range()), (vec![0.0, 4095.0], Some(Range::Raw)));
    assert_eq!(continuous(&auto(npy("|i1", &[1, 1, 2], &[255, 1]))), [0.0, 1.0]);
    // And f64.
    assert_eq!(continuous(&auto(npy_f64(&[1, 1, 2], &[-1.0, 0.0]))), [0.0, 0.5]);
    // Rows of vectors stay as they are.
    let rows = auto(npy_f32(&[2, 2], &[0.0, 17.0, 255.0, 3.0]));
    assert_eq!((continuous(&rows), rows.range()), (vec![0.0, 17.0, 255.0, 3.0], Some(Range::Raw)));
}

#[test]
fn a_given_range_becomes_0_to_1() {
    let sensor = || npy_i64(&[1, 1, 3], &[0, 1024, 4096]);
    let data = ranged(sensor(), Range::Between(0.0, 4096.0)).unwrap();
    assert_eq!((continuous(&data), data.range()), (vec![0.0, 0.25, 1.0], Some(Range::Between(0.0, 4096.0))));
    let error = ranged(sensor(), Range::Between(1.0, 1024.0)).unwrap_err().to_string();
    for part in ["column 0", "found 0", "2 of 3", "range=0..4096"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert_eq!(continuous(&ranged(npy_f32(&[1, 1, 2], &[0.0, 51.5]), Range::Raw).unwrap()), [0.0, 51.5]);
    assert_eq!(continuous(&ranged(npy_i64(&[1, 1, 2], &[0, 51]), Range::Raw).unwrap()), [0.0, 51.0]);
    // Few whole numbers from 0 are levels, the same values.
    let data = ranged(npy_f32(&[1, 1, 3], &[0.0, 16.0, 4.0]), Range::Between(0.0, 16.0)).unwrap();
    assert_eq!(levels(&data), ([0, 16, 4].as_slice(), 17));
    // Rows too, in f64.
    let data = ranged(npy_f64(&[1, 3], &[1e9, 1e9 + 1.0, 1e9 + 4.0]), Range::Between(1e9, 1e9 + 4.0)).unwrap();
    assert_eq!(values(&data), [0.0, 0.25, 1.0]);
    // Levels by their type have no range, and it is said.
    let data = ranged(npy("|u1", &[1, 1, 2], &[3, 7]), Range::Between(0.0, 7.0)).unwrap();
    assert_eq!(levels(&data), ([3, 7].as_slice(), 8));
    said(&data, "range has no effect on uint8");
    let both = Options { range: Some(Range::Between(0.0, 255.0)), levels: Some(17), ..Options::default() };
    let error = with(&Folder::new(), npy_f32(&[1, 1, 1], &[3.0]), both).unwrap_err();
    assert!(matches!(error, DataError::Setting { key: "levels", .. }), "{error}");
}

/// Opened again with what was found, as a run does, data are the same; other data are mapped as they were.
#[test]
fn what_was_found_holds_for_other_files() {
    let made: [(&[f32], &[f32], &[f64]); 4] = [
        (&[0.0, 17.0, 255.0], &[0.0, 51.0, 12.75], &[0.0, 0.2, 0.05]),
        (&[0.0, 17.5, 255.0], &[0.0, 0.0, 51.0], &[0.0, 0.0, 51.0]),
        (&[-1.0, 0.0, 1.0], &[0.0, 0.5, 1.0], &[0.5, 0.75, 1.0]),
        (&[-3.0, 0.0, 1.0], &[0.0, 128.0, 255.0], &[0.0, 128.0, 255.0]),
    ];
    for (first, second, expected) in made {
        let data = auto(npy_f32(&[1, 1, 3], first));
        let again = Options { levels: data.levels(), range: data.range(), ..Options::default() };
        let reopened = with(&Folder::new(), npy_f32(&[1, 1, 3], first), again.clone()).unwrap();
        assert_eq!(reopened.content_hash(), data.content_hash(), "{first:?}");
        let other = with(&Folder::new(), npy_f32(&[1, 1, 3], second), Options { levels: None, ..again }).unwrap();
        assert!(values(&other).iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{first:?}: {:?}", values(&other));
    }
    // Levels that were asked for of floating point: the second file has the same white.
    let asked = Options { levels: Some(17), ..Options::default() };
    let data = with(&Folder::new(), npy_f32(&[1, 1, 3], &[0.0, 4.0, 16.0]), asked).unwrap();
    assert_eq!((levels(&data).1, data.range()), (17, Some(Range::Between(0.0, 16.0))));
    let other = ranged(npy_f32(&[1, 1, 3], &[0.0, 4.0, 8.0]), data.range().unwrap()).unwrap();
    assert_eq!(levels(&other), ([0, 4, 8].as_slice(), 17));
    for (low, high, bits) in [(0.0, 1.0, 2), (0.0, 3.0, 4)] {
        let asked = Options { levels: Some(bits), ..Options::default() };
        let bytes = || npy_f32(&[1, 2], &[low, high]);
        let data = with(&Folder::new(), bytes(), asked.clone()).unwrap();
        let again = with(&Folder::new(), bytes(), Options { range: data.range(), ..asked }).unwrap();
        assert_eq!((again.content_hash(), levels(&again).1), (data.content_hash(), bits));
    }
}

/// The remedy of a refusal is one that works.
#[test]
fn values_that_cannot_be_prepared_are_refused_with_the_setting_that_helps() {
    let folder = Folder::new();
    let path = folder.write("ct.npy", npy_f32(&[2, 2, 2], &[-1024.0, 0.1, 3071.0, 0.0, 1.0, 2.0, 3.0, 4.0]));
    let open_with = |range| open(path.to_str().unwrap(), &Options { range, ..Options::default() }).unwrap();
    let wanted = [
        Preparation { encoding: Encoding::Signed, ..Preparation::default() },
        Preparation { encoding: Encoding::Standard, size: Some(4), ..Preparation::default() },
    ];
    for preparation in wanted {
        let error = Prepared::new(&open_with(None), &preparation).unwrap_err().to_string();
        let remedy = error.split("--set range=").nth(1).expect("a range").trim().to_owned();
        assert_eq!(remedy, "-1024..3071", "{error}");
        let data = open_with(Some(remedy.parse().unwrap()));
        Prepared::new(&data, &preparation).unwrap();
    }
    let raw = Preparation { encoding: Encoding::Standard, ..Preparation::default() };
    Prepared::new(&open_with(None), &raw).unwrap();
    // All of one value.
    let path = folder.write("five.npy", npy_f32(&[1, 1, 2], &[-5.5, -5.5]));
    let flat = open_path(&path).unwrap();
    let error = Prepared::new(&flat, &Preparation::default()).unwrap_err().to_string();
    assert!(error.contains("--set range=-5.5..0"), "{error}");
    // A value whose shortest form is above it as f64.
    let path = folder.write("tenth.npy", npy_f32(&[1, 2], &[0.1, -0.1]));
    let error = Prepared::new(&open_path(&path).unwrap(), &Preparation::default()).unwrap_err().to_string();
    let range = error.split("--set range=").nth(1).expect("a range").parse().unwrap();
    let data = open(path.to_str().unwrap(), &Options { range: Some(range), ..Options::default() }).unwrap();
    assert_eq!(values(&data), [1.0, 0.0]);
}

#[test]
fn elements_that_are_no_numbers_are_named_with_what_helps() {
    for (descr, name, call) in [
        ("|O", "Python objects, saved with pickle", "numpy.stack(a).astype('float64')"),
        ("<c16", "complex", "numpy.stack([a.real, a.imag], -1)"),
        ("<U5", "words", "numpy.unique(a, return_inverse=True)[1]"),
        ("|S3", "words", "astype('float64')"),
        ("<M8[ns]", "dates", "a.astype('int64')"),
        ("<f16", "long floating point", "a.astype('float64')"),
        ("|V8", "`|V8`", "a.astype('float64')"),
    ] {
        let error = with(&Folder::new(), npy(descr, &[1, 1], &[0; 16]), Options::default()).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains(call), "{error}");
    }
    let header = "{'descr': [('a', '<f8'), ('b', '<i4')], 'fortran_order': False, 'shape': (1,), }\n";
    let bytes = [b"\x93NUMPY\x01\x00".as_slice(), &(header.len() as u16).to_le_bytes(), header.as_bytes(), &[0; 12]].concat();
    let error = with(&Folder::new(), bytes, Options::default()).unwrap_err().to_string();
    assert!(error.contains("named fields") && error.contains("structured_to_unstructured"), "{error}");
    assert!(error.contains("after `import numpy.lib.recfunctions`"), "{error}");
    // Objects are words or rows of unequal length as well: these calls were tried with NumPy 2.4.
    let error = with(&Folder::new(), npy("|O", &[1, 1], &[0; 16]), Options::default()).unwrap_err().to_string();
    for call in ["numpy.unique(a.astype(str), return_inverse=True)[1]", "numpy.stack([row[:min(map(len, a))] for row in a])"] {
        assert!(error.contains(call), "{error}");
    }
}

#[test]
fn classes_come_from_a_file_beside() {
    let folder = Folder::new();
    let label = |name: &str| Options { label: Some(name.into()), ..Options::default() };
    let path = folder.write("x.npy", npy("|u1", &[3, 2], &[0, 1, 2, 3, 4, 5]));
    let open_with = |name: &str| open(path.to_str().unwrap(), &label(name));
    folder.write("y.npy", npy_i64(&[3], &[2, 0, 1]));
    let data = open_with("y.npy").unwrap();
    assert_eq!((data.labels(), data.class_names().len()), (Some([2, 0, 1].as_slice()), 3));
    let absolute = folder.path("y.npy");
    assert_eq!(open_with(absolute.to_str().unwrap()).unwrap().labels(), data.labels());
    folder.write("column.npy", npy_f64(&[3, 1], &[1.0, 0.0, 1.0]));
    assert_eq!(open_with("column.npy").unwrap().labels(), Some([1, 0, 1].as_slice()));
    folder.write("signs.npy", npy_i64(&[3], &[1, -1, 70_000]));
    let data = open_with("signs.npy").unwrap();
    assert_eq!((data.labels(), data.class_names().join(" ")), (Some([1, 0, 2].as_slice()), "-1 1 70000".into()));
    assert_eq!(open_with("none").unwrap().labels(), None);
    folder.write("short.npy", npy_i64(&[2], &[1, 0]));
    assert!(matches!(open_with("short.npy").unwrap_err(), DataError::LabelCount { expected: 3, found: 2, .. }));
    folder.write("half.npy", npy_f64(&[3], &[1.0, 0.5, 1.0]));
    assert!(matches!(open_with("half.npy").unwrap_err(), DataError::Value { row: 1, .. }));
    folder.write("hot.npy", npy_i64(&[3, 2], &[1, 0, 0, 1, 1, 0]));
    assert!(open_with("hot.npy").unwrap_err().to_string().contains("a.argmax(1)"));
    assert!(matches!(open_with("gone.npy").unwrap_err(), DataError::NotFound { .. }));
    assert!(matches!(open_with("species").unwrap_err(), DataError::Setting { key: "label", .. }));
    #[cfg(unix)]
    {
        // A link to the array: classes lie beside it, or beside what it leads to.
        let other = Folder::new();
        let link = other.path("link.npy");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let linked = |name: &str| open(link.to_str().unwrap(), &label(name));
        assert_eq!(linked("y.npy").unwrap().labels(), Some([2, 0, 1].as_slice()));
        other.write("y.npy", npy_i64(&[3], &[1, 1, 0]));
        assert_eq!(linked("y.npy").unwrap().labels(), Some([1, 1, 0].as_slice()));
    }
}

#[test]
fn the_limit_is_of_what_is_kept() {
    let open_within = |bytes: Vec<u8>, max_bytes| with(&Folder::new(), bytes, Options { max_bytes, ..Options::default() });
    // 200 numbers of 8 bytes that are 200 levels.
    let small: Vec<i64> = (0..200).collect();
    assert!(open_within(npy_i64(&[200, 1], &small), 200).is_ok());
    assert!(matches!(open_within(npy_i64(&[200, 1], &small), 199).unwrap_err(), DataError::TooLarge { claimed_bytes: 200, .. }));
    let wide: Vec<i64> = (0..200).map(|v| v * 1000).collect();
    assert!(matches!(open_within(npy_i64(&[200, 1], &wide), 1599).unwrap_err(), DataError::TooLarge { claimed_bytes: 1600, .. }));
    assert!(open_within(npy_i64(&[200, 1], &wide), 1600).is_ok());
}

#[test]
fn f64_that_is_written_comes_back_with_its_digits() {
    let folder = Folder::new();
    let path = folder.path("a.npy");
    let numbers = [1.7e9 + 0.123, -1e-300, 0.1, 5_123_456.2];
    write_npy_f64(&path, &[2, 2], &numbers).unwrap();
    assert_eq!(values(&open_path(&path).unwrap()), numbers);
    assert_eq!(read_npy(&path, 1 << 20).unwrap().data, numbers.map(|v| v as f32));
    write_npy_f64(&path, &[1], &[1e300]).unwrap();
    assert!(matches!(read_npy(&path, 1 << 20).unwrap_err(), DataError::Value { row: 0, column: 0, .. }), "no f32");
}
