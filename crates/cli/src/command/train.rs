//! `calotype train`.

use std::path::Path;

use anyhow::{Context, Result};
use calotype_data::DatasetSpec;
use calotype_graph::{DeviceProfile, Precision};
use calotype_models::{Ability, Preset, abilities};
use calotype_training::{
    Checkpoint, Ending as How, InitFile, Interrupt, Loader, Lock, Material, Outcome, Period, Plans, Progress, Restored, Rows,
    RunConfig, RunFolder, Setup, TrainingError, duration, first_checkpoint, grouped, learn, metrics, planning_profile, plans,
    restore_newest, write_atomically,
};

use super::{Ending, settings, wanted};
use crate::args::TrainArgs;
use crate::device::{self, Opened};
use crate::fault::WrongUse;
use crate::output::{bytes, counted, note, print, typed};

pub fn run(args: &TrainArgs, threads: usize) -> Result<Ending> {
    let mut ready = match &args.resume {
        Some(run) => resume(args, run, threads)?,
        None => fresh(args, threads)?,
    };
    let interrupt = Interrupt::install()?;
    interrupt.set_last_line(ready.folder.path().display().to_string());
    let trained = ready.train(&interrupt, threads);
    // The last line of standard output, whatever the ending.
    interrupt.with_last_line(print).transpose()?;
    ready.opened.keep_pipelines();
    ready.tell(trained)
}

/// A run with everything that was checked and opened for it.
struct Ready {
    folder: RunFolder,
    _lock: Lock,
    config: RunConfig,
    material: Material,
    rows: Rows,
    plans: Plans,
    opened: Opened,
    from: Option<Checkpoint>,
    tensorboard: bool,
}

fn fresh(args: &TrainArgs, threads: usize) -> Result<Ready> {
    if let Some(path) = args.out.as_ref().filter(|p| p.join("run.toml").exists()) {
        return Err(TrainingError::HoldsRun { path: path.clone() }.into());
    }
    let model = args.model.as_deref().unwrap_or_default();
    let material = Material::open(&wanted(model, &args.with, args.steps, args.seed)?)?;
    material.notes()?.iter().for_each(|text| note(text));
    let rows = material.rows_to_learn()?;
    let mut opened = device::open_at(args.with.device.as_deref(), args.with.precision(), threads)?;
    let plans = plans(material.model.as_ref(), material.model.batch(), &planning_profile(opened.device().profile()))?;
    has_losses(args, model, &plans)?;
    let mut config = material.config(opened.config());
    let from = match args.init.as_slice() {
        [] => None,
        files => {
            let files: Vec<InitFile> = files.iter().map(|text| InitFile::parse(text)).collect();
            let begun = first_checkpoint(&config, material.model.as_ref(), &plans, &files)?;
            config.init = begun.described.clone();
            Some(begun)
        }
    };
    let path = match &args.out {
        Some(path) => path.clone(),
        None => RunFolder::next_free(Path::new("runs"), &format!("{model}-{}", material.short_name))?,
    };
    let (folder, lock) = RunFolder::create(&path, &config).context("the run folder")?;
    if let Some(begun) = &from {
        // So that a run that is stopped before its next checkpoint begins with these weights again.
        let path = folder.checkpoint(0);
        let bytes = begun.checkpoint.encode().map_err(|reason| TrainingError::Damaged { path: path.clone(), reason })?;
        write_atomically(&path, &bytes)?;
        begun.notes.iter().for_each(|text| note(text));
    }
    let from = from.map(|begun| begun.checkpoint);
    Ok(Ready { folder, _lock: lock, config, material, rows, plans, opened, from, tensorboard: args.tensorboard })
}

