//! One row replaced, at an index that is held on the device.

use super::{Carried, Case, Cotangents, Fill, Given, Operation, Vjp};
use crate::shape::{Dtype, Shape, Type};
use crate::tensor::Tensor;

/// x [N, ..], row [..], index u32 [1] -> x with row `index` replaced; x as it is for an index of N or more. Any dtype.
///
/// Where x is not read afterwards, nothing but the row is written: a sampler's state that is assigned the result is updated
/// in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RowWrite;

impl Operation for RowWrite {
    fn stem(&self) -> &'static str {
        "row_write"
    }

    fn carried(&self) -> Carried {
        Carried::Own
    }

    fn arity(&self) -> usize {
        3
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        let [x, row, index] = inputs else { return Err("takes x, a row and an index".into()) };
        let Some((_, rest)) = x.shape.dims().split_first() else { return Err("a scalar has no rows".into()) };
        let want = Type { shape: rest.into(), dtype: x.dtype };
        if *row != want {
            return Err(format!("a row of x must be {want}, got {row}"));
        }
        if *index != Type::u32([1]) {
            return Err(format!("the index must be u32[1], got {index}"));
        }
        Ok(x.clone())
    }

    fn vjp(&self, v: &Vjp) -> Option<Cotangents> {
        if v.dy.dtype() != Dtype::F32 {
            return Some(vec![None; 3]);
        }
        let (row, index) = (&v.inputs[1], &v.inputs[2]);
        let dx = || v.dy.row_write(index, &row.full_like(0.0));
        Some(vec![v.want(0, dx), v.want(1, || v.dy.row_read(index)), None])
    }

    fn flops(&self, _inputs: &[Type], _output: &Type) -> u64 {
        0
    }

    fn in_place(&self) -> Option<usize> {
        Some(0)
    }

    fn moved(&self, inputs: &[Type], output: &Type, in_place: bool) -> usize {
        1 + if in_place { 2 * inputs[1].numel() } else { 2 * output.numel() }
    }
}

impl Tensor {
    /// Row `index` (u32 [1], held on the device) of this [N, ..]: [..]. Zeros for an index of N or more.
    pub fn row_read(&self, index: &Tensor) -> Tensor {
        let rest = self.dims().get(1..).unwrap_or_default();
        self.gather(index).reshape(Shape::from(rest))
    }

    /// This [N, ..] with row `index` (u32 [1], held on the device) replaced by `row` [..]; see [`RowWrite`].
    pub fn row_write(&self, index: &Tensor, row: &Tensor) -> Tensor {
        self.graph.apply(RowWrite, &[self.clone(), row.clone(), index.clone()])
    }
}

pub fn cases() -> Vec<Case> {
    const S: &str = "row_write";
    let at = |n: f32| Given::fixed(Type::u32([1]), Fill::Value(n));
    let case = |name, shape: &[usize], n: f32| {
        Case::op(S, name, RowWrite, vec![Given::normal(shape), Given::normal(&shape[1..]), at(n)]).tolerance(0.0, 0.0)
    };
    let words = |shape: &[usize]| Given::fixed(Type::u32(shape), Fill::Below(u32::MAX));
    vec![
        case("one element", &[1], 0.0),
        case("first", &[5, 3], 0.0),
        case("last, more than a workgroup", &[4, 9, 33], 3.0),
        case("outside", &[3, 4], 3.0),
        case("rows of nothing", &[3, 0], 1.0),
        Case::op(S, "words", RowWrite, vec![words(&[3, 4]), words(&[4]), at(1.0)]).without_gradient(),
        Case::composed(S, "in place", vec![Given::normal([40, 12]), Given::normal([12]), at(17.0)], |t| {
            t[0].tanh().row_write(&t[2], &t[1]).row_write(&t[2], &(&t[1] * 2.0))
        }),
        Case::composed(S, "a row to another place", vec![Given::normal([6, 5]), at(4.0), at(2.0)], |t| {
            t[0].row_write(&t[2], &t[0].row_read(&t[1]))
        }),
    ]
}
