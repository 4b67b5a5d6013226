//! Times the recurrences of the LSTM models on the CPU: an ordinary LSTM forward and backward, and whole training steps
//! (forward, backward, RMSProp) of the Row LSTM and the Diagonal BiLSTM of van den Oord et al. 2016, arXiv:1601.06759, on
//! binary images. Weights and images are drawn from fixed seeds.
//!
//! `cargo run --release -p calotype-models --example recurrent [lstm|row|diagonal] [REPETITIONS] [THREADS]`
//!
//! With `CALOTYPE_STEPS=1` it prints where the time goes, kernel by kernel, too: the fastest of some runs of each.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use calotype_cpu_reference::Cpu;
use calotype_graph::{
    Device, Graph, HostTensor, Init, Layout, Mode, Plan, PlanOptions, Program, Scope, Tensor, Type, Window, plan,
};
use calotype_models::init;
use calotype_models::optimisers::{RmsProp, gradients};

/// Of the two models: images N x N, layers, features of a state, batch, width of the head.
const N: usize = 28;
const LAYERS: usize = 7;
const H: usize = 16;
const BATCH: usize = 16;
const HEAD: usize = 32;

/// x · w + b over the last axis.
fn linear(s: &Scope, name: &str, x: &Tensor, m: usize) -> Tensor {
    let (n, rows) = (x.shape().last(), x.shape().numel() / x.shape().last());
    let bound = (n as f32).sqrt().recip();
    let uniform = Init::Uniform { low: -bound, high: bound };
    let w = s.sub(name).param("weight", [n, m], uniform.clone(), Layout::Linear);
    let b = s.sub(name).param("bias", [m], uniform, Layout::Plain);
    let mut shape = x.dims().to_vec();
    shape[x.dims().len() - 1] = m;
    (x.reshape([rows, n]).matmul(&w) + &b).reshape(shape)
}

/// A convolution whose weights are [kh, kw, Cin, Cout], with bias.
fn conv(s: &Scope, name: &str, x: &Tensor, [kh, kw]: [usize; 2], m: usize, window: Window, mask: Option<&Tensor>) -> Tensor {
    let n = x.shape().last();
    let bound = ((kh * kw * n) as f32).sqrt().recip();
    let uniform = Init::Uniform { low: -bound, high: bound };
    let w = s.sub(name).param("weight", [kh, kw, n, m], uniform.clone(), Layout::Conv);
    let b = s.sub(name).param("bias", [m], uniform, Layout::Plain);
    let w = mask.map_or(w.clone(), |mask| &w * mask);
    &x.conv2d(&w, window) + &b
}

/// One scan of gates [T, B, P, 4H] from states of zero.
fn scan(s: &Scope, name: &str, gates: &Tensor, taps: usize, reverse: bool) -> Tensor {
    let bound = ((taps * H) as f32).sqrt().recip();
    let w = s.sub(name).param("weight", [taps, H, 4 * H], Init::Uniform { low: -bound, high: bound }, Layout::Plain);
    let zero = s.graph().full([gates.dims()[1], gates.dims()[2], H], 0.0);
    gates.lstm_scan(&w, &zero, &zero, reverse)
}

/// x [rows, B, columns, 2H]: time runs down the rows.
fn row_layer(s: &Scope, x: &Tensor) -> Tensor {
    // Mask B on a width of 3 leaves columns j-1 and j.
    let image = x.reshape([N * BATCH, 1, N, 2 * H]).pad(2, 1, 0, 0.0);
    let gates = conv(s, "k_is", &image, [1, 2], 4 * H, Window::square(1, 0), None).reshape([N, BATCH, N, 4 * H]);
    let h = scan(s, "k_ss", &gates, 3, false);
    x + &linear(s, "up", &h, 2 * H)
}

/// x [columns, B, rows, 2H]: time runs along the columns, both ways; the right-to-left states are shifted down one row.
fn diagonal_layer(s: &Scope, x: &Tensor) -> Tensor {
    let one_way = |name: &str, reverse| {
        let s = s.sub(name);
        scan(&s, "k_ss", &linear(&s, "k_is", x, 4 * H), 2, reverse)
    };
    let (left, right) = (one_way("left", false), one_way("right", true));
    let h = left + right.slice(2, 0, N - 1).pad(2, 1, 0, 0.0);
    x + &linear(s, "up", &h, 2 * H)
}

/// A whole training step on images `x` [B, N, N] of 0 and 1.
fn training(diagonal: bool) -> Result<Program, Box<dyn Error>> {
    let g = Graph::new(if diagonal { "diagonal" } else { "row" });
    let s = Scope::new(&g, Mode::Train);
    let x = g.input("x", Type::f32([BATCH, N, N]));
    // Mask A shows the 24 taps before the centre.
    let mask = (1.0 - &g.iota(49).greater(23.5)).reshape([7, 7, 1, 1]);
    let y = conv(&s, "first", &x.reshape([BATCH, N, N, 1]), [7, 7], 2 * H, Window::square(1, 3), Some(&mask));
    let axes = if diagonal { [2, 0, 1] } else { [1, 0, 2] };
    let mut y = y.permute(&[axes[0], axes[1], axes[2], 3]); // [T, B, P, 2H]
    for n in 0..LAYERS {
        let s = s.sub(&format!("layers.{n}"));
        y = if diagonal { diagonal_layer(&s, &y) } else { row_layer(&s, &y) };
    }
    let y = linear(&s, "head.1", &y.relu(), HEAD).relu();
    let logits = linear(&s, "head.4", &linear(&s, "head.3", &y, HEAD), 1); // [T, B, P, 1]
    let target = x.permute(&axes);
    let loss = (logits.softplus() - &logits * &target.reshape([N, BATCH, N, 1])).mean_all();
    let (parameters, gradients) = gradients(&loss, &s);
    RmsProp { alpha: 0.99, eps: 1e-8 }.update(&g, &g.scalar_input("lr"), &parameters, &gradients);
    g.output("loss", &loss);
    Ok(g.finish()?)
}

