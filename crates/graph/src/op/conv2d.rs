//! 2-D convolution (cross-correlation), NHWC.

use super::{Carried, Case, Conv2dTranspose, Conv2dWeightGrad, Cotangents, Given, Operation, Vjp, floats, rank};
use crate::shape::Type;
use crate::tensor::Tensor;

/// How a kernel walks over an image: for each axis (rows, columns) the stride, the zero padding on both sides and the
/// dilation. Output size: `(n + 2 pad - dilation (kernel - 1) - 1) / stride + 1`, rounded down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    pub stride: [usize; 2],
    pub pad: [usize; 2],
    pub dilation: [usize; 2],
}

impl Window {
    /// The same for both axes, undilated.
    pub const fn square(stride: usize, pad: usize) -> Self {
        Window { stride: [stride; 2], pad: [pad; 2], dilation: [1; 2] }
    }

    /// Output size along `axis`, or `None` where the kernel does not fit.
    pub fn output(&self, axis: usize, n: usize, kernel: usize) -> Option<usize> {
        let span = self.dilation[axis] * kernel.checked_sub(1)? + 1;
        Some((n + 2 * self.pad[axis]).checked_sub(span)?.checked_div(self.stride[axis])? + 1)
    }

    /// Input size along `axis` that a transposed convolution gives without output padding.
    pub fn transposed_output(&self, axis: usize, n: usize, kernel: usize) -> Option<usize> {
        let span = self.dilation[axis] * kernel.checked_sub(1)? + 1;
        (n.checked_sub(1)? * self.stride[axis] + span).checked_sub(2 * self.pad[axis])
    }
}

/// Sizes of a convolution, however it is used: `x` [batch, height, width, c_in] is the large side, `y`
/// [batch, out_height, out_width, c_out] the small one, weights [kernel_h, kernel_w, c_in, c_out].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConvDims {
    pub batch: usize,
    pub height: usize,
    pub width: usize,
    pub c_in: usize,
    pub out_height: usize,
    pub out_width: usize,
    pub c_out: usize,
    pub kernel_h: usize,
    pub kernel_w: usize,
    pub window: Window,
}

impl ConvDims {
    /// Two for each tap of each small-side pixel and pair of channels, padding counted, as PyTorch counts.
    pub fn flops(&self) -> u64 {
        let taps = self.kernel_h * self.kernel_w * self.c_in * self.c_out;
        2 * (self.batch * self.out_height * self.out_width * taps) as u64
    }

    /// [rows, inner] where the convolution is a plain product: its taps see every pixel once, as 1x1 kernels do, or a kernel as
    /// large as the image. The large side is then a matrix [rows, inner], rows = pixels of the small side, and the weights are
    /// [inner, c_out].
    pub fn as_matrix(&self) -> Option<[usize; 2]> {
        let w = &self.window;
        let whole = [self.kernel_h, self.kernel_w] == [self.height, self.width] && [self.out_height, self.out_width] == [1, 1];
        let single = [self.kernel_h, self.kernel_w] == [1, 1] && w.stride == [1, 1];
        let exact = w.pad == [0, 0] && (w.dilation == [1, 1] || single);
        let rows = self.batch * self.out_height * self.out_width;
        (exact && (whole || single)).then(|| [rows, self.kernel_h * self.kernel_w * self.c_in])
    }
}

/// `y[b,i,j,o] = Σ x[b, i·s + u·d - p, j·s + v·d - p, c] w[u,v,c,o]`: x [B, H, W, Cin], w [kh, kw, Cin, Cout].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conv2d {
    pub window: Window,
}

impl Conv2d {
    pub fn dims(&self, x: &Type, w: &Type, y: &Type) -> ConvDims {
        dims(&self.window, x, w, y)
    }
}

/// Sizes from the types of the large side, the weights and the small side.
pub(super) fn dims(window: &Window, x: &Type, w: &Type, y: &Type) -> ConvDims {
    let (x, w, y) = (x.shape.dims(), w.shape.dims(), y.shape.dims());
    ConvDims {
        batch: x[0],
        height: x[1],
        width: x[2],
        c_in: x[3],
        out_height: y[1],
        out_width: y[2],
        c_out: y[3],
        kernel_h: w[0],
        kernel_w: w[1],
        window: *window,
    }
}

