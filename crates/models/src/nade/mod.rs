//! NADE: Larochelle and Murray 2011, "The Neural Autoregressive Distribution Estimator"; Uria, Côté, Gregor, Murray, Larochelle 2016,
//! JMLR 17(205), arXiv:1605.02226, §2, eqs. (2) to (6).
//!
//! Departures: Adam with weight decay and early stopping, the paper has plain stochastic gradients; weights start uniform.

mod drawing;
mod order;

use std::sync::Arc;

use calotype_graph::op::{self, NadeWeights};
use calotype_graph::{Graph, GraphError, Init, Layout, Mode, Program, Scope, Tensor};

pub use drawing::Drawn;
pub use order::{OF_VECTORS, Order};

use crate::density::{Density, Drawing, input, nats, pixel_settings, pixels};
use crate::descent::{self, Defaults};
use crate::distributions::Conditional;
use crate::model::{DataShape, Descent, Learning, Model, ModelInfo, Validation, Values};
use crate::modules::{Form, Module};
use crate::optimisers::Optimiser;
use crate::settings::{Preset, Setting, SettingError, Settings};
use crate::stages::{Stage, Turn};

pub static INFO: ModelInfo = ModelInfo {
    name: "nade",
    title: "Neural autoregressive distribution estimator",
    paper: "Larochelle, Murray 2011; Uria et al. 2016, arXiv:1605.02226",
    presets: Preset::SMALL_AND_PAPER,
    default_data: |_| &["fashion-mnist"],
    settings,
    configure: |settings, data| Ok(Arc::new(Nade::new(settings, data)?)),
};

fn settings(preset: Preset) -> Vec<Setting> {
    let (order, defaults) = match preset {
        Preset::PAPER => {
            let steps = 250_000;
            let d = Defaults { batch: 100, steps, optimiser: "adam", lr: 1e-3, lr_min: 1e-5, decay: 0.0, clip: 0.0 };
            ("random:0", d)
        }
        _ => {
            let steps = 12_000;
            let d = Defaults { batch: 64, steps, optimiser: "adam", lr: 3e-3, lr_min: 3e-4, decay: 0.03, clip: 0.0 };
            ("raster", d)
        }
    };
    let own = vec![
        Setting::integer("hidden", 500, (1, 65_536), "H: hidden units"),
        Setting::word("order", order, order::OF_IMAGES, "order of the dimensions; `spiral` starts at the centre"),
    ];
    [pixel_settings(), own, descent::settings(defaults)].concat()
}

/// A configured NADE.
pub struct Nade {
    settings: Settings,
    /// [H, W, C].
    shape: [usize; 3],
    hidden: usize,
    order: Order,
    optimiser: Optimiser,
}

impl Nade {
    /// # Errors
    /// Data that are no pictures; levels other than two.
    pub fn new(settings: Settings, data: &DataShape) -> Result<Self, SettingError> {
        let (shape, levels) = pixels(&settings, data)?;
        if levels != 2 {
            let reason = format!(
                "NADE models bits, and the data would have {levels} levels; use --set levels=2, or another model such as pixelcnn"
            );
            return Err(SettingError::Unfit(reason));
        }
        let order = Order::new(settings.word("order"), &shape);
        Ok(Nade { shape, hidden: settings.size("hidden"), order, optimiser: descent::optimiser(&settings), settings })
    }

    /// D
    fn dims(&self) -> usize {
        self.shape.iter().product()
    }

    /// w [D, H], c [H], v [D, H, 1], b [D, 1], by place in the order.
    fn weights(&self, s: &Scope) -> NadeWeights {
        let (d, h) = (self.dims(), self.hidden);
        let bound = (d.max(h) as f32).sqrt().recip();
        let small = Init::Uniform { low: -bound, high: bound };
        NadeWeights {
            w: s.param("w", [d, h], small.clone(), Layout::Plain),
            c: s.param("c", [h], Init::Zeros, Layout::Plain),
            v: s.param("v", [d, h, 1], small, Layout::Plain),
            b: s.param("b", [d], Init::Zeros, Layout::Plain).reshape([d, 1]),
            rho: None,
        }
    }

    /// x [B, ..shape] as [B, D] in the model's order.
    fn arranged(&self, s: &Scope, x: &Tensor) -> Tensor {
        self.order.arrange(s, &x.reshape([x.dims()[0], self.dims()]))
    }

    /// Logits of `x_d = 1` given the dimensions before, for x [B, D], both in the model's order: [B, D, 1].
    fn logits(&self, s: &Scope, x: &Tensor) -> Tensor {
        let n = self.weights(s);
        x.nade(&n.w, &n.c, &n.v) + &n.b
    }
}

impl Model for Nade {
    fn info(&self) -> &'static ModelInfo {
        &INFO
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn values(&self) -> Values {
        Values::Levels(2)
    }

    fn learning(&self) -> Learning<'_> {
        Learning::Descent(self)
    }

    /// With the letters and shapes of the paper: W [H, D], c [H], V [D, H], b \[D].
    fn modules(&self) -> Vec<Module> {
        let shape = Form::Shape(vec![self.dims(), self.hidden]);
        let renamed = [("w", "W", Form::Transposed), ("v", "V", shape)];
        vec![Module::whole().renamed(renamed.map(|(here, there, form)| (here.to_owned(), there.to_owned(), form)))]
    }

    fn density(&self) -> Option<&dyn Density> {
        Some(self)
    }
}

impl Descent for Nade {
    fn program(&self, stage: &Stage) -> Result<Program, GraphError> {
        let graph = Graph::new("nade training");
        let s = Scope::new(&graph, Mode::Train);
        let x = self.arranged(&s, &input(&graph, self, stage.batch)); // [B, D]
        let loss = nats(&self.conditional().log_p(&self.logits(&s, &x), &x));
        self.optimiser.update(&[&s], &loss);
        graph.output("nats", &loss);
        graph.finish()
    }

    fn at(&self, step: u64, lr_scale: f64) -> Turn {
        Turn::only(self.optimiser.scalars(step, lr_scale))
    }

    fn validation(&self) -> Option<Validation> {
        descent::validation(&self.settings)
    }
}

impl Density for Nade {
    fn conditional(&self) -> Conditional {
        Conditional::Bernoulli
    }

    fn conditionals(&self, s: &Scope, x: &Tensor) -> Tensor {
        let logits = self.logits(s, &self.arranged(s, x));
        self.order.restore(s, &logits)
    }

    fn order(&self) -> Vec<usize> {
        self.order.dims().to_vec()
    }

    fn drawing(&self, batch: usize) -> Result<Drawing, GraphError> {
        let conditional = op::Conditional::Bernoulli;
        let drawn = Drawn { name: INFO.name, shape: &self.shape, order: &self.order, conditional };
        drawn.drawing(batch, |s| self.weights(s))
    }

    fn canvas(&self, _shape: [usize; 3]) -> Option<Box<dyn Model>> {
        None
    }

    /// The hidden units when all of x is known, h = σ(c + x W): [B, H].
    fn hidden_units(&self, s: &Scope, x: &Tensor) -> Option<Tensor> {
        let n = self.weights(s);
        Some((self.arranged(s, x).matmul(&n.w) + &n.c).sigmoid())
    }
}
