//! log p(x) of one row laid open: of a bound whose q(z | x) is normal and whose latents are two, by integrals over the plane in f64.

use std::f64::consts::TAU;

/// Places a side of a grid.
pub const SIDE: usize = 161;
/// Half the side of the first grid, in deviations of the prior: outside is 1e-14 of it.
const HALF: f64 = 7.5;
/// Half the side of a grid over q, in its deviations.
const HALF_OF_Q: f64 = 7.5;
/// A finer grid leaves out what is less likely than the mode by more than so many nats.
const LEFT_OUT: f64 = 30.0;
/// Times that a grid is made finer.
const ROUNDS: usize = 4;

/// An axis of a grid: `SIDE` places from one end to the other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    pub first: f64,
    pub step: f64,
}

impl Axis {
    fn around(centre: f64, half: f64) -> Self {
        Axis { first: centre - half, step: 2.0 * half / (SIDE - 1) as f64 }
    }

    fn at(self, i: usize) -> f64 {
        self.first + self.step * i as f64
    }
}

/// Places in the plane of two latents.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid(pub [Axis; 2]);

impl Grid {
    /// z of all places, [SIDE SIDE]: the second latent moves faster.
    pub fn places(&self) -> Vec<[f64; 2]> {
        let [a, b] = self.0;
        (0..SIDE * SIDE).map(|n| [a.at(n / SIDE), b.at(n % SIDE)]).collect()
    }

    /// The logarithm of the area that belongs to a place.
    fn log_area(&self) -> f64 {
        self.0.iter().map(|a| a.step.ln()).sum()
    }

    /// The smallest grid that holds the places of values within [`LEFT_OUT`] of the largest, with a step around.
    fn around_the_mode(&self, values: &[f64]) -> Self {
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let places = self.places();
        let kept = || places.iter().zip(values).filter(|(_, v)| **v > most - LEFT_OUT).map(|(z, _)| z);
        Grid(std::array::from_fn(|axis| {
            let (low, high) = kept().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), z| (l.min(z[axis]), h.max(z[axis])));
            let step = self.0[axis].step;
            Axis::around(0.5 * (low + high), 0.5 * (high - low) + step)
        }))
    }
}

/// N(mean, exp(log_var)) of independent latents.
#[derive(Clone, Debug, PartialEq)]
pub struct Normal {
    pub mean: Vec<f64>,
    pub log_var: Vec<f64>,
}

impl Normal {
    /// From what a program of [`calotype_models::Variational::approximate_posterior`] gives of one row, [2 Z].
    pub fn new(numbers: &[f32]) -> Self {
        let (mean, log_var) = numbers.split_at(numbers.len() / 2);
        let wide = |values: &[f32]| values.iter().map(|&v| v.into()).collect();
        Normal { mean: wide(mean), log_var: wide(log_var) }
    }

    /// KL(this || N(0, I)) in nats.
    pub fn kl(&self) -> f64 {
        self.mean.iter().zip(&self.log_var).map(|(m, v)| 0.5 * (v.exp() + m * m - 1.0 - v)).sum()
    }

    fn log_density(&self, z: &[f64]) -> f64 {
        let terms = z.iter().zip(&self.mean).zip(&self.log_var);
        terms.map(|((z, m), v)| -0.5 * ((z - m).powi(2) / v.exp() + v + TAU.ln())).sum()
    }
}

/// log N(z; 0, I).
fn log_prior(z: &[f64]) -> f64 {
    -0.5 * z.iter().map(|z| z * z + TAU.ln()).sum::<f64>()
}

/// What log p(x) is made of, in nats.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// E_q[log p(x | z)].
    pub reconstruction: f64,
    /// KL(q || prior).
    pub kl: f64,
    /// ∫ p(z) p(x | z) dz.
    pub log_p: f64,
    /// KL(q || p(z | x)).
    pub gap: f64,
    /// How far `log_p` is from the same by every second place of the grid: large where the posterior is a ridge that is thinner than
    /// the grid is fine.
    pub unresolved: f64,
    /// log p(z | x) at the places of the last grid.
    pub log_posterior: Vec<f64>,
    pub grid: Grid,
}

