//! Between memory and the host.

use calotype_graph::{DeviceError, Dtype, HostData, HostTensor, Type};

use crate::float::Float;

/// Whether a host tensor has this type.
///
/// # Errors
/// [`DeviceError::WrongType`], naming what it was meant for.
pub fn expect(name: &str, ty: &Type, value: &HostTensor) -> Result<(), DeviceError> {
    let got = value.ty();
    if got == *ty { Ok(()) } else { Err(DeviceError::WrongType { name: name.to_owned(), expected: ty.clone(), got }) }
}

/// Copies a host tensor into memory of its length.
pub fn store<T: Float>(value: &HostTensor, to: &mut [T]) {
    match &value.data {
        HostData::F32(v) => to.iter_mut().zip(v).for_each(|(t, &v)| *t = T::of(v)),
        HostData::U32(v) => to.iter_mut().zip(v).for_each(|(t, &v)| *t = T::from_word(v)),
    }
}

/// Writes numbers: floats as they are, u32s as words.
///
/// # Errors
/// [`DeviceError::WrongSize`].
pub fn store_f64<T: Float>(name: &str, ty: &Type, value: &[f64], to: &mut [T]) -> Result<(), DeviceError> {
    if value.len() != to.len() {
        let (expected, got) = (to.len(), value.len());
        return Err(DeviceError::WrongSize { name: name.to_owned(), expected, got, dtype: ty.dtype });
    }
    for (t, &v) in to.iter_mut().zip(value) {
        *t = if ty.dtype == Dtype::F32 { T::of_f64(v) } else { T::from_word(v as u32) };
    }
    Ok(())
}

/// The elements as numbers.
pub fn numbers<T: Float>(ty: &Type, values: &[T]) -> Vec<f64> {
    let number = |v: &T| if ty.dtype == Dtype::F32 { v.to_f64() } else { v.word().into() };
    values.iter().map(number).collect()
}

/// The elements as a host tensor.
pub fn host<T: Float>(ty: &Type, values: &[T]) -> HostTensor {
    match ty.dtype {
        Dtype::F32 => HostTensor::f32(ty.shape.clone(), values.iter().map(|v| v.to_f32()).collect::<Vec<_>>()),
        Dtype::U32 => HostTensor::u32(ty.shape.clone(), values.iter().map(|v| v.word()).collect::<Vec<_>>()),
    }
}
