//! Padding one axis with a constant.

use super::{Carried, Case, Cotangents, Given, Operation, Vjp, floats};
use crate::expr::Scalar;
use crate::shape::Type;

/// `before` and `after` more elements on one axis, all of one value. f32.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pad {
    pub axis: usize,
    pub before: usize,
    pub after: usize,
    pub value: Scalar,
}

impl Pad {
    /// (outer, n, inner): the operand as [outer, n, inner] with `axis` in the middle.
    pub fn dims(&self, x: &Type) -> (usize, usize, usize) {
        let dims = x.shape.dims();
        (dims[..self.axis].iter().product(), dims[self.axis], dims[self.axis + 1..].iter().product())
    }
}

impl Operation for Pad {
    fn stem(&self) -> &'static str {
        "pad"
    }

    fn carried(&self) -> Carried {
        Carried::Own
    }

    fn arity(&self) -> usize {
        1
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        floats(inputs, 1)?;
        let mut dims = inputs[0].shape.dims().to_vec();
        let n = dims.get_mut(self.axis).ok_or_else(|| format!("no axis {}", self.axis))?;
        *n += self.before + self.after;
        Ok(Type::f32(dims))
    }

    fn vjp(&self, v: &Vjp) -> Option<Cotangents> {
        let n = v.inputs[0].dims()[self.axis];
        Some(vec![Some(v.dy.slice(self.axis, self.before, self.before + n))])
    }

    fn flops(&self, _inputs: &[Type], _output: &Type) -> u64 {
        0
    }
}

pub fn cases() -> Vec<Case> {
    let pad = |axis, before, after, value: f32| Pad { axis, before, after, value: value.into() };
    vec![
        Case::op("pad", "both sides", pad(1, 2, 1, 0.0), vec![Given::normal([2, 3, 4])]),
        Case::op("pad", "last axis, a value", pad(2, 0, 3, -1.5), vec![Given::normal([2, 3, 4])]),
        Case::op("pad", "by nothing", pad(0, 0, 0, 0.0), vec![Given::normal([5])]),
        Case::op("pad", "more than a workgroup", pad(0, 7, 300, 0.0), vec![Given::normal([60, 5])]),
    ]
}
