//! GAN: Goodfellow et al. 2014, "Generative Adversarial Nets", arXiv:1406.2661, algorithm 1, with the losses that followed it
//! ([`Adversarial`]) and two penalties on the critic's gradient: R1 (Mescheder, Geiger, Nowozin 2018, arXiv:1801.04406, eq. 9) and
//! that of WGAN-GP (Gulrajani et al. 2017, arXiv:1704.00028, algorithm 1). Generator and discriminator are perceptrons, for vectors
//! and for small images.
//!
//! Departures: leaky ReLU in D, the paper has maxout with dropout; Adam, the paper has momentum; z ~ N(0, 1), the paper's is
//! uniform; batch norm in G for images; R1 is on unless `gamma` is 0, and the learning rate of the presets for a CPU falls to 0, since an unpenalised GAN circles
//! around its equilibrium (Mescheder et al., §2).

use std::sync::Arc;

use calotype_graph::op::Distribution;
use calotype_graph::{Graph, GraphError, Init, Mode, Program, Scope, Tensor, Type};

use crate::adversarial;
use crate::augment::Augment;
use crate::averages::Average;
use crate::facets::{Critic, Judgement};
use crate::feeds::Feed;
use crate::latent::{Latent, LatentKind, LatentPart};
use crate::layers::Layers;
use crate::losses::{Adversarial, gradient_penalty, r1};
use crate::model::{DataShape, Descent, Learning, Model, ModelInfo, Validation, Values};
use crate::modules::Module;
use crate::optimisers::{Optimiser, Rule, Schedule};
use crate::settings::{Preset, Setting, SettingError, Settings};
use crate::stages::{Sign, Stage, Turn};

pub static INFO: ModelInfo = ModelInfo {
    name: "gan",
    title: "Generative adversarial network of perceptrons",
    paper: "Goodfellow et al. 2014, arXiv:1406.2661",
    presets: &[Preset::SMALL, IMAGES, Preset::PAPER],
    default_data: |preset| if preset == Preset::SMALL { &["ring"] } else { &["fashion-mnist"] },
    settings,
    configure: |settings, data| Ok(Arc::new(Gan::new(settings, data)?)),
};

/// Small images on a CPU; `small` is for points.
const IMAGES: Preset = Preset("images");

/// Slope of D's leaky ReLU below 0.
const LEAK: f32 = 0.2;
/// Values of an image, at most: a perceptron's first layer has as many columns.
const MOST_VALUES: usize = 64 * 64 * 3;

const LOSSES: &[(&str, Adversarial)] = &[
    ("non-saturating", Adversarial::NonSaturating),
    ("minimax", Adversarial::Minimax),
    ("least-squares", Adversarial::LeastSquares),
    ("hinge", Adversarial::Hinge),
    ("wgan-gp", Adversarial::Wasserstein),
];
const LOSS_WORDS: &[&str] = &["non-saturating", "minimax", "least-squares", "hinge", "wgan-gp"];

