//! What a model is to the rest of the program.

use std::collections::BTreeMap;

use calotype_graph::{GraphError, Program};

use crate::dcgan;
use crate::settings::{Preset, Setting, SettingError, Settings, nearest};

/// What a model asks of its data set before it is configured.
#[derive(Clone, Debug, PartialEq)]
pub struct DataShape {
    /// Size of the images as the data set has them.
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    /// Rows of the training split.
    pub n_train: usize,
}

/// A configured model: every setting resolved and checked.
///
/// Programs use these names. Inputs: `images` f32 [B, H, W, C] in [-1, 1]; `seed` u32 [2], `step` u32 [1] (0, 1, …) where
/// random numbers are drawn; scalars as [`Model::step_inputs`] gives them; `z` f32 [B, latents] for sampling. Outputs of
/// training: scalar losses by name, in the order in which they are shown. Output of sampling: `images` f32 [B, H, W, C] in
/// [0, 1].
pub trait Model {
    fn info(&self) -> &'static ModelInfo;

    fn settings(&self) -> &Settings;

    /// [H, W, C] of what it trains on and makes.
    fn image(&self) -> [usize; 3];

    /// Default batch and number of steps.
    fn batch(&self) -> usize;
    fn steps(&self) -> u64;

    /// Length of a latent vector: standard normal for `sample`.
    fn latents(&self) -> usize;

    /// One step of training.
    fn training(&self, batch: usize) -> Result<Program, GraphError>;

    /// Images from latents, with running statistics.
    fn sampling(&self, batch: usize) -> Result<Program, GraphError>;

    /// The scalars that change by step, computed in f64: learning rates, bias corrections. `step` counts from 0.
    fn step_inputs(&self, step: u64) -> Vec<(&'static str, f32)>;
}

/// Makes a model from resolved settings.
pub type Configure = fn(Settings, &DataShape) -> Result<Box<dyn Model>, SettingError>;

/// What is known of a model before it is configured.
pub struct ModelInfo {
    /// As typed: `dcgan`.
    pub name: &'static str,
    pub title: &'static str,
    /// Authors, year, arXiv number.
    pub paper: &'static str,
    /// What it can do: `generation`, `density`, `representation`.
    pub abilities: &'static [&'static str],
    pub default_data: fn(Preset) -> &'static str,
    pub settings: fn(Preset) -> Vec<Setting>,
    pub configure: Configure,
}

impl ModelInfo {
    /// The model with a preset's settings, changed by `given`.
    ///
    /// # Errors
    /// An unknown setting, a wrong value, data that the model cannot take.
    pub fn build(
        &self,
        preset: Preset,
        given: &BTreeMap<String, String>,
        data: &DataShape,
    ) -> Result<Box<dyn Model>, SettingError> {
        (self.configure)(Settings::resolve(&(self.settings)(preset), given)?, data)
    }
}

/// Every model, in the order of the course.
pub fn all() -> &'static [&'static ModelInfo] {
    static ALL: &[&ModelInfo] = &[&dcgan::INFO];
    ALL
}

/// The model of that name.
///
/// # Errors
/// Lists the names there are and guesses the one meant.
pub fn find(name: &str) -> Result<&'static ModelInfo, SettingError> {
    all().iter().copied().find(|m| m.name == name).ok_or_else(|| SettingError::UnknownModel {
        name: name.to_owned(),
        guess: nearest(name, all().iter().map(|m| m.name)).map(str::to_owned),
        valid: all().iter().map(|m| m.name.to_owned()).collect(),
    })
}
