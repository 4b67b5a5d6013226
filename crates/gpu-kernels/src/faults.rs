//! What went wrong on the device outside a call that could say so: kept until the next call returns it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use calotype_graph::DeviceError;
use futures::FutureExt;

/// The first uncaptured error, and whether the device is gone for good.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    pending: Mutex<Option<DeviceError>>,
    lost: Mutex<Option<String>>,
}

/// A lock whose holder cannot panic half-way through a change: a poisoned one is still whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Faults {
    /// Listens to a device from now on.
    pub fn watch(device: &wgpu::Device) -> Arc<Faults> {
        let faults = Arc::new(Faults::default());
        let sink = Arc::clone(&faults);
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            lock(&sink.pending).get_or_insert(device_error(&error));
        }));
        let sink = Arc::clone(&faults);
        device.set_device_lost_callback(move |reason, message| {
            if reason != wgpu::DeviceLostReason::Destroyed {
                lock(&sink.lost).get_or_insert(message);
            }
        });
        faults
    }

    /// An error that has come up since the last call; a lost device says so every time.
    pub fn check(&self) -> Result<(), DeviceError> {
        if let Some(message) = lock(&self.lost).as_ref() {
            return Err(DeviceError::Lost(message.clone()));
        }
        lock(&self.pending).take().map_or(Ok(()), Err)
    }
}

/// wgpu's error in the language of `graph`.
pub(crate) fn device_error(error: &wgpu::Error) -> DeviceError {
    match error {
        wgpu::Error::OutOfMemory { source } => DeviceError::OutOfMemory(source.to_string()),
        wgpu::Error::Validation { description, .. } => DeviceError::Other(format!("validation: {description}")),
        wgpu::Error::Internal { description, .. } => DeviceError::Other(format!("driver: {description}")),
    }
}

/// Carries out `work` with error scopes around it. In a browser the scopes resolve later, and the uncaptured-error handler
/// is what reports.
pub(crate) fn scoped<T>(device: &wgpu::Device, work: impl FnOnce() -> T) -> Result<T, wgpu::Error> {
    let filters = [wgpu::ErrorFilter::Internal, wgpu::ErrorFilter::OutOfMemory, wgpu::ErrorFilter::Validation];
    let mut scopes: Vec<_> = filters.iter().map(|&f| device.push_error_scope(f)).collect();
    let value = work();
    let mut first = None;
    while let Some(scope) = scopes.pop() {
        let error = scope.pop().now_or_never().flatten();
        first = first.or(error);
    }
    first.map_or(Ok(value), Err)
}
