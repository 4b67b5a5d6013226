//! `calotype train` and `plan`: what a model trains on and with.

use std::path::PathBuf;

use calotype_graph::Precision;
use clap::{Args, ValueEnum};

use super::{key_value, seed};
use crate::output::Form;

pub const TRAIN_EXAMPLES: &str = "Examples:
  calotype train dcgan                                     # on its default data, with its defaults
  calotype train nade --data digits --set hidden=200 --seed 1
  calotype train dcgan --data ./photos --set size=64 --steps 20000
  calotype train dcgan --preset paper --data emoji --device gpu
  calotype train --resume runs/dcgan-fashion-mnist-001 --steps 12000

`calotype models MODEL` lists the settings of a model, learning rate and held-out set included.
The last line of standard output is the run folder; report.html in it shows loss curves and samples.";

/// What a model trains on and with; shared by `train` and `plan`.
#[derive(Clone, Debug, Args)]
pub struct ModelArgs {
    /// Data set by name (`calotype data` lists them), file or folder [default: the model's own]
    #[arg(long, value_name = "NAME|PATH")]
    pub data: Option<String>,

    /// Second data set, of a model that learns from two, such as cyclegan; a folder that holds trainA and trainB gives both as --data
    #[arg(long, value_name = "NAME|PATH")]
    pub data_b: Option<String>,

    /// Defaults of all settings, by name: `small` for a CPU, `paper` for a GPU, or another that `calotype models MODEL` lists
    /// [default: the model's first]
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,

    /// Setting of the model; `calotype models MODEL` lists them; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    pub set: Vec<(String, String)>,

    /// Batch size: rows a step [default: the preset's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub batch: Option<u64>,

    /// `auto` (a real GPU, else the CPU), `gpu`, `cpu`, or an index or part of a name from `calotype devices` [default: auto]
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,

    /// Precision: `mixed` rounds the operands of matrix products to 16 bits, for the matrix units of a GPU; GPUs only [default: full]
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
    /// Name of a model, as listed by `calotype models`
    #[arg(required_unless_present = "resume")]
    pub model: Option<String>,

    #[command(flatten)]
    pub with: ModelArgs,

    /// Total number of steps, those before a resume included [default: the preset's]
    #[arg(long, value_name = "TOTAL", value_parser = clap::value_parser!(u64).range(1..))]
    pub steps: Option<u64>,

    /// Seed of all random numbers of the run [default: 0]
    #[arg(long, value_name = "N", value_parser = seed, allow_negative_numbers = true)]
    pub seed: Option<u64>,

    /// Run folder to create [default: runs/MODEL-DATA-NNN]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Begin with the weights of a safetensors file, whose tensors have the names and layouts of public PyTorch code or of a checkpoint
    /// of `calotype`; NETWORK=FILE where the names lack that of the network, as in the state dict of one network. May be repeated
    #[arg(long, value_name = "[NETWORK=]FILE", conflicts_with = "resume")]
    pub init: Vec<String>,

    /// Resume this run from its newest good checkpoint, on the device that it began on. Only --steps and --threads may differ from
    /// the run
    #[arg(long, value_name = "RUN")]
    pub resume: Option<PathBuf>,

    /// Also write losses and pictures into the run folder as event files, which `tensorboard --logdir runs` shows. Not kept: give it
    /// again when you resume
    #[arg(long)]
    pub tensorboard: bool,
}

#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Name of a model, as listed by `calotype models`
    pub model: String,

    #[command(flatten)]
    pub with: ModelArgs,

    #[command(flatten)]
    pub form: Form,
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
