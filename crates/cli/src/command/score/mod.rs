//! `calotype score`.

mod anomaly;
mod explain;
mod heatmap;
mod summary;

use std::fmt::Write as _;

use anyhow::Result;
use calotype_data::{Evaluation, write_npy};
use calotype_training::{Examined, Scorer, TrainingError, Which, nats, rows_in_words};

use super::Ending;
use crate::args::ScoreArgs;
use crate::fault::WrongUse;
use crate::output::{counted, ending, has_folder, note, print, replace, replace_text};
use crate::used::{Bench, Used};

/// What was found for every row of a set.
#[derive(Clone, Debug, Default)]
pub(super) struct Scores {
    /// -log p(x) in nats.
    nats: Vec<f64>,
    /// The same by the background model.
    background: Option<Vec<f64>>,
}

impl Scores {
    /// How little a row fits: -log p, or what it costs more than by the background.
    fn surprise(&self) -> Vec<f64> {
        match &self.background {
            None => self.nats.clone(),
            Some(b) => self.nats.iter().zip(b).map(|(own, background)| own - background).collect(),
        }
    }
}

pub fn run(args: &ScoreArgs, threads: usize) -> Result<Ending> {
    let used = Used::open(&args.run, args.checkpoint.unwrap_or_default())?;
    used.density()?;
    for (flag, path) in [("--out", &args.out), ("--pixels", &args.pixels)] {
        has_folder(flag, path.as_deref())?;
    }
    args.out.as_deref().map(|path| ending("--out", path, "csv")).transpose()?;
    args.pixels.as_deref().map(|path| ending("--pixels", path, "npy")).transpose()?;
    let inner = args.inner.map(usize::from);
    let which = Which { data: args.data.clone(), split: args.split, inner: inner.filter(|_| args.data.is_some()) };
    if inner.is_some() && args.data.is_none() && args.against.is_none() {
        return Err(WrongUse("--inner is for other data than the run's: give --data or --against".into()).into());
    }
    let examined = Examined::open(&used.config, used.model.as_ref(), &which)?;
    let rows = match args.count {
        Some(n) => examined.rows.first(n as usize),
        None => examined.rows.clone(),
    };
    let heatmaps = args.heatmaps.as_deref().map(|folder| heatmap::Heatmaps::new(folder, used.model.as_ref())).transpose()?;
    if let Some(index) = args.explain {
        let row = examined.row(index)?;
        let mut bench = used.on(args.device.as_deref(), threads)?;
        let scorer = bench.scorer()?;
        let log_p = scorer.log_p(bench.opened.device(), &row)?;
        print(&explain::text(bench.used.density()?, &examined.dataset, index, &row, &log_p))?;
        return Ok(Ending::Done);
    }
    let novel = anomaly::novel(&used, &examined, &rows);
    if args.false_alarms.is_some() && args.against.is_none() && novel.is_none() {
        let message = "--false-alarms needs rows that should not fit: --against DATA, or a run that was trained without a class";
        return Err(WrongUse(message.into()).into());
    }
    let background = args.background.as_deref().map(|run| background(run, &used)).transpose()?;
    let against = args.against.clone().map(|data| Which { data: Some(data), split: None, inner });
    let against = against.map(|which| Examined::open(&used.config, used.model.as_ref(), &which)).transpose()?;

    let mut bench = used.on(args.device.as_deref(), threads)?;
    let started = std::time::Instant::now();
    let mut keep = Keep { pixels: args.pixels.is_some().then(Vec::new), heatmaps, n: 0 };
    let mut sets = Sets {
        scored: Scores { nats: score(&mut bench, &rows, Some(&mut keep))?, background: None },
        against: None,
        training: None,
    };
    let seconds = started.elapsed().as_secs_f64();
    if let (Some(path), Some(log_p)) = (&args.pixels, &keep.pixels) {
        let shape = [&[rows.rows().len()], bench.used.model.shape()].concat();
        replace(path, |file| write_npy(file, &shape, log_p))?;
    }
    // What counts as surprising is learned from the rows that the model was trained on.
    let other = against.as_ref().map(|e| &e.rows);
    let training = match other.is_some() || novel.is_some() {
        true => Some(training_rows(&bench.used)?),
        false => None,
    };
    sets.against = other.map(|rows| score(&mut bench, rows, None)).transpose()?.map(|nats| Scores { nats, background: None });
    sets.training = training.as_ref().map(|rows| score(&mut bench, rows, None)).transpose()?.map(of_nats);
    bench.opened.keep_pipelines();
    if let Some(background) = background {
        let mut bench = background.on(args.device.as_deref(), threads)?;
        sets.scored.background = Some(score(&mut bench, &rows, None)?);
        if let (Some(scores), Some(rows)) = (&mut sets.against, other) {
            scores.background = Some(score(&mut bench, rows, None)?);
        }
        if let (Some(scores), Some(rows)) = (&mut sets.training, &training) {
            scores.background = Some(score(&mut bench, rows, None)?);
        }
    }
    if let Some(path) = &args.out {
        let csv = csv(rows.rows(), &sets.scored, bench.used.model.shape().iter().product());
        replace_text(path, &csv)?;
    }
    let mut text = summary::text(&bench.used, &examined, &sets.scored, seconds);
    anomaly::text(&mut text, args, &sets, novel.as_ref(), against.as_ref());
    print(&text)?;
    Ok(Ending::Done)
}

