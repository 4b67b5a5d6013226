//! PixelCNN: van den Oord, Kalchbrenner, Kavukcuoglu 2016, "Pixel Recurrent Neural Networks", arXiv:1601.06759, §3.5, with the
//! residual blocks of figure 5 (left) and table 1: [ReLU, 1x1 to h, ReLU, 3x3 with mask B, ReLU, 1x1 to 2h], added to the
//! block's input.
//!
//! Departures: images of L levels have an L-way softmax; in training, the 3x3's features are dropped out (a setting, 0 in the
//! paper); the `paper` preset has the sizes of the LSTMs on MNIST, since none are known for this model.

use calotype_graph::op::Distribution;
use calotype_graph::{Mode, Scope, Tensor, Window};

use super::drawing::{At, Tables, layer as of_layer};
use super::parts::{self, Conv, affine, mask_b, pointwise, pointwise_weights};
use super::{Network, PixelModel, Sizes, settings as pixel_settings, size_settings};
use crate::descent::Defaults;
use crate::model::ModelInfo;
use crate::settings::{Preset, Setting, Settings};

pub static INFO: ModelInfo = ModelInfo {
    name: "pixelcnn",
    title: "PixelCNN",
    paper: "van den Oord, Kalchbrenner, Kavukcuoglu 2016, arXiv:1601.06759",
    presets: Preset::SMALL_AND_PAPER,
    default_data: |_| &["fashion-mnist"],
    settings,
    configure: PixelModel::<PixelCnn>::configure,
};

fn settings(preset: Preset) -> Vec<Setting> {
    let (blocks, width, dropout, defaults) = match preset {
        Preset::PAPER => {
            let (optimiser, lr, lr_min, decay, clip) = ("rmsprop", 1e-3, 1e-4, 0.0, 1.0);
            (7, 16, 0.0, Defaults { batch: 16, steps: 100_000, optimiser, lr, lr_min, decay, clip })
        }
        _ => {
            let (optimiser, lr, lr_min, decay, clip) = ("adam", 2e-3, 2e-4, 0.01, 1.0);
            (4, 32, 0.2, Defaults { batch: 32, steps: 12_000, optimiser, lr, lr_min, decay, clip })
        }
    };
    let dropout = Setting::number("dropout", dropout, (0.0, 0.95), "dropout rate of the features of the residual blocks");
    pixel_settings(size_settings(("blocks", blocks, "residual blocks"), width, 32), vec![dropout], defaults)
}

#[derive(Clone)]
struct PixelCnn {
    dropout: f32,
}

/// Of the 3x3 kernel, the rows that mask B leaves: the one above, and the pixel's own up to the pixel.
const ROWS: usize = 2;
const TAPS: usize = 5;

/// The 3x3 convolution from h to h maps with mask B: weight [2, 3, h, h] of the rows that see something. The tap after the pixel
/// is zero.
fn three(z: &Sizes, s: &Scope) -> Conv {
    let (g, h) = (s.graph(), z.h);
    let Conv { weight, bias } = parts::conv(s, "three", [3, 3], [h, h], TAPS);
    let tap = g.iota(ROWS * 3).reshape([ROWS, 3, 1, 1]);
    let visible = 1.0 - &tap.greater(TAPS as f32 - 0.5);
    let mask = match mask_b(g, h, h, z.colours()) {
        Some(colours) => {
            let before = 1.0 - &tap.greater(TAPS as f32 - 1.5);
            visible * &before.select(&g.scalar(1.0), &colours.reshape([1, 1, h, h]))
        }
        None => visible,
    };
    Conv { weight: weight.slice(0, 0, ROWS) * &mask, bias }
}

impl PixelCnn {
    /// y [B, H, W, 2h] -> [B, H, W, 2h].
    fn block(&self, z: &Sizes, s: &Scope, y: &Tensor) -> Tensor {
        let a = pointwise(z, s, "down", &y.relu(), z.h).relu(); // [B, H, W, h]
        let Conv { weight, bias } = three(z, s);
        let a = {
            let _label = s.label("three");
            let window = Window { stride: [1, 1], pad: [0, 1], dilation: [1, 1] };
            (a.pad(1, ROWS - 1, 0, 0.0).conv2d(&weight, window) + &bias).relu()
        };
        y + &pointwise(z, s, "up", &self.drop(s, a), 2 * z.h)
    }

