//! `calotype selftest`: every op's cases on the user's own device, against the plain reference.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use calotype_cpu_reference::Cpu;
use calotype_graph::op::cases;
use calotype_parity::{Check, Row, Table, checks};
use calotype_training::write_atomically;
use serde::Serialize;

use super::Ending;
use crate::args::SelftestArgs;
use crate::device;
use crate::machine::Machine;
use crate::names::chosen;
use crate::output::{has_folder, print};
use crate::status::Status;

pub fn run(args: &SelftestArgs, threads: usize) -> Result<Ending> {
    let mut stems: Vec<&str> = cases().iter().map(|c| c.stem).collect();
    stems.sort_unstable();
    stems.dedup();
    has_folder("--export", args.export.as_deref())?;
    let wanted = chosen(&args.ops, &stems, "op")?;
    let all = checks(cases().into_iter().filter(|c| wanted.contains(&c.stem)).collect());

    let mut opened = device::open(args.device.as_deref(), threads)?;
    let machine = Machine::of(&mut opened);
    let table = compare(&all, &mut opened);
    opened.keep_pipelines();

    let n_failed: usize = table.rows.values().map(|r| r.faults.len()).sum();
    let verdict = match n_failed {
        0 => format!("all {} checks passed", all.len()),
        n => format!("{n} of {} checks FAILED", all.len()),
    };
    print(&format!(
        "{machine}reference  plain loops on the CPU, f32, proved by f64 differences and PyTorch in the tests\n\n{table}\n{verdict}"
    ))?;
    if let Some(path) = &args.export {
        export(path, &machine, &table)?;
    }
    if table.passed() { Ok(Ending::Done) } else { Err(anyhow!("selftest: {n_failed} of {} checks failed", all.len())) }
}

fn compare(all: &[Check], opened: &mut device::Opened) -> Table {
    let mut status = Status::new();
    let mut plain = Cpu::<f32>::plain();
    let mut n = 0;
    Table::run(all, opened.device(), &mut plain, |check| {
        n += 1;
        status.show(&format!("{n} of {}  {}", all.len(), check.name()));
    })
}

/// What `--export` writes.
#[derive(Serialize)]
struct Export<'a> {
    #[serde(flatten)]
    machine: &'a Machine,
    passed: bool,
    ops: Vec<ExportedOp<'a>>,
}

#[derive(Serialize)]
struct ExportedOp<'a> {
    op: &'a str,
    n_cases: usize,
    n_gradients: usize,
    worst: Option<ExportedWorst<'a>>,
    failures: &'a [String],
}

/// Numbers that are not finite become null.
#[derive(Serialize)]
struct ExportedWorst<'a> {
    case: &'a str,
    element: usize,
    got: f64,
    want: f64,
    error: f64,
    part_of_allowed: f64,
}

impl<'a> ExportedOp<'a> {
    fn new(op: &'a str, row: &'a Row) -> Self {
        let worst = row.worst.as_ref().map(|(case, w)| ExportedWorst {
            case,
            element: w.index,
            got: w.got,
            want: w.want,
            error: w.error,
            part_of_allowed: w.ratio,
        });
        ExportedOp { op, n_cases: row.n_cases, n_gradients: row.n_gradients, worst, failures: &row.faults }
    }
}

fn export(path: &Path, machine: &Machine, table: &Table) -> Result<()> {
    let ops = table.rows.iter().map(|(op, row)| ExportedOp::new(op, row)).collect();
    let text = serde_json::to_string_pretty(&Export { machine, passed: table.passed(), ops })?;
    write_atomically(path, text.as_bytes()).with_context(|| format!("--export {}", path.display()))
}
