//! Rows of tables by index.

use super::{Carried, Case, Cotangents, Fill, Given, Operation, ScatterAdd, Vjp};
use crate::shape::{Dtype, Shape, Type};
use crate::tensor::Tensor;

/// table [B, V, E], indices u32 [B, N] -> [B, N, E]: row `indices[b, n]` of table b. Any dtype.
///
/// An index of V or more gives a row of zeros, on every device: no memory outside the table is read, and [`ScatterAdd`]
/// drops the same rows, so that each stays the transpose of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Gather;

impl Gather {
    /// (B, V, N, E).
    pub fn dims(&self, table: &Type, indices: &Type) -> (usize, usize, usize, usize) {
        let dims = table.shape.dims();
        (dims[0], dims[1], indices.shape.dims()[1], dims[2])
    }
}

/// `indices` are u32 [B, N] for this B.
pub(super) fn has_indices(indices: &Type, b: usize) -> Result<(), String> {
    let dims = indices.shape.dims();
    if indices.dtype != Dtype::U32 || dims.len() != 2 || dims[0] != b {
        return Err(format!("the indices must be u32[{b}, N], got {indices}"));
    }
    Ok(())
}

impl Operation for Gather {
    fn stem(&self) -> &'static str {
        "gather"
    }

    fn carried(&self) -> Carried {
        Carried::Own
    }

    fn arity(&self) -> usize {
        2
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        super::rank(&inputs[0], 3, "the table")?;
        has_indices(&inputs[1], inputs[0].shape.dims()[0])?;
        let (b, _, n, e) = self.dims(&inputs[0], &inputs[1]);
        Ok(Type { shape: [b, n, e].into(), dtype: inputs[0].dtype })
    }

    fn vjp(&self, v: &Vjp) -> Option<Cotangents> {
        let (b, rows, n, e) = self.dims(&v.inputs[0].ty(), &v.inputs[1].ty());
        let indices = &v.inputs[1];
        // One number a table: an expression, which joins the kernel that reads it.
        let one_hot = || {
            let label = indices.cast(Dtype::F32).reshape([b, 1, 1]);
            let hit = indices.graph().iota(rows).reshape([1, rows, 1]).equal(&label); // [B, V, 1]
            hit.select(v.dy, &v.dy.full_like(0.0))
        };
        let scattered = || Tensor::apply(ScatterAdd { rows }, &[v.dy.clone(), indices.clone()]);
        let float = v.dy.dtype() == Dtype::F32;
        Some(vec![float.then(|| if n * e == 1 && rows < 1 << 24 { one_hot() } else { scattered() }), None])
    }

    fn flops(&self, _inputs: &[Type], _output: &Type) -> u64 {
        0
    }

    fn moved(&self, inputs: &[Type], output: &Type, _in_place: bool) -> usize {
        inputs[1].numel() + inputs[0].numel().min(output.numel()) + output.numel()
    }
}

impl Tensor {
    /// Rows of this table [V, ..] by `indices` u32 of any shape: [indices' axes, ..], as PyTorch's embedding. An index of V
    /// or more gives zeros (see [`Gather`]).
    pub fn gather(&self, indices: &Tensor) -> Tensor {
        let (v, inner) = self.dims().split_first().map_or((1, &[][..]), |(&v, inner)| (v, inner));
        let (n, e) = (indices.shape().numel(), inner.iter().product());
        let table = self.reshape([1, v, e]);
        let shape = Shape::from([indices.dims(), inner].concat());
        self.graph.apply(Gather, &[table, indices.reshape([1, n])]).reshape(shape)
    }

    /// The element of each row of this [.., V] that `indices` u32 [..] names: [..]. An index of V or more gives 0.
    pub fn pick(&self, indices: &Tensor) -> Tensor {
        let (v, rows) = (self.shape().last(), indices.shape().numel());
        let table = self.reshape([rows, v, 1]);
        self.graph.apply(Gather, &[table, indices.reshape([rows, 1])]).reshape(indices.shape())
    }
}

/// Indices below `n`, for tests.
pub(super) fn indices(shape: [usize; 2], n: u32) -> Given {
    Given::fixed(Type::u32(shape), Fill::Below(n))
}

pub fn cases() -> Vec<Case> {
    const S: &str = "gather";
    let case = |name, table: [usize; 3], n, below| {
        Case::op(S, name, Gather, vec![Given::normal(table), indices([table[0], n], below)]).tolerance(0.0, 0.0)
    };
    let words = vec![Given::fixed(Type::u32([1, 5, 3]), Fill::Below(u32::MAX)), indices([1, 9], 6)];
    vec![
        case("one element", [1, 1, 1], 1, 1),
        case("rows of an odd length", [1, 7, 5], 9, 7),
        case("quads, more than a workgroup", [1, 19, 24], 50, 19),
        case("several tables, indices outside", [3, 4, 6], 8, 6),
        case("no index", [2, 3, 4], 0, 3),
        case("no table", [1, 0, 3], 4, 9),
        Case::op(S, "words", Gather, words).without_gradient(),
        Case::composed(S, "one number a row", vec![Given::normal([6, 11]), Given::fixed(Type::u32([6]), Fill::Below(12))], |t| {
            t[0].pick(&t[1])
        }),
        Case::composed(S, "images by index", vec![Given::normal([5, 2, 3]), indices([2, 3], 5)], |t| t[0].gather(&t[1])),
    ]
}
