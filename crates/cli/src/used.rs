//! A trained run in use: its folder, its model and a checkpoint.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use calotype_graph::Program;
use calotype_models::{Density, Model, abilities, density, draws_at_once, in_words, log_weights};
use calotype_training::{Choice, Restored, RunConfig, RunFolder, SCORE_BATCH, choose};
use serde::{Serialize, Serializer};

use crate::device;
use crate::fault::WrongUse;
use crate::output::note;
use crate::session::Session;

/// A run folder, with the checkpoint that was asked for.
pub struct Used {
    pub folder: RunFolder,
    pub config: RunConfig,
    pub model: Arc<dyn Model>,
    pub restored: Restored,
}

/// What a row's log-likelihood is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exactness {
    Exact,
    /// A lower bound by this many draws.
    Lower(usize),
}

impl Exactness {
    /// In a table: `exact`, `lower:k=100`.
    pub fn word(self) -> String {
        match self {
            Exactness::Exact => "exact".to_owned(),
            Exactness::Lower(k) => format!("lower:k={k}"),
        }
    }
}

/// As in a table.
impl Serialize for Exactness {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.word())
    }
}

/// For a sentence.
impl fmt::Display for Exactness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exactness::Exact => f.write_str("exact"),
            Exactness::Lower(k) => write!(f, "an upper bound, from a lower bound on log p with --samples {k}"),
        }
    }
}

/// Default of `--samples`.
const DRAWS: usize = 100;

impl Used {
    /// # Errors
    /// No run, no such checkpoint, none that is whole.
    pub fn open(run: &Path, choice: Choice) -> Result<Self> {
        let (folder, config) = RunFolder::open(run)?;
        let model = folder.model(&config)?;
        let restored = choose(&folder, &config.identity(), choice)?;
        restored.remarks().for_each(|remark| note(&remark));
        Ok(Used { folder, config, model, restored })
    }

    /// The error that the model cannot be used this way. It names what the model can be used for, and the commands.
    pub fn cannot(&self, what: &str) -> anyhow::Error {
        let able = abilities(self.model.as_ref());
        let commands: Vec<&str> = able.iter().flat_map(|a| a.commands()).copied().collect();
        let name = self.model.info().name;
        WrongUse(format!("{name} {what}; it can be used for {}: calotype {}", in_words(&able), commands.join(", "))).into()
    }

    /// The model as a density.
    ///
    /// # Errors
    /// It is none: says what it can do instead.
    pub fn density(&self) -> Result<&dyn Density> {
        self.model.density().ok_or_else(|| self.cannot("has no exact density"))
    }

    /// The program that scores its rows, and how exact it is. `draws`: of a bound, of which the program makes some at a time.
    ///
    /// # Errors
    /// A model without either; `draws` for exact densities.
    pub fn scoring(&self, draws: Option<usize>) -> Result<(Program, Exactness)> {
        match (self.model.density(), self.model.bound()) {
            (Some(_), _) if draws.is_some() => {
                let name = self.model.info().name;
                Err(WrongUse(format!("--samples has no effect on {name}, whose density is exact; leave it out")).into())
            }
            (Some(density), _) => Ok((density::scoring(density, SCORE_BATCH)?, Exactness::Exact)),
            (None, Some(bound)) => {
                let k = draws.unwrap_or(DRAWS);
                let at_once = draws_at_once(bound, SCORE_BATCH, k);
                Ok((log_weights(bound, SCORE_BATCH, at_once)?, Exactness::Lower(k)))
            }
            (None, None) => {
                let why = self.model.why_no_density().unwrap_or("has no density, so it computes no log-likelihoods");
                Err(self.cannot(why))
            }
        }
    }

    /// Opens a device for it.
    ///
    /// # Errors
    /// There is no such device.
    pub fn on(self, wanted: Option<&str>, threads: usize) -> Result<Session> {
        Ok(Session::new(self, device::open(wanted, threads)?, threads))
    }
}
