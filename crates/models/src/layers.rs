//! Layers, with PyTorch's names for their states.

use calotype_graph::op::Distribution;
use calotype_graph::{Dtype, Init, Layout, Mode, Scope, Tensor, Type, Window};

/// A square kernel and how it walks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel {
    pub size: usize,
    pub stride: usize,
    pub pad: usize,
}

impl Kernel {
    fn window(self) -> Window {
        Window::square(self.stride, self.pad)
    }
}

/// Batch normalisation's constants, as PyTorch's defaults.
const BATCH_NORM_EPS: f32 = 1e-5;
const BATCH_NORM_MOMENTUM: f32 = 0.1;

/// Instance normalisation's constant, as PyTorch's default.
const INSTANCE_NORM_EPS: f32 = 1e-5;

/// Layers, made in a scope; convolutions have biases where their names say so. States: `NAME.weight` and so on.
pub trait Layers {
    /// x [B, H, W, Cin] -> [B, h, w, channels].
    fn conv(&self, name: &str, x: &Tensor, channels: usize, kernel: Kernel, init: Init) -> Tensor;

    /// x [B, h, w, Cin] -> [B, H, W, channels].
    fn conv_transpose(&self, name: &str, x: &Tensor, channels: usize, kernel: Kernel, init: Init) -> Tensor;

    /// As [`Layers::conv`], with bias: 0 at first.
    fn conv_biased(&self, name: &str, x: &Tensor, channels: usize, kernel: Kernel, init: Init) -> Tensor;

    /// x [B, h, w, Cin] -> [B, stride h, stride w, channels], with bias: 0 at first. Where that is more than the kernel makes by itself,
    /// it is PyTorch's `output_padding`.
    fn conv_transpose_biased(&self, name: &str, x: &Tensor, channels: usize, kernel: Kernel, init: Init) -> Tensor;

    /// x [.., C], normalised over all leading axes. Training uses the batch's statistics and moves the running ones by
    /// 0.1 towards them (the variance unbiased), once a call; otherwise the running ones are used.
    fn batch_norm(&self, name: &str, x: &Tensor, scale: Init) -> Tensor;

    /// x [B, H, W, C], each channel of each image normalised on its own, in training and ever after; scale and shift [C]. PyTorch's
    /// `InstanceNorm2d(affine=True)`.
    fn instance_norm(&self, name: &str, x: &Tensor) -> Tensor;

    /// x [B, n] -> [B, m], with bias.
    fn linear(&self, name: &str, x: &Tensor, m: usize, weight: Init) -> Tensor;

    /// x [T, B, n] -> the states [T, B, hidden] of an LSTM that begins with zeros. PyTorch's `LSTM`, its names and its order of gates
    /// [i | f | g | o]; begun as it begins.
    fn lstm(&self, name: &str, x: &Tensor, hidden: usize) -> Tensor;
}

impl Layers for Scope {
    fn conv(&self, name: &str, x: &Tensor, channels: usize, kernel: Kernel, init: Init) -> Tensor {
        let s = self.sub(name);
        let c_in = x.shape().last();
        let w = s.param("weight", [kernel.size, kernel.size, c_in, channels], init, Layout::Conv);
        let _label = self.label(name);
        x.conv2d(&w, kernel.window())
    }

    fn conv_transpose(&self, name: &str, x: &Tensor, channels: usize, kernel: Kernel, init: Init) -> Tensor {
        let s = self.sub(name);
        let c_in = x.shape().last();
        let w = s.param("weight", [kernel.size, kernel.size, channels, c_in], init, Layout::ConvTranspose);
        let _label = self.label(name);
        x.conv2d_transpose(&w, kernel.window(), None)
    }

    fn conv_biased(&self, name: &str, x: &Tensor, channels: usize, kernel: Kernel, init: Init) -> Tensor {
        let y = self.conv(name, x, channels, kernel, init);
        biased(self, name, &y)
    }

