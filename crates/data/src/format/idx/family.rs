//! Folders of IDX files: MNIST's four, and what others have made of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{labels_beside, pairs};
use crate::dataset::Dataset;
use crate::error::{DataError, Result};
use crate::format::source::Source;
use crate::options::Options;

/// Images and their labels.
type Pair = [PathBuf; 2];

/// The files of one data set of the family.
#[derive(Debug)]
pub(in crate::format) struct Family {
    train: Pair,
    test: Option<Pair>,
    notes: Vec<String>,
}

/// The family's files in a folder; or in `raw/`, or `X/raw/`, below it, where torchvision puts them. None if there are none.
///
/// Errors: several data sets, so that it cannot be seen which is meant.
pub(in crate::format) fn family_near(folder: &Path) -> Result<Option<Family>> {
    if let Some(family) = family_in(folder)? {
        return Ok(Some(family));
    }
    let below = folders_in(folder)?.into_iter().map(|sub| sub.join("raw"));
    let mut found = vec![];
    for raw in std::iter::once(folder.join("raw")).chain(below).filter(|raw| raw.is_dir()) {
        if let Some(family) = family_in(&raw)? {
            found.push((raw.strip_prefix(folder).unwrap_or(&raw).display().to_string(), family));
        }
    }
    if found.len() > 1 {
        let names: Vec<String> = found.into_iter().map(|(name, _)| name).collect();
        let found = format!("{}; open one of these folders", names.join(", "));
        return Err(DataError::format(folder.display().to_string(), "one folder of IDX files", found));
    }
    Ok(found.pop().map(|(name, mut family)| {
        family.notes.push(format!("read from {name}"));
        family
    }))
}

/// Folders below, but for hidden ones.
fn folders_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut folders: Vec<PathBuf> = paths_in(folder)?.into_iter().filter(|path| path.is_dir()).collect();
    folders.retain(|path| path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with('.')));
    Ok(folders)
}

fn paths_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let wrap = |e| DataError::io(folder, e);
    let entries = fs::read_dir(folder).map_err(wrap)?;
    let mut paths = entries.map(|entry| entry.map(|e| e.path())).collect::<Result<Vec<_>, _>>().map_err(wrap)?;
    paths.sort();
    Ok(paths)
}

/// Which of the pairs a file of images is of: (`emnist-letters-`, whether it is the test pair), from
/// `emnist-letters-train-images-idx3-ubyte.gz`. None for other files.
fn role(path: &Path) -> Option<(String, bool)> {
    let name = path.file_name()?.to_str()?;
    let stem = name.strip_suffix(".gz").unwrap_or(name);
    let (before, after) = stem.split_once("images")?;
    if !after.contains("idx3") && !after.contains("idx4") {
        return None;
    }
    let before = before.trim_end_matches(['-', '_', '.']);
    let of = |word: &str, test| before.strip_suffix(word).map(|prefix| (prefix.to_owned(), test));
    of("train", false).or_else(|| of("t10k", true)).or_else(|| of("test", true))
}

fn family_in(folder: &Path) -> Result<Option<Family>> {
    let mut sets: BTreeMap<String, [Option<Pair>; 2]> = BTreeMap::new();
    let mut unlabelled: Vec<(String, bool, PathBuf)> = vec![];
    // Zipped files are later in the order, and win.
    for path in paths_in(folder)? {
        let Some((prefix, test)) = role(&path).filter(|_| path.is_file()) else { continue };
        match labels_beside(&path) {
            Some(labels) => sets.entry(prefix).or_default()[usize::from(test)] = Some([path, labels]),
            None => unlabelled.push((prefix, test, path)),
        }
    }
    // MNIST's own names before all others.
    let own = sets.remove("");
    let (prefix, set) = match (own, sets.len()) {
        (Some(own), _) => (String::new(), own),
        (None, 0) => return Ok(None),
        (None, 1) => sets.pop_first().unwrap_or_default(),
        (None, _) => {
            let names: Vec<&str> = sets.keys().map(|prefix| prefix.trim_end_matches(['-', '_', '.'])).collect();
            let found =
                format!("{}; move the files of one to a folder of their own, or open its file of images", names.join(", "));
            return Err(DataError::format(folder.display().to_string(), "IDX files of one data set", found));
        }
    };
    let named = (!prefix.is_empty()).then(|| format!("the files that begin with `{prefix}`"));
    let alone =
        "only the test files are there: all of their rows are training rows, unless --set test_every=N says which are not";
    let of_set = |of: &&(String, bool, PathBuf)| of.0 == prefix && set[usize::from(of.1)].is_none();
    let missing: Vec<String> = unlabelled.iter().filter(of_set).map(|(.., path)| without_labels(path)).collect();
    let (train, test, alone) = match set {
        [Some(train), test] => (train, test, None),
        [None, Some(test)] => (test, None, Some(alone.to_owned())),
        [None, None] => return Ok(None),
    };
    Ok(Some(Family { train, test, notes: named.into_iter().chain(missing).chain(alone).collect() }))
}

/// Says that images are not read for want of their labels.
fn without_labels(images: &Path) -> String {
    let name = images.file_name().unwrap_or_default().to_string_lossy();
    let labels = name.replace("images", "labels").replace("idx3", "idx1").replace("idx4", "idx1");
    format!("{name} is left out, for there is no {labels} beside it")
}

/// Opens training and test files as one data set with the official split.
pub(in crate::format) fn open_family(family: &Family, name: &str, options: &Options) -> Result<Dataset> {
    let files = |[images, labels]: &Pair| -> Result<[Source<'static>; 2]> {
        Ok([Source::file(images, options.max_bytes)?, Source::file(labels, options.max_bytes)?])
    };
    let dataset = pairs(name, files(&family.train)?, family.test.as_ref().map(files).transpose()?, None, options)?;
    Ok(family.notes.iter().fold(dataset, |dataset, note| dataset.with_note(note.clone())))
}
