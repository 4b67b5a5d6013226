//! The driver of every matrix product: C [m, n] = A [m, k] · B [k, n], where A and B are packed from wherever they come
//! from (a matrix, a transposed matrix, the pixels of an image) and the rows of C may lie anywhere.
//!
//! B is packed once, by all threads, into memory that they share; then each task packs small panels of A and computes its
//! rows. Every element of C is summed in one order, over blocks of [`KC`] in ascending k, whatever the tasks and threads.

use std::ops::Range;

use super::Lane;
use super::epilogue::Epilogue;
use super::microkernel::{KC, MAX_MR, NR, Order, PANEL_A, PanelB, Tile, mr, tile, tile_rows};
use super::simd::multiversion;

/// Up to this many rows, B is used where it lies if it is at most [`NARROW`]: packing would cost more than it gives.
const FEW_ROWS: usize = 112;
const NARROW: usize = 128;
/// Rows up to which B is used where it lies whatever its width: packing reads it in the same strides, as often.
const FEWEST_ROWS: usize = 28;
/// Rows of a task at most: its part of C stays in the second-level cache.
const MAX_ROWS: usize = 224;
/// Multiply-adds that take as long as a unit of the work that [`Lane::parallel`] is told of.
const MULTIPLIED: usize = 4;

/// Where packed panels of A come from.
pub trait SourceA: Sync {
    const ORDER: Order;

    /// Packs `rows` x `ks` (at most a panel) in [`Self::ORDER`]. `memo` is this source's own between calls.
    ///
    /// # Safety
    /// `to` has room for a panel; both ranges are inside A.
    unsafe fn pack(&self, rows: Range<usize>, ks: Range<usize>, to: *mut f32, memo: &mut Memo);

    /// Rows of the panel that starts at row `m`, at most `mr`.
    fn panel(&self, _m: usize, mr: usize) -> usize {
        mr
    }
}

/// What a source worked out for one block of k, to be used by the panels that follow.
pub struct Memo {
    /// For which block and which of the source's lines; `None` at first.
    pub key: Option<(usize, usize)>,
    /// Where each k's line starts.
    pub lines: [usize; KC],
    /// Where each k's part of its line starts.
    pub starts: [isize; KC],
}

impl Memo {
    fn new() -> Self {
        Memo { key: None, lines: [0; KC], starts: [0; KC] }
    }
}

/// Where packed panels of B come from.
pub trait SourceB: Sync {
    /// Packs `ks` x `cols` (at most [`NR`]) as `[ks][NR]`, zero beyond `cols`.
    ///
    /// # Safety
    /// `to` has room for `ks.len() * NR` elements; both ranges are inside B.
    unsafe fn pack(&self, ks: Range<usize>, cols: Range<usize>, to: *mut f32);

    /// B as it lies in memory, with the distance of its rows, if it can be used without packing.
    fn in_place(&self) -> Option<(&[f32], usize)> {
        None
    }
}

/// Where the rows of C lie.
///
/// # Safety
/// Different rows start at least n elements apart.
pub unsafe trait Rows: Sync {
    /// First element of a row, counted from the start of the output.
    fn offset(&self, row: usize) -> usize;

    /// First elements of neighbouring rows.
    fn offsets(&self, rows: Range<usize>, to: &mut [usize]) {
        to.iter_mut().zip(rows).for_each(|(at, row)| *at = self.offset(row));
    }
}

/// Rows one after another, `0` elements apart: at least n.
pub struct Dense(pub usize);

// SAFETY: the definition.
unsafe impl Rows for Dense {
    fn offset(&self, row: usize) -> usize {
        row * self.0
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    pub m: usize,
    pub n: usize,
    pub k: usize,
}

/// An output that tasks write disjoint parts of.
#[derive(Clone, Copy)]
pub struct Shared(pub *mut f32);

// SAFETY: only an address; what is done with it is argued where it is done.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    /// The address, by method so that closures capture the whole.
    pub fn get(self) -> *mut f32 {
        self.0
    }
}

