//! Gradient of a convolution with respect to its weights.

use calotype_graph::op::conv2d::ConvDims;

use super::conv2d::for_each_tap;
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
