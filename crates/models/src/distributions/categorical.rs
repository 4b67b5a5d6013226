//! One of L levels.

use calotype_graph::{Dtype, Tensor};

use crate::losses::cross_entropy;

/// log softmax(logits)[x] in nats for logits [.., L] and levels x [..], f32 whole numbers from 0 to L - 1: [..].
pub fn log_p(logits: &Tensor, x: &Tensor) -> Tensor {
    cross_entropy(logits, &x.cast(Dtype::U32)).neg()
}

/// log softmax(logits)[level] in f64: the twin of [`log_p`]. A level that is not there has probability 0.
pub fn log_p_host(logits: &[f64], level: usize) -> f64 {
    logits.get(level).map_or(f64::NEG_INFINITY, |l| l - log_sum_exp(logits))
}

/// log Σ exp; -∞ for no terms.
pub(super) fn log_sum_exp(x: &[f64]) -> f64 {
    let max = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if max.is_infinite() { max } else { max + x.iter().map(|x| (x - max).exp()).sum::<f64>().ln() }
}
