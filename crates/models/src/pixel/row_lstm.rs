//! Row LSTM: van den Oord, Kalchbrenner, Kavukcuoglu 2016, "Pixel Recurrent Neural Networks", arXiv:1601.06759, §3.1.
//!
//! Departures: K_is has a bias; images of L levels have an L-way softmax; rows do not learn their first state, which is zero.

use calotype_graph::{Scope, Tensor, Window};

use super::drawing::{At, Tables, layer as of_layer};
use super::parts::{self, Conv, mask_gates, pointwise, pointwise_weights, state_to_state};
use super::{Network, PixelModel, Sizes, settings as pixel_settings, size_settings};
use crate::descent::Defaults;
use crate::model::ModelInfo;
use crate::settings::{Preset, Setting, Settings};

pub static INFO: ModelInfo = ModelInfo {
    name: "row-lstm",
    title: "Row LSTM",
    paper: "van den Oord, Kalchbrenner, Kavukcuoglu 2016, arXiv:1601.06759",
    presets: Preset::SMALL_AND_PAPER,
    default_data: |_| &["fashion-mnist"],
    settings,
    configure: PixelModel::<RowLstm>::configure,
};

/// Of the Row LSTM and the Diagonal BiLSTM.
pub(super) fn settings(preset: Preset) -> Vec<Setting> {
    let (layers, defaults) = match preset {
        Preset::PAPER => {
            let (optimiser, lr, lr_min, decay, clip) = ("rmsprop", 1e-3, 1e-4, 0.0, 1.0);
            (7, Defaults { batch: 16, steps: 100_000, optimiser, lr, lr_min, decay, clip })
        }
        _ => {
            let (optimiser, lr, lr_min, decay, clip) = ("adam", 2e-3, 2e-4, 0.1, 1.0);
            (3, Defaults { batch: 32, steps: 12_000, optimiser, lr, lr_min, decay, clip })
        }
    };
    pixel_settings(size_settings(("layers", layers, "residual LSTM layers"), 16, 32), vec![], defaults)
}

#[derive(Clone)]
struct RowLstm;

/// Taps of K_is that mask B leaves: the column before and the pixel's own.
const SEEN: usize = 2;

/// K_is, 3 wide with mask B: weight [2, 2h, 4h] of the two taps that see something.
fn input_to_state(z: &Sizes, s: &Scope) -> Conv {
    let (n, gates) = (2 * z.h, 4 * z.h);
    let Conv { weight, bias } = parts::conv(s, "k_is", [1, 3], [n, gates], SEEN);
    let tap = |k: usize| weight.slice(1, k, k + 1).reshape([n, gates]);
    let own = mask_gates(&tap(1), z.colours());
    Conv { weight: tap(0).reshape([1, n, gates]).concat(&own.reshape([1, n, gates]), 0), bias }
}

/// One layer, x [H, B, W, 2h]: time runs down the rows.
fn layer(z: &Sizes, s: &Scope, x: &Tensor) -> Tensor {
    let (&[height, batch, width, n], h) = (x.dims(), z.h) else { return x.clone() };
    let k_is = input_to_state(z, s);
    let gates = {
        let _label = s.label("k_is");
        let image = x.reshape([height * batch, 1, width, n]).pad(2, 1, 0, 0.0);
        let kernel = k_is.weight.reshape([1, SEEN, n, 4 * h]);
        (image.conv2d(&kernel, Window::square(1, 0)) + &k_is.bias).reshape([height, batch, width, 4 * h])
    };
    let k_ss = state_to_state(s, "k_ss", [1, 3], h);
    let states = {
        let _label = s.label("k_ss");
        let zero = s.graph().full([batch, width, h], 0.0);
        gates.lstm_scan(&k_ss, &zero, &zero, false) // [H, B, W, h]
    };
    x + &pointwise(z, s, "up", &states, n)
}

impl Network for RowLstm {
    const AXES: [usize; 4] = [1, 0, 2, 3];
    const LAYERS: &'static str = "layers";

    fn info() -> &'static ModelInfo {
        &INFO
    }

    fn new(_settings: &Settings) -> Self {
        RowLstm
    }

    fn layers(&self, z: &Sizes, s: &Scope, y: &Tensor) -> Tensor {
        (0..z.layers).fold(y.clone(), |y, n| layer(z, &s.sub(&n.to_string()), &y))
    }

    /// A triangle that widens by one column a row: each layer sees one column more to the left, each row above one more on
    /// either side, and the first layer three on either side (to the right from the row above on).
    fn sees(&self, z: &Sizes, [i, j]: [usize; 2], [row, column, _]: [usize; 3]) -> bool {
        let left = (i - row) + parts::REACH + z.layers;
        let right = (i - row) + parts::REACH - 1;
        if row == i { column < j && column + left >= j } else { column + left >= j && column <= j + right }
    }

    fn begin(&self, z: &Sizes, s: &Scope, t: &Tables) {
        let h = z.h;
        let mut k_is = Vec::new();
        for n in 0..z.layers {
            let s = s.sub(&n.to_string());
            let Conv { weight, bias } = input_to_state(z, &s);
            let tap = |k: usize| weight.slice(0, k, k + 1).reshape([2 * h, 4 * h]);
            t.keep(&format!("own.{n}"), &tap(1));
            t.keep_conv(&format!("up.{n}"), &pointwise_weights(z, &s, "up", h, 2 * h));
            k_is.push((tap(0), bias, state_to_state(&s, "k_ss", [1, 3], h)));
        }
        t.keep_stack("before", k_is.iter().map(|(before, ..)| before.clone()));
        for k in 0..3 {
            t.keep_stack(&format!("k_ss.{k}"), k_is.iter().map(|(.., w)| w.slice(0, k, k + 1).reshape([h, 4 * h])));
        }
        t.keep_stack("bias", k_is.iter().map(|(_, bias, _)| bias.reshape([1, 4 * h])));
        t.keep("part", &t.everywhere("bias", 4 * h));
        t.clear("inputs", t.written(2 * h));
        t.clear("states", t.written(h));
        t.clear("cells", t.written(h));
        t.clear("above", t.columns(h));
    }

    /// The gates' parts that the row above and the pixel before decide are had for all layers at once.
    fn pixel(&self, z: &Sizes, t: &Tables, at: &At, mut y: Tensor) -> Tensor {
        let h = z.h;
        let before = t.read_before("inputs", at, 2 * h).matmul(&t.stack("before", [2 * h, 4 * h]));
        let known = before + t.read("part", at, 4 * h); // [L, B, 4h]
        let above = t.read("above", at, h); // [L, B, h]
        for n in 0..z.layers {
            t.write("inputs", at, n, &y);
            let gates = y.matmul(&t.get(&format!("own.{n}"), [2 * h, 4 * h])) + of_layer(&known, n);
            let (state, cell) = gates.lstm_cell(&of_layer(&above, n));
            t.write("states", at, n, &state);
            t.write("cells", at, n, &cell);
            y = &y + &parts::affine(&state, &t.conv(&format!("up.{n}"), h, 2 * h));
        }
        y
    }

    /// K_ss over the finished row, for all columns of the next.
    fn row(&self, z: &Sizes, t: &Tables) {
        let h = z.h;
        let tap = |k: usize| t.neighbours("states", k, h).matmul(&t.stack(&format!("k_ss.{k}"), [h, 4 * h]));
        let part = tap(0) + tap(1) + tap(2) + t.stack("bias", [1, 4 * h]); // [L, W·B, 4h]
        t.set("part", &part, t.columns(4 * h));
        t.set("above", &t.neighbours("cells", 1, h), t.columns(h));
    }
}
