//! Logarithm of a sum of exponentials over the last axis.

use super::softmax::{by_rows, largest, largest_wide, sum_wide};
use crate::fast::Context;
use crate::fast::math::exp;
use crate::fast::simd::multiversion;
use crate::float::Float;

/// `y = max + log Σ exp(x - max)` over each row of `n`; max where that is infinite.
pub fn plain<T: Float>(n: usize, x: &[T], y: &mut [T]) {
    for (x, y) in x.chunks_exact(n).zip(y) {
        let max = largest(x);
        let sum = x.iter().fold(T::ZERO, |sum, &v| sum + (v - max).exp());
        *y = if max.is_infinite() { max } else { max + sum.ln() };
    }
}

/// # Safety
/// None of its own.
#[inline(always)]
unsafe fn row_body<const FMA: bool>(x: &[f32], y: &mut [f32]) {
    let max = largest_wide(x);
    y[0] = if max.is_infinite() { max } else { max + sum_wide(x.iter().map(|&x| exp::<FMA>(x - max))).ln() };
}

multiversion! {
    /// One row.
    ///
    /// # Safety
    /// The CPU has the level.
    unsafe fn log_sum_exp_row[](x: &[f32], y: &mut [f32]) by row_body::<true>, row_body::<false>
}

/// As [`plain`].
pub fn fast(cx: &Context, n: usize, x: &[f32], y: &mut [f32]) {
    // SAFETY: the level was detected.
    by_rows(cx, (n, 1), x, y, |x, y| unsafe { log_sum_exp_row(cx.level, x, y) });
}
