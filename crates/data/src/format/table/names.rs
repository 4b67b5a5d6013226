//! Columns by the names and numbers that a person types, and as a person would type them.

use std::collections::HashSet;

use super::survey::Survey;
use crate::error::{DataError, Result};
use crate::typed::{Typed, columns_setting};

/// A message lists this many names at most.
const MOST_LISTED: usize = 20;

/// The columns that `--set columns=…` chooses, in that order: names, numbers from 1, ranges of numbers.
///
/// Errors: no such column, a column twice.
pub(super) fn chosen(origin: &str, survey: &Survey, typed: &[String]) -> Result<Vec<usize>> {
    let mut columns = Vec::new();
    for name in typed.iter().map(|name| name.trim()).filter(|name| !name.is_empty()) {
        let range = match survey.n_named(name) {
            1.. => None,
            0 => range(name, survey.columns.len()),
        };
        match range {
            Some(range) => columns.extend(range),
            None => columns.push(column(origin, survey, "columns", name)?),
        }
    }
    let mut seen = HashSet::new();
    let twice = columns.iter().find(|column| !seen.insert(**column));
    match twice {
        None => Ok(columns),
        Some(&at) => Err(DataError::Setting {
            key: "columns",
            expected: "every column once".into(),
            found: format!("{}, {} twice", typed.join(","), survey.named(at)),
        }),
    }
}

/// The column of a name, or else of a number from 1. Errors: none, or several of that name.
pub(super) fn column(origin: &str, survey: &Survey, key: &'static str, typed: &str) -> Result<usize> {
    let of_name: Vec<usize> = (0..survey.columns.len()).filter(|&at| survey.columns[at].name == typed).collect();
    let refused = |expected: String| Err(DataError::Setting { key, expected, found: typed.to_owned() });
    let number = || typed.parse::<usize>().ok().filter(|n| (1..=survey.columns.len()).contains(n)).map(|n| n - 1);
    let by_number =
        || number().or_else(|| range(typed, survey.columns.len()).filter(|range| range.len() == 1).map(|range| range.start));
    match of_name.as_slice() {
        [one] => Ok(*one),
        [] => match by_number() {
            Some(at) => Ok(at),
            None => refused(format!("a column of {origin}{}: {}", guess(survey, typed), listed(survey))),
        },
        several => {
            let numbers: Vec<String> = several.iter().map(|at| (at + 1).to_string()).collect();
            refused(format!("one column, but {} are named so: say its number", numbers.join(" and ")))
        }
    }
}

/// `2-5`, of columns from 1.
fn range(typed: &str, n_columns: usize) -> Option<std::ops::Range<usize>> {
    let (first, last) = typed.split_once('-')?;
    let (first, last) = (first.trim().parse::<usize>().ok()?, last.trim().parse::<usize>().ok()?);
    (1 <= first && first <= last && last <= n_columns).then(|| first - 1..last)
}

fn listed(survey: &Survey) -> String {
    let n = survey.columns.len();
    let names: Vec<&str> = survey.columns.iter().map(|column| column.name.as_str()).filter(|name| !name.is_empty()).collect();
    match names.len() {
        0 => format!("a number from 1 to {n}; they have no names"),
        k if k <= MOST_LISTED => format!("{}, or a number from 1 to {n}", names.join(", ")),
        _ => format!("{}, … or a number from 1 to {n}", names[..MOST_LISTED].join(", ")),
    }
}

/// ` (did you mean `x`?)`, for the name with the fewest edits, if they are few for its length.
fn guess(survey: &Survey, typed: &str) -> String {
    let typed = typed.to_lowercase();
    let names = survey.columns.iter().map(|column| column.name.as_str()).filter(|name| !name.is_empty());
    let best = names.map(|name| (strsim::osa_distance(&typed, &name.to_lowercase()), name)).min_by_key(|&(n, _)| n);
    best.filter(|(n, name)| *n <= 1 + name.chars().count() / 3)
        .map_or(String::new(), |(_, name)| format!(" (did you mean `{name}`?)"))
}

/// A column as it can be typed in a shell.
pub(super) fn typed(survey: &Survey, at: usize) -> Typed {
    let name = &survey.columns[at].name;
    let plain = name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-')) && name.chars().count() <= 30;
    let alone = survey.n_named(name) == 1;
    let means_itself = !matches!(name.as_str(), "" | "auto" | "none" | "all");
    let number = (at + 1).to_string();
    let number = if survey.n_named(&number) > 0 { format!("{number}-{number}") } else { number };
    Typed { at, name: if plain && alone && means_itself { name.clone() } else { number.clone() }, number }
}

/// [`columns_setting`] of columns by their places.
pub(super) fn setting(survey: &Survey, columns: &[usize]) -> String {
    columns_setting(&columns.iter().map(|&at| typed(survey, at)).collect::<Vec<_>>())
}
