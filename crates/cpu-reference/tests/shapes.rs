//! Shapes that the cases are too small for: several tasks, blocks of k, parts of a cut sum, panels in place; and the same
//! bits whatever the threads.

mod common;

use std::sync::Arc;

use calotype_cpu_reference::{Cpu, Level};
use calotype_graph::op::case::{Case, Given, Tolerance};
use calotype_graph::op::lstm_scan::KEPT;
use calotype_graph::op::{
    BatchNormStats, BatchNormSums, Conv2d, Conv2dTranspose, Conv2dWeightGrad, LstmScan, LstmScanGrad, MatMul, Reduce, ReduceKind,
    Softmax, Window,
};
use calotype_graph::{Op, Tensor};

fn case(name: &str, op: impl Into<Op>, shapes: &[&[usize]]) -> Case {
    let given = shapes.iter().map(|&s| Given::normal(s)).collect();
    // Sums of up to 10^4 products.
    Case { tolerance: Tolerance { atol: 2e-3, rtol: 1e-4 }, ..Case::op("large", name, op, given) }
}

fn transposed(x: [usize; 4], w: [usize; 4], window: Window) -> (Op, [usize; 4]) {
    let out = |axis: usize| window.output(axis, x[axis + 1], w[axis]).unwrap();
    (Conv2dTranspose { window, size: [x[1], x[2]] }.into(), [x[0], out(0), out(1), w[3]])
}

fn cases() -> Vec<Case> {
    let k4 = Window::square(2, 1);
    let mut all = vec![
        case("matmul, several blocks of k, 14 and 32 do not divide", MatMul::PLAIN, &[&[61, 700], &[700, 90]]),
        case("matmul, wide", MatMul::PLAIN, &[&[20, 100], &[100, 3000]]),
        case("matmul, long sum", MatMul::PLAIN, &[&[30, 5000], &[5000, 40]]),
        case("matmul, long sum, transposed", MatMul { transpose_a: true, transpose_b: true }, &[&[4100, 30], &[40, 4100]]),
        case("matmul, a vector", MatMul::PLAIN, &[&[64, 8192], &[8192, 1]]),
        case("matmul, B in place", MatMul::PLAIN, &[&[50, 600], &[600, 64]]),
        case("matmul, many rows", MatMul { transpose_a: true, transpose_b: false }, &[&[40, 1000], &[40, 70]]),
        case("conv2d k4 s2", Conv2d { window: k4 }, &[&[3, 16, 16, 40], &[4, 4, 40, 72]]),
        case("conv2d whole image", Conv2d { window: Window::square(1, 0) }, &[&[6, 4, 4, 70], &[4, 4, 70, 33]]),
        case("weight gradient, long", Conv2dWeightGrad { window: k4, kernel: [4, 4] }, &[&[8, 32, 32, 3], &[8, 16, 16, 20]]),
        case("weight gradient, wide", Conv2dWeightGrad { window: k4, kernel: [4, 4] }, &[&[4, 16, 16, 30], &[4, 8, 8, 70]]),
        case("batch norm", BatchNormStats, &[&[40, 20, 30, 6]]),
        case("batch norm, odd channels", BatchNormStats, &[&[70_001, 3]]),
        case("batch norm sums", BatchNormSums, &[&[40, 20, 30, 6], &[40, 20, 30, 6], &[2, 6]]),
        case("softmax", Softmax, &[&[700, 70]]),
    ];
    all.last_mut().unwrap().tolerance = Tolerance::F32;
    for kind in [ReduceKind::Sum, ReduceKind::Max] {
        all.push(case("reduce all", Reduce { kind, first: 0, end: 2 }, &[&[300, 700]]));
        all.push(case("reduce rows", Reduce { kind, first: 1, end: 2 }, &[&[3000, 70]]));
        all.push(case("reduce middle", Reduce { kind, first: 1, end: 2 }, &[&[2, 5000, 33]]));
    }
    all.extend(scans());
    let (narrow, wide) = ([5, 20, 20, 3], [3, 16, 16, 40]);
    for (name, x, w) in [("narrow", narrow, [4, 4, 3, 24]), ("wide", wide, [4, 4, 40, 72])] {
        let (op, y) = transposed(x, w, k4);
        all.push(case(&format!("conv2d_transpose, {name}"), op, &[&y, &w]));
    }
    // More images than are finished at once, and an epilogue that must know which they are.
    for (name, y, w) in [("groups", [40, 32, 32, 7], [4, 4, 12, 7]), ("narrow groups", [50, 32, 32, 6], [4, 4, 3, 6])] {
        let x = [y[0], 64, 64, w[2]];
        let given = [&y[..], &w, &[w[2]], &x].iter().map(|&s| Given::normal(s)).collect();
        let build = move |t: &[Tensor]| {
            let x = t[0].conv2d_transpose(&t[1], k4, None);
            &(&x + &t[2]).tanh() * &t[3]
        };
        all.push(
            Case::composed("large", format!("conv2d_transpose with an epilogue, {name}"), given, build).tolerance(1e-4, 1e-4),
        );
    }
    let bias: Vec<Given> = [&[70, 300][..], &[300, 1100], &[1100], &[70, 1100]].iter().map(|&s| Given::normal(s)).collect();
    all.push(
        Case::composed("large", "matmul with an epilogue", bias, |t: &[Tensor]| {
            (&(&t[0].matmul(&t[1]) + &t[2]) * &t[3]).leaky_relu(0.2).tanh()
        })
        .tolerance(2e-3, 1e-4),
    );
    // Broadcast over rows and channels whose period does not divide a block, over several tasks.
    let given = [&[300, 700][..], &[700], &[300, 1], &[]].iter().map(|&s| Given::normal(s)).collect();
    all.push(Case::composed("large", "elementwise", given, |t: &[Tensor]| {
        (&(&(&t[0] * &t[1].exp()) + &t[2]) * &t[3].sigmoid()).softplus()
    }));
    all
}

