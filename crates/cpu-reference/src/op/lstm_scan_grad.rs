//! The way back through an LSTM's time steps.

use calotype_graph::op::lstm_scan::LstmDims;

use super::lstm_scan::tap;
use crate::fast::Context;
use crate::fast::gemm::Shared;
use crate::fast::math::tanh;
use crate::fast::recurrent::{
    Group, LANES, States, Weights, for_each_group, foresee, gates, gates_mut, load, store, with_weights,
};
use crate::fast::simd::{Level, multiversion};
use crate::float::Float;

/// kept [5T, B, P, H], back [taps, 4H, H], c0 [B, P, H], dh [T, B, P, H] -> d_pre [T, B, P, 4H] and, where it has one more
/// row along T, [dh0 | dc0 | 0 | 0]. Taps are mirrored: tap k of `back` sees position `p + k - before` a time step later or,
/// the second of two, at the same time.
pub fn plain<T: Float>(d: &LstmDims, kept: &[T], back: &[T], c0: &[T], dh: &[T], d_pre: &mut [T]) {
    let (n, states) = (d.hidden, d.rows() * d.hidden);
    let gates = &kept[d.states()..];
    let initial = d_pre.len() > gates.len();
    let gate = |row: usize, k: usize, j: usize| (row * 4 + k) * n + j;
    // c[s]: the cells before turn s of the forward scan.
    let mut c = vec![c0.to_vec()];
    for t in (0..d.steps).map(|s| d.time(s)) {
        let before = &c[c.len() - 1];
        let cell = |i: usize| {
            let at = |k| gate(t * d.rows() + i / n, k, i % n);
            gates[at(1)] * before[i] + gates[at(2)] * gates[at(3)]
        };
        let next = (0..states).map(cell).collect();
        c.push(next);
    }
    // The state's cotangent through the gates that saw it, for the row of positions at time `now`, `later` being the turn after.
    let through = |d_pre: &[T], now: Option<usize>, later: Option<usize>, row: usize, j: usize| {
        let (b, p) = (row / d.positions, row % d.positions);
        let time = |k: usize| if d.diagonal() && k == 1 { now } else { later };
        let seen = (0..d.taps).filter_map(|k| Some((k, time(k)? * d.rows() + b * d.positions + tap(d, p, k)?)));
        let products = seen.flat_map(|(k, q)| (0..4 * n).map(move |m| (q * 4 * n + m, (k * 4 * n + m) * n + j)));
        products.fold(T::ZERO, |sum, (x, w)| sum + d_pre[x] * back[w])
    };
    let mut dc = vec![T::ZERO; states];
    for s in (0..d.steps).rev() {
        let (t, later) = (d.time(s), (s + 1 < d.steps).then(|| d.time(s + 1)));
        for row in (0..d.rows()).rev() {
            let dh_back: Vec<T> = (0..n).map(|j| through(d_pre, Some(t), later, row, j)).collect();
            for (j, &dh_back) in dh_back.iter().enumerate() {
                let (i, at) = (row * n + j, |k| gate(t * d.rows() + row, k, j));
                let (o, f, i_gate, g) = (gates[at(0)], gates[at(1)], gates[at(2)], gates[at(3)]);
                let (tanh_c, dh) = (c[s + 1][i].tanh(), dh[t * states + i] + dh_back);
                let dc_t = dc[i] + dh * o * (T::ONE - tanh_c * tanh_c);
                d_pre[at(0)] = dh * tanh_c * o * (T::ONE - o);
                d_pre[at(1)] = dc_t * c[s][i] * f * (T::ONE - f);
                d_pre[at(2)] = dc_t * g * i_gate * (T::ONE - i_gate);
                d_pre[at(3)] = dc_t * i_gate * (T::ONE - g * g);
                dc[i] = dc_t * f;
            }
        }
    }
    for (i, &dc) in dc.iter().enumerate().filter(|_| initial) {
        let at = |k| gate(d.steps * d.rows() + i / n, k, i % n);
        d_pre[at(0)] = through(d_pre, None, Some(d.time(0)), i / n, i % n);
        (d_pre[at(1)], d_pre[at(2)], d_pre[at(3)]) = (dc, T::ZERO, T::ZERO);
    }
}

/// What a group of batch rows needs on its way back.
struct Task<'a> {
    back: Weights<'a>,
    /// After their functions.
    gates: &'a [f32],
    c0: &'a [f32],
    dh: &'a [f32],
    d_pre: Shared,
    /// Whether `d_pre` has a row for the initial states.
    initial: bool,
}

