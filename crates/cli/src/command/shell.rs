//! `calotype completions` and `calotype man`: made of the command line itself.

use std::fs;

use anyhow::{Context, Result};
use clap::CommandFactory;

use super::Ending;
use crate::args::{Cli, CompletionsArgs, ManArgs};
use crate::output::{note, print};

pub fn completions(args: &CompletionsArgs) -> Result<Ending> {
    let mut script = vec![];
    clap_complete::generate(args.shell, &mut Cli::command(), "calotype", &mut script);
    print(String::from_utf8_lossy(&script).trim_end())?;
    Ok(Ending::Done)
}

pub fn man(args: &ManArgs) -> Result<Ending> {
    let failed = || format!("--out {}: the pages cannot be written", args.out.display());
    fs::create_dir_all(&args.out).with_context(failed)?;
    clap_mangen::generate_to(Cli::command(), &args.out).with_context(failed)?;
    note(&format!("{}: calotype.1, and one page a command", args.out.display()));
    Ok(Ending::Done)
}
