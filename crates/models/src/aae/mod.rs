//! Adversarial auto-encoder: Makhzani, Shlens, Jaitly, Goodfellow, Frey 2015, "Adversarial Autoencoders", arXiv:1511.05644.
//!
//! An auto-encoder whose codes, over all rows, are made to follow a prior by a discriminator of codes (§2). Any distribution that can be
//! drawn from will do as a prior: it never needs a density. What classes are used for is a setting: nothing; the discriminator is told
//! them, so that each has its own part of the prior (§2.3); the decoder is told them, so that codes hold the style alone (§4); a few
//! known ones teach a classifier that is a part of the code (§5); or the code has clusters that no class is told of (§6).
//!
//! Departures:
//! - weights start at N(0, 2 / inputs) (He et al. 2015, arXiv:1502.01852), the paper has deviation 0.01, with which narrow networks do
//!   not begin to learn;
//! - the noise is added to what is reconstructed only: the discriminators see the codes of clean rows, which are those that `encode`
//!   gives. With noisy codes before them the clean ones are too narrow;
//! - with `labels=prior` the classes of all rows are told, so that the discriminator needs no input for "unknown";
//! - images are decoded through a sigmoid, as the paper's are of MNIST; vectors, which are standardised, by a linear layer;
//! - unless `gamma` and `clip` are 0, as they are in `paper`, the discriminators are held by R1 (Mescheder, Geiger, Nowozin 2018,
//!   arXiv:1801.04406) and the gradients of their phase are clipped by norm: without them discriminator and encoder circle each other;
//! - unless `joint` is false, as it is in `paper`, the discriminator of z is told the class beside it, the code's own or a drawn one: so
//!   z is independent of the class, as samples take it to be, and not of the right distribution over all classes alone. Clusters, which
//!   nothing else holds to what is in a row, drift away from it that way, so it is not for them;
//! - the encoder is deterministic, as in the paper's experiments.

mod networks;
mod settings;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use calotype_graph::{Graph, GraphError, Mode, Program, Scope, Tensor, Type};

use crate::facets::{Autoencoder, Codes};
use crate::feeds::{Feed, Known};
use crate::latent::{Latent, LatentKind, LatentPart};
use crate::losses::{bce_fake, bce_real, cross_entropy, r1};
use crate::model::{DataShape, Descent, Learning, Model, ModelInfo, Values};
use crate::modules::Module;
use crate::optimisers::{Clip, Optimiser, Rule, Schedule};
use crate::priors::Prior;
use crate::settings::{Preset, SettingError, Settings, Value};
use crate::stages::{Stage, Turn};

pub static INFO: ModelInfo = ModelInfo {
    name: "aae",
    title: "Adversarial auto-encoder",
    paper: "Makhzani, Shlens, Jaitly, Goodfellow, Frey 2015, arXiv:1511.05644",
    presets: Preset::SMALL_AND_PAPER,
    default_data: |_| &["fashion-mnist"],
    settings: settings::settings,
    configure: |settings, data| Ok(Arc::new(Aae::new(settings, data)?)),
};

/// What classes are used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Classes {
    /// Nothing.
    Unused,
    /// Each has a component of the prior: the discriminator is told them (§2.3).
    OfPrior,
    /// The decoder is told them, and the code is the style (§4).
    OfDecoder,
    /// Those of a few rows teach the encoder, whose code has a category for each (§5).
    Few(Known),
    /// None is told; the code has this many categories (§6).
    Clusters(usize),
}

/// A configured adversarial auto-encoder.
pub struct Aae {
    settings: Settings,
    shape: Vec<usize>,
    prior: Prior,
    /// Z: width of the code without its category.
    z: usize,
    /// Of the data.
    n_classes: usize,
    classes: Classes,
    /// Whether the discriminator of z is told the category beside it.
    joint: bool,
    reconstruction: Optimiser,
    discriminator: Optimiser,
    generator: Optimiser,
    classification: Optimiser,
}

impl Aae {
    /// # Errors
    /// Data of other shapes than images and vectors; classes asked of data that have none; a prior of another width than the code.
    pub fn new(settings: Settings, data: &DataShape) -> Result<Self, SettingError> {
        let shape = match *data.shape.as_slice() {
            [_] => data.shape.clone(),
            _ => data.picture()?.to_vec(),
        };
        let (prior, z) = settings::prior(&settings)?;
        let classes = settings::classes(&settings, data, &prior)?;
        let joint = settings.flag("joint") && !matches!(classes, Classes::Clusters(_));
        let drop = settings.integer("lr_drop");
        let schedule = Schedule::Drops { at: [drop, 20 * drop], factor: 0.1 };
        let clip = Some(settings.number("clip")).filter(|&norm| norm > 0.0).map_or(Clip::Off, Clip::Norm);
        // No sigmoid bounds the errors of vectors.
        let of_rows = if shape.len() == 1 { clip } else { Clip::Off };
        let sgd = |name, momentum, lr| Optimiser::new(name, Rule::Sgd { momentum }, settings.number(lr)).with_schedule(schedule);
        Ok(Aae {
            reconstruction: sgd("reconstruction", 0.9, "lr").with_clip(of_rows),
            discriminator: sgd("discriminator", 0.1, "lr_adversarial").with_clip(clip),
            generator: sgd("generator", 0.1, "lr_adversarial").with_clip(clip),
            classification: sgd("classification", 0.9, "lr_class").with_clip(of_rows),
            joint,
            settings: settings.with("latents", Value::Integer(z as u64)).with("joint", Value::Flag(joint)),
            shape,
            prior,
            z,
            n_classes: data.n_classes as usize,
            classes,
        })
    }

