//! Autoregressive conditionals with shared weights: NADE and RNADE.

use super::{Carried, Case, Cotangents, Fill, Given, NadeGrad, Operation, Vjp, floats, rank};
use crate::shape::Type;
use crate::tensor::Tensor;

/// How h_d comes from a_d.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NadeActivation {
    /// `h_d = sigmoid(a_d)`: NADE.
    Sigmoid,
    /// `h_d = relu(rho_d a_d)`, one more operand rho [D]: RNADE.
    ScaledRelu,
}

impl NadeActivation {
    /// Number of weights: w, c, v, and rho.
    pub fn n_weights(self) -> usize {
        match self {
            NadeActivation::Sigmoid => 3,
            NadeActivation::ScaledRelu => 4,
        }
    }
}

/// Numbers that parametrise each dimension's conditional given the dimensions before it. Operands x [B, D], w [D, H], c [H],
/// v [D, H, O], and rho [D] for [`NadeActivation::ScaledRelu`]; result y [B, D, O].
///
/// `a_1 = c`, `a_{d+1} = a_d + x_d w_d`, `h_d = φ(a_d)`, `y_d = Σ_j v_dj h_dj`. A zero x_d leaves a as it is, whatever w_d. The
/// bias b [D, O] is added outside, and so is any permutation of the dimensions. O is 1 for bits, 3K for mixtures of K.
///
/// Larochelle and Murray 2011, eq. (5) and (6); Uria, Murray and Larochelle 2013, arXiv:1306.0186, eq. (3) to (8). First
/// order only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Nade {
    pub activation: NadeActivation,
}

/// Sizes of NADE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NadeDims {
    /// B: images.
    pub batch: usize,
    /// D: dimensions of an image.
    pub dims: usize,
    /// H: hidden units.
    pub hidden: usize,
    /// O: numbers for each conditional.
    pub outputs: usize,
}

impl NadeDims {
    /// Of x [B, D] and v [D, H, O].
    pub(super) fn of(x: &Type, v: &Type) -> Self {
        let (x, v) = (x.shape.dims(), v.shape.dims());
        NadeDims { batch: x[0], dims: x[1], hidden: v[1], outputs: v[2] }
    }

    /// Hidden units of all images at all dimensions.
    pub fn cells(&self) -> usize {
        self.batch * self.dims * self.hidden
    }
}

/// Checks x [B, D] and the weights w [D, H], c [H], v [D, H, O], rho [D].
pub(super) fn check(activation: NadeActivation, x: &Type, weights: &[Type]) -> Result<NadeDims, String> {
    rank(x, 2, "x [B, D]")?;
    rank(&weights[2], 3, "v [D, H, O]")?;
    let d = NadeDims::of(x, &weights[2]);
    if d.dims * d.hidden * d.outputs == 0 {
        return Err(format!("needs a dimension, a hidden unit and an output at least, got v {}", weights[2].shape));
    }
    let expected =
        [("w", vec![d.dims, d.hidden]), ("c", vec![d.hidden]), ("v", vec![d.dims, d.hidden, d.outputs]), ("rho", vec![d.dims])];
    for ((name, shape), got) in expected.iter().zip(weights).take(activation.n_weights()) {
        if got.shape.dims() != shape {
            return Err(format!("{name} must be {shape:?} beside x {} and v {}, got {}", x.shape, weights[2].shape, got.shape));
        }
    }
    Ok(d)
}

impl Nade {
    /// Sizes, from the operands.
    pub fn dims(&self, inputs: &[&Type]) -> NadeDims {
        NadeDims::of(inputs[0], inputs[3])
    }
}

impl Operation for Nade {
    fn stem(&self) -> &'static str {
        "nade"
    }

    fn carried(&self) -> Carried {
        Carried::Own
    }

    fn arity(&self) -> usize {
        1 + self.activation.n_weights()
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        floats(inputs, self.arity())?;
        let d = check(self.activation, &inputs[0], &inputs[1..])?;
        Ok(Type::f32([d.batch, d.dims, d.outputs]))
    }

    fn vjp(&self, v: &Vjp) -> Option<Cotangents> {
        let op = NadeGrad { activation: self.activation, dx: v.wanted[0] };
        let types: Vec<Type> = v.inputs.iter().map(Tensor::ty).collect();
        let d = NadeDims::of(&types[0], &types[3]);
        let packed = Tensor::apply(op, &[v.inputs, std::slice::from_ref(v.dy)].concat());
        let layout = op.layout(&d);
        let part = |range: &std::ops::Range<usize>| packed.slice(0, range.start, range.end);
        let mut all = vec![
            v.want(0, || part(&layout.dx).reshape([layout.slices, d.batch, d.dims]).sum(&[0])),
            v.want(1, || part(&layout.dw).reshape([d.dims, d.hidden])),
            v.want(2, || part(&layout.dc)),
            v.want(3, || part(&layout.dv).reshape([d.dims, d.hidden, d.outputs])),
        ];
        if self.activation == NadeActivation::ScaledRelu {
            all.push(v.want(4, || part(&layout.drho).reshape([layout.slices, d.dims]).sum(&[0])));
        }
        Some(all)
    }

    fn flops(&self, inputs: &[Type], _output: &Type) -> u64 {
        let d = NadeDims::of(&inputs[0], &inputs[3]);
        (2 + 2 * d.outputs as u64) * d.cells() as u64
    }
}

