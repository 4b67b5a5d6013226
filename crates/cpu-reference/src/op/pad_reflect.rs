//! Padding of images with their own reflection.

use calotype_graph::op::ReflectDims;

use crate::fast::Context;
use crate::float::Float;

/// x [B, H, W, C] -> y, with borders.
pub fn plain<T: Float>(d: &ReflectDims, x: &[T], y: &mut [T]) {
    (0..d.batch * d.padded[0]).for_each(|row| one_row(d, row, x, &mut y[row * d.padded[1] * d.channels..]));
}

/// Row `row` of the B · (H + borders) rows.
fn one_row<T: Float>(d: &ReflectDims, row: usize, x: &[T], y: &mut [T]) {
    let from = (row / d.padded[0] * d.size[0] + d.source(0, row % d.padded[0])) * d.size[1];
    for w in 0..d.padded[1] {
        let x = &x[(from + d.source(1, w)) * d.channels..][..d.channels];
        y[w * d.channels..][..d.channels].copy_from_slice(x);
    }
}

/// As [`plain`], on several threads.
pub fn fast(cx: &Context, d: &ReflectDims, x: &[f32], y: &mut [f32]) {
    let work = y.len();
    cx.parts(y, d.padded[1] * d.channels, work, |row, y| one_row(d, row, x, y));
}
