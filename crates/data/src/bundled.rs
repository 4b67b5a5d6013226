//! Data carried in the binary as IDX: Fashion-MNIST's test file and the UCI digits.

use std::sync::Arc;

use crate::dataset::Dataset;
use crate::error::Result;
use crate::format::{Source, idx};
use crate::options::Options;
use crate::parts::Values;

macro_rules! asset {
    ($file:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets/data/", $file)).as_slice()
    };
}
pub(crate) use asset;

static FASHION_IMAGES: &[u8] = asset!("t10k-images-idx3-ubyte.gz");
static FASHION_LABELS: &[u8] = asset!("t10k-labels-idx1-ubyte.gz");
static DIGIT_IMAGES: &[u8] = asset!("digits-images-idx3-ubyte.gz");
static DIGIT_LABELS: &[u8] = asset!("digits-labels-idx1-ubyte.gz");

/// Fashion-MNIST's classes, by label. Source: github.com/zalandoresearch/fashion-mnist.
pub(crate) const GARMENTS: [&str; 10] =
    ["t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"];

/// The official test file, images [28, 28, 1] and labels.
pub(crate) fn fashion_mnist_test_file<'a>(name: &str, options: &Options) -> [Source<'a>; 2] {
    [FASHION_IMAGES, FASHION_LABELS].map(|bytes| Source::bundled(name, bytes, options.max_bytes))
}

/// The official test file, rows 0 to 8,999 train and 9,000 to 9,999 test.
pub(crate) fn fashion_mnist(options: &Options) -> Result<Dataset> {
    let name = "fashion-mnist";
    let dataset = idx::pairs(name, fashion_mnist_test_file(name, options), None, Some(&GARMENTS), &Options::default())?;
    let test = (0..dataset.n_rows()).map(|row| row >= 9_000).collect();
    dataset.with_test_rows(test)
}

/// UCI digits [8, 8, 1], values 0 to 16; rows with index % 5 == 4 are the test split.
pub(crate) fn digits(options: &Options) -> Result<Dataset> {
    let source = |bytes| Source::bundled("digits", bytes, options.max_bytes);
    let raw = idx::pairs("digits", [DIGIT_IMAGES, DIGIT_LABELS].map(source), None, None, &Options::default())?;
    let values = match raw.values() {
        Values::Levels { data, .. } => Values::Levels { data: Arc::clone(data), levels: 17 },
        continuous => continuous.clone(),
    };
    let (labels, names) = (raw.labels().unwrap_or_default().to_vec(), raw.class_names().to_vec());
    let test = (0..raw.n_rows()).map(|row| row % 5 == 4).collect();
    Dataset::new("digits", &[8, 8, 1], values)?.with_labels(labels, names, "digits")?.with_test_rows(test)
}
