//! A model that needs all that training offers: a variational auto-encoder (Kingma and Welling 2014, arXiv:1312.6114) whose decoder
//! is also held by a critic of classes and bits (after Larsen et al. 2016, arXiv:1512.09300), each of one hidden layer.
//!
//! It warms up without the critic; then two stages take turns, two of the critic before one of the rest (n_critic = 2), and once the
//! critic's moments begin anew. Classes are fed, true ones and those of other rows; two optimisers move the decoder; rows are made by
//! its moving average, from a latent of two parts; densities are bounds.

use std::sync::Arc;

use calotype_graph::op::Distribution;
use calotype_graph::{Dtype, Graph, GraphError, Init, Mode, Program, Scope, Tensor, Type};
use calotype_models::layers::{Layers, one_hot};
use calotype_models::losses::{bce, bce_fake, bce_real};
use calotype_models::optimisers::{Optimiser, Rule};
use calotype_models::{
    Bound, DataShape, Descent, Feed, Latent, LatentKind, LatentPart, Learning, Measure, Model, ModelInfo, Preset, Setting,
    SettingError, Settings, Stage, Turn, Validation, Values,
};

pub static INFO: ModelInfo = ModelInfo {
    name: "toy",
    title: "Auto-encoder and critic of the tests",
    paper: "Kingma, Welling 2014, arXiv:1312.6114; Larsen et al. 2016, arXiv:1512.09300",
    presets: Preset::SMALL_AND_PAPER,
    default_data: |_| &["digits"],
    settings,
    configure: |settings, data| Ok(Arc::new(Toy::new(settings, data)?)),
};

/// Steps of the auto-encoder alone.
const WARM_UP: u64 = 6;
/// Turns of the critic before one of the rest.
const N_CRITIC: u64 = 2;
/// Updates of the critic after which its moments begin anew, once.
const RESET_AFTER: u64 = 3;
/// Of the decoder's average.
const KEEP: f32 = 0.9;

fn settings(_: Preset) -> Vec<Setting> {
    vec![
        Setting::integer("hidden", 32, (1, 4096), "hidden units of each part"),
        Setting::integer("latents", 4, (1, 256), "number of latents: the length of z"),
        Setting::integer("batch", 32, (1, 65_536), "batch size"),
        Setting::integer("steps", 600, (1, 1_000_000_000), "number of steps, of the critic and of the rest together"),
        Setting::number("lr", 3e-3, (0.0, 1.0), "learning rate"),
        Setting::number("validation", 0.1, (0.0, 0.5), "held-out set: its part of the training rows; 0: none"),
        Setting::word("binarise", "threshold", &["threshold", "fixed:SEED", "dynamic"], "how grey becomes bits"),
    ]
}

struct Toy {
    settings: Settings,
    shape: Vec<usize>,
    n_classes: u32,
    autoencoder: Optimiser,
    adversarial: Optimiser,
    critic: Optimiser,
}

impl Toy {
    fn new(settings: Settings, data: &DataShape) -> Result<Self, SettingError> {
        let shape = data.picture()?.to_vec();
        if data.n_classes == 0 {
            return Err(SettingError::Unfit("its rows have no classes, and this model needs them".into()));
        }
        let adam = Rule::Adam { beta1: 0.5, beta2: 0.99, eps: 1e-8 };
        let of = |name| Optimiser::new(name, adam, settings.number("lr"));
        let (autoencoder, adversarial, critic) = (of("autoencoder"), of("adversarial"), of("critic"));
        Ok(Toy { shape, n_classes: data.n_classes, autoencoder, adversarial, critic, settings })
    }

    fn dims(&self) -> usize {
        self.shape.iter().product()
    }

    fn z(&self) -> usize {
        self.settings.size("latents")
    }

    fn hidden(&self, s: &Scope, name: &str, x: &Tensor) -> Tensor {
        let bound = (x.shape().last() as f32).sqrt().recip();
        s.linear(name, x, self.settings.size("hidden"), Init::Uniform { low: -bound, high: bound }).tanh()
    }

    fn last(&self, s: &Scope, x: &Tensor, n: usize) -> Tensor {
        s.linear("last", x, n, Init::Normal { mean: 0.0, deviation: 0.1 })
    }

    /// x [B, ..shape] -> mean and log variance of q(z | x), both [B, z].
    fn encode(&self, s: &Scope, x: &Tensor) -> (Tensor, Tensor) {
        let (b, z) = (x.dims()[0], self.z());
        let s = s.sub("encoder");
        let y = self.last(&s, &self.hidden(&s, "first", &x.reshape([b, self.dims()])), 2 * z);
        (y.slice(1, 0, z), y.slice(1, z, 2 * z))
    }

