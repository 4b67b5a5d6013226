//! A kernel to time, at a size that suits the device.

use std::sync::Arc;

use calotype_graph::op::Case;
use calotype_graph::{DeviceKind, DeviceProfile, Plan, PlanOptions, plan};
use calotype_parity::{Check, CheckKind};

/// Images, rows or sequences a step, by kind of device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// A real GPU: as the papers train.
    Gpu,
    /// A CPU: the same, without the products that take seconds.
    Cpu,
    /// Software Vulkan: a sixteenth of it.
    Software,
}

impl Scale {
    pub fn of(kind: DeviceKind) -> Self {
        match kind {
            DeviceKind::DiscreteGpu | DeviceKind::IntegratedGpu => Scale::Gpu,
            DeviceKind::Cpu => Scale::Cpu,
            DeviceKind::SoftwareGpu => Scale::Software,
        }
    }

    /// A batch that is `full` on a device that can.
    pub fn batch(self, full: usize) -> usize {
        if self == Scale::Software { full.div_ceil(16) } else { full }
    }
}

type Build = Arc<dyn Fn(usize) -> Case>;

/// A kernel to time: a case for any batch, and the batch.
#[derive(Clone)]
pub struct Kernel {
    pub stem: &'static str,
    pub batch: usize,
    pub kind: CheckKind,
    build: Build,
}

impl Kernel {
    pub fn new(batch: usize, build: impl Fn(usize) -> Case + 'static) -> Self {
        let stem = build(batch).stem;
        Kernel { stem, batch, kind: CheckKind::Forward, build: Arc::new(build) }
    }

    /// What is timed at another batch.
    pub fn check(&self, batch: usize) -> Check {
        Check { case: (self.build)(batch), kind: self.kind }
    }

    /// `conv2d: 64x64x3 -> 64, k4 s2, batch 64`: the same name is the same work.
    pub fn name(&self) -> String {
        self.check(self.batch).name()
    }

    /// Its plan on such a device, for a batch.
    ///
    /// # Errors
    /// What is wrong with the case, or that it does not fit the device.
    pub fn plan(&self, batch: usize, profile: &DeviceProfile) -> Result<Plan, String> {
        let program = self.check(batch).program().map_err(|e| e.to_string())?;
        plan(&program, profile, PlanOptions::default()).map_err(|e| e.to_string())
    }
}

/// Rounding in a sum of k products of unit-scale numbers, one after another, has a deviation of 2.4e-8 k; the largest of
/// millions of results is five and a half of these away.
pub fn of_sum(case: Case, k: usize) -> Case {
    case.tolerance((2e-7 * k as f32).max(2e-5), 2e-5)
}
