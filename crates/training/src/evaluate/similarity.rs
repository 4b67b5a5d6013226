//! How alike two images are: multi-scale structural similarity, Wang, Simoncelli, Bovik 2003, "Multiscale Structural Similarity for Image
//! Quality Assessment". Between random pairs of samples it says how little they differ (Odena, Olah, Shlens 2017, arXiv:1610.09585, §4.2).

use calotype_graph::philox::{Domain, Stream};
use rayon::prelude::*;

use super::Estimate;

/// Weights of the scales, finest first. Images that are too small for all of them have the first ones, which are made to sum to 1.
const WEIGHTS: [f64; 5] = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];
/// Pixels of the window, and its deviation.
const WINDOW: usize = 11;
const DEVIATION: f64 = 1.5;
/// (0.01 L)² and (0.03 L)², of values from 0 to L = 1.
const C1: f64 = 0.01 * 0.01;
const C2: f64 = 0.03 * 0.03;

/// Mean over random pairs of images [n, H, W, C] in [0, 1], by row; None of images smaller than a window, or of one.
pub(super) fn similarity(images: &[&[f32]], shape: [usize; 3], pairs: usize, seed: u64) -> Option<Estimate> {
    let n = images.len() as u32;
    if n < 2 || scales(shape) == 0 {
        return None;
    }
    let mut random = Stream::new(seed, Domain::Test, "pairs", 0);
    let mut drawn = || {
        let (a, b) = (random.below(n), random.below(n - 1));
        [a as usize, (b + u32::from(b >= a)) as usize]
    };
    let drawn: Vec<[usize; 2]> = (0..pairs).map(|_| drawn()).collect();
    let all: Vec<f64> = drawn.par_iter().map(|&[a, b]| of_pair(images[a], images[b], shape)).collect();
    Some(Estimate::mean(&all))
}

fn scales([h, w, _]: [usize; 3]) -> usize {
    (0..WEIGHTS.len()).take_while(|scale| h.min(w) >> scale >= WINDOW).count()
}

/// The mean over channels.
pub(super) fn of_pair(a: &[f32], b: &[f32], shape: [usize; 3]) -> f64 {
    let [h, w, c] = shape;
    let weights = &WEIGHTS[..scales(shape)];
    let sum: f64 = weights.iter().sum();
    let channel = |channel: usize| {
        let plane = |x: &[f32]| x.iter().skip(channel).step_by(c).map(|&v| f64::from(v)).collect::<Vec<f64>>();
        let (mut a, mut b, mut size) = (plane(a), plane(b), [h, w]);
        let mut product = 1.0;
        for (scale, weight) in weights.iter().enumerate() {
            let (luminance, structure) = compared(&a, &b, size);
            let last = scale + 1 == weights.len();
            // Where structures are opposite it is negative, which has no power: as unlike as can be.
            product *= (if last { luminance } else { structure }).max(0.0).powf(weight / sum);
            if !last {
                (a, b) = (halved(&a, size), halved(&b, size));
                size = size.map(|side| side / 2);
            }
        }
        product
    };
    (0..c).map(channel).sum::<f64>() / c.max(1) as f64
}

/// The mean over all windows of the whole index, and of its part of contrast and structure.
fn compared(a: &[f64], b: &[f64], size: [usize; 2]) -> (f64, f64) {
    let filtered = |of: &dyn Fn(usize) -> f64| filtered(&(0..a.len()).map(of).collect::<Vec<_>>(), size);
    let (mean_a, mean_b) = (filtered(&|i| a[i]), filtered(&|i| b[i]));
    let (aa, bb, ab) = (filtered(&|i| a[i] * a[i]), filtered(&|i| b[i] * b[i]), filtered(&|i| a[i] * b[i]));
    let n = mean_a.len().max(1) as f64;
    let at = |i: usize| {
        let (ma, mb) = (mean_a[i], mean_b[i]);
        let structure = (2.0 * (ab[i] - ma * mb) + C2) / (aa[i] - ma * ma + bb[i] - mb * mb + C2);
        (structure * (2.0 * ma * mb + C1) / (ma * ma + mb * mb + C1), structure)
    };
    let sums = (0..mean_a.len()).map(at).fold((0.0, 0.0), |sum, v| (sum.0 + v.0, sum.1 + v.1));
    (sums.0 / n, sums.1 / n)
}

/// By a Gaussian window, where all of it lies in the image.
fn filtered(x: &[f64], [h, w]: [usize; 2]) -> Vec<f64> {
    let middle = (WINDOW / 2) as f64;
    let bell = |i: usize| (-((i as f64 - middle) / DEVIATION).powi(2) / 2.0).exp();
    let sum: f64 = (0..WINDOW).map(bell).sum();
    let window: [f64; WINDOW] = std::array::from_fn(|i| bell(i) / sum);
    let (rows, columns) = (h + 1 - WINDOW, w + 1 - WINDOW);
    let along: Vec<f64> = (0..h * columns)
        .map(|at| window.iter().zip(&x[at / columns * w + at % columns..]).map(|(weight, v)| weight * v).sum())
        .collect();
    let down = |at: usize| window.iter().enumerate().map(|(k, weight)| weight * along[at + k * columns]).sum();
    (0..rows * columns).map(down).collect()
}

/// Means of two by two pixels; a last odd row or column is left out.
fn halved(x: &[f64], [h, w]: [usize; 2]) -> Vec<f64> {
    let mean = |y: usize, column: usize| {
        let at = 2 * y * w + 2 * column;
        (x[at] + x[at + 1] + x[at + w] + x[at + w + 1]) / 4.0
    };
    (0..h / 2).flat_map(|y| (0..w / 2).map(move |column| (y, column))).map(|(y, column)| mean(y, column)).collect()
}
