//! Opens the device that `--device` names.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use calotype_cpu_reference::Cpu;
use calotype_gpu_kernels::{AdapterDescription, GpuDevice, OpenOptions, Select, TileTable, adapters};
use calotype_graph::{Device, DeviceError, DeviceKind, HostTensor, PlanId, Precision};
use calotype_training::{DeviceConfig, write_atomically};

use crate::fault::WrongUse;
use crate::output::note;
use crate::tiles;

/// A device with what it takes to keep its compiled pipelines.
pub enum Opened {
    Cpu(Box<Cpu<f32>>),
    Gpu {
        device: Box<GpuDevice>,
        /// Where its compiled pipelines are kept.
        cache: Option<PathBuf>,
    },
}

impl Opened {
    pub fn device(&mut self) -> &mut dyn Device {
        match self {
            Opened::Cpu(cpu) => cpu.as_mut(),
            Opened::Gpu { device, .. } => device.as_mut(),
        }
    }

    /// Seconds of one run of a loaded plan in a chain of `n`, by the device's own clock where it has one.
    ///
    /// # Errors
    /// As of `submit`.
    pub fn time_replays(&mut self, id: PlanId, inputs: &[(&str, &HostTensor)], n: u32) -> Result<f64, DeviceError> {
        match self {
            Opened::Cpu(cpu) => cpu.time_replays(id, inputs, n),
            Opened::Gpu { device, .. } => device.time_replays(id, inputs, n),
        }
    }

    pub fn config(&mut self) -> DeviceConfig {
        let tiles = match self {
            Opened::Gpu { device, .. } if !device.tiles().is_empty() => Some(device.tiles().to_string()),
            _ => None,
        };
        DeviceConfig { tiles, ..DeviceConfig::of(self.device().profile()) }
    }

    /// Keeps compiled pipelines for the next start. A cache that cannot be written costs time, nothing else.
    pub fn keep_pipelines(&self) {
        let Opened::Gpu { device, cache: Some(path) } = self else { return };
        let Some(bytes) = device.cache_bytes() else { return };
        if fs::read(path).is_ok_and(|known| known == bytes) {
            return;
        }
        let folder = path.parent().map(fs::create_dir_all).transpose().map_err(|e| e.to_string());
        if let Err(e) = folder.and_then(|_| write_atomically(path, &bytes).map_err(|e| e.to_string())) {
            log::warn!("compiled pipelines are not kept: {e}");
        }
    }
}

/// The device that `--device` names (`auto` by default). Notes on standard error which one it is, and why.
pub fn open(wanted: Option<&str>, threads: usize) -> Result<Opened> {
    open_at(wanted, Precision::Full, threads)
}

/// [`open`], computing products so.
///
/// # Errors
/// Mixed precision on the CPU.
pub fn open_at(wanted: Option<&str>, precision: Precision, threads: usize) -> Result<Opened> {
    open_with(wanted, precision, None, threads)
}

/// [`open_at`], with these tiles, or those that were tuned.
fn open_with(wanted: Option<&str>, precision: Precision, tiles: Option<TileTable>, threads: usize) -> Result<Opened> {
    let cpu = |why: &str| match precision {
        Precision::Full => cpu(threads, why),
        Precision::Mixed => {
            let message = format!(
                "--precision mixed needs a GPU, and the device is the CPU ({why}); give --device with a GPU of `calotype devices`, or leave --precision out"
            );
            Err(WrongUse(message).into())
        }
    };
    let gpu = |select, why| gpu(select, precision, tiles, why);
    match wanted.unwrap_or("auto") {
        "cpu" => cpu("as requested"),
        "gpu" => gpu(Select::Auto, "as requested"),
        "auto" => {
            let found = pollster::block_on(adapters());
            match found.iter().any(|a| a.kind != DeviceKind::SoftwareGpu) {
                true => gpu(Select::Auto, "the best real GPU"),
                false => cpu(&why_no_gpu(&found)),
            }
        }
        other => gpu(other.parse().map_or_else(|_| Select::Name(other.to_owned()), Select::Index), "as requested"),
    }
}

/// The device that a run began on, with the tiles that it began with; bits are their own.
///
/// # Errors
/// It is not there; `--device` asks for another one; tiles that this program does not know.
pub fn reopen(wanted: Option<&str>, run: &DeviceConfig, threads: usize) -> Result<Opened> {
    let is_cpu = run.kind == "cpu";
    let own = if is_cpu { "cpu" } else { run.name.as_str() };
    let tiles = TileTable::parse(run.tiles.as_deref().unwrap_or_default()).context("run.toml")?;
    let mut opened = open_with(Some(wanted.unwrap_or(own)), run.precision(), Some(tiles), threads)
        .with_context(|| format!("the run began on {}", run.name))?;
    let now = opened.config();
    if now.kind != run.kind || (!is_cpu && now.name != run.name) {
        let message = format!(
            "the run began on {}, and --device is {}; a resumed run keeps its device, for bit-identical results: leave --device out",
            run.name, now.name
        );
        return Err(WrongUse(message).into());
    }
    let (then, now) = (arithmetic(run), arithmetic(&now));
    if now != then {
        note(&format!("the run began with {then}, this is {now}: results may differ in the last bits"));
    }
    Ok(opened)
}

/// What decides the last bits: the driver, and a CPU's instructions, but not the number of its threads.
fn arithmetic(device: &DeviceConfig) -> String {
    let name =
        device.name.rsplit_once(", ").filter(|(_, rest)| rest.ends_with("threads")).map_or(device.name.as_str(), |(n, _)| n);
    format!("{name} ({})", device.driver)
}

fn why_no_gpu(found: &[AdapterDescription]) -> String {
    let mut text = "no GPU was found".to_owned();
    if let Some(software) = found.first() {
        let _ = write!(text, "; {} is a software GPU, used only if --device names it", software.name);
    }
    text
}

fn cpu(threads: usize, why: &str) -> Result<Opened> {
    let cpu = Cpu::<f32>::fast(threads)?;
    note(&format!("device: {} ({why})", cpu.profile().name));
    Ok(Opened::Cpu(Box::new(cpu)))
}

fn gpu(select: Select, precision: Precision, tiles: Option<TileTable>, why: &str) -> Result<Opened> {
    let cache = cache_path(&select);
    let pipeline_cache = cache.as_ref().and_then(|path| fs::read(path).ok());
    let options = OpenOptions { select, precision, pipeline_cache, ..OpenOptions::default() };
    let mut gpu = pollster::block_on(GpuDevice::open(&options)).context("--device (`cpu` always works)")?;
    note(&format!("device: {} ({why})", gpu.description()));
    if let Some(tiles) = tiles.or_else(|| tiles::known(gpu.description())) {
        gpu.set_tiles(tiles);
    }
    Ok(Opened::Gpu { device: Box::new(gpu), cache })
}

/// Where compiled pipelines are kept: a file for each way to say which adapter. Should it mean another adapter one day, the
/// driver sees that from the file's head, and it is made anew.
fn cache_path(select: &Select) -> Option<PathBuf> {
    let which = match select {
        Select::Auto => "auto".to_owned(),
        Select::Index(n) => n.to_string(),
        Select::Name(name) => name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect(),
    };
    let folder = calotype_data::cache_folder(&calotype_data::Options::default()).ok()?;
    Some(folder.join(format!("pipelines-{which}.bin")))
}