    /// K: categories of the code that the decoder is given beside z; 0 where there are none.
    fn n_categories(&self) -> usize {
        match self.classes {
            Classes::Unused | Classes::OfPrior => 0,
            Classes::OfDecoder | Classes::Few(_) => self.n_classes,
            Classes::Clusters(k) => k,
        }
    }

    /// Whether the encoder finds the category.
    fn infers(&self) -> bool {
        matches!(self.classes, Classes::Few(_) | Classes::Clusters(_))
    }

    /// The loss of (1): half the squared distance of x [B, D] and what its noisy version's code is decoded to, the mean over the batch.
    /// `class` [B, K]: in place of a category that is not inferred.
    fn reconstructing(&self, s: &Scope, x: &Tensor, class: Option<&Tensor>) -> Tensor {
        let code = self.encode(s, &self.noisy(s, "noise", x));
        let decoded = self.decoded(s, &code, class);
        (decoded - x).square().sum_all() * (0.5 / x.dims()[0] as f32)
    }

    /// The losses of (2) and their updates: the discriminators against draws of the prior, then the encoder against the updated
    /// discriminators. Codes are computed once.
    fn regularising(&self, s: &Scope, x: &Tensor, labels: Option<&Tensor>) -> [Tensor; 2] {
        let b = x.dims()[0];
        let (d_z, d_y) = (s.sub("discriminator"), s.sub("discriminator_y"));
        let code = self.encode(s, x);
        let y = code.y.as_ref().map(Tensor::softmax);
        let drawn_y = y.as_ref().map(|_| self.category(s, b));
        let class = labels.filter(|_| self.classes == Classes::OfPrior || self.joint).map(|labels| self.one_hot(labels));
        let inferred = |y: &Option<Tensor>| y.clone().filter(|_| self.joint);
        let (with_drawn, with_code) = (class.clone().or_else(|| inferred(&drawn_y)), class.or_else(|| inferred(&y)));
        let drawn_z = self.prior.draw(s, "prior", b, self.z, labels.filter(|_| self.classes == Classes::OfPrior));
        let on_drawn = self.discriminate(&d_z, &drawn_z, with_drawn.as_ref());
        let on_code = || self.discriminate(&d_z, &code.z, with_code.as_ref());
        let mut loss_d = bce_real(&on_drawn) + bce_fake(&on_code());
        let gamma = self.settings.number("gamma") as f32;
        let mut penalty = (gamma > 0.0).then(|| r1(&on_drawn, &drawn_z));
        if let (Some(drawn_y), Some(y)) = (&drawn_y, &y) {
            let on_drawn = self.discriminate(&d_y, drawn_y, None);
            penalty = penalty.map(|of_z| of_z + r1(&on_drawn, drawn_y));
            loss_d = loss_d + bce_real(&on_drawn) + bce_fake(&self.discriminate(&d_y, y, None));
        }
        let moved: &[&Scope] = if y.is_some() { &[&d_z, &d_y] } else { &[&d_z] };
        let penalised = penalty.map_or_else(|| loss_d.clone(), |r1| &loss_d + r1 * (0.5 * gamma));
        self.discriminator.update(moved, &penalised);

        let mut loss_g = bce_real(&on_code()); // by the updated discriminators
        if let Some(y) = &y {
            loss_g = loss_g + bce_real(&self.discriminate(&d_y, y, None));
        }
        self.generator.update(&[&s.sub("encoder")], &(&loss_g * self.settings.number("adversarial") as f32));
        [loss_d, loss_g]
    }

    /// The loss of (3) and its update: cross-entropy of q(y | x) for the rows whose classes are known.
    fn classifying(&self, s: &Scope, known: Known) -> Tensor {
        let x = self.unit(&s.graph().input("known_x", Type::f32([&[known.batch], self.shape.as_slice()].concat())));
        let labels = s.graph().input("known_labels", Type::u32([known.batch]));
        let code = self.encode(s, &self.noisy(s, "known_noise", &x));
        let loss = code.y.map_or_else(|| x.sum_all(), |y| cross_entropy(&y, &labels).mean_all());
        let encoder = s.sub("encoder");
        self.classification.update(&[&encoder.sub("hidden"), &encoder.sub("y")], &loss);
        loss
    }
}

