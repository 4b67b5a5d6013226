//! Generator and discriminator of every level (appendix A.1, table 2), with their learning rates equalised (§4.1).

use calotype_graph::op::{MatMul, PoolWindow};
use calotype_graph::{Init, Layout, Scope, Tensor, Window};

use crate::layers::minibatch_deviation;

/// Slope of the leaky ReLU below 0.
const LEAK: f32 = 0.2;
/// Of PixelNorm.
const EPS: f32 = 1e-8;
/// He et al. 2015, arXiv:1502.01852: √2 before a rectifier, 1 before nothing.
const GAIN: f64 = std::f64::consts::SQRT_2;
/// Rows of a group of the minibatch deviation, where the batch can be divided so.
const GROUP: usize = 4;

/// The networks of all levels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Networks {
    /// nf of each level, the 4x4 one first: the maps of its last layer in G and of its first in D.
    pub maps: Vec<usize>,
    pub channels: usize,
    /// Length of z.
    pub nz: usize,
}

/// Pixels a side of a level: 4, 8, 16, …
pub fn side(level: usize) -> usize {
    4 << level
}

/// Its name in states and stages: `8x8`.
pub fn name(level: usize) -> String {
    format!("{0}x{0}", side(level))
}

/// The divisor of a batch that is nearest to 4; the smaller of two that are as near.
pub fn group(batch: usize) -> usize {
    (1..=batch).filter(|n| batch.is_multiple_of(*n)).min_by_key(|n| (n.abs_diff(GROUP), *n)).unwrap_or(1)
}

impl Networks {
    /// z [B, nz] -> images [B, S, S, C], S of the last level of `shown`: the sum over these levels of a share times what its
    /// toRGB makes, enlarged. Levels in ascending order.
    pub fn generator(&self, s: &Scope, z: &Tensor, shown: &[(usize, Tensor)]) -> Tensor {
        let (batch, c) = (z.dims()[0], self.maps[0]);
        let first = s.sub(&name(0));
        let dense = {
            // A transposed convolution of one pixel, as the product that it is.
            let w = weight(&first, "dense", [4, 4, c, self.nz], Layout::ConvTranspose, GAIN / 4.0).reshape([16 * c, self.nz]);
            let _label = first.label("dense");
            z.pixel_norm(EPS).matmul_with(&w, MatMul { transpose_b: true, ..MatMul::PLAIN }).reshape([batch, 4, 4, c])
        };
        let mut x = normed(&(&dense + &bias(&first, "dense", c)));
        x = normed(&conv(&first, "conv", &x, c, 3, GAIN)); // [B, 4, 4, nf(1)]
        let mut image = None;
        for level in 0..=shown.last().map_or(0, |(level, _)| *level) {
            let s = s.sub(&name(level));
            if level > 0 {
                let n = self.maps[level];
                x = normed(&conv(&s, "conv0", &x.upsample_nearest(2), n, 3, GAIN));
                x = normed(&conv(&s, "conv1", &x, n, 3, GAIN)); // [B, S, S, nf]
            }
            let share = shown.iter().find(|(of, _)| *of == level).map(|(_, share)| share);
            let own = share.map(|share| conv(&s, "rgb", &x, self.channels, 1, 1.0) * share);
            image = match (image.map(|i: Tensor| i.upsample_nearest(2)), own) {
                (Some(before), Some(own)) => Some(before + own),
                (before, own) => before.or(own),
            };
        }
        image.unwrap_or(x)
    }

    /// D: images [B, S, S, C] of a level -> scores [B]. `alpha`: the share of the level while it is faded in beside the one below,
    /// which sees the image reduced.
    pub fn discriminator(&self, s: &Scope, x: &Tensor, level: usize, alpha: Option<&Tensor>) -> Tensor {
        let from_rgb =
            |x: &Tensor, level: usize| conv(&s.sub(&name(level)), "rgb", x, self.maps[level], 1, GAIN).leaky_relu(LEAK);
        let mut y = from_rgb(x, level); // [B, S, S, nf]
        for l in (1..=level).rev() {
            let s = s.sub(&name(l));
            y = conv(&s, "conv0", &y, self.maps[l], 3, GAIN).leaky_relu(LEAK);
            y = conv(&s, "conv1", &y, self.maps[l - 1], 3, GAIN).leaky_relu(LEAK);
            y = halved(&y); // [B, S/2, S/2, nf of the level below]
            if let Some(alpha) = alpha.filter(|_| l == level) {
                y = mixed(&from_rgb(&halved(x), l - 1), &y, alpha);
            }
        }
        let (batch, c, s) = (x.dims()[0], self.maps[0], s.sub(&name(0)));
        y = minibatch_deviation(&y, group(batch)); // [B, 4, 4, nf(1) + 1]
        y = conv(&s, "conv", &y, c, 3, GAIN).leaky_relu(LEAK);
        let dense = weight(&s, "dense", [4, 4, c, c], Layout::Conv, GAIN);
        let _label = s.label("dense");
        // A convolution of all pixels, as the product that it is.
        let y = (y.reshape([batch, 16 * c]).matmul(&dense.reshape([16 * c, c])) + bias(&s, "dense", c)).leaky_relu(LEAK); // [B, nf(1)]
        let out = weight(&s, "out", [c, 1], Layout::Linear, 1.0);
        (y.matmul(&out) + bias(&s, "out", 1)).reshape([batch])
    }
}

/// `(1 - α) old + α new`: at 0 and at 1 exactly one of them.
pub fn mixed(old: &Tensor, new: &Tensor, alpha: &Tensor) -> Tensor {
    old * &(1.0 - alpha) + new * alpha
}

/// [B, H, W, C] -> [B, H/2, W/2, C], the mean of each 2x2.
pub fn halved(x: &Tensor) -> Tensor {
    x.avg_pool2d(PoolWindow::tiles(2))
}

/// Leaky ReLU, then PixelNorm.
fn normed(x: &Tensor) -> Tensor {
    x.leaky_relu(LEAK).pixel_norm(EPS)
}

/// x [B, H, W, Cin] -> [B, H, W, channels], with bias, by an odd kernel.
fn conv(s: &Scope, name: &str, x: &Tensor, channels: usize, kernel: usize, gain: f64) -> Tensor {
    let w = weight(s, name, [kernel, kernel, x.shape().last(), channels], Layout::Conv, gain);
    let _label = s.label(name);
    x.conv2d(&w, Window::square(1, kernel / 2)) + bias(s, name, channels)
}

/// A weight N(0, 1), times gain / √(inputs of one output) whenever it is used: all weights then learn at one rate (§4.1).
fn weight<const N: usize>(s: &Scope, name: &str, shape: [usize; N], layout: Layout, gain: f64) -> Tensor {
    let inputs: usize = match layout {
        Layout::ConvTranspose => shape[N - 1],
        _ => shape[..N - 1].iter().product(),
    };
    let s = s.sub(name);
    let _label = s.label("scaled");
    s.param("weight", shape, Init::Normal { mean: 0.0, deviation: 1.0 }, layout) * (gain / (inputs as f64).sqrt()) as f32
}

fn bias(s: &Scope, name: &str, n: usize) -> Tensor {
    s.sub(name).param("bias", [n], Init::Zeros, Layout::Plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_divide_the_batch_and_are_about_four() {
        let groups =
            [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 3), (7, 1), (8, 4), (10, 5), (14, 2), (16, 4), (18, 3), (20, 4)];
        for (batch, want) in groups {
            assert_eq!(group(batch), want, "a batch of {batch}");
        }
    }
}