    fn conv_transpose_biased(&self, name: &str, x: &Tensor, channels: usize, kernel: Kernel, init: Init) -> Tensor {
        let s = self.sub(name);
        let &[_, h, w, c_in] = x.dims() else { return self.conv_transpose(name, x, channels, kernel, init) };
        let weight = s.param("weight", [kernel.size, kernel.size, channels, c_in], init, Layout::ConvTranspose);
        let y = {
            let _label = self.label(name);
            x.conv2d_transpose(&weight, kernel.window(), Some([kernel.stride * h, kernel.stride * w]))
        };
        biased(self, name, &y)
    }

    fn batch_norm(&self, name: &str, x: &Tensor, scale: Init) -> Tensor {
        let s = self.sub(name);
        let c = x.shape().last();
        let gamma = s.param("weight", [c], scale, Layout::Plain);
        let beta = s.param("bias", [c], Init::Zeros, Layout::Plain);
        let mean = s.buffer("running_mean", Type::f32([c]), Init::Zeros);
        let var = s.buffer("running_var", Type::f32([c]), Init::Constant(1.0));
        let _label = self.label(name);
        if self.mode() == Mode::Eval {
            let inv = (&var + BATCH_NORM_EPS).rsqrt();
            return &(&(x - &mean) * &(&inv * &gamma)) + &beta;
        }
        let (y, stats) = x.batch_norm(&gamma, &beta, BATCH_NORM_EPS);
        let n = (x.shape().numel() / c.max(1)) as f32;
        let row = |i: usize| stats.slice(0, i, i + 1).reshape([c]);
        let towards = |old: &Tensor, new: &Tensor| old * (1.0 - BATCH_NORM_MOMENTUM) + new * BATCH_NORM_MOMENTUM;
        s.assign("running_mean", &towards(&mean, &row(0)));
        s.assign("running_var", &towards(&var, &(row(1) * (n / (n - 1.0).max(1.0)))));
        y
    }

    fn instance_norm(&self, name: &str, x: &Tensor) -> Tensor {
        let s = self.sub(name);
        let c = x.shape().last();
        let gamma = s.param("weight", [c], Init::Constant(1.0), Layout::Plain);
        let beta = s.param("bias", [c], Init::Zeros, Layout::Plain);
        let _label = self.label(name);
        x.instance_norm(Some((&gamma, &beta)), INSTANCE_NORM_EPS)
    }

    fn linear(&self, name: &str, x: &Tensor, m: usize, weight: Init) -> Tensor {
        let s = self.sub(name);
        let w = s.param("weight", [x.shape().last(), m], weight, Layout::Linear);
        let b = s.param("bias", [m], Init::Zeros, Layout::Plain);
        let _label = self.label(name);
        &x.matmul(&w) + &b
    }

    fn lstm(&self, name: &str, x: &Tensor, hidden: usize) -> Tensor {
        let &[t, b, n] = x.dims() else { return x.clone() };
        let s = self.sub(name);
        let init = uniform(hidden);
        let w_ih = s.param("weight_ih_l0", [n, 4 * hidden], init.clone(), Layout::Linear);
        let w_hh = s.param("weight_hh_l0", [hidden, 4 * hidden], init.clone(), Layout::Linear);
        let [b_ih, b_hh] = ["bias_ih_l0", "bias_hh_l0"].map(|bias| s.param(bias, [4 * hidden], init.clone(), Layout::Plain));
        let _label = self.label(name);
        // To the order of a scan, [o | f | i | g].
        let ordered = |w: &Tensor, axis: usize| {
            let gate = |k: usize| w.slice(axis, k * hidden, (k + 1) * hidden);
            gate(3).concat(&gate(1), axis).concat(&gate(0), axis).concat(&gate(2), axis)
        };
        let gates = &x.reshape([t * b, n]).matmul(&ordered(&w_ih, 1)) + &ordered(&(b_ih + b_hh), 0);
        let zero = self.graph().full([b, 1, hidden], 0.0);
        let w_hh = ordered(&w_hh, 1).reshape([1, hidden, 4 * hidden]);
        gates.reshape([t, b, 1, 4 * hidden]).lstm_scan(&w_hh, &zero, &zero, false).reshape([t, b, hidden])
    }
}

