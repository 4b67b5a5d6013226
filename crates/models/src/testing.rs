//! For unit tests: a program run once on the plain CPU.

use std::sync::Arc;

use calotype_cpu_reference::Cpu;
use calotype_graph::{Device, HostTensor, PlanOptions, Program, StateSpec, plan};

use crate::feeds::random_words;
use crate::init;

/// The outputs of one step from initial states, as numbers.
pub fn step(program: &Program, scalars: &[(&str, f32)]) -> Vec<Vec<f32>> {
    let scalars: Vec<(&str, HostTensor)> = scalars.iter().map(|&(name, v)| (name, HostTensor::scalar(v))).collect();
    run(program, |spec| init::initial(spec, 0), &scalars)
}

/// The outputs of one step, step 0 of seed 3 where it draws, by states and inputs.
pub fn run(program: &Program, state: impl Fn(&StateSpec) -> HostTensor, inputs: &[(&str, HostTensor)]) -> Vec<Vec<f32>> {
    let mut device = Cpu::<f32>::plain();
    let plan = Arc::new(plan(program, device.profile(), PlanOptions::default()).expect("it fits"));
    let id = device.load(&plan).expect("it loads");
    for spec in &plan.states {
        device.write_state(&spec.name, &state(spec)).expect("a state");
    }
    let words = random_words(3, 0);
    let reads = |name: &str| plan.inputs.iter().any(|p| p.name == name);
    let drawn = words.iter().filter(|(name, _)| reads(name)).map(|(name, value)| (name.as_str(), value));
    let inputs: Vec<(&str, &HostTensor)> = inputs.iter().map(|(name, v)| (*name, v)).chain(drawn).collect();
    let ticket = device.submit(id, &inputs).expect("it runs");
    let outputs = ready(device.finished(ticket));
    outputs.iter().map(|t| t.as_f32().expect("floats").to_vec()).collect()
}

/// The CPU's futures are ready at once.
fn ready<T, E: std::fmt::Debug>(mut future: calotype_graph::BoxFuture<'static, Result<T, E>>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(result) => result.expect("it ran"),
        std::task::Poll::Pending => panic!("the CPU computes while it is submitted to"),
    }
}
