//! The chain rule: p(x_1, …, x_N) = Π p(x_i | x_<i), for any order and any distribution.

use super::{JointTable, TableError};

/// p(variable | the variables before it), one distribution for each combination of their values.
#[derive(Clone, Debug, PartialEq)]
pub struct Factor {
    pub variable: String,
    pub given: Vec<String>,
    /// [contexts, values], row-major in the order of `given`; 0 in a context that cannot be, where any distribution would do.
    pub p: Vec<f64>,
    pub n_values: usize,
}

impl Factor {
    /// Free numbers in it: one less than the values, for each context.
    pub fn n_parameters(&self) -> usize {
        self.p.len() / self.n_values.max(1) * self.n_values.saturating_sub(1)
    }
}

impl JointTable {
    /// The factors of the chain rule in an order of all variables.
    ///
    /// # Errors
    /// A variable that is not there, missing or twice.
    pub fn chain(&self, order: &[&str]) -> Result<Vec<Factor>, TableError> {
        let places = self.places(order)?;
        if places.len() != self.variables.len() {
            return Err(TableError::Order { expected: self.variables.len(), got: places.len() });
        }
        let mut before = vec![1.0]; // p(x_<i): its sum at first
        let mut factors = Vec::new();
        for (i, &place) in places.iter().enumerate() {
            let n_values = self.variables[place].values.len();
            let with = self.project(&places[..=i], &[]).p;
            let ratio = |(cell, &p): (usize, &f64)| match before[cell / n_values] {
                0.0 => 0.0,
                context => p / context,
            };
            factors.push(Factor {
                variable: self.variables[place].name.clone(),
                given: places[..i].iter().map(|&v| self.variables[v].name.clone()).collect(),
                p: with.iter().enumerate().map(ratio).collect(),
                n_values,
            });
            before = with;
        }
        Ok(factors)
    }

    /// The greatest |p(x) - Π p(x_i | x_<i)| over all cells: nothing but rounding, since the chain rule assumes nothing.
    ///
    /// # Errors
    /// As [`JointTable::chain`].
    pub fn chain_error(&self, order: &[&str]) -> Result<f64, TableError> {
        let factors = self.chain(order)?;
        let table = self.marginal(order)?;
        let error = |(cell, p): (usize, &f64)| {
            let mut context = 0;
            let product = table.values_of(cell).iter().zip(&factors).fold(1.0, |product, (value, factor)| {
                context = context * factor.n_values + value;
                product * factor.p[context]
            });
            (p - product).abs()
        };
        Ok(table.p.iter().enumerate().map(error).fold(0.0, f64::max))
    }
}