/// U(±1 / √fan-in), as PyTorch's `kaiming_uniform_(a=√5)` is, and its biases.
pub fn uniform(fan_in: usize) -> Init {
    let bound = (fan_in.max(1) as f32).sqrt().recip();
    Init::Uniform { low: -bound, high: bound }
}

/// y [.., C] with a bias [C]: 0 at first.
pub(crate) fn biased(s: &Scope, name: &str, y: &Tensor) -> Tensor {
    let bias = s.sub(name).param("bias", [y.shape().last()], Init::Zeros, Layout::Plain);
    let _label = s.label(name);
    y + &bias
}

/// Numbers u32 [B] below n -> [B, n]: 1 in the place of each, else 0.
pub fn one_hot(numbers: &Tensor, n: usize) -> Tensor {
    let b = numbers.dims()[0];
    let places = numbers.graph().iota(n).reshape([1, n]).expand([b, n]);
    numbers.cast(Dtype::F32).reshape([b, 1]).expand([b, n]).equal(&places)
}

/// Categories below k at random, each as likely: u32 [B]. `name` is that of its random numbers.
pub fn random_categories(s: &Scope, name: &str, batch: usize, k: usize) -> Tensor {
    let chosen = (s.random(name, Distribution::Uniform, [batch]) * k as f32).floor();
    chosen.min(&s.graph().scalar((k.max(1) - 1) as f32)).cast(Dtype::U32)
}

/// [B, H, W, C] -> [B, C H W], as PyTorch has it; vectors as they are.
pub fn flatten(x: &Tensor) -> Tensor {
    let n = x.shape().numel() / x.dims()[0].max(1);
    match *x.dims() {
        [b, _, _, c] if c > 1 => x.permute(&[0, 3, 1, 2]).reshape([b, n]),
        ref dims => x.reshape([dims[0], n]),
    }
}

/// The inverse: [N, C H W] -> [N, H, W, C]; vectors as they are.
pub fn unflatten(x: &Tensor, shape: &[usize]) -> Tensor {
    let n = x.dims()[0];
    match *shape {
        [h, w, c] if c > 1 => x.reshape([n, c, h, w]).permute(&[0, 2, 3, 1]),
        _ => x.reshape([&[n], shape].concat()),
    }
}

/// Under the root of a deviation, so that one of exactly zero has a derivative.
const DEVIATION_EPS: f32 = 1e-8;

/// Minibatch deviation: x [B, H, W, C] with one more map, [B, H, W, C + 1], by which a critic sees how much the rows of a batch
/// differ. Rows that are B / `group` apart are a group: the deviation over it of every value, averaged over the row, is the map's
/// value in all of them. Karras, Aila, Laine, Lehtinen 2017, arXiv:1710.10196, §3.
///
/// A batch that is not made of whole groups is an error of the graph.
pub fn minibatch_deviation(x: &Tensor, group: usize) -> Tensor {
    let &[b, h, w, c] = x.dims() else { return x.clone() };
    let n_groups = b / group.max(1);
    let y = x.reshape([group, n_groups, h * w * c]);
    let centred = &y - &(y.sum_keep(&[0]) * (1.0 / group as f32));
    let deviation = (centred.square().mean(&[0]) + DEVIATION_EPS).sqrt(); // [B / group, H W C]
    let map = deviation.mean(&[1]).reshape([1, n_groups, 1, 1]).expand([group, n_groups, h, w]);
    x.concat(&map.reshape([b, h, w, 1]), 3)
}
