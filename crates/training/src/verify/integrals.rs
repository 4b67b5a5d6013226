//! Real values: conditional densities integrate to one, and samples follow their distribution functions.

use calotype_models::density;
use calotype_models::distributions::{Conditional, special::chi_square_survival};

use super::desk::{Desk, Runner, Weights};
use super::finding::{Bound, Claim, Finding};
use super::rows::{self, SEED};
use super::samples::{CHANCE, ChiSquare, Drawn};
use crate::error::Result;
use crate::progress::grouped;

/// Of f32 densities whose deviations go down to a thousandth of a standard deviation.
const INTEGRAL: Bound = Bound::AroundOne(1e-3);
/// Conditionals that are integrated, and how many beginnings each is given.
const CONDITIONALS: usize = 6;
const PREFIXES: usize = 2;
const BINS: usize = 20;
/// Numbers of rows that are made at once.
const MOST_NUMBERS: usize = 1 << 20;

/// Nodes and weights of Gauss and Legendre on (-1, 1), by half.
const GAUSS_8: [(f64, f64); 4] = [
    (0.183_434_642_495_649_8, 0.362_683_783_378_362),
    (0.525_532_409_916_329, 0.313_706_645_877_887_3),
    (0.796_666_477_413_626_7, 0.222_381_034_453_374_47),
    (0.960_289_856_497_536_3, 0.101_228_536_290_376_26),
];
const GAUSS_4: [(f64, f64); 2] =
    [(0.339_981_043_584_856_3, 0.652_145_154_862_546_1), (0.861_136_311_594_052_6, 0.347_854_845_137_453_85)];

/// Where a grid is cut, in deviations of each component.
const FINE: &[f64] = &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 12.0];
const COARSE: &[f64] = &[0.0, 1.5, 3.0, 6.0];

/// A mixture, in f64.
struct Mixture {
    /// Weight, mean, deviation.
    parts: Vec<(f64, f64, f64)>,
}

impl Mixture {
    /// y [3K] as the model gives it.
    fn new(y: &[f32], floor: f32) -> Self {
        let k = y.len() / 3;
        let most = y[..k].iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let e: Vec<f64> = y[..k].iter().map(|&w| f64::from(w - most).exp()).collect();
        let total: f64 = e.iter().sum();
        let part = |n: usize| (e[n] / total, f64::from(y[k + n]), f64::from(y[2 * k + n]).exp().max(floor.into()));
        Mixture { parts: (0..k).map(part).collect() }
    }

    /// P(X <= x).
    fn below(&self, x: f64) -> f64 {
        let phi = |z: f64| {
            let tail = 0.5 * chi_square_survival(z * z, 1.0); // P(Z > |z|)
            if z > 0.0 { 1.0 - tail } else { tail }
        };
        self.parts.iter().map(|(w, mean, deviation)| w * phi((x - mean) / deviation)).sum()
    }

    /// Nodes and weights of an integral over the line: pieces between multiples of each component's deviation, so that the
    /// narrowest one is seen by nodes of its own.
    fn grid(&self, cuts: &[f64], gauss: &[(f64, f64)]) -> Vec<(f32, f64)> {
        let both = |(_, mean, deviation): &(f64, f64, f64)| {
            let (mean, deviation) = (*mean, *deviation);
            cuts.iter().flat_map(move |c| [mean - c * deviation, mean + c * deviation])
        };
        let mut ends: Vec<f64> = self.parts.iter().flat_map(both).filter(|e| e.is_finite()).collect();
        ends.sort_by(f64::total_cmp);
        ends.dedup();
        let piece = |pair: &[f64]| {
            let (middle, half) = (0.5 * (pair[0] + pair[1]), 0.5 * (pair[1] - pair[0]));
            let nodes = gauss.iter().flat_map(move |&(x, w)| [(middle - half * x, half * w), (middle + half * x, half * w)]);
            nodes.map(|(x, w)| (x as f32, w)).collect::<Vec<_>>()
        };
        ends.windows(2).flat_map(piece).collect()
    }
}

/// The claims for a model of real values.
pub(super) fn check(desk: &mut Desk) -> Result<Vec<Finding>> {
    let Conditional::Gaussians { floor, .. } = desk.subject.density.conditional() else { return Ok(vec![]) };
    let mut all = vec![one_by_one(desk, floor)?];
    all.extend(two_together(desk, floor)?);
    all.push(places(desk, floor)?);
    Ok(all)
}