/// What was scored.
pub(super) struct Sets {
    scored: Scores,
    /// Rows that should not fit.
    against: Option<Scores>,
    /// What the model was trained on, where a threshold is wanted.
    training: Option<Scores>,
}

fn of_nats(nats: Vec<f64>) -> Scores {
    Scores { nats, background: None }
}

/// What is kept of rows while they are scored.
struct Keep {
    /// log p(x_d | x_<d) of all rows.
    pixels: Option<Vec<f32>>,
    heatmaps: Option<heatmap::Heatmaps>,
    n: usize,
}

fn score(bench: &mut Bench, rows: &Evaluation, keep: Option<&mut Keep>) -> Result<Vec<f64>> {
    let scorer: Scorer = bench.scorer()?;
    let mut all = Vec::with_capacity(rows.rows().len());
    let mut keep = keep;
    scorer.each(bench.opened.device(), rows, |x, log_p| {
        all.push(nats(log_p));
        if let Some(keep) = &mut keep {
            if let Some(pixels) = &mut keep.pixels {
                pixels.extend_from_slice(log_p);
            }
            if let Some(heatmaps) = &keep.heatmaps {
                heatmaps.write(keep.n, x, log_p)?;
            }
            keep.n += 1;
        }
        Ok::<(), anyhow::Error>(())
    })?;
    Ok(all)
}

/// The background model, which must see rows as the run does.
fn background(run: &std::path::Path, used: &Used) -> Result<Used> {
    let background = Used::open(run, calotype_training::Choice::default())?;
    background.density()?;
    let (own, other) = (used.model.as_ref(), background.model.as_ref());
    if own.shape() != other.shape() || own.values() != other.values() {
        let message = format!(
            "--background {}: it was trained on {}, and {} on {}; give a run that takes the same rows",
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
    let which = Which { split: Some(calotype_data::Split::Train), ..Which::default() };
    let examined = Examined::open(&used.config, used.model.as_ref(), &which)?;
    let labels = examined.dataset.labels();
    let excluded = |row: u32| used.config.data.exclude.is_some_and(|class| labels.is_some_and(|l| l[row as usize] == class));
    let rows = examined.rows.rows().iter().copied().filter(|&row| !excluded(row)).collect();
    Ok(examined.rows.of(rows).map_err(TrainingError::from)?)
}

fn csv(rows: &[u32], scores: &Scores, n_values: usize) -> String {
    let per_bit = std::f64::consts::LN_2 * n_values as f64;
    let more = if scores.background.is_some() { ",background_log_likelihood_nats,ratio_nats" } else { "" };
    let mut text = format!("row,index,log_likelihood_nats,bits_per_dim,bound{more}\n");
    for (n, (index, nats)) in rows.iter().zip(&scores.nats).enumerate() {
        let _ = write!(text, "{n},{index},{:.6},{:.6},exact", -nats, nats / per_bit);
        if let Some(b) = &scores.background {
            let _ = write!(text, ",{:.6},{:.6}", -b[n], b[n] - nats);
        }
        text.push('\n');
    }
    note(&format!("{} scored", counted(rows.len() as u64, "row")));
    text
}
