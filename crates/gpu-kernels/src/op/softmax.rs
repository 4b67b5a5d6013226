//! Softmax over rows.

use calotype_graph::{DeviceError, Step};

use crate::dispatch::{Dispatch, Element, Table, folded};
use crate::source::{Source, shader};

const WG_SIZE: usize = 256;

pub(crate) fn softmax(step: &Step) -> Result<Vec<Dispatch>, DeviceError> {
    rows(step, None)
}

/// The kernel over rows [rows, n], whose lanes share a row; `result` is what is written, where it is not the softmax.
pub(crate) fn rows(step: &Step, result: Option<&str>) -> Result<Vec<Dispatch>, DeviceError> {
    let (x, y) = (&step.reads[0], &step.writes[0]);
    let n = x.ty.shape.last();
    let rows = x.ty.numel().checked_div(n).unwrap_or(0);
    if rows == 0 {
        return Ok(Vec::new());
    }
    let lanes = n.next_power_of_two().min(WG_SIZE);
    let groups = WG_SIZE / lanes;
    let mut table = Table::default();
    table.param("rows", rows)?;
    table.param("n", n)?;
    table.read("x", x.place, Element::F32);
    table.write("y", y.place, Element::F32);
    let source = Source::new("softmax", shader!("softmax"));
    let source = source.section("bindings", &table.declarations())?.sizes(&[("LANES", lanes), ("GROUPS", groups)])?;
    let source = match result {
        Some(text) => source.section("result", text)?,
        None => source,
    };
    Ok(vec![table.dispatch("softmax", source.finish(), folded(rows.div_ceil(groups) as u64)?)])
}
