//! What holds for any graph: simplifying and fusing do not change what is computed, and a convolution, its transpose and
//! its weight gradient are adjoint to each other; NADE is a density.

use std::sync::Arc;

use calotype_graph::op::{Conv2d, Conv2dTranspose, Conv2dWeightGrad, Fill, Tolerance};
use calotype_graph::{Device, Graph, HostTensor, PlanOptions, Program, Tensor, Type, Window, plan};
use calotype_parity::{compare, fill, read_states, run_guarded, run_once};
use calotype_tests::{On, Suite, with};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

mod density;
mod recipe;

use recipe::{Recipe, recipes};

const AS_WRITTEN: PlanOptions = PlanOptions { simplify: false, fuse: false };
const SIMPLIFIED: PlanOptions = PlanOptions { simplify: true, fuse: false };
const FUSED: PlanOptions = PlanOptions { simplify: false, fuse: true };
const BOTH: PlanOptions = PlanOptions { simplify: true, fuse: true };

fn main() -> std::process::ExitCode {
    let mut suite = Suite::new();
    let gpu = On::Gpu(calotype_gpu_kernels::ShaderMode::Unchecked);
    suite.on(On::Plain, "planning does not change results", |d| planning(d, &[SIMPLIFIED, FUSED, BOTH], 300));
    suite.on(On::Fast, "planning does not change results", |d| planning(d, &[FUSED, BOTH], 200));
    suite.on(gpu, "planning does not change results", |d| planning(d, &[BOTH], 16));
    suite.on(On::Plain, "convolutions are adjoint", |d| adjoint(d, 100));
    suite.on(On::Fast, "convolutions are adjoint", |d| adjoint(d, 200));
    suite.on(gpu, "convolutions are adjoint", |d| adjoint(d, 12));
    suite.devices("log softmax keeps its digits at large logits", log_softmax_digits);
    suite.devices("nade: probabilities sum to 1", density::probabilities_sum_to_one);
    suite.devices("nade: nothing depends on what comes later", density::nothing_depends_on_what_comes_later);
    suite.devices("nade: samples follow the scored conditionals", density::samples_follow_the_scored_conditionals);
    suite.devices("nade: mixtures follow the scored conditionals", density::mixtures_follow_the_scored_conditionals);
    suite.devices("nade: samples have the probabilities", density::samples_have_the_probabilities);
    suite.run()
}

/// Against f64, for logits of every size: off by rounding alone, relative to 1 + |y|.
fn log_softmax_digits(device: &mut dyn Device) {
    const ROWS: usize = 6;
    const COLUMNS: usize = 9;
    for size in [1.0, 100.0, 1e4, 1e6] {
        let near = fill(&Type::f32([ROWS, COLUMNS]), Fill::Uniform { low: -4.0, high: 4.0 }, "logits");
        let logits: Vec<f32> = near.as_f32().into_iter().flatten().map(|x| size + x).collect();
        let g = Graph::new("log softmax");
        g.output("y", &g.input("x", near.ty()).log_softmax());
        let program = g.finish().expect("a graph");
        for options in [AS_WRITTEN, BOTH] {
            let plan = Arc::new(plan(&program, device.profile(), options).expect("it fits"));
            let x = HostTensor::f32([ROWS, COLUMNS], logits.clone());
            let got = run_once(device, &plan, &[("x", &x)]).expect("it runs").remove(0);
            for (x, y) in logits.chunks(COLUMNS).zip(got.as_f32().expect("floats").chunks(COLUMNS)) {
                let max = f64::from(x.iter().copied().fold(f32::NEG_INFINITY, f32::max));
                let sum: f64 = x.iter().map(|&x| (f64::from(x) - max).exp()).sum();
                for (&x, &y) in x.iter().zip(y) {
                    let want = f64::from(x) - max - sum.ln();
                    let error = (f64::from(y) - want).abs() / (1.0 + want.abs());
                    assert!(error < 5e-7, "{y} should be {want} at logits near {size}: off by {error:e}");
                }
            }
        }
    }
}

/// The same draws on every run; failing ones are shrunk.
fn check<S: Strategy>(cases: u32, strategy: &S, mut property: impl FnMut(S::Value) -> Result<(), String>) {
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 500, ..Config::default() };
    let rng = proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha);
    let property = std::cell::RefCell::new(&mut property);
    let test = |value| (property.borrow_mut())(value).map_err(TestCaseError::fail);
    if let Err(failure) = TestRunner::new_with_rng(config, rng).run(strategy, test) {
        panic!("{failure}");
    }
}

