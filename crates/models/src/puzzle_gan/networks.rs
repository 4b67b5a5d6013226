//! The part encoder, the two decoders and the discriminator. Their parameters at 64 pixels are as many as those of the paper's networks:
//! every layer has a bias, and batch norm where a layer is neither its network's first nor its last, or a decoder's but for the last.

use calotype_graph::{Init, Scope, Tensor};

use crate::layers::{Kernel, Layers, biased};

/// Slope of leaky ReLUs below 0, in the encoder and D.
const LEAK: f32 = 0.2;
const WEIGHT: Init = Init::Normal { mean: 0.0, deviation: 0.02 };
const SCALE: Init = Init::Normal { mean: 1.0, deviation: 0.02 };

/// H -> H/2 forward, H -> 2H transposed.
const HALVE: Kernel = Kernel { size: 5, stride: 2, pad: 2 };
/// 4 -> 1 forward, 1 -> 4 transposed.
const WHOLE: Kernel = Kernel { size: 4, stride: 1, pad: 0 };

/// All networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Networks {
    /// S: pixels a side of images and patches, a power of two from 8 on.
    pub size: usize,
    /// Of an image.
    pub channels: usize,
    /// f: filters of the layer nearest to an image.
    pub width: usize,
    /// E: numbers that the encoder makes of a patch.
    pub embedding: usize,
}

/// What G makes.
pub struct Made {
    /// [B, S, S, C] in [-1, 1].
    pub image: Tensor,
    /// Of the mask M^ [B, S, S, 1]: where the image holds the patches.
    pub mask_logits: Tensor,
}

impl Made {
    /// M^ [B, S, S, 1] in [0, 1].
    pub fn mask(&self) -> Tensor {
        self.mask_logits.sigmoid()
    }
}

/// What the encoder makes of the patches of an image, summed over them.
struct Parts {
    /// By level, the smallest first: [B, 4, 4, F], … [B, S/2, S/2, f].
    levels: Vec<Tensor>,
    /// [B, 1, 1, E].
    embedding: Tensor,
}

impl Networks {
    /// Strided layers between an image and 4x4.
    fn levels(&self) -> usize {
        (self.size / 4).ilog2() as usize
    }

    /// G: patches [B, n, S, S, C] in [-1, 1], in no order, and z [B, Z].
    pub fn generator(&self, s: &Scope, patches: &Tensor, z: &Tensor) -> Made {
        let &[b, nz] = z.dims() else { return Made { image: z.clone(), mask_logits: z.clone() } };
        let Parts { levels, embedding } = self.encoder(&s.sub("encoder"), patches);
        let (mask_logits, read) = self.decoder(&s.sub("mask_decoder"), &embedding, &levels, 1);
        let code = embedding.concat(&z.reshape([b, 1, 1, nz]), 3); // [B, 1, 1, E + Z]
        let (image, _) = self.decoder(&s.sub("image_decoder"), &code, &read, self.channels);
        Made { image: image.tanh(), mask_logits }
    }

    /// One encoder for all patches. Each level of it is summed over the patches of an image, so that neither their order nor their number
    /// is part of the networks.
    fn encoder(&self, s: &Scope, patches: &Tensor) -> Parts {
        let &[b, n, h, w, c] = patches.dims() else {
            return Parts { levels: vec![], embedding: patches.clone() };
        };
        let levels = self.trunk(s, &patches.reshape([b * n, h, w, c]));
        let last = levels.last().unwrap_or(patches);
        let embedding = s.conv_biased(&format!("{}.conv", self.levels()), last, self.embedding, WHOLE, WEIGHT).leaky_relu(LEAK);
        let summed = |y: &Tensor| match *y.dims() {
            [_, h, w, c] => y.reshape([b, n, h, w, c]).sum(&[1]), // [B, h, w, c]
            _ => y.clone(),
        };
        Parts { levels: levels.iter().rev().map(summed).collect(), embedding: summed(&embedding) }
    }

    /// Images [N, S, S, C] -> after each strided layer: [N, S/2, S/2, f], [N, S/4, S/4, 2f], … down to 4x4.
    fn trunk(&self, s: &Scope, x: &Tensor) -> Vec<Tensor> {
        let mut all: Vec<Tensor> = vec![];
        for level in 0..self.levels() {
            let before = all.last().unwrap_or(x);
            let y = s.conv_biased(&format!("{level}.conv"), before, self.width << level, HALVE, WEIGHT);
            let y = if level == 0 { y } else { s.batch_norm(&format!("{level}.norm"), &y, SCALE) };
            all.push(y.leaky_relu(LEAK));
        }
        all
    }

    /// x [B, 1, 1, n] -> [B, S, S, `channels`] before an activation, and what each of its layers but the first has read: its own features
    /// and those of `skips`, [B, 4, 4, ..], … [B, S/2, S/2, ..], beside them.
    fn decoder(&self, s: &Scope, x: &Tensor, skips: &[Tensor], channels: usize) -> (Tensor, Vec<Tensor>) {
        let levels = self.levels();
        let x = s.conv_transpose("0.conv", x, self.width << (levels - 1), WHOLE, WEIGHT);
        let mut x = s.batch_norm("0.norm", &biased(s, "0.conv", &x), SCALE).relu(); // [B, 4, 4, F]
        let mut read = vec![];
        for (level, skip) in skips.iter().enumerate() {
            let y = x.concat(skip, 3);
            let (conv, norm) = (format!("{}.conv", level + 1), format!("{}.norm", level + 1));
            x = match level + 1 < levels {
                true => {
                    let filters = self.width << (levels - 2 - level);
                    s.batch_norm(&norm, &s.conv_transpose_biased(&conv, &y, filters, HALVE, WEIGHT), SCALE).relu()
                }
                false => s.conv_transpose_biased(&conv, &y, channels, HALVE, WEIGHT),
            };
            read.push(y);
        }
        (x, read)
    }

    /// D: images [N, S, S, C] -> logits [N] that they are real.
    pub fn discriminator(&self, s: &Scope, x: &Tensor) -> Tensor {
        let n = x.dims()[0];
        let levels = self.trunk(s, x);
        s.conv_biased(&format!("{}.conv", self.levels()), levels.last().unwrap_or(x), 1, WHOLE, WEIGHT).reshape([n])
    }
}
