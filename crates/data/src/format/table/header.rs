//! Which line holds the names of the columns, if one does.

use std::borrow::Cow;

use super::cell::Cell;
use super::lines::{Line, Raw, Table};
use super::separator::Separator;
use crate::error::{DataError, Result};

/// What stands above the rows.
pub(super) struct Header {
    /// As they stand in the file, one for each of its fields; none where there is no header.
    pub(super) names: Vec<String>,
    /// The line that holds them, where it is not a comment.
    pub(super) line: Option<usize>,
    /// The number of fields of the first row, and its line.
    pub(super) n_columns: usize,
    pub(super) first_row: usize,
    pub(super) notes: Vec<String>,
}

impl Header {
    /// Looks at the first lines. A header is a line of which no field is a number and at least one is a name, or what `said` says;
    /// else the last comment above the rows, if it has as many fields as they have (`numpy.savetxt(header=…)`). Where `said` says that
    /// there is a header, that is the first line, or the comment above a single row.
    ///
    /// Errors: no row.
    pub(super) fn find(table: &Table, said: Option<bool>) -> Result<Self> {
        let no_rows = || DataError::Empty { origin: table.origin().to_owned(), what: "rows of numbers".into() };
        let mut rows = table.rows(None);
        let first = rows.next().ok_or_else(no_rows)??;
        let second = rows.next().transpose()?;
        let is_header = said != Some(false) && (is_names(table, &first)? || is_counted(table, &first)?);
        let comment = comment_names(table, first.number, first.fields.len()).filter(|_| said != Some(false) && !is_header);
        if is_header || (said == Some(true) && (comment.is_none() || second.is_some())) {
            let second = second.ok_or_else(no_rows)?;
            let said_by = comment.map(|names| not_the_comment(&first, &names));
            let notes = doubtful_names(&first).filter(|_| said.is_none()).into_iter().chain(said_by).collect();
            let names = first.fields.iter().map(|name| name.clone().into_owned()).collect();
            let (n_columns, first_row) = (second.fields.len(), second.number);
            return Ok(Header { names, line: Some(first.number), n_columns, first_row, notes });
        }
        let doubt = said.is_none() && comment.is_none();
        let notes = if doubt { names_like_numbers(&first, second.as_ref()) } else { None };
        Ok(Header {
            names: comment.unwrap_or_default(),
            line: None,
            n_columns: first.fields.len(),
            first_row: first.number,
            notes: notes.into_iter().collect(),
        })
    }
}

/// Whether no field is a number and at least one is a name. A line with `?` holds values; so does one with holes whose words
/// stand in their columns again.
fn is_names(table: &Table, line: &Line) -> Result<bool> {
    let cells: Vec<Cell> = line.fields.iter().map(|field| Cell::of(field)).collect();
    let names = cells.iter().filter(|cell| **cell == Cell::Word).count();
    let no_name = |cell: &Cell| !matches!(cell, Cell::Word | Cell::Missing | Cell::Weak);
    if names == 0 || cells.iter().any(no_name) || line.fields.iter().any(|field| field == "?") {
        return Ok(false);
    }
    if !cells[1..].contains(&Cell::Missing) {
        return Ok(true);
    }
    for row in table.rows(Some(line.number)) {
        let row = row?;
        let again = |at: usize| cells[at] == Cell::Word && row.fields.get(at) == Some(&line.fields[at]);
        if (0..cells.len()).any(again) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether these are the names that pandas gives columns without names, `,0,1,2`, above rows that it counts in the first column.
fn is_counted(table: &Table, line: &Line) -> Result<bool> {
    let counts = |fields: &[Cow<str>]| fields.iter().enumerate().all(|(n, field)| *field == n.to_string());
    if line.fields.len() < 2 || !line.fields[0].is_empty() || !counts(&line.fields[1..]) {
        return Ok(false);
    }
    for (n, row) in table.rows(Some(line.number)).enumerate() {
        if row?.fields.first().is_none_or(|field| *field != n.to_string()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The names in the last comment above the first row, if it has as many fields and none of them is a number.
fn comment_names(table: &Table, first_row: usize, n_fields: usize) -> Option<Vec<String>> {
    let comment: Raw = table.content().take_while(|raw| raw.number < first_row).filter(Raw::is_comment).last()?;
    let text = comment.text.trim().trim_start_matches('#').trim_matches(|c: char| c == ' ' || c == '\r');
    let fields = table.separator().split(text)?;
    let one_word = n_fields > 1 || table.separator() == Separator::Blanks || !text.contains(char::is_whitespace);
    let cells: Vec<Cell> = fields.iter().map(|field| Cell::of(field)).collect();
    let names = cells.contains(&Cell::Word) && !cells.iter().any(|cell| cell.number().is_some());
    let fits = fields.len() == n_fields && one_word && names;
    fits.then(|| fields.into_iter().map(Cow::into_owned).collect())
}

/// Says that `header=yes` is about the first line and not about the comment above it.
fn not_the_comment(first: &Line, names: &[String]) -> String {
    format!(
        "line {} holds the names of the columns, as header=yes says; without it, the comment above does: {}",
        first.number,
        names.join(", ")
    )
}

/// Says that a header with holes may be a row.
fn doubtful_names(line: &Line) -> Option<String> {
    let inner = line.fields.len().saturating_sub(1).max(1);
    let holes = line.fields[1..inner].iter().filter(|field| field.is_empty()).count();
    (holes > 0).then(|| {
        format!(
            "line {}, of which {holes} fields are empty, is taken for the names of the columns; if it is a row: --set header=no",
            line.number
        )
    })
}

/// Says that a first row may be names: years, or 0, 1, 2 … above fractions, where the row below is nothing of the kind.
fn names_like_numbers(first: &Line, second: Option<&Line>) -> Option<String> {
    let second = second?;
    let (above, below) = (numbers(first), numbers(second));
    let only_first_is_a_word = above.len() == first.fields.len()
        || (above.len() + 1 == first.fields.len() && Cell::of(&first.fields[0]).number().is_none());
    let looks = (are_years(&above) && !are_years(&below)) || (are_counted(&above) && below.iter().any(|v| v.fract() != 0.0));
    (only_first_is_a_word && looks).then(|| {
        format!(
            "line {} is taken for a row as line {} is, but its numbers ({}, {}, …) look like names of columns; if they are: --set header=yes",
            first.number, second.number, above[0], above[1]
        )
    })
}

fn numbers(line: &Line) -> Vec<f64> {
    line.fields.iter().filter_map(|field| Cell::of(field).number()).collect()
}

fn are_years(numbers: &[f64]) -> bool {
    let each = |v: &f64| v.fract() == 0.0 && (1000.0..3000.0).contains(v);
    numbers.len() > 1 && numbers.iter().all(each) && numbers.windows(2).all(|pair| pair[0] < pair[1])
}

fn are_counted(numbers: &[f64]) -> bool {
    let first = numbers.first().copied();
    let enough = (first == Some(0.0) && numbers.len() > 1) || (first == Some(1.0) && numbers.len() > 2);
    enough && numbers.windows(2).all(|pair| pair[1] == pair[0] + 1.0)
}
