//! Sample frequencies follow the probabilities: Pearson's chi-square test over all states.

use calotype_models::distributions::special::chi_square_survival;
use calotype_models::{Density, density};

use super::desk::{Desk, Weights};
use super::finding::{Bound, Claim, Finding};
use super::rows::{self, SEED, Stage, canvases, most_dims};
use super::sums::{Table, affordable};
use crate::error::Result;
use crate::progress::grouped;
use crate::sampler::Known;

/// An alarm in a million verifications.
pub(super) const CHANCE: Bound = Bound::AtLeast(1e-6);
/// Rows that can be, at most: more would each be drawn too seldom.
const STATES: usize = 8_192;
/// States that are expected less often are put together, as the approximation by chi-square asks for.
const LEAST_EXPECTED: f64 = 5.0;

/// The claim for a model of levels: on a small canvas, or over the first dimensions of its order.
pub(super) fn check(desk: &mut Desk) -> Result<Vec<Finding>> {
    let own = desk.subject.density;
    let Some(levels) = rows::levels(own) else { return Ok(vec![]) };
    // Two dimensions at least: one shows nothing of what they have to do with each other.
    let most = most_dims(levels, STATES).max(2).min(most_dims(levels, desk.effort.states)).min(rows::dims(own)).max(1);
    let Some((stage, runner)) = affordable(desk, most, |n| stage(own, n))? else {
        return Ok(vec![]);
    };
    let base = vec![0.0; rows::dims(stage.density())];
    let table = Table::score(desk, &runner, &stage, &base)?;
    desk.clear()?;
    let (_, drawn) = desk.draw(stage.density(), desk.effort.drawings, SEED, None)?;
    desk.clear()?;
    let part = if stage.whole { String::new() } else { format!("the first {} of ", stage.window.len()) };
    let subject = |n: usize| format!("{} samples, {part}{}: p-value of chi-square", grouped(n), rows::size(stage.density()));
    let mut all = vec![finding(&table, &stage, &drawn, subject)];
    if !stage.whole && stage.is_own() {
        // The first dimensions of images are often black. Its own first drawing is a beginning that can be.
        let row = drawn.get(..base.len()).map_or(base, <[f32]>::to_vec);
        all.push(completions(desk, stage.window.len(), &row)?);
    }
    Ok(all)
}

/// The same for dimensions in the middle of the order, all others kept as they are in a row.
fn completions(desk: &mut Desk, n: usize, row: &[f32]) -> Result<Finding> {
    let own = desk.subject.density;
    let from = (row.len() / 2).min(row.len() - n);
    let stage = Stage::own(own, from, n);
    let runner = desk.program(own, density::scoring, Desk::batch(own), Weights::Own)?;
    let table = Table::score(desk, &runner, &stage, row)?;
    desk.clear()?;
    let mut mask = vec![1.0; row.len()];
    stage.window.iter().for_each(|&d| mask[d] = 0.0);
    let (_, drawn) = desk.draw(own, desk.effort.drawings / 2, SEED + 2, Some(Known { values: row, mask: &mask }))?;
    desk.clear()?;
    let subject =
        |count: usize| format!("{} completions, dimensions {from} to {} of the order: p-value", grouped(count), from + n - 1);
    Ok(finding(&table, &stage, &drawn, subject))
}

/// `n` dimensions: a canvas of about as many, or the model as it is.
fn stage(own: &dyn Density, n: usize) -> Option<Stage<'_>> {
    let channels = own.shape().last().copied().unwrap_or(1);
    let is_picture = own.shape().len() == 3;
    // Two pixels at least, of which only the first n values are looked at where there are too many.
    let size = canvases((n / channels).max(2)).first().copied().filter(|_| is_picture);
    let on_canvas = size.and_then(|size| Stage::on_canvas(own, size, n));
    Some(on_canvas.unwrap_or_else(|| Stage::own(own, 0, n)))
}

fn finding(table: &Table, stage: &Stage, drawn: &[f32], subject: impl Fn(usize) -> String) -> Finding {
    let dims = rows::dims(stage.density());
    let mut counts = vec![0.0; table.log_p.len()];
    let (mut n, mut n_strange) = (0_usize, 0_usize);
    for row in drawn.chunks_exact(dims) {
        match state(row, &stage.window, table.levels) {
            Some(state) => counts[state] += 1.0,
            None => n_strange += 1,
        }
        n += 1;
    }
    if n_strange > 0 || n == 0 {
        let remark = format!("{n_strange} rows hold values that are not levels");
        return Finding::new(Claim::SamplesAreScores, subject(n), f64::NAN, CHANCE, remark);
    }
    let expected: Vec<f64> = table.log_p.iter().map(|l| l.exp() * n as f64).collect();
    let test = ChiSquare::new(&counts, &expected);
    Finding::new(Claim::SamplesAreScores, subject(n), test.chance(), CHANCE, test.to_string())
}

