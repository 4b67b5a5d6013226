//! What is timed: kernels at the sizes that the models give them, one line a case. An op without a line is timed at the largest of
//! its test cases.

use calotype_graph::op::{Case, Conv2d, Conv2dTranspose, Conv2dWeightGrad, Given, MatMul, Window, cases as test_cases};
use calotype_graph::{PlanOptions, plan};
use calotype_parity::{Check, CheckKind};

use super::kernel::{Kernel, Scale, of_sum};
use super::layers::{borders, images, indices, pools, rows};
use super::sequences::{densities, recurrences};

/// Every kernel, by op in alphabetical order, then as listed.
pub fn kernels(scale: Scale) -> Vec<Kernel> {
    let groups = [products, convolutions, rows, images, pools, borders, indices, densities, recurrences];
    let mut all: Vec<Kernel> = groups.iter().flat_map(|group| group(scale)).collect();
    let listed: Vec<&str> = all.iter().map(|k| k.stem).collect();
    all.extend(others(&listed));
    all.sort_by_key(|k| k.stem);
    all
}

/// Matrix products: squares, and the layers of a VAE (784-400-20).
fn products(scale: Scale) -> Vec<Kernel> {
    let square = |n: usize| Kernel::new(n, move |rows| of_sum(matmul(format!("{n}x{n}x{n}"), [rows, n, n], MatMul::PLAIN), n));
    let layer = |name: &'static str, m: usize, [n, k]: [usize; 2], op| {
        Kernel::new(m, move |m| of_sum(matmul(format!("{name}, batch {m}"), [m, n, k], op), k))
    };
    let sizes: &[usize] = match scale {
        Scale::Gpu => &[512, 1024, 2048, 4096],
        Scale::Cpu => &[512, 1024, 2048],
        Scale::Software => &[256, 512],
    };
    let mut all: Vec<Kernel> = sizes.iter().map(|&n| square(n)).collect();
    all.push(layer("784 -> 400", 128, [400, 784], MatMul::PLAIN));
    all.push(layer("784 -> 400, data gradient", 128, [784, 400], MatMul { transpose_b: true, ..MatMul::PLAIN }));
    all
}

/// [m, k] times [k, n].
fn matmul(name: String, [m, n, k]: [usize; 3], op: MatMul) -> Case {
    let b = if op.transpose_b { [n, k] } else { [k, n] };
    Case::op("matmul", name, op, vec![Given::normal([m, k]), Given::normal(b)])
}

/// A convolution of DCGAN at 64x64, f = 64: large side, its channels, channels of the small side, kernel, window.
#[derive(Clone, Copy)]
struct Layer(usize, usize, usize, Window);

/// The discriminator's from image to score; the generator's are the same backwards, with 100 latents at the small end.
const LAYERS: [Layer; 6] = [
    Layer(64, 3, 64, Window::square(2, 1)),
    Layer(32, 64, 128, Window::square(2, 1)),
    Layer(16, 128, 256, Window::square(2, 1)),
    Layer(8, 256, 512, Window::square(2, 1)),
    Layer(4, 512, 1, Window::square(1, 0)),
    Layer(4, 512, 100, Window::square(1, 0)),
];

/// Forward in D is the data gradient in G, transposed the other way round; the weight gradient is the same in both.
fn convolutions(scale: Scale) -> Vec<Kernel> {
    let batch = scale.batch(64);
    let each = |build: fn(Layer, usize) -> Case| LAYERS.map(|l| Kernel::new(batch, move |batch| build(l, batch)));
    [each(forward), each(transpose), each(weight_grad)].concat()
}

const KERNEL: usize = 4;

impl Layer {
    fn large(self, batch: usize) -> [usize; 4] {
        [batch, self.0, self.0, self.1]
    }

    fn small(self, batch: usize) -> [usize; 4] {
        let out = self.3.output(0, self.0, KERNEL).unwrap_or(0);
        [batch, out, out, self.2]
    }

    fn weights(self) -> Given {
        Given::normal([KERNEL, KERNEL, self.1, self.2])
    }
}

/// `64x64x3 -> 32x32x64, batch 64`.
fn way(from: [usize; 4], to: [usize; 4]) -> String {
    let image = |s: [usize; 4]| format!("{}x{}x{}", s[1], s[2], s[3]);
    format!("{} -> {}, batch {}", image(from), image(to), from[0])
}

fn forward(l: Layer, batch: usize) -> Case {
    let (x, y) = (l.large(batch), l.small(batch));
    let case = Case::op("conv2d", way(x, y), Conv2d { window: l.3 }, vec![Given::normal(x), l.weights()]);
    of_sum(case, KERNEL * KERNEL * l.1)
}

fn transpose(l: Layer, batch: usize) -> Case {
    let (x, y) = (l.large(batch), l.small(batch));
    let op = Conv2dTranspose { window: l.3, size: [l.0; 2] };
    let case = Case::op("conv2d_transpose", way(y, x), op, vec![Given::normal(y), l.weights()]);
    of_sum(case, KERNEL * KERNEL * l.2)
}

fn weight_grad(l: Layer, batch: usize) -> Case {
    let (x, y) = (l.large(batch), l.small(batch));
    let op = Conv2dWeightGrad { window: l.3, kernel: [KERNEL; 2] };
    let case = Case::op("conv2d_weight_grad", way(x, y), op, vec![Given::normal(x), Given::normal(y)]);
    of_sum(case, batch * y[1] * y[2])
}

/// Of every op that is a kernel and has no line, the test case that does most.
fn others(listed: &[&str]) -> Vec<Kernel> {
    let host = calotype_cpu_reference::Cpu::<f32>::plain();
    let profile = calotype_graph::Device::profile(&host);
    let mut largest: Vec<(u64, Case)> = Vec::new();
    for case in test_cases().into_iter().filter(|c| !listed.contains(&c.stem)) {
        let check = Check { case, kind: CheckKind::Forward };
        let plan = check.program().ok().and_then(|program| plan(&program, profile, PlanOptions::default()).ok());
        // Views are no work, and composites are others' work.
        let Some(plan) = plan.filter(|p| p.steps.iter().any(|s| s.stem() == check.case.stem)) else { continue };
        let work = plan.flops() + plan.bytes();
        match largest.iter_mut().find(|(_, c)| c.stem == check.case.stem) {
            Some(best) if best.0 < work => *best = (work, check.case),
            Some(_) => {}
            None => largest.push((work, check.case)),
        }
    }
    largest.into_iter().map(|(_, case)| Kernel::new(1, move |_| case.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every op that is a kernel is timed, under names of its own, at sizes that can be planned.
    #[test]
    fn every_kernel_is_there_once_and_can_be_planned() {
        let host = calotype_cpu_reference::Cpu::<f32>::plain();
        let profile = calotype_graph::Device::profile(&host);
        for scale in [Scale::Gpu, Scale::Cpu, Scale::Software] {
            let all = kernels(scale);
            let mut names: Vec<String> = all.iter().map(Kernel::name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), all.len(), "{scale:?}");
            for kernel in &all {
                let plan = kernel.plan(kernel.batch, profile).unwrap_or_else(|e| panic!("{}: {e}", kernel.name()));
                assert!(plan.bytes() > 0, "{}", kernel.name());
            }
            for stem in ["conv2d_weight_grad", "matmul", "softmax", "random", "concat", "pad", "elementwise"] {
                assert!(all.iter().any(|k| k.stem == stem), "{stem}");
            }
        }
    }
}
