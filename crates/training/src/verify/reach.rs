//! A conditional depends on what its architecture says, [`Density::sees`](calotype_models::Density::sees), and on nothing else.
//!
//! The user's own weights may have unlearned a dependence, so weights of unit gain are drawn from seeds here. A rectifier may still
//! be shut, or two tables be equal by chance: dependences of several rounds are put together, each with weights and an image of
//! its own.

use calotype_models::{Density, density};

use super::ahead::same_bits;
use super::desk::{Desk, Weights};
use super::finding::{Bound, Claim, Finding};
use super::rows::{self, Stage};
use crate::error::Result;
use crate::progress::grouped;

/// Rounds at most; fewer where nothing is missing any more.
const ROUNDS: usize = 12;
/// Rounds at least: what is seen without right must have a chance to show.
const LEAST_ROUNDS: usize = 3;
/// Sides of the canvas: below 6 the Diagonal BiLSTM has no blind spot.
const SIDES: std::ops::RangeInclusive<usize> = 6..=16;
/// Dimensions of a model that has one size only.
const FIRST: usize = 196;
const NAMED: usize = 3;

/// Which conditionals change with which dimensions, against what the model says.
pub(super) fn check(desk: &mut Desk) -> Result<Vec<Finding>> {
    let own = desk.subject.density;
    let stage = match telling_side(own) {
        Some(side) => Stage::on_canvas(own, [side, side], usize::MAX),
        None => None,
    };
    let stage = stage.unwrap_or_else(|| Stage::own(own, 0, FIRST));
    let (density, window) = (stage.density(), &stage.window);
    let (dims, n, k) = (rows::dims(density), window.len(), density.conditional().n_parameters());
    let says: Vec<bool> = window.iter().flat_map(|&at| window.iter().map(move |&from| density.sees(at, from))).collect();
    let mut sees = vec![false; n * n];
    let batch = Desk::batch(density).min(n);
    let mut rounds = 0;
    while rounds < ROUNDS && (rounds < LEAST_ROUNDS || says.iter().zip(&sees).any(|(says, sees)| *says && !sees)) {
        desk.doing(&format!("dependences on {}, round {}", rows::size(density), rounds + 1));
        let runner = desk.program(density, density::conditionals, batch, Weights::Seeded(rows::SEED + rounds as u64))?;
        let row = rows::random_row(density, &format!("reach {rounds}"));
        let mut random = rows::random(rows::SEED, &format!("reach {rounds}, other"));
        let base = row.repeat(batch);
        let before = desk.run(&runner, &base)?;
        for (nth, chunk) in window.chunks(batch).enumerate() {
            let mut x = base.clone();
            for (row, &from) in x.chunks_exact_mut(dims).zip(chunk) {
                row[from] = rows::other(density, row[from], &mut random);
            }
            let after = desk.run(&runner, &x)?;
            let pairs = before.chunks_exact(dims * k).zip(after.chunks_exact(dims * k));
            for (from, (before, after)) in (nth * batch..).zip(pairs.take(chunk.len())) {
                for (at, &d) in window.iter().enumerate() {
                    sees[at * n + from] |= !same_bits(&before[d * k..][..k], &after[d * k..][..k]);
                }
            }
        }
        desk.clear()?;
        rounds += 1;
    }
    Ok(vec![finding(density, window, &says, &sees)])
}

/// `says` and `sees` [at, from] over the dimensions of `window`.
fn finding(density: &dyn Density, window: &[usize], says: &[bool], sees: &[bool]) -> Finding {
    let n = window.len();
    let wrong = |missing: bool| {
        let pairs = says.iter().zip(sees).enumerate().filter(move |(_, (says, sees))| says != sees && **says == missing);
        pairs.map(|(pair, _)| pair).collect::<Vec<_>>()
    };
    let (missing, extra) = (wrong(true), wrong(false));
    let named = |pairs: &[usize], verb: &str| {
        let pair = |&p: &usize| format!("{} {verb} {}", rows::place(density, window[p / n]), rows::place(density, window[p % n]));
        pairs.iter().take(NAMED).map(pair).collect::<Vec<_>>()
    };
    let n_wrong = missing.len() + extra.len();
    let remark = match n_wrong {
        0 => format!("{} dependences, as the architecture says", grouped(says.iter().filter(|s| **s).count())),
        _ => {
            let words = [named(&extra, "depends on"), named(&missing, "should depend on")].concat();
            format!("{}{}", words.join("; "), if n_wrong > words.len() { "; …" } else { "" })
        }
    };
    let part = if n < rows::dims(density) { format!("the first {n} of ") } else { String::new() };
    let subject = format!("random weights, {part}{}: wrong among {} pairs", rows::size(density), grouped(n * n));
    Finding::new(Claim::Reach, subject, n_wrong as f64, Bound::AtMost(0.0), remark)
}

/// The side of the smallest square canvas on which a pixel is blind in every direction in which it is on a large one; none where
/// the model has no other canvas.
fn telling_side(own: &dyn Density) -> Option<usize> {
    let &[_, _, channels] = own.shape() else { return None };
    let blind = |side: usize| -> Option<[bool; 4]> {
        let model = own.canvas([side, side, channels])?;
        Some(blind_directions(model.density()?, side, channels))
    };
    let all = blind(*SIDES.end())?;
    SIDES.into_iter().find(|&side| blind(side) == Some(all)).or(Some(*SIDES.end()))
}

/// Whether some pixel does not see one before it that lies in its own row; above and left of it; right above; above and right.
fn blind_directions(density: &dyn Density, side: usize, channels: usize) -> [bool; 4] {
    let mut blind = [false; 4];
    for at in 0..side * side {
        for from in 0..at {
            let direction = if from / side == at / side { 0 } else { 2 + (from % side).cmp(&(at % side)) as i8 } as usize;
            blind[direction] |= !blind[direction] && !density.sees(at * channels, from * channels);
        }
    }
    blind
}
