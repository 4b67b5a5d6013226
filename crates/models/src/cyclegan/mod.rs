//! CycleGAN: Zhu, Park, Isola, Efros 2017, "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks",
//! arXiv:1703.10593. Two generators translate between two sets of images of which no pairs are known; what is translated there and
//! back is to be what it was.
//!
//! Names are those of the authors' public PyTorch code: `netG_A` makes rows as of B from rows of A, `netD_A` tells its work from rows of
//! B; `netG_B` and `netD_B` are the other way round. Where paper and code differ, the code is followed: identity loss, biases.
//!
//! Departures: translation and identity of a generator are one batch, as are a discriminator's real and shown rows (instance norm keeps
//! images apart). The learning rate falls with each step, the code's with each epoch. Adversarial losses beside least squares are
//! halved for the discriminators too, the gradient penalty with them.

mod losses;
mod networks;
mod settings;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use calotype_graph::op::Distribution;
use calotype_graph::{Graph, GraphError, Mode, Program, Scope, Tensor, Type};

use crate::adversarial;
use crate::facets::{Domains, Translator, Way};
use crate::feeds::{Feed, Role};
use crate::history;
use crate::losses::{Adversarial, gradient_penalty};
use crate::model::{DataShape, Descent, Learning, Model, ModelInfo, Values};
use crate::modules::Module;
use crate::optimisers::{Optimiser, Rule, Schedule};
use crate::settings::{Preset, SettingError, Settings};
use crate::stages::{Sign, Stage, Turn};

pub use losses::Made;
pub use networks::Networks;

pub static INFO: ModelInfo = ModelInfo {
    name: "cyclegan",
    title: "CycleGAN",
    paper: "Zhu, Park, Isola, Efros 2017, arXiv:1703.10593",
    presets: Preset::SMALL_AND_PAPER,
    default_data: |_| &["emoji-noto", "emoji-twemoji"],
    settings: settings::settings,
    configure: |settings, data| Ok(Arc::new(CycleGan::new(settings, data)?)),
};

/// A configured CycleGAN.
pub struct CycleGan {
    settings: Settings,
    /// [size, size, channels].
    shape: [usize; 3],
    networks: Networks,
    loss: Adversarial,
    schedule: Schedule,
    /// Of both generators, and of both discriminators.
    adam_g: Optimiser,
    adam_d: Optimiser,
}

impl CycleGan {
    /// # Errors
    /// A size that is no multiple of 4 or above `load_size`; steps in which nothing would be learned; data that are no pictures.
    pub fn new(settings: Settings, data: &DataShape) -> Result<Self, SettingError> {
        let (settings, schedule) = settings::resolved(settings)?;
        let [_, _, channels] = data.picture()?;
        let size = settings.size("size");
        let networks =
            Networks { channels, f: settings.size("width"), f_d: settings.size("width_d"), blocks: settings.size("blocks") };
        let loss = settings::loss(&settings);
        let rule = Rule::Adam { beta1: settings.number("beta1"), beta2: settings.number("beta2"), eps: 1e-8 };
        let adam = |name| Optimiser::new(name, rule, settings.number("lr")).with_schedule(schedule);
        let [adam_g, adam_d] = ["generators", "discriminators"].map(adam);
        Ok(CycleGan { shape: [size, size, channels], networks, loss, schedule, adam_g, adam_d, settings })
    }

    pub fn networks(&self) -> &Networks {
        &self.networks
    }

    /// Rows of a history.
    fn pool(&self) -> u32 {
        self.settings.integer("pool") as u32
    }

    /// What is shown to a discriminator for rows that were made in this step: by the history of that name, no gradient reaches the
    /// generator.
    fn shown(&self, s: &Scope, name: &str, fake: &Tensor) -> Tensor {
        let (rows, batch) = (fake.detach(), fake.dims()[0]);
        match self.pool() {
            0 => rows,
            capacity => history::shown(s, name, capacity, &rows, &s.graph().input(name, Type::u32([batch, 2]))),
        }
    }

    /// The loss of a discriminator on real rows and on those that are shown, and the gradient penalty of Wasserstein's loss at rows
    /// between them, which the random numbers `between` choose.
    fn judged(&self, d: &Scope, real: &Tensor, shown: &Tensor, between: &str) -> (Tensor, Option<Tensor>) {
        let b = real.dims()[0];
        let scores = self.networks.discriminator(d, &real.concat(shown, 0)); // [2 B, h, w, 1]
        let loss = losses::discriminator(self.loss, &scores.slice(0, 0, b), &scores.slice(0, b, 2 * b));
        let penalty = (self.loss == Adversarial::Wasserstein).then(|| {
            let critic = |x: &Tensor| self.networks.discriminator(d, x).mean(&[1, 2, 3]); // [B]
            gradient_penalty(critic, real, shown, &d.graph().random(between, Distribution::Uniform, [b]))
        });
        (loss, penalty)
    }
}

impl Model for CycleGan {
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
        Module::scopes(["netG_A", "netG_B", "netD_A", "netD_B"])
    }

    fn translator(&self) -> Option<&dyn Translator> {
        Some(self)
    }
}

