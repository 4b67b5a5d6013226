//! What the columns of a table hold, seen over all of its rows.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::cell::{Cell, may_be_thousands};
use super::header::Header;
use super::lines::{Table, shown};
use super::separator::Separator;
use crate::dataset;
use crate::error::{DataError, Result};
use crate::parts::LeftOut;

/// A field that a message shows.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) line: usize,
    pub(super) text: String,
}

/// What a column holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Column {
    /// Empty where it has none.
    pub(super) name: String,
    /// Numbers without a point or comma, and infinite ones.
    n_whole: usize,
    n_words: usize,
    n_weak: usize,
    /// Of the missing ones, those of which nothing is there.
    n_empty: usize,
    n_dressed: usize,
    pub(super) first_point: Option<Seen>,
    pub(super) first_comma: Option<Seen>,
    /// A comma that cannot stand between thousands.
    pub(super) decimal_comma: bool,
    pub(super) first_dressed: Option<Seen>,
    pub(super) first_word: Option<Seen>,
    /// Numbers with a point or a comma.
    n_parted: usize,
    /// The number on the first row, if it grows by one from row to row.
    counts_from: Option<f64>,
    /// Hashes of the different words.
    words: HashSet<u64>,
}

/// What most of a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Contents {
    Numbers,
    Words,
    /// Numbers, and some things that are none.
    Mixed,
    /// It is missing on every line.
    Nothing,
}

/// The columns of a table, and what lies between its rows.
pub(super) struct Survey {
    pub(super) columns: Vec<Column>,
    pub(super) n_rows: usize,
    pub(super) left_out: Vec<LeftOut>,
    /// Whether no two rows have the same in the first column; only known where the header is one name short.
    pub(super) first_differs: bool,
    /// How many columns have each name.
    n_named: HashMap<String, usize>,
}

impl Survey {
    /// Looks at every row. Errors: rows of unequal length; quotes that do not end.
    pub(super) fn of(table: &Table, header: &Header) -> Result<Self> {
        let mut columns = vec![Column::default(); header.n_columns];
        let names_of_rows = header.names.len() + 1 == header.n_columns;
        let mut firsts = HashSet::new();
        let (mut n_rows, mut comments, mut empty) = (0, vec![], vec![]);
        for raw in table.content().filter(|raw| Some(raw.number) != header.line) {
            if raw.is_comment() {
                if raw.number > header.first_row || is_row_behind_a_hash(table, raw.text, header.n_columns) {
                    comments.push(format!("line {}", raw.number));
                }
                continue;
            }
            let line = table.line(raw)?;
            if line.is_empty() {
                empty.push(format!("line {}", line.number));
                continue;
            }
            table.check_length(&line, header.n_columns)?;
            if names_of_rows {
                firsts.insert(hash(&line.fields[0]));
            }
            for (column, field) in columns.iter_mut().zip(&line.fields) {
                column.see(field, line.number, n_rows);
            }
            n_rows += 1;
        }
        let left_out = [("comment lines", comments), ("lines without a value", empty)];
        let left_out = left_out.map(|(what, names)| LeftOut::new(what, &names)).into();
        let first_differs = names_of_rows && firsts.len() == n_rows;
        Ok(Survey { columns, n_rows, left_out, first_differs, n_named: HashMap::new() })
    }

    /// Gives the columns their names. Where the header is one name short, its last column is empty everywhere or its first names
    /// the rows; whether it is the first.
    ///
    /// Errors: another number of names than columns.
    pub(super) fn name(&mut self, table: &Table, header: &Header) -> Result<bool> {
        let (names, n) = (header.names.as_slice(), self.columns.len());
        let ends_empty = self.columns.last().is_some_and(|column| column.is_blank(self.n_rows));
        let (from, names) = match names {
            [] => (0, names),
            all if all.len() == n => (0, all),
            [most @ .., last] if most.len() == n && last.is_empty() => (0, most),
            short if short.len() + 1 == n && ends_empty => (0, short),
            short if short.len() + 1 == n && self.first_differs => (1, short),
            _ if names.len() * 2 == n && table.separator() == Separator::Char(',') => {
                let found =
                    format!("{n} on line {}; if commas stand before decimals, separate fields by semicolons", header.first_row);
                return Err(DataError::format(table.origin(), format!("{} fields on every line", names.len()), found));
            }
            _ => {
                let (origin, line, expected) = (table.origin().to_owned(), header.first_row, names.len());
                return Err(DataError::LineLength { origin, line, expected, found: n });
            }
        };
        self.columns[from..].iter_mut().zip(names).for_each(|(column, name)| column.name.clone_from(name));
        names.iter().for_each(|name| *self.n_named.entry(name.clone()).or_default() += 1);
        Ok(from == 1)
    }

