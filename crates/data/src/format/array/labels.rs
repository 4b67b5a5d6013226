//! Arrays that are the classes of rows.

use super::{Array, Numbers};
use crate::dataset::Dataset;
use crate::error::{DataError, Result};

/// Numbers below this are the classes 0 to the largest of them; others are classes by themselves.
const MOST_NUMBERED: f64 = 4096.0;

/// The class of every row.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::format) struct Classes {
    pub(in crate::format) of_row: Vec<u32>,
    pub(in crate::format) names: Vec<String>,
    pub(in crate::format) origin: String,
}

impl Classes {
    /// Gives them to the rows of a data set. Errors: another number of rows.
    pub(in crate::format) fn of(self, dataset: Dataset) -> Result<Dataset> {
        dataset.with_labels(self.of_row, self.names, &self.origin)
    }
}

impl Array {
    /// Classes with those of more rows after them, whatever numbers each file has. Errors: other sizes.
    pub(in crate::format) fn joined_classes(self, more: Array) -> Result<Self> {
        let row = |array: Array| match array.shape.as_slice() {
            &[n, 1] => Array { shape: vec![n], ..array },
            _ => array,
        };
        let (first, more) = (row(self), row(more));
        let of_one_type = Array { element: first.element, ..more };
        first.joined(of_one_type)
    }
}

/// Classes of whole numbers [N] or [N, 1]: 0 to the largest, so that a number is one class in every file; where some are negative
/// or 4,096 and above, the numbers that there are.
///
/// Errors: other sizes; a number that is not whole.
pub(in crate::format) fn classes(array: Array) -> Result<Classes> {
    if !matches!(array.shape.as_slice(), [_] | [_, 1]) {
        let found = format!("{:?}; of a table of 0 and 1 save `a.argmax(1)`", array.shape);
        return Err(DataError::format(&array.origin, "classes of shape [N] or [N, 1]", found));
    }
    array.check_finite()?;
    let all = |numbers: &Numbers| (0..numbers.len()).map(|at| numbers.get(at)).collect::<Vec<f64>>();
    let numbers = all(&array.numbers);
    if let Some(at) = numbers.iter().position(|v| v.fract() != 0.0) {
        return Err(array.value(at, "a class, which is a whole number"));
    }
    let origin = array.origin;
    let most = numbers.iter().copied().fold(0.0, f64::max);
    if most < MOST_NUMBERED && numbers.iter().all(|&v| v >= 0.0) {
        let names = (0..=most as u32).map(|class| class.to_string()).collect();
        return Ok(Classes { of_row: numbers.iter().map(|&v| v as u32).collect(), names, origin });
    }
    let mut known = numbers.clone();
    known.sort_by(f64::total_cmp);
    known.dedup();
    let of_row = numbers.iter().map(|v| known.partition_point(|k| k < v) as u32).collect();
    Ok(Classes { of_row, names: known.iter().map(f64::to_string).collect(), origin })
}
