//! The recurrence of every LSTM here: states over positions, a convolution of the previous states in the gates.

use super::{Carried, Case, Conv2dWeightGrad, Cotangents, Fill, Given, LstmScanGrad, Op, Operation, Vjp, Window, floats, rank};
use crate::profile::{DeviceKind, DeviceProfile};
use crate::shape::Type;
use crate::tensor::Tensor;

/// x_gates [T, B, P, 4H], w [taps, H, 4H], h0 [B, P, H], c0 [B, P, H] -> h [T, B, P, H]: an LSTM at each of P positions.
///
/// `pre_t[p] = x_gates_t[p] + Σ_k state_k w[k]`, states outside 0..P being zero; then, with gates in the order
/// [o | f | i | g], `c_t = σ(f) c_{t-1} + σ(i) tanh(g)` and `h_t = σ(o) tanh(c_t)`: van den Oord et al. 2016,
/// arXiv:1601.06759, eq. (3). x_gates holds what does not depend on the state, biases included, of all T at once.
///
/// - One tap: `h_{t-1}[p]`, the ordinary LSTM.
/// - Two: `h_t[p-1]`, `h_{t-1}[p]`, the Diagonal LSTM on an image whose columns are time and whose rows are positions. The paper
///   skews the image, so that both neighbours were computed one step before; here the image stays as it is, and the step `wave`
///   computes column `wave - p` of row p. The function is the same, without the skewed image's empty half.
/// - Three: `h_{t-1}[p-1]`, `h_{t-1}[p]`, `h_{t-1}[p+1]`, the Row LSTM: rows are time, columns positions.
///
/// First order only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LstmScan {
    /// 1, 2 or 3.
    pub taps: usize,
    /// From the last time step to the first.
    pub reverse: bool,
    /// Whether the gates are kept for the way back. The result is then [5T, B, P, H]: h, and after it, as [T, B, P, 4H] lies in
    /// memory, σ(o), σ(f), σ(i) and tanh(g).
    pub keep: bool,
}

/// Sizes of a scan and of its derivative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LstmDims {
    pub steps: usize,
    pub batch: usize,
    pub positions: usize,
    pub hidden: usize,
    pub taps: usize,
    /// Positions outside, ahead of the first, that the first tap reaches.
    pub before: usize,
    pub reverse: bool,
}

impl LstmDims {
    /// Positions outside, on either side, that taps reach.
    pub fn outside(&self) -> usize {
        self.taps - 1
    }

    /// States of all positions of the batch: [batch, positions].
    pub fn rows(&self) -> usize {
        self.batch * self.positions
    }

    /// Elements of h [T, B, P, H]; where a scan keeps its gates, they begin behind them.
    pub fn states(&self) -> usize {
        self.steps * self.rows() * self.hidden
    }

    /// Whether the first tap sees the position ahead at the same time.
    pub fn diagonal(&self) -> bool {
        self.taps == 2
    }

    /// The time step that a position comes to as its number `turn`.
    pub fn time(&self, turn: usize) -> usize {
        if self.reverse { self.steps - 1 - turn } else { turn }
    }

    /// Steps that follow one another; what one computes depends on earlier ones alone.
    pub fn waves(&self) -> usize {
        self.steps + if self.diagonal() { self.positions - 1 } else { 0 }
    }

    /// Which of its turns a position has in a wave, if it has one.
    pub fn turn(&self, wave: usize, position: usize) -> Option<usize> {
        let turn = if self.diagonal() { wave.checked_sub(position)? } else { wave };
        (turn < self.steps).then_some(turn)
    }

    /// Floating-point operations: the products, and about 16 for a hidden unit's functions.
    pub fn flops(&self) -> u64 {
        self.states() as u64 * (8 * self.taps * self.hidden + 16) as u64
    }
}

/// Tensors of h's size in the result of a scan that keeps its gates: h and the four gates.
pub const KEPT: usize = 5;

/// Words of workgroup memory that every device has.
const WORKGROUP_WORDS: usize = 4096;

/// How a GPU carries out a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scan {
    /// One workgroup owns a sequence: one dispatch.
    Whole,
    /// One dispatch a wave.
    Steps,
}

