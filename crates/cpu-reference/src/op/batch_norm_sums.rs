//! The two sums of batch normalisation's derivative.

use crate::fast::{Context, columns};
use crate::float::Float;

/// x and dy [rows, channels], stats [2, channels] (mean first) -> sums [2, channels]: Σ dy, Σ dy (x - mean).
pub fn plain<T: Float>((rows, channels): (usize, usize), x: &[T], dy: &[T], stats: &[T], sums: &mut [T]) {
    let (sum_dy, sum_dy_x) = sums.split_at_mut(channels);
    for c in 0..channels {
        let mean = stats[c];
        let column = || (0..rows).map(|r| r * channels + c);
        sum_dy[c] = column().fold(T::ZERO, |sum, at| sum + dy[at]);
        sum_dy_x[c] = column().fold(T::ZERO, |sum, at| sum + dy[at] * (x[at] - mean));
    }
}

/// As [`plain`].
pub fn fast(cx: &Context, dims: (usize, usize), x: &[f32], dy: &[f32], stats: &[f32], sums: &mut [f32]) {
    if dims.1 > columns::MAX_COLUMNS {
        return plain(dims, x, dy, stats, sums);
    }
    columns::products(cx, dims, x, dy, &stats[..dims.1], sums);
}
