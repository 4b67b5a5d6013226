//! Errors of data. Each names its object, what was expected, what was found and, where there is one, the remedy.

use std::io;
use std::path::{Path, PathBuf};

/// An error about data. Sources are named by path, or by the data set's name when it is bundled or made. Rows and columns count
/// from 0, and a column of an image is its place in [H, W, C]; lines of a text and columns of a table count from 1.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    #[error("no data set is named `{name}`, and no file or folder has that path{}; the names are: {valid}", guessed(guess))]
    UnknownName { name: String, valid: String, guess: Option<String> },

    #[error("{path}: no such file or folder", path = path.display())]
    NotFound { path: PathBuf },

    #[error("{path}: {source}", path = path.display())]
    Io { path: PathBuf, source: io::Error },

    #[error("{origin}: expected {expected}, found {found}")]
    Format { origin: String, expected: String, found: String },

    #[error("{origin}: {what} needs {expected_bytes} bytes, found {found_bytes}: the file is truncated, or its header is wrong")]
    Truncated { origin: String, what: String, expected_bytes: u64, found_bytes: u64 },

    #[error("{origin}: expected {expected_bytes} bytes, but more follow: the file is damaged, or its header is wrong")]
    Trailing { origin: String, expected_bytes: u64 },

    #[error(
        "{origin}: {what} would take {claimed_bytes} bytes, the limit is {limit_bytes}; use fewer or smaller rows, or for images that are resized a smaller --set size=…"
    )]
    TooLarge { origin: String, what: String, claimed_bytes: u64, limit_bytes: u64 },

    #[error("{origin}: cannot be decoded ({reason}): the file is truncated or damaged; replace or remove it")]
    Corrupt { origin: String, reason: String },

    #[error("{origin}: it is {what}, no image that can be read; {remedy}")]
    NotImage { origin: String, what: String, remedy: &'static str },

    #[error("{origin}: {n} of {of} images cannot be read: {}{}", list(first, *n), if n < of { "; replace or remove them, or leave them out: --set broken=skip" } else { "" })]
    Broken { origin: String, n: usize, of: usize, first: Vec<String> },

    #[error("{labels}: shape mismatch: {found} labels, but {images} has {expected} rows")]
    LabelCount { images: String, labels: String, expected: usize, found: usize },

    #[error("{origin}: row {row}, column {column}: expected {expected}, found {found}")]
    Value { origin: String, row: usize, column: usize, expected: String, found: String },

    #[error("{origin}: shape mismatch: row {row} has {found} values, the rows before have {expected}")]
    RowLength { origin: String, row: usize, expected: usize, found: usize },

    #[error("{origin}: not UTF-8 text (line {line}); save it as UTF-8")]
    NotText { origin: String, line: usize },

    #[error("{origin}: line {line}, {column}: expected {expected}, found {found}")]
    Cell { origin: String, line: usize, column: String, expected: String, found: String },

    #[error("{origin}: shape mismatch: line {line} has {found} values, the first line has {expected}")]
    LineLength { origin: String, line: usize, expected: usize, found: usize },

    #[error("{origin}: no {what} in it")]
    Empty { origin: String, what: String },

    #[error("`{key}` = {found}: expected {expected}")]
    Setting { key: &'static str, expected: String, found: String },

    #[error("batch size {batch} is larger than the data, which has {rows} rows; use --batch {rows}{}", if *rows > 1 { " or less" } else { "" })]
    BatchTooLarge { batch: usize, rows: usize },

    #[error("{origin} cannot be prepared as {wanted}: {reason}; {remedy}")]
    Preparation { origin: String, wanted: String, reason: String, remedy: String },

    #[error("{origin} has no {split} split; use --split all")]
    NoSplit { origin: String, split: &'static str },

    #[error("`{name}` is not on this machine (looked in {cache}); run `calotype data fetch {name}`", cache = cache.display())]
    NotFetched { name: String, cache: PathBuf },

    #[error("`{name}` cannot be fetched: it needs no download, or is unknown; data sets to fetch: {valid}")]
    NotFetchable { name: String, valid: String },

    #[error("this machine has no cache folder; set the variable CALOTYPE_DATA to a folder")]
    NoCache,

    #[error("{url}: {reason}")]
    Fetch { url: String, reason: String },

    #[error(
        "{origin}: SHA-256 is {found}, expected {expected}: the file is not the official one; remove it if it is still there, and fetch it again"
    )]
    Hash { origin: String, expected: String, found: String },

    #[error("the thread that prepares batches stopped before step {step}")]
    PrefetchStopped { step: u64 },
}

/// Shorthand for results of this crate.
pub type Result<T, E = DataError> = std::result::Result<T, E>;

fn guessed(guess: &Option<String>) -> String {
    guess.as_ref().map(|g| format!(" (did you mean `{g}`?)")).unwrap_or_default()
}

/// `a, b and 3 more`
fn list(first: &[String], n: usize) -> String {
    let more = n.saturating_sub(first.len());
    if more > 0 { format!("{} and {more} more", first.join("; ")) } else { first.join("; ") }
}

impl DataError {
    /// Whether the command is wrong, so that another command would succeed.
    pub fn is_wrong_use(&self) -> bool {
        matches!(
            self,
            DataError::UnknownName { .. }
                | DataError::NotFound { .. }
                | DataError::Setting { .. }
                | DataError::BatchTooLarge { .. }
                | DataError::NotFetchable { .. }
        )
    }

    /// For a list of files: the file, and what is wrong with it.
    pub(crate) fn in_short(&self) -> String {
        match self {
            DataError::Corrupt { origin, reason } => format!("{origin} (truncated or damaged: {reason})"),
            DataError::NotImage { origin, what, remedy } => format!("{origin} ({what}: {remedy})"),
            other => other.to_string(),
        }
    }

    /// Wraps what the system said about `path`; a missing file gets its own error.
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => DataError::NotFound { path: path.to_owned() },
            _ => DataError::Io { path: path.to_owned(), source },
        }
    }

    pub(crate) fn format(origin: impl Into<String>, expected: impl Into<String>, found: impl Into<String>) -> Self {
        DataError::Format { origin: origin.into(), expected: expected.into(), found: found.into() }
    }
}
