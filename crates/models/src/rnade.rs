//! RNADE: Uria, Murray, Larochelle 2013, "RNADE: The real-valued neural autoregressive density-estimator", arXiv:1306.0186, §3,
//! eqs. (3) to (8).
//!
//! Departures: Adam with early stopping, the paper has stochastic gradients; deviations have a floor, or tied values would be given
//! unbounded density; the components start close together, as a standard normal distribution, so that many of them fit no more than
//! few would until the data tell them apart; in training, noise on the values that a conditional is given (not on the one that it is
//! for), which falls with the learning rate: little data are learned coarsely first, and validation says how finely. Noise and
//! penalty are as set for up to 400 training rows, and less in proportion for more.

use std::sync::Arc;

use calotype_graph::op::{self, Distribution, NadeWeights};
use calotype_graph::{Graph, GraphError, HostTensor, Init, Layout, Mode, Program, Scope, Tensor, philox};

use crate::density::{Density, Drawing, input, nats};
use crate::descent::{self, Defaults};
use crate::distributions::Conditional;
use crate::model::{DataShape, Descent, Learning, Model, ModelInfo, Validation, Values};
use crate::nade::{Drawn, OF_VECTORS, Order};
use crate::optimisers::Optimiser;
use crate::settings::{Preset, Setting, SettingError, Settings};
use crate::stages::{Stage, Turn};

pub static INFO: ModelInfo = ModelInfo {
    name: "rnade",
    title: "Real-valued neural autoregressive density estimator",
    paper: "Uria, Murray, Larochelle 2013, arXiv:1306.0186",
    presets: Preset::SMALL_AND_PAPER,
    default_data: |_| &["mixture-1d"],
    settings,
    configure: |settings, data| Ok(Arc::new(Rnade::new(settings, data)?)),
};

fn settings(preset: Preset) -> Vec<Setting> {
    let (hidden, components, noise, scale_means, l2, defaults) = match preset {
        Preset::PAPER => {
            let steps = 250_000;
            let d = Defaults { batch: 100, steps, optimiser: "adam", lr: 1e-3, lr_min: 1e-5, decay: 0.0, clip: 0.0 };
            (50, 10, 0.0, true, 0.0, d)
        }
        // For a few hundred rows, where an unbridled RNADE knows them by heart after ten epochs.
        _ => {
            let steps = 30_000;
            let d = Defaults { batch: 16, steps, optimiser: "adam", lr: 1e-2, lr_min: 1e-4, decay: 0.0, clip: 0.0 };
            (200, 5, 0.8, false, 0.1, d)
        }
    };
    let own = vec![
        Setting::integer("hidden", hidden, (1, 65_536), "H: hidden units"),
        Setting::integer("components", components, (1, 256), "K: Gaussian components of each conditional"),
        Setting::number(
            "floor",
            1e-3,
            (1e-6, 1.0),
            "smallest standard deviation of a component, in standard deviations of the data",
        ),
        Setting::word("order", "raster", OF_VECTORS, "order of the dimensions"),
        Setting::number(
            "noise",
            noise,
            (0.0, 10.0),
            "standard deviation of noise on the inputs in training; scaled by the learning rate schedule",
        ),
        Setting::flag(
            "scale_means",
            scale_means,
            "multiply the gradient of each mean by its standard deviation (the paper, §3.1)",
        ),
    ];
    [own, descent::settings_with(defaults, &[("l2", l2)])].concat()
}

/// Training rows from which on noise and penalty fall in proportion: they stand in for what the data do not say.
const FEW_ROWS: f64 = 400.0;

/// How far apart the components' means start, in deviations.
const SPREAD: f32 = 0.2;

/// A configured RNADE.
pub struct Rnade {
    settings: Settings,
    /// `[D]`.
    shape: [usize; 1],
    hidden: usize,
    /// K
    components: usize,
    floor: f32,
    /// Deviation of the noise at first.
    noise: f64,
    order: Order,
    optimiser: Optimiser,
}

impl Rnade {
    /// # Errors
    /// Data that are no vectors of real numbers.
    pub fn new(settings: Settings, data: &DataShape) -> Result<Self, SettingError> {
        let (&[dims], None) = (data.shape.as_slice(), data.levels) else {
            let reason = format!("shape mismatch: RNADE models vectors [D] of real numbers, and these rows are {:?}", data.shape);
            let levels = data.levels.map_or(String::new(), |l| format!(" of {l} levels"));
            return Err(SettingError::Unfit(format!("{reason}{levels}; use a model of images, such as nade")));
        };
        let order = Order::new(settings.word("order"), &[dims]);
        let (hidden, components) = (settings.size("hidden"), settings.size("components"));
        let part = (FEW_ROWS / data.n_train as f64).min(1.0);
        let (floor, noise) = (settings.number("floor") as f32, settings.number("noise") * part);
        let optimiser = descent::optimiser(&settings);
        let optimiser = optimiser.with_l2(optimiser.l2() * part);
        Ok(Rnade { shape: [dims], hidden, components, floor, noise, order, optimiser, settings })
    }

