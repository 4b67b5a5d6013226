//! 2-D convolution (cross-correlation), NHWC.

use calotype_graph::op::conv2d::ConvDims;

use crate::fast::Context;
use crate::fast::epilogue::Epilogue;
use crate::fast::gemm::{Dense, Sizes, gemm};
use crate::fast::pack::{Matrix, WideOf};
use crate::fast::patches::{Patches, PixelRows};
use crate::float::Float;

/// The pixel of the large side that tap `t` sees from pixel `i` of the small side, if it is inside.
pub(super) fn tap(d: &ConvDims, axis: usize, i: usize, t: usize) -> Option<usize> {
    let w = &d.window;
    let n = [d.height, d.width][axis];
    (i * w.stride[axis] + t * w.dilation[axis]).checked_sub(w.pad[axis]).filter(|&at| at < n)
}

/// Calls `f` with the pixel indices of the small side, the large side, and the tap, for every pair that a convolution
/// connects: by pixel of the small side, then by tap.
pub(super) fn for_each_tap(d: &ConvDims, mut f: impl FnMut(usize, usize, usize)) {
    for b in 0..d.batch {
        for i in 0..d.out_height {
            for j in 0..d.out_width {
                for u in 0..d.kernel_h {
                    for v in 0..d.kernel_w {
                        if let (Some(row), Some(col)) = (tap(d, 0, i, u), tap(d, 1, j, v)) {
                            let small = (b * d.out_height + i) * d.out_width + j;
                            f(small, (b * d.height + row) * d.width + col, u * d.kernel_w + v);
                        }
                    }
                }
            }
        }
    }
}

/// `y[b,i,j,o] = Σ x[b, i·s + u·d - p, j·s + v·d - p, c] w[u,v,c,o]`: x [B, H, W, Cin], w [kh, kw, Cin, Cout].
pub fn plain<T: Float>(d: &ConvDims, x: &[T], w: &[T], y: &mut [T]) {
    y.fill(T::ZERO);
    for_each_tap(d, |small, large, tap| {
        let y = &mut y[small * d.c_out..][..d.c_out];
        for c in 0..d.c_in {
            let x = x[large * d.c_in + c];
            let w = &w[(tap * d.c_in + c) * d.c_out..][..d.c_out];
            for (y, &w) in y.iter_mut().zip(w) {
                *y += x * w;
            }
        }
    });
}

/// As [`plain`], as one product: [pixels of y, taps x Cin] · [taps x Cin, Cout].
pub fn fast(cx: &Context, d: &ConvDims, x: &[f32], w: &[f32], y: &mut [f32], epilogue: Option<&Epilogue>) {
    let sizes = Sizes { m: d.batch * d.out_height * d.out_width, n: d.c_out, k: d.kernel_h * d.kernel_w * d.c_in };
    let (a, b) = (PixelRows(Patches::of(d, x)), WideOf(Matrix { data: w, stride: d.c_out }));
    gemm(cx.all(), sizes, (&a, &b, &Dense(d.c_out)), (y, &mut cx.packed()), epilogue);
}
