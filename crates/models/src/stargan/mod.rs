//! StarGAN: Choi, Choi, Kim, Ha, Kim, Choo 2018, "StarGAN: Unified Generative Adversarial Networks for Multi-Domain Image-to-Image
//! Translation", arXiv:1711.09020. One generator G(x, c) translates an image to any domain: a class, or attributes. D tells real images from
//! made ones (WGAN-GP) and names the domain of an image; what is translated back must be the image it came from.
//!
//! Departures: the fakes of a step in which both networks learn are made once, for the update of D and then for that of G through the updated
//! D; learning rates fall each step, those of the authors' code every 1000. No mask vectors of several data sets (§3.2). The small preset has
//! an identity loss: of few training images D knows the shapes by heart, and without it G learns to turn images into those.

mod classes;
mod networks;
mod settings;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use calotype_graph::op::Distribution;
use calotype_graph::{Graph, GraphError, Mode, Program, Scope, Tensor, Type};

use crate::attributes::Attributes;
use crate::decay;
use crate::facets::{Domains, Translator, Way};
use crate::feeds::Feed;
use crate::losses::{Adversarial, gradient_penalty};
use crate::model::{DataShape, Descent, Learning, Model, ModelInfo, Values};
use crate::modules::Module;
use crate::optimisers::{Optimiser, Rule, Schedule};
use crate::settings::{Preset, SettingError, Settings};
use crate::stages::{Stage, Turn};

pub use networks::{Judged, Networks};

pub static INFO: ModelInfo = ModelInfo {
    name: "stargan",
    title: "StarGAN",
    paper: "Choi, Choi, Kim, Ha, Kim, Choo 2018, arXiv:1711.09020",
    presets: Preset::SMALL_AND_PAPER,
    default_data: |_| &["emoji-tones"],
    settings: settings::settings,
    configure: |settings, data| Ok(Arc::new(StarGan::new(settings, data)?)),
};

/// Stages: every `n_critic`th step is one of both networks, the others are of D alone.
const BOTH: &str = "critic and generator";
const CRITIC: &str = "critic";

/// |x - G(x, target)|, the mean over the images whose target is what they have already; 0 where there are none.
fn identity(x: &Tensor, fake: &Tensor, own: &Tensor, target: &Tensor) -> Tensor {
    let one = x.graph().scalar(1.0);
    let stays = 1.0 - &(own - target).abs().sum(&[1]).min(&one); // [B]: 1 or 0
    let differences = (x - fake).abs().mean(&[1, 2, 3]); // [B]
    (differences * &stays).sum_all() / stays.sum_all().max(&one)
}

/// A configured StarGAN.
pub struct StarGan {
    settings: Settings,
    /// [size, size, channels].
    shape: [usize; 3],
    /// What it translates between.
    attributes: Attributes,
    networks: Networks,
    /// Updates of D for one of G.
    n_critic: u64,
    /// By steps, for both optimisers.
    schedule: Schedule,
    adam_d: Optimiser,
    adam_g: Optimiser,
}

impl StarGan {
    /// # Errors
    /// Sizes that do not fit each other; more steps than have a learning rate; data that are no pictures, or have no domains.
    pub fn new(settings: Settings, data: &DataShape) -> Result<Self, SettingError> {
        let networks = settings::networks(&settings, data)?;
        let (settings, schedule) = decay::resolved(settings)?;
        let rule = Rule::Adam { beta1: settings.number("beta1"), beta2: settings.number("beta2"), eps: 1e-8 };
        let [adam_d, adam_g] = ["discriminator", "generator"].map(|name| Optimiser::new(name, rule, settings.number("lr")));
        let (n_critic, shape) = (settings.integer("n_critic"), [networks.size, networks.size, networks.channels]);
        Ok(StarGan { shape, attributes: data.attributes.clone(), networks, n_critic, schedule, adam_d, adam_g, settings })
    }

    pub fn networks(&self) -> &Networks {
        &self.networks
    }

    fn weight(&self, key: &str) -> f32 {
        self.settings.number(key) as f32
    }

    /// D_cls's loss at images of D's size.
    fn classification(&self, judged: &Judged, domain: &Tensor) -> Tensor {
        classes::loss(&self.attributes, &judged.domain.reshape(domain.dims()), domain)
    }

