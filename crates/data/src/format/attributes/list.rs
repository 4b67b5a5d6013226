//! Reading a list: the names of images, and what each column says of them.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use ::csv::ReaderBuilder;

use super::column::Column;
use crate::error::{DataError, Result};
use crate::format::folder::EXTENSIONS;
use crate::format::source::{Source, name_of};

const MOST_LIST_BYTES: u64 = 256 << 20;
/// Of a table, to see whether its first column names images.
const MOST_HEAD_BYTES: u64 = 1 << 16;

/// A list of images.
pub(super) struct List {
    pub(super) origin: String,
    pub(super) files: Vec<String>,
    pub(super) columns: Vec<Column>,
}

impl List {
    /// Reads CelebA's own form, or a table with a header.
    ///
    /// Errors: another number of images than its first line says; lines of unequal length; a value of CelebA's other than -1 and 1.
    pub(super) fn read(path: &Path, celeba: bool) -> Result<Self> {
        let source = Source::file(path, MOST_LIST_BYTES)?;
        let origin = source.name().to_owned();
        let text = source.text("an attribute list")?;
        if !is_csv(path) {
            return Self::of_words(origin, &text);
        }
        let mut list = List { origin: origin.clone(), files: vec![], columns: vec![] };
        for_each_record(&origin, &text, |row, fields| match row {
            None => {
                list.columns = fields.iter().skip(1).map(|name| Column::new(name)).collect();
                Ok(())
            }
            Some(row) => list.push(row, fields, if celeba { Some(&["1", "-1", "0"]) } else { None }),
        })?;
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

    /// Names and parts, of words or a table with a header. Errors: lines of other than two fields.
    pub(super) fn read_partition(path: &Path) -> Result<Vec<(String, String)>> {
        let source = Source::file(path, MOST_LIST_BYTES)?;
        let origin = source.name().to_owned();
        let text = source.text("a partition")?;
        let mut parts = vec![];
        let mut add = |row: usize, fields: &[&str]| match fields {
            [file, part] => {
                parts.push(((*file).to_owned(), (*part).to_owned()));
                Ok(())
            }
            _ => Err(DataError::RowLength { origin: origin.clone(), row, expected: 2, found: fields.len() }),
        };
        if is_csv(path) {
            for_each_record(&origin, &text, |row, fields| row.map_or(Ok(()), |row| add(row, fields)))?;
        } else {
            for (row, line) in text.lines().filter(|line| !line.trim().is_empty()).enumerate() {
                add(row, &line.split_whitespace().collect::<Vec<_>>())?;
            }
        }
        Ok(parts)
    }

    /// Whether the first column of a table names images, by its first line of data.
    pub(super) fn names_images(path: &Path) -> bool {
        let mut head = Vec::new();
        if File::open(path).and_then(|file| file.take(MOST_HEAD_BYTES).read_to_end(&mut head)).is_err() {
            return false;
        }
        let text = String::from_utf8_lossy(&head);
        let second = text.lines().filter(|line| !line.trim().is_empty()).nth(1).unwrap_or_default();
        let first = second.split(char::from(separator(&text))).next().unwrap_or_default().trim().trim_matches('"');
        let extension = Path::new(first).extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
        extension.is_some_and(|e| EXTENSIONS.contains(&e.as_str()))
    }
}

fn is_csv(path: &Path) -> bool {
    Path::new(&name_of(path)).extension().is_some_and(|e| e.eq_ignore_ascii_case("csv"))
}

fn separator(text: &str) -> u8 {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    [b';', b'\t'].into_iter().find(|c| first.as_bytes().contains(c)).unwrap_or(b',')
}

/// Gives the fields of every line, without blanks around them; the first line has no number. Errors: no table.
fn for_each_record(origin: &str, text: &str, mut each: impl FnMut(Option<usize>, &[&str]) -> Result<()>) -> Result<()> {
    let corrupt = |e: ::csv::Error| DataError::Corrupt { origin: origin.to_owned(), reason: e.to_string() };
    let mut reader =
        ReaderBuilder::new().delimiter(separator(text)).has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut record = ::csv::StringRecord::new();
    let mut n = 0_usize;
    while reader.read_record(&mut record).map_err(corrupt)? {
        let fields: Vec<&str> = record.iter().map(str::trim).collect();
        each(n.checked_sub(1), &fields)?;
        n += 1;
    }
    Ok(())
}
