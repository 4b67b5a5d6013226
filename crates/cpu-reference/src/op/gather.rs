//! Rows of tables by index.

use std::ops::Range;

use crate::fast::Context;
use crate::float::Float;

/// table [B, V, E], indices [B, N] -> y [B, N, E]; zeros for an index of V or more. Copies slots, whatever the dtype.
pub fn plain<T: Float>(dims: (usize, usize, usize, usize), table: &[T], indices: &[T], y: &mut [T]) {
    let (b, _, n, _) = dims;
    rows(dims, 0..b * n, table, indices, y);
}

/// Rows `range` of y [B · N, E].
fn rows<T: Float>((_, v, n, e): (usize, usize, usize, usize), range: Range<usize>, table: &[T], indices: &[T], y: &mut [T]) {
    for (at, row) in range.enumerate() {
        let (b, index) = (row / n, indices[row].word() as usize);
        let y = &mut y[at * e..(at + 1) * e];
        if index < v {
            y.copy_from_slice(&table[(b * v + index) * e..][..e]);
        } else {
            y.fill(T::ZERO);
        }
    }
}

/// Elements of a task, about.
const TASK: usize = 1 << 14;

/// As [`plain`], on several threads.
pub fn fast(cx: &Context, dims: (usize, usize, usize, usize), table: &[f32], indices: &[f32], y: &mut [f32]) {
    let (work, step) = (y.len(), (TASK / dims.3.max(1)).max(1));
    cx.parts(y, step * dims.3, work, |n, y| rows(dims, n * step..n * step + y.len() / dims.3, table, indices, y));
}
