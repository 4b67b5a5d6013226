//! Tables of numbers: one row a line, separated by comma, semicolon or tab; a first line that holds a word is a header.

use std::path::Path;
use std::sync::Arc;

use super::{Source, name_of};
use crate::dataset::{Dataset, Values};
use crate::error::{DataError, Result};
use crate::spec::Options;

/// Opens a table as vectors `[D]` of continuous values; every column is data. Rows and columns in errors count data rows from 0.
///
/// Errors: something that is no finite number; rows of unequal length; no rows.
pub(super) fn open(path: &Path, options: &Options) -> Result<Dataset> {
    let source = Source::file(path, options.max_bytes)?;
    let origin = source.name().to_owned();
    let bytes = source.all("a table")?;
    let text = str::from_utf8(&bytes).map_err(|e| DataError::Corrupt { origin: origin.clone(), reason: e.to_string() })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.lines().filter(|line| !line.trim().is_empty()).peekable();
    let first = lines.peek().copied().unwrap_or_default();
    let separator = separator(first);
    if first.split(separator).any(|field| field.trim().parse::<f32>().is_err()) {
        lines.next();
    }
    let (mut data, mut n_columns) = (Vec::new(), 0);
    for (row, line) in lines.enumerate() {
        let start = data.len();
        for (column, field) in line.split(separator).enumerate() {
            let field = field.trim();
            let number = field.parse::<f32>().ok().filter(|v| v.is_finite());
            data.push(number.ok_or_else(|| DataError::Value {
                origin: origin.clone(),
                row,
                column,
                expected: "a finite number".into(),
                found: format!("`{}`", field.chars().take(40).collect::<String>()),
            })?);
        }
        let found = data.len() - start;
        if row == 0 {
            n_columns = found;
        } else if found != n_columns {
            return Err(DataError::RowLength { origin, row, expected: n_columns, found });
        }
    }
    if data.is_empty() {
        return Err(DataError::Empty { origin, what: "rows of numbers".into() });
    }
    Dataset::new(name_of(path), &[n_columns], Values::Continuous(Arc::new(data)))
}

/// What separates the fields of a table that has this first line.
pub(super) fn separator(first: &str) -> char {
    [';', '\t', ','].into_iter().find(|&c| first.contains(c)).unwrap_or(',')
}
