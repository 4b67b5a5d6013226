//! One file a command.

pub mod bench;
pub mod compose;
pub mod count;
pub mod data;
pub mod devices;
pub mod draw;
pub mod encode;
pub mod evaluate;
pub mod export;
pub mod ladder;
pub mod models;
pub mod plan;
pub mod report;
pub mod sample;
pub mod score;
pub mod selftest;
pub mod shell;
pub mod table;
pub mod train;
pub mod translate;
pub mod verify;
pub mod watch;

use std::collections::BTreeMap;

use anyhow::Result;
use calotype_training::Wanted;

use crate::args::ModelArgs;
use crate::fault::WrongUse;

/// How a command that did not fail ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Done,
    Interrupted,
}

/// `--set`, `--batch` and `--steps` in one table.
///
/// # Errors
/// A key that is given twice with different values.
fn settings(with: &ModelArgs, steps: Option<u64>) -> Result<BTreeMap<String, String>> {
    let flag = |key: &str, value: Option<u64>| value.map(|v| (key.to_owned(), v.to_string()));
    once(with.set.iter().cloned().chain(flag("batch", with.batch)).chain(flag("steps", steps)))
}

/// Settings in one table.
///
/// # Errors
/// A key that is given twice with different values.
fn once(all: impl IntoIterator<Item = (String, String)>) -> Result<BTreeMap<String, String>> {
    let mut set: BTreeMap<String, String> = BTreeMap::new();
    for (key, value) in all {
        match set.insert(key.clone(), value.clone()) {
            Some(before) if before != value => {
                return Err(WrongUse(format!("`{key}` is given twice, as {before} and as {value}")).into());
            }
            _ => {}
        }
    }
    Ok(set)
}

fn wanted(model: &str, with: &ModelArgs, steps: Option<u64>, seed: Option<u64>) -> Result<Wanted> {
    Ok(Wanted {
        model: model.to_owned(),
        preset: with.preset.clone(),
        data: with.data.clone(),
        data_b: with.data_b.clone(),
        set: settings(with, steps)?,
        seed: seed.unwrap_or(0),
    })
}
