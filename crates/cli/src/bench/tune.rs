//! `calotype bench tune`: which tile is fastest here for each product of the models, kept for this adapter and driver.

use std::fmt;

use anyhow::Result;
use calotype_gpu_kernels::{ProductShape, TileTable};
use serde::Serialize;

use super::cases::kernels;
use super::kernel::{Kernel, Scale};
use super::measure::{Measured, PRODUCTS, Timer};
use super::roofs::Roofs;
use super::table::seconds;
use crate::args::TuneArgs;
use crate::command::Ending;
use crate::device::{self, Opened};
use crate::fault::WrongUse;
use crate::output::{Form, note};
use crate::status::Status;
use crate::tiles;

/// A way must be so much faster than the rule's to be kept: less may be noise.
const WORTH: f64 = 0.95;
/// The rule's way.
const DEFAULT: &str = "default";

pub fn run(args: &TuneArgs, threads: usize) -> Result<Ending> {
    let mut opened = device::open(args.device.as_deref(), threads)?;
    let Opened::Gpu { device, .. } = &mut opened else {
        return Err(WrongUse("the CPU has no tiles to tune; give --device with a GPU of `calotype devices`".to_owned()).into());
    };
    let adapter = device.description().clone();
    if args.reset {
        let deleted = tiles::forget(&adapter)?.map(|path| path.display().to_string());
        args.form.answer(&Reset { deleted })?;
        return Ok(Ending::Done);
    }
    device.set_tiles(TileTable::default());
    let (table, products) = tune(&mut opened, args.form, threads)?;
    opened.keep_pipelines();
    let file = tiles::keep(&adapter, &table)?.display().to_string();
    let tuned = Tuned { device: adapter.name, products, n_new: table.len(), file };
    args.form.part(&tuned.verdict())?;
    args.form.whole(&tuned)?;
    note("existing runs keep their tiles; `calotype bench tune --reset` restores the defaults for new runs");
    Ok(Ending::Done)
}

/// What `--reset` answers.
#[derive(Serialize)]
struct Reset {
    /// The file; none where there was none.
    deleted: Option<String>,
}

impl fmt::Display for Reset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.deleted {
            Some(path) => write!(f, "deleted: {path}"),
            None => f.write_str("this adapter has no tuned tiles"),
        }
    }
}

/// What was found.
#[derive(Serialize)]
struct Tuned {
    device: String,
    products: Vec<Product>,
    /// Products that have new tiles.
    n_new: usize,
    file: String,
}

/// A matrix product.
#[derive(Serialize)]
struct Product {
    kernel: String,
    /// None where it failed.
    #[serde(flatten)]
    times: Option<BestTile>,
    failure: Option<String>,
}

#[derive(Clone, Copy, Serialize)]
struct BestTile {
    default_s: f64,
    best_s: f64,
    tile: &'static str,
}

impl Tuned {
    fn head() -> String {
        format!("{:<58} {:>10} {:>10}  {}", "matrix product", "default", "best", "tile")
    }

    fn verdict(&self) -> String {
        format!("\n{} matrix products have new tiles: {}", self.n_new, self.file)
    }
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Product { kernel, times, failure } = self;
        match times {
            Some(BestTile { default_s, best_s, tile }) => {
                write!(f, "{kernel:<58} {:>10} {:>10}  {tile}", seconds(*default_s), seconds(*best_s))
            }
            None => write!(f, "{kernel:<58} FAILED {}", failure.as_deref().unwrap_or_default()),
        }
    }
}

/// Tries every way for every product. A kernel that is wrong in a way is never timed in it.
fn tune(opened: &mut Opened, form: Form, threads: usize) -> Result<(TileTable, Vec<Product>)> {
    let mut status = Status::new();
    let kernels = kernels(Scale::of(opened.device().profile().kind));
    status.show("measuring peak rates");
    let roofs = Roofs::measure(opened, threads)?;
    let mut timer = Timer::new(opened, roofs, threads)?;
    let mut table = TileTable::default();
    let mut products = Vec::new();
    let mut seen: Vec<ProductShape> = Vec::new();
    form.part(&Tuned::head())?;
    for kernel in kernels.iter().filter(|k| PRODUCTS.contains(&k.stem)) {
        let Some(shape) = product(&mut timer, kernel).filter(|s| !seen.contains(s)) else { continue };
        seen.push(shape);
        status.show(&kernel.name());
        let found = best(&mut timer, kernel, shape, &mut status);
        status.clear();
        if let Ok(BestTile { tile, .. }) = &found
            && *tile != DEFAULT
        {
            table.set(shape, tile)?;
        }
        let product = Product { kernel: kernel.name(), times: found.as_ref().ok().copied(), failure: found.err() };
        form.part(&product)?;
        products.push(product);
    }
    Ok((table, products))
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

/// The way that beats the rule's by enough, or else the rule's.
fn best(timer: &mut Timer, kernel: &Kernel, shape: ProductShape, status: &mut Status) -> Result<BestTile, String> {
    let default_s = median(&timer.measure(kernel))?;
    let mut best = BestTile { default_s, best_s: default_s, tile: DEFAULT };
    let ways = timer.gpu().map(|gpu| gpu.other_ways(shape)).unwrap_or_default();
    for way in ways {
        status.show(&format!("{way}  {}", kernel.name()));
        let mut only = TileTable::default();
        only.set(shape, way).map_err(|e| e.to_string())?;
        let measured = timer.with_tiles(only, |timer| timer.measure(kernel));
        match median(&measured) {
            Ok(s) if s < WORTH * default_s && s < best.best_s => best = BestTile { best_s: s, tile: way, ..best },
            Ok(_) => {}
            Err(why) => log::warn!("{way} is left out for {}: {why}", kernel.name()),
        }
    }
    Ok(best)
}

fn median(m: &Measured) -> Result<f64, String> {
    m.times.map(|t| t.median_s).ok_or_else(|| m.failure.clone().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_has_its_times_or_why_not() {
        let times = BestTile { default_s: 0.002, best_s: 0.0015, tile: "medium" };
        let product = |times, failure| Product { kernel: "matmul: 4x4x4".into(), times, failure };
        let tuned = product(Some(times), None);
        let json = serde_json::to_value(&tuned).expect("JSON");
        assert_eq!((&json["default_s"], &json["best_s"], &json["tile"]), (&0.002.into(), &0.0015.into(), &"medium".into()));
        assert!(tuned.to_string().contains("2.00 ms    1.50 ms  medium"), "{tuned}");
        let failed = product(None, Some("element 3".into()));
        let json = serde_json::to_value(&failed).expect("JSON");
        assert!(json.get("best_s").is_none() && json["failure"] == "element 3", "{json}");
        assert!(failed.to_string().ends_with("FAILED element 3"), "{failed}");
    }
}
