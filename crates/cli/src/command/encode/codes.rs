//! What `encode` says of codes: how near they are to the prior that was imposed on them, and what their categories know of classes.

use std::fmt::Write as _;

use anyhow::Result;
use calotype_models::Codes;
use calotype_training::{Examined, Labelled, error_rate, known_of_run, most_probable, named_clusters, two_sample};

use super::{labelled, values};
use crate::session::Session;

/// Codes that are held against the prior, at most: the distance costs their number times its logarithm.
const COMPARED: usize = 1000;

/// The first `z` of each row of `n_features`.
fn columns(features: &[f32], n_features: usize, from: usize, to: usize) -> Vec<f32> {
    features.chunks_exact(n_features.max(1)).flat_map(|row| &row[from..to]).copied().collect()
}

/// The line that holds codes against their prior.
pub fn against_prior(codes: &Codes, features: &[f32], n_features: usize, seed: u64) -> String {
    let z = columns(features, n_features, 0, codes.z);
    let found = two_sample(&z, &codes.prior, codes.z, COMPARED, seed);
    format!(
        "codes against the prior: sliced Wasserstein {:.4}, floor {:.4} ({:.2} times; {} codes against as many draws)\n",
        found.distance,
        found.floor,
        found.ratio(),
        found.n
    )
}

/// The line of the classifier that a few known rows taught.
pub fn classified(codes: &Codes, features: &[f32], n_features: usize, labels: &[u32]) -> Option<String> {
    let known = codes.known?;
    let said = said(codes, features, n_features);
    let error = 100.0 * error_rate(&said, labels);
    Some(format!("classifier taught by {} labels: error {error:.2} % of {} rows\n", known.of, labels.len()))
}

/// The line of clusters, each named by the class that is most common in it among the training rows.
pub fn clustered(codes: &Codes, train: &Labelled, test: &Labelled, n_features: usize, n_classes: usize) -> Option<String> {
    if codes.n_categories == 0 || codes.known.is_some() {
        return None;
    }
    let clusters = |rows: &Labelled| said(codes, &rows.x, n_features);
    let names = named_clusters(&clusters(train), &train.labels, codes.n_categories, n_classes);
    let classes: Vec<u32> = clusters(test).iter().map(|&c| names[c as usize]).collect();
    let error = 100.0 * error_rate(&classes, &test.labels);
    Some(format!(
        "{} clusters, named by the training rows: error {error:.2} % of {} rows\n",
        codes.n_categories,
        test.labels.len()
    ))
}

fn said(codes: &Codes, features: &[f32], n_features: usize) -> Vec<u32> {
    let probabilities = columns(features, n_features, codes.z, codes.z + codes.n_categories);
    most_probable(&probabilities, codes.n_categories)
}

/// Lines of linear probes by the same few known rows, of features and of raw values: what the classifier is to be held against.
/// None where the model was told no classes, or of all rows.
///
/// # Errors
/// What the device says.
pub fn probes_by_known_rows(
    session: &mut Session,
    codes: &Codes,
    (train, test): (&Examined, &Examined),
    [by_features, test_features]: [&Labelled; 2],
) -> Result<Option<String>> {
    let Some(known) = codes.known else { return Ok(None) };
    let rows = known_of_run(&session.used.config, &train.dataset, known)?;
    let n_classes = train.dataset.class_names().len();
    let mut text = String::new();
    let by_values = [labelled(train, values(&train.rows)), labelled(test, values(&test.rows))];
    for (what, train_rows, test_rows) in [("features", by_features, test_features), ("raw values", &by_values[0], &by_values[1])]
    {
        let probed = session.probe(&only(train, train_rows, &rows), test_rows, n_classes)?;
        let error = 100.0 * (1.0 - probed.test);
        let _ = writeln!(text, "linear probe of {what} taught by the same {} labels: error {error:.2} %", known.of);
    }
    Ok(Some(text))
}

/// The rows among all of `examined` whose numbers in the data set are given.
fn only(examined: &Examined, all: &Labelled, rows: &[u32]) -> Labelled {
    let f = all.x.len() / all.labels.len().max(1);
    let places = examined.rows.rows().iter().enumerate().filter(|(_, row)| rows.contains(row)).map(|(at, _)| at);
    let mut chosen = Labelled { x: vec![], labels: vec![] };
    for at in places {
        chosen.x.extend_from_slice(&all.x[at * f..][..f]);
        chosen.labels.push(all.labels[at]);
    }
    chosen
}
