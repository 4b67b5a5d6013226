//! The cases of every op, and their gradients, against the plain loops.

use calotype_cpu_reference::Cpu;
use calotype_graph::op::{Case, Given, MatMul};
use calotype_graph::{Device, DeviceKind, PlanOptions, op, plan};
use calotype_parity::{Check, CheckKind, checks};

use super::device;
use crate::adapter::ShaderMode;
use crate::tiles::{ProductShape, TileTable};

pub(super) const PRODUCTS: [&str; 4] = ["matmul", "conv2d", "conv2d_transpose", "conv2d_weight_grad"];

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

/// A table's choice is carried out, is part of the driver's name, and is right, whatever it is.
#[test]
fn every_way_of_a_table_agrees() {
    let Some(mut gpu) = device(ShaderMode::Unchecked) else { return };
    let plain_driver = gpu.profile().driver.clone();
    let mut oracle = Cpu::<f32>::plain();
    let given = vec![Given::normal([70, 130]), Given::normal([130, 66])];
    let case = Case::op("matmul", "70x130x66", MatMul::PLAIN, given).without_gradient();
    let check = checks(vec![case]).remove(0);
    let program = check.program().expect("a sound case");
    let plan = plan(&program, gpu.profile(), PlanOptions::default()).expect("a plan");
    let shape = ProductShape { z: 1, m: 70, n: 66, k: 130 };
    assert_eq!(gpu.products(&plan), Ok(vec![shape]));
    let ways = TileTable::candidates(shape);
    assert!(ways.len() >= 4, "{ways:?}");
    for way in ways {
        let mut tiles = TileTable::default();
        tiles.set(shape, way).expect("a candidate");
        gpu.set_tiles(tiles);
        assert!(gpu.profile().driver.contains(", tuned "), "{}", gpu.profile().driver);
        check.run(&mut *gpu, &mut oracle).unwrap_or_else(|fault| panic!("{way}: {fault}"));
    }
    gpu.set_tiles(TileTable::default());
    assert_eq!(gpu.profile().driver, plain_driver);
}

/// Large tiles wherever the result is large enough for one. Gradients are products too: the forward runs suffice.
#[test]
fn products_in_large_tiles_agree() {
    let mut all = checks(op::cases().into_iter().filter(|c| PRODUCTS.contains(&c.stem)).collect());
    all.retain(|c| c.kind == CheckKind::Forward);
    hold_checks(ShaderMode::Checked, Some((DeviceKind::DiscreteGpu, 1)), all);
}

/// The kernel that only large products are worth compiling, with every loader: the first cases of each op that fill a part of it.
#[test]
fn products_in_broad_blocks_agree() {
    const EACH: usize = 2;
    let Some(mut gpu) = device(ShaderMode::Unchecked) else { return };
    let mut oracle = Cpu::<f32>::plain();
    for stem in PRODUCTS {
        let mut all = checks(op::cases().into_iter().filter(|c| c.stem == stem).collect());
        all.retain(|c| c.kind == CheckKind::Forward);
        let mut n = 0;
        for check in all {
            let plan = plan(&check.program().expect("a sound case"), gpu.profile(), PlanOptions::default()).expect("a plan");
            let mut tiles = TileTable::default();
            for shape in gpu.products(&plan).expect("its products") {
                if TileTable::candidates(shape).contains(&"broad") {
                    tiles.set(shape, "broad").expect("a candidate");
                }
            }
            if n == EACH || tiles.is_empty() {
                continue;
            }
            n += 1;
            gpu.set_tiles(tiles);
            check.run(&mut *gpu, &mut oracle).unwrap_or_else(|fault| panic!("{}: {fault}", check.name()));
        }
        assert!(n > 0, "no case of {stem} fills a part of it");
    }
    gpu.set_tiles(TileTable::default());
}