    /// One update of D, then, with `both`, one of G through the updated D (eqs. 1 to 6, 8).
    fn step(&self, batch: usize, both: bool) -> Result<Program, GraphError> {
        let graph = Graph::new(if both { "stargan training" } else { "stargan training, critic" });
        let scope = Scope::new(&graph, Mode::Train);
        let (g, d) = (scope.sub("generator"), scope.sub("discriminator"));
        let domain = Type::f32([batch, self.networks.domain]);
        let x = graph.input("x", Type::f32([&[batch], &self.shape[..]].concat()));
        let (own, target) = (graph.input("attributes", domain.clone()), graph.input("target", domain));
        let critic = |x: &Tensor| self.networks.discriminator(&d, x);

        let fake = self.networks.generator(&g, &x, &target);
        // Both halves in one pass: D has no batch norm, and reads its many weights once.
        let judged = critic(&x.concat(&fake.detach(), 0));
        let (real, made) = (judged.rows(0, batch), judged.rows(batch, 2 * batch));
        let loss_d = Adversarial::Wasserstein.critic(&real.source, &made.source);
        let class_d = self.classification(&real, &own); // of real images only
        let between = graph.random("between", Distribution::Uniform, [batch]);
        let penalty = gradient_penalty(|x| critic(x).source, &x, &fake, &between);
        let [lambda_cls, lambda_rec, lambda_gp] = ["lambda_cls", "lambda_rec", "lambda_gp"].map(|key| self.weight(key));
        self.adam_d.update(&[&d], &(&loss_d + &class_d * lambda_cls + &penalty * lambda_gp));
        graph.output("loss_d", &loss_d);
        graph.output("class_d", &class_d);
        graph.output("gradient_penalty", &penalty);

        if both {
            let judged = critic(&fake); // by the updated D
            let loss_g = Adversarial::Wasserstein.generator(&judged.source);
            let class_g = self.classification(&judged, &target);
            let back = self.networks.generator(&g, &fake, &own);
            let reconstruction = (&x - &back).abs().mean_all();
            let loss = &loss_g + &class_g * lambda_cls + &reconstruction * lambda_rec;
            graph.output("loss_g", &loss_g);
            graph.output("class_g", &class_g);
            graph.output("reconstruction", &reconstruction);
            let lambda_id = self.weight("lambda_id");
            let loss = if lambda_id > 0.0 {
                let identity = identity(&x, &fake, &own, &target);
                graph.output("identity", &identity);
                loss + identity * lambda_id
            } else {
                loss
            };
            self.adam_g.update(&[&g], &loss);
        }
        graph.finish()
    }
}

impl Model for StarGan {
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
        Values::Signed
    }

    fn flips(&self) -> bool {
        self.settings.flag("flips")
    }

    fn load_size(&self) -> Option<usize> {
        Some(self.settings.size("load_size")).filter(|&size| size > 0)
    }

    fn learning(&self) -> Learning<'_> {
        Learning::Descent(self)
    }

    fn modules(&self) -> Vec<Module> {
        Module::scopes(["generator", "discriminator"])
    }

    fn translator(&self) -> Option<&dyn Translator> {
        Some(self)
    }
}

impl Descent for StarGan {
    fn stages(&self, batch: usize) -> Vec<Stage> {
        let width = self.networks.domain;
        let feeds = [Feed::ROWS, Feed::attributes("attributes", width), Feed::other_attributes("target", width)];
        let names = if self.n_critic == 1 { &[BOTH][..] } else { &[BOTH, CRITIC] };
        names.iter().map(|name| Stage::always(name, batch, &feeds)).collect()
    }

    fn program(&self, stage: &Stage) -> Result<Program, GraphError> {
        self.step(stage.batch, stage.name == BOTH)
    }

    /// Learning rates are of the step; Adam counts the updates of its own network.
    fn at(&self, step: u64, lr_scale: f64) -> Turn {
        let rate = self.schedule.at(step) * lr_scale;
        let of_d = self.adam_d.scalars(step, rate);
        match (step + 1).is_multiple_of(self.n_critic) {
            true => Turn::only([of_d, self.adam_g.scalars(step / self.n_critic, rate)].concat()),
            false => Turn { stage: 1, scalars: of_d, resets: vec![] },
        }
    }

    fn learning_rate(&self, step: u64) -> Option<f64> {
        Some(self.settings.number("lr") * self.schedule.at(step))
    }

    fn watches_gradients(&self) -> bool {
        true
    }
}

impl Translator for StarGan {
    fn domains(&self) -> Domains<'_> {
        Domains::Attributes(&self.attributes)
    }

    fn multiple(&self) -> usize {
        4
    }

    fn translation(&self, _way: Way, batch: usize, [h, w]: [usize; 2]) -> Result<Program, GraphError> {
        let graph = Graph::new("stargan translation");
        let x = graph.input("x", Type::f32([batch, h, w, self.networks.channels]));
        let domain = graph.input("domain", Type::f32([batch, self.networks.domain]));
        let y = self.networks.generator(&Scope::new(&graph, Mode::Eval).sub("generator"), &x, &domain);
        graph.output("rows", &(y * 0.5 + 0.5));
        graph.finish()
    }

    /// Of larger images D_cls gives a map of logits, whose mean counts.
    fn recognition(&self, batch: usize, [h, w]: [usize; 2]) -> Option<Result<Program, GraphError>> {
        if h.min(w) < self.networks.size {
            return None;
        }
        let graph = Graph::new("stargan recognition");
        let x = graph.input("x", Type::f32([batch, h, w, self.networks.channels]));
        let judged = self.networks.discriminator(&Scope::new(&graph, Mode::Eval).sub("discriminator"), &x);
        graph.output("attributes", &classes::probabilities(&self.attributes, &judged.domain.mean(&[1, 2])));
        Some(graph.finish())
    }
}
