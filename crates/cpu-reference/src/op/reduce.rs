//! Reductions over one run of neighbouring axes.

use calotype_graph::Type;
use calotype_graph::op::{Reduce, ReduceKind};

use crate::fast::{Context, columns};
use crate::float::Float;

/// `x` as [outer, n, inner] -> `y` [outer, inner]; in ascending order of n.
pub fn plain<T: Float>(p: &Reduce, ty: &Type, x: &[T], y: &mut [T]) {
    let (outer, n, inner) = p.dims(ty);
    for o in 0..outer {
        for i in 0..inner {
            let column = (0..n).map(|k| x[(o * n + k) * inner + i]);
            y[o * inner + i] = match p.kind {
                ReduceKind::Sum => column.fold(T::ZERO, |sum, v| sum + v),
                ReduceKind::Max => column.reduce(T::larger).unwrap_or(T::ZERO),
                ReduceKind::ArgMax => T::from_word(arg_max(column)),
            };
        }
    }
}

/// Index of the first largest element; 0 where there is none.
fn arg_max<T: Float>(column: impl Iterator<Item = T>) -> u32 {
    let best = column.enumerate().reduce(|best, v| if v.1 > best.1 { v } else { best });
    best.map_or(0, |(k, _)| k as u32)
}

/// As [`plain`], for sums and maxima, in chunks.
pub fn fast(cx: &Context, p: &Reduce, ty: &Type, x: &[f32], y: &mut [f32]) {
    let dims = p.dims(ty);
    match p.kind {
        _ if dims.2 > columns::MAX_COLUMNS => plain(p, ty, x, y),
        ReduceKind::Sum => columns::reduce(cx, dims, x, y, 0.0, |a, b| a + b),
        ReduceKind::Max => columns::reduce(cx, dims, x, y, f32::NEG_INFINITY, f32::larger),
        ReduceKind::ArgMax => plain(p, ty, x, y),
    }
}
