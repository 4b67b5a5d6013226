//! Errors of joint tables and of queries to them.

use super::{MOST_CELLS, Variable};
use crate::distributions::DistributionError;
use crate::settings::nearest;

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    #[error("no variable `{name}`{}; there are: {}", guessed(guess), valid.join(", "))]
    UnknownVariable { name: String, guess: Option<String>, valid: Vec<String> },

    #[error("`{variable}` is never `{value}`{}; its values are: {}", guessed(guess), listed(valid))]
    UnknownValue { variable: String, value: String, guess: Option<String>, valid: Vec<String> },

    #[error("the {what} `{name}` is given twice")]
    Twice { what: &'static str, name: String },

    #[error("the variable `{name}` has no values")]
    NoValues { name: String },

    #[error("{event} has probability 0, so it cannot be a condition; give other values")]
    Impossible { event: String },

    #[error("a table of {n_variables} variables, {sizes} values, exceeds the limit of {MOST_CELLS} cells; use fewer variables")]
    TooManyCells { n_variables: usize, sizes: String },

    #[error("shape mismatch: row {row} has {got} values, expected {expected}")]
    RowLength { row: usize, expected: usize, got: usize },

    #[error("an order of the chain rule names every variable once: expected {expected}, got {got}")]
    Order { expected: usize, got: usize },

    #[error("independence needs variables on both sides; {which} side has none")]
    NothingToTest { which: &'static str },

    #[error("weights are either counts, whole numbers up to 2^53, or probabilities that sum to 1; these sum to {sum}")]
    Weights { sum: f64 },

    #[error(transparent)]
    Distribution(#[from] DistributionError),
}

impl TableError {
    /// Whether the question is wrong, rather than the table.
    pub fn is_wrong_use(&self) -> bool {
        match self {
            TableError::Weights { .. } | TableError::RowLength { .. } | TableError::NoValues { .. } => false,
            TableError::Distribution(DistributionError::Number { what, .. }) => *what == "smoothing alpha",
            TableError::Distribution(_) => false,
            _ => true,
        }
    }
}

fn guessed(guess: &Option<String>) -> String {
    guess.as_ref().map_or(String::new(), |g| format!(" (did you mean `{g}`?)"))
}

/// Some of the values, where there are many.
fn listed(values: &[String]) -> String {
    const MOST: usize = 20;
    let more = values.len().saturating_sub(MOST);
    let shown = values[..values.len() - more].join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

/// Names the valid ones and guesses the one meant.
pub(super) fn unknown_variable<'a>(name: &str, valid: impl Iterator<Item = &'a str> + Clone) -> TableError {
    let guess = nearest(name, valid.clone()).map(str::to_owned);
    TableError::UnknownVariable { name: name.to_owned(), guess, valid: valid.map(str::to_owned).collect() }
}

pub(super) fn unknown_value(variable: &Variable, value: &str) -> TableError {
    let (valid, name) = (variable.values.clone(), variable.name.clone());
    // A number is no slip of another number.
    let word = value.parse::<f64>().is_err();
    let guess = nearest(value, valid.iter().map(String::as_str)).filter(|_| word).map(str::to_owned);
    TableError::UnknownValue { variable: name, value: value.to_owned(), guess, valid }
}
