//! The order of names that people expect: `2` before `10`, `img9` before `img10`.

use std::cmp::Ordering;

/// Compares runs of digits by the numbers that they are, all else by its characters; equal numbers (`01`, `1`) as words.
pub(crate) fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let (digits_left, digits_right) = (digits(left), digits(right));
        let order = match (digits_left.len(), digits_right.len()) {
            (1.., 1..) => by_number(digits_left, digits_right),
            _ => left.chars().next().cmp(&right.chars().next()),
        };
        if order != Ordering::Equal {
            return order;
        }
        if left.is_empty() {
            return a.cmp(b);
        }
        let step = |rest: &str, digits: &str| match digits.len() {
            0 => rest.chars().next().map_or(0, char::len_utf8),
            n => n,
        };
        left = &left[step(left, digits_left)..];
        right = &right[step(right, digits_right)..];
    }
}

/// The digits that a text begins with.
fn digits(text: &str) -> &str {
    &text[..text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len())]
}

/// Digits of any length as numbers.
fn by_number(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_sort_as_numbers() {
        let mut names = ["10", "b", "2", "a10b", "1", "01", "a9", "", "a10", "é", "123456789012345678901", "a"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["", "01", "1", "2", "10", "123456789012345678901", "a", "a9", "a10", "a10b", "b", "é"]);
    }
}
