//! The transpose of pooling.

use calotype_graph::op::{Pool2d, PoolDims, PoolKind};

use crate::fast::Context;
use crate::fast::gemm::Shared;
use crate::float::Float;

/// dy [B, h, w, C], and for the largest x [B, H, W, C] -> dx [B, H, W, C].
pub fn plain<T: Float>(p: &Pool2d, d: &PoolDims, dy: &[T], x: Option<&[T]>, dx: &mut [T]) {
    for (at, dx) in dx.iter_mut().enumerate() {
        let (c, w, h) = (at % d.channels, at / d.channels % d.size[1], at / d.channels / d.size[1] % d.size[0]);
        let b = at / d.channels / d.size[1] / d.size[0];
        let mut sum = T::ZERO;
        for oh in d.windows(0, h) {
            for ow in d.windows(1, w) {
                if x.is_none_or(|x| first_largest(d, x, [b, oh, ow, c]) == at) {
                    sum += dy[((b * d.out[0] + oh) * d.out[1] + ow) * d.channels + c];
                }
            }
        }
        *dx = sum * T::of(p.scale());
    }
}

/// Where the first largest element of a window lies.
fn first_largest<T: Float>(d: &PoolDims, x: &[T], [b, oh, ow, c]: [usize; 4]) -> usize {
    let all = d.window(0, oh).flat_map(|h| d.window(1, ow).map(move |w| (h, w)));
    let places = all.map(|(h, w)| ((b * d.size[0] + h) * d.size[1] + w) * d.channels + c);
    places.reduce(|best, at| if x[at] > x[best] { at } else { best }).unwrap_or(0)
}

/// As [`plain`].
pub fn fast(cx: &Context, p: &Pool2d, d: &PoolDims, dy: &[f32], x: Option<&[f32]>, dx: &mut [f32]) {
    match (p.kind, x) {
        (PoolKind::Max, Some(x)) => by_windows(cx, d, dy, x, dx),
        _ => by_rows(cx, p, d, dy, dx),
    }
}

/// Rows of the image on several threads, all channels of a pixel at once.
fn by_rows(cx: &Context, p: &Pool2d, d: &PoolDims, dy: &[f32], dx: &mut [f32]) {
    let (row, out) = (d.size[1] * d.channels, Shared(dx.as_mut_ptr()));
    cx.all().parallel(d.batch * d.size[0], dx.len() + dy.len(), |task| {
        // SAFETY: tasks have different rows.
        let dx = unsafe { std::slice::from_raw_parts_mut(out.get().add(task * row), row) };
        let (b, h) = (task / d.size[0], task % d.size[0]);
        dx.fill(0.0);
        for oh in d.windows(0, h) {
            for (w, dx) in dx.chunks_exact_mut(d.channels).enumerate() {
                for ow in d.windows(1, w) {
                    let dy = &dy[((b * d.out[0] + oh) * d.out[1] + ow) * d.channels..][..d.channels];
                    dx.iter_mut().zip(dy).for_each(|(dx, dy)| *dx += dy);
                }
            }
        }
        if p.kind == PoolKind::Average {
            dx.iter_mut().for_each(|dx| *dx *= p.scale());
        }
    });
}

/// Images on several threads, each window once.
fn by_windows(cx: &Context, d: &PoolDims, dy: &[f32], x: &[f32], dx: &mut [f32]) {
    let (image, out) = (d.size[0] * d.size[1] * d.channels, Shared(dx.as_mut_ptr()));
    cx.all().parallel(d.batch, dx.len() + dy.len() * d.window.kernel[0] * d.window.kernel[1], |b| {
        // SAFETY: tasks have different images.
        let dx = unsafe { std::slice::from_raw_parts_mut(out.get().add(b * image), image) };
        dx.fill(0.0);
        for oh in 0..d.out[0] {
            for ow in 0..d.out[1] {
                let dy = &dy[((b * d.out[0] + oh) * d.out[1] + ow) * d.channels..][..d.channels];
                for (c, dy) in dy.iter().enumerate() {
                    dx[first_largest(d, x, [b, oh, ow, c]) - b * image] += dy;
                }
            }
        }
    });
}
