//! Printing that survives a closed pipe: `calotype models | head -1` is no failure.

use std::fs;
use std::io::{ErrorKind, Write, stderr, stdout};
use std::path::{Path, PathBuf};

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

/// Before any work: whether a file can be written.
///
/// # Errors
/// It cannot.
pub fn writable(out: &Path) -> Result<()> {
    let temporary = temporary(out);
    fs::File::create(&temporary).with_context(|| format!("{} cannot be written", out.display()))?;
    fs::remove_file(&temporary).with_context(|| temporary.display().to_string())
}

/// Writes a file in one go: `write` gets the path of another one beside it, which is renamed when it is whole.
///
/// # Errors
/// What `write` or the system says; nothing is left behind then.
pub fn replace<E: Into<anyhow::Error>>(out: &Path, write: impl FnOnce(&Path) -> Result<(), E>) -> Result<()> {
    let temporary = temporary(out);
    let written = write(&temporary).map_err(Into::into).and_then(|()| Ok(fs::rename(&temporary, out)?));
    written.map_err(|e| {
        // What is half there helps nobody; if it cannot be removed either, the error is told all the same.
        let _ = fs::remove_file(&temporary);
        e.context(format!("{} cannot be written", out.display()))
    })
}

fn temporary(out: &Path) -> PathBuf {
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    out.with_file_name(name)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            [0, 999, 1_000, 1_549_999, 999_960_000, 68_000_000_000].map(bytes),
            ["0 B", "999 B", "1.0 kB", "1.5 MB", "1.0 GB", "68.0 GB"]
        );
    }
}
