//! Which data: the names, and `open`.

use std::path::{Path, PathBuf};

use crate::dataset::Dataset;
use crate::error::{DataError, Result};
use crate::format::kinds::{self, Kind};
use crate::options::Options;
use crate::summary::Survey;
use crate::{bundled, emoji, fetch, format, shapes, toy};

/// A data set that has a name.
#[derive(Debug)]
pub struct Entry {
    pub name: &'static str,
    /// One line for a list.
    pub about: &'static str,
    /// Whether `calotype data fetch` must have brought it.
    pub fetched: bool,
    pub kind: &'static Kind,
    open: fn(&Options) -> Result<Dataset>,
}

/// All data sets that have a name.
pub static CATALOGUE: [Entry; 13] = [
    entry("fashion-mnist", "10,000 grey images of garments, 28x28, 10 classes; 9,000 train, 1,000 test", bundled::fashion_mnist),
    Entry { fetched: true, ..entry(fetch::FASHION_60K, "the official 60,000 train and 10,000 test", fetch::fashion_mnist_60k) },
    entry("digits", "1,797 handwritten digits, 8x8, 17 levels, 10 classes", bundled::digits),
    drawn("emoji", "Noto and Twemoji together, 64x64 RGB, with names", emoji::both),
    drawn("emoji-noto", "1,911 Noto emoji, 64x64 RGB, with names; 3,786 with tones=true", emoji::noto),
    drawn("emoji-twemoji", "the same emoji as drawn for Twemoji, row for row", emoji::twemoji),
    entry("emoji-tones", "the people among them in six skin tones, which are the classes", emoji::tones),
    made("shapes", "drawn shapes with factors and captions: \"a small red circle, top left\"", shapes::open),
    made("scenes", "the same, upright or tilted, on three backgrounds", shapes::scenes),
    made("ring", "2-D: 8 Gaussians on a ring, radius 2, deviation 0.02", toy::ring),
    made("grid", "2-D: 25 Gaussians on a grid, spacing 1, deviation 0.05", toy::grid),
    made("swiss-roll", "2-D: a spiral, noise 0.05", toy::swiss_roll),
    made("mixture-1d", "1-D: three Gaussians", toy::mixture_1d),
];

const fn entry(name: &'static str, about: &'static str, open: fn(&Options) -> Result<Dataset>) -> Entry {
    let kind = &kinds::BUNDLED;
    Entry { name, about, fetched: false, kind, open }
}

const fn drawn(name: &'static str, about: &'static str, open: fn(&Options) -> Result<Dataset>) -> Entry {
    Entry { kind: &kinds::EMOJI, ..entry(name, about, open) }
}

const fn made(name: &'static str, about: &'static str, open: fn(&Options) -> Result<Dataset>) -> Entry {
    Entry { kind: &kinds::MADE, ..entry(name, about, open) }
}

/// What `--data` names.
#[derive(Clone, Debug)]
pub enum DatasetSpec {
    /// One of [`CATALOGUE`].
    Named(&'static Entry),
    /// A file or folder, present when it was parsed; or `FILE.npz:NAME`, one array of a file; or `FOLDER:A` and `FOLDER:B`, one of the
    /// two data sets in a folder with `trainA` and `trainB`.
    Path(PathBuf),
}

impl DatasetSpec {
    /// Resolves a name or path, without reading any data. A name wins over a path of the same spelling (`./digits` is a path).
    ///
    /// Errors: neither; the error lists the names and guesses the one meant.
    pub fn parse(name_or_path: &str) -> Result<Self> {
        if let Some(entry) = CATALOGUE.iter().find(|e| e.name == name_or_path) {
            return Ok(DatasetSpec::Named(entry));
        }
        let path = Path::new(name_or_path);
        if path.exists() || format::npz::member(path).is_some() || format::domains::member(path).is_some() {
            return Ok(DatasetSpec::Path(path.to_owned()));
        }
        if path.components().count() > 1 || path.extension().is_some() {
            return Err(DataError::NotFound { path: path.to_owned() });
        }
        let names = || CATALOGUE.iter().map(|e| e.name);
        Err(DataError::UnknownName {
            name: name_or_path.to_owned(),
            valid: names().collect::<Vec<_>>().join(", "),
            guess: nearest(name_or_path, names()).map(str::to_owned),
        })
    }

