//! The comparator and the guard bands, with faults planted: each must be found.

use std::sync::Arc;

use calotype_cpu_reference::Cpu;
use calotype_graph::op::{Case, Tolerance, cases};
use calotype_graph::{Device, DeviceProfile, Graph, HostTensor, Plan, PlanOptions, Poll, Type, plan};
use calotype_parity::{
    Mismatch, POISON, Table, checks, close, compare, compare_slices, compare_with_nan, drive, poison, unharmed,
};

const TOLERANCE: Tolerance = Tolerance { atol: 0.1, rtol: 0.01 };
const INF: f32 = f32::INFINITY;

fn far(got: &[f32], want: &[f32]) -> bool {
    compare_slices(got, want, TOLERANCE).is_err()
}

#[test]
fn the_tolerance_is_absolute_plus_relative() {
    assert!(close(100.0, 100.0, Tolerance::EXACT) && !close(100.0, 100.000_01, Tolerance::EXACT));
    assert!(close(101.0, 100.0, TOLERANCE)); // 0.1 + 1
    assert!(!close(101.2, 100.0, TOLERANCE));
    assert!(!close(98.8, 100.0, TOLERANCE));
    assert!(close(0.09, 0.0, TOLERANCE) && !close(0.11, 0.0, TOLERANCE));
}

#[test]
fn nan_is_close_to_nothing() {
    assert!(far(&[1.0, f32::NAN], &[1.0, 2.0]));
    assert!(far(&[1.0, 2.0], &[1.0, f32::NAN]));
    assert!(far(&[f32::NAN], &[f32::NAN]));
    assert!(!close(f64::NAN, 0.0, Tolerance { atol: f32::INFINITY, rtol: 0.0 }));
}

#[test]
fn nan_is_right_where_it_is_wanted_and_nowhere_else() {
    let wants = HostTensor::f32([3], [1.0, f32::NAN, -INF]);
    let check = |got: [f32; 3]| compare_with_nan(&HostTensor::f32([3], got), &wants, TOLERANCE);
    assert!(matches!(check([1.05, f32::NAN, -INF]), Ok(Some(_))));
    assert!(check([1.0, -f32::NAN, -INF]).is_ok(), "of either sign");
    assert!(check([1.5, f32::NAN, -INF]).is_err(), "numbers are compared as ever");
    assert!(check([1.0, 0.0, -INF]).is_err() && check([1.0, INF, -INF]).is_err(), "NaN was lost");
    assert!(check([f32::NAN, f32::NAN, -INF]).is_err() && check([1.0, f32::NAN, f32::NAN]).is_err(), "NaN came from nowhere");
    assert!(check([1.0, f32::from_bits(POISON), -INF]).is_err(), "nothing was written");
    let short = HostTensor::f32([2], [1.0, f32::NAN]);
    assert!(matches!(compare_with_nan(&short, &wants, TOLERANCE), Err(Mismatch::Type { .. })));
    let words = HostTensor::u32([1], [7]);
    assert_eq!(compare_with_nan(&words, &words, TOLERANCE), Ok(None));
}

#[test]
fn infinity_is_close_to_itself_alone() {
    assert!(!far(&[INF, -INF], &[INF, -INF]));
    assert!(far(&[INF], &[1.0]));
    assert!(far(&[1.0], &[INF]));
    assert!(far(&[INF], &[-INF]));
    assert!(far(&[f32::MAX], &[INF]));
}

#[test]
fn another_length_fails() {
    assert_eq!(compare_slices(&[1.0f32], &[1.0, 1.0], TOLERANCE), Err(Mismatch::Length { got: 1, want: 2 }));
    assert!(far(&[], &[0.0]) && far(&[0.0], &[]));
    assert_eq!(compare_slices::<f32>(&[], &[], TOLERANCE), Ok(None));
    let (row, column) = (HostTensor::f32([1, 2], [1.0, 2.0]), HostTensor::f32([2, 1], [1.0, 2.0]));
    assert!(matches!(compare(&row, &column, TOLERANCE), Err(Mismatch::Type { .. })));
}

#[test]
fn the_worst_element_is_named() {
    let got = compare_slices(&[1.0f32, 2.5, 100.5], &[1.0, 2.0, 100.0], TOLERANCE);
    let Err(Mismatch::Far { n_far: 1, n: 3, worst }) = got else { panic!("{got:?}") };
    assert_eq!((worst.index, worst.error), (1, 0.5)); // 0.5 of 0.12 allowed, against 0.5 of 1.1
    let got = compare_slices(&[1.0f32, f32::NAN, 900.0], &[1.0, 2.0, 100.0], TOLERANCE);
    let Err(Mismatch::Far { n_far: 2, worst, .. }) = got else { panic!("{got:?}") };
    assert_eq!(worst.index, 1);
    let close = compare_slices(&[1.0f32, 2.05], &[1.0, 2.0], TOLERANCE);
    assert!(matches!(close, Ok(Some(worst)) if worst.index == 1 && worst.ratio < 0.5));
}

