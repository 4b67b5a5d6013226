//! Reductions over one axis, in one run or, where few results have many terms, in two.

use calotype_graph::op::{Reduce, ReduceKind};
use calotype_graph::{DeviceError, Kernel, Place, Step};

use crate::dispatch::{Dispatch, Element, Table, folded};
use crate::generate::Job;
use crate::source::{Source, shader};

const WG_SIZE: usize = 256;

/// A reduction of [outer, n, inner] over n.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Run {
    pub kind: ReduceKind,
    pub outer: usize,
    pub n: usize,
    pub inner: usize,
}

pub(crate) fn reduce(step: &Step, op: &Reduce) -> Result<Vec<Dispatch>, DeviceError> {
    let x = &step.reads[0];
    let (outer, n, inner) = op.dims(&x.ty);
    if outer * inner == 0 {
        return Ok(Vec::new());
    }
    let whole = Run { kind: op.kind, outer, n, inner };
    let Some(scratch) = step.workspace else {
        return Ok(vec![finish(&whole, x.place, step)?]);
    };
    let parts = scratch.len / (outer * inner);
    let joined = Run { n: parts, ..whole };
    Ok(vec![run(&whole, x.place, scratch, parts)?, finish(&joined, scratch, step)?])
}

/// Reduces each of `parts` of n apart: x [outer, n, inner] -> y [outer, parts, inner].
pub(crate) fn run(r: &Run, x: Place, y: Place, parts: usize) -> Result<Dispatch, DeviceError> {
    build(r, x, parts, |table| {
        table.write("y", y, Element::U32);
        Ok(None)
    })
}

/// Reduces all of n to what the step writes, by its epilogue if it has one.
fn finish(r: &Run, x: Place, step: &Step) -> Result<Dispatch, DeviceError> {
    let Kernel::Op { epilogue: Some(expr), .. } = &step.kernel else { return run(r, x, step.writes[0].place, 1) };
    build(r, x, 1, |table| {
        let (reads, writes) = (step.epilogue_operands(), &step.writes[..]);
        let body = Job { expr, reads, writes, total: writes[0].ty.numel(), width: 1, prefix: "e" }.compile(table)?;
        let (functions, statements) = (body.functions, body.statements);
        Ok(Some(format!("{functions}fn store(i: u32, acc: f32, place: u32) {{\n{statements}}}\n")))
    })
}

/// `write` binds what is written and gives the section `epilogue`, if it is not the plain one.
fn build(
    r: &Run,
    x: Place,
    parts: usize,
    write: impl FnOnce(&mut Table) -> Result<Option<String>, DeviceError>,
) -> Result<Dispatch, DeviceError> {
    let part = r.n.div_ceil(parts);
    let cols = r.inner.next_power_of_two().min(32);
    let lanes = part.next_power_of_two().clamp(1, WG_SIZE / cols);
    let groups = WG_SIZE / (cols * lanes);
    let mut table = Table::default();
    for (name, value) in [("outer", r.outer), ("n", r.n), ("inner", r.inner), ("part", part), ("parts", parts)] {
        table.param(name, value)?;
    }
    table.read("x", x, Element::F32);
    let epilogue = write(&mut table)?;
    let kind = match r.kind {
        ReduceKind::Sum => 0,
        ReduceKind::Max => 1,
        ReduceKind::ArgMax => 2,
    };
    let mut source = Source::new("reduce", shader!("reduce")).section("bindings", &table.declarations())?;
    if let Some(text) = epilogue {
        source = source.section("epilogue", &text)?;
    }
    let wgsl = source.sizes(&[("KIND", kind), ("COLS", cols), ("LANES", lanes), ("GROUPS", groups)])?.finish();
    let workgroups = r.inner.div_ceil(cols) * r.outer.div_ceil(groups) * parts;
    Ok(table.dispatch("reduce", wgsl, folded(workgroups as u64)?))
}
