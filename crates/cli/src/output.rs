//! Output to files and to standard output. A closed pipe is no failure: `calotype models | head -1` succeeds.

use std::fmt::Display;
use std::fs;
use std::io::{ErrorKind, Write, stderr, stdout};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use calotype_data::{plain, plain_message};

pub use calotype_training::typed;
use calotype_training::{grouped, temporary_of};
use clap::Args;
use serde::Serialize;

use crate::fault::WrongUse;

/// How a command answers that has a table: with the table, or with JSON. Both are of one value.
#[derive(Clone, Copy, Debug, Args)]
pub struct Form {
    /// Prints the figures of the table as JSON, and nothing else on standard output
    #[arg(long)]
    json: bool,
}

impl Form {
    /// All of an answer.
    ///
    /// # Errors
    /// As of [`print`].
    pub fn answer(self, value: &(impl Display + Serialize)) -> Result<()> {
        self.part(value)?;
        self.whole(value)
    }

    /// A part of a table that takes long, as soon as it is there. JSON waits for [`Form::whole`].
    ///
    /// # Errors
    /// As of [`print`].
    pub fn part(self, part: &impl Display) -> Result<()> {
        if self.json { Ok(()) } else { print(&part.to_string()) }
    }

    /// The JSON of what a table has shown part by part.
    ///
    /// # Errors
    /// As of [`print`].
    pub fn whole(self, value: &impl Serialize) -> Result<()> {
        if self.json { print(&serde_json::to_string_pretty(value)?) } else { Ok(()) }
    }

    /// The path of a file that was written, behind the table; beside JSON it is a note.
    ///
    /// # Errors
    /// As of [`print`].
    pub fn file(self, path: &Path) -> Result<()> {
        let path = path.display().to_string();
        if self.json {
            note(&path)
        } else {
            print(&path)?
        }
        Ok(())
    }
}

/// Text to standard output, with a line end.
///
/// # Errors
/// What the system says; a reader that has gone is none.
pub fn print(text: &str) -> Result<()> {
    let mut out = stdout().lock();
    match writeln!(out, "{}", plain(text.trim_end())).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(e).context("standard output"),
        _ => Ok(()),
    }
}

/// Checks that the folder of an output file exists, before any work.
///
/// # Errors
/// It has none.
pub fn has_folder(flag: &str, path: Option<&Path>) -> Result<()> {
    let folder = path.and_then(Path::parent).filter(|f| !f.as_os_str().is_empty() && !f.is_dir());
    match (path, folder) {
        (Some(path), Some(folder)) => Err(WrongUse(format!(
            "{flag} {}: there is no folder {}; create it or choose another path",
            path.display(),
            folder.display()
        ))
        .into()),
        _ => Ok(()),
    }
}

/// Checks the ending of an output file's name; a device or a pipe needs none.
///
/// # Errors
/// It ends otherwise.
pub fn ending(flag: &str, path: &Path, wanted: &str) -> Result<()> {
    one_of_endings(flag, path, &[wanted]).map(|_| ())
}

/// As [`ending`], of several; says which it has. A device or a pipe counts as the first.
///
/// # Errors
/// It ends otherwise.
pub fn one_of_endings<'a>(flag: &str, path: &Path, wanted: &[&'a str]) -> Result<&'a str> {
    let has = |wanted: &&&str| path.extension().is_some_and(|e| e.eq_ignore_ascii_case(wanted));
    let special = || wanted.first().filter(|_| matches!(Target::of(path), Target::Special));
    wanted.iter().find(has).or_else(special).copied().ok_or_else(|| {
        let names = wanted.iter().map(|ending| format!(".{ending}")).collect::<Vec<_>>().join(" or ");
        WrongUse(format!("{flag} {}: expected a file name that ends in {names}", path.display())).into()
    })
}

/// Checks that a file can be written, before any work.
///
/// # Errors
/// It cannot.
pub fn writable(out: &Path) -> Result<()> {
    let Target::File(out) = Target::of(out) else { return Ok(()) };
    let temporary = temporary_of(&out);
    fs::File::create(&temporary).with_context(|| format!("{} cannot be written", out.display()))?;
    fs::remove_file(&temporary).with_context(|| temporary.display().to_string())
}

/// Where a path leads.
enum Target {
    /// To a file, which need not be there; links are followed.
    File(PathBuf),
    /// To a device or a pipe, which is written to as it is.
    Special,
}

impl Target {
    fn of(out: &Path) -> Target {
        match fs::metadata(out) {
            Ok(m) if !m.is_file() && !m.is_dir() => Target::Special,
            Ok(_) => Target::File(out.canonicalize().unwrap_or_else(|_| out.to_owned())),
            Err(_) => Target::File(out.to_owned()),
        }
    }
}

/// Writes a file in one go, as [`calotype_training::replace`]. Where `out` is a link, what it leads to is replaced; a device or a
/// pipe is written to directly.
///
/// # Errors
/// What `write` or the system says; nothing is left behind then.
pub fn replace<E: Into<anyhow::Error>>(out: &Path, write: impl FnOnce(&Path) -> Result<(), E>) -> Result<()> {
    let write = |path: &Path| write(path).map_err(Into::into);
    let written = match Target::of(out) {
        Target::File(file) => calotype_training::replace(&file, write),
        Target::Special => write(out),
    };
    written.with_context(|| format!("{} cannot be written", out.display()))
}

/// [`replace`] with text.
///
/// # Errors
/// As there.
pub fn replace_text(out: &Path, text: &str) -> Result<()> {
    replace(out, |file| fs::write(file, text))
}

/// A line to standard error, for the user. A closed standard error is no failure.
pub fn note(text: &str) {
    let _ = writeln!(stderr(), "{}", plain_message(text));
}

/// `1 row`, `12,345 rows`.
pub fn counted(n: u64, what: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {what}{plural}", grouped(n))
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
    #[cfg(unix)]
    fn links_stay_and_lead_to_what_was_written() {
        let dir = tempfile::tempdir().expect("a folder");
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        fs::write(&file, "before").expect("it is written");
        std::os::unix::fs::symlink(&file, &link).expect("a link");
        replace_text(&link, "after").expect("it is written");
        assert!(fs::symlink_metadata(&link).expect("it is there").is_symlink());
        assert_eq!(fs::read_to_string(&file).expect("it is there"), "after");
        assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 2, "nothing else is left");
        // Not /dev/null itself: were it replaced, the machine would miss it.
        let device = dir.path().join("null");
        std::os::unix::fs::symlink("/dev/null", &device).expect("a link");
        assert!(matches!(Target::of(&device), Target::Special));
        assert!(matches!(Target::of(&dir.path().join("new")), Target::File(_)));
    }

    #[test]
    fn amounts_have_their_plural() {
        assert_eq!([counted(1, "row"), counted(1_200, "row")], ["1 row", "1,200 rows"]);
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            [0, 999, 1_000, 1_549_999, 999_960_000, 68_000_000_000].map(bytes),
            ["0 B", "999 B", "1.0 kB", "1.5 MB", "1.0 GB", "68.0 GB"]
        );
    }
}
