//! Figures by nearest neighbours among features: precision and recall (Kynkäänniemi, Karras, Laine, Lehtinen, Aila 2019, "Improved
//! Precision and Recall Metric for Assessing Generative Models", arXiv:1904.06991), density and coverage (Naeem, Oh, Uh, Choi, Yoo 2020,
//! "Reliable Fidelity and Diversity Metrics for Generative Models", arXiv:2002.09797), and what was learned by heart: authenticity
//! (Alaa, van Breugel, Saveliev, van der Schaar 2022, arXiv:2102.08921, §4.1).

use rayon::prelude::*;

use super::Estimate;

/// Neighbours that a ball reaches to, as in the papers.
const NEAREST: usize = 3;
const NEAREST_OF_DENSITY: usize = 5;

/// How made rows lie among real ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Among {
    /// The part of the made rows that lie within the ball of a real one, which reaches to its third nearest real row.
    pub precision: Estimate,
    /// The part of the real rows that lie within the ball of a made one.
    pub recall: Estimate,
    /// Balls of real rows, to the fifth nearest, that a made row lies in, over five: 1 where it is as crowded as the data; not bounded by 1.
    pub density: Estimate,
    /// The part of the real rows in whose ball a made one lies.
    pub coverage: Estimate,
}

impl Among {
    /// From features [n, d] by row.
    pub fn new(real: &[&[f32]], made: &[&[f32]]) -> Self {
        let (real_balls, made_balls) = (Balls::of(real), Balls::of(made));
        let apart: Vec<Vec<f32>> = made.par_iter().map(|m| real.iter().map(|r| squared(m, r)).collect()).collect();
        let part = |hits: &[bool]| Estimate::mean(&hits.iter().map(|&hit| f64::from(u8::from(hit))).collect::<Vec<_>>());
        let within = |balls: &[f32]| -> Vec<Vec<bool>> {
            apart.par_iter().map(|row| row.iter().zip(balls).map(|(d, ball)| d <= ball).collect()).collect()
        };
        let (near, dense) = (within(&real_balls.near), within(&real_balls.dense));
        let precision: Vec<bool> = near.iter().map(|row| row.contains(&true)).collect();
        let recall: Vec<bool> =
            (0..real.len()).map(|r| apart.iter().zip(&made_balls.near).any(|(row, ball)| row[r] <= *ball)).collect();
        let counts: Vec<f64> =
            dense.iter().map(|row| row.iter().filter(|hit| **hit).count() as f64 / NEAREST_OF_DENSITY as f64).collect();
        let coverage: Vec<bool> = (0..real.len()).map(|r| dense.iter().any(|row| row[r])).collect();
        Among { precision: part(&precision), recall: part(&recall), density: Estimate::mean(&counts), coverage: part(&coverage) }
    }
}

/// Squared distances of rows to their third and fifth nearest others of the same set.
struct Balls {
    near: Vec<f32>,
    dense: Vec<f32>,
}

impl Balls {
    fn of(rows: &[&[f32]]) -> Self {
        let of_row = |(i, row): (usize, &&[f32])| {
            let others = rows.iter().enumerate().filter(|(j, _)| *j != i);
            let mut apart: Vec<f32> = others.map(|(_, other)| squared(row, other)).collect();
            let mut kth = |k: usize| match apart.len() {
                0 => 0.0,
                n => *apart.select_nth_unstable_by(k.min(n) - 1, f32::total_cmp).1,
            };
            (kth(NEAREST), kth(NEAREST_OF_DENSITY))
        };
        let (near, dense) = rows.par_iter().enumerate().map(of_row).unzip();
        Balls { near, dense }
    }
}

/// The nearest of some rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Nearest {
    /// Its number.
    pub at: usize,
    /// Euclidean.
    pub distance: f32,
}

/// Of each row the nearest one among others; `own` says which of them is not meant: itself. None where there is no other.
pub(super) fn nearest(rows: &[&[f32]], others: &[&[f32]], own: impl Fn(usize) -> Option<usize> + Sync) -> Vec<Option<Nearest>> {
    let of_row = |(i, row): (usize, &&[f32])| {
        let own = own(i);
        let apart = others.iter().enumerate().filter(|(at, _)| Some(*at) != own).map(|(at, other)| (at, squared(row, other)));
        let (at, square) = apart.min_by(|a, b| a.1.total_cmp(&b.1))?;
        Some(Nearest { at, distance: square.sqrt() })
    };
    rows.par_iter().enumerate().map(of_row).collect()
}