/// Which state a row's window is in.
fn state(row: &[f32], window: &[usize], levels: usize) -> Option<usize> {
    window.iter().rev().try_fold(0, |state, &d| {
        let is_level = row[d] >= 0.0 && row[d].fract() == 0.0 && row[d] < levels as f32;
        is_level.then(|| state * levels + row[d] as usize)
    })
}

/// Pearson's test of counts against what was expected.
pub(super) struct ChiSquare {
    statistic: f64,
    cells: usize,
    pooled: usize,
}

impl ChiSquare {
    /// States that are expected less than five times are put together, as they come, until they are; what is left over joins the
    /// rarest cell.
    pub fn new(counts: &[f64], expected: &[f64]) -> Self {
        let (mut cells, mut rare, mut pooled) = (Vec::new(), (0.0, 0.0), 0);
        for (&count, &expected) in counts.iter().zip(expected) {
            if expected >= LEAST_EXPECTED {
                cells.push((count, expected));
                continue;
            }
            rare = (rare.0 + count, rare.1 + expected);
            pooled += 1;
            if rare.1 >= LEAST_EXPECTED {
                cells.push(std::mem::take(&mut rare));
            }
        }
        if let Some(rarest) = cells.iter_mut().min_by(|a, b| a.1.total_cmp(&b.1)) {
            *rarest = (rarest.0 + rare.0, rarest.1 + rare.1);
        }
        let statistic = cells.iter().map(|(count, expected)| (count - expected).powi(2) / expected).sum();
        ChiSquare { statistic, cells: cells.len(), pooled }
    }

    /// Of a statistic at least as large, were the counts drawn so. A single cell is always as expected.
    pub fn chance(&self) -> f64 {
        if self.cells < 2 { 1.0 } else { chi_square_survival(self.statistic, self.cells as f64 - 1.0) }
    }
}

impl std::fmt::Display for ChiSquare {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let cells = if self.cells == 1 { "cell" } else { "cells" };
        write!(f, "chi-square {:.1} in {} {cells}", self.statistic, grouped(self.cells))?;
        if self.pooled > 0 {
            write!(f, ", {} rare states pooled", grouped(self.pooled))?;
        }
        if self.cells < 2 {
            f.write_str(": nearly all probability is in one state, so the test is weak")?;
        }
        Ok(())
    }
}

/// Rows drawn at full size, and the parameters of their conditionals [N, D, K] as scoring gives them.
pub(super) struct Drawn {
    pub noise: Vec<f32>,
    pub rows: Vec<f32>,
    pub parameters: Vec<f32>,
}

impl Drawn {
    pub fn new(desk: &mut Desk, count: usize, seed: u64) -> Result<Self> {
        let own = desk.subject.density;
        let (noise, rows) = desk.draw(own, count, seed, None)?;
        desk.clear()?;
        let runner = desk.program(own, density::conditionals, Desk::batch(own).min(count), Weights::Own)?;
        let parameters = desk.run(&runner, &rows)?;
        desk.clear()?;
        Ok(Drawn { noise, rows, parameters })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_as_expected_are_likely_and_others_are_not() {
        let expected = [40.0, 30.0, 20.0, 8.0, 1.0, 1.0];
        assert!(ChiSquare::new(&[42.0, 27.0, 21.0, 8.0, 2.0, 0.0], &expected).chance() > 0.1);
        let off = ChiSquare::new(&[400.0, 450.0, 50.0, 80.0, 10.0, 10.0], &expected.map(|e| 10.0 * e));
        assert!(off.chance() < 1e-6, "{off}");
        assert!(!CHANCE.holds(off.chance()));
    }

    /// Both of the rare states are drawn every time: pooled, they still show.
    #[test]
    fn rare_states_are_pooled_and_count() {
        let test = ChiSquare::new(&[0.0, 50.0, 50.0], &[99.0, 0.5, 0.5]);
        assert_eq!((test.cells, test.pooled), (1, 2));
        let test = ChiSquare::new(&[0.0, 50.0, 50.0], &[91.0, 4.5, 4.5]);
        assert_eq!((test.cells, test.pooled), (2, 2));
        assert!(test.chance() < 1e-6);
    }

    #[test]
    fn a_state_is_found_again() {
        assert_eq!(state(&[9.0, 2.0, 0.0, 1.0], &[3, 1], 3), Some(1 + 3 * 2));
        for bad in [0.5, -1.0, 3.0, f32::NAN] {
            assert_eq!(state(&[bad], &[0], 3), None, "{bad}");
        }
    }
}
