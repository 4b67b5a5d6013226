//! `calotype report`.

use std::path::PathBuf;

use clap::Args;

pub const EXAMPLES: &str = "Examples:
  calotype report runs/dcgan-fashion-mnist-001                        # writes report.html in the run folder anew
  calotype report runs/vae-digits-001 runs/vae-digits-002 --out two.html   # runs beside each other

The report of a run is one file that needs nothing else: curves, samples over time, the table of `calotype evaluate`, what went wrong, and the
command that trains the run again. `train` writes it with each checkpoint. The path of the page is printed last.";

#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Run folders, as made by `calotype train`
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,

    /// Output file of several runs [default: comparison.html]
    #[arg(long, value_name = "FILE.html")]
    pub out: Option<PathBuf>,
}
