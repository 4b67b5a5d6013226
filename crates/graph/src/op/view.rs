//! Movement without work: other ways to index the same memory.

use super::{Carried, Case, Cotangents, Fill, Given, Operation, Vjp};
use crate::shape::{Shape, Type};
use crate::tensor::Tensor;

/// Same elements in row-major order, another shape.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reshape {
    pub shape: Shape,
}

/// Axis `d` of the result is axis `axes[d]` of the operand.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Permute {
    pub axes: Vec<usize>,
}

/// Broadcast to `shape`, as NumPy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Expand {
    pub shape: Shape,
}

/// Elements `start..end` of one axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Slice {
    pub axis: usize,
    pub start: usize,
    pub end: usize,
}

/// Reverses one axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Flip {
    pub axis: usize,
}

/// The same tensor, through which no gradient flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Detach;

macro_rules! view {
    () => {
        fn stem(&self) -> &'static str {
            "view"
        }

        fn carried(&self) -> Carried {
            Carried::View
        }

        fn arity(&self) -> usize {
            1
        }

        fn flops(&self, _inputs: &[Type], _output: &Type) -> u64 {
            0
        }
    };
}

fn has_axis(t: &Type, axis: usize) -> Result<usize, String> {
    t.shape.dims().get(axis).copied().ok_or_else(|| format!("no axis {axis} in {}", t.shape))
}

fn with_shape(t: &Type, shape: Shape) -> Type {
    Type { shape, dtype: t.dtype }
}

impl Operation for Reshape {
    view!();

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        if inputs[0].numel() != self.shape.numel() {
            return Err(format!("{} does not have the {} elements of {}", inputs[0].shape, self.shape.numel(), self.shape));
        }
        Ok(with_shape(&inputs[0], self.shape.clone()))
    }

    fn vjp(&self, v: &Vjp) -> Option<Cotangents> {
        Some(vec![Some(v.dy.reshape(v.inputs[0].shape()))])
    }
}

impl Permute {
    /// The permutation that undoes this one.
    pub fn inverse(&self) -> Permute {
        let mut axes = vec![0; self.axes.len()];
        for (d, &a) in self.axes.iter().enumerate() {
            axes[a] = d;
        }
        Permute { axes }
    }
}

impl Operation for Permute {
    view!();

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        let mut sorted = self.axes.clone();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(0..inputs[0].shape.rank()) {
            return Err(format!("{:?} is no permutation of the axes of {}", self.axes, inputs[0].shape));
        }
        let dims = inputs[0].shape.dims();
        Ok(with_shape(&inputs[0], self.axes.iter().map(|&a| dims[a]).collect::<Vec<_>>().into()))
    }

    fn vjp(&self, v: &Vjp) -> Option<Cotangents> {
        Some(vec![Some(Tensor::apply(self.inverse(), std::slice::from_ref(v.dy)))])
    }
}

impl Operation for Expand {
    view!();

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        if inputs[0].shape.broadcast(&self.shape).as_ref() != Some(&self.shape) {
            return Err(format!("{} does not broadcast to {}", inputs[0].shape, self.shape));
        }
        Ok(with_shape(&inputs[0], self.shape.clone()))
    }

    fn vjp(&self, v: &Vjp) -> Option<Cotangents> {
        Some(vec![Some(v.dy.sum_to(v.inputs[0].shape()))])
    }
}

impl Operation for Slice {
    view!();

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        let n = has_axis(&inputs[0], self.axis)?;
        if self.start > self.end || self.end > n {
            return Err(format!("{}..{} is not within axis {} of {}", self.start, self.end, self.axis, inputs[0].shape));
        }
        let mut dims = inputs[0].shape.dims().to_vec();
        dims[self.axis] = self.end - self.start;
        Ok(with_shape(&inputs[0], dims.into()))
    }

    fn vjp(&self, v: &Vjp) -> Option<Cotangents> {
        let n = v.inputs[0].dims()[self.axis];
        Some(vec![Some(v.dy.pad(self.axis, self.start, n - self.end, 0.0))])
    }
}

impl Operation for Flip {
    view!();

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        has_axis(&inputs[0], self.axis)?;
        Ok(inputs[0].clone())
    }

    fn vjp(&self, v: &Vjp) -> Option<Cotangents> {
        Some(vec![Some(v.dy.flip(self.axis))])
    }
}

impl Operation for Detach {
    view!();

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        Ok(inputs[0].clone())
    }

    fn vjp(&self, _v: &Vjp) -> Option<Cotangents> {
        Some(vec![None])
    }
}

pub fn cases() -> Vec<Case> {
    const S: &str = "view";
    let words = |shape: &[usize]| Given::fixed(Type::u32(shape), Fill::Below(u32::MAX));
    vec![
        Case::op(S, "reshape", Reshape { shape: [6, 4].into() }, vec![Given::normal([2, 3, 4])]),
        Case::op(S, "permute", Permute { axes: vec![2, 0, 1] }, vec![Given::normal([2, 3, 4])]),
        Case::op(S, "transpose, large", Permute { axes: vec![1, 0] }, vec![Given::normal([33, 65])]),
        Case::op(S, "permute words", Permute { axes: vec![1, 0] }, vec![words(&[3, 5])]).without_gradient(),
        Case::op(S, "expand", Expand { shape: [4, 3, 5].into() }, vec![Given::normal([3, 1])]),
        Case::op(S, "slice", Slice { axis: 1, start: 1, end: 3 }, vec![Given::normal([2, 4, 3])]),
        Case::op(S, "slice of nothing", Slice { axis: 0, start: 1, end: 1 }, vec![Given::normal([2, 3])]),
        Case::op(S, "flip", Flip { axis: 1 }, vec![Given::normal([2, 4, 3])]),
        Case::op(S, "detach", Detach, vec![Given::normal([3])]).without_gradient(),
        Case::composed(S, "one element of a computed tensor", vec![Given::normal([4]), Given::normal([3, 5])], |t| {
            &t[1] * &t[0].tanh().slice(0, 0, 1)
        }),
        Case::composed(S, "flip, permute, slice, in a sum", vec![Given::normal([4, 6]), Given::normal([3, 4])], |t| {
            let v = t[0].flip(1).permute(&[1, 0]).slice(0, 2, 5); // [3, 4]
            &v + &t[1]
        }),
    ]
}
