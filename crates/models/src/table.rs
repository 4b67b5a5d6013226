//! Rows of numbers that a setting names a file of: what the file held, since models read none.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A table of finite numbers [N, W], row-major.
#[derive(Clone, PartialEq)]
pub struct Table {
    width: usize,
    data: Vec<f32>,
}

/// Tables by the keys of their settings.
pub type Tables = BTreeMap<String, Arc<Table>>;

impl Table {
    /// Rows of `width` numbers; none where the numbers are no such rows, or one of them is not finite.
    pub fn new(width: usize, data: Vec<f32>) -> Option<Self> {
        let whole = width > 0 && data.len().is_multiple_of(width) && data.iter().all(|v| v.is_finite());
        whole.then_some(Table { width, data })
    }

    /// Numbers of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn n_rows(&self) -> usize {
        self.data.len() / self.width
    }

    /// All numbers, row-major.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// # Panics
    /// No such row.
    pub fn row(&self, n: usize) -> &[f32] {
        &self.data[n * self.width..][..self.width]
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table [{}, {}]", self.n_rows(), self.width)
    }
}
