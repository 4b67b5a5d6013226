//! Pooling over windows: one invocation an element of the result, or four neighbouring channels.

use calotype_graph::op::{Pool2d, PoolDims, PoolKind};
use calotype_graph::{DeviceError, Step};

use crate::dispatch::{Dispatch, Slots, Table, folded};
use crate::source::{Source, shader};

const WG_SIZE: usize = 256;

pub(crate) fn pool2d(step: &Step, op: &Pool2d) -> Result<Vec<Dispatch>, DeviceError> {
    let (x, y) = (&step.reads[0], &step.writes[0]);
    let slots = Slots::floats(step, y.ty.shape.last());
    let total = y.ty.numel() / slots.width;
    if total == 0 {
        return Ok(Vec::new());
    }
    let mut table = Table::default();
    let d = params(&mut table, op.dims(&x.ty, &y.ty), total, slots.width)?;
    table.read("x", x.place, slots.element);
    table.write("y", y.place, slots.element);
    let source = Source::new("pool2d", shader!("pool2d"))
        .section("bindings", &table.declarations())?
        .section("types", slots.types)?
        .sizes(&[("WG_SIZE", WG_SIZE)])?;
    let wgsl = specialised(source, op, &d)?.finish();
    Ok(vec![table.dispatch("pool2d", wgsl, folded(total.div_ceil(WG_SIZE) as u64)?)])
}

/// Adds the sizes that both directions of pooling take.
pub(super) fn params(table: &mut Table, d: PoolDims, total: usize, width: usize) -> Result<PoolDims, DeviceError> {
    let sizes = [("height", d.size[0]), ("width", d.size[1]), ("out_h", d.out[0]), ("out_w", d.out[1])];
    for (name, value) in sizes.into_iter().chain([("channels", d.channels / width), ("total", total)]) {
        table.param(name, value)?;
    }
    Ok(d)
}

/// Bakes the window in.
pub(super) fn specialised(source: Source, op: &Pool2d, d: &PoolDims) -> Result<Source, DeviceError> {
    let w = &d.window;
    source
        .set("MAX", op.kind == PoolKind::Max)?
        .set("SCALE", format_args!("{:?}", op.scale()))?
        .sizes(&[("KERNEL_H", w.kernel[0]), ("KERNEL_W", w.kernel[1])])?
        .sizes(&[("STRIDE_H", w.stride[0]), ("STRIDE_W", w.stride[1]), ("PAD_H", w.pad[0]), ("PAD_W", w.pad[1])])
}