/// A program's outputs and the states that it leaves, from the initial states of the recipe.
fn results(
    device: &mut dyn Device,
    program: &Program,
    inputs: &[(&str, &HostTensor)],
    options: PlanOptions,
) -> Result<Vec<HostTensor>, String> {
    let names: Vec<String> = program.states().map(|s| s.name.clone()).collect();
    for spec in program.states() {
        device.write_state(&spec.name, &fill(&spec.ty, Fill::Normal, &spec.name)).map_err(|e| e.to_string())?;
    }
    let mut all = run_guarded(device, program, inputs, options).map_err(|fault| format!("{options:?}: {fault}"))?;
    // Dead states are no part of the plan and were only written above.
    all.extend(read_states(device, &names.iter().map(String::as_str).collect::<Vec<_>>()).map_err(|e| e.to_string())?);
    names.iter().try_for_each(|n| device.remove_state(n)).map_err(|e| e.to_string())?;
    Ok(all)
}

/// On a device with each of `options`, against the plain CPU with the graph as it was written.
fn planning(device: &mut dyn Device, options: &[PlanOptions], cases: u32) {
    check(cases, &recipes(), |recipe: Recipe| {
        let program = recipe.program().map_err(|e| e.to_string())?;
        let inputs = recipe::inputs(&program);
        let inputs: Vec<(&str, &HostTensor)> = inputs.iter().map(|(n, t)| (n.as_str(), t)).collect();
        let want = with(On::Plain, |plain| results(plain, &program, &inputs, AS_WRITTEN))?;
        for &o in options {
            let got = results(device, &program, &inputs, o)?;
            for (n, (got, want)) in got.iter().zip(&want).enumerate() {
                // A dozen functions one after another, each of bounded slope.
                let close = compare(got, want, Tolerance { atol: 2e-4, rtol: 2e-4 });
                close.map_err(|e| format!("{o:?}: result {n}: {e}"))?;
            }
        }
        Ok(())
    });
}

/// Sizes of a convolution.
#[derive(Clone, Copy, Debug)]
struct Geometry {
    window: Window,
    kernel: [usize; 2],
    /// [B, H, W, Cin]
    x: [usize; 4],
    c_out: usize,
}

fn geometries() -> impl Strategy<Value = Geometry> {
    let axis = (1..=4usize, 1..=3usize, 0..=2usize, 1..=2usize, 0..=6usize);
    (axis.clone(), axis, 1..=3usize, 1..=9usize, 1..=9usize).prop_map(|(rows, columns, batch, c_in, c_out)| {
        // (kernel, stride, pad, dilation, pixels beyond the fewest that fit)
        let size = |(k, _, p, d, more): (usize, usize, usize, usize, usize)| {
            let span = d * (k - 1) + 1;
            span.saturating_sub(2 * p).max(1) + more
        };
        Geometry {
            window: Window { stride: [rows.1, columns.1], pad: [rows.2, columns.2], dilation: [rows.3, columns.3] },
            kernel: [rows.0, columns.0],
            x: [batch, size(rows), size(columns), c_in],
            c_out,
        }
    })
}

fn dot(a: &HostTensor, b: &HostTensor) -> f64 {
    let pairs = a.as_f32().into_iter().flatten().zip(b.as_f32().into_iter().flatten());
    pairs.map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

/// <conv(x, w), y> = <x, conv_transpose(y, w)> = <w, weight_grad(x, y)>.
fn adjoint(device: &mut dyn Device, cases: u32) {
    check(cases, &geometries(), |geometry| {
        let Geometry { window, kernel, x, c_out } = geometry;
        let g = Graph::new("adjoint");
        let (x, w) = (g.input("x", Type::f32(x)), g.input("w", Type::f32([kernel[0], kernel[1], x[3], c_out])));
        let conv = x.conv2d(&w, window);
        let y = g.input("y", conv.ty());
        let size = [x.dims()[1], x.dims()[2]];
        g.output("conv", &Tensor::apply(Conv2d { window }, &[x.clone(), w.clone()]));
        g.output("transpose", &Tensor::apply(Conv2dTranspose { window, size }, &[y.clone(), w.clone()]));
        g.output("weight_grad", &Tensor::apply(Conv2dWeightGrad { window, kernel }, &[x.clone(), y]));
        let program = g.finish().map_err(|e| e.to_string())?;
        let values: Vec<HostTensor> = program.inputs().map(|(n, ty)| fill(ty, Fill::Normal, &format!("adjoint/{n}"))).collect();
        let inputs: Vec<(&str, &HostTensor)> = program.inputs().map(|(n, _)| n).zip(&values).collect();
        let plan = Arc::new(plan(&program, device.profile(), PlanOptions::default()).map_err(|e| e.to_string())?);
        let got = run_once(device, &plan, &inputs).map_err(|e| e.to_string())?;
        let products = [dot(&got[0], &values[2]), dot(&values[0], &got[1]), dot(&values[1], &got[2])];
        let scale = (dot(&got[0], &got[0]) * dot(&values[2], &values[2])).sqrt().max(1.0);
        match products.iter().all(|p| (p - products[0]).abs() <= 1e-5 * scale) {
            true => Ok(()),
            false => Err(format!("the three products differ: {products:?}, of scale {scale}")),
        }
    });
}
