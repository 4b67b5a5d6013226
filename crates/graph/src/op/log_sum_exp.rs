//! Logarithm of a sum of exponentials over the last axis.

use super::softmax::{has_elements, not_finite, row_cases};
use super::{Carried, Case, Cotangents, Fill, Given, Operation, Vjp};
use crate::shape::{Shape, Type};
use crate::tensor::Tensor;

/// `y = max + log Σ exp(x - max)` over the last axis, which is removed; max where that is infinite. The derivative is 0 in a row
/// of -∞ alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LogSumExp;

impl Operation for LogSumExp {
    fn stem(&self) -> &'static str {
        "log_sum_exp"
    }

    fn carried(&self) -> Carried {
        Carried::Shares("softmax")
    }

    fn arity(&self) -> usize {
        1
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        has_elements(inputs)?;
        let dims = inputs[0].shape.dims();
        Ok(Type::f32(&dims[..dims.len() - 1]))
    }

    fn vjp(&self, v: &Vjp) -> Option<Cotangents> {
        let kept = Shape::from([v.dy.dims(), &[1]].concat());
        Some(vec![Some(&v.inputs[0].softmax() * &v.dy.reshape(&kept))])
    }

    fn flops(&self, inputs: &[Type], _output: &Type) -> u64 {
        4 * inputs[0].numel() as u64
    }
}

impl Tensor {
    /// log softmax over the last axis: x - log Σ exp(x).
    pub fn log_softmax(&self) -> Tensor {
        let sum = self.log_sum_exp();
        let kept = Shape::from([sum.dims(), &[1]].concat());
        self - &sum.reshape(kept)
    }
}

pub fn cases() -> Vec<Case> {
    let mut all = row_cases("log_sum_exp", LogSumExp);
    // Of rows of -∞ alone, too, which carry no gradient.
    let given = vec![not_finite(), Given::normal([6])];
    let gradient = |t: &[Tensor]| t[0].graph().vjp(&[(&t[0].log_sum_exp(), &t[1])], &[&t[0]]).remove(0);
    all.push(Case::composed("log_sum_exp", "gradient of NaN and infinity", given, gradient).not_finite());
    all
}
