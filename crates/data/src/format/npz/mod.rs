//! NumPy's `.npz`: a zip of `.npy` files, one an array, as `numpy.savez` and `numpy.savez_compressed` write it.
//!
//! One array is opened by `FILE.npz:NAME`; of a file by itself its only array, or those with names that are known ([`parts`]).
//! Every array is bounded as a file of its own is: by what the zip says of it, what so few bytes can unpack to, and the limit.

mod archive;
mod parts;
mod write;

use std::path::{Path, PathBuf};

use super::array::{Array, Classes, Given, classes, dataset};
use super::npy;
use super::source::name_of;
use crate::dataset::Dataset;
use crate::error::{DataError, Result};
use crate::options::Options;
use crate::parts::{LeftOut, Part};

pub use write::write_npz;

use archive::Archive;
use parts::Parts;

/// `FILE.npz` and `NAME` of `FILE.npz:NAME`, where there is such a file and none of the whole name.
pub(crate) fn member(path: &Path) -> Option<(PathBuf, String)> {
    let text = path.to_str()?;
    let at = text.to_ascii_lowercase().find(".npz:")? + ".npz".len();
    let (file, array) = (PathBuf::from(&text[..at]), text[at + 1..].to_owned());
    (!array.is_empty() && !path.exists() && file.is_file()).then_some((file, array))
}

/// Opens one array of a file, or those that its names say are data, classes and the test split.
///
/// Errors: no such array, or several of which none is known; those of an array; what the zip claims and does not hold.
pub(super) fn open(path: &Path, array: Option<&str>, options: &Options) -> Result<Dataset> {
    let mut archive = Archive::open(path, options.max_bytes)?;
    let name = array.map_or_else(|| name_of(path), |array| format!("{}:{array}", name_of(path)));
    let label = options.label.as_deref().filter(|&label| label != "none");
    let only = match array {
        Some(array) => Some(array.to_owned()),
        None => only_array(&archive, label),
    };
    if let Some(only) = only {
        let rows = dataset(&name, archive.array(&only)?, Given::default(), options)?;
        return match label {
            None => Ok(rows),
            Some(file) if npy::is_npy(Path::new(file)) && !archive.has(file) => npy::labels_at(path, file, options)?.of(rows),
            Some(label) => classes(archive.labels(label)?)?.of(rows),
        };
    }
    match Parts::among(&archive) {
        Some(_) if label.is_some() => {
            let expected = format!("{}:NAME for the rows, or label=auto for the arrays that their names say", name_of(path));
            Err(DataError::Setting { key: "label", expected, found: label.unwrap_or_default().to_owned() })
        }
        Some(parts) => together(&mut archive, &parts, &name, options),
        None => Err(several(&mut archive, path)),
    }
}

/// The only array that is not the classes.
fn only_array(archive: &Archive, label: Option<&str>) -> Option<String> {
    let mut others = archive.names().filter(|&name| Some(name) != label);
    let first = others.next()?;
    others.next().is_none().then(|| first.to_owned())
}

