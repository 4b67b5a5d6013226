//! How far two sets of points are apart: the sliced Wasserstein distance (Rabin, Peyré, Delon, Bernot 2012, "Wasserstein Barycenter and
//! Its Application to Texture Mixing"), and how far two sets of draws of one distribution are, as the floor to hold it against.

use calotype_graph::philox::{Domain, Stream};
use calotype_models::Prior;

use crate::slices::Slices;

/// Directions that points are projected onto.
const DIRECTIONS: usize = 100;

/// Pairs of sets that a floor is the mean of.
const PAIRS: u64 = 20;

/// Mean over random directions of the Wasserstein-1 distance of the projections of two sets of points [N, z], each of them of as many.
/// Along a line it is exact: the mean distance of the sorted points. Directions are uniform on the sphere, of the seed.
///
/// Of sets of different lengths the first points of the longer one are taken; 0 of no points.
pub fn sliced_wasserstein(a: &[f32], b: &[f32], z: usize, seed: u64) -> f64 {
    let n = a.len().min(b.len()) / z.max(1);
    if n == 0 {
        return 0.0;
    }
    let of = |points: &[f32]| Slices::of(&points[..n * z], z, DIRECTIONS, seed);
    of(a).distance(&of(b))
}

/// `n` draws [n, z] of a prior. Equal (seed, number) give equal ones.
pub fn drawn(prior: &Prior, n: usize, z: usize, seed: u64, number: u64) -> Vec<f32> {
    let mut random = Stream::new(seed, Domain::Test, "prior", number as u32);
    (0..n).flat_map(|_| prior.sample(&mut random, z, None)).collect()
}

/// Points held against a prior.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TwoSample {
    /// Points that were compared.
    pub n: usize,
    /// [`sliced_wasserstein`] between the points and as many draws of the prior, the mean over three sets of draws.
    pub distance: f64,
    /// The same between two sets of draws of the prior: what points are apart that follow it exactly.
    pub floor: f64,
}

impl TwoSample {
    /// Distance in floors.
    pub fn ratio(&self) -> f64 {
        self.distance / self.floor.max(f64::MIN_POSITIVE)
    }
}

/// Holds at most `most` of the points [N, z] against a prior, evenly spaced ones: rows may be in the order of their classes.
pub fn two_sample(points: &[f32], prior: &Prior, z: usize, most: usize, seed: u64) -> TwoSample {
    let all = points.len() / z.max(1);
    let n = all.min(most);
    let chosen: Vec<f32> = (0..n).flat_map(|i| &points[i * all / n * z..][..z]).copied().collect();
    let draws = |number| drawn(prior, n, z, seed, number);
    let distance = (0..3).map(|k| sliced_wasserstein(&chosen, &draws(k), z, seed + k)).sum::<f64>() / 3.0;
    let floor = |k| sliced_wasserstein(&draws(100 + 2 * k), &draws(101 + 2 * k), z, seed + k);
    TwoSample { n, distance, floor: (0..PAIRS).map(floor).sum::<f64>() / PAIRS as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gaussian() -> Prior {
        Prior::Gaussian { deviation: 1.0 }
    }

    /// A shift by v along every direction moves each projection by v . d: E|v . d| = |v| 2/π in the plane.
    #[test]
    fn a_shift_is_as_far_as_its_mean_projection() {
        let points = drawn(&gaussian(), 500, 2, 1, 0);
        let shifted: Vec<f32> = points.chunks_exact(2).flat_map(|p| [p[0] + 3.0, p[1] - 4.0]).collect();
        let want = 5.0 * 2.0 / std::f64::consts::PI;
        let got = sliced_wasserstein(&points, &shifted, 2, 1);
        assert!((got - want).abs() < 0.3, "{got}, and not {want}"); // 100 directions: standard error 0.15
        assert_eq!(sliced_wasserstein(&points, &points, 2, 1), 0.0);
        assert_eq!(sliced_wasserstein(&[], &points, 2, 1), 0.0);
    }

    /// In one dimension it is the distance of the sorted numbers, whatever the direction's sign and the points' order.
    #[test]
    fn along_a_line_it_is_exact() {
        let got = sliced_wasserstein(&[3.0, 1.0, 2.0], &[5.0, 2.0, 2.5], 1, 9);
        assert!((got - (1.0 + 0.5 + 2.0) / 3.0).abs() < 1e-12, "{got}");
    }

    #[test]
    fn draws_of_the_prior_are_at_the_floor_and_others_are_above() {
        for prior in [gaussian(), Prior::Ring, Prior::SwissRoll] {
            let own = two_sample(&drawn(&prior, 1500, 2, 5, 900), &prior, 2, 1000, 3);
            assert_eq!(own.n, 1000);
            assert!((0.6..1.5).contains(&own.ratio()), "{prior:?}: {own:?}");
            let wider: Vec<f32> = drawn(&prior, 1500, 2, 5, 900).iter().map(|v| 1.3 * v).collect();
            assert!(two_sample(&wider, &prior, 2, 1000, 3).ratio() > 2.0, "{prior:?}");
        }
    }

    #[test]
    fn points_are_taken_from_all_of_them() {
        // The second half is far away: the first 1,000 alone would be at the floor.
        let points: Vec<f32> =
            drawn(&gaussian(), 2000, 2, 5, 0).iter().enumerate().map(|(i, v)| if i < 2000 { *v } else { v + 9.0 }).collect();
        assert!(two_sample(&points, &gaussian(), 2, 1000, 3).ratio() > 10.0);
    }
}
