//! Times the recurrences on the CPU: an ordinary LSTM forward and backward, and whole training steps (forward, backward, RMSProp)
//! of the pixel models on binary images of 28x28 pixels, at the paper's sizes unless settings say otherwise. Weights and images
//! are drawn from fixed seeds.
//!
//! `cargo run --release -p calotype-models --example recurrent [lstm|pixelcnn|row-lstm|diagonal-bilstm|all] [REPETITIONS]
//! [THREADS] [KEY=VALUE…]`
//!
//! With `CALOTYPE_STEPS=1` it prints where the time goes, kernel by kernel, too: the fastest of some runs of each.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use calotype_cpu_reference::Cpu;
use calotype_graph::{Device, Graph, HostTensor, Init, Layout, Mode, PlanOptions, Program, Scope, Tensor, Type, plan};
use calotype_models::feeds::borrowed;
use calotype_models::{Learning, Named, Stages, init};

mod timing;

use timing::{Outcome, by_kernel, median, model};

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

/// A scan of gates [T, B, P, 4H] from states of zero.
fn scan(s: &Scope, name: &str, gates: &Tensor, h: usize) -> Tensor {
    let bound = ((h) as f32).sqrt().recip();
    let w = s.sub(name).param("weight", [1, h, 4 * h], Init::Uniform { low: -bound, high: bound }, Layout::Plain);
    let zero = s.graph().full([gates.dims()[1], gates.dims()[2], h], 0.0);
    gates.lstm_scan(&w, &zero, &zero, false)
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
    let h = scan(&s, "hidden", &linear(&s, "input", &x, 4 * n).reshape([t, b, 1, 4 * n]), n);
    let parameters = s.parameters();
    let wrt: Vec<&Tensor> = std::iter::once(&x).chain(parameters.iter().map(|(_, w)| w)).collect();
    let found = g.vjp(&[(&h, &dh)], &wrt);
    keep("h", &h);
    found.iter().enumerate().for_each(|(k, d)| keep(&format!("gradient.{k}"), d));
    Ok(g.finish()?)
}

/// A training step of a pixel model, and its inputs of step 0.
type Step = (Program, Vec<Named>);

fn training(name: &str, given: &[String]) -> Outcome<Step> {
    let model = model(name, given)?;
    let Learning::Descent(descent) = model.learning() else { return Err("a model that learns by descent".into()) };
    let shape = [&[model.batch()], model.shape()].concat();
    let n = shape.iter().product();
    let images = (0..n).map(|k| if (k * 7 + k / 5 * 3) % 10 < 3 { 1.0 } else { 0.0 }).collect::<Vec<f32>>();
    let stages = Stages::new(descent, model.batch())?;
    let inputs = stages.inputs(&descent.at(0, 1.0), vec![("x".to_owned(), HostTensor::f32(shape, images))], 0, 0);
    Ok((stages.program(0).clone(), inputs))
}

fn measure(name: &str, (program, inputs): &Step, repetitions: usize, threads: usize) -> Outcome<()> {
    let mut cpu = Cpu::fast(threads)?;
    let plan = Arc::new(plan(program, cpu.profile(), PlanOptions::default())?);
    let id = cpu.load(&plan)?;
    for spec in &plan.states {
        cpu.write_state(&spec.name, &init::initial(spec, 0))?;
    }
    let inputs: Vec<(&str, &HostTensor)> = borrowed(inputs);
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
        let runs: Vec<Vec<f64>> = (0..repetitions).map(|_| cpu.time_steps(id, &inputs)).collect::<Result<_, _>>()?;
        by_kernel(&plan, &runs);
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |n: usize, otherwise: usize| arguments.get(n).map_or(Ok(otherwise), |a| a.parse());
    let (repetitions, threads) = (number(1, 30)?, number(2, 2)?);
    let wanted = |name: &str| arguments.first().is_none_or(|a| a == name || a == "all");
    if wanted("lstm") {
        measure("lstm", &(lstm()?, vec![]), repetitions, threads)?;
    }
    for name in ["pixelcnn", "row-lstm", "diagonal-bilstm"].into_iter().filter(|name| wanted(name)) {
        measure(name, &training(name, arguments.get(3..).unwrap_or_default())?, repetitions, threads)?;
    }
    Ok(())
}
