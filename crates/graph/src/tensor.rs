//! The handle that model code works with.

use std::ops::{Add, Div, Mul, Sub};

use crate::expr::{Binary, Unary};
use crate::graph::{Graph, NodeId};
use crate::op::{
    BatchNorm, BatchNormStats, Cast, Concat, Conv2d, Conv2dTranspose, Detach, Expand, Flip, Full, LogSumExp, MatMul, Op, Pad,
    Permute, Reduce, ReduceKind, Reshape, Select, Slice, Softmax, Window,
};
use crate::shape::{Dtype, Shape, Type};

/// A tensor of a graph: cheap to clone, immutable. Methods add nodes; the first error is kept in the graph (see
/// [`Graph::finish`]) and what follows is built on as well as it can be.
#[derive(Clone)]
pub struct Tensor {
    pub(crate) graph: Graph,
    pub(crate) id: NodeId,
    ty: Type,
}

impl std::fmt::Debug for Tensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tensor({} {})", self.id, self.ty)
    }
}

/// Shapes and lists of axes that [`Tensor`]'s methods take.
pub trait IntoShape {
    fn into_shape(self) -> Shape;
}

impl<T: Into<Shape>> IntoShape for T {
    fn into_shape(self) -> Shape {
        self.into()
    }
}

impl IntoShape for &Shape {
    fn into_shape(self) -> Shape {
        self.clone()
    }
}

impl Tensor {
    pub(crate) fn new(graph: Graph, id: NodeId, ty: Type) -> Self {
        Tensor { graph, id, ty }
    }

    /// Applies an op to tensors of one graph. `operands` is not empty unless the op takes none, in which case use
    /// [`Graph::apply`].
    pub fn apply(op: impl Into<Op>, operands: &[Tensor]) -> Tensor {
        operands[0].graph.apply(op, operands)
    }

    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    pub fn ty(&self) -> Type {
        self.ty.clone()
    }

    pub fn shape(&self) -> &Shape {
        &self.ty.shape
    }

    pub fn dims(&self) -> &[usize] {
        self.ty.shape.dims()
    }

    pub fn dtype(&self) -> Dtype {
        self.ty.dtype
    }

    fn unary(&self, op: impl Into<Op>) -> Tensor {
        self.graph.apply(op, std::slice::from_ref(self))
    }

    fn binary(&self, op: Binary, other: &Tensor) -> Tensor {
        self.graph.apply(op, &[self.clone(), other.clone()])
    }

    /// A constant of this tensor's graph, without axes: it broadcasts.
    fn constant(&self, value: f32) -> Tensor {
        self.graph.scalar(value)
    }

    /// `value` in this tensor's shape.
    pub fn full_like(&self, value: f32) -> Tensor {
        self.graph.apply(Full { shape: self.ty.shape.clone(), value: value.into() }, &[])
    }

    pub fn neg(&self) -> Tensor {
        self.unary(Unary::Neg)
    }

    pub fn abs(&self) -> Tensor {
        self.unary(Unary::Abs)
    }

    pub fn sign(&self) -> Tensor {
        self.unary(Unary::Sign)
    }

    pub fn exp(&self) -> Tensor {
        self.unary(Unary::Exp)
    }

    /// Natural logarithm.
    pub fn log(&self) -> Tensor {
        self.unary(Unary::Log)
    }

    pub fn sqrt(&self) -> Tensor {
        self.unary(Unary::Sqrt)
    }

    /// 1 / sqrt(x).
    pub fn rsqrt(&self) -> Tensor {
        self.unary(Unary::Rsqrt)
    }

    /// 1 / x.
    pub fn recip(&self) -> Tensor {
        self.unary(Unary::Recip)
    }

    pub fn square(&self) -> Tensor {
        self.unary(Unary::Square)
    }

    pub fn tanh(&self) -> Tensor {
        self.unary(Unary::Tanh)
    }

    pub fn sigmoid(&self) -> Tensor {
        self.unary(Unary::Sigmoid)
    }

    /// log(1 + exp(x)).
    pub fn softplus(&self) -> Tensor {
        self.unary(Unary::Softplus)
    }

    pub fn relu(&self) -> Tensor {
        self.unary(Unary::Relu)
    }

    /// x where positive, else slope · x.
    pub fn leaky_relu(&self, slope: f32) -> Tensor {
        self.unary(Unary::LeakyRelu(slope.into()))
    }

    pub fn floor(&self) -> Tensor {
        self.unary(Unary::Floor)
    }

