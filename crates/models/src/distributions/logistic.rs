//! A logistic distribution cut into levels, as in PixelCNN++ (Salimans et al. 2017, arXiv:1701.05517, eq. 2).

use calotype_graph::Tensor;

use super::bernoulli::softplus;

/// The smallest log-scale, as in the paper's code: what is below counts as this. There a scale is less than a thousandth of a
/// level.
const LEAST_LOG_SCALE: f32 = -7.0;

/// Widths up to this take the series of log(1 - exp(-δ)).
const SMALL: f32 = 0.25;

/// log p(x) in nats for levels x (f32 whole numbers from 0 to `levels` - 1), mean μ and log-scale log s in units of levels, all
/// of one shape, which is the result's:
///
/// `p(x) = σ((x + ½ - μ) / s) - σ((x - ½ - μ) / s)`, without the second term at 0 and with 1 for the first at L - 1, so that the
/// edges take the tails.
///
/// With a and b the two arguments and δ = a - b = 1 / s, the difference is σ(a) σ(-b) (1 - exp(-δ)), which needs no
/// approximation for far tails.
pub fn log_p(mean: &Tensor, log_scale: &Tensor, x: &Tensor, levels: u32) -> Tensor {
    let log_scale = log_scale.max(&log_scale.graph().scalar(LEAST_LOG_SCALE));
    let delta = log_scale.neg().exp();
    let centred = x - mean;
    let a = (&centred + 0.5) * &delta;
    let b = (&centred - 0.5) * &delta;
    let above_bottom = x.greater(0.5);
    let below_top = 1.0 - &x.greater(levels as f32 - 1.5);
    let log_sigma_a = a.neg().softplus().neg();
    let log_sigma_minus_b = b.softplus().neg();
    log_sigma_a * &below_top
        + log_sigma_minus_b * &above_bottom
        + log_one_minus_exp(&delta, &log_scale) * &(above_bottom * &below_top)
}

/// log(1 - exp(-δ)) for δ = exp(-log_scale): as log δ - δ/2 + δ²/24 - δ⁴/2880 where δ is small. Neither branch overflows in the
/// other's range, so that no gradient becomes NaN.
fn log_one_minus_exp(delta: &Tensor, log_scale: &Tensor) -> Tensor {
    let limit = delta.graph().scalar(SMALL);
    let (small, large) = (delta.min(&limit), delta.max(&limit));
    let squared = small.square();
    let series = squared.clone() * (1.0 / 24.0) - squared.square() * (1.0 / 2880.0) - small * 0.5 - log_scale;
    let direct = (1.0 - &large.neg().exp()).log();
    delta.greater(SMALL).select(&direct, &series)
}

/// log p(level) in f64: the twin of [`log_p`]. A level that is not there has probability 0.
pub fn log_p_host(mean: f64, log_scale: f64, level: u32, levels: u32) -> f64 {
    if level >= levels {
        return f64::NEG_INFINITY;
    }
    let delta = (-log_scale.max(LEAST_LOG_SCALE.into())).exp();
    let a = (f64::from(level) + 0.5 - mean) * delta;
    match (level == 0, level + 1 == levels) {
        (true, true) => 0.0,
        (true, false) => -softplus(-a),
        (false, true) => -softplus(a - delta),
        (false, false) => (-(-delta).exp_m1()).ln() - softplus(-a) - softplus(a - delta),
    }
}
