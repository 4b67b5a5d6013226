//! `calotype bench tune`: which tile is fastest here for each product of the models, kept for this adapter and driver.

use anyhow::Result;
use calotype_gpu_kernels::{ProductShape, TileTable};

use super::cases::kernels;
use super::kernel::{Kernel, Scale};
use super::measure::{Measured, PRODUCTS, Timer};
use super::roofs::Roofs;
use super::table::seconds;
use crate::args::TuneArgs;
use crate::command::Ending;
use crate::device::{self, Opened};
use crate::fault::WrongUse;
use crate::output::{note, print};
use crate::status::Status;
use crate::tiles;

/// A way must be so much faster than the rule's to be kept: less may be noise.
const WORTH: f64 = 0.95;

pub fn run(args: &TuneArgs, threads: usize) -> Result<Ending> {
    let mut opened = device::open(args.device.as_deref(), threads)?;
    let Opened::Gpu { device, .. } = &mut opened else {
        return Err(WrongUse("the CPU has no tiles to tune; give --device with a GPU of `calotype devices`".to_owned()).into());
    };
    let adapter = device.description().clone();
    if args.reset {
        let text = match tiles::forget(&adapter)? {
            Some(path) => format!("deleted: {}", path.display()),
            None => "this adapter has no tuned tiles".to_owned(),
        };
        print(&text)?;
        return Ok(Ending::Done);
    }
    device.set_tiles(TileTable::default());
    let table = tune(&mut opened, threads)?;
    opened.keep_pipelines();
    let path = tiles::keep(&adapter, &table)?;
    print(&format!("\n{} matrix products have new tiles: {}", table.len(), path.display()))?;
    note("existing runs keep their tiles; `calotype bench tune --reset` restores the defaults for new runs");
    Ok(Ending::Done)
}

/// Tries every way for every product. A kernel that is wrong in a way is never timed in it.
fn tune(opened: &mut Opened, threads: usize) -> Result<TileTable> {
    let mut status = Status::new();
    let kernels = kernels(Scale::of(opened.device().profile().kind));
    status.show("measuring peak rates");
    let roofs = Roofs::measure(opened, threads)?;
    let mut timer = Timer::new(opened, roofs, threads)?;
    let mut table = TileTable::default();
    let mut seen: Vec<ProductShape> = Vec::new();
    print(&format!("{:<58} {:>10} {:>10}  {}", "matrix product", "default", "best", "tile"))?;
    for kernel in kernels.iter().filter(|k| PRODUCTS.contains(&k.stem)) {
        let Some(shape) = product(&mut timer, kernel).filter(|s| !seen.contains(s)) else { continue };
        seen.push(shape);
        status.show(&kernel.name());
        let found = best(&mut timer, kernel, shape, &mut status);
        status.clear();
        let (rule, best) = match found {
            Ok(found) => found,
            Err(why) => {
                print(&format!("{:<58} FAILED {why}", kernel.name()))?;
                continue;
            }
        };
        let (way, s) = best.unwrap_or(("default", rule));
        print(&format!("{:<58} {:>10} {:>10}  {way}", kernel.name(), seconds(rule), seconds(s)))?;
        if best.is_some() {
            table.set(shape, way)?;
        }
    }
    Ok(table)
}

/// The product that a kernel is carried out by, if it is one.
fn product(timer: &mut Timer, kernel: &Kernel) -> Option<ProductShape> {
    let gpu = timer.gpu()?;
    let plan = kernel.plan(kernel.batch, calotype_graph::Device::profile(gpu)).ok()?;
    match gpu.products(&plan).ok()?[..] {
        [shape] => Some(shape),
        _ => None,
    }
}

type Best = (f64, Option<(&'static str, f64)>);

/// Seconds by the rule, and the way that beats it, if one does by enough.
fn best(timer: &mut Timer, kernel: &Kernel, shape: ProductShape, status: &mut Status) -> Result<Best, String> {
    let rule = median(&timer.measure(kernel))?;
    let mut best: Option<(&str, f64)> = None;
    let ways = timer.gpu().map(|gpu| gpu.other_ways(shape)).unwrap_or_default();
    for way in ways {
        status.show(&format!("{way}  {}", kernel.name()));
        let mut only = TileTable::default();
        only.set(shape, way).map_err(|e| e.to_string())?;
        let measured = timer.with_tiles(only, |timer| timer.measure(kernel));
        match median(&measured) {
            Ok(s) if s < WORTH * rule && best.is_none_or(|(_, b)| s < b) => best = Some((way, s)),
            Ok(_) => {}
            Err(why) => log::warn!("{way} is left out for {}: {why}", kernel.name()),
        }
    }
    Ok((rule, best))
}

fn median(m: &Measured) -> Result<f64, String> {
    m.times.map(|t| t.median_s).ok_or_else(|| m.failure.clone().unwrap_or_default())
}
