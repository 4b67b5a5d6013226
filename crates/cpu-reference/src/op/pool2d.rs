//! Pooling of images over windows.

use calotype_graph::op::{Pool2d, PoolDims, PoolKind};

use crate::fast::Context;
use crate::float::Float;

/// x [B, H, W, C] -> y [B, h, w, C].
pub fn plain<T: Float>(p: &Pool2d, d: &PoolDims, x: &[T], y: &mut [T]) {
    for (at, y) in y.iter_mut().enumerate() {
        let (c, ow, oh) = (at % d.channels, at / d.channels % d.out[1], at / d.channels / d.out[1] % d.out[0]);
        let b = at / d.channels / d.out[1] / d.out[0];
        let mut found: Option<T> = None;
        for h in d.window(0, oh) {
            for w in d.window(1, ow) {
                let v = x[((b * d.size[0] + h) * d.size[1] + w) * d.channels + c];
                found = Some(match (found, p.kind) {
                    (None, _) => v,
                    (Some(best), PoolKind::Max) => {
                        if v.exceeds(best) {
                            v
                        } else {
                            best
                        }
                    }
                    (Some(sum), PoolKind::Average | PoolKind::Sum) => sum + v,
                });
            }
        }
        *y = found.unwrap_or(T::ZERO) * T::of(p.scale());
    }
}

/// As [`plain`]: rows of the result on several threads, all channels of a pixel at once.
pub fn fast(cx: &Context, p: &Pool2d, d: &PoolDims, x: &[f32], y: &mut [f32]) {
    let work = y.len() * d.window.kernel[0] * d.window.kernel[1];
    cx.parts(y, d.out[1] * d.channels, work, |row, y| {
        let (b, oh) = (row / d.out[0], row % d.out[0]);
        for (ow, y) in y.chunks_exact_mut(d.channels).enumerate() {
            let mut first = true;
            for h in d.window(0, oh) {
                for w in d.window(1, ow) {
                    let x = &x[((b * d.size[0] + h) * d.size[1] + w) * d.channels..][..d.channels];
                    let pairs = y.iter_mut().zip(x);
                    match p.kind {
                        _ if std::mem::take(&mut first) => y.copy_from_slice(x),
                        PoolKind::Max => pairs.for_each(|(y, &x)| *y = if x.exceeds(*y) { x } else { *y }),
                        PoolKind::Average | PoolKind::Sum => pairs.for_each(|(y, x)| *y += x),
                    }
                }
            }
            if p.kind == PoolKind::Average {
                y.iter_mut().for_each(|y| *y *= p.scale());
            }
        }
    });
}
