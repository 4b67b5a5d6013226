//! Packing from matrices.

use std::ops::Range;

use super::gemm::{Memo, SourceA, SourceB};
use super::microkernel::{K_STRIDE, NR, Order, ROW_STRIDE};

/// Copies a short run: vector-sized pieces, without a call to memcpy.
///
/// # Safety
/// `n` elements can be read at `from` and written at `to`.
#[inline(always)]
pub unsafe fn copy(from: *const f32, to: *mut f32, n: usize) {
    let mut i = 0;
    // SAFETY: pieces inside the run.
    unsafe {
        while i + 16 <= n {
            to.add(i).cast::<[f32; 16]>().write_unaligned(from.add(i).cast::<[f32; 16]>().read_unaligned());
            i += 16;
        }
        while i + 4 <= n {
            to.add(i).cast::<[f32; 4]>().write_unaligned(from.add(i).cast::<[f32; 4]>().read_unaligned());
            i += 4;
        }
        while i < n {
            *to.add(i) = *from.add(i);
            i += 1;
        }
    }
}

/// Asks for the cache line of an element that is needed soon, wherever it is.
#[inline(always)]
pub fn prefetch(element: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing, wherever it points.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T1>(element.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = element;
}

/// Copies the first `n` elements (at most [`K_STRIDE`]) to a step of a k-major panel, as one vector where more are there.
///
/// # Safety
/// `K_STRIDE` elements can be written at `to`.
#[inline(always)]
pub unsafe fn copy_rows(from: &[f32], n: usize, to: *mut f32) {
    // SAFETY: as many elements as the slices have.
    unsafe {
        match from.first_chunk::<K_STRIDE>() {
            Some(vector) => to.cast::<[f32; K_STRIDE]>().write_unaligned(*vector),
            None => copy(from[..n].as_ptr(), to, n),
        }
    }
}

/// A matrix stored with the packed axis' neighbours contiguous: element (i, j) at `i * stride + j`.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    pub data: &'a [f32],
    pub stride: usize,
}

/// A [m, k], rows contiguous.
pub struct RowsOf<'a>(pub Matrix<'a>);

impl SourceA for RowsOf<'_> {
    const ORDER: Order = Order::RowMajor;

    #[inline(always)]
    unsafe fn pack(&self, rows: Range<usize>, ks: Range<usize>, to: *mut f32, _memo: &mut Memo) {
        for (r, m) in rows.enumerate() {
            let from = &self.0.data[m * self.0.stride + ks.start..][..ks.len()];
            // SAFETY: the slice has the length, the panel the room.
            unsafe { copy(from.as_ptr(), to.add(r * ROW_STRIDE), ks.len()) };
        }
    }
}

/// A [m, k], stored as [k, m].
pub struct ColumnsOf<'a>(pub Matrix<'a>);

impl SourceA for ColumnsOf<'_> {
    const ORDER: Order = Order::KMajor;

    #[inline(always)]
    unsafe fn pack(&self, rows: Range<usize>, ks: Range<usize>, to: *mut f32, _memo: &mut Memo) {
        for (i, k) in ks.enumerate() {
            // SAFETY: the panel has the room.
            unsafe { copy_rows(&self.0.data[k * self.0.stride + rows.start..], rows.len(), to.add(i * K_STRIDE)) };
        }
    }
}

/// Rows of B that are asked for before they are packed.
const ROWS_AHEAD: usize = 16;

/// B [k, n], rows contiguous.
pub struct WideOf<'a>(pub Matrix<'a>);

impl SourceB for WideOf<'_> {
    #[inline(always)]
    unsafe fn pack(&self, ks: Range<usize>, cols: Range<usize>, to: *mut f32) {
        let first = self.0.data.as_ptr().wrapping_add(cols.start);
        for (i, k) in ks.enumerate() {
            // Each row is in other pages: the hardware does not foresee it.
            prefetch(first.wrapping_add((k + ROWS_AHEAD) * self.0.stride));
            let from = &self.0.data[k * self.0.stride + cols.start..][..cols.len()];
            // SAFETY: the slice has the length, the panel the room.
            unsafe {
                let row = to.add(i * NR);
                copy(from.as_ptr(), row, cols.len());
                (cols.len()..NR).for_each(|c| *row.add(c) = 0.0);
            }
        }
    }

    fn in_place(&self) -> Option<(&[f32], usize)> {
        Some((self.0.data, self.0.stride))
    }
}

/// B [k, n], stored as [n, k].
pub struct TallOf<'a>(pub Matrix<'a>);

impl SourceB for TallOf<'_> {
    #[inline(always)]
    unsafe fn pack(&self, ks: Range<usize>, cols: Range<usize>, to: *mut f32) {
        // SAFETY: the caller's.
        unsafe {
            transpose(|c| &self.0.data[(cols.start + c) * self.0.stride + ks.start..][..ks.len()], ks.len(), cols.len(), to)
        };
    }
}

/// Columns and k of a block that is turned in registers: of vectors that every CPU of its kind has.
const TURNED: usize = 4;

/// Packs columns that are contiguous in k: `column(c)` has `kc` elements, `to` is `[kc][NR]`. In blocks of 16 k, a line of each column,
/// so that what is written stays in the cache; the next line of each is asked for meanwhile.
///
/// # Safety
/// `to` has room for `kc * NR` elements; columns have `kc`.
#[inline(always)]
pub unsafe fn transpose<'a>(column: impl Fn(usize) -> &'a [f32], kc: usize, cols: usize, to: *mut f32) {
    const LINE: usize = 16;
    for k0 in (0..kc).step_by(LINE) {
        let n = LINE.min(kc - k0);
        (0..cols).for_each(|c| prefetch(column(c).as_ptr().wrapping_add(k0 + LINE)));
        for c in (0..NR).step_by(TURNED) {
            // SAFETY: inside the panel.
            unsafe {
                if n == LINE && c + TURNED <= cols {
                    let from: [&[f32]; TURNED] = std::array::from_fn(|i| &column(c + i)[k0..k0 + LINE]);
                    for k in (0..LINE).step_by(TURNED) {
                        turn(from.map(|f| f[k..].as_ptr()), to.add((k0 + k) * NR + c));
                    }
                    continue;
                }
                for c in c..(c + TURNED).min(NR) {
                    let at = |k: usize| if c < cols { column(c)[k0 + k] } else { 0.0 };
                    (0..n).for_each(|k| *to.add((k0 + k) * NR + c) = at(k));
                }
            }
        }
    }
}

/// Element `k` of column `i` becomes element `i` of row `k`, of rows [`NR`] apart.
///
/// # Safety
/// Columns have [`TURNED`] elements, and there is room for as many rows.
#[inline(always)]
unsafe fn turn(from: [*const f32; TURNED], to: *mut f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE is part of the architecture; the caller's.
    unsafe {
        use std::arch::x86_64::{_MM_TRANSPOSE4_PS, _mm_loadu_ps, _mm_storeu_ps};
        let [mut a, mut b, mut c, mut d] = from.map(|f| _mm_loadu_ps(f));
        _MM_TRANSPOSE4_PS(&mut a, &mut b, &mut c, &mut d);
        [a, b, c, d].into_iter().enumerate().for_each(|(k, row)| _mm_storeu_ps(to.add(k * NR), row));
    }
    #[cfg(not(target_arch = "x86_64"))]
    for (i, f) in from.into_iter().enumerate() {
        // SAFETY: the caller's.
        (0..TURNED).for_each(|k| unsafe { *to.add(k * NR + i) = *f.add(k) });
    }
}
