//! The rows that samples of a run are held against.

use std::sync::Arc;

use calotype_data::{Dataset, Evaluation, Split};

use super::{Material, Second, Told, prepare, training_rows, usable};
use crate::config::DataConfig;
use crate::error::Result;
use crate::score::SCORE_BATCH;

/// Rows that samples of a run are held against.
#[derive(Debug)]
pub struct Against {
    /// Those that the run learned from, or half of them.
    pub learned: Evaluation,
    pub held_out: Evaluation,
    /// What these are.
    pub which: HeldBack,
}

/// Rows that a run did not learn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeldBack {
    Test,
    Validation,
    /// There are none: every other training row stands in for them.
    Nothing,
}

impl Material {
    /// Rows that samples of a run are held against: of the test split, else those that the run held out, else every other training row.
    ///
    /// # Errors
    /// Data that cannot be prepared.
    pub fn against(&self) -> Result<Against> {
        let (learned, validation) = self.rows()?;
        let test = |rows| usable(&self.dataset, rows, self.data.exclude, &self.told);
        self.held(&self.dataset, &self.data, (learned, validation), test)
    }

    /// The same of the second data set, where there is one; a run holds none of its rows out.
    ///
    /// # Errors
    /// Data that cannot be prepared.
    pub fn against_second(&self) -> Result<Option<Against>> {
        let Some(Second { data, dataset }) = &self.second else { return Ok(None) };
        let rows = training_rows(dataset, None, &Told::default())?;
        self.held(dataset, data, dataset.hold_out(&rows, 0.0), |rows| rows).map(Some)
    }

    fn held(
        &self,
        dataset: &Dataset,
        data: &DataConfig,
        (learned, validation): (Vec<u32>, Vec<u32>),
        test: impl Fn(Vec<u32>) -> Vec<u32>,
    ) -> Result<Against> {
        let every_other = |from: usize| learned.iter().copied().skip(from).step_by(2).collect::<Vec<u32>>();
        let (learned, held_out, which) = match dataset.has_splits() {
            true => (learned, test(dataset.rows(Split::Test)?), HeldBack::Test),
            false if !validation.is_empty() => (learned, validation, HeldBack::Validation),
            false => (every_other(0), every_other(1), HeldBack::Nothing),
        };
        let prepared = Arc::new(prepare(dataset, data)?);
        let of = |rows: Vec<u32>| Evaluation::new(Arc::clone(&prepared), rows, SCORE_BATCH, self.wanted.seed);
        Ok(Against { learned: of(learned)?, held_out: of(held_out)?, which })
    }
}
