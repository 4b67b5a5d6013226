//! What both directions of an LSTM's scan share: a group of batch rows, which one thread takes through all time steps, and
//! the product of their states with weights that stay packed.

use calotype_graph::op::lstm_scan::LstmDims;

use super::Context;
use super::gemm::pack_b;
use super::microkernel::{Gathered, MAX_MR, NR, PanelB, gathered, mr};
use super::pack::{Matrix, WideOf, prefetch};
use super::simd::Level;
use crate::memory::LINE;

/// Rows of states (batch rows times positions) that a task has at least, where threads need not share: four tiles, which
/// hide the time that weights take to come from the second-level cache.
const ROWS: usize = 56;

/// Calls `f` with every group of batch rows and scratch memory of as many elements as `room` says, on several threads.
pub fn for_each_group(
    cx: &Context,
    d: &LstmDims,
    room: impl Fn(&Group) -> usize + Sync,
    f: impl Fn(&mut Group, &mut [f32]) + Sync,
) {
    let busy = d.rows() * d.steps / d.waves(); // rows that have a turn in a wave, on average
    let rounds = (busy / (cx.threads * ROWS)).max(1);
    let each = d.batch.div_ceil(cx.threads * rounds).max(1);
    cx.all().parallel(d.batch.div_ceil(each), d.flops() as usize / 2, |task| {
        let mut group = Group::new(d, task * each, each.min(d.batch - task * each));
        let (mut scratch, mut own) = (cx.scratch(), Vec::new());
        let room = room(&group);
        f(&mut group, with_room(&mut scratch, &mut own, room));
    });
}

/// Weights [k, n], packed for the tiles.
#[derive(Clone, Copy)]
pub struct Weights<'a> {
    packed: &'a [f32],
    k: usize,
    n: usize,
}

/// Packs weights [k, n] and calls `f` with them.
pub fn with_weights(cx: &Context, w: &[f32], k: usize, n: usize, f: impl FnOnce(Weights)) {
    let room = k * n.next_multiple_of(NR);
    let mut shared = cx.packed();
    let mut own = Vec::new();
    let packed = with_room(&mut shared, &mut own, room);
    for (first, panel) in (0..n).step_by(NR).zip(packed.chunks_exact_mut(k * NR)) {
        pack_b(cx.one(), &WideOf(Matrix { data: w, stride: n }), &(0..k), &(first..n.min(first + NR)), panel);
    }
    f(Weights { packed, k, n });
}

/// `n` elements of the scratch memory, or, where it is too small, of memory of their own.
fn with_room<'a>(scratch: &'a mut [f32], own: &'a mut Vec<f32>, n: usize) -> &'a mut [f32] {
    if n <= scratch.len() {
        return &mut scratch[..n];
    }
    own.resize(n, 0.0);
    own
}

/// A position of a batch row, with its turn in a wave.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Among the rows of its group.
    pub own: usize,
    /// Among [T, B, P].
    pub at: usize,
    /// The same position's turn before, among [T, B, P]; `None`: the initial state.
    pub earlier: Option<usize>,
    /// Where what its taps see starts, in positions of [`States`].
    seen: usize,
}

/// The batch rows that one task takes through all waves.
pub struct Group<'a> {
    pub d: &'a LstmDims,
    /// First of its batch rows, and their number.
    pub first: usize,
    pub n: usize,
    rows: Vec<Row>,
}

impl<'a> Group<'a> {
    pub fn new(d: &'a LstmDims, first: usize, n: usize) -> Self {
        Group { d, first, n, rows: Vec::with_capacity(n * d.positions) }
    }

    /// Rows of the group, all positions counted.
    pub fn n_rows(&self) -> usize {
        self.n * self.d.positions
    }

    /// Where, among [T, B, P], a row is `waves` after the one that it is in, or before; outside of it where it has no turn there.
    #[inline(always)]
    pub fn in_waves(&self, row: &Row, waves: isize) -> usize {
        let waves = if self.d.reverse { -waves } else { waves };
        row.at.wrapping_add_signed(waves * self.d.rows() as isize)
    }

    /// Its rows of the wave that was chosen.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Chooses the rows that have a turn in this wave.
    pub fn wave(&mut self, wave: usize) {
        let d = self.d;
        self.fill(|p| {
            let turn = d.turn(wave, p)?;
            Some((d.time(turn), turn.checked_sub(1).map(|t| d.time(t))))
        });
    }

    /// Chooses all, with their first turns ahead of them: `at` is in row T.
    pub fn initial(&mut self) {
        let d = self.d;
        self.fill(|_| Some((d.steps, None)));
    }

