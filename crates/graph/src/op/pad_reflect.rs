//! Padding of images with their own reflection.

use super::{Carried, Case, Cotangents, Given, Operation, PadReflectGrad, Vjp, floats};
use crate::shape::Type;
use crate::tensor::Tensor;

/// Before and after, in height and in width.
pub type Borders = [[usize; 2]; 2];

/// x [B, H, W, C] -> [B, top + H + bottom, left + W + right, C], mirrored at the border pixels, which are not repeated:
/// `y[-i] = x[i]`. Each border is less than the image. f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PadReflect {
    pub borders: Borders,
}

/// Sizes of an image and its borders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReflectDims {
    pub batch: usize,
    /// Height and width without borders.
    pub size: [usize; 2],
    /// Height and width with borders.
    pub padded: [usize; 2],
    pub borders: Borders,
    pub channels: usize,
}

impl ReflectDims {
    /// For an image [B, H, W, C] and its borders.
    pub fn new(image: &Type, borders: Borders) -> Self {
        let dims = image.shape.dims();
        let padded = [0, 1].map(|axis| borders[axis][0] + dims[axis + 1] + borders[axis][1]);
        ReflectDims { batch: dims[0], size: [dims[1], dims[2]], padded, borders, channels: dims[3] }
    }

    /// The element of the image that lies at `k` of the padded axis.
    pub fn source(&self, axis: usize, k: usize) -> usize {
        let (at, last) = (k.abs_diff(self.borders[axis][0]), self.size[axis] - 1);
        if at > last { 2 * last - at } else { at }
    }

    /// Where the element `at` of the image lies on the padded axis: in the middle, in the border before, in that after.
    pub fn places(&self, axis: usize, at: usize) -> [Option<usize>; 3] {
        let ([before, after], last) = (self.borders[axis], self.size[axis] - 1);
        let mirrored = 2 * last - at;
        [
            Some(before + at),
            (1..=before).contains(&at).then(|| before - at),
            (at < last && mirrored <= last + after).then(|| before + mirrored),
        ]
    }
}

impl PadReflect {
    /// The same border on all four sides.
    pub fn all(border: usize) -> Self {
        PadReflect { borders: [[border; 2]; 2] }
    }

    /// Type of the result for an image [B, H, W, C].
    pub(super) fn result(&self, image: &Type) -> Result<Type, String> {
        super::rank(image, 4, "the image")?;
        for (&n, border) in image.shape.dims()[1..3].iter().zip(self.borders) {
            if border[0].max(border[1]) >= n {
                return Err(format!("borders {border:?} must be less than the {n} pixels that they reflect"));
            }
        }
        let d = ReflectDims::new(image, self.borders);
        Ok(Type::f32([d.batch, d.padded[0], d.padded[1], d.channels]))
    }
}

impl Operation for PadReflect {
    fn stem(&self) -> &'static str {
        "pad_reflect"
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
        Some(vec![Some(Tensor::apply(PadReflectGrad { borders: self.borders }, std::slice::from_ref(v.dy)))])
    }

    fn flops(&self, _inputs: &[Type], _output: &Type) -> u64 {
        0
    }
}

impl Tensor {
    /// [B, H, W, C] with `border` pixels more on every side, mirrored.
    pub fn pad_reflect(&self, border: usize) -> Tensor {
        Tensor::apply(PadReflect::all(border), std::slice::from_ref(self))
    }
}

/// Borders and images that both directions are tested with.
pub(super) const BORDERS: [(&str, Borders, [usize; 4]); 6] = [
    ("one pixel, no border", [[0, 0], [0, 0]], [1, 1, 1, 1]),
    ("one pixel of border", [[1, 1], [1, 1]], [2, 5, 6, 4]),
    ("as much as there is", [[2, 2], [3, 3]], [2, 3, 4, 3]),
    ("sides differ", [[0, 3], [2, 1]], [1, 4, 5, 5]),
    ("more than a workgroup", [[3, 3], [3, 3]], [1, 9, 11, 16]),
    ("no image", [[1, 1], [1, 1]], [0, 4, 4, 3]),
];

pub fn cases() -> Vec<Case> {
    let case = |&(name, borders, shape): &(&str, Borders, [usize; 4])| {
        Case::op("pad_reflect", name, PadReflect { borders }, vec![Given::normal(shape)])
    };
    BORDERS.iter().map(case).collect()
}