impl Descent for CycleGan {
    fn stages(&self, batch: usize) -> Vec<Stage> {
        let rows = [Feed::rows_of("a", Role::A), Feed::rows_of("b", Role::B)];
        let pools = ["pool_a", "pool_b"].map(|name| Feed::history(name, self.pool()));
        let feeds: Vec<Feed> = rows.into_iter().chain(pools.into_iter().filter(|_| self.pool() > 0)).collect();
        vec![Stage::always("training", batch, &feeds)]
    }

    /// Both generators through the discriminators as they were, update the generators; both discriminators on real rows and on the
    /// histories', update the discriminators.
    ///
    /// Losses are named as in the code, for the generator or discriminator that they are of. They are without their weights: `cycle_*` and
    /// `identity_*` are mean distances of values in [-1, 1].
    fn program(&self, stage: &Stage) -> Result<Program, GraphError> {
        let graph = Graph::new("cyclegan training");
        let s = Scope::new(&graph, Mode::Train);
        let [g_a, g_b, d_a, d_b] = ["netG_A", "netG_B", "netD_A", "netD_B"].map(|name| s.sub(name));
        let [a, b] = ["a", "b"].map(|name| graph.input(name, Type::f32([&[stage.batch], &self.shape[..]].concat())));
        let [λ, identity] = ["cycle", "identity"].map(|key| self.settings.number(key));

        let generator = |s| move |x: &Tensor| self.networks.generator(s, x);
        let made = Made::of(generator(&g_a), generator(&g_b), &a, &b, identity > 0.0);
        let fooled = |d: &Scope, fake: &Tensor| losses::generator(self.loss, &self.networks.discriminator(d, fake));
        let (loss_g_a, loss_g_b) = (fooled(&d_a, &made.fake_b), fooled(&d_b, &made.fake_a));
        let [cycle_a, cycle_b] = made.cycle(&a, &b);
        let mut loss_g = &loss_g_a + &loss_g_b + (&cycle_a + &cycle_b) * λ as f32;
        let same = made.identity(&a, &b);
        if let Some([of_a, of_b]) = &same {
            loss_g = loss_g + (of_a + of_b) * (λ * identity) as f32;
        }
        self.adam_g.update(&[&g_a, &g_b], &loss_g);

        let (shown_b, shown_a) = (self.shown(&s, "pool_b", &made.fake_b), self.shown(&s, "pool_a", &made.fake_a));
        let (loss_d_a, penalty_a) = self.judged(&d_a, &b, &shown_b, "between_b");
        let (loss_d_b, penalty_b) = self.judged(&d_b, &a, &shown_a, "between_a");
        let penalties = penalty_a.zip(penalty_b);
        let mut loss_d = &loss_d_a + &loss_d_b;
        if let Some((of_a, of_b)) = &penalties {
            loss_d = loss_d + (of_a + of_b) * (0.5 * self.settings.number("lambda")) as f32;
        }
        self.adam_d.update(&[&d_a, &d_b], &loss_d);

        let named = [("loss_g_a", loss_g_a), ("loss_g_b", loss_g_b), ("cycle_a", cycle_a), ("cycle_b", cycle_b)];
        let same = same.into_iter().flat_map(|losses| ["identity_a", "identity_b"].into_iter().zip(losses));
        let of_d = [("loss_d_a", loss_d_a), ("loss_d_b", loss_d_b)];
        let penalties = penalties.into_iter().flat_map(|(a, b)| [("gradient_penalty_a", a), ("gradient_penalty_b", b)]);
        named.into_iter().chain(same).chain(of_d).chain(penalties).for_each(|(name, loss)| graph.output(name, &loss));
        graph.finish()
    }

    fn at(&self, step: u64, _lr_scale: f64) -> Turn {
        Turn::only([self.adam_g.scalars(step, 1.0), self.adam_d.scalars(step, 1.0)].concat())
    }

    fn learning_rate(&self, step: u64) -> Option<f64> {
        Some(self.settings.number("lr") * self.schedule.at(step))
    }

    fn signs(&self) -> Vec<Sign> {
        const REMEDY: &str = "the generator learns nothing from a discriminator that is never wrong; try a lower --set lr, a \
                              smaller --set width_d, or more data";
        let of = |sign: Sign| ["loss_d_a", "loss_d_b"].map(|loss| Sign { loss, remedy: REMEDY, ..sign });
        adversarial::saturation(self.loss).into_iter().flat_map(of).collect()
    }

    fn watches_gradients(&self) -> bool {
        true
    }
}

impl Translator for CycleGan {
    fn domains(&self) -> Domains<'_> {
        Domains::Roles
    }

    fn multiple(&self) -> usize {
        4
    }

    fn translation(&self, way: Way, batch: usize, [h, w]: [usize; 2]) -> Result<Program, GraphError> {
        let (name, network) = match way {
            Way::To(Role::B) => ("cyclegan translation to B", "netG_A"),
            Way::To(Role::A) => ("cyclegan translation to A", "netG_B"),
            Way::ToAttributes => {
                let (program, missing, unread) = ("cyclegan translation".to_owned(), vec![], vec!["domain".to_owned()]);
                return Err(GraphError::Inputs { program, missing, unread });
            }
        };
        let graph = Graph::new(name);
        let x = graph.input("x", Type::f32([batch, h, w, self.networks.channels]));
        let y = self.networks.generator(&Scope::new(&graph, Mode::Eval).sub(network), &x);
        graph.output("rows", &(y * 0.5 + 0.5));
        graph.finish()
    }
}
