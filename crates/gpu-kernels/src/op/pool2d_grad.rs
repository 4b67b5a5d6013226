//! The transpose of pooling: one invocation an element of the image, or four neighbouring channels.

use calotype_graph::op::{Pool2dGrad, PoolKind};
use calotype_graph::{DeviceError, Step};

use crate::dispatch::{Dispatch, Slots, Table, folded};
use crate::op::pool2d::{params, specialised};
use crate::source::{Source, shader};

const WG_SIZE: usize = 256;

pub(crate) fn pool2d_grad(step: &Step, op: &Pool2dGrad) -> Result<Vec<Dispatch>, DeviceError> {
    let (dy, dx) = (&step.reads[0], &step.writes[0]);
    let slots = Slots::floats(step, dx.ty.shape.last());
    let total = dx.ty.numel() / slots.width;
    if total == 0 {
        return Ok(Vec::new());
    }
    let mut table = Table::default();
    let d = params(&mut table, op.dims(&dy.ty, &dx.ty), total, slots.width)?;
    table.read("dy", dy.place, slots.element);
    let mut source = Source::new("pool2d_grad", shader!("pool2d_grad"));
    if op.pool.kind == PoolKind::Max {
        table.read("x", step.reads[1].place, slots.element);
    } else {
        source = source.section("chosen", "")?;
    }
    table.write("dx", dx.place, slots.element);
    let source =
        source.section("bindings", &table.declarations())?.section("types", slots.types)?.sizes(&[("WG_SIZE", WG_SIZE)])?;
    let wgsl = specialised(source, &op.pool, &d)?.finish();
    Ok(vec![table.dispatch("pool2d_grad", wgsl, folded(total.div_ceil(WG_SIZE) as u64)?)])
}
