//! Measurements as a JSON file.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::measure::Measured;
use super::roofs::Roofs;
use crate::machine::Machine;

/// What `--export` writes and `--against` reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    #[serde(flatten)]
    pub machine: Machine,
    pub roofs: Roofs,
    pub kernels: Vec<Measured>,
}

impl Report {
    /// # Errors
    /// A file that cannot be read, or is none of these.
    pub fn read(path: &Path) -> Result<Self> {
        let named = || format!("--against {}", path.display());
        let text = fs::read(path).with_context(named)?;
        serde_json::from_slice(&text)
            .with_context(|| format!("{}: expected a file that `calotype bench --export` wrote", named()))
    }
}
