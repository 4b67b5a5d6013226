//! A bit.

use calotype_graph::Tensor;

use super::error::{DistributionError, expect, fitted};

/// log p(x) in nats for logits l and bits x (0 or 1) of one shape, which is the result's: log σ(l) where x is 1, log σ(-l) where
/// it is 0.
///
/// As a single softplus of ±l it has no difference of large numbers: a probability near 1 keeps its small logarithm.
pub fn log_p(logits: &Tensor, x: &Tensor) -> Tensor {
    let towards_other = logits * &(1.0 - &(x * 2.0)); // -l where x is 1
    towards_other.softplus().neg()
}

/// log p(x) of a bit with this logit, in f64: the twin of [`log_p`].
pub fn log_p_host(logit: f64, x: bool) -> f64 {
    -softplus(if x { -logit } else { logit })
}

/// log(1 + exp(x)).
pub(super) fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// A bit that is 1 with probability p.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bernoulli {
    p: f64,
}

impl Bernoulli {
    /// # Errors
    /// p is not in 0..=1.
    pub fn new(p: f64) -> Result<Self, DistributionError> {
        expect((0.0..=1.0).contains(&p), "probability of 1", "a number from 0 to 1", p)?;
        Ok(Bernoulli { p })
    }

    /// Maximum likelihood from how often 0 and 1 were seen, each count raised by alpha: p = (n_1 + α) / (n + 2α).
    ///
    /// # Errors
    /// Nothing was counted and alpha is 0; alpha is below 0 or not finite.
    pub fn fit(counts: [u64; 2], alpha: f64) -> Result<Self, DistributionError> {
        let p = fitted(&counts.map(|n| n as f64), alpha)?;
        Ok(Bernoulli { p: p[1] })
    }

    /// Probability of 1.
    pub fn p(self) -> f64 {
        self.p
    }

    /// In nats; -∞ for what cannot be.
    pub fn log_p(self, x: bool) -> f64 {
        if x { self.p.ln() } else { (-self.p).ln_1p() }
    }

    /// 1 where u, uniform in [0, 1), is below p.
    pub fn sample(self, u: f64) -> bool {
        u < self.p
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_sum_to_one_and_are_the_logits() {
        for p in [0.0, 1e-300, 0.2, 0.5, 1.0] {
            let bit = Bernoulli::new(p).expect("a probability");
            assert!((bit.log_p(false).exp() + bit.log_p(true).exp() - 1.0).abs() < 1e-15);
        }
        for logit in [-3.0, 0.0, 2.5] {
            let bit = Bernoulli::new(1.0 / (1.0 + f64::exp(-logit))).expect("a probability");
            for x in [false, true] {
                assert!((bit.log_p(x) - log_p_host(logit, x)).abs() < 1e-14);
            }
        }
    }

    #[test]
    fn large_logits_keep_both_logarithms() {
        assert_eq!(log_p_host(-100.0, true), -100.0);
        assert!((log_p_host(100.0, true) / -(-100f64).exp() - 1.0).abs() < 1e-14);
        assert_eq!(log_p_host(1e9, false), -1e9);
    }

    /// Of n evenly spread uniform numbers, n·p give 1: the inverse of the distribution function.
    #[test]
    fn samples_have_the_probability() {
        let bit = Bernoulli::new(0.3).expect("a probability");
        let n_ones = (0..1000).filter(|i| bit.sample((f64::from(*i) + 0.5) / 1000.0)).count();
        assert_eq!(n_ones, 300);
        assert!(!Bernoulli::new(0.0).expect("a probability").sample(0.0));
        assert!(Bernoulli::new(1.0).expect("a probability").sample(1.0 - f64::EPSILON));
    }

    #[test]
    fn the_fit_maximises_the_likelihood_of_the_counts() {
        let counts = [7, 3];
        let likelihood = |bit: Bernoulli| 7.0 * bit.log_p(false) + 3.0 * bit.log_p(true);
        let best = Bernoulli::fit(counts, 0.0).expect("counts");
        assert_eq!(best.p(), 0.3);
        for p in [0.29, 0.31] {
            assert!(likelihood(Bernoulli::new(p).expect("a probability")) < likelihood(best));
        }
        assert_eq!(Bernoulli::fit(counts, 1.0).expect("counts").p(), 4.0 / 12.0);
        assert_eq!(Bernoulli::fit([0, 0], 1.0).expect("smoothed").p(), 0.5);
    }

    #[test]
    fn what_is_no_distribution_is_refused() {
        for p in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert!(Bernoulli::new(p).is_err(), "{p}");
        }
        assert_eq!(Bernoulli::fit([0, 0], 0.0), Err(DistributionError::NothingCounted));
        for alpha in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(Bernoulli::fit([1, 2], alpha).is_err(), "{alpha}");
        }
    }
}