impl Scan {
    /// Whole where what passes from step to step, `words` for each position, fits a workgroup's memory.
    pub(super) fn choose(d: &LstmDims, words: usize) -> Scan {
        if (d.positions + d.outside()) * words <= WORKGROUP_WORDS { Scan::Whole } else { Scan::Steps }
    }
}

impl LstmScan {
    /// Sizes, for operands that passed [`Operation::infer`].
    pub fn dims(&self, x_gates: &Type) -> LstmDims {
        let x = x_gates.shape.dims();
        let before = usize::from(self.taps > 1);
        let (steps, batch, positions, hidden) = (x[0], x[1], x[2], x[3] / 4);
        LstmDims { steps, batch, positions, hidden, taps: self.taps, before, reverse: self.reverse }
    }

    /// How a GPU carries it out: the states pass from step to step.
    pub fn scan(&self, d: &LstmDims) -> Scan {
        Scan::choose(d, d.hidden)
    }

    /// What the gates see of the states as images [T·B, 1, P, C], the window and width of the kernel that walks over them.
    fn seen(&self, h: &Tensor, h0: &Tensor) -> (Tensor, Window, usize) {
        let &[t, b, p, n] = h.dims() else { return (h.clone(), Window::square(1, 0), 1) };
        let first = h0.reshape([1, b, p, n]);
        let before = match (t, self.reverse) {
            (1, _) => first,
            (_, false) => first.concat(&h.slice(0, 0, t - 1), 0),
            (_, true) => h.slice(0, 1, t).concat(&first, 0),
        };
        let window = |pad| Window { stride: [1, 1], pad: [0, pad], dilation: [1, 1] };
        if self.taps == 2 {
            let ahead = if p == 1 { h.full_like(0.0) } else { h.slice(2, 0, p - 1).pad(2, 1, 0, 0.0) };
            return (ahead.concat(&before, 3).reshape([t * b, 1, p, 2 * n]), window(0), 1);
        }
        (before.reshape([t * b, 1, p, n]), window(self.taps / 2), self.taps)
    }
}

/// What both directions of the scan ask of their operands.
pub(super) fn check_sizes(d: &LstmDims, gates: usize) -> Result<(), String> {
    if !(1..=3).contains(&d.taps) {
        return Err(format!("has 1, 2 or 3 taps, got {}", d.taps));
    }
    if d.steps * d.positions * d.hidden == 0 || gates != 4 * d.hidden {
        return Err(format!(
            "the gates [T, B, P, 4H] must have T, P and H of at least 1, got T {}, P {}, 4H {gates}",
            d.steps, d.positions
        ));
    }
    Ok(())
}

/// Operand `what` must be an f32 of this shape.
pub(super) fn check_operand(what: &str, got: &Type, want: &[usize]) -> Result<(), String> {
    if got.shape.dims() == want { Ok(()) } else { Err(format!("{what} must be {want:?}, got {}", got.shape)) }
}

