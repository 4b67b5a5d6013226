//! CelebA: a folder with `list_attr_celeba.txt` and the images, in it or in `img_align_celeba/` below it.
//!
//! The list's first line is the number of images, its second the names of the attributes; then a line an image: its file name and
//! 1 or -1 for each attribute. Source: mmlab.ie.cuhk.edu.hk/projects/CelebA.html.

use std::path::Path;

use super::folder;
use super::source::{Source, name_of};
use crate::dataset::Dataset;
use crate::error::{DataError, Result};
use crate::options::Options;
use crate::parts::Factor;

const MOST_LIST_BYTES: u64 = 256 << 20;

/// Opens the images that the list names, in its order, as [S, S, 3]; each attribute is a factor with the values `no` and `yes`.
///
/// Errors: a list that contradicts itself; an image that is missing or damaged.
pub(super) fn open(root: &Path, options: &Options) -> Result<Dataset> {
    let source = Source::file(&root.join("list_attr_celeba.txt"), MOST_LIST_BYTES)?;
    let origin = source.name().to_owned();
    let text = source.text("an attribute list")?;
    let mut lines = text.lines();
    let claimed = lines.next().unwrap_or_default().trim().to_owned();
    let attributes: Vec<&str> = lines.next().unwrap_or_default().split_whitespace().collect();
    let below = root.join("img_align_celeba");
    let images = if below.is_dir() { below.as_path() } else { root };

    let mut files = Vec::new();
    let mut columns: Vec<Vec<u32>> = vec![vec![]; attributes.len()];
    for (row, line) in lines.filter(|l| !l.trim().is_empty()).enumerate() {
        let mut fields = line.split_whitespace();
        let file = fields.next().unwrap_or_default();
        if file.contains(['/', '\\']) || file == ".." {
            let (expected, found) = ("the name of an image".into(), format!("`{file}`"));
            return Err(DataError::Value { origin, row, column: 0, expected, found });
        }
        files.push(images.join(file));
        let found = line.split_whitespace().count() - 1;
        if found != attributes.len() {
            return Err(DataError::RowLength { origin, row, expected: attributes.len(), found });
        }
        for (column, (field, values)) in fields.zip(&mut columns).enumerate() {
            values.push(match field {
                "1" => 1,
                "-1" => 0,
                other => {
                    let (expected, found) = ("1 or -1".into(), format!("`{other}`"));
                    return Err(DataError::Value { origin, row, column: column + 1, expected, found });
                }
            });
        }
    }
    if claimed.parse() != Ok(files.len()) {
        return Err(DataError::format(origin, format!("`{claimed}` images, as its first line says"), files.len().to_string()));
    }
    if files.is_empty() {
        return Err(DataError::Empty { origin, what: "images".into() });
    }
    let mut dataset = folder::squares(&name_of(root), &files, options)?;
    for (name, of_row) in attributes.iter().zip(columns) {
        let values = vec!["no".into(), "yes".into()];
        dataset = dataset.with_factor(Factor { name: (*name).to_owned(), values, of_row })?;
    }
    Ok(dataset)
}
