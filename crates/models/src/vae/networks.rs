//! Encoder and decoder. States have the names of PyTorch's example (`fc1`, `fc21`, `fc22`, `fc3`, `fc4`), so that weights can be
//! exchanged with it.

use calotype_graph::{Init, Layout, Scope, Tensor};

use crate::layers::{Kernel, Layers, flatten, unflatten};

/// Of hidden units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    Relu,
    Tanh,
}

impl Activation {
    fn of(self, x: &Tensor) -> Tensor {
        match self {
            Activation::Relu => x.relu(),
            Activation::Tanh => x.tanh(),
        }
    }
}

/// H -> H/2 in the encoder, H/2 -> H in the decoder.
const HALVE: Kernel = Kernel { size: 4, stride: 2, pad: 1 };

/// Log variances of q stay within ± this: a deviation of 2.7e5 is far beyond use, and its square far from overflow. Beyond it no
/// gradient reaches the encoder.
pub const LOG_VAR_LIMIT: f32 = 25.0;

/// Sizes of both networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Networks {
    /// Of a row: [H, W, C] or `[D]`.
    pub shape: Vec<usize>,
    /// Units of each dense hidden layer.
    pub hidden: usize,
    /// Dense hidden layers of each network.
    pub layers: usize,
    pub activation: Activation,
    /// Z
    pub latents: usize,
    /// f: of the convolution next to the image; further ones double it.
    pub filters: usize,
    /// Convolutions of each network, each of which halves or doubles height and width; 0: none, all layers are dense.
    pub stages: usize,
    /// Numbers that the decoder gives for each value of a row.
    pub heads: usize,
}

impl Networks {
    /// D
    pub fn dims(&self) -> usize {
        self.shape.iter().product()
    }

    /// q(z | x): x [B, ..shape] of unit scale -> mean and log variance, each [B, Z].
    pub fn encode(&self, s: &Scope, x: &Tensor) -> (Tensor, Tensor) {
        let mut y = x.clone();
        for stage in 0..self.stages {
            let y_conv = self.conv(s, &format!("conv{}", stage + 1), &y, self.filters << stage);
            y = self.activation.of(&y_conv); // [B, H/2, W/2, f], [B, H/4, W/4, 2f], …
        }
        let mut y = flatten(&y);
        for layer in 0..self.layers {
            y = self.activation.of(&linear(s, &numbered("fc1", layer), &y, self.hidden)); // [B, hidden]
        }
        let (mean, log_var) = (linear(s, "fc21", &y, self.latents), linear(s, "fc22", &y, self.latents));
        let limit = |v: f32| log_var.graph().scalar(v);
        (mean, log_var.max(&limit(-LOG_VAR_LIMIT)).min(&limit(LOG_VAR_LIMIT)))
    }

    /// z [N, Z] -> the numbers of p(x | z), each [N, D] in the order of a row: see [`Likelihood`](super::likelihood::Likelihood).
    pub fn decode(&self, s: &Scope, z: &Tensor) -> Vec<Tensor> {
        let n = z.dims()[0];
        let mut y = z.clone();
        for layer in 0..self.layers {
            y = self.activation.of(&linear(s, &numbered("fc3", layer), &y, self.hidden)); // [N, hidden]
        }
        let (dims, heads) = (self.dims(), self.heads);
        if self.stages == 0 {
            let name = |head: usize| if head == 0 { "fc4".to_owned() } else { format!("fc4{}", head + 1) };
            return (0..heads).map(|head| unflatten(&linear(s, &name(head), &y, dims), &self.shape).reshape([n, dims])).collect();
        }
        let (side, maps) = (|axis: usize| self.shape[axis] >> self.stages, self.filters << (self.stages - 1));
        let small = [side(0), side(1), maps];
        let y = self.activation.of(&linear(s, "fc4", &y, small.iter().product()));
        let mut y = unflatten(&y, &small); // [N, H/2^stages, W/2^stages, maps]
        for stage in (1..self.stages).rev() {
            let wide = self.conv_transpose(s, &format!("deconv{}", stage + 1), &y, self.filters << (stage - 1));
            y = self.activation.of(&wide); // [N, 2h, 2w, half as many maps]
        }
        let channels = self.shape[2];
        let y = self.conv_transpose(s, "deconv1", &y, heads * channels); // [N, H, W, heads C]
        (0..heads).map(|head| y.slice(3, head * channels, (head + 1) * channels).reshape([n, dims])).collect()
    }

    /// With bias: x [B, H, W, Cin] -> [B, H/2, W/2, channels].
    fn conv(&self, s: &Scope, name: &str, x: &Tensor, channels: usize) -> Tensor {
        let init = within(HALVE.size * HALVE.size * x.shape().last());
        let bias = s.sub(name).param("bias", [channels], init.clone(), Layout::Plain);
        s.conv(name, x, channels, HALVE, init) + bias
    }

    /// With bias: x [N, h, w, Cin] -> [N, 2h, 2w, channels].
    fn conv_transpose(&self, s: &Scope, name: &str, x: &Tensor, channels: usize) -> Tensor {
        let init = within(HALVE.size * HALVE.size * channels);
        let bias = s.sub(name).param("bias", [channels], init.clone(), Layout::Plain);
        s.conv_transpose(name, x, channels, HALVE, init) + bias
    }
}

/// `fc1`, `fc1_2`, `fc1_3`, …
fn numbered(name: &str, layer: usize) -> String {
    if layer == 0 { name.to_owned() } else { format!("{name}_{}", layer + 1) }
}

/// PyTorch's default of weights and biases: uniform in ± 1/√fan-in.
fn within(fan_in: usize) -> Init {
    let bound = (fan_in.max(1) as f32).sqrt().recip();
    Init::Uniform { low: -bound, high: bound }
}

/// x [B, n] -> [B, m].
fn linear(s: &Scope, name: &str, x: &Tensor, m: usize) -> Tensor {
    let (s, n) = (s.sub(name), x.shape().last());
    let w = s.param("weight", [n, m], within(n), Layout::Linear);
    let b = s.param("bias", [m], within(n), Layout::Plain);
    let _label = s.label("linear");
    x.matmul(&w) + &b
}