/// Computes C and applies the epilogue to each finished element. `packed` is scratch for B.
///
/// # Panics
/// If a row of C does not lie in `c`, or `packed` cannot hold one block of B.
pub fn gemm<A: SourceA, B: SourceB, C: Rows>(
    x: Lane,
    s: Sizes,
    (a, b, rows): (&A, &B, &C),
    (c, packed): (&mut [f32], &mut [f32]),
    epilogue: Option<&Epilogue>,
) {
    if s.m == 0 || s.n == 0 {
        return;
    }
    let n_block = s.n.min(packed.len() / KC / NR * NR);
    if (s.m <= FEWEST_ROWS || s.m <= FEW_ROWS && s.n <= NARROW)
        && s.n.is_multiple_of(NR)
        && let Some((b, stride)) = b.in_place()
    {
        assert!(s.k == 0 || (s.k - 1) * stride + s.n <= b.len());
        let (c_len, c) = (c.len(), Shared(c.as_mut_ptr()));
        let block = Block { x, s, a, rows, b: Panels::InPlace { b, stride }, n: 0..s.n, k: 0..s.k, c, c_len };
        return block.run(epilogue);
    }
    let capacity = packed.len();
    let k_block = |n: usize| (capacity / n.next_multiple_of(NR) / KC * KC).max(KC).min(s.k.max(1));
    for n0 in (0..s.n).step_by(n_block) {
        let n = n0..(n0 + n_block).min(s.n);
        let k_step = k_block(n.len());
        for k0 in (0..s.k.max(1)).step_by(k_step) {
            let k = k0..(k0 + k_step).min(s.k);
            pack_b(x, b, &k, &n, packed);
            let (c_len, c) = (c.len(), Shared(c.as_mut_ptr()));
            let panels = n.len().div_ceil(NR);
            let block = Block { x, s, a, rows, b: Panels::Packed { b: packed, panels }, n: n.clone(), k: k.clone(), c, c_len };
            block.run(if k.end == s.k { epilogue } else { None });
        }
    }
}

/// Where the panel of block `kb` (of `kc` deep) and panel `p` starts, in a packing of `k` x `panels`.
pub fn panel_at(kb: usize, kc: usize, p: usize, panels: usize) -> usize {
    kb * KC * NR * panels + p * kc * NR
}

/// Packs `k` x `n` of B: for each block of KC, its panels one after another.
pub fn pack_b<B: SourceB>(x: Lane, b: &B, k: &Range<usize>, n: &Range<usize>, packed: &mut [f32]) {
    let (blocks, panels) = (k.len().div_ceil(KC), n.len().div_ceil(NR));
    let to = Shared(packed.as_mut_ptr());
    assert!(k.len() * panels * NR <= packed.len());
    x.parallel(blocks * panels, k.len() * n.len() / 2, |task| {
        let (kb, p) = (task / panels, task % panels);
        let ks = k.start + kb * KC..(k.start + (kb + 1) * KC).min(k.end);
        let cols = n.start + p * NR..(n.start + (p + 1) * NR).min(n.end);
        // SAFETY: panels are disjoint parts of `packed`, and inside it: the sizes were compared above.
        unsafe { pack_wide(x.cx.level, b, ks.clone(), cols, to.get().add(panel_at(kb, ks.len(), p, panels))) };
    });
}

/// B, ready for use.
#[derive(Clone, Copy)]
enum Panels<'a> {
    Packed { b: &'a [f32], panels: usize },
    InPlace { b: &'a [f32], stride: usize },
}

impl Panels<'_> {
    /// Panel `p` of block `kb`, which is `kc` deep.
    #[inline(always)]
    fn panel(&self, kb: usize, kc: usize, p: usize) -> PanelB {
        match self {
            Panels::Packed { b, panels } => PanelB { data: b[panel_at(kb, kc, p, *panels)..].as_ptr(), stride: NR },
            Panels::InPlace { b, stride } => PanelB { data: b[kb * KC * stride + p * NR..].as_ptr(), stride: *stride },
        }
    }
}

/// A block of k and n, with B ready.
struct Block<'a, A, C> {
    x: Lane<'a>,
    s: Sizes,
    a: &'a A,
    rows: &'a C,
    b: Panels<'a>,
    n: Range<usize>,
    k: Range<usize>,
    c: Shared,
    c_len: usize,
}

