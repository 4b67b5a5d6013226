//! What tables of numbers and tables of words have in common: lines of fields, separated by comma, semicolon or tab.

use std::io::{Chain, Read};
use std::path::Path;

use ::csv::{Reader, ReaderBuilder, StringRecord};

use super::source::Source;
use crate::error::{DataError, Result};

/// The text of a table.
pub(super) struct Table {
    origin: String,
    text: String,
}

/// A line of a table that is not blank.
pub(super) struct Line<'a> {
    /// From 1, as an editor shows it.
    pub(super) number: usize,
    /// Without the blanks and the double quotes around them.
    pub(super) fields: Vec<&'a str>,
}

impl Table {
    /// Reads a file of at most `limit_bytes`. Errors: more than that; no UTF-8.
    pub(super) fn read(path: &Path, limit_bytes: u64) -> Result<Self> {
        let source = Source::file(path, limit_bytes)?;
        let origin = source.name().to_owned();
        let text = source.text("a table")?;
        Ok(Table { origin, text })
    }

    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    pub(super) fn lines(&self) -> Lines<'_> {
        let first = self.text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let separator = [b';', b'\t', b','].into_iter().find(|c| first.as_bytes().contains(c)).unwrap_or(b',');
        // With a line break at the end, quotes that do not end hold one. Lengths are checked below, where blank lines are known.
        let bytes = self.text.as_bytes().chain(&b"\n"[..]);
        let reader = ReaderBuilder::new().delimiter(separator).has_headers(false).flexible(true).from_reader(bytes);
        Lines { table: self, reader, record: StringRecord::new(), n_fields: None }
    }
}

/// The lines of a [`Table`], one after the other.
pub(super) struct Lines<'a> {
    table: &'a Table,
    reader: Reader<Chain<&'a [u8], &'static [u8]>>,
    record: StringRecord,
    n_fields: Option<usize>,
}

impl Lines<'_> {
    /// The next line that is not blank. Errors: another number of fields than the first has; quotes that do not end where a
    /// field does.
    pub(super) fn next(&mut self) -> Result<Option<Line<'_>>> {
        let Table { origin, text } = self.table;
        let (number, raw) = loop {
            let corrupt = |e: ::csv::Error| DataError::Corrupt { origin: origin.clone(), reason: e.to_string() };
            if !self.reader.read_record(&mut self.record).map_err(corrupt)? {
                return Ok(None);
            }
            // A record begins where the one before ends: with the rest of its line break, and empty lines.
            let (line, start) = self.record.position().map_or((1, 0), |at| (at.line() as usize, at.byte() as usize));
            let raw = &text[start..text.len().min(self.reader.position().byte() as usize)];
            let content = raw.trim_start_matches(['\r', '\n']);
            if !content.trim().is_empty() {
                break (line + raw[..raw.len() - content.len()].matches('\n').count(), content);
            }
        };
        let fields: Option<Vec<&str>> = self.record.iter().map(plain).collect();
        let fields = fields.ok_or_else(|| {
            let found = format!("line {number}: `{}`", raw.chars().take_while(|c| *c != '\n').take(40).collect::<String>());
            DataError::format(origin, "double quotes that begin and end a field, on one line", found)
        })?;
        let expected = *self.n_fields.get_or_insert(fields.len());
        match fields.len() == expected {
            true => Ok(Some(Line { number, fields })),
            false => Err(DataError::LineLength { origin: origin.clone(), line: number, expected, found: fields.len() }),
        }
    }
}

/// A field without blanks around it, and without the quotes that follow a blank, which are nothing special to the reader; `None`
/// where quotes do not end in it.
fn plain(field: &str) -> Option<&str> {
    let words = field.trim();
    match words.strip_prefix('"') {
        _ if field.contains('\n') => None,
        Some(rest) if !field.starts_with('"') => rest.strip_suffix('"').filter(|inside| !inside.contains('"')),
        _ => Some(words),
    }
}

/// The beginning of a field, for messages.
pub(super) fn shown(field: &str) -> String {
    field.chars().take(40).collect()
}
