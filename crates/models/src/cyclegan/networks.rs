//! Generator and discriminator of the paper's §7.2, with the layers, constants and names of the authors' public PyTorch code
//! (`ResnetGenerator`, `NLayerDiscriminator`): its state dicts fit.

use calotype_graph::{Init, Scope, Tensor};

use crate::layers::{Kernel, Layers};

const WEIGHT: Init = Init::Normal { mean: 0.0, deviation: 0.02 };
/// Slope of D's leaky ReLU below 0.
const LEAK: f32 = 0.2;
/// Of instance norm.
const EPS: f32 = 1e-5;

/// H -> H of what has a border of three pixels.
const EDGE: Kernel = Kernel { size: 7, stride: 1, pad: 0 };
/// H -> H of what has a border of one pixel.
const SAME: Kernel = Kernel { size: 3, stride: 1, pad: 0 };
/// H -> H/2; transposed, H -> 2H.
const HALVE: Kernel = Kernel { size: 3, stride: 2, pad: 1 };
/// D's own: H -> H/2, rounded down.
const PATCH: Kernel = Kernel { size: 4, stride: 2, pad: 1 };
/// And H -> H - 1.
const LAST: Kernel = Kernel { size: 4, stride: 1, pad: 1 };

/// Both kinds of network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Networks {
    /// Of an image.
    pub channels: usize,
    /// f: filters of G's layers next to the images.
    pub f: usize,
    /// f of D.
    pub f_d: usize,
    /// Residual blocks of G.
    pub blocks: usize,
}

/// Each map of each image on its own: no scale, no shift, no running statistics.
fn norm(s: &Scope, name: &str, x: &Tensor) -> Tensor {
    let _label = s.label(name);
    x.instance_norm(None, EPS)
}

impl Networks {
    /// G: images [B, H, W, C] -> [B, H, W, C] in (-1, 1), H and W multiples of 4.
    pub fn generator(&self, s: &Scope, x: &Tensor) -> Tensor {
        let (f, s) = (self.f, &s.sub("model"));
        let normed = |n: usize, y: &Tensor| norm(s, &(n + 1).to_string(), y).relu();
        let conv = |n: usize, x: &Tensor, filters, kernel| s.conv_biased(&n.to_string(), x, filters, kernel, WEIGHT);
        let up = |n: usize, x: &Tensor, filters| s.conv_transpose_biased(&n.to_string(), x, filters, HALVE, WEIGHT);

        let x = normed(1, &conv(1, &x.pad_reflect(3), f, EDGE)); //  [B, H,   W,   f]
        let x = normed(4, &conv(4, &x, 2 * f, HALVE)); //            [B, H/2, W/2, 2f]
        let mut x = normed(7, &conv(7, &x, 4 * f, HALVE)); //        [B, H/4, W/4, 4f]
        for block in 0..self.blocks {
            x = residual(&s.sub(&(10 + block).to_string()), &x);
        }
        let n = 10 + self.blocks;
        let x = normed(n, &up(n, &x, 2 * f)); //                     [B, H/2, W/2, 2f]
        let x = normed(n + 3, &up(n + 3, &x, f)); //                 [B, H,   W,   f]
        conv(n + 7, &x.pad_reflect(3), self.channels, EDGE).tanh()
    }

    /// D: images [B, H, W, C] -> scores [B, H/8 - 2, W/8 - 2, 1], each of a patch of 70x70 pixels.
    pub fn discriminator(&self, s: &Scope, x: &Tensor) -> Tensor {
        let (f, s) = (self.f_d, &s.sub("model"));
        let conv = |n: usize, x: &Tensor, filters, kernel| s.conv_biased(&n.to_string(), x, filters, kernel, WEIGHT);
        let normed = |n: usize, y: &Tensor| norm(s, &(n + 1).to_string(), y).leaky_relu(LEAK);

        let x = conv(0, x, f, PATCH).leaky_relu(LEAK); //            [B, H/2, W/2, f]; no norm on the input
        let x = normed(2, &conv(2, &x, 2 * f, PATCH)); //            [B, H/4, W/4, 2f]
        let x = normed(5, &conv(5, &x, 4 * f, PATCH)); //            [B, H/8, W/8, 4f]
        let x = normed(8, &conv(8, &x, 8 * f, LAST)); //             [B, H/8 - 1, W/8 - 1, 8f]
        conv(11, &x, 1, LAST)
    }
}

/// x + F(x), in x's shape; no ReLU after the sum.
fn residual(s: &Scope, x: &Tensor) -> Tensor {
    let s = &s.sub("conv_block");
    let conv = |n: usize, x: &Tensor| {
        let y = s.conv_biased(&n.to_string(), &x.pad_reflect(1), x.shape().last(), SAME, WEIGHT);
        norm(s, &(n + 1).to_string(), &y)
    };
    x + &conv(5, &conv(1, x).relu())
}