    /// Elementwise maximum.
    pub fn max(&self, other: &Tensor) -> Tensor {
        self.binary(Binary::Max, other)
    }

    /// Elementwise minimum.
    pub fn min(&self, other: &Tensor) -> Tensor {
        self.binary(Binary::Min, other)
    }

    /// 1 where x > threshold, else 0.
    pub fn greater(&self, threshold: f32) -> Tensor {
        self.binary(Binary::Greater, &self.constant(threshold))
    }

    /// 1 where x >= other, else 0.
    pub fn greater_equal(&self, other: &Tensor) -> Tensor {
        self.binary(Binary::GreaterEqual, other)
    }

    /// 1 where x == other, else 0.
    pub fn equal(&self, other: &Tensor) -> Tensor {
        self.binary(Binary::Equal, other)
    }

    /// `a` where this is not 0, else `b`.
    pub fn select(&self, a: &Tensor, b: &Tensor) -> Tensor {
        self.graph.apply(Select, &[self.clone(), a.clone(), b.clone()])
    }

    /// The same value, through which no gradient flows.
    pub fn detach(&self) -> Tensor {
        self.unary(Detach)
    }

    pub fn cast(&self, to: Dtype) -> Tensor {
        self.unary(Cast { to })
    }

    pub fn reshape(&self, shape: impl IntoShape) -> Tensor {
        self.unary(Reshape { shape: shape.into_shape() })
    }

    /// Axis `d` of the result is axis `axes[d]`.
    pub fn permute(&self, axes: &[usize]) -> Tensor {
        self.unary(Permute { axes: axes.to_vec() })
    }

    /// Broadcast to `shape`.
    pub fn expand(&self, shape: impl IntoShape) -> Tensor {
        self.unary(Expand { shape: shape.into_shape() })
    }

    /// Elements `start..end` of `axis`.
    pub fn slice(&self, axis: usize, start: usize, end: usize) -> Tensor {
        self.unary(Slice { axis, start, end })
    }

    /// Reverses `axis`.
    pub fn flip(&self, axis: usize) -> Tensor {
        self.unary(Flip { axis })
    }

    /// `before` and `after` more elements of `value` on `axis`.
    pub fn pad(&self, axis: usize, before: usize, after: usize, value: f32) -> Tensor {
        self.unary(Pad { axis, before, after, value: value.into() })
    }

    /// This, then `other`, along `axis`.
    pub fn concat(&self, other: &Tensor, axis: usize) -> Tensor {
        self.graph.apply(Concat { axis }, &[self.clone(), other.clone()])
    }

    /// Reduces any set of axes, as one reduction for each run of neighbours, last first.
    fn reduce(&self, kind: ReduceKind, axes: &[usize]) -> Tensor {
        let mut sorted = axes.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let mut t = self.clone();
        while let Some(last) = sorted.pop() {
            let mut first = last;
            while sorted.last().is_some_and(|&a| a + 1 == first) {
                first -= 1;
                sorted.pop();
            }
            t = t.unary(Reduce { kind, first, end: last + 1 });
        }
        t
    }

    /// Sum over `axes`, which are removed.
    pub fn sum(&self, axes: &[usize]) -> Tensor {
        self.reduce(ReduceKind::Sum, axes)
    }

    /// Sum over `axes`, which are kept as 1.
    pub fn sum_keep(&self, axes: &[usize]) -> Tensor {
        let dims = self.dims().iter().enumerate();
        let kept: Vec<usize> = dims.map(|(d, &n)| if axes.contains(&d) { 1 } else { n }).collect();
        self.sum(axes).reshape(kept)
    }

    pub fn sum_all(&self) -> Tensor {
        self.sum(&(0..self.shape().rank()).collect::<Vec<_>>())
    }

    pub fn mean_all(&self) -> Tensor {
        self.sum_all() * (1.0 / self.shape().numel() as f32)
    }

    /// Mean over `axes`, which are removed.
    pub fn mean(&self, axes: &[usize]) -> Tensor {
        let n: usize = axes.iter().filter_map(|&a| self.dims().get(a)).product();
        self.sum(axes) * (1.0 / n as f32)
    }

    /// Largest over `axes`, which are removed.
    pub fn max_over(&self, axes: &[usize]) -> Tensor {
        self.reduce(ReduceKind::Max, axes)
    }

    /// Index of the first largest element along `axis`, u32.
    pub fn argmax(&self, axis: usize) -> Tensor {
        self.unary(Reduce { kind: ReduceKind::ArgMax, first: axis, end: axis + 1 })
    }

