//! A `.npy` file becomes a data set, with classes from another.

use std::path::{Path, PathBuf};

use super::read_claim;
use crate::dataset::Dataset;
use crate::error::{DataError, Result};
use crate::format::array::{Array, Classes, Given, Wide, classes, dataset, wide_of};
use crate::format::source::{Source, name_of};
use crate::options::Options;

/// Opens an array as a data set; `options.label` names the file of the classes.
pub(in crate::format) fn open(path: &Path, options: &Options) -> Result<Dataset> {
    let mut source = Source::file(path, options.max_bytes)?;
    let claim = read_claim(&mut source)?;
    let wide = wide_of(claim.element, &claim.shape);
    let rows = dataset(&name_of(path), Array::read(source, claim, wide)?, Given::default(), options)?;
    match options.label.as_deref() {
        None | Some("none") => Ok(rows),
        Some(file) if is_npy(Path::new(file)) => labels_at(path, file, options)?.of(rows),
        Some(other) => {
            let expected = format!("the name of a .npy file beside {}, or an absolute path of one", name_of(path));
            Err(DataError::Setting { key: "label", expected, found: other.to_owned() })
        }
    }
}

/// Whether a file is an array by its name.
pub(in crate::format) fn is_npy(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("npy"))
}

/// Classes from a file that lies beside the data at `path`, or beside what that links to; or has an absolute path.
pub(in crate::format) fn labels_at(path: &Path, file: &str, options: &Options) -> Result<Classes> {
    let beside = |path: &Path| -> PathBuf { path.parent().unwrap_or(Path::new("")).join(file) };
    let linked = || path.canonicalize().ok().map(|target| beside(&target)).filter(|file| file.is_file());
    let near = Some(beside(path)).filter(|file| file.is_file()).or_else(linked).unwrap_or_else(|| beside(path));
    let mut source = Source::file(&near, options.max_bytes)?;
    let claim = read_claim(&mut source)?;
    classes(Array::read(source, claim, Wide::Double)?)
}
