//! Softmax over the last axis.

use crate::fast::Context;
use crate::fast::math::exp;
use crate::fast::simd::multiversion;
use crate::float::Float;

/// `y = exp(x - max) / Σ exp(x - max)` over each row of `n`; 0 in a row of -∞ alone.
pub fn plain<T: Float>(n: usize, x: &[T], y: &mut [T]) {
    for (x, y) in x.chunks_exact(n).zip(y.chunks_exact_mut(n)) {
        let max = largest(x);
        if max.is_infinite() && max < T::ZERO {
            y.fill(T::ZERO);
            continue;
        }
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

/// Elements that a task works on, about.
const TASK: usize = 1 << 13;

/// Calls `row(x, y)` for each row of `n` of x and the `m` elements of y that belong to it, on several threads.
pub(super) fn by_rows(cx: &Context, (n, m): (usize, usize), x: &[f32], y: &mut [f32], row: impl Fn(&[f32], &mut [f32]) + Sync) {
    assert_eq!(y.len(), x.len() / n * m);
    let step = (TASK / n).max(1);
    cx.parts(y, step * m, 16 * x.len(), |part, y| {
        let x = x[part * step * n..].chunks_exact(n);
        x.zip(y.chunks_exact_mut(m)).for_each(|(x, y)| row(x, y));
    });
}

/// Lanes of a running maximum or sum.
const LANES: usize = 16;

/// The largest element; NaN if there is one.
#[inline(always)]
pub(super) fn largest_wide(x: &[f32]) -> f32 {
    let mut best = [f32::NEG_INFINITY; LANES];
    for x in x.chunks(LANES) {
        best.iter_mut().zip(x).for_each(|(b, &v)| *b = b.larger(v));
    }
    best.into_iter().fold(f32::NEG_INFINITY, f32::larger)
}

/// The sum, in a fixed order.
#[inline(always)]
pub(super) fn sum_wide(values: impl Iterator<Item = f32>) -> f32 {
    let mut sums = [0.0f32; LANES];
    values.enumerate().for_each(|(i, v)| sums[i % LANES] += v);
    sums.into_iter().sum()
}

/// # Safety
/// None of its own.
#[inline(always)]
unsafe fn row_body<const FMA: bool>(x: &[f32], y: &mut [f32]) {
    let max = largest_wide(x);
    if max == f32::NEG_INFINITY {
        return y.fill(0.0);
    }
    for (y, &x) in y.iter_mut().zip(x) {
        *y = exp::<FMA>(x - max);
    }
    let sum = sum_wide(y.iter().copied());
    y.iter_mut().for_each(|y| *y /= sum);
}

multiversion! {
    /// One row.
    ///
    /// # Safety
    /// The CPU has the level.
    unsafe fn softmax_row[](x: &[f32], y: &mut [f32]) by row_body::<true>, row_body::<false>
}

/// As [`plain`].
pub fn fast(cx: &Context, n: usize, x: &[f32], y: &mut [f32]) {
    // SAFETY: the level was detected.
    by_rows(cx, (n, n), x, y, |x, y| unsafe { softmax_row(cx.level, x, y) });
}