fn settings(preset: Preset) -> Vec<Setting> {
    let (hidden, layers, latents, gamma, lambda) = match preset {
        Preset::PAPER => (1200, 2, 100, 1.0, 10.0),
        IMAGES => (256, 3, 64, 1.0, 10.0),
        _ => (128, 3, 16, 0.1, 1.0),
    };
    let (batch, steps, lr, beta2, schedule) = match preset {
        Preset::PAPER => (100, 60_000, 2e-4, 0.999, "constant"),
        IMAGES => (64, 12_000, 5e-4, 0.99, "linear"),
        _ => (256, 8_000, 1e-3, 0.99, "linear"),
    };
    let own = vec![
        Setting::word("loss", "non-saturating", LOSS_WORDS, "adversarial loss"),
        Setting::number(
            "gamma",
            gamma,
            (0.0, 1e6),
            "R1: weight γ of the penalty γ/2 |∇D(x)|² at real rows; 0: none; wgan-gp has its own penalty instead",
        ),
        Setting::number("lambda", lambda, (0.0, 1e6), "wgan-gp: weight of its gradient penalty"),
        Setting::integer(
            "n_critic",
            1,
            (1, 1000),
            "updates of the discriminator for one of the generator; the paper of WGAN-GP has 5",
        ),
        Setting::integer("hidden", hidden, (1, 65_536), "hidden units of a layer"),
        Setting::integer("layers", layers, (1, 64), "hidden layers of each network"),
        Setting::word(
            "norm",
            "auto",
            &["auto", "none", "batch"],
            "batch norm in the generator's hidden layers; auto: for images",
        ),
        Setting::integer("latents", latents, (1, 65_536), "number of latents: the length of z"),
        Setting::integer("size", 0, (0, 128), "height and width of images; 0: the size of the data"),
        Setting::integer("batch", batch, (1, 65_536), "batch size"),
        Setting::integer("steps", steps, (1, 1_000_000_000), "number of steps; each updates the discriminator"),
        Setting::number("lr", lr, (0.0, 1.0), "learning rate of Adam, for both networks"),
        Setting::word("schedule", schedule, &["constant", "linear"], "learning rate schedule; linear: to 0 at the last step"),
        Setting::number("beta1", 0.5, (0.0, 0.999_999), "β1 of Adam"),
        Setting::number("beta2", beta2, (0.0, 0.999_999_9), "β2 of Adam"),
    ];
    own.into_iter().chain(adversarial::settings(0.0, adversarial::EVERY)).collect()
}

/// The penalty on D's gradient, with its weight.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Penalty {
    None,
    /// γ
    R1(f32),
    /// λ
    Gradient(f32),
}

/// A configured GAN.
pub struct Gan {
    settings: Settings,
    /// Of a row: [H, W, C] or `[D]`.
    shape: Vec<usize>,
    loss: Adversarial,
    penalty: Penalty,
    /// Updates of D for one of G.
    n_critic: u64,
    hidden: usize,
    layers: usize,
    /// Batch norm in G.
    norm: bool,
    nz: usize,
    /// Of G, by which samples are made.
    average: Average,
    /// Of what D sees, where rows are images.
    augment: Augment,
    adam_d: Optimiser,
    adam_g: Optimiser,
}

impl Gan {
    /// # Errors
    /// Levels that are no images; images that are too large.
    pub fn new(settings: Settings, data: &DataShape) -> Result<Self, SettingError> {
        let shape = shape(&settings, data)?;
        let loss = LOSSES.iter().find(|(word, _)| *word == settings.word("loss")).map_or(Adversarial::NonSaturating, |l| l.1);
        let (gamma, lambda) = (settings.number("gamma") as f32, settings.number("lambda") as f32);
        let penalty = match (loss == Adversarial::Wasserstein, gamma > 0.0) {
            (true, _) => Penalty::Gradient(lambda),
            (false, true) => Penalty::R1(gamma),
            (false, false) => Penalty::None,
        };
        let n_critic = settings.integer("n_critic");
        let rule = Rule::Adam { beta1: settings.number("beta1"), beta2: settings.number("beta2"), eps: 1e-8 };
        let steps = settings.integer("steps");
        let optimiser = |name, updates| {
            let schedule = match settings.word("schedule") {
                "linear" => Schedule::LinearToZero { from: 0, until: updates },
                _ => Schedule::Constant,
            };
            Optimiser::new(name, rule, settings.number("lr")).with_schedule(schedule)
        };
        let (adam_d, adam_g) = (optimiser("discriminator", steps), optimiser("generator", steps.div_ceil(n_critic)));
        let (hidden, layers, nz) = (settings.size("hidden"), settings.size("layers"), settings.size("latents"));
        let norm = settings.word("norm") == "batch" || (settings.word("norm") == "auto" && shape.len() == 3);
        let (average, augment) = (adversarial::average(&settings), Augment::of(&settings, &shape)?);
        Ok(Gan { shape, loss, penalty, n_critic, hidden, layers, norm, nz, average, augment, adam_d, adam_g, settings })
    }

