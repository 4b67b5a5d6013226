//! Gradient of NADE: one workgroup a slice of hidden units and a part of the images; parts are added up in order.

use calotype_graph::op::{NadeActivation, NadeGrad, ReduceKind};
use calotype_graph::{DeviceError, DeviceProfile, Place, Step};

use super::nade::{types, weights};
use super::reduce::{Run, run};
use crate::dispatch::{Dispatch, Element, Table, folded};
use crate::source::{Source, shader};

pub(crate) fn nade_grad(step: &Step, op: &NadeGrad, profile: &DeviceProfile) -> Result<Vec<Dispatch>, DeviceError> {
    let d = op.dims(&types(step));
    let (to, how) = (op.layout(&d), op.parts(&d, profile));
    let (y, dy) = (step.writes[0].place, step.reads[1 + op.activation.n_weights()].place);
    let scratch = step.workspace.unwrap_or(y);
    let mut table = Table::default();
    for (name, value) in [
        ("batch", d.batch),
        ("dims", d.dims),
        ("hidden", d.hidden),
        ("slices", to.slices),
        ("parts", how.parts),
        ("images", d.batch.div_ceil(how.parts)),
        ("saved", how.saved),
        ("dc", to.dc.start),
        ("dv", to.dv.start),
        ("drho", to.drho.start),
        ("dx", to.dx.start),
    ] {
        table.param(name, value)?;
    }
    table.read("x", step.reads[0].place, Element::F32);
    weights(&mut table, &step.reads, op.activation, [1, 2, 3, 4]);
    table.read("dy", dy, Element::F32);
    table.write("scratch", scratch, Element::F32);
    table.write("y", y, Element::F32);
    let wgsl = Source::new("nade_grad", shader!("nade_grad"))
        .section("bindings", &table.declarations())?
        .sizes(&[("LANES", NadeGrad::SLICE), ("CHUNK", how.chunk), ("OUTPUTS", d.outputs)])?
        .set("RELU", op.activation == NadeActivation::ScaledRelu)?
        .set("DX", op.dx)?
        .finish();
    let mut all = vec![table.dispatch("nade_grad", wgsl, folded((to.slices * how.parts) as u64)?)];
    if how.parts > 1 {
        let inner = to.dx.start;
        let partial = Place { offset: scratch.offset + how.saved, len: how.parts * inner, ..scratch };
        let sum = Run { kind: ReduceKind::Sum, outer: 1, n: how.parts, inner };
        all.push(run(&sum, partial, Place { len: inner, ..y }, 1)?);
    }
    Ok(all)
}
