//! The probabilities of all states sum to 1.
//!
//! Why a sum shows a leak: each conditional is a softmax and sums to 1 by itself; together they do only if none depends on what is
//! summed after it. A sum over a window of the order, given values before it, is 1 for the same reason: Π p(x_d | x_<d) over the
//! window is the window's distribution given what came before.

use calotype_models::density;

use super::desk::{Desk, Runner, Weights};
use super::finding::{Bound, Claim, Finding};
use super::rows::{self, Stage, canvases, digit, most_dims};
use crate::error::Result;
use crate::progress::grouped;

/// What f32 log-probabilities of a model of any depth stay well below.
const SUM: Bound = Bound::AroundOne(1e-4);
/// Largest over smallest probability: of a table that has learned nothing it is 1.
const RATIO: Bound = Bound::AtLeast(1.001);
/// States of the sum at the model's full size.
const FULL_SIZE_STATES: usize = 512;

/// log p of all values of a stage's window, in f64; state `s` has the digits of s in base L.
pub(super) struct Table {
    pub levels: usize,
    pub log_p: Vec<f64>,
}

impl Table {
    /// Scores every state, the other dimensions being `base` [D].
    pub fn score(desk: &mut Desk, runner: &Runner, stage: &Stage, base: &[f32]) -> Result<Self> {
        let levels = rows::levels(stage.density()).unwrap_or(1);
        let n = stage.window.len();
        let (states, dims) = (levels.pow(n as u32), base.len());
        let per_round = (PER_ROUND / dims).max(1);
        let mut log_p = Vec::with_capacity(states);
        for first in (0..states).step_by(per_round) {
            desk.doing(&format!("scoring {} of {} images", grouped(first), grouped(states)));
            let last = (first + per_round).min(states);
            let mut x = base.repeat(last - first);
            for (row, state) in x.chunks_exact_mut(dims).zip(first..) {
                stage.window.iter().enumerate().for_each(|(n, &d)| row[d] = digit(state, n, levels) as f32);
            }
            let factors = desk.run(runner, &x)?;
            let of_row = |row: &[f32]| stage.window.iter().map(|&d| f64::from(row[d])).sum::<f64>();
            log_p.extend(factors.chunks_exact(dims).map(of_row));
        }
        Ok(Table { levels, log_p })
    }

    pub fn sum(&self) -> f64 {
        self.log_p.iter().map(|l| l.exp()).sum()
    }

    /// Largest over smallest probability.
    fn ratio(&self) -> f64 {
        let (least, most) = self.log_p.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, m), &p| (l.min(p), m.max(p)));
        (most - least).exp()
    }
}

/// Numbers of rows that are made at once.
const PER_ROUND: usize = 1 << 22;

/// The largest stage that `stage` gives for n of `from`, from - 1, … 1 whose states the effort allows, with its program loaded.
pub(super) fn affordable<'a>(
    desk: &mut Desk<'a>,
    from: usize,
    mut stage: impl FnMut(usize) -> Option<Stage<'a>>,
) -> Result<Option<(Stage<'a>, Runner)>> {
    for n in (1..=from).rev() {
        let Some(stage) = stage(n) else { continue };
        let density = stage.density();
        let levels = rows::levels(density).unwrap_or(1);
        let runner = desk.program(density, density::scoring, Desk::batch(density), Weights::Own)?;
        let states = levels.pow(stage.window.len() as u32) as f64;
        if states * runner.flops_per_row <= desk.effort.flops || n == 1 {
            return Ok(Some((stage, runner)));
        }
        desk.clear()?;
    }
    Ok(None)
}

/// A sum over a stage's window, as findings.
fn findings(stage: &Stage, table: &Table, subject: String, remark: &str) -> Vec<Finding> {
    let window = &stage.window;
    let what = format!("all {} of {subject}", grouped(table.log_p.len()));
    let mut all = vec![Finding::new(Claim::SumsToOne, what, table.sum(), SUM, remark.to_owned())];
    if stage.whole && window.len() > 1 {
        let ratio = table.ratio();
        let flat = "all values are equally likely: the model has learned nothing, and the other claims mean little";
        let remark = if RATIO.holds(ratio) { "" } else { flat };
        all.push(Finding::new(Claim::NotUniform, "largest p over smallest".into(), ratio, RATIO, remark.into()));
    }
    all
}

/// The claim for a model of levels.
pub(super) fn check(desk: &mut Desk) -> Result<Vec<Finding>> {
    let own = desk.subject.density;
    let Some(levels) = rows::levels(own) else { return Ok(vec![]) };
    let n = most_dims(levels, desk.effort.states);
    let mut all = canvas_sums(desk, levels, n)?;
    let has_canvas = !all.is_empty();
    let full = if has_canvas { most_dims(levels, FULL_SIZE_STATES.max(levels)) } else { n };
    all.extend(full_size_sums(desk, full.max(1), has_canvas)?);
    Ok(all)
}

