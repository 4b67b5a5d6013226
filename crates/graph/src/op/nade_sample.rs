//! Sampling from NADE: the whole image in one op.

use super::nade::{NadeDims, SIZES, check, weights};
use super::{Carried, Case, Cotangents, Fill, Given, NadeActivation, Operation, Vjp, floats};
use crate::expr::Scalar;
use crate::shape::Type;
use crate::tensor::Tensor;

/// What a dimension's numbers `y_d + b_d` say about x_d.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Conditional {
    /// One number: the logit of `x_d = 1`. Noise u: x_d is 1 where `u < sigmoid(logit)`, else 0.
    Bernoulli,
    /// 3K numbers, [K weights | K means | K log-deviations]: `softmax`, as they are, `max(exp(·), floor)`. Noise (u, z): u in
    /// (0, 1) picks the first component at which the running sum of weights passes u (the last, where rounding keeps the sum
    /// below u), and `x_d = mean + deviation · z`, z standard normal.
    Gaussians { floor: Scalar },
}

impl Conditional {
    /// R: numbers of noise for each dimension.
    pub fn n_noise(self) -> usize {
        match self {
            Conditional::Bernoulli => 1,
            Conditional::Gaussians { .. } => 2,
        }
    }
}

/// Draws x [B, D] dimension by dimension from NADE's conditionals. Operands noise [B, D, R], given [2, B, D], w [D, H], c [H],
/// v [D, H, O], b [D, O], and rho [D] for [`NadeActivation::ScaledRelu`].
///
/// `given[0]` holds values that are kept where `given[1]` is not 0: completion of images that are known in part. No gradient
/// flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NadeSample {
    pub activation: NadeActivation,
    pub conditional: Conditional,
}

impl NadeSample {
    /// Sizes, from the operands.
    pub fn dims(&self, inputs: &[&Type]) -> NadeDims {
        let (noise, v) = (inputs[0].shape.dims(), inputs[4].shape.dims());
        NadeDims { batch: noise[0], dims: noise[1], hidden: v[1], outputs: v[2] }
    }
}

impl Operation for NadeSample {
    fn stem(&self) -> &'static str {
        "nade_sample"
    }

    fn carried(&self) -> Carried {
        Carried::Own
    }

    fn arity(&self) -> usize {
        3 + self.activation.n_weights()
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        floats(inputs, self.arity())?;
        let (noise, r) = (&inputs[0].shape, self.conditional.n_noise());
        let &[batch, dims, n_noise] = noise.dims() else { return Err(format!("noise must be [B, D, {r}], got {noise}")) };
        if n_noise != r {
            return Err(format!("noise must be [B, D, {r}], got {noise}"));
        }
        // As the scoring op orders them: rho behind v.
        let weights = [&inputs[2..5], &inputs[6..]].concat();
        let x = Type::f32([batch, dims]);
        let d = check(self.activation, &x, &weights)?;
        let (given, b) = (&inputs[1].shape, &inputs[5].shape);
        if given.dims() != [2, batch, dims] {
            return Err(format!("the values and mask given must be [2, {batch}, {dims}], got {given}"));
        }
        if b.dims() != [dims, d.outputs] {
            return Err(format!("b must be [{dims}, {}], got {b}", d.outputs));
        }
        match self.conditional {
            Conditional::Bernoulli if d.outputs != 1 => Err(format!("bits have one logit, got {} numbers", d.outputs)),
            Conditional::Gaussians { .. } if d.outputs % 3 != 0 => {
                Err(format!("a mixture of K has 3K numbers [weights | means | log-deviations], got {}", d.outputs))
            }
            _ => Ok(x),
        }
    }

    /// A sample is no function of the weights that could be followed: an error, not a gradient of zero.
    fn vjp(&self, _v: &Vjp) -> Option<Cotangents> {
        None
    }

    fn flops(&self, inputs: &[Type], _output: &Type) -> u64 {
        let d = self.dims(&inputs.iter().collect::<Vec<_>>());
        (2 + 2 * d.outputs as u64) * d.cells() as u64
    }
}

/// The weights of a NADE: w [D, H], c [H], v [D, H, O], b [D, O], and rho [D] for RNADE.
#[derive(Clone, Debug)]
pub struct NadeWeights {
    pub w: Tensor,
    pub c: Tensor,
    pub v: Tensor,
    pub b: Tensor,
    pub rho: Option<Tensor>,
}

impl NadeWeights {
    /// Draws x [B, D]: noise [B, D, R]; known [B, D], kept where mask [B, D] is not 0. See [`NadeSample`].
    pub fn sample(&self, conditional: Conditional, noise: &Tensor, known: &Tensor, mask: &Tensor) -> Tensor {
        let activation = if self.rho.is_some() { NadeActivation::ScaledRelu } else { NadeActivation::Sigmoid };
        let row = |t: &Tensor| t.reshape([&[1], t.dims()].concat());
        let given = row(known).concat(&row(mask), 0);
        let own = [noise, &given, &self.w, &self.c, &self.v, &self.b];
        let operands: Vec<Tensor> = own.into_iter().chain(&self.rho).cloned().collect();
        Tensor::apply(NadeSample { activation, conditional }, &operands)
    }
}

pub fn cases() -> Vec<Case> {
    let case = |name: String, activation: NadeActivation, conditional: Conditional, d: &NadeDims, kept: Fill| {
        let noise = match conditional {
            Conditional::Bernoulli => Given::uniform([d.batch, d.dims, 1], 0.0, 1.0),
            Conditional::Gaussians { .. } => Given::uniform([d.batch, d.dims, 2], 0.0, 1.0),
        };
        let given = Given::fixed(Type::f32([2, d.batch, d.dims]), kept);
        let mut own = weights(activation, d);
        own.insert(3, Given::uniform([d.dims, d.outputs], -1.0, 1.0));
        let given = [vec![noise, given], own].concat();
        let op = NadeSample { activation, conditional };
        Case::op("nade_sample", name, op, given).without_gradient().tolerance(2e-4, 1e-4)
    };
    let mixture = Conditional::Gaussians { floor: 0.5.into() };
    let (sigmoid, relu) = (NadeActivation::Sigmoid, NadeActivation::ScaledRelu);
    let mut all = Vec::new();
    for (name, d) in SIZES {
        if d.outputs == 1 {
            all.push(case(format!("bits, {name}"), sigmoid, Conditional::Bernoulli, &d, Fill::Value(0.0)));
        } else {
            // Few dimensions: an error in x_d grows with each dimension that depends on it.
            let d = NadeDims { dims: d.dims.min(6), outputs: d.outputs.next_multiple_of(3), ..d };
            all.push(case(format!("mixture, {name}"), relu, mixture, &d, Fill::Value(0.0)));
        }
    }
    let d = NadeDims { batch: 4, dims: 9, hidden: 20, outputs: 1 };
    all.push(case("half of it is known".into(), sigmoid, Conditional::Bernoulli, &d, Fill::Below(2)));
    all.push(case("mixture, sigmoid".into(), sigmoid, mixture, &NadeDims { outputs: 6, ..d }, Fill::Value(0.0)));
    all.push(case("bits, relu".into(), relu, Conditional::Bernoulli, &d, Fill::Below(2)));
    all.push(case("no images".into(), sigmoid, Conditional::Bernoulli, &NadeDims { batch: 0, ..d }, Fill::Value(0.0)));
    all
}
