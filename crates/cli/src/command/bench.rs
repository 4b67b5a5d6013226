//! `calotype bench`: how fast this machine is: its kernels, or a model's training step.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use calotype_training::bench::{Asked, Measured, measure};
use calotype_training::{Loader, Material, Trace, planning_profile, plans};
use serde::Serialize;

use super::{Ending, wanted};
use crate::args::{BenchArgs, BenchCommand, BenchTrainArgs};
use crate::fault::WrongUse;
use crate::output::{bytes, has_folder, print, replace_text};
use crate::{bench, device};

pub fn run(args: &BenchArgs, threads: usize) -> Result<Ending> {
    match &args.what {
        None => bench::run(args, threads),
        Some(BenchCommand::Train(args)) => train(args, threads),
        Some(BenchCommand::Tune(args)) => bench::tune::run(args, threads),
    }
}

/// What `--export` writes.
#[derive(Serialize)]
struct Export<'a> {
    version: &'a str,
    model: &'a str,
    device: &'a str,
    driver: &'a str,
    settings: Vec<String>,
    #[serde(flatten)]
    measured: &'a Measured,
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
    print(&table(&args.model, &profile.name, &measured))?;
    if let (Some(path), Some(trace)) = (&args.trace, &trace) {
        print(&kinds(trace))?;
        replace_text(path, &trace.to_json().to_string()).context("--trace")?;
    }
    if let Some(path) = &args.export {
        let settings = material.model.settings().iter().map(|(key, value)| format!("{key}={value}")).collect();
        let (version, driver) = (env!("CARGO_PKG_VERSION"), profile.driver.as_str());
        let export = Export { version, model: &args.model, device: &profile.name, driver, settings, measured: &measured };
        let text = serde_json::to_string_pretty(&export)?;
        replace_text(path, &text).context("--export")?;
    }
    Ok(Ending::Done)
}

/// Kinds of kernels and their parts of a step.
fn kinds(trace: &Trace) -> String {
    let total = trace.seconds();
    let mut text = format!("\n{} kernels one by one: {:.1} ms\n\n", trace.n_kernels(), total * 1e3);
    for (stem, n, seconds) in trace.by_stem() {
        let _ =
            writeln!(text, "{stem:<22}{n:>5}{:>10.2} ms{:>6.1} %", seconds * 1e3, 100.0 * seconds / total.max(f64::MIN_POSITIVE));
    }
    text
}

fn table(model: &str, device: &str, m: &Measured) -> String {
    let ms = |s: f64| format!("{:.1} ms", s * 1e3);
    let host = m.host_us_per_dispatch.map_or_else(String::new, |us| format!(", {us:.2} us of host time each"));
    let stages = m.stages.as_ref().map_or_else(String::new, |names| format!(", stage {names}"));
    let mut text = format!("{model}{stages}, batch {}, on {device}\n\n", m.batch);
    let rows = [
        ("a step", format!("{} (median of {}; {} to {})", ms(m.step_s_median), m.n_steps, ms(m.step_s_min), ms(m.step_s_max))),
        ("images", format!("{:.1} a second", m.images_per_s)),
        ("rate", format!("{:.1} GFLOP/s", m.gflop_per_s)),
        ("first step after", format!("{:.2} s", m.first_step_s)),
        ("dispatches", format!("{} a step{host}", m.n_dispatches)),
        ("planned memory", bytes(m.planned_bytes)),
        ("allocated memory", bytes(m.allocated_bytes)),
        ("peak resident", m.peak_resident_bytes.map_or_else(|| "unknown".to_owned(), bytes)),
    ];
    for (name, value) in rows {
        let _ = writeln!(text, "{name:<18}{value}");
    }
    text
}
