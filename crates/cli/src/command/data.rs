//! `calotype data`.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _, stderr};

use anyhow::Result;
use calotype_data::{CATALOGUE, DatasetSpec, Options, fetch};
use calotype_training::TrainingError;

use super::Ending;
use crate::args::{DataAction, DataArgs};
use crate::output::{bytes, print};

pub fn run(args: &DataArgs) -> Result<Ending> {
    match (&args.action, &args.name) {
        (Some(DataAction::Fetch { name }), _) => bring(name)?,
        (None, Some(name)) => describe(name)?,
        (None, None) => list()?,
    }
    Ok(Ending::Done)
}

fn list() -> Result<()> {
    let mut text = String::new();
    for entry in &CATALOGUE {
        let fetched = if entry.fetched { " (download)" } else { "" };
        writeln!(text, "{:<18} {}{fetched}", entry.name, entry.about)?;
        writeln!(text, "{:<18} {}", "", licence(entry.name))?;
    }
    writeln!(
        text,
        "\nor a path: a folder of images, IDX (plain or .gz), CIFAR-10 binary, .npy, CSV, CelebA\n`calotype data NAME|PATH` describes a data set, `calotype data fetch NAME` downloads one"
    )?;
    print(&text)
}

fn describe(name: &str) -> Result<()> {
    let spec = DatasetSpec::parse(name).map_err(TrainingError::from)?;
    let dataset = spec.open(&Options::default()).map_err(TrainingError::from)?;
    let mut text = dataset.summary().to_string();
    if let DatasetSpec::Named(entry) = spec {
        write!(text, "\n  licence   {}", licence(entry.name))?;
    }
    print(&text)
}

fn bring(name: &str) -> Result<()> {
    let terminal = stderr().is_terminal();
    let mut shown = (String::new(), 0);
    let mut progress = |file: &str, have: u64, all: u64| {
        let percent = 100 * have / all.max(1);
        // Plain output gets a line a tenth, a terminal one that is overwritten.
        let due = if terminal { percent != shown.1 } else { percent / 10 != shown.1 / 10 };
        if shown.0 != file || due {
            shown = (file.to_owned(), percent);
            let (start, end) = if terminal { ("\r", "") } else { ("", "\n") };
            let _ = write!(stderr(), "{start}{file}: {percent} % of {}{end}", bytes(all));
        }
    };
    let folder = fetch::fetch(name, &Options::default(), &mut progress).map_err(TrainingError::from);
    if terminal {
        let _ = writeln!(stderr());
    }
    print(&folder?.display().to_string())
}

/// Terms of use; the files are beside the data in `assets/data`.
fn licence(name: &str) -> &'static str {
    match name {
        "fashion-mnist" | "fashion-mnist-60k" => "MIT, Zalando SE",
        "digits" => "CC-BY-4.0, E. Alpaydin and C. Kaynak, UCI Machine Learning Repository",
        "emoji" => "Apache-2.0, Google (Noto); CC-BY-4.0, Twitter (Twemoji)",
        "emoji-noto" => "Apache-2.0, Google",
        "emoji-twemoji" => "CC-BY-4.0, Twitter",
        _ => "made by this program: no licence needed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Data that come from elsewhere have terms of their own.
    #[test]
    fn every_data_set_that_is_not_made_here_has_its_licence() {
        let made = ["shapes", "ring", "grid", "swiss-roll", "mixture-1d"];
        for entry in &CATALOGUE {
            assert_eq!(licence(entry.name).starts_with("made by"), made.contains(&entry.name), "{}", entry.name);
        }
    }
}
