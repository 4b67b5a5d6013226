//! What checks work with: a device, a model with its weights, and a budget.

use std::sync::Arc;

use calotype_graph::{Device, DeviceKind, DeviceProfile, Dtype, GraphError, HostTensor, Init, Plan, PlanId, PlanOptions};
use calotype_graph::{Program, StateSpec, plan};
use calotype_models::density::SAMPLER_PREFIX;
use calotype_models::{Density, init};

use super::{Subject, Told};
use crate::error::Result;
use crate::fit::planning_profile;
use crate::load::Loader;
use crate::rows::RowProgram;
use crate::sampler::{Drawer, Known, SamplingPlans};

/// Floating-point numbers of a program's input and output at most: what bounds its batch.
const MOST_NUMBERS: usize = 1 << 22;
const LARGEST_BATCH: usize = 4096;

/// How much is computed at most. Fixed by the kind of device, so that equal runs are verified equally.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effort {
    /// Floating-point operations of one check.
    pub flops: f64,
    /// Values of a row that are added up.
    pub states: usize,
    pub drawings: usize,
}

impl Effort {
    /// Some seconds a check.
    pub fn of(kind: DeviceKind) -> Self {
        match kind {
            DeviceKind::Cpu => Effort { flops: 1.5e11, states: 65_536, drawings: 40_000 },
            DeviceKind::DiscreteGpu | DeviceKind::IntegratedGpu => Effort { flops: 3e12, states: 65_536, drawings: 40_000 },
            DeviceKind::SoftwareGpu => Effort { flops: 4e9, states: 65_536, drawings: 8_192 },
        }
    }
}

/// What a model's states are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weights {
    /// The subject's own.
    Own,
    /// Of unit gain, drawn from a seed: influences that the architecture has do not die out in them.
    Seeded(u64),
}

pub(super) struct Desk<'a> {
    pub subject: Subject<'a>,
    pub effort: Effort,
    device: &'a mut dyn Device,
    loader: Loader,
    profile: DeviceProfile,
    loaded: Vec<PlanId>,
    tell: &'a mut dyn FnMut(Told<'_>),
}

/// A loaded program of rows, and what a row costs.
#[derive(Debug)]
pub(super) struct Runner {
    program: RowProgram,
    pub flops_per_row: f64,
}

