//! The networks of appendix C.1, table 1: G, the trunk that D and Q share, and their heads. States have the names of a PyTorch
//! `nn.Sequential` in this order.

use calotype_graph::op::Distribution;
use calotype_graph::{Init, Scope, Tensor};

use super::InfoGan;
use super::information::{Normals, floored};
use crate::layers::{Kernel, Layers, flatten, random_categories, unflatten};

const WEIGHT: Init = Init::Normal { mean: 0.0, deviation: 0.02 };
const SCALE: Init = Init::Constant(1.0);
const LEAK: f32 = 0.1;

/// H -> 2H in the generator, 2H -> H in the trunk.
const HALVE: Kernel = Kernel { size: 4, stride: 2, pad: 1 };

/// Codes of rows, as they are drawn.
pub(super) struct Drawn {
    /// Categories, u32 `[B]`.
    pub category: Option<Tensor>,
    /// In (-1, 1): [B, n].
    pub codes: Option<Tensor>,
}

/// q(c | x).
pub(super) struct Recognised {
    /// Logits [B, K].
    pub category: Option<Tensor>,
    pub codes: Option<Normals>,
}

impl InfoGan {
    /// The codes of a step.
    pub(super) fn draw(&self, s: &Scope, batch: usize) -> Drawn {
        let uniform = |name: &str, n: usize| s.random(name, Distribution::Uniform, [batch, n]) * 2.0 + -1.0;
        Drawn {
            category: (self.k > 0).then(|| random_categories(s, "category", batch, self.k)),
            codes: (self.n_codes > 0).then(|| uniform("codes", self.n_codes)),
        }
    }

    /// G: latents [B, Z + K + n] -> images [B, size, size, channels] in [-1, 1].
    pub(super) fn generator(&self, s: &Scope, latents: &Tensor) -> Tensor {
        let small = [self.size / 4, self.size / 4, 2 * self.f];
        let x = s.linear("main.0", latents, self.hidden, WEIGHT);
        let x = s.batch_norm("main.1", &x, SCALE).relu(); // [B, hidden]
        let x = s.linear("main.3", &x, small.iter().product(), WEIGHT);
        let x = unflatten(&s.batch_norm("main.4", &x, SCALE).relu(), &small); // [B, size/4, size/4, 2f]
        let x = s.conv_transpose("main.7", &x, self.f, HALVE, WEIGHT);
        let x = s.batch_norm("main.8", &x, SCALE).relu(); // [B, size/2, size/2, f]
        let x = s.conv_transpose("main.10", &x, self.channels, HALVE, WEIGHT);
        x.sigmoid() * 2.0 + -1.0 // no norm on the output
    }

    /// What D and Q share: images [B, size, size, channels] -> [B, hidden]. `s` is D's.
    pub(super) fn trunk(&self, s: &Scope, x: &Tensor) -> Tensor {
        let x = s.conv("trunk.0", x, self.f, HALVE, WEIGHT).leaky_relu(LEAK); // [B, size/2, size/2, f], no norm on the input
        let x = s.conv("trunk.2", &x, 2 * self.f, HALVE, WEIGHT);
        let x = flatten(&s.batch_norm("trunk.3", &x, SCALE).leaky_relu(LEAK)); // [B, 2f size/4 size/4]
        let x = s.linear("trunk.6", &x, self.hidden, WEIGHT);
        s.batch_norm("trunk.7", &x, SCALE).leaky_relu(LEAK)
    }

    /// D's head: the trunk's [B, hidden] -> logits `[B]`. `s` is D's.
    pub(super) fn head(&self, s: &Scope, shared: &Tensor) -> Tensor {
        s.linear("head", shared, 1, WEIGHT).reshape([shared.dims()[0]])
    }

    /// Q: the trunk's [B, hidden] -> q(c | x).
    pub(super) fn recognise(&self, s: &Scope, shared: &Tensor) -> Recognised {
        let x = s.linear("main.0", shared, self.hidden_q, WEIGHT);
        let x = s.batch_norm("main.1", &x, SCALE).leaky_relu(LEAK); // [B, hidden_q]
        let codes = |name: &str| s.linear(name, &x, self.n_codes, WEIGHT);
        let category = (self.k > 0).then(|| s.linear("category", &x, self.k, WEIGHT));
        let codes = (self.n_codes > 0)
            .then(|| Normals { mean: codes("mean"), log_deviation: self.floor.map(|floor| floored(&codes("deviation"), floor)) });
        Recognised { category, codes }
    }
}
