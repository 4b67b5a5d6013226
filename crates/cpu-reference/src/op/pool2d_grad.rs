//! The transpose of pooling.

use calotype_graph::op::{Pool2d, PoolDims, PoolKind};

use crate::fast::Context;
use crate::fast::simd::multiversion;
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
    places.reduce(|best, at| if x[at].exceeds(x[best]) { at } else { best }).unwrap_or(0)
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
    let work = dx.len() + dy.len();
    cx.parts(dx, d.size[1] * d.channels, work, |row, dx| {
        let (b, h) = (row / d.size[0], row % d.size[0]);
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
    let work = dx.len() + dy.len() * d.window.kernel[0] * d.window.kernel[1];
    let (image, result) = (d.size[0] * d.size[1] * d.channels, d.out[0] * d.out[1] * d.channels);
    cx.parts(dx, image, work, |b, dx| {
        // SAFETY: the level was detected.
        unsafe { largest_grad(cx.level, d, &dy[b * result..][..result], &x[b * image..][..image], dx) };
    });
}

/// Channels of a window that are looked at together.
const CHANNELS: usize = 64;

/// # Safety
/// None of its own.
#[inline(always)]
unsafe fn largest_grad_body(d: &PoolDims, dy: &[f32], x: &[f32], dx: &mut [f32]) {
    dx.fill(0.0);
    for (at, dy) in dy.chunks_exact(d.channels).enumerate() {
        let (rows, columns) = (d.window(0, at / d.out[1]), d.window(1, at % d.out[1]));
        let pixel = |h: usize, w: usize| (h * d.size[1] + w) * d.channels;
        let first = pixel(rows.start, columns.start);
        for (part, dy) in dy.chunks(CHANNELS).enumerate() {
            let channel = part * CHANNELS;
            let (mut best, mut places) = ([0.0f32; CHANNELS], [first as u32; CHANNELS]);
            best[..dy.len()].copy_from_slice(&x[first + channel..][..dy.len()]);
            for h in rows.clone() {
                for w in columns.clone() {
                    let x = &x[pixel(h, w) + channel..][..dy.len()];
                    for ((best, place), &x) in best.iter_mut().zip(&mut places).zip(x) {
                        let larger = x.exceeds(*best);
                        *place = if larger { pixel(h, w) as u32 } else { *place };
                        *best = if larger { x } else { *best };
                    }
                }
            }
            for h in rows.clone() {
                for w in columns.clone() {
                    let dx = &mut dx[pixel(h, w) + channel..][..dy.len()];
                    for ((dx, dy), place) in dx.iter_mut().zip(dy).zip(places) {
                        *dx += if place == pixel(h, w) as u32 { *dy } else { 0.0 };
                    }
                }
            }
        }
    }
}

multiversion! {
    /// dx of one image.
    ///
    /// # Safety
    /// The CPU has the level.
    unsafe fn largest_grad[](d: &PoolDims, dy: &[f32], x: &[f32], dx: &mut [f32]) by largest_grad_body
}
