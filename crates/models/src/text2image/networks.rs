//! The four networks: a text encoder and an image encoder, which are trained together first; a generator and a discriminator.

use calotype_graph::op::{PoolWindow, Window};
use calotype_graph::{Init, Layout, Scope, Tensor};

use crate::layers::{Kernel, Layers, flatten, one_hot, uniform};
use crate::text::N_CHARACTERS;

const WEIGHT: Init = Init::Normal { mean: 0.0, deviation: 0.02 };
const SCALE: Init = Init::Normal { mean: 1.0, deviation: 0.02 };
/// Slope of leaky ReLU below 0.
const LEAK: f32 = 0.2;

/// H -> 2H in the generator, 2H -> H in the discriminator.
const HALVE: Kernel = Kernel { size: 4, stride: 2, pad: 1 };
/// 1 -> 4, and 4 -> 1.
const WHOLE: Kernel = Kernel { size: 4, stride: 1, pad: 0 };
const SAME: Kernel = Kernel { size: 3, stride: 1, pad: 1 };
const POINT: Kernel = Kernel { size: 1, stride: 1, pad: 0 };

/// Characters that a convolution of the text encoder sees, and of its outputs those of which the largest is kept.
const SEEN: usize = 4;
const POOLED: usize = 3;

/// Sizes of all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Networks {
    /// Pixels a side: 32, 64 or 128.
    pub size: usize,
    pub channels: usize,
    /// f: filters of G's layer next to the image.
    pub f: usize,
    /// Filters of D's first layer, and of the image encoder's.
    pub f_d: usize,
    /// Length of z.
    pub latents: usize,
    /// E: numbers of an embedding.
    pub embedding: usize,
    /// Numbers of a sentence in G and in D.
    pub projection: usize,
    /// Whether G normalises what it takes of an embedding, as D does.
    pub text_norm: bool,
    /// Filters of the text encoder's last convolution, and units of its LSTM.
    pub text_width: usize,
    /// L: characters of a sentence.
    pub length: usize,
}

impl Networks {
    /// 2x stages between 4x4 and the layer nearest to the image.
    fn stages(&self) -> usize {
        (self.size / 8).ilog2() as usize
    }

    /// φ: sentences u32 [B, L], as [`crate::text::read`] has them -> [B, E]. Reed, Akata, Schiele, Lee 2016, arXiv:1605.05395, §4: a
    /// character-level convolutional-recurrent network; the mean of its states over time.
    pub fn text_encoder(&self, s: &Scope, text: &Tensor) -> Tensor {
        let (b, w) = (text.dims()[0], self.text_width);
        let x = one_hot(&text.reshape([b * self.length]), N_CHARACTERS).reshape([b, 1, self.length, N_CHARACTERS]);
        let x = pooled(&conv1d(s, "conv1", &x, 3 * w / 2).relu()); // [B, 1, (L - 3) / 3, 3w/2]
        let x = pooled(&conv1d(s, "conv2", &x, 2 * w).relu()); // [B, 1, .., 2w]
        let x = conv1d(s, "conv3", &x, w).relu(); // [B, 1, T, w]
        let x = x.reshape([b, x.dims()[2], w]).permute(&[1, 0, 2]);
        let states = s.lstm("lstm", &x, w); // [T, B, w]
        s.linear("out", &states.mean(&[0]), self.embedding, uniform(w))
    }

    /// θ: images [B, size, size, C] in [-1, 1] -> [B, E].
    pub fn image_encoder(&self, s: &Scope, x: &Tensor) -> Tensor {
        let x = flatten(&self.halvings(s, x).leaky_relu(LEAK)); // [B, 16 · 8f_d]
        let n = x.shape().last();
        s.linear("out", &x, self.embedding, uniform(n))
    }

    /// Convolutions of stride 2 down to 4x4, [B, 4, 4, 8f_d] for 64 pixels; the last without its activation.
    fn halvings(&self, s: &Scope, x: &Tensor) -> Tensor {
        let mut x = biased(s, "conv.0", x, self.f_d, HALVE); // no norm on the input
        for stage in 1..=self.stages() {
            let y = biased(s, &format!("conv.{stage}"), &x.leaky_relu(LEAK), self.f_d << stage, HALVE);
            x = s.batch_norm(&format!("norm.{stage}"), &y, SCALE);
        }
        x
    }

