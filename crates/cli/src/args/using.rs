//! `calotype sample`, `score`, `encode`, `ladder`: what is done with a trained run.

use std::path::PathBuf;

use calotype_data::Split;
use calotype_training::Choice;
use clap::{Args, ValueEnum};

use super::seed;

pub const SAMPLE_EXAMPLES: &str = "Examples:
  calotype sample runs/dcgan-fashion-mnist-001 --count 100 --seed 7
  calotype sample runs/dcgan-fashion-mnist-001 --interpolate --out morph.gif
  calotype sample runs/dcgan-fashion-mnist-001 --latents z.npy --out images.npy";

pub const SCORE_EXAMPLES: &str = "Examples:
  calotype score runs/nade-digits-001                                  # test rows: mean, standard error, histogram
  calotype score runs/nade-digits-001 --explain 3                      # the chain rule of one row, factor by factor
  calotype score runs/pixelcnn-fashion-mnist-001 --heatmaps surprise --count 20
  calotype score runs/context-fashion-mnist-002 --against digits --inner 20 --background runs/context-fashion-mnist-001";

pub const LADDER_EXAMPLES: &str = "Examples:
  calotype ladder runs/markov-digits-001 runs/nade-digits-001 runs/row-lstm-digits-001
  calotype ladder runs/*-fashion-mnist-* --columns 10 --out ladder.png --table ladder.md";

#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
pub struct SampleArgs {
    /// A run folder
    pub run: PathBuf,

    /// How many images; with --interpolate, how many to pass through [default: 64, or 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=65_536), conflicts_with = "latents")]
    pub count: Option<u64>,

    /// Of the latents
    #[arg(long, value_name = "N", default_value = "0", value_parser = seed, allow_negative_numbers = true, conflicts_with = "latents")]
    pub seed: u64,

    /// Latents from a file: f32 [N, z]
    #[arg(long, value_name = "Z.npy")]
    pub latents: Option<PathBuf>,

    /// Walk from each latent to the next on a great circle
    #[arg(long)]
    pub interpolate: bool,

    /// Models with a density: keep a part of an image and draw the rest; a picture, or row N of the run's test data as `test:N`
    #[arg(long, value_name = "IMAGE|test:N", conflicts_with_all = ["latents", "interpolate"])]
    pub complete: Option<String>,

    /// Which half is kept with --complete; of a picture with transparent pixels, all that can be seen is kept instead
    #[arg(long, value_enum, value_name = "HALF", default_value = "top", requires = "complete")]
    pub keep: Half,

    /// Images that are drawn at once: may change last bits, which --count never does
    #[arg(long, value_name = "N", default_value = "64", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub batch: u32,

    /// By its ending a picture (.png), numbers (.npy, f32 [N, H, W, C], images in 0..1, levels as they are) or a film (.gif): of
    /// an interpolation, or of images that develop pixel by pixel
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// `last`, `best` or a step; the best where rows were held out, else the last
    #[arg(long, value_name = "WHICH")]
    pub checkpoint: Option<Choice>,

    /// As for `train`
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
}

impl SampleArgs {
    pub fn choice(&self) -> Choice {
        self.checkpoint.unwrap_or_default()
    }
}

#[derive(Debug, Args)]
pub struct ScoreArgs {
    /// A run folder
    pub run: PathBuf,

    /// Rows to score: a data set, a path, one picture; the run's own unless given
    #[arg(long, value_name = "NAME|PATH")]
    pub data: Option<String>,

    /// `train`, `test` or `all`; test rows where there are any unless given
    #[arg(long, value_name = "SPLIT")]
    pub split: Option<Split>,

    /// The first N rows only
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,

    /// Writes for every row: row (its number among these), index (among all rows of the data), log_likelihood_nats, bits_per_dim,
    /// bound
    #[arg(long, value_name = "FILE.csv")]
    pub out: Option<PathBuf>,

    /// Draws of a lower bound, for models whose density is one [default: 100]
    #[arg(long, value_name = "K", value_parser = draws)]
    pub samples: Option<usize>,

    /// Writes log p(x_d | x_<d) of every value: f32 [N, H, W, C] or [N, D]
    #[arg(long, value_name = "P.npy")]
    pub pixels: Option<PathBuf>,

    /// Prints the chain rule of one row as it runs, and nothing else: each value, its probability given those before, the running
    /// sum. Rows are numbered from 0 among those that are scored
    #[arg(long, value_name = "ROW", conflicts_with_all = ["count", "out", "pixels", "heatmaps", "against", "background"])]
    pub explain: Option<usize>,

    /// Writes for each row a picture of it beside how surprising each pixel is
    #[arg(long, value_name = "DIR")]
    pub heatmaps: Option<PathBuf>,

    /// Rows that should not fit: how well log p tells them from --data (AUROC)
    #[arg(long, value_name = "NAME|PATH")]
    pub against: Option<String>,

    /// Pictures of other data than the run's are resized to N pixels, in the middle of black: 20 brings digits to MNIST's form
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub inner: Option<u16>,

    /// Another run that knows only what is common to all pictures: scores become log p - log p of it
    #[arg(long, value_name = "RUN")]
    pub background: Option<PathBuf>,

    /// With --against, or for a class that training left out: an alarm is a row less likely than all but this part of the training
    /// rows [default: 0.05]
    #[arg(long, value_name = "RATE", value_parser = rate, conflicts_with = "explain")]
    pub false_alarms: Option<f64>,

    /// `last`, `best` or a step; the best where rows were held out, else the last
    #[arg(long, value_name = "WHICH")]
    pub checkpoint: Option<Choice>,

    /// As for `train`
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
}

#[derive(Debug, Args)]
pub struct EncodeArgs {
    /// A run folder
    pub run: PathBuf,

    /// Rows to encode: a data set, a path, one picture; the run's own unless given
    #[arg(long, value_name = "NAME|PATH")]
    pub data: Option<String>,

    /// `train`, `test` or `all`; test rows where there are any unless given
    #[arg(long, value_name = "SPLIT")]
    pub split: Option<Split>,

    /// Pictures of --data are resized to N pixels, in the middle of black
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096), requires = "data")]
    pub inner: Option<u16>,

    /// Writes f32 [N, F]
    #[arg(long, value_name = "FILE.npy")]
    pub out: Option<PathBuf>,

    /// Fits a linear classifier to the features of the training rows, and another to their raw values
    #[arg(long)]
    pub probe: bool,

    /// `last`, `best` or a step; the best where rows were held out, else the last
    #[arg(long, value_name = "WHICH")]
    pub checkpoint: Option<Choice>,

    /// As for `train`
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
}

#[derive(Debug, Args)]
pub struct LadderArgs {
    /// Run folders of models with a density, trained on the same data
    #[arg(required = true)]
    pub runs: Vec<PathBuf>,

    /// Images that are completed: test rows, one of each class in turn
    #[arg(long, value_name = "N", default_value = "10", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub columns: u16,

    /// Which half is kept
    #[arg(long, value_enum, value_name = "HALF", default_value = "top")]
    pub keep: Half,

    /// Of what is drawn
    #[arg(long, value_name = "N", default_value = "0", value_parser = seed, allow_negative_numbers = true)]
    pub seed: u64,

    /// The picture: whole images, what was kept, then a row for each model
    #[arg(long, value_name = "FILE.png", default_value = "ladder.png")]
    pub out: PathBuf,

    /// Writes the table as Markdown
    #[arg(long, value_name = "FILE.md")]
    pub table: Option<PathBuf>,

    /// As for `train`
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Half {
    Top,
    Bottom,
    Left,
    Right,
}

impl Half {
    /// 1 for the values of an image [H, W, C] that are kept, else 0.
    pub fn mask(self, [h, w, c]: [usize; 3]) -> Vec<f32> {
        let kept = |d: usize| {
            let (i, j) = (d / (w * c), d / c % w);
            match self {
                Half::Top => i < h / 2,
                Half::Bottom => i >= h - h / 2,
                Half::Left => j < w / 2,
                Half::Right => j >= w - w / 2,
            }
        };
        (0..h * w * c).map(|d| f32::from(kept(d))).collect()
    }
}

fn draws(text: &str) -> Result<usize, String> {
    let draws = text.parse::<usize>().ok().filter(|k| (1..=1_000_000).contains(k));
    draws.ok_or_else(|| "expected a number from 1 to 1000000".to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|r| (0.0..1.0).contains(r));
    rate.ok_or_else(|| "expected a number from 0 to below 1".to_owned())
}
