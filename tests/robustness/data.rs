//! Readers of data: arrays, tables, images, lists and captions.

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use calotype_data::{
    Broken, Dataset, DatasetSpec, Missing, Options, Preparation, Prepared, Split, Values, photos, read_npy, read_records,
};
use image::{DynamicImage, ImageFormat, RgbImage, RgbaImage};

use crate::content::{Content, Files};
use crate::fuzzing::Reader;

/// What a reader of numbers may hold: a few times its input, and what it begins with.
const SMALL: fn(usize) -> usize = |n_bytes| (4 << 20) + 60 * n_bytes;
/// Images unpack to more than their files: of any file to 32 MB, in several forms.
const IMAGES: fn(usize) -> usize = |n_bytes| (160 << 20) + 5000 * n_bytes;

pub const READERS: [Reader; 13] = [
    Reader { name: "idx", seeds: idx, read: open, most_bytes: SMALL },
    Reader { name: "npy", seeds: npy, read: arrays, most_bytes: SMALL },
    Reader { name: "npz", seeds: npz, read: open, most_bytes: |n| (4 << 20) + 5000 * n },
    // A comma may be a column, and some are zipped.
    Reader { name: "table", seeds: tables, read: open, most_bytes: |n| (64 << 20) + 500 * n },
    Reader { name: "records", seeds: word_tables, read: records, most_bytes: |n| (4 << 20) + 200 * n },
    Reader { name: "cifar", seeds: cifar, read: open, most_bytes: SMALL },
    Reader { name: "celeba", seeds: celeba, read: open, most_bytes: IMAGES },
    Reader { name: "attributes", seeds: attributes, read: open, most_bytes: IMAGES },
    Reader { name: "captions", seeds: captions, read: open, most_bytes: IMAGES },
    Reader { name: "images", seeds: images, read: open, most_bytes: IMAGES },
    Reader { name: "zip", seeds: zips, read: open, most_bytes: IMAGES },
    Reader { name: "tar", seeds: tars, read: open, most_bytes: IMAGES },
    Reader { name: "photos", seeds: images, read: one_by_one, most_bytes: IMAGES },
];

fn files<const N: usize>(all: [(&str, Content); N]) -> Files {
    all.into_iter().map(|(name, content)| (name.to_owned(), content)).collect()
}

// ---- What is read

/// The file `a.…` of a folder, or the folder.
fn input(folder: &Path) -> PathBuf {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let is_it = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("a."));
    entries.filter(is_it).min().unwrap_or_else(|| folder.to_owned())
}

/// Opened as it is, and surveyed as `calotype data` does; then with all that is wrong left out.
fn open(folder: &Path) -> Result<(), String> {
    let path = input(folder);
    let spec = DatasetSpec::parse(path.to_str().expect("a path of text")).map_err(|e| e.to_string())?;
    let strict = Options { captions: true, ..Options::default() };
    let lenient = Options { broken: Broken::Skip, missing: Missing::Drop, test_every: Some(2), ..strict.clone() };
    let as_it_is = spec.open(&strict).map_err(|e| e.to_string());
    let survey = spec.survey(&strict, 3).map_err(|e| e.to_string());
    let left_out = spec.open(&lenient).map_err(|e| e.to_string());
    for data in [&as_it_is, &left_out].into_iter().flatten() {
        in_range(data);
    }
    survey.map(|survey| assert!(!survey.summary.to_string().is_empty()))?;
    as_it_is.and(left_out).map(drop)
}

