//! The images below a folder, found by their names.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::error::{DataError, Result};
use crate::format::folder::is_picture;

/// Folders below each other at most.
const MOST_DEPTH: usize = 8;
/// Where CelebA's cropped images are; those as they were found have the same names.
const ALIGNED: &str = "img_align_celeba";

/// Images by the last part of their names.
pub(super) struct Images {
    root: PathBuf,
    by_name: HashMap<String, Vec<PathBuf>>,
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Hidden files, and what macOS and Windows add to folders.
fn is_extra(path: &Path) -> bool {
    let name = name(path);
    name.starts_with('.') || name == "__MACOSX"
}

fn paths_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let wrap = |e| DataError::io(folder, e);
    let entries = fs::read_dir(folder).map_err(wrap)?;
    let mut paths = entries.map(|entry| entry.map(|e| e.path())).collect::<Result<Vec<_>, _>>().map_err(wrap)?;
    paths.retain(|path| !is_extra(path));
    paths.sort();
    Ok(paths)
}

/// The .csv file of a folder, if it has one and no more.
pub(super) fn only_table(folder: &Path) -> Result<Option<PathBuf>> {
    let is_table = |path: &PathBuf| path.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv")) && path.is_file();
    let mut tables = paths_in(folder)?.into_iter().filter(is_table);
    Ok(tables.next().filter(|_| tables.next().is_none()))
}

/// Whether two folders or more just below it hold images: they are classes, or splits.
pub(super) fn has_class_folders(folder: &Path) -> bool {
    let holds = |path: &PathBuf| path.is_dir() && paths_in(path).is_ok_and(|paths| paths.iter().any(|path| is_picture(path)));
    paths_in(folder).is_ok_and(|paths| paths.iter().filter(|path| holds(path)).nth(1).is_some())
}

impl Images {
    pub(super) fn below(root: &Path) -> Result<Self> {
        let mut by_name: HashMap<String, Vec<PathBuf>> = HashMap::new();
        let (mut left, mut seen) = (vec![(root.to_owned(), 0)], HashSet::new());
        while let Some((folder, depth)) = left.pop() {
            // A link may lead up again.
            if !fs::canonicalize(&folder).is_ok_and(|real| seen.insert(real)) {
                continue;
            }
            for path in paths_in(&folder)? {
                if path.is_dir() {
                    left.extend((depth < MOST_DEPTH).then(|| (path, depth + 1)));
                } else if is_picture(&path) {
                    by_name.entry(name(&path)).or_default().push(path);
                }
            }
        }
        Ok(Images { root: root.to_owned(), by_name })
    }

    /// The image that a list calls `wanted`: below the folder by that path, or at the end of one. None if there is none.
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
        let of_name = self.by_name.get(&name(&path)).map(Vec::as_slice).unwrap_or_default();
        let ending: Vec<&PathBuf> = of_name.iter().filter(|known| known.ends_with(&path)).collect();
        let aligned = || ending.iter().filter(|known| known.iter().any(|part| part == ALIGNED)).collect::<Vec<_>>();
        match (ending.as_slice(), self.root.join(&path)) {
            ([], _) => Ok(None),
            ([one], _) => Ok(Some((*one).clone())),
            (several, exact) if several.contains(&&exact) => Ok(Some(exact)),
            (several, _) => match aligned().as_slice() {
                [one] => Ok(Some((**one).clone())),
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
        let unnamed = self.by_name.iter().filter(|(name, _)| !listed.contains(*name)).flat_map(|(_, paths)| paths);
        let mut unnamed: Vec<String> = unnamed
            .filter(|path| !used.contains(path))
            .map(|path| path.strip_prefix(&self.root).unwrap_or(path).display().to_string())
            .collect();
        unnamed.sort();
        unnamed
    }
}