#[test]
fn words_are_compared_for_equality() {
    let (a, b) = (HostTensor::u32([3], [1, 2, 3]), HostTensor::u32([3], [1, 2, 4]));
    assert_eq!(compare(&a, &a, TOLERANCE), Ok(None));
    assert!(matches!(compare(&b, &a, TOLERANCE), Err(Mismatch::Words { index: 2, got: 4, want: 3, .. })));
    let zeros = (HostTensor::f32([1], [0.0]), HostTensor::u32([1], [0]));
    assert!(matches!(compare(&zeros.0, &zeros.1, TOLERANCE), Err(Mismatch::Type { .. })));
}

/// `y = -x` for five elements, planned with guard bands.
fn negation(device: &dyn Device) -> Plan {
    let g = Graph::new("negation");
    let x = g.input("x", Type::f32([5]));
    g.output("y", &x.neg());
    let profile = DeviceProfile { guard_bands: true, ..device.profile().clone() };
    plan(&g.finish().unwrap(), &profile, PlanOptions::default()).unwrap()
}

/// Runs `plan`, poisoned before; its output and what the guard bands of `honest` say.
fn run(plan: &Plan, honest: &Plan) -> (HostTensor, Option<String>) {
    let mut cpu = Cpu::<f32>::plain();
    let id = cpu.load(&Arc::new(plan.clone())).unwrap();
    poison(&mut cpu, id, plan).unwrap();
    let ticket = cpu.submit(id, &[("x", &HostTensor::f32([5], [1.0; 5]))]).unwrap();
    cpu.poll(Poll::Until(ticket)).unwrap();
    let outputs = cpu.finished(ticket);
    let y = drive(&mut cpu, outputs).unwrap().remove(0);
    (y, unharmed(&mut cpu, id, honest).unwrap())
}

/// The plan with its only step working on `n` elements.
fn resized(honest: &Plan, n: usize) -> Plan {
    let mut plan = honest.clone();
    let step = &mut plan.steps[0];
    (step.reads[0].place.len, step.reads[0].ty) = (n, Type::f32([n]));
    (step.writes[0].place.len, step.writes[0].ty) = (n, Type::f32([n]));
    plan
}

#[test]
fn a_whole_run_is_clean() {
    let honest = negation(&Cpu::<f32>::plain());
    let (y, harm) = run(&honest, &honest);
    assert!(compare(&y, &HostTensor::f32([5], [-1.0; 5]), Tolerance::EXACT).is_ok());
    assert_eq!(harm, None);
}

#[test]
fn an_unwritten_element_fails() {
    let honest = negation(&Cpu::<f32>::plain());
    let (y, harm) = run(&resized(&honest, 4), &honest);
    assert_eq!(y.words()[4], POISON);
    let found = compare(&y, &HostTensor::f32([5], [-1.0; 5]), TOLERANCE);
    assert!(matches!(found, Err(Mismatch::Far { n_far: 1, worst, .. }) if worst.index == 4), "{found:?}");
    assert_eq!(harm, None);
}

#[test]
fn an_overwritten_guard_band_is_found() {
    let honest = negation(&Cpu::<f32>::plain());
    let (y, harm) = run(&resized(&honest, 6), &honest);
    assert!(compare(&y, &HostTensor::f32([5], [-1.0; 5]), Tolerance::EXACT).is_ok());
    let harm = harm.expect("the sixth element lies in the guard band");
    assert!(harm.contains("Output word 5"), "{harm}");
}

#[test]
fn the_table_counts_checks_and_names_failures() {
    let softmax: Vec<Case> = cases().into_iter().filter(|c| c.stem == "softmax").collect();
    let (n, n_gradients) = (softmax.len(), softmax.iter().filter(|c| c.gradient).count());
    let run = |cases: Vec<Case>| {
        let mut fast = Cpu::<f32>::fast(1).unwrap();
        let mut n_done = 0;
        let table = Table::run(&checks(cases), &mut fast, &mut Cpu::<f32>::plain(), |_| n_done += 1);
        assert_eq!(n_done, n + n_gradients);
        table
    };
    let table = run(softmax.clone());
    let row = &table.rows["softmax"];
    assert!(table.passed() && row.worst.is_some(), "{table}");
    assert_eq!((row.n_cases, row.n_gradients), (n, n_gradients));
    // Two ways to compute an exponential do not agree to the last bit.
    let table = run(softmax.into_iter().map(|c| c.tolerance(0.0, 0.0)).collect());
    assert!(!table.passed());
    assert!(table.to_string().contains("FAILED softmax: long rows: `y`"), "{table}");
    assert!(!Table::default().passed(), "nothing has passed");
}
