//! The transpose of pooling: cotangents of images from those of their windows.

use super::pool2d::WINDOWS;
use super::{Carried, Case, Cotangents, Fill, Given, Operation, Pool2d, PoolDims, PoolKind, PoolWindow, Vjp, floats};
use crate::shape::Type;
use crate::tensor::Tensor;

/// dy [B, h, w, C] -> dx [B, H, W, C]: each element of dy goes to all of its window, scaled as `pool` says, or, for
/// [`PoolKind::Max`], to the first largest element of the window in the second operand, x [B, H, W, C]. Each dx is a sum over
/// its windows in ascending order. f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pool2dGrad {
    pub pool: Pool2d,
    /// Height and width of the image.
    pub size: [usize; 2],
}

impl Pool2dGrad {
    /// Sizes for a cotangent [B, h, w, C] and the image [B, H, W, C] that results.
    pub fn dims(&self, dy: &Type, image: &Type) -> PoolDims {
        self.pool.dims(image, dy)
    }
}

impl Operation for Pool2dGrad {
    fn stem(&self) -> &'static str {
        "pool2d_grad"
    }

    fn carried(&self) -> Carried {
        Carried::Own
    }

    fn arity(&self) -> usize {
        if self.pool.kind == PoolKind::Max { 2 } else { 1 }
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        floats(inputs, self.arity())?;
        super::rank(&inputs[0], 4, "the cotangent")?;
        let dims = inputs[0].shape.dims();
        let image = Type::f32([dims[0], self.size[0], self.size[1], dims[3]]);
        let result = self.pool.result(&image)?;
        if result != inputs[0] {
            return Err(format!("the cotangent of an image {image} must be {result}"));
        }
        match inputs.get(1) {
            Some(x) if *x != image => Err(format!("the image must be {image}, got {x}")),
            _ => Ok(image),
        }
    }

    fn vjp(&self, v: &Vjp) -> Option<Cotangents> {
        if self.pool.kind == PoolKind::Max {
            return None;
        }
        Some(vec![Some(Tensor::apply(self.pool, std::slice::from_ref(v.dy)))])
    }

    fn flops(&self, inputs: &[Type], _output: &Type) -> u64 {
        let kernel = self.pool.window.kernel;
        (kernel[0] * kernel[1] * inputs[0].numel()) as u64
    }
}

impl Tensor {
    /// Nearest upsampling of [B, H, W, C] by a whole factor, at least 1: each pixel becomes `factor` by `factor` pixels. One
    /// kernel in either direction; all derivatives.
    pub fn upsample_nearest(&self, factor: usize) -> Tensor {
        let pool = Pool2d { kind: PoolKind::Sum, window: PoolWindow::tiles(factor) };
        let size = |axis: usize| self.dims().get(axis).map_or(0, |n| n * factor);
        Tensor::apply(Pool2dGrad { pool, size: [size(1), size(2)] }, std::slice::from_ref(self))
    }
}

pub fn cases() -> Vec<Case> {
    const S: &str = "pool2d_grad";
    let mut all: Vec<Case> = Vec::new();
    for (name, window, shape) in WINDOWS {
        let pool = |kind| Pool2d { kind, window };
        let result = pool(PoolKind::Sum).result(&Type::f32(shape)).expect("a window that fits");
        let dy = || Given::normal(result.shape.clone());
        let op = |kind| Pool2dGrad { pool: pool(kind), size: [shape[1], shape[2]] };
        all.push(Case::op(S, format!("Average: {name}"), op(PoolKind::Average), vec![dy()]));
        let ties = Given::fixed(Type::f32(shape), Fill::Below(3));
        all.push(Case::op(S, format!("Max, ties: {name}"), op(PoolKind::Max), vec![dy(), ties]).without_gradient());
        let nan = Given::fixed(Type::f32(shape), Fill::Cycle(super::pool2d::NAN));
        all.push(Case::op(S, format!("Max, NaN: {name}"), op(PoolKind::Max), vec![dy(), nan]).not_finite());
    }
    let upsample = |factor, shape: [usize; 4]| {
        Case::composed(S, format!("nearest, {shape:?} by {factor}"), vec![Given::normal(shape)], move |t| {
            t[0].upsample_nearest(factor)
        })
    };
    all.extend([upsample(1, [1, 2, 3, 2]), upsample(2, [2, 3, 5, 4]), upsample(3, [1, 2, 2, 5]), upsample(2, [0, 2, 2, 3])]);
    all
}
