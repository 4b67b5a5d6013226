//! Text to image: Reed, Akata, Yan, Logeswaran, Schiele, Lee 2016, "Generative Adversarial Text to Image Synthesis", arXiv:1605.05396. A
//! generator draws what a sentence says; a discriminator tells real images with their captions from the rest. The sentence is read by a
//! text encoder that learned before, together with an image encoder (arXiv:1605.05395).
//!
//! Departures: the image encoder is a convolutional network that learns with the text encoder, the paper has the features of a
//! GoogLeNet; wrong captions are of another row of the training data that says something else, the authors' code takes another class;
//! captions between two are drawn in one batch with the others, so that batch norm sees both; 32 and 128 pixels have one 2x stage less or
//! more than the paper's 64. The small preset also teaches the encoders by a softmax, takes near misses for wrong captions, normalises what the
//! generator takes of an embedding, and shows the discriminator its images with noise: of images whose captions differ in a word, the
//! paper's way learns places and little else.

mod embedding;
mod networks;
mod settings;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use calotype_graph::op::Distribution;
use calotype_graph::{Dtype, Graph, GraphError, Mode, Program, Scope, Tensor, Type};

use crate::adversarial;
use crate::averages::Average;
use crate::facets::Text;
use crate::feeds::Feed;
use crate::latent::{LatentKind, LatentPart};
use crate::losses::{Adversarial, bce_fake, bce_real};
use crate::model::{DataShape, Descent, Learning, Model, ModelInfo, Values};
use crate::modules::Module;
use crate::optimisers::{Optimiser, Rule, Schedule};
use crate::settings::{Preset, SettingError, Settings};
use crate::stages::{Sign, Stage, Turn};

pub use networks::Networks;

pub static INFO: ModelInfo = ModelInfo {
    name: "text2image",
    title: "Text to image (GAN-CLS, GAN-INT)",
    paper: "Reed, Akata, Yan, Logeswaran, Schiele, Lee 2016, arXiv:1605.05396",
    presets: Preset::SMALL_AND_PAPER,
    default_data: |_| &["shapes"],
    settings: settings::settings,
    configure: |settings, data| Ok(Arc::new(Text2Image::new(settings, data)?)),
};

/// The first stage trains the encoders, the second generator and discriminator.
const ENCODER: &str = "encoder";
const GAN: &str = "gan";
/// Names of the networks' states.
const TEXT: &str = "text_encoder";
const IMAGE: &str = "image_encoder";
const G: &str = "generator";
const D: &str = "discriminator";

/// A configured model.
pub struct Text2Image {
    settings: Settings,
    /// [size, size, channels].
    shape: [usize; 3],
    networks: Networks,
    encoder_steps: u64,
    encoder_loss: embedding::Loss,
    /// Whether D learns from wrong captions, and G from captions between two.
    cls: bool,
    int: bool,
    /// Rows that are drawn for a wrong caption.
    among: usize,
    /// Standard deviation of the noise on what D sees.
    noise: f32,
    average: Average,
    adam_e: Optimiser,
    adam_d: Optimiser,
    adam_g: Optimiser,
}

/// The loss of D, from logits: 1 for real images with their captions, and half each for real images with wrong captions and for made
/// ones with the captions that they were made for (algorithm 1). Without wrong captions all of it for made ones.
pub fn critic(real: &Tensor, wrong: Option<&Tensor>, fake: &Tensor) -> Tensor {
    match wrong {
        Some(wrong) => bce_real(real) + (bce_fake(wrong) + bce_fake(fake)) * 0.5,
        None => bce_real(real) + bce_fake(fake),
    }
}

