//! Shapes and element types.

use std::fmt;

/// Element type of a tensor. Every element takes one 4-byte slot on every device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dtype {
    /// 32-bit float.
    F32,
    /// Indices, labels, counters and random words.
    U32,
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Dtype::F32 => "f32",
            Dtype::U32 => "u32",
        })
    }
}

/// Bytes of one element of any dtype.
pub const ELEMENT_BYTES: u64 = 4;

/// Sizes of a tensor's axes, outermost first; elements are row-major. The empty shape is a scalar.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Shape(Vec<usize>);

impl Shape {
    pub fn new(dims: impl Into<Vec<usize>>) -> Self {
        Shape(dims.into())
    }

    /// The shape of a scalar: no axes, one element.
    pub fn scalar() -> Self {
        Shape(Vec::new())
    }

    pub fn dims(&self) -> &[usize] {
        &self.0
    }

    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// Number of elements; 1 for a scalar.
    pub fn numel(&self) -> usize {
        self.0.iter().product()
    }

    pub fn bytes(&self) -> u64 {
        self.numel() as u64 * ELEMENT_BYTES
    }

    /// Size of the last axis; 1 for a scalar.
    pub fn last(&self) -> usize {
        self.0.last().copied().unwrap_or(1)
    }

    /// Row-major strides in elements.
    pub fn strides(&self) -> Vec<isize> {
        let mut strides = vec![1; self.rank()];
        for d in (1..self.rank()).rev() {
            strides[d - 1] = strides[d] * self.0[d] as isize;
        }
        strides
    }

    /// The shape that both broadcast to (NumPy's rule), or `None`.
    pub fn broadcast(&self, other: &Shape) -> Option<Shape> {
        let rank = self.rank().max(other.rank());
        let at = |s: &Shape, d: usize| (d + s.rank()).checked_sub(rank).map_or(1, |i| s.0[i]);
        (0..rank)
            .map(|d| match (at(self, d), at(other, d)) {
                (a, b) if a == b => Some(a),
                (1, b) => Some(b),
                (a, 1) => Some(a),
                _ => None,
            })
            .collect::<Option<Vec<_>>>()
            .map(Shape)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(dims: [usize; N]) -> Self {
        Shape(dims.to_vec())
    }
}

impl From<&[usize]> for Shape {
    fn from(dims: &[usize]) -> Self {
        Shape(dims.to_vec())
    }
}

impl From<Vec<usize>> for Shape {
    fn from(dims: Vec<usize>) -> Self {
        Shape(dims)
    }
}

/// Shape and element type of a tensor.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Type {
    pub shape: Shape,
    pub dtype: Dtype,
}

impl Type {
    pub fn f32(shape: impl Into<Shape>) -> Self {
        Type { shape: shape.into(), dtype: Dtype::F32 }
    }

    pub fn u32(shape: impl Into<Shape>) -> Self {
        Type { shape: shape.into(), dtype: Dtype::U32 }
    }

    pub fn numel(&self) -> usize {
        self.shape.numel()
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.dtype, self.shape)
    }
}
