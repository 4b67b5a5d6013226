//! Elementwise functions of one, two and three tensors, broadcast as in NumPy.

use super::{Carried, Case, Cotangents, Fill, Given, Operation, Vjp, floats};
use crate::expr::{Binary, Scalar, Unary};
use crate::shape::{Dtype, Shape, Type};
use crate::tensor::Tensor;

/// `select(c, a, b)`: a where c != 0, else b; the three broadcast together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Select;

/// Conversion to another dtype. To u32: the whole part, for values in 0..2^24; out of range is unspecified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cast {
    pub to: Dtype,
}

/// A constant tensor.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Full {
    pub shape: Shape,
    pub value: Scalar,
}

/// 0, 1, … n-1 as f32 [n]; n at most 2^24.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Iota {
    pub n: usize,
}

fn broadcast(inputs: &[Type]) -> Result<Type, String> {
    let mut shape = inputs[0].shape.clone();
    for t in &inputs[1..] {
        shape = shape.broadcast(&t.shape).ok_or_else(|| format!("{shape} and {} do not broadcast", t.shape))?;
    }
    Ok(Type::f32(shape))
}

macro_rules! generated {
    () => {
        fn stem(&self) -> &'static str {
            "elementwise"
        }

        fn carried(&self) -> Carried {
            Carried::Generated
        }
    };
}

impl Operation for Unary {
    generated!();

    fn arity(&self) -> usize {
        1
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        floats(inputs, 1)?;
        Ok(inputs[0].clone())
    }

    /// Where the derivative can be had from the output, it is: the input need not be kept.
    fn vjp(&self, v: &Vjp) -> Option<Cotangents> {
        let (x, y, dy) = (&v.inputs[0], v.output, v.dy);
        let dx = match self {
            Unary::Neg => dy.neg(),
            Unary::Abs => dy * &x.sign(),
            Unary::Sign | Unary::Floor => return Some(vec![None]),
            Unary::Exp => dy * y,
            Unary::Log => dy / x,
            Unary::Sqrt => dy / &(y * 2.0),
            Unary::Rsqrt => dy * &(y * &y.square()) * -0.5,
            Unary::Recip => (dy * &y.square()).neg(),
            Unary::Square => dy * &(x * 2.0),
            Unary::Tanh => dy * &(1.0 - &y.square()),
            Unary::Sigmoid => dy * &(y * &(1.0 - y)),
            Unary::Softplus => dy * &x.sigmoid(),
            Unary::Relu => dy * &y.greater(0.0),
            Unary::LeakyRelu(slope) => {
                let (one, slope) = (y.full_like(1.0), y.full_like(slope.get()));
                dy * &y.greater(0.0).select(&one, &slope)
            }
        };
        Some(vec![Some(dx)])
    }

    fn flops(&self, _inputs: &[Type], output: &Type) -> u64 {
        output.numel() as u64
    }
}

impl Operation for Binary {
    generated!();

    fn arity(&self) -> usize {
        2
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        floats(inputs, 2)?;
        broadcast(inputs)
    }

    fn vjp(&self, v: &Vjp) -> Option<Cotangents> {
        let (a, b, dy) = (&v.inputs[0], &v.inputs[1], v.dy);
        let (da, db) = match self {
            Binary::Add => (v.want(0, || dy.clone()), v.want(1, || dy.clone())),
            Binary::Sub => (v.want(0, || dy.clone()), v.want(1, || dy.neg())),
            Binary::Mul => (v.want(0, || dy * b), v.want(1, || dy * a)),
            Binary::Div => (v.want(0, || dy / b), v.want(1, || (dy * v.output / b).neg())),
            // On a tie the first operand has the gradient.
            Binary::Max => {
                let first = a.greater_equal(b);
                (v.want(0, || dy * &first), v.want(1, || dy * &(1.0 - &first)))
            }
            Binary::Min => {
                let first = b.greater_equal(a);
                (v.want(0, || dy * &first), v.want(1, || dy * &(1.0 - &first)))
            }
            Binary::Greater | Binary::GreaterEqual | Binary::Equal => (None, None),
        };
        Some(vec![da.map(|t| t.sum_to(a.shape())), db.map(|t| t.sum_to(b.shape()))])
    }

