//! Batch normalisation with the batch's own statistics.

use super::{BatchNormSums, Carried, Case, Cotangents, Given, Operation, Vjp, floats};
use crate::expr::Scalar;
use crate::shape::{Shape, Type};
use crate::tensor::Tensor;

/// x [.., C], stats [2, C] of the same x, scale [C], shift [C] -> `scale (x - mean) / sqrt(var + eps) + shift`. Ioffe and
/// Szegedy 2015, arXiv:1502.03167, algorithm 1. First order only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BatchNorm {
    pub eps: Scalar,
}

/// Row `n` of [rows, C], as [C].
fn row(t: &Tensor, n: usize) -> Tensor {
    t.slice(0, n, n + 1).reshape([t.dims()[1]])
}

impl BatchNorm {
    /// 1 / sqrt(var + eps), [C].
    fn inverse_deviation(&self, stats: &Tensor) -> Tensor {
        (row(stats, 1) + self.eps.get()).rsqrt()
    }
}

impl Operation for BatchNorm {
    fn stem(&self) -> &'static str {
        "batch_norm"
    }

    fn carried(&self) -> Carried {
        Carried::Composite
    }

    fn arity(&self) -> usize {
        4
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        floats(inputs, 4)?;
        let c = inputs[0].shape.last();
        let vector = Shape::from([c]);
        if inputs[0].shape.rank() < 2 || inputs[2].shape != vector || inputs[3].shape != vector {
            return Err(format!("scale and shift must be [{c}], the channels of [.., C]"));
        }
        Ok(inputs[0].clone())
    }

    /// Algorithm 1's derivative, with the statistics as functions of x: stats have no cotangent of their own.
    fn vjp(&self, v: &Vjp) -> Option<Cotangents> {
        let (x, stats, scale) = (&v.inputs[0], &v.inputs[1], &v.inputs[2]);
        let sums = Tensor::apply(BatchNormSums, &[x.clone(), v.dy.clone(), stats.clone()]); // Σ dy, Σ dy (x - mean)
        let inv = self.inverse_deviation(stats);
        let dx = v.want(0, || {
            let n = (x.shape().numel() / x.shape().last()) as f32;
            let k = scale * &inv; // [C]
            let slope = &(&k * &inv.square()) * &row(&sums, 1) * (1.0 / n); // [C]
            let offset = &slope * &row(stats, 0) - &k * &row(&sums, 0) * (1.0 / n); // [C]
            &(&(v.dy * &k) - &(x * &slope)) + &offset
        });
        Some(vec![dx, None, v.want(2, || row(&sums, 1) * &inv), v.want(3, || row(&sums, 0))])
    }

    fn flops(&self, _inputs: &[Type], output: &Type) -> u64 {
        2 * output.numel() as u64
    }

    fn expand(&self, inputs: &[Tensor]) -> Option<Tensor> {
        let [x, stats, scale, shift] = inputs else { return None };
        let gain = scale * &self.inverse_deviation(stats); // [C]
        let offset = shift - &(&gain * &row(stats, 0)); // [C]
        Some(&(x * &gain) + &offset)
    }
}

pub fn cases() -> Vec<Case> {
    let norm = |name, shape: &[usize]| {
        let c = shape[shape.len() - 1];
        let given = vec![Given::normal(shape), Given::uniform([c], 0.5, 1.5), Given::normal([c])];
        Case::composed("batch_norm", name, given, |t| t[0].batch_norm(&t[1], &t[2], 1e-5).0).tolerance(1e-4, 1e-4)
    };
    vec![norm("[B, C]", &[16, 5]), norm("NHWC", &[4, 3, 5, 6]), norm("one channel", &[9, 1])]
}
