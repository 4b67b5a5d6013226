//! Diagonal BiLSTM: van den Oord, Kalchbrenner, Kavukcuoglu 2016, "Pixel Recurrent Neural Networks", arXiv:1601.06759, §3.2.
//!
//! Departures: K_is has a bias; images of L levels have an L-way softmax; no image is skewed, since [`lstm_scan`] walks along the
//! diagonals of an image as it is.
//!
//! [`lstm_scan`]: calotype_graph::op::LstmScan

use calotype_graph::{Scope, Tensor};

use super::drawing::{At, Tables, layer as of_layer, stacked};
use super::parts::{self, Conv, mask_gates, pointwise, pointwise_weights, state_to_state};
use super::{Network, PixelModel, Sizes, row_lstm};
use crate::model::ModelInfo;
use crate::settings::{Preset, Settings};

pub static INFO: ModelInfo = ModelInfo {
    name: "diagonal-bilstm",
    title: "Diagonal BiLSTM",
    paper: "van den Oord, Kalchbrenner, Kavukcuoglu 2016, arXiv:1601.06759",
    presets: Preset::SMALL_AND_PAPER,
    default_data: |_| &["fashion-mnist"],
    settings: row_lstm::settings,
    configure: PixelModel::<DiagonalBiLstm>::configure,
};

#[derive(Clone)]
pub(super) struct DiagonalBiLstm {
    /// Whether the right-to-left states are shifted down one row. Without, a pixel would see its own future: tests show it.
    pub(super) shifted: bool,
}

/// K_is of one direction, 1x1 with mask B: weight [2h, 4h].
fn input_to_state(z: &Sizes, s: &Scope, direction: usize) -> Conv {
    let Conv { weight, bias } = parts::conv(s, &format!("k_is.{direction}"), [1, 1], [2 * z.h, 4 * z.h], 1);
    Conv { weight: mask_gates(&weight.reshape([2 * z.h, 4 * z.h]), z.colours()), bias }
}

/// K_ss of one direction, [2, h, 4h]: the row above, then the column before.
fn k_ss(z: &Sizes, s: &Scope, direction: usize) -> Tensor {
    state_to_state(s, &format!("k_ss.{direction}"), [2, 1], z.h)
}

/// The states [W, B, H, h] of one direction: 0 goes from left to right, 1 from right to left.
fn one_way(z: &Sizes, s: &Scope, x: &Tensor, direction: usize) -> Tensor {
    let gates = {
        let k_is = input_to_state(z, s, direction);
        let _label = s.label(&format!("k_is.{direction}"));
        parts::affine(x, &k_is)
    };
    let w = k_ss(z, s, direction);
    let _label = s.label(&format!("k_ss.{direction}"));
    let zero = s.graph().full([x.dims()[1], x.dims()[2], z.h], 0.0);
    gates.lstm_scan(&w, &zero, &zero, direction == 1)
}

impl DiagonalBiLstm {
    /// One layer, x [W, B, H, 2h]: time runs along the columns, both ways.
    fn layer(&self, z: &Sizes, s: &Scope, x: &Tensor) -> Tensor {
        let (left, right) = (one_way(z, s, x, 0), one_way(z, s, x, 1));
        let height = x.dims()[2];
        let right = if self.shifted { right.slice(2, 0, height - 1).pad(2, 1, 0, 0.0) } else { right };
        x + &pointwise(z, s, "up", &(left + right), 2 * z.h)
    }
}

impl Network for DiagonalBiLstm {
    const AXES: [usize; 4] = [2, 0, 1, 3];
    const LAYERS: &'static str = "layers";

