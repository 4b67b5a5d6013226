//! What a run folder says, in words: also of a folder that is half written or damaged.

use std::fs;
use std::path::Path;

use calotype_models::{Learning, Model, Validation, find};
use serde::Serialize;

use super::curves::names;
use super::gallery::{PageFolder, source};
use crate::command::typed;
use crate::config::{DataConfig, RunConfig};
use crate::data_settings::{data_settings, value_in};
use crate::error::{Result, TrainingError};
use crate::evaluate::{Figure, Findings, makes_rows};
use crate::folder::RunFolder;
use crate::metrics::{self, HeldOut, Line};
use crate::progress::{duration, grouped};
use crate::validation::Record;

/// Bytes of the picture of nearest training rows inside the page, at most.
const MOST_OF_NEAREST: u64 = 400_000;

/// A name and what stands beside it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fact {
    pub name: String,
    pub value: String,
}

impl Fact {
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Fact { name: name.into(), value: value.into() }
    }
}

/// A warning, as often as it was given with other numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Warning {
    /// As it was given last.
    pub text: String,
    pub first: u64,
    pub last: u64,
    pub n: usize,
}

/// How far a run is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct State {
    /// A class of the page: `done`, `stopped` or `open`.
    pub kind: &'static str,
    pub text: String,
}

/// `evaluation.json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// What was held against what.
    pub held: String,
    pub figures: Vec<FigureRow>,
    pub likelihood: Option<String>,
    pub verdicts: Vec<String>,
    /// Where the page has the picture of nearest training rows from.
    pub nearest: Option<String>,
}

/// A line of its table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FigureRow {
    pub name: String,
    pub samples: String,
    pub floor: String,
    pub better: &'static str,
    pub what: String,
    pub baselines: Vec<Fact>,
}

/// A run as it is told.
#[derive(Clone, Debug, Serialize)]
pub struct Told {
    /// Of its folder.
    pub name: String,
    pub title: String,
    pub subtitle: String,
    pub state: State,
    /// Whether there will be curves.
    pub steps_expected: bool,
    /// The few figures that matter.
    pub tiles: Vec<Fact>,
    pub warnings: Vec<Warning>,
    /// What is wrong with the folder.
    pub troubles: Vec<String>,
    pub evaluation: Option<Evaluation>,
    /// The command that evaluates it, of a run that is not.
    pub evaluate: Option<String>,
    /// The command that trains it again.
    pub command: Option<String>,
    pub facts: Vec<Fact>,
    /// The latest value of all that was measured.
    pub last: Vec<Fact>,
    pub settings: Vec<Fact>,
    #[serde(skip)]
    pub lines: Vec<Line>,
    #[serde(skip)]
    how: How,
}

/// How a run learns.
#[derive(Clone, Copy, Debug, Default)]
struct How {
    /// By counting, and takes no steps.
    counts: bool,
    /// When it ends early, and from which step on that is decided.
    ends: Option<(Validation, u64)>,
}

impl How {
    fn of(model: &dyn Model) -> Self {
        match model.learning() {
            Learning::Counting(_) => How { counts: true, ends: None },
            Learning::Descent(d) => How { counts: false, ends: d.validation().map(|rules| (rules, d.comparable_from())) },
        }
    }

    /// Whether a run with these lines has ended early.
    fn has_ended(self, lines: &[Line]) -> bool {
        let Some(((rules, from), (_, found))) = self.ends.zip(HeldOut::found(lines)) else { return false };
        let counted = found.into_iter().filter(|(step, _)| *step >= from);
        let record = counted.fold(None, |record, (step, v)| Some(Record::after(record, v, step, &rules)));
        record.is_some_and(|record| record.is_over(&rules))
    }
}

impl Told {
    /// Of a folder whose `run.toml` may be missing or damaged, with what is in it if it is not.
    ///
    /// # Errors
    /// There is neither that nor `metrics.jsonl`.
    pub fn read(folder: &RunFolder, page: PageFolder) -> Result<(Self, Option<RunConfig>)> {
        let config = RunFolder::open(folder.path()).map(|(_, config)| config);
        if matches!(config, Err(TrainingError::NoRun { .. })) && !folder.metrics().is_file() {
            return Err(TrainingError::NoRun { path: folder.path().to_owned() });
        }
        let told = Told::of(folder, config.as_ref().map_err(ToString::to_string), page);
        Ok((told, config.ok()))
    }

