//! Chooses and reads a checkpoint: the newest undamaged one, the best, or that of a step.

use std::fs;
use std::path::PathBuf;
use std::str::FromStr;

use crate::checkpoint::{Checkpoint, Identity};
use crate::error::{Result, TrainingError};
use crate::folder::RunFolder;

/// `--checkpoint last|best|STEP`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The best where there is one that is whole, else the newest.
    #[default]
    Auto,
    /// The newest whole one.
    Last,
    /// By validation; runs that hold no rows out have none.
    Best,
    Step(u64),
}

impl FromStr for Choice {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        match s {
            "last" => Ok(Choice::Last),
            "best" => Ok(Choice::Best),
            _ => s.parse().map(Choice::Step).map_err(|_| format!("expected `last`, `best` or a step, found `{s}`")),
        }
    }
}

/// A checkpoint that was read and verified.
#[derive(Debug)]
pub struct Restored {
    pub checkpoint: Checkpoint,
    pub path: PathBuf,
    /// The step of the run's best one, as its newest one says.
    pub best_step: Option<u64>,
    /// Those that would have been preferred but are not whole, and why.
    pub damaged: Vec<(PathBuf, String)>,
}

impl Restored {
    /// Which of a run's checkpoints it is, where it has a held-out set: for a sentence.
    pub fn which(&self) -> Option<&'static str> {
        let best = self.best_step? == self.checkpoint.step;
        Some(if best { "the best on the held-out set" } else { "not the best on the held-out set" })
    }

    /// A line for each checkpoint that was passed over.
    pub fn remarks(&self) -> impl Iterator<Item = String> + '_ {
        let step = self.checkpoint.step;
        self.damaged.iter().map(move |(path, why)| {
            let what = if path.exists() { format!("damaged ({why})") } else { "missing".to_owned() };
            format!("{} is {what}; step {step} is used instead", path.display())
        })
    }
}

/// The newest whole checkpoint of a run; none where there are no checkpoints at all.
///
/// # Errors
/// There are checkpoints, and none is whole; the newest whole one is of another run.
pub fn restore_newest(folder: &RunFolder, identity: &Identity) -> Result<Option<Restored>> {
    let mut damaged = Vec::new();
    for step in folder.checkpoints()?.into_iter().rev() {
        let path = folder.checkpoint(step);
        match read(folder, step) {
            Ok(checkpoint) => {
                belongs(&checkpoint, identity).map_err(|reason| TrainingError::Foreign { path: path.clone(), reason })?;
                let best_step = checkpoint.validation.map(|record| record.best_step);
                return Ok(Some(Restored { checkpoint, path, best_step, damaged }));
            }
            Err(reason) => damaged.push((path, reason)),
        }
    }
    if damaged.is_empty() {
        return Ok(None);
    }
    let listed = damaged.iter().map(|(path, reason)| format!("; {}: {reason}", path.display())).collect();
    Err(TrainingError::NoCheckpoint { folder: folder.path().to_owned(), listed })
}

/// The checkpoint asked for.
///
/// # Errors
/// There is none, or it is damaged; no `best` where nothing is validated.
pub fn choose(folder: &RunFolder, identity: &Identity, choice: Choice) -> Result<Restored> {
    match choice {
        Choice::Auto | Choice::Best => {
            let mut newest = choose(folder, identity, Choice::Last)?;
            match newest.checkpoint.validation {
                Some(record) if record.best_step == newest.checkpoint.step => Ok(newest),
                Some(record) => match whole(folder, identity, record.best_step) {
                    Ok(best) => Ok(Restored { damaged: newest.damaged, best_step: newest.best_step, ..best }),
                    Err(TrainingError::Damaged { path, reason }) if choice == Choice::Auto => {
                        newest.damaged.push((path, reason));
                        Ok(newest)
                    }
                    Err(e) => Err(e),
                },
                None if choice == Choice::Auto => Ok(newest),
                None => Err(TrainingError::Contradiction(format!(
                    "{} has no held-out set, so no checkpoint is the best; use --checkpoint last or a step",
                    identity.model
                ))),
            }
        }
        Choice::Last => restore_newest(folder, identity)?.ok_or_else(|| TrainingError::NoCheckpoint {
            folder: folder.path().to_owned(),
            listed: ": the run has not written one yet".into(),
        }),
        Choice::Step(step) => {
            if !folder.checkpoint(step).exists() {
                let there = folder.checkpoints()?.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                return Err(TrainingError::Contradiction(format!(
                    "no checkpoint of step {step}; there are checkpoints of steps: {there}"
                )));
            }
            let newest = folder.checkpoints()?.last().and_then(|&newest| Checkpoint::peek_best(&folder.checkpoint(newest)));
            Ok(Restored { best_step: newest, ..whole(folder, identity, step)? })
        }
    }
}

/// The checkpoint of a step, which must be whole and of this run.
fn whole(folder: &RunFolder, identity: &Identity, step: u64) -> Result<Restored> {
    let path = folder.checkpoint(step);
    let checkpoint = read(folder, step).map_err(|reason| TrainingError::Damaged { path: path.clone(), reason })?;
    belongs(&checkpoint, identity).map_err(|reason| TrainingError::Foreign { path: path.clone(), reason })?;
    let best_step = checkpoint.validation.map(|record| record.best_step);
    Ok(Restored { checkpoint, path, best_step, damaged: vec![] })
}

/// Reads and verifies the checkpoint of a step. The error is in words.
pub(crate) fn read(folder: &RunFolder, step: u64) -> Result<Checkpoint, String> {
    let bytes = fs::read(folder.checkpoint(step)).map_err(|e| e.to_string())?;
    let checkpoint = Checkpoint::decode(&bytes)?;
    match checkpoint.step == step {
        true => Ok(checkpoint),
        false => Err(format!("it is the checkpoint of step {}", checkpoint.step)),
    }
}

fn belongs(checkpoint: &Checkpoint, identity: &Identity) -> Result<(), String> {
    let c = &checkpoint.identity;
    let differ = |what: &str, its: &str, own: &str| Err(format!("{what} mismatch: {its} in the checkpoint, {own} in run.toml"));
    if c.model != identity.model {
        return differ("model", &c.model, &identity.model);
    }
    if c.seed != identity.seed {
        return differ("seed", &c.seed.to_string(), &identity.seed.to_string());
    }
    if c.data != identity.data {
        return differ("data", &c.data, &identity.data);
    }
    let text = |s: Option<&crate::config::Scalar>| s.map_or_else(|| "not set".to_owned(), ToString::to_string);
    let keys = c.settings.keys().chain(identity.settings.keys());
    let unequal = |key: &&String| c.settings.get(*key) != identity.settings.get(*key);
    match keys.into_iter().find(unequal) {
        Some(key) => differ(&format!("`{key}`"), &text(c.settings.get(key)), &text(identity.settings.get(key))),
        None => Ok(()),
    }
}