fn resume(args: &TrainArgs, run: &Path, threads: usize) -> Result<Ready> {
    let (folder, mut config) = RunFolder::open(run)?;
    folder.model(&config)?;
    agree(args, run, &config)?;
    let lock = folder.lock()?;
    let names = |config: &RunConfig| (config.data.name.clone(), config.data_b.as_ref().map(|data| data.name.clone()));
    let before = (config.steps, names(&config));
    config.steps = wanted_steps(args)?.unwrap_or(config.steps);
    moved(args, &mut config)?;
    let restored = restore_newest(&folder, &config.identity())?;
    restored.iter().flat_map(Restored::remarks).for_each(|remark| note(&remark));
    let from = restored.map(|r| r.checkpoint);
    let done = from.as_ref().map_or(0, |c| c.step);
    if config.steps < done {
        let message = format!(
            "the run has done {done} steps already, and --steps {} is a smaller total; give --steps {done} or more",
            config.steps
        );
        return Err(WrongUse(message).into());
    }
    let material = Material::of_run(&config)?;
    material.notes()?.iter().for_each(|text| note(text));
    let rows = material.rows_to_learn()?;
    let mut opened = device::reopen(args.with.device.as_deref(), &config.device, threads)?;
    let plans = plans(material.model.as_ref(), config.batch, &planning_profile(opened.device().profile()))?;
    has_losses(args, &config.model, &plans)?;
    if (config.steps, names(&config)) != before {
        write_atomically(&folder.config_path(), config.to_toml()?.as_bytes())?;
    }
    match done {
        0 if from.is_some() => note("starting at step 0"),
        0 => note("no checkpoint yet: starting at step 0"),
        _ => note(&format!("resuming from step {done}")),
    }
    Ok(Ready { folder, _lock: lock, config, material, rows, plans, opened, from, tensorboard: args.tensorboard })
}

/// # Errors
/// Losses are asked for, of a model that has none.
fn has_losses(args: &TrainArgs, model: &str, plans: &Plans) -> Result<()> {
    match args.tensorboard && plans.training.is_none() {
        true => Err(WrongUse(format!("--tensorboard: {model} counts and has no losses; leave this option out")).into()),
        false => Ok(()),
    }
}

/// Takes in where the run's data are now, as `--data` and `--data-b` say.
///
/// # Errors
/// No such data; other data by their name; a second data set that the run does not have.
fn moved(args: &TrainArgs, config: &mut RunConfig) -> Result<()> {
    let parse = |name: &Option<String>| {
        let spec = name.as_ref().map(|name| DatasetSpec::parse(name).map_err(TrainingError::from));
        spec.transpose()
    };
    let mut given = [parse(&args.with.data)?, parse(&args.with.data_b)?];
    if let Some([a, b]) = given[0].as_ref().filter(|_| config.data_b.is_some()).and_then(DatasetSpec::two) {
        given = [Some(a), given[1].take().or(Some(b))];
    }
    if given[1].is_some() && config.data_b.is_none() {
        return Err(WrongUse("--data-b: the run has one data set; leave this option out".into()).into());
    }
    let own = [("data", Some(&mut config.data)), ("data-b", config.data_b.as_mut())];
    for ((what, data), spec) in own.into_iter().zip(given) {
        let (Some(data), Some(spec)) = (data, spec) else { continue };
        let given = spec.resolved().map_err(TrainingError::from)?;
        match spec {
            // Moved data are the run's if they hold the same, which is seen when they are opened.
            DatasetSpec::Path(_) => data.name = given,
            DatasetSpec::Named(_) if given == data.name => {}
            DatasetSpec::Named(_) => return Err(TrainingError::contradiction(what, &data.name, &given).into()),
        }
    }
    Ok(())
}

/// `--steps`, or `--set steps=`.
fn wanted_steps(args: &TrainArgs) -> Result<Option<u64>> {
    match settings(&args.with, args.steps)?.get("steps") {
        None => Ok(None),
        Some(text) => text
            .parse()
            .ok()
            .filter(|&n| n > 0)
            .map(Some)
            .ok_or_else(|| WrongUse(format!("`steps={text}`: expected a whole number of 1 or more")).into()),
    }
}

/// Flags beside `--resume` may only repeat what the run is; `--steps` and `--threads` may change.
fn agree(args: &TrainArgs, run: &Path, config: &RunConfig) -> Result<()> {
    let differ = |what: &str, own: &str, given: &str| match own == given {
        true => Ok(()),
        false => Err(TrainingError::contradiction(what, own, given)),
    };
    if let Some(model) = &args.model {
        differ("model", &config.model, model)?;
    }
    if let Some(given) = &args.with.preset {
        differ("preset", &config.preset, given)?;
    }
    if args.with.precision.is_some_and(|given| Precision::from(given) != config.device.precision()) {
        let name = |precision| if precision == Precision::Mixed { "mixed" } else { "full" };
        differ("precision", name(config.device.precision()), name(args.with.precision()))?;
    }
    if let Some(seed) = args.seed {
        differ("seed", &config.seed.to_string(), &seed.to_string())?;
    }
    if let Some(out) = &args.out {
        let same = |a: &Path, b: &Path| a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b);
        if !same(out, run) {
            differ("out", &run.display().to_string(), &out.display().to_string())?;
        }
    }
    for (key, value) in settings(&args.with, args.steps)? {
        config.agree(&key, &value)?;
    }
    Ok(())
}