/// Whether each row is authentic: its nearest training row has a nearer one among the training rows than it. What repeats a training row, or
/// nearly, is not. `to` are the rows' [`nearest`] among `training`.
pub(super) fn authentic(to: &[Option<Nearest>], training: &[&[f32]]) -> Vec<bool> {
    let found: Vec<Nearest> = to.iter().flatten().copied().collect();
    let rows: Vec<&[f32]> = found.iter().map(|nearest| training[nearest.at]).collect();
    let own = nearest(&rows, training, |i| Some(found[i].at));
    found.iter().zip(own).map(|(to, own)| own.is_some_and(|own| own.distance < to.distance)).collect()
}

/// |a - b|².
fn squared(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0.0_f32; LANES];
    let (whole_a, whole_b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = whole_a.remainder().iter().zip(whole_b.remainder()).map(|(a, b)| (a - b) * (a - b)).sum();
    for (a, b) in whole_a.zip(whole_b) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += (a - b) * (a - b));
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(values: &[f32]) -> Vec<&[f32]> {
        values.chunks_exact(1).collect()
    }

    /// Points on a line, by hand. Real: 0, 1, 2, 3, 10; third nearest: 3, 2, 2, 3, 9; fifth (here fourth): 10, 9, 8, 7, 10.
    #[test]
    fn points_on_a_line_are_as_counted_by_hand() {
        let real = [0.0, 1.0, 2.0, 3.0, 10.0];
        // 1.5 is in the balls of all but 10's (8.5 <= 9: in it too); 20 is in that of 10 of the fifth only.
        let among = Among::new(&rows(&real), &rows(&[1.5, 20.0]));
        assert_eq!(among.precision.value, 0.5);
        // Balls of made rows reach the other one, 18.5: 1.5 reaches -17..20, all of them.
        assert_eq!(among.recall.value, 1.0);
        // 1.5: within 10, 9, 8, 7 and 10 of them: five; 20: 10 from 10: one.
        assert_eq!(among.density.value, (5.0 + 1.0) / 5.0 / 2.0);
        assert_eq!(among.coverage.value, 1.0);
        let far = Among::new(&rows(&real), &rows(&[100.0, 100.1, 100.2, 100.3]));
        assert_eq!([far.precision, far.recall, far.density, far.coverage].map(|e| e.value), [0.0; 4]);
        let same = Among::new(&rows(&real), &rows(&real));
        assert_eq!([same.precision, same.recall, same.coverage].map(|e| (e.value, e.error)), [(1.0, 0.0); 3]);
    }

    /// Of 0, 1, 5, 5.5: what lies at 5.1 is nearer to 5 than 5.5 is; 3 is farther from 1 than 0 is.
    #[test]
    fn what_repeats_a_row_is_not_authentic() {
        let training = [0.0, 1.0, 5.0, 5.5];
        let (made, training) = ([5.1, 2.9, 5.0, 50.0], rows(&training));
        let to = nearest(&rows(&made), &training, |_| None);
        let found: Vec<(usize, f32)> = to.iter().flatten().map(|n| (n.at, n.distance)).collect();
        assert_eq!(found.iter().map(|f| f.0).collect::<Vec<_>>(), [2, 1, 2, 3]);
        assert!((found[1].1 - 1.9).abs() < 1e-6 && found[2].1 == 0.0);
        assert_eq!(authentic(&to, &training), [false, true, false, true]);
        assert_eq!(nearest(&rows(&[1.0]), &rows(&[3.0]), |_| Some(0)), [None]);
    }

    /// Longer rows than the lanes, and their rest.
    #[test]
    fn distances_are_of_all_numbers() {
        for n in [1, 15, 16, 17, 100] {
            let (a, b): (Vec<f32>, Vec<f32>) = (0..n).map(|i| (i as f32 / 7.0, (i * i % 13) as f32)).unzip();
            let want: f64 = a.iter().zip(&b).map(|(a, b)| f64::from(a - b).powi(2)).sum();
            assert!((f64::from(squared(&a, &b)) / want.max(1e-9) - 1.0).abs() < 1e-5 || want == 0.0);
        }
    }
}
