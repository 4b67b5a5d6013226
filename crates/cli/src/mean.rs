//! A mean over rows with its standard error.

use std::fmt;

use calotype_training::mean_and_error;
use serde::Serialize;

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Mean {
    pub mean: f64,
    /// One row tells of none.
    pub standard_error: Option<f64>,
}

impl Mean {
    pub fn of(values: &[f64]) -> Self {
        let (mean, error) = mean_and_error(values);
        Mean { mean, standard_error: (values.len() > 1).then_some(error) }
    }

    /// Of values that are so many times smaller.
    pub fn divided_by(self, by: f64) -> Self {
        Mean { mean: self.mean / by, standard_error: self.standard_error.map(|error| error / by) }
    }
}

/// `12.345 +- 0.123`, with the digits that are asked for.
impl fmt::Display for Mean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(3);
        write!(f, "{:.digits$}", self.mean)?;
        self.standard_error.map_or(Ok(()), |error| write!(f, " +- {error:.digits$}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_row_has_no_standard_error() {
        let two = Mean::of(&[1.0, 2.0]);
        assert_eq!((format!("{two:.2}"), format!("{:.1}", two.divided_by(0.5))), ("1.50 +- 0.50".into(), "3.0 +- 1.0".into()));
        let one = Mean::of(&[1.25]);
        assert_eq!((one.standard_error, format!("{one:.1}")), (None, "1.2".into()));
    }
}
