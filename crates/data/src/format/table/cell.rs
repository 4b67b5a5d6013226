//! What a field of a table is: a number, a missing value, a word.

/// A field, as it is read where nothing is known of its column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cell {
    /// A finite number; `point` where it has a decimal point.
    Number {
        value: f64,
        point: bool,
    },
    /// A finite number with a comma where the point would be.
    Comma(f64),
    /// A number that is dressed for people: `1.234,5`, `1,234,567`, `1 234`, `5 %`, `$1,234.50`.
    Dressed,
    /// Infinite, or too large for f64.
    Infinite,
    /// A missing value.
    Missing,
    /// A missing value among numbers, a word among words: `none`, `-`, `.`.
    Weak,
    Word,
}

const MISSING: [&str; 12] = ["", "?", "NA", "N/A", "n/a", "#N/A", "#NA", "<NA>", "NULL", "null", "NaN", "NaT"];
const WEAK: [&str; 8] = ["none", "na", "n/a", "null", "nat", "-", "--", "."];
/// What a spreadsheet writes where it cannot calculate. None of them begins a comment.
const SPREADSHEET_ERRORS: [&str; 8] = ["#N/A", "#NA", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!"];

impl Cell {
    pub(super) fn of(field: &str) -> Self {
        match field.parse::<f64>() {
            Ok(value) if value.is_nan() => return Cell::Missing,
            Ok(value) if value.is_infinite() => return Cell::Infinite,
            Ok(value) => return Cell::Number { value, point: field.contains('.') },
            Err(_) => {}
        }
        if MISSING.contains(&field) {
            Cell::Missing
        } else if WEAK.iter().any(|weak| field.eq_ignore_ascii_case(weak)) {
            Cell::Weak
        } else if let Some(value) = with_comma(field) {
            Cell::Comma(value)
        } else if is_grouped(field) || has_sign(field) {
            Cell::Dressed
        } else {
            Cell::Word
        }
    }

    /// The number that it is, with a point or a comma.
    pub(super) fn number(self) -> Option<f64> {
        match self {
            Cell::Number { value, .. } | Cell::Comma(value) => Some(value),
            _ => None,
        }
    }
}

/// A number with exactly one comma and no point.
fn with_comma(field: &str) -> Option<f64> {
    let (whole, rest) = field.split_once(',')?;
    let few = field.len() < 64 && !rest.contains(',') && !field.contains('.');
    few.then(|| format!("{whole}.{rest}").parse::<f64>().ok().filter(|v| v.is_finite())).flatten()
}

/// Whether it is one to three digits, then groups of three behind one sort of separator, then perhaps decimals behind another.
fn is_grouped(field: &str) -> bool {
    let digits = field.strip_prefix(['-', '+']).unwrap_or(field);
    let Some(by) = digits.chars().find(|c| !c.is_ascii_digit()).filter(|c| ",.' \u{a0}\u{202f}\u{2019}".contains(*c)) else {
        return false;
    };
    let decimals = if by == '.' { ',' } else { '.' };
    let also = if matches!(by, ',' | '.') { decimals } else { ',' };
    let (whole, rest) = digits.split_once([decimals, also]).unwrap_or((digits, "0"));
    let mut groups = whole.split(by);
    let first = groups.next().is_some_and(|group| (1..=3).contains(&group.len()));
    first && groups.all(|group| group.len() == 3 && all_digits(group)) && all_digits(rest)
}

/// Whether it is a number with a sign of money or of parts around it.
fn has_sign(field: &str) -> bool {
    let bare = field.trim_matches(|c: char| "$€£¥%‰ \u{a0}".contains(c));
    let is_number = || bare.parse::<f64>().is_ok_and(f64::is_finite) || with_comma(bare).is_some() || is_grouped(bare);
    bare.len() < field.len() && is_number()
}

/// Whether a number with one comma could as well have it between thousands: `1,234`, not `0,123` or `12,5`.
pub(super) fn may_be_thousands(field: &str) -> bool {
    let digits = field.strip_prefix(['-', '+']).unwrap_or(field);
    digits.split_once(',').is_some_and(|(whole, rest)| {
        (1..=3).contains(&whole.len()) && all_digits(whole) && !whole.starts_with('0') && rest.len() == 3 && all_digits(rest)
    })
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Whether a line is a comment: it begins with `#`, but not as what a spreadsheet could not calculate.
pub(super) fn is_comment(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with('#') && !SPREADSHEET_ERRORS.iter().any(|error| line.starts_with(error))
}

/// Whether f64 has other digits than were written: more than 17 of them, or a whole number above 2^53.
pub(super) fn loses_digits(field: &str, value: f64) -> bool {
    const LARGEST_SURE: f64 = (1_u64 << 53) as f64;
    // No f64 has more than 767 of them: what follows would be zeros.
    const MOST_DIGITS: usize = 800;
    if field.len() <= 15 || value == 0.0 {
        return false;
    }
    let mantissa = field.split(['e', 'E']).next().unwrap_or_default();
    let is_whole = !field.contains(['.', ',', 'e', 'E']);
    let written: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let written = written.trim_start_matches('0');
    if written.len() <= 17 && !(is_whole && value.abs() >= LARGEST_SURE) {
        return false;
    }
    // What NumPy writes by default has 19 digits, and they are those of an f64.
    let (compared, rest) = written.split_at(written.len().min(MOST_DIGITS));
    let kept: String = format!("{:.*e}", compared.len() - 1, value.abs());
    let kept: String = kept.split('e').next().unwrap_or_default().chars().filter(char::is_ascii_digit).collect();
    kept != compared || rest.contains(|c| c != '0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_numbers_first() {
        let number = |value, point| Cell::Number { value, point };
        for (field, cell) in [
            ("1", number(1.0, false)),
            ("-4.5e1", number(-45.0, true)),
            ("+.5", number(0.5, true)),
            ("1.234", number(1.234, true)),
            ("1e400", Cell::Infinite),
            ("-inf", Cell::Infinite),
            ("nan", Cell::Missing),
            ("", Cell::Missing),
            ("?", Cell::Missing),
            ("NA", Cell::Missing),
            ("None", Cell::Weak),
            ("-", Cell::Weak),
            (".", Cell::Weak),
            ("1,5", Cell::Comma(1.5)),
            ("-1,5e2", Cell::Comma(-150.0)),
            ("1,234", Cell::Comma(1.234)),
            ("1.234,5", Cell::Dressed),
            ("1,234.5", Cell::Dressed),
            ("1.234.567", Cell::Dressed),
            ("-1 234,5", Cell::Dressed),
            ("1'234.5", Cell::Dressed),
            ("5%", Cell::Dressed),
            ("12,5 %", Cell::Dressed),
            ("$1,234.50", Cell::Dressed),
            ("100 x", Cell::Word),
            ("%", Cell::Word),
            ("12.03.2024", Cell::Word),
            ("2024-03-12", Cell::Word),
            ("192.168.1.1", Cell::Word),
            ("1,2,3", Cell::Word),
            (",", Cell::Word),
            ("x", Cell::Word),
            ("true", Cell::Word),
        ] {
            assert_eq!(Cell::of(field), cell, "`{field}`");
        }
        assert!(may_be_thousands("1,234") && may_be_thousands("-999,000"));
        assert!(!may_be_thousands("0,123") && !may_be_thousands("1,23") && !may_be_thousands("1234,567"));
    }

    #[test]
    fn comments_are_not_what_a_spreadsheet_could_not_calculate() {
        assert!(is_comment("# a") && is_comment("  #1,2") && is_comment("#"));
        assert!(!is_comment("#N/A,1") && !is_comment("#DIV/0!,2") && !is_comment("1 # 2"));
    }

    #[test]
    fn digits_that_f64_keeps_are_told_from_those_that_it_does_not() {
        let loses = |field: &str| loses_digits(field, field.replace(',', ".").parse().unwrap());
        for kept in [
            "1700000000.123",
            "1.000000000000000056e-01",
            "9007199254740992",
            "0.1",
            "1.500000000000000000e+00",
            "0e00000000000000000",
        ] {
            assert!(!loses(kept), "{kept}");
        }
        let long = |last: &str| format!("0.5{}{last}", "0".repeat(70_000));
        assert!(!loses(&long("0")) && loses(&long("1")) && loses(&"7".repeat(300)));
        for lost in ["9007199254740993", "12345678901234567891", "0.1234567890123456789", "1,00000000000000000001"] {
            assert!(loses(lost), "{lost}");
        }
    }
}
