//! Whether the drawings of a run show what their captions say, on the CPU:
//! `cargo run --release -p calotype-training --example drawings -- RUN`.
//!
//! Of data with factors (`shapes`), each factor is named by a classifier that learned from real training rows. A drawing is made of one
//! caption of each of many rows: of the training split, whose combinations the model has seen, and of the test split, which holds those that
//! it has not. How often the classifier sees what the caption says, beside how often it is right of the rows themselves, beside chance, and
//! beside drawings of captions that were dealt out anew. And how often the image encoder finds the right one of 64 images for a caption.

use std::path::Path;
use std::sync::Arc;

use calotype_cpu_reference::Cpu;
use calotype_data::{Batches, Captions, Dataset, Encoding, Evaluation, Factor, Preparation, Prepared, Split};
use calotype_graph::{Device, PlanOptions, Program, plan};
use calotype_models::{Values, latent};
use calotype_training::evaluate::mixed;
use calotype_training::{
    Choice, Classifier, DrawingPlans, Drawings, Examined, Lessons, Loader, Result, RowProgram, RunFolder, TrainingError, Which,
    choose, default_threads, planning_profile, write_states_of_run,
};

const BATCH: usize = 64;
/// Steps of a classifier.
const STEPS: u64 = 2000;
/// Captions of each split, at most.
const MOST: usize = 1600;
/// Images among which a caption finds its own.
const AMONG: usize = 64;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [run] = args.as_slice() else {
        eprintln!("usage: drawings RUN");
        std::process::exit(2);
    };
    let (folder, config) = RunFolder::open(Path::new(run))?;
    let model = config.model()?;
    let restored = choose(&folder, &config.identity(), Choice::default())?;
    let mut device = Cpu::<f32>::fast(default_threads())?;
    let loader = Loader { threads: default_threads() };
    let refused = |what: &str| Err(TrainingError::Contradiction(format!("{}: {what}", config.model)));
    let Some(text) = model.text() else { return refused("draws nothing from text") };
    let profile = planning_profile(device.profile());
    let planned = |program: &Program| Ok::<_, TrainingError>(Arc::new(plan(program, &profile, PlanOptions::default())?));
    let plans = DrawingPlans::new(text, BATCH, planned)?;
    let programs = Drawings::load(&mut device, &plans, loader)?;
    let Some(features) = model.features(BATCH) else { return refused("it has no features") };
    let seeing = planned(&features?)?;
    let seen = RowProgram::load(&mut device, &seeing, loader, 0)?;
    for plan in plans.all().into_iter().chain([&seeing]) {
        write_states_of_run(&mut device, model.as_ref(), &config, &restored, plan)?;
    }
    println!("{run}, step {}", restored.checkpoint.step);
    let examined = Examined::open(&config, model.as_ref(), &Which { split: Some(Split::All), ..Which::default() })?;
    let dataset = &examined.dataset;
    let Some(captions) = dataset.captions() else { return refused("its data have no captions") };
    let rows = |split| Ok::<_, TrainingError>(spaced(&dataset.rows(split)?, MOST));
    let (train, test) = (rows(Split::Train)?, if dataset.has_splits() { rows(Split::Test)? } else { vec![] });
    for (name, rows) in [("seen", &train), ("held out", &test)] {
        if rows.len() >= AMONG {
            println!("{name}: {}", retrieval(&mut device, (&programs, &seen), captions, &examined.rows, rows)?);
        }
    }
    let factors: Vec<&Factor> = dataset.factors().iter().filter(|f| (2..=64).contains(&f.values.len())).collect();
    let mut classifiers = vec![];
    for factor in &factors {
        classifiers.push(classifier(&mut device, loader, dataset, factor, &config.data.preparation)?);
    }
    println!(
        "{:<38} {}  all",
        "agreement with the caption",
        factors.iter().map(|f| format!("{:>8}", f.name)).collect::<String>()
    );
    let chance: Vec<f64> = factors.iter().map(|f| 1.0 / f.values.len() as f64).collect();
    line("chance", &chance, chance.iter().product());
    let z = |n: usize| latent::latents(&text.parts(), n, 1).as_f32().unwrap_or_default().to_vec();
    for (name, rows) in [("seen", &train), ("held out", &test)] {
        let dealt: Vec<u32> = (0..rows.len()).map(|n| rows[(n * 7919 + 1) % rows.len()]).collect();
        let mut images = |of: &[u32]| -> Result<Vec<f32>> {
            // Each phrase in its turn.
            let sentences: Vec<&str> = of.iter().enumerate().map(|(n, &row)| phrase(captions, row, n)).collect();
            let embeddings = programs.read(&mut device, &sentences)?;
            programs.draw(&mut device, &embeddings, &z(of.len()), of.len())
        };
        let (drawn, permuted) = (images(rows)?, images(&dealt)?);
        let real: Vec<f32> = rows.iter().flat_map(|&row| examined.rows.row(row)).map(|v| 0.5 * v + 0.5).collect();
        for (what, images) in [("real rows", &real), ("drawings", &drawn), ("drawings of captions dealt out anew", &permuted)] {
            let signed: Vec<f32> = images.iter().map(|v| 2.0 * v - 1.0).collect();
            let mut right = vec![vec![]; rows.len()];
            for (factor, classifier) in factors.iter().zip(&classifiers) {
                let found = classifier.classes(&mut device, &signed)?;
                for ((row, found), right) in rows.iter().zip(found).zip(&mut right) {
                    right.push(factor.of_row[*row as usize] == found);
                }
            }
            let part =
                |of: &dyn Fn(&[bool]) -> bool| right.iter().filter(|right| of(right)).count() as f64 / rows.len().max(1) as f64;
            let each: Vec<f64> = (0..factors.len()).map(|at| part(&|right| right[at])).collect();
            line(&format!("{name}, {what}"), &each, part(&|right| right.iter().all(|right| *right)));
        }
    }
    Ok(())
}

