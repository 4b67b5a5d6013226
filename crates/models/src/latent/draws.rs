//! Latent vectors from a seed, row by row.

use std::f64::consts::FRAC_1_SQRT_2;

use calotype_graph::philox::{self, Domain, Stream};

use super::{LatentKind, LatentPart, n_latents};
use crate::priors::Prior;

/// Latent vectors of a seed. A row depends on the seed and its number alone, and each part on its own name beside them.
#[derive(Clone, Copy, Debug)]
pub struct Draws<'a> {
    parts: &'a [LatentPart],
    seed: u64,
    truncation: Option<f64>,
}

impl<'a> Draws<'a> {
    pub fn new(parts: &'a [LatentPart], seed: u64) -> Self {
        Draws { parts, seed, truncation: None }
    }

    /// With normal latents from the normal distribution truncated to ± `truncation` deviations: fewer kinds of rows, which are nearer to
    /// what is common. Brock, Donahue, Simonyan 2019, arXiv:1809.11096, §3.1, who draw again what lies outside; here it is the inverse
    /// of the truncated distribution's function at the uniform number that the latent is drawn by without truncation.
    #[must_use]
    pub fn truncated(self, truncation: Option<f64>) -> Self {
        Draws { truncation, ..self }
    }

    /// Whether some latents are normal, so that they can be truncated.
    pub fn has_normals(&self) -> bool {
        self.parts.iter().any(|part| deviation(&part.kind).is_some())
    }

    /// Row `i`: [Z].
    pub fn row(&self, i: usize) -> Vec<f32> {
        let mut all = Vec::with_capacity(n_latents(self.parts));
        for part in self.parts {
            let mut random = Stream::new(self.seed, Domain::Latent, part.name, i as u32);
            match (&part.kind, self.truncation.zip(deviation(&part.kind))) {
                (_, Some((t, deviation))) => {
                    all.extend((0..part.size).map(|_| deviation * truncated_normal(random.uniform(), t)));
                }
                (LatentKind::Normal | LatentKind::Direction, None) => all.extend((0..part.size).map(|_| random.normal())),
                (LatentKind::Uniform, None) => all.extend((0..part.size).map(|_| 2.0 * random.uniform() - 1.0)),
                (LatentKind::Category, None) => {
                    let chosen = random.below(part.size.max(1) as u32) as usize;
                    all.extend((0..part.size).map(|n| f32::from(u8::from(n == chosen))));
                }
                (LatentKind::Prior(prior), None) => all.extend(prior.sample(&mut random, part.size, None)),
            }
        }
        all
    }

    /// Columns of a sheet: the categories of the first part that has some.
    pub fn columns(&self) -> Option<usize> {
        self.parts.iter().find(|part| part.kind == LatentKind::Category).map(|part| part.size.max(1))
    }

    /// Cell `n` of a sheet, row by row: [Z]. A sheet has a column for each category, and all other parts of a row of it are of one draw,
    /// [`Draws::row`] of its number. Without categories it is that row itself.
    pub fn cell(&self, n: usize) -> Vec<f32> {
        let (Some(columns), Some(at)) = (self.columns(), self.parts.iter().position(|part| part.kind == LatentKind::Category))
        else {
            return self.row(n);
        };
        let mut z = self.row(n / columns);
        let first = n_latents(&self.parts[..at]);
        z[first..first + self.parts[at].size]
            .iter_mut()
            .enumerate()
            .for_each(|(c, v)| *v = f32::from(u8::from(c == n % columns)));
        z
    }
}

/// The deviation of a normal latent that can be truncated: the direction of a vector is none nearer to the middle.
fn deviation(kind: &LatentKind) -> Option<f32> {
    match kind {
        LatentKind::Normal => Some(1.0),
        LatentKind::Prior(Prior::Gaussian { deviation }) => Some(*deviation),
        LatentKind::Direction | LatentKind::Uniform | LatentKind::Category | LatentKind::Prior(_) => None,
    }
}

/// Φ⁻¹(Φ(-t) + u (Φ(t) - Φ(-t))) for u in (0, 1): within ± t.
fn truncated_normal(u: f32, t: f64) -> f32 {
    let below = 0.5 * libm::erfc(t * FRAC_1_SQRT_2); // Φ(-t)
    let u = below + f64::from(u) * (1.0 - 2.0 * below);
    // From the nearer end, where f32 still tells numbers apart.
    let z = if u <= 0.5 { philox::normal(u as f32) } else { -philox::normal((1.0 - u) as f32) };
    z.clamp(-t as f32, t as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Moments of the truncated normal: variance 1 - 2 t φ(t) / (2 Φ(t) - 1); and a wide one is the normal itself.
    #[test]
    fn truncated_normals_are_distributed_as_they_should() {
        let parts = [LatentPart { name: "z", kind: LatentKind::Normal, size: 50 }];
        for (t, variance) in [(0.5, 0.080_551), (1.0, 0.291_125), (2.0, 0.773_741)] {
            let draws = Draws::new(&parts, 3).truncated(Some(t));
            let all: Vec<f64> = (0..2000).flat_map(|i| draws.row(i)).map(f64::from).collect();
            assert!(all.iter().all(|v| v.abs() <= t), "within {t}");
            let mean = all.iter().sum::<f64>() / all.len() as f64;
            let square = all.iter().map(|v| v * v).sum::<f64>() / all.len() as f64;
            assert!(mean.abs() < 0.01 && (square / variance - 1.0).abs() < 0.02, "{t}: {mean}, {square}");
        }
        let (wide, plain) = (Draws::new(&parts, 3).truncated(Some(9.0)), Draws::new(&parts, 3));
        assert!(wide.row(5).iter().zip(plain.row(5)).all(|(a, b)| (a - b).abs() < 1e-5));
        // Of a Gaussian prior in its own deviations; nothing else is normal.
        let prior = |prior| [LatentPart { name: "z", kind: LatentKind::Prior(prior), size: 2 }];
        let gaussian = prior(Prior::Gaussian { deviation: 5.0 });
        let largest =
            (0..500).flat_map(|i| Draws::new(&gaussian, 1).truncated(Some(1.0)).row(i)).fold(0.0, |m: f32, v| m.max(v.abs()));
        assert!(largest <= 5.0 && largest > 4.5, "{largest}");
        assert!(Draws::new(&gaussian, 1).has_normals() && !Draws::new(&prior(Prior::Ring), 1).has_normals());
    }
}
