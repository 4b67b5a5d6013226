//! How data are read or made.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{DataError, Result};

/// What a data set may take, as it is read and as it is prepared, where nothing else is said.
pub(crate) const DEFAULT_MAX_BYTES: u64 = 8 << 30;

/// How to read or make data. Each option says which data it is for; other data ignore it ([`crate::Kind::heeds`] lists them).
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
    /// Arrays of whole numbers: number of levels, 2 to 256; none means the maximum + 1, and 256 for images whose maximum is 64 or more,
    /// images of floating point and IDX files of u8. A value at or above it is an error.
    pub levels: Option<u32>,
    /// Paths: rows with index % test_every == test_every - 1 are the test split; none leaves the format's own split.
    pub test_every: Option<u32>,
    /// Tables: the column of classes, by name or number from 1; `none` for no classes. None means a column of words, if there is one.
    /// Arrays: the `.npy` file of the classes, or the name of an array of a `.npz`. Lists of attributes: the column of the classes,
    /// by name or number from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Tables: the columns to read, by name, number from 1 or range of numbers (`2-5`), in this order; empty for all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// Tables: whether the first line holds the names of the columns; none to see by what is in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<bool>,
    /// Tables: what becomes of lines with missing values.
    #[serde(skip_serializing_if = "is_default")]
    pub missing: Missing,
    /// Images: what becomes of files that cannot be decoded.
    #[serde(skip_serializing_if = "is_default")]
    pub broken: Broken,
    /// Folders of images: 1 (grey) or 3 (RGB); none for 1 where all of them are grey, else 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<usize>,
    /// Arrays of images: where the channels are; none to see by the sizes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// Arrays of continuous values: what becomes 0 and 1; none leaves rows as they are, and sees by the values of images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<Range>,
    /// Folders of images: whether their captions are read.
    #[serde(skip_serializing_if = "is_default")]
    pub captions: bool,
    /// No data set takes more memory than this, whatever its files claim; nor do its rows when they are prepared.
    pub max_bytes: u64,
    /// Where fetched data and decoded images lie; none means CALOTYPE_DATA, else the platform's cache folder.
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
            label: None,
            columns: vec![],
            header: None,
            missing: Missing::Error,
            broken: Broken::Error,
            channels: None,
            layout: None,
            range: None,
            captions: false,
            max_bytes: DEFAULT_MAX_BYTES,
            cache: None,
        }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What becomes of lines of a table with missing values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    #[default]
    Error,
    /// They are left out, and counted.
    Drop,
}

/// What becomes of images that cannot be decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Broken {
    #[default]
    Error,
    /// They are left out, and named.
    Skip,
}

/// Where the channels of an array of images are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// [N, C, H, W], as PyTorch has it.
    Nchw,
    /// [N, H, W, C].
    Nhwc,
}

/// What continuous values of images reach from and to. Written `raw` or `LOW..HIGH`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Range {
    /// They stay as they are.
    Raw,
    /// These become 0 and 1.
    Between(f64, f64),
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Range::Raw => f.write_str("raw"),
            Range::Between(low, high) => write!(f, "{low}..{high}"),
        }
    }
}

impl Range {
    /// Of f32, which are shorter than the same numbers as f64.
    pub(crate) fn single(&self) -> String {
        match self {
            Range::Raw => self.to_string(),
            Range::Between(low, high) => format!("{}..{}", *low as f32, *high as f32),
        }
    }
}

impl FromStr for Range {
    type Err = DataError;
    fn from_str(s: &str) -> Result<Self> {
        let bounds = || {
            let (low, high) = s.split_once("..")?;
            let [low, high] = [low, high].map(|bound| bound.trim().parse::<f64>().ok().filter(|b| b.is_finite()));
            let (low, high) = (low?, high?);
            (low < high).then_some(Range::Between(low, high))
        };
        match s {
            "raw" => Ok(Range::Raw),
            _ => bounds().ok_or_else(|| DataError::Setting {
                key: "range",
                expected: "raw, or LOW..HIGH with LOW below HIGH, such as -1..1".into(),
                found: s.into(),
            }),
        }
    }
}

impl From<Range> for String {
    fn from(range: Range) -> Self {
        range.to_string()
    }
}

impl TryFrom<String> for Range {
    type Error = DataError;
    fn try_from(s: String) -> Result<Self> {
        s.parse()
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
