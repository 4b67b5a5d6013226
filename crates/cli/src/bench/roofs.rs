//! The peak rates (roofs) of a device, and which of them binds a kernel.

use anyhow::Result;
use calotype_cpu_reference::{Level, Roofs as CpuRoofs};
use serde::{Deserialize, Serialize};

use crate::device::Opened;
use crate::output::bytes;

/// Measured, not looked up.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Roofs {
    /// Fused multiply-adds in registers, two operations each.
    pub flop_per_s: f64,
    /// A copy larger than the caches, bytes read and written.
    pub bytes_per_s: f64,
    /// Size of each of the copy's two buffers.
    pub copy_bytes: u64,
    /// Bytes read from workgroup memory; none on a CPU.
    pub workgroup_bytes_per_s: Option<f64>,
    /// A dispatch in a chain of dispatches that do next to nothing; none on a CPU.
    pub dispatch_s: Option<f64>,
}

/// The limit that a kernel meets first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bound {
    Compute,
    Bandwidth,
}

impl Roofs {
    /// # Errors
    /// What the device says.
    pub fn measure(opened: &mut Opened, threads: usize) -> Result<Self> {
        Ok(match opened {
            Opened::Cpu(_) => {
                let CpuRoofs { flop_per_s, bytes_per_s, copy_bytes } = CpuRoofs::measure(Level::detect(), threads);
                Roofs { flop_per_s, bytes_per_s, copy_bytes, workgroup_bytes_per_s: None, dispatch_s: None }
            }
            Opened::Gpu { device, .. } => {
                let r = device.measure_roofs()?;
                Roofs {
                    flop_per_s: r.flop_per_s,
                    bytes_per_s: r.bytes_per_s,
                    copy_bytes: r.copy_bytes,
                    workgroup_bytes_per_s: Some(r.workgroup_bytes_per_s),
                    dispatch_s: Some(r.dispatch_s),
                }
            }
        })
    }

    /// The least time that so many operations and bytes can take, and what sets it.
    pub fn least_s(&self, flops: u64, moved_bytes: u64) -> (f64, Bound) {
        let (compute, bandwidth) = (flops as f64 / self.flop_per_s, moved_bytes as f64 / self.bytes_per_s);
        if compute > bandwidth { (compute, Bound::Compute) } else { (bandwidth, Bound::Bandwidth) }
    }
}

impl std::fmt::Display for Roofs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "compute    {:.1} GFLOP/s, fused multiply-adds in registers", self.flop_per_s / 1e9)?;
        let (rate, each) = (self.bytes_per_s / 1e9, bytes(self.copy_bytes));
        writeln!(f, "memory     {rate:.1} GB/s, read and written by a copy of {each}")?;
        if let Some(rate) = self.workgroup_bytes_per_s {
            writeln!(f, "workgroup  {:.1} GB/s read from workgroup memory", rate / 1e9)?;
        }
        if let Some(seconds) = self.dispatch_s {
            writeln!(f, "dispatch   {:.2} us in a chain of empty ones", seconds * 1e6)?;
        }
        let ridge = self.flop_per_s / self.bytes_per_s;
        writeln!(f, "ridge      {ridge:.1} FLOP a byte: kernels above it are bound by compute, below it by memory")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slower_of_two_limits_binds() {
        let roofs = Roofs { flop_per_s: 100.0, bytes_per_s: 10.0, copy_bytes: 1, workgroup_bytes_per_s: None, dispatch_s: None };
        assert_eq!(roofs.least_s(1000, 50), (10.0, Bound::Compute));
        assert_eq!(roofs.least_s(100, 50), (5.0, Bound::Bandwidth));
        assert_eq!(roofs.least_s(0, 20), (2.0, Bound::Bandwidth));
    }
}
