//! The rows that samples of a run are held against.

use std::sync::Arc;

use calotype_data::{Evaluation, Split};

use super::{Material, prepare, usable};
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
        let every_other = |from: usize| learned.iter().copied().skip(from).step_by(2).collect::<Vec<u32>>();
        let (learned, held_out, which) = match self.dataset.has_splits() {
            true => {
                let test = self.dataset.rows(Split::Test)?;
                (learned, usable(&self.dataset, test, self.data.exclude, &self.told), HeldBack::Test)
            }
            false if !validation.is_empty() => (learned, validation, HeldBack::Validation),
            false => (every_other(0), every_other(1), HeldBack::Nothing),
        };
        let prepared = Arc::new(prepare(&self.dataset, &self.data)?);
        let of = |rows: Vec<u32>| Evaluation::new(Arc::clone(&prepared), rows, SCORE_BATCH, self.wanted.seed);
        Ok(Against { learned: of(learned)?, held_out: of(held_out)?, which })
    }
}