impl Tensor {
    /// NADE: this [B, D], w [D, H], c [H], v [D, H, O] -> [B, D, O], to which the bias is added. See [`Nade`].
    pub fn nade(&self, w: &Tensor, c: &Tensor, v: &Tensor) -> Tensor {
        let op = Nade { activation: NadeActivation::Sigmoid };
        Tensor::apply(op, &[self.clone(), w.clone(), c.clone(), v.clone()])
    }

    /// RNADE: [`Tensor::nade`] with hidden units `relu(rho_d a_d)`, rho [D].
    pub fn rnade(&self, w: &Tensor, c: &Tensor, v: &Tensor, rho: &Tensor) -> Tensor {
        let op = Nade { activation: NadeActivation::ScaledRelu };
        Tensor::apply(op, &[self.clone(), w.clone(), c.clone(), v.clone(), rho.clone()])
    }
}

/// Sizes that the cases of all NADE ops run through, by what is special about them: B, D, H, O.
pub(super) const SIZES: [(&str, NadeDims); 8] = [
    ("of size 1", size(1, 1, 1, 1)),
    ("a slice of hidden units less one", size(3, 15, 63, 1)),
    ("a slice of hidden units", size(2, 16, 64, 1)),
    ("a slice of hidden units and one", size(5, 17, 65, 1)),
    ("many hidden units", size(2, 6, 300, 2)),
    ("many images", size(67, 9, 7, 1)),
    ("many outputs", size(3, 5, 18, 30)),
    ("many dimensions", size(2, 70, 20, 3)),
];

const fn size(batch: usize, dims: usize, hidden: usize, outputs: usize) -> NadeDims {
    NadeDims { batch, dims, hidden, outputs }
}

/// w, c, v, rho. Sums of them grow as the square root of D or H.
pub(super) fn weights(activation: NadeActivation, d: &NadeDims) -> Vec<Given> {
    let mut all = vec![
        Given::uniform([d.dims, d.hidden], -0.8, 0.8),
        Given::uniform([d.hidden], -1.0, 1.0),
        Given::uniform([d.dims, d.hidden, d.outputs], -0.5, 0.5),
        Given::uniform([d.dims], -0.5, 1.5),
    ];
    all.truncate(activation.n_weights());
    all
}

/// Bits, through which no gradient flows, with sigmoids; normal numbers with relu.
pub(super) fn data(activation: NadeActivation, d: &NadeDims) -> Given {
    match activation {
        NadeActivation::Sigmoid => Given::fixed(Type::f32([d.batch, d.dims]), Fill::Below(2)),
        NadeActivation::ScaledRelu => Given::normal([d.batch, d.dims]),
    }
}

pub fn cases() -> Vec<Case> {
    const BOTH: [NadeActivation; 2] = [NadeActivation::Sigmoid, NadeActivation::ScaledRelu];
    let case = |name: String, activation, x: Given, d: &NadeDims| {
        let given = [vec![x], weights(activation, d)].concat();
        Case::op("nade", name, Nade { activation }, given).tolerance(5e-5, 2e-5)
    };
    let sizes = SIZES.iter().flat_map(|(name, d)| BOTH.map(|a| (format!("{name}, {a:?}"), a, d)));
    let mut all: Vec<Case> = sizes.map(|(name, a, d)| case(name, a, data(a, d), d)).collect();
    let d = size(3, 18, 21, 2);
    let sigmoid = NadeActivation::Sigmoid;
    all.push(case("real numbers".into(), sigmoid, Given::normal([3, 18]), &d));
    let far = Given::fixed(Type::f32([3, 18]), Fill::Cycle(&[0.0, 300.0, -900.0, 0.0, 200.0]));
    all.push(case("saturated".into(), sigmoid, far, &d));
    all.push(case("no images".into(), sigmoid, data(sigmoid, &size(0, 3, 5, 1)), &size(0, 3, 5, 1)));
    all
}
