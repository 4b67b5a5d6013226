//! InfoGAN: Chen, Duan, Houthooft, Schulman, Sutskever, Abbeel 2016, "InfoGAN: Interpretable Representation Learning by Information
//! Maximizing Generative Adversarial Nets", arXiv:1606.03657; networks of appendix C.1.
//!
//! A GAN some of whose latents are codes. Q, on D's trunk, recognises the codes in what G made of them, and G is trained to make them
//! recognisable: both maximise a lower bound on the mutual information of codes and rows, so that a code comes to mean something that
//! is seen. No label is told.
//!
//! Departures:
//! - rows are in [-1, 1], and so are G's: 2σ - 1 in place of the paper's σ, the same images in another unit;
//! - convolutions have no biases, and weights start at N(0, 0.02) with batch norm's scales at 1;
//! - D, Q and G of a step see the same fakes, whose activations are computed once; D is updated first and G through the updated D;
//! - one categorical code at most; the paper has several on other data;
//! - λ of the continuous codes is 1 as that of the category, the paper says that it should be smaller and has 1 for these data too;
//! - outside `paper`, what D and Q see is moved at random by up to an eighth of its sides (`augment`), real and fake: the paper has 60,000
//!   images, of a few thousand D would know each;
//! - sizes other than 28 take a first map of another size.

mod information;
mod networks;
mod settings;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use calotype_graph::op::Distribution;
use calotype_graph::{Graph, GraphError, Mode, Program, Scope, Tensor, Type};

use crate::adversarial;
use crate::augment::Augment;
use crate::averages::Average;
use crate::feeds::Feed;
use crate::latent::{Latent, LatentKind, LatentPart};
use crate::layers::one_hot;
use crate::losses::{Adversarial, bce_fake, bce_real};
use crate::model::{DataShape, Descent, Learning, Model, ModelInfo, Validation, Values};
use crate::modules::Module;
use crate::optimisers::{Optimiser, Rule};
use crate::settings::{Preset, SettingError, Settings};
use crate::stages::{Sign, Stage, Turn};

use information::{categorical_entropy, categorical_nll};
use networks::{Drawn, Recognised};
use settings::{BOUND_NAMES, CODE_NAMES};

pub static INFO: ModelInfo = ModelInfo {
    name: "infogan",
    title: "InfoGAN",
    paper: "Chen, Duan, Houthooft, Schulman, Sutskever, Abbeel 2016, arXiv:1606.03657",
    presets: Preset::SMALL_AND_PAPER,
    default_data: |_| &["fashion-mnist"],
    settings: settings::settings,
    configure: |settings, data| Ok(Arc::new(InfoGan::new(settings, data)?)),
};

/// Of a reported bound where the deviation is fixed: errors of less count as this.
const LEAST_REPORTED: f64 = 1e-3;
/// Steps after which a category that is not recognised is reported.
const FLAT_STEPS: u64 = 2000;

/// A configured InfoGAN.
pub struct InfoGan {
    settings: Settings,
    /// [size, size, channels].
    shape: [usize; 3],
    size: usize,
    channels: usize,
    /// f: filters of the layer nearest to the image.
    f: usize,
    hidden: usize,
    hidden_q: usize,
    /// Z: latents that are no codes.
    z: usize,
    /// K: categories; 0: no categorical code.
    k: usize,
    /// Continuous codes.
    n_codes: usize,
    /// The smallest deviation of a continuous code's q where deviations are learned; none where they are 1.
    floor: Option<f64>,
    average: Average,
    /// Of what D and Q see.
    augment: Augment,
    adam_d: Optimiser,
    adam_g: Optimiser,
}

impl InfoGan {
    /// # Errors
    /// Settings that contradict each other; data that are no images.
    pub fn new(settings: Settings, data: &DataShape) -> Result<Self, SettingError> {
        settings::check(&settings)?;
        let [_, _, channels] = data.picture()?;
        let rule = Rule::Adam { beta1: settings.number("beta1"), beta2: settings.number("beta2"), eps: 1e-8 };
        let size = settings.size("size");
        Ok(InfoGan {
            augment: Augment::of(&settings, &[size, size, channels])?,
            shape: [size, size, channels],
            size,
            channels,
            f: settings.size("width"),
            hidden: settings.size("hidden"),
            hidden_q: settings.size("hidden_q"),
            z: settings.size("latents"),
            k: settings.size("categories"),
            n_codes: settings.size("codes"),
            floor: (settings.word("sigma") == "learned").then(|| settings.number("sigma_floor")),
            average: adversarial::average(&settings),
            adam_d: Optimiser::new("discriminator", rule, settings.number("lr_d")),
            adam_g: Optimiser::new("generator", rule, settings.number("lr_g")),
            settings,
        })
    }

    /// Codes and noise, as G takes them: [B, Z + K + n].
    fn latents(&self, s: &Scope, drawn: &Drawn, batch: usize) -> Tensor {
        let z = (self.z > 0).then(|| s.random("z", Distribution::Uniform, [batch, self.z]) * 2.0 + -1.0);
        let category = drawn.category.as_ref().map(|category| one_hot(category, self.k));
        let parts = [z, category, drawn.codes.clone()].into_iter().flatten();
        parts.reduce(|all, part| all.concat(&part, 1)).unwrap_or_else(|| s.graph().full([batch, 0], 0.0))
    }

    /// An adversarial loss with -λ L but for the entropies, which are constant: what is minimised.
    fn informed(&self, loss: &Tensor, drawn: &Drawn, q: &Recognised) -> Tensor {
        let [of_category, of_codes] = ["lambda", "lambda_codes"].map(|key| self.settings.number(key) as f32);
        let category =
            drawn.category.as_ref().zip(q.category.as_ref()).map(|(c, logits)| categorical_nll(logits, c) * of_category);
        let codes = drawn.codes.as_ref().zip(q.codes.as_ref()).map(|(c, q)| q.nll(c).sum_all() * of_codes);
        [category, codes].into_iter().flatten().fold(loss.clone(), |sum, term| sum + term)
    }

