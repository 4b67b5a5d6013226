//! What the translations of a run's test rows are like, on the CPU: `cargo run --release -p calotype-training --example translations -- RUN`.
//!
//! Between data sets whose rows are known pairs (two vendors' emoji, which training does not pair): the mean absolute difference from the
//! hidden partner and the sliced Wasserstein distance from the other set, beside those of doing nothing; and the difference of what is
//! translated there and back. Between attributes: how often a classifier that learned from real training rows sees the one that was asked
//! for, beside how often it is right of real test rows; the difference from the true row where it is known, beside doing nothing; and the
//! difference of what is translated to an attribute and back to its own.

use std::path::Path;
use std::sync::Arc;

use calotype_cpu_reference::Cpu;
use calotype_data::{Batches, Dataset, DatasetSpec, Encoding, Evaluation, Preparation, Prepared, Split};
use calotype_graph::Device;
use calotype_models::{Domains, Model, Role, Values, Way};
use calotype_training::{
    Attributed, Choice, Classifier, Examined, Lessons, Loader, Reference, Result, RunConfig, RunFolder, TrainingError,
    TranslationPlans, Translations, Which, choose, default_threads, planning_profile, signed, write_states_of_run,
};

const BATCH: usize = 16;
/// Steps of the classifier, and the rows of one.
const STEPS: u64 = 2000;
const CLASSIFIED: usize = 64;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [run] = args.as_slice() else {
        eprintln!("usage: translations RUN");
        std::process::exit(2);
    };
    let (folder, config) = RunFolder::open(Path::new(run))?;
    let model = config.model()?;
    let restored = choose(&folder, &config.identity(), Choice::default())?;
    let mut device = Cpu::<f32>::fast(default_threads())?;
    let loader = Loader { threads: default_threads() };
    let (Some(translator), &[h, w, _]) = (model.translator(), model.shape()) else {
        return Err(TrainingError::Contradiction(format!("{} translates no images", config.model)));
    };
    let plans = TranslationPlans::new(translator, BATCH, [h, w], &planning_profile(device.profile()))?;
    let programs = Translations::load(&mut device, &plans, loader)?;
    for plan in plans.all() {
        write_states_of_run(&mut device, model.as_ref(), &config, &restored, plan)?;
    }
    println!("{run}, step {}", restored.checkpoint.step);
    match translator.domains() {
        Domains::Roles => sides(&mut device, &programs, &config, model.as_ref()),
        Domains::Attributes(_) => attributes(&mut device, loader, &programs, &config, model.as_ref()),
    }
}

/// Test rows of a data set as the model takes them, and what they are known by.
fn test_rows(dataset: &Dataset, preparation: &Preparation) -> Result<(Vec<f32>, Vec<String>)> {
    let rows = dataset.rows(dataset.default_evaluation_split())?;
    let all = Evaluation::new(Arc::new(Prepared::new(dataset, preparation)?), rows.clone(), BATCH, 0)?;
    let captions = dataset.captions().map_or_else(Vec::new, |all| rows.iter().map(|&row| all.first(row).to_owned()).collect());
    Ok((rows.iter().flat_map(|&row| all.row(row)).collect(), captions))
}

fn sides(device: &mut dyn Device, programs: &Translations, config: &RunConfig, model: &dyn Model) -> Result<()> {
    let Some(second) = &config.data_b else { return Ok(()) };
    let open = |data: &calotype_training::DataConfig| -> Result<_> {
        test_rows(&DatasetSpec::parse(&data.name)?.open(&data.opening())?, &config.data.preparation)
    };
    let ((a, of_a), (b, of_b)) = (open(&config.data)?, open(second)?);
    let paired = !of_a.is_empty() && of_a == of_b;
    for (from, to, role) in [(&a, &b, Role::B), (&b, &a, Role::A)] {
        let there = programs.translate(device, Way::To(role), from, &[])?;
        let back = programs.translate(device, Way::To(role.other()), &signed(&there), &[])?;
        println!("to {}:", role.name());
        if paired {
            println!("  L1 to the hidden partner {:.4}; doing nothing {:.4}", l1(&unit(to), &there), l1(&unit(to), &unit(from)));
        }
        println!("  L1 of there and back {:.4}", l1(&unit(from), &back));
        let reference = Reference::new(&unit(to), model.shape(), 0);
        let n = to.len().min(from.len());
        println!("  sliced Wasserstein x 1000 {}", reference.distances(&there[..n]));
        println!("    doing nothing           {}", reference.distances(&unit(from)[..n]));
    }
    Ok(())
}

