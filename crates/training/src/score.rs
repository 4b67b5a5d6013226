//! Scorers and encoders: log-probabilities and features of rows.

use calotype_data::Evaluation;
use calotype_graph::Device;

use crate::error::{Result, TrainingError};
use crate::rows::{RowProgram, of_data};

/// Rows of the programs that score and encode.
pub const SCORE_BATCH: usize = 64;

/// A loaded scoring program: log p(x) in nats as a sum over T terms, log p(x_d | x_<d) where it is exact; a bound is one term.
#[derive(Debug)]
pub struct Scorer {
    program: RowProgram,
    /// Draws of a row, of a bound.
    draws: Option<usize>,
}

impl Scorer {
    /// Of a program of [`calotype_models::density::scoring`].
    pub fn exact(program: RowProgram) -> Self {
        Scorer { program, draws: None }
    }

    /// By `draws` of each row, which a program of [`calotype_models::log_weights`] makes some at a time: memory does not grow with
    /// their number. Equal seeds of the program and `draws` give equal bounds, whatever the number of rows.
    pub fn bound(program: RowProgram, draws: usize) -> Self {
        Scorer { program, draws: Some(draws) }
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
        let (d, t) = (self.program.n_in(), self.program.n_out());
        let Some(draws) = self.draws else {
            return self.program.each(device, of_data(rows), |x, log_p| {
                x.chunks_exact(d).zip(log_p.chunks_exact(t)).try_for_each(|(x, log_p)| f(x, log_p))
            });
        };
        let mut means: Vec<LogMean> = Vec::new();
        self.program.each_times(device, of_data(rows), draws.div_ceil(t.max(1)), |x, log_weights| {
            means.resize_with(x.len() / d.max(1), LogMean::default);
            for (mean, log_weights) in means.iter_mut().zip(log_weights.chunks_exact(t)) {
                let left = draws - mean.n.min(draws);
                log_weights.iter().take(left).for_each(|&w| mean.add(w.into()));
            }
            if means.first().is_none_or(|m| m.n < draws) {
                return Ok(());
            }
            x.chunks_exact(d).zip(means.drain(..)).try_for_each(|(x, mean)| f(x, &[mean.get() as f32]))
        })
    }
}

/// The logarithm of the mean of the exponentials of `logs`.
pub fn log_mean_exp(logs: &[f64]) -> f64 {
    let mut mean = LogMean::default();
    logs.iter().for_each(|&log| mean.add(log));
    mean.get()
}

/// The logarithm of the mean of numbers given by their logarithms, one after the other, in f64.
#[derive(Debug)]
struct LogMean {
    n: usize,
    /// The largest so far.
    largest: f64,
    /// Of the numbers, each divided by the largest.
    sum: f64,
}

impl Default for LogMean {
    fn default() -> Self {
        LogMean { n: 0, largest: f64::NEG_INFINITY, sum: 0.0 }
    }
}

impl LogMean {
    /// NaN makes the mean NaN.
    fn add(&mut self, log: f64) {
        self.n += 1;
        if log > self.largest {
            self.sum = self.sum * (self.largest - log).exp() + 1.0;
            self.largest = log;
        } else if log != f64::NEG_INFINITY {
            self.sum += (log - self.largest).exp();
        }
    }

    fn get(&self) -> f64 {
        self.largest + (self.sum / self.n as f64).ln()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_numbers_far_too_small_for_floats_is_right_in_every_order() {
        let want = -1000.0 + ((1.0 + (-1.0f64).exp() + (-30.0f64).exp()) / 3.0).ln();
        for logs in [[-1000.0, -1001.0, -1030.0], [-1030.0, -1001.0, -1000.0], [-1001.0, -1000.0, -1030.0]] {
            assert!((log_mean_exp(&logs) - want).abs() < 1e-12, "{} and {want}", log_mean_exp(&logs));
        }
        assert_eq!(log_mean_exp(&[-7.5; 40]), -7.5);
        assert!((log_mean_exp(&[f64::NEG_INFINITY, 0.0]) + 2.0f64.ln()).abs() < 1e-15, "one of two is 0");
        assert_eq!(log_mean_exp(&[f64::NEG_INFINITY; 3]), f64::NEG_INFINITY);
    }

    #[test]
    fn a_draw_that_is_not_a_number_shows() {
        for logs in [[f64::NAN, -3.0], [-3.0, f64::NAN]] {
            assert!(log_mean_exp(&logs).is_nan(), "{logs:?}");
        }
    }
}