    /// The outputs that say how much of each code is recognised.
    fn report(&self, graph: &Graph, drawn: &Drawn, q: &Recognised) {
        if let (Some(category), Some(logits)) = (&drawn.category, &q.category) {
            graph.output("mi_category", &(categorical_entropy(self.k) as f32 - &categorical_nll(logits, category)));
        }
        if let (Some(codes), Some(q)) = (&drawn.codes, &q.codes) {
            let bounds = q.bound(codes, LEAST_REPORTED);
            for (n, name) in BOUND_NAMES.iter().enumerate().take(self.n_codes) {
                graph.output(name, &bounds.slice(0, n, n + 1).sum_all());
            }
        }
    }
}

impl Model for InfoGan {
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
        Module::scopes(["generator", "discriminator", "recognition"])
    }

    fn latent(&self) -> Option<&dyn Latent> {
        Some(self)
    }

    /// What Q recognises: the probabilities of the categories, then the means of the continuous codes.
    fn features(&self, batch: usize) -> Option<Result<Program, GraphError>> {
        let graph = Graph::new("infogan features");
        let s = Scope::new(&graph, Mode::Eval);
        let x = graph.input("x", Type::f32([&[batch], &self.shape[..]].concat()));
        let q = self.recognise(&s.sub("recognition"), &self.trunk(&s.sub("discriminator"), &x));
        let parts = [q.category.map(|logits| logits.softmax()), q.codes.map(|q| q.mean)].into_iter().flatten();
        graph.output("features", &parts.reduce(|all, part| all.concat(&part, 1))?);
        Some(graph.finish())
    }
}

impl Descent for InfoGan {
    /// D on real, D and Q on fake, update both; G through the updated D and Q, update G.
    fn program(&self, stage: &Stage) -> Result<Program, GraphError> {
        let batch = stage.batch;
        let graph = Graph::new("infogan training");
        let scope = Scope::new(&graph, Mode::Train);
        let [g, d, q] = ["generator", "discriminator", "recognition"].map(|name| scope.sub(name));
        let real = graph.input("x", Type::f32([&[batch], &self.shape[..]].concat()));
        let drawn = self.draw(&scope, batch);
        let fake = self.generator(&g, &self.latents(&scope, &drawn, batch));
        let fake = self.augment.apply(&scope, "augment.fake", &fake);
        let real = self.augment.apply(&scope, "augment.real", &real);

        let on_real = self.head(&d, &self.trunk(&d, &real));
        let shared = self.trunk(&d, &fake);
        let recognised = self.recognise(&q, &shared);
        let loss_d = bce_real(&on_real) + bce_fake(&self.head(&d, &shared));
        self.adam_d.update(&[&d, &q], &self.informed(&loss_d, &drawn, &recognised));

        let shared = self.trunk(&d, &fake); // by the updated D
        let loss_g = bce_real(&self.head(&d, &shared));
        self.adam_g.update(&[&g], &self.informed(&loss_g, &drawn, &self.recognise(&q, &shared)));
        self.average.update(&g);

        graph.output("loss_d", &loss_d);
        graph.output("loss_g", &loss_g);
        self.report(&graph, &drawn, &recognised);
        graph.finish()
    }

    fn stages(&self, batch: usize) -> Vec<Stage> {
        vec![Stage::always("training", batch, &[Feed::ROWS])]
    }

    fn at(&self, step: u64, _lr_scale: f64) -> Turn {
        Turn::only([self.adam_d.scalars(step, 1.0), self.adam_g.scalars(step, 1.0), self.average.scalars(step)].concat())
    }

    fn validation(&self) -> Option<Validation> {
        adversarial::validation(&self.settings)
    }

    fn signs(&self) -> Vec<Sign> {
        let flat = (self.k > 0 && self.settings.number("lambda") > 0.0).then(|| Sign {
            name: "flat mutual information",
            loss: "mi_category",
            below: 0.1 * categorical_entropy(self.k) as f32,
            steps: FLAT_STEPS,
            remedy: "images do not depend on the categorical code: less than a tenth of its entropy is recognised in them; try a \
                     larger --set lambda, or fewer --set categories",
        });
        adversarial::saturation(Adversarial::NonSaturating).into_iter().chain(flat).collect()
    }

    fn watches_gradients(&self) -> bool {
        true
    }
}

impl Latent for InfoGan {
    fn parts(&self) -> Vec<LatentPart> {
        let z = LatentPart { name: "z", kind: LatentKind::Uniform, size: self.z };
        let category = LatentPart { name: "category", kind: LatentKind::Category, size: self.k };
        let codes = CODE_NAMES.iter().take(self.n_codes).map(|name| LatentPart { name, kind: LatentKind::Uniform, size: 1 });
        [z, category].into_iter().chain(codes).filter(|part| part.size > 0).collect()
    }

    /// All parts but z.
    fn codes(&self) -> Vec<&'static str> {
        self.parts().iter().map(|part| part.name).filter(|name| *name != "z").collect()
    }

    fn sampling(&self, batch: usize) -> Result<Program, GraphError> {
        let graph = Graph::new("infogan sampling");
        let z = graph.input("z", Type::f32([batch, self.z + self.k + self.n_codes]));
        let x = self.generator(&self.average.used(&Scope::new(&graph, Mode::Eval), "generator"), &z);
        graph.output("rows", &(x * 0.5 + 0.5));
        graph.finish()
    }
}
