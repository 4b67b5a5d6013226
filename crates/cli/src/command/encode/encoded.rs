//! What `calotype encode` answers.

use std::fmt::{self, Formatter};

use calotype_training::Examined;
use serde::Serialize;

use super::codes::{AgainstPrior, Classifier, Clusters, KnownRowsProbe};
use super::recognised::Recognised;

/// What is said of features.
#[derive(Serialize)]
pub struct Encoded {
    pub data: String,
    pub n_rows: usize,
    pub n_features: usize,
    /// What was written.
    pub files: Files,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against_prior: Option<AgainstPrior>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classifier: Option<Classifier>,
    /// Of each factor.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub category: Vec<Recognised>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clusters: Option<Clusters>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub known_rows_probes: Vec<KnownRowsProbe>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linear_probe: Option<LinearProbe>,
}

#[derive(Default, Serialize)]
pub struct Files {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub features: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plot: Option<String>,
}

#[derive(Serialize)]
pub struct LinearProbe {
    pub n_classes: usize,
    pub features: Accuracy,
    pub raw_values: Accuracy,
}

#[derive(Serialize)]
pub struct Accuracy {
    pub accuracy: f64,
    pub of_training_rows: f64,
}

impl Encoded {
    /// Nothing found yet.
    pub fn begun(examined: &Examined, n_features: usize) -> Self {
        Encoded {
            data: examined.dataset.name().to_owned(),
            n_rows: examined.rows.rows().len(),
            n_features,
            files: Files::default(),
            against_prior: None,
            classifier: None,
            category: vec![],
            clusters: None,
            known_rows_probes: vec![],
            linear_probe: None,
        }
    }
}

impl fmt::Display for Encoded {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Files { features, rows, plot } = &self.files;
        [features, rows, plot].into_iter().flatten().try_for_each(|path| writeln!(f, "{path}"))?;
        self.against_prior.iter().try_for_each(|found| found.fmt(f))?;
        self.classifier.iter().try_for_each(|found| found.fmt(f))?;
        self.category.iter().try_for_each(|found| found.fmt(f))?;
        self.clusters.iter().try_for_each(|found| found.fmt(f))?;
        self.known_rows_probes.iter().try_for_each(|found| found.fmt(f))?;
        let Some(LinearProbe { n_classes, features, raw_values }) = &self.linear_probe else { return Ok(()) };
        writeln!(f, "linear probe on {}: {n_classes} classes, accuracy on {} rows", self.data, self.n_rows)?;
        for (what, of) in [(format!("{} features", self.n_features), features), ("raw values".to_owned(), raw_values)] {
            writeln!(f, "{what:<16}{:.1} % ({:.1} % of the training rows)", 100.0 * of.accuracy, 100.0 * of.of_training_rows)?;
        }
        Ok(())
    }
}
