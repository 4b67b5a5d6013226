//! The recurrence of every LSTM: states over positions, a convolution of the previous states in the gates.

use calotype_graph::Unary;
use calotype_graph::op::lstm_scan::LstmDims;

use super::elementwise::unary;
use crate::fast::Context;
use crate::fast::gemm::Shared;
use crate::fast::math::{logistic, tanh};
use crate::fast::recurrent::{
    Group, LANES, States, Weights, for_each_group, foresee, gates, gates_mut, load, store, with_weights,
};
use crate::fast::simd::{Level, multiversion};
use crate::float::Float;

/// The position that tap `k` sees from position `p`, if it is inside.
pub(super) fn tap(d: &LstmDims, p: usize, k: usize) -> Option<usize> {
    (p + k).checked_sub(d.before).filter(|&q| q < d.positions)
}

/// `pre_t = x_gates_t + Σ_k h_{t-1}[p + k - before] w[k]`, or, with two taps, `+ h_t[p-1] w[0] + h_{t-1}[p] w[1]`; gates [o | f | i | g]; `c_t = σ(f) c_{t-1} + σ(i) tanh(g)`;
/// `h_t = σ(o) tanh(c_t)`: x_gates [T, B, P, 4H], w [taps, H, 4H], h0 and c0 [B, P, H] -> h [T, B, P, H] and, where it has room,
/// the gates after their functions, [T, B, P, 4H].
pub fn plain<T: Float>(d: &LstmDims, x_gates: &[T], w: &[T], h0: &[T], c0: &[T], h: &mut [T]) {
    let (n, states) = (d.hidden, d.rows() * d.hidden);
    let (mut h_prev, mut c) = (h0.to_vec(), c0.to_vec());
    let mut pre = vec![T::ZERO; 4 * n];
    let (h, kept) = h.split_at_mut(d.states());
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
            let (sigmoids, tanhs) = pre.split_at_mut(3 * n);
            sigmoids.iter_mut().for_each(|x| *x = unary(Unary::Sigmoid, *x));
            tanhs.iter_mut().for_each(|x| *x = x.tanh());
            for j in 0..n {
                let (at, gate) = (row * n + j, |k: usize| pre[k * n + j]);
                c[at] = gate(1) * c[at] + gate(2) * gate(3);
                h[at] = gate(0) * c[at].tanh();
            }
            if let Some(kept) = kept.chunks_exact_mut(4 * n).nth(t * d.rows() + row) {
                kept.copy_from_slice(&pre);
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
    /// Where the gates are kept.
    kept: Option<Shared>,
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
                let kept = self.kept.map(|kept| {
                    foresee(kept.get(), next, 4 * n);
                    // SAFETY: inside the result; the group's rows are this task's alone.
                    unsafe { std::slice::from_raw_parts_mut(kept.get().add(4 * row.at * n), 4 * n) }
                });
                // SAFETY: as above.
                let h = unsafe { std::slice::from_raw_parts_mut(self.h.get().add(row.at * n), n) };
                To { h, state: states.row(row), kept: kept.map(gates_mut) }.cells::<FMA>(pre, &mut c[row.own * n..][..n]);
            }
        }
    }
}

/// Where one row's states go, and its gates. States go to two places at once: reading them back from the first would wait for its
/// memory.
struct To<'a> {
    h: &'a mut [f32],
    state: &'a mut [f32],
    kept: Option<[&'a mut [f32]; 4]>,
}

impl To<'_> {
    /// The cells `c` and what follows from them, from the row's gates before their functions.
    #[inline(always)]
    fn cells<const FMA: bool>(&mut self, pre: &[f32], c: &mut [f32]) {
        let (pre, n) = (gates(pre), c.len());
        let whole = n - n % LANES;
        for at in (0..whole).step_by(LANES) {
            self.lanes::<FMA>(pre, c, at);
        }
        if whole < n {
            self.lanes::<FMA>(pre, c, whole);
        }
    }

    /// Hidden units `at..`, as many as there are lanes. That all rows are cut to one length tells the compiler that whole ones never
    /// take the path for a part, which would cost the registers' contents.
    #[inline(always)]
    fn lanes<const FMA: bool>(&mut self, [o, f, i, g]: [&[f32]; 4], c: &mut [f32], at: usize) {
        let n = c.len();
        let (mut o, mut f, mut i, mut g) = (load(&o[..n], at), load(&f[..n], at), load(&i[..n], at), load(&g[..n], at));
        let (mut cell, mut state) = (load(c, at), [0.0; LANES]);
        for l in 0..LANES {
            (o[l], f[l], i[l], g[l]) = (logistic::<FMA>(o[l]), logistic::<FMA>(f[l]), logistic::<FMA>(i[l]), tanh::<FMA>(g[l]));
            cell[l] = f[l] * cell[l] + i[l] * g[l];
            state[l] = o[l] * tanh::<FMA>(cell[l]);
        }
        store(c, at, cell);
        store(&mut self.h[..n], at, state);
        store(&mut self.state[..n], at, state);
        if let Some([kept_o, kept_f, kept_i, kept_g]) = &mut self.kept {
            store(&mut kept_o[..n], at, o);
            store(&mut kept_f[..n], at, f);
            store(&mut kept_i[..n], at, i);
            store(&mut kept_g[..n], at, g);
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
pub fn fast(cx: &Context, d: &LstmDims, x_gates: &[f32], w: &[f32], h0: &[f32], c0: &[f32], h: &mut [f32]) {
    let (h, kept) = h.split_at_mut(d.states());
    let kept = (!kept.is_empty()).then_some(Shared(kept.as_mut_ptr()));
    let h = Shared(h.as_mut_ptr());
    with_weights(cx, w, d.taps * d.hidden, 4 * d.hidden, |w| {
        let task = Task { w, x_gates, h0, c0, h, kept };
        for_each_group(cx, d, Task::room, |group, scratch| {
            // SAFETY: the level was detected.
            unsafe { run_task(cx.level, cx.level, &task, group, scratch) };
        });
    });
}
