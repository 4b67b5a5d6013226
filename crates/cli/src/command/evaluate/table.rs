//! The table of figures, and the same as JSON.

use std::fmt;

use calotype_training::evaluate::{Better, Estimate, Figure};
use calotype_training::{Against, HeldBack, grouped};
use serde::{Deserialize, Serialize};

use crate::args::EvaluateArgs;
use crate::used::Used;

/// What `evaluation.json` holds.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    pub run: String,
    pub model: String,
    pub data: String,
    /// Of the checkpoint.
    pub step: u64,
    /// Where the samples come from that are not the model's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub samples_from: Option<String>,
    pub n: usize,
    pub held_out: String,
    pub seed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub features: Option<FeaturesOf>,
    pub figures: Vec<Figure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub likelihood: Option<Likelihood>,
    pub verdicts: Vec<String>,
}

/// What features come from.
#[derive(Debug, Serialize, Deserialize)]
pub struct FeaturesOf {
    /// In words.
    pub network: String,
    /// Of its weights.
    pub sha256: String,
    /// The part of the held-out rows whose class it names.
    pub accuracy: f64,
}

/// -log p(x) in nats, or an upper bound on it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Likelihood {
    /// `exact`, or `lower:k=100` of a lower bound on log p(x).
    pub bound: String,
    pub held_out: Estimate,
    pub training: Estimate,
    /// Of held-out rows whose values are levels.
    pub bits_per_dim: Option<f64>,
}

impl Report {
    pub fn new(used: &Used, against: &Against, n: usize, args: &EvaluateArgs) -> Self {
        Report {
            run: args.run.display().to_string(),
            model: used.config.model.clone(),
            data: used.config.data.name.clone(),
            step: used.restored.checkpoint.step,
            samples_from: args.samples.clone(),
            n,
            held_out: match against.which {
                HeldBack::Test => "test rows",
                HeldBack::Validation => "rows that the run held out",
                HeldBack::Nothing => "training rows: none were held out, so that what was learned by heart cannot be told",
            }
            .into(),
            seed: args.seed,
            features: None,
            figures: vec![],
            likelihood: None,
            verdicts: vec![],
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = grouped(self.n as u64);
        match &self.samples_from {
            None => writeln!(f, "{} on {}, step {}: {n} samples", self.model, self.data, self.step)?,
            Some(from) => writeln!(f, "{n} rows of {from}, beside {}", self.data)?,
        }
        writeln!(f, "held against {n} {}; floor: {n} training rows in the samples' place", self.held_out)?;
        if let Some(of) = &self.features {
            let (sha, accuracy) = (&of.sha256[..8.min(of.sha256.len())], 100.0 * of.accuracy);
            writeln!(f, "features: {} ({sha}), which names the class of {accuracy:.1} % of the held-out rows", of.network)?;
        }
        let wide = self.figures.iter().map(|figure| figure.name.chars().count()).max().unwrap_or(0).max("figure".len());
        writeln!(f, "\n{:<wide$}  {:>17}  {:>17}  better", "figure", "samples", "floor")?;
        for figure in &self.figures {
            let floor = figure.floor.map_or_else(|| "-".to_owned(), |floor| floor.to_string());
            let better = match figure.better {
                Better::Lower => "lower",
                Better::Higher => "higher",
                Better::Near => "near the floor",
            };
            writeln!(f, "{:<wide$}  {:>17}  {floor:>17}  {better}", figure.name, figure.samples.to_string())?;
        }
        if let Some(of) = &self.likelihood {
            let bits = of.bits_per_dim.map_or(String::new(), |bits| format!(", {bits:.4} bits/dim"));
            let what = if of.bound == "exact" { String::new() } else { format!(", an upper bound ({})", of.bound) };
            writeln!(f, "\n-log p(x), nats{what}: held-out rows {}{bits}; training rows {}", of.held_out, of.training)?;
        }
        writeln!(f)?;
        self.verdicts.iter().try_for_each(|verdict| writeln!(f, "{verdict}"))
    }
}
