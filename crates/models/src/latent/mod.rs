//! Models that make rows from latent vectors, whose parts may be of different kinds.

mod condition;
mod draws;
mod traverse;

use calotype_graph::{GraphError, HostTensor, Program};

use crate::priors::Prior;

pub use condition::{Condition, ConditionError};
pub use draws::Draws;
pub use traverse::{Axis, CODE_DRAWS, Place, STEPS, Sheet, code_sheet, middle, traversal};

/// What the numbers of a part are, and how they are drawn.
#[derive(Clone, Debug, PartialEq)]
pub enum LatentKind {
    /// Independent N(0, 1).
    Normal,
    /// The same, of which a model uses the direction alone: it sets their length itself.
    Direction,
    /// Independent, uniform in (-1, 1).
    Uniform,
    /// One category of as many as the part is long, each as likely: 1 in its place, else 0.
    Category,
    /// A draw of a prior, of as many numbers as the part is long.
    Prior(Prior),
}

impl LatentKind {
    /// From where to where the `n`th number of a part goes when all of it is to be seen: ±3 deviations, or what it fills.
    pub fn range(&self, n: usize) -> (f32, f32) {
        match self {
            LatentKind::Normal | LatentKind::Direction => (-3.0, 3.0),
            LatentKind::Uniform => (-1.0, 1.0),
            LatentKind::Category => (0.0, 1.0),
            LatentKind::Prior(prior) => prior.range(n),
        }
    }
}

/// Some consecutive numbers of a latent vector.
#[derive(Clone, Debug, PartialEq)]
pub struct LatentPart {
    /// As a person names it: `z`, `category`. Part of what it is drawn by.
    pub name: &'static str,
    pub kind: LatentKind,
    /// Numbers.
    pub size: usize,
}

/// Rows from latents.
pub trait Latent {
    /// The parts of a latent vector, in order.
    fn parts(&self) -> Vec<LatentPart>;

    /// The parts whose meaning the model learns by itself, by name: a category, or numbers. The features of such a model begin with what
    /// it recognises of them in a row, in the order of the parts: the probabilities of a category, the means of numbers.
    fn codes(&self) -> Vec<&'static str> {
        vec![]
    }

    /// The part whose categories are the classes of the data, by name.
    fn class_part(&self) -> Option<&'static str> {
        None
    }

    /// Rows from latents, with running statistics or averages. Input `z` f32 [B, Z], Z the length of all parts; output `rows` f32
    /// [B, ..shape]: images in [0, 1], vectors as [`Model::values`](crate::Model::values) says.
    fn sampling(&self, batch: usize) -> Result<Program, GraphError>;
}

/// Z: the length of a vector of these parts.
pub fn n_latents(parts: &[LatentPart]) -> usize {
    parts.iter().map(|p| p.size).sum()
}

/// Latent vectors [count, Z]. Row `i` depends on the seed and `i` alone, and each part on its own name beside them.
pub fn latents(parts: &[LatentPart], count: usize, seed: u64) -> HostTensor {
    let draws = Draws::new(parts, seed);
    HostTensor::f32([count, n_latents(parts)], (0..count).flat_map(|row| draws.row(row)).collect::<Vec<_>>())
}

/// Latent vectors [count, Z] for a sheet, and its columns: one column a category of the first part that has some, and one row a draw of
/// all other parts, those of [`latents`]. None where no part has categories.
pub fn by_category(parts: &[LatentPart], count: usize, seed: u64) -> Option<(HostTensor, usize)> {
    let draws = Draws::new(parts, seed);
    let columns = draws.columns()?;
    Some((HostTensor::f32([count, n_latents(parts)], (0..count).flat_map(|n| draws.cell(n)).collect::<Vec<_>>()), columns))
}

/// The latent vector at `t` in [0, 1] of a walk from `a` to `b`: on a great circle for normal parts, whose length is thereby kept,
/// along a line for uniform ones and those of other priors. A category is `a`'s all along: there is nothing between two of them, so that
/// a walk of several stretches changes it where one ends and the next begins.
pub fn between(parts: &[LatentPart], a: &[f32], b: &[f32], t: f64) -> Vec<f32> {
    let mut all = Vec::with_capacity(a.len());
    for part in parts {
        let here = all.len()..all.len() + part.size;
        let (a, b) = (&a[here.clone()], &b[here]);
        match &part.kind {
            LatentKind::Normal | LatentKind::Direction | LatentKind::Prior(Prior::Gaussian { .. }) => all.extend(slerp(a, b, t)),
            LatentKind::Uniform | LatentKind::Prior(_) => all.extend(weighted(a, b, 1.0 - t, t)),
            LatentKind::Category => all.extend_from_slice(a),
        }
    }
    all
}

/// The point at `t` in [0, 1] on the great circle from `a` to `b`; between (nearly) parallel vectors a straight line. Source:
/// Shoemake 1985, "Animating Rotation with Quaternion Curves"; for latents White 2016, arXiv:1609.04468.
fn slerp(a: &[f32], b: &[f32], t: f64) -> Vec<f32> {
    let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum::<f64>();
    let norm = (dot(a, a) * dot(b, b)).sqrt();
    let omega = if norm > 0.0 { (dot(a, b) / norm).clamp(-1.0, 1.0).acos() } else { 0.0 };
    match omega.sin() {
        s if s > 1e-6 => weighted(a, b, ((1.0 - t) * omega).sin() / s, (t * omega).sin() / s),
        _ => weighted(a, b, 1.0 - t, t),
    }
}

