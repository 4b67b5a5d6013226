//! Running plans to their end, from outside any event loop.

use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use calotype_graph::{
    BoxFuture, Device, DeviceError, DeviceProfile, GraphError, HostTensor, Plan, PlanError, PlanId, PlanOptions, Poll, Program,
    Region, plan,
};

use crate::compare::Mismatch;
use crate::guard::{poison, unharmed};

/// How long a device may leave a small step unanswered. Software GPUs on busy machines are slow; this is for those that
/// never answer.
const PATIENCE: Duration = Duration::from_secs(120);

/// Why a check failed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Fault {
    #[error(transparent)]
    Graph(#[from] GraphError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error("{device}: {error}")]
    Device { device: String, error: DeviceError },
    #[error("{device}: guard band: {what}")]
    Guard { device: String, what: String },
    #[error("{device}: input `{input}` was changed: {what}")]
    Input { device: String, input: String, what: Mismatch },
    #[error("`{output}`: {what}")]
    Output { output: String, what: Mismatch },
}

/// Polls a device until something that it promised is there.
///
/// # Errors
/// The device's; no answer in two minutes.
pub fn drive<T>(device: &mut dyn Device, mut future: BoxFuture<'static, Result<T, DeviceError>>) -> Result<T, DeviceError> {
    let start = Instant::now();
    let mut context = Context::from_waker(Waker::noop());
    loop {
        device.poll(Poll::Now)?;
        if let std::task::Poll::Ready(result) = future.as_mut().poll(&mut context) {
            return result;
        }
        if start.elapsed() > PATIENCE {
            return Err(DeviceError::Other(format!("{}: no answer in {} s", device.profile().name, PATIENCE.as_secs())));
        }
        std::thread::sleep(Duration::from_micros(50));
    }
}

/// Loads a plan, runs one step, unloads it; its outputs in order.
///
/// # Errors
/// The device's.
pub fn run_once(
    device: &mut dyn Device,
    plan: &Arc<Plan>,
    inputs: &[(&str, &HostTensor)],
) -> Result<Vec<HostTensor>, DeviceError> {
    let id = device.load(plan)?;
    let outputs = run_step(device, id, inputs);
    device.unload(id);
    outputs
}

/// Runs one step of a loaded plan and waits for its outputs, in order.
///
/// # Errors
/// The device's.
pub fn run_step(device: &mut dyn Device, id: PlanId, inputs: &[(&str, &HostTensor)]) -> Result<Vec<HostTensor>, DeviceError> {
    let ticket = device.submit(id, inputs)?;
    device.poll(Poll::Until(ticket))?;
    let outputs = device.finished(ticket);
    drive(device, outputs)
}

/// Copies of states, by name.
///
/// # Errors
/// The device's.
pub fn read_states(device: &mut dyn Device, names: &[&str]) -> Result<Vec<HostTensor>, DeviceError> {
    let states = device.read_states(names);
    drive(device, states)
}

/// Plans a program with guard bands, poisons all scratch memory, runs one step, and checks that nothing outside the
/// tensors was written and that no input was changed. Returns the outputs in order.
///
/// # Errors
/// Anything that goes wrong on the way, or was found.
pub fn run_guarded(
    device: &mut dyn Device,
    program: &Program,
    inputs: &[(&str, &HostTensor)],
    options: PlanOptions,
) -> Result<Vec<HostTensor>, Fault> {
    let profile = DeviceProfile { guard_bands: true, ..device.profile().clone() };
    let plan = Arc::new(plan(program, &profile, options)?);
    let name = profile.name;
    let fault = |error| Fault::Device { device: name.clone(), error };
    let id = device.load(&plan).map_err(fault)?;
    let result = guarded_step(device, id, &plan, inputs, &name);
    device.unload(id);
    result
}

fn guarded_step(
    device: &mut dyn Device,
    id: PlanId,
    plan: &Plan,
    inputs: &[(&str, &HostTensor)],
    name: &str,
) -> Result<Vec<HostTensor>, Fault> {
    let fault = |error| Fault::Device { device: name.to_owned(), error };
    poison(device, id, plan).map_err(fault)?;
    let outputs = run_step(device, id, inputs).map_err(fault)?;
    if let Some(what) = unharmed(device, id, plan).map_err(fault)? {
        return Err(Fault::Guard { device: name.to_owned(), what });
    }
    inputs_kept(device, id, plan, inputs, name)?;
    Ok(outputs)
}

fn inputs_kept(
    device: &mut dyn Device,
    id: PlanId,
    plan: &Plan,
    inputs: &[(&str, &HostTensor)],
    name: &str,
) -> Result<(), Fault> {
    let fault = |error| Fault::Device { device: name.to_owned(), error };
    let words = device.dump(id, Region::Input).map_err(fault)?;
    for port in &plan.inputs {
        let Some((_, given)) = inputs.iter().find(|(n, _)| *n == port.name) else { continue };
        let kept = &words[port.place.offset..port.place.offset + port.place.len];
        let n_far = kept.iter().zip(given.words()).filter(|(a, b)| a != b).count();
        let first = kept.iter().zip(given.words()).position(|(a, b)| a != b);
        if let Some(index) = first {
            let what = Mismatch::Words { n_far, n: kept.len(), index, got: kept[index], want: given.words()[index] };
            return Err(Fault::Input { device: name.to_owned(), input: port.name.clone(), what });
        }
    }
    Ok(())
}
