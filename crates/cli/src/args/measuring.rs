//! `calotype bench` and `selftest`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::training::ModelArgs;
use crate::output::Form;

pub const BENCH_EXAMPLES: &str = "Examples:
  calotype bench                                        # peak rates, then every kernel
  calotype bench matmul conv2d --device gpu --plot roofline.svg
  calotype bench --device cpu --export before.json      # before a change
  calotype bench --device cpu --against before.json     # after it; exit code 1 if slower
  calotype bench train dcgan --preset paper             # a whole training step
  calotype bench tune                                   # find the fastest tiles of this adapter";

pub const SELFTEST_EXAMPLES: &str = "Examples:
  calotype selftest                                     # on the device of --device auto
  calotype selftest --device llvmpipe softmax conv2d
  calotype selftest --device gpu --export report.json   # for a bug report";

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct BenchArgs {
    /// Kernels to time, by op [default: all]
    #[arg(value_name = "KERNEL")]
    pub kernels: Vec<String>,

    /// `auto` (a real GPU, else the CPU), `gpu`, `cpu`, or an index or part of a name from `calotype devices` [default: auto]
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,

    /// Writes peak rates and times as JSON
    #[arg(long, value_name = "FILE")]
    pub export: Option<PathBuf>,

    /// Compares with a file of --export. A kernel fails if it takes over 10% longer and each median lies outside the other's
    /// quartiles, three measurements in a row
    #[arg(long, value_name = "FILE")]
    pub against: Option<PathBuf>,

    /// Draws the roofline plot
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,

    #[command(flatten)]
    pub form: Form,

    #[command(subcommand)]
    pub what: Option<BenchCommand>,
}

#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Time a model's training step on synthetic images
    #[command(
        after_help = "Examples:\n  calotype bench train dcgan --preset paper --device cpu\n  calotype bench train dcgan --batch 128 --steps 100 --export dcgan.json"
    )]
    Train(Box<BenchTrainArgs>),
    /// Tune the tiles of matrix products: times every choice on this adapter and keeps the fastest for later runs
    #[command(after_help = "Examples:\n  calotype bench tune\n  calotype bench tune --device gpu --reset")]
    Tune(TuneArgs),
}

#[derive(Debug, Args)]
pub struct TuneArgs {
    /// `auto` (a real GPU, else the CPU), `gpu`, `cpu`, or an index or part of a name from `calotype devices` [default: auto]
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,

    /// Delete this adapter's tuned tiles
    #[arg(long)]
    pub reset: bool,

    #[command(flatten)]
    pub form: Form,
}

#[derive(Debug, Args)]
pub struct SelftestArgs {
    /// Ops to test [default: all]
    #[arg(value_name = "OP")]
    pub ops: Vec<String>,

    /// `auto` (a real GPU, else the CPU), `gpu`, `cpu`, or an index or part of a name from `calotype devices` [default: auto]
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,

    /// Writes the results as JSON
    #[arg(long, value_name = "FILE")]
    pub export: Option<PathBuf>,

    #[command(flatten)]
    pub form: Form,
}

#[derive(Debug, Args)]
pub struct BenchTrainArgs {
    /// Name of a model, as listed by `calotype models`
    pub model: String,

    #[command(flatten)]
    pub with: ModelArgs,

    /// Number of steps to time
    #[arg(long, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub steps: u64,

    /// The stage to time, of a model that is trained in several: `32x32` of progan [default: the last]
    #[arg(long, value_name = "NAME")]
    pub stage: Option<String>,

    /// Writes the times as JSON
    #[arg(long, value_name = "FILE")]
    pub export: Option<PathBuf>,

    /// Times one more step kernel by kernel, says which kinds take how much of it, and writes it as a trace, with the operations and bytes
    /// of each: for https://ui.perfetto.dev or chrome://tracing. On GPUs with timestamps, and on the CPU
    #[arg(long, value_name = "FILE.json")]
    pub trace: Option<PathBuf>,

    #[command(flatten)]
    pub form: Form,
}
