//! Where log p(x) is known: linear decoders with Gaussian noise, and latents of two dimensions, which a grid integrates over.

use calotype_graph::{Graph, HostTensor, Mode, Scope, StateSpec, Type};

use super::{bits, mlp, normal};
use crate::facets::log_weights;
use crate::init;
use crate::latent::Latent;
use crate::testing::run;
use crate::vae::bound::kl;

/// Values and latents of the linear model.
const D: usize = 4;
const Z: usize = 2;
/// Hidden units: relu(v) - relu(-v) = v makes a layer of D units linear.
const HIDDEN: usize = 2 * D;

/// x = W z + b + σ noise, with orthogonal columns of W: the posterior has independent latents, as q has.
const W: [[f64; D]; Z] = [[0.6, 0.6, 0.6, 0.6], [0.9, -0.9, 0.9, -0.9]];
const B: [f64; D] = [0.3, -0.2, 0.5, 0.1];
const SIGMA: f64 = 0.7;

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn centred(x: &[f32]) -> Vec<f64> {
    x.iter().zip(B).map(|(&x, b)| f64::from(x) - b).collect()
}

/// log N(x; b, W W' + σ² I), by the determinant and inverse of a matrix of low rank.
fn log_p(x: &[f32]) -> f64 {
    let (x, s2) = (centred(x), SIGMA * SIGMA);
    let mut quadratic = dot(&x, &x) / s2;
    let mut log_det = (D - Z) as f64 * s2.ln();
    for w in W {
        let total = s2 + dot(&w, &w);
        quadratic -= dot(&w, &x).powi(2) / (s2 * total);
        log_det += total.ln();
    }
    -0.5 * (quadratic + log_det + D as f64 * std::f64::consts::TAU.ln())
}

/// Precision of each latent given x, and what its mean is multiplied from.
fn posterior(w: &[f64; D]) -> (f64, Vec<f64>) {
    let s2 = SIGMA * SIGMA;
    let precision = 1.0 + dot(w, w) / s2;
    (precision, w.iter().map(|w| w / (s2 * precision)).collect())
}

/// The linear model's decoder and the encoder of its posterior, but that means are off by `shift` and log variances by `wider`.
fn weights(spec: &StateSpec, shift: f64, wider: f64) -> HostTensor {
    let mut values = vec![0.0; spec.ty.numel()];
    match spec.name.as_str() {
        // [D, HIDDEN]: x and -x. [Z, HIDDEN]: z and -z.
        "fc1.weight" | "fc3.weight" => {
            let n = spec.ty.shape.dims()[0];
            (0..n).for_each(|i| (values[i * HIDDEN + i], values[i * HIDDEN + n + i]) = (1.0, -1.0));
        }
        "fc21.weight" => {
            for (j, w) in W.iter().enumerate() {
                let (_, a) = posterior(w);
                (0..D).for_each(|d| (values[d * Z + j], values[(D + d) * Z + j]) = (a[d], -a[d]));
            }
        }
        "fc21.bias" => (0..Z).for_each(|j| values[j] = shift - dot(&posterior(&W[j]).1, &B)),
        "fc22.bias" => (0..Z).for_each(|j| values[j] = wider - posterior(&W[j]).0.ln()),
        "fc4.weight" => {
            for (j, w) in W.iter().enumerate() {
                (0..D).for_each(|d| (values[j * D + d], values[(Z + j) * D + d]) = (w[d], -w[d]));
            }
        }
        "fc4.bias" => values.copy_from_slice(&B),
        "fc42.bias" => values.fill(SIGMA.ln()),
        _ => {}
    }
    HostTensor::f32(spec.ty.shape.clone(), values.iter().map(|&v| v as f32).collect::<Vec<_>>())
}