    fn drop(&self, s: &Scope, a: Tensor) -> Tensor {
        if s.mode() == Mode::Eval || self.dropout == 0.0 {
            return a;
        }
        let kept = s.random("dropout", Distribution::Uniform, a.shape().clone()).greater(self.dropout);
        a * &(kept * (1.0 / (1.0 - self.dropout)))
    }
}

impl Network for PixelCnn {
    const AXES: [usize; 4] = [0, 1, 2, 3];
    const LAYERS: &'static str = "blocks";

    fn info() -> &'static ModelInfo {
        &INFO
    }

    fn new(settings: &Settings) -> Self {
        PixelCnn { dropout: settings.number("dropout") as f32 }
    }

    fn layers(&self, z: &Sizes, s: &Scope, y: &Tensor) -> Tensor {
        (0..z.layers).fold(y.clone(), |y, n| self.block(z, &s.sub(&n.to_string()), &y))
    }

    /// Each block sees one row up with one column to the right, or one column to the left; the first layer three of each.
    fn sees(&self, z: &Sizes, [i, j]: [usize; 2], [row, column, _]: [usize; 3]) -> bool {
        let up = i - row;
        if up == 0 {
            return column < j && column + parts::REACH + z.layers >= j;
        }
        let climbed = z.layers.min(up - 1); // rows that blocks go up before the first layer goes to the right
        up <= z.layers + parts::REACH && column + parts::REACH + z.layers >= j && column <= j + climbed + parts::REACH
    }

    fn begin(&self, z: &Sizes, s: &Scope, t: &Tables) {
        let h = z.h;
        let mut threes = Vec::new();
        for n in 0..z.layers {
            let s = s.sub(&n.to_string());
            t.keep_conv(&format!("down.{n}"), &pointwise_weights(z, &s, "down", 2 * h, h));
            t.keep_conv(&format!("up.{n}"), &pointwise_weights(z, &s, "up", h, 2 * h));
            let Conv { weight, bias } = three(z, &s);
            let weight = weight.reshape([ROWS * 3, h, h]);
            t.keep(&format!("own.{n}"), &of_layer(&weight, TAPS - 1));
            threes.push((weight, bias));
        }
        for k in 0..TAPS - 1 {
            t.keep_stack(&format!("tap.{k}"), threes.iter().map(|(weight, _)| of_layer(weight, k)));
        }
        t.keep_stack("bias", threes.iter().map(|(_, bias)| bias.reshape([1, h])));
        t.keep("part", &t.everywhere("bias", h));
        t.clear("inputs", t.written(h));
    }

    /// What the row above and the pixel before give to the 3x3 convolutions is had for all blocks at once.
    fn pixel(&self, z: &Sizes, t: &Tables, at: &At, mut y: Tensor) -> Tensor {
        let h = z.h;
        let before = t.read_before("inputs", at, h).matmul(&t.stack("tap.3", [h, h]));
        let known = before + t.read("part", at, h); // [L, B, h]
        for n in 0..z.layers {
            let a = affine(&y.relu(), &t.conv(&format!("down.{n}"), 2 * h, h)).relu();
            t.write("inputs", at, n, &a);
            let a = (a.matmul(&t.get(&format!("own.{n}"), [h, h])) + of_layer(&known, n)).relu();
            y = &y + &affine(&a, &t.conv(&format!("up.{n}"), h, 2 * h));
        }
        y
    }

    /// The 3x3 convolutions' upper row, for all columns of the next row.
    fn row(&self, z: &Sizes, t: &Tables) {
        let h = z.h;
        let tap = |k: usize| t.neighbours("inputs", k, h).matmul(&t.stack(&format!("tap.{k}"), [h, h]));
        let part = tap(0) + tap(1) + tap(2) + t.stack("bias", [1, h]); // [L, W·B, h]
        t.set("part", &part, t.columns(h));
    }
}
