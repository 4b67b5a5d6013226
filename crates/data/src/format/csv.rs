//! Tables of numbers: one row a line, separated by comma, semicolon or tab; a first line that holds a word is a header.

use std::path::Path;
use std::sync::Arc;

use super::source::name_of;
use super::table::{Line, Table, shown};
use crate::dataset::{Dataset, column};
use crate::error::{DataError, Result};
use crate::options::Options;
use crate::parts::Values;

/// Opens a table as vectors `[D]` of continuous values; every column is data. A number may stand in double quotes.
///
/// Errors: something that is no finite number; lines of unequal length, the header's too; no rows; no UTF-8.
pub(super) fn open(path: &Path, options: &Options) -> Result<Dataset> {
    let table = Table::read(path, options.max_bytes)?;
    let mut lines = table.lines();
    let (mut header, mut data, mut n_columns) = (vec![], vec![], 0);
    while let Some(line) = lines.next()? {
        let first = n_columns == 0;
        n_columns = line.fields.len();
        if first && line.fields.iter().any(|field| field.parse::<f32>().is_err()) {
            header = line.fields.iter().map(|&name| name.to_owned()).collect();
            continue;
        }
        if data.is_empty() {
            every_column_is_numeric(table.origin(), &header, &line)?;
        }
        for (at, field) in line.fields.iter().enumerate() {
            let number = field.parse::<f32>().ok().filter(|v| v.is_finite());
            data.push(number.ok_or_else(|| DataError::Cell {
                origin: table.origin().to_owned(),
                line: line.number,
                column: column(&header, at),
                expected: "a finite number".into(),
                found: if field.is_empty() { "nothing".into() } else { format!("`{}`", shown(field)) },
            })?);
        }
    }
    if data.is_empty() {
        return Err(DataError::Empty { origin: table.origin().to_owned(), what: "rows of numbers".into() });
    }
    let dataset = Dataset::new(name_of(path), &[n_columns], Values::Continuous(Arc::new(data)))?;
    if header.is_empty() { Ok(dataset) } else { dataset.with_columns(header) }
}

/// Names every column that holds text, as the first row of data shows it.
fn every_column_is_numeric(origin: &str, header: &[String], line: &Line) -> Result<()> {
    let fields = line.fields.iter().enumerate().filter(|(_, field)| !field.is_empty() && field.parse::<f32>().is_err());
    let text: Vec<String> = fields.map(|(at, field)| format!("{} (`{}`)", column(header, at), shown(field))).collect();
    if text.is_empty() {
        return Ok(());
    }
    let remedy = if text.len() == 1 { "remove that column" } else { "remove those columns" };
    let found = format!("text on line {}: {}; {remedy}, or the line if the others are right", line.number, text.join(", "));
    Err(DataError::format(origin, "numbers in every column", found))
}
