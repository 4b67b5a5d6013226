//! Exact log-probabilities of rows, by one program of a fixed batch.

use std::sync::Arc;

use calotype_data::Evaluation;
use calotype_graph::{Device, HostTensor, Plan, PlanId};
use calotype_models::{Density, Model};

use crate::error::{Result, TrainingError};
use crate::load::Loader;
use crate::wait;

/// Rows of a scoring program.
pub const SCORE_BATCH: usize = 64;

/// A loaded scoring program.
#[derive(Debug)]
pub struct Scorer {
    id: PlanId,
    shape: Vec<usize>,
}

impl Scorer {
    /// `plan`: of [`calotype_models::density::scoring`] with [`SCORE_BATCH`] rows.
    ///
    /// # Errors
    /// The device cannot load the plan.
    pub fn load(density: &dyn Density, device: &mut dyn Device, plan: &Arc<Plan>, loader: Loader) -> Result<Self> {
        Ok(Scorer { id: loader.load(device, plan)?, shape: density.shape().to_vec() })
    }

    /// log p(x_d | x_<d) in nats, [N, D], of rows x [N, D] as the model takes them.
    ///
    /// # Errors
    /// What the device says.
    pub fn log_p(&self, device: &mut dyn Device, x: &[f32]) -> Result<Vec<f32>> {
        let n_values: usize = self.shape.iter().product();
        let mut all = Vec::with_capacity(x.len());
        for rows in x.chunks(SCORE_BATCH * n_values) {
            let mut padded = rows.to_vec();
            padded.resize(SCORE_BATCH * n_values, 0.0);
            let x = HostTensor::f32([&[SCORE_BATCH], self.shape.as_slice()].concat(), padded);
            let ticket = device.submit(self.id, &[("x", &x)])?;
            let outputs = wait::outputs(device, ticket)?;
            if let Some(log_p) = outputs.first().and_then(HostTensor::as_f32) {
                all.extend_from_slice(&log_p[..rows.len()]);
            }
        }
        Ok(all)
    }

    /// -log p(x) in nats of every row, in their order.
    ///
    /// # Errors
    /// What the device says.
    pub fn nats(&self, device: &mut dyn Device, rows: &Evaluation) -> Result<Vec<f64>> {
        let mut all = Vec::with_capacity(rows.rows().len());
        self.each(device, rows, |_, log_p| {
            all.push(nats(log_p));
            Ok::<(), TrainingError>(())
        })?;
        Ok(all)
    }

    /// Every row x [D], in their order, with its log p(x_d | x_<d) in nats, [D].
    ///
    /// # Errors
    /// What the device or `f` says.
    pub fn each<E: From<TrainingError>>(
        &self,
        device: &mut dyn Device,
        rows: &Evaluation,
        mut f: impl FnMut(&[f32], &[f32]) -> Result<(), E>,
    ) -> Result<(), E> {
        let n_values: usize = self.shape.iter().product();
        for batch in rows.iter() {
            let x = &batch.batch.images[..batch.n_valid * n_values];
            let log_p = self.log_p(device, x)?;
            x.chunks_exact(n_values).zip(log_p.chunks_exact(n_values)).try_for_each(|(x, log_p)| f(x, log_p))?;
        }
        Ok(())
    }
}

/// Features of rows, by one program of a fixed batch.
#[derive(Debug)]
pub struct Encoder {
    id: PlanId,
    shape: Vec<usize>,
    n_features: usize,
}

impl Encoder {
    /// `plan`: of [`Model::features`] with [`SCORE_BATCH`] rows.
    ///
    /// # Errors
    /// The device cannot load the plan.
    pub fn load(model: &dyn Model, device: &mut dyn Device, plan: &Arc<Plan>, loader: Loader) -> Result<Self> {
        let n_features = plan.outputs.first().map_or(0, |port| port.ty.numel()) / SCORE_BATCH;
        Ok(Encoder { id: loader.load(device, plan)?, shape: model.shape().to_vec(), n_features })
    }

    /// F: numbers for each row.
    pub fn n_features(&self) -> usize {
        self.n_features
    }

    /// [N, F] of all rows, in their order.
    ///
    /// # Errors
    /// What the device says.
    pub fn features(&self, device: &mut dyn Device, rows: &Evaluation) -> Result<Vec<f32>> {
        let mut all = Vec::with_capacity(rows.rows().len() * self.n_features);
        for batch in rows.iter() {
            let x = HostTensor::f32([&[SCORE_BATCH], self.shape.as_slice()].concat(), batch.batch.images);
            let ticket = device.submit(self.id, &[("x", &x)])?;
            let outputs = wait::outputs(device, ticket)?;
            if let Some(features) = outputs.first().and_then(HostTensor::as_f32) {
                all.extend_from_slice(&features[..batch.n_valid * self.n_features]);
            }
        }
        Ok(all)
    }
}

/// -log p(x) in nats from the logarithms of its factors.
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
