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
    /// log softmax over the last axis, of at least one element: z - log Σ exp(z) with z = x - max x. Large logits keep their
    /// digits, which x - log Σ exp(x) would lose to two numbers of their size.
    pub fn log_softmax(&self) -> Tensor {
        let Some(last) = self.shape().rank().checked_sub(1) else { return self.log_sum_exp() }; // an error of its own
        // The maximum cancels: no gradient flows through it.
        let max = self.max_over(&[last]).detach();
        let kept = Shape::from([max.dims(), &[1]].concat());
        let z = self - &max.reshape(&kept);
        &z - &z.log_sum_exp().reshape(kept)
    }
}

pub fn cases() -> Vec<Case> {
    let mut all = row_cases("log_sum_exp", LogSumExp);
    // Of rows of -∞ alone, too, which carry no gradient.
    let given = vec![not_finite(), Given::normal([6])];
    let gradient = |t: &[Tensor]| t[0].graph().vjp(&[(&t[0].log_sum_exp(), &t[1])], &[&t[0]]).remove(0);
    all.push(Case::composed("log_sum_exp", "gradient of NaN and infinity", given, gradient).not_finite());
    let far = Given { fill: Fill::Uniform { low: 9990.0, high: 10_010.0 }, ..Given::normal([5, 9]) };
    // Not looser than at small logits. Differences of numbers of that size are exact, finite differences are not.
    all.push(Case::composed("log_sum_exp", "log softmax far out", vec![far], |t| t[0].log_softmax()).without_gradient());
    all.push(Case::composed("log_sum_exp", "log softmax", vec![Given::normal([5, 9])], |t| t[0].log_softmax()));
    all
}
