//! The sliced Wasserstein distance between two sets of points: Rabin, Peyré, Delon, Bernot 2012, "Wasserstein Barycenter and Its
//! Application to Texture Mixing".

use calotype_graph::philox::{Domain, Stream};
use rayon::prelude::*;

/// Points that one thread projects at once.
const BLOCK: usize = 1024;

/// A set of points, projected onto random directions, in order along each.
#[derive(Clone, Debug)]
pub(crate) struct Slices {
    /// One a direction, each of as many numbers as there are points.
    sorted: Vec<Vec<f32>>,
}

impl Slices {
    /// Of points [N, d]. Directions are uniform on the sphere, of the seed: sets that are compared need the same ones.
    pub fn of(points: &[f32], d: usize, n_directions: usize, seed: u64) -> Self {
        // [d, directions]: a point's projections are sums of whole rows.
        let mut directions = vec![0.0_f32; d * n_directions];
        for k in 0..n_directions {
            direction(d, seed, k as u32).iter().enumerate().for_each(|(i, &v)| directions[i * n_directions + k] = v as f32);
        }
        let project = |block: &[f32]| {
            let mut along = vec![0.0_f32; block.len() / d.max(1) * n_directions];
            for (point, sums) in block.chunks_exact(d.max(1)).zip(along.chunks_exact_mut(n_directions)) {
                for (&x, row) in point.iter().zip(directions.chunks_exact(n_directions)) {
                    sums.iter_mut().zip(row).for_each(|(sum, v)| *sum += x * v);
                }
            }
            along
        };
        let blocks: Vec<Vec<f32>> = points.par_chunks(BLOCK * d.max(1)).map(project).collect();
        let sorted = (0..n_directions).into_par_iter().map(|k| {
            let mut along: Vec<f32> =
                blocks.iter().flat_map(|block| block.iter().skip(k).step_by(n_directions)).copied().collect();
            along.sort_unstable_by(f32::total_cmp);
            along
        });
        Slices { sorted: sorted.collect() }
    }

    /// Mean over the directions of the Wasserstein-1 distance of the projections, which along a line is the mean distance of the sorted
    /// points. Both sets have as many points and the same directions; 0 where they have none.
    pub fn distance(&self, other: &Slices) -> f64 {
        let apart = |(a, b): (&Vec<f32>, &Vec<f32>)| {
            let n = a.len().min(b.len()).max(1);
            a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs()).sum::<f64>() / n as f64
        };
        self.sorted.iter().zip(&other.sorted).map(apart).sum::<f64>() / self.sorted.len().max(1) as f64
    }
}

/// A unit vector `[d]`.
fn direction(d: usize, seed: u64, number: u32) -> Vec<f64> {
    let mut random = Stream::new(seed, Domain::Test, "direction", number);
    let v: Vec<f64> = (0..d).map(|_| f64::from(random.normal())).collect();
    let length = v.iter().map(|v| v * v).sum::<f64>().sqrt();
    v.iter().map(|v| if length > 0.0 { v / length } else { 0.0 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A shift by v along every direction moves each projection by v . d, whatever the order of the points.
    #[test]
    fn a_shift_moves_every_projection() {
        let (d, n) = (7, 3000);
        let points: Vec<f32> = (0..n * d).map(|i| ((i * 7919) % 1000) as f32 / 500.0 - 1.0).collect();
        let shift: Vec<f32> = (0..d).map(|i| i as f32 - 2.0).collect();
        let moved: Vec<f32> = points.chunks_exact(d).rev().flat_map(|p| p.iter().zip(&shift).map(|(x, s)| x + s)).collect();
        let slices = |points: &[f32]| Slices::of(points, d, 40, 5);
        let want = (0..40).map(|k| direction(d, 5, k).iter().zip(&shift).map(|(v, &s)| v * f64::from(s)).sum::<f64>().abs());
        let want = want.sum::<f64>() / 40.0;
        let got = slices(&points).distance(&slices(&moved));
        assert!((got - want).abs() < 1e-5, "{got} for {want}");
        assert_eq!(slices(&[]).distance(&slices(&[])), 0.0);
    }
}
