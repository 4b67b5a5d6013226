//! The two sums of batch normalisation's derivative: rows in parts, added up in order.

use calotype_graph::op::{BatchNormSums, ReduceKind};
use calotype_graph::{DeviceError, Step};

use crate::dispatch::{Dispatch, Element, Table, folded};
use crate::op::batch_norm_stats::columns;
use crate::op::reduce::{Run, run};
use crate::source::{Source, shader};

pub(crate) fn batch_norm_sums(step: &Step, op: &BatchNormSums) -> Result<Vec<Dispatch>, DeviceError> {
    let (x, dy, stats, y) = (&step.reads[0], &step.reads[1], &step.reads[2], &step.writes[0]);
    let (rows, channels) = op.dims(&x.ty);
    if channels == 0 {
        return Ok(Vec::new());
    }
    let parts = step.workspace.map_or(1, |place| place.len / (2 * channels));
    let part = rows.div_ceil(parts);
    let (cols, lanes) = columns(part, channels);
    let mut table = Table::default();
    for (name, value) in [("rows", rows), ("channels", channels), ("part", part), ("parts", parts)] {
        table.param(name, value)?;
    }
    table.read("x", x.place, Element::F32);
    table.read("dy", dy.place, Element::F32);
    table.read("stats", stats.place, Element::F32);
    table.write("y", step.workspace.unwrap_or(y.place), Element::F32);
    let wgsl = Source::new("batch_norm_sums", shader!("batch_norm_sums"))
        .section("bindings", &table.declarations())?
        .sizes(&[("COLS", cols), ("LANES", lanes)])?
        .finish();
    let grid = folded((channels.div_ceil(cols) * parts) as u64)?;
    let mut all = vec![table.dispatch("batch_norm_sums", wgsl, grid)];
    if let Some(scratch) = step.workspace {
        let sum = Run { kind: ReduceKind::Sum, outer: 1, n: parts, inner: 2 * channels };
        all.push(run(&sum, scratch, y.place, 1)?);
    }
    Ok(all)
}
