//! Puzzle-GAN: Lee, Yun, Choi, Yoo, Yang, Oh 2018, "Unsupervised Holistic Image Generation from Key Local Patches", arXiv:1703.10730. An
//! image is made from a few key patches whose places are not given. G encodes each patch alone and sums what it finds, so that the order of
//! patches cannot matter; it predicts a mask of the patches' places, and an image. D tells real images from made ones, and from real ones
//! whose parts or backgrounds are of another image.
//!
//! Departures: key patches are found by a detector of our own (`calotype_data`, module `patches`), which needs no trained edges. L1 norms are
//! sums over an image, of which a batch has the mean. The weights of the spatial and the appearance loss fall geometrically over a number of
//! steps that is a setting, by default from 1e-2 to 1e-4 as in the paper; in the small preset they stay at 5e-2, and its spatial loss is the
//! binary cross-entropy of the mask, `spatial=bce`: masks cover less than half of an image, where 0 everywhere is least wrong by L1 until
//! their places are known, and there the sigmoid passes no gradient on. All losses of D and G are of logits; G's adversarial one is the
//! non-saturating one. D's two further negatives have the mask of the row, and as the other image the next row of the batch. Every layer of the
//! encoder has a leaky ReLU, the last one too. Weights begin as in DCGAN. 16, 32 and 128 pixels take fewer or more halvings than the paper's 64.

mod networks;
mod settings;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use calotype_graph::op::Distribution;
use calotype_graph::{Graph, GraphError, Mode, Program, Scope, Tensor, Type};

use crate::adversarial;
use crate::facets::Composer;
use crate::feeds::Feed;
use crate::latent::{LatentKind, LatentPart};
use crate::losses::{Adversarial, bce, bce_fake, bce_real};
use crate::model::{DataShape, Descent, Learning, Model, ModelInfo, Values};
use crate::modules::Module;
use crate::optimisers::{Optimiser, Rule};
use crate::settings::{Preset, SettingError, Settings};
use crate::stages::{Sign, Stage, Turn};

pub use networks::{Made, Networks};

pub static INFO: ModelInfo = ModelInfo {
    name: "puzzle-gan",
    title: "Puzzle-GAN",
    paper: "Lee, Yun, Choi, Yoo, Yang, Oh 2018, arXiv:1703.10730",
    presets: Preset::SMALL_AND_PAPER,
    default_data: |preset| match preset {
        Preset::PAPER => &["emoji"],
        _ => &["fashion-mnist"],
    },
    settings: settings::settings,
    configure: |settings, data| Ok(Arc::new(PuzzleGan::new(settings, data)?)),
};

/// Stages: every `n_critic`th step is one of both networks, the others are of D alone.
const BOTH: &str = "discriminator and generator";
const CRITIC: &str = "discriminator";

/// What the weights of the spatial and the appearance loss have fallen to.
const FALL: &str = "lambda";

/// A configured Puzzle-GAN.
pub struct PuzzleGan {
    settings: Settings,
    /// [size, size, channels].
    shape: [usize; 3],
    networks: Networks,
    /// Of an image, in training.
    n_patches: usize,
    nz: usize,
    /// Whether the spatial loss is the paper's.
    is_l1: bool,
    /// Updates of D for one of G.
    n_critic: u64,
    adam_d: Optimiser,
    adam_g: Optimiser,
}

impl PuzzleGan {
    /// # Errors
    /// A size that there are no networks for; data that are no pictures.
    pub fn new(settings: Settings, data: &DataShape) -> Result<Self, SettingError> {
        let networks = settings::networks(&settings, data)?;
        let rule = Rule::Adam { beta1: settings.number("beta1"), beta2: settings.number("beta2"), eps: 1e-8 };
        let [adam_d, adam_g] = ["discriminator", "generator"].map(|name| Optimiser::new(name, rule, settings.number("lr")));
        let (n_patches, nz, n_critic) = (settings.size("patches"), settings.size("latents"), settings.integer("n_critic"));
        let is_l1 = settings.word("spatial") == settings::L1;
        let shape = [networks.size, networks.size, networks.channels];
        Ok(PuzzleGan { shape, networks, n_patches, nz, is_l1, n_critic, adam_d, adam_g, settings })
    }

    pub fn networks(&self) -> &Networks {
        &self.networks
    }

    /// [lead.., S, S, C].
    fn images(&self, lead: &[usize]) -> Type {
        Type::f32([lead, &self.shape[..]].concat())
    }

    /// What the weights of the spatial and the appearance loss have fallen to at a step, from 1.
    fn fall(&self, step: u64) -> f64 {
        let steps = self.settings.integer("lambda_steps") as f64;
        self.settings.number("lambda_fall").powf((step as f64 / steps).min(1.0))
    }

