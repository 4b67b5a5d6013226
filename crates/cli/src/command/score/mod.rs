//! `calotype score`.

mod anomaly;
mod evidence;
mod explain;
mod heatmap;
mod laid_open;
mod outputs;
mod summary;
mod worst;

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::Result;
use calotype_data::{Evaluation, Split};
use calotype_training::{Choice, Examined, TrainingError, Which, nats, rows_in_words};

use super::{Ending, once};
use crate::args::ScoreArgs;
use crate::fault::WrongUse;
use crate::output::{ending, has_folder, note};
use crate::session::Session;
use crate::used::{Exactness, Used};
use anomaly::Anomalies;
use explain::Explained;
use outputs::Outputs;
use summary::Summary;
use worst::MostSurprising;

/// The scores of a set of rows.
#[derive(Clone, Debug, Default)]
pub(super) struct Scores {
    /// -log p(x) in nats.
    nats: Vec<f64>,
    /// The same by the background model.
    background: Option<Vec<f64>>,
}

impl Scores {
    /// Anomaly score of each row: -log p, or its excess over the background.
    fn surprise(&self) -> Vec<f64> {
        match &self.background {
            None => self.nats.clone(),
            Some(b) => self.nats.iter().zip(b).map(|(own, background)| own - background).collect(),
        }
    }
}

/// Sets of rows: the scored ones, and those to compare with.
pub(super) struct Sets<T> {
    scored: T,
    /// Anomalous rows.
    against: Option<T>,
    /// The training rows, if a threshold is needed.
    training: Option<T>,
}

pub fn run(args: &ScoreArgs, threads: usize) -> Result<Ending> {
    let used = Used::open(&args.run, args.checkpoint.unwrap_or_default())?;
    let (_, exactness) = used.scoring(args.samples)?;
    check(args, &used, exactness)?;
    let set = once(args.set.iter().cloned())?;
    let of_data = if args.data.is_some() { set.clone() } else { BTreeMap::new() };
    let which =
        Which { data: args.data.clone(), split: args.split, inner: inner(args).filter(|_| args.data.is_some()), set: of_data };
    let examined = Examined::open(&used.config, used.model.as_ref(), &which)?;
    examined.notes.iter().for_each(|text| note(text));
    if let (Some(index), Exactness::Lower(_)) = (args.explain, exactness) {
        return evidence::run(args, used, &examined, index, threads);
    }
    if let Some(index) = args.explain {
        return explained(args, used, &examined, index, threads);
    }
    let rows = match args.count {
        Some(n) => examined.rows.first(n as usize),
        None => examined.rows.clone(),
    };
    let heatmaps = args.heatmaps.as_deref().map(|folder| heatmap::Heatmaps::new(folder, used.model.as_ref())).transpose()?;
    let novel = anomaly::novel(&used, &examined, &rows);
    if args.false_alarms.is_some() && args.against.is_none() && novel.is_none() {
        let message =
            "--false-alarms has no effect without anomalous rows; give --against DATA, or a run trained with --set exclude=CLASS";
        return Err(WrongUse(message.into()).into());
    }
    let background = args.background.as_deref().map(|run| background(run, &used)).transpose()?;
    let against = args.against.clone().map(|data| Which { data: Some(data), split: None, inner: inner(args), set: set.clone() });
    let against = against.map(|which| Examined::open(&used.config, used.model.as_ref(), &which)).transpose()?;
    against.iter().flat_map(|e| &e.notes).for_each(|text| note(text));
    let wants_threshold = against.is_some() || novel.is_some();
    // The threshold comes from the training rows.
    let training = wants_threshold.then(|| training_rows(&used)).transpose()?;
    let sets = Sets { scored: rows, against: against.as_ref().map(|e| e.rows.clone()), training };

    // The background comes first: then a row of the table is whole as soon as it is scored.
    let background = background.map(|run| nats_of(&mut run.on(args.device.as_deref(), threads)?, &sets, None)).transpose()?;
    let mut session = used.on(args.device.as_deref(), threads)?;
    let started = Instant::now();
    let of_scored = background.as_ref().map(|b| b.scored.as_slice());
    let shape = session.used.model.shape().to_vec();
    let of_rows = outputs::Numbered { rows: sets.scored.rows(), examined: &examined };
    let scored = outputs::write(args, &shape, exactness, of_rows, of_scored, heatmaps, |outputs: &mut Outputs| {
        score(&mut session, &sets.scored, args.samples, outputs)
    })?;
    let seconds = started.elapsed().as_secs_f64();
    let mut nats = |rows: Option<&Evaluation>| rows.map(|rows| session.nats(rows, args.samples)).transpose();
    let nats = Sets { scored, against: nats(sets.against.as_ref())?, training: nats(sets.training.as_ref())? };
    session.opened.keep_pipelines();

    let scores = with_background(nats, background);
    let mut summary = Summary::new(&session.used, &examined, &scores.scored, exactness, seconds);
    summary.anomalies = Anomalies::new(args.false_alarms, &scores, novel.as_ref(), against.as_ref());
    let surprise = scores.scored.surprise();
    summary.most_surprising.extend(MostSurprising::new(&examined, sets.scored.rows(), &surprise, args.worst));
    if let (Some(other), Some(scores)) = (&against, &scores.against) {
        summary.most_surprising.extend(MostSurprising::new(other, other.rows.rows(), &scores.surprise(), args.worst));
    }
    if let Some(path) = &args.out_sheet {
        worst::draw(path, session.used.model.as_ref(), &examined, sets.scored.rows(), (&surprise, args.worst))?;
    }
    args.form.answer(&summary)?;
    Ok(Ending::Done)
}