/// Rows of each of about `wanted` tasks, or of as many as [`MAX_ROWS`] asks for, so that no thread is left to work alone for long: few
/// tasks are equal, of many the longest part of a thread is shortest.
fn rows_of_a_task(m: usize, wanted: usize, threads: usize, mr: usize) -> usize {
    let most = MAX_ROWS.next_multiple_of(mr);
    let step = m.div_ceil(wanted).next_multiple_of(mr).clamp(mr, most);
    let tasks = m.div_ceil(step);
    if wanted == 1 || threads == 1 {
        return step;
    }
    if tasks <= wanted {
        return m.div_ceil(if tasks > threads { tasks.next_multiple_of(threads) } else { tasks });
    }
    let longest = |step: usize| m.div_ceil(step).div_ceil(threads) * step;
    (1..=most / mr).rev().map(|tiles| tiles * mr).take(most / mr / 2).min_by_key(|&step| longest(step)).unwrap_or(step)
}

impl<A: SourceA, C: Rows> Block<'_, A, C> {
    fn run(&self, epilogue: Option<&Epilogue>) {
        let mr = mr(self.x.cx.level);
        let panels = self.n.len().div_ceil(NR);
        let work = self.s.m * self.n.len() * self.k.len().max(1) / MULTIPLIED;
        // Tasks: enough for the threads to share evenly, not so small that B is streamed for nothing. A thread that works alone
        // takes all columns at once: the epilogue's runs are longer.
        let wanted = if self.x.shares(work) { 4 * self.x.threads } else { 1 };
        let m_step = rows_of_a_task(self.s.m, wanted, self.x.threads, mr);
        let m_tasks = self.s.m.div_ceil(m_step);
        let n_tasks = if m_tasks >= wanted { 1 } else { (wanted / m_tasks).clamp(1, panels) };
        let p_step = panels.div_ceil(n_tasks);
        let n_tasks = panels.div_ceil(p_step);
        self.x.parallel(m_tasks * n_tasks, work, |task| {
            let (mt, nt) = (task / n_tasks, task % n_tasks);
            let ms = mt * m_step..((mt + 1) * m_step).min(self.s.m);
            let ps = nt * p_step..((nt + 1) * p_step).min(panels);
            // SAFETY: `task` is safe; the level was detected.
            unsafe { run_task(self.x.cx.level, self, ms, ps, epilogue) };
        });
    }

    /// Rows `ms` and panels `ps`, over all of the block's k.
    #[inline(always)]
    fn task(&self, ms: Range<usize>, ps: Range<usize>, epilogue: Option<&Epilogue>) {
        let level = self.x.cx.level;
        let mut scratch = self.x.cx.scratch();
        let (panel, rest) = scratch.split_at_mut(PANEL_A);
        let mut memo = Memo::new();
        if self.k.is_empty() {
            self.clear(&ms, &ps);
        }
        for (kb, k0) in self.k.clone().step_by(KC).enumerate() {
            let ks = k0..(k0 + KC).min(self.k.end);
            let mut m0 = ms.start;
            while m0 < ms.end {
                let rows = m0..(m0 + self.a.panel(m0, tile_rows(level, ms.end - m0))).min(ms.end);
                m0 = rows.end;
                let mut offsets = [0; MAX_MR];
                let offsets = &mut offsets[..rows.len()];
                self.rows.offsets(rows.clone(), offsets);
                assert!(offsets.iter().all(|at| at + self.s.n <= self.c_len), "rows {rows:?} of C reach beyond its end");
                // SAFETY: the panel has room, the ranges are inside A.
                unsafe { self.a.pack(rows.clone(), ks.clone(), panel.as_mut_ptr(), &mut memo) };
                for p in ps.clone() {
                    let cols = NR.min(self.n.len() - p * NR);
                    // SAFETY: the rows were compared with the length of C; tasks have different rows or columns. The
                    // panels hold what they should, and the level was detected.
                    unsafe {
                        let base = self.c.get().add(self.n.start + p * NR);
                        let out = Tile { base, rows: offsets, cols, accumulate: ks.start > 0 };
                        tile(level, A::ORDER, ks.len(), panel.as_ptr(), self.b.panel(kb, ks.len(), p), out);
                    }
                }
            }
        }
        if let Some(e) = epilogue {
            self.finish(&ms, &ps, e, rest);
        }
    }

    /// Start of a row of C, all of which is inside.
    fn checked_offset(&self, m: usize) -> usize {
        let at = self.rows.offset(m);
        assert!(at + self.s.n <= self.c_len, "row {m} of C reaches beyond its end");
        at
    }

    /// Columns of C that panels cover.
    fn columns(&self, ps: &Range<usize>) -> Range<usize> {
        self.n.start + ps.start * NR..self.n.start + (ps.end * NR).min(self.n.len())
    }

    /// C = 0, where k is empty.
    fn clear(&self, ms: &Range<usize>, ps: &Range<usize>) {
        let cols = self.columns(ps);
        for m in ms.clone() {
            // SAFETY: as for the tiles.
            unsafe { std::slice::from_raw_parts_mut(self.c.get().add(self.checked_offset(m) + cols.start), cols.len()) }
                .fill(0.0);
        }
    }

    /// The epilogue of the task's elements, in runs as long as its rows are neighbours.
    fn finish(&self, ms: &Range<usize>, ps: &Range<usize>, epilogue: &Epilogue, scratch: &mut [f32]) {
        let cols = self.columns(ps);
        let mut applied = epilogue.start(scratch);
        let mut run: Option<Range<usize>> = None;
        for m in ms.clone() {
            let at = self.checked_offset(m) + cols.start;
            match &mut run {
                Some(r) if r.end == at => r.end += cols.len(),
                _ => {
                    if let Some(r) = run.replace(at..at + cols.len()) {
                        // SAFETY: as for the tiles: these elements belong to this task alone, which has computed them.
                        unsafe { applied.run(self.c.get(), r) };
                    }
                }
            }
        }
        if let Some(r) = run {
            // SAFETY: as above.
            unsafe { applied.run(self.c.get(), r) };
        }
    }
}

