//! One of L levels.

use calotype_graph::{Dtype, Tensor};

use super::error::{DistributionError, fitted, normalised};
use crate::losses::cross_entropy;

/// `log softmax(logits)[x]` in nats for logits [.., L] and levels x [..], f32 whole numbers from 0 to L - 1: [..].
pub fn log_p(logits: &Tensor, x: &Tensor) -> Tensor {
    cross_entropy(logits, &x.cast(Dtype::U32)).neg()
}

/// `log softmax(logits)[level]` in f64: the twin of [`log_p`]. A level that is not there has probability 0.
pub fn log_p_host(logits: &[f64], level: usize) -> f64 {
    logits.get(level).map_or(f64::NEG_INFINITY, |l| l - log_sum_exp(logits))
}

/// log Σ exp; -∞ for no terms.
pub(super) fn log_sum_exp(x: &[f64]) -> f64 {
    let max = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if max.is_infinite() { max } else { max + x.iter().map(|x| (x - max).exp()).sum::<f64>().ln() }
}

/// The first level at which the running sum of probabilities passes u; where rounding keeps the sum below u, the last that can be.
pub(super) fn level_at(p: impl Iterator<Item = f64> + Clone, u: f64) -> usize {
    let mut sum = 0.0;
    let passes = |p| {
        sum += p;
        u < sum
    };
    let last = || p.clone().enumerate().filter(|&(_, p)| p > 0.0).last().map_or(0, |(level, _)| level);
    p.clone().position(passes).unwrap_or_else(last)
}

/// Levels 0 to L - 1 with their probabilities.
#[derive(Clone, Debug, PartialEq)]
pub struct Categorical {
    p: Vec<f64>,
}

impl Categorical {
    /// # Errors
    /// No levels; a probability below 0 or not finite; a sum that is not 1 to six digits.
    pub fn new(p: Vec<f64>) -> Result<Self, DistributionError> {
        if p.is_empty() {
            return Err(DistributionError::Empty { what: "levels" });
        }
        Ok(Categorical { p: normalised(p)? })
    }

    /// Maximum likelihood from how often each level was seen, each count raised by alpha: p_l = (n_l + α) / (n + Lα).
    ///
    /// # Errors
    /// No levels; nothing was counted and alpha is 0; alpha is below 0 or not finite.
    pub fn fit(counts: &[u64], alpha: f64) -> Result<Self, DistributionError> {
        if counts.is_empty() {
            return Err(DistributionError::Empty { what: "levels" });
        }
        Ok(Categorical { p: fitted(&counts.iter().map(|&n| n as f64).collect::<Vec<_>>(), alpha)? })
    }

    /// Of each level.
    pub fn p(&self) -> &[f64] {
        &self.p
    }

    /// In nats; -∞ for what cannot be, levels that are not there among it.
    pub fn log_p(&self, level: usize) -> f64 {
        self.p.get(level).map_or(f64::NEG_INFINITY, |p| p.ln())
    }

    /// The level at which the distribution function passes u, uniform in [0, 1): its inverse.
    pub fn sample(&self, u: f64) -> usize {
        level_at(self.p.iter().copied(), u)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_sum_to_one_and_are_the_logits() {
        let logits = [0.3, -100.0, 2.0, 100.0, -7.5];
        let total: f64 = (0..5).map(|l| log_p_host(&logits, l).exp()).sum();
        assert!((total - 1.0).abs() < 1e-14, "{total}");
        assert_eq!(log_p_host(&logits, 1), -200.0);
        assert_eq!(log_p_host(&logits, 5), f64::NEG_INFINITY);
        let same = Categorical::new((0..5).map(|l| log_p_host(&logits, l).exp()).collect()).expect("probabilities");
        assert!((0..5).all(|l| (same.log_p(l) - log_p_host(&logits, l)).abs() < 1e-12));
        assert_eq!(same.log_p(5), f64::NEG_INFINITY);
    }

    #[test]
    fn samples_have_the_probabilities() {
        let levels = Categorical::new(vec![0.1, 0.0, 0.25, 0.65, 0.0]).expect("probabilities");
        let mut counts = [0; 5];
        (0..1000).for_each(|i| counts[levels.sample((f64::from(i) + 0.5) / 1000.0)] += 1);
        assert_eq!(counts, [100, 0, 250, 650, 0]);
    }

    /// Ten times 0.1 is a little less than 1 in f64; and what has no probability is never drawn.
    #[test]
    fn rounding_ends_at_a_level_that_can_be() {
        let u = 1.0 - f64::EPSILON / 2.0;
        let mut p = vec![0.1; 10];
        assert!(p.iter().sum::<f64>() <= u);
        assert_eq!(Categorical::new(p.clone()).expect("probabilities").sample(u), 9);
        p.push(0.0);
        assert_eq!(Categorical::new(p).expect("probabilities").sample(u), 9);
        assert_eq!(Categorical::new(vec![0.0, 1.0]).expect("probabilities").sample(0.0), 1);
    }

    #[test]
    fn the_fit_maximises_the_likelihood_of_the_counts() {
        let counts = [6, 3, 1];
        let likelihood = |c: &Categorical| (0..3).map(|l| counts[l] as f64 * c.log_p(l)).sum::<f64>();
        let best = Categorical::fit(&counts, 0.0).expect("counts");
        assert_eq!(best.p(), [0.6, 0.3, 0.1]);
        for other in [[0.59, 0.31, 0.1], [0.6, 0.29, 0.11], [1.0 / 3.0; 3]] {
            assert!(likelihood(&Categorical::new(other.to_vec()).expect("probabilities")) < likelihood(&best));
        }
        assert_eq!(Categorical::fit(&counts, 1.0).expect("counts").p(), [7.0 / 13.0, 4.0 / 13.0, 2.0 / 13.0]);
    }

    #[test]
    fn what_is_no_distribution_is_refused() {
        assert_eq!(Categorical::new(vec![]), Err(DistributionError::Empty { what: "levels" }));
        assert_eq!(Categorical::new(vec![0.5, 0.25]), Err(DistributionError::Sum { sum: 0.75 }));
        for p in [vec![1.5, -0.5], vec![f64::NAN, 1.0], vec![f64::INFINITY]] {
            assert!(Categorical::new(p.clone()).is_err(), "{p:?}");
        }
        assert!(Categorical::fit(&[], 1.0).is_err());
        assert_eq!(Categorical::fit(&[0, 0], 0.0), Err(DistributionError::NothingCounted));
    }
}
