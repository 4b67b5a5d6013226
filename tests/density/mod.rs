//! NADE is a density: probabilities sum to 1, nothing depends on what comes later, and samples follow the conditionals that
//! scoring gives them.

use std::sync::Arc;

use calotype_graph::op::{Conditional, Fill, NadeWeights};
use calotype_graph::{Device, Graph, HostTensor, PlanOptions, Tensor, Type, plan};
use calotype_parity::{fill, run_once};

/// A NADE with values for its weights.
struct Model {
    dims: usize,
    hidden: usize,
    outputs: usize,
    rho: bool,
    /// Of the uniform weights.
    largest: f32,
}

/// Nine bits: 512 images.
const BITS: Model = Model { dims: 9, hidden: 70, outputs: 1, rho: false, largest: 0.5 };
const N_IMAGES: usize = 1 << BITS.dims;

impl Model {
    /// Names, types and values of the weights.
    fn values(&self) -> Vec<(&'static str, HostTensor)> {
        let (d, h, o) = (self.dims, self.hidden, self.outputs);
        let small = Fill::Uniform { low: -self.largest, high: self.largest };
        let value = |name: &'static str, shape: &[usize]| (name, fill(&Type::f32(shape), small, &format!("density/{name}")));
        let mut all = vec![value("w", &[d, h]), value("c", &[h]), value("v", &[d, h, o]), value("b", &[d, o])];
        if self.rho {
            all.push(("rho", fill(&Type::f32([d]), Fill::Uniform { low: 0.5, high: 1.5 }, "density/rho")));
        }
        all
    }

