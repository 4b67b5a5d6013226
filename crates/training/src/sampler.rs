//! Rows made by a model, by programs of a fixed batch: what row `i` becomes does not depend on how many were asked for.

use std::sync::Arc;

use calotype_graph::{Device, DeviceProfile, HostTensor, Plan, PlanError, PlanId, PlanOptions, plan};
use calotype_models::{Density, Latent, Model, Values};

use crate::error::Result;
use crate::load::Loader;
use crate::wait;

/// Rows of the sampling programs, and of the grids made while training.
pub const SAMPLE_BATCH: usize = 64;

/// The programs that make rows, planned.
#[derive(Clone, Debug)]
pub enum SamplingPlans {
    Latent(Arc<Plan>),
    Drawing {
        begin: Arc<Plan>,
        /// Plans, and how often each is replayed.
        round: Vec<(Arc<Plan>, usize)>,
        rounds: usize,
        end: Arc<Plan>,
    },
    /// The model makes nothing.
    None,
}

impl SamplingPlans {
    /// Plans what `model` makes rows by, `batch` at a time.
    ///
    /// # Errors
    /// A plan that does not fit the device; a mistake in the model.
    pub fn new(model: &dyn Model, batch: usize, profile: &DeviceProfile) -> Result<Self, PlanError> {
        let plan = |program| plan(&program, profile, PlanOptions::default()).map(Arc::new);
        if let Some(latent) = model.latent() {
            return Ok(SamplingPlans::Latent(plan(latent.sampling(batch)?)?));
        }
        let Some(density) = model.density() else { return Ok(SamplingPlans::None) };
        let drawing = density.drawing(batch)?;
        let round = drawing.round.into_iter().map(|(program, n)| Ok((plan(program)?, n)));
        Ok(SamplingPlans::Drawing {
            begin: plan(drawing.begin)?,
            round: round.collect::<Result<_, PlanError>>()?,
            rounds: drawing.rounds,
            end: plan(drawing.end)?,
        })
    }

    /// Every plan.
    pub fn all(&self) -> Vec<&Arc<Plan>> {
        match self {
            SamplingPlans::Latent(plan) => vec![plan],
            SamplingPlans::Drawing { begin, round, end, .. } => {
                [begin].into_iter().chain(round.iter().map(|(plan, _)| plan)).chain([end]).collect()
            }
            SamplingPlans::None => vec![],
        }
    }
}

/// Images from latents: a loaded program.
#[derive(Debug)]
pub struct LatentSampler {
    id: PlanId,
    n_latents: usize,
    /// Values of an image.
    n_values: usize,
}

impl LatentSampler {
    /// # Errors
    /// The device cannot load the plan.
    pub fn load(latent: &dyn Latent, device: &mut dyn Device, plan: &Arc<Plan>, loader: Loader) -> Result<Self> {
        let n_values = plan.outputs.first().map_or(0, |port| port.ty.numel()) / SAMPLE_BATCH;
        Ok(LatentSampler { id: loader.load(device, plan)?, n_latents: latent.latents(), n_values })
    }

    /// Images [N, H, W, C] in [0, 1] of latents [N, z]; a last part of a row is ignored.
    ///
    /// # Errors
    /// What the device says.
    pub fn images(&self, device: &mut dyn Device, latents: &[f32]) -> Result<Vec<f32>> {
        let mut images = Vec::new();
        for rows in latents.chunks(SAMPLE_BATCH * self.n_latents) {
            let n = rows.len() / self.n_latents;
            let z = padded(rows, [SAMPLE_BATCH, self.n_latents]);
            let ticket = device.submit(self.id, &[("z", &z)])?;
            images.extend(first(device, ticket, n * self.n_values)?);
        }
        Ok(images)
    }
}

/// Rows drawn dimension by dimension: loaded programs.
#[derive(Debug)]
pub struct Drawer {
    begin: PlanId,
    round: Vec<(PlanId, usize)>,
    rounds: usize,
    end: PlanId,
    batch: usize,
    n_values: usize,
    n_noise: usize,
}

