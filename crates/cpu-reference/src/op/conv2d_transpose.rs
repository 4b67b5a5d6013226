//! Transposed convolution: the data gradient of a convolution.

use calotype_graph::op::conv2d::ConvDims;

use super::conv2d::for_each_tap;
use crate::fast::Context;
use crate::fast::epilogue::Epilogue;
use crate::fast::gemm::{Dense, Shared, Sizes, gemm};
use crate::fast::pack::{Matrix, RowsOf, TallOf};
use crate::fast::patches::{Phase, PhasePixels, PhaseWeights, PixelRows};
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

/// Up to this many channels of the large side, products of all taps at once fill vectors better than those of phases.
const NARROW: usize = 8;

/// Up to this many channels, epilogues are applied to whole images after their phases: the pixels of one phase are runs of
/// `c_in` elements, too short for the cost of starting on each.
const SHORT: usize = 192;
/// Elements of the images that are finished before the next are begun, about, so that they are still in the cache.
const GROUP: usize = 1 << 20;

/// As [`plain`], without multiplying by the zeros between strides.
pub fn fast(cx: &Context, d: &ConvDims, y: &[f32], w: &[f32], x: &mut [f32], epilogue: Option<&Epilogue>) {
    let tile = d.out_height * d.out_width * d.kernel_h * d.kernel_w * d.c_in;
    if d.c_in <= NARROW && tile <= cx.packed().len() / 2 {
        return fast_narrow(cx, d, y, w, x, epilogue);
    }
    let Some(e) = epilogue.filter(|_| d.c_in <= SHORT) else {
        return phases(cx, d, y, w, x, epilogue);
    };
    let (small, large) = (d.out_height * d.out_width * d.c_out, d.height * d.width * d.c_in);
    let images = (GROUP / large.max(1)).max(1);
    for b0 in (0..d.batch).step_by(images) {
        let group = ConvDims { batch: images.min(d.batch - b0), ..*d };
        let x = &mut x[b0 * large..][..group.batch * large];
        phases(cx, &group, &y[b0 * small..], w, x, None);
        cx.apply(&e.from(b0 * large), x);
    }
}

/// One product for each phase.
fn phases(cx: &Context, d: &ConvDims, y: &[f32], w: &[f32], x: &mut [f32], epilogue: Option<&Epilogue>) {
    for phase in Phase::all(d) {
        let m = d.batch * phase.grid[0] * phase.grid[1];
        let sizes = Sizes { m, n: d.c_in, k: phase.n_taps() * d.c_out };
        let (a, b) = (PixelRows(phase.patches(d, y)), PhaseWeights { d: *d, phase: &phase, w });
        gemm(cx.all(), sizes, (&a, &b, &PhasePixels { d: *d, phase: &phase }), (x, &mut cx.packed()), epilogue);
    }
}

/// For few channels: t [pixels of y, taps x Cin] = y [.., Cout] · w [taps x Cin, Cout]ᵀ, whose rows are then added where
/// their taps fall, some images at a time.
fn fast_narrow(cx: &Context, d: &ConvDims, y: &[f32], w: &[f32], x: &mut [f32], epilogue: Option<&Epilogue>) {
    let mut scratch = cx.packed();
    let half = scratch.len() / 2;
    let (t, packed) = scratch.split_at_mut(half);
    let (pixels, n) = (d.out_height * d.out_width, d.kernel_h * d.kernel_w * d.c_in);
    let (small, large) = (pixels * d.c_out, d.height * d.width * d.c_in);
    let images = t.len().checked_div(pixels * n).unwrap_or(d.batch).clamp(1, d.batch.max(1));
    assert!(images * pixels * n <= t.len(), "one image of {pixels} pixels and {n} taps is too large");
    for b0 in (0..d.batch).step_by(images) {
        let images = images.min(d.batch - b0);
        let sizes = Sizes { m: images * pixels, n, k: d.c_out };
        let a = RowsOf(Matrix { data: &y[b0 * small..], stride: d.c_out });
        gemm(cx.all(), sizes, (&a, &TallOf(Matrix { data: w, stride: d.c_out }), &Dense(n)), (t, packed), None);
        let out = Shared(x[b0 * large..][..images * large].as_mut_ptr());
        cx.all().parallel(images, images * pixels * n, |b| {
            // SAFETY: images are disjoint parts of `x`.
            let x = unsafe { std::slice::from_raw_parts_mut(out.get().add(b * large), large) };
            add_taps(d, &t[b * pixels * n..][..pixels * n], x);
            if let Some(e) = epilogue {
                let at = (b0 + b) * large;
                // SAFETY: the image's elements, counted from the start of `x`, belong to this task alone.
                unsafe { e.start(&mut cx.scratch()).run(out.get().sub(b0 * large), at..at + large) };
            }
        });
    }
}

/// One image: x = what each pixel's row of `t` [pixels, kh, kw, Cin] adds to the pixels that its taps fall on.
fn add_taps(d: &ConvDims, t: &[f32], x: &mut [f32]) {
    x.fill(0.0);
    let w = &d.window;
    let run = if w.dilation[1] == 1 { d.kernel_w } else { 1 }; // taps that are neighbours
    for (i, rows) in t.chunks_exact(d.out_width * d.kernel_h * d.kernel_w * d.c_in).enumerate() {
        for u in 0..d.kernel_h {
            let Some(row) = super::conv2d::tap(d, 0, i, u) else { continue };
            let line = &mut x[row * d.width * d.c_in..][..d.width * d.c_in];
            for (j, taps) in rows.chunks_exact(d.kernel_h * d.kernel_w * d.c_in).enumerate() {
                for v in (0..d.kernel_w).step_by(run) {
                    let taps = &taps[(u * d.kernel_w + v) * d.c_in..][..run * d.c_in];
                    let start = (j * w.stride[1] + v * w.dilation[1]) as isize - w.pad[1] as isize;
                    add_clipped(line, start * d.c_in as isize, taps);
                }
            }
        }
    }
}

/// Adds to the elements of `line` from `start` on, where they are inside.
#[inline(always)]
fn add_clipped(line: &mut [f32], start: isize, values: &[f32]) {
    let skip = (-start).clamp(0, values.len() as isize) as usize;
    let values = &values[skip..];
    let at = ((start + skip as isize).max(0) as usize).min(line.len());
    let n = values.len().min(line.len() - at);
    // In fours: the compiler would take runs this short for long ones.
    let (line, line_rest) = line[at..at + n].as_chunks_mut::<4>();
    let (values, values_rest) = values[..n].as_chunks::<4>();
    for (x, v) in line.iter_mut().zip(values) {
        *x = std::array::from_fn(|i| x[i] + v[i]);
    }
    line_rest.iter_mut().zip(values_rest).for_each(|(x, v)| *x += v);
}
