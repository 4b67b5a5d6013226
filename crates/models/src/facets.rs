//! Facets: what a trained model can be used for. Commands, errors and tables are derived from them.

use std::fmt;

use calotype_graph::{Graph, GraphError, Mode, Program, Scope, Tensor, Type};

use crate::attributes::Attributes;
use crate::feeds::{Known, Role};
use crate::latent::{Latent, LatentPart};
use crate::model::Model;
use crate::priors::Prior;

/// A lower bound on log-probabilities, by random draws.
pub trait Bound: Model {
    /// x [B, ..shape] -> [B, K]: log p(x, z_k) - log q(z_k | x) in nats for independent draws z_k from q(z | x), which are random nodes
    /// of the graph. The logarithm of the mean of their exponentials has an expectation of at most log p(x), and rises to it with K
    /// (Burda, Grosse, Salakhutdinov 2016, arXiv:1509.00519, eq. 8).
    fn log_weights(&self, s: &Scope, x: &Tensor, samples: usize) -> Tensor;

    /// What it bounds where that is neither the probability of a row nor a density of its values: for a sentence.
    fn bounds_what(&self) -> Option<&'static str> {
        None
    }

    /// What the bound is made of, where q is a normal distribution and so is the prior.
    fn variational(&self) -> Option<&dyn Variational> {
        None
    }
}

/// A bound whose q(z | x) is a normal distribution of independent latents, by an encoder, and whose prior is N(0, I).
pub trait Variational: Bound {
    /// Z.
    fn n_latents(&self) -> usize;

    /// Input `x` f32 [B, ..shape]; output `posterior` f32 [B, 2 Z]: the mean of q(z | x), then its log variance.
    fn approximate_posterior(&self, batch: usize) -> Result<Program, GraphError>;

    /// Input `xz` f32 [B, D + Z], the D values of a row and latents; output `log_p` f32 [B, 1]: log p(x | z) in nats.
    fn likelihood(&self, batch: usize) -> Result<Program, GraphError>;
}

/// Draws of a row by one run of [`log_weights`] at most, of rows of D values: `samples`, or fewer, so that memory does not grow with
/// their number. Part of what they are drawn by, so it depends on no device.
pub fn draws_at_once(model: &dyn Bound, batch: usize, samples: usize) -> usize {
    const VALUES: usize = 1 << 20;
    const DRAWS: usize = 64;
    let n_values = batch * model.shape().iter().product::<usize>();
    (VALUES / n_values.max(1)).clamp(1, DRAWS).min(samples)
}

/// Input `x`, and `seed` and `step` for the draws; output `log_weights` f32 [B, K], K of `samples`.
pub fn log_weights(model: &dyn Bound, batch: usize, samples: usize) -> Result<Program, GraphError> {
    program(model, batch, "bound", "log_weights", |s, x| model.log_weights(s, x, samples))
}

/// Inputs as of [`log_weights`]; output `loss` f32 [B, 1], the negative bound by one draw.
pub(crate) fn losses(model: &dyn Bound, batch: usize) -> Result<Program, GraphError> {
    program(model, batch, "held-out loss", "loss", |s, x| model.log_weights(s, x, 1).neg())
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
    graph.output(output, &of(&Scope::new(&graph, Mode::Eval), &x));
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

/// What the features of a model are that makes its codes follow a prior.
#[derive(Clone, Debug, PartialEq)]
pub struct Codes {
    /// What the first `z` features of all rows together should be drawn from.
    pub prior: Prior,
    pub z: usize,
    /// The features behind them: probabilities of so many categories.
    pub n_categories: usize,
    /// Where the categories are classes, the rows that taught them; none where they are clusters.
    pub known: Option<Known>,
}

/// Rows of one domain from rows of another. Networks are convolutional: images need not have the model's size.
pub trait Translator: Model {
    /// What it translates between.
    fn domains(&self) -> Domains<'_>;

    /// Heights and widths of images are multiples of this.
    fn multiple(&self) -> usize;

    /// Input `x` f32 [B, H, W, C] of [`Model::values`] and, where domains are attributes, `domain` f32 [B, n], their vector; output
    /// `rows` f32 [B, H, W, C] as of [`Latent::sampling`]. `way` is one of [`Domains::ways`], `size` is H and W.
    fn translation(&self, way: Way, batch: usize, size: [usize; 2]) -> Result<Program, GraphError>;

    /// Input `x` as of [`Translator::translation`]; output `attributes` f32 [B, n], what an image has by itself, as the critic sees it:
    /// numbers as [`Attributes::values`] reads them. None where domains are not attributes, or of images that it cannot judge.
    fn recognition(&self, _batch: usize, _size: [usize; 2]) -> Option<Result<Program, GraphError>> {
        None
    }
}

/// What a translator translates between.
#[derive(Clone, Copy, Debug)]
pub enum Domains<'a> {
    /// Data sets: rows as of the one become rows as of the other.
    Roles,
    /// Whatever has some of them becomes what has others.
    Attributes(&'a Attributes),
}

/// A program of a translator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// To rows as of this data set, from rows as of the other.
    To(Role),
    /// To the attributes that are given with each row.
    ToAttributes,
}

