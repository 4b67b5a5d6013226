//! Progressive GAN: Karras, Aila, Laine, Lehtinen 2018, "Progressive Growing of GANs for Improved Quality, Stability, and Variation",
//! arXiv:1710.10196, appendix A.1. Both networks begin at 4x4 pixels; levels of twice the size are faded in, one after the other.
//!
//! Departures: the fakes of a step are made once, for the update of D and then for that of G through the updated D, as in DCGAN here.
//! Groups of the minibatch deviation have 4 rows where the batch can be divided so, else a number near it. The average of G weighs its
//! first updates less ([`Average`]), and by default its decay fits 20,000 images a phase as well as 600,000. Batches of 14, 6 and 3 at
//! 256x256, 512x512 and 1024x1024 are the paper's; smaller levels take the run's. D sees the rows of a batch together, by their
//! deviation, so that the gradient penalty is of the sum of their scores, as in the paper's code. Images of a level are means of
//! pixels of the full size.

mod networks;
mod phases;
mod published;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use calotype_graph::op::Distribution;
use calotype_graph::{Graph, GraphError, HostTensor, Init, Mode, Program, Scope, Tensor, Type};

use crate::adversarial;
use crate::augment::Augment;
use crate::averages::Average;
use crate::feeds::Feed;
use crate::latent::{Latent, LatentKind, LatentPart};
use crate::losses::{Adversarial, gradient_penalty};
use crate::model::{DataShape, Descent, Learning, Model, ModelInfo, Validation, Values};
use crate::modules::Module;
use crate::optimisers::{Optimiser, Rule};
use crate::settings::{Preset, Setting, SettingError, Settings, Value};
use crate::stages::{Stage, Turn};

pub use networks::{Networks, group, halved, mixed, name, side};
pub use phases::{Phase, Phases};

pub static INFO: ModelInfo = ModelInfo {
    name: "progan",
    title: "Progressive GAN",
    paper: "Karras, Aila, Laine, Lehtinen 2018, arXiv:1710.10196",
    presets: Preset::SMALL_AND_PAPER,
    default_data: |preset| match preset {
        Preset::PAPER => &["emoji"],
        _ => &["fashion-mnist"],
    },
    settings,
    configure: |settings, data| Ok(Arc::new(ProGan::new(settings, data)?)),
};

fn settings(preset: Preset) -> Vec<Setting> {
    let (size, fmap_base, fmap_max, images, last_images) = match preset {
        // 12 million images at 1024x1024: 16 phases of 600,000, and what is left.
        Preset::PAPER => (1024, 8192, 512, 600_000, 2_400_000),
        _ => (32, 512, 64, 20_000, 40_000),
    };
    let mut all = vec![
        Setting::integer("size", size, (8, 1024), "height and width of the images at the last level: 8, 16, 32, … 1024"),
        Setting::integer(
            "fmap_base",
            fmap_base,
            (1, 1 << 20),
            "feature maps: the level s (1 is 4x4) has fmap_base / 2^s of them, at least 1",
        ),
        Setting::integer("fmap_max", fmap_max, (1, 4096), "feature maps of a level at most"),
        Setting::integer("latents", 0, (0, 4096), "number of latents: the length of z; 0: as many as maps at 4x4"),
        Setting::integer("fade_images", images, (1, 1_000_000_000), "real images shown while a level is faded in"),
        Setting::integer("stable_images", images, (1, 1_000_000_000), "real images shown to a level alone, before the next one"),
        Setting::integer(
            "last_images",
            last_images,
            (0, 1_000_000_000),
            "real images shown to the last level alone; 0: as many as stable_images",
        )
        .before(Value::Integer(0)),
        Setting::integer(
            "batch",
            16,
            (1, 65_536),
            "batch size; 14, 6 and 3 at most at 256x256, 512x512 and 1024x1024, to bound memory",
        ),
        Setting::integer(
            "steps",
            0,
            (0, 1_000_000_000),
            "number of steps; each updates both networks; 0: all phases of all levels; more go on at the last level",
        ),
        Setting::number("lr", 1e-3, (0.0, 1.0), "learning rate of Adam, for both networks"),
        Setting::number("beta1", 0.0, (0.0, 0.999_999), "β1 of Adam"),
        Setting::number("beta2", 0.99, (0.0, 0.999_999_9), "β2 of Adam"),
        Setting::number("lambda", 10.0, (0.0, 1e6), "weight of WGAN-GP's gradient penalty"),
        Setting::number("drift", 1e-3, (0.0, 1e6), "weight of the mean of D(x)² over real images, which keeps scores near 0"),
    ];
    // So often that its phases end with a look.
    all.extend(adversarial::settings(0.999, 250));
    all
}

