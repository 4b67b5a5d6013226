//! What `calotype data` prints of a data set.

use std::fmt;

use serde::Serialize;

use crate::parts::LeftOut;

/// A data set in a few lines; [`fmt::Display`] prints them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    pub name: String,
    pub n_rows: usize,
    pub n_train: usize,
    pub n_test: usize,
    /// [H, W, C] or `[D]`.
    pub shape: Vec<usize>,
    /// None for continuous values.
    pub levels: Option<u32>,
    /// Names of factors, and how many values each has.
    pub factors: Vec<(String, usize)>,
    pub captions: bool,
    /// What lay in the data and became no rows.
    pub left_out: Vec<LeftOut>,
    /// What a person should know about how it was read.
    pub notes: Vec<String>,
    pub content_hash: String,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "{}: {} rows ({} train, {} test)", self.name, self.n_rows, self.n_train, self.n_test)?;
        let shape = self.shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("x");
        match self.levels {
            Some(levels) => writeln!(f, "  values    {shape}, {levels} levels")?,
            None => writeln!(f, "  values    {shape}, continuous")?,
        }
        for (name, n) in &self.factors {
            writeln!(f, "  {name:<9} {n} values")?;
        }
        if self.captions {
            writeln!(f, "  captions  one a row")?;
        }
        for left_out in &self.left_out {
            writeln!(f, "  left out  {left_out}")?;
        }
        for note in &self.notes {
            writeln!(f, "  note      {note}")?;
        }
        write!(f, "  sha256    {}", self.content_hash)
    }
}
