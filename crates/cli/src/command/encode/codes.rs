//! What `encode` says of codes: how near they are to the prior that was imposed on them, and what their categories know of classes.

use std::fmt::{self, Formatter};

use anyhow::Result;
use calotype_models::Codes;
use calotype_training::{Examined, Labelled, error_rate, known_of_run, most_probable, named_clusters, two_sample};
use serde::Serialize;

use super::{labelled, values};
use crate::session::Session;

/// Codes that are held against the prior, at most: the distance costs their number times its logarithm.
const COMPARED: usize = 1000;

/// The first `z` of each row of `n_features`.
fn columns(features: &[f32], n_features: usize, from: usize, to: usize) -> Vec<f32> {
    features.chunks_exact(n_features.max(1)).flat_map(|row| &row[from..to]).copied().collect()
}

/// Codes held against their prior.
#[derive(Serialize)]
pub struct AgainstPrior {
    sliced_wasserstein: f64,
    floor: f64,
    ratio: f64,
    n_codes: usize,
}

pub fn against_prior(codes: &Codes, features: &[f32], n_features: usize, seed: u64) -> AgainstPrior {
    let z = columns(features, n_features, 0, codes.z);
    let found = two_sample(&z, &codes.prior, codes.z, COMPARED, seed);
    AgainstPrior { sliced_wasserstein: found.distance, floor: found.floor, ratio: found.ratio(), n_codes: found.n }
}

impl fmt::Display for AgainstPrior {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let AgainstPrior { sliced_wasserstein, floor, ratio, n_codes } = self;
        writeln!(
            f,
            "codes against the prior: sliced Wasserstein {sliced_wasserstein:.4}, floor {floor:.4} ({ratio:.2} times; {n_codes} codes \
             against as many draws)"
        )
    }
}

/// The classifier that a few known rows taught.
#[derive(Serialize)]
pub struct Classifier {
    n_labels: usize,
    error: f64,
    n_rows: usize,
}

pub fn classifier(codes: &Codes, features: &[f32], n_features: usize, labels: &[u32]) -> Option<Classifier> {
    let known = codes.known?;
    let error = error_rate(&said(codes, features, n_features), labels);
    Some(Classifier { n_labels: known.of, error, n_rows: labels.len() })
}

impl fmt::Display for Classifier {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Classifier { n_labels, error, n_rows } = self;
        writeln!(f, "classifier taught by {n_labels} labels: error {:.2} % of {n_rows} rows", 100.0 * error)
    }
}

/// Clusters, each named by the class that is most common in it among the training rows.
#[derive(Serialize)]
pub struct Clusters {
    n_clusters: usize,
    error: f64,
    n_rows: usize,
}

pub fn clusters(codes: &Codes, train: &Labelled, test: &Labelled, n_features: usize, n_classes: usize) -> Option<Clusters> {
    if codes.n_categories == 0 || codes.known.is_some() {
        return None;
    }
    let clusters = |rows: &Labelled| said(codes, &rows.x, n_features);
    let names = named_clusters(&clusters(train), &train.labels, codes.n_categories, n_classes);
    let classes: Vec<u32> = clusters(test).iter().map(|&c| names[c as usize]).collect();
    let error = error_rate(&classes, &test.labels);
    Some(Clusters { n_clusters: codes.n_categories, error, n_rows: test.labels.len() })
}

impl fmt::Display for Clusters {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Clusters { n_clusters, error, n_rows } = self;
        writeln!(f, "{n_clusters} clusters, named by the training rows: error {:.2} % of {n_rows} rows", 100.0 * error)
    }
}

fn said(codes: &Codes, features: &[f32], n_features: usize) -> Vec<u32> {
    let probabilities = columns(features, n_features, codes.z, codes.z + codes.n_categories);
    most_probable(&probabilities, codes.n_categories)
}

/// A linear probe by the same few known rows: what the classifier is to be held against.
#[derive(Serialize)]
pub struct KnownRowsProbe {
    of: &'static str,
    n_labels: usize,
    error: f64,
}

/// Of features and of raw values. None where the model was told no classes, or of all rows.
///
/// # Errors
/// What the device says.
pub fn probes_by_known_rows(
    session: &mut Session,
    codes: &Codes,
    (train, test): (&Examined, &Examined),
    [by_features, test_features]: [&Labelled; 2],
) -> Result<Vec<KnownRowsProbe>> {
    let Some(known) = codes.known else { return Ok(vec![]) };
    let rows = known_of_run(&session.used.config, &train.dataset, known)?;
    let n_classes = train.dataset.class_names().len();
    let by_values = [labelled(train, values(&train.rows)), labelled(test, values(&test.rows))];
    let of_each = [("features", by_features, test_features), ("raw values", &by_values[0], &by_values[1])];
    let probe = |(of, train_rows, test_rows)| {
        let probed = session.probe(&only(train, train_rows, &rows), test_rows, n_classes)?;
        Ok(KnownRowsProbe { of, n_labels: known.of, error: 1.0 - probed.test })
    };
    of_each.into_iter().map(probe).collect()
}

impl fmt::Display for KnownRowsProbe {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let KnownRowsProbe { of, n_labels, error } = self;
        writeln!(f, "linear probe of {of} taught by the same {n_labels} labels: error {:.2} %", 100.0 * error)
    }
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