    /// Values of a row.
    fn dims(&self) -> usize {
        self.shape.iter().product()
    }

    /// x [B, n] -> [B, m] by hidden layers with `activation`, and one without.
    fn perceptron(&self, s: &Scope, x: &Tensor, m: usize, activation: impl Fn(usize, Tensor) -> Tensor) -> Tensor {
        let linear = |n: usize, x: &Tensor, m: usize| {
            let bound = (x.shape().last() as f32).sqrt().recip();
            s.linear(&format!("main.{}", 2 * n), x, m, Init::Uniform { low: -bound, high: bound })
        };
        let hidden = (0..self.layers).fold(x.clone(), |x, n| activation(n, linear(n, &x, self.hidden)));
        linear(self.layers, &hidden, m)
    }

    /// G: z [B, nz] -> rows [B, D], of images in [-1, 1].
    pub fn generator(&self, s: &Scope, z: &Tensor) -> Tensor {
        let normed =
            |n: usize, x: Tensor| if self.norm { s.batch_norm(&format!("norm.{n}"), &x, Init::Constant(1.0)) } else { x };
        let x = self.perceptron(s, z, self.dims(), |n, x| normed(n, x).relu());
        if self.is_image() { x.tanh() } else { x }
    }

    /// D: rows [B, D] -> logits, or scores, [B].
    pub fn discriminator(&self, s: &Scope, x: &Tensor) -> Tensor {
        self.perceptron(s, x, 1, |_, x| x.leaky_relu(LEAK)).reshape([x.dims()[0]])
    }

    fn is_image(&self) -> bool {
        self.shape.len() == 3
    }

    /// Rows [B, D] as D sees them in training. `name`: of the random numbers.
    fn seen(&self, s: &Scope, name: &str, x: &Tensor) -> Tensor {
        if self.augment == Augment::default() {
            return x.clone();
        }
        let b = x.dims()[0];
        let images = x.reshape([&[b], self.shape.as_slice()].concat());
        self.augment.apply(s, name, &images).reshape([b, self.dims()])
    }

    /// One update of D, then, in the stage `both`, one of G through the updated D. The fakes and G's activations are computed once.
    fn turn(&self, batch: usize, both: bool) -> Result<Program, GraphError> {
        let graph = Graph::new("gan training");
        let scope = Scope::new(&graph, Mode::Train);
        let (g, d) = (scope.sub("generator"), scope.sub("discriminator"));
        let real = graph.input("x", Type::f32([&[batch], self.shape.as_slice()].concat())).reshape([batch, self.dims()]);
        let z = graph.random("z", Distribution::Normal, [batch, self.nz]);
        let fake = self.generator(&g, &z);

        let seen = self.seen(&scope, "augment.fake", &fake);
        let judged = self.discriminator(&d, &self.seen(&scope, "augment.real", &real));
        let loss_d = self.loss.critic(&judged, &self.discriminator(&d, &seen));
        graph.output("loss_d", &loss_d);
        let penalised = match self.penalty {
            Penalty::None => loss_d,
            Penalty::R1(gamma) => {
                let penalty = r1(&judged, &real);
                graph.output("r1", &penalty);
                loss_d + penalty * (0.5 * gamma)
            }
            Penalty::Gradient(lambda) => {
                let alpha = graph.random("alpha", Distribution::Uniform, [batch]);
                let penalty =
                    gradient_penalty(|x| self.discriminator(&d, &self.seen(&scope, "augment.between", x)), &real, &fake, &alpha);
                graph.output("gradient_penalty", &penalty);
                loss_d + penalty * lambda
            }
        };
        self.adam_d.update(&[&d], &penalised);

        if both {
            let loss_g = self.loss.generator(&self.discriminator(&d, &seen)); // by the updated D
            self.adam_g.update(&[&g], &loss_g);
            self.average.update(&g);
            graph.output("loss_g", &loss_g);
        }
        graph.finish()
    }
}

