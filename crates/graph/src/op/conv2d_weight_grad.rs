//! Gradient of a convolution with respect to its weights.

use super::conv2d::{ConvDims, dims, geometries};
use super::{Carried, Case, Conv2d, Conv2dTranspose, Cotangents, Given, Operation, Vjp, Window, floats, rank};
use crate::profile::{DeviceKind, DeviceProfile};
use crate::shape::Type;
use crate::tensor::Tensor;

/// `dw[u,v,c,o] = Σ x[b, i·s + u·d - p, j·s + v·d - p, c] dy[b,i,j,o]`: x [B, H, W, Cin], dy [B, h, w, Cout] give
/// [kh, kw, Cin, Cout].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conv2dWeightGrad {
    pub window: Window,
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
}

impl Conv2dWeightGrad {
    /// Sizes, from the operands x and dy and the result dw.
    pub fn dims(&self, x: &Type, dy: &Type, dw: &Type) -> ConvDims {
        dims(&self.window, x, dw, dy)
    }

    /// Into how many parts the sum over pixels is cut on a GPU, each a partial result in the workspace, added in order
    /// afterwards: enough that 64x64 tiles fill the device, at least 512 pixels each. 1 means no workspace.
    pub fn splits(&self, d: &ConvDims, profile: &DeviceProfile) -> usize {
        if profile.kind == DeviceKind::Cpu {
            return 1;
        }
        let pixels = d.batch * d.out_height * d.out_width;
        let tiles = (d.kernel_h * d.kernel_w * d.c_in).div_ceil(64) * d.c_out.div_ceil(64);
        (profile.parallelism as usize).div_ceil(tiles.max(1)).min(pixels / 512).clamp(1, 64)
    }
}

impl Operation for Conv2dWeightGrad {
    fn stem(&self) -> &'static str {
        "conv2d_weight_grad"
    }

    fn carried(&self) -> Carried {
        Carried::Shares("matmul")
    }

    fn arity(&self) -> usize {
        2
    }

    fn infer(&self, inputs: &[Type]) -> Result<Type, String> {
        floats(inputs, 2)?;
        rank(&inputs[0], 4, "the image [B, H, W, C]")?;
        rank(&inputs[1], 4, "the cotangent [B, h, w, C]")?;
        let (x, dy) = (inputs[0].shape.dims(), inputs[1].shape.dims());
        if x[0] != dy[0] {
            return Err(format!("batches {} and {} differ", x[0], dy[0]));
        }
        for axis in 0..2 {
            if self.window.output(axis, x[axis + 1], self.kernel[axis]) != Some(dy[axis + 1]) {
                return Err(format!("{} pixels do not convolve to {} ({:?})", x[axis + 1], dy[axis + 1], self));
            }
        }
        Ok(Type::f32([self.kernel[0], self.kernel[1], x[3], dy[3]]))
    }

    fn vjp(&self, v: &Vjp) -> Option<Cotangents> {
        // v.dy is a cotangent of weights: it takes their place.
        let (x, y, u) = (&v.inputs[0], &v.inputs[1], v.dy);
        let size = [x.dims()[1], x.dims()[2]];
        let transpose = Conv2dTranspose { window: self.window, size };
        Some(vec![
            v.want(0, || Tensor::apply(transpose, &[y.clone(), u.clone()])),
            v.want(1, || Tensor::apply(Conv2d { window: self.window }, &[x.clone(), u.clone()])),
        ])
    }

    fn flops(&self, inputs: &[Type], output: &Type) -> u64 {
        self.dims(&inputs[0], &inputs[1], output).flops()
    }

    fn workspace(&self, inputs: &[Type], output: &Type, profile: &DeviceProfile) -> usize {
        match self.splits(&self.dims(&inputs[0], &inputs[1], output), profile) {
            1 => 0,
            n => n * output.numel(),
        }
    }
}

pub fn cases() -> Vec<Case> {
    const S: &str = "conv2d_weight_grad";
    let case = |name: &str, x: [usize; 4], w: [usize; 4], window: Window| {
        let out = |axis: usize| window.output(axis, x[axis + 1], w[axis]).unwrap_or(0);
        let dy = [x[0], out(0), out(1), w[3]];
        let op = Conv2dWeightGrad { window, kernel: [w[0], w[1]] };
        Case::op(S, name, op, vec![Given::normal(x), Given::normal(dy)]).tolerance(1e-4, 2e-5)
    };
    let mut all: Vec<Case> = geometries().into_iter().map(|(name, x, w, window)| case(name, x, w, window)).collect();
    // 2,048 pixels: cut into four partial sums where the device is wide enough.
    all.push(case("split", [2, 32, 32, 2], [3, 3, 2, 3], Window::square(1, 1)).tolerance(1e-3, 2e-5).without_gradient());
    all
}
