//! `calotype plan`: memory, FLOPs and kernels of a training step.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Formatter};
use std::sync::Arc;

use anyhow::{Result, anyhow};
use calotype_graph::{DeviceProfile, MemoryBytes, Plan, Shape};
use calotype_training::{Material, Plans, Training, grouped, planning_profile, plans};
use serde::{Serialize, Serializer};

use super::{Ending, wanted};
use crate::args::PlanArgs;
use crate::device;
use crate::output::bytes;

/// Tensors that are named.
const LARGEST: usize = 5;

pub fn run(args: &PlanArgs, threads: usize) -> Result<Ending> {
    let material = Material::open(&wanted(&args.model, &args.with, None, None)?)?;
    let mut opened = device::open_at(args.with.device.as_deref(), args.with.precision(), threads)?;
    let profile = planning_profile(opened.device().profile());
    let batch = material.model.batch();
    let plans = plans(material.model.as_ref(), batch, &profile)?;
    let shown = shown(&plans).ok_or_else(|| anyhow!("{} has no program to plan", args.model))?;
    let steps = shown.into_iter().map(|(what, plan)| {
        let n_pipelines = opened.device().prepare(plan)?.len();
        Ok(Step::new(what, plan, n_pipelines))
    });
    let planned = Planned {
        model: args.model.clone(),
        data: material.data_in_words(),
        batch,
        device: profile.name.clone(),
        memory: Memory::new(&plans, &profile),
        steps: steps.collect::<Result<_>>()?,
    };
    args.form.answer(&planned)?;
    Ok(Ending::Done)
}

/// A training step of each stage. A model that counts has none: what its rows are scored by is shown in its place.
fn shown(plans: &Plans) -> Option<Vec<(String, &Arc<Plan>)>> {
    match (&plans.training, &plans.held_out) {
        (Some(Training { stages, plans }), _) => {
            let what = |name: &str| match plans.len() {
                1 => "a training step".to_owned(),
                _ => format!("a step of `{name}`"),
            };
            Some(stages.iter().zip(plans).map(|((stage, _), plan)| (what(&stage.name), plan)).collect())
        }
        (None, Some(plan)) => Some(vec![("scoring a batch".to_owned(), plan)]),
        (None, None) => None,
    }
}

/// What is planned.
#[derive(Serialize)]
struct Planned {
    model: String,
    data: String,
    batch: usize,
    device: String,
    memory: Memory,
    steps: Vec<Step>,
}

/// In bytes.
#[derive(Serialize)]
struct Memory {
    planned_bytes: u64,
    /// What there is; none where the device does not say.
    device_bytes: Option<u64>,
    states_bytes: u64,
    arenas_bytes: u64,
    inputs_bytes: u64,
    outputs_bytes: u64,
    staging_bytes: u64,
    sampling_bytes: u64,
}

/// A program that is run once a step.
#[derive(Serialize)]
struct Step {
    what: String,
    flops: u64,
    moved_bytes: u64,
    flops_per_byte: f64,
    n_dispatches: usize,
    /// Pipelines to compile.
    n_pipelines: usize,
    kernels: Vec<Kernels>,
    largest_tensors: Vec<Tensor>,
    n_parameters_and_statistics: u64,
}

/// All kernels of one kind.
#[derive(Serialize)]
struct Kernels {
    kernel: String,
    n: usize,
    flops: u64,
    part_of_flops: f64,
}

#[derive(Serialize)]
struct Tensor {
    bytes: u64,
    name: String,
    #[serde(serialize_with = "dimensions")]
    shape: Shape,
}

fn dimensions<S: Serializer>(shape: &Shape, s: S) -> Result<S::Ok, S::Error> {
    s.collect_seq(shape.dims())
}

impl Memory {
    fn new(plans: &Plans, profile: &DeviceProfile) -> Self {
        let m = match (&plans.training, &plans.held_out) {
            (Some(training), _) => training.memory(profile),
            (None, Some(scoring)) => scoring.memory,
            (None, None) => MemoryBytes::default(),
        };
        Memory {
            planned_bytes: plans.total_bytes,
            device_bytes: profile.memory_bytes,
            states_bytes: m.state,
            arenas_bytes: m.arenas,
            inputs_bytes: m.inputs,
            outputs_bytes: m.outputs,
            staging_bytes: m.staging,
            sampling_bytes: plans.total_bytes.saturating_sub(m.total()),
        }
    }
}

