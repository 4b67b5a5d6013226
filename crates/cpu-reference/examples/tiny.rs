//! Nanoseconds of an op that has next to nothing to do, as the steps of a sampler that works pixel by pixel have: chains of 100
//! on [16, 64], each for itself, run over and over.
//!
//! `cargo run --release -p calotype-cpu-reference --example tiny [REPETITIONS] [THREADS]`

use std::sync::Arc;

use calotype_cpu_reference::Cpu;
use calotype_graph::{Device, Graph, HostTensor, Init, Layout, PlanOptions, Tensor, Type, plan};

/// Ops of a chain.
const N: usize = 100;
const SHAPE: [usize; 2] = [16, 64];
/// Rows of a table, of which one is read or written.
const ROWS: usize = 28;

/// What the ops of a chain work with, beside the chain's tensor: all states.
struct Given {
    bias: Tensor,
    weights: Tensor,
    wide: Tensor,
    tall: Tensor,
    table: Tensor,
    index: Tensor,
}

type Link = fn(&Tensor, &Given) -> Tensor;

const CHAINS: [(&str, Link); 8] = [
    ("elementwise: x + bias", |x, g| x + &g.bias),
    ("elementwise: tanh", |x, _| x.tanh()),
    ("matmul [16, 64] x [64, 64]", |x, g| x.matmul(&g.weights)),
    ("the same + bias, rectified", |x, g| (x.matmul(&g.weights) + &g.bias).relu()),
    ("matmul to [16, 256] and back", |x, g| x.matmul(&g.wide).matmul(&g.tall)),
    ("a row read, added", |x, g| x + &g.table.row_read(&g.index)),
    ("a row written in place", |x, g| x.row_write(&g.index, &g.bias)),
    ("concat and a sum", |x, _| x.concat(x, 1).reshape([16, 2, 64]).sum(&[1])),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |n: usize, otherwise: usize| arguments.get(n).map_or(Ok(otherwise), |a| a.parse());
    let (repetitions, threads) = (number(0, 200)?, number(1, 2)?);
    for (name, link) in CHAINS {
        let g = Graph::new("tiny");
        let state = |name: &str, shape: &[usize]| g.state(name, Type::f32(shape), Init::Zeros, Layout::Plain, false);
        let given = Given {
            bias: state("bias", &SHAPE[1..]),
            weights: state("weights", &[SHAPE[1], SHAPE[1]]),
            wide: state("wide", &[SHAPE[1], 256]),
            tall: state("tall", &[256, SHAPE[1]]),
            table: state("table", &[ROWS, SHAPE[0], SHAPE[1]]),
            index: g.state("index", Type::u32([1]), Init::Zeros, Layout::Plain, false),
        };
        let end = (0..N).fold(state("x", &SHAPE), |x, _| link(&x, &given));
        g.assign("x", &end);
        let program = g.finish()?;
        let mut cpu = Cpu::fast(threads)?;
        // Each op by itself but for epilogues: fused, the chains of elementwise ops would be one.
        let plan =
            Arc::new(plan(&program, cpu.profile(), PlanOptions { fuse: name.contains("rectified"), ..PlanOptions::default() })?);
        let id = cpu.load(&plan)?;
        let values: Vec<f32> = (0..SHAPE[0] * SHAPE[1]).map(|k| (k % 7) as f32 * 0.1).collect();
        cpu.write_state("x", &HostTensor::f32(SHAPE, values))?;
        let runs: Result<Vec<f64>, _> = (0..repetitions).map(|_| cpu.time_replays(id, &[], 5)).collect();
        let mut runs = runs?;
        runs.sort_by(f64::total_cmp);
        let each = |s: f64| s * 1e9 / plan.steps.len() as f64;
        println!(
            "{name:<32} {:>4} ops {:>8.0} ns an op, fastest {:>6.0}",
            plan.steps.len(),
            each(runs[repetitions / 2]),
            each(runs[0])
        );
    }
    Ok(())
}
