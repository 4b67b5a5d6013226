//! Matrix product, batched, with transposed operands.

use calotype_graph::Type;
use calotype_graph::op::MatMul;

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
