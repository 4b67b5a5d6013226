//! The devices that tests run on. A GPU is opened once in each test binary and mode, and lent to one test at a time.
//!
//! - `CALOTYPE_GPU=require`: no adapter is a failure; otherwise such tests are reported as ignored.
//! - `CALOTYPE_GPU_ADAPTER`: part of the adapter's name, or its number; default: the first, software ones included.

use std::sync::{Mutex, OnceLock, PoisonError};

use calotype_cpu_reference::Cpu;
use calotype_gpu_kernels::{GpuDevice, OpenOptions, Select, ShaderMode};
use calotype_graph::Device;

use crate::tidy::Tidy;

/// A device by what tests call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// Naive loops in f32.
    Plain,
    /// What `--device cpu` runs.
    Fast,
    Gpu(ShaderMode),
}

impl std::fmt::Display for On {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            On::Plain => "CPU plain",
            On::Fast => "CPU fast",
            On::Gpu(ShaderMode::Checked) => "GPU checked",
            On::Gpu(ShaderMode::Unchecked) => "GPU",
        })
    }
}

impl On {
    /// Why it cannot be had, if it cannot. A GPU is opened to find out.
    pub fn missing(self) -> Option<&'static str> {
        match self {
            On::Gpu(mode) => gpu(mode).as_ref().err().map(String::as_str),
            On::Plain | On::Fast => None,
        }
    }
}

/// Whether a missing adapter is a failure.
pub fn gpu_is_required() -> bool {
    std::env::var("CALOTYPE_GPU").is_ok_and(|v| v == "require")
}

fn gpu(mode: ShaderMode) -> &'static Result<Mutex<GpuDevice>, String> {
    static CHECKED: OnceLock<Result<Mutex<GpuDevice>, String>> = OnceLock::new();
    static UNCHECKED: OnceLock<Result<Mutex<GpuDevice>, String>> = OnceLock::new();
    let cell = if mode == ShaderMode::Checked { &CHECKED } else { &UNCHECKED };
    cell.get_or_init(|| {
        let select = match std::env::var("CALOTYPE_GPU_ADAPTER") {
            Ok(name) => name.parse().map_or(Select::Name(name), Select::Index),
            Err(_) => Select::Index(0),
        };
        let options = OpenOptions { select, shaders: mode, ..OpenOptions::default() };
        pollster::block_on(GpuDevice::open(&options)).map(Mutex::new).map_err(|e| e.to_string())
    })
}

/// Runs `body` on a device that nobody else uses meanwhile, without plans or states before and after.
///
/// # Panics
/// When there is no such device.
pub fn with<R>(on: On, body: impl FnOnce(&mut dyn Device) -> R) -> R {
    match on {
        On::Plain => body(&mut Cpu::<f32>::plain()),
        On::Fast => body(&mut fast()),
        On::Gpu(mode) => {
            let device = gpu(mode).as_ref().unwrap_or_else(|why| panic!("{why}"));
            let mut device = device.lock().unwrap_or_else(PoisonError::into_inner);
            body(&mut Tidy::new(&mut *device))
        }
    }
}

/// Two threads: enough for work to be shared, and tests run side by side.
fn fast() -> Cpu<f32> {
    Cpu::<f32>::fast(2).unwrap_or_else(|e| panic!("{e}"))
}
