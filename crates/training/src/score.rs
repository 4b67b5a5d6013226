//! Exact log-probabilities of rows, by one program of a fixed batch.

use std::sync::Arc;

use calotype_data::Evaluation;
use calotype_graph::{Device, HostTensor, Plan, PlanId};
use calotype_models::Density;

use crate::error::Result;
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
        let n_values: usize = self.shape.iter().product();
        let mut all = Vec::with_capacity(rows.rows().len());
        for batch in rows.iter() {
            let log_p = self.log_p(device, &batch.batch.images[..batch.n_valid * n_values])?;
            all.extend(log_p.chunks_exact(n_values).map(|row| -row.iter().map(|&v| f64::from(v)).sum::<f64>()));
        }
        Ok(all)
    }
}

/// Mean and its standard error (0 for fewer than two values).
pub fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n.max(1.0);
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    (mean, (variance / n.max(1.0)).sqrt())
}
