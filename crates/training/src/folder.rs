//! The run folder: the paths in it, and its lock.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use calotype_models::Model;

use crate::checkpoint::Checkpoint;
use crate::config::RunConfig;
use crate::error::{Result, TrainingError};
use crate::files;
use crate::pictures::Kind;
use crate::replace::TEMPORARY;
pub(crate) use crate::replace::write_atomically;

/// A folder that holds a run, or will.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
}

/// While it lives no other process trains this run. The system releases it when the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl RunFolder {
    /// For what only needs the paths in it.
    pub(crate) fn at(path: &Path) -> Self {
        RunFolder { path: path.to_owned() }
    }
}

impl RunFolder {
    /// Makes a folder for a new run, with `run.toml` in it, and locks it.
    ///
    /// # Errors
    /// It holds a run; it cannot be written; another process trains there.
    pub fn create(path: &Path, config: &RunConfig) -> Result<(Self, Lock)> {
        let text = config.to_toml()?;
        if path.join("run.toml").exists() {
            return Err(TrainingError::HoldsRun { path: path.to_owned() });
        }
        fs::create_dir_all(path).map_err(TrainingError::io(path))?;
        let folder = RunFolder { path: path.to_owned() };
        let lock = folder.lock()?;
        // Again, now that nobody else can be between this and the writing.
        if folder.config_path().exists() {
            return Err(TrainingError::HoldsRun { path: path.to_owned() });
        }
        for sub in [folder.samples(), folder.checkpoints_folder()] {
            fs::create_dir_all(&sub).map_err(TrainingError::io(&sub))?;
        }
        files::save(path, &config.tables, &config.files)?;
        write_atomically(&folder.config_path(), text.as_bytes())?;
        Ok((folder, lock))
    }

    /// A folder that holds a run.
    ///
    /// # Errors
    /// There is no `run.toml` in it, or it cannot be read; a file that its settings name is missing or changed.
    pub fn open(path: &Path) -> Result<(Self, RunConfig)> {
        let folder = RunFolder { path: path.to_owned() };
        if !folder.config_path().is_file() {
            return Err(TrainingError::NoRun { path: path.to_owned() });
        }
        let mut config = RunConfig::read(&folder.config_path())?;
        config.tables = files::load(path, &config.files)?;
        Ok((folder, config))
    }

    /// The model of its run.
    ///
    /// # Errors
    /// As of [`RunConfig::model`], with the file that says so.
    pub fn model(&self, config: &RunConfig) -> Result<Arc<dyn Model>> {
        config.model().map_err(|e| TrainingError::Config { path: self.config_path(), reason: e.to_string() })
    }

