//! Mean and variance of each channel: the reduction of batch normalisation.

use super::reduce::parts;
use super::{Carried, Case, Cotangents, Given, Operation, Vjp, floats};
use crate::profile::DeviceProfile;
use crate::shape::Type;

/// x [.., C] -> [2, C]: mean, then biased variance (divided by n), of each channel over all leading axes. Ioffe and
/// Szegedy 2015, arXiv:1502.03167, algorithm 1. The variance is Σ(x - mean)² / n, not E[x²] - mean².
///
/// Its derivative is part of [`Tensor::batch_norm`](crate::Tensor::batch_norm)'s and not to be had apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BatchNormStats;

/// Shared by the two batch-norm reductions: x [.., C] as [rows, C].
pub(super) fn rows(x: &Type) -> (usize, usize) {
    let channels = x.shape.last();
    (x.numel() / channels.max(1), channels)
}

impl BatchNormStats {
    /// (rows, channels)
    pub fn dims(&self, x: &Type) -> (usize, usize) {
        rows(x)
    }
}

impl Operation for BatchNormStats {
    fn stem(&self) -> &'static str {
        "batch_norm_stats"
    }

    fn carried(&self) -> Carried {
        Carried::Own
    }

    fn arity(&self) -> usize {
        1
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        floats(inputs, 1)?;
        let (n, channels) = rows(&inputs[0]);
        if inputs[0].shape.rank() < 2 || n == 0 || channels == 0 {
            return Err("takes [.., C] with at least one value a channel".into());
        }
        Ok(Type::f32([2, channels]))
    }

    fn vjp(&self, _v: &Vjp) -> Option<Cotangents> {
        None
    }

    fn flops(&self, inputs: &[Type], _output: &Type) -> u64 {
        4 * inputs[0].numel() as u64
    }

    fn workspace(&self, inputs: &[Type], _output: &Type, profile: &DeviceProfile) -> usize {
        let (rows, channels) = self.dims(&inputs[0]);
        match parts(channels, rows, profile) {
            1 => 0,
            parts => parts * 2 * channels,
        }
    }
}

pub fn cases() -> Vec<Case> {
    let case =
        |name, shape: &[usize]| Case::op("batch_norm_stats", name, BatchNormStats, vec![Given::normal(shape)]).without_gradient();
    let far = Given::uniform([64, 9], 1000.0, 1001.0); // E[x²] - mean² would lose all digits
    vec![
        case("one row", &[1, 5]),
        case("NHWC", &[3, 5, 7, 17]),
        case("many rows", &[700, 3]),
        case("rows in parts", &[2100, 5]),
        case("many channels", &[6, 300]),
        Case::op("batch_norm_stats", "far from zero", BatchNormStats, vec![far]).without_gradient().tolerance(1e-4, 1e-4),
    ]
}
