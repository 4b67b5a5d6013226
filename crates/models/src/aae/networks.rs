//! The networks: encoder, decoder and discriminators, each of two layers of rectified units.

use calotype_graph::op::Distribution;
use calotype_graph::{Graph, GraphError, Init, Mode, Program, Scope, Tensor, Type};

use super::Aae;
use crate::layers::{Layers, one_hot, random_categories};

/// What the encoder makes of rows.
pub(super) struct Code {
    /// [B, Z].
    pub z: Tensor,
    /// Logits of the categories [B, K], where the encoder finds them.
    pub y: Option<Tensor>,
}

/// He et al. 2015, arXiv:1502.01852: keeps the size of what comes from `n` rectified units.
fn he(n: usize) -> Init {
    Init::Normal { mean: 0.0, deviation: (2.0 / n.max(1) as f32).sqrt() }
}

impl Aae {
    /// x [B, n] -> [B, hidden].
    fn hidden(&self, s: &Scope, x: &Tensor) -> Tensor {
        let (s, width) = (s.sub("hidden"), self.settings.size("hidden"));
        let h = s.linear("0", x, width, he(x.shape().last())).relu(); // [B, hidden]
        s.linear("1", &h, width, he(width)).relu() // [B, hidden]
    }

    /// A linear layer of outputs.
    fn last(&self, s: &Scope, name: &str, h: &Tensor, n: usize) -> Tensor {
        let deviation = (h.shape().last().max(1) as f32).sqrt().recip();
        s.linear(name, h, n, Init::Normal { mean: 0.0, deviation })
    }

    /// q: rows [B, D] -> a code. z and y share the hidden layers.
    pub(super) fn encode(&self, s: &Scope, x: &Tensor) -> Code {
        let s = s.sub("encoder");
        let h = self.hidden(&s, x);
        let y = self.infers().then(|| self.last(&s, "y", &h, self.n_categories()));
        Code { z: self.last(&s, "z", &h, self.z), y }
    }

    /// p: latents [B, Z + K] -> rows [B, D], images in (0, 1).
    pub(super) fn decode(&self, s: &Scope, latents: &Tensor) -> Tensor {
        let s = s.sub("decoder");
        let x = self.last(&s, "x", &self.hidden(&s, latents), self.shape.iter().product());
        if self.shape.len() == 1 { x } else { x.sigmoid() }
    }

    /// A code, decoded. `class` [B, K]: in place of a category that is not inferred.
    pub(super) fn decoded(&self, s: &Scope, code: &Code, class: Option<&Tensor>) -> Tensor {
        let y = code.y.as_ref().map(Tensor::softmax);
        let latents = y.as_ref().or(class).map_or_else(|| code.z.clone(), |y| code.z.concat(y, 1));
        self.decode(s, &latents)
    }

    /// D: codes [B, n], with classes [B, K] where it is told them -> logits [B].
    pub(super) fn discriminate(&self, s: &Scope, code: &Tensor, class: Option<&Tensor>) -> Tensor {
        let x = class.map_or_else(|| code.clone(), |class| code.concat(class, 1));
        self.last(s, "last", &self.hidden(s, &x), 1).reshape([code.dims()[0]])
    }

    /// Rows of the model's values [B, ..shape] -> [B, D]: images in [0, 1].
    pub(super) fn unit(&self, x: &Tensor) -> Tensor {
        let flat = x.reshape([x.dims()[0], self.shape.iter().product()]);
        if self.shape.len() == 1 { flat } else { flat * 0.5 + 0.5 }
    }

    /// Rows [B, D] in their shape.
    pub(super) fn rows(&self, x: &Tensor) -> Tensor {
        x.reshape([&[x.dims()[0]], self.shape.as_slice()].concat())
    }

    /// With noise on every value. `name` is that of its random numbers.
    pub(super) fn noisy(&self, s: &Scope, name: &str, x: &Tensor) -> Tensor {
        match self.settings.number("noise") as f32 {
            0.0 => x.clone(),
            deviation => x + s.random(name, Distribution::Normal, x.shape().clone()) * deviation,
        }
    }

    /// Classes u32 [B] -> [B, n], 1 in a class's place.
    pub(super) fn one_hot(&self, labels: &Tensor) -> Tensor {
        one_hot(labels, self.n_classes)
    }

    /// Categories at random, each as likely: [B, K], 1 in one place.
    pub(super) fn category(&self, s: &Scope, batch: usize) -> Tensor {
        let k = self.n_categories();
        one_hot(&random_categories(s, "category", batch, k), k)
    }

    /// Rows `x` -> their codes as features, under the name of the output.
    pub(super) fn encoded(&self, batch: usize, output: &str) -> Result<Program, GraphError> {
        let graph = Graph::new(&format!("aae {output}"));
        let x = graph.input("x", Type::f32([&[batch], self.shape.as_slice()].concat()));
        let code = self.encode(&Scope::new(&graph, Mode::Eval), &self.unit(&x));
        let all = code.y.map_or_else(|| code.z.clone(), |y| code.z.concat(&y.softmax(), 1));
        graph.output(output, &all);
        graph.finish()
    }
}
