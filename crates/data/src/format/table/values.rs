//! The rows of a table, once it is known what its columns are.

use std::collections::HashMap;

use super::cell::{Cell, loses_digits};
use super::lines::{Line, Table, shown};
use super::names::setting;
use super::roles::Roles;
use super::survey::{Contents, Survey};
use crate::error::{DataError, Result};
use crate::natural::natural;
use crate::options::{Missing, Options};
use crate::parts::{Factor, LeftOut};

/// Numbers that are not whole are classes only if they are so few.
const MOST_FRACTIONS: usize = 20;
/// On so many lines, digits are compared with those that are kept: it takes longer than all else.
const DIGIT_LINES: usize = 4096;
/// A message shows this many cells at most.
const MOST_SHOWN: usize = 5;

/// Numbers [rows, columns], and the class of every row.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) numbers: Vec<f64>,
    n_rows: usize,
    /// Of every row, its line in the file from 1.
    pub(super) lines: Vec<u32>,
    pub(super) class: Option<Factor>,
    pub(super) left_out: Option<LeftOut>,
    pub(super) notes: Vec<String>,
}

/// Reads the rows of a table.
pub(super) struct Reader<'a> {
    pub(super) table: &'a Table,
    pub(super) survey: &'a Survey,
    pub(super) roles: &'a Roles,
    pub(super) options: &'a Options,
    /// The line of the names.
    pub(super) header: Option<usize>,
}

/// Missing fields of the columns that are read.
#[derive(Default)]
struct Holes {
    n_fields: usize,
    of_column: HashMap<usize, usize>,
    lines: Vec<usize>,
    first: Vec<String>,
    on_first_line: bool,
}

impl Reader<'_> {
    /// Errors: missing values, unless they are to be dropped and lines are left; an infinite value; more memory than the limit;
    /// a column of measurements as classes.
    pub(super) fn read(&self) -> Result<Rows> {
        let n_columns = self.roles.data.len();
        self.options.check_total(self.table.origin(), self.survey.n_rows, n_columns.saturating_mul(size_of::<f64>()))?;
        let mut rows = Rows::default();
        let mut holes = Holes::default();
        let mut words = Words::default();
        let mut lost: Vec<Option<(usize, String)>> = vec![None; n_columns];
        let mut n_lines = 0;
        let mut row = Vec::with_capacity(n_columns);
        for line in self.table.rows(self.header) {
            let line = line?;
            n_lines += 1;
            row.clear();
            let mut missing = Vec::new();
            for (&at, lost) in self.roles.data.iter().zip(&mut lost) {
                let field = &line.fields[at];
                match Cell::of(field).number() {
                    Some(value) => {
                        if lost.is_none() && n_lines <= DIGIT_LINES && loses_digits(field, value) {
                            *lost = Some((line.number, shown(field)));
                        }
                        row.push(value);
                    }
                    None if Cell::of(field) == Cell::Infinite => return Err(self.infinite(&line, at)),
                    None => missing.push(at),
                }
            }
            let class = self.class_of(&line);
            missing.extend(self.roles.class.filter(|_| class.is_none()));
            if missing.is_empty() {
                rows.numbers.extend(&row);
                rows.n_rows += 1;
                rows.lines.push(line.number as u32);
                words.add(class.unwrap_or_default());
            } else {
                holes.add(self.survey, &line, &missing, rows.n_rows == 0 && holes.lines.is_empty());
            }
        }
        rows.left_out = self.without(&holes, rows.n_rows)?;
        rows.notes.extend(
            rows.left_out
                .as_ref()
                .map(|left_out| format!("{} of {} lines have missing values and are left out", left_out.n, self.survey.n_rows)),
        );
        rows.notes.extend(self.lost_digits(&lost));
        rows.class = self.roles.class.map(|at| self.factor(at, words)).transpose()?;
        Ok(rows)
    }

    /// The name of a line's class; `None` where it is missing, or where there are no classes.
    fn class_of(&self, line: &Line) -> Option<String> {
        let at = self.roles.class?;
        let of_numbers = self.survey.columns[at].contents() == Contents::Numbers;
        let field = &line.fields[at];
        match Cell::of(field) {
            Cell::Missing => None,
            Cell::Weak if of_numbers => None,
            cell => {
                Some(cell.number().filter(|_| of_numbers).map_or_else(|| field.clone().into_owned(), |v| (v + 0.0).to_string()))
            }
        }
    }

    fn infinite(&self, line: &Line, at: usize) -> DataError {
        let rest: Vec<usize> = self.roles.data.iter().copied().filter(|&other| other != at).collect();
        let columns = if rest.is_empty() { String::new() } else { format!(": {}", setting(self.survey, &rest)) };
        DataError::Cell {
            origin: self.table.origin().to_owned(),
            line: line.number,
            column: self.survey.named(at),
            expected: "a finite number".into(),
            found: format!("`{}`; correct the value, or remove its line or its column{columns}", shown(&line.fields[at])),
        }
    }

    /// What is left out of the lines with holes. Errors: they are not to be dropped, or nothing would be left.
    fn without(&self, holes: &Holes, n_rows: usize) -> Result<Option<LeftOut>> {
        if holes.lines.is_empty() {
            return Ok(None);
        }
        if self.options.missing == Missing::Drop && n_rows > 0 {
            let first = holes.lines.iter().take(LeftOut::MOST_NAMED).map(|line| format!("line {line}")).collect();
            return Ok(Some(LeftOut { what: "lines with missing values".into(), n: holes.lines.len(), names: first }));
        }
        let (n, lines, columns) = (holes.n_fields, holes.lines.len(), holes.of_column.len());
        let first = holes.first.join("; ");
        let more = if n > holes.first.len() { "; …" } else { "" };
        let whole: Vec<usize> = self.roles.data.iter().copied().filter(|at| !holes.of_column.contains_key(at)).collect();
        let by_columns = (!whole.is_empty()).then(|| setting(self.survey, &whole));
        let by_lines = (n_rows > 0).then(|| format!("--set missing=drop leaves these lines out and keeps {n_rows}"));
        // Beside chosen columns the class stays the class.
        let class_too = self.roles.class.is_some_and(|class| holes.of_column.contains_key(&class));
        let without_class = if class_too { " --set label=none" } else { "" };
        let by_columns = by_columns.map(|columns| format!("{columns}{without_class} leaves these columns out"));
        let remedies: Vec<String> = by_lines.into_iter().chain(by_columns).collect();
        let remedy = match remedies.is_empty() {
            true => "every line and every column has some; choose columns with --set columns=A,B,C and --set missing=drop".into(),
            false => remedies.join("; "),
        };
        let header = if holes.on_first_line { "; if line 1 holds the names of the columns: --set header=yes" } else { "" };
        let found = format!(
            "{n} missing value{} ({first}{more}) on {lines} of {} lines, in {columns} column{}; {remedy}{header}",
            if n == 1 { "" } else { "s" },
            self.survey.n_rows,
            if columns == 1 { "" } else { "s" },
        );
        Err(DataError::format(self.table.origin(), "a number in every field", found))
    }

    fn lost_digits(&self, lost: &[Option<(usize, String)>]) -> Option<String> {
        const MOST_COLUMNS: usize = 8;
        let named = self.roles.data.iter().zip(lost).filter_map(|(&at, lost)| {
            lost.as_ref().map(|(line, field)| format!("{} (line {line}: `{field}`)", self.survey.named(at)))
        });
        let named: Vec<String> = named.collect();
        let more = named.len().saturating_sub(MOST_COLUMNS);
        let shown = named[..named.len() - more].join(", ");
        let more = if more > 0 { format!(" and {more} more columns") } else { String::new() };
        (!named.is_empty()).then(|| format!("more digits than a number can keep, about 16, are rounded in {shown}{more}"))
    }

    /// Classes in natural order. Errors: measurements.
    fn factor(&self, at: usize, words: Words) -> Result<Factor> {
        let of_numbers = self.survey.columns[at].contents() == Contents::Numbers;
        let fractions = || words.names.iter().any(|name| name.parse::<f64>().is_ok_and(|v| v.fract() != 0.0));
        let n = words.names.len();
        let measured = n > MOST_FRACTIONS && (n * 2 > words.of_row.len() || fractions());
        if of_numbers && measured {
            return Err(DataError::Setting {
                key: "label",
                expected: format!(
                    "a column of classes; the {n} different numbers on {} lines of {} are measurements, which --set label=none reads as data",
                    words.of_row.len(),
                    self.survey.named(at)
                ),
                found: self.options.label.clone().unwrap_or_default(),
            });
        }
        let name = &self.survey.columns[at].name;
        Ok(words.factor(if name.is_empty() { "class" } else { name }, of_numbers))
    }
}

