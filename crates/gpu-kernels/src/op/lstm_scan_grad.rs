//! An LSTM's scan backwards: the cells again, then one workgroup a sequence, or one dispatch a wave.

use calotype_graph::op::LstmScanGrad;
use calotype_graph::op::lstm_scan::{LstmDims, Scan};
use calotype_graph::{DeviceError, Place, Step};

use super::lstm_scan::{baked, invocations, tiles};
use crate::dispatch::{Dispatch, Element, Table, folded};
use crate::source::{Source, shader};

/// Tiles of `lib/lstm_scan_grad_step.wgsl`.
const TILE_M: usize = 64;
const TILE_J: usize = 16;
/// Invocations of a workgroup of `lib/lstm_scan_grad_cells.wgsl`: few, for these are long.
const CELLS: usize = 64;

pub(crate) fn lstm_scan_grad(step: &Step, op: &LstmScanGrad) -> Result<Vec<Dispatch>, DeviceError> {
    let d = op.dims(&step.reads[0].ty);
    if d.batch == 0 {
        return Ok(Vec::new());
    }
    let mut all = vec![cells(step, &d)?];
    match (op.scan(&d), step.workspace) {
        (Scan::Steps, Some(scratch)) => {
            for wave in (0..d.waves()).rev() {
                all.push(one_wave(step, &d, Some(wave), scratch)?);
            }
            if op.initial {
                all.push(one_wave(step, &d, None, scratch)?);
            }
        }
        _ => all.push(whole(step, &d, op.initial)?),
    }
    Ok(all)
}

/// The shader with these parameters, all operands bound, and `cells` where there is one.
fn start(step: &Step, d: &LstmDims, params: &[(&str, usize)], cells: Option<Place>) -> Result<(Table, Source), DeviceError> {
    let mut table = Table::default();
    for (name, value) in params.iter().chain(&[("gates", d.states())]) {
        table.param(*name, *value)?;
    }
    for (name, read) in ["kept", "back", "c0", "dh"].into_iter().zip(&step.reads) {
        table.read(name, read.place, Element::F32);
    }
    table.write("d_pre", step.writes[0].place, Element::F32);
    if let Some(place) = cells {
        table.write("cells", place, Element::F32);
    }
    let source = Source::new("lstm_scan_grad", shader!("lstm_scan_grad")).section("bindings", &table.declarations())?;
    Ok((table, baked(source, d)?))
}

fn cells(step: &Step, d: &LstmDims) -> Result<Dispatch, DeviceError> {
    let (table, source) = start(step, d, &[("steps", d.steps), ("rows", d.rows())], None)?;
    let source = source.section("core", shader!("lib/lstm_scan_grad_cells"))?;
    let source = source.sizes(&[("WG_SIZE", CELLS)])?;
    let grid = folded((d.rows() * d.hidden).div_ceil(CELLS) as u64)?;
    Ok(table.dispatch("lstm_scan_grad", source.finish(), grid))
}

fn whole(step: &Step, d: &LstmDims, initial: bool) -> Result<Dispatch, DeviceError> {
    let (table, source) = start(step, d, &[("steps", d.steps), ("batch", d.batch)], None)?;
    let source = source.sizes(&[("WG_SIZE", invocations(d))])?.set("INITIAL", initial)?;
    Ok(table.dispatch("lstm_scan_grad", source.finish(), folded(d.batch as u64)?))
}

/// A wave of the forward scan; `None`: the states before all of them.
fn one_wave(step: &Step, d: &LstmDims, wave: Option<usize>, cells: Place) -> Result<Dispatch, DeviceError> {
    let (end, wave) = (usize::from(wave.is_none()), wave.unwrap_or(0));
    let params = [("steps", d.steps), ("rows", d.rows()), ("wave", wave), ("end", end)];
    let (table, source) = start(step, d, &params, Some(cells))?;
    let source = source.section("core", shader!("lib/lstm_scan_grad_step"))?;
    let source = source.sizes(&[("TILE_M", TILE_M), ("TILE_J", TILE_J)])?;
    Ok(table.dispatch("lstm_scan_grad", source.finish(), tiles(d, TILE_M, TILE_J)?))
}
