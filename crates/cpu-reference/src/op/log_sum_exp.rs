//! Logarithm of a sum of exponentials over the last axis.

use super::softmax::largest;
use crate::float::Float;

/// `y = max + log Σ exp(x - max)` over each row of `n`.
pub fn plain<T: Float>(n: usize, x: &[T], y: &mut [T]) {
    for (x, y) in x.chunks_exact(n).zip(y) {
        let max = largest(x);
        let sum = x.iter().fold(T::ZERO, |sum, &v| sum + (v - max).exp());
        *y = max + sum.ln();
    }
}
