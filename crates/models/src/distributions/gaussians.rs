//! A mixture of K Gaussians on one number, as RNADE's conditionals (Uria, Murray, Larochelle 2013, arXiv:1306.0186, eqs. 5-9).

use std::f64::consts::TAU;

use calotype_graph::Tensor;

use super::categorical::log_sum_exp;

/// ½ log 2π
const HALF_LOG_TAU: f32 = 0.918_938_5;

/// log Σ_k softmax(w)_k N(x; μ_k, max(exp(s_k), floor)²) in nats, for y [.., 3K] = [w | μ | s] (weights, means, log-deviations)
/// and x [..]: [..].
///
/// The floor keeps the density bounded where values are tied; it must be above 0 (one that is not counts as the smallest
/// normal f32). Below it no gradient reaches s. The same conditional as `NadeSample` draws from. A y whose last axis is no multiple
/// of 3 is an error of the graph.
pub fn log_p(y: &Tensor, x: &Tensor, floor: f32) -> Tensor {
    let k = y.shape().last() / 3;
    let parts = y.reshape([x.dims(), &[3, k]].concat());
    let axis = x.shape().rank();
    let part = |i: usize| parts.slice(axis, i, i + 1).reshape([x.dims(), &[k]].concat()); // [.., K]
    let (w, mean, s) = (part(0), part(1), part(2));
    let s = s.max(&s.graph().scalar(floor.max(f32::MIN_POSITIVE).ln()));
    let z = (x.reshape([x.dims(), &[1]].concat()) - mean) * s.neg().exp(); // [.., K]
    let terms = &w - &(z.square() * 0.5 + &s);
    terms.log_sum_exp() - w.log_sum_exp() - HALF_LOG_TAU
}

/// The log-density at x for y = [w | μ | s], in f64: the twin of [`log_p`].
pub fn log_p_host(y: &[f64], x: f64, floor: f64) -> f64 {
    let (w, rest) = y.split_at(y.len() / 3);
    let (means, log_deviations) = rest.split_at(w.len());
    let term = |((w, mean), s): ((&f64, &f64), &f64)| {
        let deviation = s.exp().max(floor);
        w - 0.5 * ((x - mean) / deviation).powi(2) - deviation.ln()
    };
    let terms: Vec<f64> = w.iter().zip(means).zip(log_deviations).map(term).collect();
    log_sum_exp(&terms) - log_sum_exp(w) - 0.5 * TAU.ln()
}
