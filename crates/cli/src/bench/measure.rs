//! Checks and times one kernel.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use calotype_cpu_reference::Cpu;
use calotype_gpu_kernels::{GpuDevice, TileTable};
use calotype_graph::{Device, DeviceError, DeviceKind, HostTensor, PlanId};
use calotype_parity::operands;
use serde::{Deserialize, Serialize};

use super::kernel::Kernel;
use super::roofs::{Bound, Roofs};
use crate::device::Opened;

/// A sample is a chain of runs that takes about so long.
const SAMPLE_S: f64 = 0.02;
const SAMPLES: std::ops::RangeInclusive<usize> = 5..=25;
/// Samples are taken until so much time is spent.
const KERNEL_S: f64 = 0.5;
/// Ops that are matrix products, which the CPU has fast code for.
pub const PRODUCTS: [&str; 4] = ["conv2d", "conv2d_transpose", "conv2d_weight_grad", "matmul"];
/// Operations of a product, and operations and bytes of other work, that a check may ask the CPU for.
const FAST_WORK: u64 = 150_000_000_000;
const PLAIN_WORK: u64 = 300_000_000;

/// How a kernel did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    pub kernel: String,
    pub op: String,
    pub flops: u64,
    /// Read and written at least once.
    pub bytes: u64,
    /// Of the samples; none where the kernel failed.
    pub times: Option<Times>,
    pub bound: Bound,
    /// The least time that the roofs allow, as a part of the median. Above 1: operands stayed in caches.
    pub part_of_roof: Option<f64>,
    /// Worst error as a part of what is allowed; none where results are words.
    pub parity: Option<f64>,
    pub failure: Option<String>,
}

/// Seconds of one run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Times {
    pub median_s: f64,
    pub min_s: f64,
    pub quartile_1_s: f64,
    pub quartile_3_s: f64,
    pub n_samples: usize,
    /// Runs in a chain that is one sample.
    pub n_runs: u32,
}

impl Times {
    /// Of samples, at least one.
    pub fn of(mut samples: Vec<f64>, n_runs: u32) -> Self {
        samples.sort_by(f64::total_cmp);
        let at = |part: f64| samples[((samples.len() - 1) as f64 * part).round() as usize];
        let (quartile_1_s, quartile_3_s) = (at(0.25), at(0.75));
        Times { median_s: at(0.5), min_s: at(0.0), quartile_1_s, quartile_3_s, n_samples: samples.len(), n_runs }
    }
}

/// A device with its roofs, and what its results are held against.
pub struct Timer<'a> {
    opened: &'a mut Opened,
    roofs: Roofs,
    oracle: Cpu<f32>,
    oracle_is_fast: bool,
}

impl<'a> Timer<'a> {
    /// GPUs are held against the fast CPU, which the tests hold against the plain one; a CPU against plain loops.
    ///
    /// # Errors
    /// No threads.
    pub fn new(opened: &'a mut Opened, roofs: Roofs, threads: usize) -> Result<Self> {
        let oracle_is_fast = opened.device().profile().kind != DeviceKind::Cpu;
        let oracle = if oracle_is_fast { Cpu::fast(threads)? } else { Cpu::plain() };
        Ok(Timer { opened, roofs, oracle, oracle_is_fast })
    }

    /// The device, where it is a GPU.
    pub fn gpu(&mut self) -> Option<&mut GpuDevice> {
        match self.opened {
            Opened::Gpu { device, .. } => Some(device.as_mut()),
            Opened::Cpu(_) => None,
        }
    }

    /// Does something with other tiles than the device's own; a CPU has none.
    pub fn with_tiles<R>(&mut self, tiles: TileTable, work: impl FnOnce(&mut Self) -> R) -> R {
        let before = self.gpu().map(|gpu| {
            let before = gpu.tiles().clone();
            gpu.set_tiles(tiles);
            before
        });
        let result = work(self);
        if let Some((gpu, before)) = self.gpu().zip(before) {
            gpu.set_tiles(before);
        }
        result
    }

    /// Checks and times a kernel; one that fails says why.
    pub fn measure(&mut self, kernel: &Kernel) -> Measured {
        let plan = kernel.plan(kernel.batch, self.opened.device().profile());
        let (flops, bytes) = plan.as_ref().map_or((0, 0), |p| (p.flops(), p.bytes()));
        let (least_s, bound) = self.roofs.least_s(flops, bytes);
        let (op, name) = (kernel.stem.to_owned(), kernel.name());
        let mut measured =
            Measured { kernel: name, op, flops, bytes, times: None, bound, part_of_roof: None, parity: None, failure: None };
        let checked = plan.and_then(|plan| Ok((plan, self.check(kernel)?)));
        let timed = checked.and_then(|(plan, parity)| Ok((parity, self.time(kernel, plan).map_err(|e| e.to_string())?)));
        match timed {
            Ok((parity, times)) => {
                measured.parity = parity;
                measured.part_of_roof = Some(least_s / times.median_s);
                measured.times = Some(times);
            }
            Err(why) => measured.failure = Some(why),
        }
        measured
    }

    /// Holds the kernel against the oracle, at its own batch or the largest one below that the oracle has time for.
    fn check(&mut self, kernel: &Kernel) -> Result<Option<f64>, String> {
        let allowed = if self.oracle_is_fast && PRODUCTS.contains(&kernel.stem) { FAST_WORK } else { PLAIN_WORK };
        let mut batch = kernel.batch;
        while batch > 1 {
            let plan = kernel.plan(batch, self.oracle.profile())?;
            if plan.flops() + plan.bytes() <= allowed {
                break;
            }
            batch /= 2;
        }
        let worst = kernel.check(batch).run(self.opened.device(), &mut self.oracle);
        worst.map(|w| w.map(|w| w.ratio)).map_err(|fault| format!("parity at batch {batch}: {fault}"))
    }

    fn time(&mut self, kernel: &Kernel, plan: calotype_graph::Plan) -> Result<Times, DeviceError> {
        let operands = operands(&kernel.check(kernel.batch).case);
        let inputs: Vec<(&str, &HostTensor)> = operands.iter().map(|(name, value)| (name.as_str(), value)).collect();
        let id = self.opened.device().load(&Arc::new(plan))?;
        let times = self.samples(id, &inputs);
        self.opened.device().unload(id);
        times
    }

    fn samples(&mut self, id: PlanId, inputs: &[(&str, &HostTensor)]) -> Result<Times, DeviceError> {
        let start = Instant::now();
        let first = self.opened.time_replays(id, inputs, 1)?;
        let once = if first > SAMPLE_S { first } else { self.opened.time_replays(id, inputs, 4)? };
        let n_runs = (SAMPLE_S / once.max(1e-9)).ceil().clamp(1.0, 4096.0) as u32;
        let mut samples = Vec::new();
        while samples.len() < *SAMPLES.start() || (samples.len() < *SAMPLES.end() && start.elapsed().as_secs_f64() < KERNEL_S) {
            samples.push(self.opened.time_replays(id, inputs, n_runs)?);
        }
        Ok(Times::of(samples, n_runs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_are_samples() {
        let t = Times::of(vec![5.0, 1.0, 4.0, 2.0, 3.0], 7);
        assert_eq!((t.min_s, t.quartile_1_s, t.median_s, t.quartile_3_s), (1.0, 2.0, 3.0, 4.0));
        let one = Times::of(vec![2.0], 1);
        assert_eq!((one.min_s, one.quartile_3_s, one.n_samples), (2.0, 2.0, 1));
    }
}
