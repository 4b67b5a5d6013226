//! The runs of a folder.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::error::{Result, TrainingError};
use crate::folder::RunFolder;
use crate::pace::Pace;
use crate::report::{RunRow, runs_page, runs_rows};

use super::follow::Pulse;
use super::http::encoded;

/// A run that trains is read anew so often at most; how far it is, is known from less.
const READ_EVERY: Duration = Duration::from_secs(5);

/// A folder of runs, or one of them.
pub(super) struct Runs {
    folder: PathBuf,
    /// The only one that is shown.
    only: Option<String>,
    known: Mutex<HashMap<String, Known>>,
}

/// What was read of a run.
struct Known {
    row: Option<RunRow>,
    /// When its files were written that the row is made of.
    written: [Option<(SystemTime, u64)>; 2],
    /// When it is read anew while the run trains.
    pace: Pace,
    pulse: Pulse,
}

impl Runs {
    /// Of a run folder, or of a folder of runs, which may be empty.
    ///
    /// # Errors
    /// There is no such folder.
    pub fn open(path: &Path) -> Result<Self> {
        let path = path.canonicalize().map_err(TrainingError::io(path))?;
        if !path.is_dir() {
            return Err(TrainingError::NoRun { path });
        }
        let known = Mutex::default();
        match (holds_run(&path), path.parent(), path.file_name().and_then(|name| name.to_str())) {
            (true, Some(parent), Some(name)) => Ok(Runs { folder: parent.to_owned(), only: Some(name.to_owned()), known }),
            (true, ..) => Err(TrainingError::Report(format!("{}: the name of a run folder must be text", path.display()))),
            (false, ..) => Ok(Runs { folder: path, only: None, known }),
        }
    }

    pub fn only(&self) -> Option<&str> {
        self.only.as_deref()
    }

    /// A run by its name: a folder in this one, itself and no link.
    pub fn find(&self, name: &str) -> Option<RunFolder> {
        if self.only.as_ref().is_some_and(|only| only != name) {
            return None;
        }
        let path = self.folder.join(name);
        let is_folder = fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_dir());
        (is_file_name(name) && is_folder && holds_run(&path)).then(|| RunFolder::at(&path))
    }

    /// The names of all, in order.
    fn names(&self) -> Vec<String> {
        let entries =
            fs::read_dir(&self.folder).into_iter().flatten().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> = entries.filter(|name| self.find(name).is_some()).collect();
        names.sort();
        names
    }

    fn rows(&self) -> Vec<RunRow> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let names = self.names();
        known.retain(|name, _| names.contains(name));
        names.iter().filter_map(|name| self.row(name, &mut known)).collect()
    }

    fn row(&self, name: &str, known: &mut HashMap<String, Known>) -> Option<RunRow> {
        let folder = self.find(name)?;
        let stamp = |path: PathBuf| fs::metadata(path).ok().and_then(|meta| Some((meta.modified().ok()?, meta.len())));
        let written = [stamp(folder.metrics()), stamp(folder.config_path())];
        let read = || RunRow::of(&folder, format!("run/{}/", encoded(name))).ok();
        let known = known.entry(name.to_owned()).or_insert_with(|| {
            let mut pace = Pace::of(READ_EVERY);
            Known { row: pace.done(read), written, pace, pulse: Pulse::default() }
        });
        let status = known.pulse.feel(&folder);
        if known.written != written && (status.is_none() || known.pace.is_due()) {
            (known.row, known.written) = (known.pace.done(read), written);
        }
        let row = known.row.clone()?;
        Some(match status {
            Some(status) => row.live(&status),
            None => row,
        })
    }

    /// Their table, as a page.
    ///
    /// # Errors
    /// None that could be helped.
    pub fn page(&self) -> Result<String> {
        runs_page(&self.folder.file_name().unwrap_or_default().to_string_lossy(), &self.rows())
    }

    /// Its rows alone.
    ///
    /// # Errors
    /// None that could be helped.
    pub fn rows_html(&self) -> Result<String> {
        runs_rows(&self.rows())
    }
}

/// Whether a text names a file of a folder, and leads nowhere else.
pub(super) fn is_file_name(name: &str) -> bool {
    Path::new(name).file_name().is_some_and(|file| file == name) && !name.contains(['/', '\\', ':'])
}

/// Whether a folder holds a run, whole or damaged.
fn holds_run(path: &Path) -> bool {
    path.join("run.toml").is_file() || path.join("metrics.jsonl").is_file()
}
