//! Making a plan ready: compile jobs on threads, then `load`.

use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use calotype_graph::{Device, DeviceError, Plan, PlanId};

/// Loads plans, compiling on this many threads.
#[derive(Clone, Copy, Debug)]
pub struct Loader {
    pub threads: usize,
}

/// The machine's parallelism.
pub fn default_threads() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

impl Loader {
    /// # Errors
    /// Those of [`Device::prepare`] and [`Device::load`].
    pub fn load(&self, device: &mut dyn Device, plan: &Arc<Plan>) -> Result<PlanId, DeviceError> {
        let jobs = Mutex::new(device.prepare(plan)?);
        let n_jobs = jobs.lock().unwrap_or_else(PoisonError::into_inner).len();
        log::info!("{}: {n_jobs} pipelines to compile on {} threads", plan.name, self.threads);
        thread::scope(|scope| {
            for _ in 0..self.threads.min(n_jobs) {
                scope.spawn(|| {
                    loop {
                        // The lock is not held while the job runs.
                        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).pop();
                        let Some(job) = job else { break };
                        job();
                    }
                });
            }
        });
        device.load(plan)
    }
}
