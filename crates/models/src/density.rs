//! Explicit densities: models that factorise p(x) = Π p(x_d | x_<d) over the dimensions of a row in some order, and know every
//! factor. What they have in common: the programs that score, and how rows are drawn dimension by dimension.

use calotype_graph::{Graph, GraphError, Mode, Program, Scope, Tensor, Type};

use crate::distributions::Conditional;
use crate::model::{DataShape, Model};
use crate::settings::{Setting, SettingError, Settings};

/// A model whose log-probabilities are exact. D is the number of values of a row, [H, W, C] row-major for images.
pub trait Density: Model {
    /// What the numbers of [`Density::conditionals`] parametrise.
    fn conditional(&self) -> Conditional;

    /// x [B, ..shape] -> [B, D, K]: for each dimension, in the data's own order, the parameters of its distribution given the
    /// dimensions that come before it in [`Density::order`]. Dropout drops in [`Mode::Train`] only.
    fn conditionals(&self, s: &Scope, x: &Tensor) -> Tensor;

    /// The order of the chain rule: dimension `order[0]` depends on nothing. The data's own unless the model says otherwise.
    fn order(&self) -> Vec<usize> {
        (0..self.shape().iter().product()).collect()
    }

    /// Whether dimension `at` depends on dimension `from` by the model's architecture: on all that came before unless it says
    /// otherwise.
    fn sees(&self, at: usize, from: usize) -> bool {
        let order = self.order();
        let place = |d: usize| order.iter().position(|&o| o == d);
        place(from) < place(at)
    }

    /// How rows are drawn.
    fn drawing(&self, batch: usize) -> Result<Drawing, GraphError>;

    /// A model with the same states (names, types) for images of another size; none where states belong to places.
    fn canvas(&self, shape: [usize; 3]) -> Option<Box<dyn Model>>;

    /// x [B, ..shape] -> [B, F]: hidden units as features for other uses; none where there are none.
    fn hidden_units(&self, s: &Scope, x: &Tensor) -> Option<Tensor>;
}

/// Draws rows on the device, dimension by dimension: `begin` once, then `rounds` times the parts of `round` in turn, then `end` once.
///
/// `begin` has the inputs `noise` f32 [B, D, R] (R = [`Conditional::n_noise`]; uniforms in (0, 1), then standard normals),
/// `known` f32 [B, D] and `mask` f32 [B, D]: where the mask is not 0, the known value is kept in place of one that is drawn. It
/// resets every state that drawing needs, all of them named `sampler.…`. The parts of a round have neither inputs nor outputs:
/// they are replayed. `end` has the output `x` f32 [B, ..shape]. Row i depends on its own noise and nothing of other rows.
#[derive(Clone, Debug)]
pub struct Drawing {
    pub begin: Program,
    /// Programs, and how often each is replayed.
    pub round: Vec<(Program, usize)>,
    pub rounds: usize,
    pub end: Program,
}

/// Names of states that belong to a [`Drawing`] begin so; they are in no checkpoint.
pub const SAMPLER_PREFIX: &str = "sampler.";

/// The input `x` of a program for this model.
pub fn input(graph: &Graph, model: &dyn Density, batch: usize) -> Tensor {
    graph.input("x", Type::f32([&[batch], model.shape()].concat()))
}

/// log p(x_d | x_<d) in nats, [B, D], for x [B, ..shape].
pub fn log_p(model: &dyn Density, s: &Scope, x: &Tensor) -> Tensor {
    let batch = x.dims()[0];
    let parameters = model.conditionals(s, x);
    model.conditional().log_p(&parameters, &x.reshape([batch, x.shape().numel() / batch.max(1)]))
}

/// Mean over a batch of -log p(x) in nats: the loss.
pub fn nats(log_p: &Tensor) -> Tensor {
    log_p.sum_all() * (-1.0 / log_p.dims()[0] as f32)
}

/// Input `x`; output `log_p` f32 [B, D], log p(x_d | x_<d) in nats.
pub fn scoring(model: &dyn Density, batch: usize) -> Result<Program, GraphError> {
    let graph = Graph::new(&format!("{} scoring", model.info().name));
    let x = input(&graph, model, batch);
    graph.output("log_p", &log_p(model, &Scope::new(&graph, Mode::Eval), &x));
    graph.finish()
}

/// Input `x`; output `loss` f32 [B, D], -log p(x_d | x_<d) in nats.
pub fn losses(model: &dyn Density, batch: usize) -> Result<Program, GraphError> {
    let graph = Graph::new(&format!("{} held-out loss", model.info().name));
    let x = input(&graph, model, batch);
    graph.output("loss", &log_p(model, &Scope::new(&graph, Mode::Eval), &x).neg());
    graph.finish()
}

/// Input `x`; output `parameters` f32 [B, D, K].
pub fn conditionals(model: &dyn Density, batch: usize) -> Result<Program, GraphError> {
    let graph = Graph::new(&format!("{} conditionals", model.info().name));
    let x = input(&graph, model, batch);
    graph.output("parameters", &model.conditionals(&Scope::new(&graph, Mode::Eval), &x));
    graph.finish()
}

/// Input `x`; output `features` f32 [B, F]. None where the model has none.
pub fn features(model: &dyn Density, batch: usize) -> Option<Result<Program, GraphError>> {
    let graph = Graph::new(&format!("{} features", model.info().name));
    let x = input(&graph, model, batch);
    let features = model.hidden_units(&Scope::new(&graph, Mode::Eval), &x)?;
    graph.output("features", &features);
    Some(graph.finish())
}

/// `size`, `levels`, `binarise`: what a model of discrete pixels makes of its data.
pub fn pixel_settings() -> Vec<Setting> {
    vec![
        Setting::integer("size", 0, (0, 4096), "height and width of the images; 0: the size of the data"),
        Setting::integer("levels", 0, (0, 256), "levels of a pixel, 2 for bits; 0: the levels of the data if at most 16, else 2"),
        Setting::word(
            "binarise",
            "threshold",
            &["threshold", "fixed:SEED", "dynamic"],
            "how grey becomes bits if levels is 2: by a threshold, or at random once (fixed) or in every batch (dynamic)",
        ),
    ]
}

/// [H, W, C] and the number of levels that the settings of [`pixel_settings`] make of a data set.
///
/// # Errors
/// Data that are no pictures; one level.
pub fn pixels(settings: &Settings, data: &DataShape) -> Result<([usize; 3], u32), SettingError> {
    let [height, width, channels] = data.picture()?;
    let shape = match settings.size("size") {
        0 => [height, width, channels],
        size => [size, size, channels],
    };
    let levels = match (settings.integer("levels") as u32, data.levels) {
        (0, Some(own @ 2..=16)) => own,
        (0, _) => 2,
        (1, _) => {
            let expected = "0, or 2 to 256".to_owned();
            return Err(SettingError::Value { key: "levels".into(), text: "1".into(), expected });
        }
        (levels, _) => levels,
    };
    Ok((shape, levels))
}

/// Bernoulli for bits, else categorical.
pub fn of_levels(levels: u32) -> Conditional {
    if levels == 2 { Conditional::Bernoulli } else { Conditional::Categorical { levels } }
}
