//! Columns as a person would type them.

/// A remedy names this many columns at most; more are ranges of numbers.
const MOST_NAMED: usize = 8;

/// A column as it can be typed in a shell.
#[derive(Clone, Debug)]
pub(crate) struct Typed {
    /// Its place in the file, from 0.
    pub(crate) at: usize,
    /// Its name, or else its number.
    pub(crate) name: String,
    /// Its number from 1; `3-3` where another column is named `3`.
    pub(crate) number: String,
}

/// `--set columns=a,b,c` of these columns; of many, `--set columns=1-4,6-30`.
pub(crate) fn columns_setting(columns: &[Typed]) -> String {
    let runs = columns.chunk_by(|a, b| a.at + 1 == b.at);
    let run = |run: &[Typed]| match run {
        [first, .., last] => format!("{}-{}", first.at + 1, last.at + 1),
        [one] => one.number.clone(),
        [] => String::new(),
    };
    let names: Vec<String> = match columns.len() <= MOST_NAMED {
        true => columns.iter().map(|column| column.name.clone()).collect(),
        false => runs.map(run).collect(),
    };
    format!("--set columns={}", names.join(","))
}
