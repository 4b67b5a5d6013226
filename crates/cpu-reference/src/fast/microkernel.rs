//! The innermost loop of every matrix product: a tile of C in registers, over packed panels of A and B.
//!
//! Goto and van de Geijn 2008, "Anatomy of High-Performance Matrix Multiplication", with the packed A kept small enough for
//! the first-level cache and B streamed from the second.

use super::simd::Level;

/// Depth of a panel: how much of k is summed in registers before C is touched.
pub const KC: usize = 256;
/// Distance between the rows of a row-major panel of A: off a power of two, so that rows fall in different cache sets.
pub const ROW_STRIDE: usize = KC + 16;
/// Rows of the widest tile of any level.
pub const MAX_MR: usize = 14;
/// Distance between the k of a k-major panel of A.
pub const K_STRIDE: usize = 16;
/// Columns of a panel of B.
pub const NR: usize = 32;
/// Elements of a packed panel of A, in either order.
pub const PANEL_A: usize = if MAX_MR * ROW_STRIDE > KC * K_STRIDE { MAX_MR * ROW_STRIDE } else { KC * K_STRIDE };

/// How a panel of A is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Element (row, k) at `row * ROW_STRIDE + k`: for sources that are contiguous in k.
    RowMajor,
    /// Element (row, k) at `k * K_STRIDE + row`: for sources that are contiguous in rows.
    KMajor,
}

/// Where a tile goes: row `r` starts `rows[r]` elements after `base`.
#[derive(Clone, Copy)]
pub struct Tile<'a> {
    pub base: *mut f32,
    pub rows: &'a [usize],
    pub cols: usize,
    /// Whether C holds earlier partial sums that are added to.
    pub accumulate: bool,
}

/// Rows of a tile.
pub fn mr(level: Level) -> usize {
    match level {
        Level::Avx512 => 14,
        Level::Avx2 => 6,
        Level::Portable => 4,
    }
}

/// Rows of the next tile where `left` are left: the last two tiles are cut so that the smaller kernels are full.
pub fn tile_rows(level: Level, left: usize) -> usize {
    match (level, left) {
        (Level::Avx512, 15..=16) => 8,
        (Level::Avx512, 17..=24) => 12,
        _ => left.min(mr(level)),
    }
}

/// A panel of B: `kc` steps, [`NR`] columns or as many as its tile has, `stride` elements from step to step.
#[derive(Clone, Copy)]
pub struct PanelB {
    pub data: *const f32,
    pub stride: usize,
}

/// A tile whose rows of A are read where they lie.
#[derive(Clone, Copy)]
pub struct Gathered<'a> {
    /// Starts of the rows.
    pub a: &'a [*const f32],
    /// Starts of rows that are added to the sums, `cols` of each.
    pub plus: Option<&'a [*const f32]>,
    /// Rows of the result, `stride` elements from one to the next.
    pub out: *mut f32,
    pub stride: usize,
    pub cols: usize,
}

/// Result tile = A rows · B panel (+ what is added), over `kc` steps.
///
/// # Safety
/// The CPU has `level`. Rows of A have `kc` elements; there are 1 to `mr(level)` of them, and as many of what is added, whose
/// elements can be read. B's panel is as in [`tile`]; the result's elements may be written, and nothing that is read lies there.
pub unsafe fn gathered(level: Level, kc: usize, b: PanelB, t: Gathered) {
    // SAFETY: the caller's.
    unsafe {
        match level {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => avx512::gathered_any(kc, b, t),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => avx2::gathered(kc, b, t),
            _ => portable_gathered(kc, b, t),
        }
    }
}