    fn info() -> &'static ModelInfo {
        &INFO
    }

    fn new(_settings: &Settings) -> Self {
        DiagonalBiLstm { shifted: true }
    }

    fn layers(&self, z: &Sizes, s: &Scope, y: &Tensor) -> Tensor {
        (0..z.layers).fold(y.clone(), |y, n| self.layer(z, &s.sub(&n.to_string()), &y))
    }

    /// Everything before, but for one blind spot: the last pixel of the row above where the first layer's window does not reach
    /// it. From the row above come features; mask A hides that pixel from its own, and none lies right of it. Of its colours the
    /// last is hidden so: features of later colours see the earlier ones, and K_ss mixes them.
    fn sees(&self, z: &Sizes, [i, j]: [usize; 2], [row, column, colour]: [usize; 3]) -> bool {
        let last = row + 1 == i && column + 1 == z.shape[1] && colour + 1 == z.colours();
        !last || column <= j + parts::REACH
    }

    fn begin(&self, z: &Sizes, s: &Scope, t: &Tables) {
        let h = z.h;
        let layers: Vec<Scope> = (0..z.layers).map(|n| s.sub(&n.to_string())).collect();
        let (mut k_is, mut ss) = ([vec![], vec![]], [vec![], vec![]]);
        for (n, s) in layers.iter().enumerate() {
            for direction in [0, 1] {
                k_is[direction].push(input_to_state(z, s, direction));
                ss[direction].push(k_ss(z, s, direction));
            }
            t.keep(&format!("own.{n}"), &k_is[0][n].weight);
            t.keep(&format!("right.{n}"), &ss[1][n].slice(0, 1, 2));
            t.keep_conv(&format!("up.{n}"), &pointwise_weights(z, s, "up", h, 2 * h));
        }
        let tap = |direction: usize, k: usize| {
            let taps: Vec<Tensor> = ss[direction].iter().map(|w| w.slice(0, k, k + 1).reshape([h, 4 * h])).collect();
            taps.into_iter()
        };
        t.keep_stack("left.above", tap(0, 0));
        t.keep_stack("left.before", tap(0, 1));
        t.keep_stack("right.above", tap(1, 0));
        t.keep_stack("right.own", k_is[1].iter().map(|k| k.weight.clone()));
        for (name, direction) in [("left.bias", 0), ("right.bias", 1)] {
            t.keep_stack(name, k_is[direction].iter().map(|k: &Conv| k.bias.reshape([1, 4 * h])));
        }
        t.keep("part", &t.everywhere("left.bias", 4 * h));
        t.clear("inputs", t.written(2 * h));
        t.clear("states", t.written(h));
        t.clear("cells", t.written(h));
        t.clear("right", t.columns(h));
    }

    /// From left to right; the right-to-left states are those of the row above.
    fn pixel(&self, z: &Sizes, t: &Tables, at: &At, mut y: Tensor) -> Tensor {
        let h = z.h;
        let before = t.read_before("states", at, h).matmul(&t.stack("left.before", [h, 4 * h]));
        let known = before + t.read("part", at, 4 * h); // [L, B, 4h]
        let cells = t.read_before("cells", at, h); // [L, B, h]
        let right = t.read("right", at, h); // [L, B, h]
        for n in 0..z.layers {
            t.write("inputs", at, n, &y);
            let gates = y.matmul(&t.get(&format!("own.{n}"), [2 * h, 4 * h])) + of_layer(&known, n);
            let (state, cell) = gates.lstm_cell(&of_layer(&cells, n));
            t.write("states", at, n, &state);
            t.write("cells", at, n, &cell);
            let both = &state + &of_layer(&right, n);
            y = &y + &parts::affine(&both, &t.conv(&format!("up.{n}"), h, 2 * h));
        }
        y
    }

    /// The right-to-left pass over the finished row, and the upper taps for the next one.
    fn row(&self, z: &Sizes, t: &Tables) {
        let h = z.h;
        let part = t.neighbours("states", 1, h).matmul(&t.stack("left.above", [h, 4 * h])) + t.stack("left.bias", [1, 4 * h]);
        t.set("part", &part, t.columns(4 * h));

        let own = t.neighbours("inputs", 1, 2 * h).matmul(&t.stack("right.own", [2 * h, 4 * h]));
        let above = t.get("right", t.columns(h)).reshape(t.all_columns(h)).matmul(&t.stack("right.above", [h, 4 * h]));
        let gates = own + above + t.stack("right.bias", [1, 4 * h]); // [L, W·B, 4h]
        let [width, batch] = [t.width(), t.batch()];
        let zero = t.graph().full([batch, 1, h], 0.0);
        let states = (0..z.layers).map(|n| {
            let gates = of_layer(&gates, n).reshape([width, batch, 1, 4 * h]);
            gates.lstm_scan(&t.get(&format!("right.{n}"), [1, h, 4 * h]), &zero, &zero, true)
        });
        if let Some(all) = stacked(states) {
            t.set("right", &all, t.columns(h));
        }
    }
}