    /// `runs/STEM-NNN` with the next free number. It is made, so that two processes never get the same.
    ///
    /// # Errors
    /// `runs` cannot be written.
    pub fn next_free(runs: &Path, stem: &str) -> Result<PathBuf> {
        fs::create_dir_all(runs).map_err(TrainingError::io(runs))?;
        let taken = fs::read_dir(runs).map_err(TrainingError::io(runs))?.filter_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            name.strip_prefix(stem)?.strip_prefix('-')?.parse::<u64>().ok()
        });
        let mut number = taken.max().unwrap_or(0) + 1;
        loop {
            let path = runs.join(format!("{stem}-{number:03}"));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(path),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(e) => return Err(TrainingError::Io { path, source: e }),
            }
        }
    }

    /// # Errors
    /// Another process holds the lock; the lock file cannot be made.
    pub fn lock(&self) -> Result<Lock> {
        let path = self.path.join("lock");
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(TrainingError::io(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(TrainingError::Locked { path: self.path.clone() }),
            Err(TryLockError::Error(e)) => Err(TrainingError::Io { path, source: e }),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn config_path(&self) -> PathBuf {
        self.path.join("run.toml")
    }

    pub fn metrics(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    /// How far a run is, while it trains: [`crate::Status`].
    pub fn status(&self) -> PathBuf {
        self.path.join("status.json")
    }

    /// What is asked of a run that trains: [`crate::Request`].
    pub fn control(&self) -> PathBuf {
        self.path.join("control")
    }

    pub fn report(&self) -> PathBuf {
        self.path.join("report.html")
    }

    /// What `calotype evaluate` found.
    pub fn evaluation(&self) -> PathBuf {
        self.path.join("evaluation.json")
    }

    /// The samples that it found nearest to training rows.
    pub fn nearest(&self) -> PathBuf {
        self.path.join("nearest.png")
    }

    pub fn samples(&self) -> PathBuf {
        self.path.join("samples")
    }

    /// The picture of a kind after `step` steps.
    pub fn picture(&self, kind: Kind, step: u64) -> PathBuf {
        self.samples().join(format!("{}-{step:07}.png", kind.stem))
    }

    /// One column of samples a level, of a model that grows.
    pub fn growth(&self) -> PathBuf {
        self.samples().join("growth.png")
    }

    /// The film of one latent, of a model that makes images of latents.
    pub fn latent(&self) -> PathBuf {
        self.samples().join("latent.gif")
    }

    pub fn checkpoints_folder(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    /// Of the state after `step` steps.
    pub fn checkpoint(&self, step: u64) -> PathBuf {
        self.checkpoints_folder().join(format!("step-{step:07}.safetensors"))
    }

    /// Steps of the checkpoints that are there, good or not, in order.
    ///
    /// # Errors
    /// The folder cannot be read; a folder that is missing holds none.
    pub fn checkpoints(&self) -> Result<Vec<u64>> {
        numbered(&self.checkpoints_folder(), "step", ".safetensors")
    }

    /// Steps of the pictures of a kind that are there, in order.
    ///
    /// # Errors
    /// As [`RunFolder::checkpoints`].
    pub fn picture_steps(&self, kind: Kind) -> Result<Vec<u64>> {
        numbered(&self.samples(), kind.stem, ".png")
    }

    /// Removes all but the newest `keep` checkpoints and those that one of them names as the best so far.
    ///
    /// # Errors
    /// A file that cannot be removed.
    pub fn prune(&self, keep: usize) -> Result<()> {
        let steps = self.checkpoints()?;
        let (old, kept) = steps.split_at(steps.len().saturating_sub(keep));
        let best: Vec<u64> = kept.iter().filter_map(|&step| Checkpoint::peek_best(&self.checkpoint(step))).collect();
        for &step in old.iter().filter(|step| !best.contains(step)) {
            let path = self.checkpoint(step);
            fs::remove_file(&path).map_err(TrainingError::io(&path))?;
        }
        Ok(())
    }

    /// Sets aside checkpoints past `step`, from which a run is continued: they were found to be damaged. They keep their bytes,
    /// under another name, and no longer count. What was set aside before stays.
    ///
    /// # Errors
    /// A file that cannot be renamed.
    pub fn set_aside(&self, step: u64) -> Result<()> {
        for later in self.checkpoints()?.into_iter().filter(|&s| s > step) {
            let path = self.checkpoint(later);
            fs::rename(&path, free_name(&path.with_extension("damaged"))?).map_err(TrainingError::io(&path))?;
        }
        Ok(())
    }

    /// Removes temporary files that a killed process left. Only under the lock.
    ///
    /// # Errors
    /// A file that cannot be removed.
    pub fn sweep(&self) -> Result<()> {
        for folder in [self.path.clone(), self.samples(), self.checkpoints_folder()] {
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            for path in entries.filter_map(|e| Some(e.ok()?.path())).filter(|p| p.extension().is_some_and(|e| e == TEMPORARY)) {
                fs::remove_file(&path).map_err(TrainingError::io(&path))?;
            }
        }
        Ok(())
    }
}

/// The path itself, or with `-2`, `-3`, … behind it: the first that nothing has. Only under the lock.
fn free_name(path: &Path) -> Result<PathBuf> {
    let mut free = path.to_owned();
    let mut n = 1;
    while free.try_exists().map_err(TrainingError::io(&free))? {
        n += 1;
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!("-{n}"));
        free = path.with_file_name(name);
    }
    Ok(free)
}

fn numbered(folder: &Path, stem: &str, suffix: &str) -> Result<Vec<u64>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        Err(e) => return Err(TrainingError::Io { path: folder.to_owned(), source: e }),
    };
    let number = |name: &str| name.strip_prefix(stem)?.strip_prefix('-')?.strip_suffix(suffix)?.parse().ok();
    let mut steps: Vec<u64> = entries.filter_map(|e| number(e.ok()?.file_name().to_str()?)).collect();
    steps.sort_unstable();
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_on_after_the_highest() {
        let dir = tempfile::tempdir().expect("a folder");
        let free = || RunFolder::next_free(dir.path(), "dcgan-digits").expect("a free number");
        assert!(free().ends_with("dcgan-digits-001"));
        fs::create_dir(dir.path().join("dcgan-digits-041")).expect("a folder");
        fs::create_dir(dir.path().join("dcgan-digits-old")).expect("a folder");
        assert!(free().ends_with("dcgan-digits-042"));
    }

    #[test]
    fn a_folder_is_locked_once() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = RunFolder { path: dir.path().to_owned() };
        let lock = folder.lock().expect("it is free");
        assert!(matches!(folder.lock(), Err(TrainingError::Locked { .. })));
        drop(lock);
        folder.lock().expect("it is free again");
    }

    /// A run that is damaged twice at one step, having come there again in between.
    #[test]
    fn what_was_set_aside_stays() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = RunFolder { path: dir.path().to_owned() };
        fs::create_dir(folder.checkpoints_folder()).expect("a folder");
        write_atomically(&folder.checkpoint(5), b"good").expect("it is written");
        for damaged in ["first", "second", "third"] {
            write_atomically(&folder.checkpoint(10), damaged.as_bytes()).expect("it is written");
            folder.set_aside(5).expect("it is set aside");
            assert_eq!(folder.checkpoints().expect("a list"), [5]);
        }
        let kept = ["damaged", "damaged-2", "damaged-3"].map(|e| fs::read(folder.checkpoint(10).with_extension(e)).expect(e));
        assert_eq!(kept, [b"first".as_slice(), b"second", b"third"]);
    }

    #[test]
    fn pruning_keeps_the_newest() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = RunFolder { path: dir.path().to_owned() };
        fs::create_dir(folder.checkpoints_folder()).expect("a folder");
        for step in [5, 10, 200, 1_000_000_000] {
            write_atomically(&folder.checkpoint(step), b"").expect("it is written");
        }
        fs::write(folder.checkpoints_folder().join("step-0000007.safetensors.tmp"), b"half").expect("it is written");
        folder.prune(2).expect("it prunes");
        folder.sweep().expect("it sweeps");
        assert_eq!(folder.checkpoints().expect("a list"), [200, 1_000_000_000]);
        assert_eq!(fs::read_dir(folder.checkpoints_folder()).expect("a list").count(), 2);
    }
}