/// Training rows, then validation rows, then test rows, with their classes.
fn together(archive: &mut Archive, parts: &Parts, name: &str, options: &Options) -> Result<Dataset> {
    let mut all = archive.array(&parts.rows)?;
    let validation = validation(archive, parts, &all)?;
    let mut of_row = vec![Part::Train; n_rows(&all.shape)];
    // As in folders: without test rows, those of validation are the test split.
    let of_validation = if parts.test_rows.is_some() { Part::Validation } else { Part::Test };
    for (array, part) in [(validation, of_validation), (parts.test_rows.as_ref(), Part::Test)] {
        let Some(array) = array else { continue };
        all = all.joined(archive.array(array)?)?;
        of_row.resize(n_rows(&all.shape), part);
    }
    let mut rows = dataset(name, all, Given::default(), options)?;
    if options.label.as_deref() != Some("none") {
        rows = match labels(archive, parts, validation.is_some())? {
            Labels::None => rows,
            Labels::Of(classes) => classes.of(rows)?,
            Labels::Unfit(reason) => rows.with_note(format!("no classes are known: {reason}")),
        };
    }
    if of_row.iter().any(|part| *part != Part::Train) {
        rows = rows.with_parts(of_row)?;
    }
    if let Some(array) = validation.filter(|_| parts.test_rows.is_none()) {
        rows = rows.with_note(format!("its validation rows (`{array}`) are the test split, for there are no test rows"));
    }
    let used = parts.used();
    let others: Vec<String> = archive.names().filter(|&n| !used.contains(&n)).map(str::to_owned).collect();
    let left_out = match &parts.validation_rows {
        Some(array) if validation.is_none() => {
            let n = n_rows(&archive.claim(array)?.shape);
            let what = format!("validation rows (`{array}`; {name}:{array} opens them)");
            vec![LeftOut { what, n, names: vec![] }]
        }
        _ => vec![],
    };
    Ok(rows.with_left_out(left_out).with_left_out([LeftOut::new("other arrays of the file", &others)]))
}

fn n_rows(shape: &[usize]) -> usize {
    shape.first().copied().unwrap_or(0)
}

/// The array of validation rows, if they are as the training rows are, and have classes where those have them.
fn validation<'a>(archive: &mut Archive, parts: &'a Parts, train: &Array) -> Result<Option<&'a String>> {
    let Some(array) = &parts.validation_rows else { return Ok(None) };
    let claim = archive.claim(array)?;
    let alike = claim.element.name() == train.element.name() && claim.shape.get(1..) == train.shape.get(1..);
    let labelled = parts.labels.is_none() || parts.validation_labels.is_some();
    Ok(Some(array).filter(|_| alike && labelled))
}

enum Labels {
    None,
    Of(Classes),
    /// An array is there, but its values are no classes.
    Unfit(String),
}

/// The classes of all rows. An array of many columns, or of measurements, is none.
fn labels(archive: &mut Archive, parts: &Parts, validation: bool) -> Result<Labels> {
    let Some(label) = &parts.labels else { return Ok(Labels::None) };
    let of_validation = parts.validation_labels.as_ref().filter(|_| validation);
    let of_test = parts.test_labels.as_ref().filter(|_| parts.test_rows.is_some());
    let mut found = || -> Result<Classes> {
        let mut all = archive.labels(label)?;
        for more in of_validation.into_iter().chain(of_test) {
            all = all.joined_classes(archive.labels(more)?)?;
        }
        classes(all)
    };
    match found() {
        Ok(classes) => Ok(Labels::Of(classes)),
        Err(e @ (DataError::Format { .. } | DataError::Value { .. })) => Ok(Labels::Unfit(e.to_string())),
        Err(e) => Err(e),
    }
}

/// The error that it cannot be seen which array is meant.
fn several(archive: &mut Archive, path: &Path) -> DataError {
    let names: Vec<String> = archive.names().map(str::to_owned).collect();
    let Some(first) = names.first() else {
        return DataError::Empty { origin: path.display().to_string(), what: "arrays (.npy files)".into() };
    };
    let shown = |name: &String| match archive.claim(name) {
        Ok(claim) => format!("`{name}` {}", claim.shown()),
        Err(_) => format!("`{name}`, no numbers"),
    };
    let listed: Vec<String> = names.iter().take(Archive::MOST_LISTED).map(shown).collect();
    let more = match names.len() - listed.len() {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    let expected = "one array, or arrays of known names (x_train, y_train, x_test, y_test; x, y)";
    let found = format!("{}{more}; open one as {}:{first}", listed.join(", "), path.display());
    DataError::format(path.display().to_string(), expected, found)
}

impl Archive {
    /// An array as data.
    fn array(&mut self, name: &str) -> Result<Array> {
        self.read(name, super::array::wide_of)
    }

    /// An array as classes, whose digits all count.
    fn labels(&mut self, name: &str) -> Result<Array> {
        self.read(name, |_, _| super::array::Wide::Double)
    }
}
