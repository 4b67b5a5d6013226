//! Work done ahead by one thread: batch k + 1 is made while the device is busy with batch k.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

use crate::batches::{Batch, Batches};
use crate::error::{DataError, Result};

/// How many steps lie ready unless asked otherwise.
const DEPTH: usize = 3;

/// Gives what a function makes of step, step + 1, …, in order, up to a number of steps ahead. Dropping it stops the thread and waits
/// for it.
#[derive(Debug)]
pub struct Prefetch<T> {
    ready: Option<Receiver<Result<T>>>,
    worker: Option<JoinHandle<()>>,
    step: u64,
}

impl Prefetch<Batch> {
    /// Batches from `first_step` on, three ahead. Equal to `batches.batch(step)`, since batches are pure.
    pub fn new(batches: Arc<Batches>, first_step: u64) -> Self {
        Self::spawn(first_step, DEPTH, move |step| Ok(batches.batch(step)))
    }
}

impl<T: Send + 'static> Prefetch<T> {
    /// Runs `make` for `first_step`, `first_step + 1`, … on a thread, `depth` of them ahead (at least 1). After an error it stops.
    pub fn spawn(first_step: u64, depth: usize, make: impl FnMut(u64) -> Result<T> + Send + 'static) -> Self {
        let (sender, receiver) = sync_channel(depth.max(1));
        let mut make = make;
        let work = move || {
            for step in first_step.. {
                let made = make(step);
                let failed = made.is_err();
                if sender.send(made).is_err() || failed {
                    break;
                }
            }
        };
        // Without a thread the receiver is closed, and `next` says that the thread stopped.
        let worker = thread::Builder::new().name("prefetch".into()).spawn(work).ok();
        Prefetch { ready: Some(receiver), worker, step: first_step }
    }

    /// What was made of the next step; waits until it is there. Errors: those of the function; that the thread has stopped.
    #[expect(clippy::should_implement_trait, reason = "it never ends, and a `for` over it would never either")]
    pub fn next(&mut self) -> Result<T> {
        let step = self.step;
        let made = self.ready.as_ref().and_then(|ready| ready.recv().ok());
        let made = made.unwrap_or(Err(DataError::PrefetchStopped { step }));
        self.step += u64::from(made.is_ok());
        made
    }

    /// The step that [`Prefetch::next`] gives next.
    pub fn step(&self) -> u64 {
        self.step
    }
}

impl<T> Drop for Prefetch<T> {
    fn drop(&mut self) {
        // Closing the channel makes a waiting `send` fail, so that the thread ends.
        self.ready.take();
        if let Some(worker) = self.worker.take()
            && worker.join().is_err()
        {
            log::warn!("the thread that prepares batches panicked");
        }
    }
}
