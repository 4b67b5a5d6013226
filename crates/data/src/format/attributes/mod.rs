//! Lists of what is known of images: CelebA, and any folder with a table whose first column names its images.
//!
//! CelebA is `list_attr_celeba.txt` (the number of images, the names of the attributes, then a line an image) or Kaggle's
//! `list_attr_celeba.csv`, with `list_eval_partition` (0 training, 1 validation, 2 test) where it is there. Source:
//! mmlab.ie.cuhk.edu.hk/projects/CelebA.html.

mod column;
mod images;
mod list;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::folder;
use super::source::name_of;
use crate::dataset::Dataset;
use crate::error::{DataError, Result};
use crate::options::{Broken, Options};
use crate::parts::{Factor, LeftOut, Part};

use column::Column;
use images::Images;
use list::List;

/// Folders of CelebA's archives where its lists may be.
const BELOW: [&str; 3] = ["", "Anno", "Eval"];
/// Side of CelebA's images where none is asked for: so many of 218x178 are too large.
const CELEBA_SIDE: usize = 64;

/// A list, and the images that it is of.
#[derive(Debug)]
pub(super) struct Found {
    list: PathBuf,
    pub(super) celeba: bool,
}

/// The list of a folder; none if it has none.
pub(super) fn list_in(folder: &Path) -> Result<Option<Found>> {
    if let Some(list) = celeba_file(folder, "list_attr_celeba") {
        return Ok(Some(Found { list, celeba: true }));
    }
    let list = images::only_table(folder)?.filter(|table| List::names_images(table));
    match list {
        Some(list) if !images::has_class_folders(folder)? => Ok(Some(Found { list, celeba: false })),
        _ => Ok(None),
    }
}

fn celeba_file(folder: &Path, stem: &str) -> Option<PathBuf> {
    let paths = BELOW.iter().flat_map(|below| ["txt", "csv"].map(|end| folder.join(below).join(format!("{stem}.{end}"))));
    paths.into_iter().find(|path| path.is_file())
}

/// Opens the images that a list names, in its order; each column is a factor, and `options.label`, or else an only column, the class.
/// CelebA's are squares of `options.size`, or of 64; others as those of a folder of images.
///
/// Errors: a list that contradicts itself; images that are missing or damaged, which `broken=skip` leaves out.
pub(super) fn open(root: &Path, found: &Found, options: &Options) -> Result<Dataset> {
    let list = List::read(&found.list, found.celeba)?;
    let partition = match found.celeba {
        true => celeba_file(root, "list_eval_partition").map(|path| partition(&path)).transpose()?,
        false => None,
    };
    let all = Images::below(root)?;
    let (mut rows, mut files, mut missing, mut parts) = (vec![], vec![], vec![], vec![]);
    for (row, name) in list.files.iter().enumerate() {
        let part = match &partition {
            Some(of_name) => *of_name.get(name.as_str()).ok_or_else(|| list.unparted(name))?,
            None => Part::Train,
        };
        match all.find(&list.origin, row, name)? {
            Some(path) => {
                rows.push(row);
                files.push(path);
                parts.push(part);
            }
            None => missing.push(name.clone()),
        }
    }
    if !missing.is_empty() && options.broken == Broken::Error {
        let expected = format!("the {} images that {} names", list.files.len(), found.list.display());
        let found = format!("{}; use --set broken=skip to leave them out", LeftOut::new("missing", &missing));
        return Err(DataError::format(root.display().to_string(), expected, found));
    }
    if files.is_empty() {
        return Err(DataError::Empty { origin: list.origin, what: "images that are there".into() });
    }
    let asked = Options { size: options.size.or(found.celeba.then_some(CELEBA_SIDE)), ..options.clone() };
    let dataset = folder::load(&name_of(root), &files, &asked)?;
    let kept = kept(&dataset, &files)?;
    let unnamed = all.others(&list.files, &files);
    let (rows, parts): (Vec<usize>, Vec<Part>) = kept.iter().map(|&at| (rows[at], parts[at])).unzip();
    let dataset = with_factors(dataset, &list, &rows, options)?;
    let dataset = with_splits(dataset, parts)?;
    let dataset = listed_twice(&files).into_iter().fold(dataset, Dataset::with_note);
    let dataset = dataset.with_files(kept.iter().map(|&at| below(root, &files[at])).collect())?;
    let dataset = if found.celeba && options.size.is_none() { dataset.with_note(resized()) } else { dataset };
    Ok(dataset.with_left_out([
        LeftOut::new("images of the list that are missing", &missing),
        LeftOut::new("images that the list does not name", &unnamed),
    ]))
}

/// With its splits, where there are training rows and others. Without test rows, those of validation are the test split.
fn with_splits(dataset: Dataset, mut parts: Vec<Part>) -> Result<Dataset> {
    let has = |parts: &[Part], part| parts.contains(&part);
    if !has(&parts, Part::Train) || parts.iter().all(|part| *part == Part::Train) {
        return Ok(dataset);
    }
    if has(&parts, Part::Test) {
        return dataset.with_parts(parts);
    }
    parts.iter_mut().filter(|part| **part == Part::Validation).for_each(|part| *part = Part::Test);
    let note = "its validation rows are the test split, for there are no test rows".to_owned();
    Ok(dataset.with_parts(parts)?.with_note(note))
}

/// Says which images stand on several lines.
fn listed_twice(files: &[PathBuf]) -> Option<String> {
    let mut seen = HashSet::new();
    let again: BTreeSet<String> = files.iter().filter(|path| !seen.insert(*path)).map(|path| name_of(path)).collect();
    let again: Vec<String> = again.into_iter().collect();
    let what = LeftOut::new("images are listed more than once, each line a row", &again);
    (!again.is_empty()).then(|| what.to_string())
}