    /// w [D, H], c [H], v [D, H, 3K], b [D, 3K], rho [D], by place in the order.
    fn weights(&self, s: &Scope) -> NadeWeights {
        let (d, h, o) = (self.shape[0], self.hidden, 3 * self.components);
        let within = |bound: f32| Init::Uniform { low: -bound, high: bound };
        let (w, v) = (within((d as f32).sqrt().recip()), within(0.5 * (h as f32).sqrt().recip()));
        NadeWeights {
            w: s.param("w", [d, h], w, Layout::Plain),
            c: s.param("c", [h], Init::Constant(0.1), Layout::Plain),
            v: s.param("v", [d, h, o], v, Layout::Plain),
            b: s.param("b", [d * o], Init::Given(self.spread()), Layout::Plain).reshape([d, o]),
            rho: Some(s.param("rho", [d], Init::Constant(1.0), Layout::Plain)),
        }
    }

    /// First biases [D 3K]: K Gaussians of equal weight and deviation, their means [`SPREAD`] times quantiles of N(0, 1), together
    /// of its mean and variance.
    fn spread(&self) -> HostTensor {
        let k = self.components;
        let means: Vec<f32> = (0..k).map(|i| SPREAD * philox::normal((i as f32 + 0.5) / k as f32)).collect();
        let variance = 1.0 - means.iter().map(|m| m * m).sum::<f32>() / k as f32;
        let one = [vec![0.0; k], means, vec![0.5 * variance.ln(); k]].concat();
        HostTensor::f32([self.shape[0] * 3 * k], one.repeat(self.shape[0]))
    }

    /// [K weights | K means | K log-deviations] of each dimension given those before, for x [B, D], both in the model's order:
    /// [B, D, 3K].
    fn mixtures(&self, s: &Scope, x: &Tensor) -> Tensor {
        let n = self.weights(s);
        let y = match &n.rho {
            Some(rho) => x.rnade(&n.w, &n.c, &n.v, rho),
            None => x.nade(&n.w, &n.c, &n.v),
        };
        y + &n.b
    }

    /// x [B, D] with this step's noise.
    fn blurred(&self, s: &Scope, x: &Tensor) -> Tensor {
        if self.noise == 0.0 {
            return x.clone();
        }
        x + s.random("noise", Distribution::Normal, x.dims()) * &s.graph().scalar_input("noise")
    }

    /// The same numbers, but that the gradient of each mean is multiplied by its deviation.
    fn with_scaled_means(&self, y: &Tensor) -> Tensor {
        let part = |i: usize| y.slice(2, i * self.components, (i + 1) * self.components); // [B, D, K]
        let (weights, means, log_deviations) = (part(0), part(1), part(2));
        let deviations = log_deviations.exp().max(&y.graph().scalar(self.floor)).detach();
        let still = means.detach();
        let means = (&means - &still) * &deviations + &still;
        weights.concat(&means, 2).concat(&log_deviations, 2)
    }
}

impl Model for Rnade {
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
        Values::Standardised
    }

    fn learning(&self) -> Learning<'_> {
        Learning::Descent(self)
    }

    fn density(&self) -> Option<&dyn Density> {
        Some(self)
    }
}

impl Descent for Rnade {
    fn program(&self, stage: &Stage) -> Result<Program, GraphError> {
        let graph = Graph::new("rnade training");
        let s = Scope::new(&graph, Mode::Train);
        let x = self.order.arrange(&s, &input(&graph, self, stage.batch)); // [B, D]
        let mut mixtures = self.mixtures(&s, &self.blurred(&s, &x));
        if self.settings.flag("scale_means") {
            mixtures = self.with_scaled_means(&mixtures);
        }
        let loss = nats(&self.conditional().log_p(&mixtures, &x));
        self.optimiser.update(&[&s], &loss);
        graph.output("nats", &loss);
        graph.finish()
    }

    fn at(&self, step: u64, lr_scale: f64) -> Turn {
        let noise = (self.noise > 0.0).then(|| ("noise".to_owned(), (self.noise * lr_scale) as f32));
        Turn::only(self.optimiser.scalars(step, lr_scale).into_iter().chain(noise).collect())
    }

    fn validation(&self) -> Option<Validation> {
        descent::validation(&self.settings)
    }
}

impl Density for Rnade {
    fn conditional(&self) -> Conditional {
        Conditional::Gaussians { components: self.components, floor: self.floor }
    }

    fn conditionals(&self, s: &Scope, x: &Tensor) -> Tensor {
        let mixtures = self.mixtures(s, &self.order.arrange(s, x));
        self.order.restore(s, &mixtures)
    }

    fn order(&self) -> Vec<usize> {
        self.order.dims().to_vec()
    }

    fn drawing(&self, batch: usize) -> Result<Drawing, GraphError> {
        let conditional = op::Conditional::Gaussians { floor: self.floor.into() };
        let drawn = Drawn { name: INFO.name, shape: &self.shape, order: &self.order, conditional };
        drawn.drawing(batch, |s| self.weights(s))
    }

    fn canvas(&self, _shape: [usize; 3]) -> Option<Box<dyn Model>> {
        None
    }

    /// The hidden units when all of x is known, before any rho: relu(c + x W) [B, H].
    fn hidden_units(&self, s: &Scope, x: &Tensor) -> Option<Tensor> {
        let n = self.weights(s);
        Some((self.order.arrange(s, x).matmul(&n.w) + &n.c).relu())
    }
}