/// The largest batch of a level, by the paper.
fn most_rows(level: usize) -> usize {
    match side(level) {
        0..=128 => usize::MAX,
        256 => 14,
        512 => 6,
        _ => 3,
    }
}

/// A configured progressive GAN.
pub struct ProGan {
    settings: Settings,
    /// [size, size, channels].
    shape: [usize; 3],
    networks: Networks,
    phases: Phases,
    adam_d: Optimiser,
    adam_g: Optimiser,
    average: Average,
    /// Of what D sees.
    augment: Augment,
}

/// What a level's share of an image is, f32 [levels]: 1 - α and α while one is faded in, else 1 of one level.
const BLEND: &str = "state.blend";
const GENERATOR: &str = "generator";
const DISCRIMINATOR: &str = "discriminator";
/// α.
const ALPHA: &str = "alpha";

impl ProGan {
    /// # Errors
    /// A size that is no power of two; data that are no pictures.
    pub fn new(settings: Settings, data: &DataShape) -> Result<Self, SettingError> {
        let size = settings.size("size");
        if !size.is_power_of_two() {
            let (below, above) = (size.next_power_of_two() / 2, size.next_power_of_two());
            let expected = format!("a power of two, since each level has twice the size of the one before: {below} or {above}");
            return Err(SettingError::Value { key: "size".into(), text: size.to_string(), expected });
        }
        let [_, _, channels] = data.picture()?;
        let n_levels = (size / 4).ilog2() as usize + 1;
        let (base, most) = (settings.size("fmap_base"), settings.size("fmap_max"));
        let maps: Vec<usize> = (1..=n_levels).map(|s| (base >> s).clamp(1, most)).collect();
        let nz = if settings.size("latents") == 0 { maps[0] } else { settings.size("latents") };
        let batches: Vec<usize> = (0..n_levels).map(|level| settings.size("batch").min(most_rows(level))).collect();
        let [fade_images, stable_images, last_images] =
            ["fade_images", "stable_images", "last_images"].map(|key| settings.integer(key));
        let last_images = if last_images == 0 { stable_images } else { last_images };
        let phases = Phases::new(&batches, fade_images, stable_images, last_images);
        let steps = if settings.integer("steps") == 0 { phases.total() } else { settings.integer("steps") };
        let rule = Rule::Adam { beta1: settings.number("beta1"), beta2: settings.number("beta2"), eps: 1e-8 };
        let [adam_d, adam_g] = [DISCRIMINATOR, GENERATOR].map(|name| Optimiser::new(name, rule, settings.number("lr")));
        let average = adversarial::average(&settings);
        let settings = settings.with("steps", Value::Integer(steps)).with("latents", Value::Integer(nz as u64));
        let networks = Networks { maps, channels, nz };
        let shape = [size, size, channels];
        let augment = Augment::of(&settings, &shape)?;
        Ok(ProGan { shape, networks, phases, adam_d, adam_g, average, augment, settings })
    }

    pub fn networks(&self) -> &Networks {
        &self.networks
    }

    pub fn phases(&self) -> &Phases {
        &self.phases
    }

    fn n_levels(&self) -> usize {
        self.networks.maps.len()
    }

    /// The state of [`BLEND`]; at first only 4x4 is shown.
    fn blend(&self, graph: &Graph) -> Tensor {
        let first: Vec<f32> = (0..self.n_levels()).map(|level| f32::from(u8::from(level == 0))).collect();
        let given = HostTensor::f32([self.n_levels()], first);
        Scope::new(graph, Mode::Train).buffer(BLEND, given.ty(), Init::Given(given))
    }

