//! The Fréchet distance of two sets of features, taken as normal: Heusel, Ramsauer, Unterthiner, Nessler, Hochreiter 2017, "GANs Trained by
//! a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium", arXiv:1706.08500, §4. With the features of an Inception network it
//! is the FID.

use rayon::prelude::*;

use super::linear::{congruent, eigenvalues, factor};

/// Mean and covariance of features.
#[derive(Clone, Debug)]
pub(super) struct Normal {
    d: usize,
    mean: Vec<f64>,
    /// [d, d], over n - 1.
    covariance: Vec<f64>,
}

impl Normal {
    /// Of features [n, d], by row; at least two rows.
    pub fn of(features: &[&[f32]], d: usize) -> Self {
        let n = features.len();
        let mut mean = vec![0.0; d];
        features.iter().for_each(|row| mean.iter_mut().zip(*row).for_each(|(m, &v)| *m += f64::from(v)));
        mean.iter_mut().for_each(|m| *m /= n.max(1) as f64);
        let mut covariance = vec![0.0; d * d];
        covariance.par_chunks_exact_mut(d.max(1)).enumerate().for_each(|(i, of_i)| {
            for row in features {
                let v = (f64::from(row[i]) - mean[i]) / n.saturating_sub(1).max(1) as f64;
                of_i.iter_mut().zip(*row).zip(&mean).for_each(|((c, &x), m)| *c += v * (f64::from(x) - m));
            }
        });
        Normal { d, mean, covariance }
    }

    fn trace(&self) -> f64 {
        (0..self.d).map(|i| self.covariance[i * self.d + i]).sum()
    }

    /// |μ₁ - μ₂|² + tr(Σ₁ + Σ₂ - 2 (Σ₁ Σ₂)^½).
    pub fn distance(&self, other: &Normal) -> f64 {
        let means = self.mean.iter().zip(&other.mean).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
        // Σ₁ Σ₂ = L Lᵀ Σ₂ has the eigenvalues of Lᵀ Σ₂ L, which is symmetric.
        let l = factor(&self.covariance, self.d);
        let values = eigenvalues(congruent(&l, &other.covariance, self.d), self.d);
        let root = values.iter().map(|v| v.max(0.0).sqrt()).sum::<f64>();
        means + self.trace() + other.trace() - 2.0 * root
    }
}