impl Evidence {
    /// Integrates over grids of two latents, each finer and about the mode of p(z | x). `log_likelihood`: log p(x | z) at places.
    ///
    /// # Errors
    /// What `log_likelihood` says.
    pub fn by_grid<E>(q: &Normal, mut log_likelihood: impl FnMut(&[[f64; 2]]) -> Result<Vec<f64>, E>) -> Result<Self, E> {
        let mut joint = |grid: &Grid| -> Result<Vec<f64>, E> {
            let places = grid.places();
            let likelihoods = log_likelihood(&places)?;
            Ok(places.iter().zip(likelihoods).map(|(z, l)| log_prior(z) + l).collect())
        };
        let mut grid = Grid([Axis::around(0.0, HALF); 2]);
        let mut values = joint(&grid)?;
        for _ in 0..ROUNDS {
            grid = grid.around_the_mode(&values);
            values = joint(&grid)?;
        }
        let log_p = log_sum(&values) + grid.log_area();
        let second: Vec<f64> =
            (0..SIDE).step_by(2).flat_map(|i| (0..SIDE).step_by(2).map(move |j| i * SIDE + j)).map(|n| values[n]).collect();
        let unresolved = (log_sum(&second) + grid.log_area() + 4.0f64.ln() - log_p).abs();

        // Expectations under q, by a grid of its own.
        let axis = |n: usize| Axis::around(q.mean[n], HALF_OF_Q * (0.5 * q.log_var[n]).exp());
        let own = Grid([axis(0), axis(1)]);
        let (places, of_joint) = (own.places(), joint(&own)?);
        let weights: Vec<f64> = places.iter().map(|z| (q.log_density(z) + own.log_area()).exp()).collect();
        let expected = |f: &dyn Fn(usize) -> f64| {
            let kept = weights.iter().enumerate().filter(|(_, w)| **w > 0.0);
            kept.map(|(n, w)| w * f(n)).sum::<f64>() / weights.iter().sum::<f64>()
        };
        let reconstruction = expected(&|n| of_joint[n] - log_prior(&places[n]));
        let gap = expected(&|n| q.log_density(&places[n]) - (of_joint[n] - log_p));
        let log_posterior = values.iter().map(|v| v - log_p).collect();
        Ok(Evidence { reconstruction, kl: q.kl(), log_p, gap, unresolved, log_posterior, grid })
    }

    /// Reconstruction - KL: what log p(x) is at least.
    pub fn bound(&self) -> f64 {
        self.reconstruction - self.kl
    }
}

/// log Σ exp.
fn log_sum(values: &[f64]) -> f64 {
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    most + values.iter().map(|v| (v - most).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    /// x = a z₁ + b z₂ + noise of deviation s: the posterior is normal and correlated, and everything is known.
    const A: f64 = 2.0;
    const B: f64 = -1.2;

    fn by_grid(x: f64, s: f64, q: &Normal) -> Evidence {
        let likelihood = |z: &[f64; 2]| -0.5 * (((x - A * z[0] - B * z[1]) / s).powi(2) + TAU.ln()) - s.ln();
        Evidence::by_grid(q, |places| Ok::<_, Infallible>(places.iter().map(likelihood).collect())).expect("no error")
    }

    #[test]
    fn a_linear_model_is_integrated_exactly() {
        let q = Normal { mean: vec![0.4, -0.3], log_var: vec![-1.0, 0.2] };
        for (x, s) in [(0.7, 1.0), (3.0, 0.3), (-2.0, 0.25)] {
            let (got, variance) = (by_grid(x, s, &q), A * A + B * B + s * s);
            let log_p = -0.5 * (x * x / variance + (TAU * variance).ln());
            assert!((got.log_p - log_p).abs() < 1e-6, "{x} {s}: {} and {log_p}", got.log_p);
            assert!(got.unresolved < 1e-3, "{}", got.unresolved);
            // E_q of the squared error: of its mean and its variance.
            let off = x - A * q.mean[0] - B * q.mean[1];
            let spread = A * A * q.log_var[0].exp() + B * B * q.log_var[1].exp();
            let reconstruction = -0.5 * ((off * off + spread) / (s * s) + TAU.ln()) - s.ln();
            assert!((got.reconstruction / reconstruction - 1.0).abs() < 1e-9, "{} and {reconstruction}", got.reconstruction);
            assert!((got.log_p - got.bound() - got.gap).abs() < 1e-6 * got.gap.max(1.0), "{got:.6?}", got = (got.log_p, got.gap));
            let sum = got.log_posterior.iter().map(|v| (v + got.grid.log_area()).exp()).sum::<f64>();
            assert!((sum - 1.0).abs() < 1e-9, "{sum}");
        }
    }

    #[test]
    fn a_ridge_that_is_too_thin_shows() {
        let got = by_grid(-2.0, 0.02, &Normal { mean: vec![0.4, -0.3], log_var: vec![-1.0, 0.2] });
        assert!(got.unresolved > 0.1, "{}", got.unresolved);
    }

    /// With independent latents q can be the posterior itself.
    #[test]
    fn there_is_no_gap_at_the_posterior() {
        let (x, s) = (1.5f64, 0.4f64);
        let precision = 1.0 + 1.0 / (s * s);
        let q = Normal { mean: vec![x / (s * s * precision), 0.0], log_var: vec![-precision.ln(), 0.0] };
        let likelihood = |z: &[f64; 2]| -0.5 * (((x - z[0]) / s).powi(2) + TAU.ln()) - s.ln();
        let got = Evidence::by_grid(&q, |places| Ok::<_, Infallible>(places.iter().map(likelihood).collect())).expect("no error");
        assert!(got.gap.abs() < 1e-9 && (got.log_p - got.bound()).abs() < 1e-9, "{} {}", got.gap, got.log_p - got.bound());
    }

    #[test]
    fn a_known_divergence() {
        let q = Normal::new(&[1.0, -2.0, 0.5, 0.0, -1.0, 0.7]);
        assert!((q.kl() - 2.96582).abs() < 1e-5, "{}", q.kl());
    }
}
