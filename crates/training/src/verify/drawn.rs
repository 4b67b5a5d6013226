//! Each sampled value is the inverse CDF of its conditional at its own random number: at full size, for every dimension, and not only
//! on average.

use calotype_models::distributions::Conditional;

use super::desk::Desk;
use super::finding::{Bound, Claim, Finding};
use super::rows::{self, SEED};
use super::samples::Drawn;
use crate::error::Result;
use crate::progress::grouped;

/// Rows that are drawn at full size.
const ROWS: usize = 64;
/// How near u may lie to a step of the distribution function without anything being said: sampler and scorer add up in different
/// orders.
const TIE: f64 = 2e-5;
/// How far a real value may be off, as a part of what it is made of.
const NEAR: f64 = 1e-3;
const NAMED: usize = 3;

pub(super) fn check(desk: &mut Desk) -> Result<Vec<Finding>> {
    let own = desk.subject.density;
    let conditional = own.conditional();
    let drawn = Drawn::new(desk, ROWS, SEED + 1)?;
    let (dims, k, r) = (rows::dims(own), conditional.n_parameters(), conditional.n_noise());
    let (mut n_wrong, mut n_ties, mut named) = (0_usize, 0_usize, Vec::new());
    let values = drawn.rows.iter().zip(drawn.parameters.chunks_exact(k)).zip(drawn.noise.chunks_exact(r));
    for (at, ((&x, y), noise)) in values.enumerate() {
        match explained(conditional, y, noise, x) {
            Explained::Yes => {}
            Explained::Tie => n_ties += 1,
            Explained::No => {
                n_wrong += 1;
                if named.len() < NAMED {
                    named.push(format!("{} of row {} is {x} for u = {}", rows::place(own, at % dims), at / dims, noise[0]));
                }
            }
        }
    }
    let n_rows = drawn.rows.len() / dims.max(1);
    let subject = format!("{n_rows} rows of {}: values unlike the inverse CDF of their u", rows::size(own));
    let remark = match n_wrong {
        0 => format!("{} values, {n_ties} of them ties within rounding", grouped(drawn.rows.len())),
        _ => named.join("; "),
    };
    let figure = if drawn.rows.is_empty() || drawn.parameters.len() != drawn.rows.len() * k { f64::NAN } else { n_wrong as f64 };
    Ok(vec![Finding::new(Claim::DrawnAsScored, subject, figure, Bound::AtMost(0.0), remark)])
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Explained {
    Yes,
    /// Its random number lies on a step of the distribution function, within rounding.
    Tie,
    No,
}

/// Whether x is what these random numbers pick from the conditional with parameters y.
fn explained(conditional: Conditional, y: &[f32], noise: &[f32], x: f32) -> Explained {
    let u = f64::from(noise[0]);
    let (cumulative, picked) = match conditional {
        // 1 where u < p: the first of two parts is the 1.
        Conditional::Bernoulli => {
            (vec![1.0 / (1.0 + (-f64::from(y[0])).exp()), 1.0], (x == 0.0).then_some(1).or((x == 1.0).then_some(0)))
        }
        Conditional::Categorical { .. } => {
            let is_level = x >= 0.0 && x.fract() == 0.0 && (x as usize) < y.len();
            (cumulative(y), is_level.then_some(x as usize))
        }
        Conditional::Gaussians { components, floor } => return mixture(y, components, floor, noise, x),
    };
    let want = cumulative.iter().position(|&c| u < c).unwrap_or(cumulative.len() - 1);
    let tie = cumulative.iter().any(|c| (c - u).abs() < TIE);
    match picked {
        Some(picked) if picked == want => Explained::Yes,
        Some(_) if tie => Explained::Tie,
        _ => Explained::No,
    }
}

/// Running sums of softmax(y).
fn cumulative(y: &[f32]) -> Vec<f64> {
    let most = y.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let e: Vec<f64> = y.iter().map(|&v| f64::from(v - most).exp()).collect();
    let total: f64 = e.iter().sum();
    let mut sum = 0.0;
    e.iter()
        .map(|e| {
            sum += e / total;
            sum
        })
        .collect()
}

/// u picks the component, z the place in it.
fn mixture(y: &[f32], k: usize, floor: f32, noise: &[f32], x: f32) -> Explained {
    let (u, z) = (f64::from(noise[0]), f64::from(noise[1]));
    let cumulative = cumulative(&y[..k]);
    let component = cumulative.iter().position(|&c| u < c).unwrap_or(k - 1);
    let (mean, deviation) = (f64::from(y[k + component]), f64::from(y[2 * k + component]).exp().max(floor.into()));
    let off = (f64::from(x) - (mean + deviation * z)).abs();
    match off <= NEAR * (1.0 + mean.abs() + deviation * z.abs()) {
        true => Explained::Yes,
        false if cumulative.iter().any(|c| (c - u).abs() < TIE) => Explained::Tie,
        false => Explained::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bit_is_one_below_p() {
        let bit = |u: f32, x: f32| explained(Conditional::Bernoulli, &[0.0], &[u], x);
        assert_eq!([bit(0.4, 1.0), bit(0.6, 0.0), bit(0.5, 1.0)], [Explained::Yes, Explained::Yes, Explained::Tie]);
        assert_eq!([bit(0.4, 0.0), bit(0.6, 1.0), bit(0.4, 0.5), bit(0.4, f32::NAN)], [Explained::No; 4]);
    }

    #[test]
    fn a_level_is_the_first_whose_sum_passes_u() {
        let three = Conditional::Categorical { levels: 3 };
        let level = |u: f32, x: f32| explained(three, &[0.0, 0.0, 0.0], &[u], x);
        assert_eq!([level(0.2, 0.0), level(0.5, 1.0), level(0.9, 2.0)], [Explained::Yes; 3]);
        assert_eq!([level(0.2, 1.0), level(0.9, 3.0), level(0.9, 1.5)], [Explained::No; 3]);
    }

    #[test]
    fn a_mixture_takes_its_component_and_its_place() {
        let conditional = Conditional::Gaussians { components: 2, floor: 0.1 };
        let y = [0.0, 0.0, -1.0, 3.0, 0.0, -9.0]; // halves at -1 ± 1 and at 3 ± the floor
        let x = |u: f32, z: f32, x: f32| explained(conditional, &y, &[u, z], x);
        assert_eq!([x(0.2, 0.5, -0.5), x(0.7, -2.0, 2.8)], [Explained::Yes; 2]);
        assert_eq!([x(0.2, 0.5, 0.5), x(0.7, 1.0, 4.0)], [Explained::No; 2]);
    }
}
