//! The two sums of batch normalisation's derivative.

use super::batch_norm_stats::rows;
use super::reduce::parts;
use super::{Carried, Case, Cotangents, Given, Operation, Vjp, floats};
use crate::profile::DeviceProfile;
use crate::shape::Type;

/// x [.., C], dy [.., C], stats [2, C] (mean, variance) -> [2, C]: Σ dy, then Σ dy (x - mean), of each channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BatchNormSums;

impl BatchNormSums {
    /// (rows, channels)
    pub fn dims(&self, x: &Type) -> (usize, usize) {
        rows(x)
    }
}

impl Operation for BatchNormSums {
    fn stem(&self) -> &'static str {
        "batch_norm_sums"
    }

    fn carried(&self) -> Carried {
        Carried::Own
    }

    fn arity(&self) -> usize {
        3
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        floats(inputs, 3)?;
        let stats = Type::f32([2, inputs[0].shape.last()]);
        if inputs[0] != inputs[1] || inputs[2] != stats {
            return Err("takes x and dy of one shape [.., C] and stats [2, C]".into());
        }
        Ok(stats)
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
    let case = |name, shape: &[usize]| {
        let c = shape[shape.len() - 1];
        let given = vec![Given::normal(shape), Given::normal(shape), Given::uniform([2, c], 0.5, 1.5)];
        Case::op("batch_norm_sums", name, BatchNormSums, given).without_gradient().tolerance(2e-4, 2e-5)
    };
    vec![
        case("one row", &[1, 5]),
        case("NHWC", &[3, 5, 7, 17]),
        case("many rows", &[700, 3]),
        case("rows in parts", &[1100, 3]).tolerance(5e-4, 2e-5), // sums of more terms
        case("many channels", &[6, 300]),
    ]
}
