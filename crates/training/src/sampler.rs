//! Images from latents, by one program of a fixed batch: what row `i` becomes does not depend on how many were asked for.

use std::sync::Arc;

use calotype_graph::{Device, HostTensor, Plan, PlanId};
use calotype_models::Model;

use crate::error::Result;
use crate::load::Loader;
use crate::wait;

/// Rows of the sampling program, and of the grids made while training.
pub const SAMPLE_BATCH: usize = 64;

/// A loaded sampling program.
#[derive(Debug)]
pub struct Sampler {
    id: PlanId,
    /// Length of a latent.
    n_latents: usize,
    /// [H, W, C].
    image: [usize; 3],
}

impl Sampler {
    /// # Errors
    /// The device cannot load the plan.
    pub fn load(model: &dyn Model, device: &mut dyn Device, plan: &Arc<Plan>, loader: Loader) -> Result<Self> {
        let id = loader.load(device, plan)?;
        Ok(Sampler { id, n_latents: model.latents(), image: model.image() })
    }

    /// [H, W, C] of what it makes.
    pub fn image(&self) -> [usize; 3] {
        self.image
    }

    /// Images [N, H, W, C] in [0, 1] of latents [N, z]; a last part of a row is ignored.
    ///
    /// # Errors
    /// What the device says.
    pub fn images(&self, device: &mut dyn Device, latents: &[f32]) -> Result<Vec<f32>> {
        let per_image: usize = self.image.iter().product();
        let mut images = Vec::new();
        for rows in latents.chunks(SAMPLE_BATCH * self.n_latents) {
            let n = rows.len() / self.n_latents;
            let mut z = rows.to_vec();
            z.resize(SAMPLE_BATCH * self.n_latents, 0.0);
            let z = HostTensor::f32([SAMPLE_BATCH, self.n_latents], z);
            let ticket = device.submit(self.id, &[("z", &z)])?;
            let outputs = wait::outputs(device, ticket)?;
            if let Some(made) = outputs.first().and_then(HostTensor::as_f32) {
                images.extend_from_slice(&made[..n * per_image]);
            }
        }
        Ok(images)
    }
}

/// The point at `t` in [0, 1] on the great circle from `a` to `b`, both of length z; between (nearly) parallel vectors a straight
/// line. Source: Shoemake 1985, "Animating Rotation with Quaternion Curves"; for latents White 2016, arXiv:1609.04468.
pub fn slerp(a: &[f32], b: &[f32], t: f64) -> Vec<f32> {
    let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum::<f64>();
    let norm = (dot(a, a) * dot(b, b)).sqrt();
    let omega = if norm > 0.0 { (dot(a, b) / norm).clamp(-1.0, 1.0).acos() } else { 0.0 };
    let (wa, wb) = match omega.sin() {
        s if s > 1e-6 => (((1.0 - t) * omega).sin() / s, (t * omega).sin() / s),
        _ => (1.0 - t, t),
    };
    a.iter().zip(b).map(|(&x, &y)| (wa * f64::from(x) + wb * f64::from(y)) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slerp_keeps_the_length_of_equal_vectors_and_meets_its_ends() {
        let (a, b) = ([3.0, 0.0, 4.0], [0.0, 5.0, 0.0]);
        let middle = slerp(&a, &b, 0.5);
        let length = middle.iter().map(|v| v * v).sum::<f32>().sqrt();
        assert!((length - 5.0).abs() < 1e-5, "{length}");
        for (got, want) in [(slerp(&a, &b, 0.0), a), (slerp(&a, &b, 1.0), b)] {
            assert!(got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-5), "{got:?}");
        }
        let same = slerp(&a, &a, 0.3);
        assert!(same.iter().zip(a).all(|(s, a)| (s - a).abs() < 1e-5), "{same:?}");
        assert_eq!(slerp(&[0.0; 3], &[2.0; 3], 0.5), [1.0; 3]);
    }
}
