//! `calotype verify`: checks of a trained density, on the user's own checkpoint and device.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use calotype_data::picture;
use calotype_graph::{HostTensor, StateSpec};
use calotype_training::verify::{ContextMap, Finding, Subject, Told, context_map, verify};
use calotype_training::{TrainingError, duration, state_of_run};
use serde::Serialize;

use super::Ending;
use crate::args::VerifyArgs;
use crate::machine::Machine;
use crate::output::{Form, ending, has_folder, note, replace, replace_text, writable};
use crate::session::Session;
use crate::status::Status;
use crate::used::Used;

pub fn run(args: &VerifyArgs, threads: usize) -> Result<Ending> {
    let used = Used::open(&args.run, args.checkpoint.unwrap_or_default())?;
    let map = context_map(used.density()?, used.config.data.n_train);
    has_folder("--export", args.export.as_deref())?;
    args.export.as_deref().map(|path| ending("--export", path, "json")).transpose()?;
    let picture = map.is_some().then(|| place_for_the_map(args, &used)).transpose()?.flatten();

    let started = Instant::now();
    let mut session = used.on(args.device.as_deref(), threads)?;
    let mut verified = Verified::begun(&mut session);
    args.form.part(&verified.head())?;
    verified.claims = look(&mut session, args.form)?;
    session.opened.keep_pipelines();
    verified.passed = verified.n_failed() == 0;
    verified.seconds = started.elapsed().as_secs_f64();
    args.form.part(&verified.verdict())?;
    args.form.whole(&verified)?;
    if let Some(path) = &args.export {
        replace_text(path, &serde_json::to_string_pretty(&verified)?).context("--export")?;
    }
    if let (Some(map), Some(picture)) = (&map, &picture) {
        show(map, picture, args.form)?;
    }
    match verified.n_failed() {
        0 => Ok(Ending::Done),
        n => Err(anyhow!("verify: {n} of {} claims failed", verified.claims.len())),
    }
}

/// Where the context map goes; none where nobody asked for a place and the run folder cannot be written to.
fn place_for_the_map(args: &VerifyArgs, used: &Used) -> Result<Option<PathBuf>> {
    if let Some(path) = &args.context {
        ending("--context", path, "png")?;
        writable(path)?;
        return Ok(Some(path.clone()));
    }
    let path = used.folder.path().join("context.png");
    match writable(&path) {
        Ok(()) => Ok(Some(path)),
        Err(e) => {
            note(&format!("no context map is written: {e:#}; give --context FILE.png for another place"));
            Ok(None)
        }
    }
}

/// Runs the checks; each finding is printed as soon as it is there.
fn look(session: &mut Session, form: Form) -> Result<Vec<Finding>> {
    let Session { used, opened, loader, .. } = session;
    let path = &used.restored.path;
    let state = |spec: &StateSpec| -> Result<HostTensor, TrainingError> {
        let damaged = |reason| TrainingError::Damaged { path: path.clone(), reason };
        state_of_run(used.model.as_ref(), &used.config, &used.restored.checkpoint, spec).map_err(damaged)
    };
    let subject = Subject { density: used.density()?, state: &state };
    let mut status = Status::new();
    let mut printed = Ok(());
    let mut tell = |told: Told| match told {
        Told::Doing(text) => status.show(text),
        Told::Found(finding) => {
            status.clear();
            if printed.is_ok() {
                printed = form.part(&line(finding));
            }
        }
    };
    let findings = verify(subject, opened.device(), *loader, &mut tell)?;
    printed?;
    Ok(findings)
}

/// A claim in one line, and a second one for what else there is to know.
fn line(f: &Finding) -> String {
    let verdict = if f.passed { "ok" } else { "FAILED" };
    let mut text = format!("{:<18}  {}", f.claim.name(), f.subject);
    let figure = format!("{}  ({})  {verdict}", f.figure_text(), f.bound);
    text = format!("{text:<98}  {figure}");
    if !f.remark.is_empty() {
        text = format!("{text}\n{:<18}    {}", "", f.remark);
    }
    text
}

/// Writes the context map and says what is on it.
fn show(map: &ContextMap, path: &Path, form: Form) -> Result<()> {
    let drawn = map.picture().map_err(TrainingError::from)?;
    replace(path, |file| picture::write_png(file, &drawn))?;
    note(&map.to_string());
    form.file(path)
}

/// What came of it; `--export` writes it.
#[derive(Serialize)]
struct Verified {
    #[serde(flatten)]
    machine: Machine,
    run: String,
    model: &'static str,
    step: u64,
    passed: bool,
    seconds: f64,
    claims: Vec<Finding>,
}

impl Verified {
    /// Nothing looked at yet.
    fn begun(session: &mut Session) -> Self {
        let machine = Machine::of(&mut session.opened);
        let used = &session.used;
        let run = used.folder.path().display().to_string();
        let (model, step) = (used.model.info().name, used.restored.checkpoint.step);
        Verified { machine, run, model, step, passed: false, seconds: 0.0, claims: vec![] }
    }

    fn n_failed(&self) -> usize {
        self.claims.iter().filter(|f| !f.passed).count()
    }

    fn head(&self) -> String {
        let Verified { run, model, step, .. } = self;
        format!("{model} of {run}, step {step}")
    }

    fn verdict(&self) -> String {
        let (all, seconds) = (self.claims.len(), duration(self.seconds));
        match self.n_failed() {
            0 => format!("all {all} claims hold, {seconds}"),
            n => format!("{n} of {all} claims FAILED, {seconds}"),
        }
    }
}
