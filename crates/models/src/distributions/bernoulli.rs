//! A bit.

use calotype_graph::Tensor;

/// log p(x) in nats for logits l and bits x (0 or 1) of one shape, which is the result's: log σ(l) where x is 1, log σ(-l) where
/// it is 0.
///
/// As a single softplus of ±l it has no difference of large numbers: a probability near 1 keeps its small logarithm.
pub fn log_p(logits: &Tensor, x: &Tensor) -> Tensor {
    let towards_other = logits * &(1.0 - &(x * 2.0)); // -l where x is 1
    towards_other.softplus().neg()
}

/// log p(x) of a bit, in f64: the twin of [`log_p`].
pub fn log_p_host(logit: f64, x: bool) -> f64 {
    -softplus(if x { -logit } else { logit })
}

/// log(1 + exp(x)).
pub(super) fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}
