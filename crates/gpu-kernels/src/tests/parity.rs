//! The cases of every op, and their gradients, against the plain loops.

use calotype_cpu_reference::Cpu;
use calotype_graph::op::Case;
use calotype_graph::{Device, DeviceKind, op};
use calotype_parity::{Check, CheckKind, checks};

use super::device;
use crate::adapter::ShaderMode;

const PRODUCTS: [&str; 4] = ["matmul", "conv2d", "conv2d_transpose", "conv2d_weight_grad"];

/// Runs the checks of these cases, planned as for such a device, and reports all that fail.
fn hold(shaders: ShaderMode, pretend: Option<(DeviceKind, u32)>, wanted: impl Fn(&Case) -> bool) {
    hold_checks(shaders, pretend, checks(op::cases().into_iter().filter(wanted).collect()));
}

fn hold_checks(shaders: ShaderMode, pretend: Option<(DeviceKind, u32)>, all: Vec<Check>) {
    let Some(mut gpu) = device(shaders) else { return };
    let honest = gpu.profile().clone();
    if let Some((kind, parallelism)) = pretend {
        gpu.pretend(kind, parallelism);
    }
    let mut oracle = Cpu::<f32>::plain();
    let mut failures = Vec::new();
    assert!(!all.is_empty());
    for check in all {
        if let Err(fault) = check.run(&mut *gpu, &mut oracle) {
            failures.push(format!("{}: {fault}", check.name()));
        }
    }
    gpu.pretend(honest.kind, honest.parallelism);
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_op_agrees_with_the_oracle_unchecked() {
    hold(ShaderMode::Unchecked, None, |_| true);
}

#[test]
fn every_op_agrees_with_the_oracle_checked() {
    hold(ShaderMode::Checked, None, |_| true);
}

/// The tiles of real GPUs, small ones: many are wanted.
#[test]
fn products_through_workgroup_memory_agree() {
    hold(ShaderMode::Unchecked, Some((DeviceKind::DiscreteGpu, 256)), |c| PRODUCTS.contains(&c.stem));
}

/// Large tiles wherever the result is large enough for one. Gradients are products too: the forward runs suffice.
#[test]
fn products_in_large_tiles_agree() {
    let mut all = checks(op::cases().into_iter().filter(|c| PRODUCTS.contains(&c.stem)).collect());
    all.retain(|c| c.kind == CheckKind::Forward);
    hold_checks(ShaderMode::Checked, Some((DeviceKind::DiscreteGpu, 1)), all);
}
