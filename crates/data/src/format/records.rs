//! Tables of words: a header that names the columns, then a record a line, separated by comma, semicolon or tab.

use std::path::Path;

use super::{Source, csv};
use crate::error::{DataError, Result};

/// Bytes of a table of words at most: its fields take about twenty times as much.
const MOST_BYTES: u64 = 1 << 25;

/// Columns by name, and the records, each with a field for every column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Records {
    pub header: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

/// Reads a table whose first line is a header. Blanks around a field do not count; one in double quotes may hold separators, and
/// quotes as `""`. Rows in errors count from 0 behind the header.
///
/// # Errors
/// No such file; one that is too large or no UTF-8; no header, a column without a name or with another's; a row of another
/// length; quotes that do not end; no rows.
pub fn read_records(path: &Path) -> Result<Records> {
    let source = Source::file(path, MOST_BYTES)?;
    let origin = source.name().to_owned();
    let bytes = source.all("a table")?;
    let text = str::from_utf8(&bytes).map_err(|e| DataError::Corrupt { origin: origin.clone(), reason: e.to_string() })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next().ok_or_else(|| DataError::Empty { origin: origin.clone(), what: "header".into() })?;
    let separator = csv::separator(first);
    let split = |line: &str| {
        let shown = || format!("`{}`", line.chars().take(40).collect::<String>());
        fields(line, separator).ok_or_else(|| DataError::format(&origin, "fields whose double quotes end", shown()))
    };
    let header = split(first)?;
    for (n, name) in header.iter().enumerate() {
        if name.is_empty() {
            return Err(DataError::format(&origin, "a name for every column", format!("none for column {}", n + 1)));
        }
        if header[..n].contains(name) {
            return Err(DataError::format(&origin, "another name for every column", format!("`{name}` twice")));
        }
    }
    let mut rows = Vec::new();
    for (row, line) in lines.enumerate() {
        let fields = split(line)?;
        if fields.len() != header.len() {
            return Err(DataError::RowLength { origin, row, expected: header.len(), found: fields.len() });
        }
        rows.push(fields);
    }
    if rows.is_empty() {
        return Err(DataError::Empty { origin, what: "rows below the header".into() });
    }
    Ok(Records { header, rows })
}

/// The fields of a line; `None` where quotes do not end, or end before the field does.
fn fields(line: &str, separator: char) -> Option<Vec<String>> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() && c != separator);
        let Some(quoted) = rest.strip_prefix('"') else {
            let (field, more) = rest.split_once(separator).map_or((rest, None), |(field, more)| (field, Some(more)));
            fields.push(field.trim().to_owned());
            let Some(more) = more else { return Some(fields) };
            rest = more;
            continue;
        };
        let (field, more) = unquoted(quoted)?;
        fields.push(field);
        let more = more.trim_start_matches(|c: char| c.is_whitespace() && c != separator);
        if more.is_empty() {
            return Some(fields);
        }
        rest = more.strip_prefix(separator)?;
    }
}

/// What stands before the closing quote, and what follows it.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let (mut field, mut rest) = (String::new(), text);
    loop {
        let (part, more) = rest.split_once('"')?;
        field += part;
        match more.strip_prefix('"') {
            Some(more) => {
                field.push('"');
                rest = more;
            }
            None => return Some((field, more)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_split_as_a_person_means_them() {
        let split = |line| fields(line, ',');
        let words = |words: &[&str]| Some(words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>());
        assert_eq!(split("a, b ,,d"), words(&["a", "b", "", "d"]));
        assert_eq!(split("a,"), words(&["a", ""]));
        assert_eq!(split(r#""x, y" , "say ""no""",z"#), words(&["x, y", "say \"no\"", "z"]));
        assert_eq!(split(r#""""#), words(&[""]));
        assert_eq!(split(r#"a"b,c"#), words(&["a\"b", "c"]), "quotes inside a word are the word's");
        assert_eq!(fields("a\t\tb", '\t'), words(&["a", "", "b"]));
        for line in [r#""open"#, r#"a,"b"c,d"#, r#"""""#] {
            assert_eq!(split(line), None, "{line}");
        }
    }
}
