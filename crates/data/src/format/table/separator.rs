//! What separates the fields of a line.

use std::borrow::Cow;

use super::cell::Cell;

/// Fields of a line at most: of a column, a survey takes some hundred bytes.
pub(super) const MOST_FIELDS: usize = 1_000_000;
/// Blanks and tabs, as [`Separator::Blanks`] has them.
const BLANKS: [char; 2] = [' ', '\t'];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Separator {
    Char(char),
    /// Any number of blanks and tabs.
    Blanks,
}

/// The first of these that fits best is taken.
const CHARACTERS: [Separator; 4] = [Separator::Char(';'), Separator::Char('\t'), Separator::Char(','), Separator::Char('|')];

impl Separator {
    /// The fields of a line, without the blanks and the double quotes around them; `""` in quotes is a quote. `None` where
    /// quotes that begin a field do not end it, or where there are more than [`MOST_FIELDS`].
    pub(super) fn split<'a>(self, line: &'a str) -> Option<Vec<Cow<'a, str>>> {
        let mut fields = Vec::new();
        let mut rest = Some(line);
        while let Some(begin) = rest {
            let begin = begin.trim_start_matches(|c: char| c.is_whitespace() && self != Separator::Char(c));
            let (field, after) = match begin.strip_prefix('"') {
                Some(inside) => self.quoted(inside)?,
                None => self.plain(begin),
            };
            if fields.len() == MOST_FIELDS {
                return None;
            }
            fields.push(field);
            rest = after;
        }
        Some(fields)
    }

    /// How often it stands in a text, in quotes too.
    pub(super) fn count(self, text: &str) -> usize {
        match self {
            Separator::Char(c) => text.matches(c).count(),
            Separator::Blanks => text.split(BLANKS).filter(|word| !word.is_empty()).count(),
        }
    }

    fn plain(self, text: &str) -> (Cow<'_, str>, Option<&str>) {
        let end = match self {
            Separator::Char(c) => text.find(c),
            Separator::Blanks => text.find(BLANKS),
        };
        let end = end.unwrap_or(text.len());
        (text[..end].trim_end().into(), self.after(&text[end..]).flatten())
    }

    fn quoted(self, inside: &str) -> Option<(Cow<'_, str>, Option<&str>)> {
        let mut end = inside.find('"')?;
        while inside[end + 1..].starts_with('"') {
            end += 2 + inside[end + 2..].find('"')?;
        }
        let content = inside[..end].trim();
        let field = if content.contains("\"\"") { content.replace("\"\"", "\"").into() } else { content.into() };
        Some((field, self.after(&inside[end + 1..])?))
    }

    /// What follows a field: the next ones, or the line's end; `None` where there is something else.
    fn after(self, text: &str) -> Option<Option<&str>> {
        match self {
            // Not the blanks at the line's end: it is asked after each field.
            _ if self != Separator::Char('\t') && text.trim_start().is_empty() => Some(None),
            Separator::Char(c) => {
                let next = text.trim_start_matches(|b: char| b.is_whitespace() && b != c);
                if next.is_empty() { Some(None) } else { next.strip_prefix(c).map(Some) }
            }
            Separator::Blanks => text.starts_with(BLANKS).then_some(Some(text)),
        }
    }

    /// What parts all `lines` into equally many fields, more than one; of several, what makes most of them numbers. The first
    /// line may have one field less (R). Blanks separate numbers, not words.
    pub(super) fn of(lines: &[&str], of_numbers: bool) -> Self {
        let blanks = of_numbers.then_some(Separator::Blanks);
        let fitting = CHARACTERS.into_iter().chain(blanks).filter_map(|s| Some((s, s.fit(lines)?)));
        let best = fitting.fold(None, |best: Option<(Separator, f64)>, (s, fit)| match best {
            Some((_, before)) if before >= fit => best,
            _ => Some((s, fit)),
        });
        best.map_or_else(|| Self::of_uneven(lines, of_numbers), |(separator, _)| separator)
    }

    /// How large a part of the fields below the first line are numbers or missing; `None` where lines are uneven.
    fn fit(self, lines: &[&str]) -> Option<f64> {
        let (first, rest) = lines.split_first()?;
        let first = self.split(first)?;
        if let Separator::Char(c) = self
            && !lines.iter().any(|line| line.contains(c))
        {
            return None;
        }
        let expected = rest.first().map_or(Some(first.len()), |line| Some(self.split(line)?.len()))?;
        if expected < 2 || !matches!(expected.checked_sub(first.len()), Some(0 | 1)) {
            return None;
        }
        let (mut n_numbers, mut n) = (0, 0);
        let mut count = |fields: &[Cow<str>]| {
            n += fields.len();
            n_numbers += fields.iter().filter(|field| !matches!(Cell::of(field), Cell::Word | Cell::Dressed)).count();
        };
        if rest.is_empty() {
            count(&first);
        }
        for line in rest {
            let fields = self.split(line).filter(|fields| fields.len() == expected)?;
            count(&fields);
        }
        // Behind all that part the first line evenly too.
        let short = if first.len() < expected { 1.0 } else { 0.0 };
        Some(n_numbers as f64 / n as f64 - short)
    }

    /// Of lines that are one column, or are to be refused: what the first line has; blanks where most lines have them.
    fn of_uneven(lines: &[&str], of_numbers: bool) -> Self {
        let first = lines.first().copied().unwrap_or_default();
        let held = CHARACTERS.into_iter().find(|s| matches!(s, Separator::Char(c) if first.contains(*c)));
        let parted = lines.iter().skip(1).filter(|line| line.trim().contains(BLANKS)).count();
        match held {
            Some(separator) => separator,
            None if of_numbers && parted * 2 > lines.len() => Separator::Blanks,
            None => Separator::Char(','),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_parted_by_what_makes_them_numbers() {
        let (semicolon, tab, comma) = (Separator::Char(';'), Separator::Char('\t'), Separator::Char(','));
        for (lines, separator) in [
            (&["a,b", "1,2"][..], comma),
            (&["1,5;2,5", "3,5;4"], semicolon),
            (&["1,5 2,5", "3,5 4,5"], Separator::Blanks),
            (&["1, 2", "3, 4"], comma),
            (&["1\t2\t3", "1\t\t3"], tab),
            (&["1\t2\t3", "1\t2\t\t3"], Separator::Blanks),
            (&["\"height; cm\",b", "1,2"], comma),
            (&["1,2,a;b", "3,4,c"], comma),
            (&["sepal length", "1", "2"], comma),
            (&["a b", "r1 1 2", "r2 3 4"], Separator::Blanks),
            (&["1 2 3", "4 5", "6 7"], Separator::Blanks),
            (&["1|2", "3|4"], Separator::Char('|')),
        ] {
            assert_eq!(Separator::of(lines, true), separator, "{lines:?}");
        }
        assert_eq!(Separator::of(&["eye colour", "dark brown"], false), comma);
    }

    #[test]
    fn fields_lose_blanks_and_quotes() {
        let split = |s: Separator, line: &str| s.split(line).map(|fields| fields.join("|"));
        let (comma, tab) = (Separator::Char(','), Separator::Char('\t'));
        for (separator, line, fields) in [
            (comma, "1, 2 ,,", Some("1|2||")),
            (comma, r#""x, y" , "say ""no""",a"b"#, Some(r#"x, y|say "no"|a"b"#)),
            (comma, r#""",1"#, Some("|1")),
            (comma, r#""open,1"#, None),
            (comma, r#""a"b,1"#, None),
            (comma, r#"""""""#, None),
            (comma, r#""""""#, Some("\"")),
            (tab, "\t 1\t\t", Some("|1||")),
            (tab, "\"a\"\t\"b\"\t", Some("a|b|")),
            (Separator::Blanks, "  1 \t 2  ", Some("1|2")),
            (Separator::Blanks, r#""new york"  1"#, Some("new york|1")),
            (Separator::Blanks, r#""a"1"#, None),
        ] {
            assert_eq!(split(separator, line).as_deref(), fields, "{line}");
        }
    }
}