fn line(name: &str, each: &[f64], all: f64) {
    println!("{name:<48} {}  {all:.3}", each.iter().map(|v| format!("{v:>8.3}")).collect::<String>());
}

/// At most `most` of them, evenly spaced.
fn spaced(rows: &[u32], most: usize) -> Vec<u32> {
    let n = rows.len().min(most);
    (0..n).map(|i| rows[i * rows.len() / n.max(1)]).collect()
}

/// A caption of a row, the `n`th in turn.
fn phrase(captions: &Captions, row: u32, n: usize) -> &str {
    let count = captions.numbers(row).len();
    captions.of(row).nth(n % count.max(1)).unwrap_or_default()
}

/// How often the best of [`AMONG`] images for a caption is one that says the same.
fn retrieval(
    device: &mut dyn Device,
    (programs, seen): (&Drawings, &RowProgram),
    captions: &Captions,
    all: &Evaluation,
    rows: &[u32],
) -> Result<String> {
    let (mut right, mut n) = (0, 0);
    for of in mixed(rows.to_vec(), 0).chunks_exact(AMONG) {
        let images: Vec<f32> = of.iter().flat_map(|&row| all.row(row)).collect();
        let sentences: Vec<&str> = of.iter().enumerate().map(|(n, &row)| phrase(captions, row, n)).collect();
        let (v, t) = (seen.all(device, &images)?, programs.read(device, &sentences)?);
        let e = t.len() / AMONG;
        for (row, t) in of.iter().zip(t.chunks_exact(e)) {
            let score = |v: &[f32]| v.iter().zip(t).map(|(a, b)| a * b).sum::<f32>();
            let best = v.chunks_exact(e).map(score).enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(at, _)| at);
            right += usize::from(captions.meaning(of[best]) == captions.meaning(*row));
            n += 1;
        }
    }
    Ok(format!(
        "the best of {AMONG} images for a caption is right {:.3} of the time ({n} captions)",
        right as f64 / f64::from(n.max(1) as u32)
    ))
}

/// Of one factor, from real training rows.
fn classifier(
    device: &mut dyn Device,
    loader: Loader,
    dataset: &Dataset,
    factor: &Factor,
    preparation: &Preparation,
) -> Result<Classifier> {
    let images = Dataset::new(dataset.name(), dataset.shape(), dataset.values().clone())?;
    let labelled = images.with_labels(factor.of_row.clone(), factor.values.clone(), dataset.name())?;
    let prepared =
        Arc::new(Prepared::new(&labelled, &Preparation { encoding: Encoding::Signed, flips: false, ..preparation.clone() })?);
    let batches = Batches::new(prepared, dataset.rows(Split::Train)?, BATCH, 0)?;
    let n_classes = factor.values.len();
    let lessons = Lessons { name: &factor.name, batches: &batches, values: Values::Signed, n_classes, steps: STEPS };
    Classifier::train(device, loader, &lessons)
}
