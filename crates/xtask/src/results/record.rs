//! What is kept of a model that was trained and evaluated: `assets/results/NAME.json`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::root;

pub struct Record {
    pub name: String,
    pub command: String,
    /// The device of the run, and the processor where it is the CPU.
    pub device: String,
    pub steps: u64,
    /// Of training; 0 of models that count.
    pub seconds: f64,
    /// `evaluation.json`.
    pub evaluation: Value,
    /// A file beside the record.
    pub picture: Option<String>,
}

impl Record {
    pub fn folder() -> PathBuf {
        root().join("assets/results")
    }

    pub fn path(name: &str) -> PathBuf {
        Record::folder().join(name).with_extension("json")
    }

    /// Of a run that was evaluated.
    pub fn of_run(name: &str, run: &Path) -> Result<Self, String> {
        let text = |file: &str| fs::read_to_string(run.join(file)).map_err(|e| format!("{}: {e}", run.join(file).display()));
        let evaluation = text("evaluation.json")?;
        let mut evaluation: Value = serde_json::from_str(&evaluation).map_err(|e| format!("{name}: evaluation.json: {e}"))?;
        if let Some(fields) = evaluation.as_object_mut() {
            fields.remove("run"); // where it lay
        }
        let metrics = text("metrics.jsonl").unwrap_or_default();
        let last = metrics.lines().rev().find_map(|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            Some((line["step"].as_u64()?, line["wall_s"].as_f64()?))
        });
        let (steps, seconds) = last.unwrap_or_default();
        let config = text("run.toml")?;
        let device = config.split("[device]").nth(1).and_then(|rest| rest.lines().find_map(|line| line.strip_prefix("name = ")));
        let device = device.ok_or_else(|| format!("{name}: run.toml names no device"))?.trim_matches('"').to_owned();
        let device = match processor().filter(|_| device.starts_with("CPU")) {
            Some(processor) => format!("{device}, {processor}"),
            None => device,
        };
        let picture = super::picture(run).map(|_| format!("{name}.png"));
        Ok(Record { name: name.into(), command: format!("calotype train {name}"), device, steps, seconds, evaluation, picture })
    }

    pub fn write(&self) -> Result<(), String> {
        let path = Record::path(&self.name);
        let Record { name, command, device, steps, seconds, evaluation, picture } = self;
        let whole = json!({
            "model": name, "command": command, "device": device, "steps": steps, "seconds": seconds, "picture": picture,
            "evaluation": evaluation,
        });
        fs::create_dir_all(Record::folder()).map_err(|e| format!("{}: {e}", Record::folder().display()))?;
        fs::write(&path, format!("{whole:#}\n")).map_err(|e| format!("{}: {e}", path.display()))
    }

    /// None of a model that has not been recorded.
    pub fn read(name: &str) -> Result<Option<Self>, String> {
        let path = Record::path(name);
        let Ok(text) = fs::read_to_string(&path) else { return Ok(None) };
        let wrong =
            |what: &str| format!("{}: {what}; delete it, and `cargo xtask results {name}` writes it anew", path.display());
        let mut all: Value = serde_json::from_str(&text).map_err(|e| wrong(&e.to_string()))?;
        let word = |key: &str| all[key].as_str().map(str::to_owned).ok_or_else(|| wrong(&format!("no `{key}`")));
        Ok(Some(Record {
            name: name.into(),
            command: word("command")?,
            device: word("device")?,
            steps: all["steps"].as_u64().ok_or_else(|| wrong("no `steps`"))?,
            seconds: all["seconds"].as_f64().ok_or_else(|| wrong("no `seconds`"))?,
            picture: all["picture"].as_str().map(str::to_owned),
            evaluation: all["evaluation"].take(),
        }))
    }
}

/// The name of this machine's processor, where the system says it.
fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'))?.1;
    Some(name.split_whitespace().collect::<Vec<_>>().join(" "))
}
