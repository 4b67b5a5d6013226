//! Generator and discriminator (appendix, tables 4 and 5). States have the names of the authors' code, <https://github.com/yunjey/stargan>,
//! and begin as PyTorch's layers do.

use calotype_graph::{Layout, Scope, Tensor};

use crate::layers::{Kernel, Layers, uniform};

/// Slope of D's leaky ReLU below 0.
const LEAK: f32 = 0.01;

/// c7s1: the first and the last layer of G.
const WIDE: Kernel = Kernel { size: 7, stride: 1, pad: 3 };
/// H -> H/2 forward, H -> 2H transposed.
const HALVE: Kernel = Kernel { size: 4, stride: 2, pad: 1 };
const SAME: Kernel = Kernel { size: 3, stride: 1, pad: 1 };

/// Both networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Networks {
    /// Of an image.
    pub channels: usize,
    /// c: numbers of a domain.
    pub domain: usize,
    /// Pixels a side of what D sees: a power of two.
    pub size: usize,
    /// f: filters of G's first layer.
    pub width: usize,
    /// Filters of D's first layer.
    pub width_d: usize,
    /// Residual blocks of G.
    pub blocks: usize,
}

/// What D says of images.
pub struct Judged {
    /// Scores [B, h, w, 1], the larger the more real: one a patch.
    pub source: Tensor,
    /// Logits of the domain [B, h', w', c]: 1x1 of them for images of D's size.
    pub domain: Tensor,
}

impl Judged {
    /// Of images `from` to before `to`.
    pub fn rows(&self, from: usize, to: usize) -> Judged {
        Judged { source: self.source.slice(0, from, to), domain: self.domain.slice(0, from, to) }
    }
}

/// Convolution without bias.
fn conv(s: &Scope, name: &str, x: &Tensor, channels: usize, kernel: Kernel) -> Tensor {
    s.conv(name, x, channels, kernel, uniform(x.shape().last() * kernel.size * kernel.size))
}

/// Convolution with bias.
fn biased(s: &Scope, name: &str, x: &Tensor, channels: usize, kernel: Kernel) -> Tensor {
    let fan_in = x.shape().last() * kernel.size * kernel.size;
    let y = conv(s, name, x, channels, kernel);
    let bias = s.sub(name).param("bias", [channels], uniform(fan_in), Layout::Plain);
    let _label = s.label(name);
    &y + &bias
}

impl Networks {
    /// n: strided layers of D. All but the last halving to 1x1.
    pub fn layers(&self) -> usize {
        self.size.ilog2() as usize - 1
    }

    /// G: images [B, H, W, C] in [-1, 1] and domains [B, c] -> images [B, H, W, C] in [-1, 1]. H and W are multiples of 4.
    pub fn generator(&self, s: &Scope, x: &Tensor, domain: &Tensor) -> Tensor {
        let (f, n) = (self.width, self.domain);
        let &[b, h, w, _] = x.dims() else { return x.clone() };
        let maps = domain.reshape([b, 1, 1, n]).expand([b, h, w, n]);
        let norm = |n: usize, x: Tensor| s.instance_norm(&format!("main.{n}"), &x);

        let x = conv(s, "main.0", &x.concat(&maps, 3), f, WIDE);
        let x = norm(1, x).relu(); // [B, H, W, f]
        let x = conv(s, "main.3", &x, 2 * f, HALVE);
        let x = norm(4, x).relu(); // [B, H/2, W/2, 2f]
        let x = conv(s, "main.6", &x, 4 * f, HALVE);
        let x = norm(7, x).relu(); // [B, H/4, W/4, 4f]
        let x = (0..self.blocks).fold(x, |x, block| residual(&s.sub(&format!("main.{}", 9 + block)), &x));

        let last = 9 + self.blocks;
        // PyTorch's fan-in of a transposed weight [in, out, k, k] is that of its output channels.
        let up = |n: usize, x: &Tensor, c: usize| s.conv_transpose(&format!("main.{n}"), x, c, HALVE, uniform(c * 16));
        let x = up(last, &x, 2 * f);
        let x = norm(last + 1, x).relu(); // [B, H/2, W/2, 2f]
        let x = up(last + 3, &x, f);
        let x = norm(last + 4, x).relu(); // [B, H, W, f]
        conv(s, &format!("main.{}", last + 6), &x, self.channels, WIDE).tanh()
    }

    /// D's layers before its heads: images [B, H, W, C] -> [B, H/2ⁿ, W/2ⁿ, 2ⁿ⁻¹ width_d]; no norm.
    fn trunk(&self, s: &Scope, x: &Tensor) -> Tensor {
        let layer = |x: Tensor, n: usize| biased(s, &format!("main.{}", 2 * n), &x, self.width_d << n, HALVE).leaky_relu(LEAK);
        (0..self.layers()).fold(x.clone(), layer)
    }

    /// D_src and D_cls of images [B, H, W, C], at least as high and wide as `size`.
    pub fn discriminator(&self, s: &Scope, x: &Tensor) -> Judged {
        let x = self.trunk(s, x);
        let whole = Kernel { size: self.size >> self.layers(), stride: 1, pad: 0 };
        Judged { source: conv(s, "conv1", &x, 1, SAME), domain: conv(s, "conv2", &x, self.domain, whole) }
    }
}

/// x + norm(conv(relu(norm(conv(x))))), as many channels as before.
fn residual(s: &Scope, x: &Tensor) -> Tensor {
    let channels = x.shape().last();
    let y = s.instance_norm("main.1", &conv(s, "main.0", x, channels, SAME)).relu();
    let y = s.instance_norm("main.4", &conv(s, "main.3", &y, channels, SAME));
    x + &y
}
