//! `calotype watch`.

use std::path::PathBuf;

use clap::Args;

pub const EXAMPLES: &str = "Examples:
  calotype watch                                    # all runs in runs/, as a table; tick some to compare them
  calotype watch runs/dcgan-fashion-mnist-001       # one run
  ssh -L 8080:localhost:8080 gpu-machine calotype watch --port 8080     # runs of another machine

The address is printed: open it in a browser of this machine. It holds a secret token, and nobody else is answered. Ctrl-C ends the pages, not the
runs. Without a browser, files do the same: `touch RUN/control/pause` (remove it to go on), `touch RUN/control/save`, `touch RUN/control/stop`.";

#[derive(Debug, Args)]
pub struct WatchArgs {
    /// Run folder, or a folder of run folders
    #[arg(value_name = "RUN|FOLDER", default_value = "runs")]
    pub path: PathBuf,

    /// Port on this machine; 0: any that is free
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub port: u16,
}
