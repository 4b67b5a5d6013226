//! `calotype draw`.

use std::path::PathBuf;

use calotype_training::Choice;
use clap::Args;

use super::seed;

pub const EXAMPLES: &str = "Examples:
  calotype draw runs/text2image-shapes-001 \"a large blue square, bottom left\" --out square.png
  calotype draw runs/text2image-shapes-001 \"a red ring, small, at the top\" \"a red cross, small, at the top\" --out both.png --count 12 --seed 3
  calotype draw runs/text2image-shapes-001 \"a small green circle, left\" \"a large red cross, right\" --interpolate --out between.png

Each line of the picture is a sentence, each column has the same latents: what changes along a column is what the words say. The last line
of standard output is the file.";

#[derive(Debug, Args)]
pub struct DrawArgs {
    /// Run folder, as made by `calotype train`
    pub run: PathBuf,

    /// What to draw, each sentence between quotes
    #[arg(value_name = "SENTENCE", required = true)]
    pub sentences: Vec<String>,

    /// Output file, by its ending: a picture with the sentences below their lines (.png), or an array (.npy, f32 [N, H, W, C] in 0..1,
    /// line by line)
    #[arg(long, value_name = "FILE.png|.npy")]
    pub out: PathBuf,

    /// Pictures of each sentence; with --interpolate, lines of each pair [default: 8; with --interpolate 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub count: Option<u32>,

    /// Seed of the latents: the same seed draws every sentence in the same ways
    #[arg(long, value_name = "N", default_value = "0", value_parser = seed, allow_negative_numbers = true)]
    pub seed: u64,

    /// Goes from each sentence to the next in nine steps, with the same latents all along
    #[arg(long)]
    pub interpolate: bool,

    /// Enlarges every pixel N times [default: pictures of small images are enlarged to about 560 pixels]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub scale: Option<u32>,

    /// Checkpoint: `last` or a step [default: last]
    #[arg(long, value_name = "WHICH")]
    pub checkpoint: Option<Choice>,

    /// `auto` (a real GPU, else the CPU), `gpu`, `cpu`, or an index or part of a name from `calotype devices` [default: auto]
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
}
