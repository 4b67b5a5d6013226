//! The transpose of reflecting padding.

use calotype_graph::op::ReflectDims;

use crate::fast::Context;
use crate::float::Float;

/// dy, with borders -> dx [B, H, W, C].
pub fn plain<T: Float>(d: &ReflectDims, dy: &[T], dx: &mut [T]) {
    for (at, dx) in dx.iter_mut().enumerate() {
        let (c, w, row) = (at % d.channels, at / d.channels % d.size[1], at / d.channels / d.size[1]);
        let (b, h) = (row / d.size[0], row % d.size[0]);
        let mut sum = T::ZERO;
        for row in d.places(0, h).into_iter().flatten() {
            for w in d.places(1, w).into_iter().flatten() {
                sum += dy[((b * d.padded[0] + row) * d.padded[1] + w) * d.channels + c];
            }
        }
        *dx = sum;
    }
}

/// As [`plain`]: rows on several threads, all channels of a pixel at once.
pub fn fast(cx: &Context, d: &ReflectDims, dy: &[f32], dx: &mut [f32]) {
    cx.parts(dx, d.size[1] * d.channels, dy.len(), |row, dx| {
        let (b, h) = (row / d.size[0], row % d.size[0]);
        dx.fill(0.0);
        for row in d.places(0, h).into_iter().flatten() {
            let from = (b * d.padded[0] + row) * d.padded[1];
            for (w, dx) in dx.chunks_exact_mut(d.channels).enumerate() {
                for w in d.places(1, w).into_iter().flatten() {
                    let dy = &dy[(from + w) * d.channels..][..d.channels];
                    dx.iter_mut().zip(dy).for_each(|(dx, dy)| *dx += dy);
                }
            }
        }
    });
}
