//! Facets: what a trained model can be used for. Commands, errors and tables are derived from them.

use std::fmt;

use calotype_graph::{Graph, GraphError, Mode, Program, Scope, Tensor, Type};

use crate::latent::Latent;
use crate::model::Model;

/// A lower bound on log-probabilities, by random draws.
pub trait Bound: Model {
    /// x [B, ..shape] -> [B]: in nats, an estimate by `samples` draws whose expectation is at most log p(x), and rises to it with
    /// their number (Burda, Grosse, Salakhutdinov 2016, arXiv:1509.00519, eq. 8). The draws are random nodes of the graph.
    fn log_p(&self, s: &Scope, x: &Tensor, samples: usize) -> Tensor;
}

/// Input `x`, and `seed` and `step` for the draws; output `log_p` f32 [B, 1], the bound in nats.
pub fn bounds(model: &dyn Bound, batch: usize, samples: usize) -> Result<Program, GraphError> {
    program(model, batch, "bound", "log_p", |s, x| model.log_p(s, x, samples))
}

/// Inputs as of [`bounds`]; output `loss` f32 [B, 1], the negative bound by one draw.
pub(crate) fn losses(model: &dyn Bound, batch: usize) -> Result<Program, GraphError> {
    program(model, batch, "held-out loss", "loss", |s, x| model.log_p(s, x, 1).neg())
}

fn program(
    model: &dyn Bound,
    batch: usize,
    what: &str,
    output: &str,
    of: impl Fn(&Scope, &Tensor) -> Tensor,
) -> Result<Program, GraphError> {
    let graph = Graph::new(&format!("{} {what}", model.info().name));
    let x = graph.input("x", Type::f32([&[batch], model.shape()].concat()));
    graph.output(output, &of(&Scope::new(&graph, Mode::Eval), &x).reshape([batch, 1]));
    graph.finish()
}

/// Codes of rows, and rows from codes.
pub trait Autoencoder: Latent {
    /// Input `x` f32 [B, ..shape] of [`Model::values`]; output `codes` f32 [B, Z], latents as [`Latent::parts`] has them. The
    /// mean where a row's code is a distribution.
    fn encoding(&self, batch: usize) -> Result<Program, GraphError>;

    /// Input `x` f32 [B, ..shape] of [`Model::values`]; output `rows` f32 [B, ..shape] as of [`Latent::sampling`]: what the codes
    /// of [`Autoencoder::encoding`] are decoded to.
    fn reconstruction(&self, batch: usize) -> Result<Program, GraphError>;
}

/// How real rows seem to a critic.
pub trait Critic {
    /// Input `x` f32 [B, ..shape] of [`Model::values`]; output `realness` f32 [B, 1].
    fn judging(&self, batch: usize) -> Result<Program, GraphError>;

    /// What `realness` is.
    fn judgement(&self) -> Judgement;
}

/// What a critic's numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// That the row is real and not made, from 0 to 1.
    Probability,
    /// Any number, the larger the more real.
    Score,
}

/// A use of a trained model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ability {
    /// `sample`: it makes rows.
    Generation,
    /// `score`, `verify`: exact log-probabilities.
    Density,
    /// `score`: a lower bound on log-probabilities.
    Bound,
    /// `encode`: features of rows.
    Representation,
}

impl fmt::Display for Ability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Ability::Generation => "generation",
            Ability::Density => "density",
            Ability::Bound => "density by a lower bound",
            Ability::Representation => "representation",
        })
    }
}

impl Ability {
    /// The commands that use it.
    pub fn commands(self) -> &'static [&'static str] {
        match self {
            Ability::Generation => &["sample"],
            Ability::Density => &["score", "verify"],
            Ability::Bound => &["score"],
            Ability::Representation => &["encode"],
        }
    }
}

/// All that a model can be used for.
pub fn abilities(model: &dyn Model) -> Vec<Ability> {
    let has = [
        (Ability::Generation, model.latent().is_some() || model.density().is_some()),
        (Ability::Density, model.density().is_some()),
        (Ability::Bound, model.bound().is_some()),
        (Ability::Representation, model.features(1).is_some()),
    ];
    has.into_iter().filter_map(|(ability, has)| has.then_some(ability)).collect()
}

/// The names of abilities, one after the other.
pub fn in_words(abilities: &[Ability]) -> String {
    abilities.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
