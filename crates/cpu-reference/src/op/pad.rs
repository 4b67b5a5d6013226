//! Padding one axis with a constant.

use calotype_graph::Type;
use calotype_graph::op::Pad;

use crate::float::Float;

/// `x` of type `ty`, with `p.before` and `p.after` elements more on its axis.
pub fn plain<T: Float>(p: &Pad, ty: &Type, x: &[T], y: &mut [T]) {
    let (outer, n, inner) = p.dims(ty);
    let n_out = p.before + n + p.after;
    y.fill(T::of(p.value.get()));
    for o in 0..outer {
        let at = (o * n_out + p.before) * inner;
        y[at..at + n * inner].copy_from_slice(&x[o * n * inner..(o + 1) * n * inner]);
    }
}
