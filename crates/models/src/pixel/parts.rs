//! Masks by colour, and the layers that the models share.

use calotype_graph::{Graph, Layout, Scope, Tensor, Window};

use super::Sizes;
use crate::layers::uniform;

/// Rows and columns of the first layer's kernel.
const KERNEL: usize = 7;
/// Rows that mask A leaves: those above the pixel, and its own.
pub(super) const FIRST_ROWS: usize = 4;
/// Rows above the pixel, and columns on either side, that the first layer sees.
pub(super) const REACH: usize = 3;
/// Taps in those rows; the last four are the pixel itself and what comes after.
pub(super) const FIRST_TAPS: usize = FIRST_ROWS * KERNEL;
const CENTRE: usize = REACH * KERNEL + REACH;

/// The colour floor(C k / n) of each of n maps, [n].
fn colour(g: &Graph, n: usize, colours: usize) -> Tensor {
    // The half keeps whole quotients from being rounded to what lies below.
    ((g.iota(n) * colours as f32 + 0.5) * (1.0 / n as f32)).floor()
}

/// Mask B over n_in x n_out maps, [n_in, n_out]: 1 where the colour of the input is at most that of the output. None where
/// there is but one colour: everything is seen.
pub(super) fn mask_b(g: &Graph, n_in: usize, n_out: usize, colours: usize) -> Option<Tensor> {
    let of = |n, shape: [usize; 2]| colour(g, n, colours).reshape(shape);
    (colours > 1).then(|| of(n_out, [1, n_out]).greater_equal(&of(n_in, [n_in, 1])))
}

/// Weights and biases of a convolution.
pub(super) struct Conv {
    pub weight: Tensor,
    pub bias: Tensor,
}

/// The parameters of a convolution kh x kw from n to m maps: weight [kh, kw, n, m] and bias \[m], of which each output sees
/// `taps` taps.
pub(super) fn conv(s: &Scope, name: &str, [kh, kw]: [usize; 2], [n, m]: [usize; 2], taps: usize) -> Conv {
    let s = s.sub(name);
    Conv {
        weight: s.param("weight", [kh, kw, n, m], uniform(taps * n), Layout::Conv),
        bias: s.param("bias", [m], uniform(taps * n), Layout::Plain),
    }
}

/// K_ss, without a bias: weights [taps, h, 4h] over neighbouring positions. As a convolution its kernel is [1, taps] where
/// positions are columns, [taps, 1] where they are rows.
pub(super) fn state_to_state(s: &Scope, name: &str, kernel: [usize; 2], h: usize) -> Tensor {
    let taps = kernel[0] * kernel[1];
    let weight = s.sub(name).param("weight", [kernel[0], kernel[1], h, 4 * h], uniform(taps * h), Layout::Conv);
    weight.reshape([taps, h, 4 * h])
}

/// Mask B on weights [n, 4h] to gates [o | f | i | g]: the colours go round within each of them.
pub(super) fn mask_gates(weight: &Tensor, colours: usize) -> Tensor {
    let &[n, gates] = weight.dims() else { return weight.clone() };
    let h = gates / 4;
    match mask_b(weight.graph(), n, h, colours) {
        Some(mask) => (weight.reshape([n, 4, h]) * &mask.reshape([n, 1, h])).reshape([n, gates]),
        None => weight.clone(),
    }
}

/// A 1x1 convolution with mask B by colour: weight [n, m].
pub(super) fn pointwise_weights(z: &Sizes, s: &Scope, name: &str, n: usize, m: usize) -> Conv {
    let Conv { weight, bias } = conv(s, name, [1, 1], [n, m], 1);
    let weight = weight.reshape([n, m]);
    match mask_b(s.graph(), n, m, z.colours()) {
        Some(mask) => Conv { weight: weight * &mask, bias },
        None => Conv { weight, bias },
    }
}

