//! Whether drawings show what their captions say, of data whose captions say what is known of each row (`shapes`).

use anyhow::Result;
use calotype_data::{Captions, Dataset, Factor};
use calotype_training::evaluate::{Factored, Figure, agreement, mixed, retrieval};
use calotype_training::{Against, brightness, sample_batch};

use super::judge::{Judge, Subject};
use super::made;
use crate::session::Session;

/// Images among which a caption finds its own.
const AMONG: usize = 64;
/// Values of a factor, at most, that a small classifier tells apart.
const MOST_VALUES: usize = 64;

/// Captions of a kind, and what was drawn of them.
struct Shown {
    captions: &'static str,
    rows: Vec<u32>,
    drawn: Vec<f32>,
    /// Of the same captions in another order.
    others: Vec<f32>,
    real: Vec<f32>,
}

/// By captions of held-out rows, `shown` and `drawn`, and by as many of training rows.
///
/// # Errors
/// What the device says.
pub fn figures(
    session: &mut Session,
    (dataset, captions): (&Dataset, &Captions),
    against: &Against,
    (shown, drawn): (&[u32], &[f32]),
    (seed, threads): (u64, usize),
) -> Result<Vec<Figure>> {
    let learned = mixed(against.learned.spaced(shown.len()), seed);
    let of_learned = made::drawn(session, captions, &learned, seed)?;
    let all = [("held-out", shown.to_vec(), drawn.to_vec()), ("training", learned, of_learned)];
    let sets = all.into_iter().map(|(kind, rows, drawn)| {
        let mut order = rows.clone();
        order.rotate_left(rows.len() / 2);
        let real: Vec<f32> = rows.iter().flat_map(|&row| against.held_out.row(row)).collect();
        let real = brightness(session.used.model.values(), &real);
        Ok(Shown { captions: kind, others: made::drawn(session, captions, &order, seed)?, rows, drawn, real })
    });
    let sets = sets.collect::<Result<Vec<_>>>()?;
    let mut figures = vec![];
    for factor in said(dataset, captions, &sets) {
        let name = factor.name.clone();
        let subject = Subject { name: name.clone(), labels: factor.of_row.clone(), values: factor.values.clone() };
        let rows = (against.learned.rows().to_vec(), &against.held_out);
        let mut judge = Judge::of_subject(&session.used, dataset, subject, rows, threads)?;
        for set in &sets {
            let said: Vec<u32> = set.rows.iter().map(|&row| factor.of_row[row as usize]).collect();
            let [drawn, real, others] = [&set.drawn, &set.real, &set.others].map(|images| judge.says(images));
            let (drawn, real, others) = (drawn?.classes, real?.classes, others?.classes);
            let n_values = factor.values.len();
            let of = Factored { name: &name, n_values, said: &said, drawn: &drawn, real: &real, others: &others };
            figures.push(agreement(&of, set.captions));
        }
    }
    for set in sets.iter().filter(|set| set.rows.len() >= AMONG) {
        let right = found(session, captions, against, &set.rows)?;
        figures.push(retrieval(&right, AMONG, set.captions));
    }
    Ok(figures)
}

/// The factors that captions say: rows that are described alike are alike in them.
fn said<'a>(dataset: &'a Dataset, captions: &Captions, sets: &[Shown]) -> Vec<&'a Factor> {
    let mut alike: Vec<(u32, u32)> = sets.iter().flat_map(|set| &set.rows).map(|&row| (captions.meaning(row), row)).collect();
    alike.sort_unstable();
    let is_said = |factor: &&Factor| {
        let of = |row: u32| factor.of_row[row as usize];
        let mut pairs = alike.windows(2).filter(|pair| pair[0].0 == pair[1].0);
        (2..=MOST_VALUES).contains(&factor.values.len()) && pairs.all(|pair| of(pair[0].1) == of(pair[1].1))
    };
    dataset.factors().iter().filter(is_said).collect()
}

/// Of each caption, whether the image that its embedding is nearest to, of [`AMONG`], is one that it describes.
fn found(session: &mut Session, captions: &Captions, against: &Against, rows: &[u32]) -> Result<Vec<bool>> {
    let model = std::sync::Arc::clone(&session.used.model);
    let Some(features) = model.features(AMONG) else { return Err(session.used.cannot("has no features")) };
    let seeing = session.row_program(&features?, 0)?;
    let reading = session.drawings(sample_batch(model.shape()))?;
    let mut right = vec![];
    for of in rows.chunks_exact(AMONG) {
        let images: Vec<f32> = of.iter().flat_map(|&row| against.held_out.row(row)).collect();
        let sentences: Vec<&str> = of.iter().enumerate().map(|(nth, &row)| made::phrase(captions, row, nth)).collect();
        let (v, t) = (session.run(&seeing, &images)?, reading.read(session.opened.device(), &sentences)?);
        let e = t.len() / AMONG;
        for (row, t) in of.iter().zip(t.chunks_exact(e)) {
            let score = |v: &[f32]| v.iter().zip(t).map(|(a, b)| a * b).sum::<f32>();
            let best = v.chunks_exact(e).map(score).enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(at, _)| at);
            right.push(captions.meaning(of[best]) == captions.meaning(*row));
        }
    }
    Ok(right)
}