    /// A step of a level. In the second phase of its steps α is 1, and what is faded out has no influence.
    fn step(&self, level: usize, batch: usize) -> Result<Program, GraphError> {
        let graph = Graph::new(&format!("progan training, {}", name(level)));
        let scope = Scope::new(&graph, Mode::Train);
        let (g, d) = (scope.sub(GENERATOR), scope.sub(DISCRIMINATOR));
        let real = graph.input("x", Type::f32([batch, side(level), side(level), self.networks.channels]));
        let alpha = (level > 0).then(|| graph.scalar_input(ALPHA));
        let shown = match &alpha {
            Some(alpha) => vec![(level - 1, 1.0 - alpha), (level, alpha.clone())],
            None => vec![(level, graph.scalar(1.0))],
        };
        // The reals are faded like the fakes.
        let real = alpha.as_ref().map_or_else(|| real.clone(), |alpha| mixed(&halved(&real).upsample_nearest(2), &real, alpha));
        let critic = |x: &Tensor| self.networks.discriminator(&d, x, level, alpha.as_ref());

        let z = graph.random("z", Distribution::Normal, [batch, self.networks.nz]);
        let fake = self.networks.generator(&g, &z, &shown);
        let seen = self.augment.apply(&scope, "augment.fake", &fake);
        let judged = critic(&self.augment.apply(&scope, "augment.real", &real));
        let loss_d = Adversarial::Wasserstein.critic(&judged, &critic(&seen));
        let between = graph.random("between", Distribution::Uniform, [batch]);
        let augmented = |x: &Tensor| critic(&self.augment.apply(&scope, "augment.between", x));
        let penalty = gradient_penalty(augmented, &real, &fake, &between);
        let drift = judged.square().mean_all();
        let (lambda, epsilon) = (self.settings.number("lambda") as f32, self.settings.number("drift") as f32);
        self.adam_d.update(&[&d], &(&loss_d + &penalty * lambda + drift * epsilon));

        let loss_g = Adversarial::Wasserstein.generator(&critic(&seen)); // by the updated D
        self.adam_g.update(&[&g], &loss_g);
        self.average.update(&g);

        // Samples are made of all levels by these shares.
        let places = graph.iota(self.n_levels());
        let blend = shown.iter().map(|(level, share)| places.equal(&graph.scalar(*level as f32)) * share).reduce(|a, b| a + b);
        self.blend(&graph);
        graph.assign(BLEND, &blend.unwrap_or(places));

        graph.output("loss_d", &loss_d);
        graph.output("gradient_penalty", &penalty);
        graph.output("loss_g", &loss_g);
        graph.finish()
    }
}

impl Model for ProGan {
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
        published::modules(&self.networks)
    }

    fn latent(&self) -> Option<&dyn Latent> {
        Some(self)
    }
}

impl Descent for ProGan {
    /// One a level. Its steps are by the run's own batch, whatever `batch` is.
    fn stages(&self, batch: usize) -> Vec<Stage> {
        let stage = |level| {
            let feed = Feed::rows_at("x", side(level));
            Stage::always(&name(level), batch.min(most_rows(level)), &[feed]).during(self.phases.of_level(level))
        };
        (0..self.n_levels()).map(stage).collect()
    }

    fn program(&self, stage: &Stage) -> Result<Program, GraphError> {
        let level = (0..self.n_levels()).find(|&level| name(level) == stage.name);
        let level = level.ok_or_else(|| GraphError::Schedule { why: format!("there is no level `{}`", stage.name) })?;
        self.step(level, stage.batch)
    }

    /// The moments of both optimisers begin anew when a level is faded in and when that is over, and Adam's count with them.
    fn at(&self, step: u64, _lr_scale: f64) -> Turn {
        let phase = self.phases.at(step);
        let t = step - phase.steps.start;
        let mut scalars = [self.adam_d.scalars(t, 1.0), self.adam_g.scalars(t, 1.0)].concat();
        scalars.extend(self.average.scalars(step));
        if phase.level > 0 {
            scalars.push((ALPHA.to_owned(), phase.alpha(step) as f32));
        }
        let begins = t == 0 && step > 0;
        let resets = if begins { vec!["optimizer.generator.", "optimizer.discriminator."] } else { vec![] };
        Turn { stage: phase.level, scalars, resets }
    }

    fn validation(&self) -> Option<Validation> {
        adversarial::validation(&self.settings)
    }

    /// Where the last level is alone.
    fn comparable_from(&self) -> u64 {
        self.phases.grown()
    }

    fn watches_gradients(&self) -> bool {
        true
    }
}

impl Latent for ProGan {
    fn parts(&self) -> Vec<LatentPart> {
        vec![LatentPart { name: "z", kind: LatentKind::Direction, size: self.networks.nz }]
    }

    /// All levels, each with its share: one program for a run, whose images are of the full size from the first step on.
    fn sampling(&self, batch: usize) -> Result<Program, GraphError> {
        let graph = Graph::new("progan sampling");
        let scope = Scope::new(&graph, Mode::Eval);
        let z = graph.input("z", Type::f32([batch, self.networks.nz]));
        let blend = self.blend(&graph);
        let shown: Vec<(usize, Tensor)> = (0..self.n_levels()).map(|level| (level, blend.slice(0, level, level + 1))).collect();
        let x = self.networks.generator(&self.average.used(&scope, GENERATOR), &z, &shown);
        // No tanh bounds them (table 2).
        let rows = (x * 0.5 + 0.5).max(&graph.scalar(0.0)).min(&graph.scalar(1.0));
        graph.output("rows", &rows);
        graph.finish()
    }
}
