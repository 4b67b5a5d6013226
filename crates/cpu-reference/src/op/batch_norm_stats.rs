//! Mean and variance of each channel.

use crate::fast::{Context, columns};
use crate::float::Float;

/// x [rows, channels] -> stats [2, channels]: mean, biased variance Σ(x - mean)² / rows.
pub fn plain<T: Float>((rows, channels): (usize, usize), x: &[T], stats: &mut [T]) {
    let (mean, variance) = stats.split_at_mut(channels);
    let n = T::count(rows);
    for c in 0..channels {
        let column = || (0..rows).map(|r| x[r * channels + c]);
        mean[c] = column().fold(T::ZERO, |sum, v| sum + v) / n;
        variance[c] = column().fold(T::ZERO, |sum, v| sum + (v - mean[c]) * (v - mean[c])) / n;
    }
}

/// As [`plain`], x read once.
pub fn fast(cx: &Context, dims: (usize, usize), x: &[f32], stats: &mut [f32]) {
    if dims.1 > columns::MAX_COLUMNS {
        return plain(dims, x, stats);
    }
    columns::moments(cx, dims, x, stats);
}