/// That a long run writes more, by its periods, than anyone will look at. A model that counts has none.
fn crowded(steps: u64, period: &Period) -> Option<String> {
    const MOST_LINES: u64 = 1_000_000;
    const MOST_PICTURES: u64 = 20_000;
    let (lines, pictures) = (steps / period.log_every.max(1), steps / period.sample_every.max(1));
    let of_lines = (lines > MOST_LINES).then(|| {
        let every = steps.div_ceil(MOST_LINES / 10);
        format!("{} lines of metrics.jsonl: --set log_every={every} writes fewer", grouped(lines))
    });
    let of_pictures = (pictures > MOST_PICTURES).then(|| {
        let every = steps.div_ceil(MOST_PICTURES / 20);
        format!("{} sample grids: --set sample_every={every} makes fewer", grouped(pictures))
    });
    let both: Vec<String> = of_lines.into_iter().chain(of_pictures).collect();
    (!both.is_empty()).then(|| format!("the run folder will hold {}", both.join("; ")))
}

/// The last and the best of what was measured by the held-out set; none where nothing is held out.
fn held_out(lines: &[metrics::Line]) -> Option<String> {
    let (what, values) = metrics::HeldOut::found(lines)?;
    let &(last, value) = values.last()?;
    let &(best, least) = values.iter().min_by(|a, b| a.1.total_cmp(&b.1))?;
    let rest = match best == last {
        true => ", the best".to_owned(),
        false => format!("; the best, {} at step {}, is used", what.in_words(least), grouped(best)),
    };
    let done = lines.last().map_or(last, |l| l.step);
    let after = if done > last && best == last {
        format!(" (the {} after it were not measured)", counted(done - last, "step"))
    } else {
        String::new()
    };
    Some(format!("held-out set: {} at step {}{rest}{after}", what.in_words(value), grouped(last)))
}

impl Ready {
    fn train(&mut self, interrupt: &Interrupt, threads: usize) -> Result<Outcome, TrainingError> {
        let profile = self.opened.device().profile().clone();
        self.announce(&profile);
        let mut progress = Progress::new();
        let setup = Setup {
            config: &self.config,
            folder: &self.folder,
            model: self.material.model.as_ref(),
            device: self.opened.device(),
            rows: self.rows.clone(),
            plans: &self.plans,
            loader: Loader { threads },
            progress: &mut progress,
            interrupt,
            tensorboard: self.tensorboard,
        };
        learn(setup, self.from.as_ref())
    }

    fn announce(&self, profile: &DeviceProfile) {
        let c = &self.config;
        let rows = self.material.rows_in_words();
        let amount = match &self.plans.training {
            Some(_) => format!("{} at most, batch size {}, {rows}", counted(c.steps, "step"), grouped(c.batch as u64)),
            None => format!("{rows} to count"),
        };
        let sees = c.data.preparation.encoding;
        note(&format!(
            "{} ({}) on {}, rows of shape {:?} encoded as {sees}: {amount}",
            c.model,
            c.preset,
            self.material.data_in_words(),
            self.material.model.shape()
        ));
        let total = self.plans.total_bytes;
        match &self.plans.training {
            Some(training) => {
                let m = training.memory(profile);
                note(&format!(
                    "planned memory: {} (states {}, activations {}, samples and scores {})",
                    bytes(total),
                    bytes(m.state),
                    bytes(m.arenas),
                    bytes(total.saturating_sub(m.total()))
                ));
            }
            None => note(&format!("planned memory: {}", bytes(total))),
        }
        note(&format!("run folder: {}", self.folder.path().display()));
        crowded(c.steps, &c.period).iter().for_each(|text| note(text));
        if self.plans.training.is_some() {
            note(&format!("to follow it in a browser: calotype watch {}", typed(self.folder.path())));
        }
    }