/// x w + b over the last axis.
pub(super) fn affine(x: &Tensor, Conv { weight, bias }: &Conv) -> Tensor {
    let (n, m) = (x.shape().last(), weight.shape().last());
    let mut shape = x.dims().to_vec();
    shape[x.dims().len() - 1] = m;
    (x.reshape([x.shape().numel() / n, n]).matmul(weight) + bias).reshape(shape)
}

/// x [.., n] -> [.., m] by a 1x1 convolution with mask B by colour.
pub(super) fn pointwise(z: &Sizes, s: &Scope, name: &str, x: &Tensor, m: usize) -> Tensor {
    let weights = pointwise_weights(z, s, name, x.shape().last(), m);
    let _label = s.label(name);
    affine(x, &weights)
}

/// Levels 0..L as -1..1: outside an image there is 0, which is no level of bits.
pub(super) fn scaled(z: &Sizes, x: &Tensor) -> Tensor {
    x * (2.0 / (z.levels - 1) as f32) - 1.0
}

/// Levels from what [`scaled`] made of them.
pub(super) fn levels_of(z: &Sizes, x: &Tensor) -> Tensor {
    ((x + 1.0) * ((z.levels - 1) as f32 * 0.5) + 0.5).floor()
}

/// The first layer's weights under mask A, [4, 7, C, 2h]: the pixel's row and those above. At the pixel itself, a map sees the
/// colours before its own.
pub(super) fn first_weights(z: &Sizes, s: &Scope) -> Conv {
    let (g, c) = (s.graph(), z.colours());
    let seen = CENTRE;
    let Conv { weight, bias } = conv(s, "first", [KERNEL, KERNEL], [c, 2 * z.h], seen);
    let tap = g.iota(FIRST_TAPS).reshape([FIRST_TAPS, 1, 1]);
    let before = 1.0 - &tap.greater(CENTRE as f32 - 0.5);
    let (input, output) = (g.iota(c).reshape([1, c, 1]), colour(g, 2 * z.h, c).reshape([1, 1, 2 * z.h]));
    let earlier = 1.0 - &input.greater_equal(&output);
    let mask = before + tap.equal(&g.scalar(CENTRE as f32)) * &earlier; // [28, C, 2h]
    Conv { weight: weight.slice(0, 0, FIRST_ROWS) * &mask.reshape([FIRST_ROWS, KERNEL, c, 2 * z.h]), bias }
}

/// x [B, H, W, C] of levels -> [B, H, W, 2h].
pub(super) fn first(z: &Sizes, s: &Scope, x: &Tensor) -> Tensor {
    let Conv { weight, bias } = first_weights(z, s);
    let _label = s.label("first");
    let window = Window { stride: [1, 1], pad: [0, REACH], dilation: [1, 1] };
    scaled(z, x).pad(1, REACH, 0, 0.0).conv2d(&weight, window) + &bias
}

/// Two [ReLU, 1x1] layers and the distributions' parameters: y [.., 2h] -> [.., C·K], a colour's K together.
pub(super) fn head(z: &Sizes, s: &Scope, y: &Tensor) -> Tensor {
    let y = pointwise(z, s, "head.1", &y.relu(), z.head);
    let y = pointwise(z, s, "head.3", &y.relu(), z.head);
    pointwise(z, s, "head.4", &y, z.colours() * z.conditional().n_parameters())
}

/// The same with the last two layers as one, since there is no function between them: first [2h, head], then [head, C·K].
pub(super) fn head_weights(z: &Sizes, s: &Scope) -> [Conv; 2] {
    let first = pointwise_weights(z, s, "head.1", 2 * z.h, z.head);
    let second = pointwise_weights(z, s, "head.3", z.head, z.head);
    let last = pointwise_weights(z, s, "head.4", z.head, z.colours() * z.conditional().n_parameters());
    let bias = second.bias.reshape([1, z.head]).matmul(&last.weight).reshape(last.bias.shape()) + &last.bias;
    [first, Conv { weight: second.weight.matmul(&last.weight), bias }]
}
