//! What a model is to the rest of the program.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use calotype_graph::{GraphError, Program};

use crate::attributes::Attributes;
use crate::density::{self, Density};
use crate::facets::{self, Autoencoder, Bound, Codes, Composer, Critic, Text, Translator};
use crate::feeds::{Feed, Role};
use crate::latent::Latent;
use crate::modules::Module;
use crate::pixel::{diagonal_bilstm, pixelcnn, row_lstm};
use crate::settings::{Preset, Setting, SettingError, Settings, nearest};
use crate::stages::{Sign, Stage, Turn};
use crate::table::Tables;
use crate::{
    aae, context, cyclegan, dcgan, gan, independent, infogan, markov, nade, progan, puzzle_gan, rnade, stargan, text2image, vae,
};

/// What a model asks of its data set before it is configured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DataShape {
    /// Of a row, as the data set has it: [H, W, C] for images, `[D]` for vectors.
    pub shape: Vec<usize>,
    /// Levels of a value; none for continuous ones.
    pub levels: Option<u32>,
    /// Rows of the training split.
    pub n_train: usize,
    /// Classes of its rows; 0 where they have none.
    pub n_classes: u32,
    /// Attributes of its rows that were chosen, for a model that learns by them.
    pub attributes: Attributes,
}

impl DataShape {
    /// [H, W, C] of grey or RGB images.
    ///
    /// # Errors
    /// Vectors; another number of channels.
    pub fn picture(&self) -> Result<[usize; 3], SettingError> {
        let unfit = |reason: String| Err(SettingError::Unfit(reason));
        match *self.shape.as_slice() {
            [h, w, c @ (1 | 3)] => Ok([h, w, c]),
            [_, _, c] => unfit(format!("shape mismatch: its images have {c} channels, expected 1 (grey) or 3 (RGB)")),
            ref other => unfit(format!("shape mismatch: its rows are vectors {other:?}, expected images [H, W, C]")),
        }
    }
}

/// What the numbers of a row are, as a model takes and makes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// -1 to 1.
    Signed,
    /// 0, 1, … L-1; bits where L is 2.
    Levels(u32),
    /// Real numbers, standardised by the training split.
    Standardised,
}

/// A configured model: every setting resolved and checked.
///
/// Programs use these names. Inputs: `x` f32 [B, ..shape], a batch of [`Model::values`], and what else a [`Stage`] is fed; `seed` u32
/// [2], `step` u32 [1] (0, 1, …) where random numbers are drawn; scalars as a [`Turn`] gives them. What it can be used for, it says
/// by its facets: [`Model::latent`], [`Model::density`], [`Model::bound`], [`Model::autoencoder`], [`Model::critic`],
/// [`Model::translator`], [`Model::text`], [`Model::composer`], [`Model::features`].
pub trait Model: Send + Sync {
    fn info(&self) -> &'static ModelInfo;

    fn settings(&self) -> &Settings;

    /// Of a row: [H, W, C] or `[D]`.
    fn shape(&self) -> &[usize];

    fn values(&self) -> Values;

    /// Whether training rows are mirrored left to right, half of them by chance.
    fn flips(&self) -> bool {
        false
    }

    /// Pixels a side to which images of a training batch are resized, before a square of the model's size is cut from each at random;
    /// none where they are taken whole.
    fn load_size(&self) -> Option<usize> {
        None
    }

    /// How it comes by its states.
    fn learning(&self) -> Learning<'_>;

    /// Its networks, as PyTorch modules that weights are exchanged with. What it is used for most comes first.
    fn modules(&self) -> Vec<Module> {
        vec![Module::whole()]
    }

    /// Rows from latents.
    fn latent(&self) -> Option<&dyn Latent> {
        None
    }

    /// Exact log-probabilities.
    fn density(&self) -> Option<&dyn Density> {
        None
    }

    /// A lower bound on log-probabilities, of a model that has no exact ones.
    fn bound(&self) -> Option<&dyn Bound> {
        None
    }

