//! CIFAR's binary versions: records of 1 label (CIFAR-10) or 2, coarse and fine (CIFAR-100), and 3,072 values: 1,024 red, then green,
//! then blue, each 32x32 row-major.
//!
//! Source: cs.toronto.edu/~kriz/cifar.html.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::source::Source;
use crate::dataset::Dataset;
use crate::error::{DataError, Result};
use crate::options::Options;
use crate::parts::{Factor, Values};

const SIDE: usize = 32;
const PLANE: usize = SIDE * SIDE;
const CLASSES: [&str; 10] = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
/// Folders that the official archives unpack to.
const FOLDERS: [&str; 2] = ["cifar-10-batches-bin", "cifar-100-binary"];
const MOST_NAMES_BYTES: u64 = 1 << 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    Ten,
    Hundred,
}

impl Version {
    fn name(self) -> &'static str {
        match self {
            Version::Ten => "CIFAR-10",
            Version::Hundred => "CIFAR-100",
        }
    }

    fn n_labels(self) -> usize {
        match self {
            Version::Ten => 1,
            Version::Hundred => 2,
        }
    }

    fn record_bytes(self) -> usize {
        self.n_labels() + 3 * PLANE
    }
}

/// The files to read, in order, and how many of them, at the end, are the test split.
#[derive(Debug)]
pub(super) struct Files {
    paths: Vec<PathBuf>,
    n_test: usize,
    /// None to see by the length.
    version: Option<Version>,
    notes: Vec<String>,
}

impl Files {
    pub(super) fn one(path: &Path) -> Self {
        Files { paths: vec![path.to_owned()], n_test: 0, version: None, notes: vec![] }
    }
}

/// The files of a folder, or of one below it that has the name of an official archive. None if there are none.
///
/// Errors: both versions below it.
pub(super) fn files_near(folder: &Path) -> Result<Option<Files>> {
    if let Some(files) = files_in(folder)? {
        return Ok(Some(files));
    }
    let mut found = vec![];
    for name in FOLDERS.iter().filter(|name| folder.join(name).is_dir()) {
        found.extend(files_in(&folder.join(name))?.map(|files| (name, files)));
    }
    if found.len() > 1 {
        let found = format!("{}; open one of these folders", FOLDERS.join(" and "));
        return Err(DataError::format(folder.display().to_string(), "one version of CIFAR", found));
    }
    Ok(found.pop().map(|(name, mut files)| {
        files.notes.push(format!("read from {name}"));
        files
    }))
}

/// `data_batch_*.bin` in order, then `test_batch.bin`; or `train.bin`, then `test.bin`.
fn files_in(folder: &Path) -> Result<Option<Files>> {
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
    let [train, test, test_batch] = ["train.bin", "test.bin", "test_batch.bin"].map(|name| folder.join(name));
    let (version, test) = match paths.is_empty() && !test_batch.is_file() {
        true => (Version::Hundred, test),
        false => (Version::Ten, test_batch),
    };
    paths.extend((version == Version::Hundred && train.is_file()).then_some(train));
    let n_test = usize::from(test.is_file());
    paths.extend((n_test == 1).then_some(test));
    let alone = (paths.len() == n_test).then(|| {
        "only the test file is there: all of its rows are training rows, unless --set test_every=N says which are not".to_owned()
    });
    Ok((!paths.is_empty()).then_some(Files { paths, n_test, version: Some(version), notes: alone.into_iter().collect() }))
}

/// Rows as they are read.
#[derive(Default)]
struct Records {
    data: Vec<u8>,
    coarse: Vec<u32>,
    classes: Vec<u32>,
    is_test: Vec<bool>,
}

