//! Hidden units in slices of vectors, as NADE's kernels walk over them.
//!
//! Every unit goes its own way but for the sums over units: a slice of units stays in the first-level cache while a few
//! dimensions pass by, with their weights packed beside each other and padded with zeros.
//!
//! All of it is inlined into functions that are compiled for wide instructions. Loops stay loops there: a closure passed to an
//! iterator's method is a function of its own, compiled without them.

use std::ops::Range;

use calotype_graph::op::{NadeActivation, NadeDims, NadeGrad};

use super::math::logistic;
use super::vector::{LANES, Vector};
use crate::op::nade::Weights;

/// Units of a slice.
pub const SLICE: usize = NadeGrad::SLICE;
/// Vectors of a slice.
pub const VECTORS: usize = SLICE / LANES;
/// Sums of a few dimensions: at most this many, or one dimension's.
const ROWS: usize = 16;

/// One number for each unit of a slice.
pub type Units = [f32; SLICE];
/// A running sum.
pub type Lanes = [f32; LANES];

/// Scratch as arrays; the rest is left behind.
pub fn arrays<const N: usize>(scratch: &mut [f32]) -> &mut [[f32; N]] {
    scratch.as_chunks_mut().0
}

/// Dimensions that are walked over together.
pub fn chunk(d: &NadeDims) -> usize {
    (ROWS / d.outputs).max(1)
}

/// Chunks, first to last.
pub fn chunks(d: &NadeDims) -> impl DoubleEndedIterator<Item = (usize, Range<usize>)> + use<> {
    let (step, end) = (chunk(d), d.dims);
    (0..end.div_ceil(step)).map(move |n| (n, n * step..((n + 1) * step).min(end)))
}

/// Units of slice `s`.
pub fn units(d: &NadeDims, s: usize) -> Range<usize> {
    s * SLICE..((s + 1) * SLICE).min(d.hidden)
}

/// `to` becomes `from`, then zeros.
#[inline(always)]
pub fn pad(to: &mut Units, from: &[f32]) {
    match from.first_chunk::<SLICE>() {
        Some(from) => *to = *from,
        None => {
            let (head, tail) = to.split_at_mut(from.len());
            head.copy_from_slice(from);
            tail.fill(0.0);
        }
    }
}

/// The weights of some dimensions for one slice of units: w [dimensions], v [dimensions · outputs].
#[inline(always)]
pub fn pack(d: &NadeDims, weights: &Weights<f32>, ds: &Range<usize>, units: &Range<usize>, w: &mut [Units], v: &mut [Units]) {
    let n_o = d.outputs;
    for (dim, (w, v)) in ds.clone().zip(w.iter_mut().zip(v.chunks_exact_mut(n_o))) {
        let row = dim * d.hidden;
        pad(w, &weights.w[row + units.start..row + units.end]);
        let from = &weights.v[(row + units.start) * n_o..(row + units.end) * n_o];
        if n_o == 1 {
            pad(&mut v[0], from);
            continue;
        }
        v.fill([0.0; SLICE]);
        for (j, from) in from.chunks_exact(n_o).enumerate() {
            for (v, &x) in v.iter_mut().zip(from) {
                v[j] = x;
            }
        }
    }
}

/// Vector `q` of a slice.
#[inline(always)]
pub fn vector(units: &Units, q: usize) -> &Lanes {
    &units.as_chunks().0[q]
}

/// Vector `q` of a slice.
#[inline(always)]
pub fn vector_mut(units: &mut Units, q: usize) -> &mut Lanes {
    &mut units.as_chunks_mut().0[q]
}

/// `to += k · from`
///
/// # Safety
/// The CPU has the vector's instructions.
#[inline(always)]
pub unsafe fn add_scaled<V: Vector>(to: &mut Units, k: f32, from: &Units) {
    for q in 0..VECTORS {
        let to = vector_mut(to, q);
        // SAFETY: the caller's.
        unsafe { V::splat(k).mul_add(V::load(vector(from, q)), V::load(to)).store(to) };
    }
}

/// `sum += Σ a b`, units [`LANES`] apart in one lane.
///
/// # Safety
/// The CPU has the vector's instructions.
#[inline(always)]
pub unsafe fn dot<V: Vector>(sum: &mut Lanes, a: &Units, b: &Units) {
    // SAFETY: the caller's.
    unsafe {
        let mut s = V::load(sum);
        for q in 0..VECTORS {
            s = V::load(vector(a, q)).mul_add(V::load(vector(b, q)), s);
        }
        s.store(sum);
    }
}

/// The sum of all lanes: halves, quarters and so on.
#[inline(always)]
pub fn total(sum: &Lanes) -> f32 {
    let mut s = *sum;
    let mut n = LANES / 2;
    while n > 0 {
        for i in 0..n {
            s[i] += s[i + n];
        }
        n /= 2;
    }
    s[0]
}

/// `h_d = φ(a_d)`; `rho` is rho_d.
#[inline(always)]
pub fn activate<const FMA: bool>(activation: NadeActivation, a: &Units, rho: f32, h: &mut Units) {
    match activation {
        NadeActivation::Sigmoid => {
            for i in 0..SLICE {
                h[i] = logistic::<FMA>(a[i]);
            }
        }
        NadeActivation::ScaledRelu => {
            for i in 0..SLICE {
                let scaled = rho * a[i];
                h[i] = if scaled < 0.0 { 0.0 } else { scaled };
            }
        }
    }
}