/// On small canvases; none where the model has none.
fn canvas_sums(desk: &mut Desk, levels: usize, n: usize) -> Result<Vec<Finding>> {
    let own = desk.subject.density;
    let &[_, _, channels] = own.shape() else { return Ok(vec![]) };
    let mut sizes: Vec<Vec<[usize; 2]>> = vec![canvases(n / channels)];
    if levels == 2 && channels == 1 {
        sizes.push(vec![[3, 3]]);
    }
    let mut all = Vec::new();
    let (mut done, before) = (Vec::new(), n / channels * channels);
    for canvas in sizes.into_iter().flatten() {
        // Smaller ones where the largest is more than is allowed.
        let first = canvas[0] * canvas[1];
        let on = |pixels: usize| {
            let size = if pixels == first { canvas } else { *canvases(pixels).first()? };
            (size[0] * size[1] == pixels).then(|| Stage::on_canvas(own, size, before)).flatten()
        };
        let Some((stage, runner)) = affordable(desk, first, on)? else { continue };
        let shape = stage.density().shape().to_vec();
        if !done.contains(&shape) {
            let base = vec![0.0; rows::dims(stage.density())];
            let table = Table::score(desk, &runner, &stage, &base)?;
            let subject = format!("{}, {}", rows::size(stage.density()), level_words(levels));
            let remark = if shape[0] * shape[1] < first { "a smaller canvas than on a faster device" } else { "" };
            all.extend(findings(&stage, &table, subject, remark));
            done.push(shape);
        }
        desk.clear()?;
    }
    if before == 0 && own.canvas([1, 2, channels]).is_some() {
        all.extend(colour_sums(desk, levels)?);
    }
    Ok(all)
}

/// Where a single pixel has more values than can be summed: over every two colours that follow each other, given the ones before.
fn colour_sums(desk: &mut Desk, levels: usize) -> Result<Vec<Finding>> {
    let own = desk.subject.density;
    let n = most_dims(levels, desk.effort.states).max(1);
    let mut all = Vec::new();
    let base = |stage: &Stage| rows::random_row(stage.density(), "colours");
    for from in 0..=own.shape().last().map_or(0, |c| c + 1 - n.min(*c)) {
        let on = |n: usize| {
            let mut stage = Stage::on_canvas(own, [1, 2], usize::MAX)?;
            stage.window = stage.window.into_iter().skip(from).take(n).collect();
            stage.whole = false;
            Some(stage)
        };
        if let Some((stage, runner)) = affordable(desk, n, on)? {
            let table = Table::score(desk, &runner, &stage, &base(&stage))?;
            let places: Vec<String> = stage.window.iter().map(|&d| rows::place(stage.density(), d)).collect();
            let subject = format!("{} on 1x2, {}, given the values before", places.join(" "), level_words(levels));
            let remark = if from == 0 { "a pixel has too many values to sum over: colours are summed in turn" } else { "" };
            all.extend(findings(&stage, &table, subject, remark));
        }
        desk.clear()?;
    }
    Ok(all)
}

/// At the model's own size: the first dimensions of the order, where no canvas has shown as much, and the last ones given a random
/// beginning.
fn full_size_sums(desk: &mut Desk, n: usize, has_canvas: bool) -> Result<Vec<Finding>> {
    let own = desk.subject.density;
    let dims = rows::dims(own);
    let levels = rows::levels(own).unwrap_or(1);
    let mut all = Vec::new();
    let ends = [(true, "first"), (false, "last")];
    for (first, word) in ends.into_iter().filter(|(first, _)| !(*first && has_canvas)) {
        let most = if first { n } else { n.min(most_dims(levels, FULL_SIZE_STATES.max(levels))) }.min(dims);
        let on = |n: usize| Some(Stage::own(own, if first { 0 } else { dims - n }, n));
        let Some((mut stage, runner)) = affordable(desk, most, on)? else { continue };
        if !first && stage.window.len() == 1 {
            // A softmax by itself: it shows nothing.
            desk.clear()?;
            continue;
        }
        let base = if first { vec![0.0; dims] } else { rows::random_row(own, "given") };
        let table = Table::score(desk, &runner, &stage, &base)?;
        let given = if first { "" } else { " given random values" };
        let n = stage.window.len();
        let subject = format!("the {word} {n} of {dims} in the order{given}, {}", level_words(levels));
        let remark = if n < most { "fewer dimensions than on a faster device" } else { "" };
        stage.whole = first;
        all.extend(findings(&stage, &table, subject, remark));
        desk.clear()?;
    }
    Ok(all)
}

/// `bits`, `17 levels`.
fn level_words(levels: usize) -> String {
    if levels == 2 { "bits".into() } else { format!("{levels} levels") }
}
