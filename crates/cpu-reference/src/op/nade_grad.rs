//! Gradient of NADE.

use std::ops::Range;

use calotype_graph::op::{NadeActivation, NadeDims, NadeGrad, NadeGradLayout};

use super::nade::{Weights, activate, advance};
use crate::fast::gemm::Shared;
use crate::fast::hidden::{
    self, SLICE, Units, VECTORS, add_scaled, arrays, chunk, chunks, dot, pack, pad, total, units, vector, vector_mut,
};
use crate::fast::simd::multiversion;
use crate::fast::vector as lanes;
use crate::fast::vector::{LANES, Vector};
use crate::fast::{Context, OWN};
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

/// What all tasks share.
struct Backward<'a> {
    op: &'a NadeGrad,
    dims: &'a NadeDims,
    x: &'a [f32],
    weights: Weights<'a, f32>,
    dy: &'a [f32],
    /// Images that are walked over together.
    block: usize,
    layout: NadeGradLayout,
    packed: Shared,
}

/// Memory for the chunk of dimensions at hand: it fits the first-level cache.
struct Chunk<'a> {
    /// Weights, and sums over images.
    w: &'a mut [Units],
    v: &'a mut [Units],
    dw: &'a mut [Units],
    dv: &'a mut [Units],
    /// Of the image at hand: a and h of each dimension of the chunk.
    a: &'a mut [Units],
    h: &'a mut [Units],
}

/// A slice's working memory.
struct Slice<'a> {
    chunk: Chunk<'a>,
    /// [images]
    delta: &'a mut [Units],
    /// a at the start of each chunk, [chunks, images].
    saved: &'a mut [Units],
}

/// As [`plain`]. A task owns a slice of units: it walks some images up, saving a at the start of each chunk of dimensions,
/// and down again, chunk by chunk; sums over images stay in the first-level cache meanwhile.
pub fn fast(cx: &Context, op: &NadeGrad, dims: &NadeDims, x: &[f32], weights: Weights<f32>, dy: &[f32], packed: &mut [f32]) {
    let (n_chunks, rows) = (dims.dims.div_ceil(chunk(dims)), chunk(dims) * (4 + 2 * dims.outputs));
    let room = (OWN / SLICE).saturating_sub(rows) / (n_chunks + 1);
    if room == 0 {
        return plain(op, dims, x, weights, dy, packed);
    }
    let block = dims.batch.max(1).div_ceil(dims.batch.max(1).div_ceil(room.min(64)));
    let layout = op.layout(dims);
    assert_eq!(packed.len(), layout.len());
    if dims.batch == 0 {
        return packed.fill(0.0);
    }
    let slices = layout.slices;
    let job = Backward { op, dims, x, weights, dy, block, layout, packed: Shared(packed.as_mut_ptr()) };
    cx.all().parallel(slices, 8 * dims.cells(), |s| {
        // SAFETY: tasks have different slices; the level was detected.
        unsafe { backward(cx.level, &job, s, &mut cx.scratch()) };
    });
}

