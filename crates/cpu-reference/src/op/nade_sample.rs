//! Sampling from NADE.

use std::ops::Range;

use calotype_graph::op::{Conditional, NadeActivation, NadeDims, NadeSample};

use super::nade::{Weights, activate, advance};
use crate::fast::gemm::Shared;
use crate::fast::hidden::{self, SLICE, add_scaled, arrays, dot, pack, pad, total, units};
use crate::fast::simd::multiversion;
use crate::fast::vector::{self, LANES, Vector};
use crate::fast::{Context, OWN};
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

/// What all tasks share.
#[derive(Clone, Copy)]
struct Sampler<'a> {
    op: &'a NadeSample,
    dims: &'a NadeDims,
    noise: &'a [f32],
    given: &'a [f32],
    weights: Weights<'a, f32>,
    b: &'a [f32],
    x: Shared,
}

/// As [`plain`]. A task draws some images, dimension by dimension: each waits for its own sums, but not for each other's.
pub fn fast(
    cx: &Context,
    op: &NadeSample,
    dims: &NadeDims,
    (noise, given): (&[f32], &[f32]),
    weights: Weights<f32>,
    b: &[f32],
    x: &mut [f32],
) {
    let slices = dims.hidden.div_ceil(SLICE);
    let block = dims.batch.div_ceil(8).clamp(1, 16);
    if slices * SLICE * (1 + dims.outputs + 2 * block) + block * dims.outputs > OWN {
        return plain(op, dims, (noise, given), weights, b, x);
    }
    assert!(x.len() == dims.batch * dims.dims && given.len() == 2 * x.len());
    let job = Sampler { op, dims, noise, given, weights, b, x: Shared(x.as_mut_ptr()) };
    cx.all().parallel(dims.batch.div_ceil(block), 4 * dims.cells(), |task| {
        let images = task * block..((task + 1) * block).min(dims.batch);
        // SAFETY: tasks have different images; the level was detected.
        unsafe { sample(cx.level, &job, images, &mut cx.scratch()) };
    });
}

/// # Safety
/// The images are this task's own.
#[inline(always)]
unsafe fn sample_body<V: Vector, const FMA: bool>(job: &Sampler, images: Range<usize>, scratch: &mut [f32]) {
    let Sampler { op, dims, weights, .. } = *job;
    let (n_o, slices, r) = (dims.outputs, dims.hidden.div_ceil(SLICE), op.conditional.n_noise());
    let (known, mask) = job.given.split_at(dims.batch * dims.dims);
    let (w, rest) = arrays::<SLICE>(scratch).split_at_mut(slices);
    let (v, rest) = rest.split_at_mut(slices * n_o);
    let (states, rest) = rest.split_at_mut(2 * slices * images.len());
    let y = &mut rest.as_flattened_mut()[..images.len() * n_o];
    let rho = |d: usize| weights.rho.get(d).copied().unwrap_or(0.0);
    for states in states.chunks_exact_mut(2 * slices) {
        for (s, state) in states.chunks_exact_mut(2).enumerate() {
            let [a, h] = state else { continue };
            pad(a, &weights.c[units(dims, s)]);
            hidden::activate::<FMA>(op.activation, a, rho(0), h);
        }
    }
    for d in 0..dims.dims {
        for s in 0..slices {
            pack(dims, &weights, &(d..d + 1), &units(dims, s), &mut w[s..], &mut v[s * n_o..(s + 1) * n_o]);
        }
        for (states, y) in states.chunks_exact(2 * slices).zip(y.chunks_exact_mut(n_o)) {
            for (o, y) in y.iter_mut().enumerate() {
                let mut sum = [0.0; LANES];
                for s in 0..slices {
                    // SAFETY: the caller's.
                    unsafe { dot::<V>(&mut sum, &states[2 * s + 1], &v[s * n_o + o]) };
                }
                *y = total(&sum) + job.b[d * n_o + o];
            }
        }
        for ((b, states), y) in images.clone().zip(states.chunks_exact_mut(2 * slices)).zip(y.chunks_exact(n_o)) {
            let at = b * dims.dims + d;
            let x = if mask[at] != 0.0 { known[at] } else { draw(op.conditional, y, &job.noise[at * r..][..r]) };
            // SAFETY: the caller's.
            unsafe { *job.x.get().add(at) = x };
            // Without x, a is what it was, and so are sigmoids.
            if d + 1 < dims.dims && (x != 0.0 || op.activation == NadeActivation::ScaledRelu) {
                for (state, w) in states.chunks_exact_mut(2).zip(&*w) {
                    let [a, h] = state else { continue };
                    if x != 0.0 {
                        // SAFETY: the caller's.
                        unsafe { add_scaled::<V>(a, x, w) };
                    }
                    hidden::activate::<FMA>(op.activation, a, rho(d + 1), h);
                }
            }
        }
    }
}

multiversion! {
    /// Draws some images.
    ///
    /// # Safety
    /// The CPU has the level; the images are this task's own.
    unsafe fn sample[](job: &Sampler, images: Range<usize>, scratch: &mut [f32]) by sample_body::<vector::Avx512, true>, sample_body::<vector::Avx2, true>, sample_body::<vector::Portable, false>
}
