//! NADE's conditionals.

use std::ops::Range;

use calotype_graph::op::{NadeActivation, NadeDims};

use crate::fast::gemm::Shared;
use crate::fast::hidden::{self, SLICE, add_scaled, arrays, chunk, chunks, dot, pack, pad, total, units};
use crate::fast::simd::multiversion;
use crate::fast::vector::{self, LANES, Vector};
use crate::fast::{Context, OWN};
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

/// Images of a task: as few as keep the packing of weights cheap.
fn images(batch: usize) -> usize {
    batch.div_ceil(8).clamp(8, 32)
}

/// What all tasks share.
#[derive(Clone, Copy)]
struct Forward<'a> {
    activation: NadeActivation,
    dims: &'a NadeDims,
    x: &'a [f32],
    weights: Weights<'a, f32>,
}

/// As [`plain`]. A task walks some images through all dimensions, a few dimensions and a slice of units at a time.
pub fn fast(cx: &Context, activation: NadeActivation, dims: &NadeDims, x: &[f32], weights: Weights<f32>, y: &mut [f32]) {
    let (slices, rows) = (dims.hidden.div_ceil(SLICE), chunk(dims) * dims.outputs);
    let block = images(dims.batch);
    let scratch = slices * SLICE * (chunk(dims) + rows + 2 * block) + block * rows * LANES;
    if scratch > OWN {
        return plain(activation, dims, x, weights, y);
    }
    let (job, out, row) = (Forward { activation, dims, x, weights }, Shared(y.as_mut_ptr()), dims.dims * dims.outputs);
    assert_eq!(y.len(), dims.batch * row);
    cx.all().parallel(dims.batch.div_ceil(block), 4 * dims.cells(), |task| {
        let images = task * block..((task + 1) * block).min(dims.batch);
        // SAFETY: tasks have different images; the level was detected.
        unsafe {
            let y = std::slice::from_raw_parts_mut(out.get().add(images.start * row), images.len() * row);
            forward(cx.level, &job, images, &mut cx.scratch(), y);
        }
    });
}

/// # Safety
/// The CPU has the vector's instructions.
#[inline(always)]
unsafe fn forward_body<V: Vector, const FMA: bool>(job: &Forward, images: Range<usize>, scratch: &mut [f32], y: &mut [f32]) {
    let Forward { activation, dims, x, weights } = *job;
    let (slices, rows) = (dims.hidden.div_ceil(SLICE), chunk(dims) * dims.outputs);
    let (w, rest) = arrays::<SLICE>(scratch).split_at_mut(chunk(dims));
    let (v, rest) = rest.split_at_mut(rows);
    let (states, rest) = rest.split_at_mut(2 * slices * images.len());
    let sums = arrays::<LANES>(rest.as_flattened_mut());
    let rho = |d: usize| weights.rho.get(d).copied().unwrap_or(0.0);
    for (s, states) in states.chunks_exact_mut(2 * images.len()).enumerate() {
        for state in states.chunks_exact_mut(2) {
            let [a, h] = state else { continue };
            pad(a, &weights.c[units(dims, s)]);
            hidden::activate::<FMA>(activation, a, rho(0), h);
        }
    }
    for (_, ds) in chunks(dims) {
        let n_rows = ds.len() * dims.outputs;
        sums[..images.len() * n_rows].fill([0.0; LANES]);
        for (s, states) in states.chunks_exact_mut(2 * images.len()).enumerate() {
            pack(dims, &weights, &ds, &units(dims, s), w, v);
            for ((state, sums), b) in states.chunks_exact_mut(2).zip(sums.chunks_exact_mut(n_rows)).zip(images.clone()) {
                let [a, h] = state else { continue };
                let rows = sums.chunks_exact_mut(dims.outputs).zip(v.chunks_exact(dims.outputs));
                for ((d, w), (sums, v)) in ds.clone().zip(&*w).zip(rows) {
                    for (sum, v) in sums.iter_mut().zip(v) {
                        // SAFETY: the caller's.
                        unsafe { dot::<V>(sum, h, v) };
                    }
                    let x = x[b * dims.dims + d];
                    if x != 0.0 {
                        // SAFETY: the caller's.
                        unsafe { add_scaled::<V>(a, x, w) };
                    }
                    // Without x, a is what it was, and so are sigmoids.
                    if d + 1 < dims.dims && (x != 0.0 || activation == NadeActivation::ScaledRelu) {
                        hidden::activate::<FMA>(activation, a, rho(d + 1), h);
                    }
                }
            }
        }
        for (y, sums) in y.chunks_exact_mut(dims.dims * dims.outputs).zip(sums.chunks_exact(n_rows)) {
            let y = &mut y[ds.start * dims.outputs..ds.end * dims.outputs];
            for (y, sum) in y.iter_mut().zip(sums) {
                *y = total(sum);
            }
        }
    }
}

multiversion! {
    /// y of some images.
    ///
    /// # Safety
    /// The CPU has the level.
    unsafe fn forward[](job: &Forward, images: Range<usize>, scratch: &mut [f32], y: &mut [f32])
        by forward_body::<vector::Avx512, true>, forward_body::<vector::Avx2, true>, forward_body::<vector::Portable, false>
}
