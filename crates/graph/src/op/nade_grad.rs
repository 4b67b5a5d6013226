//! Gradient of NADE.

use std::ops::Range;

use super::nade::{NadeDims, SIZES, check, data, weights};
use super::{Carried, Case, Cotangents, Given, NadeActivation, Operation, Vjp, floats};
use crate::profile::{DeviceKind, DeviceProfile};
use crate::shape::Type;

/// Cotangents of all of [`Nade`](super::Nade)'s operands in one tensor, laid out as [`NadeGrad::layout`] says. Operands x, w,
/// c, v, (rho,) dy [B, D, O].
///
/// Going down from `δ_{D+1} = 0`: `dw_d = Σ_b x_bd δ_{b,d+1}`, `dx_bd = w_d · δ_{b,d+1}`, `g_bd = Σ_o dy_bdo v_d·o`,
/// `dv_d·o = Σ_b dy_bdo h_bd`, `δ_bd = δ_{b,d+1} + g_bd φ'(a_bd)`, `drho_d = Σ_bj g_bdj a_bdj [rho_d a_bdj > 0]`, and
/// `dc = Σ_b δ_b1`. Nothing of the forward pass is kept: a is computed again from c upwards, saved every few dimensions, and
/// from there once more, so that it has the forward pass's bits (going down by subtraction would lose digits). First order
/// only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NadeGrad {
    pub activation: NadeActivation,
    /// Whether dx is computed too.
    pub dx: bool,
}

/// Where the parts of [`NadeGrad`]'s result lie, one behind another. drho and dx are sums over hidden units: each has one
/// partial sum for each slice of [`NadeGrad::SLICE`] units, to be added up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NadeGradLayout {
    /// Slices of hidden units: S.
    pub slices: usize,
    /// [D, H]
    pub dw: Range<usize>,
    /// [H]
    pub dc: Range<usize>,
    /// [D, H, O]
    pub dv: Range<usize>,
    /// [S, D]; empty without rho.
    pub drho: Range<usize>,
    /// [S, B, D]; empty where it is not asked for.
    pub dx: Range<usize>,
}

/// How a GPU carries it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NadeGradParts {
    /// Dimensions between two places where a is saved.
    pub chunk: usize,
    /// Parts of the batch, each of which makes its own sums; joined in order where there are several.
    pub parts: usize,
    /// Elements of a and δ that are saved, up to a multiple of the alignment.
    pub saved: usize,
}

/// Elements that partial sums may take: 64 MB.
const MAX_PARTIAL: usize = 16 << 20;

impl NadeGrad {
    /// Hidden units of a slice: what one workgroup or thread owns.
    pub const SLICE: usize = 64;

    /// Sizes, from the operands.
    pub fn dims(&self, inputs: &[&Type]) -> NadeDims {
        NadeDims::of(inputs[0], inputs[3])
    }

    pub fn layout(&self, d: &NadeDims) -> NadeGradLayout {
        let slices = d.hidden.div_ceil(Self::SLICE);
        let mut end = 0;
        let mut next = |len: usize| {
            end += len;
            end - len..end
        };
        NadeGradLayout {
            slices,
            dw: next(d.dims * d.hidden),
            dc: next(d.hidden),
            dv: next(d.dims * d.hidden * d.outputs),
            drho: next(if self.activation == NadeActivation::ScaledRelu { slices * d.dims } else { 0 }),
            dx: next(if self.dx { slices * d.batch * d.dims } else { 0 }),
        }
    }

    /// Chunks as long as registers allow; enough parts that workgroups of a slice and a part fill the device, of four images
    /// at least.
    pub fn parts(&self, d: &NadeDims, profile: &DeviceProfile) -> NadeGradParts {
        let layout = self.layout(d);
        let wanted = (profile.parallelism as usize).div_ceil(layout.slices);
        let parts = wanted.min(d.batch / 4).min(MAX_PARTIAL / layout.dx.start).max(1);
        let chunk = if d.outputs <= 2 {
            8
        } else if d.outputs <= 8 {
            4
        } else {
            2
        };
        let unit = (profile.alignment_bytes as usize / 4).max(1);
        NadeGradParts { chunk, parts, saved: (d.dims.div_ceil(chunk) * d.batch * d.hidden).max(1).next_multiple_of(unit) }
    }
}

impl NadeGradLayout {
    pub fn len(&self) -> usize {
        self.dx.end
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Operation for NadeGrad {
    fn stem(&self) -> &'static str {
        "nade_grad"
    }

    fn carried(&self) -> Carried {
        Carried::Own
    }

    fn arity(&self) -> usize {
        2 + self.activation.n_weights()
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        floats(inputs, self.arity())?;
        let d = check(self.activation, &inputs[0], &inputs[1..])?;
        let dy = &inputs[self.arity() - 1].shape;
        if dy.dims() != [d.batch, d.dims, d.outputs] {
            return Err(format!("dy must be [{}, {}, {}], got {dy}", d.batch, d.dims, d.outputs));
        }
        Ok(Type::f32([self.layout(&d).len()]))
    }

    fn vjp(&self, _v: &Vjp) -> Option<Cotangents> {
        None
    }

    fn flops(&self, inputs: &[Type], _output: &Type) -> u64 {
        let d = NadeDims::of(&inputs[0], &inputs[3]);
        let dx = if self.dx { 2 } else { 0 };
        (6 + 4 * d.outputs as u64 + dx) * d.cells() as u64
    }

    fn workspace(&self, inputs: &[Type], _output: &Type, profile: &DeviceProfile) -> usize {
        if profile.kind == DeviceKind::Cpu {
            return 0;
        }
        let d = NadeDims::of(&inputs[0], &inputs[3]);
        let p = self.parts(&d, profile);
        p.saved + if p.parts > 1 { p.parts * self.layout(&d).dx.start } else { 0 }
    }
}

pub fn cases() -> Vec<Case> {
    let case = |name: String, op: NadeGrad, d: &NadeDims| {
        let dy = Given::normal([d.batch, d.dims, d.outputs]);
        let given = [vec![data(op.activation, d)], weights(op.activation, d), vec![dy]].concat();
        Case::op("nade_grad", name, op, given).without_gradient().tolerance(2e-4, 5e-5)
    };
    let mut all = Vec::new();
    for (name, d) in SIZES {
        for (activation, dx) in [(NadeActivation::Sigmoid, false), (NadeActivation::ScaledRelu, true)] {
            all.push(case(format!("{name}, {activation:?}"), NadeGrad { activation, dx }, &d));
        }
    }
    let none = NadeDims { batch: 0, dims: 3, hidden: 5, outputs: 1 };
    all.push(case("no images".into(), NadeGrad { activation: NadeActivation::Sigmoid, dx: true }, &none));
    all
}
