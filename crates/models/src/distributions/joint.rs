//! Joint tables: a probability for every combination of the values of a few named variables, and what follows from it exactly:
//! margins, conditioning (Bayes' rule is nothing else), the chain rule. Independence is tested on them, too.

mod chain;
mod error;
mod independence;
mod rows;

pub use chain::Factor;
pub use error::TableError;
pub use independence::{GTest, Independence};

use super::error::{DistributionError, fitted, normalised};

/// Cells of a table at most: a probability and a count each, 64 MiB in all.
pub const MOST_CELLS: usize = 1 << 22;

/// A name and the values that it can have, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    pub name: String,
    pub values: Vec<String>,
}

impl Variable {
    pub fn new(name: impl Into<String>, values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Variable { name: name.into(), values: values.into_iter().map(Into::into).collect() }
    }

    /// Values 0 to n - 1.
    pub fn numbered(name: impl Into<String>, n: usize) -> Self {
        Self::new(name, (0..n).map(|v| v.to_string()))
    }
}

/// p(A, B, …) over every combination of values. Cells are row-major: the last variable's value changes fastest.
#[derive(Clone, Debug, PartialEq)]
pub struct JointTable {
    variables: Vec<Variable>,
    p: Vec<f64>,
    /// How often each cell was seen, where the table is from data.
    counts: Option<Vec<f64>>,
}

/// A variable and a value of it, by their places.
type Fact = (usize, usize);

impl JointTable {
    /// From a probability for each cell.
    ///
    /// # Errors
    /// No values, a name or value twice, too many cells, another number of probabilities than cells, one that is below 0 or not
    /// finite, a sum that is not 1 to six digits.
    pub fn from_probabilities(variables: Vec<Variable>, p: Vec<f64>) -> Result<Self, TableError> {
        let cells = n_cells(&variables)?;
        if p.len() != cells {
            return Err(DistributionError::Length { what: "probabilities", expected: cells, got: p.len() }.into());
        }
        Ok(JointTable { variables, p: normalised(p)?, counts: None })
    }

    /// From how often each cell was seen, each count raised by alpha: p = (n + α) / (N + α · cells). The counts themselves are
    /// kept for [`Independence`].
    ///
    /// # Errors
    /// As [`JointTable::from_probabilities`]; nothing was counted and alpha is 0; alpha is below 0 or not finite.
    pub fn from_counts(variables: Vec<Variable>, counts: &[u64], alpha: f64) -> Result<Self, TableError> {
        let cells = n_cells(&variables)?;
        if counts.len() != cells {
            return Err(DistributionError::Length { what: "counts", expected: cells, got: counts.len() }.into());
        }
        let counts: Vec<f64> = counts.iter().map(|&n| n as f64).collect();
        Ok(JointTable { variables, p: fitted(&counts, alpha)?, counts: Some(counts) })
    }

    pub fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// Of each cell, row-major.
    pub fn p(&self) -> &[f64] {
        &self.p
    }

    /// How many observations it is from, where it is from data.
    pub fn n_observations(&self) -> Option<f64> {
        self.counts.as_ref().map(|counts| counts.iter().sum())
    }

    /// Place of each variable's value in a cell.
    pub fn values_of(&self, cell: usize) -> Vec<usize> {
        let mut rest = cell;
        let mut values: Vec<usize> = self
            .variables
            .iter()
            .rev()
            .map(|v| {
                let value = rest % v.values.len();
                rest /= v.values.len();
                value
            })
            .collect();
        values.reverse();
        values
    }

    /// p of an event such as `[("A", "1"), ("B", "0")]`; without facts it is 1.
    ///
    /// # Errors
    /// A variable or value that is not there, a variable twice.
    pub fn probability(&self, event: &[(&str, &str)]) -> Result<f64, TableError> {
        Ok(self.p_of(&self.facts(event)?))
    }

    /// p of some variables, in the order given; the others are summed out.
    ///
    /// # Errors
    /// A variable that is not there, or is given twice.
    pub fn marginal(&self, names: &[&str]) -> Result<Self, TableError> {
        Ok(self.project(&self.places(names)?, &[]))
    }