    /// How many columns have this name.
    pub(super) fn n_named(&self, name: &str) -> usize {
        self.n_named.get(name).copied().unwrap_or(0)
    }

    /// A column in messages, counted from 1.
    pub(super) fn named(&self, at: usize) -> String {
        dataset::column(at + 1, &self.columns[at].name)
    }

    /// Whether a column counts the rows from 0 on.
    pub(super) fn counts_from_0(&self, at: usize) -> bool {
        self.columns[at].counts_from == Some(0.0)
    }
}

impl Column {
    /// Takes in a field of the row `nth`, from 0.
    fn see(&mut self, field: &str, line: usize, nth: usize) {
        let seen = || Seen { line, text: shown(field) };
        let cell = Cell::of(field);
        let number = cell.number();
        self.counts_from = match (nth, self.counts_from) {
            (0, _) => number.filter(|v| v.fract() == 0.0),
            (_, Some(from)) if number == Some(from + nth as f64) => Some(from),
            _ => None,
        };
        match cell {
            Cell::Number { point: true, .. } => {
                self.n_parted += 1;
                self.first_point.get_or_insert_with(seen);
            }
            Cell::Number { point: false, .. } | Cell::Infinite => self.n_whole += 1,
            Cell::Comma(_) => {
                self.n_parted += 1;
                self.first_comma.get_or_insert_with(seen);
                self.decimal_comma |= !may_be_thousands(field);
            }
            Cell::Dressed => {
                self.n_dressed += 1;
                self.first_dressed.get_or_insert_with(seen);
            }
            Cell::Missing => self.n_empty += usize::from(field.is_empty()),
            Cell::Weak => {
                self.n_weak += 1;
                self.words.insert(hash(field));
            }
            Cell::Word => {
                self.n_words += 1;
                self.first_word.get_or_insert_with(seen);
                self.words.insert(hash(field));
            }
        }
    }

    pub(super) fn contents(&self) -> Contents {
        let (numbers, words) = (self.n_whole + self.n_parted, self.n_words);
        match (numbers, words, self.n_dressed) {
            (0, 0, 0) => Contents::Nothing,
            (_, 0, 0) => Contents::Numbers,
            _ if words > numbers + self.n_dressed => Contents::Words,
            _ => Contents::Mixed,
        }
    }

    /// How many fields of a column of words are words.
    pub(super) fn n_words(&self) -> usize {
        self.n_words + self.n_weak + self.n_whole + self.n_parted
    }

    /// How many different words there are.
    pub(super) fn n_different(&self) -> usize {
        self.words.len()
    }

    /// How many fields of a column of numbers are none.
    pub(super) fn n_not_numbers(&self) -> usize {
        self.n_words + self.n_dressed
    }

    /// Whether it has no name, and nothing on any of the rows.
    pub(super) fn is_blank(&self, n_rows: usize) -> bool {
        self.name.is_empty() && self.n_empty == n_rows
    }

    /// Whether each row has one more than the one before.
    pub(super) fn counts(&self) -> bool {
        self.counts_from.is_some()
    }
}

/// Whether a comment above the rows is as one of them.
fn is_row_behind_a_hash(table: &Table, comment: &str, n_columns: usize) -> bool {
    let fields = table.separator().split(comment.trim_start().trim_start_matches('#'));
    fields.is_some_and(|fields| {
        n_columns > 1 && fields.len() == n_columns && fields.iter().all(|field| Cell::of(field).number().is_some())
    })
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
