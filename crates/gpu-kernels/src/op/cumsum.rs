//! Running sums: a workgroup scans some neighbouring columns, chunk after chunk.

use calotype_graph::op::Cumsum;
use calotype_graph::{DeviceError, Step};

use crate::dispatch::{Dispatch, Element, Table, folded};
use crate::source::{Source, shader};

const WG_SIZE: usize = 256;

pub(crate) fn cumsum(step: &Step, op: &Cumsum) -> Result<Vec<Dispatch>, DeviceError> {
    let (x, y) = (&step.reads[0], &step.writes[0]);
    let (outer, n, inner) = op.dims(&x.ty);
    if outer * n * inner == 0 {
        return Ok(Vec::new());
    }
    let cols = inner.next_power_of_two().min(32);
    let lanes = n.next_power_of_two().min(WG_SIZE / cols);
    let groups = WG_SIZE / (cols * lanes);
    let mut table = Table::default();
    for (name, value) in [("outer", outer), ("n", n), ("inner", inner)] {
        table.param(name, value)?;
    }
    table.read("x", x.place, Element::F32);
    table.write("y", y.place, Element::F32);
    let wgsl = Source::new("cumsum", shader!("cumsum"))
        .section("bindings", &table.declarations())?
        .set("REVERSE", op.reverse)?
        .sizes(&[("COLS", cols), ("LANES", lanes), ("GROUPS", groups)])?
        .finish();
    let workgroups = inner.div_ceil(cols) * outer.div_ceil(groups);
    Ok(vec![table.dispatch("cumsum", wgsl, folded(workgroups as u64)?)])
}
