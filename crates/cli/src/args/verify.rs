//! `calotype verify`.

use std::path::PathBuf;

use calotype_training::Choice;
use clap::Args;

use crate::output::Form;

pub const EXAMPLES: &str = "Examples:
  calotype verify runs/pixelcnn-digits-001
  calotype verify runs/nade-digits-001 --device gpu --export verified.json
  calotype verify runs/row-lstm-fashion-mnist-001 --context context.png

Exit code 1 if a claim fails.";

#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Run folder of a model with a density
    pub run: PathBuf,

    /// Writes every claim with its value and bound as JSON
    #[arg(long, value_name = "FILE.json")]
    pub export: Option<PathBuf>,

    /// Writes the context map of a model of images: the pixels that one pixel depends on, under this model and others
    /// [default: context.png in the run folder]
    #[arg(long, value_name = "FILE.png")]
    pub context: Option<PathBuf>,

    /// Checkpoint: `last`, `best` (on the held-out set) or a step [default: best if the run has a held-out set, else last]
    #[arg(long, value_name = "WHICH")]
    pub checkpoint: Option<Choice>,

    /// `auto` (a real GPU, else the CPU), `gpu`, `cpu`, or an index or part of a name from `calotype devices` [default: auto]
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,

    #[command(flatten)]
    pub form: Form,
}
