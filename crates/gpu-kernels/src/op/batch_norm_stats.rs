//! Mean and variance of channels: rows in parts, moments joined in order.

use calotype_graph::op::BatchNormStats;
use calotype_graph::{DeviceError, Place, Step};

use crate::dispatch::{Dispatch, Element, Table, folded};
use crate::source::{Source, shader};

pub(crate) const WG_SIZE: usize = 256;

/// Columns (channels) and lanes of a workgroup that reduces rows.
pub(crate) fn columns(rows: usize, channels: usize) -> (usize, usize) {
    let cols = channels.next_power_of_two().min(32);
    (cols, rows.next_power_of_two().clamp(1, WG_SIZE / cols))
}

pub(crate) fn batch_norm_stats(step: &Step, op: &BatchNormStats) -> Result<Vec<Dispatch>, DeviceError> {
    let (x, y) = (&step.reads[0], &step.writes[0]);
    let (rows, channels) = op.dims(&x.ty);
    let Some(scratch) = step.workspace else {
        return Ok(vec![stage(rows, channels, 1, x.place, y.place, Stage::Whole)?]);
    };
    let parts = scratch.len / (2 * channels);
    Ok(vec![
        stage(rows, channels, parts, x.place, scratch, Stage::Part)?,
        stage(rows, channels, parts, scratch, y.place, Stage::Join)?,
    ])
}

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Whole,
    Part,
    Join,
}

fn stage(rows: usize, channels: usize, parts: usize, x: Place, y: Place, stage: Stage) -> Result<Dispatch, DeviceError> {
    let part = rows.div_ceil(parts);
    let (cols, lanes) = columns(if stage == Stage::Join { parts } else { part }, channels);
    let mut table = Table::default();
    for (name, value) in [("rows", rows), ("channels", channels), ("part", part), ("parts", parts)] {
        table.param(name, value)?;
    }
    table.read("x", x, Element::F32);
    table.write("y", y, Element::F32);
    let wgsl = Source::new("batch_norm_stats", shader!("batch_norm_stats"))
        .section("bindings", &table.declarations())?
        .set("JOIN", stage == Stage::Join)?
        .set("FINISH", stage != Stage::Part)?
        .sizes(&[("COLS", cols), ("LANES", lanes)])?
        .finish();
    let runs = if stage == Stage::Part { parts } else { 1 };
    Ok(table.dispatch("batch_norm_stats", wgsl, folded((channels.div_ceil(cols) * runs) as u64)?))
}
