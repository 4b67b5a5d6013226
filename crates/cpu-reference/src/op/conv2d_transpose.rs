//! Transposed convolution: the data gradient of a convolution.

use calotype_graph::op::conv2d::ConvDims;

use super::conv2d::for_each_tap;
use crate::float::Float;

/// `x[b, i·s + u·d - p, j·s + v·d - p, c] = Σ y[b,i,j,o] w[u,v,c,o]`: y [B, h, w, Cout], w [kh, kw, Cin, Cout] give
/// x [B, H, W, Cin].
pub fn plain<T: Float>(d: &ConvDims, y: &[T], w: &[T], x: &mut [T]) {
    x.fill(T::ZERO);
    for_each_tap(d, |small, large, tap| {
        let y = &y[small * d.c_out..][..d.c_out];
        for c in 0..d.c_in {
            let w = &w[(tap * d.c_in + c) * d.c_out..][..d.c_out];
            let mut sum = T::ZERO;
            for (&y, &w) in y.iter().zip(w) {
                sum += y * w;
            }
            x[large * d.c_in + c] += sum;
        }
    });
}