impl<'a> Desk<'a> {
    pub fn new(subject: Subject<'a>, device: &'a mut dyn Device, loader: Loader, tell: &'a mut dyn FnMut(Told<'_>)) -> Self {
        let profile = planning_profile(device.profile());
        Desk { subject, effort: Effort::of(profile.kind), device, loader, profile, loaded: vec![], tell }
    }

    /// For the status line.
    pub fn doing(&mut self, text: &str) {
        (self.tell)(Told::Doing(text));
    }

    /// A batch of rows of this model that is worth a program.
    pub fn batch(density: &dyn Density) -> usize {
        let dims: usize = density.shape().iter().product();
        let row = dims * density.conditional().n_parameters().max(64);
        (MOST_NUMBERS / row.max(1)).clamp(1, LARGEST_BATCH)
    }

    fn write(&mut self, plan: &Plan, weights: Weights) -> Result<()> {
        for spec in plan.states.iter().filter(|s| !s.name.starts_with(SAMPLER_PREFIX)) {
            let value = match weights {
                Weights::Own => (self.subject.state)(spec)?,
                Weights::Seeded(seed) => unit_gain(spec, seed),
            };
            self.device.write_state(&spec.name, &value)?;
        }
        Ok(())
    }

    /// Loads a program of `density` whose input is `x` [`batch`, ..shape], with these weights.
    pub fn program(
        &mut self,
        density: &dyn Density,
        program: fn(&dyn Density, usize) -> Result<Program, GraphError>,
        batch: usize,
        weights: Weights,
    ) -> Result<Runner> {
        let plan = Arc::new(plan(&program(density, batch)?, &self.profile, PlanOptions::default())?);
        let program = RowProgram::load(self.device, &plan, self.loader, 0)?; // exact: nothing is drawn
        self.loaded.push(program.id());
        self.write(&plan, weights)?;
        let flops: u64 = plan.steps.iter().map(|s| s.flops).sum();
        Ok(Runner { program, flops_per_row: flops as f64 / batch as f64 })
    }

    /// Output of rows x [N, D]: [N, n_out]. Each row lies in the batch where its index says.
    pub fn run(&mut self, runner: &Runner, x: &[f32]) -> Result<Vec<f32>> {
        runner.program.all(self.device, x)
    }

    /// Rows drawn with the model's own weights, `count` of them or, where that is too much work, as many as the effort allows:
    /// their noise [N, D, R] and the rows [N, D]. Of `known`, what is to be kept of each row where the mask is not 0: both [D].
    pub fn draw(&mut self, density: &dyn Density, count: usize, seed: u64, known: Option<Known>) -> Result<(Vec<f32>, Vec<f32>)> {
        let dims: usize = density.shape().iter().product();
        let n_noise = density.conditional().n_noise();
        let batch = ((1 << 20) / dims.max(1)).clamp(1, LARGEST_BATCH).min(count);
        let plans = SamplingPlans::new(density, batch, &self.profile)?;
        let count = self.affordable(&plans, batch).clamp(LEAST_DRAWINGS.min(count), count);
        let drawer = Drawer::load(density, self.device, &plans, self.loader)?;
        for plan in plans.all() {
            self.write(plan, Weights::Own)?;
        }
        let Some(drawer) = drawer else { return Ok((vec![], vec![])) };
        self.loaded.extend(drawer.plans());
        let noise = init::noise(count, dims, n_noise, seed).as_f32().unwrap_or_default().to_vec();
        let mut rows = Vec::with_capacity(count * dims);
        for (n, part) in noise.chunks(batch * dims * n_noise).enumerate() {
            self.doing(&format!("drawing {} of {count} rows", n * batch));
            let n_rows = part.len() / (dims * n_noise);
            let repeated = known.map(|k| (k.values.repeat(n_rows), k.mask.repeat(n_rows)));
            let known = repeated.as_ref().map(|(values, mask)| Known { values, mask });
            rows.extend(drawer.draw(self.device, part, known)?);
        }
        Ok((noise, rows))
    }

    /// Rows that the effort allows to draw.
    fn affordable(&self, plans: &SamplingPlans, batch: usize) -> usize {
        let flops = |plan: &Plan| plan.steps.iter().map(|s| s.flops).sum::<u64>() as f64;
        let SamplingPlans::Drawing { begin, round, rounds, end } = plans else { return usize::MAX };
        let turns: f64 = round.iter().map(|(plan, n)| flops(plan) * *n as f64).sum();
        let a_row = (flops(begin) + turns * *rounds as f64 + flops(end)) / batch as f64;
        (self.effort.flops / a_row.max(1.0)) as usize
    }

    /// Unloads everything and forgets every state: what comes next may have states of the same names for another canvas.
    pub fn clear(&mut self) -> Result<()> {
        self.loaded.drain(..).for_each(|id| self.device.unload(id));
        for spec in self.device.states() {
            self.device.remove_state(&spec.name)?;
        }
        Ok(())
    }
}

/// Fewer drawings than this show nothing.
const LEAST_DRAWINGS: usize = 2_000;

/// Counts below this are drawn for tables.
const MOST_COUNTED: u32 = 50;

/// A state of unit gain: weights are normal with variance 1 / fan-in, biases with a deviation of a tenth, counts uniform; what is
/// given by the model, as an order is, stays.
fn unit_gain(spec: &StateSpec, seed: u64) -> HostTensor {
    let shape = spec.ty.shape.dims();
    match (&spec.init, spec.ty.dtype) {
        (Init::Given(value), _) => value.clone(),
        (_, Dtype::U32) => {
            let mut random = super::rows::random(seed, &spec.name);
            let counts: Vec<u32> = (0..spec.ty.numel()).map(|_| random.below(MOST_COUNTED)).collect();
            HostTensor::u32(spec.ty.shape.clone(), counts)
        }
        (_, Dtype::F32) => {
            let fan_in: usize = shape.iter().rev().skip(1).product();
            let deviation = if shape.len() < 2 { 0.1 } else { (fan_in.max(1) as f32).sqrt().recip() };
            init::initial(&StateSpec { init: Init::Normal { mean: 0.0, deviation }, ..spec.clone() }, seed)
        }
    }
}
