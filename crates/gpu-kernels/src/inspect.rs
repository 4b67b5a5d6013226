//! Looking at a plan's work: for tests, for faults, for profiles. Blocks, where the platform can block.

use calotype_graph::device::first_non_finite;
use calotype_graph::{Dtype, NonFinite, Region};

use crate::device::GpuDevice;
use crate::loaded::LoadedPlan;
use crate::readback::read_now;
use crate::stamps::{MAX_PASSES, Stamps};
use crate::store::bytes;
use calotype_graph::{DeviceError, HostTensor, PlanId};

/// What loading made of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanSummary {
    pub n_dispatches: usize,
    /// Different kernels.
    pub n_pipelines: usize,
    /// Submissions a step.
    pub n_submissions: usize,
}

impl GpuDevice {
    pub fn summary(&self, id: PlanId) -> Result<PlanSummary, DeviceError> {
        let plan = self.loaded(id)?;
        Ok(PlanSummary {
            n_dispatches: plan.dispatches.len(),
            n_pipelines: plan.n_pipelines,
            n_submissions: plan.submissions.len(),
        })
    }

    /// Runs one step and measures each of the plan's steps on the device, in nanoseconds. State is changed as by `submit`.
    ///
    /// # Errors
    /// [`DeviceError::Unsupported`] where the adapter has no timestamps.
    pub fn profile_step(&mut self, id: PlanId, inputs: &[(&str, &HostTensor)]) -> Result<Vec<u64>, DeviceError> {
        if !self.device().features().contains(wgpu::Features::TIMESTAMP_QUERY) {
            return Err(DeviceError::Unsupported {
                op: "profile".to_owned(),
                device: self.name().to_owned(),
                why: "the adapter has no timestamps".to_owned(),
            });
        }
        let plan = self.loaded(id)?;
        plan.upload(self.queue(), inputs)?;
        let mut ns = Vec::with_capacity(plan.steps.len());
        for chunk in plan.steps.chunks(MAX_PASSES) {
            ns.extend(self.timed(plan, chunk)?);
        }
        self.check()?;
        Ok(ns)
    }

    /// Runs steps, a pass each, with a timestamp on either side.
    fn timed(&self, plan: &LoadedPlan, steps: &[std::ops::Range<usize>]) -> Result<Vec<u64>, DeviceError> {
        let stamps = Stamps::new(self.device(), steps.len() as u32);
        let mut encoder = self.device().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        for (range, n) in steps.iter().zip(0..) {
            plan.encode(&mut encoder, range.clone(), Some(stamps.around(n)));
        }
        stamps.resolve(&mut encoder);
        self.queue().submit([encoder.finish()]);
        let seconds = stamps.seconds(self.device(), self.queue())?;
        Ok(seconds.into_iter().map(|s| (s * 1e9) as u64).collect())
    }

    /// Runs a step kernel by kernel; the rest of it runs on after the first bad result, so that state is as after any step.
    pub(crate) fn search_non_finite(&self, id: PlanId, inputs: &[(&str, &HostTensor)]) -> Result<Option<NonFinite>, DeviceError> {
        let plan = self.loaded(id)?;
        plan.upload(self.queue(), inputs)?;
        let mut found = None;
        for (n, (step, range)) in plan.plan.steps.iter().zip(&plan.steps).enumerate() {
            let mut encoder = self.device().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            plan.encode(&mut encoder, range.clone(), None);
            self.queue().submit([encoder.finish()]);
            if found.is_some() {
                continue;
            }
            for write in step.writes.iter().filter(|w| w.ty.dtype == Dtype::F32) {
                let Some(buffer) = plan.buffer(write.place.region) else { continue };
                let words = read_now(self.device(), self.queue(), buffer, write.place.offset, write.place.len)?;
                if let Some((element, value)) = first_non_finite(&words) {
                    found.get_or_insert(NonFinite { step: n, name: step.name.clone(), element, value });
                }
            }
        }
        self.check()?;
        Ok(found)
    }

    pub(crate) fn fill_region(&self, id: PlanId, region: Region, word: u32) -> Result<(), DeviceError> {
        let plan = self.loaded(id)?;
        if matches!(region, Region::State(_)) {
            return Err(DeviceError::Other("states are written by name".to_owned()));
        }
        let len = plan.plan.region_len(region);
        if let Some(buffer) = plan.buffer(region).filter(|_| len > 0) {
            debug_assert!(bytes(len) <= buffer.size());
            self.queue().write_buffer(buffer, 0, bytemuck::cast_slice(&vec![word; len]));
        }
        self.check()
    }

    pub(crate) fn dump_region(&self, id: PlanId, region: Region) -> Result<Vec<u32>, DeviceError> {
        let plan = self.loaded(id)?;
        match plan.buffer(region) {
            Some(buffer) => read_now(self.device(), self.queue(), buffer, 0, plan.plan.region_len(region)),
            None => Ok(Vec::new()),
        }
    }
}
