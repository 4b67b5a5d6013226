//! The real rows that samples are held against.

use calotype_data::Evaluation;
use calotype_models::Values;
use calotype_training::evaluate::{mixed, reduced};
use calotype_training::{Against, HeldBack, brightness};

/// Images from 0 to 1, or vectors.
pub struct Rows<'a> {
    against: &'a Against,
    values: Values,
    /// The numbers of the held-out rows.
    pub shown: Vec<u32>,
    /// [n, ..shape].
    pub held_out: Vec<f32>,
    /// Training rows, [n, ..shape], and their numbers.
    pub learned: Vec<f32>,
    pub learned_numbers: Vec<u32>,
    /// The numbers of all training rows, and these made small.
    numbers: Vec<u32>,
    pub training: Vec<f32>,
}

impl<'a> Rows<'a> {
    /// `n` of each.
    pub fn of(against: &'a Against, values: Values, shape: &[usize], n: usize, seed: u64) -> Self {
        let chosen = |of: &Evaluation| mixed(of.spaced(n), seed);
        let values_of =
            |of: &Evaluation, rows: &[u32]| -> Vec<f32> { rows.iter().flat_map(|&row| bright(of, values, row)).collect() };
        let mut numbers = against.learned.rows().to_vec();
        if against.which == HeldBack::Nothing {
            numbers.extend(against.held_out.rows());
        }
        let (shown, learned_numbers) = (chosen(&against.held_out), chosen(&against.learned));
        Rows {
            held_out: values_of(&against.held_out, &shown),
            learned: values_of(&against.learned, &learned_numbers),
            learned_numbers,
            training: numbers.iter().flat_map(|&row| reduced(&bright(&against.learned, values, row), shape)).collect(),
            against,
            values,
            shown,
            numbers,
        }
    }

    /// Training row `n` of all.
    pub fn training_row(&self, n: usize) -> Vec<f32> {
        bright(&self.against.learned, self.values, self.numbers[n])
    }
}

/// A row of the data by its number; both sets are of the same data.
fn bright(of: &Evaluation, values: Values, row: u32) -> Vec<f32> {
    brightness(values, &of.row(row))
}