impl Text2Image {
    /// # Errors
    /// Sizes that do not fit each other; steps that end before the generator's begin; data that are no pictures.
    pub fn new(settings: Settings, data: &DataShape) -> Result<Self, SettingError> {
        let networks = settings::networks(&settings, data)?;
        let settings = settings::resolved(settings)?;
        let rule = |beta1: f64| Rule::Adam { beta1, beta2: settings.number("beta2"), eps: 1e-8 };
        let schedule = match settings.integer("halve_every") {
            0 => Schedule::Constant,
            every => Schedule::Step { every, factor: 0.5 },
        };
        let [adam_d, adam_g] = [(D, "lr_d"), (G, "lr")].map(|(network, lr)| {
            Optimiser::new(network, rule(settings.number("beta1")), settings.number(lr)).with_schedule(schedule)
        });
        let adam_e = Optimiser::new(ENCODER, rule(0.9), settings.number("encoder_lr"));
        Ok(Text2Image {
            shape: [networks.size, networks.size, networks.channels],
            encoder_steps: settings.integer("encoder_steps"),
            encoder_loss: embedding::Loss::named(settings.word("encoder_loss")),
            cls: settings.flag("cls"),
            int: settings.flag("int"),
            among: settings.size("near_misses"),
            noise: settings.number("noise") as f32,
            average: Average::new(settings.number("ema")),
            networks,
            adam_e,
            adam_d,
            adam_g,
            settings,
        })
    }

    pub fn networks(&self) -> &Networks {
        &self.networks
    }

    fn images(&self, graph: &Graph, batch: usize) -> Tensor {
        graph.input("x", Type::f32([&[batch], &self.shape[..]].concat()))
    }

    fn sentences(&self, graph: &Graph, name: &str, batch: usize) -> Tensor {
        graph.input(name, Type { shape: [batch, self.networks.length].into(), dtype: Dtype::U32 })
    }

    /// A step of the encoders: images and captions of a batch, each with all others.
    fn encoder_step(&self, batch: usize) -> Result<Program, GraphError> {
        let graph = Graph::new("text2image training, encoder");
        let scope = Scope::new(&graph, Mode::Train);
        let (text, image) = (scope.sub(TEXT), scope.sub(IMAGE));
        let (x, sentences) = (self.images(&graph, batch), self.sentences(&graph, "text", batch));
        let meanings = graph.input("meaning", Type { shape: [batch].into(), dtype: Dtype::U32 });
        let v = self.networks.image_encoder(&image, &x);
        let t = self.networks.text_encoder(&text, &sentences);
        let (scores, differ) = (embedding::scores(&v, &t), embedding::differ(&meanings));
        let loss = self.encoder_loss.of(&scores, &(&v * &t).sum(&[1]), &differ);
        self.adam_e.update(&[&text, &image], &loss);
        graph.output("loss_e", &loss);
        graph.output("retrieval", &embedding::retrieval(&scores, &differ));
        graph.finish()
    }

    /// Images as D sees them: with noise, below which it cannot tell real from made ones by their grain. Sønderby, Caballero, Theis, Shi,
    /// Huszár 2017, "Amortised MAP Inference for Image Super-resolution", arXiv:1610.04490 ("instance noise").
    fn noisy(&self, name: &str, images: &Tensor) -> Tensor {
        match self.noise {
            0.0 => images.clone(),
            deviation => images + images.graph().random(name, Distribution::Normal, images.shape().clone()) * deviation,
        }
    }

    /// A step of generator and discriminator (algorithm 1). The fakes are made once, those of captions between two among them, which D
    /// is not shown when it learns (§4.3).
    fn gan_step(&self, batch: usize) -> Result<Program, GraphError> {
        let graph = Graph::new("text2image training");
        let scope = Scope::new(&graph, Mode::Train);
        let (g, d, net) = (scope.sub(G), scope.sub(D), &self.networks);
        let x = self.images(&graph, batch);
        let read = |name: &str| {
            let encoder = Scope::new(&graph, Mode::Eval).sub(TEXT);
            net.text_encoder(&encoder, &self.sentences(&graph, name, batch)).detach()
        };
        let right = read("text");
        let wrong = (self.cls || self.int).then(|| read("wrong"));
        // Half as many again, from the first captions to those of other rows.
        let between =
            wrong.as_ref().filter(|_| self.int).map(|wrong| (right.slice(0, 0, batch / 2) + wrong.slice(0, 0, batch / 2)) * 0.5);
        let wanted = between.map_or_else(|| right.clone(), |between| right.concat(&between, 0));
        let n = wanted.dims()[0];
        let z = graph.random("z", Distribution::Normal, [n, net.latents]);
        let fake = self.noisy("noise.fake", &net.generator(&g, &wanted, &z));

        let (seen, told) = (net.seen(&d, &self.noisy("noise.real", &x)), net.told(&d, &right));
        let real = net.judged(&d, &seen, &told);
        let mismatched = wrong.as_ref().filter(|_| self.cls).map(|wrong| net.judged(&d, &seen, &net.told(&d, wrong)));
        let made = net.judged(&d, &net.seen(&d, &fake.slice(0, 0, batch).detach()), &told);
        let loss_d = critic(&real, mismatched.as_ref(), &made);
        self.adam_d.update(&[&d], &loss_d);

        let loss_g = bce_real(&net.judged(&d, &net.seen(&d, &fake), &net.told(&d, &wanted))); // by the updated D
        self.adam_g.update(&[&g], &loss_g);
        self.average.update(&g);
        graph.output("loss_d", &loss_d);
        graph.output("loss_g", &loss_g);
        graph.finish()
    }
}

