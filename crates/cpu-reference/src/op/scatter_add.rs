//! Rows added to where they were gathered from.

use crate::fast::Context;
use crate::fast::gemm::Shared;
use crate::float::Float;
use crate::memory::LINE;

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

/// As [`plain`]: tables, and where there are few of them columns, apart on several threads. Each sum is in order, wherever
/// its columns are cut.
pub fn fast(cx: &Context, (b, v, n, e): (usize, usize, usize, usize), values: &[f32], indices: &[f32], y: &mut [f32]) {
    let columns = if b >= cx.threads { e } else { e.div_ceil(cx.threads).next_multiple_of(LINE) }.max(1);
    let (parts, out) = (e.div_ceil(columns), Shared(y.as_mut_ptr()));
    cx.all().parallel(b * parts, values.len() + y.len(), |task| {
        let (table, first) = (task / parts, task % parts * columns);
        let width = columns.min(e - first);
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