fn resized() -> String {
    format!("the middle squares, resized to {CELEBA_SIDE}x{CELEBA_SIDE}; use --set size=… for another size")
}

fn below(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

/// Which of `files` became rows, in order: all of them, or those that the data set names.
fn kept(dataset: &Dataset, files: &[PathBuf]) -> Result<Vec<usize>> {
    let mut at = 0;
    let mut of = |name: &String| {
        let found = (at..files.len()).find(|&at| files[at].ends_with(name));
        at = found.map_or(at, |found| found + 1);
        found
    };
    let kept: Option<Vec<usize>> = match dataset.files() {
        Some(names) => names.iter().map(&mut of).collect(),
        None => Some((0..files.len()).collect()),
    };
    kept.filter(|kept| kept.len() == dataset.n_rows()).ok_or_else(|| {
        DataError::format(dataset.name(), format!("rows of {} images in order", files.len()), dataset.n_rows().to_string())
    })
}

/// Every column that has few values is a factor.
fn with_factors(mut dataset: Dataset, list: &List, rows: &[usize], options: &Options) -> Result<Dataset> {
    let many: Vec<String> = list.columns.iter().filter(|c| c.is_many()).map(|c| c.name.clone()).collect();
    let few: Vec<&Column> = list.columns.iter().filter(|c| !c.is_many()).collect();
    let of_name = |label: &str| few.iter().position(|c| c.name == label);
    let of_number = |label: &str| {
        let column = list.columns.get(label.parse::<usize>().ok()?.checked_sub(2)?)?;
        few.iter().position(|c| std::ptr::eq(*c, column))
    };
    let class = match options.label.as_deref() {
        Some("none") => None,
        Some(label) => Some(of_name(label).or_else(|| of_number(label)).ok_or_else(|| {
            let names: Vec<&str> = few.iter().map(|c| c.name.as_str()).collect();
            DataError::Setting {
                key: "label",
                expected: format!("none or a column of {} ({})", list.origin, names.join(", ")),
                found: label.to_owned(),
            }
        })?),
        None => (few.len() == 1).then_some(0),
    };
    check_classes(list, class.map(|at| few[at]), rows)?;
    for (at, column) in few.iter().enumerate() {
        let (values, of_row) = column.values(rows);
        let is_class = class == Some(at);
        let factor = Factor { name: if is_class { "class".into() } else { column.name.clone() }, values, of_row };
        dataset = match is_class {
            true => dataset.with_class_factor(factor, &list.origin)?.with_note(format!("`{}` is the class", column.name)),
            false => dataset.with_factor(factor)?,
        };
    }
    let what = format!("columns of the list with more than {} values", Column::MOST_VALUES);
    Ok(dataset.with_left_out([LeftOut::new(what, &many)]))
}

/// Errors: images without a class.
fn check_classes(list: &List, class: Option<&Column>, rows: &[usize]) -> Result<()> {
    let Some(class) = class else { return Ok(()) };
    let empty: Vec<usize> = rows.iter().copied().filter(|&row| class.is_empty_at(row)).collect();
    let Some(&first) = empty.first() else { return Ok(()) };
    let found = format!(
        "none for {} images, the first of them `{}`; write them, or remove their lines, or use --set label=none",
        empty.len(),
        list.files[first]
    );
    Err(DataError::format(&list.origin, format!("a class in `{}` for every image", class.name), found))
}

/// The split of every image, of 0, 1 or 2. Errors: another number.
fn partition(path: &Path) -> Result<HashMap<String, Part>> {
    let list = List::read_partition(path)?;
    let mut parts = HashMap::new();
    for (row, (file, word)) in list.into_iter().enumerate() {
        let part = match word.as_str() {
            "0" => Part::Train,
            "1" => Part::Validation,
            "2" => Part::Test,
            other => {
                let (expected, found) = ("0 (training), 1 (validation) or 2 (test)".into(), format!("`{other}`"));
                return Err(DataError::Value { origin: path.display().to_string(), row, column: 1, expected, found });
            }
        };
        parts.insert(file, part);
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::Values;

    /// Rows that are left out as images are decoded do not shift what is known of those after them.
    #[test]
    fn rows_are_known_by_their_files() {
        let files: Vec<PathBuf> = ["/d/a/1.png", "/d/a/2.png", "/d/b/2.png", "/d/b/3.png"].map(PathBuf::from).to_vec();
        let rows = |names: &[&str]| {
            let values = Values::Levels { data: vec![0; names.len()].into(), levels: 2 };
            let dataset = Dataset::new("d", &[1], values).expect("rows");
            dataset.with_files(names.iter().map(|&n| n.to_owned()).collect()).expect("names")
        };
        assert_eq!(kept(&rows(&["a/1.png", "b/2.png", "b/3.png"]), &files).expect("in order"), [0, 2, 3]);
        assert_eq!(kept(&rows(&["2.png", "2.png"]), &files).expect("in order"), [1, 2]);
        assert!(kept(&rows(&["b/3.png", "a/1.png"]), &files).is_err());
        let unnamed = |n: usize| Dataset::new("d", &[1], Values::Levels { data: vec![0; n].into(), levels: 2 }).expect("rows");
        assert_eq!(kept(&unnamed(4), &files).expect("all"), [0, 1, 2, 3]);
        assert!(kept(&unnamed(3), &files).is_err());
    }
}
