//! `calotype bench`: the peak rates (roofs) of a device, then every kernel: checked, timed, and compared with the roof that binds it.

mod cases;
mod compare;
mod kernel;
mod layers;
mod measure;
mod place;
mod plot;
mod report;
mod roofs;
mod sequences;
mod table;
pub mod tune;

use anyhow::{Context, Result, anyhow};
use serde::Serialize;

use crate::args::BenchArgs;
use crate::command::Ending;
use crate::device::{self, Opened};
use crate::fault::WrongUse;
use crate::machine::Machine;
use crate::names::chosen;
use crate::output::{Form, has_folder, note, replace_text};
use crate::status::Status;
use cases::kernels;
use compare::{AGAIN, Comparison};
use kernel::{Kernel, Scale};
use measure::{Measured, Timer};
use report::Report;
use roofs::Roofs;

/// Roofs and kernels; fails where a kernel is wrong, or slower than it was.
pub fn run(args: &BenchArgs, threads: usize) -> Result<Ending> {
    let before = args.against.as_deref().map(Report::read).transpose()?;
    if let Some(path) = args.plot.as_deref().filter(|p| p.extension().is_none_or(|e| !e.eq_ignore_ascii_case("svg"))) {
        return Err(WrongUse(format!("--plot {}: expected a file name that ends in .svg", path.display())).into());
    }
    has_folder("--export", args.export.as_deref())?;
    has_folder("--plot", args.plot.as_deref())?;
    let known = names(&kernels(Scale::Gpu));
    let wanted = chosen(&args.kernels, &known, "kernel")?;

    let mut opened = device::open(args.device.as_deref(), threads)?;
    let all = kernels(Scale::of(opened.device().profile().kind));
    let chosen: Vec<Kernel> = all.into_iter().filter(|k| wanted.contains(&k.stem)).collect();
    let (report, against) = measure_all(&mut opened, &chosen, before.as_ref(), args.form, threads)?;
    opened.keep_pipelines();

    if let Some(path) = &args.export {
        let text = serde_json::to_string_pretty(&report)?;
        replace_text(path, &text).context("--export")?;
    }
    if let Some(path) = &args.plot {
        replace_text(path, &plot::svg(&report)?).context("--plot")?;
    }
    if let Some(against) = &against {
        args.form.part(&format!("\n{against}"))?;
    }
    let benched = Benched { report, against };
    args.form.whole(&benched)?;
    ending(&benched)
}

/// What `bench` answers: what `--export` writes, and what became of it since.
#[derive(Serialize)]
struct Benched {
    #[serde(flatten)]
    report: Report,
    #[serde(skip_serializing_if = "Option::is_none")]
    against: Option<Comparison>,
}

fn names(kernels: &[Kernel]) -> Vec<&'static str> {
    let mut names: Vec<&str> = kernels.iter().map(|k| k.stem).collect();
    names.dedup();
    names
}

fn measure_all(
    opened: &mut Opened,
    kernels: &[Kernel],
    before: Option<&Report>,
    form: Form,
    threads: usize,
) -> Result<(Report, Option<Comparison>)> {
    let mut status = Status::new();
    let machine = Machine::of(opened);
    form.part(&machine)?;
    status.show("measuring peak rates");
    let roofs = Roofs::measure(opened, threads)?;
    status.clear();
    form.part(&format!("{roofs}\n{}", table::head()))?;
    let mut timer = Timer::new(opened, roofs, threads)?;
    let mut report = Report { machine, roofs, kernels: Vec::new() };
    for (n, kernel) in kernels.iter().enumerate() {
        status.show(&format!("{} of {}  {}", n + 1, kernels.len(), kernel.name()));
        let measured = timer.measure(kernel);
        status.clear();
        form.part(&table::row(&measured))?;
        report.kernels.push(measured);
    }
    let Some(before) = before else { return Ok((report, None)) };
    // On a machine that others use too, what was slow once is slow by itself only if it stays so.
    for _ in 0..AGAIN {
        let slower = Comparison::new(before, &report).slower();
        for (kernel, measured) in kernels.iter().zip(&mut report.kernels) {
            if slower.contains(&measured.kernel) {
                status.show(&format!("once more  {}", measured.kernel));
                *measured = faster(measured.clone(), timer.measure(kernel));
            }
        }
    }
    let comparison = Comparison::new(before, &report);
    Ok((report, Some(comparison)))
}

/// The measurement with the lower median; a failure wins.
fn faster(a: Measured, b: Measured) -> Measured {
    let median = |m: &Measured| m.times.map_or(0.0, |t| t.median_s);
    if median(&b) < median(&a) { b } else { a }
}

fn ending(Benched { report, against }: &Benched) -> Result<Ending> {
    let failed: Vec<&str> = report.kernels.iter().filter(|k| k.failure.is_some()).map(|k| k.kernel.as_str()).collect();
    if !failed.is_empty() {
        return Err(anyhow!("{} of {} kernels failed: {}", failed.len(), report.kernels.len(), failed.join("; ")));
    }
    let slower = against.as_ref().map(Comparison::slower).unwrap_or_default();
    if !slower.is_empty() {
        return Err(anyhow!("slower than before: {}", slower.join("; ")));
    }
    if against.as_ref().is_some_and(|c| c.kernels.is_empty()) {
        note("nothing was compared: the file of --against has none of these kernels; leave the kernels out or export again");
    }
    Ok(Ending::Done)
}
