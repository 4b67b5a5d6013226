//! `calotype sample`, `score`, `encode`, `ladder`: what is done with a trained run.

use std::path::PathBuf;

use calotype_data::Split;
use calotype_training::Choice;
use clap::{Args, ValueEnum};

use super::{key_value, seed};
use crate::output::Form;

pub const SAMPLE_EXAMPLES: &str = "Examples:
  calotype sample runs/dcgan-fashion-mnist-001 --count 100 --seed 7
  calotype sample runs/nade-digits-001 --complete test:12 --keep left  # needs a density
  calotype sample runs/dcgan-fashion-mnist-001 --interpolate --out morph.gif
  calotype sample runs/dcgan-fashion-mnist-001 --latents z.npy --out images.npy
  calotype sample runs/vae-fashion-mnist-001 --reconstruct             # test rows and their reconstructions
  calotype sample runs/vae-fashion-mnist-001 --traverse=test:3         # every latent of one row from -3 to 3
  calotype sample runs/vae-digits-001 --manifold                       # of a run with --set latents=2
  calotype sample runs/infogan-digits-001 --condition category=3 --condition c1=-2..2     # a range goes from left to right
  calotype sample runs/infogan-digits-001 --condition c1=-2..2 --condition c2=-2..2       # two: a plane of one draw
  calotype sample runs/dcgan-fashion-mnist-001 --truncation 0.7
  calotype sample runs/dcgan-fashion-mnist-001 --images 3,7,10..12 --scale 8              # some images of the grid, large

The file goes to the run folder unless --out is given; its path is printed.";

pub const SCORE_EXAMPLES: &str = "Examples:
  calotype score runs/nade-digits-001                # mean, standard error, histogram of test rows
  calotype score runs/nade-digits-001 --out scores.csv --pixels log-p.npy
  calotype score runs/nade-digits-001 --explain 3    # the chain rule of row 3, factor by factor
  calotype score runs/nade-digits-001 --json | jq .nats.mean
  calotype score runs/vae-fashion-mnist-001 --samples 1000                # a tighter bound
  calotype score runs/vae-digits-001 --explain 3 --posterior z.png        # of a run with --set latents=2
  calotype score runs/pixelcnn-fashion-mnist-001 --heatmaps surprise --count 20
  calotype score runs/context-fashion-mnist-002 --against digits --inner 20 \\
      --background runs/context-fashion-mnist-001";

