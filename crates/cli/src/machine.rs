//! The machine of a measurement: the head of a report.

use calotype_gpu_kernels::AdapterDescription;
use calotype_graph::DeviceKind;
use serde::{Deserialize, Serialize};

use crate::device::Opened;
use crate::output::bytes;

/// A device, its driver, and the program that used them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    pub version: String,
    pub system: String,
    pub device: String,
    pub kind: String,
    /// Vulkan, Metal, DX12; none for a CPU.
    pub backend: Option<String>,
    pub driver: String,
    pub shaders: Option<String>,
    pub limits: Option<Limits>,
    /// Whether times come from the device's own clock.
    pub timestamps: bool,
}

/// Limits that kernels meet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    pub binding_bytes: u64,
    pub buffer_bytes: u64,
    pub workgroup_bytes: u32,
    pub workgroup_invocations: u32,
    pub storage_buffers: u32,
    /// The least and the most; none where they are not offered.
    pub subgroup_sizes: Option<(u32, u32)>,
}

impl Limits {
    pub fn of(adapter: &AdapterDescription) -> Self {
        let l = adapter.limits;
        Limits {
            binding_bytes: l.binding_bytes,
            buffer_bytes: l.buffer_bytes,
            workgroup_bytes: l.workgroup_bytes,
            workgroup_invocations: l.workgroup_invocations,
            storage_buffers: l.storage_buffers,
            subgroup_sizes: adapter.subgroups.then_some(l.subgroup_sizes),
        }
    }
}

impl Machine {
    pub fn of(opened: &mut Opened) -> Self {
        let profile = opened.device().profile().clone();
        let mut machine = Machine {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            device: profile.name,
            kind: kind(profile.kind).to_owned(),
            backend: None,
            driver: profile.driver,
            shaders: None,
            limits: None,
            timestamps: false,
        };
        if let Opened::Gpu { device, .. } = opened {
            let adapter = device.description();
            machine.backend = Some(adapter.backend.clone());
            machine.shaders = Some(format!("{:?}", device.shader_mode()).to_lowercase());
            machine.timestamps = device.has_timestamps();
            machine.limits = Some(Limits::of(adapter));
        }
        machine
    }
}

pub fn kind(kind: DeviceKind) -> &'static str {
    match kind {
        DeviceKind::DiscreteGpu => "discrete GPU",
        DeviceKind::IntegratedGpu => "integrated GPU",
        DeviceKind::SoftwareGpu => "software GPU",
        DeviceKind::Cpu => "CPU",
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "calotype   {}, {}", self.version, self.system)?;
        writeln!(f, "device     {} ({})", self.device, self.kind)?;
        writeln!(f, "driver     {}", self.driver)?;
        if let Some(l) = &self.limits {
            let (binding, buffer) = (bytes(l.binding_bytes), bytes(l.buffer_bytes));
            writeln!(f, "limits     binding {binding}, buffer {buffer}, {} storage buffers", l.storage_buffers)?;
            let memory = bytes(l.workgroup_bytes.into());
            write!(f, "workgroup  {} invocations, {memory}, subgroups ", l.workgroup_invocations)?;
            match l.subgroup_sizes {
                Some((low, high)) => writeln!(f, "of {low} to {high}")?,
                None => writeln!(f, "not offered")?,
            }
        }
        if let Some(shaders) = &self.shaders {
            writeln!(f, "shaders    {shaders}; timestamps {}", if self.timestamps { "yes" } else { "no" })?;
        }
        Ok(())
    }
}
