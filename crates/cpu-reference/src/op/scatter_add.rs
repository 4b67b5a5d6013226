//! Rows added to where they were gathered from.

use crate::fast::Context;
use crate::fast::gemm::Shared;
use crate::float::Float;

/// values [B, N, E], indices [B, N] -> y [B, V, E], in ascending order of N; an index of V or more is dropped.
pub fn plain<T: Float>((b, v, n, e): (usize, usize, usize, usize), values: &[T], indices: &[T], y: &mut [T]) {
    y.fill(T::ZERO);
    for row in 0..b * n {
        let (table, index) = (row / n, indices[row].word() as usize);
        if index < v {
            for c in 0..e {
                y[(table * v + index) * e + c] += values[row * e + c];
            }
        }
    }
}

/// Columns of a task: enough for long vectors, few enough that all threads have work.
const COLUMNS: usize = 64;

/// As [`plain`], columns apart on several threads.
pub fn fast(cx: &Context, (b, v, n, e): (usize, usize, usize, usize), values: &[f32], indices: &[f32], y: &mut [f32]) {
    let (parts, out) = (e.div_ceil(COLUMNS), Shared(y.as_mut_ptr()));
    cx.all().parallel(b * parts, values.len() + y.len(), |task| {
        let (table, first) = (task / parts, task % parts * COLUMNS);
        let width = COLUMNS.min(e - first);
        // SAFETY: tasks have different columns or tables.
        let row = |r: usize| unsafe { std::slice::from_raw_parts_mut(out.get().add((table * v + r) * e + first), width) };
        (0..v).for_each(|r| row(r).fill(0.0));
        for (k, index) in indices[table * n..(table + 1) * n].iter().enumerate() {
            let index = index.to_bits() as usize;
            if index < v {
                let values = &values[(table * n + k) * e + first..][..width];
                row(index).iter_mut().zip(values).for_each(|(y, x)| *y += x);
            }
        }
    });
}