impl Task<'_> {
    /// Elements of scratch memory.
    fn room(group: &Group) -> usize {
        group.n * States::room(group.d, 4 * group.d.hidden) + 2 * group.n_rows() * group.d.hidden
    }

    /// Rows of the result, from `at` (among [T, B, P]) on.
    ///
    /// # Safety
    /// They are of the task's group and not borrowed.
    #[inline(always)]
    unsafe fn result<'r>(&self, d: &LstmDims, at: usize, rows: usize) -> &'r mut [f32] {
        // SAFETY: inside the result; the group's rows are this task's alone; the caller's.
        unsafe { std::slice::from_raw_parts_mut(self.d_pre.get().add(at * 4 * d.hidden), rows * 4 * d.hidden) }
    }

    #[inline(always)]
    fn run<const FMA: bool>(&self, level: Level, group: &mut Group, scratch: &mut [f32]) {
        let (d, n, rows) = (group.d, group.d.hidden, group.n_rows());
        let (dc, rest) = scratch.split_at_mut(rows * n);
        let (dh_back, rest) = rest.split_at_mut(rows * n);
        self.forward(group, dc);
        dc.fill(0.0);
        let mut states = States::new(d, 4 * n, rest);
        let first = group.first * d.positions;
        for wave in (0..d.waves()).rev() {
            group.wave(wave);
            let rows = group.rows();
            let dh_back = &mut dh_back[..rows.len() * n];
            states.product(level, self.back, rows, d.taps * 4 * n, None, dh_back);
            for (row, dh_back) in rows.iter().zip(dh_back.chunks_exact(n)) {
                let next = group.in_waves(row, -1);
                foresee(self.gates.as_ptr(), next, 4 * n);
                foresee(self.dh.as_ptr(), next, n);
                foresee(self.d_pre.get(), group.in_waves(row, -2), 4 * n); // what is one wave away is read as `earlier` now
                // SAFETY: two rows, neither of which is borrowed.
                let (d_pre, earlier) = unsafe { (self.result(d, row.at, 1), row.earlier.map(|at| self.result(d, at, 1))) };
                let given = Given {
                    gates: gates(&self.gates[4 * row.at * n..][..4 * n]),
                    c_prev: earlier.map_or_else(|| &self.c0[(first + row.own) * n..][..n], |cells| &cells[..n]),
                    dh: &self.dh[row.at * n..][..n],
                    dh_back,
                };
                given.differentiate::<FMA>(&mut dc[row.own * n..][..n], d_pre, states.row(row));
            }
        }
        if self.initial {
            // Of two taps the second sees what happens at the same time: nothing.
            let depth = if d.diagonal() { 4 * n } else { d.taps * 4 * n };
            group.initial();
            let rows = group.rows();
            states.product(level, self.back, rows, depth, None, dh_back);
            for (row, dh_back) in rows.iter().zip(dh_back.chunks_exact(n)) {
                // SAFETY: it is not borrowed.
                let last = unsafe { self.result(d, row.at, 1) };
                last.fill(0.0);
                last[..n].copy_from_slice(dh_back);
                last[n..2 * n].copy_from_slice(&dc[row.own * n..][..n]);
            }
        }
    }

    /// The forward scan's cells, which lie in the result, where σ(o)'s cotangents will be. `c` is scratch [rows, H].
    #[inline(always)]
    fn forward(&self, group: &Group, c: &mut [f32]) {
        let (d, n, rows, first) = (group.d, group.d.hidden, group.n_rows(), group.first * group.d.positions);
        let whole = n - n % LANES;
        c.copy_from_slice(&self.c0[first * n..][..rows * n]);
        for t in (0..d.steps).map(|s| d.time(s)) {
            let at = t * d.rows() + first;
            let all = self.gates[at * 4 * n..][..rows * 4 * n].chunks_exact(4 * n);
            // SAFETY: nothing is borrowed.
            let d_pre = unsafe { self.result(d, at, rows) }.chunks_exact_mut(4 * n);
            for ((row, d_pre), c) in all.zip(d_pre).zip(c.chunks_exact_mut(n)) {
                let row = gates(row);
                for at in (0..whole).step_by(LANES) {
                    next_cells(row, c, d_pre, at);
                }
                if whole < n {
                    next_cells(row, c, d_pre, whole);
                }
            }
        }
    }
}