impl Model for Text2Image {
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
        Module::scopes([G, D, TEXT, IMAGE])
    }

    fn text(&self) -> Option<&dyn Text> {
        Some(self)
    }

    /// The embedding that images have beside sentences.
    fn features(&self, batch: usize) -> Option<Result<Program, GraphError>> {
        let graph = Graph::new("text2image features");
        let x = self.images(&graph, batch);
        graph.output("features", &self.networks.image_encoder(&Scope::new(&graph, Mode::Eval).sub(IMAGE), &x));
        Some(graph.finish())
    }
}

impl Descent for Text2Image {
    fn stages(&self, batch: usize) -> Vec<Stage> {
        let (length, begin) = (self.networks.length, self.encoder_steps);
        let captions = Feed::captions("text", length);
        let encoder = [Feed::ROWS, captions, Feed::meanings("meaning")];
        let wrong = (self.cls || self.int).then(|| Feed::other_captions("wrong", length, self.among));
        let gan: Vec<Feed> = [Feed::ROWS, captions].into_iter().chain(wrong).collect();
        let gan = Stage::always(GAN, batch, &gan).during(begin..u64::MAX);
        match begin {
            0 => vec![gan],
            _ => vec![Stage::always(ENCODER, batch, &encoder).during(0..begin), gan],
        }
    }

    fn program(&self, stage: &Stage) -> Result<Program, GraphError> {
        match stage.name.as_str() {
            ENCODER => self.encoder_step(stage.batch),
            _ => self.gan_step(stage.batch),
        }
    }

    fn at(&self, step: u64, lr_scale: f64) -> Turn {
        match step.checked_sub(self.encoder_steps) {
            None => Turn::only(self.adam_e.scalars(step, lr_scale)),
            Some(t) => {
                let scalars = [self.adam_d.scalars(t, lr_scale), self.adam_g.scalars(t, lr_scale), self.average.scalars(t)];
                Turn { stage: usize::from(self.encoder_steps > 0), scalars: scalars.concat(), resets: vec![] }
            }
        }
    }

    fn signs(&self) -> Vec<Sign> {
        adversarial::saturation(Adversarial::NonSaturating).into_iter().collect()
    }

    fn watches_gradients(&self) -> bool {
        true
    }
}

impl Text for Text2Image {
    fn length(&self) -> usize {
        self.networks.length
    }

    fn parts(&self) -> Vec<LatentPart> {
        vec![LatentPart { name: "z", kind: LatentKind::Normal, size: self.networks.latents }]
    }

    fn draws_from(&self) -> u64 {
        self.encoder_steps
    }

    fn reading(&self, batch: usize) -> Result<Program, GraphError> {
        let graph = Graph::new("text2image reading");
        let text = self.sentences(&graph, "text", batch);
        graph.output("embedding", &self.networks.text_encoder(&Scope::new(&graph, Mode::Eval).sub(TEXT), &text));
        graph.finish()
    }

    fn drawing(&self, batch: usize) -> Result<Program, GraphError> {
        let graph = Graph::new("text2image drawing");
        let embedding = graph.input("embedding", Type::f32([batch, self.networks.embedding]));
        let z = graph.input("z", Type::f32([batch, self.networks.latents]));
        let scope = Scope::new(&graph, Mode::Eval);
        let x = self.networks.generator(&self.average.used(&scope, G), &embedding, &z);
        graph.output("rows", &(x * 0.5 + 0.5));
        graph.finish()
    }
}