impl Model for Aae {
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
        if self.shape.len() == 1 { Values::Standardised } else { Values::Signed }
    }

    fn learning(&self) -> Learning<'_> {
        Learning::Descent(self)
    }

    fn modules(&self) -> Vec<Module> {
        let mut all = Module::scopes(["decoder", "encoder", "discriminator"]);
        all.extend(self.infers().then(|| Module { scope: "discriminator_y", ..Module::default() }));
        all
    }

    fn latent(&self) -> Option<&dyn Latent> {
        Some(self)
    }

    /// But for one whose decoder is told the class, which no row says.
    fn autoencoder(&self) -> Option<&dyn Autoencoder> {
        (self.classes != Classes::OfDecoder).then_some(self as &dyn Autoencoder)
    }

    /// z, then the probabilities of the categories where the encoder finds them.
    fn features(&self, batch: usize) -> Option<Result<Program, GraphError>> {
        Some(self.encoded(batch, "features"))
    }

    fn codes(&self) -> Option<Codes> {
        let known = match self.classes {
            Classes::Few(known) => Some(known),
            _ => None,
        };
        let n_categories = if self.infers() { self.n_categories() } else { 0 };
        Some(Codes { prior: self.prior.clone(), z: self.z, n_categories, known })
    }
}

impl Descent for Aae {
    fn stages(&self, batch: usize) -> Vec<Stage> {
        let labels = Feed::labels("labels", self.n_classes as u32);
        let feeds = match self.classes {
            Classes::Unused | Classes::Clusters(_) => vec![Feed::ROWS],
            Classes::OfPrior | Classes::OfDecoder => vec![Feed::ROWS, labels],
            Classes::Few(known) => {
                vec![Feed::ROWS, Feed::known_rows("known_x", known), Feed::known_labels("known_labels", known)]
            }
        };
        vec![Stage::always("training", batch, &feeds)]
    }

    /// The phases of a batch, in the paper's order: (1) reconstruction, (2) regularisation, (3) classification where some classes are known.
    fn program(&self, stage: &Stage) -> Result<Program, GraphError> {
        let batch = stage.batch;
        let graph = Graph::new("aae training");
        let s = Scope::new(&graph, Mode::Train);
        let x = self.unit(&graph.input("x", Type::f32([&[batch], self.shape.as_slice()].concat())));
        let told = matches!(self.classes, Classes::OfPrior | Classes::OfDecoder);
        let labels = told.then(|| graph.input("labels", Type::u32([batch])));
        let class = labels.as_ref().filter(|_| self.classes == Classes::OfDecoder).map(|labels| self.one_hot(labels));

        let reconstruction = self.reconstructing(&s, &x, class.as_ref());
        self.reconstruction.update(&[&s.sub("encoder"), &s.sub("decoder")], &reconstruction);
        let [loss_d, loss_g] = self.regularising(&s, &x, labels.as_ref());

        graph.output("reconstruction", &reconstruction);
        graph.output("loss_d", &loss_d);
        graph.output("loss_g", &loss_g);
        if let Classes::Few(known) = self.classes {
            graph.output("classification", &self.classifying(&s, known));
        }
        graph.finish()
    }

    fn at(&self, step: u64, _lr_scale: f64) -> Turn {
        let all = [self.reconstruction, self.discriminator, self.generator];
        let few = matches!(self.classes, Classes::Few(_)).then_some(self.classification);
        Turn::only(all.into_iter().chain(few).flat_map(|o| o.scalars(step, 1.0)).collect())
    }
}

impl Latent for Aae {
    fn parts(&self) -> Vec<LatentPart> {
        let z = LatentPart { name: "z", kind: LatentKind::Prior(self.prior.clone()), size: self.z };
        let class = LatentPart { name: "class", kind: LatentKind::Category, size: self.n_categories() };
        [z, class].into_iter().filter(|part| part.size > 0).collect()
    }

    fn class_part(&self) -> Option<&'static str> {
        matches!(self.classes, Classes::OfDecoder | Classes::Few(_)).then_some("class")
    }

    fn sampling(&self, batch: usize) -> Result<Program, GraphError> {
        let graph = Graph::new("aae sampling");
        let z = graph.input("z", Type::f32([batch, self.z + self.n_categories()]));
        graph.output("rows", &self.rows(&self.decode(&Scope::new(&graph, Mode::Eval), &z)));
        graph.finish()
    }
}

impl Autoencoder for Aae {
    fn encoding(&self, batch: usize) -> Result<Program, GraphError> {
        self.encoded(batch, "codes")
    }

    fn reconstruction(&self, batch: usize) -> Result<Program, GraphError> {
        let graph = Graph::new("aae reconstruction");
        let s = Scope::new(&graph, Mode::Eval);
        let x = graph.input("x", Type::f32([&[batch], self.shape.as_slice()].concat()));
        let code = self.encode(&s, &self.unit(&x));
        graph.output("rows", &self.rows(&self.decoded(&s, &code, None)));
        graph.finish()
    }
}
