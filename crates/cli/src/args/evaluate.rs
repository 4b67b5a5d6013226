//! `calotype evaluate`.

use std::path::PathBuf;

use calotype_training::Choice;
use clap::Args;

use super::seed;
use crate::output::Form;

pub const EXAMPLES: &str = "Examples:
  calotype evaluate runs/dcgan-fashion-mnist-001                       # a table, evaluation.json and nearest.png in the run
  calotype evaluate runs/progan-emoji-001 --count 500 --checkpoint last
  calotype evaluate runs/dcgan-fashion-mnist-001 --samples theirs.npy  # images of another program, held against the same rows
  calotype evaluate runs/dcgan-fashion-mnist-001 --json | jq '.figures[] | {name, value: .samples.value}'
  calotype evaluate runs/dcgan-photos-001 --features inception.onnx    # FID and KID by a network that you have

Each figure stands beside its floor, which is what as many training rows have in the samples' place, and both have a standard error.
The path of the table's JSON is printed last.";

/// Values of black and white.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    pub low: f32,
    pub high: f32,
}

fn span(text: &str) -> Result<Span, String> {
    let number = |text: &str| text.trim().parse::<f32>().ok().filter(|v| v.is_finite());
    match text.split_once(',').map(|(low, high)| (number(low), number(high))) {
        Some((Some(low), Some(high))) if low != high => Ok(Span { low, high }),
        _ => Err("expected two numbers, such as 0,1 or -1,1 or 0,255".to_owned()),
    }
}

#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
pub struct EvaluateArgs {
    /// Run folder, as made by `calotype train`
    pub run: PathBuf,

    /// Number of samples, and of held-out rows; fewer where there are not so many
    #[arg(long, value_name = "N", default_value = "2048", value_parser = clap::value_parser!(u32).range(16..=65_536))]
    pub count: u32,

    /// Seed of the samples
    #[arg(long, value_name = "N", default_value = "0", value_parser = seed, allow_negative_numbers = true)]
    pub seed: u64,

    /// Evaluates these rows in place of the model's: an array, a folder of images, or anything that --data of `train` takes
    #[arg(long, value_name = "NAME|PATH")]
    pub samples: Option<String>,

    /// Features of FID, KID and the like by this network of images, such as an Inception one, in place of a classifier of the data: an ONNX file
    #[arg(long, value_name = "NET.onnx")]
    pub features: Option<PathBuf>,

    /// Values of black and white that this network takes
    #[arg(long, value_name = "LOW,HIGH", default_value = "0,1", value_parser = span, allow_hyphen_values = true, requires = "features")]
    pub features_range: Span,

    /// Output file [default: evaluation.json in the run folder]
    #[arg(long, value_name = "FILE.json")]
    pub out: Option<PathBuf>,

    /// Draws the samples that are nearest to a training row, each above that row [default: nearest.png in the run folder]
    #[arg(long, value_name = "FILE.png")]
    pub nearest: Option<PathBuf>,

    /// Checkpoint: `last`, `best` (on the held-out set) or a step [default: best if the run has a held-out set, else last]
    #[arg(long, value_name = "WHICH")]
    pub checkpoint: Option<Choice>,

    /// `auto` (a real GPU, else the CPU), `gpu`, `cpu`, or an index or part of a name from `calotype devices` [default: auto]
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,

    #[command(flatten)]
    pub form: Form,
}