pub const LADDER_EXAMPLES: &str = "Examples:
  calotype ladder runs/markov-digits-001 runs/nade-digits-001 runs/row-lstm-digits-001
  calotype ladder runs/*-fashion-mnist-* --columns 10 --out ladder.png --table ladder.md";

#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
pub struct SampleArgs {
    /// Run folder, as made by `calotype train`
    pub run: PathBuf,

    /// Number of images; with --interpolate, of latents to interpolate between; with a range of --condition, of draws [default: 64;
    /// with --interpolate 5, with --reconstruct 32, with a range 8, in a .gif 16]. A grid of a model with categories has one column a
    /// category, and one row a draw of all other latents
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=65_536), conflicts_with = "latents")]
    pub count: Option<u64>,

    /// Seed of the random numbers
    #[arg(long, value_name = "N", default_value = "0", value_parser = seed, allow_negative_numbers = true, conflicts_with = "latents")]
    pub seed: u64,

    /// Reads latents from a file, f32 [N, length of z]
    #[arg(long, value_name = "Z.npy")]
    pub latents: Option<PathBuf>,

    /// Only these images of what the same command makes without it, numbered from 0: with --seed 3 --images 7,10..12 the eighth and
    /// three others of the grid of seed 3. With a range of --condition these draws, with --interpolate these latents
    #[arg(long, value_name = "LIST", value_parser = numbers,
          conflicts_with_all = ["count", "latents", "traverse", "manifold", "reconstruct"])]
    pub images: Option<Numbers>,

    /// Sets a latent by its name, in all images; may be repeated. A category by its number from 0, or by the class's name where its
    /// categories are the data's classes: category=3, class=Shirt. A number: c1=0.5, or z.7=-1 for number 7 (from 0) of a part of
    /// several. A range goes through its values: c1=-2..2 from left to right, with one row a draw of all other latents; a second
    /// range from top to bottom, of one draw; in a .gif the last range goes by frames
    #[arg(long, value_name = "NAME=VALUE", conflicts_with_all = ["traverse", "manifold", "complete", "reconstruct"])]
    pub condition: Vec<String>,

    /// Draws normal latents from the normal distribution truncated to ± T deviations: less variety, and images nearer to what is
    /// common (arXiv:1809.11096). Needs a model with normal latents
    #[arg(long, value_name = "T", value_parser = truncation, conflicts_with_all = ["latents", "traverse", "manifold", "complete", "reconstruct"])]
    pub truncation: Option<f64>,

    /// Enlarges every pixel N times, in .png and .gif [default: pictures of small images are enlarged to about 320 pixels]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub scale: Option<u32>,

    /// Interpolates between latents: along great circles where they are normal, along lines where they are uniform. A category stays
    /// as it is from one latent to the next, and changes there
    #[arg(long)]
    pub interpolate: bool,

    /// Test rows, each above its reconstruction. Needs an auto-encoder
    #[arg(long, conflicts_with_all = ["latents", "interpolate", "traverse", "manifold", "complete"])]
    pub reconstruct: bool,

    /// A row of images for each latent: it goes from -3 to 3 (uniform ones from -1 to 1) while the others stay at 0, or with
    /// --traverse=test:N at the code of row N of the run's test data. --count is the number of latents [default: at most 32]. Of a
    /// model that learns the meaning of codes (infogan) only the codes: each category in turn, numbers from -2 to 2, in --count rows
    /// [default: 3] of other draws
    #[arg(long, value_name = "test:N", num_args = 0..=1, require_equals = true, default_missing_value = "middle",
          conflicts_with_all = ["latents", "interpolate", "manifold", "complete"])]
    pub traverse: Option<String>,

    /// Images over a grid of the prior's quantiles, of a run with two latents
    #[arg(long, conflicts_with_all = ["latents", "interpolate", "complete", "count"])]
    pub manifold: bool,

    /// Completes an image: keeps a part of it and samples the rest. An image file, or `test:N` for row N of the run's test data.
    /// Needs a model with a density
    #[arg(long, value_name = "IMAGE|test:N", conflicts_with_all = ["latents", "interpolate"])]
    pub complete: Option<String>,

    /// Half that --complete keeps; of an image with transparent pixels, the opaque ones are kept instead
    #[arg(long, value_enum, value_name = "HALF", default_value = "top", requires = "complete")]
    pub keep: Half,

    /// Batch size of sampling. Another batch size may change the last bits of a value; another --count never does
    #[arg(long, value_name = "N", default_value = "64", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub batch: u32,

    /// Output file [default: a .png in the run folder]. By its ending: an image grid (.png), an array (.npy or .npz, f32 [N, H, W, C],
    /// images in 0..1, levels unscaled; tables [N, D] in their own units, f64 where f32 would lose digits), an animation (.gif) of
    /// --interpolate, of a range of --condition or of images developing pixel by pixel; or a new folder (DIR/) of one .png an image
    #[arg(long, value_name = "FILE|DIR/")]
    pub out: Option<PathBuf>,

    /// Checkpoint: `last`, `best` (on the held-out set) or a step [default: best if the run has a held-out set, else last]
    #[arg(long, value_name = "WHICH")]
    pub checkpoint: Option<Choice>,

    /// `auto` (a real GPU, else the CPU), `gpu`, `cpu`, or an index or part of a name from `calotype devices` [default: auto]
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
}

impl SampleArgs {
    pub fn choice(&self) -> Choice {
        self.checkpoint.unwrap_or_default()
    }

    /// The numbers of the rows to make: those of `--images`, or the first of `--count`.
    pub fn chosen(&self, default_count: u64) -> Vec<usize> {
        match &self.images {
            Some(Numbers(images)) => images.clone(),
            None => (0..self.count.unwrap_or(default_count) as usize).collect(),
        }
    }

    /// For a file's name: what the random numbers are of.
    pub fn of_seed(&self) -> String {
        let truncated = self.truncation.map_or_else(String::new, |t| format!("truncation-{t}-"));
        let images = self.images.as_ref().map_or_else(String::new, |Numbers(all)| match all.as_slice() {
            [one] => format!("image-{one}-"),
            [] => String::new(),
            several if several.len() <= 8 => {
                format!("images-{}-", several.iter().map(ToString::to_string).collect::<Vec<_>>().join("-"))
            }
            // Other lists have other names.
            several => {
                let sum = several
                    .iter()
                    .fold(several.len() as u32, |sum, &n| sum.rotate_left(5) ^ (n as u32).wrapping_mul(0x9e37_79b9));
                format!("images-{}-and-{}-more-{sum:08x}-", several[0], several.len() - 1)
            }
        });
        format!("{truncated}{images}seed-{}", self.seed)
    }
}

/// Numbers of a list such as `3,7,10..12`, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbers(pub Vec<usize>);

/// Of a list, and the largest number in it plus 1, at most.
const MOST_IMAGES: usize = 65_536;

fn numbers(text: &str) -> Result<Numbers, String> {
    let wrong = || format!("expected numbers below {MOST_IMAGES}, such as 7 or 3,7,10..12");
    let number = |text: &str| text.parse::<usize>().ok().filter(|&n| n < MOST_IMAGES).ok_or_else(wrong);
    let mut all = Vec::new();
    for item in text.split(',') {
        match item.split_once("..") {
            None => all.push(number(item)?),
            Some((first, last)) => match (number(first)?, number(last)?) {
                (first, last) if first <= last => all.extend(first..=last),
                _ => return Err(wrong()),
            },
        }
        if all.len() > MOST_IMAGES {
            return Err(format!("expected at most {MOST_IMAGES} images"));
        }
    }
    Ok(Numbers(all))
}

fn truncation(text: &str) -> Result<f64, String> {
    let t = text.parse::<f64>().ok().filter(|t| (0.001..=100.0).contains(t));
    t.ok_or_else(|| "expected a number from 0.001 to 100, such as 0.7".to_owned())
}

#[derive(Debug, Args)]
pub struct ScoreArgs {
    /// Run folder, as made by `calotype train`
    pub run: PathBuf,

    /// Rows to score: a data set by name, a file, a folder or one image [default: the run's data]
    #[arg(long, value_name = "NAME|PATH")]
    pub data: Option<String>,

    /// Setting of the other data, such as broken=skip, missing=drop or columns=a,b; `calotype models MODEL` lists them; may be
    /// repeated
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    pub set: Vec<(String, String)>,

    /// `train`, `test` or `all` [default: test if the data have test rows, else all]
    #[arg(long, value_name = "SPLIT")]
    pub split: Option<Split>,

    /// Scores only the first N rows
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,

    /// Writes one line a row: row (number among the scored rows), index (number in the data set), file (of images) or line (of a
    /// table), log_likelihood_nats, bits_per_dim,
    /// bound (`exact`, or `lower:k=K`). Rows are streamed to the file, so memory does not grow with their number
    #[arg(long, value_name = "FILE.csv")]
    pub out: Option<PathBuf>,

    /// Lists the N most surprising rows, by -log p or by its excess over the background; images by file [default: 5 where rows are
    /// files]
    #[arg(long, value_name = "N", value_parser = worst, conflicts_with = "explain")]
    pub worst: Option<usize>,

    /// Draws the most surprising rows, --worst of them [default: 16], the most surprising first
    #[arg(long, value_name = "FILE.png", conflicts_with = "explain")]
    pub out_sheet: Option<PathBuf>,

    /// Random samples a row for models whose density is a lower bound (importance-weighted, arXiv:1509.00519): a larger K gives a
    /// tighter bound and takes longer. Not for exact densities [default: 100]
    #[arg(long, value_name = "K", value_parser = draws)]
    pub samples: Option<usize>,

    /// Writes log p(x_d | x_<d) of every value, f32 [N, H, W, C] or [N, D], streamed row by row. Needs an exact density
    #[arg(long, value_name = "P.npy")]
    pub pixels: Option<PathBuf>,

    /// Prints what log p of one row is made of, and nothing else. Rows are numbered from 0 among the scored rows. Of an exact density
    /// the chain rule: each value, its conditional probability, the running sum. Of a variational bound: reconstruction, KL, log p
    /// (by a grid where there are two latents, else an estimate by --samples [default: 5000]) and the gap between
    #[arg(long, value_name = "ROW", conflicts_with_all = ["count", "out", "pixels", "heatmaps", "against", "background"])]
    pub explain: Option<usize>,

    /// Writes an image of the latents of the row of --explain: the true posterior, and on it q(z|x) by its ellipses of one and two
    /// standard deviations. Needs a variational bound and two latents
    #[arg(long, value_name = "FILE.png", requires = "explain", conflicts_with = "samples")]
    pub posterior: Option<PathBuf>,

    /// Writes an image for each row: the row beside a heatmap of -log p of its pixels. Needs an exact density
    #[arg(long, value_name = "DIR")]
    pub heatmaps: Option<PathBuf>,

    /// Anomalous data to compare with: AUROC of telling them from --data by log p, and the rate of alarms
    #[arg(long, value_name = "NAME|PATH")]
    pub against: Option<String>,

    /// Resizes images of --data and --against to N x N pixels and pads them with black: 20 gives digits the format of MNIST
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub inner: Option<u16>,

    /// Run of a background model: rows are scored by the ratio log p - log p of the background
    #[arg(long, value_name = "RUN")]
    pub background: Option<PathBuf>,

    /// False-alarm rate: the part of the training rows that raises an alarm. Needs --against, or a run trained with
    /// --set exclude=CLASS [default: 0.05]
    #[arg(long, value_name = "RATE", value_parser = rate, conflicts_with = "explain")]
    pub false_alarms: Option<f64>,

    /// Checkpoint: `last`, `best` (on the held-out set) or a step [default: best if the run has a held-out set, else last]
    #[arg(long, value_name = "WHICH")]
    pub checkpoint: Option<Choice>,

    /// `auto` (a real GPU, else the CPU), `gpu`, `cpu`, or an index or part of a name from `calotype devices` [default: auto]
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,

    #[command(flatten)]
    pub form: Form,
}

#[derive(Debug, Args)]
pub struct EncodeArgs {
    /// Run folder, as made by `calotype train`
    pub run: PathBuf,

    /// Rows to encode: a data set by name, a file, a folder or one image [default: the run's data]
    #[arg(long, value_name = "NAME|PATH")]
    pub data: Option<String>,

    /// Setting of the other data, such as broken=skip, missing=drop or columns=a,b; `calotype models MODEL` lists them; may be
    /// repeated
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    pub set: Vec<(String, String)>,

    /// `train`, `test` or `all` [default: test if the data have test rows, else all]
    #[arg(long, value_name = "SPLIT")]
    pub split: Option<Split>,

    /// Resizes images of --data to N x N pixels and pads them with black
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096), requires = "data")]
    pub inner: Option<u16>,

    /// Writes an image of the codes of an auto-encoder, the first two numbers of each, coloured by class
    #[arg(long, value_name = "FILE.png")]
    pub plot: Option<PathBuf>,

    /// Writes the features, f32 [N, F]
    #[arg(long, value_name = "FILE.npy")]
    pub out: Option<PathBuf>,

    /// Writes one line a row: row (its place in the features), index (number in the data set), file (of images) or line (of a
    /// table), class
    #[arg(long, value_name = "FILE.csv")]
    pub rows: Option<PathBuf>,

    /// Fits a linear probe to the features of the training rows and another to their raw values, and prints test accuracies. The
    /// category that infogan recognises is held against the classes without it
    #[arg(long)]
    pub probe: bool,

    /// Checkpoint: `last`, `best` (on the held-out set) or a step [default: best if the run has a held-out set, else last]
    #[arg(long, value_name = "WHICH")]
    pub checkpoint: Option<Choice>,

    /// `auto` (a real GPU, else the CPU), `gpu`, `cpu`, or an index or part of a name from `calotype devices` [default: auto]
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,

    #[command(flatten)]
    pub form: Form,
}

#[derive(Debug, Args)]
pub struct LadderArgs {
    /// Run folders of models with a density, trained on the same data
    #[arg(required = true)]
    pub runs: Vec<PathBuf>,

    /// Number of images to complete: test rows, one of each class in turn
    #[arg(long, value_name = "N", default_value = "10", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub columns: u16,

    /// Half of each image that is kept
    #[arg(long, value_enum, value_name = "HALF", default_value = "top")]
    pub keep: Half,

    /// Seed of the random numbers
    #[arg(long, value_name = "N", default_value = "0", value_parser = seed, allow_negative_numbers = true)]
    pub seed: u64,

    /// Image to write, top to bottom: whole images, the kept halves, the completions of each model
    #[arg(long, value_name = "FILE.png", default_value = "ladder.png")]
    pub out: PathBuf,

    /// Writes the table as Markdown
    #[arg(long, value_name = "FILE.md")]
    pub table: Option<PathBuf>,

    /// `auto` (a real GPU, else the CPU), `gpu`, `cpu`, or an index or part of a name from `calotype devices` [default: auto]
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,

    #[command(flatten)]
    pub form: Form,
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

fn worst(text: &str) -> Result<usize, String> {
    let n = text.parse::<usize>().ok().filter(|n| (1..=10_000).contains(n));
    n.ok_or_else(|| "expected a number from 1 to 10000".to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|r| (0.0..1.0).contains(r));
    rate.ok_or_else(|| "expected a number from 0 to below 1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_images_has_numbers_and_ranges() {
        assert_eq!(numbers("7"), Ok(Numbers(vec![7])));
        assert_eq!(numbers("3,7,10..12,3"), Ok(Numbers(vec![3, 7, 10, 11, 12, 3])));
        for wrong in ["", "a", "1,", "-1", "3..1", "1..", "65536", "1.5", "0..65535,0"] {
            assert!(numbers(wrong).is_err(), "{wrong}");
        }
        assert_eq!(truncation("0.5"), Ok(0.5));
        for wrong in ["0", "-1", "inf", "NaN", "much", "1e-300", "1e9"] {
            assert!(truncation(wrong).is_err(), "{wrong}");
        }
    }
}
