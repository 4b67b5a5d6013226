//! What every device promises: tickets, several steps in flight, errors as values, the name of what went wrong.

use std::sync::Arc;

use calotype_graph::{Device, DeviceError, Graph, HostTensor, Init, Layout, Plan, PlanOptions, Poll, Region, Tensor, Type, plan};
use calotype_parity::{drive, read_states, run_once, run_step};
use calotype_tests::Suite;

fn main() -> std::process::ExitCode {
    let mut suite = Suite::new();
    suite.devices("several steps in flight come back in order", in_flight);
    suite.devices("a ticket is answered once", tickets);
    suite.devices("state outlives plans", state);
    suite.devices("wrong use is an error that names it", wrong_use);
    suite.devices("the first tensor that is not finite is named", non_finite);
    suite.devices("compile jobs may run on other threads", prepare);
    suite.devices("submissions are counted", host_time);
    suite.run()
}

fn compile(device: &dyn Device, graph: &Graph) -> Arc<Plan> {
    let program = graph.finish().unwrap_or_else(|e| panic!("{e}"));
    Arc::new(plan(&program, device.profile(), PlanOptions::default()).unwrap_or_else(|e| panic!("{e}")))
}

/// `w` becomes `w + x` and is read back, with its logarithm: [3] each.
fn accumulator(device: &dyn Device) -> Arc<Plan> {
    let g = Graph::new("accumulator");
    let x = g.input("x", Type::f32([3]));
    let w = {
        let _label = g.label("total");
        g.state("w", x.ty(), Init::Zeros, Layout::Plain, true) + &x
    };
    g.assign("w", &w);
    g.output("w", &w);
    let _label = g.label("total.logarithm");
    g.output("log", &(w.log() + 0.0 * &w.sum_all()));
    compile(device, &g)
}

fn three(value: f32) -> HostTensor {
    HostTensor::f32([3], [value; 3])
}

fn first(t: &HostTensor) -> f32 {
    t.as_f32().expect("floats")[0]
}

fn in_flight(device: &mut dyn Device) {
    let id = device.load(&accumulator(device)).expect("it loads");
    let tickets: Vec<_> = (1..=6).map(|n| device.submit(id, &[("x", &three(n as f32))]).expect("it starts")).collect();
    assert!(tickets.windows(2).all(|t| t[0] < t[1]), "{tickets:?}");
    // Asked for in any order, each has its own step's outputs.
    for n in [3, 0, 5, 1, 4, 2] {
        let outputs = device.finished(tickets[n]);
        let outputs = drive(device, outputs).expect("it ends");
        let sum = ((n + 1) * (n + 2) / 2) as f32;
        assert_eq!((outputs.len(), first(&outputs[0])), (2, sum), "step {n}");
        assert!((first(&outputs[1]) - sum.ln()).abs() < 1e-5);
    }
    assert_eq!(read_states(device, &["w"]).expect("a state"), [three(21.0)]);
}

fn tickets(device: &mut dyn Device) {
    let id = device.load(&accumulator(device)).expect("it loads");
    let (asked, forgotten) = {
        let mut submit = || device.submit(id, &[("x", &three(1.0))]).expect("it starts");
        (submit(), submit())
    };
    device.forget(forgotten);
    device.poll(Poll::Until(forgotten)).expect("both end");
    let outputs = device.finished(asked);
    assert!(drive(device, outputs).is_ok());
    for ticket in [asked, forgotten] {
        let again = device.finished(ticket);
        assert!(drive(device, again).is_err(), "{ticket:?} was answered or forgotten before");
    }
}

fn state(device: &mut dyn Device) {
    let plan = accumulator(device);
    device.write_state("w", &three(10.0)).expect("a new state");
    for total in [11.0, 12.0] {
        let outputs = run_once(device, &plan, &[("x", &three(1.0))]).expect("it runs");
        assert_eq!(first(&outputs[0]), total);
    }
    // Two plans, one state.
    let (a, b) = (device.load(&plan).expect("it loads"), device.load(&plan).expect("again"));
    assert_ne!(a, b);
    run_step(device, a, &[("x", &three(1.0))]).expect("it runs");
    assert_eq!(first(&run_step(device, b, &[("x", &three(1.0))]).expect("it runs")[0]), 14.0);
    // A write lies between the steps that it was called between.
    let before = device.submit(a, &[("x", &three(1.0))]).expect("it starts");
    device.write_state("w", &three(0.0)).expect("the same type");
    let after = device.submit(a, &[("x", &three(5.0))]).expect("it starts");
    for (ticket, total) in [(before, 15.0), (after, 5.0)] {
        let outputs = device.finished(ticket);
        assert_eq!(first(&drive(device, outputs).expect("it ends")[0]), total);
    }
    assert_eq!(device.states().iter().map(|s| s.name.clone()).collect::<Vec<_>>(), ["w"]);
    assert!(device.remove_state("w").is_err(), "two plans use it");
    device.unload(a);
    device.unload(b);
    device.remove_state("w").expect("nobody uses it");
    assert!(device.states().is_empty());
}