    /// p of the variables that an event says nothing of, given the event: its cells divided by their sum.
    ///
    /// # Errors
    /// As [`JointTable::probability`]; an event of probability 0.
    pub fn given(&self, event: &[(&str, &str)]) -> Result<Self, TableError> {
        let facts = self.facts(event)?;
        let others: Vec<usize> = (0..self.variables.len()).filter(|v| facts.iter().all(|(known, _)| known != v)).collect();
        let mut table = self.project(&others, &facts);
        let evidence: f64 = table.p.iter().sum();
        if evidence <= 0.0 {
            let event = event.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ");
            return Err(TableError::Impossible { event });
        }
        table.p.iter_mut().for_each(|p| *p /= evidence);
        Ok(table)
    }

    /// p(names | event): conditions, then sums out the others. Bayes' rule is this and nothing else:
    /// p(a | e) = p(a, e) / p(e) = p(e | a) p(a) / p(e).
    ///
    /// # Errors
    /// As [`JointTable::given`] and [`JointTable::marginal`].
    pub fn posterior(&self, names: &[&str], event: &[(&str, &str)]) -> Result<Self, TableError> {
        self.places(&names.iter().copied().chain(event.iter().map(|(name, _)| *name)).collect::<Vec<_>>())?;
        self.given(event)?.marginal(names)
    }

    fn p_of(&self, facts: &[Fact]) -> f64 {
        // Not `sum`, which is -0 for no cells.
        self.project(&[], facts).p.iter().fold(0.0, |sum, p| sum + p)
    }

    /// Sums the cells in which the facts hold into a table of these variables, in this order. It sums to the facts' probability.
    fn project(&self, keep: &[usize], facts: &[Fact]) -> Self {
        let variables: Vec<Variable> = keep.iter().map(|&v| self.variables[v].clone()).collect();
        let cells: usize = variables.iter().map(|v| v.values.len()).product();
        let (mut p, mut counts) = (vec![0.0; cells], self.counts.as_ref().map(|_| vec![0.0; cells]));
        for cell in 0..self.p.len() {
            let values = self.values_of(cell);
            if facts.iter().all(|&(variable, value)| values[variable] == value) {
                let to = keep.iter().fold(0, |to, &v| to * self.variables[v].values.len() + values[v]);
                p[to] += self.p[cell];
                if let (Some(to_counts), Some(counts)) = (&mut counts, &self.counts) {
                    to_counts[to] += counts[cell];
                }
            }
        }
        JointTable { variables, p, counts }
    }

    /// Places of variables by name.
    fn places(&self, names: &[&str]) -> Result<Vec<usize>, TableError> {
        let mut places = Vec::new();
        for &name in names {
            let place = self.variables.iter().position(|v| v.name == name);
            let place = place.ok_or_else(|| error::unknown_variable(name, self.variables.iter().map(|v| v.name.as_str())))?;
            if places.contains(&place) {
                return Err(TableError::Twice { what: "variable", name: name.to_owned() });
            }
            places.push(place);
        }
        Ok(places)
    }

    fn facts(&self, event: &[(&str, &str)]) -> Result<Vec<Fact>, TableError> {
        let places = self.places(&event.iter().map(|(name, _)| *name).collect::<Vec<_>>())?;
        let fact = |(place, (_, value)): (usize, &(&str, &str))| {
            let variable = &self.variables[place];
            let at = variable.values.iter().position(|v| v == value);
            at.map(|at| (place, at)).ok_or_else(|| error::unknown_value(variable, value))
        };
        places.into_iter().zip(event).map(fact).collect()
    }
}

/// Cells that a table of these variables has, before it is made.
fn n_cells(variables: &[Variable]) -> Result<usize, TableError> {
    for (n, variable) in variables.iter().enumerate() {
        if variables[..n].iter().any(|v| v.name == variable.name) {
            return Err(TableError::Twice { what: "variable", name: variable.name.clone() });
        }
        let mut sorted: Vec<&String> = variable.values.iter().collect();
        sorted.sort_unstable();
        if let Some(same) = sorted.windows(2).find(|w| w[0] == w[1]) {
            return Err(TableError::Twice { what: "value", name: format!("{}={}", variable.name, same[0]) });
        }
        if variable.values.is_empty() {
            return Err(TableError::NoValues { name: variable.name.clone() });
        }
    }
    let cells = variables.iter().try_fold(1usize, |cells, v| cells.checked_mul(v.values.len()));
    cells.filter(|&cells| cells <= MOST_CELLS).ok_or_else(|| {
        let sizes: Vec<String> = variables.iter().take(8).map(|v| v.values.len().to_string()).collect();
        let more = if variables.len() > 8 { " x ..." } else { "" };
        TableError::TooManyCells { n_variables: variables.len(), sizes: sizes.join(" x ") + more }
    })
}

#[cfg(test)]
mod tests;