    /// z [B, z] and a class [B, n] -> logits [B, D]. `name`: the weights that are used, or their average.
    fn decode(&self, s: &Scope, name: &str, z: &Tensor, class: &Tensor) -> Tensor {
        let s = s.sub(name);
        self.last(&s, &self.hidden(&s, "first", &z.concat(class, 1)), self.dims())
    }

    /// Bits or their probabilities [B, D] and a class [B, n] -> logits [B].
    fn judge(&self, s: &Scope, x: &Tensor, class: &Tensor) -> Tensor {
        let s = s.sub("critic");
        self.last(&s, &self.hidden(&s, "first", &x.concat(class, 1)), 1).reshape([x.dims()[0]])
    }

    /// Classes [B] -> [B, n], 1 in a class's place.
    fn one_hot(&self, labels: &Tensor) -> Tensor {
        one_hot(labels, self.n_classes as usize)
    }

    /// A row whose class is not known: each as likely, [B, n].
    fn any_class(&self, graph: &Graph, batch: usize) -> Tensor {
        graph.full([batch, self.n_classes as usize], 1.0 / self.n_classes as f32)
    }

    fn input(&self, graph: &Graph, batch: usize) -> Tensor {
        graph.input("x", Type::f32([&[batch], self.shape.as_slice()].concat()))
    }

    /// Prior draws [B, z], decoded as the classes `class` say: probabilities of bits [B, D].
    fn made(&self, s: &Scope, class: &Tensor) -> Tensor {
        let z = s.random("prior", Distribution::Normal, [class.dims()[0], self.z()]);
        self.decode(s, "decoder", &z, class).sigmoid()
    }

    fn train_critic(&self, batch: usize) -> Result<Program, GraphError> {
        let graph = Graph::new("toy critic");
        let s = Scope::new(&graph, Mode::Train);
        let labels = |name: &str| self.one_hot(&graph.input(name, Type { shape: [batch].into(), dtype: Dtype::U32 }));
        let (real, class, other) = (self.input(&graph, batch), labels("labels"), labels("others"));
        let real = self.judge(&s, &real.reshape([batch, self.dims()]), &class);
        let loss = bce_real(&real) + bce_fake(&self.judge(&s, &self.made(&s, &other), &other));
        self.critic.update(&[&s.sub("critic")], &loss);
        graph.output("loss_critic", &loss);
        graph.finish()
    }

    /// The auto-encoder by its bound, then, but for the warm-up, the decoder by the critic; both losses from the decoder as it was.
    fn train_rest(&self, batch: usize, by_critic: bool) -> Result<Program, GraphError> {
        let graph = Graph::new("toy auto-encoder");
        let s = Scope::new(&graph, Mode::Train);
        let x = self.input(&graph, batch);
        let class = self.one_hot(&graph.input("labels", Type { shape: [batch].into(), dtype: Dtype::U32 }));
        let (mean, log_var) = self.encode(&s, &x);
        let noise = s.random("noise", Distribution::Normal, [batch, self.z()]);
        let logits = self.decode(&s, "decoder", &(&mean + (&log_var * 0.5).exp() * &noise), &class);
        let per_row = 1.0 / batch as f32;
        let reconstruction = bce(&logits, &x.reshape([batch, self.dims()])).sum_all() * per_row;
        let kl = (log_var.exp() + mean.square() - &log_var - 1.0).sum_all() * (0.5 * per_row);
        let adversarial = by_critic.then(|| bce_real(&self.judge(&s, &self.made(&s, &class), &class)));
        self.autoencoder.update(&[&s.sub("encoder"), &s.sub("decoder")], &(&reconstruction + &kl));
        if let Some(loss) = &adversarial {
            self.adversarial.update(&[&s.sub("decoder")], &(loss * 0.1));
        }
        for (spec, w) in s.sub("decoder").parameters() {
            let name = format!("ema.{}", spec.name);
            let average = graph.state(&name, spec.ty.clone(), spec.init, spec.layout, false);
            graph.assign(&name, &(average * KEEP + w * (1.0 - KEEP)));
        }
        graph.output("reconstruction", &reconstruction);
        graph.output("kl", &kl);
        if let Some(loss) = &adversarial {
            graph.output("loss_adversarial", loss);
        }
        graph.finish()
    }
}

