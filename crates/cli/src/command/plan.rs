//! `calotype plan`: memory, FLOPs and kernels of a training step.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use calotype_graph::{DeviceProfile, MemoryBytes, Plan, Shape};
use calotype_training::{Material, Plans, Training, grouped, planning_profile, plans};

use super::{Ending, wanted};
use crate::args::PlanArgs;
use crate::device;
use crate::output::{bytes, print};

const LARGEST: usize = 5;

pub fn run(args: &PlanArgs, threads: usize) -> Result<Ending> {
    let material = Material::open(&wanted(&args.model, &args.with, None, None)?)?;
    let mut opened = device::open_at(args.with.device.as_deref(), args.with.precision(), threads)?;
    let profile = planning_profile(opened.device().profile());
    let batch = material.model.batch();
    let plans = plans(material.model.as_ref(), batch, &profile)?;
    let shown = shown(&plans).ok_or_else(|| anyhow!("{} has no program to plan", args.model))?;
    let mut text = format!("{} on {}, batch {batch}, {}\n\n", args.model, material.data_in_words(), profile.name);
    memory(&mut text, &plans, &profile);
    for (what, plan) in &shown {
        let n_pipelines = opened.device().prepare(plan)?.len();
        work(&mut text, what, plan, n_pipelines)?;
        largest(&mut text, plan)?;
    }
    print(&text)?;
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

fn memory(text: &mut String, plans: &Plans, profile: &DeviceProfile) {
    let m = match (&plans.training, &plans.held_out) {
        (Some(training), _) => training.memory(profile),
        (None, Some(scoring)) => scoring.memory,
        (None, None) => MemoryBytes::default(),
    };
    let samples = plans.total_bytes.saturating_sub(m.total());
    let of = profile.memory_bytes.map_or(String::new(), |limit| format!(" of {}", bytes(limit)));
    let rows = [
        ("planned memory", plans.total_bytes, of.as_str()),
        ("  states", m.state, "  parameters, moments, statistics"),
        ("  arenas", m.arenas, "  activations, gradients, workspaces"),
        ("  inputs", m.inputs, ""),
        ("  outputs", m.outputs, ""),
        ("  staging", m.staging, "  host copies, uniform buffers, scratch memory of threads"),
        ("  sampling", samples, "  sample grids and scores, beside the above"),
    ];
    for (name, n, more) in rows {
        let _ = writeln!(text, "{name:<20}{:>10}{more}", bytes(n));
    }
}

fn work(text: &mut String, what: &str, plan: &Plan, n_pipelines: usize) -> Result<()> {
    let intensity = plan.flops() as f64 / plan.bytes().max(1) as f64;
    writeln!(
        text,
        "\n{what:<20}{:.2} GFLOP, {} moved ({intensity:.1} FLOP a byte)",
        plan.flops() as f64 / 1e9,
        bytes(plan.bytes())
    )?;
    writeln!(text, "dispatches          {}", plan.steps.len())?;
    let compiled = if n_pipelines == 0 { "nothing to compile".to_owned() } else { format!("{n_pipelines} to compile") };
    writeln!(text, "pipelines           {compiled}")?;
    let mut stems: BTreeMap<&str, (usize, u64)> = BTreeMap::new();
    for step in &plan.steps {
        let (n, flops) = stems.entry(step.stem()).or_default();
        (*n, *flops) = (*n + 1, *flops + step.flops);
    }
    let mut stems: Vec<_> = stems.into_iter().collect();
    stems.sort_by_key(|&(stem, (_, flops))| (std::cmp::Reverse(flops), stem));
    writeln!(text, "\nkernels")?;
    for (stem, (n, flops)) in stems {
        let share = 100.0 * flops as f64 / plan.flops().max(1) as f64;
        writeln!(text, "  {stem:<20}{n:>6}  {share:>5.1} % of the FLOPs")?;
    }
    Ok(())
}

/// The largest things that kernels read or write, each once.
fn largest(text: &mut String, plan: &Plan) -> Result<()> {
    let written =
        plan.steps.iter().flat_map(|s| s.writes.iter().map(|w| (w.ty.shape.bytes(), s.name.as_str(), w.ty.shape.clone())));
    let states = plan.states.iter().map(|s| (s.ty.shape.bytes(), s.name.as_str(), s.ty.shape.clone()));
    let mut all: Vec<(u64, &str, Shape)> = written.chain(states).collect();
    all.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    let mut seen = BTreeSet::new();
    all.retain(|(n, name, _)| seen.insert((*n, *name)));
    writeln!(text, "\nlargest tensors")?;
    for (n, name, shape) in all.iter().take(LARGEST) {
        writeln!(text, "  {:>10}  {name} {shape}", bytes(*n))?;
    }
    let parameters: u64 = plan.states.iter().filter(|s| !s.name.starts_with("optimizer.")).map(|s| s.ty.numel() as u64).sum();
    writeln!(text, "\nparameters and statistics: {}", grouped(parameters))?;
    Ok(())
}