    /// One update of D, then, with `both`, one of G through the updated D.
    fn step(&self, batch: usize, both: bool) -> Result<Program, GraphError> {
        let graph = Graph::new(if both { "puzzle-gan training" } else { "puzzle-gan training, discriminator" });
        let scope = Scope::new(&graph, Mode::Train);
        let (g, d) = (scope.sub("generator"), scope.sub("discriminator"));
        let [height, width, _] = self.shape;
        let x = graph.input("x", self.images(&[batch]));
        let patches = graph.input("patches", self.images(&[batch, self.n_patches]));
        let mask = graph.input("mask", Type::f32([batch, height, width, 1]));
        let z = graph.random("z", Distribution::Uniform, [batch, self.nz]) * 2.0 - 1.0;
        let made = self.networks.generator(&g, &patches, &z);

        let judged = |x: &Tensor| self.networks.discriminator(&d, x);
        let other = x.slice(0, 1, batch).concat(&x.slice(0, 0, 1), 0); // the next row of the batch
        let part = mask.expand(x.dims().to_vec()); // M
        let background = 1.0 - &part;
        let shuffled_part = &other * &part + &x * &background;
        let shuffled_background = &x * &part + &other * &background;
        let of_real = bce_real(&judged(&x));
        let negatives = [&made.image.detach(), &shuffled_part, &shuffled_background].map(|x| bce_fake(&judged(x)));
        let loss_d = negatives.iter().fold(of_real, |sum, loss| sum + loss);
        self.adam_d.update(&[&d], &loss_d);
        graph.output("loss_d", &loss_d);

        if both {
            let loss_g = bce_real(&judged(&made.image)); // by the updated D
            let of_image = |losses: Tensor| losses.sum_all() * (batch as f32).recip();
            let spatial = of_image(match self.is_l1 {
                true => (made.mask() - &mask).abs(),
                false => bce(&made.mask_logits, &mask),
            });
            let made_part = made.mask().expand(x.dims().to_vec()); // M^
            let appearance = of_image((&made.image * &made_part - &x * &part).abs());
            let weighted = |loss: &Tensor, key: &str| loss * self.settings.number(key) as f32;
            let lambda = graph.scalar_input(FALL);
            let of_parts = (weighted(&spatial, "lambda_spatial") + weighted(&appearance, "lambda_appearance")) * &lambda;
            self.adam_g.update(&[&g], &(&loss_g + &of_parts));
            graph.output("loss_g", &loss_g);
            graph.output("spatial", &spatial);
            graph.output("appearance", &appearance);
        }
        graph.finish()
    }
}

impl Model for PuzzleGan {
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

    fn learning(&self) -> Learning<'_> {
        Learning::Descent(self)
    }

    fn modules(&self) -> Vec<Module> {
        Module::scopes(["generator", "discriminator"])
    }

    fn composer(&self) -> Option<&dyn Composer> {
        Some(self)
    }
}

impl Descent for PuzzleGan {
    fn stages(&self, batch: usize) -> Vec<Stage> {
        let feeds = [Feed::ROWS, Feed::patches("patches", self.n_patches), Feed::patch_mask("mask", self.n_patches)];
        let names = if self.n_critic == 1 { &[BOTH][..] } else { &[BOTH, CRITIC] };
        names.iter().map(|name| Stage::always(name, batch, &feeds)).collect()
    }

    fn program(&self, stage: &Stage) -> Result<Program, GraphError> {
        self.step(stage.batch, stage.name == BOTH)
    }

    /// Adam counts the updates of its own network; the weights fall by steps.
    fn at(&self, step: u64, _lr_scale: f64) -> Turn {
        let of_d = self.adam_d.scalars(step, 1.0);
        match (step + 1).is_multiple_of(self.n_critic) {
            true => {
                let of_g = self.adam_g.scalars(step / self.n_critic, 1.0);
                Turn::only([of_d, of_g, vec![(FALL.to_owned(), self.fall(step) as f32)]].concat())
            }
            false => Turn { stage: 1, scalars: of_d, resets: vec![] },
        }
    }

    fn signs(&self) -> Vec<Sign> {
        let remedy = "the generator learns nothing from a discriminator that is never wrong; try --set n_critic=1, a lower --set lr, or more data";
        adversarial::saturation(Adversarial::NonSaturating).map(|sign| Sign { remedy, ..sign }).into_iter().collect()
    }

    fn watches_gradients(&self) -> bool {
        true
    }
}

impl Composer for PuzzleGan {
    fn n_patches(&self) -> usize {
        self.n_patches
    }

    fn latents(&self) -> Vec<LatentPart> {
        vec![LatentPart { name: "z", kind: LatentKind::Uniform, size: self.nz }]
    }

    fn composition(&self, n: usize, batch: usize) -> Result<Program, GraphError> {
        let graph = Graph::new("puzzle-gan composition");
        let patches = graph.input("patches", self.images(&[batch, n]));
        let z = graph.input("z", Type::f32([batch, self.nz]));
        let made = self.networks.generator(&Scope::new(&graph, Mode::Eval).sub("generator"), &patches, &z);
        graph.output("composed", &(&made.image * 0.5 + 0.5).concat(&made.mask(), 3));
        graph.finish()
    }
}
