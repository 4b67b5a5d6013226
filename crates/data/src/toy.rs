//! Toy densities in one and two dimensions, with their exact log densities.

use std::sync::Arc;

use crate::dataset::Dataset;
use crate::error::Result;
use crate::options::Options;
use crate::parts::Values;
use crate::random::{Draws, Stream};

const DEFAULT_ROWS: usize = 10_000;
/// Blocks of one row: index 0 chooses the component, index 1 is the noise.
const CHOICE: u32 = 0;
const NOISE: u32 = 1;

/// A mixture of isotropic Gaussians in D dimensions.
#[derive(Clone, Debug, PartialEq)]
pub struct Mixture<const D: usize> {
    /// Of each component: its weight (they sum to 1), mean and standard deviation.
    pub components: Vec<(f64, [f64; D], f64)>,
}

impl<const D: usize> Mixture<D> {
    fn even(means: Vec<[f64; D]>, deviation: f64) -> Self {
        let weight = 1.0 / means.len() as f64;
        Mixture { components: means.into_iter().map(|mean| (weight, mean, deviation)).collect() }
    }

    /// log p(x), in nats.
    pub fn log_density(&self, x: [f64; D]) -> f64 {
        let half_log_tau = 0.5 * std::f64::consts::TAU.ln();
        let terms: Vec<f64> = (self.components.iter())
            .map(|(weight, mean, deviation)| {
                let z2: f64 = x.iter().zip(mean).map(|(x, m)| ((x - m) / deviation).powi(2)).sum();
                weight.ln() - 0.5 * z2 - D as f64 * (half_log_tau + deviation.ln())
            })
            .collect();
        let most = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if most == f64::NEG_INFINITY { most } else { most + terms.iter().map(|t| (t - most).exp()).sum::<f64>().ln() }
    }

    /// The nearest component, and the distance from its mean in its standard deviations.
    pub fn nearest(&self, x: [f64; D]) -> (usize, f64) {
        let distance = |(_, mean, deviation): &(f64, [f64; D], f64)| {
            x.iter().zip(mean).map(|(x, m)| (x - m).powi(2)).sum::<f64>().sqrt() / deviation
        };
        let distances = self.components.iter().map(distance).enumerate();
        distances.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0, f64::INFINITY))
    }

    fn component(&self, u: f64) -> usize {
        let mut below = 0.0;
        let sums = self.components.iter().map(|(weight, ..)| {
            below += weight;
            below
        });
        sums.take_while(|&sum| sum <= u).count().min(self.components.len() - 1)
    }

    fn dataset(&self, name: &str, options: &Options) -> Result<Dataset> {
        let n_rows = options.rows_or(DEFAULT_ROWS)?;
        options.check_total(name, n_rows as usize, 4 * D)?;
        let draws = Draws::new(options.seed, Stream::Toy, 0);
        let (mut data, mut labels) = (Vec::new(), Vec::new());
        for row in 0..n_rows {
            let chosen = self.component(f64::from(draws.uniforms(row, CHOICE)[0]));
            let (_, mean, deviation) = &self.components[chosen];
            let noise = draws.normals(row, NOISE);
            data.extend(mean.iter().zip(noise).map(|(m, z)| (m + deviation * z) as f32));
            labels.push(chosen as u32);
        }
        let names = (0..self.components.len()).map(|c| c.to_string()).collect();
        points(name, D, data)?.with_labels(labels, names, name)
    }
}

/// 8 Gaussians at angles 2 pi k / 8 on a ring of radius 2, deviation 0.02 each.
pub fn ring_mixture() -> Mixture<2> {
    let angle = |k| std::f64::consts::TAU * f64::from(k) / 8.0;
    Mixture::even((0..8).map(|k| [2.0 * libm::cos(angle(k)), 2.0 * libm::sin(angle(k))]).collect(), 0.02)
}

/// 25 Gaussians at {-2, -1, 0, 1, 2}^2, deviation 0.05 each.
pub fn grid_mixture() -> Mixture<2> {
    let at = |k: i32| [f64::from(k % 5 - 2), f64::from(k / 5 - 2)];
    Mixture::even((0..25).map(at).collect(), 0.05)
}

/// 0.5 N(-1, 0.3^2) + 0.3 N(0.5, 0.2^2) + 0.2 N(2, 0.5^2).
pub fn mixture_1d_mixture() -> Mixture<1> {
    Mixture { components: vec![(0.5, [-1.0], 0.3), (0.3, [0.5], 0.2), (0.2, [2.0], 0.5)] }
}

pub(crate) fn ring(options: &Options) -> Result<Dataset> {
    ring_mixture().dataset("ring", options)
}

pub(crate) fn grid(options: &Options) -> Result<Dataset> {
    grid_mixture().dataset("grid", options)
}

pub(crate) fn mixture_1d(options: &Options) -> Result<Dataset> {
    mixture_1d_mixture().dataset("mixture-1d", options)
}

/// (t cos t, t sin t) / 7 plus N(0, 0.05^2), t uniform in 1.5 pi to 4.5 pi: radii 0.67 to 2.02.
pub(crate) fn swiss_roll(options: &Options) -> Result<Dataset> {
    let n_rows = options.rows_or(DEFAULT_ROWS)?;
    options.check_total("swiss-roll", n_rows as usize, 8)?;
    let draws = Draws::new(options.seed, Stream::Toy, 0);
    let point = |row| {
        let t = 1.5 * std::f64::consts::PI * (1.0 + 2.0 * f64::from(draws.uniforms(row, CHOICE)[0]));
        let [a, b] = draws.normals(row, NOISE);
        [(t * libm::cos(t) / 7.0 + 0.05 * a) as f32, (t * libm::sin(t) / 7.0 + 0.05 * b) as f32]
    };
    points("swiss-roll", 2, (0..n_rows).flat_map(point).collect())
}

/// Vectors with every tenth row in the test split.
fn points(name: &str, dimensions: usize, data: Vec<f32>) -> Result<Dataset> {
    let test = (0..data.len() / dimensions).map(|row| row % 10 == 9).collect();
    Dataset::new(name, &[dimensions], Values::Continuous(Arc::new(data)))?.with_test_rows(test)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_density_integrates_to_one() {
        let mixture = mixture_1d_mixture();
        let sum: f64 = (-4_000..6_000).map(|i| mixture.log_density([f64::from(i) / 1_000.0]).exp() / 1_000.0).sum();
        assert!((sum - 1.0).abs() < 1e-6, "{sum}");
        assert_eq!(mixture.log_density([f64::INFINITY]), f64::NEG_INFINITY);
    }

    #[test]
    fn components_appear_by_their_weights() {
        let data = mixture_1d(&Options::default()).unwrap();
        let count = |c| data.labels().unwrap().iter().filter(|&&l| l == c).count();
        // 5,000, 3,000 and 2,000 expected, deviation about 50.
        assert!(count(0).abs_diff(5_000) < 200 && count(1).abs_diff(3_000) < 200 && count(2).abs_diff(2_000) < 200);
    }
}
