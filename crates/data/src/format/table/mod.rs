//! Tables of numbers: one row a line, fields separated by commas, semicolons, tabs or blanks; names of columns, classes, missing values.

mod cell;
mod header;
mod lines;
mod names;
mod roles;
mod separator;
mod sniff;
mod survey;
mod text;
mod values;

use std::path::Path;
use std::sync::Arc;

use super::source::name_of;
use crate::dataset::Dataset;
use crate::error::Result;
use crate::options::Options;
use crate::parts::Values;

use header::Header;
use roles::Assigner;
use survey::Survey;
use values::Reader;

pub(super) use lines::{Line, Table};
pub(super) use sniff::{first_records, is_table};
pub(super) use text::decode as decode_text;

/// Opens a table as vectors `[D]` of f64. A column of words, or the one that `options.label` says, holds the classes.
///
/// Errors: no text; lines of unequal length; no rows; what is no number, in a column of numbers; missing values that are not to be
/// dropped; columns that are not there.
pub(super) fn open(path: &Path, options: &Options) -> Result<Dataset> {
    let table = Table::of_numbers(path, options.max_bytes)?;
    let header = Header::find(&table, options.header)?;
    let mut survey = Survey::of(&table, &header)?;
    let names_of_rows = survey.name(&table, &header)?;
    let (has_header, separator) = (!header.names.is_empty(), table.separator());
    let roles = Assigner { origin: table.origin(), survey: &survey, options, has_header, names_of_rows, separator }.assign()?;
    let reader = Reader { table: &table, survey: &survey, roles: &roles, options, header: header.line };
    let rows = reader.read()?;

    let mut dataset = Dataset::new(name_of(path), &[roles.data.len()], Values::Double(Arc::new(rows.numbers)))?;
    if has_header {
        dataset = dataset.with_columns(roles.data.iter().map(|&at| survey.columns[at].name.clone()).collect())?;
    }
    dataset = dataset.with_typed_columns(roles.data.iter().map(|&at| names::typed(&survey, at)).collect());
    dataset = dataset.with_lines(rows.lines)?;
    if let Some(class) = rows.class {
        dataset = dataset.with_class_factor(class, table.origin())?;
    }
    let notes = table.note.clone().into_iter().chain(header.notes).chain(roles.notes).chain(rows.notes);
    let dataset = notes.fold(dataset, Dataset::with_note);
    Ok(dataset.with_left_out(survey.left_out.into_iter().chain(rows.left_out)))
}
