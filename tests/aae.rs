//! The codes of an adversarial auto-encoder follow its prior, whatever it is: two-sample tests on the digits, on the CPU.
//!
//! Held against the floor, what two sets of draws of the prior are apart. Each model is trained for some seconds.

use std::sync::Arc;

use calotype_data::{Dataset, Evaluation, Options, Split, open, write_npy};
use calotype_graph::{Device, PlanOptions, plan};
use calotype_models::feeds::borrowed;
use calotype_models::{Stages, init};
use calotype_parity::run_step;
use calotype_tests::{On, with};
use calotype_training::{Encoder, Loader, Material, RowProgram, Rows, SCORE_BATCH, Wanted, drawn, prepare, two_sample};

/// Codes and draws that are compared.
const N: usize = 1000;
const SEEDS: [u64; 3] = [1, 2, 3];
const STEPS: u64 = 3000;

type Set<'a> = &'a [(&'a str, &'a str)];

/// Codes of the digits' training and test rows, [N, Z] each, after training.
fn codes(set: Set, seed: u64, steps: u64) -> (Material, [Vec<f32>; 2]) {
    let set = set.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let wanted = Wanted { model: "aae".into(), data: Some("digits".into()), set, seed, ..Wanted::default() };
    let material = Material::open(&wanted).expect("valid settings");
    let codes = with(On::Fast, |device| {
        train(&material, device, seed, steps);
        let digits = open("digits", &Options::default()).expect("bundled data");
        [Split::Train, Split::Test].map(|split| encoded(&material, &digits, device, split))
    });
    (material, codes)
}

fn train(material: &Material, device: &mut dyn Device, seed: u64, steps: u64) {
    let Rows::Steps { feeder, .. } = material.rows_to_learn().expect("rows") else { panic!("it learns by steps") };
    let descent = material.model.learning().descent().expect("steps");
    let stages = Stages::new(descent, material.model.batch()).expect("it builds");
    let plan = Arc::new(plan(stages.program(0), device.profile(), PlanOptions::default()).expect("it fits"));
    for spec in &plan.states {
        device.write_state(&spec.name, &init::initial(spec, seed)).expect("a state");
    }
    let id = device.load(&plan).expect("it loads");
    for step in 0..steps {
        let inputs = stages.inputs(&descent.at(step, 1.0), feeder.feed(step), seed, step);
        run_step(device, id, &borrowed(&inputs)).expect("it runs");
    }
    device.unload(id);
}

fn encoded(material: &Material, digits: &Dataset, device: &mut dyn Device, split: Split) -> Vec<f32> {
    let prepared = Arc::new(prepare(digits, &material.data).expect("the run's own data"));
    let rows = Evaluation::new(prepared, digits.rows(split).expect("rows"), SCORE_BATCH, 0).expect("rows");
    let program = material.model.features(SCORE_BATCH).expect("codes").expect("it builds");
    let plan = Arc::new(plan(&program, device.profile(), PlanOptions::default()).expect("it fits"));
    let program = RowProgram::load(device, &plan, Loader { threads: 1 }, 0).expect("it loads");
    Encoder::new(program).features(device, &rows).expect("it runs")
}

/// How far codes of training rows are from the prior, in floors.
fn floors(material: &Material, train: &[f32], seed: u64) -> f64 {
    let facet = material.model.codes().expect("a prior");
    let found = two_sample(train, &facet.prior, facet.z, N, seed);
    assert_eq!(found.n, N);
    eprintln!("seed {seed}: {found:?}, {:.2} floors", found.ratio());
    found.ratio()
}

/// Within twice the floor, the mean over the seeds; and not at all with no weight on the adversarial loss. The codes of test rows of
/// each seed, and their width.
fn follows(prior: &str, settings: Set) -> (Vec<Vec<f32>>, usize) {
    let with = |weight| [&[("prior", prior), ("adversarial", weight)], settings].concat();
    let runs: Vec<_> = SEEDS.iter().map(|&seed| codes(&with("1"), seed, STEPS)).collect();
    let mean = runs.iter().zip(SEEDS).map(|((material, [train, _]), seed)| floors(material, train, seed)).sum::<f64>() / 3.0;
    assert!(mean < 2.0, "{prior}: {mean} floors");
    let (material, [train, _]) = codes(&with("0"), SEEDS[0], STEPS / 5);
    let alone = floors(&material, &train, SEEDS[0]);
    assert!(alone > 4.0, "{prior}, weight 0: {alone} floors");
    let z = material.model.codes().expect("a prior").z;
    (runs.into_iter().map(|(_, [_, test])| test).collect(), z)
}

/// Narrow networks that are done in [`STEPS`]. A prior in the plane, into which eight dimensions' worth of digits must be folded, takes
/// larger steps of the adversaries.
const IN_THE_PLANE: Set = &[("hidden", "128"), ("lr", "0.005"), ("lr_adversarial", "0.3"), ("gamma", "0.1"), ("lr_drop", "1800")];
const IN_EIGHT: Set = &[("hidden", "128"), ("lr_drop", "1800")];

#[test]
fn codes_follow_the_ring() {
    follows("ring", IN_THE_PLANE);
}

#[test]
fn codes_follow_the_swiss_roll() {
    follows("swiss-roll", IN_THE_PLANE);
}

/// An L of two uniform rectangles, as a file of samples.
#[test]
fn codes_follow_samples_of_any_kind() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("samples.npy");
    let uniform = drawn(&calotype_models::Prior::Gaussian { deviation: 1.0 }, 4000, 3, 5, 0);
    let samples: Vec<f32> = uniform
        .chunks_exact(3)
        .flat_map(|v| {
            let [a, b] = [v[0], v[1]].map(|v| 2.0 * (v.sin() * 0.5 + 0.5));
            if v[2] < 0.0 { [a - 1.5, 0.3 * b - 1.5] } else { [0.3 * a - 1.5, b - 1.5] }
        })
        .collect();
    write_npy(&path, &[4000, 2], &samples).expect("it is written");
    follows(path.to_str().expect("a path in UTF-8"), IN_THE_PLANE);
}

/// Mean and variance of each latent of codes [N, Z].
fn moments(codes: &[f32], z: usize) -> Vec<(f64, f64)> {
    let n = (codes.len() / z) as f64;
    let of = |latent: usize| {
        let column = || codes.iter().skip(latent).step_by(z).map(|&v| f64::from(v));
        let mean = column().sum::<f64>() / n;
        (mean, column().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0))
    };
    (0..z).map(of).collect()
}

/// In eight dimensions; every latent of rows that it never saw is centred and of the right size, for two seeds of three at least: the
/// mean of 359 draws of the prior itself lies outside ±0.15 for one latent in two hundred.
#[test]
fn codes_follow_the_gaussian_and_test_rows_do_too() {
    let (test, z) = follows("gaussian", IN_EIGHT);
    let all: Vec<Vec<(f64, f64)>> = test.iter().map(|codes| moments(codes, z)).collect();
    let good =
        |of_seed: &&Vec<(f64, f64)>| of_seed.iter().all(|(mean, variance)| mean.abs() < 0.15 && (0.7..1.3).contains(variance));
    assert!(all.iter().filter(good).count() >= 2, "mean and variance of each latent, by seed: {all:.3?}");
}
