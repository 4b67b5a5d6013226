//! Matrix product, batched, with transposed operands.

use super::{Carried, Case, Cotangents, Fill, Given, Operation, Vjp, floats};
use crate::shape::Type;
use crate::tensor::Tensor;

/// `y = a b` over the last two axes; leading axes agree. With `transpose_a` the operand a is [.., k, m], with
/// `transpose_b` b is [.., n, k]; y is [.., m, n].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MatMul {
    pub transpose_a: bool,
    pub transpose_b: bool,
}

/// Sizes of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MatMulDims {
    pub batch: usize,
    pub m: usize,
    pub n: usize,
    pub k: usize,
}

impl MatMul {
    pub const PLAIN: MatMul = MatMul { transpose_a: false, transpose_b: false };

    /// Sizes, for operands that passed [`Operation::infer`].
    pub fn dims(&self, a: &Type, b: &Type) -> MatMulDims {
        let (a, b) = (a.shape.dims(), b.shape.dims());
        let r = a.len();
        let (m, k) = if self.transpose_a { (a[r - 1], a[r - 2]) } else { (a[r - 2], a[r - 1]) };
        let n = if self.transpose_b { b[r - 2] } else { b[r - 1] };
        MatMulDims { batch: a[..r - 2].iter().product(), m, n, k }
    }
}

impl Operation for MatMul {
    fn stem(&self) -> &'static str {
        "matmul"
    }

    fn carried(&self) -> Carried {
        Carried::Own
    }

    fn arity(&self) -> usize {
        2
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        floats(inputs, 2)?;
        let (a, b) = (inputs[0].shape.dims(), inputs[1].shape.dims());
        if a.len() < 2 || a.len() != b.len() || a[..a.len() - 2] != b[..a.len() - 2] {
            return Err("takes two stacks of matrices with equal leading axes".into());
        }
        let d = self.dims(&inputs[0], &inputs[1]);
        let k_b = b[b.len() - if self.transpose_b { 1 } else { 2 }];
        if d.k != k_b {
            return Err(format!("inner sizes {} and {k_b} differ", d.k));
        }
        Ok(Type::f32([&a[..a.len() - 2], &[d.m, d.n]].concat()))
    }

    fn vjp(&self, v: &Vjp) -> Option<Cotangents> {
        let (a, b, dy) = (&v.inputs[0], &v.inputs[1], v.dy);
        let mm = |x: &Tensor, tx, y: &Tensor, ty| x.matmul_with(y, MatMul { transpose_a: tx, transpose_b: ty });
        let (ta, tb) = (self.transpose_a, self.transpose_b);
        let da = v.want(0, || if ta { mm(b, tb, dy, true) } else { mm(dy, false, b, !tb) });
        let db = v.want(1, || if tb { mm(dy, true, a, ta) } else { mm(a, !ta, dy, false) });
        Some(vec![da, db])
    }

    fn flops(&self, inputs: &[Type], _output: &Type) -> u64 {
        let d = self.dims(&inputs[0], &inputs[1]);
        2 * (d.batch * d.m * d.n * d.k) as u64
    }

    fn accepts_epilogue(&self) -> bool {
        true
    }
}

pub fn cases() -> Vec<Case> {
    const S: &str = "matmul";
    let mut all = Vec::new();
    // 32 and 64 are tiles of the kernels; k straddles their depth of 16.
    for (m, n, k) in [(1, 1, 1), (1, 70, 33), (31, 32, 16), (33, 65, 17), (64, 64, 32), (65, 63, 1), (130, 20, 40)] {
        for (transpose_a, transpose_b) in [(false, false), (true, false), (false, true), (true, true)] {
            let a = if transpose_a { [k, m] } else { [m, k] };
            let b = if transpose_b { [n, k] } else { [k, n] };
            let op = MatMul { transpose_a, transpose_b };
            let name = format!("{m}x{n}x{k} {}{}", if transpose_a { "T" } else { "N" }, if transpose_b { "T" } else { "N" });
            all.push(Case::op(S, name, op, vec![Given::normal(a), Given::normal(b)]).tolerance(5e-5, 2e-5));
        }
    }
    all.push(Case::op(S, "batched", MatMul::PLAIN, vec![Given::normal([3, 2, 5, 7]), Given::normal([3, 2, 7, 4])]));
    all.push(Case::op(S, "deep", MatMul::PLAIN, vec![Given::normal([3, 700]), Given::normal([700, 5])]).tolerance(2e-4, 2e-5));
    all.push(Case::op(S, "k of nothing", MatMul::PLAIN, vec![Given::normal([2, 0]), Given::normal([0, 3])]));
    let given = vec![Given::normal([9, 20]), Given::normal([20, 33]), Given::normal([33]), Given::normal([9, 33])];
    all.push(Case::composed(S, "epilogue: bias, residual, leaky relu", given, |t| {
        (&(&t[0].matmul(&t[1]) + &t[2]) + &t[3]).leaky_relu(0.2)
    }));
    // A NaN reaches its row, through the epilogue and what follows it.
    for (name, n) in [("NaN", 33), ("NaN in fours", 32)] {
        const SOME: &[f32] = &[0.5, -1.0, 0.25, f32::NAN, 1.0, -0.5, 0.75];
        let given = vec![Given { fill: Fill::Cycle(SOME), ..Given::normal([9, 3]) }, Given::normal([3, n])];
        let body = |t: &[Tensor]| (t[0].matmul(&t[1]).relu() - 0.5).tanh();
        all.push(Case::composed(S, format!("epilogue: {name}, relu, tanh"), given, body).not_finite());
    }
    all
}
