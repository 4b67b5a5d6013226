//! `calotype report`.

use std::path::Path;

use anyhow::Result;
use calotype_training::{comparison, write_report};

use super::Ending;
use crate::args::ReportArgs;
use crate::fault::WrongUse;
use crate::output::{ending, has_folder, print, replace_text, writable};

/// Of several runs, unless said otherwise.
const OUT: &str = "comparison.html";

pub fn run(args: &ReportArgs) -> Result<Ending> {
    let path = match args.runs.as_slice() {
        [run] => {
            if args.out.is_some() {
                let message = format!("--out is for several runs: the report of one is {}", run.join("report.html").display());
                return Err(WrongUse(message).into());
            }
            write_report(run)?
        }
        runs => {
            let out = args.out.as_deref().unwrap_or(Path::new(OUT));
            has_folder("--out", Some(out))?;
            ending("--out", out, "html")?;
            writable(out)?;
            replace_text(out, &comparison(runs)?)?;
            out.to_owned()
        }
    };
    print(&path.display().to_string())?;
    Ok(Ending::Done)
}
