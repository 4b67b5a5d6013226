//! `calotype data`.

use std::fmt;
use std::io::{IsTerminal, Write, stderr};
use std::sync::Arc;

use anyhow::Result;
use calotype_data::picture::{self, RgbImage};
use calotype_data::{CATALOGUE, Dataset, DatasetSpec, Entry, Evaluation, Options, Preparation, Prepared, Split, Summary, fetch};
use calotype_training::{TrainingError, options_of};
use serde::Serialize;

use super::{Ending, once};
use crate::args::{DataAction, DataArgs};
use crate::fault::WrongUse;
use crate::output::{bytes, ending, has_folder, print, replace};

/// Rows of `--sheet`, and how wide it is about.
const SHOWN: usize = 64;
const ABOUT_PIXELS: usize = 800;

pub fn run(args: &DataArgs) -> Result<Ending> {
    match (&args.action, &args.name) {
        (Some(DataAction::Fetch { name }), _) => bring(name)?,
        (None, Some(name)) => args.form.answer(&describe(name, args)?)?,
        (None, None) => args.form.answer(&List::new())?,
    }
    Ok(Ending::Done)
}

/// The data sets that have names.
#[derive(Serialize)]
struct List(Vec<Listed>);

#[derive(Serialize)]
struct Listed {
    name: &'static str,
    about: &'static str,
    /// Whether `data fetch` must have brought it.
    download: bool,
    licence: &'static str,
}

/// What training will see of data.
#[derive(Serialize)]
struct Described {
    #[serde(flatten)]
    summary: Summary,
    /// Of data that have a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    licence: Option<&'static str>,
    /// The file of `--sheet`.
    #[serde(skip_serializing_if = "Option::is_none")]
    sheet: Option<String>,
}

impl List {
    fn new() -> Self {
        let listed = |e: &Entry| Listed { name: e.name, about: e.about, download: e.fetched, licence: licence(e.name) };
        List(CATALOGUE.iter().map(listed).collect())
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Listed { name, about, download, licence } in &self.0 {
            let fetched = if *download { " (download)" } else { "" };
            writeln!(f, "{name:<18} {about}{fetched}")?;
            writeln!(f, "{:<18} {licence}", "")?;
        }
        writeln!(
            f,
            "\nor a path: a folder of images, IDX (plain or .gz), CIFAR-10 binary, .npy, CSV, CelebA\n`calotype data NAME|PATH` describes a data set, `calotype data fetch NAME` downloads one"
        )
    }
}

impl fmt::Display for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.summary)?;
        if let Some(licence) = self.licence {
            write!(f, "\n  licence   {licence}")?;
        }
        self.sheet.iter().try_for_each(|path| write!(f, "\n{path}"))
    }
}

fn describe(name: &str, args: &DataArgs) -> Result<Described> {
    let spec = DatasetSpec::parse(name).map_err(TrainingError::from)?;
    if let Some(path) = &args.sheet {
        has_folder("--sheet", Some(path))?;
        ending("--sheet", path, "png")?;
    }
    let options = Options { captions: true, ..options_of(&spec, &once(args.set.iter().cloned())?)? };
    let survey = spec.survey(&options, SHOWN).map_err(TrainingError::from)?;
    if let Some(path) = &args.sheet {
        let picture = sheet(&survey.shown)?;
        replace(path, |file| picture::write_png(file, &picture))?;
    }
    Ok(Described {
        summary: survey.summary,
        licence: if let DatasetSpec::Named(entry) = spec { Some(licence(entry.name)) } else { None },
        sheet: args.sheet.as_ref().map(|path| path.display().to_string()),
    })
}

/// Rows as tiles, eight in a line.
fn sheet(shown: &Dataset) -> Result<RgbImage> {
    let Some([h, w, c]) = shown.image_shape() else {
        let message = format!("--sheet draws images, and {} has rows of {} columns", shown.name(), shown.n_values());
        return Err(WrongUse(message).into());
    };
    let prepared = Arc::new(Prepared::new(shown, &Preparation::default()).map_err(TrainingError::from)?);
    let rows = shown.rows(Split::All).map_err(TrainingError::from)?;
    let n = rows.len();
    let all = Evaluation::new(prepared, rows, n, 0).map_err(TrainingError::from)?;
    let images: Vec<f32> = all.iter().flat_map(|batch| batch.batch.images).collect();
    Ok(picture::sheet(&images, [n, h, w, c], Some(8), ABOUT_PIXELS).map_err(TrainingError::from)?)
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
        "emoji" | "emoji-tones" => "Apache-2.0, Google (Noto); CC-BY-4.0, Twitter (Twemoji)",
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
        let made = ["shapes", "scenes", "ring", "grid", "swiss-roll", "mixture-1d"];
        for entry in &CATALOGUE {
            assert_eq!(licence(entry.name).starts_with("made by"), made.contains(&entry.name), "{}", entry.name);
        }
    }
}