impl Backward<'_> {
    fn rho(&self, d: usize) -> f32 {
        self.weights.rho.get(d).copied().unwrap_or(0.0)
    }

    fn cut<'a>(&self, scratch: &'a mut [f32]) -> Slice<'a> {
        let (k, rows) = (chunk(self.dims), chunk(self.dims) * self.dims.outputs);
        let (w, rest) = arrays::<SLICE>(scratch).split_at_mut(k);
        let (v, rest) = rest.split_at_mut(rows);
        let (dw, rest) = rest.split_at_mut(k);
        let (dv, rest) = rest.split_at_mut(rows);
        let (a, rest) = rest.split_at_mut(k);
        let (h, rest) = rest.split_at_mut(k);
        let (delta, saved) = rest.split_at_mut(self.block);
        Slice { chunk: Chunk { w, v, dw, dv, a, h }, delta, saved }
    }

    /// Adds to, or begins, the slice's part of a row of the result.
    ///
    /// # Safety
    /// The row is in the result, and this task's own.
    #[inline(always)]
    unsafe fn put(&self, at: usize, stride: usize, values: &[f32], first: bool) {
        for (j, &value) in values.iter().enumerate() {
            // SAFETY: the caller's.
            let to = unsafe { &mut *self.packed.get().add(at + j * stride) };
            *to = if first { value } else { *to + value };
        }
    }

    /// a at the start of each chunk, for each image.
    ///
    /// # Safety
    /// The CPU has the vector's instructions.
    #[inline(always)]
    unsafe fn up<V: Vector>(&self, units: &Range<usize>, images: &Range<usize>, m: &mut Slice) {
        let n = images.len();
        for saved in &mut m.saved[..n] {
            pad(saved, &self.weights.c[units.clone()]);
        }
        let last = self.dims.dims.div_ceil(chunk(self.dims)) - 1;
        for (c, ds) in chunks(self.dims).take(last) {
            for (w, d) in m.chunk.w.iter_mut().zip(ds.clone()) {
                pad(w, &self.weights.w[d * self.dims.hidden..][units.clone()]);
            }
            let (before, after) = m.saved[c * n..(c + 2) * n].split_at_mut(n);
            for ((b, from), to) in images.clone().zip(before).zip(after) {
                // SAFETY: the caller's.
                unsafe { walk::<V>(to, from, m.chunk.w, &self.x[b * self.dims.dims..][ds.clone()]) };
            }
        }
    }

    /// a (from its start in `a_d`, which is used up) and h of an image in a chunk. Where h is what it was before it is not
    /// written again; the result has a bit for each dimension where it is.
    ///
    /// # Safety
    /// The CPU has the vector's instructions.
    #[inline(always)]
    unsafe fn again<V: Vector, const FMA: bool>(&self, x: &[f32], first: usize, a_d: &mut Units, m: &mut Chunk) -> u32 {
        let scaled = self.op.activation == NadeActivation::ScaledRelu;
        let (mut is_new, mut news) = (true, 0);
        for (k, &x) in x.iter().enumerate() {
            if is_new {
                news |= 1 << k;
                if scaled {
                    m.a[k] = *a_d;
                }
                hidden::activate::<FMA>(self.op.activation, a_d, self.rho(first + k), &mut m.h[k]);
            }
            if x != 0.0 {
                // SAFETY: the caller's.
                unsafe { add_scaled::<V>(a_d, x, &m.w[k]) };
            }
            // Each dimension by itself where it has a scale, or its δ is asked for.
            is_new = x != 0.0 || scaled || self.op.dx;
        }
        news
    }

    /// One image down a chunk: its part of the chunk's sums, and δ.
    ///
    /// # Safety
    /// The CPU has the vector's instructions; slice `s` is this task's own.
    #[inline(always)]
    unsafe fn down<V: Vector>(&self, (b, s): (usize, usize), ds: &Range<usize>, news: u32, delta: &mut Units, m: &mut Chunk) {
        let (n_d, n_o, to) = (self.dims.dims, self.dims.outputs, &self.layout);
        let x = &self.x[b * n_d..][ds.clone()];
        let dy = &self.dy[(b * n_d + ds.start) * n_o..(b * n_d + ds.end) * n_o];
        let mut end = ds.len();
        while end > 0 {
            // Dimensions start..end have the same h: those before the last have x = 0.
            let start = (news & ((1 << end) - 1)).ilog2() as usize;
            let rows = start * n_o..end * n_o;
            // SAFETY: places inside the result, of this slice; the caller's.
            unsafe {
                if x[end - 1] != 0.0 {
                    add_scaled::<V>(&mut m.dw[end - 1], x[end - 1], delta);
                }
                if self.op.dx {
                    let mut sum = [0.0; LANES];
                    dot::<V>(&mut sum, &m.w[end - 1], delta);
                    let at = to.dx.start + (s * self.dims.batch + b) * n_d + ds.start + end - 1;
                    *self.packed.get().add(at) = total(&sum);
                }
                let h = &m.h[start];
                let g = pull::<V>(&dy[rows.clone()], &m.v[rows.clone()], h, &mut m.dv[rows]);
                match self.op.activation {
                    NadeActivation::Sigmoid => add_sigmoids::<V>(delta, &g, h),
                    NadeActivation::ScaledRelu => {
                        let mut units = [0.0; SLICE];
                        for (q, g) in g.iter().enumerate() {
                            g.store(vector_mut(&mut units, q));
                        }
                        self.down_relu(s, ds.start + start, &m.a[start], &units, delta);
                    }
                }
            }
            end = start;
        }
    }

    /// δ and drho of a scaled relu.
    ///
    /// # Safety
    /// Slice `s` is this task's own.
    #[inline(always)]
    unsafe fn down_relu(&self, s: usize, d: usize, a: &Units, g: &Units, delta: &mut Units) {
        let (rho, mut sum) = (self.rho(d), [0.0; LANES]);
        for i in 0..SLICE {
            let g = if rho * a[i] > 0.0 { g[i] } else { 0.0 };
            sum[i % LANES] += g * a[i];
            delta[i] += g * rho;
        }
        // SAFETY: inside the result, and of this slice.
        unsafe { *self.packed.get().add(self.layout.drho.start + s * self.dims.dims + d) += total(&sum) };
    }

    /// Adds the sums of a chunk to the result, or begins them.
    ///
    /// # Safety
    /// The slice is this task's own.
    unsafe fn add_up(&self, ds: &Range<usize>, units: &Range<usize>, first: bool, m: &Chunk) {
        let (n_h, n_o, to) = (self.dims.hidden, self.dims.outputs, &self.layout);
        for (k, d) in ds.clone().enumerate() {
            let row = d * n_h + units.start;
            // SAFETY: rows of the result; the caller's.
            unsafe {
                self.put(to.dw.start + row, 1, &m.dw[k][..units.len()], first);
                for o in 0..n_o {
                    self.put(to.dv.start + row * n_o + o, n_o, &m.dv[k * n_o + o][..units.len()], first);
                }
            }
        }
    }
}