/// Reads all files: images [32, 32, 3], 10 classes; or 100, with the factor `coarse` of 20 values.
///
/// Errors: a part of a record; a label of no class.
pub(super) fn open(files: &Files, name: &str, options: &Options) -> Result<Dataset> {
    let mut records = Records::default();
    let (mut known, mut notes) = (files.version, files.notes.clone());
    for (nth, path) in files.paths.iter().enumerate() {
        let left = options.max_bytes.saturating_sub(records.data.len() as u64);
        let source = Source::file(path, left)?;
        let origin = source.name().to_owned();
        let bytes = source.all("CIFAR records")?;
        let version = match known {
            Some(version) => version,
            None => {
                let (version, doubt) = version_of(path, &bytes);
                notes.extend(doubt);
                version
            }
        };
        known = Some(version);
        records.add(&origin, version, &bytes)?;
        records.is_test.resize(records.classes.len(), nth + files.n_test >= files.paths.len());
    }
    let version = known.unwrap_or(Version::Ten);
    let values = Values::Levels { data: Arc::new(records.data), levels: 256 };
    let dataset = Dataset::new(name, &[SIDE, SIDE, 3], values)?;
    let beside = files.paths.first().and_then(|path| path.parent()).unwrap_or(Path::new(""));
    let dataset = match version {
        Version::Ten => dataset.with_labels(records.classes, CLASSES.map(str::to_owned).to_vec(), name)?,
        Version::Hundred => {
            let (fine, coarse) = (names(beside, "fine_label_names.txt", 100)?, names(beside, "coarse_label_names.txt", 20)?);
            let coarse = Factor { name: "coarse".into(), values: coarse, of_row: records.coarse };
            dataset.with_labels(records.classes, fine, name)?.with_factor(coarse)?
        }
    };
    let dataset = notes.into_iter().fold(dataset, Dataset::with_note);
    let both = records.is_test.contains(&true) && records.is_test.contains(&false);
    if both { dataset.with_test_rows(records.is_test) } else { Ok(dataset) }
}

/// Which version a file by itself is, by its length; by its labels where that fits both, and that is said.
fn version_of(path: &Path, bytes: &[u8]) -> (Version, Option<String>) {
    let fits = |version: Version| bytes.len().is_multiple_of(version.record_bytes());
    let of_hundred = path.file_name().is_some_and(|name| name == "train.bin" || name == "test.bin");
    match (fits(Version::Ten), fits(Version::Hundred)) {
        (true, true) => {
            let tens = bytes.chunks_exact(Version::Ten.record_bytes()).all(|record| usize::from(record[0]) < CLASSES.len());
            let version = if tens { Version::Ten } else { Version::Hundred };
            (version, Some(format!("its length is that of CIFAR-10 and of CIFAR-100; by its labels it is {}", version.name())))
        }
        (false, true) => (Version::Hundred, None),
        (false, false) if of_hundred => (Version::Hundred, None),
        _ => (Version::Ten, None),
    }
}

impl Records {
    fn add(&mut self, origin: &str, version: Version, bytes: &[u8]) -> Result<()> {
        let record_bytes = version.record_bytes();
        if bytes.is_empty() || !bytes.len().is_multiple_of(record_bytes) {
            let whole = (bytes.len() / record_bytes + 1) * record_bytes;
            return Err(DataError::Truncated {
                origin: origin.to_owned(),
                what: format!("{} {} records of {record_bytes} bytes", whole / record_bytes, version.name()),
                expected_bytes: whole as u64,
                found_bytes: bytes.len() as u64,
            });
        }
        for (row, record) in bytes.chunks_exact(record_bytes).enumerate() {
            let label = |column: usize, below: u8| match record[column] {
                label if label < below => Ok(u32::from(label)),
                other => {
                    let (expected, found) = (format!("a label below {below}"), other.to_string());
                    Err(DataError::Value { origin: origin.to_owned(), row, column, expected, found })
                }
            };
            match version {
                Version::Ten => self.classes.push(label(0, 10)?),
                Version::Hundred => {
                    self.coarse.push(label(0, 20)?);
                    self.classes.push(label(1, 100)?);
                }
            }
            let (red, rest) = record[version.n_labels()..].split_at(PLANE);
            let (green, blue) = rest.split_at(PLANE);
            self.data.extend((0..PLANE).flat_map(|p| [red[p], green[p], blue[p]]));
        }
        Ok(())
    }
}

/// The names of `n` classes, a line each; numbers where there is no such file.
fn names(folder: &Path, file: &str, n: usize) -> Result<Vec<String>> {
    let path = folder.join(file);
    if !path.is_file() {
        return Ok((0..n).map(|class| class.to_string()).collect());
    }
    let text = Source::file(&path, MOST_NAMES_BYTES)?.text("names of classes")?;
    let names: Vec<String> = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    match names.len() == n {
        true => Ok(names),
        false => Err(DataError::format(path.display().to_string(), format!("{n} names, a line each"), names.len().to_string())),
    }
}
