//! Running sums along one axis.

use super::{Carried, Case, Cotangents, Given, Operation, Vjp, floats};
use crate::shape::Type;
use crate::tensor::Tensor;

/// `y[k] = Σ x[i]` over `i <= k` along one axis, or over `i >= k` where `reverse` is set. f32, in a fixed order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cumsum {
    pub axis: usize,
    /// From the end of the axis. Either direction is the other's transpose.
    pub reverse: bool,
}

impl Cumsum {
    /// (outer, n, inner): the operand as [outer, n, inner] with `axis` in the middle.
    pub fn dims(&self, x: &Type) -> (usize, usize, usize) {
        let dims = x.shape.dims();
        (dims[..self.axis].iter().product(), dims[self.axis], dims[self.axis + 1..].iter().product())
    }
}

impl Operation for Cumsum {
    fn stem(&self) -> &'static str {
        "cumsum"
    }

    fn carried(&self) -> Carried {
        Carried::Own
    }

    fn arity(&self) -> usize {
        1
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        floats(inputs, 1)?;
        if self.axis >= inputs[0].shape.rank() {
            return Err(format!("no axis {}", self.axis));
        }
        Ok(inputs[0].clone())
    }

    fn vjp(&self, v: &Vjp) -> Option<Cotangents> {
        let transposed = Cumsum { reverse: !self.reverse, ..*self };
        Some(vec![Some(Tensor::apply(transposed, std::slice::from_ref(v.dy)))])
    }

    fn flops(&self, inputs: &[Type], _output: &Type) -> u64 {
        inputs[0].numel() as u64
    }
}

impl Tensor {
    /// Running sums along `axis`: each element the sum of those up to it, itself included.
    pub fn cumsum(&self, axis: usize) -> Tensor {
        Tensor::apply(Cumsum { axis, reverse: false }, std::slice::from_ref(self))
    }
}

pub fn cases() -> Vec<Case> {
    let case =
        |name, axis, reverse, shape: &[usize]| Case::op("cumsum", name, Cumsum { axis, reverse }, vec![Given::normal(shape)]);
    vec![
        case("one element", 0, false, &[1]),
        case("rows", 1, false, &[5, 31]),
        case("columns", 0, false, &[33, 7]),
        case("middle, reversed", 1, true, &[3, 70, 5]),
        case("workgroup - 1", 1, true, &[2, 255]),
        case("workgroup + 1", 1, false, &[2, 257]),
        case("chunks", 1, false, &[3, 700]).tolerance(1e-4, 2e-5), // 700 terms of unit size
        case("many columns, reversed", 0, true, &[40, 300]),
        case("nothing", 1, false, &[4, 0]),
    ]
}
