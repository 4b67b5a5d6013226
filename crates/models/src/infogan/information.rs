//! The variational lower bound on the mutual information of a code c and a row G(z, c): `L = H(c) + E log q(c | x)` (Chen et al. 2016,
//! eqs. 4 and 5), all in nats.

use std::f64::consts::{LN_2, PI};

use calotype_graph::Tensor;

use crate::losses::cross_entropy;

/// Entropy of a category of `k` that are as likely.
pub fn categorical_entropy(k: usize) -> f64 {
    (k as f64).ln()
}

/// Differential entropy of U(-1, 1).
pub const UNIFORM_ENTROPY: f64 = LN_2;

/// -log q(c | x), the mean over rows, of categories c (u32 `[B]`) by logits [B, K]: at least 0, so that the bound is at most ln K.
pub fn categorical_nll(logits: &Tensor, category: &Tensor) -> Tensor {
    cross_entropy(logits, category).mean_all()
}

/// q(c | x) of continuous codes: independent normal distributions.
#[derive(Clone, Debug)]
pub struct Normals {
    /// [B, n].
    pub mean: Tensor,
    /// Logarithm of the deviations [B, n]; none where all are 1.
    pub log_deviation: Option<Tensor>,
}

/// ln √(2π).
fn log_root_two_pi() -> f64 {
    0.5 * (2.0 * PI).ln()
}

/// The logarithm of deviations of at least `floor`, from numbers v [B, n] of which 0 means a deviation of 1:
/// `ln floor + softplus(v + ln(1 / floor - 1))`.
pub fn floored(v: &Tensor, floor: f64) -> Tensor {
    (v + (floor.recip() - 1.0).ln() as f32).softplus() + floor.ln() as f32
}

impl Normals {
    /// -log q(c | x) of codes [B, n], the mean over rows: `[n]`. With σ of at least `floor` it is at least `ln floor + ln √(2π)`.
    pub fn nll(&self, codes: &Tensor) -> Tensor {
        let constant = log_root_two_pi() as f32;
        let apart = codes - &self.mean;
        match &self.log_deviation {
            None => apart.square().mean(&[0]) * 0.5 + constant,
            Some(log_deviation) => {
                let each = (apart * log_deviation.neg().exp()).square() * 0.5 + log_deviation;
                each.mean(&[0]) + constant
            }
        }
    }

    /// The bound for each code, `[n]`, for a person. Where all deviations are 1, with which no bound is above `ln 2 - ln √(2π)` = -0.23,
    /// it is that of the q of the same means and the deviation that fits the batch best, its root mean square error: the bound holds for
    /// every q. No deviation counts as less than `least`.
    pub fn bound(&self, codes: &Tensor, least: f64) -> Tensor {
        if self.log_deviation.is_some() {
            return UNIFORM_ENTROPY as f32 - &self.nll(codes);
        }
        let variance = (codes - &self.mean).square().mean(&[0]);
        let variance = variance.max(&variance.full_like((least * least) as f32));
        // E (c - μ)² / (2 σ²) is 1/2 at the best σ, and less where `least` is larger.
        variance.log() * -0.5 + (UNIFORM_ENTROPY - log_root_two_pi() - 0.5) as f32
    }
}
