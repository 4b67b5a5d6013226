//! Loads a plan: compile jobs on threads, then `load`.

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use calotype_graph::{CompileJob, Device, DeviceError, Plan, PlanId};

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

/// Compiles plans on a thread of its own, for stages that come later.
#[derive(Debug)]
pub(crate) struct Ahead {
    thread: Option<thread::JoinHandle<()>>,
    stop: Arc<AtomicBool>,
}

impl Ahead {
    /// # Errors
    /// Those of [`Device::prepare`].
    pub fn begin<'p>(device: &mut dyn Device, plans: impl Iterator<Item = &'p Arc<Plan>>) -> Result<Self, DeviceError> {
        let mut jobs = Vec::new();
        for plan in plans {
            jobs.extend(device.prepare(plan)?);
        }
        Ok(Self::compile(jobs))
    }

    fn compile(jobs: Vec<CompileJob>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let compile = move || jobs.into_iter().take_while(|_| !stopped.load(Ordering::Relaxed)).for_each(|job| job());
        // Without a thread, `load` compiles.
        Ahead { thread: thread::Builder::new().name("compile ahead".into()).spawn(compile).ok(), stop }
    }

    /// Waits until all is compiled.
    pub fn finish(mut self) {
        self.join();
    }

    fn join(&mut self) {
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::warn!("the thread that compiles ahead panicked");
        }
    }
}

/// What has not begun is left.
impl Drop for Ahead {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.join();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    /// A run that is stopped while the next level compiles waits for the job that has begun, and for no other.
    #[test]
    fn what_is_stopped_ends_after_the_job_that_it_is_at() {
        let (begun, has_begun) = channel();
        let (release, released) = channel::<()>();
        let (done, is_done) = channel();
        let later = done.clone();
        let first: CompileJob = Box::new(move || {
            begun.send(()).expect("the test listens");
            released.recv().expect("the test releases it");
            done.send("first").expect("the test listens");
        });
        let second: CompileJob = Box::new(move || later.send("second").expect("the test listens"));
        let ahead = Ahead::compile(vec![first, second]);
        has_begun.recv().expect("the first job begins");
        ahead.stop.store(true, Ordering::Relaxed);
        release.send(()).expect("the job waits");
        drop(ahead);
        assert_eq!(is_done.iter().collect::<Vec<_>>(), ["first"]);
    }

    #[test]
    fn what_is_finished_has_done_every_job() {
        let (done, is_done) = channel();
        let jobs = (0..5).map(|n| {
            let done = done.clone();
            Box::new(move || done.send(n).expect("the test listens")) as CompileJob
        });
        Ahead::compile(jobs.collect()).finish();
        drop(done);
        assert_eq!(is_done.iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    }
}
