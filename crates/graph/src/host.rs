//! Tensors in host memory: what goes into a device and comes back.

use crate::shape::{Dtype, Shape, Type};

#[derive(Clone, Debug, PartialEq)]
pub enum HostData {
    F32(Vec<f32>),
    U32(Vec<u32>),
}

/// A tensor on the host, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct HostTensor {
    pub shape: Shape,
    pub data: HostData,
}

impl HostTensor {
    /// # Panics
    /// When `data` does not hold as many elements as `shape` says: a mistake of the program, not of its user.
    pub fn f32(shape: impl Into<Shape>, data: impl Into<Vec<f32>>) -> Self {
        let (shape, data) = (shape.into(), data.into());
        assert_eq!(shape.numel(), data.len(), "elements of a host tensor of shape {shape}");
        HostTensor { shape, data: HostData::F32(data) }
    }

    /// # Panics
    /// As [`HostTensor::f32`].
    pub fn u32(shape: impl Into<Shape>, data: impl Into<Vec<u32>>) -> Self {
        let (shape, data) = (shape.into(), data.into());
        assert_eq!(shape.numel(), data.len(), "elements of a host tensor of shape {shape}");
        HostTensor { shape, data: HostData::U32(data) }
    }

    pub fn scalar(value: f32) -> Self {
        Self::f32(Shape::scalar(), [value])
    }

    /// From the raw words of a device.
    pub fn from_words(ty: &Type, words: &[u32]) -> Self {
        match ty.dtype {
            Dtype::F32 => Self::f32(ty.shape.clone(), bytemuck::cast_slice::<u32, f32>(words)),
            Dtype::U32 => Self::u32(ty.shape.clone(), words),
        }
    }

    pub fn ty(&self) -> Type {
        let dtype = match self.data {
            HostData::F32(_) => Dtype::F32,
            HostData::U32(_) => Dtype::U32,
        };
        Type { shape: self.shape.clone(), dtype }
    }

    /// The elements' bit patterns, as devices hold them.
    pub fn words(&self) -> &[u32] {
        match &self.data {
            HostData::F32(v) => bytemuck::cast_slice(v),
            HostData::U32(v) => v,
        }
    }

    /// The elements, if they are floats.
    pub fn as_f32(&self) -> Option<&[f32]> {
        match &self.data {
            HostData::F32(v) => Some(v),
            HostData::U32(_) => None,
        }
    }

    /// The elements, if they are unsigned integers.
    pub fn as_u32(&self) -> Option<&[u32]> {
        match &self.data {
            HostData::U32(v) => Some(v),
            HostData::F32(_) => None,
        }
    }

    /// The single element of a one-element float tensor.
    pub fn item(&self) -> Option<f32> {
        self.as_f32().filter(|v| v.len() == 1).map(|v| v[0])
    }

    /// Axis `d` of the result is axis `axes[d]` of this.
    ///
    /// # Panics
    /// When `axes` are not all axes of this, each once.
    #[must_use]
    pub fn permuted(&self, axes: &[usize]) -> Self {
        let (from, strides) = (self.shape.dims(), self.shape.strides());
        assert!(axes.len() == from.len() && (0..from.len()).all(|axis| axes.contains(&axis)), "axes {axes:?} of {}", self.shape);
        let dims: Vec<(usize, isize)> = axes.iter().map(|&axis| (from[axis], strides[axis])).collect();
        let shape = Shape::from(dims.iter().map(|d| d.0).collect::<Vec<_>>());
        match &self.data {
            HostData::F32(data) => Self::f32(shape, walk(data, &dims)),
            HostData::U32(data) => Self::u32(shape, walk(data, &dims)),
        }
    }
}

/// Elements in row-major order of dimensions that are given with their strides.
fn walk<T: Copy>(data: &[T], dims: &[(usize, isize)]) -> Vec<T> {
    let mut walked = Vec::with_capacity(data.len());
    let mut at = vec![0_usize; dims.len()];
    let mut from = 0_isize;
    for _ in 0..data.len() {
        walked.push(data[from as usize]);
        for (at, &(n, stride)) in at.iter_mut().zip(dims).rev() {
            *at += 1;
            from += stride;
            if *at < n {
                break;
            }
            from -= stride * n as isize;
            *at = 0;
        }
    }
    walked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_permuted_as_named() {
        let t = HostTensor::u32([2, 3, 1], [0, 1, 2, 3, 4, 5]);
        assert_eq!(t.permuted(&[1, 2, 0]), HostTensor::u32([3, 1, 2], [0, 3, 1, 4, 2, 5]));
        assert_eq!(t.permuted(&[1, 2, 0]).permuted(&[2, 0, 1]), t);
        assert_eq!(HostTensor::f32([0, 2], []).permuted(&[1, 0]), HostTensor::f32([2, 0], []));
        assert_eq!(HostTensor::scalar(3.0).permuted(&[]), HostTensor::scalar(3.0));
    }
}