impl Holes {
    fn add(&mut self, survey: &Survey, line: &Line, missing: &[usize], is_first: bool) {
        self.n_fields += missing.len();
        self.on_first_line |= is_first && line.number == 1;
        self.lines.push(line.number);
        for &at in missing {
            *self.of_column.entry(at).or_default() += 1;
            if self.first.len() < MOST_SHOWN {
                let field = &line.fields[at];
                let found = if field.is_empty() { "nothing".to_owned() } else { format!("`{}`", shown(field)) };
                self.first.push(format!("line {}, {}: {found}", line.number, survey.named(at)));
            }
        }
    }
}

/// The words of a column, numbered as they come.
#[derive(Default)]
struct Words {
    names: Vec<String>,
    numbers: HashMap<String, u32>,
    of_row: Vec<u32>,
}

impl Words {
    fn add(&mut self, word: String) {
        let number = match self.numbers.get(&word) {
            Some(&number) => number,
            None => {
                let next = self.names.len() as u32;
                self.names.push(word.clone());
                self.numbers.insert(word, next);
                next
            }
        };
        self.of_row.push(number);
    }

    fn factor(self, name: &str, of_numbers: bool) -> Factor {
        let mut order: Vec<usize> = (0..self.names.len()).collect();
        let number = |at: usize| self.names[at].parse::<f64>().unwrap_or(0.0);
        match of_numbers {
            true => order.sort_by(|&a, &b| number(a).total_cmp(&number(b))),
            false => order.sort_by(|&a, &b| natural(&self.names[a], &self.names[b])),
        }
        let mut place = vec![0_u32; order.len()];
        order.iter().enumerate().for_each(|(nth, &at)| place[at] = nth as u32);
        Factor {
            name: name.to_owned(),
            values: order.iter().map(|&at| self.names[at].clone()).collect(),
            of_row: self.of_row.iter().map(|&at| place[at as usize]).collect(),
        }
    }
}