/// Of a row: vectors of real numbers as they are, images of the size that is asked for.
fn shape(settings: &Settings, data: &DataShape) -> Result<Vec<usize>, SettingError> {
    if let (&[columns], None) = (data.shape.as_slice(), data.levels) {
        return match settings.size("size") {
            0 => Ok(vec![columns]),
            _ => Err(SettingError::Unfit("its rows are vectors, and `size` is for images; leave it out".into())),
        };
    }
    let [h, w, c] = data.picture()?;
    let [h, w] = match settings.size("size") {
        0 => [h, w],
        size => [size; 2],
    };
    match h * w * c {
        0..=MOST_VALUES => Ok(vec![h, w, c]),
        n => Err(SettingError::Unfit(format!(
            "its images of {h}x{w}x{c} have {n} values, and a GAN of perceptrons takes at most {MOST_VALUES}; use a smaller \
             --set size=N, or dcgan"
        ))),
    }
}

impl Model for Gan {
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
        if self.is_image() { Values::Signed } else { Values::Standardised }
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

    fn latent(&self) -> Option<&dyn Latent> {
        Some(self)
    }

    fn critic(&self) -> Option<&dyn Critic> {
        Some(self)
    }
}

impl Descent for Gan {
    fn stages(&self, batch: usize) -> Vec<Stage> {
        let of = |name| Stage::always(name, batch, &[Feed::ROWS]);
        if self.n_critic == 1 { vec![of("both")] } else { vec![of("both"), of("discriminator")] }
    }

    fn program(&self, stage: &Stage) -> Result<Program, GraphError> {
        self.turn(stage.batch, stage.name == "both")
    }

    fn at(&self, step: u64, _lr_scale: f64) -> Turn {
        let of_d = self.adam_d.scalars(step, 1.0);
        match (step + 1).is_multiple_of(self.n_critic) {
            true => {
                let t = step / self.n_critic;
                Turn::only([of_d, self.adam_g.scalars(t, 1.0), self.average.scalars(t)].concat())
            }
            false => Turn { stage: 1, scalars: of_d, resets: vec![] },
        }
    }

    fn validation(&self) -> Option<Validation> {
        adversarial::validation(&self.settings)
    }

    fn signs(&self) -> Vec<Sign> {
        adversarial::saturation(self.loss).into_iter().collect()
    }

    fn watches_gradients(&self) -> bool {
        true
    }
}

impl Latent for Gan {
    fn parts(&self) -> Vec<LatentPart> {
        vec![LatentPart { name: "z", kind: LatentKind::Normal, size: self.nz }]
    }

    fn sampling(&self, batch: usize) -> Result<Program, GraphError> {
        let graph = Graph::new("gan sampling");
        let z = graph.input("z", Type::f32([batch, self.nz]));
        let x = self.generator(&self.average.used(&Scope::new(&graph, Mode::Eval), "generator"), &z);
        let x = if self.is_image() { x * 0.5 + 0.5 } else { x };
        graph.output("rows", &x.reshape([&[batch], self.shape.as_slice()].concat()));
        graph.finish()
    }
}

impl Critic for Gan {
    fn judging(&self, batch: usize) -> Result<Program, GraphError> {
        let graph = Graph::new("gan critic");
        let x = graph.input("x", Type::f32([&[batch], self.shape.as_slice()].concat())).reshape([batch, self.dims()]);
        let y = self.discriminator(&Scope::new(&graph, Mode::Eval).sub("discriminator"), &x);
        let y = if self.judgement() == Judgement::Probability { y.sigmoid() } else { y };
        graph.output("realness", &y.reshape([batch, 1]));
        graph.finish()
    }

