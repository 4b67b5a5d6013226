//! Products with few elements and a long sum, cut along k so that all threads have work.

use std::ops::Range;

use super::Context;
use super::epilogue::Epilogue;
use super::gemm::{Dense, Memo, Shared, Sizes, SourceA, SourceB, gemm};
use super::microkernel::{NR, Order};

/// Parts of k at most, the same whatever the number of threads.
const PARTS: usize = 16;
/// Shortest part of k.
const SHORTEST: usize = 1024;
/// Tiles of C (of about 14 x 32) from which on k is not cut.
const MANY_TILES: usize = 48;

/// How many parts k is cut into.
fn parts(s: &Sizes) -> usize {
    let tiles = s.m.div_ceil(14) * s.n.div_ceil(NR);
    if tiles >= MANY_TILES { 1 } else { (s.k / SHORTEST).clamp(1, PARTS) }
}

/// A or B from row or column `1` of k on.
struct From<'a, S>(&'a S, usize);

impl<S> From<'_, S> {
    fn shift(&self, ks: Range<usize>) -> Range<usize> {
        self.1 + ks.start..self.1 + ks.end
    }
}

impl<A: SourceA> SourceA for From<'_, A> {
    const ORDER: Order = A::ORDER;

    #[inline(always)]
    unsafe fn pack(&self, rows: Range<usize>, ks: Range<usize>, to: *mut f32, memo: &mut Memo) {
        // SAFETY: the caller's.
        unsafe { self.0.pack(rows, self.shift(ks), to, memo) }
    }

    fn panel(&self, m: usize, mr: usize) -> usize {
        self.0.panel(m, mr)
    }
}

impl<B: SourceB> SourceB for From<'_, B> {
    #[inline(always)]
    unsafe fn pack(&self, ks: Range<usize>, cols: Range<usize>, to: *mut f32) {
        // SAFETY: the caller's.
        unsafe { self.0.pack(self.shift(ks), cols, to) }
    }

    fn in_place(&self) -> Option<(&[f32], usize)> {
        self.0.in_place().map(|(b, stride)| (&b[self.1 * stride..], stride))
    }
}

/// [`gemm`] into a dense C, with k cut where C is small: partial products side by side, added in their order.
pub fn gemm_split<A: SourceA, B: SourceB>(cx: &Context, s: Sizes, (a, b): (&A, &B), c: &mut [f32], epilogue: Option<&Epilogue>) {
    let mut packed = cx.packed();
    let k_step = s.k.div_ceil(parts(&s)).max(1);
    let n_parts = s.k.div_ceil(k_step);
    if n_parts < 2 {
        return gemm(cx.all(), s, (a, b, &Dense(s.n)), (c, &mut packed), epilogue);
    }
    let size = s.m * s.n;
    let (sums, packed) = packed.split_at_mut(n_parts * size);
    let room = packed.len() / n_parts;
    let (to, scratch) = (Shared(sums.as_mut_ptr()), Shared(packed.as_mut_ptr()));
    cx.all().parallel(n_parts, s.m * s.n * s.k, |part| {
        let ks = part * k_step..((part + 1) * k_step).min(s.k);
        // SAFETY: parts of `sums` and of `packed` that belong to this task alone.
        let (sum, packed) = unsafe {
            let sum = std::slice::from_raw_parts_mut(to.get().add(part * size), size);
            (sum, std::slice::from_raw_parts_mut(scratch.get().add(part * room), room))
        };
        let (a, b) = (From(a, ks.start), From(b, ks.start));
        gemm(cx.one(), Sizes { k: ks.len(), ..s }, (&a, &b, &Dense(s.n)), (sum, packed), None);
    });
    c.copy_from_slice(&sums[..size]);
    for part in sums.chunks_exact(size).skip(1) {
        c.iter_mut().zip(part).for_each(|(c, p)| *c += p);
    }
    if let Some(e) = epilogue {
        cx.apply(e, c);
    }
}
