//! Printing that survives a closed pipe: `calotype models | head -1` is no failure.

use std::io::{ErrorKind, Write, stderr, stdout};
use std::path::Path;

use anyhow::{Context, Result};

use crate::fault::WrongUse;

/// Text to standard output, with a line end.
///
/// # Errors
/// What the system says; a reader that has gone is none.
pub fn print(text: &str) -> Result<()> {
    let mut out = stdout().lock();
    match writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(e).context("standard output"),
        _ => Ok(()),
    }
}

/// That a file which is written at the end of long work has a folder to be written to.
///
/// # Errors
/// It has none.
pub fn has_folder(flag: &str, path: Option<&Path>) -> Result<()> {
    let folder = path.and_then(Path::parent).filter(|f| !f.as_os_str().is_empty() && !f.is_dir());
    match (path, folder) {
        (Some(path), Some(folder)) => {
            Err(WrongUse(format!("{flag} {}: there is no folder {}", path.display(), folder.display())).into())
        }
        _ => Ok(()),
    }
}

/// A line to standard error, for the person. That nobody reads it is no reason to stop.
pub fn note(text: &str) {
    let _ = writeln!(stderr(), "{text}");
}

/// Bytes as a person reads them: `1.5 MB`, powers of ten.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = n as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = if unit == 0 || value >= 99.95 { 0 } else { 1 };
    format!("{value:.digits$} {}", UNITS[unit])
}

/// 12345678 as `12,345,678`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|c| std::str::from_utf8(c).ok()).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            [0, 999, 1_000, 1_549_999, 999_960_000, 68_000_000_000].map(bytes),
            ["0 B", "999 B", "1.0 kB", "1.5 MB", "1.0 GB", "68.0 GB"]
        );
        assert_eq!([0, 999, 1_000, 12_345_678].map(grouped), ["0", "999", "1,000", "12,345,678"]);
    }
}
