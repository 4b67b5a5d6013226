//! NADE's conditionals: one workgroup an image.

use calotype_graph::op::{Nade, NadeActivation};
use calotype_graph::{DeviceError, Read, Step, Type};

use crate::dispatch::{Dispatch, Element, Table, folded};
use crate::source::{Source, shader};

/// Invocations that add up a sum; the fewest of a workgroup.
const PARTIAL: usize = 16;
/// The most.
const WG_SIZE: usize = 256;

/// Types of a step's operands.
pub(super) fn types(step: &Step) -> Vec<&Type> {
    step.operands().iter().map(|r| &r.ty).collect()
}

/// Invocations that share an image's hidden units, and units of each.
pub(super) fn lanes(hidden: usize) -> (usize, usize) {
    let lanes = hidden.next_power_of_two().clamp(PARTIAL, WG_SIZE);
    (lanes, hidden.div_ceil(lanes))
}

/// Binds the weights at these operands: w, c, v, rho. Without rho c stands in its place, unread.
pub(super) fn weights(table: &mut Table, reads: &[Read], activation: NadeActivation, [w, c, v, rho]: [usize; 4]) {
    let rho = if activation == NadeActivation::ScaledRelu { rho } else { c };
    for (name, n) in [("w", w), ("c", c), ("v", v), ("rho", rho)] {
        table.read(name, reads[n].place, Element::F32);
    }
}

pub(crate) fn nade(step: &Step, op: &Nade) -> Result<Vec<Dispatch>, DeviceError> {
    let d = op.dims(&types(step));
    if d.batch == 0 {
        return Ok(Vec::new());
    }
    let mut table = Table::default();
    for (name, value) in [("batch", d.batch), ("dims", d.dims), ("hidden", d.hidden)] {
        table.param(name, value)?;
    }
    table.read("x", step.reads[0].place, Element::F32);
    weights(&mut table, &step.reads, op.activation, [1, 2, 3, 4]);
    table.write("y", step.writes[0].place, Element::F32);
    let (lanes, units) = lanes(d.hidden);
    let wgsl = Source::new("nade", shader!("nade"))
        .section("bindings", &table.declarations())?
        .sizes(&[("LANES", lanes), ("UNITS", units), ("OUTPUTS", d.outputs)])?
        .set("RELU", op.activation == NadeActivation::ScaledRelu)?
        .finish();
    Ok(vec![table.dispatch("nade", wgsl, folded(d.batch as u64)?)])
}