/// [`Block::task`].
///
/// # Safety
/// None of its own.
#[inline(always)]
unsafe fn task_body<A: SourceA, C: Rows>(block: &Block<A, C>, ms: Range<usize>, ps: Range<usize>, epilogue: Option<&Epilogue>) {
    block.task(ms, ps, epilogue);
}

multiversion! {
    /// [`Block::task`], with the copies of packing in wide vectors.
    ///
    /// # Safety
    /// The CPU has the level.
    unsafe fn run_task[A: SourceA, C: Rows](block: &Block<A, C>, ms: Range<usize>, ps: Range<usize>, epilogue: Option<&Epilogue>) by task_body
}

/// [`SourceB::pack`].
///
/// # Safety
/// As there.
#[inline(always)]
unsafe fn pack_body<B: SourceB>(b: &B, ks: Range<usize>, cols: Range<usize>, to: *mut f32) {
    // SAFETY: the caller's.
    unsafe { b.pack(ks, cols, to) }
}

multiversion! {
    /// [`SourceB::pack`] in wide vectors.
    ///
    /// # Safety
    /// As there, and the CPU has the level.
    unsafe fn pack_wide[B: SourceB](b: &B, ks: Range<usize>, cols: Range<usize>, to: *mut f32) by pack_body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_have_about_as_much_to_do() {
        for threads in [1, 2, 3, 8] {
            for m in [1, 13, 100, 1024, 4096, 12_544, 65_537] {
                let step = rows_of_a_task(m, 4 * threads, threads, 14);
                assert!((1..=MAX_ROWS).contains(&step), "{m} rows, {threads} threads: {step}");
                let longest = m.div_ceil(step).div_ceil(threads) * step;
                let fair = m.div_ceil(threads).max(step);
                assert!(longest <= fair + fair / 8 + 14, "{m} rows, {threads} threads: {step} a task");
            }
        }
        assert_eq!(rows_of_a_task(1024, 8, 2, 14), 128);
        assert_eq!(rows_of_a_task(4096, 8, 2, 14), 210);
        assert_eq!(rows_of_a_task(12_544, 8, 2, 14), 224);
    }
}