    /// Why it has neither of these, where it is a setting's doing: what follows the model's name in a sentence.
    fn why_no_density(&self) -> Option<&'static str> {
        None
    }

    /// Codes of rows, and rows from codes.
    fn autoencoder(&self) -> Option<&dyn Autoencoder> {
        None
    }

    /// How real rows seem, to the critic that it was trained with.
    fn critic(&self) -> Option<&dyn Critic> {
        None
    }

    /// Rows of one domain from rows of another.
    fn translator(&self) -> Option<&dyn Translator> {
        None
    }

    /// Rows from sentences.
    fn text(&self) -> Option<&dyn Text> {
        None
    }

    /// Rows from key patches.
    fn composer(&self) -> Option<&dyn Composer> {
        None
    }

    /// What its features are, where they are codes that a prior was imposed on.
    fn codes(&self) -> Option<Codes> {
        None
    }

    /// The loss of a row of the held-out set: input `x` f32 [B, ..shape], output `loss` f32 [B, T], whose sum over T is the
    /// row's loss. -log p(x), or its bound by one draw, where the model has them.
    fn held_out(&self, batch: usize) -> Option<Result<Program, GraphError>> {
        match (self.density(), self.bound()) {
            (Some(density), _) => Some(density::losses(density, batch)),
            (None, Some(bound)) => Some(facets::losses(bound, batch)),
            (None, None) => None,
        }
    }

    /// A program for rows of [`Model::values`]: input `x` f32 [B, ..shape], output `features` f32 [B, F], numbers that say for other
    /// uses what is in a row. None where the model has none.
    fn features(&self, batch: usize) -> Option<Result<Program, GraphError>> {
        self.density().and_then(|density| density::features(density, batch))
    }

    /// Rows of a step.
    fn batch(&self) -> usize {
        match self.learning() {
            Learning::Descent(_) => self.settings().size("batch"),
            Learning::Counting(_) => COUNTED_BATCH,
        }
    }

    /// How many steps it learns for.
    fn steps(&self) -> u64 {
        match self.learning() {
            Learning::Descent(_) => self.settings().integer("steps"),
            Learning::Counting(_) => 1,
        }
    }
}

/// Rows that a counting model is given at once.
const COUNTED_BATCH: usize = 64;

/// How a model learns its states.
pub enum Learning<'a> {
    /// By gradient descent, in steps.
    Descent(&'a dyn Descent),
    /// By counting every row once.
    Counting(&'a dyn Counting),
}

impl<'a> Learning<'a> {
    /// Gradient descent, if it is this.
    pub fn descent(self) -> Option<&'a dyn Descent> {
        match self {
            Learning::Descent(descent) => Some(descent),
            Learning::Counting(_) => None,
        }
    }
}

/// Learning by gradients.
pub trait Descent: Send + Sync {
    /// The programs that training runs, with what they are fed. `batch` is the run's; a stage may take another.
    fn stages(&self, batch: usize) -> Vec<Stage> {
        vec![Stage::always("training", batch, &[Feed::ROWS])]
    }

    /// One step of a stage of [`Descent::stages`]. Outputs: scalar losses by name, in the order in which they are shown.
    fn program(&self, stage: &Stage) -> Result<Program, GraphError>;

    /// What happens at `step`, counted from 0: a pure function, so that a run that is resumed goes on as one that never stopped.
    /// `lr_scale` is the factor of the learning rate by the held-out set, 1 at first; the stage does not depend on it.
    fn at(&self, step: u64, lr_scale: f64) -> Turn;

    /// The learning rate of `step`, of a model whose schedule is a function of the step: it is logged with the losses.
    fn learning_rate(&self, _step: u64) -> Option<f64> {
        None
    }

    /// The held-out set: the best checkpoint, early stopping and the learning rate schedule.
    fn validation(&self) -> Option<Validation> {
        None
    }

    /// The number of steps from which on what is measured by the held-out set can be compared: not before a model that grows has its
    /// full size. What is measured before is logged, and chooses no checkpoint.
    fn comparable_from(&self) -> u64 {
        0
    }

    /// How it is seen that training fails.
    fn signs(&self) -> Vec<Sign> {
        vec![]
    }

    /// Whether the norms of its gradients are logged with each checkpoint, and warned of where they explode: of models whose losses do
    /// not show it.
    fn watches_gradients(&self) -> bool {
        false
    }
}

/// Learning by counting.
pub trait Counting {
    /// Nothing counted yet.
    fn counts(&self) -> Box<dyn Counts>;
}

/// What was counted so far.
pub trait Counts {
    /// Takes in a row [..shape] of [`Model::values`].
    fn add(&mut self, row: &[f32]);

    /// The model's states.
    fn states(&self) -> Vec<(calotype_graph::StateSpec, calotype_graph::HostTensor)>;
}

/// What is measured by the held-out set: the less, the better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// The mean loss of its rows, by [`Model::held_out`].
    Loss,
    /// How far samples are from its rows, by the sliced Wasserstein distance: of models that make rows and say no probabilities.
    Samples,
}

/// The held-out set: the best checkpoint, early stopping, and a learning rate schedule that falls at a plateau.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Validation {
    pub measure: Measure,
    /// Its part of the training rows.
    pub fraction: f64,
    /// Steps from one evaluation to the next; 0 is an epoch.
    pub every: u64,
    /// Evaluations without improvement after which training ends.
    pub patience: u32,
    /// Evaluations without improvement after which the learning rate falls, each time by a factor of √10.
    pub plateau: u32,
    /// The smallest learning rate, as a part of the initial one.
    pub least_lr: f64,
}

