//! The command line as it is typed.

mod tables;
mod verify;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use calotype_data::Split;
use calotype_graph::Precision;
use calotype_models::Preset;
use calotype_training::Choice;
use clap::{Args, Parser, Subcommand, ValueEnum};

use tables::{COUNT_EXAMPLES, TABLE_EXAMPLES};
pub use tables::{CountArgs, TableArgs};
pub use verify::VerifyArgs;

const EXAMPLES: &str = "Examples:
  calotype train dcgan                      # some minutes on two CPU cores: 5.4 where it was measured
  calotype sample runs/dcgan-fashion-mnist-001
  calotype train dcgan --preset paper       # 64x64 in colour, the paper's sizes: for a GPU";

/// Trains and samples the classic deep generative models, on any GPU and on the CPU.
#[derive(Debug, Parser)]
#[command(name = "calotype", version, propagate_version = true, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,

    /// Say more; twice: everything. RUST_LOG is heeded too
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,

    /// Threads for the CPU and for compiling; all that the machine has unless given
    #[arg(long, global = true, value_name = "N", value_parser = threads)]
    pub threads: Option<NonZeroUsize>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train a model, or go on training a run
    #[command(after_help = TRAIN_EXAMPLES)]
    Train(TrainArgs),
    /// Make images with a trained model
    #[command(after_help = SAMPLE_EXAMPLES)]
    Sample(SampleArgs),
    /// Exact log-likelihoods of rows, their factors, and what does not fit
    #[command(after_help = SCORE_EXAMPLES)]
    Score(ScoreArgs),
    /// Show that a trained density is what it claims to be: it sums to one, looks at nothing ahead, draws what it scores
    #[command(after_help = verify::EXAMPLES)]
    Verify(VerifyArgs),
    /// Features of rows, and how much of their classes a linear probe finds in them
    #[command(
        after_help = "Examples:\n  calotype encode runs/nade-digits-001 --out features.npy\n  calotype encode runs/nade-digits-001 --probe"
    )]
    Encode(EncodeArgs),
    /// Several models beside each other: the same half images completed by each in turn, each with its nats
    #[command(after_help = LADDER_EXAMPLES)]
    Ladder(LadderArgs),
    /// Say what a training step takes, without training
    #[command(after_help = "Example:\n  calotype plan dcgan --preset paper --batch 128 --device gpu")]
    Plan(PlanArgs),
    /// Measure how fast this machine is: its roofs, every kernel, a training step
    #[command(after_help = BENCH_EXAMPLES)]
    Bench(BenchArgs),
    /// Hold every kernel on this device against the plain reference
    #[command(after_help = SELFTEST_EXAMPLES)]
    Selftest(SelftestArgs),
    /// List what can compute: the CPU and every adapter
    #[command(after_help = "Example:\n  calotype devices")]
    Devices,
    /// List the models, or one model's settings
    #[command(after_help = "Example:\n  calotype models dcgan")]
    Models {
        /// Its settings, with the defaults of each preset
        model: Option<String>,
    },
    /// List the data sets, describe one, or fetch one
    #[command(
        after_help = "Examples:\n  calotype data\n  calotype data fashion-mnist\n  calotype data ./photos\n  calotype data fetch fashion-mnist-60k"
    )]
    Data(DataArgs),
    /// Count the parameters of a distribution over images, by what is assumed of it
    #[command(after_help = COUNT_EXAMPLES)]
    Count(CountArgs),
    /// Ask a table of observations: margins, Bayes' rule, independence, the chain rule
    #[command(after_help = TABLE_EXAMPLES)]
    Table(TableArgs),
}

const TRAIN_EXAMPLES: &str = "Examples:
  calotype train dcgan
  calotype train dcgan --data ./photos --set size=64 --steps 20000
  calotype train dcgan --preset paper --data emoji --device gpu
  calotype train --resume runs/dcgan-fashion-mnist-001 --steps 12000";

const SAMPLE_EXAMPLES: &str = "Examples:
  calotype sample runs/dcgan-fashion-mnist-001 --count 100 --seed 7
  calotype sample runs/dcgan-fashion-mnist-001 --interpolate --out morph.gif
  calotype sample runs/dcgan-fashion-mnist-001 --latents z.npy --out images.npy";

const SCORE_EXAMPLES: &str = "Examples:
  calotype score runs/nade-digits-001                                  # test rows: mean, standard error, histogram
  calotype score runs/nade-digits-001 --explain 3                      # the chain rule of one row, factor by factor
  calotype score runs/pixelcnn-fashion-mnist-001 --heatmaps surprise --count 20
  calotype score runs/context-fashion-mnist-002 --against digits --inner 20 --background runs/context-fashion-mnist-001";