    /// Of a folder and its configuration, or why there is none, for a page that lies there.
    pub fn of(folder: &RunFolder, config: Result<&RunConfig, String>, page: PageFolder) -> Self {
        let mut troubles: Vec<String> = config.as_ref().err().cloned().into_iter().collect();
        let config = config.ok();
        let lines = match metrics::read_counting(&folder.metrics()) {
            Ok((lines, 0)) => lines,
            Ok((lines, bad)) => {
                let are = if bad == 1 { "line of metrics.jsonl is" } else { "lines of metrics.jsonl are" };
                troubles.push(format!("{bad} {are} no JSON and left out"));
                lines
            }
            Err(e) => {
                troubles.push(e.to_string());
                vec![]
            }
        };
        let name = folder.path().canonicalize().ok();
        let name = name.as_deref().unwrap_or(folder.path()).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let model = config.and_then(|c| c.model().map_err(|e| troubles.push(e.to_string())).ok());
        let how = model.as_ref().map_or_else(How::default, |m| How::of(m.as_ref()));
        let evaluation = evaluation(folder, page, &mut troubles);
        let run = typed(folder.path());
        Told {
            title: config.map_or_else(|| name.clone(), |c| format!("{} on {}", c.model, data_name(&c.data))),
            subtitle: config.map_or_else(String::new, |c| format!("preset {}, seed {}", c.preset, c.seed)),
            state: state(config, &lines, how),
            steps_expected: !how.counts,
            tiles: tiles(config, &lines, how.counts),
            warnings: warnings(&lines),
            evaluate: (evaluation.is_none() && model.as_ref().is_some_and(|m| makes_rows(m.as_ref())))
                .then(|| format!("calotype evaluate {run}")),
            evaluation,
            command: config.and_then(|c| c.command().ok()),
            facts: config.map_or_else(Vec::new, facts),
            last: last_values(&lines),
            settings: config.map_or_else(Vec::new, settings),
            troubles,
            name,
            lines,
            how,
        }
    }

    /// What changes while a run trains, anew from its lines. Of one that trains now the page says on its own how far it is.
    pub fn refresh(&mut self, config: Option<&RunConfig>, trains: bool) {
        self.state = match trains {
            true => State { kind: "live", text: "training".into() },
            false => state(config, &self.lines, self.how),
        };
        self.tiles = tiles(config, &self.lines, self.how.counts);
        self.tiles.retain(|tile| !(trains && PROGRESS.contains(&tile.name.as_str())));
        self.warnings = warnings(&self.lines);
        self.last = last_values(&self.lines);
    }
}

/// A data set's name, or the last part of its path.
fn data_name(data: &DataConfig) -> String {
    let path = Path::new(&data.name);
    match path.is_absolute() {
        true => path.file_name().map_or_else(|| data.name.clone(), |name| name.to_string_lossy().into_owned()),
        false => data.name.clone(),
    }
}

fn state(config: Option<&RunConfig>, lines: &[Line], how: How) -> State {
    let done = lines.last().map_or(0, |l| l.step);
    let (kind, text) = match config {
        _ if lines.iter().any(Line::is_end) => ("stopped", format!("stopped at step {}: not finite", grouped(done))),
        Some(_) if how.counts => ("done", "counted".to_owned()),
        Some(c) if done >= c.steps => ("done", "finished".to_owned()),
        Some(_) if how.has_ended(lines) => ("done", format!("ended early, at step {}", grouped(done))),
        Some(c) => ("open", format!("step {} of {}", grouped(done), grouped(c.steps))),
        None => ("open", format!("step {}", grouped(done))),
    };
    State { kind, text }
}

/// Names of the tiles that say how far a run is.
const PROGRESS: [&str; 3] = ["steps", "time", "speed"];