impl Step {
    fn new(what: String, plan: &Plan, n_pipelines: usize) -> Self {
        let (flops, moved_bytes) = (plan.flops(), plan.bytes());
        let parameters = plan.states.iter().filter(|s| !s.name.starts_with("optimizer."));
        Step {
            what,
            flops,
            moved_bytes,
            flops_per_byte: flops as f64 / moved_bytes.max(1) as f64,
            n_dispatches: plan.steps.len(),
            n_pipelines,
            kernels: kernels(plan),
            largest_tensors: largest(plan),
            n_parameters_and_statistics: parameters.map(|s| s.ty.numel() as u64).sum(),
        }
    }
}

/// By kind, the most FLOPs first.
fn kernels(plan: &Plan) -> Vec<Kernels> {
    let mut stems: BTreeMap<&str, (usize, u64)> = BTreeMap::new();
    for step in &plan.steps {
        let (n, flops) = stems.entry(step.stem()).or_default();
        (*n, *flops) = (*n + 1, *flops + step.flops);
    }
    let of = |(stem, (n, flops)): (&str, (usize, u64))| {
        let part_of_flops = flops as f64 / plan.flops().max(1) as f64;
        Kernels { kernel: stem.to_owned(), n, flops, part_of_flops }
    };
    let mut all: Vec<Kernels> = stems.into_iter().map(of).collect();
    all.sort_by_key(|k| Reverse(k.flops));
    all
}

/// The largest things that kernels read or write, each once.
fn largest(plan: &Plan) -> Vec<Tensor> {
    let written = plan.steps.iter().flat_map(|s| s.writes.iter().map(|w| (&s.name, &w.ty.shape)));
    let states = plan.states.iter().map(|s| (&s.name, &s.ty.shape));
    let tensor = |(name, shape): (&String, &Shape)| Tensor { bytes: shape.bytes(), name: name.clone(), shape: shape.clone() };
    let mut all: Vec<Tensor> = written.chain(states).map(tensor).collect();
    all.sort_by(|a, b| b.bytes.cmp(&a.bytes).then(a.name.cmp(&b.name)));
    let mut seen = BTreeSet::new();
    all.retain(|t| seen.insert((t.bytes, t.name.clone())));
    all.truncate(LARGEST);
    all
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Planned { model, data, batch, device, memory, steps } = self;
        writeln!(f, "{model} on {data}, batch {batch}, {device}\n")?;
        memory.fmt(f)?;
        steps.iter().try_for_each(|step| step.fmt(f))
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let of = self.device_bytes.map_or(String::new(), |limit| format!(" of {}", bytes(limit)));
        for (name, n, more) in [
            ("planned memory", self.planned_bytes, of.as_str()),
            ("  states", self.states_bytes, "  parameters, moments, statistics"),
            ("  arenas", self.arenas_bytes, "  activations, gradients, workspaces"),
            ("  inputs", self.inputs_bytes, ""),
            ("  outputs", self.outputs_bytes, ""),
            ("  staging", self.staging_bytes, "  host copies, uniform buffers, scratch memory of threads"),
            ("  sampling", self.sampling_bytes, "  sample grids and scores, beside the above"),
        ] {
            writeln!(f, "{name:<20}{:>10}{more}", bytes(n))?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (gflops, moved, intensity) = (self.flops as f64 / 1e9, bytes(self.moved_bytes), self.flops_per_byte);
        writeln!(f, "\n{:<20}{gflops:.2} GFLOP, {moved} moved ({intensity:.1} FLOP a byte)", self.what)?;
        writeln!(f, "dispatches          {}", self.n_dispatches)?;
        match self.n_pipelines {
            0 => writeln!(f, "pipelines           nothing to compile")?,
            n => writeln!(f, "pipelines           {n} to compile")?,
        }
        writeln!(f, "\nkernels")?;
        for Kernels { kernel, n, part_of_flops, .. } in &self.kernels {
            writeln!(f, "  {kernel:<20}{n:>6}  {:>5.1} % of the FLOPs", 100.0 * part_of_flops)?;
        }
        writeln!(f, "\nlargest tensors")?;
        for Tensor { bytes: n, name, shape } in &self.largest_tensors {
            writeln!(f, "  {:>10}  {name} {shape}", bytes(*n))?;
        }
        writeln!(f, "\nparameters and statistics: {}", grouped(self.n_parameters_and_statistics))
    }
}