/// C tile = (C tile +) A panel · B panel, over `kc` steps.
///
/// # Safety
/// The CPU has `level`. `a` holds a panel of `mr(level)` rows in this order; B's panel has [`NR`] columns that can be read,
/// of which `tile.cols` count; `tile.rows` are at most `mr(level)`, and all of the tile's elements may be written.
pub unsafe fn tile(level: Level, order: Order, kc: usize, a: *const f32, b: PanelB, tile: Tile) {
    // SAFETY: the caller's.
    unsafe {
        match (level, order) {
            #[cfg(target_arch = "x86_64")]
            (Level::Avx512, Order::RowMajor) => avx512::any::<ROW_STRIDE, 1>(kc, a, b, tile),
            #[cfg(target_arch = "x86_64")]
            (Level::Avx512, Order::KMajor) => avx512::any::<1, K_STRIDE>(kc, a, b, tile),
            #[cfg(target_arch = "x86_64")]
            (Level::Avx2, Order::RowMajor) => avx2::tile::<ROW_STRIDE, 1>(kc, a, b, tile),
            #[cfg(target_arch = "x86_64")]
            (Level::Avx2, Order::KMajor) => avx2::tile::<1, K_STRIDE>(kc, a, b, tile),
            (_, Order::RowMajor) => portable::<ROW_STRIDE, 1>(kc, a, b, tile),
            (_, Order::KMajor) => portable::<1, K_STRIDE>(kc, a, b, tile),
        }
    }
}

/// Adds or copies a part of a finished tile, `stride` elements a row, to C.
///
/// # Safety
/// As [`tile`].
#[inline(always)]
unsafe fn spill(from: *const f32, stride: usize, first: usize, cols: usize, tile: Tile) {
    for (r, &row) in tile.rows.iter().enumerate() {
        for c in 0..cols {
            // SAFETY: `from` holds a whole tile; the caller's for C.
            unsafe {
                let to = tile.base.add(row + first + c);
                let value = *from.add(r * stride + c);
                *to = if tile.accumulate { *to + value } else { value };
            }
        }
    }
}

/// Four rows, eight columns at a time: eight SSE or NEON registers.
///
/// # Safety
/// As [`tile`].
unsafe fn portable<const RS: usize, const KS: usize>(kc: usize, a: *const f32, b: PanelB, tile: Tile) {
    const MR: usize = 4;
    const NV: usize = 8;
    for first in (0..tile.cols).step_by(NV) {
        let mut acc = [[0.0f32; NV]; MR];
        for k in 0..kc {
            for (r, acc) in acc.iter_mut().enumerate() {
                for (c, acc) in acc.iter_mut().enumerate() {
                    // SAFETY: inside the panels.
                    *acc += unsafe { *a.add(r * RS + k * KS) * *b.data.add(k * b.stride + first + c) };
                }
            }
        }
        // SAFETY: the caller's.
        unsafe { spill(acc.as_ptr().cast(), NV, first, NV.min(tile.cols - first), tile) };
    }
}

/// [`gathered`], one row after another.
///
/// # Safety
/// As [`gathered`].
unsafe fn portable_gathered(kc: usize, b: PanelB, t: Gathered) {
    const NV: usize = 8;
    for (r, &a) in t.a.iter().enumerate() {
        for first in (0..t.cols).step_by(NV) {
            let mut acc = [0.0f32; NV];
            for k in 0..kc {
                for (c, acc) in acc.iter_mut().enumerate() {
                    // SAFETY: inside the row and the panel.
                    *acc += unsafe { *a.add(k) * *b.data.add(k * b.stride + first + c) };
                }
            }
            // SAFETY: the caller's.
            unsafe { spill_row(&acc, r, first, t) };
        }
    }
}

