//! Milliseconds of NADE (Larochelle and Murray 2011; 784 bits, 500 hidden units): a training step with Adam, its two kernels,
//! and sampling.
//!
//! `cargo run --release -p calotype-cpu-reference --example nade [BATCH] [IMAGES] [THREADS] [PERCENT OF ONES]`

use std::sync::Arc;
use std::time::Instant;

use calotype_cpu_reference::Cpu;
use calotype_cpu_reference::fast::{Context, simd::Level};
use calotype_cpu_reference::op::nade::{self, Weights};
use calotype_cpu_reference::op::nade_grad;
use calotype_graph::op::{Conditional, NadeActivation, NadeDims, NadeGrad, NadeWeights};
use calotype_graph::philox::{Domain, Stream};
use calotype_graph::{Device, Graph, HostTensor, Init, Layout, Mode, PlanOptions, Program, Scope, Type, plan};
use calotype_models::optimisers::{Optimiser, Rule};

const D: usize = 784;
const H: usize = 500;
const ADAM: Rule = Rule::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 };

fn adam() -> Optimiser {
    Optimiser::new("", ADAM, 1e-3)
}

/// Milliseconds: the median of some runs, and the fastest.
fn time(mut f: impl FnMut()) -> (f64, f64) {
    let mut all: Vec<f64> = (0..41)
        .map(|_| {
            let start = Instant::now();
            f();
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    all.sort_by(f64::total_cmp);
    (all[all.len() / 2], all[0])
}

fn weights(g: &Graph) -> NadeWeights {
    let small = Init::Normal { mean: 0.0, deviation: 0.01 };
    let state = |name: &str, shape: &[usize], init| g.state(name, Type::f32(shape), init, Layout::Plain, true);
    NadeWeights {
        w: state("w", &[D, H], small.clone()),
        c: state("c", &[H], Init::Zeros),
        v: state("v", &[D, H, 1], small),
        b: state("b", &[D, 1], Init::Zeros),
        rho: None,
    }
}

/// Mean over images of Σ_d softplus(l) - x l: the negative log-likelihood of bits with logits l.
fn training(batch: usize) -> Program {
    let g = Graph::new("nade training");
    let n = weights(&g);
    let x = g.input("x", Type::f32([batch, D]));
    let logits = (x.nade(&n.w, &n.c, &n.v) + &n.b).reshape([batch, D]);
    let loss = (logits.softplus() - &logits * &x).sum_all() * (1.0 / batch as f32);
    adam().update(&[&Scope::new(&g, Mode::Train)], &loss);
    g.output("loss", &loss);
    g.finish().expect("a training step")
}

fn sampling(n: usize) -> Program {
    let g = Graph::new("nade sampling");
    let weights = weights(&g);
    let zeros = g.full([n, D], 0.0);
    let u = g.input("u", Type::f32([n, D, 1]));
    g.output("x", &weights.sample(Conditional::Bernoulli, &u, &zeros, &zeros));
    g.finish().expect("a sampler")
}

/// Times a program's steps; prints the first output's first element.
fn run(what: &str, device: &mut Cpu<f32>, program: &Program, inputs: &[(&str, &HostTensor)]) {
    let plan = Arc::new(plan(program, device.profile(), PlanOptions::default()).expect("it fits"));
    let id = device.load(&plan).expect("it loads");
    let (median, fastest) = time(|| {
        let ticket = device.submit(id, inputs).expect("it runs");
        device.forget(ticket);
    });
    println!("{what:>24} {median:9.2} {fastest:9.2}");
    device.unload(id);
}

fn kernels(batch: usize, threads: usize, x: &[f32]) {
    let cx = Context::new(Level::detect(), threads).expect("threads");
    let d = NadeDims { batch, dims: D, hidden: H, outputs: 1 };
    let mut random = Stream::new(0, Domain::Test, "kernels", 0);
    let mut normal = |n: usize, scale: f32| (0..n).map(|_| scale * random.normal()).collect::<Vec<f32>>();
    let (w, c, v, dy) = (normal(D * H, 0.01), normal(H, 0.01), normal(D * H, 0.01), normal(batch * D, 1.0));
    let weights = Weights { w: &w, c: &c, v: &v, rho: &[] };
    let op = NadeGrad { activation: NadeActivation::Sigmoid, dx: false };
    let (mut y, mut packed) = (vec![0.0; batch * D], vec![0.0; op.layout(&d).len()]);
    let forward = time(|| cx.enter(|| nade::fast(&cx, op.activation, &d, x, weights, &mut y)));
    let backward = time(|| cx.enter(|| nade_grad::fast(&cx, &op, &d, x, weights, &dy, &mut packed)));
    println!("{:>24} {:9.2} {:9.2}\n{:>24} {:9.2} {:9.2}", "nade", forward.0, forward.1, "nade_grad", backward.0, backward.1);
}

fn main() {
    let arguments: Vec<usize> = std::env::args().skip(1).map(|a| a.parse().expect("a number")).collect();
    let argument = |n: usize, otherwise| arguments.get(n).copied().unwrap_or(otherwise);
    let (batch, images, threads, percent) = (argument(0, 100), argument(1, 64), argument(2, 2), argument(3, 30));
    println!("{:?}, {threads} threads, batch {batch} with {percent}% ones, {images} samples", Level::detect());
    println!("{:>24} {:>9} {:>9}   ms", "", "median", "fastest");
    let mut random = Stream::new(0, Domain::Test, "nade", 0);
    let mut uniform = |n: usize| (0..n).map(|_| random.uniform()).collect::<Vec<f32>>();
    let ones = |u: f32| if u < percent as f32 / 100.0 { 1.0 } else { 0.0 };
    let x: Vec<f32> = uniform(batch * D).into_iter().map(ones).collect();
    kernels(batch, threads, &x);

    let mut device = Cpu::<f32>::fast(threads).expect("threads");
    let program = training(batch);
    for spec in program.states() {
        device.write_state(&spec.name, &calotype_models::init::initial(spec, 0)).expect("a new state");
    }
    let scalars = adam().scalars(0, 1.0).into_iter().map(|(n, v)| (n, HostTensor::scalar(v))).collect::<Vec<_>>();
    let x = HostTensor::f32([batch, D], x);
    let inputs: Vec<(&str, &HostTensor)> = scalars.iter().map(|(n, t)| (n.as_str(), t)).chain([("x", &x)]).collect();
    run("training step", &mut device, &program, &inputs);
    let u = HostTensor::f32([images, D, 1], uniform(images * D));
    run("sampling", &mut device, &sampling(images), &[("u", &u)]);
}
