//! Joining two tensors along one axis.

use super::{Carried, Case, Cotangents, Given, Operation, Vjp};
use crate::shape::Type;

/// `a` then `b` along `axis`; the other axes agree. Any dtype.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Concat {
    pub axis: usize,
}

impl Concat {
    /// (outer, n_a, n_b, inner): the operands as [outer, n, inner] with `axis` in the middle.
    pub fn dims(&self, a: &Type, b: &Type) -> (usize, usize, usize, usize) {
        let dims = a.shape.dims();
        let (outer, inner) = (dims[..self.axis].iter().product(), dims[self.axis + 1..].iter().product());
        (outer, dims[self.axis], b.shape.dims()[self.axis], inner)
    }
}

impl Operation for Concat {
    fn stem(&self) -> &'static str {
        "concat"
    }

    fn carried(&self) -> Carried {
        Carried::Own
    }

    fn arity(&self) -> usize {
        2
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        let (a, b) = (inputs[0].shape.dims(), inputs[1].shape.dims());
        let agree = a.len() == b.len() && (0..a.len()).all(|d| d == self.axis || a[d] == b[d]);
        if self.axis >= a.len() || !agree || inputs[0].dtype != inputs[1].dtype {
            return Err(format!("the operands differ elsewhere than in axis {}", self.axis));
        }
        let mut dims = a.to_vec();
        dims[self.axis] += b[self.axis];
        Ok(Type { shape: dims.into(), dtype: inputs[0].dtype })
    }

    fn vjp(&self, v: &Vjp) -> Option<Cotangents> {
        let (n_a, n) = (v.inputs[0].dims()[self.axis], v.output.dims()[self.axis]);
        let part = |start, end| v.dy.slice(self.axis, start, end);
        Some(vec![v.want(0, || part(0, n_a)), v.want(1, || part(n_a, n))])
    }

    fn flops(&self, _inputs: &[Type], _output: &Type) -> u64 {
        0
    }
}

pub fn cases() -> Vec<Case> {
    let case = |name, axis, a: &[usize], b: &[usize]| {
        Case::op("concat", name, Concat { axis }, vec![Given::normal(a), Given::normal(b)])
    };
    vec![
        case("last axis", 2, &[2, 3, 4], &[2, 3, 5]),
        case("middle axis", 1, &[2, 3, 4], &[2, 1, 4]),
        case("batch, more than a workgroup", 0, &[40, 9], &[50, 9]),
    ]
}