/// Log weights of `k` draws of each row x [n, D].
fn linear_weights(x: &HostTensor, k: usize, shift: f64, wider: f64) -> Vec<Vec<f64>> {
    let hidden = HIDDEN.to_string();
    let model = mlp(&[("hidden", &hidden), ("latents", "2")], &[D], None);
    let program = log_weights(&model, x.shape.dims()[0], k).expect("a program");
    let all = run(&program, |spec| weights(spec, shift, wider), &[("x", x.clone())]).remove(0);
    all.chunks_exact(k).map(|row| row.iter().map(|&w| f64::from(w)).collect()).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn standard_error(values: &[f64]) -> f64 {
    let m = mean(values);
    (values.iter().map(|v| (v - m).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0) / values.len() as f64).sqrt()
}

/// log of the mean of exponentials.
fn bound(log_weights: &[f64]) -> f64 {
    let largest = log_weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    largest + mean(&log_weights.iter().map(|w| (w - largest).exp()).collect::<Vec<_>>()).ln()
}

#[test]
fn at_the_true_posterior_every_draw_gives_the_exact_density() {
    let x = normal(&[6, D], "rows");
    for (row, weights) in x.as_f32().expect("floats").chunks_exact(D).zip(linear_weights(&x, 7, 0.0, 0.0)) {
        for w in weights {
            assert!((w - log_p(row)).abs() < 2e-5, "{w}, should be {}", log_p(row));
        }
    }
}

/// The evidence lower bound is below log p(x) by exactly KL(q || posterior), and more draws close the gap from below.
#[test]
fn elsewhere_the_bound_is_below_by_the_divergence_from_the_posterior() {
    const K: usize = 4096;
    let (x, shift, wider) = (normal(&[5, D], "rows"), 0.5f64, 0.7f64);
    let gap: f64 = W.iter().map(|w| 0.5 * (wider.exp() + shift * shift * posterior(w).0 - 1.0 - wider)).sum();
    for (row, weights) in x.as_f32().expect("floats").chunks_exact(D).zip(linear_weights(&x, K, shift, wider)) {
        let (exact, error) = (log_p(row), standard_error(&weights));
        assert!(
            (exact - mean(&weights) - gap).abs() < 4.0 * error,
            "{} +- {error} below, should be {gap}",
            exact - mean(&weights)
        );
        let by_ten = mean(&weights.chunks_exact(10).map(bound).collect::<Vec<_>>());
        assert!(mean(&weights) < by_ten && by_ten < exact, "{} {by_ten} {exact}", mean(&weights));
        assert!((bound(&weights) - exact).abs() < 0.1, "{} {exact}", bound(&weights));
    }
}

/// Half the side of the grid that is integrated over, in deviations of the prior, and its points a side.
const HALF: f64 = 6.5;
const SIDE: usize = 131;

/// Initial weights, of which those of layers whose names begin so are three times as large.
fn enlarged(spec: &StateSpec, layers: &[&str]) -> HostTensor {
    let value = init::initial(spec, 4);
    let factor = if layers.iter().any(|l| spec.name.starts_with(l)) { 3.0 } else { 1.0 };
    let values: Vec<f32> = value.as_f32().expect("floats").iter().map(|v| factor * v).collect();
    HostTensor::f32(value.shape, values)
}

/// A decoder whose images depend on z, and an encoder that has not learned which.
fn lively(spec: &StateSpec) -> HostTensor {
    enlarged(spec, &["fc3", "fc4"])
}

/// log p(x) of each of the images x [N, 9], as ∫ p(z) p(x | z) dz on a grid.
fn integrated(model: &super::Vae, x: &[f32]) -> Vec<f64> {
    let step = 2.0 * HALF / (SIDE - 1) as f64;
    let place = |i: usize| -HALF + step * i as f64;
    let grid: Vec<[f64; 2]> = (0..SIDE * SIDE).map(|n| [place(n / SIDE), place(n % SIDE)]).collect();
    let z: Vec<f32> = grid.iter().flatten().map(|&v| v as f32).collect();
    let program = model.sampling(grid.len()).expect("a program");
    let p = run(&program, lively, &[("z", HostTensor::f32([grid.len(), 2], z))]).remove(0);
    let log_prior = |z: &[f64; 2]| -0.5 * dot(z, z) - std::f64::consts::TAU.ln() + 2.0 * step.ln();
    let log_prior: Vec<f64> = grid.iter().map(log_prior).collect();
    // log p and log (1 - p) of each pixel.
    let logs: Vec<[f64; 2]> = p.iter().map(|&p| [(-f64::from(p)).ln_1p(), f64::from(p).ln()]).collect();
    let one = |x: &[f32]| {
        let terms = logs.chunks_exact(9).zip(&log_prior);
        let joint = terms.map(|(logs, prior)| prior + logs.iter().zip(x).map(|(l, &x)| l[x as usize]).sum::<f64>());
        joint.map(f64::exp).sum::<f64>().ln()
    };
    x.chunks_exact(9).map(one).collect()
}

#[test]
fn probabilities_of_all_images_sum_to_one_and_the_bound_rises_to_them() {
    const K: usize = 1000;
    let model = mlp(&[("hidden", "8"), ("latents", "2")], &[3, 3, 1], Some(2));
    let all: Vec<f32> = (0..512 * 9).map(|i| ((i / 9) >> (i % 9) & 1) as f32).collect();
    let log_p = integrated(&model, &all);
    let sum: f64 = log_p.iter().map(|v| v.exp()).sum();
    assert!((sum - 1.0).abs() < 1e-4, "{sum}");
    let (least, most) = log_p.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, m), &v| (l.min(v), m.max(v)));
    assert!(most > least + 3.0, "nearly uniform: {least} to {most}");

    let chosen: Vec<usize> = (0..512).step_by(8).map(|n| (n * 37 + 11) % 512).collect();
    let x: Vec<f32> = chosen.iter().flat_map(|n| all[9 * n..9 * n + 9].to_vec()).collect();
    let program = log_weights(&model, chosen.len(), K).expect("a program");
    let weights = run(&program, lively, &[("x", HostTensor::f32([chosen.len(), 3, 3, 1], x))]).remove(0);
    let weights: Vec<f64> = weights.iter().map(|&w| f64::from(w)).collect();
    // Mean over images of log p(x) minus the bound by k draws.
    let gap = |k: usize| {
        let of_row = |row: &[f64]| mean(&row.chunks_exact(k).map(bound).collect::<Vec<_>>());
        mean(&weights.chunks_exact(K).zip(&chosen).map(|(row, &n)| log_p[n] - of_row(row)).collect::<Vec<_>>())
    };
    let gaps = [1, 10, 100, 1000].map(gap);
    assert!(gaps[0] > 0.2, "an encoder that has not learned is loose: {gaps:?}");
    assert!(gaps.windows(2).all(|w| w[1] < w[0]), "{gaps:?}");
    assert!(gaps[3].abs() < 0.02, "{gaps:?}");
}

