//! The command line as it is typed.

mod compose;
mod draw;
mod evaluate;
mod export;
mod measuring;
mod report;
mod shell;
mod tables;
mod training;
mod translate;
mod using;
mod verify;
mod watch;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use compose::ComposeArgs;
pub use draw::DrawArgs;
pub use evaluate::{EvaluateArgs, Span};
pub use export::ExportArgs;
use measuring::{BENCH_EXAMPLES, SELFTEST_EXAMPLES};
pub use measuring::{BenchArgs, BenchCommand, BenchTrainArgs, SelftestArgs, TuneArgs};
pub use report::ReportArgs;
pub use shell::{CompletionsArgs, ManArgs};
use tables::{COUNT_EXAMPLES, TABLE_EXAMPLES};
pub use tables::{CountArgs, TableArgs};
use training::TRAIN_EXAMPLES;
pub use training::{ModelArgs, PlanArgs, TrainArgs};
pub use translate::TranslateArgs;
pub use using::{EncodeArgs, Half, LadderArgs, SampleArgs, ScoreArgs};
use using::{LADDER_EXAMPLES, SAMPLE_EXAMPLES, SCORE_EXAMPLES};
pub use verify::VerifyArgs;
pub use watch::WatchArgs;

use crate::output::Form;

const EXAMPLES: &str = "Examples:
  calotype train dcgan                      # 5.4 minutes on two CPU cores
  calotype sample runs/dcgan-fashion-mnist-001
  calotype train dcgan --preset paper       # 64x64 in colour, the paper's sizes: for a GPU
  calotype train row-lstm --data digits     # a model with a density
  calotype score runs/row-lstm-digits-001   # log-likelihood of the test rows
  calotype verify runs/row-lstm-digits-001  # its probabilities sum to 1

A row is one example of a data set: an image or a vector. A run is the folder that `train` writes.
`calotype COMMAND --help` explains a command.
Exit codes: 0 success, 1 failure, 2 wrong usage, 130 interrupted.";

