//! Reflecting padding: one invocation an element of the result, or four neighbouring channels.

use calotype_graph::op::{PadReflect, ReflectDims};
use calotype_graph::{DeviceError, Step};

use crate::dispatch::{Dispatch, Slots, Table, folded};
use crate::source::{Source, shader};

const WG_SIZE: usize = 256;

pub(crate) fn pad_reflect(step: &Step, op: &PadReflect) -> Result<Vec<Dispatch>, DeviceError> {
    lower("pad_reflect", shader!("pad_reflect"), step, ReflectDims::new(&step.reads[0].ty, op.borders))
}

/// Either direction: x -> y.
pub(super) fn lower(stem: &'static str, text: &str, step: &Step, d: ReflectDims) -> Result<Vec<Dispatch>, DeviceError> {
    let (x, y) = (&step.reads[0], &step.writes[0]);
    let slots = Slots::floats(step, d.channels);
    let total = y.ty.numel() / slots.width;
    if total == 0 {
        return Ok(Vec::new());
    }
    let mut table = Table::default();
    let [[top, bottom], [left, right]] = d.borders;
    let sizes = [("height", d.size[0]), ("width", d.size[1]), ("channels", d.channels / slots.width), ("total", total)];
    for (name, value) in sizes.into_iter().chain([("top", top), ("bottom", bottom), ("left", left), ("right", right)]) {
        table.param(name, value)?;
    }
    table.read("x", x.place, slots.element);
    table.write("y", y.place, slots.element);
    let wgsl = Source::new(stem, text)
        .section("bindings", &table.declarations())?
        .section("types", slots.types)?
        .sizes(&[("WG_SIZE", WG_SIZE)])?
        .finish();
    Ok(vec![table.dispatch(stem, wgsl, folded(total.div_ceil(WG_SIZE) as u64)?)])
}
