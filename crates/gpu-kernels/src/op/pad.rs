//! Padding of one axis: one invocation an element.

use calotype_graph::op::Pad;
use calotype_graph::{DeviceError, Step};

use crate::dispatch::{Dispatch, Element, Table, folded};
use crate::source::{Source, shader};

const WG_SIZE: usize = 256;

pub(crate) fn pad(step: &Step, op: &Pad) -> Result<Vec<Dispatch>, DeviceError> {
    let (x, y) = (&step.reads[0], &step.writes[0]);
    let (_, n, inner) = op.dims(&x.ty);
    let total = y.ty.numel();
    if total == 0 {
        return Ok(Vec::new());
    }
    let mut table = Table::default();
    let sizes = [("total", total), ("n", n), ("n_out", op.before + n + op.after), ("inner", inner), ("before", op.before)];
    for (name, value) in sizes {
        table.param(name, value)?;
    }
    table.word("value", op.value.get().to_bits());
    table.read("x", x.place, Element::U32);
    table.write("y", y.place, Element::U32);
    let wgsl =
        Source::new("pad", shader!("pad")).section("bindings", &table.declarations())?.sizes(&[("WG_SIZE", WG_SIZE)])?.finish();
    Ok(vec![table.dispatch("pad", wgsl, folded(total.div_ceil(WG_SIZE) as u64)?)])
}
