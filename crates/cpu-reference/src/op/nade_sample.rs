//! Sampling from NADE.

use calotype_graph::op::{Conditional, NadeDims, NadeSample};

use super::nade::{Weights, activate, advance};
use crate::float::Float;

/// noise [B, D, R], given [2, B, D] (values, mask), b [D, O] -> x [B, D].
pub fn plain<T: Float>(
    op: &NadeSample,
    dims: &NadeDims,
    (noise, given): (&[T], &[T]),
    weights: Weights<T>,
    b: &[T],
    x: &mut [T],
) {
    let NadeDims { dims: n_d, hidden: n_h, outputs: n_o, .. } = *dims;
    let (r, (known, mask)) = (op.conditional.n_noise(), given.split_at(x.len()));
    for (n, x) in x.chunks_exact_mut(n_d).enumerate() {
        let mut a = weights.c.to_vec();
        for d in 0..n_d {
            let at = n * n_d + d;
            let y = |o: usize| {
                let term = |j: usize| weights.v[(d * n_h + j) * n_o + o] * activate(op.activation, a[j], d, weights.rho);
                (0..n_h).fold(T::ZERO, |sum, j| sum + term(j)) + b[d * n_o + o]
            };
            x[d] = if mask[at] != T::ZERO {
                known[at]
            } else {
                draw(op.conditional, &(0..n_o).map(y).collect::<Vec<T>>(), &noise[at * r..][..r])
            };
            advance(&mut a, x[d], &weights.w[d * n_h..][..n_h]);
        }
    }
}

/// x_d, from the numbers of its conditional and its noise.
pub(super) fn draw<T: Float>(conditional: Conditional, y: &[T], noise: &[T]) -> T {
    match conditional {
        Conditional::Bernoulli => {
            let p = T::ONE / (T::ONE + (-y[0]).exp());
            if noise[0] < p { T::ONE } else { T::ZERO }
        }
        Conditional::Gaussians { floor } => {
            let (weights, rest) = y.split_at(y.len() / 3);
            let (means, log_deviations) = rest.split_at(weights.len());
            let k = component(weights, noise[0]);
            means[k] + log_deviations[k].exp().larger(T::of(floor.get())) * noise[1]
        }
    }
}

/// The first component at which the running sum of softmax(weights) passes u; the last if none does.
fn component<T: Float>(weights: &[T], u: T) -> usize {
    let max = weights.iter().copied().fold(weights[0], T::larger);
    let total = weights.iter().fold(T::ZERO, |sum, &w| sum + (w - max).exp());
    let mut sum = T::ZERO;
    let passes = |&w: &T| {
        sum += (w - max).exp();
        u * total < sum
    };
    weights.iter().position(passes).unwrap_or(weights.len() - 1)
}
