//! Tables of words: a header that names the columns, then a record a line, separated by comma, semicolon or tab.

use std::path::Path;

use super::table::Table;
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
/// No such file; one that is too large or no UTF-8; no header, a column without a name or with another's; a row of another
/// length; quotes that do not end; no rows.
pub fn read_records(path: &Path) -> Result<Records> {
    let table = Table::read(path, MOST_BYTES)?;
    let origin = table.origin();
    let mut lines = table.lines();
    let owned = |fields: Vec<&str>| fields.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let empty = |what: &str| DataError::Empty { origin: origin.to_owned(), what: what.to_owned() };
    let header = owned(lines.next()?.ok_or_else(|| empty("header"))?.fields);
    for (n, name) in header.iter().enumerate() {
        if name.is_empty() {
            return Err(DataError::format(origin, "a name for every column", format!("none for column {}", n + 1)));
        }
        if header[..n].contains(name) {
            return Err(DataError::format(origin, "another name for every column", format!("`{name}` twice")));
        }
    }
    let mut records = Records { header, rows: vec![], lines: vec![] };
    while let Some(line) = lines.next()? {
        records.rows.push(owned(line.fields));
        records.lines.push(line.number);
    }
    if records.rows.is_empty() {
        return Err(empty("rows below the header"));
    }
    Ok(records)
}
