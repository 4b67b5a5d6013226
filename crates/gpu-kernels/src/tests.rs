//! Every op's cases against the oracle, every composed shader against naga, and the device's manners.

mod manners;
mod mixed;
mod parity;
mod validation;

use std::sync::{Mutex, MutexGuard, OnceLock};

use calotype_graph::DeviceError;

use crate::adapter::{OpenOptions, Select, ShaderMode, adapters};
use crate::device::GpuDevice;
use crate::faults::lock;

/// Opens the adapter that tests run on: a real GPU if there is one, else a software one, or what `CALOTYPE_ADAPTER` names.
fn open_with(options: &OpenOptions) -> Result<GpuDevice, DeviceError> {
    let named = std::env::var("CALOTYPE_ADAPTER").ok().map(Select::Name);
    let options = |select| OpenOptions { select, ..options.clone() };
    pollster::block_on(async {
        let auto = GpuDevice::open(&options(named.unwrap_or_default())).await;
        match auto {
            Err(DeviceError::NoAdapter { .. }) if !adapters().await.is_empty() => {
                GpuDevice::open(&options(Select::Index(0))).await
            }
            other => other,
        }
    })
}

/// The process's device for a mode; `None`, said aloud, where there is no adapter and nobody insists on one.
fn device(shaders: ShaderMode) -> Option<MutexGuard<'static, GpuDevice>> {
    static CHECKED: OnceLock<Option<Mutex<GpuDevice>>> = OnceLock::new();
    static UNCHECKED: OnceLock<Option<Mutex<GpuDevice>>> = OnceLock::new();
    let cell = if shaders == ShaderMode::Checked { &CHECKED } else { &UNCHECKED };
    let options = OpenOptions { shaders, ..OpenOptions::default() };
    cell.get_or_init(|| or_ignored(open_with(&options)).map(Mutex::new)).as_ref().map(lock)
}

/// `None`, said aloud, where there is no adapter and nobody insists on one.
fn or_ignored(opened: Result<GpuDevice, DeviceError>) -> Option<GpuDevice> {
    match opened {
        Ok(device) => Some(device),
        Err(error) if std::env::var("CALOTYPE_GPU").as_deref() == Ok("require") => panic!("no GPU to test on: {error}"),
        Err(error) => {
            eprintln!("ignored: {error}");
            None
        }
    }
}
