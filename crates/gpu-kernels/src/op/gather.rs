//! Rows of tables by index: one invocation an element, or four neighbours.

use calotype_graph::op::Gather;
use calotype_graph::{DeviceError, Step};

use crate::dispatch::{Dispatch, Element, Slots, Table, folded};
use crate::source::{Source, shader};

const WG_SIZE: usize = 256;

pub(crate) fn gather(step: &Step, op: &Gather) -> Result<Vec<Dispatch>, DeviceError> {
    let (table, indices, y) = (&step.reads[0], &step.reads[1], &step.writes[0]);
    let (_, v, n, e) = op.dims(&table.ty, &indices.ty);
    let slots = Slots::of(step, e);
    let total = y.ty.numel() / slots.width;
    if total == 0 {
        return Ok(Vec::new());
    }
    let mut t = Table::default();
    for (name, value) in [("total", total), ("v", v), ("n", n), ("e", e / slots.width)] {
        t.param(name, value)?;
    }
    t.read("x", table.place, slots.element);
    t.read("indices", indices.place, Element::U32);
    t.write("y", y.place, slots.element);
    let wgsl = Source::new("gather", shader!("gather"))
        .section("bindings", &t.declarations())?
        .section("types", slots.types)?
        .sizes(&[("WG_SIZE", WG_SIZE)])?
        .finish();
    Ok(vec![t.dispatch("gather", wgsl, folded(total.div_ceil(WG_SIZE) as u64)?)])
}
