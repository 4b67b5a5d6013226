//! Bytes of a table become text: UTF-8 with or without a byte order mark, UTF-16 with one; of a table of numbers also Windows-1252.

use std::path::Path;

use crate::error::{DataError, Result};
use crate::format::source::Source;

/// Reads a file, plain or gzipped: its name and its text.
///
/// Errors: more than `limit_bytes`; no text.
pub(super) fn read(path: &Path, limit_bytes: u64) -> Result<(String, String)> {
    let (origin, bytes) = bytes_of(path, limit_bytes)?;
    let text = decode(&origin, bytes)?;
    checked(origin, text)
}

/// The same of a table of numbers, whose words are but names: text that is not UTF-8 is taken for Windows-1252, as spreadsheets save it
/// on Windows, if each of its bytes is a character there. The third says so.
pub(super) fn read_numbers(path: &Path, limit_bytes: u64) -> Result<(String, String, Option<String>)> {
    let (origin, bytes) = bytes_of(path, limit_bytes)?;
    let is_marked = matches!(bytes.as_slice(), [0xff, 0xfe, ..] | [0xfe, 0xff, ..]);
    let western = if is_marked || std::str::from_utf8(&bytes).is_ok() { None } else { windows_1252(&bytes) };
    let note =
        western.is_some().then(|| "it is not UTF-8 and is read as Windows-1252; if a name looks wrong, save it as UTF-8".into());
    let text = match western {
        Some(text) => text,
        None => decode(&origin, bytes)?,
    };
    checked(origin, text).map(|(origin, text)| (origin, text, note))
}

fn bytes_of(path: &Path, limit_bytes: u64) -> Result<(String, Vec<u8>)> {
    let source = Source::file(path, limit_bytes)?;
    Ok((source.name().to_owned(), source.all("a table")?))
}

fn checked(origin: String, text: String) -> Result<(String, String)> {
    match no_table(&text) {
        None => Ok((origin, text)),
        Some(found) => Err(DataError::format(origin, "a table", found)),
    }
}

/// What a text is that is often saved under the name of a table.
fn no_table(text: &str) -> Option<&'static str> {
    let begins = |with: &str| text.trim_start().get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
    if begins("<!doctype") || begins("<html") || begins("<?xml") {
        return Some("a web page: download the file that the page leads to");
    }
    begins("version https://git-lfs").then_some("a pointer of Git LFS: get the file itself with `git lfs pull`")
}

/// Errors: neither UTF-8 nor marked UTF-16; zero bytes, which no text has.
pub(in crate::format) fn decode(origin: &str, bytes: Vec<u8>) -> Result<String> {
    let text = match bytes.as_slice() {
        [0xff, 0xfe, rest @ ..] => utf16(origin, rest, u16::from_le_bytes)?,
        [0xfe, 0xff, rest @ ..] => utf16(origin, rest, u16::from_be_bytes)?,
        _ => utf8(origin, bytes)?,
    };
    match text.find('\0') {
        None => Ok(text),
        Some(at) => {
            let line = 1 + text[..at].matches('\n').count();
            let found = format!("a zero byte on line {line}: UTF-16 without a byte order mark, or no text; save it as UTF-8");
            Err(DataError::format(origin, "text", found))
        }
    }
}

/// The characters 0x80 to 0x9f of Windows-1252, where all others are those of Unicode. Source: unicode.org, CP1252.TXT.
const WESTERN: &str = "€\0‚ƒ„…†‡ˆ‰Š‹Œ\0Ž\0\0‘’“”•–—˜™š›œ\0žŸ";

/// None if a byte is no character of a text in Windows-1252.
fn windows_1252(bytes: &[u8]) -> Option<String> {
    let character = |&b: &u8| match b {
        b'\t' | b'\n' | b'\r' | 0x20..=0x7e | 0xa0.. => Some(char::from(b)),
        0x80..=0x9f => WESTERN.chars().nth(usize::from(b) - 0x80).filter(|&c| c != '\0'),
        _ => None,
    };
    bytes.iter().map(character).collect()
}

fn utf8(origin: &str, bytes: Vec<u8>) -> Result<String> {
    let mut text = String::from_utf8(bytes).map_err(|e| {
        let line = 1 + e.as_bytes()[..e.utf8_error().valid_up_to()].iter().filter(|&&b| b == b'\n').count();
        DataError::NotText { origin: origin.to_owned(), line }
    })?;
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}

fn utf16(origin: &str, bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String> {
    let (pairs, odd) = bytes.as_chunks::<2>();
    let mut text = String::new();
    for decoded in char::decode_utf16(pairs.iter().map(|&pair| unit(pair))) {
        match decoded {
            Ok(c) => text.push(c),
            Err(_) => {
                let found = format!("half a character on line {}; save it as UTF-8", 1 + text.matches('\n').count());
                return Err(DataError::format(origin, "UTF-16, as its byte order mark says", found));
            }
        }
    }
    match odd {
        [] => Ok(text),
        _ => {
            let found = format!("{} bytes: it is truncated, or not text", bytes.len() + 2);
            Err(DataError::format(origin, "UTF-16, an even number of bytes", found))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_1252_is_known_by_its_characters() {
        assert_eq!(windows_1252(b"Gr\xf6\xdfe;\x80\x9f\xa0\xff\r\n").as_deref(), Some("Größe;€Ÿ\u{a0}ÿ\r\n"));
        assert_eq!(WESTERN.chars().count(), 32);
        for none in [b"a\x81", b"a\x00", b"a\x07", b"a\x7f"] {
            assert_eq!(windows_1252(none), None);
        }
    }
}
