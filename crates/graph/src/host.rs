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
}
