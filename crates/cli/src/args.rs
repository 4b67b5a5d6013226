//! The command line as it is typed.

mod measuring;
mod tables;
mod training;
mod using;
mod verify;

use std::num::NonZeroUsize;

use clap::{Args, Parser, Subcommand};

use measuring::{BENCH_EXAMPLES, SELFTEST_EXAMPLES};
pub use measuring::{BenchArgs, BenchCommand, BenchTrainArgs, SelftestArgs, TuneArgs};
use tables::{COUNT_EXAMPLES, TABLE_EXAMPLES};
pub use tables::{CountArgs, TableArgs};
use training::TRAIN_EXAMPLES;
pub use training::{ModelArgs, PlanArgs, PresetArg, TrainArgs};
pub use using::{EncodeArgs, Half, LadderArgs, SampleArgs, ScoreArgs};
use using::{LADDER_EXAMPLES, SAMPLE_EXAMPLES, SCORE_EXAMPLES};
pub use verify::VerifyArgs;

const EXAMPLES: &str = "Examples:
  calotype train dcgan                      # some minutes on two CPU cores: 5.4 where it was measured
  calotype sample runs/dcgan-fashion-mnist-001
  calotype train dcgan --preset paper       # 64x64 in colour, the paper's sizes: for a GPU
  calotype train row-lstm --data digits     # a model with a density
  calotype verify runs/row-lstm-digits-001  # whose probabilities sum to 1";

/// Trains, samples, scores and verifies the classic deep generative models, on any GPU and on the CPU.
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

/// TOML's integers end at 2^63 - 1, and a run keeps its seed there.
fn seed(text: &str) -> Result<u64, String> {
    let seed = text.parse::<u64>().ok().filter(|&s| i64::try_from(s).is_ok());
    seed.ok_or_else(|| format!("expected a whole number from 0 to {}", i64::MAX))
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