impl Model for Toy {
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
        Values::Levels(2)
    }

    fn learning(&self) -> Learning<'_> {
        Learning::Descent(self)
    }

    fn latent(&self) -> Option<&dyn Latent> {
        Some(self)
    }

    fn bound(&self) -> Option<&dyn Bound> {
        Some(self)
    }

    fn features(&self, batch: usize) -> Option<Result<Program, GraphError>> {
        let graph = Graph::new("toy features");
        let (mean, _) = self.encode(&Scope::new(&graph, Mode::Eval), &self.input(&graph, batch));
        graph.output("features", &mean);
        Some(graph.finish())
    }
}

impl Descent for Toy {
    fn stages(&self, batch: usize) -> Vec<Stage> {
        let (labels, others) = (Feed::labels("labels", self.n_classes), Feed::other_labels("others", self.n_classes));
        vec![
            Stage::always("warm-up", batch, &[Feed::ROWS, labels]).during(0..WARM_UP),
            Stage::always("critic", batch, &[Feed::ROWS, labels, others]).during(WARM_UP..u64::MAX),
            Stage::always("rest", batch, &[Feed::ROWS, labels]).during(WARM_UP..u64::MAX),
        ]
    }

    fn program(&self, stage: &Stage) -> Result<Program, GraphError> {
        match stage.name.as_str() {
            "critic" => self.train_critic(stage.batch),
            name => self.train_rest(stage.batch, name == "rest"),
        }
    }

    fn at(&self, step: u64, lr_scale: f64) -> Turn {
        let Some(turn) = step.checked_sub(WARM_UP) else { return Turn::only(self.autoencoder.scalars(step, lr_scale)) };
        let (round, turn) = (turn / (N_CRITIC + 1), turn % (N_CRITIC + 1));
        if turn == N_CRITIC {
            let autoencoder = self.autoencoder.scalars(WARM_UP + round, lr_scale);
            return Turn { stage: 2, scalars: [autoencoder, self.adversarial.scalars(round, lr_scale)].concat(), resets: vec![] };
        }
        let updates = round * N_CRITIC + turn;
        let resets = if updates == RESET_AFTER { vec!["optimizer.critic."] } else { vec![] };
        let since = if updates < RESET_AFTER { updates } else { updates - RESET_AFTER };
        Turn { stage: 1, scalars: self.critic.scalars(since, lr_scale), resets }
    }

    fn validation(&self) -> Option<Validation> {
        let fraction = self.settings.number("validation");
        (fraction > 0.0).then_some(Validation {
            measure: Measure::Loss,
            fraction,
            every: 0,
            patience: 20,
            plateau: 8,
            least_lr: 0.1,
        })
    }
}

impl Latent for Toy {
    fn parts(&self) -> Vec<LatentPart> {
        vec![
            LatentPart { name: "z", kind: LatentKind::Normal, size: self.z() },
            LatentPart { name: "class", kind: LatentKind::Category, size: self.n_classes as usize },
        ]
    }

    fn sampling(&self, batch: usize) -> Result<Program, GraphError> {
        let graph = Graph::new("toy sampling");
        let (z, n) = (self.z(), self.n_classes as usize);
        let latents = graph.input("z", Type::f32([batch, z + n]));
        let logits = self.averaged(&graph, &latents.slice(1, 0, z), &latents.slice(1, z, z + n));
        graph.output("rows", &logits.sigmoid().reshape([&[batch], self.shape.as_slice()].concat()));
        graph.finish()
    }
}

impl Toy {
    /// As [`Toy::decode`], by the moving average.
    fn averaged(&self, graph: &Graph, z: &Tensor, class: &Tensor) -> Tensor {
        self.decode(&Scope::new(graph, Mode::Eval).sub("ema"), "decoder", z, class)
    }
}

impl Bound for Toy {
    fn log_weights(&self, s: &Scope, x: &Tensor, samples: usize) -> Tensor {
        let (b, d) = (x.dims()[0], self.dims());
        let (mean, log_var) = self.encode(s, x);
        let (deviation, bits) = ((&log_var * 0.5).exp(), x.reshape([b, d]));
        let class = self.any_class(s.graph(), b);
        // log p(x | z) + log p(z) - log q(z | x) of each draw; the normalisers of p(z) and q(z | x) cancel.
        let weight = |k: usize| {
            let noise = s.random(&format!("draw {k}"), Distribution::Normal, [b, self.z()]);
            let z = &mean + &deviation * &noise;
            let log_likelihood = bce(&self.decode(s, "decoder", &z, &class), &bits).sum(&[1]).neg();
            let log_ratio = (noise.square() + &log_var - z.square()).sum(&[1]) * 0.5;
            (log_likelihood + log_ratio).reshape([b, 1])
        };
        (0..samples).map(weight).reduce(|all, w| all.concat(&w, 1)).unwrap_or_else(|| bits.slice(1, 0, 1))
    }
}