impl Operation for LstmScan {
    fn stem(&self) -> &'static str {
        "lstm_scan"
    }

    fn carried(&self) -> Carried {
        Carried::Own
    }

    fn arity(&self) -> usize {
        4
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        floats(inputs, 4)?;
        rank(&inputs[0], 4, "the gates [T, B, P, 4H]")?;
        let d = self.dims(&inputs[0]);
        check_sizes(&d, inputs[0].shape.last())?;
        check_operand("w [taps, H, 4H]", &inputs[1], &[d.taps, d.hidden, 4 * d.hidden])?;
        check_operand("h0 [B, P, H]", &inputs[2], &[d.batch, d.positions, d.hidden])?;
        check_operand("c0 [B, P, H]", &inputs[3], &[d.batch, d.positions, d.hidden])?;
        let rows = if self.keep { KEPT * d.steps } else { d.steps };
        Ok(Type::f32([rows, d.batch, d.positions, d.hidden]))
    }

    fn wider(&self) -> Option<Op> {
        (!self.keep).then(|| LstmScan { keep: true, ..*self }.into())
    }

    /// [`LstmScanGrad`] walks back over the gates that the scan keeps, and what it finds is the cotangent of x_gates; the
    /// weights' is one product.
    fn vjp(&self, v: &Vjp) -> Option<Cotangents> {
        let ([x, w, h0, c0], false) = (v.inputs, self.keep) else { return None };
        let d = self.dims(&x.ty());
        let (images, gates) = (d.steps * d.batch, 4 * d.hidden);
        let (seen, window, width) = self.seen(v.output, h0);
        let kept = Tensor::apply(LstmScan { keep: true, ..*self }, v.inputs); // [5T, B, P, H]
        let initial = v.wanted[2] || v.wanted[3];
        let back = w.flip(0).permute(&[0, 2, 1]); // [taps, 4H, H]
        let op = LstmScanGrad { taps: d.taps, reverse: d.reverse, initial };
        let all = Tensor::apply(op, &[kept, back, c0.clone(), v.dy.clone()]); // [T (+ 1), B, P, 4H]
        let dx = if initial { all.slice(0, 0, d.steps) } else { all.clone() };
        let state = |n: usize| {
            let part = all.slice(0, d.steps, d.steps + 1).slice(3, n * d.hidden, (n + 1) * d.hidden);
            part.reshape(h0.shape())
        };
        let weight_grad = Conv2dWeightGrad { window, kernel: [1, width] };
        let dw = || Tensor::apply(weight_grad, &[seen.clone(), dx.reshape([images, 1, d.positions, gates])]).reshape(w.shape());
        Some(vec![Some(dx.clone()), v.want(1, dw), v.want(2, || state(0)), v.want(3, || state(1))])
    }

    fn flops(&self, inputs: &[Type], _output: &Type) -> u64 {
        self.dims(&inputs[0]).flops()
    }

    /// The cells of one wave.
    fn workspace(&self, inputs: &[Type], _output: &Type, profile: &DeviceProfile) -> usize {
        let d = self.dims(&inputs[0]);
        match (profile.kind, self.scan(&d)) {
            (DeviceKind::Cpu, _) | (_, Scan::Whole) => 0,
            (_, Scan::Steps) => d.rows() * d.hidden,
        }
    }

    fn dispatches(&self, inputs: &[Type]) -> usize {
        let d = self.dims(&inputs[0]);
        if self.scan(&d) == Scan::Whole { 1 } else { d.waves() }
    }
}

impl Tensor {
    /// The states [T, B, P, H] of an LSTM whose gates' input part this is: see [`LstmScan`]. w [taps, H, 4H]; h0 and c0, the
    /// states before the first time step, [B, P, H].
    pub fn lstm_scan(&self, w: &Tensor, h0: &Tensor, c0: &Tensor, reverse: bool) -> Tensor {
        let taps = w.dims().first().copied().unwrap_or(0);
        Tensor::apply(LstmScan { taps, reverse, keep: false }, &[self.clone(), w.clone(), h0.clone(), c0.clone()])
    }

    /// One step of an LSTM from all of its gates, this [.., 4H] in the order [o | f | i | g], and the cells c_prev [.., H]:
    /// h and c, [.., H]. The same function as [`LstmScan`]'s, for samplers that take one step at a time.
    pub fn lstm_cell(&self, c_prev: &Tensor) -> (Tensor, Tensor) {
        let (axis, n) = (c_prev.shape().rank() - 1, c_prev.shape().last());
        let gate = |k: usize| self.slice(axis, k * n, (k + 1) * n);
        let (o, f, i) = (gate(0).sigmoid(), gate(1).sigmoid(), gate(2).sigmoid());
        let c = &(&f * c_prev) + &(&i * &gate(3).tanh());
        (&o * &c.tanh(), c)
    }
}

/// (name, [T, B, P, H], taps): one and all taps, sizes around the vectors and tiles of the kernels, and more states than a
/// workgroup's memory holds. Every second one goes from the last time step to the first.
pub(super) fn sizes() -> Vec<(&'static str, [usize; 4], usize)> {
    vec![
        ("one of each", [1, 1, 1, 1], 1),
        ("one position, three taps", [3, 2, 1, 5], 3),
        ("one position, two taps", [3, 2, 1, 5], 2),
        ("sequence", [6, 5, 1, 16], 1),
        ("sequence, tile + 1", [4, 15, 1, 17], 1),
        ("sequence, wide", [3, 3, 1, 70], 1),
        ("positions, one tap", [3, 2, 7, 4], 1),
        ("diagonal, wide", [9, 2, 5, 8], 2),
        ("diagonal, high, odd", [3, 2, 6, 7], 2),
        ("row", [5, 2, 9, 16], 3),
        ("row, odd, more than a workgroup", [3, 2, 29, 13], 3),
        ("nobody", [2, 0, 3, 4], 3),
        ("row, the other way", [4, 2, 5, 6], 3),
        ("by steps, row", [3, 1, 70, 60], 3),
        ("by steps, diagonal", [3, 2, 65, 64], 2),
        ("by steps, sequence of many positions", [2, 1, 130, 33], 1),
    ]
}

