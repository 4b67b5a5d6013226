//! `calotype verify`.

use std::path::PathBuf;

use calotype_training::Choice;
use clap::Args;

pub const EXAMPLES: &str = "Examples:
  calotype verify runs/pixelcnn-digits-001
  calotype verify runs/nade-digits-001 --device gpu --export verified.json
  calotype verify runs/row-lstm-fashion-mnist-001 --context context.png

Exit code 1 where a claim fails.";

#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The run folder of a model with a density
    pub run: PathBuf,

    /// Writes every claim, its figure and its bound as JSON
    #[arg(long, value_name = "FILE.json")]
    pub export: Option<PathBuf>,

    /// Where the context map goes, for images: what one pixel sees under this model and others; in the run folder unless given
    #[arg(long, value_name = "FILE.png")]
    pub context: Option<PathBuf>,

    /// `last`, `best` or a step; the best where rows were held out, else the last
    #[arg(long, value_name = "WHICH")]
    pub checkpoint: Option<Choice>,

    /// As for `train`
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
}
