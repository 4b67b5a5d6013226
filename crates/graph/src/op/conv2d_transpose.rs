//! Transposed convolution: the data gradient of [`Conv2d`].

use super::conv2d::{ConvDims, dims, geometries};
use super::{Carried, Case, Conv2d, Conv2dWeightGrad, Cotangents, Given, Operation, Vjp, Window, floats, rank};
use crate::shape::Type;
use crate::tensor::Tensor;

/// The adjoint of a convolution with this window from images of `size`: y [B, h, w, Cout] and w [kh, kw, Cin, Cout] give
/// x [B, size, Cin]. As a layer, its input has Cout channels and its output Cin: the weights keep the layout of the
/// convolution that it transposes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conv2dTranspose {
    pub window: Window,
    /// Height and width of the result; a strided convolution has several that fit (output padding).
    pub size: [usize; 2],
}

impl Conv2dTranspose {
    /// Sizes, from the operands y and w and the result x.
    pub fn dims(&self, y: &Type, w: &Type, x: &Type) -> ConvDims {
        dims(&self.window, x, w, y)
    }
}

impl Operation for Conv2dTranspose {
    fn stem(&self) -> &'static str {
        "conv2d_transpose"
    }

    fn carried(&self) -> Carried {
        Carried::Shares("matmul")
    }

    fn arity(&self) -> usize {
        2
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        floats(inputs, 2)?;
        rank(&inputs[0], 4, "the image [B, h, w, C]")?;
        rank(&inputs[1], 4, "the weights [kh, kw, C of the result, C of the image]")?;
        let (y, w) = (inputs[0].shape.dims(), inputs[1].shape.dims());
        if y[3] != w[3] {
            return Err(format!("the image has {} channels, the weights take {}", y[3], w[3]));
        }
        for axis in 0..2 {
            if self.window.output(axis, self.size[axis], w[axis]) != Some(y[axis + 1]) {
                return Err(format!("{} pixels do not convolve to {} ({:?})", self.size[axis], y[axis + 1], self.window));
            }
        }
        Ok(Type::f32([y[0], self.size[0], self.size[1], w[2]]))
    }

    fn vjp(&self, v: &Vjp) -> Option<Cotangents> {
        let (y, w) = (&v.inputs[0], &v.inputs[1]);
        let kernel = [w.dims()[0], w.dims()[1]];
        let weight_grad = Conv2dWeightGrad { window: self.window, kernel };
        Some(vec![
            v.want(0, || Tensor::apply(Conv2d { window: self.window }, &[v.dy.clone(), w.clone()])),
            v.want(1, || Tensor::apply(weight_grad, &[v.dy.clone(), y.clone()])),
        ])
    }

    fn flops(&self, inputs: &[Type], output: &Type) -> u64 {
        self.dims(&inputs[0], &inputs[1], output).flops()
    }

    fn accepts_epilogue(&self) -> bool {
        true
    }
}

pub fn cases() -> Vec<Case> {
    const S: &str = "conv2d_transpose";
    let mut all: Vec<Case> = geometries()
        .into_iter()
        .map(|(name, x, w, window)| {
            let out = |axis: usize| window.output(axis, x[axis + 1], w[axis]).unwrap_or(0);
            let y = [x[0], out(0), out(1), w[3]];
            let op = Conv2dTranspose { window, size: [x[1], x[2]] };
            Case::op(S, name, op, vec![Given::normal(y), Given::normal(w)]).tolerance(1e-4, 2e-5)
        })
        .collect();
    let given = vec![Given::normal([2, 3, 3, 6]), Given::normal([4, 4, 5, 6]), Given::normal([5])];
    all.push(Case::composed(S, "epilogue: bias, tanh", given, |t| {
        (&t[0].conv2d_transpose(&t[1], Window::square(2, 1), None) + &t[2]).tanh()
    }));
    all
}
