//! IDX, the format of the MNIST family: big-endian magic number [0, 0, type, n_dimensions], a u32 a dimension, elements.
//!
//! Source: yann.lecun.com/exdb/mnist. Of its types nearly all files have 0x08, u8.

mod family;

use std::path::{Path, PathBuf};

use super::array::{Array, Claim, Classes, Element, Given, Number, Wide, classes, dataset, wide_of};
use super::source::{Source, name_of};
use crate::dataset::Dataset;
use crate::error::{DataError, Result};
use crate::options::Options;

pub(super) use family::{Family, family_near, open_family};

/// Levels of u8, however many of them occur.
const LEVELS: u32 = 256;

/// The element of a type's number; none for others.
fn element(kind: u8) -> Option<Element> {
    let (number, n_bytes) = match kind {
        0x08 => (Number::Unsigned, 1),
        0x09 => (Number::Signed, 1),
        0x0b => (Number::Signed, 2),
        0x0c => (Number::Signed, 4),
        0x0d => (Number::Float, 4),
        0x0e => (Number::Float, 8),
        _ => return None,
    };
    Some(Element { number, n_bytes, big_endian: n_bytes > 1 })
}

/// Whether a file begins as an IDX file does.
pub(super) fn is_magic(bytes: &[u8]) -> bool {
    matches!(bytes, [0, 0, kind, 1..=4, ..] if element(*kind).is_some())
}

/// Reads a whole IDX file. What its header claims is held against what the file can hold before memory is taken.
fn read(mut source: Source, wide: impl Fn(Element, &[usize]) -> Wide) -> Result<Array> {
    let name = source.name().to_owned();
    let magic = source.exact(4, "the IDX magic number")?;
    let (element, n_dimensions) = match magic.as_slice() {
        &[0, 0, kind, n @ 1..=4] if let Some(element) = element(kind) => (element, u64::from(n)),
        other => {
            let expected = "an IDX magic number 00 00 08..0e 01..04 (u8, i8, i16, i32, f32, f64)";
            return Err(DataError::format(name, expected, format!("{other:02x?}")));
        }
    };
    let header = source.exact(4 * n_dimensions, "the IDX sizes")?;
    let shape: Vec<usize> = header.as_chunks::<4>().0.iter().map(|&b| u32::from_be_bytes(b) as usize).collect();
    let wide = wide(element, &shape);
    Array::read(source, Claim { element, shape, fortran: false }, wide)
}

/// Images or vectors: two to four sizes.
fn images(source: Source) -> Result<Array> {
    let array = read(source, wide_of)?;
    match array.shape.len() {
        1 => {
            let found = format!("{} numbers of one size, such as labels are; open the file of the images", array.shape[0]);
            Err(DataError::format(array.origin, "images (2 to 4 sizes)", found))
        }
        _ => Ok(array),
    }
}

/// Labels: one size.
fn labels(source: Source) -> Result<Array> {
    let array = read(source, |_, _| Wide::Double)?;
    match array.shape.len() {
        1 => Ok(array),
        _ => Err(DataError::format(array.origin, "labels (one size)", format!("sizes {:?}", array.shape))),
    }
}

fn rows(name: &str, images: Array, options: &Options) -> Result<Dataset> {
    let levels = images.element.is_level().then_some(LEVELS);
    dataset(name, images, Given { levels }, options)
}

fn labelled(dataset: Dataset, labels: Classes, names: Option<&[&str]>) -> Result<Dataset> {
    let known = names.map(|names| names.iter().map(|&name| name.to_owned()).collect());
    Classes { names: known.unwrap_or(labels.names), ..labels }.of(dataset)
}

/// Images with labels, from two sources each: training rows, then test rows if there are any.
///
/// Errors: what a file claims and does not hold; unequal lengths; test rows of another shape or type.
pub(crate) fn pairs(
    name: &str,
    [train, train_labels]: [Source; 2],
    test: Option<[Source; 2]>,
    names: Option<&[&str]>,
    options: &Options,
) -> Result<Dataset> {
    let (train, train_labels) = (images(train)?, labels(train_labels)?);
    let n_train = train.shape[0];
    same_length(&train, &train_labels)?;
    let Some([test, test_labels]) = test else {
        return labelled(rows(name, train, options)?, classes(train_labels)?, names);
    };
    let (test, test_labels) = (images(test)?, labels(test_labels)?);
    same_length(&test, &test_labels)?;
    let all = rows(name, train.joined(test)?, options)?;
    let is_test = (0..all.n_rows()).map(|row| row >= n_train).collect();
    labelled(all, classes(train_labels.joined_classes(test_labels)?)?, names)?.with_test_rows(is_test)
}

fn same_length(images: &Array, labels: &Array) -> Result<()> {
    let (expected, found) = (images.shape[0], labels.shape[0]);
    let (images, labels) = (images.origin.clone(), labels.origin.clone());
    if expected == found { Ok(()) } else { Err(DataError::LabelCount { images, labels, expected, found }) }
}

/// Opens an image file, with the labels file beside it if there is one.
pub(super) fn open(path: &Path, options: &Options) -> Result<Dataset> {
    let source = Source::file(path, options.max_bytes)?;
    match labels_beside(path) {
        Some(labels) => pairs(&name_of(path), [source, Source::file(&labels, options.max_bytes)?], None, None, options),
        None => rows(&name_of(path), images(source)?, options),
    }
}

/// `t10k-images-idx3-ubyte.gz` -> `t10k-labels-idx1-ubyte.gz`, zipped or not, whichever exists; of a link, beside its target too.
fn labels_beside(path: &Path) -> Option<PathBuf> {
    labels_named_as(path).or_else(|| labels_named_as(&path.canonicalize().ok()?))
}

fn labels_named_as(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let stem = name.strip_suffix(".gz").unwrap_or(name);
    if !stem.contains("images") {
        return None;
    }
    let labels = stem.replace("images", "labels").replace("idx3", "idx1").replace("idx4", "idx1");
    [format!("{labels}.gz"), labels].map(|name| path.with_file_name(name)).into_iter().find(|p| p.is_file())
}
