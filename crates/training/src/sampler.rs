//! Sampling: the planned programs of a model, and rows drawn dimension by dimension. Row `i` does not depend on the number of rows.

use std::sync::Arc;

use calotype_graph::{Device, DeviceProfile, HostTensor, Plan, PlanError, PlanId, PlanOptions, Ticket, plan};
use calotype_models::{Density, Model, Values};

use crate::error::Result;
use crate::load::Loader;
use crate::rows::{RowProgram, pad};
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

/// What makes rows, loaded once for all that shows or measures them.
#[derive(Clone, Debug)]
pub(crate) enum Sampler {
    /// Of [`calotype_models::Latent::sampling`].
    Latent(RowProgram),
    Drawing(Drawer),
    /// The model makes nothing.
    None,
}

impl Sampler {
    /// # Errors
    /// The device cannot load a plan.
    pub fn load(model: &dyn Model, device: &mut dyn Device, plans: &SamplingPlans, loader: Loader, seed: u64) -> Result<Self> {
        Ok(match (plans, model.density()) {
            (SamplingPlans::Latent(plan), _) => Sampler::Latent(RowProgram::load(device, plan, loader, seed)?),
            (_, Some(density)) => Drawer::load(density, device, plans, loader)?.map_or(Sampler::None, Sampler::Drawing),
            _ => Sampler::None,
        })
    }
}

/// Rows drawn dimension by dimension: loaded programs.
#[derive(Clone, Debug)]
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

    /// Rows that are drawn at once.
    pub fn batch(&self) -> usize {
        self.batch
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
        let batch = |of: &[f32], at: usize, n: usize| {
            let mut rows = of[at * self.batch * n..].chunks(self.batch * n).next().unwrap_or_default().to_vec();
            pad(&mut rows, self.batch * n, n);
            rows
        };
        let count = noise.len() / (d * r).max(1);
        let mut all = Vec::with_capacity(count * d);
        // Read while the next batch is drawn: submissions run in their order.
        let mut before: Option<(usize, Ticket)> = None;
        for at in 0..count.div_ceil(self.batch) {
            let of_known = |of: fn(Known) -> &[f32]| {
                let values = known.map_or_else(|| vec![0.0; self.batch * d], |k| batch(of(k), at, d));
                HostTensor::f32([self.batch, d], values)
            };
            let (values, mask) = (of_known(|k| k.values), of_known(|k| k.mask));
            let noise = HostTensor::f32([self.batch, d, r], batch(noise, at, d * r));
            let begun = device.submit(self.begin, &[("noise", &noise), ("known", &values), ("mask", &mask)])?;
            device.forget(begun);
            for _ in 0..self.rounds {
                for &(id, times) in &self.round {
                    device.replay(id, times)?;
                }
            }
            let n = (count - at * self.batch).min(self.batch);
            let ended = device.submit(self.end, &[])?;
            if let Some((n, ticket)) = before.replace((n, ended)) {
                read(device, ticket, n * d, &mut all)?;
            }
        }
        if let Some((n, ticket)) = before {
            read(device, ticket, n * d, &mut all)?;
        }
        Ok(all)
    }
}

/// Adds the first `n` numbers of a submission's output.
fn read(device: &mut dyn Device, ticket: Ticket, n: usize, all: &mut Vec<f32>) -> Result<()> {
    let drawn = wait::only_output(device, ticket)?;
    all.extend_from_slice(&drawn.as_f32().unwrap_or_default()[..n]);
    Ok(())
}

/// Values as a model has them, as brightness from 0 to 1; what is standardised is left as it is.
pub fn brightness(values: Values, x: &[f32]) -> Vec<f32> {
    match values {
        Values::Signed => x.iter().map(|v| 0.5 * v + 0.5).collect(),
        Values::Levels(levels) => x.iter().map(|v| v / (levels - 1) as f32).collect(),
        Values::Standardised => x.to_vec(),
    }
}