fn attributes(
    device: &mut dyn Device,
    loader: Loader,
    programs: &Translations,
    config: &RunConfig,
    model: &dyn Model,
) -> Result<()> {
    let test = Examined::open(config, model, &Which { split: Some(Split::Test), ..Which::default() })?;
    let dataset = &test.dataset;
    let told = Attributed::new(dataset, model.settings().word("attributes"))?;
    let rows: Vec<u32> = test.rows.rows().iter().copied().filter(|&row| told.of_row(row).is_some()).collect();
    let images: Vec<f32> = rows.iter().flat_map(|&row| test.rows.row(row)).collect();
    let (own, n_values) = (told.vectors(&rows), model.shape().iter().product::<usize>());
    for (at, attribute) in told.attributes.0.iter().enumerate() {
        // A classifier of this attribute alone.
        let of_row = |row: u32| told.of_row(row).map_or(0, |values| values[at]);
        let labels: Vec<u32> = (0..dataset.n_rows() as u32).map(of_row).collect();
        let (k, named) = (attribute.n_values(), (0..attribute.n_values()).map(|v| attribute.describe(v)).collect());
        let images_only = Dataset::new(dataset.name(), dataset.shape(), dataset.values().clone())?;
        let labelled = images_only.with_labels(labels.clone(), named, dataset.name())?;
        let prepared =
            Arc::new(Prepared::new(&labelled, &Preparation { encoding: Encoding::Signed, ..config.data.preparation.clone() })?);
        let mut learned = dataset.rows(Split::Train)?;
        learned.retain(|&row| told.of_row(row).is_some());
        let batches = Batches::new(prepared, learned, CLASSIFIED, 0)?;
        let lessons =
            Lessons { name: &attribute.name, batches: &batches, values: Values::Signed, n_classes: k as usize, steps: STEPS };
        let classifier = Classifier::train(device, loader, &lessons)?;
        let right = |found: &[u32], wanted: &dyn Fn(usize) -> u32| {
            found.iter().enumerate().filter(|(n, v)| **v == wanted(*n)).count() as f64 / found.len().max(1) as f64
        };
        let found = classifier.classes(device, &images)?;
        println!(
            "{attribute}: {} test rows, of which a classifier sees {:.3} rightly",
            rows.len(),
            right(&found, &|n| labels[rows[n] as usize])
        );
        let (mut seen, mut l1s, mut nothing, mut back_l1) = (vec![], vec![], vec![], vec![]);
        for value in 0..k {
            let mut domains = own.clone();
            domains.chunks_exact_mut(told.attributes.width()).for_each(|v| told.attributes.change(v, &[(at, value)]));
            let made = programs.translate(device, Way::ToAttributes, &images, &domains)?;
            let back = programs.translate(device, Way::ToAttributes, &signed(&made), &own)?;
            back_l1.push(l1(&unit(&images), &back));
            let accuracy = right(&classifier.classes(device, &signed(&made))?, &|_| value);
            seen.push(accuracy);
            let mut line = format!("  to {:<14} seen as it {accuracy:.3}", attribute.describe(value));
            let twin = |row: u32| told.factor((at, value)).and_then(|(factor, value)| dataset.twin(row, factor, value));
            let known: Vec<(usize, u32)> = rows
                .iter()
                .enumerate()
                .filter_map(|(n, &row)| Some((n, twin(row)?)))
                .filter(|(n, twin)| rows[*n] != *twin)
                .collect();
            if !known.is_empty() {
                let of = |all: &[f32], n: usize| all[n * n_values..][..n_values].to_vec();
                let truth: Vec<f32> = known.iter().flat_map(|&(_, twin)| test.rows.row(twin)).collect();
                let (made, same): (Vec<_>, Vec<_>) = known.iter().map(|&(n, _)| (of(&made, n), of(&images, n))).unzip();
                l1s.push(l1(&unit(&truth), &made.concat()));
                nothing.push(l1(&unit(&truth), &unit(&same.concat())));
                line +=
                    &format!("; L1 to the true row {:.4}, doing nothing {:.4}", l1s[l1s.len() - 1], nothing[nothing.len() - 1]);
            }
            println!("{line}");
        }
        let mean = |all: &[f64]| all.iter().sum::<f64>() / all.len().max(1) as f64;
        println!(
            "  all: seen as asked {:.3}; L1 {:.4}, doing nothing {:.4}; there and back {:.4}",
            mean(&seen),
            mean(&l1s),
            mean(&nothing),
            mean(&back_l1)
        );
    }
    Ok(())
}

/// -1 to 1 becomes 0 to 1.
fn unit(rows: &[f32]) -> Vec<f32> {
    rows.iter().map(|v| 0.5 * v + 0.5).collect()
}

/// Mean absolute difference.
fn l1(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs())).sum::<f64>() / a.len().max(1) as f64
}
