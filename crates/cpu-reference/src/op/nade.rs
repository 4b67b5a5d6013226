//! NADE's conditionals.

use calotype_graph::op::{NadeActivation, NadeDims};

use crate::float::Float;
use crate::memory::Operands;

/// w [D, H], c [H], v [D, H, O], and rho [D] (empty where there is none).
#[derive(Clone, Copy, Debug)]
pub struct Weights<'a, T> {
    pub w: &'a [T],
    pub c: &'a [T],
    pub v: &'a [T],
    pub rho: &'a [T],
}

impl<'a, T> Weights<'a, T> {
    /// Operands of these numbers: w, c, v, rho.
    pub fn of(activation: NadeActivation, o: &Operands<'a, T>, [w, c, v, rho]: [usize; 4]) -> Self {
        let rho = if activation == NadeActivation::ScaledRelu { o.slice(rho) } else { &[] };
        Weights { w: o.slice(w), c: o.slice(c), v: o.slice(v), rho }
    }
}

/// `h_d = φ(a_d)` for one unit.
pub(super) fn activate<T: Float>(activation: NadeActivation, a: T, d: usize, rho: &[T]) -> T {
    match activation {
        NadeActivation::Sigmoid => T::ONE / (T::ONE + (-a).exp()),
        NadeActivation::ScaledRelu => (rho[d] * a).larger(T::ZERO),
    }
}

/// `a_{d+1} = a_d + x_d w_d`, in place; nothing where x_d is 0.
pub(super) fn advance<T: Float>(a: &mut [T], x: T, w: &[T]) {
    if x != T::ZERO {
        a.iter_mut().zip(w).for_each(|(a, &w)| *a += x * w);
    }
}

/// x [B, D] -> y [B, D, O]: `y_d = Σ_j v_dj φ(a_dj)`, `a_1 = c`, `a_{d+1} = a_d + x_d w_d`.
pub fn plain<T: Float>(activation: NadeActivation, dims: &NadeDims, x: &[T], weights: Weights<T>, y: &mut [T]) {
    let NadeDims { dims: n_d, hidden: n_h, outputs: n_o, .. } = *dims;
    for (x, y) in x.chunks_exact(n_d).zip(y.chunks_exact_mut(n_d * n_o)) {
        let mut a = weights.c.to_vec();
        for d in 0..n_d {
            for o in 0..n_o {
                let term = |j: usize| weights.v[(d * n_h + j) * n_o + o] * activate(activation, a[j], d, weights.rho);
                y[d * n_o + o] = (0..n_h).fold(T::ZERO, |sum, j| sum + term(j));
            }
            advance(&mut a, x[d], &weights.w[d * n_h..][..n_h]);
        }
    }
}