/// Scans whose weights take several blocks, or whose batch several tasks.
fn scans() -> Vec<Case> {
    let mut all = Vec::new();
    for ([t, b, p, n], taps) in
        [([3, 5, 6, 128], 3), ([4, 3, 5, 160], 2), ([3, 70, 1, 130], 1), ([5, 130, 3, 8], 3), ([6, 90, 7, 16], 2)]
    {
        let (gates, state, bound) = ([t, b, p, 4 * n], [b, p, n], (1.0 / (taps * n) as f32).sqrt());
        let weights = |shape: [usize; 3]| Given::uniform(shape, -bound, bound);
        let forward = vec![Given::normal(gates), weights([taps, n, 4 * n]), Given::normal(state), Given::normal(state)];
        let name = |what: &str| format!("lstm {what} {t}x{b}x{p}x{n}, taps {taps}");
        let scan = Case::op("large", name("scan"), LstmScan { taps, reverse: taps == 2, keep: taps > 1 }, forward);
        let backward = vec![
            Given::uniform([KEPT * t, b, p, n], 0.0, 1.0),
            weights([taps, 4 * n, n]),
            Given::normal(state),
            Given::normal([t, b, p, n]),
        ];
        let op = LstmScanGrad { taps, reverse: taps == 2, initial: true };
        let gradient = Case::op("large", name("scan's gradient"), op, backward);
        all.extend([scan, gradient].map(|c| c.without_gradient().tolerance(2e-4, 1e-4)));
    }
    all
}

#[test]
fn fast_agrees_with_plain_f64() {
    let mut faults = Vec::new();
    for level in Level::available() {
        let mut fast = Cpu::fast_at(level, 2).unwrap();
        for case in cases() {
            let (got, want) = (common::run(&case, &mut fast), common::run(&case, &mut Cpu::<f64>::plain()));
            if let Some(why) = common::far(&case, &got, &want) {
                faults.push(format!("{level:?} {}: {why}", case.name));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn results_are_the_same_bits_for_any_number_of_threads_and_every_time() {
    let mut devices: Vec<_> = [1, 2, 3, 7].map(|threads| Cpu::fast(threads).unwrap()).into();
    for case in cases().iter().chain(&calotype_graph::op::cases()) {
        let first = common::run(case, &mut devices[0]);
        for cpu in &mut devices {
            let plan: Arc<_> = common::build(case, cpu);
            let id = calotype_graph::Device::load(cpu, &plan).unwrap();
            for _ in 0..3 {
                let again = common::submit(&plan, id, case, cpu);
                assert_eq!(first.words(), again.words(), "{} {}", case.stem, case.name);
            }
        }
    }
}