    /// `times`: of a position's turn and of the one before.
    fn fill(&mut self, times: impl Fn(usize) -> Option<(usize, Option<usize>)>) {
        self.rows.clear();
        let d = self.d;
        for b in 0..self.n {
            for p in 0..d.positions {
                let Some((t, earlier)) = times(p) else { continue };
                let at = |t: usize| (t * d.batch + self.first + b) * d.positions + p;
                let seen = b * (d.positions + d.outside()) + p;
                self.rows.push(Row { own: b * d.positions + p, at: at(t), earlier: earlier.map(at), seen });
            }
        }
    }
}

/// What passes from wave to wave: `width` numbers for each position of a group, with zeros around the positions
/// of each batch row, so that what the taps of one position see lies together.
pub struct States<'a> {
    data: &'a mut [f32],
    width: usize,
    before: usize,
}

impl<'a> States<'a> {
    /// Elements that a batch row's take.
    pub fn room(d: &LstmDims, width: usize) -> usize {
        (d.positions + d.outside()) * width
    }

    /// All zero. `data` has [`States::room`] for each batch row.
    pub fn new(d: &LstmDims, width: usize, data: &'a mut [f32]) -> Self {
        data.fill(0.0);
        States { data, width, before: d.before }
    }

    /// The state of a row.
    #[inline(always)]
    pub fn row(&mut self, row: &Row) -> &mut [f32] {
        let at = (row.seen + self.before) * self.width;
        &mut self.data[at..at + self.width]
    }

    /// `out` [rows, n] = the first `depth` of what each row sees [rows, k] · weights, and, where `plus` is given, the rows [n] of
    /// it at [`Row::at`]. Each element is summed in ascending k, whatever the rows.
    #[inline(always)]
    pub fn product(&self, level: Level, w: Weights, rows: &[Row], depth: usize, plus: Option<&[f32]>, out: &mut [f32]) {
        let step = rows.len().div_ceil(rows.len().div_ceil(mr(level)).max(1)).max(1); // tiles as alike as can be
        assert!(out.len() == rows.len() * w.n && depth <= w.k);
        for (rows, out) in rows.chunks(step).zip(out.chunks_mut(step * w.n)) {
            let (mut a, mut added) = ([std::ptr::null(); MAX_MR], [std::ptr::null(); MAX_MR]);
            for (r, row) in rows.iter().enumerate() {
                a[r] = self.data[row.seen * self.width..][..depth].as_ptr();
                added[r] = plus.map_or(std::ptr::null(), |plus| plus[row.at * w.n..][..w.n].as_ptr());
            }
            for (p, first) in (0..w.n).step_by(NR).enumerate() {
                let b = PanelB { data: w.packed[p * w.k * NR..].as_ptr(), stride: NR };
                added.iter_mut().filter(|_| p > 0).for_each(|row| *row = row.wrapping_add(NR));
                let t = Gathered {
                    a: &a[..rows.len()],
                    plus: plus.map(|_| &added[..rows.len()]),
                    out: out[first..].as_mut_ptr(),
                    stride: w.n,
                    cols: NR.min(w.n - first),
                };
                // SAFETY: rows and panels were cut to what is read, `out` has rows of n; the level was detected.
                unsafe { gathered(level, depth, b, t) };
            }
        }
    }
}

/// Asks for row `at` of rows [n], which a later wave reads or writes: waves of a diagonal go through memory in strides that the CPU does
/// not foresee. It need not be there.
#[inline(always)]
pub fn foresee(rows: *const f32, at: usize, n: usize) {
    (0..n).step_by(LINE).for_each(|k| prefetch(rows.wrapping_add(at.wrapping_mul(n).wrapping_add(k))));
}

/// Lanes that functions of a hidden unit are computed for at once.
pub const LANES: usize = 16;

/// Elements `at..` of a row of `n`, zero beyond its end.
#[inline(always)]
pub fn load(row: &[f32], at: usize) -> [f32; LANES] {
    match row[at..].first_chunk() {
        Some(all) => *all,
        None => {
            let mut some = [0.0; LANES];
            some[..row.len() - at].copy_from_slice(&row[at..]);
            some
        }
    }
}

/// Stores what [`load`] would load.
#[inline(always)]
pub fn store(row: &mut [f32], at: usize, value: [f32; LANES]) {
    match row[at..].first_chunk_mut() {
        Some(all) => *all = value,
        None => {
            let n = row.len() - at;
            row[at..].copy_from_slice(&value[..n]);
        }
    }
}

/// The four gates' parts of a row [4n].
#[inline(always)]
pub fn gates(row: &[f32]) -> [&[f32]; 4] {
    let n = row.len() / 4;
    [&row[..n], &row[n..2 * n], &row[2 * n..3 * n], &row[3 * n..]]
}

/// As [`gates`], to be written.
#[inline(always)]
pub fn gates_mut(row: &mut [f32]) -> [&mut [f32]; 4] {
    let n = row.len() / 4;
    let (o, rest) = row.split_at_mut(n);
    let (f, rest) = rest.split_at_mut(n);
    let (i, g) = rest.split_at_mut(n);
    [o, f, i, g]
}