fn weighted(a: &[f32], b: &[f32], wa: f64, wb: f64) -> Vec<f32> {
    a.iter().zip(b).map(|(&x, &y)| (wa * f64::from(x) + wb * f64::from(y)) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTS: [LatentPart; 3] = [
        LatentPart { name: "z", kind: LatentKind::Normal, size: 3 },
        LatentPart { name: "category", kind: LatentKind::Category, size: 4 },
        LatentPart { name: "c", kind: LatentKind::Uniform, size: 2 },
    ];

    #[test]
    fn slerp_keeps_the_length_of_equal_vectors_and_meets_its_ends() {
        let (a, b) = ([3.0, 0.0, 4.0], [0.0, 5.0, 0.0]);
        let middle = slerp(&a, &b, 0.5);
        let length = middle.iter().map(|v| v * v).sum::<f32>().sqrt();
        assert!((length - 5.0).abs() < 1e-5, "{length}");
        for (got, want) in [(slerp(&a, &b, 0.0), a), (slerp(&a, &b, 1.0), b)] {
            assert!(got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-5), "{got:?}");
        }
        let same = slerp(&a, &a, 0.3);
        assert!(same.iter().zip(a).all(|(s, a)| (s - a).abs() < 1e-5), "{same:?}");
        assert_eq!(slerp(&[0.0; 3], &[2.0; 3], 0.5), [1.0; 3]);
    }

    /// 4,000 rows: each part is distributed as its kind says, and no row depends on how many there are.
    #[test]
    fn parts_are_drawn_by_their_kind() {
        let n = 4000;
        let all = latents(&PARTS, n, 3);
        let all = all.as_f32().expect("floats");
        assert_eq!(latents(&PARTS, 5, 3).as_f32().expect("floats"), &all[..5 * 9]);
        let column = |c: usize| all.iter().skip(c).step_by(9).copied().collect::<Vec<f32>>();
        let mean = |v: &[f32]| v.iter().map(|&v| f64::from(v)).sum::<f64>() / n as f64;
        let square = |v: &[f32]| v.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / n as f64;
        for c in 0..3 {
            assert!(mean(&column(c)).abs() < 0.08 && (square(&column(c)) - 1.0).abs() < 0.12, "normal {c}");
        }
        for c in 3..7 {
            assert!((mean(&column(c)) - 0.25).abs() < 0.04, "category {c}: {}", mean(&column(c)));
        }
        for row in all.chunks_exact(9) {
            assert_eq!(row[3..7].iter().sum::<f32>(), 1.0, "{row:?}");
            assert!(row[7..].iter().all(|v| v.abs() < 1.0), "{row:?}");
        }
        for c in 7..9 {
            assert!(mean(&column(c)).abs() < 0.05 && (square(&column(c)) - 1.0 / 3.0).abs() < 0.03, "uniform {c}");
        }
    }

    #[test]
    fn a_sheet_has_a_row_for_each_draw_and_a_column_for_each_category() {
        let (sheet, columns) = by_category(&PARTS, 10, 3).expect("categories");
        let (sheet, drawn) = (sheet.as_f32().expect("floats").to_vec(), latents(&PARTS, 3, 3));
        assert_eq!((columns, sheet.len()), (4, 90));
        for (n, row) in sheet.chunks_exact(9).enumerate() {
            let own = &drawn.as_f32().expect("floats")[n / 4 * 9..][..9];
            assert!(row[..3] == own[..3] && row[7..] == own[7..], "row {n} is of draw {}", n / 4);
            assert_eq!(row[3..7].iter().position(|v| *v == 1.0), Some(n % 4));
            assert_eq!(row[3..7].iter().sum::<f32>(), 1.0);
        }
        assert_eq!(by_category(&PARTS[..1], 10, 3), None);
    }

    #[test]
    fn a_prior_is_drawn_row_by_row_and_walked_along_lines_unless_it_is_round() {
        let part = |prior: Prior| [LatentPart { name: "z", kind: LatentKind::Prior(prior), size: 2 }];
        let ring = latents(&part(Prior::Ring), 50, 3);
        assert_eq!(latents(&part(Prior::Ring), 5, 3).as_f32().expect("floats"), &ring.as_f32().expect("floats")[..10]);
        assert_ne!(latents(&part(Prior::Ring), 50, 4), ring, "of the seed");
        let (a, b) = ([2.0, 0.0], [0.0, 2.0]);
        assert_eq!(between(&part(Prior::Ring), &a, &b, 0.5), [1.0, 1.0]);
        let round = between(&part(Prior::Gaussian { deviation: 5.0 }), &a, &b, 0.5);
        assert!(round.iter().all(|v| (v - 2.0_f32.sqrt()).abs() < 1e-6), "{round:?}");
    }

    #[test]
    fn a_walk_keeps_its_category_and_is_straight_where_it_is_uniform() {
        let a = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, -0.5, 0.5];
        let b = [0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.5, 0.5];
        let early = between(&PARTS, &a, &b, 0.25);
        assert_eq!(&early[3..], [1.0, 0.0, 0.0, 0.0, -0.25, 0.5]);
        assert_eq!(&between(&PARTS, &a, &b, 0.75)[3..], [1.0, 0.0, 0.0, 0.0, 0.25, 0.5]);
        let end = between(&PARTS, &a, &b, 1.0);
        assert!(end[..3] == b[..3] && end[7..] == b[7..] && end[3..7] == a[3..7], "the end but for its category: {end:?}");
        let length = early[..3].iter().map(|v| v * v).sum::<f32>();
        assert!((length - 1.0).abs() < 1e-6, "{early:?}");
    }
}