#[test]
fn the_closed_form_is_the_mean_of_what_draws_give() {
    const K: usize = 20_000;
    let model = mlp(&[("hidden", "9"), ("latents", "3")], &[4, 3, 1], Some(2));
    let graph = Graph::new("divergence");
    let (s, x) = (Scope::new(&graph, Mode::Eval), graph.input("x", Type::f32([2, 4, 3, 1])));
    let draws = model.draws(&s, &x, &model.noise(&s, &x, K));
    graph.output("closed", &kl(&draws.mean, &draws.log_var).sum(&[1]));
    graph.output("drawn", &draws.log_ratio.neg());
    let far_from_the_prior = |spec: &StateSpec| enlarged(spec, &["fc1", "fc2"]);
    let got = run(&graph.finish().expect("a graph"), far_from_the_prior, &[("x", bits(&[2, 4, 3, 1], "rows"))]);
    for (closed, drawn) in got[0].iter().zip(got[1].chunks_exact(K)) {
        let drawn: Vec<f64> = drawn.iter().map(|&v| f64::from(v)).collect();
        let (by_draws, error) = (mean(&drawn), standard_error(&drawn));
        assert!(f64::from(*closed) > 20.0 * error, "too small to tell: {closed} +- {error}");
        assert!((f64::from(*closed) - by_draws).abs() < 4.0 * error, "{closed}, and {by_draws} +- {error} by draws");
    }
}
