//! Atomic replacement of files: a file is never half written.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Result, TrainingError};

/// Extension of files that are being written.
pub(crate) const TEMPORARY: &str = "tmp";

/// Replaces a file in one go: `write` gets the path of another one beside it, which is synced and renamed when it is whole; then
/// the folder is synced. At any instant the file is either as before or whole.
///
/// # Errors
/// What `write` or the system says; the file is then as before, and nothing is left beside it.
pub fn replace<E: From<io::Error>>(path: &Path, write: impl FnOnce(&Path) -> Result<(), E>) -> Result<(), E> {
    let temporary = temporary_of(path);
    let put = || {
        write(&temporary)?;
        // Windows syncs only what may be written.
        File::options().write(true).open(&temporary)?.sync_all()?;
        fs::rename(&temporary, path)?;
        Ok(sync_folder(path)?)
    };
    // What is half there helps nobody; if it cannot be removed either, the error is told all the same.
    put().inspect_err(|_| drop(fs::remove_file(&temporary)))
}

/// [`replace`] with bytes.
///
/// # Errors
/// What the system says.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    replace(path, |temporary| fs::write(temporary, bytes)).map_err(TrainingError::io(path))
}

/// `FILE.tmp` beside a file: what [`replace`] writes to.
pub fn temporary_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(TEMPORARY);
    path.with_file_name(name)
}

/// Makes a rename durable; on Windows a folder cannot be opened, and renames are.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_replacement_leaves_what_was_there() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("file");
        write_atomically(&path, b"one").expect("it is written");
        // A folder in the temporary file's place makes the writing fail.
        fs::create_dir(temporary_of(&path)).expect("a folder");
        let e = write_atomically(&path, b"two").expect_err("it cannot be written");
        assert!(matches!(e, TrainingError::Io { .. }));
        assert_eq!(fs::read(&path).expect("it is there"), b"one");
    }

    #[test]
    fn half_a_file_is_removed() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("file");
        let half = |file: &Path| fs::write(file, "ha").and_then(|()| Err(io::Error::other("no more")));
        assert_eq!(replace(&path, half).expect_err("it fails").to_string(), "no more");
        assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 0);
    }
}
