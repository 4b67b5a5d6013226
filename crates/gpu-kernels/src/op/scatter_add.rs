//! Rows added to where they were gathered from: one workgroup up to 256 elements of one destination row.

use calotype_graph::op::ScatterAdd;
use calotype_graph::{DeviceError, Step};

use crate::dispatch::{Dispatch, Element, Table, folded};
use crate::source::{Source, shader};

pub(crate) fn scatter_add(step: &Step, op: &ScatterAdd) -> Result<Vec<Dispatch>, DeviceError> {
    let (values, indices, y) = (&step.reads[0], &step.reads[1], &step.writes[0]);
    let (b, v, n, e) = op.dims(&values.ty);
    if b * v * e == 0 {
        return Ok(Vec::new());
    }
    // Wide enough for the row and for the search.
    let wg_size = e.max(n).next_power_of_two().clamp(32, 256);
    let parts = e.div_ceil(wg_size);
    let mut t = Table::default();
    for (name, value) in [("rows", b * v), ("v", v), ("n", n), ("e", e), ("parts", parts)] {
        t.param(name, value)?;
    }
    t.read("x", values.place, Element::F32);
    t.read("indices", indices.place, Element::U32);
    t.write("y", y.place, Element::F32);
    let wgsl = Source::new("scatter_add", shader!("scatter_add"))
        .section("bindings", &t.declarations())?
        .sizes(&[("WG_SIZE", wg_size)])?
        .finish();
    Ok(vec![t.dispatch("scatter_add", wgsl, folded((b * v * parts) as u64)?)])
}