    /// Runs a program over these weights and some more inputs; its only output.
    fn run(
        &self,
        device: &mut dyn Device,
        more: &[(&'static str, &HostTensor)],
        build: impl Fn(&[Tensor], &NadeWeights) -> Tensor,
    ) -> HostTensor {
        let values = self.values();
        let g = Graph::new("density");
        let more_in: Vec<Tensor> = more.iter().map(|(n, t)| g.input(n, t.ty())).collect();
        let w: Vec<Tensor> = values.iter().map(|(n, t)| g.input(n, t.ty())).collect();
        let weights = NadeWeights { w: w[0].clone(), c: w[1].clone(), v: w[2].clone(), b: w[3].clone(), rho: w.get(4).cloned() };
        g.output("y", &build(&more_in, &weights));
        let program = g.finish().expect("a sound graph");
        let plan = Arc::new(plan(&program, device.profile(), PlanOptions::default()).expect("it fits"));
        let inputs: Vec<(&str, &HostTensor)> = more.iter().copied().chain(values.iter().map(|(n, t)| (*n, t))).collect();
        run_once(device, &plan, &inputs).expect("it runs").remove(0)
    }

    /// y + b [B, D, O]
    fn score(&self, device: &mut dyn Device, x: &HostTensor) -> HostTensor {
        self.run(device, &[("x", x)], |t, n| match &n.rho {
            None => t[0].nade(&n.w, &n.c, &n.v) + &n.b,
            Some(rho) => t[0].rnade(&n.w, &n.c, &n.v, rho) + &n.b,
        })
    }

    /// x [B, D] from noise, with nothing given.
    fn sample(&self, device: &mut dyn Device, conditional: Conditional, noise: &HostTensor) -> HostTensor {
        let n = noise.shape.dims()[0];
        let zeros = HostTensor::f32([n, self.dims], vec![0.0; n * self.dims]);
        self.run(device, &[("noise", noise), ("zeros", &zeros)], |t, w| w.sample(conditional, &t[0], &t[1], &t[1]))
    }
}

fn floats(t: &HostTensor) -> &[f32] {
    t.as_f32().expect("floats")
}

fn sigmoid(x: f32) -> f64 {
    1.0 / (1.0 + (-f64::from(x)).exp())
}

/// Every image of nine bits, row n the digits of n.
fn all_images() -> HostTensor {
    let bit = |i: usize| ((i / BITS.dims) >> (i % BITS.dims) & 1) as f32;
    HostTensor::f32([N_IMAGES, BITS.dims], (0..N_IMAGES * BITS.dims).map(bit).collect::<Vec<_>>())
}

/// p(x) of every image.
fn probabilities(device: &mut dyn Device) -> Vec<f64> {
    let x = all_images();
    let logits = BITS.score(device, &x);
    let factors = floats(&logits).iter().zip(floats(&x)).map(|(&y, &x)| if x == 1.0 { sigmoid(y) } else { sigmoid(-y) });
    let factors: Vec<f64> = factors.collect();
    factors.chunks_exact(BITS.dims).map(|f| f.iter().product()).collect()
}

pub fn probabilities_sum_to_one(device: &mut dyn Device) {
    let p = probabilities(device);
    let sum: f64 = p.iter().sum();
    assert!((sum - 1.0).abs() <= 1e-5, "{sum}");
    let (least, most) = p.iter().fold((1.0f64, 0.0f64), |(l, m), &p| (l.min(p), m.max(p)));
    assert!(most > 20.0 * least, "the model is as good as uniform: {least} to {most}");
}

/// Bit for bit, with anything at all in the dimensions from d on.
pub fn nothing_depends_on_what_comes_later(device: &mut dyn Device) {
    let relu = Model { dims: 20, hidden: 70, outputs: 3, rho: true, largest: 0.5 };
    let sigmoid = Model { dims: 20, hidden: 70, outputs: 1, rho: false, largest: 0.5 };
    for model in [relu, sigmoid] {
        let n = model.dims;
        let row = fill(&Type::f32([n]), Fill::Normal, "density/row");
        let other = fill(&Type::f32([n, n]), Fill::Cycle(&[0.0, 1.0, -3.0, 50.0, 0.0]), "density/later");
        // Row d: the same as all others before d, something else from there on.
        let value = |i: usize| if i % n < i / n { floats(&row)[i % n] } else { floats(&other)[i] };
        let x = HostTensor::f32([n, n], (0..n * n).map(value).collect::<Vec<_>>());
        let y = model.score(device, &x);
        let bits: Vec<&[u32]> = y.words().chunks_exact(n * model.outputs).collect();
        for d in 0..n {
            let end = (d + 1) * model.outputs;
            for (later, row) in bits.iter().enumerate().skip(d) {
                assert_eq!(row[..end], bits[n - 1][..end], "y up to dimension {d} changes with x from {later} on");
            }
        }
        assert_ne!(bits[0], bits[n - 1]);
    }
}

/// u [B, D, 1]
fn uniforms(n: usize, dims: usize) -> HostTensor {
    fill(&Type::f32([n, dims, 1]), Fill::Uniform { low: 0.0, high: 1.0 }, "density/u")
}

/// Each sampled bit is 1 exactly where u lies below the p that scoring the sample gives. The two add up in different orders:
/// a u that hits p to the sixth digit says nothing.
pub fn samples_follow_the_scored_conditionals(device: &mut dyn Device) {
    let model = Model { dims: 50, ..BITS };
    let u = uniforms(40, model.dims);
    let x = model.sample(device, Conditional::Bernoulli, &u);
    let logits = model.score(device, &x);
    let mut n_ones = 0;
    for ((&u, &x), &y) in floats(&u).iter().zip(floats(&x)).zip(floats(&logits)) {
        let p = sigmoid(y);
        assert!((f64::from(u) < p) == (x == 1.0) || (f64::from(u) - p).abs() < 2e-6, "u {u}, p {p}, x {x}");
        assert!(x == 0.0 || x == 1.0);
        n_ones += usize::from(x == 1.0);
    }
    assert!((200..1800).contains(&n_ones), "{n_ones} of 2,000 bits are 1");
}

/// Pearson's chi-square of 16,000 samples of nine bits against the 512 probabilities: 511 degrees of freedom, so that 656 is
/// four deviations above its mean.
pub fn samples_have_the_probabilities(device: &mut dyn Device) {
    const N: usize = 16_000;
    let p = probabilities(device);
    let x = BITS.sample(device, Conditional::Bernoulli, &uniforms(N, BITS.dims));
    let mut counts = vec![0.0f64; N_IMAGES];
    for image in floats(&x).chunks_exact(BITS.dims) {
        let index: usize = image.iter().enumerate().map(|(d, &x)| usize::from(x == 1.0) << d).sum();
        counts[index] += 1.0;
    }
    let chi_square: f64 = counts.iter().zip(&p).map(|(n, p)| (n - N as f64 * p).powi(2) / (N as f64 * p)).sum();
    assert!((383.0..656.0).contains(&chi_square), "chi-square {chi_square} with 511 degrees of freedom");
}

/// The noise of a mixture is found again from the sample and the conditionals that scoring gives it.
pub fn mixtures_follow_the_scored_conditionals(device: &mut dyn Device) {
    const FLOOR: f32 = 0.9;
    let model = Model { dims: 8, hidden: 33, outputs: 12, rho: true, largest: 0.15 };
    let (n, k) = (50, model.outputs / 3);
    let (u, z) = (uniforms(n, model.dims), fill(&Type::f32([n, model.dims, 1]), Fill::Normal, "density/z"));
    let pairs: Vec<f32> = floats(&u).iter().zip(floats(&z)).flat_map(|(&u, &z)| [u, z]).collect();
    let noise = HostTensor::f32([n, model.dims, 2], pairs);
    let x = model.sample(device, Conditional::Gaussians { floor: FLOOR.into() }, &noise);
    let y = model.score(device, &x);
    let (mut used, mut n_floored) = (vec![0; k], 0);
    for (at, y) in floats(&y).chunks_exact(model.outputs).enumerate() {
        let (u, z, x) = (f64::from(floats(&u)[at]), floats(&z)[at], floats(&x)[at]);
        let total: f64 = y[..k].iter().map(|&w| f64::from(w).exp()).sum();
        let mut sum = 0.0;
        let cumulative: Vec<f64> = y[..k]
            .iter()
            .map(|&w| {
                sum += f64::from(w).exp() / total;
                sum
            })
            .collect();
        if cumulative.iter().any(|c| (c - u).abs() < 1e-5) {
            continue;
        }
        let component = cumulative.iter().position(|&c| u < c).expect("u is below 1");
        let deviation = y[2 * k + component].exp().max(FLOOR);
        let want = y[k + component] + deviation * z;
        assert!((x - want).abs() <= 1e-4 * (1.0 + want.abs()), "x {x}, should be {want}");
        used[component] += 1;
        n_floored += usize::from(deviation == FLOOR);
    }
    assert!(used.iter().all(|&n| n > 10), "components were drawn {used:?} times");
    assert!((20..n * model.dims - 20).contains(&n_floored), "{n_floored} deviations at the floor");
}
