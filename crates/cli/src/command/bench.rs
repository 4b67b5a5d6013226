//! `calotype bench`: how fast this machine is: its kernels, or a model's training step.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use calotype_training::bench::{Measured, measure};
use calotype_training::{Loader, Material, planning_profile, plans};
use serde::Serialize;

use super::{Ending, wanted};
use crate::args::{BenchArgs, BenchCommand, BenchTrainArgs};
use crate::fault::WrongUse;
use crate::output::{bytes, print, replace_text};
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
    let measured = measure(material.model.as_ref(), opened.device(), &training, Loader { threads }, args.steps as usize, stage)?;
    opened.keep_pipelines();
    print(&table(&args.model, &profile.name, &measured))?;
    if let Some(path) = &args.export {
        let settings = material.model.settings().iter().map(|(key, value)| format!("{key}={value}")).collect();
        let (version, driver) = (env!("CARGO_PKG_VERSION"), profile.driver.as_str());
        let export = Export { version, model: &args.model, device: &profile.name, driver, settings, measured: &measured };
        let text = serde_json::to_string_pretty(&export)?;
        replace_text(path, &text).context("--export")?;
    }
    Ok(Ending::Done)
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
