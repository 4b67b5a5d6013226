//! The transpose of reflecting padding: borders folded back onto the image.

use super::pad_reflect::{BORDERS, Borders};
use super::{Carried, Case, Cotangents, Given, Operation, PadReflect, Vjp, floats};
use crate::shape::Type;
use crate::tensor::Tensor;

/// dy [B, top + H + bottom, left + W + right, C] -> [B, H, W, C]: each element the sum of all places that it was copied to, in
/// a fixed order. f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PadReflectGrad {
    pub borders: Borders,
}

impl Operation for PadReflectGrad {
    fn stem(&self) -> &'static str {
        "pad_reflect_grad"
    }

    fn carried(&self) -> Carried {
        Carried::Own
    }

    fn arity(&self) -> usize {
        1
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        floats(inputs, 1)?;
        super::rank(&inputs[0], 4, "the cotangent")?;
        let dims = inputs[0].shape.dims();
        let inner = |axis: usize| dims[axis + 1].saturating_sub(self.borders[axis].iter().sum());
        let image = Type::f32([dims[0], inner(0), inner(1), dims[3]]);
        PadReflect { borders: self.borders }.result(&image)?;
        Ok(image)
    }

    fn vjp(&self, v: &Vjp) -> Option<Cotangents> {
        Some(vec![Some(Tensor::apply(PadReflect { borders: self.borders }, std::slice::from_ref(v.dy)))])
    }

    fn flops(&self, inputs: &[Type], _output: &Type) -> u64 {
        inputs[0].numel() as u64
    }
}

pub fn cases() -> Vec<Case> {
    let case = |&(name, borders, [b, h, w, c]): &(&str, Borders, [usize; 4])| {
        let padded = [b, h + borders[0][0] + borders[0][1], w + borders[1][0] + borders[1][1], c];
        Case::op("pad_reflect_grad", name, PadReflectGrad { borders }, vec![Given::normal(padded)])
    };
    BORDERS.iter().map(case).collect()
}
