//! `calotype bench` and `selftest`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::training::ModelArgs;

pub const BENCH_EXAMPLES: &str = "Examples:
  calotype bench                                        # roofs, then every kernel
  calotype bench matmul conv2d --device gpu --plot roofline.svg
  calotype bench --device cpu --export before.json      # change something, then:
  calotype bench --device cpu --against before.json     # exit code 1 where a kernel became slower
  calotype bench train dcgan --preset paper             # a whole training step
  calotype bench tune                                   # choose this adapter's tiles";

pub const SELFTEST_EXAMPLES: &str = "Examples:
  calotype selftest                                     # what --device auto takes
  calotype selftest --device llvmpipe softmax conv2d
  calotype selftest --device gpu --export report.json   # for a bug report";

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