/// Cells `at..` of a row, in `c` and at the start of `kept`, from those before in `c` and the gates; rows are cut as in the forward
/// scan.
#[inline(always)]
fn next_cells([_, f, i, g]: [&[f32]; 4], c: &mut [f32], kept: &mut [f32], at: usize) {
    let n = c.len();
    let (f, i, g, mut cell) = (load(&f[..n], at), load(&i[..n], at), load(&g[..n], at), load(c, at));
    for l in 0..LANES {
        cell[l] = f[l] * cell[l] + i[l] * g[l];
    }
    store(c, at, cell);
    store(&mut kept[..n], at, cell);
}

/// What a row's derivative is made from, apart from its cells.
struct Given<'a> {
    /// After their functions.
    gates: [&'a [f32]; 4],
    c_prev: &'a [f32],
    dh: &'a [f32],
    dh_back: &'a [f32],
}

impl Given<'_> {
    /// Writes the gates' cotangents to `d_pre`, whose first part holds the cells, and to `state` (reading them back would wait for
    /// memory); replaces `dc` by its value before the time step.
    #[inline(always)]
    fn differentiate<const FMA: bool>(&self, dc: &mut [f32], d_pre: &mut [f32], state: &mut [f32]) {
        let (mut d_pre, mut state) = (gates_mut(d_pre), gates_mut(state));
        let n = dc.len();
        let whole = n - n % LANES;
        for at in (0..whole).step_by(LANES) {
            self.lanes::<FMA>(dc, [&mut d_pre, &mut state], at);
        }
        if whole < n {
            self.lanes::<FMA>(dc, [&mut d_pre, &mut state], whole);
        }
    }

    /// Hidden units `at..`, as many as there are lanes; rows are cut as in the forward scan.
    #[inline(always)]
    fn lanes<const FMA: bool>(&self, dc: &mut [f32], to: [&mut [&mut [f32]; 4]; 2], at: usize) {
        let n = dc.len();
        let [o, f, i, g] = self.gates;
        let (o, f, i, g) = (load(&o[..n], at), load(&f[..n], at), load(&i[..n], at), load(&g[..n], at));
        let (c, c_prev, mut cell) = (load(&to[0][0][..n], at), load(&self.c_prev[..n], at), load(dc, at));
        let (dh, dh_back) = (load(&self.dh[..n], at), load(&self.dh_back[..n], at));
        let (mut d_o, mut d_f, mut d_i, mut d_g) = ([0.0; LANES], [0.0; LANES], [0.0; LANES], [0.0; LANES]);
        for l in 0..LANES {
            let (dh, tanh_c) = (dh[l] + dh_back[l], tanh::<FMA>(c[l]));
            let d = cell[l] + dh * o[l] * (1.0 - tanh_c * tanh_c);
            cell[l] = d * f[l];
            d_o[l] = dh * tanh_c * o[l] * (1.0 - o[l]);
            d_f[l] = d * c_prev[l] * f[l] * (1.0 - f[l]);
            d_i[l] = d * g[l] * i[l] * (1.0 - i[l]);
            d_g[l] = d * i[l] * (1.0 - g[l] * g[l]);
        }
        store(dc, at, cell);
        for [to_o, to_f, to_i, to_g] in to {
            store(&mut to_o[..n], at, d_o);
            store(&mut to_f[..n], at, d_f);
            store(&mut to_i[..n], at, d_i);
            store(&mut to_g[..n], at, d_g);
        }
    }
}

/// # Safety
/// None of its own.
#[inline(always)]
unsafe fn task_body<const FMA: bool>(level: Level, task: &Task, group: &mut Group, scratch: &mut [f32]) {
    task.run::<FMA>(level, group, scratch);
}

multiversion! {
    /// [`Task::run`].
    ///
    /// # Safety
    /// The CPU has the level.
    unsafe fn run_task[](at: Level, task: &Task, group: &mut Group, scratch: &mut [f32]) by task_body::<true>, task_body::<false>
}

/// As [`plain`]: each thread takes groups of batch rows through all time steps.
pub fn fast(cx: &Context, d: &LstmDims, kept: &[f32], back: &[f32], c0: &[f32], dh: &[f32], d_pre: &mut [f32]) {
    let gates = &kept[d.states()..];
    let initial = d_pre.len() > gates.len();
    let d_pre = Shared(d_pre.as_mut_ptr());
    with_weights(cx, back, d.taps * 4 * d.hidden, d.hidden, |back| {
        let task = Task { back, gates, c0, dh, d_pre, initial };
        for_each_group(cx, d, Task::room, |group, scratch| {
            // SAFETY: the level was detected.
            unsafe { run_task(cx.level, cx.level, &task, group, scratch) };
        });
    });
}
