//! Softmax over the last axis.

use crate::float::Float;

/// `y = exp(x - max) / Σ exp(x - max)` over each row of `n`.
pub fn plain<T: Float>(n: usize, x: &[T], y: &mut [T]) {
    for (x, y) in x.chunks_exact(n).zip(y.chunks_exact_mut(n)) {
        let max = largest(x);
        let mut sum = T::ZERO;
        for (x, y) in x.iter().zip(&mut *y) {
            *y = (*x - max).exp();
            sum += *y;
        }
        for y in y {
            *y = *y / sum;
        }
    }
}

/// The largest of at least one element; NaN if there is one.
pub(super) fn largest<T: Float>(x: &[T]) -> T {
    x.iter().copied().fold(x[0], T::larger)
}