const LADDER_EXAMPLES: &str = "Examples:
  calotype ladder runs/markov-digits-001 runs/nade-digits-001 runs/row-lstm-digits-001
  calotype ladder runs/*-fashion-mnist-* --columns 10 --out ladder.png --table ladder.md";

const BENCH_EXAMPLES: &str = "Examples:
  calotype bench                                        # roofs, then every kernel
  calotype bench matmul conv2d --device gpu --plot roofline.svg
  calotype bench --device cpu --export before.json      # change something, then:
  calotype bench --device cpu --against before.json     # exit code 1 where a kernel became slower
  calotype bench train dcgan --preset paper             # a whole training step
  calotype bench tune                                   # choose this adapter's tiles";

const SELFTEST_EXAMPLES: &str = "Examples:
  calotype selftest                                     # what --device auto takes
  calotype selftest --device llvmpipe softmax conv2d
  calotype selftest --device gpu --export report.json   # for a bug report";

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

    /// Writes index, log_likelihood_nats, bits_per_dim, bound for every row
    #[arg(long, value_name = "FILE.csv")]
    pub out: Option<PathBuf>,

    /// Writes log p(x_d | x_<d) of every value: f32 [N, H, W, C] or [N, D]
    #[arg(long, value_name = "P.npy")]
    pub pixels: Option<PathBuf>,

    /// Prints the chain rule of one row as it runs: each value, its probability given those before, the running sum
    #[arg(long, value_name = "INDEX")]
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

    /// An alarm is a row less likely than all but this part of the training rows
    #[arg(long, value_name = "RATE", default_value = "0.05", value_parser = rate)]
    pub false_alarms: f64,

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

#[derive(Debug, Args)]
pub struct PlanArgs {
    /// `calotype models` lists them
    pub model: String,

    #[command(flatten)]
    pub with: ModelArgs,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct BenchArgs {
    /// Kernels to time, by op; all unless given
    #[arg(value_name = "KERNEL")]
    pub kernels: Vec<String>,

    /// As for `train`
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,

    /// Writes roofs and times as JSON
    #[arg(long, value_name = "FILE")]
    pub export: Option<PathBuf>,

    /// Compares with what --export wrote: a kernel fails that takes over 10% longer, with both medians outside the other's
    /// quartiles, three times in a row
    #[arg(long, value_name = "FILE")]
    pub against: Option<PathBuf>,

    /// Draws the roofline
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,

    #[command(subcommand)]
    pub what: Option<BenchCommand>,
}

#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Time a model's training step, on made-up images
    #[command(
        after_help = "Examples:\n  calotype bench train dcgan --preset paper --device cpu\n  calotype bench train dcgan --batch 128 --steps 100 --export dcgan.json"
    )]
    Train(BenchTrainArgs),
    /// Choose this adapter's tiles: measures every way to carry out the models' products, and keeps the fastest for later runs
    #[command(after_help = "Examples:\n  calotype bench tune\n  calotype bench tune --device gpu --reset")]
    Tune(TuneArgs),
}

#[derive(Debug, Args)]
pub struct TuneArgs {
    /// As for `train`
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,

    /// Forget what was chosen
    #[arg(long)]
    pub reset: bool,
}

#[derive(Debug, Args)]
pub struct SelftestArgs {
    /// Ops to test; all unless given
    #[arg(value_name = "OP")]
    pub ops: Vec<String>,

    /// As for `train`
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,

    /// Writes the results as JSON
    #[arg(long, value_name = "FILE")]
    pub export: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct BenchTrainArgs {
    /// `calotype models` lists them
    pub model: String,

    #[command(flatten)]
    pub with: ModelArgs,

    /// Steps that are timed
    #[arg(long, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub steps: u64,

    /// Writes the figures as JSON
    #[arg(long, value_name = "FILE")]
    pub export: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct DataArgs {
    /// A data set to describe
    #[arg(value_name = "NAME|PATH")]
    pub name: Option<String>,

    #[command(subcommand)]
    pub action: Option<DataAction>,
}

#[derive(Debug, Subcommand)]
pub enum DataAction {
    /// Download a data set; an interrupted download goes on where it was
    #[command(after_help = "Example:\n  calotype data fetch fashion-mnist-60k")]
    Fetch {
        /// One that `calotype data` marks as fetched
        name: String,
    },
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

/// TOML's integers end at 2^63 - 1, and a run keeps its seed there.
fn seed(text: &str) -> Result<u64, String> {
    let seed = text.parse::<u64>().ok().filter(|&s| i64::try_from(s).is_ok());
    seed.ok_or_else(|| format!("expected a whole number from 0 to {}", i64::MAX))
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

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|r| (0.0..1.0).contains(r));
    rate.ok_or_else(|| "expected a number from 0 to below 1".to_owned())
}

fn threads(text: &str) -> Result<NonZeroUsize, String> {
    let threads = text.parse::<NonZeroUsize>().ok().filter(|n| n.get() <= 1024);
    threads.ok_or_else(|| "expected a whole number from 1 to 1024".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    /// Every command's help is enough to use it.
    #[test]
    fn every_help_has_an_example() {
        fn check(command: &mut clap::Command) {
            let help = command.render_long_help().to_string();
            assert!(help.contains("Example"), "{help}");
            let names: Vec<String> = command.get_subcommands().map(|c| c.get_name().to_owned()).filter(|n| n != "help").collect();
            for name in names {
                check(command.find_subcommand_mut(&name).expect("it was listed"));
            }
        }
        check(&mut Cli::command());
    }
}