/// a after some dimensions, from what it was before them.
///
/// # Safety
/// The CPU has the vector's instructions.
#[inline(always)]
unsafe fn walk<V: Vector>(to: &mut Units, from: &Units, w: &[Units], x: &[f32]) {
    // SAFETY: the caller's.
    unsafe {
        let mut a = [V::splat(0.0); VECTORS];
        for (q, a) in a.iter_mut().enumerate() {
            *a = V::load(vector(from, q));
        }
        for (w, &x) in w.iter().zip(x) {
            if x != 0.0 {
                for (q, a) in a.iter_mut().enumerate() {
                    *a = V::splat(x).mul_add(V::load(vector(w, q)), *a);
                }
            }
        }
        for (q, a) in a.iter().enumerate() {
            a.store(vector_mut(to, q));
        }
    }
}

/// `g = Σ dy v` and `dv += dy h`, over rows with one h.
///
/// # Safety
/// The CPU has the vector's instructions.
#[inline(always)]
unsafe fn pull<V: Vector>(dy: &[f32], v: &[Units], h: &Units, dv: &mut [Units]) -> [V; VECTORS] {
    // SAFETY: the caller's.
    unsafe {
        let mut g = [V::splat(0.0); VECTORS];
        for ((&dy, v), dv) in dy.iter().zip(v).zip(dv) {
            let dy = V::splat(dy);
            for (q, g) in g.iter_mut().enumerate() {
                *g = dy.mul_add(V::load(vector(v, q)), *g);
                let dv = vector_mut(dv, q);
                dy.mul_add(V::load(vector(h, q)), V::load(dv)).store(dv);
            }
        }
        g
    }
}

/// `delta += g h (1 - h)`
///
/// # Safety
/// The CPU has the vector's instructions.
#[inline(always)]
unsafe fn add_sigmoids<V: Vector>(delta: &mut Units, g: &[V; VECTORS], h: &Units) {
    for (q, g) in g.iter().enumerate() {
        // SAFETY: the caller's.
        unsafe {
            let (h, delta) = (V::load(vector(h, q)), vector_mut(delta, q));
            let minus_h = h.mul_add(V::splat(-1.0), V::splat(0.0));
            let slope = minus_h.mul_add(h, h);
            g.mul_add(slope, V::load(delta)).store(delta);
        }
    }
}

/// # Safety
/// The CPU has the vector's instructions; slice `s` is this task's own.
#[inline(always)]
unsafe fn backward_body<V: Vector, const FMA: bool>(job: &Backward, s: usize, scratch: &mut [f32]) {
    let (dims, to, units) = (job.dims, &job.layout, units(job.dims, s));
    let mut m = job.cut(scratch);
    // SAFETY: the caller's.
    unsafe {
        if job.op.activation == NadeActivation::ScaledRelu {
            std::slice::from_raw_parts_mut(job.packed.get().add(to.drho.start + s * dims.dims), dims.dims).fill(0.0);
        }
        for first in (0..dims.batch).step_by(job.block) {
            let images = first..(first + job.block).min(dims.batch);
            job.up::<V>(&units, &images, &mut m);
            let Slice { chunk, delta, saved } = &mut m;
            delta.fill([0.0; SLICE]);
            for (c, ds) in chunks(dims).rev() {
                pack(dims, &job.weights, &ds, &units, chunk.w, chunk.v);
                chunk.dw.fill([0.0; SLICE]);
                chunk.dv.fill([0.0; SLICE]);
                let starts = &mut saved[c * images.len()..][..images.len()];
                for ((b, a_d), delta) in images.clone().zip(starts).zip(&mut **delta) {
                    let news = job.again::<V, FMA>(&job.x[b * dims.dims..][ds.clone()], ds.start, a_d, chunk);
                    job.down::<V>((b, s), &ds, news, delta, chunk);
                }
                job.add_up(&ds, &units, first == 0, chunk);
            }
            let mut dc = [0.0; SLICE];
            for delta in &delta[..images.len()] {
                add_scaled::<V>(&mut dc, 1.0, delta);
            }
            job.put(to.dc.start + units.start, 1, &dc[..units.len()], first == 0);
        }
    }
}

multiversion! {
    /// Everything that a slice adds to the result.
    ///
    /// # Safety
    /// The CPU has the level; slice `s` is this task's own.
    unsafe fn backward[](job: &Backward, s: usize, scratch: &mut [f32]) by backward_body::<lanes::Avx512, true>, backward_body::<lanes::Avx2, true>, backward_body::<lanes::Portable, false>
}
