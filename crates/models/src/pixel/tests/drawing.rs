//! Drawing agrees with scoring.

use super::*;
use crate::distributions::Conditional;

/// What numbers below one the drawn level stands for, by the conditionals of scoring.
fn interval(conditional: Conditional, parameters: &[f32], x: f32) -> (f64, f64) {
    match conditional {
        Conditional::Bernoulli => {
            let p = 1.0 / (1.0 + (-f64::from(parameters[0])).exp());
            if x == 1.0 { (0.0, p) } else { (p, 1.0) }
        }
        _ => {
            let total: f64 = parameters.iter().map(|&l| f64::from(l).exp()).sum();
            let below = |n: usize| parameters[..n].iter().map(|&l| f64::from(l).exp()).sum::<f64>() / total;
            (below(x as usize), below(x as usize + 1))
        }
    }
}

/// Every drawn value is the one that its number stands for.
fn follows(bench: &mut Bench, name: &str, of: Of, n: usize) {
    let model = of.build(name);
    let model = model.density().expect("a density");
    bench.weigh(model, 4);
    let (d, k) = (dims(model), model.conditional().n_parameters());
    let noise = uniforms(n * d, name);
    let x = bench.sample(model, &noise);
    let y = bench.conditionals(model, &x);
    for (at, (&x, &u)) in x.iter().zip(&noise).enumerate() {
        let (low, high) = interval(model.conditional(), &y[at * k..(at + 1) * k], x);
        let u = f64::from(u);
        assert!(low - 2e-6 <= u && u <= high + 2e-6, "{name} {:?}, {at}: {x} drawn with {u}, stands for {low}..{high}", of.shape);
    }
    let first = x[0];
    assert!(x.iter().any(|&v| v != first), "{name}: all values are {first}");
}

const CASES: [Of; 4] = [
    Of { shape: [6, 7, 1], levels: 2, layers: 2, width: 6 },
    Of { shape: [7, 5, 1], levels: 5, layers: 3, width: 5 },
    Of { shape: [4, 5, 3], levels: 2, layers: 2, width: 7 },
    Of { shape: [5, 4, 3], levels: 4, layers: 2, width: 6 },
];

#[test]
fn drawn_values_follow_the_scored_conditionals() {
    for name in MODELS {
        for of in CASES {
            follows(&mut fast(), name, of, 5);
        }
        follows(&mut plain(), name, CASES[0], 3);
        follows(&mut plain(), name, CASES[3], 2);
        follows(&mut fast(), name, Of { shape: [28, 28, 1], levels: 2, layers: 7, width: 16 }, 3);
        follows(&mut fast(), name, Of { shape: [1, 1, 1], levels: 2, layers: 1, width: 3 }, 8);
    }
}

#[test]
fn a_row_does_not_depend_on_its_batch() {
    for (name, of) in MODELS.into_iter().flat_map(|name| CASES.map(|of| (name, of))) {
        let model = of.build(name);
        let model = model.density().expect("a density");
        let mut bench = fast();
        bench.weigh(model, 4);
        let d = dims(model);
        let noise = uniforms(5 * d, name);
        let together = bench.sample(model, &noise);
        let mut alone = fast();
        alone.weigh(model, 4);
        let again = alone.sample(model, &noise[3 * d..4 * d]);
        assert_eq!(together[3 * d..4 * d], again, "{name} {:?}", of.shape);
    }
}

/// Known values stay, others are drawn as if the known ones had been drawn before; a second drawing starts afresh.
#[test]
fn known_values_are_kept() {
    for (name, of) in MODELS.into_iter().flat_map(|name| CASES.map(|of| (name, of))) {
        let model = of.build(name);
        let model = model.density().expect("a density");
        let mut bench = fast();
        bench.weigh(model, 4);
        let (n, d, k) = (4, dims(model), model.conditional().n_parameters());
        let noise = uniforms(n * d, "noise");
        let known = levels(n * d, of.levels, "known");
        let mask: Vec<f32> = uniforms(n * d, "mask").into_iter().map(|u| f32::from(u8::from(u < 0.4))).collect();
        let fresh = bench.sample(model, &noise);
        let x = bench.draw(model, &noise, &known, &mask);
        let y = bench.conditionals(model, &x);
        for at in 0..n * d {
            if mask[at] != 0.0 {
                assert_eq!(x[at], known[at], "{name} {:?}: known value {at}", of.shape);
            } else {
                let (low, high) = interval(model.conditional(), &y[at * k..(at + 1) * k], x[at]);
                let u = f64::from(noise[at]);
                assert!(low - 2e-6 <= u && u <= high + 2e-6, "{name} {:?}: value {at}", of.shape);
            }
        }
        assert_eq!(bench.sample(model, &noise), fresh, "{name} {:?}: a second drawing", of.shape);
    }
}

/// Pearson's chi-square of 16,000 images of nine bits against their 512 probabilities: 511 degrees of freedom, 656 is four and
/// a half deviations above its mean.
#[test]
fn images_have_their_probabilities() {
    const N: usize = 16_000;
    for name in MODELS {
        let of = Of::bits(3, 2, 5);
        let model = of.build(name);
        let model = model.density().expect("a density");
        let mut bench = fast();
        bench.weigh(model, 3);
        let log_p = bench.log_p(model, &all_rows(2, 9));
        let p: Vec<f64> = log_p.chunks_exact(9).map(|row| row.iter().map(|&l| f64::from(l)).sum::<f64>().exp()).collect();
        let mut counts = vec![0.0f64; 512];
        for image in bench.sample(model, &uniforms(N * 9, "chi-square")).chunks_exact(9) {
            counts[image.iter().enumerate().map(|(d, &x)| usize::from(x == 1.0) << d).sum::<usize>()] += 1.0;
        }
        let chi_square: f64 = counts.iter().zip(&p).map(|(n, p)| (n - N as f64 * p).powi(2) / (N as f64 * p)).sum();
        assert!((383.0..656.0).contains(&chi_square), "{name}: chi-square {chi_square} with 511 degrees of freedom");
    }
}