fn wrong_use(device: &mut dyn Device) {
    let plan = accumulator(device);
    device.write_state("w", &HostTensor::scalar(1.0)).expect("a new state");
    assert!(matches!(device.load(&plan), Err(DeviceError::WrongType { name, .. }) if name == "w"));
    device.remove_state("w").expect("nobody uses it");
    let id = device.load(&plan).expect("it loads");
    assert_eq!(device.submit(id, &[]).err(), Some(DeviceError::MissingInput("x".into())));
    for wrong in [HostTensor::u32([3], [1, 2, 3]), HostTensor::f32([4], [0.0; 4]), HostTensor::f32([3, 1], [0.0; 3])] {
        let error = device.submit(id, &[("x", &wrong)]).expect_err("another type");
        assert!(error.to_string().contains("`x`"), "{error}");
    }
    assert!(matches!(device.write_state("w", &HostTensor::scalar(0.0)), Err(DeviceError::WrongType { .. })));
    assert_eq!(read_states(device, &["nobody"]).err(), Some(DeviceError::UnknownState("nobody".into())));
    assert_eq!(device.remove_state("nobody").err(), Some(DeviceError::UnknownState("nobody".into())));
    assert!(device.fill(id, Region::State(0), 0).is_err(), "states are not scratch memory");
    // None of it has done harm.
    let outputs = run_step(device, id, &[("x", &three(2.0))]).expect("it runs");
    assert_eq!(first(&outputs[0]), 2.0);
    device.unload(id);
    assert_eq!(device.submit(id, &[("x", &three(2.0))]).err(), Some(DeviceError::UnknownPlan));
    assert!(device.fill(id, Region::Output, 0).is_err());
}

fn non_finite(device: &mut dyn Device) {
    let id = device.load(&accumulator(device)).expect("it loads");
    let good = three(1.0);
    assert_eq!(device.find_non_finite(id, &[("x", &good)]).expect("it runs"), None);
    let bad = HostTensor::f32([3], [1.0, 1.0, -5.0]);
    let found = device.find_non_finite(id, &[("x", &bad)]).expect("it runs").expect("log of a negative number");
    // A kernel that computes several tensors has all their names.
    assert!(found.name.split(", ").any(|n| n == "total.logarithm") && found.element == 2, "{found:?}");
    assert!(found.value.is_nan());
    assert_eq!(read_states(device, &["w"]).expect("a state")[0].as_f32(), Some(&[2.0, 2.0, -4.0][..]), "both steps counted");
    let infinite = HostTensor::f32([3], [f32::INFINITY, 1.0, 1.0]);
    let found = device.find_non_finite(id, &[("x", &infinite)]).expect("it runs").expect("a state that is infinite");
    assert_eq!((found.step, found.element, found.value), (0, 0, f32::INFINITY), "{found:?}");
}

fn prepare(device: &mut dyn Device) {
    let g = Graph::new("several kernels");
    let x = g.input("x", Type::f32([17, 9]));
    let y: Tensor = (x.matmul(&x.permute(&[1, 0])).softmax().sum(&[0]) + 1.0).log();
    g.output("y", &y);
    let plan = compile(device, &g);
    let jobs = device.prepare(&plan).expect("it can be compiled");
    std::thread::scope(|scope| jobs.into_iter().for_each(|job| drop(scope.spawn(job))));
    let outputs = run_once(device, &plan, &[("x", &HostTensor::f32([17, 9], [0.5; 153]))]).expect("it runs");
    // Equal rows: each row of the softmax is 1/17 everywhere, each column sums to 1.
    assert!(outputs[0].as_f32().expect("floats").iter().all(|y| (y - 2f32.ln()).abs() < 1e-5), "{outputs:?}");
}

fn host_time(device: &mut dyn Device) {
    let plan = accumulator(device);
    let id = device.load(&plan).expect("it loads");
    let before = device.host_time();
    for _ in 0..3 {
        run_step(device, id, &[("x", &three(1.0))]).expect("it runs");
    }
    let after = device.host_time();
    assert_eq!(after.n_submissions - before.n_submissions, 3);
    assert!(after.n_dispatches - before.n_dispatches >= 3 * plan.steps.len() as u64);
    assert!(after.encode_submit_s > before.encode_submit_s);
}
