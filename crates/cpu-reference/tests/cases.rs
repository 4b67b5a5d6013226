//! Every case of every op.

mod common;

use calotype_cpu_reference::{Cpu, Level};
use calotype_graph::Device;
use calotype_graph::op::cases;

/// Runs all cases on two devices and reports every disagreement.
fn compare(got: &mut dyn Device, want: &mut dyn Device) {
    let mut faults = Vec::new();
    for case in cases() {
        let (g, w) = (common::run(&case, got), common::run(&case, want));
        if let Some(why) = common::far(&case, &g, &w) {
            faults.push(format!("{} {}: {why}", case.stem, case.name));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn plain_f32_agrees_with_plain_f64() {
    compare(&mut Cpu::<f32>::plain(), &mut Cpu::<f64>::plain());
}

#[test]
fn fast_agrees_with_plain() {
    for level in Level::available() {
        compare(&mut Cpu::fast_at(level, 2).unwrap(), &mut Cpu::<f32>::plain());
    }
}
