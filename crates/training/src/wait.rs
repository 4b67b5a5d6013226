//! Waits for a device: its futures resolve only while it is polled.

use std::task::{Context, Poll as Ready, Waker};
use std::thread;
use std::time::Duration;

use calotype_graph::{BoxFuture, Device, DeviceError, HostTensor, Poll, Ticket};

/// Blocks until a future of the device is ready, polling the device meanwhile.
pub(crate) fn wait<T>(device: &mut dyn Device, mut future: BoxFuture<'static, Result<T, DeviceError>>) -> Result<T, DeviceError> {
    let mut context = Context::from_waker(Waker::noop());
    let mut pause = Duration::from_micros(20);
    loop {
        if let Ready::Ready(result) = future.as_mut().poll(&mut context) {
            return result;
        }
        device.poll(Poll::Now)?;
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(2));
    }
}

/// The outputs of a submitted step.
pub(crate) fn outputs(device: &mut dyn Device, ticket: Ticket) -> Result<Vec<HostTensor>, DeviceError> {
    let future = device.finished(ticket);
    device.poll(Poll::Until(ticket))?;
    wait(device, future)
}

/// Copies of states as after all submitted steps.
pub(crate) fn states(device: &mut dyn Device, names: &[&str]) -> Result<Vec<HostTensor>, DeviceError> {
    let future = device.read_states(names);
    wait(device, future)
}

/// The output of a submitted program that has one, of f32.
pub(crate) fn only_output(device: &mut dyn Device, ticket: Ticket) -> Result<HostTensor, DeviceError> {
    let mut all = outputs(device, ticket)?;
    match (all.pop(), all.is_empty()) {
        (Some(only), true) if only.as_f32().is_some() => Ok(only),
        _ => Err(DeviceError::Other("a program of rows has not one output of f32".into())),
    }
}
