//! An LSTM's scan: one workgroup a sequence, or one dispatch a wave.

use calotype_graph::op::LstmScan;
use calotype_graph::op::lstm_scan::{LstmDims, Scan};
use calotype_graph::{DeviceError, Place, Step};

use crate::dispatch::{Dispatch, Element, Table, folded};
use crate::source::{Source, shader};

/// Tiles of `lib/lstm_scan_step.wgsl`.
const TILE_M: usize = 32;
const TILE_J: usize = 16;

/// Invocations of a workgroup that owns a sequence: no more than it has hidden units.
pub(super) fn invocations(d: &LstmDims) -> usize {
    (d.positions * d.hidden).next_power_of_two().clamp(32, 256)
}

/// The sizes that are baked into both directions.
pub(super) fn baked(source: Source, d: &LstmDims) -> Result<Source, DeviceError> {
    let sizes = [("POSITIONS", d.positions), ("HIDDEN", d.hidden), ("TAPS", d.taps), ("BEFORE", d.before)];
    source.sizes(&sizes)?.set("REVERSE", d.reverse)
}

/// Workgroups for tiles of all rows and hidden units.
pub(super) fn tiles(d: &LstmDims, tile_m: usize, tile_j: usize) -> Result<[u32; 3], DeviceError> {
    folded((d.rows().div_ceil(tile_m) * d.hidden.div_ceil(tile_j)) as u64)
}

pub(crate) fn lstm_scan(step: &Step, op: &LstmScan) -> Result<Vec<Dispatch>, DeviceError> {
    let d = op.dims(&step.reads[0].ty);
    match (d.batch, op.scan(&d), step.workspace) {
        (0, _, _) => Ok(Vec::new()),
        (_, Scan::Steps, Some(cells)) => (0..d.waves()).map(|wave| one_wave(step, op, wave, cells)).collect(),
        _ => Ok(vec![whole(step, op)?]),
    }
}

fn bind(table: &mut Table, step: &Step) {
    for (name, read) in ["x_gates", "w", "h0", "c0"].into_iter().zip(&step.reads) {
        table.read(name, read.place, Element::F32);
    }
    table.write("h", step.writes[0].place, Element::F32);
}

fn whole(step: &Step, op: &LstmScan) -> Result<Dispatch, DeviceError> {
    let d = op.dims(&step.reads[0].ty);
    let mut table = Table::default();
    for (name, value) in [("steps", d.steps), ("batch", d.batch), ("kept", d.states())] {
        table.param(name, value)?;
    }
    bind(&mut table, step);
    let source = Source::new("lstm_scan", shader!("lstm_scan")).section("bindings", &table.declarations())?;
    let source = baked(source, &d)?.sizes(&[("WG_SIZE", invocations(&d))])?.set("KEEP", op.keep)?;
    Ok(table.dispatch("lstm_scan", source.finish(), folded(d.batch as u64)?))
}

fn one_wave(step: &Step, op: &LstmScan, wave: usize, cells: Place) -> Result<Dispatch, DeviceError> {
    let d = op.dims(&step.reads[0].ty);
    let mut table = Table::default();
    for (name, value) in [("steps", d.steps), ("rows", d.rows()), ("wave", wave), ("kept", d.states())] {
        table.param(name, value)?;
    }
    bind(&mut table, step);
    table.write("cells", cells, Element::F32);
    let source = Source::new("lstm_scan", shader!("lstm_scan"))
        .section("bindings", &table.declarations())?
        .section("core", shader!("lib/lstm_scan_step"))?;
    let source = baked(source, &d)?.sizes(&[("TILE_M", TILE_M), ("TILE_J", TILE_J)])?.set("KEEP", op.keep)?;
    Ok(table.dispatch("lstm_scan", source.finish(), tiles(&d, TILE_M, TILE_J)?))
}