    /// The two data sets that a folder with `trainA` and `trainB` holds; none of other data.
    pub fn two(&self) -> Option<[Self; 2]> {
        match self {
            DatasetSpec::Path(path) if format::domains::holds_two(path) => {
                Some(["A", "B"].map(|side| DatasetSpec::Path(format!("{}:{side}", path.display()).into())))
            }
            _ => None,
        }
    }

    /// A short name for folders: the data set's name, or the path's last part without its extension.
    pub fn short_name(&self) -> String {
        match self {
            DatasetSpec::Named(entry) => entry.name.to_owned(),
            DatasetSpec::Path(path) => {
                let name = match format::domains::member(path) {
                    Some((folder, side)) => format!("{}{side}", format::name_of(&folder)),
                    None => format::name_of(path),
                };
                name.split_once('.').map_or(name.as_str(), |(stem, _)| stem).to_owned()
            }
        }
    }

    /// What opens the same data from any folder: the data set's name, or a path from the root, which for an array of a file is
    /// `/…/FILE.npz:NAME`. Errors: what the system says.
    pub fn resolved(&self) -> Result<String> {
        let absolute = |path: &Path| std::path::absolute(path).map_err(|e| DataError::io(path, e));
        match self {
            DatasetSpec::Named(entry) => Ok(entry.name.to_owned()),
            DatasetSpec::Path(path) => {
                let part = format::npz::member(path).or_else(|| {
                    let (folder, side) = format::domains::member(path)?;
                    Some((folder, side.to_owned()))
                });
                match part {
                    Some((file, part)) => Ok(format!("{}:{part}", absolute(&file)?.display())),
                    None => Ok(absolute(path)?.display().to_string()),
                }
            }
        }
    }

    /// What kind of data it is, by names and first bytes. Errors: none that this program knows.
    pub fn kind(&self) -> Result<&'static Kind> {
        match self {
            DatasetSpec::Named(entry) => Ok(entry.kind),
            DatasetSpec::Path(path) => format::kind_of(path),
        }
    }

    /// What training will see of the data, and `n_shown` of the rows, evenly spaced.
    pub fn survey(&self, options: &Options, n_shown: usize) -> Result<Survey> {
        match self {
            DatasetSpec::Named(_) => Survey::of(&self.open(options)?, n_shown),
            DatasetSpec::Path(path) => format::survey(path, options, n_shown),
        }
    }

    /// Reads or makes the data.
    pub fn open(&self, options: &Options) -> Result<Dataset> {
        let dataset = match self {
            DatasetSpec::Named(entry) => (entry.open)(options)?,
            DatasetSpec::Path(path) => format::open_path(path, options)?,
        };
        Ok(dataset.with_max_bytes(options.max_bytes))
    }
}

/// Opens a data set by name or path.
pub fn open(name_or_path: &str, options: &Options) -> Result<Dataset> {
    DatasetSpec::parse(name_or_path)?.open(options)
}

/// The name with the fewest edits from `typed`, if they are few for its length: as for names of models and settings, but that case
/// and `_` do not count.
fn nearest<'a>(typed: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_lowercase().replace('_', "-");
    let best = candidates.map(|c| (strsim::osa_distance(&typed, c), c)).min_by_key(|&(n, _)| n)?;
    (best.0 <= 1 + best.1.len() / 3).then_some(best.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_guessed_only_when_it_is_near() {
        let names = || CATALOGUE.iter().map(|e| e.name);
        assert_eq!(nearest("fashon-mnist", names()), Some("fashion-mnist"));
        assert_eq!(nearest("SWISS_ROLL", names()), Some("swiss-roll"));
        assert_eq!(nearest("imagenet", names()), None);
    }
}
