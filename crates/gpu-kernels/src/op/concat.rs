//! Joining two tensors: one invocation an element.

use calotype_graph::op::Concat;
use calotype_graph::{DeviceError, Step};

use crate::dispatch::{Dispatch, Element, Table, folded};
use crate::source::{Source, shader};

const WG_SIZE: usize = 256;

pub(crate) fn concat(step: &Step, op: &Concat) -> Result<Vec<Dispatch>, DeviceError> {
    let (a, b, y) = (&step.reads[0], &step.reads[1], &step.writes[0]);
    let (_, n_a, n_b, inner) = op.dims(&a.ty, &b.ty);
    let total = y.ty.numel();
    if total == 0 {
        return Ok(Vec::new());
    }
    let mut table = Table::default();
    for (name, value) in [("total", total), ("n_a", n_a), ("n_b", n_b), ("inner", inner)] {
        table.param(name, value)?;
    }
    table.read("a", a.place, Element::U32);
    table.read("b", b.place, Element::U32);
    table.write("y", y.place, Element::U32);
    let wgsl = Source::new("concat", shader!("concat"))
        .section("bindings", &table.declarations())?
        .sizes(&[("WG_SIZE", WG_SIZE)])?
        .finish();
    Ok(vec![table.dispatch("concat", wgsl, folded(total.div_ceil(WG_SIZE) as u64)?)])
}
