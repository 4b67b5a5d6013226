//! Kernels that go through a sequence: NADE's pixels, the time steps of an LSTM.

use calotype_graph::Type;
use calotype_graph::op::lstm_scan::KEPT;
use calotype_graph::op::{Case, Conditional, Fill, Given, LstmScan, LstmScanGrad, Nade, NadeActivation, NadeGrad, NadeSample};

use super::kernel::{Kernel, Scale, of_sum};

/// NADE of binary 28x28 images with 500 hidden units: scoring, its gradient, drawing.
pub fn densities(scale: Scale) -> Vec<Kernel> {
    const D: usize = 784;
    const H: usize = 500;
    let (activation, name) = (NadeActivation::Sigmoid, |b: usize| format!("784 bits, 500 hidden, batch {b}"));
    let bits = |b: usize| Given::fixed(Type::f32([b, D]), Fill::Below(2));
    // As small as a trained network's: sums over 784 and 500 of them stay near 1.
    let (w, c, v) = (Given::uniform([D, H], -0.05, 0.05), Given::uniform([H], -1.0, 1.0), Given::uniform([D, H, 1], -0.05, 0.05));
    let weights = vec![w, c, v];
    let kernel = |build: Box<dyn Fn(usize, Vec<Given>) -> Case>| {
        let weights = weights.clone();
        Kernel::new(scale.batch(100), move |b| of_sum(build(b, weights.clone()), D))
    };
    vec![
        kernel(Box::new(move |b, weights| Case::op("nade", name(b), Nade { activation }, [vec![bits(b)], weights].concat()))),
        kernel(Box::new(move |b, weights| {
            let given = [vec![bits(b)], weights, vec![Given::normal([b, D, 1])]].concat();
            Case::op("nade_grad", name(b), NadeGrad { activation, dx: false }, given)
        })),
        kernel(Box::new(move |b, mut weights| {
            // Far from every p, or a last bit of one would decide a pixel and all that follow.
            let noise = Given::fixed(Type::f32([b, D, 1]), Fill::Cycle(&[0.02, 0.98, 0.98]));
            let nothing_known = Given::fixed(Type::f32([2, b, D]), Fill::Value(0.0));
            weights.push(Given::uniform([D, 1], -1.0, 1.0));
            let op = NadeSample { activation, conditional: Conditional::Bernoulli };
            Case::op("nade_sample", name(b), op, [vec![noise, nothing_known], weights].concat())
        })),
    ]
}

/// Recurrences, forwards and back: both kinds of PixelRNN on 28x28 with 16 states, and a text encoder of 55 letters.
pub fn recurrences(scale: Scale) -> Vec<Kernel> {
    let scans = [
        ("Row LSTM, 28x28", 16, [28, 28, 16], 3),
        ("Diagonal LSTM, 28x28", 16, [28, 28, 16], 2),
        ("LSTM, 55", 64, [55, 1, 16], 1),
    ];
    let both = scans.into_iter().flat_map(|(what, batch, [steps, positions, n], taps)| {
        let bound = (3.0 / (taps * n) as f32).sqrt();
        let name = move |b: usize| format!("{what}, {n} states, batch {b}");
        let state = move |b| Given::uniform([b, positions, n], -1.0, 1.0);
        let forward = move |b| {
            let (gates, weights) = (Given::normal([steps, b, positions, 4 * n]), Given::uniform([taps, n, 4 * n], -bound, bound));
            let op = LstmScan { taps, reverse: false, keep: true };
            Case::op("lstm_scan", name(b), op, vec![gates, weights, state(b), state(b)]).tolerance(1e-4, 2e-5)
        };
        let back = move |b| {
            let op = LstmScanGrad { taps, reverse: false, initial: false };
            let (weights, dh) = (Given::uniform([taps, 4 * n, n], -bound, bound), Given::normal([steps, b, positions, n]));
            let kept = Given::uniform([KEPT * steps, b, positions, n], 0.0, 1.0);
            Case::op("lstm_scan_grad", name(b), op, vec![kept, weights, state(b), dh]).tolerance(5e-4, 5e-5)
        };
        let batch = scale.batch(batch);
        [Kernel::new(batch, forward), Kernel::new(batch, back)]
    });
    both.collect()
}
