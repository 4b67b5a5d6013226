//! Mixed precision: exact on numbers that 16 bits hold, coarse on others, and never without being asked for.

use calotype_cpu_reference::Cpu;
use calotype_graph::op::{Case, Fill, Given, MatMul, Tolerance};
use calotype_graph::{Device, DeviceError, DeviceKind, Precision, op};
use calotype_parity::{Check, CheckKind, checks};

use super::{open_with, parity::PRODUCTS};
use crate::adapter::{OpenOptions, ShaderMode};
use crate::device::GpuDevice;

/// Numbers of few bits: f16 holds them, and f32 the sums of their products.
const EXACT: Fill = Fill::Cycle(&[0.5, -1.25, 2.0, 0.125, -0.75, 3.0, -2.5, 1.0, 0.0, -0.375, 1.5, -3.0, 0.25]);

fn mixed() -> Option<GpuDevice> {
    let options = OpenOptions { shaders: ShaderMode::Unchecked, precision: Precision::Mixed, ..OpenOptions::default() };
    super::or_ignored(open_with(&options))
}

fn forward(cases: Vec<Case>) -> Vec<Check> {
    checks(cases).into_iter().filter(|c| c.kind == CheckKind::Forward).collect()
}

/// Products of two f16 are exact in f32: where rounding changes nothing, only the order of sums is left.
#[test]
fn products_of_numbers_that_16_bits_hold_agree_as_in_full_precision() -> Result<(), DeviceError> {
    let Some(mut gpu) = mixed() else { return Ok(()) };
    let mut oracle = Cpu::<f32>::plain();
    let exact = |mut case: Case| {
        case.given.iter_mut().for_each(|g| g.fill = EXACT);
        case
    };
    let cases: Vec<Case> = op::cases().into_iter().filter(|c| PRODUCTS.contains(&c.stem)).map(exact).collect();
    let honest = gpu.profile().clone();
    for (kind, parallelism) in
        [(honest.kind, honest.parallelism), (DeviceKind::DiscreteGpu, 256), (DeviceKind::DiscreteGpu, 4096)]
    {
        gpu.pretend(kind, parallelism);
        for check in forward(cases.clone()) {
            check.run(&mut gpu, &mut oracle).unwrap_or_else(|fault| panic!("{kind:?} {parallelism}: {}: {fault}", check.name()));
        }
    }
    Ok(())
}

/// Rounding errors are there, and as small as 11 bits make them: 2⁻¹¹ of each product, which add up like a random walk.
#[test]
fn other_numbers_are_rounded_to_eleven_bits() {
    let Some(mut gpu) = mixed() else { return };
    let mut oracle = Cpu::<f32>::plain();
    let case = |atol| {
        let given = vec![Given::normal([64, 256]), Given::normal([256, 64])];
        let case = Case::op("matmul", "64x256x64", MatMul::PLAIN, given).without_gradient();
        forward(vec![Case { tolerance: Tolerance { atol, rtol: 0.0 }, ..case }])
    };
    // Six deviations of sqrt(256) products, whose two operands are each off by up to 2⁻¹², uniformly.
    let expected = 6.0 * 16.0 * 2f32.powi(-12) * (2.0f32 / 3.0).sqrt();
    case(expected)[0].run(&mut gpu, &mut oracle).unwrap_or_else(|fault| panic!("{fault}"));
    assert!(case(1e-4)[0].run(&mut gpu, &mut oracle).is_err(), "nothing was rounded");
}

/// Out of range for 16 bits: small numbers keep what the scale saves, large ones are cut off, and nothing becomes infinite.
#[test]
fn the_scale_saves_small_numbers_and_large_ones_stay_finite() {
    let Some(mut gpu) = mixed() else { return };
    let mut oracle = Cpu::<f32>::plain();
    let given = |value| Given { fill: Fill::Value(value), ..Given::normal([8, 8]) };
    let case = |a: f32, b: f32, tolerance| {
        let case = Case::op("matmul", "scaled", MatMul::PLAIN, vec![given(a), given(b)]).without_gradient();
        forward(vec![Case { tolerance, ..case }])
    };
    // 2⁻²⁰ · 2⁻⁴ · 8: without the scale the first would have no more than four bits.
    let small = case(9.54e-7, 0.0625, Tolerance { atol: 0.0, rtol: 1e-3 });
    small[0].run(&mut gpu, &mut oracle).unwrap_or_else(|fault| panic!("{fault}"));
    // Cut off at 65504 / 64: 1023.5 · 8 in place of 1e6 · 8.
    let large = case(1e6, 1.0, Tolerance { atol: 8e6, rtol: 0.0 });
    large[0].run(&mut gpu, &mut oracle).unwrap_or_else(|fault| panic!("{fault}"));
}

#[test]
fn a_device_says_that_it_is_mixed() {
    let Some(gpu) = mixed() else { return };
    assert_eq!(gpu.profile().precision, Precision::Mixed);
    assert!(gpu.profile().driver.ends_with("mixed precision"), "{}", gpu.profile().driver);
    let Some(full) = super::device(ShaderMode::Unchecked) else { return };
    assert!(!full.profile().driver.contains("mixed"), "{}", full.profile().driver);
}
