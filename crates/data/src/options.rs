//! How data are read or made.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::{DataError, Result};

/// What a data set may take, as it is read and as it is prepared, where nothing else is said.
pub(crate) const DEFAULT_MAX_BYTES: u64 = 8 << 30;

/// How to read or make data. Each option says which data it is for; other data ignore it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Folders of images, CelebA and `shapes`: side in pixels. None means 64, but that images of a folder that all have one size
    /// keep it, up to 256 a side.
    pub size: Option<usize>,
    /// Emoji: all 3,786 glyphs of a vendor, not only the 1,911 bases.
    pub tones: bool,
    /// Data that is made (toys, `shapes`): number of rows; none means 10,000 and 8,100.
    pub rows: Option<usize>,
    /// Data that is made: its seed. Apart from the run's seed, so that two runs can differ on equal data.
    pub seed: u64,
    /// `.npy` of u8: number of levels, 2 to 256; none means the maximum + 1. A value at or above it is an error.
    pub levels: Option<u32>,
    /// Paths: rows with index % test_every == test_every - 1 are the test split; none leaves the format's own split.
    pub test_every: Option<u32>,
    /// No data set takes more memory than this, whatever its files claim; nor do its rows when they are prepared.
    pub max_bytes: u64,
    /// Where fetched data lie; none means CALOTYPE_DATA, else the platform's cache folder.
    pub cache: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            size: None,
            tones: false,
            rows: None,
            seed: 0,
            levels: None,
            test_every: None,
            max_bytes: DEFAULT_MAX_BYTES,
            cache: None,
        }
    }
}

impl Options {
    /// The side of images that are resized or drawn while they are opened. Errors: not 1 to 4,096.
    pub(crate) fn image_size(&self) -> Result<usize> {
        match self.size.unwrap_or(64) {
            size @ 1..=4096 => Ok(size),
            other => Err(DataError::Setting { key: "size", expected: "1 to 4096".into(), found: other.to_string() }),
        }
    }

    /// The number of rows to make. Errors: zero, or more than 2^32 - 1.
    pub(crate) fn rows_or(&self, default: usize) -> Result<u32> {
        let rows = self.rows.unwrap_or(default);
        u32::try_from(rows).ok().filter(|&n| n > 0).ok_or_else(|| DataError::Setting {
            key: "rows",
            expected: "1 to 4294967295".into(),
            found: rows.to_string(),
        })
    }

    /// Refuses rows that would take more than `max_bytes` in all.
    pub(crate) fn check_total(&self, name: &str, n_rows: usize, row_bytes: usize) -> Result<()> {
        let claimed_bytes = (n_rows as u64).saturating_mul(row_bytes as u64);
        if claimed_bytes <= self.max_bytes && usize::try_from(claimed_bytes).is_ok() {
            return Ok(());
        }
        let what = format!("{n_rows} rows of {row_bytes} bytes");
        Err(DataError::TooLarge { origin: name.to_owned(), what, claimed_bytes, limit_bytes: self.max_bytes })
    }
}
