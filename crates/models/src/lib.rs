//! The models, one file a paper, and what they are made of: layers, losses, optimisers. A configured [`Model`] gives the
//! programs of a training step and of sampling; it knows no device, file or clock.

pub mod aae;
pub mod adversarial;
pub mod attributes;
pub mod augment;
pub mod averages;
pub mod context;
pub mod counting;
pub mod cyclegan;
pub mod dcgan;
pub mod decay;
pub mod density;
pub mod descent;
pub mod distributions;
mod facets;
pub mod feeds;
pub mod gan;
pub mod history;
pub mod independent;
pub mod infogan;
pub mod init;
pub mod latent;
pub mod layers;
pub mod losses;
pub mod markov;
mod model;
mod modules;
pub mod nade;
pub mod optimisers;
pub mod pixel;
pub mod priors;
pub mod progan;
pub mod puzzle_gan;
pub mod rnade;
mod settings;
mod stages;
pub mod stargan;
mod table;
#[cfg(test)]
mod testing;
pub mod text;
pub mod text2image;
pub mod vae;

pub use density::{Density, Drawing};
pub use facets::{
    Ability, Autoencoder, Bound, Codes, Composer, Critic, Domains, Judgement, Text, Translator, Variational, Way, abilities,
    draws_at_once, in_words, log_weights,
};
pub use feeds::{Feed, Known, Named, Role, Source};
pub use latent::{Latent, LatentKind, LatentPart};
pub use model::{Counting, Counts, DataShape, Descent, Learning, Measure, Model, ModelInfo, Validation, Values, add, all, find};
pub use modules::{Form, Module, NO_WEIGHTS, Renamed};
pub use priors::Prior;
pub use settings::{Preset, Setting, SettingError, Settings, Value, nearest};
pub use stages::{Sign, Stage, Stages, Turn};
pub use table::{Table, Tables};