    /// Sums away what broadcasting added to reach this shape from `shape`.
    pub fn sum_to(&self, shape: &Shape) -> Tensor {
        if self.shape() == shape {
            return self.clone();
        }
        let extra = self.shape().rank().saturating_sub(shape.rank());
        let axes: Vec<usize> =
            (0..self.shape().rank()).filter(|&d| d < extra || (shape.dims()[d - extra] == 1 && self.dims()[d] != 1)).collect();
        self.sum(&axes).reshape(shape)
    }

    /// Matrix product over the last two axes.
    pub fn matmul(&self, other: &Tensor) -> Tensor {
        self.matmul_with(other, MatMul::PLAIN)
    }

    /// Matrix product with transposed operands.
    pub fn matmul_with(&self, other: &Tensor, op: MatMul) -> Tensor {
        self.graph.apply(op, &[self.clone(), other.clone()])
    }

    /// Convolution with weights [kh, kw, Cin, Cout].
    pub fn conv2d(&self, weights: &Tensor, window: Window) -> Tensor {
        self.graph.apply(Conv2d { window }, &[self.clone(), weights.clone()])
    }

    /// Transposed convolution with weights [kh, kw, C of the result, C of this]. `size`: height and width of the result;
    /// the smallest that fits where it is `None`.
    pub fn conv2d_transpose(&self, weights: &Tensor, window: Window, size: Option<[usize; 2]>) -> Tensor {
        let natural = |axis: usize| {
            let (n, kernel) = (*self.dims().get(axis + 1)?, *weights.dims().get(axis)?);
            window.transposed_output(axis, n, kernel)
        };
        let size = size.unwrap_or([natural(0).unwrap_or(0), natural(1).unwrap_or(0)]);
        self.graph.apply(Conv2dTranspose { window, size }, &[self.clone(), weights.clone()])
    }

    /// Softmax over the last axis.
    pub fn softmax(&self) -> Tensor {
        self.unary(Softmax)
    }

    /// log Σ exp over the last axis, which is removed.
    pub fn log_sum_exp(&self) -> Tensor {
        self.unary(LogSumExp)
    }

    /// Batch normalisation of [.., C] with the batch's own statistics (Ioffe and Szegedy 2015, algorithm 1): returns
    /// `scale (x - mean) / sqrt(var + eps) + shift` and the statistics [2, C]: mean, biased variance. scale, shift: [C].
    ///
    /// First order only. No gradient flows through the returned statistics.
    pub fn batch_norm(&self, scale: &Tensor, shift: &Tensor, eps: f32) -> (Tensor, Tensor) {
        let stats = self.unary(BatchNormStats);
        let operands = [self.clone(), stats.clone(), scale.clone(), shift.clone()];
        (self.graph.apply(BatchNorm { eps: eps.into() }, &operands), stats)
    }
}

macro_rules! arithmetic {
    ($($trait:ident $method:ident $op:ident),*) => {$(
        impl $trait<&Tensor> for &Tensor {
            type Output = Tensor;

            fn $method(self, other: &Tensor) -> Tensor {
                self.binary(Binary::$op, other)
            }
        }

        impl $trait<&Tensor> for Tensor {
            type Output = Tensor;

            fn $method(self, other: &Tensor) -> Tensor {
                self.binary(Binary::$op, other)
            }
        }

        impl $trait<Tensor> for Tensor {
            type Output = Tensor;

            fn $method(self, other: Tensor) -> Tensor {
                self.binary(Binary::$op, &other)
            }
        }

        impl $trait<Tensor> for &Tensor {
            type Output = Tensor;

            fn $method(self, other: Tensor) -> Tensor {
                self.binary(Binary::$op, &other)
            }
        }

        impl $trait<f32> for &Tensor {
            type Output = Tensor;

            fn $method(self, other: f32) -> Tensor {
                self.binary(Binary::$op, &self.constant(other))
            }
        }

        impl $trait<f32> for Tensor {
            type Output = Tensor;

            fn $method(self, other: f32) -> Tensor {
                self.binary(Binary::$op, &self.constant(other))
            }
        }

        impl $trait<&Tensor> for f32 {
            type Output = Tensor;

            fn $method(self, other: &Tensor) -> Tensor {
                other.constant(self).binary(Binary::$op, other)
            }
        }
    )*};
}

arithmetic!(Add add Add, Sub sub Sub, Mul mul Mul, Div div Div);