/// Trains, samples, scores and verifies the classic deep generative models, on any GPU and on the CPU.
#[derive(Debug, Parser)]
#[command(name = "calotype", version, propagate_version = true, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,

    /// Log more (-v), or everything (-vv); the environment variable RUST_LOG overrides this
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,

    /// Threads for the CPU device and for compiling [default: all of the machine]
    #[arg(long, global = true, value_name = "N", value_parser = threads)]
    pub threads: Option<NonZeroUsize>,

    /// Decode images again, instead of taking them from the cache folder, and keep none there
    #[arg(long, global = true)]
    pub no_cache: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train a model, or resume a run
    #[command(after_help = TRAIN_EXAMPLES)]
    Train(TrainArgs),
    /// Generate images or rows from a trained model
    #[command(after_help = SAMPLE_EXAMPLES)]
    Sample(SampleArgs),
    /// Compute log-likelihoods of rows, the factors of the chain rule, and anomalies
    #[command(after_help = SCORE_EXAMPLES)]
    Score(ScoreArgs),
    /// Measure samples: how far from the data, how real, how various, and whether learned by heart
    #[command(after_help = evaluate::EXAMPLES)]
    Evaluate(EvaluateArgs),
    /// Write the report of a run anew, or one page of several runs beside each other
    #[command(after_help = report::EXAMPLES)]
    Report(ReportArgs),

    /// Write a network of a run for other programs: as an ONNX model, or its weights for PyTorch
    #[command(after_help = export::EXAMPLES)]
    Export(ExportArgs),

    /// Follow runs in a browser while they train: curves, samples, rate and time to go; pause, save and stop them there
    #[command(after_help = watch::EXAMPLES)]
    Watch(WatchArgs),

    /// Check a trained density: it sums to one, no conditional looks ahead, and samples follow the scores
    #[command(after_help = verify::EXAMPLES)]
    Verify(VerifyArgs),
    /// Compute features of rows, and the accuracy of a linear probe on them
    #[command(
        after_help = "Examples:\n  calotype encode runs/nade-digits-001 --out features.npy\n  calotype encode runs/nade-digits-001 --probe"
    )]
    Encode(EncodeArgs),
    /// Translate images to another domain: a data set, or attributes
    #[command(after_help = translate::EXAMPLES)]
    Translate(TranslateArgs),
    /// Draw pictures of what sentences say
    #[command(after_help = draw::EXAMPLES)]
    Draw(DrawArgs),
    /// Compose images from a few patches whose places are not given
    #[command(after_help = compose::EXAMPLES)]
    Compose(ComposeArgs),
    /// Compare models of the same data: their log-likelihoods, and the same half images completed by each
    #[command(after_help = LADDER_EXAMPLES)]
    Ladder(LadderArgs),
    /// Show the memory, FLOPs and kernels of a training step, without training
    #[command(after_help = "Example:\n  calotype plan dcgan --preset paper --batch 128 --device gpu")]
    Plan(PlanArgs),
    /// Measure this device: its peak rates (roofs), every kernel, a training step
    #[command(after_help = BENCH_EXAMPLES)]
    Bench(BenchArgs),
    /// Test every kernel and its gradient on this device against the CPU reference
    #[command(after_help = SELFTEST_EXAMPLES)]
    Selftest(SelftestArgs),
    /// List the devices: the CPU and every GPU adapter
    #[command(after_help = "Example:\n  calotype devices")]
    Devices(Form),
    /// List the models, or one model's settings
    #[command(after_help = "Examples:\n  calotype models\n  calotype models dcgan")]
    Models {
        /// List the settings of this model, with the defaults of each preset
        model: Option<String>,

        #[command(flatten)]
        form: Form,
    },
    /// List the data sets, describe one, or download one
    #[command(
        after_help = "Examples:\n  calotype data\n  calotype data fashion-mnist\n  calotype data ./photos --set size=64 --sheet sheet.png\n  calotype data iris.csv --set label=species\n  calotype data fetch fashion-mnist-60k"
    )]
    Data(DataArgs),
    /// Count the parameters of a distribution over images, by independence assumption
    #[command(after_help = COUNT_EXAMPLES)]
    Count(CountArgs),
    /// Query a table of observations: marginals, Bayes' rule, independence, the chain rule
    #[command(after_help = TABLE_EXAMPLES)]
    Table(TableArgs),
    /// Print a script that completes commands and options in a shell
    #[command(after_help = shell::COMPLETIONS_EXAMPLES)]
    Completions(CompletionsArgs),
    /// Write manual pages
    #[command(after_help = shell::MAN_EXAMPLES)]
    Man(ManArgs),
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct DataArgs {
    /// Data set to describe: a name, a file or a folder
    #[arg(value_name = "NAME|PATH")]
    pub name: Option<String>,

    /// Setting of the data, such as size=64 or label=species; `calotype models MODEL` lists them; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value, requires = "name")]
    pub set: Vec<(String, String)>,

    /// Draws 64 rows, evenly spaced among all, as they are read
    #[arg(long, value_name = "FILE.png", requires = "name")]
    pub sheet: Option<PathBuf>,

    #[command(flatten)]
    pub form: Form,

    #[command(subcommand)]
    pub action: Option<DataAction>,
}

#[derive(Debug, Subcommand)]
pub enum DataAction {
    /// Download a data set; an interrupted download resumes
    #[command(after_help = "Example:\n  calotype data fetch fashion-mnist-60k")]
    Fetch {
        /// Name of a downloadable data set, as listed by `calotype data`
        name: String,
    },
}

/// TOML's integers end at 2^63 - 1, and a run keeps its seed there.
fn seed(text: &str) -> Result<u64, String> {
    let seed = text.parse::<u64>().ok().filter(|&s| i64::try_from(s).is_ok());
    seed.ok_or_else(|| format!("expected a whole number from 0 to {}", i64::MAX))
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.trim().to_owned(), value.trim().to_owned())),
        _ => Err("expected KEY=VALUE, such as width=16".to_owned()),
    }
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

    /// What prints a table has `--json`, and nothing else has.
    #[test]
    fn every_table_is_answered_as_json() {
        const NO_TABLE: [&str; 10] =
            ["train", "sample", "report", "watch", "translate", "draw", "compose", "data fetch", "completions", "man"];
        fn check(command: &clap::Command, above: &str, without: &mut Vec<String>) {
            for command in command.get_subcommands() {
                let name = format!("{above}{}", command.get_name());
                if !command.get_arguments().any(|arg| arg.get_long() == Some("json")) {
                    without.push(name.clone());
                }
                check(command, &format!("{name} "), without);
            }
        }
        let mut without = vec![];
        check(&Cli::command(), "", &mut without);
        without.sort_unstable();
        let mut no_table = NO_TABLE.map(str::to_owned);
        no_table.sort_unstable();
        assert_eq!(without, no_table);
    }
}
