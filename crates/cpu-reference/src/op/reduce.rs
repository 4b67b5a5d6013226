//! Reductions over one run of neighbouring axes.

use calotype_graph::Type;
use calotype_graph::op::{Reduce, ReduceKind};

use super::softmax::{by_rows, largest_wide};
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

/// Index of the first largest element, or of the first NaN; 0 where there is none.
fn arg_max<T: Float>(column: impl Iterator<Item = T>) -> u32 {
    let best = column.enumerate().reduce(|best, v| if v.1.exceeds(best.1) { v } else { best });
    best.map_or(0, |(k, _)| k as u32)
}

/// As [`plain`], in chunks.
pub fn fast(cx: &Context, p: &Reduce, ty: &Type, x: &[f32], y: &mut [f32]) {
    let dims = p.dims(ty);
    match p.kind {
        ReduceKind::ArgMax if dims.2 == 1 => by_rows(cx, (dims.1, 1), x, y, |x, y| y[0] = f32::from_bits(first_largest(x))),
        ReduceKind::ArgMax => arg_max_columns(cx, dims, x, y),
        _ if dims.2 > columns::MAX_COLUMNS => plain(p, ty, x, y),
        ReduceKind::Sum => columns::reduce(cx, dims, x, y, 0.0, |a, b| a + b),
        ReduceKind::Max => columns::reduce(cx, dims, x, y, f32::NEG_INFINITY, f32::larger),
    }
}

/// Where the first largest element of a row is: its value first, by vectors.
fn first_largest(x: &[f32]) -> u32 {
    let largest = largest_wide(x);
    // Not found where there is a NaN.
    x.iter().position(|&v| v == largest).map_or_else(|| arg_max(x.iter().copied()), |k| k as u32)
}

/// Columns that are looked at together.
const COLUMNS: usize = 64;

/// Where the first largest element of each column is.
fn arg_max_columns(cx: &Context, (outer, n, inner): (usize, usize, usize), x: &[f32], y: &mut [f32]) {
    cx.parts(y, inner, outer * n * inner, |o, y| {
        for (part, y) in y.chunks_mut(COLUMNS).enumerate() {
            let row = |k: usize| &x[(o * n + k) * inner + part * COLUMNS..][..y.len()];
            let (mut best, mut places) = ([0.0f32; COLUMNS], [0u32; COLUMNS]);
            best[..y.len()].copy_from_slice(row(0));
            for k in 1..n {
                for ((best, place), &v) in best.iter_mut().zip(&mut places).zip(row(k)) {
                    let larger = v.exceeds(*best);
                    *place = if larger { k as u32 } else { *place };
                    *best = if larger { v } else { *best };
                }
            }
            y.iter_mut().zip(places).for_each(|(y, place)| *y = f32::from_bits(place));
        }
    });
}
