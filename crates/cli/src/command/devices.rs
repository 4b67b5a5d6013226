//! `calotype devices`.

use std::fmt::Write as _;

use anyhow::Result;
use calotype_cpu_reference::Cpu;
use calotype_gpu_kernels::{GpuDevice, OpenOptions, adapters};
use calotype_graph::{Device, DeviceKind};
use calotype_training::host_memory_bytes;

use super::Ending;
use crate::output::{bytes, print};

pub fn run(threads: usize) -> Result<Ending> {
    let cpu = Cpu::<f32>::fast(threads)?;
    let memory = host_memory_bytes().map_or(String::new(), |n| format!(", {} of memory", bytes(n)));
    let mut text = format!("cpu  {}{memory}\n", cpu.profile().name);
    let found = pollster::block_on(adapters());
    for adapter in &found {
        let l = &adapter.limits;
        writeln!(text, "{:<4} {} ({}, {})", adapter.index, adapter.name, adapter.backend, kind(adapter.kind))?;
        writeln!(text, "       driver      {}", adapter.driver)?;
        writeln!(text, "       binding     {}, buffer {}", bytes(l.binding_bytes), bytes(l.buffer_bytes))?;
        writeln!(text, "       workgroup   {} invocations, {}", l.workgroup_invocations, bytes(l.workgroup_bytes.into()))?;
        let subgroups =
            if adapter.subgroups { format!("{} to {}", l.subgroup_sizes.0, l.subgroup_sizes.1) } else { "none".into() };
        writeln!(text, "       subgroups   {subgroups}; timestamps {}", if adapter.timestamps { "yes" } else { "no" })?;
    }
    let real = found.iter().any(|a| a.kind != DeviceKind::SoftwareGpu);
    let auto = match real.then(|| pollster::block_on(GpuDevice::open(&OpenOptions::default()))) {
        Some(Ok(gpu)) => gpu.description().to_string(),
        Some(Err(e)) => format!("a GPU that cannot be opened ({e}); use --device cpu"),
        None => "cpu, as there is no real GPU".to_owned(),
    };
    writeln!(text, "\n--device auto is {auto}")?;
    print(&text)?;
    Ok(Ending::Done)
}

fn kind(kind: DeviceKind) -> &'static str {
    match kind {
        DeviceKind::DiscreteGpu => "discrete GPU",
        DeviceKind::IntegratedGpu => "integrated GPU",
        DeviceKind::SoftwareGpu => "software GPU: used only if --device names it",
        DeviceKind::Cpu => "CPU",
    }
}