fn tiles(config: Option<&RunConfig>, lines: &[Line], counted: bool) -> Vec<Fact> {
    let mut tiles = vec![];
    if let Some(last) = lines.last().filter(|_| !counted) {
        // Lines have milliseconds: of the first there may be none yet.
        let speed = match last.wall_s > 0.0 {
            true => format!("{:.1} steps/s", last.step as f64 / last.wall_s),
            false => "-".to_owned(),
        };
        let values = [grouped(last.step), duration(last.wall_s), speed];
        tiles.extend(PROGRESS.into_iter().zip(values).map(|(name, value)| Fact::new(name, value)));
        if let Some((what, found)) = HeldOut::found(lines)
            && let Some((step, best)) = found.iter().min_by(|a, b| a.1.total_cmp(&b.1))
        {
            let [name, best] = what.apart(*best);
            tiles.push(Fact::new(format!("best {name}"), format!("{best} at step {}", grouped(*step))));
        }
    }
    if let Some(c) = config {
        tiles.push(Fact::new("device", c.device.name.clone()));
        tiles.push(Fact::new("training rows", grouped(c.data.n_train as u64)));
    }
    tiles
}

/// What was warned of, each once with how often: warnings that differ in their numbers alone are the same.
fn warnings(lines: &[Line]) -> Vec<Warning> {
    let mut all: Vec<(String, Warning)> = Vec::new();
    for (step, text) in lines.iter().filter_map(|l| Some((l.step, l.warning.as_deref()?))) {
        let kind: String = text.chars().filter(|c| !c.is_ascii_digit() && !"., ".contains(*c)).collect();
        match all.iter_mut().find(|(k, _)| *k == kind) {
            Some((_, warning)) => *warning = Warning { text: text.into(), last: step, n: warning.n + 1, ..warning.clone() },
            None => all.push((kind, Warning { text: text.into(), first: step, last: step, n: 1 })),
        }
    }
    all.into_iter().map(|(_, warning)| warning).collect()
}

fn last_values(lines: &[Line]) -> Vec<Fact> {
    names(lines).into_iter().filter_map(|name| Some(Fact::new(name.clone(), last(lines, &name)?))).collect()
}

/// The latest value of a measure.
fn last(lines: &[Line], name: &str) -> Option<String> {
    let value = lines.iter().rev().find_map(|l| l.losses.iter().find(|(n, _)| n == name))?.1;
    Some(value.map_or("not finite".into(), number))
}

pub fn number(v: f32) -> String {
    match v.abs() {
        0.0 => "0".into(),
        1e-3..1e6 => format!("{v:.4}"),
        _ => format!("{v:.3e}"),
    }
}

fn facts(config: &RunConfig) -> Vec<Fact> {
    let c = config;
    let of_data = |data: &DataConfig| {
        format!(
            "{}, {} training rows of shape {:?}, SHA-256 {}",
            data.name,
            grouped(data.n_train as u64),
            data.shape,
            data.sha256
        )
    };
    let mut all = vec![Fact::new("data", of_data(&c.data))];
    all.extend(c.data_b.iter().map(|data| Fact::new("data B", of_data(data))));
    if c.data.exclude.is_some() {
        all.push(Fact::new("excluded class", c.data.excluded()));
    }
    all.extend(c.data.notes.iter().map(|note| Fact::new("of the data", note.clone())));
    all.extend(c.init.iter().map(|init| Fact::new("began with", format!("{}, SHA-256 {}", init.path, init.sha256))));
    let precision = if c.device.mixed { ", mixed precision" } else { "" };
    all.push(Fact::new("device", format!("{} ({}){precision}", c.device.name, c.device.driver)));
    all.push(Fact::new("begun with", format!("calotype {}", c.version)));
    all
}

/// All settings: the model's, how often things are done, and those of the data that were given.
pub fn settings(config: &RunConfig) -> Vec<Fact> {
    let p = &config.period;
    let mut all: Vec<Fact> = config.settings.iter().map(|(key, value)| Fact::new(key.clone(), value.to_string())).collect();
    if find(&config.model).is_ok_and(|info| (info.settings)(info.default_preset()).iter().any(|s| s.key == "steps")) {
        all.insert(0, Fact::new("batch", config.batch.to_string()));
        all.insert(0, Fact::new("steps", config.steps.to_string()));
        let period = [
            ("checkpoint_every", p.checkpoint_every),
            ("sample_every", p.sample_every),
            ("log_every", p.log_every),
            ("keep_checkpoints", p.keep_checkpoints as u64),
        ];
        all.extend(period.map(|(key, value)| Fact::new(key, value.to_string())));
    }
    let of_data = data_settings().into_iter().filter_map(|s| {
        let value = value_in(&config.data.options, s.key).filter(|value| *value != s.default)?;
        (!config.settings.contains_key(s.key)).then(|| Fact::new(s.key, value.to_string()))
    });
    all.extend(of_data);
    all
}

