//! Gradient of NADE.

use calotype_graph::op::{NadeActivation, NadeDims, NadeGrad};

use super::nade::{Weights, activate, advance};
use crate::float::Float;

/// φ'(a) for one unit, from a and h = φ(a).
fn slope<T: Float>(activation: NadeActivation, a: T, h: T, d: usize, rho: &[T]) -> T {
    match activation {
        NadeActivation::Sigmoid => h * (T::ONE - h),
        NadeActivation::ScaledRelu if rho[d] * a > T::ZERO => rho[d],
        NadeActivation::ScaledRelu => T::ZERO,
    }
}

/// x [B, D], dy [B, D, O] -> dw, dc, dv, drho, dx as [`NadeGrad::layout`] says.
pub fn plain<T: Float>(op: &NadeGrad, dims: &NadeDims, x: &[T], weights: Weights<T>, dy: &[T], packed: &mut [T]) {
    let NadeDims { batch, dims: n_d, hidden: n_h, outputs: n_o } = *dims;
    let Weights { w, c, v, rho } = weights;
    let to = op.layout(dims);
    packed.fill(T::ZERO);
    for b in 0..batch {
        let (x, dy) = (&x[b * n_d..][..n_d], &dy[b * n_d * n_o..][..n_d * n_o]);
        let mut a = vec![c.to_vec()]; // a_1 … a_D, [D, H]
        for d in 1..n_d {
            let mut next = a[d - 1].clone();
            advance(&mut next, x[d - 1], &w[(d - 1) * n_h..][..n_h]);
            a.push(next);
        }
        let mut delta = vec![T::ZERO; n_h];
        for d in (0..n_d).rev() {
            for j in 0..n_h {
                let slice = j / NadeGrad::SLICE;
                packed[to.dw.start + d * n_h + j] += x[d] * delta[j];
                if op.dx {
                    packed[to.dx.start + (slice * batch + b) * n_d + d] += w[d * n_h + j] * delta[j];
                }
                let h = activate(op.activation, a[d][j], d, rho);
                let mut g = T::ZERO;
                for o in 0..n_o {
                    let at = (d * n_h + j) * n_o + o;
                    g += dy[d * n_o + o] * v[at];
                    packed[to.dv.start + at] += dy[d * n_o + o] * h;
                }
                if op.activation == NadeActivation::ScaledRelu && rho[d] * a[d][j] > T::ZERO {
                    packed[to.drho.start + slice * n_d + d] += g * a[d][j];
                }
                delta[j] += g * slope(op.activation, a[d][j], h, d, rho);
            }
        }
        for j in 0..n_h {
            packed[to.dc.start + j] += delta[j];
        }
    }
}
