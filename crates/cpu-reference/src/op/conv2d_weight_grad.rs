//! Gradient of a convolution with respect to its weights.

use calotype_graph::op::conv2d::ConvDims;

use super::conv2d::for_each_tap;
use crate::fast::Context;
use crate::fast::gemm::Sizes;
use crate::fast::pack::{Matrix, WideOf};
use crate::fast::patches::{Patches, TapRows};
use crate::fast::split::gemm_split;
use crate::float::Float;

/// `dw[u,v,c,o] = Σ x[b, i·s + u·d - p, j·s + v·d - p, c] dy[b,i,j,o]`: x [B, H, W, Cin], dy [B, h, w, Cout] give
/// [kh, kw, Cin, Cout].
pub fn plain<T: Float>(d: &ConvDims, x: &[T], dy: &[T], dw: &mut [T]) {
    dw.fill(T::ZERO);
    for_each_tap(d, |small, large, tap| {
        let dy = &dy[small * d.c_out..][..d.c_out];
        for c in 0..d.c_in {
            let x = x[large * d.c_in + c];
            let dw = &mut dw[(tap * d.c_in + c) * d.c_out..][..d.c_out];
            for (dw, &dy) in dw.iter_mut().zip(dy) {
                *dw += x * dy;
            }
        }
    });
}

/// As [`plain`], as one product: [taps x Cin, pixels of y] · [pixels of y, Cout].
pub fn fast(cx: &Context, d: &ConvDims, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let sizes = Sizes { m: d.kernel_h * d.kernel_w * d.c_in, n: d.c_out, k: d.batch * d.out_height * d.out_width };
    let (a, b) = (TapRows(Patches::of(d, x)), WideOf(Matrix { data: dy, stride: d.c_out }));
    gemm_split(cx, sizes, (&a, &b), dw, None);
}