/// What `calotype evaluate` left in the folder, if it did.
fn evaluation(folder: &RunFolder, page: PageFolder, troubles: &mut Vec<String>) -> Option<Evaluation> {
    let path = folder.evaluation();
    let text = fs::read_to_string(&path).ok()?;
    let found: Findings = match serde_json::from_str(&text) {
        Ok(found) => found,
        Err(e) => {
            troubles.push(format!("evaluation.json cannot be read: {e}; write it anew with `calotype evaluate`"));
            return None;
        }
    };
    let n = grouped(found.n as u64);
    let of = match &found.samples_from {
        None => format!("{n} samples of step {}", grouped(found.step)),
        Some(from) => format!("{n} rows of {from}"),
    };
    let features = found.features.as_ref().map_or_else(String::new, |of| format!(" Features of {of}."));
    let row = |figure: &Figure| FigureRow {
        name: figure.name.clone(),
        samples: figure.samples.to_string(),
        floor: figure.floor.map_or_else(|| "-".to_owned(), |floor| floor.to_string()),
        better: figure.better.word(),
        what: figure.what.clone(),
        baselines: figure.baselines.iter().map(|b| Fact::new(b.name.clone(), b.figure.to_string())).collect(),
    };
    Some(Evaluation {
        held: format!("{of}, held against {n} {}. Floor: {n} training rows in the samples' place.{features}", found.held_out),
        figures: found.figures.iter().map(row).collect(),
        likelihood: found.likelihood.as_ref().map(ToString::to_string),
        verdicts: found.verdicts,
        nearest: folder
            .nearest()
            .exists()
            .then(|| source(folder.path(), &folder.nearest(), MOST_OF_NEAREST, page, troubles))
            .flatten(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use calotype_models::Measure;

    #[test]
    fn warnings_that_differ_in_numbers_are_one() {
        let line = |step, text: &str| Line { warning: Some(text.into()), ..Line::of(step, 0.0, vec![]) };
        let lines =
            [line(5, "loss_d is 0.01 for 500 steps"), line(7, "samples are alike"), line(9, "loss_d is 0.002 for 1,500 steps")];
        let found = warnings(&lines);
        let want = [("loss_d is 0.002 for 1,500 steps", 5, 9, 2), ("samples are alike", 7, 7, 1)];
        assert_eq!(found.iter().map(|w| (w.text.as_str(), w.first, w.last, w.n)).collect::<Vec<_>>(), want);
    }

    #[test]
    fn a_run_that_no_longer_improved_has_ended() {
        let rules = Validation { measure: Measure::Loss, fraction: 0.1, every: 0, patience: 2, plateau: 9, least_lr: 0.1 };
        let how = How { counts: false, ends: Some((rules, 20)) };
        let lines = |values: &[f32]| -> Vec<Line> {
            let line = |(n, v): (usize, &f32)| Line::of(10 * (n as u64 + 1), 0.0, vec![(HeldOut::LOSS.metric.into(), Some(*v))]);
            values.iter().enumerate().map(line).collect()
        };
        assert!(how.has_ended(&lines(&[0.5, 3.0, 3.5, 4.0])));
        assert!(!how.has_ended(&lines(&[0.5, 3.0, 2.5])), "what came before it could be compared does not count");
        assert!(
            !how.has_ended(&lines(&[3.0, 2.0, 2.5])) && !how.has_ended(&[]) && !How::default().has_ended(&lines(&[1.0, 2.0]))
        );
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!([0.0, 0.25, 1e-5, 2.5e7].map(number), ["0", "0.2500", "1.000e-5", "2.500e7"]);
    }
}
