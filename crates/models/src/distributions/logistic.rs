//! A logistic distribution cut into levels, as in PixelCNN++ (Salimans et al. 2017, arXiv:1701.05517, eq. 2).

use calotype_graph::Tensor;

use super::bernoulli::softplus;
use super::error::{DistributionError, expect};

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

/// A logistic distribution over levels 0 to L - 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DiscretisedLogistic {
    mean: f64,
    log_scale: f64,
    levels: u32,
}

impl DiscretisedLogistic {
    /// Mean and log-scale in units of levels.
    ///
    /// # Errors
    /// No levels; a mean or a log-scale that is not finite.
    pub fn new(mean: f64, log_scale: f64, levels: u32) -> Result<Self, DistributionError> {
        expect(mean.is_finite(), "mean", "a finite number", mean)?;
        expect(log_scale.is_finite(), "log-scale", "a finite number", log_scale)?;
        if levels == 0 {
            return Err(DistributionError::Empty { what: "levels" });
        }
        Ok(DiscretisedLogistic { mean, log_scale: log_scale.max(LEAST_LOG_SCALE.into()), levels })
    }

    /// In nats: the twin of [`log_p`]. A level that is not there has probability 0.
    pub fn log_p(self, level: u32) -> f64 {
        if level >= self.levels {
            return f64::NEG_INFINITY;
        }
        let delta = (-self.log_scale).exp();
        let a = (f64::from(level) + 0.5 - self.mean) * delta;
        match (level == 0, level + 1 == self.levels) {
            (true, true) => 0.0,
            (true, false) => -softplus(-a),
            (false, true) => -softplus(a - delta),
            (false, false) => (-(-delta).exp_m1()).ln() - softplus(-a) - softplus(a - delta),
        }
    }

    /// The level at which the distribution function passes u, uniform in [0, 1): the logistic's own inverse, rounded to the
    /// nearest level that there is.
    pub fn sample(self, u: f64) -> u32 {
        let value = self.mean + self.log_scale.exp() * (u.ln() - (-u).ln_1p());
        // From a float, what is too large or small, or NaN, becomes the nearest u32, or 0.
        ((value + 0.5).floor() as u32).min(self.levels - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logistic(mean: f64, log_scale: f64, levels: u32) -> DiscretisedLogistic {
        DiscretisedLogistic::new(mean, log_scale, levels).expect("numbers")
    }

    #[test]
    fn probabilities_sum_to_one() {
        for levels in [1, 2, 3, 256] {
            for mean in [-1000.0, -0.5, 0.0, 1.2, 127.5, 255.0, 300.0] {
                for log_scale in [-50.0, -7.0, -1.0, 0.0, 1.4, 3.0, 30.0] {
                    let total: f64 = (0..levels).map(|x| logistic(mean, log_scale, levels).log_p(x).exp()).sum();
                    assert!((total - 1.0).abs() < 1e-12, "{total}: {levels} levels, mean {mean}, log-scale {log_scale}");
                }
            }
        }
        assert_eq!(logistic(0.0, 0.0, 4).log_p(4), f64::NEG_INFINITY);
    }

    /// The paper's formula, where it has enough digits.
    #[test]
    fn it_is_the_difference_of_the_distribution_function() {
        let (mean, scale) = (3.3, 1.7f64);
        let cdf = |x: f64| 1.0 / (1.0 + (-(x - mean) / scale).exp());
        for x in 1..7u32 {
            let want = cdf(f64::from(x) + 0.5) - cdf(f64::from(x) - 0.5);
            assert!((logistic(mean, scale.ln(), 8).log_p(x) - want.ln()).abs() < 1e-13, "{x}");
        }
        assert!((logistic(mean, scale.ln(), 8).log_p(0) - cdf(0.5).ln()).abs() < 1e-14);
        assert!((logistic(mean, scale.ln(), 8).log_p(7) - (1.0 - cdf(6.5)).ln()).abs() < 1e-14);
    }

    /// 500 deviations away the formula as written is log 0.
    #[test]
    fn far_tails_are_finite_and_fall_linearly() {
        let far = |x: u32| logistic(0.0, 0.0, 1000).log_p(x);
        assert!((far(900) - far(901) - 1.0).abs() < 1e-12);
        assert!((far(900) + 900.0 - (0.5f64.exp() - (-0.5f64).exp()).ln()).abs() < 1e-10);
    }

    #[test]
    fn samples_have_the_probabilities() {
        let (n, d) = (100_000, logistic(2.2, 0.3, 6));
        let mut counts = [0.0; 6];
        (0..n).for_each(|i| counts[d.sample((f64::from(i) + 0.5) / f64::from(n)) as usize] += 1.0);
        for (x, count) in counts.iter().enumerate() {
            let p = d.log_p(x as u32).exp();
            assert!((count / f64::from(n) - p).abs() <= 1.0 / f64::from(n), "{x}: {count} of {n}, p {p}");
        }
        assert_eq!((d.sample(0.0), d.sample(1.0)), (0, 5));
    }

    #[test]
    fn what_is_no_distribution_is_refused() {
        for (mean, log_scale, levels) in [(f64::NAN, 0.0, 2), (0.0, f64::INFINITY, 2), (0.0, 0.0, 0)] {
            assert!(DiscretisedLogistic::new(mean, log_scale, levels).is_err());
        }
    }
}
