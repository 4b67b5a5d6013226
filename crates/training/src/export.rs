//! A trained model's networks as ONNX models.

use calotype_formats::onnx::{self, About};
use calotype_graph::{GraphError, Program};
use calotype_models::feeds::Role;
use calotype_models::latent::{LatentKind, LatentPart};
use calotype_models::{Domains, Model, Values, Way, density};

use crate::config::RunConfig;
use crate::error::{Result, TrainingError};
use crate::restore::Restored;
use crate::states::state_of_run;

/// A program that can be written.
pub struct Part<'a> {
    pub name: &'static str,
    /// What it does.
    pub what: &'static str,
    build: Build<'a>,
}

/// Makes a program for a batch of so many rows.
type Build<'a> = Box<dyn Fn(usize) -> Result<Program, GraphError> + 'a>;

impl Part<'_> {
    /// For a batch of so many rows.
    ///
    /// # Errors
    /// A mistake of the model.
    pub fn program(&self, batch: usize) -> Result<Program, GraphError> {
        (self.build)(batch)
    }
}

/// All that a model can be written as, what it is used for most first. Images that are translated are of `size`, height and width; if
/// nothing is said, of the model's.
pub fn parts<'a>(model: &'a dyn Model, size: Option<[usize; 2]>) -> Vec<Part<'a>> {
    // A program without outputs is refused.
    let nothing = || Ok(Program::default());
    let mut all = vec![];
    let mut add = |name, what, build: Build<'a>| all.push(Part { name, what, build });
    if let Some(latent) = model.latent() {
        add("generator", "makes rows from latents", Box::new(|n| latent.sampling(n)));
    }
    if let Some(text) = model.text() {
        add("generator", "draws rows from the embedding of a sentence and latents", Box::new(|n| text.drawing(n)));
        add("text-encoder", "reads the embedding of a sentence", Box::new(|n| text.reading(n)));
    }
    if let Some(translator) = model.translator() {
        let own = model.shape();
        let size = size.unwrap_or([own[0], own[1]]);
        for way in translator.domains().ways() {
            let (name, what) = match way {
                Way::To(Role::B) => ("translator-to-b", "translates images of the first data set to the second's"),
                Way::To(_) => ("translator-to-a", "translates images of the second data set to the first's"),
                Way::ToAttributes => ("translator", "translates images to what the attributes say"),
            };
            add(name, what, Box::new(move |n| translator.translation(way, n, size)));
        }
        if matches!(translator.domains(), Domains::Attributes(_)) && translator.recognition(1, size).is_some() {
            let build = move |n| translator.recognition(n, size).unwrap_or_else(nothing);
            add("recogniser", "says what attributes an image has", Box::new(build));
        }
    }
    if let Some(composer) = model.composer() {
        add("composer", "composes images from key patches", Box::new(|n| composer.composition(composer.n_patches(), n)));
    }
    if let Some(density) = model.density() {
        add("density", "says the log-probability of each value of a row, in nats", Box::new(|n| density::scoring(density, n)));
    }
    if let Some(autoencoder) = model.autoencoder() {
        add("encoder", "says the code of a row", Box::new(|n| autoencoder.encoding(n)));
        add("autoencoder", "reconstructs rows", Box::new(|n| autoencoder.reconstruction(n)));
    }
    if let Some(critic) = model.critic() {
        add("critic", "says how real a row seems", Box::new(|n| critic.judging(n)));
    }
    if model.features(1).is_some() {
        add("features", "says the features of a row", Box::new(move |n| model.features(n).unwrap_or_else(nothing)));
    }
    // Translators go to the second data set first: that is what they are trained for by name.
    all.sort_by_key(|part| part.name == "translator-to-a");
    all
}

/// A part of a run as an ONNX model, with the weights of a checkpoint.
///
/// # Errors
/// An op that ONNX does not have; a checkpoint that lacks a state; a model beyond 2 GiB.
pub fn export(part: &Part, model: &dyn Model, config: &RunConfig, restored: &Restored) -> Result<onnx::Model> {
    let info = model.info();
    let step = restored.checkpoint.step;
    let doc = format!("The {} of {}, {}: {}. After {step} steps.", part.name, info.name, info.paper, part.what);
    let port = |name: &str| port(model, name);
    let name = format!("{} {}", info.name, part.name);
    let about = About { name: &name, doc: &doc, version: env!("CARGO_PKG_VERSION"), port: &port };
    let mut value = |spec: &_| state_of_run(model, config, &restored.checkpoint, spec);
    onnx::export(&about, &|batch| part.program(batch), &mut value).map_err(|e| TrainingError::Report(e.to_string()))
}

fn kind(kind: &LatentKind) -> &'static str {
    match kind {
        LatentKind::Normal | LatentKind::Direction => "normal",
        LatentKind::Uniform => "uniform, from -1 to 1",
        LatentKind::Category => "one of them 1, the others 0",
        LatentKind::Prior(_) => "of the prior",
    }
}

/// What an input or output of a model's programs is.
fn port(model: &dyn Model, name: &str) -> String {
    let values = match model.values() {
        Values::Signed => "from -1 to 1".to_owned(),
        Values::Levels(2) => "bits".to_owned(),
        Values::Levels(levels) => format!("levels, 0 to {}", levels - 1),
        Values::Standardised => "standardised by the training split".to_owned(),
    };
    let parts = model.latent().map(|l| l.parts()).or_else(|| model.text().map(|t| t.parts()));
    let parts = parts.or_else(|| model.composer().map(|c| c.latents())).unwrap_or_default();
    match name {
        "x" | "patches" => format!("rows of the data, {values}"),
        "z" => {
            let part = |p: &LatentPart| format!("{} {} ({})", p.size, p.name, kind(&p.kind));
            format!("latents: {}", parts.iter().map(part).collect::<Vec<_>>().join(", "))
        }
        "rows" if model.shape().len() == 3 => "images, from 0 to 1".to_owned(),
        "rows" => format!("rows, {values}"),
        "composed" => "images, from 0 to 1, and behind their channels the mask of the patches".to_owned(),
        "codes" => "codes: latents as the generator takes them".to_owned(),
        "realness" => "how real a row seems: the larger, the more".to_owned(),
        "log_p" => "log p of each value given those before it, in nats; their sum is that of the row".to_owned(),
        "text" => "numbers of characters; 0 behind the end".to_owned(),
        "embedding" => "of a sentence".to_owned(),
        "domain" => "attributes to translate to, 0 or 1 each".to_owned(),
        "attributes" => "attributes as the critic sees them".to_owned(),
        _ => String::new(),
    }
}
