//! IDX, the format of the MNIST family: big-endian magic number [0, 0, type, n_dimensions], a u32 a dimension, values.
//!
//! Source: yann.lecun.com/exdb/mnist. Type 0x08, u8, is the only one in use.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::source::{Source, name_of};
use crate::dataset::Dataset;
use crate::error::{DataError, Result};
use crate::options::Options;
use crate::parts::Values;

/// One IDX file: sizes, and as many values as their product.
pub(crate) struct Idx {
    pub(crate) sizes: Vec<usize>,
    pub(crate) data: Vec<u8>,
}

/// Reads a whole IDX file. What its header claims is held against what the file can hold before memory is taken.
pub(crate) fn read(mut source: Source) -> Result<Idx> {
    let name = source.name().to_owned();
    let magic = source.exact(4, "the IDX magic number")?;
    let n_dimensions = match magic.as_slice() {
        &[0, 0, 0x08, n @ 1..=4] => u64::from(n),
        other => {
            return Err(DataError::format(name, "an IDX magic number 00 00 08 01..04 (u8)", format!("{other:02x?}")));
        }
    };
    let header = source.exact(4 * n_dimensions, "the IDX sizes")?;
    let sizes: Vec<u32> = header.chunks_exact(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]])).collect();
    let n_bytes = sizes.iter().try_fold(1_u64, |n, &size| n.checked_mul(u64::from(size)));
    let n_bytes = n_bytes.ok_or_else(|| DataError::format(&name, "sizes whose product is below 2^64", format!("{sizes:?}")))?;
    let data = source.exact(n_bytes, &format!("IDX data of sizes {sizes:?}"))?;
    source.end()?;
    Ok(Idx { sizes: sizes.into_iter().map(|s| s as usize).collect(), data })
}

/// Images or vectors of 256 levels: sizes [N, H, W, C], [N, H, W] or [N, D].
fn images(idx: Idx, name: &str, origin: &str) -> Result<Dataset> {
    let shape = match idx.sizes.as_slice() {
        [_, h, w, c] => vec![*h, *w, *c],
        [_, h, w] => vec![*h, *w, 1],
        [_, d] => vec![*d],
        other => return Err(DataError::format(origin, "images (2 to 4 sizes)", format!("sizes {other:?}"))),
    };
    Dataset::new(name, &shape, Values::Levels { data: Arc::new(idx.data), levels: 256 })
}

/// Labels: one size.
fn labels(idx: Idx, origin: &str) -> Result<Vec<u32>> {
    match idx.sizes.len() {
        1 => Ok(idx.data.into_iter().map(u32::from).collect()),
        _ => Err(DataError::format(origin, "labels (one size)", format!("sizes {:?}", idx.sizes))),
    }
}

/// Names 0, 1, … for classes that have none.
pub(crate) fn numbered_classes(labels: &[u32]) -> Vec<String> {
    (0..=labels.iter().copied().max().unwrap_or(0)).map(|c| c.to_string()).collect()
}

/// Images with labels, from two sources. Errors: what either file claims and does not hold; unequal lengths.
pub(crate) fn pair(name: &str, images_from: Source, labels_from: Source, classes: Option<&[&str]>) -> Result<Dataset> {
    let (images_name, labels_name) = (images_from.name().to_owned(), labels_from.name().to_owned());
    let dataset = images(read(images_from)?, name, &images_name)?;
    let labels = labels(read(labels_from)?, &labels_name)?;
    let names = classes.map_or_else(|| numbered_classes(&labels), |c| c.iter().map(|&s| s.to_owned()).collect());
    dataset.with_labels(labels, names, &labels_name)
}

/// Opens an image file, with the labels file beside it if there is one.
pub(super) fn open(path: &Path, options: &Options) -> Result<Dataset> {
    let source = Source::file(path, options.max_bytes)?;
    match labels_beside(path) {
        Some(labels) => pair(&name_of(path), source, Source::file(&labels, options.max_bytes)?, None),
        None => images(read(source)?, &name_of(path), &path.display().to_string()),
    }
}

/// `t10k-images-idx3-ubyte.gz` -> `t10k-labels-idx1-ubyte.gz`, zipped or not, whichever exists.
fn labels_beside(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let stem = name.strip_suffix(".gz").unwrap_or(name);
    if !stem.contains("images") {
        return None;
    }
    let labels = stem.replace("images", "labels").replace("idx3", "idx1").replace("idx4", "idx1");
    [format!("{labels}.gz"), labels].map(|name| path.with_file_name(name)).into_iter().find(|p| p.is_file())
}

/// The official files of one data set of the family.
pub(crate) struct Family {
    pub(crate) train: [PathBuf; 2],
    pub(crate) test: Option<[PathBuf; 2]>,
}

/// The family's files in a folder, if `train-images…` and its labels are there.
pub(super) fn family_in(folder: &Path) -> Option<Family> {
    let pair = |prefix: &str| -> Option<[PathBuf; 2]> {
        let names = ["-images-idx3-ubyte", "-images.idx3-ubyte"];
        let candidates = names.iter().flat_map(|n| [format!("{prefix}{n}.gz"), format!("{prefix}{n}")]);
        let images = candidates.map(|n| folder.join(n)).find(|p| p.is_file())?;
        let labels = labels_beside(&images)?;
        Some([images, labels])
    };
    Some(Family { train: pair("train")?, test: pair("t10k") })
}

/// Opens training and test files as one data set with the official split.
pub(super) fn open_family(family: &Family, name: &str, options: &Options) -> Result<Dataset> {
    let file = |path: &Path| Source::file(path, options.max_bytes);
    let train = pair(name, file(&family.train[0])?, file(&family.train[1])?, None)?;
    match &family.test {
        None => Ok(train),
        Some([images, labels]) => join(train, pair(name, file(images)?, file(labels)?, None)?),
    }
}

/// Training rows, then test rows. Errors: different shapes.
pub(crate) fn join(train: Dataset, test: Dataset) -> Result<Dataset> {
    if train.shape() != test.shape() {
        let (expected, found) = (format!("test rows of shape {:?}", train.shape()), format!("{:?}", test.shape()));
        return Err(DataError::format(train.name(), expected, found));
    }
    let n_train = train.n_rows();
    let labels = [train.labels().unwrap_or_default(), test.labels().unwrap_or_default()].concat();
    let names = [train.class_names(), test.class_names()].into_iter().max_by_key(|n| n.len()).unwrap_or_default().to_vec();
    let (name, shape) = (train.name().to_owned(), train.shape().to_vec());
    let (Values::Levels { data: mut all, levels }, Values::Levels { data: more, .. }) =
        (train.values().clone(), test.values().clone())
    else {
        return Err(DataError::format(name, "levels", "continuous values"));
    };
    drop(train);
    Arc::make_mut(&mut all).extend_from_slice(&more);
    let joined = Dataset::new(&name, &shape, Values::Levels { data: all, levels })?;
    let is_test = (0..joined.n_rows()).map(|row| row >= n_train).collect();
    joined.with_labels(labels, names, &name)?.with_test_rows(is_test)
}