/// `--inner`, for pictures of other data.
fn inner(args: &ScoreArgs) -> Option<usize> {
    args.inner.map(usize::from)
}

/// Checks of options that need no data.
fn check(args: &ScoreArgs, used: &Used, exactness: Exactness) -> Result<()> {
    for (flag, path) in
        [("--out", &args.out), ("--pixels", &args.pixels), ("--posterior", &args.posterior), ("--out-sheet", &args.out_sheet)]
    {
        has_folder(flag, path.as_deref())?;
    }
    args.out.as_deref().map(|path| ending("--out", path, "csv")).transpose()?;
    args.pixels.as_deref().map(|path| ending("--pixels", path, "npy")).transpose()?;
    args.posterior.as_deref().map(|path| ending("--posterior", path, "png")).transpose()?;
    if let Some(path) = &args.out_sheet {
        ending("--out-sheet", path, "png")?;
        worst::check(used.model.as_ref())?;
    }
    if !args.set.is_empty() && args.data.is_none() && args.against.is_none() {
        return Err(WrongUse("--set has no effect on the run's own data; give --data or --against".into()).into());
    }
    if args.inner.is_some() && args.data.is_none() && args.against.is_none() {
        return Err(WrongUse("--inner has no effect on the run's own data; give --data or --against".into()).into());
    }
    match used.model.bound() {
        Some(bound) if args.explain.is_some() && exactness != Exactness::Exact => {
            evidence::variational(used, bound, args.posterior.as_deref())?;
        }
        _ if args.posterior.is_some() => {
            let name = used.model.info().name;
            let message =
                format!("--posterior is of models with latents and a variational bound, and {name} has none; leave it out");
            return Err(WrongUse(message).into());
        }
        _ => {}
    }
    let of_factors = [("--pixels", args.pixels.is_some()), ("--heatmaps", args.heatmaps.is_some())];
    match of_factors.iter().find(|(_, given)| *given) {
        Some((flag, _)) if exactness != Exactness::Exact => {
            let name = used.model.info().name;
            Err(WrongUse(format!(
                "{flag} needs an exact density, and {name} has a lower bound, which has no factors; leave it out"
            ))
            .into())
        }
        _ => Ok(()),
    }
}

/// `--explain`.
fn explained(args: &ScoreArgs, used: Used, examined: &Examined, index: usize, threads: usize) -> Result<Ending> {
    let row = examined.row(index)?;
    let (program, _) = used.scoring(None)?;
    let mut session = used.on(args.device.as_deref(), threads)?;
    let scorer = session.row_program(&program, 0)?;
    let log_p = session.run(&scorer, &row)?;
    args.form.answer(&Explained::new(session.used.density()?, &examined.dataset, index, &row, &log_p))?;
    Ok(Ending::Done)
}

/// -log p(x) of rows, each handed to `outputs` as soon as it is there.
fn score(session: &mut Session, rows: &Evaluation, draws: Option<usize>, outputs: &mut Outputs) -> Result<Vec<f64>> {
    let mut all = Vec::with_capacity(rows.rows().len());
    session.score(rows, draws, |x, log_p| {
        all.push(nats(log_p));
        outputs.row(x, log_p)
    })?;
    Ok(all)
}

/// -log p(x) of the rows of every set.
fn nats_of(session: &mut Session, sets: &Sets<Evaluation>, draws: Option<usize>) -> Result<Sets<Vec<f64>>> {
    let scored = session.nats(&sets.scored, draws)?;
    let mut of = |rows: &Option<Evaluation>| rows.as_ref().map(|rows| session.nats(rows, draws)).transpose();
    let (against, training) = (of(&sets.against)?, of(&sets.training)?);
    session.opened.keep_pipelines();
    Ok(Sets { scored, against, training })
}

fn with_background(own: Sets<Vec<f64>>, background: Option<Sets<Vec<f64>>>) -> Sets<Scores> {
    let (scored, against, training) = background.map_or((None, None, None), |b| (Some(b.scored), b.against, b.training));
    Sets {
        scored: Scores { nats: own.scored, background: scored },
        against: own.against.map(|nats| Scores { nats, background: against }),
        training: own.training.map(|nats| Scores { nats, background: training }),
    }
}

/// The background model, which must see rows as the run does.
fn background(run: &std::path::Path, used: &Used) -> Result<Used> {
    let background = Used::open(run, Choice::default())?;
    background.scoring(None)?;
    let (own, other) = (used.model.as_ref(), background.model.as_ref());
    if own.shape() != other.shape() || own.values() != other.values() {
        let message = format!(
            "--background {}: shape mismatch: it was trained on {}, and {} on {}; give a run that takes the same rows",
            run.display(),
            rows_in_words(other),
            used.folder.path().display(),
            rows_in_words(own)
        );
        return Err(WrongUse(message).into());
    }
    Ok(background)
}

/// Rows of the run's own training split that it was trained on.
fn training_rows(used: &Used) -> Result<Evaluation> {
    let which = Which { split: Some(Split::Train), ..Which::default() };
    let examined = Examined::open(&used.config, used.model.as_ref(), &which)?;
    let labels = examined.dataset.labels();
    let excluded = |row: u32| used.config.data.exclude.is_some_and(|class| labels.is_some_and(|l| l[row as usize] == class));
    let rows = examined.rows.rows().iter().copied().filter(|&row| !excluded(row)).collect();
    Ok(examined.rows.of(rows).map_err(TrainingError::from)?)
}
