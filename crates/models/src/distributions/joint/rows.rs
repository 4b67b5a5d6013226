//! Tables from rows of data.

use std::collections::{BTreeSet, HashMap};

use super::{JointTable, TableError, Variable, n_cells};
use crate::distributions::error::{DistributionError, expect};

/// The largest count that f64 holds exactly, with all below it.
const MOST_COUNTED: f64 = (1u64 << 53) as f64;

impl JointTable {
    /// From observations: a value for each of the named variables in every row. A variable's values are those that occur, in
    /// the order of numbers where all are numbers, else of words. Each row counts once, or as often as its weight says; weights
    /// that are not all whole numbers are probabilities, for which alpha must be 0. Every cell's count is raised by alpha.
    ///
    /// # Errors
    /// No rows; a row or the weights of another length; a name twice; too many cells; weights that are neither counts nor
    /// probabilities; alpha is below 0 or not finite.
    pub fn from_rows(names: &[&str], rows: &[Vec<&str>], weights: Option<&[f64]>, alpha: f64) -> Result<Self, TableError> {
        if let Some((row, values)) = rows.iter().enumerate().find(|(_, values)| values.len() != names.len()) {
            return Err(TableError::RowLength { row, expected: names.len(), got: values.len() });
        }
        if rows.is_empty() {
            return Err(DistributionError::Empty { what: "rows" }.into());
        }
        if let Some(weights) = weights.filter(|w| w.len() != rows.len()) {
            return Err(DistributionError::Length { what: "weights", expected: rows.len(), got: weights.len() }.into());
        }
        for &weight in weights.unwrap_or(&[]) {
            expect(weight >= 0.0 && weight.is_finite(), "weight", "a number of 0 or more", weight)?;
        }
        let variables: Vec<Variable> =
            names.iter().enumerate().map(|(at, name)| Variable::new(*name, values(rows.iter().map(|row| row[at])))).collect();
        let mut sums = vec![0.0; n_cells(&variables)?];
        let places: Vec<HashMap<&str, usize>> =
            variables.iter().map(|v| v.values.iter().enumerate().map(|(at, value)| (value.as_str(), at)).collect()).collect();
        for (n, row) in rows.iter().enumerate() {
            let cell = row.iter().zip(&places).fold(0, |cell, (value, places)| cell * places.len() + places[value]);
            sums[cell] += weights.map_or(1.0, |w| w[n]);
        }
        Self::from_sums(variables, sums, weights, alpha)
    }

    fn from_sums(variables: Vec<Variable>, sums: Vec<f64>, weights: Option<&[f64]>, alpha: f64) -> Result<Self, TableError> {
        let weights = weights.unwrap_or(&[]);
        let total: f64 = sums.iter().sum();
        if weights.iter().all(|w| w.fract() == 0.0) && total <= MOST_COUNTED {
            let counts: Vec<u64> = sums.iter().map(|&n| n as u64).collect();
            return Self::from_counts(variables, &counts, alpha);
        }
        if alpha != 0.0 {
            let expected = "0 for weights that are probabilities";
            return Err(DistributionError::Number { what: "smoothing alpha", expected, got: alpha }.into());
        }
        Self::from_probabilities(variables, sums).map_err(|error| match error {
            TableError::Distribution(DistributionError::Sum { sum }) => TableError::Weights { sum },
            other => other,
        })
    }
}

/// What occurs, each once, in order.
fn values<'a>(column: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut values: Vec<&str> = column.collect::<BTreeSet<_>>().into_iter().collect();
    if let Some(numbers) = values.iter().map(|v| v.parse::<f64>().ok()).collect::<Option<Vec<f64>>>() {
        let mut both: Vec<(f64, &str)> = numbers.into_iter().zip(values).collect();
        both.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        values = both.into_iter().map(|(_, value)| value).collect();
    }
    values
}