    fn flops(&self, _inputs: &[Type], output: &Type) -> u64 {
        output.numel() as u64
    }
}

impl Operation for Select {
    generated!();

    fn arity(&self) -> usize {
        3
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        floats(inputs, 3)?;
        broadcast(inputs)
    }

    fn vjp(&self, v: &Vjp) -> Option<Cotangents> {
        let (c, a, b) = (&v.inputs[0], &v.inputs[1], &v.inputs[2]);
        let zero = v.dy.full_like(0.0);
        Some(vec![
            None,
            v.want(1, || c.select(v.dy, &zero).sum_to(a.shape())),
            v.want(2, || c.select(&zero, v.dy).sum_to(b.shape())),
        ])
    }

    fn flops(&self, _inputs: &[Type], output: &Type) -> u64 {
        output.numel() as u64
    }
}

impl Operation for Cast {
    generated!();

    fn arity(&self) -> usize {
        1
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        Ok(Type { shape: inputs[0].shape.clone(), dtype: self.to })
    }

    fn vjp(&self, _v: &Vjp) -> Option<Cotangents> {
        Some(vec![None])
    }

    fn flops(&self, _inputs: &[Type], _output: &Type) -> u64 {
        0
    }
}

impl Operation for Full {
    generated!();

    fn arity(&self) -> usize {
        0
    }

    fn infer(&self, _inputs: &[Type]) -> Result<Type, String> {
        Ok(Type::f32(self.shape.clone()))
    }

    fn vjp(&self, _v: &Vjp) -> Option<Cotangents> {
        Some(vec![])
    }

    fn flops(&self, _inputs: &[Type], _output: &Type) -> u64 {
        0
    }
}

impl Operation for Iota {
    generated!();

    fn arity(&self) -> usize {
        0
    }

    fn infer(&self, _inputs: &[Type]) -> Result<Type, String> {
        if self.n > 1 << 24 { Err(format!("{} numbers are not exact in f32", self.n)) } else { Ok(Type::f32([self.n])) }
    }

    fn vjp(&self, _v: &Vjp) -> Option<Cotangents> {
        Some(vec![])
    }

    fn flops(&self, _inputs: &[Type], _output: &Type) -> u64 {
        0
    }
}