/// Puts a part of a finished row in its place.
///
/// # Safety
/// As [`gathered`].
#[inline(always)]
unsafe fn spill_row(acc: &[f32], row: usize, first: usize, t: Gathered) {
    for (c, &acc) in acc.iter().enumerate().take(t.cols - first) {
        // SAFETY: the caller's.
        unsafe {
            let plus = t.plus.map_or(acc, |plus| *plus[row].add(first + c) + acc);
            *t.out.add(row * t.stride + first + c) = plus;
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use super::{Gathered, PanelB, Tile, spill};
    use std::arch::x86_64::*;

    const LANES: usize = 16;

    /// The smallest kernel that holds the tile.
    ///
    /// # Safety
    /// As [`super::tile`].
    pub unsafe fn any<const RS: usize, const KS: usize>(kc: usize, a: *const f32, b: PanelB, c: Tile) {
        // SAFETY: the caller's.
        unsafe {
            match (c.rows.len(), c.cols <= LANES) {
                (0..=8, false) => tile::<8, 2, RS, KS>(kc, a, b, c),
                (0..=8, true) => tile::<8, 1, RS, KS>(kc, a, b, c),
                (9..=12, false) => tile::<12, 2, RS, KS>(kc, a, b, c),
                (_, false) => tile::<14, 2, RS, KS>(kc, a, b, c),
                (_, true) => tile::<14, 1, RS, KS>(kc, a, b, c),
            }
        }
    }

    /// `MR` rows, `NV` vectors of 16 columns: at most 28 of the 32 registers hold C.
    ///
    /// # Safety
    /// As [`super::tile`].
    #[target_feature(enable = "avx512f")]
    unsafe fn tile<const MR: usize, const NV: usize, const RS: usize, const KS: usize>(
        kc: usize,
        mut a: *const f32,
        b: PanelB,
        tile: Tile,
    ) {
        let mut acc = [[_mm512_setzero_ps(); NV]; MR];
        for &row in tile.rows {
            // C is wanted at the end. SAFETY: a prefetch reads nothing.
            unsafe {
                _mm_prefetch::<_MM_HINT_T0>(tile.base.add(row).cast());
                _mm_prefetch::<_MM_HINT_T0>(tile.base.add(row + tile.cols - 1).cast());
            }
        }
        let mut data = b.data;
        for _ in 0..kc {
            // SAFETY: inside the panels.
            unsafe {
                let mut bv = [_mm512_setzero_ps(); NV];
                for (v, bv) in bv.iter_mut().enumerate() {
                    *bv = _mm512_loadu_ps(data.add(v * LANES));
                }
                for (r, acc) in acc.iter_mut().enumerate() {
                    let av = _mm512_set1_ps(*a.add(r * RS));
                    for (acc, &bv) in acc.iter_mut().zip(&bv) {
                        *acc = _mm512_fmadd_ps(av, bv, *acc);
                    }
                }
                a = a.add(KS);
                data = data.add(b.stride);
            }
        }
        // SAFETY: the caller's.
        unsafe {
            if tile.cols == NV * LANES {
                for (&row, acc) in tile.rows.iter().zip(&acc) {
                    for (v, &acc) in acc.iter().enumerate() {
                        let to = tile.base.add(row + v * LANES);
                        let sum = if tile.accumulate { _mm512_add_ps(_mm512_loadu_ps(to), acc) } else { acc };
                        _mm512_storeu_ps(to, sum);
                    }
                }
            } else {
                let spilled = acc; // a copy, so that `acc` itself need not have an address
                spill(spilled.as_ptr().cast(), NV * LANES, 0, tile.cols, tile);
            }
        }
    }

    /// The smallest kernel that holds the tile.
    ///
    /// # Safety
    /// As [`super::gathered`].
    pub unsafe fn gathered_any(kc: usize, b: PanelB, t: Gathered) {
        // SAFETY: the caller's.
        unsafe {
            match (t.a.len(), t.cols <= LANES) {
                (0..=4, false) => gathered::<4, 2>(kc, b, t),
                (0..=4, true) => gathered::<4, 1>(kc, b, t),
                (5..=8, false) => gathered::<8, 2>(kc, b, t),
                (5..=8, true) => gathered::<8, 1>(kc, b, t),
                (9..=12, false) => gathered::<12, 2>(kc, b, t),
                (_, false) => gathered::<14, 2>(kc, b, t),
                (_, true) => gathered::<14, 1>(kc, b, t),
            }
        }
    }

    /// `MR` rows, `NV` vectors of 16 columns.
    ///
    /// # Safety
    /// As [`super::gathered`].
    #[target_feature(enable = "avx512f")]
    unsafe fn gathered<const MR: usize, const NV: usize>(kc: usize, b: PanelB, t: Gathered) {
        // Rows that are not there are computed as the first is.
        let mut a = [t.a[0]; MR];
        a.iter_mut().zip(t.a).for_each(|(a, &row)| *a = row);
        let mut acc = [[_mm512_setzero_ps(); NV]; MR];
        for k in 0..kc {
            // SAFETY: inside the rows and the panel.
            unsafe {
                let data = b.data.add(k * b.stride);
                let mut bv = [_mm512_setzero_ps(); NV];
                for (v, bv) in bv.iter_mut().enumerate() {
                    *bv = _mm512_loadu_ps(data.add(v * LANES));
                }
                for (&a, acc) in a.iter().zip(&mut acc) {
                    let av = _mm512_set1_ps(*a.add(k));
                    for (acc, &bv) in acc.iter_mut().zip(&bv) {
                        *acc = _mm512_fmadd_ps(av, bv, *acc);
                    }
                }
            }
        }
        for (r, acc) in acc.iter().enumerate().take(t.a.len()) {
            for (v, &acc) in acc.iter().enumerate() {
                let first = v * LANES;
                let mask = (1u32 << t.cols.saturating_sub(first).min(LANES)).wrapping_sub(1) as __mmask16;
                // SAFETY: the mask leaves out what is beyond the columns.
                unsafe {
                    let sum = match t.plus {
                        Some(plus) => _mm512_add_ps(_mm512_maskz_loadu_ps(mask, plus[r].add(first)), acc),
                        None => acc,
                    };
                    _mm512_mask_storeu_ps(t.out.add(r * t.stride + first), mask, sum);
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::{Gathered, PanelB, Tile, spill, spill_row};
    use std::arch::x86_64::*;

    const MR: usize = 6;
    const NV: usize = 2;
    const LANES: usize = 8;

    /// Six rows, two vectors of 8 columns at a time: 12 of the 16 registers hold C.
    ///
    /// # Safety
    /// As [`super::tile`].
    #[target_feature(enable = "avx2,fma")]
    pub unsafe fn tile<const RS: usize, const KS: usize>(kc: usize, a: *const f32, b: PanelB, tile: Tile) {
        for first in (0..tile.cols).step_by(NV * LANES) {
            let mut acc = [[_mm256_setzero_ps(); NV]; MR];
            for k in 0..kc {
                // SAFETY: inside the panels.
                unsafe {
                    let b0 = _mm256_loadu_ps(b.data.add(k * b.stride + first));
                    let b1 = _mm256_loadu_ps(b.data.add(k * b.stride + first + LANES));
                    for (r, acc) in acc.iter_mut().enumerate() {
                        let av = _mm256_set1_ps(*a.add(r * RS + k * KS));
                        acc[0] = _mm256_fmadd_ps(av, b0, acc[0]);
                        acc[1] = _mm256_fmadd_ps(av, b1, acc[1]);
                    }
                }
            }
            let cols = (NV * LANES).min(tile.cols - first);
            // SAFETY: the caller's.
            unsafe { spill(acc.as_ptr().cast(), NV * LANES, first, cols, tile) };
        }
    }

    /// Six rows, two vectors of 8 columns at a time.
    ///
    /// # Safety
    /// As [`super::gathered`].
    #[target_feature(enable = "avx2,fma")]
    pub unsafe fn gathered(kc: usize, b: PanelB, t: Gathered) {
        // Rows that are not there are computed as the first is.
        let mut a = [t.a[0]; MR];
        a.iter_mut().zip(t.a).for_each(|(a, &row)| *a = row);
        for first in (0..t.cols).step_by(NV * LANES) {
            let mut acc = [[_mm256_setzero_ps(); NV]; MR];
            for k in 0..kc {
                // SAFETY: inside the rows and the panel.
                unsafe {
                    let b0 = _mm256_loadu_ps(b.data.add(k * b.stride + first));
                    let b1 = _mm256_loadu_ps(b.data.add(k * b.stride + first + LANES));
                    for (&a, acc) in a.iter().zip(&mut acc) {
                        let av = _mm256_set1_ps(*a.add(k));
                        acc[0] = _mm256_fmadd_ps(av, b0, acc[0]);
                        acc[1] = _mm256_fmadd_ps(av, b1, acc[1]);
                    }
                }
            }
            for (r, acc) in acc.iter().enumerate().take(t.a.len()) {
                let mut sums = [0.0; NV * LANES];
                // SAFETY: the array has the room; the caller's.
                unsafe {
                    _mm256_storeu_ps(sums.as_mut_ptr(), acc[0]);
                    _mm256_storeu_ps(sums.as_mut_ptr().add(LANES), acc[1]);
                    spill_row(&sums, r, first, t);
                }
            }
        }
    }
}
