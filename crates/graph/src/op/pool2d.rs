//! Pooling of images over windows.

use super::{Carried, Case, Cotangents, Given, Operation, Pool2dGrad, Vjp, floats};
use crate::shape::Type;
use crate::tensor::Tensor;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PoolKind {
    /// The largest of the window. Padding is never chosen; of equal elements the first (row-major) has the gradient, as in
    /// PyTorch. First order only.
    Max,
    /// The sum, divided by the kernel's whole area: padding counts as zeros (PyTorch's default, `count_include_pad`).
    Average,
    /// The sum. Its transpose repeats elements: nearest upsampling.
    Sum,
}

/// A window over height and width: output `⌊(n + 2 pad - kernel) / stride⌋ + 1`, as PyTorch's default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PoolWindow {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    /// On both sides; at most half the kernel, so that every window holds an element.
    pub pad: [usize; 2],
}

impl PoolWindow {
    /// Square windows side by side: `size` pixels become one.
    pub fn tiles(size: usize) -> Self {
        PoolWindow { kernel: [size; 2], stride: [size; 2], pad: [0; 2] }
    }

    /// Height or width of the result for `n` pixels.
    ///
    /// # Errors
    /// A window that is no window, or larger than the padded image.
    fn output(&self, axis: usize, n: usize) -> Result<usize, String> {
        let (kernel, stride, pad) = (self.kernel[axis], self.stride[axis], self.pad[axis]);
        if kernel == 0 || stride == 0 || 2 * pad > kernel {
            return Err(format!("kernel {kernel} and stride {stride} must be at least 1, pad {pad} at most half the kernel"));
        }
        match (n + 2 * pad).checked_sub(kernel) {
            Some(room) if n > 0 => Ok(room / stride + 1),
            _ => Err(format!("a kernel of {kernel} does not fit {n} pixels with {pad} more on both sides")),
        }
    }
}

/// Sizes of a pooling, of its operand and of its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolDims {
    pub window: PoolWindow,
    pub batch: usize,
    /// Height and width of the image.
    pub size: [usize; 2],
    /// Height and width of the result.
    pub out: [usize; 2],
    pub channels: usize,
}

impl PoolDims {
    /// Window `out` on an axis: the elements of the image that it holds.
    pub fn window(&self, axis: usize, out: usize) -> std::ops::Range<usize> {
        let w = &self.window;
        let start = out * w.stride[axis]; // of the padded image
        start.saturating_sub(w.pad[axis])..(start + w.kernel[axis] - w.pad[axis]).min(self.size[axis])
    }

    /// The windows on an axis that hold element `at`.
    pub fn windows(&self, axis: usize, at: usize) -> std::ops::Range<usize> {
        let w = &self.window;
        let at = at + w.pad[axis];
        let first = (at + 1).saturating_sub(w.kernel[axis]).div_ceil(w.stride[axis]);
        first..(at / w.stride[axis] + 1).min(self.out[axis])
    }
}

/// x [B, H, W, C] -> [B, h, w, C]: the largest, mean or sum of each window, channel by channel. f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pool2d {
    pub kind: PoolKind,
    pub window: PoolWindow,
}

impl Pool2d {
    /// What the sum of a window is multiplied by.
    pub fn scale(&self) -> f32 {
        match self.kind {
            PoolKind::Average => 1.0 / (self.window.kernel[0] * self.window.kernel[1]) as f32,
            PoolKind::Max | PoolKind::Sum => 1.0,
        }
    }

    /// Sizes for an image [B, H, W, C] with this result [B, h, w, C].
    pub fn dims(&self, image: &Type, result: &Type) -> PoolDims {
        let (x, y) = (image.shape.dims(), result.shape.dims());
        PoolDims { window: self.window, batch: x[0], size: [x[1], x[2]], out: [y[1], y[2]], channels: x[3] }
    }

    /// Type of the result for an image [B, H, W, C].
    pub(super) fn result(&self, image: &Type) -> Result<Type, String> {
        super::rank(image, 4, "the image")?;
        let dims = image.shape.dims();
        Ok(Type::f32([dims[0], self.window.output(0, dims[1])?, self.window.output(1, dims[2])?, dims[3]]))
    }
}