impl Domains<'_> {
    /// All programs.
    pub fn ways(&self) -> Vec<Way> {
        match self {
            Domains::Roles => Role::ALL.map(Way::To).to_vec(),
            Domains::Attributes(_) => vec![Way::ToAttributes],
        }
    }
}

/// Rows from sentences.
pub trait Text: Model {
    /// Characters of a sentence that it reads.
    fn length(&self) -> usize;

    /// The parts of the latent vector by which it draws one of many rows that a sentence may mean.
    fn parts(&self) -> Vec<LatentPart>;

    /// The number of steps from which on it has learned to draw.
    fn draws_from(&self) -> u64;

    /// Input `text` u32 [B, length], as [`crate::text::read`] has it; output `embedding` f32 [B, E], numbers that it reads out of a sentence. Between two of them lies what is
    /// between two sentences.
    fn reading(&self, batch: usize) -> Result<Program, GraphError>;

    /// Inputs `embedding` f32 [B, E] and `z` f32 [B, Z]; output `rows` f32 [B, ..shape] as of [`Latent::sampling`].
    fn drawing(&self, batch: usize) -> Result<Program, GraphError>;
}

/// How real rows seem to a critic.
pub trait Critic {
    /// Input `x` f32 [B, ..shape] of [`Model::values`]; output `realness` f32 [B, 1].
    fn judging(&self, batch: usize) -> Result<Program, GraphError>;

    /// What `realness` is.
    fn judgement(&self) -> Judgement;
}

/// Images from key patches whose places are not given.
pub trait Composer: Model {
    /// Patches that a step shows of a row.
    fn n_patches(&self) -> usize;

    /// The parts of z: what the patches leave open.
    fn latents(&self) -> Vec<LatentPart>;

    /// Inputs `patches` f32 [B, n, H, W, C] of [`Model::values`], each as large as a row, and `z` f32 [B, Z], of [`Composer::latents`];
    /// output `composed` f32 [B, H, W, C + 1]: the image in [0, 1] as of [`Latent::sampling`], and behind its channels its mask, from 0 to
    /// 1: where it holds the patches. The order of patches may change last bits, but not that of patches that are sorted.
    fn composition(&self, n: usize, batch: usize) -> Result<Program, GraphError>;
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
    /// `translate`: rows of another domain.
    Translation,
    /// `draw`: rows from sentences.
    Drawing,
    /// `compose`: images from patches.
    Composition,
}

impl fmt::Display for Ability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Ability::Generation => "generation",
            Ability::Density => "density",
            Ability::Bound => "density by a lower bound",
            Ability::Representation => "representation",
            Ability::Translation => "translation",
            Ability::Drawing => "drawing from text",
            Ability::Composition => "composition",
        })
    }
}

impl Ability {
    /// The commands that use it.
    pub fn commands(self) -> &'static [&'static str] {
        match self {
            Ability::Generation => &["sample", "evaluate"],
            Ability::Density => &["score", "verify"],
            Ability::Bound => &["score"],
            Ability::Representation => &["encode"],
            Ability::Translation => &["translate"],
            Ability::Drawing => &["draw", "evaluate"],
            Ability::Composition => &["compose"],
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
        (Ability::Translation, model.translator().is_some()),
        (Ability::Drawing, model.text().is_some()),
        (Ability::Composition, model.composer().is_some()),
    ];
    has.into_iter().filter_map(|(ability, has)| has.then_some(ability)).collect()
}

/// The names of abilities, one after the other.
pub fn in_words(abilities: &[Ability]) -> String {
    abilities.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
