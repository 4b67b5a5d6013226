//! What both directions of an LSTM's scan share: a group of batch rows, which one thread takes through all time steps, and
//! the product of their states with weights that stay packed.

use calotype_graph::op::lstm_scan::LstmDims;

use super::Context;
use super::gemm::{pack_b, panel_at};
use super::microkernel::{KC, MAX_MR, NR, Order, PANEL_A, PanelB, ROW_STRIDE, Tile, mr, tile};
use super::pack::{Matrix, WideOf, copy};
use super::simd::Level;

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
    pack_b(cx.all(), &WideOf(Matrix { data: w, stride: n }), &(0..k), &(0..n), packed);
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

    /// Those that have a turn in this wave.
    pub fn wave(&mut self, wave: usize) -> &[Row] {
        let d = self.d;
        self.fill(|p| {
            let turn = d.turn(wave, p)?;
            Some((d.time(turn), turn.checked_sub(1).map(|t| d.time(t))))
        })
    }

    /// All, with their first turns ahead of them: `at` is in row T.
    pub fn initial(&mut self) -> &[Row] {
        let d = self.d;
        self.fill(|_| Some((d.steps, None)))
    }

    /// `times`: of a position's turn and of the one before.
    fn fill(&mut self, times: impl Fn(usize) -> Option<(usize, Option<usize>)>) -> &[Row] {
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
        &self.rows
    }
}

/// What products work with.
pub struct Work<'a> {
    pub level: Level,
    /// Scratch of [`PANEL_A`].
    pub panel: &'a mut [f32],
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

    /// `out` [rows, n] = the first `depth` of what each row sees [rows, k] · weights, added to what is there if `accumulate`.
    /// Each element is summed in ascending k, whatever the rows.
    #[inline(always)]
    pub fn product(&self, x: &mut Work, w: Weights, rows: &[Row], depth: usize, out: &mut [f32], accumulate: bool) {
        let (level, panel, panels) = (x.level, &mut *x.panel, w.n.div_ceil(NR));
        let step = rows.len().div_ceil(rows.len().div_ceil(mr(level)).max(1)).max(1); // tiles as alike as can be
        assert!(panel.len() >= PANEL_A && out.len() == rows.len() * w.n && depth <= w.k);
        for (kb, k0) in (0..depth).step_by(KC).enumerate() {
            let (packed, kc) = (KC.min(w.k - k0), KC.min(depth - k0));
            for (tile_rows, m0) in rows.chunks(step).zip((0..).step_by(step)) {
                let n_rows = tile_rows.len();
                let mut offsets = [0; MAX_MR];
                for (r, row) in tile_rows.iter().enumerate() {
                    offsets[r] = (m0 + r) * w.n;
                    let from = &self.data[row.seen * self.width + k0..][..kc];
                    // SAFETY: the slice has the length, the panel the room.
                    unsafe { copy(from.as_ptr(), panel.as_mut_ptr().add(r * ROW_STRIDE), kc) };
                }
                for p in 0..panels {
                    let b = PanelB { data: w.packed[panel_at(kb, packed, p, panels)..].as_ptr(), stride: NR };
                    let cols = NR.min(w.n - p * NR);
                    let base = out[p * NR..].as_mut_ptr();
                    let to = Tile { base, rows: &offsets[..n_rows], cols, accumulate: accumulate || kb > 0 };
                    // SAFETY: the panels hold what they should, rows and columns are inside `out`, the level was detected.
                    unsafe { tile(level, Order::RowMajor, kc, panel.as_ptr(), b, to) };
                }
            }
        }
    }
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
