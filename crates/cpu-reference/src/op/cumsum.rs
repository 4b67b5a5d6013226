//! Running sums along one axis.

use calotype_graph::op::Cumsum;

use crate::fast::Context;
use crate::fast::gemm::Shared;
use crate::float::Float;

/// x [outer, n, inner] -> y of that shape: the sum of x up to each element of the middle axis, or from it on.
pub fn plain<T: Float>(p: &Cumsum, (outer, n, inner): (usize, usize, usize), x: &[T], y: &mut [T]) {
    for o in 0..outer {
        for i in 0..inner {
            let mut sum = T::ZERO;
            for k in 0..n {
                let k = if p.reverse { n - 1 - k } else { k };
                sum += x[(o * n + k) * inner + i];
                y[(o * n + k) * inner + i] = sum;
            }
        }
    }
}

/// Columns of a task.
const COLUMNS: usize = 64;
/// Elements of a task that has whole rows.
const TASK: usize = 1 << 14;

/// As [`plain`], with the same additions: slices and columns on several threads.
pub fn fast(cx: &Context, p: &Cumsum, (outer, n, inner): (usize, usize, usize), x: &[f32], y: &mut [f32]) {
    if inner == 1 {
        // Rows: each sum waits for the one before.
        let step = (TASK / n.max(1)).max(1);
        return cx.parts(y, step * n, 2 * x.len(), |part, y| {
            plain(p, (y.len() / n, n, 1), &x[part * step * n..][..y.len()], y);
        });
    }
    let (parts, out) = (inner.div_ceil(COLUMNS), Shared(y.as_mut_ptr()));
    cx.all().parallel(outer * parts, 2 * x.len(), |task| {
        let (o, first) = (task / parts, task % parts * COLUMNS);
        let mut sums = [0.0f32; COLUMNS];
        let sums = &mut sums[..COLUMNS.min(inner - first)];
        for k in 0..n {
            let at = (o * n + if p.reverse { n - 1 - k } else { k }) * inner + first;
            sums.iter_mut().zip(&x[at..]).for_each(|(sum, x)| *sum += x);
            // SAFETY: tasks have different slices or columns.
            unsafe { std::slice::from_raw_parts_mut(out.get().add(at), sums.len()) }.copy_from_slice(sums);
        }
    });
}
