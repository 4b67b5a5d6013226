//! The recurrence of every LSTM: states over positions, a convolution of the previous states in the gates.

use calotype_graph::Unary;
use calotype_graph::op::lstm_scan::LstmDims;

use super::elementwise::unary;
use crate::fast::Context;
use crate::fast::gemm::Shared;
use crate::fast::math::{logistic, tanh};
use crate::fast::recurrent::{Group, LANES, States, Weights, for_each_group, foresee, gates, load, store, with_weights};
use crate::fast::simd::{Level, multiversion};
use crate::float::Float;

/// The position that tap `k` sees from position `p`, if it is inside.
pub(super) fn tap(d: &LstmDims, p: usize, k: usize) -> Option<usize> {
    (p + k).checked_sub(d.before).filter(|&q| q < d.positions)
}

/// `pre_t = x_gates_t + Σ_k h_{t-1}[p + k - before] w[k]`, or, with two taps, `+ h_t[p-1] w[0] + h_{t-1}[p] w[1]`; gates [o | f | i | g]; `c_t = σ(f) c_{t-1} + σ(i) tanh(g)`;
/// `h_t = σ(o) tanh(c_t)`: x_gates [T, B, P, 4H], w [taps, H, 4H], h0 and c0 [B, P, H] -> h [T, B, P, H].
pub fn plain<T: Float>(d: &LstmDims, x_gates: &[T], w: &[T], h0: &[T], c0: &[T], h: &mut [T]) {
    let (n, states) = (d.hidden, d.rows() * d.hidden);
    let (mut h_prev, mut c) = (h0.to_vec(), c0.to_vec());
    let mut pre = vec![T::ZERO; 4 * n];
    for t in (0..d.steps).map(|s| d.time(s)) {
        let h = &mut h[t * states..][..states];
        for row in 0..d.rows() {
            let (b, p) = (row / d.positions, row % d.positions);
            pre.copy_from_slice(&x_gates[(t * d.rows() + row) * 4 * n..][..4 * n]);
            for (k, q) in (0..d.taps).filter_map(|k| Some((k, tap(d, p, k)?))) {
                let from = if d.diagonal() && k == 0 { &*h } else { &h_prev };
                for j in 0..n {
                    let h = from[(b * d.positions + q) * n + j];
                    let w = &w[(k * n + j) * 4 * n..][..4 * n];
                    pre.iter_mut().zip(w).for_each(|(pre, &w)| *pre += h * w);
                }
            }
            for j in 0..n {
                let at = row * n + j;
                let gate = |k: usize| unary(Unary::Sigmoid, pre[k * n + j]);
                c[at] = gate(1) * c[at] + gate(2) * pre[3 * n + j].tanh();
                h[at] = gate(0) * c[at].tanh();
            }
        }
        h_prev.copy_from_slice(h);
    }
}

/// What a group of batch rows needs on its way.
struct Task<'a> {
    w: Weights<'a>,
    x_gates: &'a [f32],
    h0: &'a [f32],
    c0: &'a [f32],
    h: Shared,
}

impl Task<'_> {
    /// Elements of scratch memory.
    fn room(group: &Group) -> usize {
        group.n * States::room(group.d, group.d.hidden) + 5 * group.n_rows() * group.d.hidden
    }

    #[inline(always)]
    fn run<const FMA: bool>(&self, level: Level, group: &mut Group, scratch: &mut [f32]) {
        let (d, n, rows) = (group.d, group.d.hidden, group.n_rows());
        let first = group.first * d.positions * n;
        let (c, rest) = scratch.split_at_mut(rows * n);
        let (gates, rest) = rest.split_at_mut(4 * rows * n);
        let mut states = States::new(d, n, rest);
        c.copy_from_slice(&self.c0[first..][..rows * n]);
        group.initial();
        for row in group.rows() {
            states.row(row).copy_from_slice(&self.h0[first + row.own * n..][..n]);
        }
        for wave in 0..d.waves() {
            group.wave(wave);
            let rows = group.rows();
            let pre = &mut gates[..4 * rows.len() * n];
            states.product(level, self.w, rows, d.taps * n, Some(self.x_gates), pre);
            for (row, pre) in rows.iter().zip(pre.chunks_exact(4 * n)) {
                let next = group.in_waves(row, 1);
                foresee(self.x_gates.as_ptr(), next, 4 * n);
                foresee(self.h.get(), next, n);
                // SAFETY: inside h; the group's rows are this task's alone.
                let h = unsafe { std::slice::from_raw_parts_mut(self.h.get().add(row.at * n), n) };
                cells::<FMA>(pre, &mut c[row.own * n..][..n], [h, states.row(row)]);
            }
        }
    }
}

/// One row's cells and states, from its gates. States go to two places at once: reading them back from the first would wait for
/// its memory.
#[inline(always)]
fn cells<const FMA: bool>(pre: &[f32], c: &mut [f32], mut h: [&mut [f32]; 2]) {
    let [o, f, i, g] = gates(pre);
    for at in (0..c.len()).step_by(LANES) {
        let (o, f, i, g, mut cell) = (load(o, at), load(f, at), load(i, at), load(g, at), load(c, at));
        let mut state = [0.0; LANES];
        for l in 0..LANES {
            cell[l] = logistic::<FMA>(f[l]) * cell[l] + logistic::<FMA>(i[l]) * tanh::<FMA>(g[l]);
            state[l] = logistic::<FMA>(o[l]) * tanh::<FMA>(cell[l]);
        }
        store(c, at, cell);
        let [h, kept] = &mut h;
        store(h, at, state);
        store(kept, at, state);
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
pub fn fast(cx: &Context, d: &LstmDims, x_gates: &[f32], w: &[f32], h0: &[f32], c0: &[f32], h: &mut [f32]) {
    let h = Shared(h.as_mut_ptr());
    with_weights(cx, w, d.taps * d.hidden, 4 * d.hidden, |w| {
        let task = Task { w, x_gates, h0, c0, h };
        for_each_group(cx, d, Task::room, |group, scratch| {
            // SAFETY: the level was detected.
            unsafe { run_task(cx.level, cx.level, &task, group, scratch) };
        });
    });
}