/// Makes a model from resolved settings.
pub type Configure = fn(Settings, &DataShape) -> Result<Arc<dyn Model>, SettingError>;

/// What is known of a model before it is configured.
pub struct ModelInfo {
    /// As typed: `dcgan`.
    pub name: &'static str,
    pub title: &'static str,
    /// Authors, year, arXiv number.
    pub paper: &'static str,
    /// The default first.
    pub presets: &'static [Preset],
    /// A name for each data set that it learns from, in the order of [`Role::ALL`].
    pub default_data: fn(Preset) -> &'static [&'static str],
    pub settings: fn(Preset) -> Vec<Setting>,
    pub configure: Configure,
}

impl ModelInfo {
    /// The data sets that it learns from.
    pub fn roles(&self) -> &'static [Role] {
        &Role::ALL[..(self.default_data)(self.default_preset()).len()]
    }

    /// The preset that counts where none is named.
    pub fn default_preset(&self) -> Preset {
        self.presets.first().copied().unwrap_or(Preset::SMALL)
    }

    /// The preset of that name, the default one where there is none.
    ///
    /// # Errors
    /// Lists the presets that there are.
    pub fn preset(&self, name: Option<&str>) -> Result<Preset, SettingError> {
        let Some(name) = name else { return Ok(self.default_preset()) };
        self.presets.iter().copied().find(|p| p.0 == name).ok_or_else(|| SettingError::NoPreset {
            model: self.name,
            name: name.to_owned(),
            valid: self.presets.iter().map(|p| p.0).collect(),
        })
    }

    /// The model with a preset's settings, changed by `given`.
    ///
    /// # Errors
    /// An unknown setting, a wrong value, data that the model cannot take.
    pub fn build(
        &self,
        preset: Preset,
        given: &BTreeMap<String, String>,
        data: &DataShape,
    ) -> Result<Arc<dyn Model>, SettingError> {
        self.build_with(preset, given, &Tables::new(), data)
    }

    /// As [`ModelInfo::build`], with what the files hold that `given` names, by key.
    ///
    /// # Errors
    /// As [`ModelInfo::build`]; a table that the model cannot take.
    pub fn build_with(
        &self,
        preset: Preset,
        given: &BTreeMap<String, String>,
        tables: &Tables,
        data: &DataShape,
    ) -> Result<Arc<dyn Model>, SettingError> {
        (self.configure)(Settings::resolve(&(self.settings)(preset), given)?.with_tables(tables), data)
    }
}

/// Models of other crates, in the order in which they were added.
static ADDED: RwLock<Vec<&'static ModelInfo>> = RwLock::new(Vec::new());

/// Makes a model of another crate known by its name, as if it were one of these. Adding it again changes nothing.
///
/// # Panics
/// Another model has the name: a mistake of the program.
pub fn add(info: &'static ModelInfo) {
    let known = all();
    match known.iter().find(|m| m.name == info.name) {
        None => ADDED.write().unwrap_or_else(PoisonError::into_inner).push(info),
        Some(same) => assert!(std::ptr::eq(*same, info), "two models are called `{}`", info.name),
    }
}

/// Every model, in the order of the course; then those that were added.
pub fn all() -> Vec<&'static ModelInfo> {
    static ALL: &[&ModelInfo] = &[
        &independent::INFO,
        &markov::INFO,
        &context::INFO,
        &nade::INFO,
        &rnade::INFO,
        &pixelcnn::INFO,
        &row_lstm::INFO,
        &diagonal_bilstm::INFO,
        &vae::INFO,
        &aae::INFO,
        &gan::INFO,
        &dcgan::INFO,
        &infogan::INFO,
        &text2image::INFO,
        &puzzle_gan::INFO,
        &cyclegan::INFO,
        &stargan::INFO,
        &progan::INFO,
    ];
    let added = ADDED.read().unwrap_or_else(PoisonError::into_inner);
    ALL.iter().copied().chain(added.iter().copied()).collect()
}

/// The model of that name.
///
/// # Errors
/// Lists the names there are and guesses the one meant.
pub fn find(name: &str) -> Result<&'static ModelInfo, SettingError> {
    let known = all();
    known.iter().copied().find(|m| m.name == name).ok_or_else(|| SettingError::UnknownModel {
        name: name.to_owned(),
        guess: nearest(name, known.iter().map(|m| m.name)).map(str::to_owned),
        valid: known.iter().map(|m| m.name.to_owned()).collect(),
    })
}
