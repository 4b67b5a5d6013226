//! Sampling from NADE: one workgroup an image, all dimensions in one dispatch.

use calotype_graph::op::{Conditional, NadeActivation, NadeSample};
use calotype_graph::{DeviceError, Step};

use super::nade::{lanes, types, weights};
use crate::dispatch::{Dispatch, Element, Table, folded};
use crate::source::{Source, shader};

/// Sums that are added up at once: with 256 invocations they take 8 KiB.
const ROWS: usize = 8;
/// Numbers of a conditional that fit beside them.
const MAX_OUTPUTS: usize = 2000;

pub(crate) fn nade_sample(step: &Step, op: &NadeSample) -> Result<Vec<Dispatch>, DeviceError> {
    let d = op.dims(&types(step));
    if d.batch == 0 {
        return Ok(Vec::new());
    }
    if d.outputs > MAX_OUTPUTS {
        return Err(DeviceError::Unsupported {
            op: "nade_sample".to_owned(),
            device: "a GPU".to_owned(),
            why: format!("a conditional has at most {MAX_OUTPUTS} numbers, got {}", d.outputs),
        });
    }
    let floor = match op.conditional {
        Conditional::Bernoulli => 0.0,
        Conditional::Gaussians { floor } => floor.get(),
    };
    let mut table = Table::default();
    for (name, value) in [("batch", d.batch), ("dims", d.dims), ("hidden", d.hidden)] {
        table.param(name, value)?;
    }
    table.word("deviation_floor", floor.to_bits());
    table.read("noise", step.reads[0].place, Element::F32);
    table.read("known", step.reads[1].place, Element::F32);
    weights(&mut table, &step.reads, op.activation, [2, 3, 4, 6]);
    table.read("b", step.reads[5].place, Element::F32);
    table.write("x", step.writes[0].place, Element::F32);
    let (lanes, units) = lanes(d.hidden);
    let wgsl = Source::new("nade_sample", shader!("nade_sample"))
        .section("bindings", &table.declarations())?
        .sizes(&[("LANES", lanes), ("UNITS", units), ("OUTPUTS", d.outputs), ("ROWS", d.outputs.min(ROWS))])?
        .set("RELU", op.activation == NadeActivation::ScaledRelu)?
        .set("MIXTURE", op.conditional != Conditional::Bernoulli)?
        .finish();
    Ok(vec![table.dispatch("nade_sample", wgsl, folded(d.batch as u64)?)])
}
