//! The images below a folder, found by their names.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::error::{DataError, Result};
use crate::format::captions;
use crate::format::folder::tree::Tree;
use crate::format::folder::{EXTENSIONS, is_picture};

/// Where CelebA's cropped images are; those as they were found have the same names.
const ALIGNED: &str = "img_align_celeba";
/// Folders of these names are splits.
const SPLITS: [&str; 8] = ["train", "training", "val", "valid", "validation", "dev", "test", "testing"];

/// Images by the last part of their names.
pub(super) struct Images {
    root: PathBuf,
    /// In small letters.
    by_name: HashMap<String, Vec<PathBuf>>,
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// In small letters.
fn lower(path: &Path) -> PathBuf {
    PathBuf::from(path.to_string_lossy().to_lowercase())
}

/// The .csv file of a folder, if it has one and no more; hidden ones are none, nor is the one of captions.
pub(super) fn only_table(folder: &Path) -> Result<Option<PathBuf>> {
    let wrap = |e| DataError::io(folder, e);
    let mut tables = vec![];
    for entry in fs::read_dir(folder).map_err(wrap)? {
        let path = entry.map_err(wrap)?.path();
        let is_csv = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv"));
        let is_other = name(&path).starts_with('.') || captions::separator(&name(&path)).is_some();
        tables.extend((is_csv && !is_other && path.is_file()).then_some(path));
    }
    Ok(tables.pop().filter(|_| tables.is_empty()))
}

/// Whether two folders or more just below it hold images, at any depth, or one that is named as a split does: they are classes, or
/// splits.
pub(super) fn has_class_folders(folder: &Path) -> Result<bool> {
    let tree = Tree::of_folder(folder)?;
    let images = tree.files.iter().filter(|file| EXTENSIONS.contains(&file.extension().as_str()));
    let folders: Vec<&str> = images.filter_map(|file| file.name.rsplit_once('/')).map(|(folder, _)| folder).collect();
    let top = |folder: &&str| folder.split('/').next().unwrap_or_default().to_owned();
    let tops: BTreeSet<String> = folders.iter().map(top).collect();
    let is_split = |folder: &&&str| SPLITS.contains(&top(folder).to_ascii_lowercase().as_str());
    let below_splits: BTreeSet<&&str> = folders.iter().filter(is_split).collect();
    Ok(tops.len() > 1 || below_splits.len() > 1)
}

impl Images {
    pub(super) fn below(root: &Path) -> Result<Self> {
        let mut by_name: HashMap<String, Vec<PathBuf>> = HashMap::new();
        for file in Tree::of_folder(root)?.files {
            let path = root.join(&file.name);
            if is_picture(&path) {
                by_name.entry(file.file_name().to_lowercase()).or_default().push(path);
            }
        }
        Ok(Images { root: root.to_owned(), by_name })
    }

    /// The image that a list calls `wanted`: below the folder by that path, or at the end of one; where there is none, one whose path
    /// differs by capital letters only. None if there is none.
    ///
    /// Errors: a path that leads out of the folder; several images, of which none is meant more than others.
    pub(super) fn find(&self, origin: &str, row: usize, wanted: &str) -> Result<Option<PathBuf>> {
        let refused = |expected: &str, found: String| DataError::Value {
            origin: origin.to_owned(),
            row,
            column: 0,
            expected: expected.into(),
            found,
        };
        let path = Path::new(wanted);
        let parts_are_names = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !parts_are_names || wanted.contains('\\') || path.file_name().is_none() {
            return Err(refused("the name of an image", format!("`{wanted}`")));
        }
        let path: PathBuf = path.components().filter(|part| matches!(part, Component::Normal(_))).collect();
        let of_name = self.by_name.get(&name(&path).to_lowercase()).map(Vec::as_slice).unwrap_or_default();
        let mut ending: Vec<&PathBuf> = of_name.iter().filter(|known| known.ends_with(&path)).collect();
        if ending.is_empty() {
            let path = lower(&path);
            ending = of_name.iter().filter(|known| lower(known).ends_with(&path)).collect();
        }
        let aligned = || ending.iter().filter(|known| known.iter().any(|part| part == ALIGNED)).collect::<Vec<_>>();
        match (ending.as_slice(), self.root.join(&path)) {
            // A way over a link to a folder that was walked by another name.
            ([], exact) => Ok(Some(exact).filter(|path| is_picture(path))),
            ([one], _) => Ok(Some((*one).clone())),
            (several, exact) if several.contains(&&exact) => Ok(Some(exact)),
            (several, _) => match aligned().as_slice() {
                [one] => Ok(Some((**one).clone())),
                _ if are_one_file(several) => Ok(Some(several[0].clone())),
                _ => {
                    let found = format!("{}, {}", several[0].display(), several[1].display());
                    Err(refused("one image of that name, or its path below the folder", found))
                }
            },
        }
    }

    /// Images that no list names, by their paths below the folder, sorted. Those that are `used` are named.
    pub(super) fn others(&self, listed: &[String], used: &[PathBuf]) -> Vec<String> {
        let used: HashSet<&PathBuf> = used.iter().collect();
        let listed: HashSet<String> = listed.iter().map(|file| name(Path::new(file))).collect();
        let unnamed = self.by_name.values().flatten().filter(|path| !listed.contains(&name(path)) && !used.contains(path));
        let mut unnamed: Vec<String> =
            unnamed.map(|path| path.strip_prefix(&self.root).unwrap_or(path).display().to_string()).collect();
        unnamed.sort();
        unnamed
    }
}

/// Whether links make several paths of one file.
fn are_one_file(paths: &[&PathBuf]) -> bool {
    let real: Option<HashSet<PathBuf>> = paths.iter().map(|path| path.canonicalize().ok()).collect();
    real.is_some_and(|real| real.len() == 1)
}