/// nn.LSTM, 64 sequences of 55 steps, 32 inputs, 16 features: forward, and all gradients for a given cotangent.
fn lstm() -> Result<Program, Box<dyn Error>> {
    let [t, b, i, n] = [55, 64, 32, 16];
    let g = Graph::new("lstm");
    let s = Scope::new(&g, Mode::Train);
    let keep = |name: &str, value: &Tensor| {
        g.state(name, value.ty(), Init::Zeros, Layout::Plain, false);
        g.assign(name, value);
    };
    let x = g.state("x", Type::f32([t, b, i]), Init::Normal { mean: 0.0, deviation: 1.0 }, Layout::Plain, false);
    let dh = g.state("dh", Type::f32([t, b, 1, n]), Init::Normal { mean: 0.0, deviation: 1.0 }, Layout::Plain, false);
    let h = scan(&s, "hidden", &linear(&s, "input", &x, 4 * n).reshape([t, b, 1, 4 * n]), 1, false);
    let parameters = s.parameters();
    let wrt: Vec<&Tensor> = std::iter::once(&x).chain(parameters.iter().map(|(_, w)| w)).collect();
    let found = g.vjp(&[(&h, &dh)], &wrt);
    keep("h", &h);
    found.iter().enumerate().for_each(|(k, d)| keep(&format!("gradient.{k}"), d));
    Ok(g.finish()?)
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

/// Kernels of one stem and shape together, slowest first.
fn by_kernel(plan: &Plan, seconds: &[f64]) {
    let mut sums: BTreeMap<String, (usize, f64, u64)> = BTreeMap::new();
    for (step, s) in plan.steps.iter().zip(seconds) {
        let read = step.reads.first().map_or_else(String::new, |r| r.ty.shape.to_string());
        let sum = sums.entry(format!("{} {} <- {read}", step.stem(), step.writes[0].ty.shape)).or_default();
        *sum = (sum.0 + 1, sum.1 + s, sum.2 + step.flops);
    }
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_by(|a, b| b.1.1.total_cmp(&a.1.1));
    for (key, (n, s, flops)) in sums.iter().take(24) {
        println!("  {:9.3} ms {:6.1} GFLOP/s {n:4} x {key}", s * 1e3, *flops as f64 / s * 1e-9);
    }
}

fn measure(name: &str, program: &Program, repetitions: usize, threads: usize) -> Result<(), Box<dyn Error>> {
    let mut cpu = Cpu::fast(threads)?;
    let plan = Arc::new(plan(program, cpu.profile(), PlanOptions::default())?);
    let id = cpu.load(&plan)?;
    for spec in &plan.states {
        cpu.write_state(&spec.name, &init::initial(spec, 0))?;
    }
    let images = (0..BATCH * N * N).map(|k| if (k * 7 + k / 5 * 3) % 10 < 3 { 1.0 } else { 0.0 }).collect::<Vec<f32>>();
    let (x, lr) = (HostTensor::f32([BATCH, N, N], images), HostTensor::f32([0usize; 0], vec![1e-3]));
    let inputs: Vec<(&str, &HostTensor)> = if name == "lstm" { vec![] } else { vec![("x", &x), ("lr", &lr)] };
    let mut seconds = Vec::new();
    for _ in 0..repetitions + 3 {
        let start = Instant::now();
        let ticket = cpu.submit(id, &inputs)?;
        cpu.forget(ticket);
        seconds.push(start.elapsed().as_secs_f64());
    }
    let seconds = seconds.split_off(3);
    let best = seconds.iter().copied().fold(f64::INFINITY, f64::min);
    println!(
        "{name}: median {:.3} ms, best {:.3} ms, {} kernels, {:.2} GFLOP",
        median(seconds) * 1e3,
        best * 1e3,
        plan.steps.len(),
        plan.flops() as f64 / 1e9
    );
    if std::env::var_os("CALOTYPE_STEPS").is_some() {
        let runs: Result<Vec<Vec<f64>>, _> = (0..repetitions).map(|_| cpu.time_steps(id, &inputs)).collect();
        let runs = runs?;
        let fastest = |k: usize| runs.iter().map(|r| r[k]).fold(f64::INFINITY, f64::min);
        by_kernel(&plan, &(0..plan.steps.len()).map(fastest).collect::<Vec<_>>());
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |n: usize, otherwise: usize| arguments.get(n).map_or(Ok(otherwise), |a| a.parse());
    let (repetitions, threads) = (number(1, 30)?, number(2, 2)?);
    let wanted = |name: &str| arguments.first().is_none_or(|a| a == name || a == "all");
    for (name, program) in [("lstm", lstm as fn() -> _), ("row", || training(false)), ("diagonal", || training(true))] {
        if wanted(name) {
            measure(name, &program()?, repetitions, threads)?;
        }
    }
    Ok(())
}
