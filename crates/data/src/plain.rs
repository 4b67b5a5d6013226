//! What files and names hold, as a message or a terminal may have it.

use std::borrow::Cow;

/// The longest message, in bytes. Of longer ones what is quoted is cut, and then the middle.
const MOST_OF_MESSAGE: usize = 3000;
/// The longest word or quotation of one that is cut: no path that anyone has is longer.
const MOST_OF_WORD: usize = 1000;

/// Without control characters, which would change a terminal's colours, move its cursor or worse: they are written as in Rust,
/// `\u{1b}`. Ends of lines and tabs stay.
pub fn plain(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| !c.is_control() || matches!(c, '\n' | '\t');
    if text.chars().all(is_plain) {
        return text.into();
    }
    let add = |mut all: String, c: char| {
        match is_plain(c) {
            true => all.push(c),
            false => all.extend(c.escape_default()),
        }
        all
    };
    text.chars().fold(String::with_capacity(text.len()), add).into()
}

/// The same, cut to what a person may read: of a file that is damaged, a line or a name may be endless.
pub fn plain_message(text: &str) -> Cow<'_, str> {
    let text = plain(text);
    if text.len() <= MOST_OF_MESSAGE {
        return text;
    }
    let quotations: Vec<Cow<str>> = text
        .split('`')
        .enumerate()
        .map(|(n, part)| if n % 2 == 1 { cut(part, MOST_OF_WORD, [200, 50]) } else { part.into() })
        .collect();
    let words: Vec<String> =
        quotations.join("`").split(' ').map(|word| cut(word, MOST_OF_WORD, [200, 50]).into_owned()).collect();
    cut(&words.join(" "), MOST_OF_MESSAGE, [1800, 900]).into_owned().into()
}

/// What is longer than `most` without its middle: with so many bytes of its beginning and its end.
fn cut(text: &str, most: usize, [first, last]: [usize; 2]) -> Cow<'_, str> {
    if text.len() <= most {
        return text.into();
    }
    format!("{}…{}", &text[..text.floor_char_boundary(first)], &text[text.ceil_char_boundary(text.len() - last)..]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_written_out() {
        assert!(matches!(plain("a\tb\nc é"), Cow::Borrowed("a\tb\nc é")));
        assert_eq!(plain("a\x1b[2Jb\r\0"), r"a\u{1b}[2Jb\r\u{0}");
    }

    #[test]
    fn what_is_endless_is_cut() {
        let path = format!("/{}", "d/".repeat(400));
        assert_eq!(plain_message(&format!("{path}: no such file")), format!("{path}: no such file"));
        let quoted = format!("{path}: expected 1, found `{}é`: write 1.5", "x = [".repeat(50_000));
        let message = plain_message(&quoted);
        assert!(message.starts_with(&format!("{path}: expected 1, found `x = [x = [")), "{message}");
        assert!(message.ends_with("x = [é`: write 1.5") && message.len() < 1200, "{message}");
        let bare = format!("a.csv: {}: remove it", "é".repeat(50_000));
        assert!(plain_message(&bare).ends_with("é: remove it") && plain_message(&bare).len() < 400);
        let words = format!("a.csv: {}: remove it", "é \x1b".repeat(50_000));
        let message = plain_message(&words);
        assert!(message.starts_with("a.csv: é") && message.ends_with(": remove it") && message.len() <= MOST_OF_MESSAGE);
    }
}
