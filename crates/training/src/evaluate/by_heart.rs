//! Whether samples repeat training rows.

use super::neighbours::{Nearest, authentic, nearest};
use super::{AUTHENTIC, Better, Estimate, Figure, NEAREST, Sets};

/// Values of a row whose nearest training row is sought, at most; larger images are made smaller.
const MOST_VALUES: usize = 1024;

/// The figures, and of each sample the number of its nearest training row, with its distance.
pub(super) fn by_heart(sets: &Sets) -> (Vec<Figure>, Vec<(usize, f64)>) {
    let small = |all: &[f32]| -> Vec<Vec<f32>> {
        let d = sets.shape.iter().product::<usize>().max(1);
        all.chunks_exact(d).map(|row| reduced(row, sets.shape)).collect()
    };
    let [samples, held_out] = [sets.samples, sets.held_out].map(small);
    let [samples, held_out] = [&samples, &held_out].map(|rows| rows.iter().map(Vec::as_slice).collect::<Vec<&[f32]>>());
    let d = samples.first().map_or(1, |row| row.len()).max(1);
    let training: Vec<&[f32]> = sets.training.chunks_exact(d).collect();
    let root = (d as f64).sqrt();
    let [to_samples, to_held_out] = [&samples, &held_out].map(|rows| nearest(rows, &training, |_| None));
    let floor = |estimate: Estimate| (!sets.all_learned).then_some(estimate);
    let far =
        |to: &[Option<Nearest>]| Estimate::mean(&to.iter().flatten().map(|n| f64::from(n.distance) / root).collect::<Vec<_>>());
    let part = |to: &[Option<Nearest>]| {
        let hits = authentic(to, &training).into_iter().map(|hit| f64::from(u8::from(hit)));
        Estimate::mean(&hits.collect::<Vec<_>>())
    };
    let figures = vec![
        Figure::new(
            NEAREST,
            far(&to_samples),
            Better::Near,
            "mean distance of a sample from the training row nearest to it, as a root mean square; the floor is of held-out rows",
        )
        .with_floor(floor(far(&to_held_out))),
        Figure::new(
            AUTHENTIC,
            part(&to_samples),
            Better::Near,
            "samples that are farther from their nearest training row than that one is from another; the floor is of held-out rows",
        )
        .with_floor(floor(part(&to_held_out))),
    ];
    (figures, to_samples.iter().flatten().map(|n| (n.at, f64::from(n.distance) / root)).collect())
}

/// A row as its nearest training row is sought: an image of at most 1,024 values, by means of two by two pixels; other rows as they are.
pub fn reduced(row: &[f32], shape: &[usize]) -> Vec<f32> {
    let (mut row, &[mut h, mut w, c]) = (row.to_vec(), shape) else { return row.to_vec() };
    while row.len() > MOST_VALUES && h.min(w) > 1 {
        let mean = |y: usize, x: usize, channel: usize| {
            let at = |dy: usize, dx: usize| row[((2 * y + dy) * w + 2 * x + dx) * c + channel];
            (at(0, 0) + at(0, 1) + at(1, 0) + at(1, 1)) / 4.0
        };
        let pixels = (0..h / 2).flat_map(|y| (0..w / 2).map(move |x| (y, x)));
        let smaller = pixels.flat_map(|(y, x)| (0..c).map(move |channel| (y, x, channel))).map(|(y, x, k)| mean(y, x, k));
        row = smaller.collect();
        (h, w) = (h / 2, w / 2);
    }
    row
}