impl Operation for Pool2d {
    fn stem(&self) -> &'static str {
        "pool2d"
    }

    fn carried(&self) -> Carried {
        Carried::Own
    }

    fn arity(&self) -> usize {
        1
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        floats(inputs, 1)?;
        self.result(&inputs[0])
    }

    fn vjp(&self, v: &Vjp) -> Option<Cotangents> {
        let x = &v.inputs[0];
        let op = Pool2dGrad { pool: *self, size: [x.dims()[1], x.dims()[2]] };
        let chosen = (self.kind == PoolKind::Max).then(|| x.clone());
        let operands: Vec<Tensor> = [v.dy.clone()].into_iter().chain(chosen).collect();
        Some(vec![Some(Tensor::apply(op, &operands))])
    }

    fn flops(&self, _inputs: &[Type], output: &Type) -> u64 {
        (self.window.kernel[0] * self.window.kernel[1] * output.numel()) as u64
    }
}

impl Tensor {
    /// The largest of each window of [B, H, W, C]. First order only.
    pub fn max_pool2d(&self, window: PoolWindow) -> Tensor {
        Tensor::apply(Pool2d { kind: PoolKind::Max, window }, std::slice::from_ref(self))
    }

    /// The mean of each window of [B, H, W, C], padding counted as zeros.
    pub fn avg_pool2d(&self, window: PoolWindow) -> Tensor {
        Tensor::apply(Pool2d { kind: PoolKind::Average, window }, std::slice::from_ref(self))
    }
}

/// Windows that both directions are tested with: overlapping, with gaps, with padding, not square.
pub(super) const WINDOWS: [(&str, PoolWindow, [usize; 4]); 6] = [
    ("one pixel", PoolWindow { kernel: [1, 1], stride: [1, 1], pad: [0, 0] }, [1, 1, 1, 1]),
    ("2 by 2", PoolWindow { kernel: [2, 2], stride: [2, 2], pad: [0, 0] }, [2, 6, 8, 5]),
    ("overlapping, padded, a rest", PoolWindow { kernel: [3, 3], stride: [2, 2], pad: [1, 1] }, [2, 8, 7, 4]),
    ("with gaps", PoolWindow { kernel: [1, 2], stride: [2, 3], pad: [0, 1] }, [3, 6, 9, 3]),
    ("along a line", PoolWindow { kernel: [1, 3], stride: [1, 3], pad: [0, 0] }, [2, 1, 20, 8]),
    ("all of it, more than a workgroup", PoolWindow { kernel: [4, 5], stride: [4, 5], pad: [0, 0] }, [2, 4, 5, 300]),
];

/// Values of images of which some windows hold a NaN.
pub(super) const NAN: &[f32] =
    &[3.0, -1.0, 2.0, 7.0, f32::NAN, 5.0, -4.0, 0.5, 1.5, 6.0, 8.0, -7.0, 4.0, 2.5, f32::INFINITY, 9.0, 1.0];

pub fn cases() -> Vec<Case> {
    let case = |kind, name: &str, window, shape: [usize; 4]| {
        Case::op("pool2d", format!("{kind:?}: {name}"), Pool2d { kind, window }, vec![Given::normal(shape)])
    };
    let mut all: Vec<Case> = Vec::new();
    for kind in [PoolKind::Max, PoolKind::Average] {
        all.extend(WINDOWS.iter().map(|&(name, window, shape)| case(kind, name, window, shape)));
    }
    let equal = Given { differentiable: true, ..Given::fixed(Type::f32([1, 6, 6, 4]), super::Fill::Below(3)) };
    let window = PoolWindow { kernel: [3, 3], stride: [2, 2], pad: [1, 1] };
    // Its gradient is right by convention, not by differences: pool2d_grad has it, and the goldens.
    all.push(Case::op("pool2d", "Max: ties", Pool2d { kind: PoolKind::Max, window }, vec![equal]).without_gradient());
    for (name, shape) in [("one channel", [1, 6, 6, 1]), ("channels in fours", [2, 6, 5, 4])] {
        let given = Given { fill: super::Fill::Cycle(NAN), ..Given::normal(shape) };
        let op = Pool2d { kind: PoolKind::Max, window };
        all.push(Case::op("pool2d", format!("Max with NaN: {name}"), op, vec![given]).not_finite());
    }
    all.push(case(PoolKind::Sum, "2 by 2", PoolWindow::tiles(2), [2, 4, 6, 3]));
    all.push(case(PoolKind::Average, "no image", PoolWindow::tiles(2), [0, 4, 4, 3]));
    all
}