fn in_range(data: &Dataset) {
    let n = data.n_rows();
    assert_eq!(data.values().len(), n * data.shape().iter().product::<usize>(), "whole rows of {:?}", data.shape());
    match data.values() {
        Values::Levels { data, levels } => assert!(data.iter().all(|&v| u32::from(v) < *levels), "below {levels}"),
        Values::Continuous(data) => assert!(data.iter().all(|v| v.is_finite())),
        Values::Double(data) => assert!(data.iter().all(|v| v.is_finite())),
    }
    for factor in data.factors() {
        assert_eq!(factor.of_row.len(), n, "{}", factor.name);
        assert!(factor.of_row.iter().all(|&v| (v as usize) < factor.values.len()), "{}", factor.name);
    }
    assert!(data.files().is_none_or(|files| files.len() == n));
    assert!(data.lines().is_none_or(|lines| lines.len() == n && lines.iter().all(|&line| line > 0)));
    assert!(data.parts().is_none_or(|parts| parts.len() == n));
    assert!(data.captions().is_none_or(|captions| captions.n_rows() == n));
    let split = |split| data.rows(split).unwrap_or_default();
    assert!([Split::Train, Split::Test, Split::All].into_iter().flat_map(split).all(|row| (row as usize) < n));
    assert_eq!(data.content_hash().len(), 64);
    assert!(!data.summary().to_string().is_empty());
    if let Ok(prepared) = Prepared::new(data, &Preparation::default()) {
        assert_eq!(prepared.n_rows(), n);
    }
}

/// As data, and as latents are read.
fn arrays(folder: &Path) -> Result<(), String> {
    let array = read_npy(&input(folder), 1 << 30).map_err(|e| e.to_string());
    if let Ok(array) = &array {
        assert_eq!(array.data.len(), array.shape.iter().product::<usize>());
        assert!(array.data.iter().all(|v| v.is_finite()));
    }
    open(folder).and(array.map(drop))
}

fn records(folder: &Path) -> Result<(), String> {
    let records = read_records(&input(folder)).map_err(|e| e.to_string())?;
    assert!(!records.rows.is_empty() && records.rows.iter().all(|row| row.len() == records.header.len()));
    assert!(records.lines.len() == records.rows.len() && records.lines.is_sorted());
    Ok(())
}

/// Each at its own size.
fn one_by_one(folder: &Path) -> Result<(), String> {
    for photo in photos(folder).map_err(|e| e.to_string())? {
        let size = photo.size(Some(8)).map_err(|e| e.to_string());
        let pixels = photo.read(3, Some(8)).map_err(|e| e.to_string())?;
        assert_eq!(size?, pixels.size);
        assert_eq!(pixels.values.len(), 3 * pixels.size[0] * pixels.size[1]);
        assert!(pixels.values.iter().all(|v| (0.0..=1.0).contains(v)));
    }
    Ok(())
}

// ---- Valid inputs

fn idx_of(kind: u8, sizes: &[u32], data: &[u8]) -> Vec<u8> {
    let sizes: Vec<u8> = sizes.iter().flat_map(|s| s.to_be_bytes()).collect();
    [[0, 0, kind, (sizes.len() / 4) as u8].as_slice(), &sizes, data].concat()
}

fn idx() -> Vec<Files> {
    let pixels: Vec<u8> = (0..12).collect();
    let (images, labels) = (idx_of(8, &[3, 2, 2], &pixels), idx_of(8, &[3], &[2, 0, 1]));
    let floats: Vec<u8> = [0.0_f32, 0.25, 1.0, 0.5].iter().flat_map(|v| v.to_be_bytes()).collect();
    vec![
        files([("a.idx", Content::plain(&images))]),
        files([("a.gz", Content::gz(&images))]),
        files([("a.idx", Content::plain(idx_of(0x0d, &[2, 2], &floats)))]),
        files([("a.images-idx3", Content::plain(&images)), ("a.labels-idx1.gz", Content::gz(&labels))]),
        files([
            ("train-images-idx3-ubyte", Content::plain(&images)),
            ("train-labels-idx1-ubyte", Content::plain(&labels)),
            ("t10k-images-idx3-ubyte.gz", Content::gz(&images)),
            ("t10k-labels-idx1-ubyte.gz", Content::gz(&labels)),
        ]),
    ]
}

fn npy_of(descr: &str, fortran: bool, shape: &str, data: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({shape}), }}\n");
    [b"\x93NUMPY\x01\x00".as_slice(), &(header.len() as u16).to_le_bytes(), header.as_bytes(), data].concat()
}

