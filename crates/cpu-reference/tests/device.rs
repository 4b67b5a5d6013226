//! The device's own behaviour: state, tickets, memory, errors.

#[expect(dead_code, reason = "every test binary uses a part of it")]
mod common;

use std::sync::Arc;

use calotype_cpu_reference::Cpu;
use calotype_graph::plan::Layout;
use calotype_graph::{Device, DeviceError, Graph, HostTensor, Init, Plan, PlanOptions, Region, Tensor, Type, plan};
use common::block_on;

/// `w` becomes `w + x`; the output is `log(w) * 2` of the new one.
fn accumulator(device: &dyn Device) -> Arc<Plan> {
    let g = Graph::new("accumulator");
    let x = g.input("x", Type::f32([3]));
    let w = g.state("w", Type::f32([3]), Init::Zeros, Layout::Plain, true);
    let next: Tensor = &w + &x;
    g.assign("w", &next);
    g.output("y", &(next.log() * 2.0));
    Arc::new(plan(&g.finish().unwrap(), device.profile(), PlanOptions::default()).unwrap())
}

fn three(v: [f32; 3]) -> HostTensor {
    HostTensor::f32([3], v)
}

#[test]
fn state_lives_between_steps_and_plans() {
    let mut cpu = Cpu::<f32>::plain();
    let p = accumulator(&cpu);
    let (a, b) = (cpu.load(&p).unwrap(), cpu.load(&p).unwrap());
    let x = three([1.0, 2.0, 4.0]);
    let first = cpu.submit(a, &[("x", &x)]).unwrap();
    let second = cpu.submit(b, &[("x", &x)]).unwrap();
    assert_eq!(block_on(cpu.read_states(&["w"])).unwrap(), [three([2.0, 4.0, 8.0])]);
    let y = block_on(cpu.finished(second)).unwrap().remove(0);
    assert!((y.as_f32().unwrap()[0] - 2.0 * 2f32.ln()).abs() < 1e-6);
    assert_eq!(block_on(cpu.finished(first)).unwrap()[0].as_f32().unwrap()[0], 0.0);
    assert!(matches!(block_on(cpu.finished(first)), Err(DeviceError::Other(_))));
    cpu.unload(a);
    assert!(matches!(cpu.remove_state("w"), Err(DeviceError::Other(_))));
    cpu.unload(b);
    cpu.remove_state("w").unwrap();
    assert!(cpu.states().is_empty());
    assert_eq!(cpu.host_time().n_submissions, 2);
}

#[test]
fn forgotten_outputs_are_gone() {
    let mut cpu = Cpu::<f32>::plain();
    let id = cpu.load(&accumulator(&cpu)).unwrap();
    let ticket = cpu.submit(id, &[("x", &three([1.0; 3]))]).unwrap();
    cpu.forget(ticket);
    assert!(block_on(cpu.finished(ticket)).is_err());
}

#[test]
fn wrong_use_is_an_error_that_names_it() {
    let mut cpu = Cpu::<f32>::plain();
    cpu.write_state("w", &HostTensor::scalar(1.0)).unwrap();
    let p = accumulator(&cpu);
    assert!(matches!(cpu.load(&p), Err(DeviceError::WrongType { name, .. }) if name == "w"));
    cpu.remove_state("w").unwrap();
    let id = cpu.load(&p).unwrap();
    assert_eq!(cpu.submit(id, &[]), Err(DeviceError::MissingInput("x".into())));
    let words = HostTensor::u32([3], [1, 2, 3]);
    assert!(matches!(cpu.submit(id, &[("x", &words)]), Err(DeviceError::WrongType { name, .. }) if name == "x"));
    assert!(matches!(cpu.submit_f64(id, &[("x", &[1.0])]), Err(DeviceError::WrongSize { expected: 3, got: 1, .. })));
    assert_eq!(block_on(cpu.read_states(&["v"])), Err(DeviceError::UnknownState("v".into())));
    assert!(matches!(cpu.write_state("w", &words), Err(DeviceError::WrongType { .. })));
    assert!(cpu.fill(id, Region::State(0), 0).is_err());
    assert!(cpu.dump(id, Region::Arena(99)).is_err());
    cpu.unload(id);
    assert_eq!(cpu.submit(id, &[]), Err(DeviceError::UnknownPlan));
}

#[test]
fn allocated_bytes_are_the_planned_ones() {
    let devices = [Cpu::<f32>::plain(), Cpu::<f32>::plain().with_guard_bands(), Cpu::fast(1).unwrap(), Cpu::fast(3).unwrap()];
    for mut cpu in devices {
        let p = accumulator(&cpu);
        let id = cpu.load(&p).unwrap();
        assert_eq!(cpu.allocated_bytes(), p.memory.total());
        cpu.submit(id, &[("x", &three([1.0; 3]))]).unwrap();
        assert_eq!(cpu.allocated_bytes(), p.memory.total());
    }
}

#[test]
fn the_first_non_finite_tensor_is_named() {
    let mut cpu = Cpu::<f32>::plain();
    let id = cpu.load(&accumulator(&cpu)).unwrap();
    assert_eq!(cpu.find_non_finite(id, &[("x", &three([1.0; 3]))]).unwrap(), None);
    let found = cpu.find_non_finite(id, &[("x", &three([1.0, -7.0, 1.0]))]).unwrap().unwrap();
    assert_eq!(found.element, 1);
    assert!(found.value.is_nan());
    assert_eq!(cpu.read_state_f64("w").unwrap(), [2.0, -6.0, 2.0]); // both steps counted
}

#[test]
fn finite_differences_see_more_digits_than_f32() {
    let mut cpu = Cpu::<f64>::plain();
    let id = cpu.load(&accumulator(&cpu)).unwrap();
    let mut y = |x: f64| {
        cpu.write_state_f64("w", &[0.0; 3]).unwrap();
        cpu.submit_f64(id, &[("x", &[x, 1.0, 1.0])]).unwrap()[0][0]
    };
    let slope = (y(3.0 + 1e-6) - y(3.0 - 1e-6)) / 2e-6;
    assert!((slope - 2.0 / 3.0).abs() < 1e-9, "{slope}");
}
