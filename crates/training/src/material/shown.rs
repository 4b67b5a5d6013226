//! The rows that pictures show of a translator, a composer, or a model that draws from text, and what is known of them.

use std::sync::Arc;

use calotype_data::{Dataset, Evaluation, Prepared, Split};

use super::{Material, Told};
use crate::attributes::Attributed;
use crate::captions::Captioned;
use crate::error::Result;
use crate::score::SCORE_BATCH;

/// Rows that pictures show with what is known of them.
#[derive(Clone, Debug)]
pub struct ShownRows {
    /// At most [`ShownRows::ROWS`].
    pub rows: Evaluation,
    /// Of the second data set.
    pub rows_b: Option<Evaluation>,
    /// The attributes that rows are translated between.
    pub told: Option<Arc<Attributed>>,
    /// The captions that they are drawn from.
    pub captions: Option<Arc<Captioned>>,
    /// For each of `rows` and each change of one attribute, the row of the data that it should become, where that is known.
    pub twins: Vec<Vec<Option<u32>>>,
}

impl ShownRows {
    /// Images of each data set.
    pub const ROWS: usize = 8;
}

impl Material {
    /// Test rows where there are any, which are never learned from.
    pub(super) fn shown_rows(&self, prepared: &Arc<Prepared>, second: Option<Arc<Prepared>>) -> Result<ShownRows> {
        let seed = self.wanted.seed;
        let shown = |dataset: &Dataset, prepared: &Arc<Prepared>, told: &Told| -> Result<Evaluation> {
            let mut rows = dataset.rows(if dataset.has_splits() { Split::Test } else { Split::Train })?;
            rows.retain(|&row| told.has(row));
            let rows = spread(rows.len(), ShownRows::ROWS).map(|at| rows[at]).collect();
            Ok(Evaluation::new(Arc::clone(prepared), rows, SCORE_BATCH, seed)?)
        };
        let rows = shown(&self.dataset, prepared, &self.told)?;
        let rows_b = match (&self.second, second) {
            (Some(second), Some(prepared)) => Some(shown(&second.dataset, &prepared, &Told::default())?),
            _ => None,
        };
        let told = self.told.attributes.clone();
        let changes = told.as_ref().map_or_else(Vec::new, |told| told.attributes.single_changes());
        let twin = |row: u32, change| {
            let (factor, value) = told.as_ref()?.factor(change)?;
            self.dataset.twin(row, factor, value)
        };
        let twins = rows.rows().iter().map(|&row| changes.iter().map(|&change| twin(row, change)).collect()).collect();
        Ok(ShownRows { rows, rows_b, told, captions: self.told.captions.clone(), twins })
    }
}

/// Places of at most `most` among `all`, about evenly spaced, each one further on in its part than the one before, so that what comes in
/// turns (the tones of an emoji) is not shown once only. None twice.
fn spread(all: usize, most: usize) -> impl Iterator<Item = usize> {
    let n = all.min(most).max(1);
    (0..all.min(most)).map(move |i| i * all / n + i % (all / n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_spread_and_none_comes_twice() {
        let places = |all: usize| spread(all, 8).collect::<Vec<_>>();
        assert_eq!((places(0), places(1), places(3)), (vec![], vec![0], vec![0, 1, 2]));
        assert_eq!(places(384).iter().map(|at| at % 6).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 0, 1], "every tone");
        for all in 0..200 {
            let found = places(all);
            assert!(found.iter().all(|&at| at < all) && found.windows(2).all(|pair| pair[0] < pair[1]), "{all}: {found:?}");
            assert_eq!(found.len(), all.min(8));
        }
    }
}