fn singles(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn doubles(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn npy() -> Vec<Files> {
    let levels = npy_of("|u1", false, "2, 2, 3", &[0, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0]);
    let whole: Vec<u8> = [7_i64, -1, 0, 3].iter().flat_map(|v| v.to_le_bytes()).collect();
    let all = [
        levels.clone(),
        npy_of("<f4", false, "2, 2", &singles(&[1.5, -2.0, 0.0, 7.0])),
        npy_of("<f8", true, "2, 1, 2, 1", &doubles(&[0.5, 0.25, 0.0, 1.0])),
        npy_of("<i8", false, "4, 1", &whole),
        npy_of("<f2", true, "1, 3", &[0, 0x3c, 0, 0x40, 0, 0]),
    ];
    let mut all: Vec<Files> = all.into_iter().map(|bytes| files([("a.npy", Content::plain(bytes))])).collect();
    all.push(files([("a.npy.gz", Content::gz(levels))]));
    all
}

fn npz() -> Vec<Files> {
    let rows = || Content::plain(npy_of("|u1", false, "2, 2", &[0, 1, 2, 3]));
    let labels = || Content::plain(npy_of("|u1", false, "2,", &[0, 1]));
    let one = vec![("arr_0.npy".to_owned(), rows())];
    let names = ["x_train", "y_train", "x_test", "y_test"];
    let split = names.map(|name| (format!("{name}.npy"), if name.starts_with('x') { rows() } else { labels() }));
    vec![
        files([("a.npz", Content::Zip(one.clone(), true))]),
        files([("a.npz", Content::Zip(one, false))]),
        files([("a.npz", Content::Zip(split.to_vec(), true))]),
    ]
}

fn tables() -> Vec<Files> {
    let all = [
        ("a.csv", "width,height,kind\n1,2.5,cat\n3,-4e2,dog\n5,6,cat\n"),
        ("a.csv", "x;y\n1,5;2\n0,25;-3\n"),
        ("a.tsv", "x\ty\tname\n1\t2\ta b\n3\t4\t\"c \"\"d\"\"\"\n"),
        ("a.data", "5.1,3.5,Iris-setosa\n4.9,3.0,Iris-setosa\n6.0,2.2,Iris-virginica\n"),
        ("a.txt", "# x y\n  0.1  0.2\n  0.3  0.4\n"),
        ("a.csv", ",a,b\n0,1,2\n1,3,4\n2,5,6\n"),
    ];
    let mut all: Vec<Files> = all.map(|(name, text)| files([(name, Content::plain(text))])).to_vec();
    all.push(files([("a.csv.gz", Content::gz("p,q\n1,2\n3,4\n"))]));
    all
}

/// With a header that names every column.
fn word_tables() -> Vec<Files> {
    let all = ["rain,wind,n\nyes,no,3\nno,no,5\n", "a;b\n1;\"x;y\"\n2;z\n", "a\tb\nc\td\n"];
    all.map(|text| files([("a.csv", Content::plain(text))])).to_vec()
}

fn cifar() -> Vec<Files> {
    let record =
        |labels: &[u8], seed: u8| [labels, &(0..3072).map(|i| (i as u8).wrapping_mul(seed)).collect::<Vec<u8>>()].concat();
    let names = |n: usize| (0..n).map(|i| format!("name {i}\n")).collect::<String>();
    vec![
        files([
            ("data_batch_1.bin", Content::plain([record(&[3], 1), record(&[9], 7)].concat())),
            ("test_batch.bin", Content::plain(record(&[0], 3))),
        ]),
        files([("a.bin", Content::plain(record(&[5], 5)))]),
        files([
            ("train.bin", Content::plain(record(&[19, 99], 1))),
            ("fine_label_names.txt", Content::plain(names(100))),
            ("coarse_label_names.txt", Content::plain(names(20))),
        ]),
    ]
}

/// 3 high, 4 wide.
fn picture(format: ImageFormat) -> Vec<u8> {
    let rgb = RgbImage::from_fn(4, 3, |x, y| image::Rgb([(60 * x) as u8, (80 * y) as u8, 7]));
    let rgba = RgbaImage::from_fn(4, 3, |x, y| image::Rgba([(60 * x) as u8, (80 * y) as u8, 7, (50 * x) as u8]));
    let picture = if format == ImageFormat::Png { DynamicImage::from(rgba) } else { DynamicImage::from(rgb) };
    let mut bytes = Cursor::new(vec![]);
    picture.write_to(&mut bytes, format).expect("a picture");
    bytes.into_inner()
}

/// 8x8, grey.
pub fn tiny_png(seed: u8) -> Vec<u8> {
    let picture = image::GrayImage::from_fn(8, 8, |x, y| image::Luma([(x * 31 + y * 7) as u8 ^ seed]));
    let mut bytes = Cursor::new(vec![]);
    picture.write_to(&mut bytes, ImageFormat::Png).expect("a picture");
    bytes.into_inner()
}

fn png() -> Content {
    Content::Png(picture(ImageFormat::Png))
}

fn celeba() -> Vec<Files> {
    let list = "2\nBald Male\n000001.png  1 -1\n000002.png -1  1\n";
    let of = |end: &'static str, list: &str, partition: &str| {
        BTreeMap::from([
            (format!("list_attr_celeba.{end}"), Content::plain(list)),
            (format!("list_eval_partition.{end}"), Content::plain(partition)),
            ("img/000001.png".to_owned(), png()),
            ("img/000002.png".to_owned(), png()),
        ])
    };
    vec![
        of("txt", list, "000001.png 0\n000002.png 2\n"),
        of("csv", "image_id,Bald,Male\n000001.png,1,-1\n000002.png,-1,1\n", "image_id,partition\n000001.png,0\n000002.png,1\n"),
    ]
}

fn attributes() -> Vec<Files> {
    let of = |list: &str| files([("list.csv", Content::plain(list)), ("x.png", png()), ("below/y.png", png())]);
    vec![of("file,kind,tone\nx.png,cat,dark\ny.png,dog,light\n"), of("file;kind\nx.png;\"a b\"\nbelow/y.png;c\nx.png;c\n")]
}

fn captions() -> Vec<Files> {
    let table = "file,caption\nx.png,\"a red, large ring\"\nx.png,a ring\ny.png,nothing\n";
    let tabs = "image\ttext\nx.png\ta ring\ny.png\tété\n";
    vec![
        files([("captions.csv", Content::plain(table)), ("x.png", png()), ("y.png", png())]),
        files([("captions.tsv", Content::plain(tabs)), ("x.png", png()), ("y.png", png())]),
        files([("x.txt", Content::plain("a ring\ntwo rings\n")), ("x.png", png()), ("y.png", png())]),
        files([(
            "a.zip",
            Content::Zip(
                vec![("captions.csv".into(), Content::plain(table)), ("x.png".into(), png()), ("y.png".into(), png())],
                true,
            ),
        )]),
    ]
}

const FORMATS: [(&str, ImageFormat); 6] = [
    ("png", ImageFormat::Png),
    ("jpg", ImageFormat::Jpeg),
    ("gif", ImageFormat::Gif),
    ("bmp", ImageFormat::Bmp),
    ("tiff", ImageFormat::Tiff),
    ("webp", ImageFormat::WebP),
];

fn images() -> Vec<Files> {
    let one = |(end, format): (&str, ImageFormat)| {
        let content = if format == ImageFormat::Png { png() } else { Content::plain(picture(format)) };
        BTreeMap::from([(format!("x.{end}"), content)])
    };
    let mut all: Vec<Files> = FORMATS.into_iter().map(one).collect();
    all.push(files([("cats/1.png", png()), ("dogs/2.png", png()), ("dogs/3.jpg", Content::plain(picture(ImageFormat::Jpeg)))]));
    all.push(files([("train/a/1.png", png()), ("test/a/2.png", png()), ("test/b/3.png", png())]));
    all
}

fn packed() -> Vec<(String, Content)> {
    let jpeg = Content::plain(picture(ImageFormat::Jpeg));
    vec![("cats/1.png".into(), png()), ("dogs/2.jpg".into(), jpeg), ("readme.txt".into(), Content::plain("images"))]
}

fn zips() -> Vec<Files> {
    vec![files([("a.zip", Content::Zip(packed(), true))]), files([("a.zip", Content::Zip(packed(), false))])]
}

fn tars() -> Vec<Files> {
    vec![files([("a.tar", Content::Tar(packed()))]), files([("a.tar.gz", Content::Gz(Box::new(Content::Tar(packed()))))])]
}
