//! A mixture of K Gaussians on one number, as RNADE's conditionals (Uria, Murray, Larochelle 2013, arXiv:1306.0186, eqs. 5-9).

use std::f64::consts::TAU;

use calotype_graph::Tensor;

use super::categorical::{level_at, log_sum_exp};
use super::error::{DistributionError, expect, normalised};

/// ½ log 2π
const HALF_LOG_TAU: f32 = 0.918_938_5;

/// log Σ_k softmax(w)_k N(x; μ_k, max(exp(s_k), floor)²) in nats, for y [.., 3K] = [w | μ | s] (weights, means, log-deviations)
/// and x [..]: [..].
///
/// The floor keeps the density bounded where values are tied; it must be above 0 (one that is not counts as the smallest
/// normal f32). Below it no gradient reaches s. It is the conditional that `NadeSample` draws from. A y whose last axis is no
/// multiple of 3 is an error of the graph.
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

/// Σ_k weight_k N(mean_k, deviation_k²).
#[derive(Clone, Debug, PartialEq)]
pub struct Gaussians {
    /// Logarithms of weights that sum to 1: a model's may be too small for f64.
    log_weights: Vec<f64>,
    means: Vec<f64>,
    deviations: Vec<f64>,
}

impl Gaussians {
    /// # Errors
    /// Lists of unequal length or none; weights that are no probabilities; a mean that is not finite; a deviation that is not
    /// above 0 and finite.
    pub fn new(weights: Vec<f64>, means: Vec<f64>, deviations: Vec<f64>) -> Result<Self, DistributionError> {
        let k = weights.len();
        for (what, got) in [("means", means.len()), ("deviations", deviations.len())] {
            if got != k {
                return Err(DistributionError::Length { what, expected: k, got });
            }
        }
        if k == 0 {
            return Err(DistributionError::Empty { what: "components" });
        }
        for &mean in &means {
            expect(mean.is_finite(), "mean", "a finite number", mean)?;
        }
        for &deviation in &deviations {
            expect(deviation > 0.0 && deviation.is_finite(), "deviation", "a finite number above 0", deviation)?;
        }
        Ok(Gaussians { log_weights: normalised(weights)?.iter().map(|w| w.ln()).collect(), means, deviations })
    }

    /// The mixture that a model's 3K numbers [w | μ | s] stand for, as in [`log_p`], whatever they are: numbers that are not
    /// finite give a density that is not. What is left over above a multiple of 3 is not looked at.
    pub fn from_parameters(y: &[f64], floor: f64) -> Self {
        let k = y.len() / 3;
        let total = log_sum_exp(&y[..k]);
        Gaussians {
            log_weights: y[..k].iter().map(|w| w - total).collect(),
            means: y[k..2 * k].to_vec(),
            deviations: y[2 * k..3 * k].iter().map(|s| s.exp().max(floor)).collect(),
        }
    }

    /// Logarithm of the density at x, in nats: the twin of [`log_p`].
    pub fn log_p(&self, x: f64) -> f64 {
        let term = |((log_weight, mean), deviation): ((&f64, &f64), &f64)| {
            log_weight - 0.5 * ((x - mean) / deviation).powi(2) - deviation.ln() - 0.5 * TAU.ln()
        };
        let terms: Vec<f64> = self.log_weights.iter().zip(&self.means).zip(&self.deviations).map(term).collect();
        log_sum_exp(&terms)
    }

    /// u, uniform in [0, 1), picks a component by the inverse of the weights' distribution function; z, standard normal, a
    /// value of it: mean + deviation · z.
    pub fn sample(&self, u: f64, z: f64) -> f64 {
        let k = level_at(self.log_weights.iter().map(|w| w.exp()), u);
        let at = |list: &[f64]| list.get(k).copied().unwrap_or(f64::NAN);
        at(&self.means) + at(&self.deviations) * z
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mixture() -> Gaussians {
        Gaussians::new(vec![0.2, 0.5, 0.3], vec![-4.0, 0.5, 1.0], vec![0.5, 0.1, 2.0]).expect("a mixture")
    }

    /// ∫ p by the trapezoidal rule, which is exact to rounding for what vanishes with all derivatives at both ends.
    #[test]
    fn the_density_integrates_to_one() {
        let (low, step) = (-30.0, 0.01);
        let total: f64 = (0..6000).map(|i| mixture().log_p(low + step * f64::from(i)).exp() * step).sum();
        assert!((total - 1.0).abs() < 1e-12, "{total}");
    }

    #[test]
    fn a_models_numbers_stand_for_the_mixture() {
        let (w, means, s): ([f64; 3], _, [f64; 3]) = ([0.2, 0.5, 0.3], [-4.0, 0.5, 1.0], [0.5, 0.1, 2.0]);
        // A constant in all weights changes nothing.
        let y = [w.map(|w| w.ln() + 7.0), means, s.map(f64::ln)].concat();
        for x in [-40.0, -3.0, 0.45, 9.0] {
            assert!((Gaussians::from_parameters(&y, 0.0).log_p(x) - mixture().log_p(x)).abs() < 1e-12, "{x}");
        }
        // Floored at 0.5, the second component is wider; the others stay.
        let floored = Gaussians::new(vec![0.2, 0.5, 0.3], means.to_vec(), vec![0.5, 0.5, 2.0]).expect("a mixture");
        assert!((Gaussians::from_parameters(&y, 0.5).log_p(0.45) - floored.log_p(0.45)).abs() < 1e-12);
    }

    #[test]
    fn far_away_the_logarithm_stays_finite() {
        let one = Gaussians::new(vec![1.0], vec![0.0], vec![1.0]).expect("a Gaussian");
        assert!((one.log_p(1e6) + 0.5e12).abs() < 1.0);
        let tied = Gaussians::from_parameters(&[0.0, 3.0, -1e4], 1e-3);
        assert!((tied.log_p(3.0) - (1e3f64.ln() - 0.5 * TAU.ln())).abs() < 1e-12, "bounded by the floor");
    }

    #[test]
    fn samples_are_of_the_component_that_u_picks() {
        for (u, z, want) in [(0.0, 1.0, -3.5), (0.199, -2.0, -5.0), (0.2, 3.0, 0.8), (0.699, 0.0, 0.5), (0.7, 0.5, 2.0)] {
            assert!((mixture().sample(u, z) - want).abs() < 1e-12, "u {u}, z {z}");
        }
    }

    #[test]
    fn what_is_no_distribution_is_refused() {
        let new = |w: &[f64], m: &[f64], d: &[f64]| Gaussians::new(w.to_vec(), m.to_vec(), d.to_vec());
        assert!(new(&[], &[], &[]).is_err());
        assert!(new(&[1.0], &[0.0, 1.0], &[1.0]).is_err());
        assert!(new(&[1.0], &[0.0], &[]).is_err());
        assert!(new(&[0.5], &[0.0], &[1.0]).is_err());
        assert!(new(&[1.0], &[f64::NAN], &[1.0]).is_err());
        for deviation in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(new(&[1.0], &[0.0], &[deviation]).is_err(), "{deviation}");
        }
    }
}
