//! `calotype bench`: how fast this machine is: its kernels, or a model's training step.

use std::fmt::{self, Formatter};

use anyhow::{Context, Result};
use calotype_training::bench::{Asked, Measured, measure};
use calotype_training::{Loader, Material, Trace, planning_profile, plans};
use serde::Serialize;

use super::{Ending, wanted};
use crate::args::{BenchArgs, BenchCommand, BenchTrainArgs};
use crate::fault::WrongUse;
use crate::output::{bytes, has_folder, replace_text};
use crate::{bench, device};

pub fn run(args: &BenchArgs, threads: usize) -> Result<Ending> {
    match &args.what {
        None => bench::run(args, threads),
        Some(BenchCommand::Train(args)) => train(args, threads),
        Some(BenchCommand::Tune(args)) => bench::tune::run(args, threads),
    }
}

fn train(args: &BenchTrainArgs, threads: usize) -> Result<Ending> {
    has_folder("--export", args.export.as_deref())?;
    has_folder("--trace", args.trace.as_deref())?;
    let material = Material::open(&wanted(&args.model, &args.with, None, None)?)?;
    let mut opened = device::open_at(args.with.device.as_deref(), args.with.precision(), threads)?;
    let profile = planning_profile(opened.device().profile());
    let training = plans(material.model.as_ref(), material.model.batch(), &profile)?.training;
    let training = training.ok_or_else(|| {
        WrongUse(format!(
            "{} learns by counting and has no training step to time; choose a model that learns by gradients (`calotype models`)",
            args.model
        ))
    })?;
    let stage = args.stage.as_deref();
    let asked = Asked { n_steps: args.steps as usize, stage, traced: args.trace.is_some() };
    let (measured, trace) = measure(material.model.as_ref(), opened.device(), &training, Loader { threads }, asked)?;
    opened.keep_pipelines();
    let timed = Timed {
        version: env!("CARGO_PKG_VERSION"),
        model: args.model.clone(),
        device: profile.name,
        driver: profile.driver,
        settings: material.model.settings().iter().map(|(key, value)| format!("{key}={value}")).collect(),
        measured,
        kernels: trace.as_ref().map(Kernels::of),
    };
    args.form.answer(&timed)?;
    if let (Some(path), Some(trace)) = (&args.trace, &trace) {
        replace_text(path, &trace.to_json().to_string()).context("--trace")?;
    }
    if let Some(path) = &args.export {
        replace_text(path, &serde_json::to_string_pretty(&timed)?).context("--export")?;
    }
    Ok(Ending::Done)
}

/// A training step; `--export` writes it.
#[derive(Serialize)]
struct Timed {
    version: &'static str,
    model: String,
    device: String,
    driver: String,
    settings: Vec<String>,
    #[serde(flatten)]
    measured: Measured,
    /// Of `--trace`.
    #[serde(skip_serializing_if = "Option::is_none")]
    kernels: Option<Kernels>,
}

/// The kernels of one more step, one by one.
#[derive(Serialize)]
struct Kernels {
    n: usize,
    seconds: f64,
    /// The most time first.
    by_kind: Vec<OneKind>,
}

#[derive(Serialize)]
struct OneKind {
    kernel: &'static str,
    n: usize,
    seconds: f64,
    part: f64,
}

impl Kernels {
    fn of(trace: &Trace) -> Self {
        let total = trace.seconds();
        let kind = |(kernel, n, seconds)| OneKind { kernel, n, seconds, part: seconds / total.max(f64::MIN_POSITIVE) };
        Kernels { n: trace.n_kernels(), seconds: total, by_kind: trace.by_stem().into_iter().map(kind).collect() }
    }
}

impl fmt::Display for Timed {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (m, ms) = (&self.measured, |s: f64| format!("{:.1} ms", s * 1e3));
        let host = m.host_us_per_dispatch.map_or_else(String::new, |us| format!(", {us:.2} us of host time each"));
        let stages = m.stages.as_ref().map_or_else(String::new, |names| format!(", stage {names}"));
        writeln!(f, "{}{stages}, batch {}, on {}\n", self.model, m.batch, self.device)?;
        let rows = [
            (
                "a step",
                format!("{} (median of {}; {} to {})", ms(m.step_s_median), m.n_steps, ms(m.step_s_min), ms(m.step_s_max)),
            ),
            ("images", format!("{:.1} a second", m.images_per_s)),
            ("rate", format!("{:.1} GFLOP/s", m.gflop_per_s)),
            ("first step after", format!("{:.2} s", m.first_step_s)),
            ("dispatches", format!("{} a step{host}", m.n_dispatches)),
            ("planned memory", bytes(m.planned_bytes)),
            ("allocated memory", bytes(m.allocated_bytes)),
            ("peak resident", m.peak_resident_bytes.map_or_else(|| "unknown".to_owned(), bytes)),
        ];
        rows.iter().try_for_each(|(name, value)| writeln!(f, "{name:<18}{value}"))?;
        self.kernels.iter().try_for_each(|kernels| write!(f, "\n{kernels}"))
    }
}

impl fmt::Display for Kernels {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} kernels one by one: {:.1} ms\n", self.n, self.seconds * 1e3)?;
        for OneKind { kernel, n, seconds, part } in &self.by_kind {
            writeln!(f, "{kernel:<22}{n:>5}{:>10.2} ms{:>6.1} %", seconds * 1e3, 100.0 * part)?;
        }
        Ok(())
    }
}
