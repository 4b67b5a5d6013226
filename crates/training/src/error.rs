//! Errors of training. Each names its object, what was expected, and the remedy.

use std::io;
use std::path::{Path, PathBuf};

use calotype_data::DataError;
use calotype_graph::{DeviceError, GraphError, PlanError};
use calotype_models::SettingError;

/// An error of a run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainingError {
    #[error("{path}: {source}", path = path.display())]
    Io { path: PathBuf, source: io::Error },

    #[error("{path} holds a run already; choose another --out, or resume it with `calotype train --resume {path}`", path = path.display())]
    HoldsRun { path: PathBuf },

    #[error("{path} holds no run: there is no run.toml in it; give the run folder that `calotype train` printed", path = path.display())]
    NoRun { path: PathBuf },

    #[error("{path} is being trained by another process; stop that process first", path = path.display())]
    Locked { path: PathBuf },

    #[error("{path}: {reason}", path = path.display())]
    Config { path: PathBuf, reason: String },

    #[error("{path} is damaged: {reason}", path = path.display())]
    Damaged { path: PathBuf, reason: String },

    #[error("{folder}: no good checkpoint{listed}", folder = folder.display())]
    NoCheckpoint { folder: PathBuf, listed: String },

    #[error("{path} does not belong to this run: {reason}", path = path.display())]
    Foreign { path: PathBuf, reason: String },

    /// A file of weights that the run cannot begin with.
    #[error("--init {path}: {reason}", path = path.display())]
    Init { path: PathBuf, reason: String },

    /// Flags that contradict the run or each other.
    #[error("{0}")]
    Contradiction(String),

    #[error("{data} does not fit {model}: {reason}")]
    Unfit { model: &'static str, data: String, reason: String },

    #[error(transparent)]
    Setting(#[from] SettingError),

    #[error(transparent)]
    Data(#[from] DataError),

    #[error(transparent)]
    Graph(#[from] GraphError),

    #[error(transparent)]
    Plan(#[from] PlanError),

    /// `why` is the plan's error in words.
    #[error("batch size {batch} does not fit: {why}; {remedy}")]
    DoesNotFit { batch: usize, why: String, remedy: String },

    #[error(transparent)]
    Device(#[from] DeviceError),

    /// A loss, or a state that was about to be saved, is NaN or infinite.
    #[error("training stopped at step {step}: {what} is {value}; {found}. {way_on}")]
    NonFinite { step: u64, what: String, value: f32, found: String, way_on: String },

    #[error("{0}")]
    Report(String),
}

/// Shorthand for results of this crate.
pub type Result<T, E = TrainingError> = std::result::Result<T, E>;

impl TrainingError {
    /// For `map_err`: wraps what the system said about a path.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| TrainingError::Io { path: path.to_owned(), source }
    }

    /// Whether the command is wrong, so that another command would succeed.
    pub fn is_wrong_use(&self) -> bool {
        match self {
            TrainingError::Setting(_)
            | TrainingError::Contradiction(_)
            | TrainingError::HoldsRun { .. }
            | TrainingError::NoRun { .. }
            | TrainingError::Unfit { .. } => true,
            TrainingError::Data(e) => e.is_wrong_use(),
            _ => false,
        }
    }
}
