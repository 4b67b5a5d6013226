//! A GAN against its theory: what its discriminator learns of known densities, and whether its generator finds every mode.

use std::collections::BTreeMap;
use std::f64::consts::{LN_2, TAU};
use std::sync::Arc;

use calotype_cpu_reference::Cpu;
use calotype_data::toy::{Mixture, ring_mixture};
use calotype_graph::op::Distribution;
use calotype_graph::philox::{Domain, Stream};
use calotype_graph::{Device, Graph, HostTensor, Mode, PlanId, PlanOptions, Program, Scope, plan};
use calotype_models::feeds::{borrowed, random_words};
use calotype_models::gan::{Gan, INFO};
use calotype_models::losses::Adversarial;
use calotype_models::optimisers::{Optimiser, Rule, Schedule};
use calotype_models::{Critic, DataShape, Descent, Latent, Model, Preset, Settings, Stages, init, latent};
use calotype_parity::run_step;

fn gan(given: &[(&str, &str)], columns: usize) -> Gan {
    let data = DataShape { shape: vec![columns], levels: None, n_train: 10_000, ..DataShape::default() };
    let given: BTreeMap<String, String> = given.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Gan::new(Settings::resolve(&(INFO.settings)(Preset::SMALL), &given).expect("valid settings"), &data).expect("it fits")
}

fn load(device: &mut dyn Device, program: &Program, seed: u64) -> PlanId {
    let known: Vec<String> = device.states().into_iter().map(|s| s.name).collect();
    for spec in program.states().filter(|s| !known.contains(&s.name)) {
        device.write_state(&spec.name, &init::initial(spec, seed)).expect("a state");
    }
    let plan = Arc::new(plan(program, device.profile(), PlanOptions::default()).expect("it fits"));
    device.load(&plan).expect("it loads")
}

fn fast() -> Cpu<f32> {
    Cpu::<f32>::fast(2).expect("threads")
}

/// The only output of a program of one input, by rows.
fn rows(device: &mut dyn Device, program: &Program, input: &str, rows: HostTensor) -> Vec<f32> {
    let id = load(device, program, 0);
    let out = run_step(device, id, &[(input, &rows)]).expect("it runs").remove(0);
    out.as_f32().expect("floats").to_vec()
}

/// Simpson's rule over 4,000 intervals of [-12, 12].
fn integral(f: impl Fn(f64) -> f64) -> f64 {
    const N: i32 = 4000;
    let h = 24.0 / f64::from(N);
    let weight = |i: i32| if i == 0 || i == N { 1.0 } else { f64::from(2 + 2 * (i % 2)) };
    (0..=N).map(|i| weight(i) * f(-12.0 + h * f64::from(i))).sum::<f64>() * h / 3.0
}

