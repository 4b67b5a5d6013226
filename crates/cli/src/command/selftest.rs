//! `calotype selftest`: every op's cases on the user's own device, against the plain reference.

use std::fmt::{self, Formatter};

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
use crate::output::has_folder;
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

    let tested = Tested { machine, passed: table.passed(), ops: table };
    args.form.answer(&tested)?;
    if let Some(path) = &args.export {
        let text = serde_json::to_string_pretty(&tested)?;
        write_atomically(path, text.as_bytes()).with_context(|| format!("--export {}", path.display()))?;
    }
    match tested.n_failed() {
        _ if tested.passed => Ok(Ending::Done),
        n => Err(anyhow!("selftest: {n} of {} checks failed", all.len())),
    }
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

/// What came of it; `--export` writes it.
#[derive(Serialize)]
struct Tested {
    #[serde(flatten)]
    machine: Machine,
    passed: bool,
    #[serde(serialize_with = "by_op")]
    ops: Table,
}

fn by_op<S: serde::Serializer>(table: &Table, s: S) -> Result<S::Ok, S::Error> {
    s.collect_seq(table.rows.iter().map(|(op, row)| OneOp::new(op, row)))
}

#[derive(Serialize)]
struct OneOp<'a> {
    op: &'a str,
    n_cases: usize,
    n_gradients: usize,
    worst: Option<Worst<'a>>,
    failures: &'a [String],
}

/// Numbers that are not finite become null.
#[derive(Serialize)]
struct Worst<'a> {
    case: &'a str,
    element: usize,
    got: f64,
    want: f64,
    error: f64,
    part_of_allowed: f64,
}

impl<'a> OneOp<'a> {
    fn new(op: &'a str, row: &'a Row) -> Self {
        let worst = row.worst.as_ref().map(|(case, w)| Worst {
            case,
            element: w.index,
            got: w.got,
            want: w.want,
            error: w.error,
            part_of_allowed: w.ratio,
        });
        OneOp { op, n_cases: row.n_cases, n_gradients: row.n_gradients, worst, failures: &row.faults }
    }
}

impl Tested {
    fn n_checks(&self) -> usize {
        self.ops.rows.values().map(|row| row.n_cases + row.n_gradients).sum()
    }

    fn n_failed(&self) -> usize {
        self.ops.rows.values().map(|row| row.faults.len()).sum()
    }
}

impl fmt::Display for Tested {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Tested { machine, ops, .. } = self;
        writeln!(f, "{machine}reference  plain loops on the CPU, f32, proved by f64 differences and PyTorch in the tests\n")?;
        writeln!(f, "{ops}")?;
        match (self.n_failed(), self.n_checks()) {
            (0, all) => writeln!(f, "all {all} checks passed"),
            (n, all) => writeln!(f, "{n} of {all} checks FAILED"),
        }
    }
}
