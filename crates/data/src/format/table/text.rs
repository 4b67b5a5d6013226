//! Bytes of a table become text: UTF-8 with or without a byte order mark, UTF-16 with one.

use std::path::Path;

use crate::error::{DataError, Result};
use crate::format::source::Source;

/// Reads a file, plain or gzipped: its name and its text.
///
/// Errors: more than `limit_bytes`; no text.
pub(super) fn read(path: &Path, limit_bytes: u64) -> Result<(String, String)> {
    let source = Source::file(path, limit_bytes)?;
    let origin = source.name().to_owned();
    let text = decode(&origin, source.all("a table")?)?;
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
pub(super) fn decode(origin: &str, bytes: Vec<u8>) -> Result<String> {
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
