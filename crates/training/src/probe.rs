//! A linear probe: the accuracy of a linear classifier on features.

use std::sync::Arc;

use calotype_graph::{Device, Graph, HostTensor, Init, Layout, PlanOptions, Scope, Type, plan};
use calotype_models::optimisers::{Optimiser, Rule, Schedule};
use calotype_models::{init, losses};

use crate::error::Result;
use crate::fit::planning_profile;
use crate::load::Loader;
use crate::wait;

/// Full-batch steps; the learning rate falls to 0 along a line.
const STEPS: u64 = 400;
const LR: f64 = 0.02;
/// Of half the squared weights.
const L2: f32 = 1e-3;
const ADAM: Rule = Rule::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 };

/// Rows of numbers with their classes.
#[derive(Clone, Debug)]
pub struct Labelled {
    /// [N, F].
    pub x: Vec<f32>,
    /// `[N]`.
    pub labels: Vec<u32>,
}

impl Labelled {
    fn n_features(&self) -> usize {
        self.x.len() / self.labels.len().max(1)
    }
}

/// Accuracies of a probe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Probed {
    pub train: f64,
    pub test: f64,
}

/// Fits multinomial logistic regression to the training rows on the device, every feature standardised by them, and says which
/// part of the training and of the test rows it gets right.
///
/// # Errors
/// What the device says.
pub fn probe(device: &mut dyn Device, loader: Loader, train: &Labelled, test: &Labelled, n_classes: usize) -> Result<Probed> {
    let (n, f) = (train.labels.len(), train.n_features());
    let scale = Scale::of(&train.x, f);
    let graph = Graph::new("linear probe");
    let s = Scope::new(&graph, calotype_graph::Mode::Train);
    let x = graph.state("rows.x", Type::f32([n, f]), Init::Zeros, Layout::Plain, false);
    let labels = graph.state("rows.labels", Type::u32([n]), Init::Zeros, Layout::Plain, false);
    let s = s.sub("probe");
    let w = s.param("weight", [f, n_classes], Init::Zeros, Layout::Linear);
    let b = s.param("bias", [n_classes], Init::Zeros, Layout::Plain);
    let logits = &x.matmul(&w) + &b;
    let loss = losses::cross_entropy(&logits, &labels).mean_all() + w.square().sum_all() * (0.5 * L2);
    let adam = Optimiser::new("", ADAM, LR).with_schedule(Schedule::LinearToZero { from: 0, until: STEPS });
    adam.update(&[&s], &loss);
    graph.output("loss", &loss);
    let plan = Arc::new(plan(&graph.finish()?, &planning_profile(device.profile()), PlanOptions::default())?);
    let id = loader.load(device, &plan)?;
    for spec in &plan.states {
        device.write_state(&spec.name, &init::initial(spec, 0))?;
    }
    device.write_state("rows.x", &HostTensor::f32([n, f], scale.apply(&train.x)))?;
    device.write_state("rows.labels", &HostTensor::u32([n], train.labels.clone()))?;
    for step in 0..STEPS {
        let scalars = adam.scalars(step, 1.0).into_iter().map(|(name, value)| (name, HostTensor::scalar(value)));
        let scalars: Vec<(String, HostTensor)> = scalars.collect();
        let inputs: Vec<(&str, &HostTensor)> = scalars.iter().map(|(name, value)| (name.as_str(), value)).collect();
        let ticket = device.submit(id, &inputs)?;
        wait::outputs(device, ticket)?;
    }
    let weights = wait::states(device, &["probe.weight", "probe.bias"])?;
    device.unload(id);
    for spec in &plan.states {
        device.remove_state(&spec.name)?;
    }
    let part = |n: usize| weights.get(n).and_then(HostTensor::as_f32).unwrap_or_default();
    let accuracy = |rows: &Labelled| accuracy(&scale.apply(&rows.x), &rows.labels, part(0), part(1));
    Ok(Probed { train: accuracy(train), test: accuracy(test) })
}

/// x [N, F], w [F, K], b [K].
fn accuracy(x: &[f32], labels: &[u32], w: &[f32], b: &[f32]) -> f64 {
    let (k, f) = (b.len(), x.len() / labels.len().max(1));
    let right = x.chunks_exact(f.max(1)).zip(labels).filter(|(row, label)| {
        let mut logits = b.to_vec();
        for (v, w) in row.iter().zip(w.chunks_exact(k)) {
            logits.iter_mut().zip(w).for_each(|(l, w)| *l += v * w);
        }
        let best = logits.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map(|(n, _)| n);
        best == Some(**label as usize)
    });
    right.count() as f64 / labels.len().max(1) as f64
}

/// Means and deviations of columns.
struct Scale {
    mean: Vec<f64>,
    deviation: Vec<f64>,
}

impl Scale {
    fn of(x: &[f32], f: usize) -> Self {
        let n = (x.len() / f.max(1)).max(1) as f64;
        let (mut mean, mut square) = (vec![0.0; f], vec![0.0; f]);
        for row in x.chunks_exact(f.max(1)) {
            mean.iter_mut().zip(row).for_each(|(m, &v)| *m += f64::from(v) / n);
        }
        for row in x.chunks_exact(f.max(1)) {
            square.iter_mut().zip(row).zip(&mean).for_each(|((s, &v), m)| *s += (f64::from(v) - m).powi(2) / n);
        }
        // A column that never changes says nothing: it becomes 0.
        let deviation = square.iter().map(|s| if *s > 1e-12 { s.sqrt() } else { f64::INFINITY }).collect();
        Scale { mean, deviation }
    }

    fn apply(&self, x: &[f32]) -> Vec<f32> {
        let columns = self.mean.iter().zip(&self.deviation).cycle();
        x.iter().zip(columns).map(|(&v, (mean, deviation))| ((f64::from(v) - mean) / deviation) as f32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use calotype_graph::philox::{Domain, Stream};

    /// Three classes around the corners of a triangle, a column that says nothing and one that never changes.
    fn rows(n: usize, name: &str) -> Labelled {
        let mut random = Stream::new(1, Domain::Test, name, 0);
        let centres = [[0.0, 0.0], [40.0, 0.0], [0.0, 0.4]];
        let mut all = Labelled { x: vec![], labels: vec![] };
        for row in 0..n {
            let class = row % 3;
            all.labels.push(class as u32);
            all.x.extend([centres[class][0] + 4.0 * random.normal(), centres[class][1] + 0.04 * random.normal()]);
            all.x.extend([random.normal(), 7.0]);
        }
        all
    }

    #[test]
    fn separable_classes_are_found_whatever_their_scale() {
        let mut cpu = calotype_cpu_reference::Cpu::<f32>::plain();
        let probed = probe(&mut cpu, Loader { threads: 1 }, &rows(90, "train"), &rows(60, "test"), 3).expect("it runs");
        assert!(probed.train > 0.99 && probed.test > 0.99, "{probed:?}");
        assert!(cpu.states().is_empty(), "nothing is left behind");
    }

    #[test]
    fn labels_that_have_nothing_to_do_with_the_rows_are_not_found() {
        let mut cpu = calotype_cpu_reference::Cpu::<f32>::plain();
        let mut random = Stream::new(1, Domain::Test, "labels", 0);
        let mut test = rows(300, "test");
        test.labels.iter_mut().for_each(|l| *l = random.word() % 3);
        let probed = probe(&mut cpu, Loader { threads: 1 }, &rows(90, "train"), &test, 3).expect("it runs");
        assert!((0.2..0.47).contains(&probed.test), "{probed:?}");
    }
}
