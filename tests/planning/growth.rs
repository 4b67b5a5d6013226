//! Large graphs: planning takes time in proportion to their size, and what it makes of them computes what was written. Importers
//! unroll what models would write as one op.

use std::sync::Arc;
use std::time::{Duration, Instant};

use calotype_graph::op::{Fill, PoolWindow, Tolerance};
use calotype_graph::{
    Affine, Device, Graph, HostTensor, Init, Layout, PlanOptions, Program, Tensor, Type, Window, is_sound, plan,
};
use calotype_parity::{compare, fill, read_states, run_once};

use crate::{ALL_OPTIONS, gpu_profile};

/// How often a time is taken; the least counts, since others work on the machine, too.
const TRIES: usize = 3;

/// Nodes, about.
const SIZES: [usize; 5] = [100, 300, 1000, 3000, 10_000];

/// Time may grow as this power of the size from one to the next but one: 1 is proportional, caches are left behind on the way,
/// and other work on the machine takes its share; 2 is what it must not be.
const POWER: f64 = 1.7;

/// No time at all, and nothing to divide by.
const NOTHING_S: f64 = 0.1;

/// A program of about so many nodes.
type Shape = (&'static str, fn(usize) -> Program);

const SHAPES: [Shape; 8] = [
    ("a chain of functions", chain),
    ("a chain that is read everywhere", comb),
    ("a dilated pool, unrolled", unrolled_pool),
    ("a sum of many inputs", wide_sum),
    ("blocks of convolution, norm and ReLU, with gradients", blocks),
    ("parameters under Adam", adam),
    ("steps of a recurrence that share an operand", recurrence),
    ("scattered casts and slices", mixed),
];

fn finish(g: &Graph) -> Program {
    g.finish().expect("a graph")
}

fn input(g: &Graph, name: &str, shape: &[usize]) -> Tensor {
    g.input(name, Type::f32(shape))
}

fn chain(n: usize) -> Program {
    let g = Graph::new("chain");
    let mut x = input(&g, "x", &[64]);
    for i in 0..n {
        x = if i % 2 == 0 { x.tanh() } else { &x + &g.scalar(i as f32) };
    }
    g.output("y", &x);
    finish(&g)
}

/// Every tenth value of a chain is an output, and all use the first.
fn comb(n: usize) -> Program {
    let g = Graph::new("comb");
    let first = input(&g, "x", &[64]);
    let mut x = first.clone();
    for i in 0..n / 2 {
        x = (&x * &first).tanh();
        if i % 10 == 0 {
            g.output(&format!("y{i}"), &x);
        }
    }
    finish(&g)
}

/// The largest of slices of one tensor, one by one.
fn unrolled_pool(n: usize) -> Program {
    let g = Graph::new("pool");
    let taps = n / 2;
    let x = input(&g, "x", &[taps + 8, 8]);
    let mut y = x.slice(0, 0, 8);
    for tap in 1..taps {
        y = y.max(&x.slice(0, tap, tap + 8));
    }
    g.output("y", &y);
    finish(&g)
}

fn wide_sum(n: usize) -> Program {
    let g = Graph::new("sum");
    let mut y = input(&g, "x", &[16]);
    for i in 0..n / 2 {
        y = &y + &input(&g, &format!("x{i}"), &[16]);
    }
    g.output("y", &y);
    finish(&g)
}

fn parameter(g: &Graph, name: &str, shape: &[usize]) -> Tensor {
    g.state(name, Type::f32(shape), Init::Zeros, Layout::Plain, true)
}

fn blocks(n: usize) -> Program {
    let g = Graph::new("blocks");
    let x = input(&g, "x", &[2, 8, 8, 4]);
    let mut y = x.clone();
    let mut parameters = Vec::new();
    // With gradients a block is about 90 nodes.
    for i in 0..(n / 90).max(1) {
        let own = |name: &str, shape: &[usize]| parameter(&g, &format!("{i}.{name}"), shape);
        let (w, scale, shift) = (own("w", &[3, 3, 4, 4]), own("scale", &[4]), own("shift", &[4]));
        let norm: Affine = Some((&scale, &shift));
        y = &y + &y.conv2d(&w, Window::square(1, 1)).instance_norm(norm, 1e-5).relu();
        parameters.extend([w, scale, shift]);
    }
    let loss = y.max_pool2d(PoolWindow::tiles(2)).square().mean_all();
    let gradients = g.grad(&loss, &parameters.iter().collect::<Vec<_>>());
    for (i, dw) in gradients.iter().enumerate() {
        g.output(&format!("d{i}"), dw);
    }
    g.output("loss", &loss);
    finish(&g)
}

/// w ← Adam(w, ∂ Σ (w x)² / ∂w) for many w.
fn adam(n: usize) -> Program {
    let g = Graph::new("adam");
    let (x, lr) = (input(&g, "x", &[32]), g.scalar_input("lr"));
    let names: Vec<String> = (0..(n / 25).max(1)).map(|i| format!("w{i}")).collect();
    let w: Vec<Tensor> = names.iter().map(|name| parameter(&g, name, &[32])).collect();
    let loss = w.iter().fold(g.scalar(0.0), |loss, w| loss + (w * &x).square().sum_all());
    let gradients = g.grad(&loss, &w.iter().collect::<Vec<_>>());
    for ((name, w), dw) in names.iter().zip(&w).zip(&gradients) {
        let state = |moment: &str| g.state(&format!("{name}.{moment}"), w.ty(), Init::Zeros, Layout::Plain, false);
        let m = state("m") * 0.9 + dw * 0.1;
        let v = state("v") * 0.999 + dw.square() * 0.001;
        g.assign(name, &(w - &(&m * &lr / (v.sqrt() + 1e-8))));
        g.assign(&format!("{name}.m"), &m);
        g.assign(&format!("{name}.v"), &v);
    }
    g.output("loss", &loss);
    finish(&g)
}

fn recurrence(n: usize) -> Program {
    let g = Graph::new("recurrence");
    let (w, mask) = (input(&g, "w", &[8, 8]), input(&g, "mask", &[8, 8]));
    let mut h = mask.clone();
    for _ in 0..n / 4 {
        h = (h.matmul(&w).cumsum(0) * &mask).tanh();
    }
    g.output("h", &h);
    finish(&g)
}

fn mixed(n: usize) -> Program {
    let g = Graph::new("mixed");
    let x = input(&g, "x", &[64, 4]);
    let mut y = x.clone();
    for i in 0..n / 7 {
        let words = (y.abs() + i as f32).cast(calotype_graph::Dtype::U32);
        let part = words.cast(calotype_graph::Dtype::F32).slice(0, i % 32, i % 32 + 32);
        y = &y * 0.5 + part.concat(&part.flip(0), 0);
    }
    g.output("y", &y);
    finish(&g)
}

fn seconds(program: &Program, options: PlanOptions) -> f64 {
    let once = || {
        let start = Instant::now();
        plan(program, &gpu_profile(), options).unwrap_or_else(|e| panic!("{}: {e}", program.name()));
        start.elapsed()
    };
    (0..TRIES).map(|_| once()).min().unwrap_or(Duration::ZERO).as_secs_f64()
}

pub fn is_proportional() {
    for (name, build) in SHAPES {
        for options in [PlanOptions::default(), PlanOptions { simplify: true, fuse: false }] {
            let mut times: Vec<(f64, f64)> = Vec::new();
            for size in SIZES {
                let program = build(size);
                let (n, s) = (program.n_ops() as f64, seconds(&program, options));
                if let Some(&(n_before, s_before)) = times.iter().nth_back(1) {
                    let allowed = (n / n_before).powf(POWER) * s_before.max(NOTHING_S / 6.0);
                    assert!(s < NOTHING_S || s < allowed, "{name}, {options:?}: {n_before} ops {s_before} s, {n} ops {s} s");
                }
                times.push((n, s));
            }
        }
    }
}

/// A few hundred nodes of each shape, planned in every way: the same outputs and the same states after a step.
pub fn computes_what_was_written(device: &mut dyn Device) {
    for (name, build) in SHAPES {
        let program = build(250);
        let value = |ty: &Type, of: &str| fill(ty, Fill::Uniform { low: -0.5, high: 0.5 }, &format!("{name}/{of}"));
        let inputs: Vec<(String, HostTensor)> = program.inputs().map(|(n, ty)| (n.to_owned(), value(ty, n))).collect();
        let inputs: Vec<(&str, &HostTensor)> = inputs.iter().map(|(n, t)| (n.as_str(), t)).collect();
        let states: Vec<&str> = program.states().map(|s| s.name.as_str()).collect();
        let mut run = |options| {
            // Second moments are squares.
            let first = |t: HostTensor| {
                HostTensor::f32(t.shape.clone(), t.as_f32().expect("floats").iter().map(|x| x.abs()).collect::<Vec<_>>())
            };
            program
                .states()
                .for_each(|s| device.write_state(&s.name, &first(value(&s.ty, &s.name))).expect("a state of that type"));
            let plan = Arc::new(plan(&program, device.profile(), options).expect("it fits"));
            assert!(plan.steps.iter().all(is_sound), "{name}, {options:?}");
            let outputs = run_once(device, &plan, &inputs).expect("it runs");
            [outputs, read_states(device, &states).expect("they are there")].concat()
        };
        let want = run(ALL_OPTIONS[0]);
        for options in &ALL_OPTIONS[1..] {
            for (n, (got, want)) in run(*options).iter().zip(&want).enumerate() {
                compare(got, want, Tolerance { atol: 2e-5, rtol: 2e-5 })
                    .unwrap_or_else(|e| panic!("{name}: {n}, {options:?}: {e}"));
            }
        }
        states.iter().for_each(|n| device.remove_state(n).expect("no plan uses it"));
    }
}
