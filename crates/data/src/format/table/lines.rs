//! What tables of numbers and tables of words have in common: lines of fields.

use std::borrow::Cow;
use std::path::Path;

use super::cell::is_comment;
use super::separator::{MOST_FIELDS, Separator};
use super::text;
use crate::error::{DataError, Result};

/// So many lines are looked at to find the separator.
const SAMPLE_LINES: usize = 4096;

/// The text of a table.
pub(in crate::format) struct Table {
    origin: String,
    text: String,
    /// Where lines begin, in bytes: behind a line such as `sep=;`, as spreadsheets write it.
    start: usize,
    first_number: usize,
    separator: Separator,
    /// How its bytes became text, where that is doubtful.
    pub(super) note: Option<String>,
}

/// A line of a table that is not blank.
pub(in crate::format) struct Line<'a> {
    /// From 1, as an editor shows it.
    pub(in crate::format) number: usize,
    /// Without the blanks and the double quotes around them.
    pub(in crate::format) fields: Vec<Cow<'a, str>>,
}

/// A line that is not parted into fields yet.
#[derive(Clone, Copy)]
pub(super) struct Raw<'a> {
    pub(super) number: usize,
    pub(super) text: &'a str,
}

impl Raw<'_> {
    pub(super) fn is_comment(&self) -> bool {
        is_comment(self.text)
    }
}

impl Line<'_> {
    /// Whether it has separators and nothing else.
    pub(super) fn is_empty(&self) -> bool {
        self.fields.len() > 1 && self.fields.iter().all(|field| field.is_empty())
    }
}

impl Table {
    /// Reads a table of numbers, of at most `limit_bytes`. Errors: more than that; no text.
    pub(super) fn of_numbers(path: &Path, limit_bytes: u64) -> Result<Self> {
        let (origin, text, note) = text::read_numbers(path, limit_bytes)?;
        Ok(Table { note, ..Self::new(origin, text, true) })
    }

    /// The same of a table of words: blanks do not separate its fields, and what begins with `#` may be a field.
    pub(in crate::format) fn of_words(path: &Path, limit_bytes: u64) -> Result<Self> {
        let (origin, text) = text::read(path, limit_bytes)?;
        Ok(Self::new(origin, text, false))
    }

    pub(super) fn new(origin: String, text: String, of_numbers: bool) -> Self {
        let mut table = Table { origin, text, start: 0, first_number: 1, separator: Separator::Char(','), note: None };
        if let Some((separator, start, number)) = table.said_separator() {
            return Table { separator, start, first_number: number, ..table };
        }
        let sample: Vec<&str> = table.content().filter(|raw| !raw.is_comment()).map(|raw| raw.text).take(SAMPLE_LINES).collect();
        table.separator = Separator::of(&sample, of_numbers);
        table
    }

    pub(in crate::format) fn origin(&self) -> &str {
        &self.origin
    }

    pub(super) fn separator(&self) -> Separator {
        self.separator
    }

    /// All lines that are not blank; those of tabs are not where tabs separate fields.
    pub(super) fn content(&self) -> impl Iterator<Item = Raw<'_>> {
        let lines = RawLines { rest: &self.text[self.start..], number: self.first_number };
        let has_fields = |text: &str| self.separator == Separator::Char('\t') && text.contains('\t');
        lines.filter(move |raw| !raw.text.trim().is_empty() || has_fields(raw.text))
    }

    /// The rows of a table of numbers: no comments, no lines without a value, and not the line `header`.
    pub(super) fn rows(&self, header: Option<usize>) -> impl Iterator<Item = Result<Line<'_>>> {
        let lines = self.content().filter(move |raw| !raw.is_comment() && Some(raw.number) != header).map(|raw| self.line(raw));
        lines.filter(|line| !line.as_ref().is_ok_and(Line::is_empty))
    }

    /// The header and the rows of a table of words: all lines but for those that begin with `#` before the header and have
    /// another number of fields than it.
    ///
    /// Errors of lines: another number of fields than the header has; quotes that do not end where a field does.
    pub(in crate::format) fn records(&self) -> impl Iterator<Item = Result<Line<'_>>> {
        let n_fields = |raw: Raw| self.separator.split(raw.text).map(|fields| fields.len());
        let first = self.content().find(|raw| !raw.is_comment()).and_then(n_fields);
        let is_prose = move |raw: &Raw| raw.is_comment() && first.is_some() && n_fields(*raw) != first;
        let mut expected = None;
        self.content().skip_while(is_prose).map(move |raw| {
            let line = self.line(raw)?;
            let expected = *expected.get_or_insert(line.fields.len());
            self.check_length(&line, expected).map(|()| line)
        })
    }

    /// Parts a line. Errors: more than [`MOST_FIELDS`]; quotes that do not end where a field does.
    pub(super) fn line<'a>(&self, raw: Raw<'a>) -> Result<Line<'a>> {
        let fields = self.separator.split(raw.text).ok_or_else(|| {
            if self.separator.count(raw.text) >= MOST_FIELDS {
                return DataError::format(
                    &self.origin,
                    format!("at most {MOST_FIELDS} columns"),
                    format!("more on line {}", raw.number),
                );
            }
            let found = format!("line {}: `{}`", raw.number, shown(raw.text.trim_start()));
            DataError::format(&self.origin, "double quotes that begin and end a field, on one line", found)
        })?;
        Ok(Line { number: raw.number, fields })
    }

    pub(super) fn check_length(&self, line: &Line, expected: usize) -> Result<()> {
        let found = line.fields.len();
        match found == expected {
            true => Ok(()),
            false => Err(DataError::LineLength { origin: self.origin.clone(), line: line.number, expected, found }),
        }
    }

    /// What a first line `sep=;` says; where the next line begins, and its number.
    fn said_separator(&self) -> Option<(Separator, usize, usize)> {
        let first = self.content().next()?;
        let said = first.text.trim_start().trim_matches('"');
        let said = said.get(..4).filter(|word| word.eq_ignore_ascii_case("sep=")).map(|_| &said[4..])?;
        let mut characters = said.chars();
        let separator = match (characters.next(), characters.as_str()) {
            (Some(' '), "") => Separator::Blanks,
            (Some(c), "") if !c.is_alphanumeric() && !"\"'.+-#".contains(c) => Separator::Char(c),
            _ => return None,
        };
        let start = first.text.as_ptr() as usize - self.text.as_ptr() as usize + first.text.len();
        Some((separator, start + line_break(&self.text[start..]), first.number + 1))
    }
}

/// Lines that end with `\n`, `\r\n` or `\r`.
struct RawLines<'a> {
    rest: &'a str,
    number: usize,
}

impl<'a> Iterator for RawLines<'a> {
    type Item = Raw<'a>;
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.bytes().position(|b| matches!(b, b'\n' | b'\r')).unwrap_or(self.rest.len());
        let raw = Raw { number: self.number, text: &self.rest[..end] };
        self.rest = &self.rest[end + line_break(&self.rest[end..])..];
        self.number += 1;
        Some(raw)
    }
}

/// The bytes of the line break that a text begins with.
fn line_break(text: &str) -> usize {
    match text.as_bytes() {
        [b'\r', b'\n', ..] => 2,
        [b'\r' | b'\n', ..] => 1,
        _ => 0,
    }
}

/// The beginning of a field, for messages.
pub(super) fn shown(field: &str) -> String {
    field.chars().take(40).collect()
}
