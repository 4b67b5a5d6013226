//! Folders of two data sets for translation between them, laid out as the public sets of CycleGAN are: `trainA` and `trainB`, with `testA`
//! and `testB` where there are test rows. `FOLDER:A` and `FOLDER:B` name one each.

use std::path::{Path, PathBuf};

use super::arrange;
use super::tree::Entry;
use crate::parts::Part;

/// What stands behind the name of a split.
const SIDES: [&str; 2] = ["A", "B"];

/// Whether a folder holds two data sets.
pub(crate) fn holds_two(folder: &Path) -> bool {
    SIDES.iter().all(|side| folder.join(format!("train{side}")).is_dir())
}

/// The folder and `A` or `B` of `FOLDER:A`, where there is such a folder and nothing of the whole name.
pub(crate) fn member(path: &Path) -> Option<(PathBuf, &'static str)> {
    let (folder, side) = path.to_str()?.rsplit_once(':')?;
    let side = SIDES.into_iter().find(|known| *known == side)?;
    (!path.exists() && holds_two(Path::new(folder))).then(|| (PathBuf::from(folder), side))
}

/// Which split of the data set of `side` an entry of the folder is of.
pub(super) fn part_of(file: &Entry, side: &str) -> Option<Part> {
    file.name.split('/').next()?.strip_suffix(side).and_then(arrange::part_of)
}
