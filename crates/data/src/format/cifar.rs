//! CIFAR-10's binary version: records of 1 label and 3,072 values, 1,024 red, then green, then blue, each 32x32 row-major.
//!
//! Source: cs.toronto.edu/~kriz/cifar.html.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::source::Source;
use crate::dataset::Dataset;
use crate::error::{DataError, Result};
use crate::options::Options;
use crate::parts::Values;

const SIDE: usize = 32;
const PLANE: usize = SIDE * SIDE;
const RECORD: usize = 1 + 3 * PLANE;
const CLASSES: [&str; 10] = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// The files to read, in order, and how many of them, at the end, are the test split.
pub(super) struct Files {
    paths: Vec<PathBuf>,
    n_test: usize,
}

impl Files {
    pub(super) fn one(path: &Path) -> Self {
        Files { paths: vec![path.to_owned()], n_test: 0 }
    }
}

/// `data_batch_*.bin` in order, then `test_batch.bin`; none if there is no such file in the folder.
pub(super) fn files_in(folder: &Path) -> Result<Option<Files>> {
    let wrap = |e| DataError::io(folder, e);
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(wrap)? {
        let path = entry.map_err(wrap)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("data_batch_") && name.ends_with(".bin") {
            paths.push(path);
        }
    }
    paths.sort();
    let test = folder.join("test_batch.bin");
    let n_test = usize::from(test.is_file());
    paths.extend((n_test == 1).then_some(test));
    Ok((!paths.is_empty()).then_some(Files { paths, n_test }))
}

/// Reads all batches: images [32, 32, 3], 10 classes. Errors: a part of a record, a label above 9.
pub(super) fn open(files: &Files, name: &str, options: &Options) -> Result<Dataset> {
    let (mut data, mut labels, mut is_test) = (Vec::new(), Vec::new(), Vec::new());
    for (nth, path) in files.paths.iter().enumerate() {
        let left = options.max_bytes.saturating_sub(data.len() as u64);
        let source = Source::file(path, left)?;
        let origin = source.name().to_owned();
        let bytes = source.all("CIFAR-10 records")?;
        if bytes.is_empty() || bytes.len() % RECORD != 0 {
            let whole = (bytes.len() / RECORD + 1) * RECORD;
            return Err(DataError::Truncated {
                origin,
                what: format!("{} CIFAR-10 records of {RECORD} bytes", whole / RECORD),
                expected_bytes: whole as u64,
                found_bytes: bytes.len() as u64,
            });
        }
        for (row, record) in bytes.chunks_exact(RECORD).enumerate() {
            if record[0] as usize >= CLASSES.len() {
                let (expected, found) = ("a label below 10".to_owned(), record[0].to_string());
                return Err(DataError::Value { origin, row, column: 0, expected, found });
            }
            labels.push(u32::from(record[0]));
            is_test.push(nth + files.n_test >= files.paths.len());
            let (red, rest) = record[1..].split_at(PLANE);
            let (green, blue) = rest.split_at(PLANE);
            data.extend((0..PLANE).flat_map(|p| [red[p], green[p], blue[p]]));
        }
    }
    let dataset = Dataset::new(name, &[SIDE, SIDE, 3], Values::Levels { data: Arc::new(data), levels: 256 })?.with_labels(
        labels,
        CLASSES.map(str::to_owned).to_vec(),
        name,
    )?;
    let both = is_test.iter().any(|&t| t) && is_test.iter().any(|&t| !t);
    if both { dataset.with_test_rows(is_test) } else { Ok(dataset) }
}
