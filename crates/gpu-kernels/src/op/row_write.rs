//! One row replaced: one invocation an element, of the row alone where the rest is there already.

use calotype_graph::op::RowWrite;
use calotype_graph::{DeviceError, Step};

use crate::dispatch::{Dispatch, Element, Table, folded};
use crate::source::{Source, shader};

const WG_SIZE: usize = 256;

pub(crate) fn row_write(step: &Step, _op: &RowWrite) -> Result<Vec<Dispatch>, DeviceError> {
    let (x, row, index, y) = (&step.reads[0], &step.reads[1], &step.reads[2], &step.writes[0]);
    let in_place = x.place == y.place;
    let total = if in_place { row.ty.numel() } else { y.ty.numel() };
    if total == 0 {
        return Ok(Vec::new());
    }
    let mut table = Table::default();
    for (name, value) in [("total", total), ("rows", y.ty.shape.dims()[0]), ("inner", row.ty.numel())] {
        table.param(name, value)?;
    }
    table.read("x", x.place, Element::U32);
    table.read("row", row.place, Element::U32);
    table.read("index", index.place, Element::U32);
    table.write("y", y.place, Element::U32); // where it is x, this is x's binding
    let wgsl = Source::new("row_write", shader!("row_write"))
        .section("bindings", &table.declarations())?
        .set("IN_PLACE", in_place)?
        .sizes(&[("WG_SIZE", WG_SIZE)])?
        .finish();
    Ok(vec![table.dispatch("row_write", wgsl, folded(total.div_ceil(WG_SIZE) as u64)?)])
}
