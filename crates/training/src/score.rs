//! Scorers and encoders: log-probabilities and features of rows.

use calotype_data::Evaluation;
use calotype_graph::Device;

use crate::error::{Result, TrainingError};
use crate::rows::{RowProgram, of_data};

/// Rows of the programs that score and encode.
pub const SCORE_BATCH: usize = 64;

/// A loaded scoring program: log p(x) in nats as a sum over T terms, log p(x_d | x_<d) where it is exact.
#[derive(Debug)]
pub struct Scorer(RowProgram);

impl Scorer {
    /// Of a program of [`calotype_models::density::scoring`] or [`calotype_models::bounds`].
    pub fn new(program: RowProgram) -> Self {
        Scorer(program)
    }

    /// Every row x [D], in their order, with the terms of its log p(x) in nats, `[T]`.
    ///
    /// # Errors
    /// What the device or `f` says.
    pub fn each<E: From<TrainingError>>(
        &self,
        device: &mut dyn Device,
        rows: &Evaluation,
        mut f: impl FnMut(&[f32], &[f32]) -> Result<(), E>,
    ) -> Result<(), E> {
        let (d, t) = (self.0.n_in(), self.0.n_out());
        self.0.each(device, of_data(rows), |x, log_p| {
            x.chunks_exact(d).zip(log_p.chunks_exact(t)).try_for_each(|(x, log_p)| f(x, log_p))
        })
    }
}

/// A loaded program of features.
#[derive(Debug)]
pub struct Encoder(RowProgram);

impl Encoder {
    /// Of a program of [`calotype_models::Model::features`].
    pub fn new(program: RowProgram) -> Self {
        Encoder(program)
    }

    /// F: numbers for each row.
    pub fn n_features(&self) -> usize {
        self.0.n_out()
    }

    /// [N, F] of all rows, in their order.
    ///
    /// # Errors
    /// What the device says.
    pub fn features(&self, device: &mut dyn Device, rows: &Evaluation) -> Result<Vec<f32>> {
        let mut all = Vec::with_capacity(rows.rows().len() * self.n_features());
        self.0.each(device, of_data(rows), |_, features| {
            all.extend_from_slice(features);
            Ok::<(), TrainingError>(())
        })?;
        Ok(all)
    }
}

/// -log p(x) in nats from the terms of log p(x).
pub fn nats(log_p: &[f32]) -> f64 {
    -log_p.iter().map(|&v| f64::from(v)).sum::<f64>()
}

/// Mean and its standard error (0 for fewer than two values).
pub fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n.max(1.0);
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    (mean, (variance / n.max(1.0)).sqrt())
}