    fn tell(&self, trained: Result<Outcome, TrainingError>) -> Result<Ending> {
        let run = typed(self.folder.path());
        let go_on = format!("calotype train --resume {run}");
        match trained {
            Ok(Outcome { ending: ending @ (How::Finished | How::Converged), step, .. }) => {
                if ending == How::Converged {
                    note(
                        "early stopping: the held-out set no longer improves (for a longer wait, start a new run with a larger --set patience=N)",
                    );
                }
                let lines = metrics::read(&self.folder.metrics())?;
                let wall_s = lines.last().map_or(0.0, |l| l.wall_s);
                held_out(&lines).iter().for_each(|text| note(text));
                self.material.warnings()?.iter().for_each(|text| note(text));
                note(&format!(
                    "done: {} in {}; report: {}",
                    counted(step, "step"),
                    duration(wall_s),
                    self.folder.report().display()
                ));
                let able = abilities(self.material.model.as_ref());
                if able.contains(&Ability::Generation) {
                    note(&format!("to generate samples: calotype sample {run}"));
                }
                if able.iter().any(|a| matches!(a, Ability::Density | Ability::Bound)) {
                    let of = match self.material.has_test_rows() {
                        true => "of test rows",
                        false => {
                            "of the training rows, as there are no test rows (a new run with --set test_every=5 keeps a fifth as test rows)"
                        }
                    };
                    note(&format!("log-likelihoods {of}: calotype score {run}"));
                }
                if able.contains(&Ability::Density) {
                    note(&format!("to check the density: calotype verify {run}"));
                }
                let info = self.material.model.info();
                let has_paper = info.presets.contains(&Preset::PAPER);
                let differ = has_paper && (info.settings)(Preset::SMALL) != (info.settings)(Preset::PAPER);
                if self.config.preset == Preset::SMALL.0 && differ {
                    let (model, name) = (&self.config.model, &self.config.data.name);
                    let defaults = (info.default_data)(Preset::SMALL);
                    let second = self.config.data_b.as_ref().map(|data| data.name.as_str());
                    let data = match [name.as_str()].into_iter().chain(second).eq(defaults.iter().copied()) {
                        true => String::new(),
                        false => {
                            let flag = |(flag, name): (&str, &str)| format!(" {flag} {}", typed(Path::new(name)));
                            ["--data", "--data-b"].into_iter().zip([name.as_str()].into_iter().chain(second)).map(flag).collect()
                        }
                    };
                    let set = |(key, value): &(String, String)| format!(" --set {}", typed(Path::new(&format!("{key}={value}"))));
                    let data = data + &self.material.data_settings().iter().map(set).collect::<String>();
                    // A folder's images are resized to what is asked for; those of other data are as large as they are.
                    let most = self.material.largest_side().filter(|_| !Path::new(name).exists());
                    let size = most.map_or_else(String::new, |side| format!(" --set size={side}"));
                    note(&format!("for the paper's sizes, on a GPU: calotype train {model}{data} --preset paper{size}"));
                }
                Ok(Ending::Done)
            }
            Ok(Outcome { step, .. }) => {
                note(&format!("stopped after step {step}; a checkpoint is saved; to resume: {go_on}"));
                Ok(Ending::Interrupted)
            }
            Err(e @ TrainingError::NonFinite { .. }) => Err(e.into()),
            Err(e) => {
                let last = self.folder.checkpoints().ok().and_then(|steps| steps.last().copied());
                let kept = last.map_or("no checkpoint yet".to_owned(), |step| format!("the last checkpoint is of step {step}"));
                Err(anyhow::anyhow!("{e} ({kept}; once this is fixed, resume with: {go_on})"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is advised is enough.
    #[test]
    fn a_run_that_crowds_its_folder_is_told_of() {
        let period = |log_every, sample_every| Period { checkpoint_every: 1000, sample_every, log_every, keep_checkpoints: 3 };
        assert_eq!(crowded(1_000_000, &period(10, 500)), None);
        assert_eq!(crowded(0, &period(0, 0)), None);
        let told = crowded(50_000_000, &period(10, 500)).expect("it is");
        assert!(told.contains("5,000,000 lines") && told.contains("100,000 sample grids"), "{told}");
        let advised = |key: &str| told.split(key).nth(1)?.split([' ', ';']).next()?.parse::<u64>().ok();
        let (Some(log), Some(sample)) = (advised("log_every="), advised("sample_every=")) else { panic!("{told}") };
        assert_eq!(crowded(50_000_000, &period(log, sample)), None);
    }
}