    /// G: embeddings [B, E] and z [B, latents] -> images [B, size, size, C] in [-1, 1].
    pub fn generator(&self, s: &Scope, embedding: &Tensor, z: &Tensor) -> Tensor {
        let b = z.dims()[0];
        let text = s.linear("text", embedding, self.projection, WEIGHT);
        let text = if self.text_norm { s.batch_norm("text_norm", &text, SCALE) } else { text }.leaky_relu(LEAK);
        let x = z.concat(&text, 1).reshape([b, 1, 1, self.latents + self.projection]);
        let mut filters = self.f << self.stages();
        let x = biased_transpose(s, "up.0", &x, filters, WHOLE);
        let x = s.batch_norm("norm.0", &x, SCALE);
        let mut x = residual(s, "block.0", &x, Tensor::relu).relu(); // [B, 4, 4, 8f]
        for stage in 1..=self.stages() {
            filters /= 2;
            x = biased_transpose(s, &format!("up.{stage}"), &x, filters, HALVE);
            x = s.batch_norm(&format!("norm.{stage}"), &x, SCALE); // [B, 4·2^stage, .., filters]
            if stage == 1 {
                x = residual(s, "block.1", &x, Tensor::relu); // [B, 8, 8, 4f]
            }
            x = x.relu();
        }
        biased_transpose(s, &format!("up.{}", self.stages() + 1), &x, self.channels, HALVE).tanh() // no norm on the output
    }

    /// What D sees in images [B, size, size, C], before it is told what they should show: [B, 4, 4, 8f_d].
    pub fn seen(&self, s: &Scope, x: &Tensor) -> Tensor {
        let x = self.halvings(s, x);
        residual(s, "block", &x, |x| x.leaky_relu(LEAK)).leaky_relu(LEAK)
    }

    /// What D takes of embeddings [B, E]: [B, projection].
    pub fn told(&self, s: &Scope, embedding: &Tensor) -> Tensor {
        let x = s.linear("text", embedding, self.projection, WEIGHT);
        s.batch_norm("text_norm", &x, SCALE).leaky_relu(LEAK)
    }

    /// D: logits [B] that images are real and what they were said to be, from [`Networks::seen`] and [`Networks::told`].
    pub fn judged(&self, s: &Scope, seen: &Tensor, told: &Tensor) -> Tensor {
        let (b, n, c) = (seen.dims()[0], self.projection, seen.shape().last());
        let everywhere = told.reshape([b, 1, 1, n]).expand([b, 4, 4, n]);
        let x = biased(s, "joint", &seen.concat(&everywhere, 3), c, POINT);
        let x = s.batch_norm("joint_norm", &x, SCALE).leaky_relu(LEAK); // [B, 4, 4, 8f_d]
        biased(s, "score", &x, 1, WHOLE).reshape([b])
    }
}

fn biased(s: &Scope, name: &str, x: &Tensor, channels: usize, kernel: Kernel) -> Tensor {
    s.conv_biased(name, x, channels, kernel, WEIGHT)
}

/// Transposed, with bias.
fn biased_transpose(s: &Scope, name: &str, x: &Tensor, channels: usize, kernel: Kernel) -> Tensor {
    let y = s.conv_transpose(name, x, channels, kernel, WEIGHT);
    let bias = s.sub(name).param("bias", [channels], Init::Zeros, Layout::Plain);
    let _label = s.label(name);
    y + &bias
}

/// x + conv(act(conv(act(conv(x))))), each with its norm, through a quarter of the channels.
fn residual(s: &Scope, name: &str, x: &Tensor, act: impl Fn(&Tensor) -> Tensor) -> Tensor {
    let (s, c) = (s.sub(name), x.shape().last());
    let layer = |n: usize, x: &Tensor, channels: usize, kernel: Kernel| {
        s.batch_norm(&format!("norm.{n}"), &biased(&s, &format!("conv.{n}"), x, channels, kernel), SCALE)
    };
    let y = act(&layer(0, x, (c / 4).max(1), POINT));
    let y = act(&layer(1, &y, (c / 4).max(1), SAME));
    x + &layer(2, &y, c, SAME)
}

/// A convolution over characters: [B, 1, T, Cin] -> [B, 1, T - 3, channels], begun as PyTorch's.
fn conv1d(s: &Scope, name: &str, x: &Tensor, channels: usize) -> Tensor {
    let s = s.sub(name);
    let c_in = x.shape().last();
    let init = uniform(SEEN * c_in);
    let weight = s.param("weight", [1, SEEN, c_in, channels], init.clone(), Layout::Conv);
    let bias = s.param("bias", [channels], init, Layout::Plain);
    let _label = s.label("conv");
    &x.conv2d(&weight, Window::square(1, 0)) + &bias
}

/// The largest of three characters each.
fn pooled(x: &Tensor) -> Tensor {
    x.max_pool2d(PoolWindow { kernel: [1, POOLED], stride: [1, POOLED], pad: [0, 0] })
}
