//! `calotype devices`.

use std::fmt;

use anyhow::Result;
use calotype_cpu_reference::Cpu;
use calotype_gpu_kernels::{AdapterDescription, GpuDevice, OpenOptions, adapters};
use calotype_graph::{Device, DeviceKind};
use calotype_training::host_memory_bytes;
use serde::Serialize;

use super::Ending;
use crate::machine::{Limits, kind};
use crate::output::{Form, bytes};

pub fn run(form: Form, threads: usize) -> Result<Ending> {
    let cpu = Cpu::<f32>::fast(threads)?;
    let found = pollster::block_on(adapters());
    let real = found.iter().any(|a| a.kind != DeviceKind::SoftwareGpu);
    let devices = Devices {
        cpu: Processor { name: cpu.profile().name.clone(), memory_bytes: host_memory_bytes() },
        auto: match real.then(|| pollster::block_on(GpuDevice::open(&OpenOptions::default()))) {
            None => Auto { device: Some("cpu".to_owned()), why: "cpu, as there is no real GPU".to_owned() },
            Some(Ok(gpu)) => {
                let gpu = gpu.description();
                Auto { device: Some(gpu.index.to_string()), why: gpu.to_string() }
            }
            Some(Err(e)) => Auto { device: None, why: format!("a GPU that cannot be opened ({e}); use --device cpu") },
        },
        adapters: found.into_iter().map(Adapter::from).collect(),
    };
    form.answer(&devices)?;
    Ok(Ending::Done)
}

/// What `--device` can name.
#[derive(Serialize)]
struct Devices {
    cpu: Processor,
    adapters: Vec<Adapter>,
    auto: Auto,
}

#[derive(Serialize)]
struct Processor {
    name: String,
    /// Where the system says.
    memory_bytes: Option<u64>,
}

#[derive(Serialize)]
struct Adapter {
    index: usize,
    name: String,
    backend: String,
    kind: &'static str,
    driver: String,
    limits: Limits,
    timestamps: bool,
}

/// What `--device auto` is.
#[derive(Serialize)]
struct Auto {
    /// As `--device` takes it; none where it cannot be opened.
    device: Option<String>,
    why: String,
}

impl From<AdapterDescription> for Adapter {
    fn from(of: AdapterDescription) -> Self {
        Adapter {
            limits: Limits::of(&of),
            index: of.index,
            name: of.name,
            backend: of.backend,
            kind: kind(of.kind),
            driver: of.driver,
            timestamps: of.timestamps,
        }
    }
}

impl fmt::Display for Devices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let memory = self.cpu.memory_bytes.map_or(String::new(), |n| format!(", {} of memory", bytes(n)));
        writeln!(f, "cpu  {}{memory}", self.cpu.name)?;
        self.adapters.iter().try_for_each(|adapter| adapter.fmt(f))?;
        writeln!(f, "\n--device auto is {}", self.auto.why)
    }
}

impl fmt::Display for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let l = &self.limits;
        let only = if self.kind == kind(DeviceKind::SoftwareGpu) { ": used only if --device names it" } else { "" };
        writeln!(f, "{:<4} {} ({}, {}{only})", self.index, self.name, self.backend, self.kind)?;
        writeln!(f, "       driver      {}", self.driver)?;
        writeln!(f, "       binding     {}, buffer {}", bytes(l.binding_bytes), bytes(l.buffer_bytes))?;
        writeln!(f, "       workgroup   {} invocations, {}", l.workgroup_invocations, bytes(l.workgroup_bytes.into()))?;
        let subgroups = l.subgroup_sizes.map_or("none".to_owned(), |(least, most)| format!("{least} to {most}"));
        writeln!(f, "       subgroups   {subgroups}; timestamps {}", if self.timestamps { "yes" } else { "no" })
    }
}
