//! `cargo xtask results`: every model trained with its defaults on bundled data, evaluated, and told in `docs/results.md`.

mod page;
mod record;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::{cargo, root, succeed, target};
use record::Record;

/// A model, as `calotype models --json` lists it.
struct Listed {
    name: String,
    title: String,
    paper: String,
}

/// Trains and evaluates every model that has no record in `assets/results` yet, or those that are named, which are recorded again. What was
/// trained already in `target/results` is kept, what was interrupted goes on. A record is written as soon as its model is done, and the page
/// after each. `--device NAME` is that of `calotype train`.
pub fn run(args: &[String]) -> Result<(), String> {
    let (mut device, mut named) = (None, vec![]);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--device" => device = Some(args.next().ok_or("--device needs a name, as of `calotype devices`")?.as_str()),
            name => named.push(name),
        }
    }
    succeed(cargo().args(["build", "--release", "--package", "calotype"]))?;
    let program = target().join("release/calotype");
    let models = listed(&program)?;
    let known = || models.iter().map(|m| m.name.as_str()).collect::<Vec<_>>().join(", ");
    if let Some(wrong) = named.iter().find(|name| models.iter().all(|m| m.name != **name)) {
        return Err(format!("no model `{wrong}`; there are: {}", known()));
    }
    let wanted = |m: &&Listed| match named.is_empty() {
        true => !Record::path(&m.name).exists(),
        false => named.contains(&m.name.as_str()),
    };
    for model in models.iter().filter(wanted) {
        println!("xtask: {}", model.name);
        make(&program, &model.name, device)?;
        write_page(&models)?;
    }
    write_page(&models)
}

/// Trains a model, evaluates it, and records what came of it.
fn make(program: &Path, name: &str, device: Option<&str>) -> Result<(), String> {
    let run = target().join("results").join(name);
    let on: Vec<&str> = device.iter().flat_map(|device| ["--device", device]).collect();
    let mut train = Command::new(program);
    match run.join("run.toml").exists() {
        true => succeed(train.arg("train").arg("--resume").arg(&run).args(&on))?,
        false => succeed(train.args(["train", name, "--out"]).arg(&run).args(&on))?,
    }
    succeed(Command::new(program).arg("evaluate").arg(&run).args(&on))?;
    let record = Record::of_run(name, &run)?;
    let picture = record.picture.as_ref().map(|file| (picture(&run), Record::folder().join(file)));
    if let Some((Some(from), to)) = picture {
        copy(&from, &to)?;
    }
    record.write()
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    to.parent().map_or(Ok(()), fs::create_dir_all).map_err(|e| format!("{}: {e}", to.display()))?;
    fs::copy(from, to).map(|_| ()).map_err(|e| format!("{}: {e}", to.display()))
}

/// The newest of the pictures that training drew, of what the model makes of other rows where it draws that.
fn picture(run: &Path) -> Option<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(run.join("samples")).ok()?.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "png"));
    files.sort();
    let newest = |kind: &str| {
        let of_kind = |path: &&PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(kind));
        files.iter().rfind(of_kind).cloned()
    };
    ["translations-", "drawings-", "compositions-", "step-", ""].into_iter().find_map(newest)
}

fn listed(program: &Path) -> Result<Vec<Listed>, String> {
    let output =
        Command::new(program).args(["models", "--json"]).output().map_err(|e| format!("calotype does not start: {e}"))?;
    let all: Value = serde_json::from_slice(&output.stdout).map_err(|e| format!("calotype models --json: {e}"))?;
    let word = |of: &Value, key: &str| {
        of[key].as_str().map(str::to_owned).ok_or_else(|| format!("calotype models --json: no `{key}` in {of}"))
    };
    let of = |of: &Value| Ok(Listed { name: word(of, "name")?, title: word(of, "title")?, paper: word(of, "paper")? });
    all.as_array().ok_or("calotype models --json: no array")?.iter().map(of).collect()
}

fn write_page(models: &[Listed]) -> Result<(), String> {
    let records = models.iter().map(|model| Record::read(&model.name)).collect::<Result<Vec<_>, _>>()?;
    let path = root().join("docs/results.md");
    let text = page::page(models.iter().zip(&records));
    fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))
}