/// Programs that score and that give conditionals.
fn programs(desk: &mut Desk) -> Result<(Runner, Runner)> {
    let own = desk.subject.density;
    let batch = Desk::batch(own);
    let scoring = desk.program(own, density::scoring, batch, Weights::Own)?;
    Ok((scoring, desk.program(own, density::conditionals, batch, Weights::Own)?))
}

/// Densities by the scoring program of dimension `d` of a row at these nodes, the rest of the row as it is.
fn densities(desk: &mut Desk, scoring: &Runner, row: &[f32], d: usize, nodes: &[(f32, f64)]) -> Result<Vec<f64>> {
    let mut x = row.repeat(nodes.len());
    x.chunks_exact_mut(row.len()).zip(nodes).for_each(|(row, node)| row[d] = node.0);
    let log_p = desk.run(scoring, &x)?;
    Ok(log_p.chunks_exact(row.len()).map(|row| f64::from(row[d]).exp()).collect())
}

/// ∫ p(x_d | x_<d) dx_d of some dimensions, each after two random beginnings: the worst.
fn one_by_one(desk: &mut Desk, floor: f32) -> Result<Finding> {
    let own = desk.subject.density;
    let (dims, k) = (rows::dims(own), own.conditional().n_parameters());
    let (scoring, conditionals) = programs(desk)?;
    let order = own.order();
    let n = CONDITIONALS.min(dims);
    let places = (0..n).map(|i| if n > 1 { i * (dims - 1) / (n - 1) } else { 0 });
    let (mut worst, mut worst_off, mut n_nodes, mut where_) = (f64::NAN, -1.0, 0, String::new());
    for (i, place) in places.flat_map(|place| (0..PREFIXES).map(move |i| (i, place))) {
        let row = rows::random_row(own, &format!("prefix {place} {i}"));
        let parameters = desk.run(&conditionals, &row)?;
        let d = order[place];
        let grid = Mixture::new(&parameters[d * k..][..k], floor).grid(FINE, &GAUSS_8);
        desk.doing(&format!("integrating the conditional of dimension {d}"));
        let p = densities(desk, &scoring, &row, d, &grid)?;
        let integral: f64 = p.iter().zip(&grid).map(|(p, (_, w))| p * w).sum();
        n_nodes += grid.len();
        let off = (integral - 1.0).abs();
        // A NaN is the worst and stays it.
        if off > worst_off || off.is_nan() {
            (worst, worst_off, where_) = (integral, off, rows::place(own, d));
        }
    }
    desk.clear()?;
    let subject = format!("{n} conditionals, {PREFIXES} prefixes each: farthest from 1");
    let remark = format!("dimension {where_}; {} nodes", grouped(n_nodes));
    Ok(Finding::new(Claim::IntegratesToOne, subject, worst, INTEGRAL, remark))
}

/// ∫∫ p(x_a) p(x_b | x_a) of the first two dimensions of the order.
fn two_together(desk: &mut Desk, floor: f32) -> Result<Option<Finding>> {
    let own = desk.subject.density;
    let order = own.order();
    let (dims, k) = (rows::dims(own), own.conditional().n_parameters());
    let (Some(&a), Some(&b)) = (order.first(), order.get(1)) else { return Ok(None) };
    let (scoring, conditionals) = programs(desk)?;
    let row = vec![0.0; dims];
    let first = desk.run(&conditionals, &row)?;
    let outer = Mixture::new(&first[a * k..][..k], floor).grid(COARSE, &GAUSS_4);
    let mut x = row.repeat(outer.len());
    x.chunks_exact_mut(dims).zip(&outer).for_each(|(row, node)| row[a] = node.0);
    let parameters = desk.run(&conditionals, &x)?;
    let (mut integral, mut n_nodes) = (0.0, 0);
    // Many outer nodes at once: a batch of the program is larger than the inner grid of one.
    let (mut nodes, mut weights) = (Vec::new(), Vec::new()); // [N, D], [N]
    let last = outer.len().saturating_sub(1);
    for (nth, (row, (_, weight))) in x.chunks_exact(dims).zip(&outer).enumerate() {
        let y = &parameters[(nth * dims + b) * k..][..k];
        for (node, w) in Mixture::new(y, floor).grid(COARSE, &GAUSS_4) {
            nodes.extend(row.iter().enumerate().map(|(d, &v)| if d == b { node } else { v }));
            weights.push(weight * w);
        }
        if nodes.len() < MOST_NUMBERS && nth < last {
            continue;
        }
        desk.doing(&format!("integrating over two dimensions, {nth} of {}", outer.len()));
        let log_p = desk.run(&scoring, &nodes)?;
        let joint = log_p.chunks_exact(dims).map(|row| (f64::from(row[a]) + f64::from(row[b])).exp());
        integral += joint.zip(&weights).map(|(p, w)| p * w).sum::<f64>();
        n_nodes += weights.len();
        nodes.clear();
        weights.clear();
    }
    desk.clear()?;
    let subject = "the first two dimensions together".to_owned();
    let remark = format!("{} nodes", grouped(n_nodes));
    Ok(Some(Finding::new(Claim::IntegratesToOne, subject, integral, INTEGRAL, remark)))
}