pub fn cases() -> Vec<Case> {
    const S: &str = "elementwise";
    // Every branch of every function, and arguments at which naive forms overflow.
    // None of these is a kink of any function, whole numbers (floor) included.
    const SMOOTH: &[f32] = &[-2.1, -0.7, -0.1, 0.15, 0.8, 1.9, 2.9];
    const POSITIVE: &[f32] = &[1e-3, 0.2, 0.9, 1.0, 1.7, 30.0];
    const EXTREME: &[f32] = &[-1e30, -100.0, -30.0, -0.0, 0.0, 1e-30, 30.0, 100.0, 1e30];
    let cycle = |values: &'static [f32], n: usize| {
        let differentiable = true;
        Given { ty: Type::f32([n]), fill: Fill::Cycle(values), differentiable }
    };
    let mut all = Vec::new();
    let leaky = Unary::LeakyRelu(0.2.into());
    use Unary::{Abs, Exp, Floor, Log, Neg, Recip, Relu, Rsqrt, Sigmoid, Sign, Softplus, Sqrt, Square, Tanh};
    for f in [Neg, Abs, Sign, Exp, Square, Tanh, Sigmoid, Softplus, Relu, leaky, Floor] {
        all.push(Case::op(S, format!("{f:?}"), f, vec![cycle(SMOOTH, 33)]));
    }
    for f in [Log, Sqrt, Rsqrt, Recip] {
        all.push(Case::op(S, format!("{f:?}"), f, vec![cycle(POSITIVE, 33)]).tolerance(2e-5, 2e-5));
    }
    for f in [Neg, Abs, Sign, Tanh, Sigmoid, Softplus, Relu, leaky] {
        all.push(Case::op(S, format!("{f:?} saturated"), f, vec![cycle(EXTREME, 18)]).without_gradient());
    }
    for f in [Binary::Add, Binary::Sub, Binary::Mul, Binary::Div, Binary::Max, Binary::Min] {
        let given = vec![Given::normal([3, 5, 7]), Given::uniform([3, 5, 7], 0.5, 2.0)];
        all.push(Case::op(S, format!("{f:?}"), f, given));
    }
    for f in [Binary::Greater, Binary::GreaterEqual, Binary::Equal] {
        let given = vec![cycle(EXTREME, 27), cycle(&[0.0, -100.0, 30.0], 27)];
        all.push(Case::op(S, format!("{f:?}"), f, given).without_gradient());
    }
    // One element at a time and four.
    for (n, name) in [(33, "NaN"), (32, "NaN in fours")] {
        const NAN: &[f32] = &[-1.5, f32::NAN, 0.5, 2.0, f32::NAN];
        for f in [Neg, Abs, Sign, Exp, Log, Sqrt, Rsqrt, Recip, Square, Tanh, Sigmoid, Softplus, Relu, leaky, Floor] {
            all.push(Case::op(S, format!("{f:?} of {name}"), f, vec![cycle(NAN, n)]).not_finite());
        }
        use Binary::{Add, Div, Equal, Greater, GreaterEqual, Max, Min, Mul, Sub};
        for f in [Add, Sub, Mul, Div, Max, Min, Greater, GreaterEqual, Equal] {
            let given = vec![cycle(NAN, n), cycle(&[1.0, -2.0, f32::NAN], n)];
            all.push(Case::op(S, format!("{f:?} of {name}"), f, given).not_finite());
        }
        let given = vec![cycle(&[0.0, 1.0, f32::NAN], n), cycle(NAN, n), cycle(&[4.0, f32::NAN], n)];
        all.push(Case::op(S, format!("Select by {name}"), Select, given).not_finite());
        let chain = |t: &[Tensor]| (&(&t[0] * 2.0).relu() - &t[0].max(&t[1]).tanh()).leaky_relu(0.2);
        let given = vec![cycle(NAN, n), cycle(&[1.0, -2.0, f32::NAN], n)];
        all.push(Case::composed(S, format!("chain of {name}"), given, chain).not_finite());
    }
    let broadcasts: [(&str, &[usize], &[usize]); 8] = [
        ("channels", &[2, 3, 4, 5], &[5]),
        ("rows", &[6, 7], &[6, 1]),
        ("scalar", &[300], &[]),
        ("both ways", &[4, 1, 3], &[1, 5, 1]),
        ("middle", &[2, 3, 4], &[2, 1, 4]),
        ("one element", &[1], &[1]),
        ("workgroup + 1", &[257], &[257]),
        ("nothing", &[0, 3], &[3]),
    ];
    for (name, a, b) in broadcasts {
        let given = vec![Given::normal(a), Given::uniform(b, 0.5, 2.0)];
        all.push(Case::op(S, format!("broadcast {name}"), Binary::Div, given));
    }
    let given = vec![Given::fixed(Type::f32([4, 1]), Fill::Below(2)), Given::normal([4, 6]), Given::normal([6])];
    all.push(Case::op(S, "Select", Select, given));
    // These take no operand; one is given for its graph.
    let any = || vec![Given::fixed(Type::f32([1]), Fill::Value(0.0))];
    all.push(Case::composed(S, "Full", any(), |t| t[0].graph().full([3, 5], 0.25)).without_gradient());
    all.push(Case::composed(S, "Iota", any(), |t| t[0].graph().iota(300)).without_gradient());
    let labels = Given::fixed(Type::u32([17]), Fill::Below(1 << 20));
    all.push(Case::op(S, "Cast to f32", Cast { to: Dtype::F32 }, vec![labels]).without_gradient());
    let floats = Given::fixed(Type::f32([17]), Fill::Uniform { low: 0.0, high: 9.0 });
    all.push(Case::op(S, "Cast to u32", Cast { to: Dtype::U32 }, vec![floats]).without_gradient());
    let given = vec![Given::normal([2, 9, 16]), Given::uniform([16], 0.5, 2.0), Given::normal([16]), Given::normal([])];
    all.push(Case::composed(S, "chain", given, |t: &[Tensor]| {
        let y = (&(&t[0] * &t[1]) + &t[2]).leaky_relu(0.2);
        (&y * &t[3]).tanh()
    }));
    all
}
