//! Whether a file whose name does not say so is a table of numbers.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::cell::Cell;
use super::lines::Table;
use super::separator::Separator;
use super::text;

/// So much of a file is looked at.
const HEAD_BYTES: u64 = 1 << 16;

/// Whether the beginning of a file, plain or gzipped, is text of lines with equally many fields, and a number on every line but
/// the first; between blanks, nothing but numbers. A page of the web, prose and programs are not. What cannot be read is none.
pub(in crate::format) fn is_table(path: &Path) -> bool {
    head(path).is_some_and(|bytes| is_table_text(&bytes))
}

/// The fields of the first `n` records at the beginning of a table of words; fewer where it has fewer, or where they cannot be read.
pub(in crate::format) fn first_records(path: &Path, n: usize) -> Vec<Vec<String>> {
    let Some(bytes) = head(path) else { return vec![] };
    let text = whole_lines(&bytes).unwrap_or_else(|| String::from_utf8_lossy(&bytes).into_owned());
    let table = Table::new(String::new(), text, false);
    let lines = table.records().take(n).map_while(|line| line.ok());
    lines.map(|line| line.fields.into_iter().map(Cow::into_owned).collect()).collect()
}

fn head(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = BufReader::new(File::open(path).ok()?);
    file.take(HEAD_BYTES).read_to_end(&mut bytes).ok()?;
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Some(bytes);
    }
    let mut unpacked = Vec::new();
    let file = BufReader::new(File::open(path).ok()?);
    MultiGzDecoder::new(file).take(HEAD_BYTES).read_to_end(&mut unpacked).ok()?;
    Some(unpacked)
}

fn is_table_text(bytes: &[u8]) -> bool {
    let Some(text) = whole_lines(bytes) else { return false };
    let table = Table::new(String::new(), text, true);
    let mut rows = table.rows(None);
    let Some(Ok(first)) = rows.next() else { return false };
    let only_numbers = table.separator() == Separator::Blanks;
    let fits = |fields: &[Cow<str>]| {
        let mut cells = fields.iter().map(|field| Cell::of(field));
        match only_numbers {
            true => cells.all(|cell| cell != Cell::Word),
            false => cells.any(|cell| cell.number().is_some()),
        }
    };
    let (mut n_rows, mut n_fields) = (0, None);
    for row in rows {
        let Ok(row) = row else { return false };
        if *n_fields.get_or_insert(row.fields.len()) != row.fields.len() || !fits(&row.fields) {
            return false;
        }
        n_rows += 1;
    }
    n_fields.is_some_and(|n| n_rows > 0 && (n == first.fields.len() || n == first.fields.len() + 1))
}

/// Text without what was cut off at the end.
fn whole_lines(bytes: &[u8]) -> Option<String> {
    let cut = bytes.len() as u64 == HEAD_BYTES;
    let bytes = match bytes.iter().rposition(|&b| b == b'\n') {
        Some(end) if cut && !bytes.starts_with(&[0xff, 0xfe]) && !bytes.starts_with(&[0xfe, 0xff]) => &bytes[..end],
        _ => bytes,
    };
    text::decode("", bytes.to_vec()).ok()
}
