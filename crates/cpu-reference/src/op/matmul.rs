//! Matrix product, batched, with transposed operands.

use calotype_graph::Type;
use calotype_graph::op::MatMul;

use crate::fast::Context;
use crate::fast::epilogue::Epilogue;
use crate::fast::gemm::Sizes;
use crate::fast::pack::{ColumnsOf, Matrix, RowsOf, TallOf, WideOf};
use crate::fast::split::gemm_split;
use crate::float::Float;

/// `y[.., m, n] = Σ_k a[.., m, k] b[.., k, n]`, either operand stored transposed if `p` says so.
pub fn plain<T: Float>(p: &MatMul, types: [&Type; 2], a: &[T], b: &[T], y: &mut [T]) {
    let d = p.dims(types[0], types[1]);
    for t in 0..d.batch {
        let (a, b) = (&a[t * d.m * d.k..], &b[t * d.k * d.n..]);
        for m in 0..d.m {
            for n in 0..d.n {
                let mut sum = T::ZERO;
                for k in 0..d.k {
                    let at_a = if p.transpose_a { k * d.m + m } else { m * d.k + k };
                    let at_b = if p.transpose_b { n * d.k + k } else { k * d.n + n };
                    sum += a[at_a] * b[at_b];
                }
                y[(t * d.m + m) * d.n + n] = sum;
            }
        }
    }
}

/// As [`plain`].
pub fn fast(cx: &Context, p: &MatMul, types: [&Type; 2], a: &[f32], b: &[f32], y: &mut [f32], epilogue: Option<&Epilogue>) {
    let d = p.dims(types[0], types[1]);
    let s = Sizes { m: d.m, n: d.n, k: d.k };
    for t in 0..d.batch {
        let a = &a[t * s.m * s.k..][..s.m * s.k];
        let b = &b[t * s.k * s.n..][..s.k * s.n];
        let at = t * s.m * s.n;
        let part = epilogue.map(|e| e.from(at));
        let (y, e) = (&mut y[at..][..s.m * s.n], part.as_ref());
        let (a_rows, a_cols) = (RowsOf(Matrix { data: a, stride: s.k }), ColumnsOf(Matrix { data: a, stride: s.m }));
        let (b_rows, b_cols) = (WideOf(Matrix { data: b, stride: s.n }), TallOf(Matrix { data: b, stride: s.k }));
        match (p.transpose_a, p.transpose_b) {
            (false, false) => gemm_split(cx, s, (&a_rows, &b_rows), y, e),
            (false, true) => gemm_split(cx, s, (&a_rows, &b_cols), y, e),
            (true, false) => gemm_split(cx, s, (&a_cols, &b_rows), y, e),
            (true, true) => gemm_split(cx, s, (&a_cols, &b_cols), y, e),
        }
    }
}