    fn judgement(&self) -> Judgement {
        match self.loss {
            Adversarial::Minimax | Adversarial::NonSaturating => Judgement::Probability,
            Adversarial::LeastSquares | Adversarial::Hinge | Adversarial::Wasserstein => Judgement::Score,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stages::Stages;

    fn build(given: &[(&str, &str)], shape: &[usize], levels: Option<u32>) -> Result<Arc<dyn Model>, SettingError> {
        let data = DataShape { shape: shape.to_vec(), levels, n_train: 100, ..DataShape::default() };
        let given = given.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        INFO.build(Preset::SMALL, &given, &data)
    }

    fn outputs(model: &dyn Model) -> Vec<Vec<String>> {
        let stages = Stages::new(model.learning().descent().expect("it learns by steps"), 4).expect("it builds");
        stages.iter().map(|(_, program)| program.outputs().map(|(name, _)| name.to_owned()).collect()).collect()
    }

    #[test]
    fn every_loss_is_a_word_and_builds() {
        assert_eq!(LOSSES.iter().map(|l| l.0).collect::<Vec<_>>(), LOSS_WORDS);
        for loss in LOSS_WORDS {
            let model = build(&[("loss", loss), ("hidden", "3")], &[2], None).expect(loss);
            let all = outputs(model.as_ref());
            match *loss {
                "wgan-gp" => assert_eq!(all, [["loss_d", "gradient_penalty", "loss_g"]]),
                _ => assert_eq!(all, [["loss_d", "r1", "loss_g"]]),
            }
        }
        let two = build(&[("n_critic", "2"), ("hidden", "3")], &[2], None).expect("two turns");
        assert_eq!(outputs(two.as_ref()), [vec!["loss_d", "r1", "loss_g"], vec!["loss_d", "r1"]]);
        let plain = build(&[("gamma", "0"), ("hidden", "3")], &[2], None).expect("no penalty");
        assert_eq!(outputs(plain.as_ref()), [["loss_d", "loss_g"]]);
    }

    /// With five updates of D for one of G: which runs when, and how many G has done.
    #[test]
    fn turns_count_the_updates_of_each_network() {
        let settings = [("n_critic", "5"), ("steps", "100"), ("hidden", "3")];
        let model = build(&settings, &[2], None).expect("valid settings");
        let descent = model.learning().descent().expect("it learns by steps");
        let turns: Vec<Turn> = (0..100).map(|step| descent.at(step, 1.0)).collect();
        let of_g = turns.iter().enumerate().filter(|(_, t)| t.stage == 0).map(|(step, _)| step).collect::<Vec<_>>();
        assert_eq!(of_g, (0..20).map(|n| 5 * n + 4).collect::<Vec<_>>());
        let scale = |turn: &Turn, of: &str| turn.scalars.iter().find(|(name, _)| name == of).expect(of).1;
        // Adam's first correction is 1 / (1 - 0.5).
        assert!((scale(&turns[4], "generator.step_size") - 2e-3).abs() < 1e-9);
        let last = scale(&turns[99], "generator.step_size");
        assert!((last - 1e-3 / 20.0).abs() < 1e-8, "the schedule of G ends with its own updates: {last}");
    }

    #[test]
    fn data_that_do_not_fit_are_refused_with_what_would() {
        for (given, shape, levels, says) in [
            (vec![], vec![128, 128, 3], Some(256), "size=N"),
            (vec![("size", "8")], vec![2], None, "leave it out"),
            (vec![], vec![4], Some(2), "vectors [4]"),
            (vec![], vec![8, 8, 2], Some(256), "2 channels"),
        ] {
            let message = build(&given, &shape, levels).err().expect("it is refused").to_string();
            assert!(message.contains(says), "{message}");
        }
        assert!(build(&[("size", "16"), ("hidden", "2")], &[128, 128, 3], Some(256)).is_ok());
    }
}
