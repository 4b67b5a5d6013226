//! The way back through an LSTM's time steps.

use calotype_graph::Unary;
use calotype_graph::op::lstm_scan::LstmDims;

use super::elementwise::unary;
use super::lstm_scan::tap;
use crate::fast::Context;
use crate::fast::gemm::Shared;
use crate::fast::math::{logistic, tanh};
use crate::fast::recurrent::{Group, LANES, States, Weights, for_each_group, foresee, gates, load, store, with_weights};
use crate::fast::simd::{Level, multiversion};
use crate::float::Float;

/// pre [T, B, P, 4H], back [taps, 4H, H], c0 [B, P, H], dh [T, B, P, H] -> d_pre [T, B, P, 4H] and, where it has one more
/// row along T, [dh0 | dc0 | 0 | 0]. Taps are mirrored: tap k of `back` sees position `p + k - before` a time step later or,
/// the second of two, at the same time.
pub fn plain<T: Float>(d: &LstmDims, pre: &[T], back: &[T], c0: &[T], dh: &[T], d_pre: &mut [T]) {
    let (n, states) = (d.hidden, d.rows() * d.hidden);
    let initial = d_pre.len() > pre.len();
    let gate = |row: usize, k: usize, j: usize| (row * 4 + k) * n + j;
    let sigma = |x: T| unary(Unary::Sigmoid, x);
    // c[s]: the cells before turn s of the forward scan.
    let mut c = vec![c0.to_vec()];
    for t in (0..d.steps).map(|s| d.time(s)) {
        let before = &c[c.len() - 1];
        let cell = |i: usize| {
            let at = |k| gate(t * d.rows() + i / n, k, i % n);
            sigma(pre[at(1)]) * before[i] + sigma(pre[at(2)]) * pre[at(3)].tanh()
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
                let (o, f, i_gate, g) = (sigma(pre[at(0)]), sigma(pre[at(1)]), sigma(pre[at(2)]), pre[at(3)].tanh());
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
    pre: &'a [f32],
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
        self.forward::<FMA>(group, dc);
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
                foresee(self.pre.as_ptr(), next.wrapping_mul(4).wrapping_add(3), n);
                foresee(self.dh.as_ptr(), next, n);
                foresee(self.d_pre.get(), group.in_waves(row, -2), 4 * n); // what is one wave away is read as `earlier` now
                // SAFETY: two rows, neither of which is borrowed.
                let (kept, earlier) = unsafe { (self.result(d, row.at, 1), row.earlier.map(|at| self.result(d, at, 1))) };
                let given = Given {
                    g: &self.pre[(4 * row.at + 3) * n..][..n],
                    c_prev: earlier.map_or_else(|| &self.c0[(first + row.own) * n..][..n], |kept| &kept[..n]),
                    dh: &self.dh[row.at * n..][..n],
                    dh_back,
                };
                given.differentiate::<FMA>(&mut dc[row.own * n..][..n], kept, states.row(row));
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

    /// The forward scan's cells and gates, which are kept in the result, [c | σ(o) | σ(f) | σ(i)], until cotangents replace
    /// them. `c` is scratch [rows, H].
    #[inline(always)]
    fn forward<const FMA: bool>(&self, group: &Group, c: &mut [f32]) {
        let (d, n, rows, first) = (group.d, group.d.hidden, group.n_rows(), group.first * group.d.positions);
        c.copy_from_slice(&self.c0[first * n..][..rows * n]);
        for t in (0..d.steps).map(|s| d.time(s)) {
            let at = t * d.rows() + first;
            let pre = self.pre[at * 4 * n..][..rows * 4 * n].chunks_exact(4 * n);
            // SAFETY: nothing is borrowed.
            let kept = unsafe { self.result(d, at, rows) }.chunks_exact_mut(4 * n);
            for ((pre, kept), c) in pre.zip(kept).zip(c.chunks_exact_mut(n)) {
                keep::<FMA>(pre, kept, c);
            }
        }
    }
}

/// One row's cells and gates from `pre`; `c` becomes its new cells.
#[inline(always)]
fn keep<const FMA: bool>(pre: &[f32], kept: &mut [f32], c: &mut [f32]) {
    let ([o, f, i, g], n) = (gates(pre), c.len());
    let (kept_c, rest) = kept.split_at_mut(n);
    let (kept_o, rest) = rest.split_at_mut(n);
    let (kept_f, kept_i) = rest.split_at_mut(n);
    for at in (0..n).step_by(LANES) {
        let (mut o, mut f, mut i, g, mut cell) = (load(o, at), load(f, at), load(i, at), load(g, at), load(c, at));
        for l in 0..LANES {
            (o[l], f[l], i[l]) = (logistic::<FMA>(o[l]), logistic::<FMA>(f[l]), logistic::<FMA>(i[l]));
            cell[l] = f[l] * cell[l] + i[l] * tanh::<FMA>(g[l]);
        }
        store(c, at, cell);
        store(kept_c, at, cell);
        store(kept_o, at, o);
        store(kept_f, at, f);
        store(kept_i, at, i);
    }
}

/// What a row's derivative is made from, apart from its cells and gates.
struct Given<'a> {
    /// The last gate, before its function.
    g: &'a [f32],
    c_prev: &'a [f32],
    dh: &'a [f32],
    dh_back: &'a [f32],
}

impl Given<'_> {
    /// Replaces `kept` [c | σ(o) | σ(f) | σ(i)] by the gates' cotangents, which go to `state` too (reading them back would wait
    /// for memory), and `dc` by its value before the time step.
    #[inline(always)]
    fn differentiate<const FMA: bool>(&self, dc: &mut [f32], kept: &mut [f32], state: &mut [f32]) {
        let n = dc.len();
        let (kept_c, rest) = kept.split_at_mut(n);
        let (kept_o, rest) = rest.split_at_mut(n);
        let (kept_f, kept_i) = rest.split_at_mut(n);
        for at in (0..n).step_by(LANES) {
            let (mut c, mut o, mut f, mut i) = (load(kept_c, at), load(kept_o, at), load(kept_f, at), load(kept_i, at));
            let (g, c_prev, mut cell) = (load(self.g, at), load(self.c_prev, at), load(dc, at));
            let (dh, dh_back) = (load(self.dh, at), load(self.dh_back, at));
            for l in 0..LANES {
                let (dh, tanh_c, g) = (dh[l] + dh_back[l], tanh::<FMA>(c[l]), tanh::<FMA>(g[l]));
                let d = cell[l] + dh * o[l] * (1.0 - tanh_c * tanh_c);
                cell[l] = d * f[l];
                let d_o = dh * tanh_c * o[l] * (1.0 - o[l]);
                let d_f = d * c_prev[l] * f[l] * (1.0 - f[l]);
                let d_i = d * g * i[l] * (1.0 - i[l]);
                (c[l], o[l], f[l], i[l]) = (d_o, d_f, d_i, d * i[l] * (1.0 - g * g));
            }
            store(dc, at, cell);
            store(kept_c, at, c);
            store(kept_o, at, o);
            store(kept_f, at, f);
            store(kept_i, at, i);
            store(&mut state[..n], at, c);
            store(&mut state[n..2 * n], at, o);
            store(&mut state[2 * n..3 * n], at, f);
            store(&mut state[3 * n..4 * n], at, i);
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
pub fn fast(cx: &Context, d: &LstmDims, pre: &[f32], back: &[f32], c0: &[f32], dh: &[f32], d_pre: &mut [f32]) {
    let initial = d_pre.len() > pre.len();
    let d_pre = Shared(d_pre.as_mut_ptr());
    with_weights(cx, back, d.taps * 4 * d.hidden, d.hidden, |back| {
        let task = Task { back, pre, c0, dh, d_pre, initial };
        for_each_group(cx, d, Task::room, |group, scratch| {
            // SAFETY: the level was detected.
            unsafe { run_task(cx.level, cx.level, &task, group, scratch) };
        });
    });
}