/// D alone, on N(0, 1) as the data and N(1.5, 1) as what is generated: it becomes D* = p / (p + q), and the value of the game
/// -log 4 + 2 JSD(p, q) (Goodfellow et al. 2014, proposition 1 and theorem 1).
#[test]
fn a_discriminator_learns_the_ratio_of_densities() {
    const STEPS: u64 = 3000;
    const BATCH: usize = 512;
    let gan = gan(&[("hidden", "64"), ("layers", "2")], 1);
    let graph = Graph::new("discriminator alone");
    let scope = Scope::new(&graph, Mode::Train).sub("discriminator");
    let real = graph.random("real", Distribution::Normal, [BATCH, 1]);
    let fake = graph.random("fake", Distribution::Normal, [BATCH, 1]) + 1.5;
    let loss = Adversarial::Minimax.critic(&gan.discriminator(&scope, &real), &gan.discriminator(&scope, &fake));
    let adam = Rule::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 };
    let adam = Optimiser::new("", adam, 3e-3).with_schedule(Schedule::LinearToZero { from: 0, until: STEPS });
    adam.update(&[&scope], &loss);
    graph.output("loss", &loss);
    let mut device = fast();
    let id = load(&mut device, &graph.finish().expect("a sound graph"), 0);
    for step in 0..STEPS {
        let scalars = adam.scalars(step, 1.0).into_iter().map(|(name, v)| (name, HostTensor::scalar(v)));
        let inputs: Vec<_> = scalars.chain(random_words(5, step)).collect();
        run_step(&mut device, id, &borrowed(&inputs)).expect("it runs");
    }

    let d_of = |device: &mut dyn Device, x: &[f64]| -> Vec<f64> {
        let x = HostTensor::f32([x.len(), 1], x.iter().map(|&v| v as f32).collect::<Vec<_>>());
        let program = gan.judging(x.shape.dims()[0]).expect("a sound graph");
        rows(device, &program, "x", x).into_iter().map(f64::from).collect()
    };
    let normal = |x: f64, mean: f64| (-0.5 * (x - mean).powi(2)).exp() / TAU.sqrt();
    let (p, q) = (|x: f64| normal(x, 0.0), |x: f64| normal(x, 1.5));
    let best = |x: f64| p(x) / (p(x) + q(x));
    let places: Vec<f64> = (0..=200).map(|i| -3.0 + 7.5 * f64::from(i) / 200.0).collect();
    let learned = d_of(&mut device, &places);
    let error = places.iter().zip(&learned).map(|(&x, d)| (d - best(x)).abs()).fold(0.0, f64::max);
    assert!(error < 0.02, "|D - D*| is up to {error}");

    // The integrals, by a table of D.
    const TABLE: usize = 2401;
    let at = |i: usize| -12.0 + 0.01 * i as f64;
    let table = d_of(&mut device, &(0..TABLE).map(at).collect::<Vec<_>>());
    let d = |x: f64| table[(((x + 12.0) / 0.01).round() as usize).min(TABLE - 1)].clamp(1e-12, 1.0 - 1e-12);
    let value = integral(|x| p(x) * d(x).ln() + q(x) * (1.0 - d(x)).ln());
    let kl = |a: f64, m: f64| if a > 0.0 { a * (a / m).ln() } else { 0.0 };
    let jsd = integral(|x| 0.5 * (kl(p(x), 0.5 * (p(x) + q(x))) + kl(q(x), 0.5 * (p(x) + q(x)))));
    let theory = 2.0 * jsd - 2.0 * LN_2;
    assert!((value - theory).abs() < 0.01, "the value is {value}, in theory {theory}");
    eprintln!("|D - D*| <= {error:.4}; value {value:.4}, in theory {theory:.4}");
}

/// Rows of the ring, standardised as training has them.
fn of_ring(mixture: &Mixture<2>, deviation: f32, n: usize, step: u64) -> HostTensor {
    let mut random = Stream::new(3, Domain::Test, "ring", step as u32);
    let point = |_| {
        let (_, mean, spread) = mixture.components[random.below(8) as usize];
        mean.map(|m| (m + spread * f64::from(random.normal())) as f32 / deviation)
    };
    HostTensor::f32([n, 2], (0..n).flat_map(point).collect::<Vec<_>>())
}

/// The part of 10,000 samples within three deviations of a mode, and the poorest mode's part of the samples.
fn modes(gan: &Gan, steps: u64, batch: usize, seed: u64) -> (f64, f64) {
    const SAMPLES: usize = 10_000;
    let mixture = ring_mixture();
    let deviation = (2.0f32 + 0.02 * 0.02).sqrt();
    let mut device = fast();
    let stages = Stages::new(gan, batch).expect("it builds");
    let id = load(&mut device, stages.program(0), seed);
    for step in 0..steps {
        let fed = vec![("x".to_owned(), of_ring(&mixture, deviation, batch, step))];
        let inputs = stages.inputs(&gan.at(step, 1.0), fed, seed, step);
        run_step(&mut device, id, &borrowed(&inputs)).expect("it runs");
    }
    let z = latent::latents(&gan.parts(), SAMPLES, seed);
    let x = rows(&mut device, &gan.sampling(SAMPLES).expect("a sound graph"), "z", z);
    let nearest = x.chunks_exact(2).map(|x| mixture.nearest([0, 1].map(|c| f64::from(x[c] * deviation))));
    let mut counts = [0.0; 8];
    let near = nearest.filter(|&(_, distance)| distance <= 3.0).map(|(mode, _)| counts[mode] += 1.0).count();
    (near as f64 / SAMPLES as f64, counts.into_iter().fold(f64::INFINITY, f64::min) / SAMPLES as f64)
}

/// With its defaults, the generator finds every mode.
#[test]
fn every_mode_of_a_ring_is_found() {
    let gan = gan(&[], 2);
    let (near, poorest) = modes(&gan, gan.settings().integer("steps"), gan.settings().size("batch"), 0);
    eprintln!("{near:.3} within three deviations, the poorest mode {poorest:.3}");
    assert!(near >= 0.8 && poorest >= 0.05, "{near} within three deviations, the poorest mode {poorest}");
}
