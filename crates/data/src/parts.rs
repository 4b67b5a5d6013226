//! What data sets are made of: values, factors, splits.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{DataError, Result};
use crate::options::Range;

/// The values of all rows, row-major. Cloning shares them.
#[derive(Clone, Debug)]
pub enum Values {
    /// Whole numbers 0..levels: 256 levels for common images, 17 for `digits`, 2 for bits.
    Levels { data: Arc<Vec<u8>>, levels: u32 },
    /// Continuous values, all finite. Images of this kind lie in 0..1.
    Continuous(Arc<Vec<f32>>),
    /// The same in f64: columns of tables, whose digits f32 may not keep (seconds since 1970, northings).
    Double(Arc<Vec<f64>>),
}

impl Values {
    /// How many values there are in all rows.
    pub fn len(&self) -> usize {
        match self {
            Values::Levels { data, .. } => data.len(),
            Values::Continuous(data) => data.len(),
            Values::Double(data) => data.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One value, by its place among all.
    pub fn get(&self, at: usize) -> f64 {
        match self {
            Values::Levels { data, .. } => data[at].into(),
            Values::Continuous(data) => data[at].into(),
            Values::Double(data) => data[at],
        }
    }

    /// The least and the largest.
    pub(crate) fn extent(&self) -> (f64, f64) {
        (0..self.len()).map(|at| self.get(at)).fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)))
    }

    /// The setting by which the continuous values of an array come to lie in 0..1.
    pub(crate) fn to_unit(&self) -> String {
        let (low, high) = self.extent();
        // A range is more than one value.
        let range = if low == high { Range::Between(low.min(0.0), high.max(0.0)) } else { Range::Between(low, high) };
        match self {
            Values::Continuous(_) => format!("use --set range={}", range.single()),
            _ => format!("use --set range={range}"),
        }
    }

    /// Errors: levels other than 2 to 256; a value that is out of range or not finite, by its place in rows of `per_row`.
    pub(crate) fn check(&self, origin: &str, per_row: usize) -> Result<()> {
        if let Values::Levels { levels, .. } = self
            && !(2..=256).contains(levels)
        {
            return Err(DataError::Setting { key: "levels", expected: "2 to 256".into(), found: levels.to_string() });
        }
        let bad = match self {
            Values::Levels { data, levels } if *levels < 256 => data
                .iter()
                .position(|&v| u32::from(v) >= *levels)
                .map(|at| (at, format!("a level below {levels}"), data[at].to_string())),
            Values::Levels { .. } => None,
            Values::Continuous(data) => {
                data.iter().position(|v| !v.is_finite()).map(|at| (at, "a finite number".to_owned(), data[at].to_string()))
            }
            Values::Double(data) => {
                data.iter().position(|v| !v.is_finite()).map(|at| (at, "a finite number".to_owned(), data[at].to_string()))
            }
        };
        match bad {
            None => Ok(()),
            Some((at, expected, found)) => {
                Err(DataError::Value { origin: origin.to_owned(), row: at / per_row, column: at % per_row, expected, found })
            }
        }
    }
}

/// Something known about every row, as one of few values: its class, its colour, its skin tone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Factor {
    /// What it is: `class`, `colour`, `tone`.
    pub name: String,
    /// The names of its values.
    pub values: Vec<String>,
    /// For each row, an index into `values`.
    pub of_row: Vec<u32>,
}

/// Things of one kind that lay in the data and became no rows: hidden files, lines with missing values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// What they are, in the plural: `hidden files`.
    pub what: String,
    pub n: usize,
    /// The first of their names, at most [`LeftOut::MOST_NAMED`]; all of them where they must be known later.
    pub names: Vec<String>,
}

impl LeftOut {
    /// How many are named in a message.
    pub const MOST_NAMED: usize = 10;

    /// With the first of the names.
    pub fn new(what: impl Into<String>, names: &[String]) -> Self {
        let first = &names[..names.len().min(Self::MOST_NAMED)];
        LeftOut { what: what.into(), n: names.len(), names: first.to_vec() }
    }
}

/// `3 hidden files: .DS_Store, .git, ._a.png`
impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} {}", self.n, self.what)?;
        let named = self.names.len().min(Self::MOST_NAMED);
        if named > 0 {
            write!(f, ": {}", self.names[..named].join(", "))?;
        }
        if self.n > named && named > 0 {
            write!(f, " and {} more", self.n - named)?;
        }
        Ok(())
    }
}

/// Which split a row belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Part {
    Train,
    /// Held out of training wherever rows are held out, instead of a fraction of the training rows.
    Validation,
    Test,
}

impl Part {
    /// `train`, `validation`, `test`.
    pub fn name(self) -> &'static str {
        match self {
            Part::Train => "train",
            Part::Validation => "validation",
            Part::Test => "test",
        }
    }
}

/// Which rows are meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    #[default]
    Train,
    Test,
    All,
}

impl Split {
    /// As it is typed: `train`, `test`, `all`.
    pub fn name(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Test => "test",
            Split::All => "all",
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Split {
    type Err = DataError;
    fn from_str(s: &str) -> Result<Self> {
        [Split::Train, Split::Test, Split::All].into_iter().find(|split| split.name() == s).ok_or_else(|| DataError::Setting {
            key: "split",
            expected: "train, test or all".into(),
            found: s.into(),
        })
    }
}
