//! Softmax over the last axis.

use super::{Carried, Case, Cotangents, Fill, Given, Operation, Vjp, floats};
use crate::shape::Type;

/// `y = exp(x - max) / Σ exp(x - max)` over the last axis; 0 in a row of -∞ alone, of which nothing is left to choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Softmax;

pub(super) fn has_elements(inputs: &[Type]) -> Result<(), String> {
    floats(inputs, 1)?;
    if inputs[0].shape.rank() == 0 || inputs[0].shape.last() == 0 {
        return Err("takes a last axis of at least one element".into());
    }
    Ok(())
}

impl Operation for Softmax {
    fn stem(&self) -> &'static str {
        "softmax"
    }

    fn carried(&self) -> Carried {
        Carried::Own
    }

    fn arity(&self) -> usize {
        1
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        has_elements(inputs)?;
        Ok(inputs[0].clone())
    }

    fn vjp(&self, v: &Vjp) -> Option<Cotangents> {
        let (y, dy) = (v.output, v.dy);
        let last = y.shape().rank() - 1;
        let inner = (dy * y).sum_keep(&[last]); // [.., 1]
        Some(vec![Some(y * &(dy - &inner))])
    }

    fn flops(&self, inputs: &[Type], _output: &Type) -> u64 {
        5 * inputs[0].numel() as u64
    }
}

/// Rows of four with NaN, with one infinity, with both, and without anything else.
pub(super) fn not_finite() -> Given {
    const INF: f32 = f32::INFINITY;
    const ROWS: &[f32] = &[
        1.0,
        f32::NAN,
        -2.0,
        0.5,
        f32::NAN,
        INF,
        1.0,
        -INF,
        -INF,
        -INF,
        -INF,
        -INF,
        1.0,
        -INF,
        2.0,
        -INF,
        INF,
        1.0,
        2.0,
        3.0,
        INF,
        INF,
        0.0,
        0.0,
    ];
    Given::fixed(Type::f32([ROWS.len() / 4, 4]), Fill::Cycle(ROWS))
}

/// Rows that both row-wise exponentials are tested on.
pub(super) fn row_cases(stem: &'static str, op: impl Into<super::Op>) -> Vec<Case> {
    let op = op.into();
    let case = |name, given| Case::op(stem, name, op.clone(), vec![given]);
    let extreme = Given::fixed(Type::f32([4, 6]), Fill::Cycle(&[-1e30, 100.0, 88.0, 1000.0, -200.0]));
    vec![
        case("one column", Given::normal([3, 1])),
        case("rows", Given::normal([5, 7])),
        case("long rows", Given::normal([2, 3, 513])),
        case("many rows", Given::normal([300, 10])),
        case("far apart", extreme).without_gradient(),
        case("NaN and infinity", not_finite()).not_finite(),
    ]
}

pub fn cases() -> Vec<Case> {
    row_cases("softmax", Softmax)
}
