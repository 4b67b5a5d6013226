//! What becomes of each column: data, classes, or nothing.

use super::names::{chosen, column, setting, typed};
use super::separator::Separator;
use super::survey::{Contents, Survey};
use crate::error::{DataError, Result};
use crate::options::Options;

/// Words that differ on more lines than this are names of rows, not classes.
const HANDFUL: usize = 8;

/// Which columns are what.
pub(super) struct Roles {
    /// In the order of the data.
    pub(super) data: Vec<usize>,
    pub(super) class: Option<usize>,
    pub(super) notes: Vec<String>,
}

/// Decides by names, contents and `options`.
pub(super) struct Assigner<'a> {
    pub(super) origin: &'a str,
    pub(super) survey: &'a Survey,
    pub(super) options: &'a Options,
    pub(super) has_header: bool,
    /// The header is one name short, so that the first column has none.
    pub(super) names_of_rows: bool,
    pub(super) separator: Separator,
}

impl Assigner<'_> {
    /// Errors: a column that is not there; several columns of words; a column of numbers with words in it, or missing
    /// everywhere; no column of numbers; decimal commas beside decimal points.
    pub(super) fn assign(&self) -> Result<Roles> {
        let mut notes = vec![];
        let mut columns = match self.options.columns.as_slice() {
            [] => (0..self.survey.columns.len()).collect(),
            typed => chosen(self.origin, self.survey, typed)?,
        };
        let label = match self.options.label.as_deref() {
            None | Some("none") => None,
            Some(typed) => Some(column(self.origin, self.survey, "label", typed)?),
        };
        columns.retain(|&at| Some(at) != label);
        if self.options.columns.is_empty() {
            self.leave_out_blanks(&mut columns, &mut notes);
            self.leave_out_names_of_rows(&mut columns, &mut notes);
        }
        self.check_plain(&columns)?;
        let is_words = |at: &usize| self.survey.columns[*at].contents() == Contents::Words;
        let words: Vec<usize> = columns.iter().copied().filter(is_words).collect();
        columns.retain(|at| !is_words(at));
        self.check_numbers(&columns)?;
        let class = match self.options.label.is_some() {
            true => {
                notes.extend((!words.is_empty()).then(|| format!("left out, for they hold words: {}", self.list(&words))));
                label
            }
            false if words.is_empty() && !self.options.columns.is_empty() => self.class_beside(&mut notes),
            false => self.class_among(&words, &columns, &mut notes)?,
        };
        notes.extend(self.decimal_commas(&columns, class)?);
        if self.options.columns.is_empty() {
            notes.extend(self.counting(&columns));
        }
        Ok(Roles { data: columns, class, notes })
    }

    /// Columns without a name and without a value: separators at the ends of lines.
    fn leave_out_blanks(&self, columns: &mut Vec<usize>, notes: &mut Vec<String>) {
        let blank = |at: &usize| self.survey.columns[*at].is_blank(self.survey.n_rows);
        let blanks: Vec<usize> = columns.iter().copied().filter(blank).collect();
        let last = self.survey.columns.len() - 1;
        match blanks.as_slice() {
            [] => return,
            all if all.len() == columns.len() => return,
            [one] if *one == last => notes.push("every line ends with a separator: the empty last column is left out".into()),
            several => notes.push(format!("left out, for nothing is in them: {}", self.list(several))),
        }
        columns.retain(|at| !blank(at));
    }

    /// A first column without a name under a header (pandas, R), or without a place in it (R).
    fn leave_out_names_of_rows(&self, columns: &mut Vec<usize>, notes: &mut Vec<String>) {
        let name = self.survey.columns[0].name.as_str();
        let index = self.survey.counts_from_0(0) && (name.is_empty() || name.starts_with("Unnamed: "));
        if !self.has_header || columns.first() != Some(&0) || columns.len() < 2 || !(name.is_empty() || index) {
            return;
        }
        let rest = setting(self.survey, &(0..self.survey.columns.len()).collect::<Vec<_>>());
        let why = match (index, self.names_of_rows) {
            (true, _) => "counts the rows from 0, as pandas writes its index",
            (_, true) => "has no name in the header, which is one name short, as R writes names of rows",
            _ => "has no name and is taken for names of the rows",
        };
        notes.push(format!("{} {why}; it is left out; to read it: {rest}", self.survey.named(0)));
        columns.remove(0);
    }

    /// Errors: numbers such as `1.234,5` or `5 %` in a column that is no column of words.
    fn check_plain(&self, columns: &[usize]) -> Result<()> {
        let dressed = |at: &usize| self.survey.columns[*at].first_dressed.as_ref().map(|seen| (*at, seen));
        let mixed = columns.iter().filter(|at| self.survey.columns[**at].contents() != Contents::Words);
        match mixed.filter_map(dressed).next() {
            None => Ok(()),
            Some((at, seen)) => Err(self.cell(
                at,
                seen.line,
                "a plain number, without separators between thousands or a unit",
                &seen.text,
                "write 1234.5 or, between semicolons, 1234,5",
            )),
        }
    }

    /// Of a table whose chosen columns are all of numbers: the only column of words beside them.
    fn class_beside(&self, notes: &mut Vec<String>) -> Option<usize> {
        let is_class = |at: &usize| self.survey.columns[*at].contents() == Contents::Words && !self.is_names_of_rows(*at);
        let words: Vec<usize> = (0..self.survey.columns.len()).filter(is_class).collect();
        match words.as_slice() {
            [one] => Some(self.said_class(*one, notes)),
            _ => None,
        }
    }

    /// The only one of the columns of words that can be classes. Errors: there are several.
    fn class_among(&self, words: &[usize], numbers: &[usize], notes: &mut Vec<String>) -> Result<Option<usize>> {
        let (names, words): (Vec<usize>, Vec<usize>) = words.iter().partition(|at| self.is_names_of_rows(**at));
        notes.extend(names.iter().map(|&at| {
            let (column, as_class) = (&self.survey.columns[at], typed(self.survey, at).name);
            format!(
                "{} holds {} different words on {} lines: it is taken for names of the rows and left out; to make them classes: --set label={as_class}",
                self.survey.named(at),
                column.n_different(),
                column.n_words()
            )
        }));
        let (constant, varied): (Vec<usize>, Vec<usize>) =
            words.iter().partition(|at| self.survey.columns[**at].n_different() < 2 && words.len() > 1);
        if !constant.is_empty() {
            notes.push(format!("left out, for one word is on all lines: {}", self.list(&constant)));
        }
        match varied.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(self.said_class(*one, notes))),
            _ => Err(self.several_words(&varied, numbers)),
        }
    }

    fn said_class(&self, at: usize, notes: &mut Vec<String>) -> usize {
        let n = self.survey.columns[at].n_different();
        let words = if n == 1 { "word is the class" } else { "words are the classes" };
        notes.push(format!("{}: its {n} {words}; without classes: --set label=none", self.survey.named(at)));
        at
    }

    fn is_names_of_rows(&self, at: usize) -> bool {
        let column = &self.survey.columns[at];
        column.n_words() > HANDFUL && column.n_different() * 2 > column.n_words()
    }

    fn several_words(&self, words: &[usize], numbers: &[usize]) -> DataError {
        let found = format!(
            "words in {}; choose the classes with --set label={}; or leave all of them out with --set label=none or {}",
            self.list(words),
            typed(self.survey, words[0]).name,
            setting(self.survey, numbers)
        );
        DataError::format(self.origin, "numbers, and at most one column of words for the classes", found)
    }

    /// Errors: nothing but words; something in a column of numbers that is none; a column without a number.
    fn check_numbers(&self, columns: &[usize]) -> Result<()> {
        let numbers = self.numbers(columns);
        let without = if numbers.is_empty() { String::new() } else { format!(": {}", setting(self.survey, &numbers)) };
        for &at in columns {
            let column = &self.survey.columns[at];
            match (column.contents(), &column.first_word) {
                (Contents::Mixed, Some(word)) => {
                    let more = match column.n_not_numbers() - 1 {
                        0 => String::new(),
                        n => format!(" and {n} more such fields in the column"),
                    };
                    let header = self.header_hint(word.line);
                    return Err(DataError::Cell {
                        origin: self.origin.to_owned(),
                        line: word.line,
                        column: self.survey.named(at),
                        expected: "a finite number".into(),
                        found: format!(
                            "`{}`{more}; correct the value, or remove its line or its column{without}{header}",
                            word.text
                        ),
                    });
                }
                (Contents::Nothing, _) => {
                    let (column, n) = (self.survey.named(at), self.survey.n_rows);
                    let found = format!("{column} missing on all {n} lines; leave the column out{without}");
                    return Err(DataError::format(self.origin, "a number on some line of every column", found));
                }
                _ => {}
            }
        }
        match columns {
            [] => Err(DataError::format(
                self.origin,
                "a column of numbers",
                format!("none in {} columns; tables of words are for `calotype table`", self.survey.columns.len()),
            )),
            _ => Ok(()),
        }
    }

    /// A word that `header=no` or a wrong guess made a value of.
    fn header_hint(&self, line: usize) -> &'static str {
        if !self.has_header && line == 1 { "; if line 1 holds the names of the columns: --set header=yes" } else { "" }
    }

    /// Says how commas are read. Errors: points in other numbers; commas that may as well be between thousands.
    fn decimal_commas(&self, columns: &[usize], class: Option<usize>) -> Result<Option<String>> {
        let used = || columns.iter().copied().chain(class.filter(|&at| self.survey.columns[at].contents() == Contents::Numbers));
        let comma = used().find_map(|at| Some((at, self.survey.columns[at].first_comma.as_ref()?)));
        let point = used().find_map(|at| Some((at, self.survey.columns[at].first_point.as_ref()?)));
        let Some((at, comma)) = comma else { return Ok(None) };
        let sure = used().any(|at| self.survey.columns[at].decimal_comma);
        match point {
            Some((other, point)) => Err(self.cell(
                at,
                comma.line,
                &format!("decimal points, as line {}, {} has (`{}`)", point.line, self.survey.named(other), point.text),
                &comma.text,
                "write all decimals with points, or all with commas, and nothing between thousands",
            )),
            None if self.separator == Separator::Char(',') && !sure => Err(self.cell(
                at,
                comma.line,
                "a decimal point, or decimals that cannot be thousands",
                &comma.text,
                "write it without separators between thousands, and with a point before decimals",
            )),
            None => Ok(Some(format!(
                "commas are decimal points: `{}` on line {} is {}{}",
                comma.text,
                comma.line,
                comma.text.replacen(',', ".", 1),
                if sure { "" } else { "; if they stand between thousands, write the numbers without them" }
            ))),
        }
    }

    /// Says which columns only count the rows: they are read, as they have names of their own.
    fn counting(&self, columns: &[usize]) -> Option<String> {
        let counting = |at: &usize| self.survey.n_rows > HANDFUL && self.survey.columns[*at].counts();
        let (counting, rest): (Vec<usize>, Vec<usize>) = columns.iter().partition(|at| counting(at));
        if counting.is_empty() || rest.is_empty() {
            return None;
        }
        let rest = setting(self.survey, &rest);
        Some(format!("each line has one more than the line before in {}; to leave it out: {rest}", self.list(&counting)))
    }

    fn numbers(&self, columns: &[usize]) -> Vec<usize> {
        columns.iter().copied().filter(|&at| self.survey.columns[at].contents() == Contents::Numbers).collect()
    }

    /// ``column 2 `species` (`setosa`), column 3``: the first eight of columns, with their first words.
    fn list(&self, columns: &[usize]) -> String {
        const MOST: usize = 8;
        let one = |&at: &usize| match &self.survey.columns[at].first_word {
            Some(word) => format!("{} (`{}`)", self.survey.named(at), word.text),
            None => self.survey.named(at),
        };
        let listed: Vec<String> = columns.iter().take(MOST).map(one).collect();
        match columns.len().saturating_sub(MOST) {
            0 => listed.join(", "),
            more => format!("{} and {more} more", listed.join(", ")),
        }
    }

    fn cell(&self, at: usize, line: usize, expected: &str, found: &str, remedy: &str) -> DataError {
        DataError::Cell {
            origin: self.origin.to_owned(),
            line,
            column: self.survey.named(at),
            expected: expected.to_owned(),
            found: format!("`{found}`; {remedy}"),
        }
    }
}