/// The conditional distribution function at drawn values is uniform (Rosenblatt 1952, "Remarks on a Multivariate Transformation"):
/// in each dimension by chi-square over twenty bins. The smallest chance times the number of dimensions (Bonferroni).
fn places(desk: &mut Desk, floor: f32) -> Result<Finding> {
    let own = desk.subject.density;
    let (dims, k) = (rows::dims(own), own.conditional().n_parameters());
    let drawn = Drawn::new(desk, desk.effort.drawings / 4, SEED)?;
    let n = drawn.rows.len() / dims.max(1);
    let mut counts = vec![[0.0; BINS]; dims];
    for (at, (&x, y)) in drawn.rows.iter().zip(drawn.parameters.chunks_exact(k)).enumerate() {
        let below = Mixture::new(y, floor).below(x.into());
        // A NaN falls into the first bin.
        counts[at % dims][((below * BINS as f64) as usize).min(BINS - 1)] += 1.0;
    }
    let expected = [n as f64 / BINS as f64; BINS];
    let tests = counts.iter().map(|counts| ChiSquare::new(counts, &expected)).enumerate();
    let worst = tests.min_by(|a, b| a.1.chance().total_cmp(&b.1.chance()));
    let (figure, remark) = match worst {
        Some((d, test)) if n > 0 => ((test.chance() * dims as f64).min(1.0), format!("worst in dimension {d}: {test}")),
        _ => (f64::NAN, "no samples".to_owned()),
    };
    let subject = format!("{} samples, {BINS} bins of each distribution function: p-value", grouped(n));
    Ok(Finding::new(Claim::SamplesAreScores, subject, figure, CHANCE, remark))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mixture() -> Mixture {
        Mixture { parts: vec![(0.5, -3.0, 1e-3), (0.3, 0.0, 2.0), (0.2, 7.0, 0.4)] }
    }

    fn density(m: &Mixture, x: f64) -> f64 {
        let part = |(w, mean, dev): &(f64, f64, f64)| {
            w * (-0.5 * ((x - mean) / dev).powi(2)).exp() / (dev * std::f64::consts::TAU.sqrt())
        };
        m.parts.iter().map(part).sum()
    }

    /// With a component a thousandth as wide as others; in f64 the nodes would give 1e-12, in f32 they lie on a grid themselves.
    #[test]
    fn grids_integrate_narrow_and_wide_components() {
        let m = mixture();
        for (cuts, gauss, within) in [(FINE, &GAUSS_8[..], 2e-5), (COARSE, &GAUSS_4[..], 3e-4)] {
            let integral: f64 = m.grid(cuts, gauss).iter().map(|&(x, w)| w * density(&m, x.into())).sum();
            assert!((integral - 1.0).abs() < within, "{integral}");
        }
    }

    #[test]
    fn the_distribution_function_is_that_of_the_normal_one() {
        let m = Mixture { parts: vec![(1.0, 1.0, 2.0)] };
        for (z, phi) in [(0.0, 0.5), (1.0, 0.841_344_746_068_543), (-1.959_963_984_540_054, 0.025), (40.0, 1.0)] {
            assert!((m.below(1.0 + 2.0 * z) - phi).abs() < 1e-12, "{z}: {}", m.below(1.0 + 2.0 * z));
        }
    }
}
