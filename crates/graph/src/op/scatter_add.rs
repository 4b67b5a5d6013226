//! Rows added to where they were gathered from.

use super::gather::{has_indices, indices};
use super::{Carried, Case, Cotangents, Gather, Given, Operation, Vjp, floats};
use crate::shape::Type;
use crate::tensor::Tensor;

/// values [B, N, E], indices u32 [B, N] -> [B, `rows`, E]: `y[b, v] = Σ values[b, n]` over the n with `indices[b, n] = v`, in
/// ascending order of n: the same bits each time. Rows whose index is `rows` or more are dropped. Transpose of [`Gather`]. f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ScatterAdd {
    pub rows: usize,
}

impl ScatterAdd {
    /// (B, V, N, E).
    pub fn dims(&self, values: &Type) -> (usize, usize, usize, usize) {
        let dims = values.shape.dims();
        (dims[0], self.rows, dims[1], dims[2])
    }
}

impl Operation for ScatterAdd {
    fn stem(&self) -> &'static str {
        "scatter_add"
    }

    fn carried(&self) -> Carried {
        Carried::Own
    }

    fn arity(&self) -> usize {
        2
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        floats(&inputs[..1], 1)?;
        super::rank(&inputs[0], 3, "the values")?;
        let (b, v, n, e) = self.dims(&inputs[0]);
        has_indices(&inputs[1], b)?;
        if inputs[1].shape.dims()[1] != n {
            return Err(format!("{n} rows need as many indices"));
        }
        Ok(Type::f32([b, v, e]))
    }

    fn vjp(&self, v: &Vjp) -> Option<Cotangents> {
        Some(vec![v.want(0, || Tensor::apply(Gather, &[v.dy.clone(), v.inputs[1].clone()])), None])
    }

    fn flops(&self, inputs: &[Type], _output: &Type) -> u64 {
        inputs[0].numel() as u64
    }
}

pub fn cases() -> Vec<Case> {
    let case = |name, rows, values: [usize; 3], below| {
        let given = vec![Given::normal(values), indices([values[0], values[1]], below)];
        Case::op("scatter_add", name, ScatterAdd { rows }, given)
    };
    vec![
        case("one element", 1, [1, 1, 1], 1),
        case("many to few", 3, [1, 300, 5], 3),
        case("few to many, indices outside", 20, [2, 7, 6], 40),
        case("long rows", 4, [1, 9, 300], 4),
        case("nothing", 4, [1, 0, 3], 4),
    ]
}