impl Operation for Conv2d {
    fn stem(&self) -> &'static str {
        "conv2d"
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
        rank(&inputs[1], 4, "the weights [kh, kw, Cin, Cout]")?;
        let (x, w) = (inputs[0].shape.dims(), inputs[1].shape.dims());
        if x[3] != w[2] {
            return Err(format!("the image has {} channels, the weights take {}", x[3], w[2]));
        }
        let size = |axis: usize| {
            let out = self.window.output(axis, x[axis + 1], w[axis]);
            out.ok_or_else(|| format!("a kernel of {} does not fit {} pixels ({:?})", w[axis], x[axis + 1], self.window))
        };
        Ok(Type::f32([x[0], size(0)?, size(1)?, w[3]]))
    }

    fn vjp(&self, v: &Vjp) -> Option<Cotangents> {
        let (x, w) = (&v.inputs[0], &v.inputs[1]);
        let size = [x.dims()[1], x.dims()[2]];
        let transpose = Conv2dTranspose { window: self.window, size };
        let kernel = [w.dims()[0], w.dims()[1]];
        let weight_grad = Conv2dWeightGrad { window: self.window, kernel };
        Some(vec![
            v.want(0, || Tensor::apply(transpose, &[v.dy.clone(), w.clone()])),
            v.want(1, || Tensor::apply(weight_grad, &[x.clone(), v.dy.clone()])),
        ])
    }

    fn flops(&self, inputs: &[Type], output: &Type) -> u64 {
        self.dims(&inputs[0], &inputs[1], output).flops()
    }

    fn accepts_epilogue(&self) -> bool {
        true
    }
}

/// (name, [B, H, W, Cin], [kh, kw, Cin, Cout], window) that exercise strides, paddings, dilation and tile edges.
pub(super) fn geometries() -> Vec<(&'static str, [usize; 4], [usize; 4], Window)> {
    let oblong = Window { stride: [2, 1], pad: [0, 2], dilation: [1, 1] };
    let dilated = Window { stride: [1, 1], pad: [2, 2], dilation: [2, 2] };
    let dilated_strided = Window { stride: [2, 2], pad: [2, 1], dilation: [2, 1] };
    vec![
        ("one pixel", [1, 1, 1, 1], [1, 1, 1, 1], Window::square(1, 0)),
        ("1x1", [2, 5, 3, 4], [1, 1, 4, 6], Window::square(1, 0)),
        ("k3 s1 p1", [2, 6, 5, 3], [3, 3, 3, 7], Window::square(1, 1)),
        ("k4 s2 p1", [2, 8, 8, 4], [4, 4, 4, 8], Window::square(2, 1)),
        ("k4 s2 p1, odd channels, tile + 1", [3, 10, 6, 5], [4, 4, 5, 33], Window::square(2, 1)),
        ("k4 s2 p1, 64 channels", [1, 8, 8, 64], [4, 4, 64, 65], Window::square(2, 1)),
        ("k4 s1 p0 to one pixel", [5, 4, 4, 6], [4, 4, 6, 1], Window::square(1, 0)),
        ("k3 s2 p1, odd size", [2, 7, 9, 4], [3, 3, 4, 4], Window::square(2, 1)),
        ("k5 s2 p2", [1, 9, 8, 3], [5, 5, 3, 4], Window::square(2, 2)),
        ("k2 s3, pixels never seen", [1, 8, 8, 2], [2, 2, 2, 3], Window::square(3, 0)),
        ("k7 s1 p3", [1, 9, 9, 2], [7, 7, 2, 3], Window::square(1, 3)),
        ("oblong", [2, 7, 6, 3], [3, 5, 3, 4], oblong),
        ("dilated", [1, 8, 7, 3], [3, 3, 3, 4], dilated),
        ("dilated and strided", [1, 9, 8, 2], [3, 4, 2, 3], dilated_strided),
        ("no image", [0, 6, 5, 3], [3, 3, 3, 4], Window::square(1, 1)),
        ("no image, 1x1", [0, 5, 3, 4], [1, 1, 4, 6], Window::square(1, 0)),
        ("no image, to one pixel", [0, 4, 4, 6], [4, 4, 6, 2], Window::square(1, 0)),
    ]
}

pub fn cases() -> Vec<Case> {
    let mut all: Vec<Case> = geometries()
        .into_iter()
        .map(|(name, x, w, window)| {
            let given = vec![Given::normal(x), Given::normal(w)];
            Case::op("conv2d", name, Conv2d { window }, given).tolerance(1e-4, 2e-5) // sums of up to 1,024 products
        })
        .collect();
    let given = vec![Given::normal([2, 6, 6, 3]), Given::normal([4, 4, 3, 8]), Given::normal([8])];
    all.push(Case::composed("conv2d", "epilogue: bias, leaky relu", given, |t| {
        (&t[0].conv2d(&t[1], Window::square(2, 1)) + &t[2]).leaky_relu(0.2)
    }));
    all
}
