//! `calotype train` and `plan`: what a model trains on and with.

use std::path::PathBuf;

use calotype_graph::Precision;
use calotype_models::Preset;
use clap::{Args, ValueEnum};

use super::seed;

pub const TRAIN_EXAMPLES: &str = "Examples:
  calotype train dcgan
  calotype train dcgan --data ./photos --set size=64 --steps 20000
  calotype train dcgan --preset paper --data emoji --device gpu
  calotype train --resume runs/dcgan-fashion-mnist-001 --steps 12000";

/// What a model trains on and with; shared by `train` and `plan`.
#[derive(Clone, Debug, Args)]
pub struct ModelArgs {
    /// Data set or path (`calotype data` lists the names); the model's own unless given
    #[arg(long, value_name = "NAME|PATH")]
    pub data: Option<String>,

    /// Sizes that come together: `small` for a CPU, `paper` for a GPU [default: small]
    #[arg(long, value_enum)]
    pub preset: Option<PresetArg>,

    /// A setting; `calotype models MODEL` lists them
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    pub set: Vec<(String, String)>,

    /// Images a step
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub batch: Option<u64>,

    /// `auto` (a real GPU, else the CPU), `gpu`, `cpu`, or a name or index of `calotype devices`
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,

    /// `mixed` rounds what is multiplied to 16 bits, for a GPU's matrix units where it offers them; coarser, and for GPUs only
    #[arg(long, value_enum, value_name = "full|mixed")]
    pub precision: Option<PrecisionArg>,
}

impl ModelArgs {
    /// What `--precision` says; full unless given.
    pub fn precision(&self) -> Precision {
        self.precision.map_or(Precision::Full, Precision::from)
    }
}

#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
pub struct TrainArgs {
    /// `calotype models` lists them
    #[arg(required_unless_present = "resume")]
    pub model: Option<String>,

    #[command(flatten)]
    pub with: ModelArgs,

    /// Steps in all, also when resuming
    #[arg(long, value_name = "TOTAL", value_parser = clap::value_parser!(u64).range(1..))]
    pub steps: Option<u64>,

    /// Decides every random number of the run [default: 0]
    #[arg(long, value_name = "N", value_parser = seed, allow_negative_numbers = true)]
    pub seed: Option<u64>,

    /// The run folder; runs/MODEL-DATA-NNN unless given
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Go on with this run
    #[arg(long, value_name = "RUN")]
    pub resume: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct PlanArgs {
    /// `calotype models` lists them
    pub model: String,

    #[command(flatten)]
    pub with: ModelArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PresetArg {
    Small,
    Paper,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PrecisionArg {
    Full,
    Mixed,
}

impl From<PrecisionArg> for Precision {
    fn from(precision: PrecisionArg) -> Self {
        match precision {
            PrecisionArg::Full => Precision::Full,
            PrecisionArg::Mixed => Precision::Mixed,
        }
    }
}

impl From<PresetArg> for Preset {
    fn from(preset: PresetArg) -> Self {
        match preset {
            PresetArg::Small => Preset::Small,
            PresetArg::Paper => Preset::Paper,
        }
    }
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.trim().to_owned(), value.trim().to_owned())),
        _ => Err("expected KEY=VALUE, such as width=16".to_owned()),
    }
}
