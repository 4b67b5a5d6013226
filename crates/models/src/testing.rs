//! For unit tests: a program run once on the plain CPU.

use std::sync::Arc;

use calotype_cpu_reference::Cpu;
use calotype_graph::{Device, HostTensor, PlanOptions, Program, StateSpec, plan};

use crate::feeds::{Named, random_words};
use crate::init;

/// The outputs of one step from initial states, as numbers.
pub fn step(program: &Program, scalars: &[(&str, f32)]) -> Vec<Vec<f32>> {
    let inputs: Vec<Named> = scalars.iter().map(|&(name, v)| (name.to_owned(), HostTensor::scalar(v))).collect();
    step_with(program, &inputs)
}

/// As [`step`], with inputs of any kind.
pub fn step_with(program: &Program, inputs: &[Named]) -> Vec<Vec<f32>> {
    run(program, |spec| init::initial(spec, 0), &unnamed(inputs))
}

/// The numbers of a state, by its name.
pub type NamedFloats = (String, Vec<f32>);

/// The states after one step.
pub fn states_after(program: &Program, inputs: &[Named]) -> Vec<NamedFloats> {
    outputs_and_states(program, |spec| init::initial(spec, 0), &unnamed(inputs)).1
}

/// The outputs of one step by states and inputs; step 0 of seed 3 where it draws and is not told by what.
pub fn run(program: &Program, state: impl Fn(&StateSpec) -> HostTensor, inputs: &[(&str, HostTensor)]) -> Vec<Vec<f32>> {
    outputs_and_states(program, state, inputs).0
}

fn unnamed(inputs: &[Named]) -> Vec<(&str, HostTensor)> {
    inputs.iter().map(|(name, value)| (name.as_str(), value.clone())).collect()
}

fn outputs_and_states(
    program: &Program,
    state: impl Fn(&StateSpec) -> HostTensor,
    inputs: &[(&str, HostTensor)],
) -> (Vec<Vec<f32>>, Vec<NamedFloats>) {
    let mut device = Cpu::<f32>::plain();
    let plan = Arc::new(plan(program, device.profile(), PlanOptions::default()).expect("it fits"));
    let id = device.load(&plan).expect("it loads");
    for spec in &plan.states {
        device.write_state(&spec.name, &state(spec)).expect("a state");
    }
    let words = random_words(3, 0);
    let reads = |name: &str| plan.inputs.iter().any(|p| p.name == name) && inputs.iter().all(|(given, _)| *given != name);
    let drawn = words.iter().filter(|(name, _)| reads(name)).map(|(name, value)| (name.as_str(), value));
    let inputs: Vec<(&str, &HostTensor)> = inputs.iter().map(|(name, v)| (*name, v)).chain(drawn).collect();
    let floats = |t: &HostTensor| t.as_f32().expect("floats").to_vec();
    let ticket = device.submit(id, &inputs).expect("it runs");
    let outputs = ready(device.finished(ticket)).iter().map(floats).collect();
    let names: Vec<&str> = plan.states.iter().map(|spec| spec.name.as_str()).collect();
    let values = ready(device.read_states(&names));
    let states = names.iter().map(|name| (*name).to_owned()).zip(values.iter().map(floats)).collect();
    (outputs, states)
}

/// The CPU's futures are ready at once.
fn ready<T, E: std::fmt::Debug>(mut future: calotype_graph::BoxFuture<'static, Result<T, E>>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(result) => result.expect("it ran"),
        std::task::Poll::Pending => panic!("the CPU computes while it is submitted to"),
    }
}
