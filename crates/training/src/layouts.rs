//! How tensors lie: on a device, in a checkpoint as PyTorch's layers have them, and in public code that has some of them otherwise.

use calotype_graph::{HostData, HostTensor, Layout, Shape};
use calotype_models::Form;

/// From a device's layout to that of a checkpoint.
pub(crate) fn outward(layout: Layout, value: HostTensor) -> HostTensor {
    match layout.axes() {
        Some(axes) => permute(&value, axes),
        None => value,
    }
}

/// From a checkpoint's layout to that of a device.
pub(crate) fn inward(layout: Layout, value: &HostTensor) -> HostTensor {
    let Some(axes) = layout.axes() else { return value.clone() };
    let mut inverse = vec![0; axes.len()];
    axes.iter().enumerate().for_each(|(there, &here)| inverse[here] = there);
    permute(value, &inverse)
}

/// The shape in a checkpoint of what has `shape` on a device.
pub(crate) fn shape_outward(layout: Layout, shape: &Shape) -> Shape {
    match layout.axes() {
        Some(axes) => Shape::from(axes.iter().map(|&axis| shape.dims()[axis]).collect::<Vec<_>>()),
        None => shape.clone(),
    }
}

/// The shape in public code of what has `shape` in a checkpoint.
pub(crate) fn shape_published(form: &Form, shape: &Shape) -> Shape {
    match (form, shape.dims()) {
        (Form::Shape(other), _) => Shape::from(other.clone()),
        (Form::Transposed, &[n, m]) => Shape::from([m, n]),
        (Form::Turned, &[c_in, c_out, kh, kw]) => Shape::from([c_out, c_in, kh, kw]),
        _ => shape.clone(),
    }
}

/// From a checkpoint's form to that of public code.
pub(crate) fn published(form: &Form, value: HostTensor) -> HostTensor {
    match form {
        Form::Same => value,
        Form::Made(make) => make(&value),
        Form::Transposed => permute(&value, &[1, 0]),
        Form::Turned => turned(permute(&value, &[1, 0, 2, 3])),
        Form::Shape(_) => HostTensor { shape: shape_published(form, &value.shape), ..value },
    }
}

/// From public code's form to that of a checkpoint, where it has `shape`; [`Form::Made`] has no way back.
pub(crate) fn unpublished(form: &Form, value: HostTensor, shape: Shape) -> HostTensor {
    match form {
        Form::Shape(_) => HostTensor { shape, ..value },
        // Both are their own inverse.
        Form::Transposed | Form::Turned => published(form, value),
        Form::Same | Form::Made(_) => value,
    }
}

/// Each kernel of [.., kh, kw] turned by 180°.
fn turned(mut value: HostTensor) -> HostTensor {
    let kernel = value.shape.dims().iter().rev().take(2).product::<usize>().max(1);
    match &mut value.data {
        HostData::F32(data) => data.chunks_mut(kernel).for_each(<[f32]>::reverse),
        HostData::U32(data) => data.chunks_mut(kernel).for_each(<[u32]>::reverse),
    }
    value
}

/// [`HostTensor::permuted`]. A value of another rank is left as it is: its shape will not be the expected one, and that is the error to
/// report.
fn permute(value: &HostTensor, axes: &[usize]) -> HostTensor {
    if value.shape.rank() == axes.len() { value.permuted(axes) } else { value.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(shape: &[usize]) -> HostTensor {
        HostTensor::f32(shape, (0..shape.iter().product()).map(|n: usize| n as f32).collect::<Vec<_>>())
    }

    #[test]
    fn every_form_is_undone() {
        let forms = [
            (Form::Same, vec![2, 3]),
            (Form::Transposed, vec![2, 3]),
            (Form::Shape(vec![6]), vec![2, 3, 1]),
            (Form::Turned, vec![2, 3, 2, 2]),
        ];
        for (form, shape) in forms {
            let value = numbers(&shape);
            let there = published(&form, value.clone());
            assert_eq!(there.shape, shape_published(&form, &value.shape), "{form:?}");
            assert_eq!(unpublished(&form, there, value.shape.clone()), value, "{form:?}");
        }
    }

    /// PyTorch: `conv_transpose2d(x, w)` of one pixel is `conv2d(x, w.transpose(0, 1).flip(2, 3), padding=1)` where w is 2x2.
    #[test]
    fn a_turned_kernel_is_that_of_a_convolution() {
        let there = published(&Form::Turned, numbers(&[1, 2, 2, 2]));
        assert_eq!(there, HostTensor::f32([2, 1, 2, 2], [3.0, 2.0, 1.0, 0.0, 7.0, 6.0, 5.0, 4.0]));
    }

    #[test]
    fn shapes_go_where_values_go() {
        for (layout, shape) in
            [(Layout::Conv, vec![2, 3, 4, 5]), (Layout::ConvTranspose, vec![2, 3, 4, 5]), (Layout::Linear, vec![2, 3])]
        {
            let value = numbers(&shape);
            assert_eq!(outward(layout, value.clone()).shape, shape_outward(layout, &value.shape));
        }
    }
}
