//! Numbers with their standard errors.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Groups of rows, each left out once, that a standard error is taken from.
const GROUPS: usize = 10;

/// A figure with its standard error; 0 where nothing was drawn, not a number where it is not known.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    pub value: f64,
    #[serde(rename = "standard_error", with = "finite")]
    pub error: f64,
}

/// A number that is `null` where it is not finite.
mod finite {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(v: &f64, s: S) -> Result<S::Ok, S::Error> {
        Some(*v).filter(|v| v.is_finite()).serialize(s)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
        Ok(Option::<f64>::deserialize(d)?.unwrap_or(f64::NAN))
    }
}

impl Estimate {
    /// The mean of independent numbers.
    pub fn mean(all: &[f64]) -> Self {
        let n = all.len().max(1) as f64;
        let value = all.iter().sum::<f64>() / n;
        let variance = all.iter().map(|v| (v - value).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
        Estimate { value, error: (variance / n).sqrt() }
    }

    /// A figure of `n` rows that falls with 1 / √n where samples are like the data: with the deviation of the figures of each tenth of the
    /// rows alone, over √10. (The jackknife says too much there: distances are not smooth at 0.) `of` is given the rows that count.
    pub(super) fn by_groups(n: usize, of: impl Fn(&[usize]) -> f64) -> Self {
        let alone: Vec<f64> = (0..GROUPS).map(|group| of(&(group..n).step_by(GROUPS).collect::<Vec<_>>())).collect();
        Estimate { value: of(&(0..n).collect::<Vec<_>>()), error: Estimate::mean(&alone).error }
    }

    /// A smooth figure of `n` rows, by [`GROUPS`] figures that each leave out every tenth row (the delete-a-group jackknife: Kott 2001, "The
    /// Delete-a-Group Jackknife"). `of` is given the rows that count.
    pub(super) fn jackknife(n: usize, of: impl Fn(&[usize]) -> f64) -> Self {
        let value = of(&(0..n).collect::<Vec<_>>());
        let without: Vec<f64> =
            (0..GROUPS).map(|group| of(&(0..n).filter(|i| i % GROUPS != group).collect::<Vec<_>>())).collect();
        let mean = without.iter().sum::<f64>() / GROUPS as f64;
        let squares: f64 = without.iter().map(|v| (v - mean).powi(2)).sum();
        Estimate { value, error: (squares * (GROUPS - 1) as f64 / GROUPS as f64).sqrt() }
    }
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = match self.value.abs() {
            100.0.. => 1,
            1.0.. => 2,
            _ => 3,
        };
        write!(f, "{:.digits$}", self.value)?;
        match self.error.is_finite() {
            true => write!(f, " \u{b1} {:.digits$}", self.error),
            false => Ok(()),
        }
    }
}