/// Operands of a case: weights that keep the gates of unit size.
fn given([t, b, p, n]: [usize; 4], taps: usize) -> Vec<Given> {
    let bound = (3.0 / (taps * n) as f32).sqrt();
    let state = || Given::uniform([b, p, n], -1.0, 1.0);
    vec![Given::normal([t, b, p, 4 * n]), Given::uniform([taps, n, 4 * n], -bound, bound), state(), state()]
}

/// The scan of one or three taps, one cell after another.
fn cells(t: &[Tensor]) -> Tensor {
    let (x, kernel) = (&t[0], t[1].reshape([1, t[1].dims()[0], t[1].dims()[1], t[1].dims()[2]]));
    let (batch, positions, hidden, taps) = (x.dims()[1], x.dims()[2], t[1].dims()[1], t[1].dims()[0]);
    let (mut h, mut c, mut all) = (t[2].clone(), t[3].clone(), None::<Tensor>);
    for step in 0..x.dims()[0] {
        let seen = h.pad(1, taps / 2, (taps - 1) / 2, 0.0);
        let seen = seen.reshape([batch, 1, positions + taps - 1, hidden]);
        let recurrent = seen.conv2d(&kernel, Window::square(1, 0)).reshape([batch, positions, 4 * hidden]);
        (h, c) = (&recurrent + &x.slice(0, step, step + 1).reshape([batch, positions, 4 * hidden])).lstm_cell(&c);
        let row = h.reshape([1, batch, positions, hidden]);
        all = Some(all.map_or(row.clone(), |before| before.concat(&row, 0)));
    }
    all.unwrap_or_else(|| x.clone())
}

pub fn cases() -> Vec<Case> {
    const S: &str = "lstm_scan";
    let mut all = Vec::new();
    for (n, (name, shape, taps)) in sizes().into_iter().enumerate() {
        let op = LstmScan { taps, reverse: n % 2 == 1, keep: false };
        // Gradients sum over all time steps and positions.
        all.push(Case::op(S, name, op, given(shape, taps)).tolerance(5e-5, 2e-5));
        let kept = Case::op(S, format!("{name}, gates kept"), LstmScan { keep: true, ..op }, given(shape, taps));
        all.push(kept.without_gradient().tolerance(5e-5, 2e-5));
    }
    for taps in [1, 3] {
        let beside = |t: &[Tensor]| t[0].lstm_scan(&t[1], &t[2], &t[3], false).concat(&cells(t), 0);
        let case = Case::composed(S, format!("beside cells, taps {taps}"), given([4, 2, 3, 5], taps), beside);
        all.push(case.tolerance(5e-5, 2e-5));
    }
    // Saturated gates: no overflow, no NaN.
    let far = Fill::Cycle(&[-200.0, 100.0, -88.0, 0.5, 1e30, 3.0, -1e30]);
    let mut saturated = given([3, 2, 3, 4], 2);
    saturated[0] = Given::fixed(Type::f32([3, 2, 3, 16]), far);
    all.push(Case::op(S, "saturated", LstmScan { taps: 2, reverse: false, keep: false }, saturated));
    // A NaN goes on to later times and to the positions that see it, and no further.
    const SOME: [f32; 97] = {
        let mut values = [0.3; 97];
        values[40] = f32::NAN;
        values
    };
    for taps in [1, 2, 3] {
        let mut nan = given([3, 2, 3, 4], taps);
        nan[0] = Given::fixed(Type::f32([3, 2, 3, 16]), Fill::Cycle(&SOME));
        all.push(Case::op(S, format!("NaN, taps {taps}"), LstmScan { taps, reverse: false, keep: true }, nan).not_finite());
    }
    all
}
