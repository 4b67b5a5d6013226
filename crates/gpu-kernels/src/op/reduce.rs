//! Reductions over one axis, in one run or, where few results have many terms, in two.

use calotype_graph::op::{Reduce, ReduceKind};
use calotype_graph::{DeviceError, Place, Step};

use crate::dispatch::{Dispatch, Element, Table, folded};
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
    let (x, y) = (&step.reads[0], &step.writes[0]);
    let (outer, n, inner) = op.dims(&x.ty);
    if outer * inner == 0 {
        return Ok(Vec::new());
    }
    let whole = Run { kind: op.kind, outer, n, inner };
    let Some(scratch) = step.workspace else {
        return Ok(vec![run(&whole, x.place, y.place, 1)?]);
    };
    let parts = scratch.len / (outer * inner);
    let joined = Run { n: parts, ..whole };
    Ok(vec![run(&whole, x.place, scratch, parts)?, run(&joined, scratch, y.place, 1)?])
}

/// Reduces each of `parts` of n apart: x [outer, n, inner] -> y [outer, parts, inner].
pub(crate) fn run(r: &Run, x: Place, y: Place, parts: usize) -> Result<Dispatch, DeviceError> {
    let part = r.n.div_ceil(parts);
    let cols = r.inner.next_power_of_two().min(32);
    let lanes = part.next_power_of_two().clamp(1, WG_SIZE / cols);
    let groups = WG_SIZE / (cols * lanes);
    let mut table = Table::default();
    for (name, value) in [("outer", r.outer), ("n", r.n), ("inner", r.inner), ("part", part), ("parts", parts)] {
        table.param(name, value)?;
    }
    table.read("x", x, Element::F32);
    table.write("y", y, Element::U32);
    let kind = match r.kind {
        ReduceKind::Sum => 0,
        ReduceKind::Max => 1,
        ReduceKind::ArgMax => 2,
    };
    let wgsl = Source::new("reduce", shader!("reduce"))
        .section("bindings", &table.declarations())?
        .sizes(&[("KIND", kind), ("COLS", cols), ("LANES", lanes), ("GROUPS", groups)])?
        .finish();
    let workgroups = r.inner.div_ceil(cols) * r.outer.div_ceil(groups) * parts;
    Ok(table.dispatch("reduce", wgsl, folded(workgroups as u64)?))
}
