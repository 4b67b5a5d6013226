//! What the examples share: times of kernels, and a model from a few settings.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use calotype_graph::Plan;
use calotype_models::{DataShape, Model, Preset, find};

pub type Outcome<T> = Result<T, Box<dyn Error>>;

/// A pixel model of the paper preset for binary images of 28x28 pixels, changed by `key=value`s.
pub fn model(name: &str, given: &[String]) -> Outcome<Arc<dyn Model>> {
    let given: BTreeMap<String, String> =
        given.iter().filter_map(|s| s.split_once('=')).map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let data = DataShape { shape: vec![28, 28, 1], levels: None, n_train: 9000, ..DataShape::default() };
    Ok(find(name)?.build(Preset::PAPER, &given, &data)?)
}

pub fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

/// Prints where the time goes: kernels of one stem and shape together, slowest first. `runs` has the seconds of every step in
/// every run; the fastest counts.
pub fn by_kernel(plan: &Plan, runs: &[Vec<f64>]) {
    let fastest = |k: usize| runs.iter().map(|r| r[k]).fold(f64::INFINITY, f64::min);
    let mut sums: BTreeMap<String, (usize, f64, u64)> = BTreeMap::new();
    for (k, step) in plan.steps.iter().enumerate() {
        let read = step.reads.first().map_or_else(String::new, |r| r.ty.shape.to_string());
        let sum = sums.entry(format!("{} {} <- {read}", step.stem(), step.writes[0].ty.shape)).or_default();
        *sum = (sum.0 + 1, sum.1 + fastest(k), sum.2 + step.flops);
    }
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_by(|a, b| b.1.1.total_cmp(&a.1.1));
    for (key, (n, s, flops)) in sums.iter().take(24) {
        println!("  {:9.1} us {:6.1} GFLOP/s {n:4} x {key}", s * 1e6, *flops as f64 / s * 1e-9);
    }
}
