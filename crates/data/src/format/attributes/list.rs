//! Reading a list: the names of images, and what each column says of them.

use std::borrow::Cow;
use std::path::Path;

use super::column::Column;
use crate::error::{DataError, Result};
use crate::format::folder::EXTENSIONS;
use crate::format::source::{Source, name_of};
use crate::format::table::{Line, Table, first_records};

const MOST_LIST_BYTES: u64 = 256 << 20;

/// A list of images.
pub(super) struct List {
    pub(super) origin: String,
    pub(super) files: Vec<String>,
    pub(super) columns: Vec<Column>,
}

impl List {
    /// Reads CelebA's own form, or a table. Its first line is a header, unless it names an image already.
    ///
    /// Errors: another number of images than its first line says; lines of unequal length; a value of CelebA's other than -1 and 1.
    pub(super) fn read(path: &Path, celeba: bool) -> Result<Self> {
        if !is_csv(path) {
            let source = Source::file(path, MOST_LIST_BYTES)?;
            let origin = source.name().to_owned();
            return Self::of_words(origin, &source.text("an attribute list")?);
        }
        let table = Table::of_words(path, MOST_LIST_BYTES)?;
        let known: Option<&[&str]> = if celeba { Some(&["1", "-1", "0"]) } else { None };
        let mut list = List { origin: table.origin().to_owned(), files: vec![], columns: vec![] };
        for (nth, line) in table.records().enumerate() {
            let line = line?;
            let fields = words(&line);
            let is_header = nth == 0 && !is_image_name(fields[0]);
            if nth == 0 {
                let name = |at: usize| if is_header { fields[at].to_owned() } else { format!("column {}", at + 1) };
                list.columns = (1..fields.len()).map(|at| Column::new(&name(at))).collect();
            }
            if !is_header {
                list.push(list.files.len(), &fields, known)?;
            }
        }
        list.not_empty()
    }

    /// The number of images, the names of the attributes, then lines of words.
    fn of_words(origin: String, text: &str) -> Result<Self> {
        let mut lines = text.lines();
        let claimed = lines.next().unwrap_or_default().trim().to_owned();
        let columns = lines.next().unwrap_or_default().split_whitespace().map(Column::new).collect();
        let mut list = List { origin, files: vec![], columns };
        for (row, line) in lines.filter(|line| !line.trim().is_empty()).enumerate() {
            let fields: Vec<&str> = line.split_whitespace().collect();
            list.push(row, &fields, Some(&["1", "-1"]))?;
        }
        if claimed.parse() != Ok(list.files.len()) {
            let expected = format!("`{claimed}` images, as its first line says");
            return Err(DataError::format(list.origin, expected, list.files.len().to_string()));
        }
        list.not_empty()
    }

    fn not_empty(self) -> Result<Self> {
        match self.files.is_empty() {
            true => Err(DataError::Empty { origin: self.origin, what: "images".into() }),
            false => Ok(self),
        }
    }

    fn push(&mut self, row: usize, fields: &[&str], known: Option<&[&str]>) -> Result<()> {
        let Some((file, values)) = fields.split_first() else { return Ok(()) };
        let origin = self.origin.clone();
        if values.len() != self.columns.len() {
            return Err(DataError::RowLength { origin, row, expected: self.columns.len(), found: values.len() });
        }
        for (column, (value, into)) in values.iter().zip(&mut self.columns).enumerate() {
            if let Some(known) = known.filter(|known| !known.contains(value)) {
                let (expected, found) = (known.join(" or "), format!("`{value}`"));
                return Err(DataError::Value { origin, row, column: column + 1, expected, found });
            }
            into.push(value);
        }
        self.files.push((*file).to_owned());
        Ok(())
    }

    /// The error that an image has no part.
    pub(super) fn unparted(&self, file: &str) -> DataError {
        let expected = format!("a line for every image of {}", self.origin);
        DataError::format("list_eval_partition", expected, format!("none for `{file}`"))
    }

    /// Names and parts, of words or a table, with a header or not. Errors: lines of other than two fields.
    pub(super) fn read_partition(path: &Path) -> Result<Vec<(String, String)>> {
        let mut parts = vec![];
        let mut add = |origin: &str, fields: &[&str]| match fields {
            [file, part] => {
                parts.push(((*file).to_owned(), (*part).to_owned()));
                Ok(())
            }
            _ => Err(DataError::RowLength { origin: origin.to_owned(), row: parts.len(), expected: 2, found: fields.len() }),
        };
        if is_csv(path) {
            let table = Table::of_words(path, MOST_LIST_BYTES)?;
            for (nth, line) in table.records().enumerate() {
                let line = line?;
                let fields = words(&line);
                if nth > 0 || is_image_name(fields[0]) {
                    add(table.origin(), &fields)?;
                }
            }
        } else {
            let source = Source::file(path, MOST_LIST_BYTES)?;
            let origin = source.name().to_owned();
            for line in source.text("a partition")?.lines().filter(|line| !line.trim().is_empty()) {
                add(&origin, &line.split_whitespace().collect::<Vec<_>>())?;
            }
        }
        Ok(parts)
    }

    /// Whether the first column of a table names images, by its first two lines.
    pub(super) fn names_images(path: &Path) -> bool {
        first_records(path, 2).iter().any(|fields| is_image_name(&fields[0]))
    }
}

fn words<'a>(line: &'a Line) -> Vec<&'a str> {
    line.fields.iter().map(Cow::as_ref).collect()
}

fn is_image_name(word: &str) -> bool {
    let extension = Path::new(word).extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    extension.is_some_and(|e| EXTENSIONS.contains(&e.as_str()))
}

fn is_csv(path: &Path) -> bool {
    Path::new(&name_of(path)).extension().is_some_and(|e| e.eq_ignore_ascii_case("csv"))
}
