//! Tables of words: a header that names the columns, then a record a line, separated by comma, semicolon or tab.

use std::borrow::Cow;
use std::collections::HashSet;
use std::path::Path;

use super::table::{Line, Table};
use crate::error::{DataError, Result};

/// Bytes of a table of words at most: its fields take about twenty times as much.
const MOST_BYTES: u64 = 1 << 25;

/// Columns by name, and the records, each with a field for every column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Records {
    pub header: Vec<String>,
    pub rows: Vec<Vec<String>>,
    /// The line of the file that each row stands on, from 1.
    pub lines: Vec<usize>,
}

/// Reads a table whose first line is a header. Blanks around a field do not count; one in double quotes may hold separators, and
/// quotes as `""`.
///
/// # Errors
/// No such file; one that is too large or no text; no header, a column without a name or with another's; a row of another
/// length; quotes that do not end; no rows.
pub fn read_records(path: &Path) -> Result<Records> {
    let table = Table::of_words(path, MOST_BYTES)?;
    let origin = table.origin();
    let mut lines = table.records();
    let owned = |line: Line| line.fields.into_iter().map(Cow::into_owned).collect::<Vec<_>>();
    let empty = |what: &str| DataError::Empty { origin: origin.to_owned(), what: what.to_owned() };
    let header = owned(lines.next().ok_or_else(|| empty("header"))??);
    let mut names = HashSet::new();
    for (n, name) in header.iter().enumerate() {
        if name.is_empty() {
            return Err(DataError::format(origin, "a name for every column", format!("none for column {}", n + 1)));
        }
        if !names.insert(name) {
            return Err(DataError::format(origin, "another name for every column", format!("`{name}` twice")));
        }
    }
    let mut records = Records { header, rows: vec![], lines: vec![] };
    for line in lines {
        let line = line?;
        records.lines.push(line.number);
        records.rows.push(owned(line));
    }
    if records.rows.is_empty() {
        return Err(empty("rows below the header"));
    }
    Ok(records)
}