/// What is known of rows that are completed: `values` where `mask` is not 0, both [N, D].
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    pub values: &'a [f32],
    pub mask: &'a [f32],
}

impl Drawer {
    /// # Errors
    /// The device cannot load a plan; `plans` are not of a drawing.
    pub fn load(density: &dyn Density, device: &mut dyn Device, plans: &SamplingPlans, loader: Loader) -> Result<Option<Self>> {
        let SamplingPlans::Drawing { begin, round, rounds, end } = plans else { return Ok(None) };
        let batch = begin.inputs.iter().find(|p| p.name == "noise").and_then(|p| p.ty.shape.dims().first().copied());
        let round = round.iter().map(|(plan, n)| Ok((loader.load(device, plan)?, *n)));
        Ok(Some(Drawer {
            round: round.collect::<Result<_>>()?,
            begin: loader.load(device, begin)?,
            end: loader.load(device, end)?,
            rounds: *rounds,
            batch: batch.unwrap_or(SAMPLE_BATCH),
            n_values: density.shape().iter().product(),
            n_noise: density.conditional().n_noise(),
        }))
    }

    /// What is loaded.
    pub(crate) fn plans(&self) -> Vec<PlanId> {
        [self.begin, self.end].into_iter().chain(self.round.iter().map(|&(id, _)| id)).collect()
    }

    /// Rows [N, D] as the model has them, from noise [N, D, R]; of `known`, there are as many rows or it is left out.
    ///
    /// # Errors
    /// What the device says.
    pub fn draw(&self, device: &mut dyn Device, noise: &[f32], known: Option<Known>) -> Result<Vec<f32>> {
        let (d, r) = (self.n_values, self.n_noise);
        let mut all = Vec::with_capacity(noise.len() / r.max(1));
        for (n, noise) in noise.chunks(self.batch * d * r).enumerate() {
            let rows = noise.len() / (d * r);
            let part = |of: &[f32]| padded(&of[n * self.batch * d..][..rows * d], [self.batch, d]);
            let none = || HostTensor::f32([self.batch, d], vec![0.0; self.batch * d]);
            let (values, mask) = known.map_or_else(|| (none(), none()), |k| (part(k.values), part(k.mask)));
            let noise = padded(noise, [self.batch, d, r]);
            let ticket = device.submit(self.begin, &[("noise", &noise), ("known", &values), ("mask", &mask)])?;
            wait::outputs(device, ticket)?;
            for _ in 0..self.rounds {
                for &(id, times) in &self.round {
                    device.replay(id, times)?;
                }
            }
            let ticket = device.submit(self.end, &[])?;
            all.extend(first(device, ticket, rows * d)?);
        }
        Ok(all)
    }
}

/// Some rows as a whole batch; what is not there is a half, which is no edge case of any noise.
fn padded<const N: usize>(rows: &[f32], shape: [usize; N]) -> HostTensor {
    let mut all = rows.to_vec();
    all.resize(shape.iter().product(), 0.5);
    HostTensor::f32(shape, all)
}

/// The first `n` numbers of a submission's first output.
fn first(device: &mut dyn Device, ticket: calotype_graph::Ticket, n: usize) -> Result<Vec<f32>> {
    let outputs = wait::outputs(device, ticket)?;
    Ok(outputs.first().and_then(HostTensor::as_f32).map_or_else(Vec::new, |made| made[..n].to_vec()))
}

/// Values as a model has them, as brightness from 0 to 1; what is standardised is left as it is.
pub fn brightness(values: Values, x: &[f32]) -> Vec<f32> {
    match values {
        Values::Signed => x.iter().map(|v| 0.5 * v + 0.5).collect(),
        Values::Levels(levels) => x.iter().map(|v| v / (levels - 1) as f32).collect(),
        Values::Standardised => x.to_vec(),
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
