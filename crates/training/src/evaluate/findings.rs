//! `evaluation.json`: what was found of a run's samples, as it is written and read again.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Estimate, Figure};

/// What the file holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    pub run: String,
    pub model: String,
    pub data: String,
    /// Of the checkpoint.
    pub step: u64,
    /// Where the samples come from that are not the model's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples_from: Option<String>,
    pub n: usize,
    pub held_out: String,
    pub seed: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<FeaturesOf>,
    pub figures: Vec<Figure>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub likelihood: Option<Likelihood>,
    pub verdicts: Vec<String>,
}

/// What features come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeaturesOf {
    /// In words.
    pub network: String,
    /// Of its weights.
    pub sha256: String,
    /// The part of the held-out rows whose class it names, where it was trained on them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
}

/// In a sentence without an end.
impl fmt::Display for FeaturesOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.network, self.sha256.get(..8).unwrap_or_default())?;
        match self.accuracy {
            Some(accuracy) => write!(f, ", which names the class of {:.1} % of the held-out rows", 100.0 * accuracy),
            None => Ok(()),
        }
    }
}

/// -log p(x) in nats, or an upper bound on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Likelihood {
    /// `exact`, or `lower:k=100` of a lower bound on log p(x).
    pub bound: String,
    pub held_out: Estimate,
    pub training: Estimate,
    /// Of held-out rows whose values are levels.
    pub bits_per_dim: Option<f64>,
}

impl fmt::Display for Likelihood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.bits_per_dim.map_or(String::new(), |bits| format!(", {bits:.4} bits/dim"));
        let what = if self.bound == "exact" { String::new() } else { format!(", an upper bound ({})", self.bound) };
        write!(f, "-log p(x), nats{what}: held-out rows {}{bits}; training rows {}", self.held_out, self.training)
    }
}
