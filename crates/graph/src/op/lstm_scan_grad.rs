//! The way back through an LSTM's time steps.

use super::lstm_scan::{KEPT, LstmDims, Scan, check_operand, check_sizes, sizes};
use super::{Carried, Case, Cotangents, Given, Operation, Vjp, floats, rank};
use crate::profile::{DeviceKind, DeviceProfile};
use crate::shape::Type;

/// The derivative of [`LstmScan`](super::LstmScan) by its gates: kept [5T, B, P, H] (the result of a scan that keeps its gates),
/// back [taps, 4H, H] (`back[k] = w[taps-1-k]` transposed), c0 [B, P, H], dh [T, B, P, H] (cotangent of the scan's h) ->
/// d_pre [T, B, P, 4H], the cotangent of the gates before their functions. With `initial` it has one more row along T,
/// [dh0 | dc0 | 0 | 0].
///
/// Backwards through time, with `dh` and `dc` carried: dh_t gets `d_pre w[k]ᵀ` of every place whose tap k sees it, and from
/// `h = σ(o) tanh(c)`, `c = σ(f) c' + σ(i) tanh(g)` the four gates' derivatives; dc passes on through σ(f). The cells c_t are
/// computed again, and lie in d_pre until its values replace them. It has no derivative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LstmScanGrad {
    /// The forward scan's.
    pub taps: usize,
    /// The forward scan's: this one then walks from the first time step to the last.
    pub reverse: bool,
    /// Whether the initial states' cotangents are wanted.
    pub initial: bool,
}

impl LstmScanGrad {
    /// Sizes, for operands that passed [`Operation::infer`]: taps mirrored, as `back` has them.
    pub fn dims(&self, kept: &Type) -> LstmDims {
        let x = kept.shape.dims();
        let before = usize::from(self.taps > 2);
        let (steps, batch, positions, hidden) = (x[0] / KEPT, x[1], x[2], x[3]);
        LstmDims { steps, batch, positions, hidden, taps: self.taps, before, reverse: self.reverse }
    }

    /// How a GPU carries it out: the cotangents of the gates pass from step to step.
    pub fn scan(&self, d: &LstmDims) -> Scan {
        Scan::choose(d, 4 * d.hidden)
    }
}

impl Operation for LstmScanGrad {
    fn stem(&self) -> &'static str {
        "lstm_scan_grad"
    }

    fn carried(&self) -> Carried {
        Carried::Own
    }

    fn arity(&self) -> usize {
        4
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        floats(inputs, 4)?;
        rank(&inputs[0], 4, "what the scan kept [5T, B, P, H]")?;
        let d = self.dims(&inputs[0]);
        check_sizes(&d, 4 * d.hidden)?;
        check_operand("what the scan kept [5T, B, P, H]", &inputs[0], &[KEPT * d.steps, d.batch, d.positions, d.hidden])?;
        check_operand("back [taps, 4H, H]", &inputs[1], &[d.taps, 4 * d.hidden, d.hidden])?;
        check_operand("c0 [B, P, H]", &inputs[2], &[d.batch, d.positions, d.hidden])?;
        check_operand("dh [T, B, P, H]", &inputs[3], &[d.steps, d.batch, d.positions, d.hidden])?;
        Ok(Type::f32([d.steps + usize::from(self.initial), d.batch, d.positions, 4 * d.hidden]))
    }

    fn vjp(&self, _v: &Vjp) -> Option<Cotangents> {
        None
    }

    fn flops(&self, inputs: &[Type], _output: &Type) -> u64 {
        let d = self.dims(&inputs[0]);
        d.flops() + 24 * d.states() as u64
    }

    /// The cells' cotangents of one wave.
    fn workspace(&self, inputs: &[Type], _output: &Type, profile: &DeviceProfile) -> usize {
        let d = self.dims(&inputs[0]);
        match (profile.kind, self.scan(&d)) {
            (DeviceKind::Cpu, _) | (_, Scan::Whole) => 0,
            (_, Scan::Steps) => d.rows() * d.hidden,
        }
    }

    fn dispatches(&self, inputs: &[Type]) -> usize {
        let d = self.dims(&inputs[0]);
        match self.scan(&d) {
            Scan::Whole => 2,
            Scan::Steps => 1 + d.waves() + usize::from(self.initial),
        }
    }
}

pub fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    for (k, (name, [t, b, p, n], taps)) in sizes().into_iter().enumerate() {
        let bound = (3.0 / (4 * taps * n) as f32).sqrt();
        // Gates after their functions are in 0..1, or between -1 and 1; h is not looked at.
        let (kept, state) = (Given::uniform([KEPT * t, b, p, n], 0.0, 1.0), Given::uniform([b, p, n], -1.0, 1.0));
        let back = Given::uniform([taps, 4 * n, n], -bound, bound);
        let given = vec![kept, back, state, Given::normal([t, b, p, n])];
        let op = LstmScanGrad { taps, reverse: k % 2 == 1, initial: k % 3 != 0 };
        all.push(Case::op("lstm_scan_grad", name, op, given).without_gradient().tolerance(5e-5, 2e-5));
    }
    all
}
