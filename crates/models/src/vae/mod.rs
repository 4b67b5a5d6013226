//! Variational auto-encoder: Kingma and Welling 2014, "Auto-Encoding Variational Bayes", arXiv:1312.6114, §3 and appendices B and C;
//! with several samples a row, Burda, Grosse, Salakhutdinov 2016, "Importance Weighted Autoencoders", arXiv:1509.00519.
//!
//! The KL is summed over latents and the reconstruction over the values of a row; only the batch is averaged over.
//!
//! Departures: Adam, the first paper has Adagrad; early stopping and a learning rate that falls at a plateau in the presets `mlp` and
//! `conv`; log variances of q are held within ± 25; weights and biases start as PyTorch's layers do, uniform in ± 1/√fan-in; the
//! layers' sizes are those of PyTorch's example in `mlp` and of the second paper's model of one stochastic layer in `iwae`, whose
//! first biases of the output were set by the data's means; rows that are sampled are means of p(x | z), not draws from it.

mod bound;
mod likelihood;
mod networks;
mod settings;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use calotype_graph::op::Distribution;
use calotype_graph::{Graph, GraphError, Mode, Program, Scope, Tensor, Type};

use self::bound::{free_bits, importance_weighted, kl, log_ratio};
use self::likelihood::{Likelihood, unit};
use self::networks::Networks;
use self::settings::Objective;
use crate::descent;
use crate::facets::{Autoencoder, Bound, Variational};
use crate::latent::{Latent, LatentKind, LatentPart};
use crate::model::{DataShape, Descent, Learning, Model, ModelInfo, Validation, Values};
use crate::optimisers::Optimiser;
use crate::settings::{SettingError, Settings};
use crate::stages::{Stage, Turn};

pub static INFO: ModelInfo = ModelInfo {
    name: "vae",
    title: "Variational auto-encoder",
    paper: "Kingma, Welling 2014, arXiv:1312.6114",
    presets: &[settings::MLP, settings::IWAE, settings::CONV],
    default_data: |preset| if preset == settings::CONV { &["emoji"] } else { &["fashion-mnist"] },
    settings: settings::settings,
    configure: |settings, data| Ok(Arc::new(Vae::new(settings, data)?)),
};

/// A configured VAE.
pub struct Vae {
    settings: Settings,
    shape: Vec<usize>,
    values: Values,
    likelihood: Likelihood,
    networks: Networks,
    objective: Objective,
    optimiser: Optimiser,
}

/// q(z | x) and p(x | z) at draws from it, for B rows and K draws of each.
struct Draws {
    /// Mean and log variance of q, [B, Z].
    mean: Tensor,
    log_var: Tensor,
    /// log p(x | z) in nats, [B, K].
    log_likelihood: Tensor,
    /// log p(z) - log q(z | x) in nats, [B, K].
    log_ratio: Tensor,
}

impl Draws {
    /// log p(x, z) - log q(z | x) in nats: [B, K].
    fn log_weights(&self) -> Tensor {
        &self.log_likelihood + &self.log_ratio
    }
}

impl Vae {
    /// # Errors
    /// A likelihood that does not fit the data; settings that exclude each other; convolutions of a size that they cannot halve.
    pub fn new(settings: Settings, data: &DataShape) -> Result<Self, SettingError> {
        let (shape, values, likelihood) = settings::of_data(&settings, data)?;
        let networks = settings::networks(&settings, &shape, likelihood)?;
        let objective = Objective::new(&settings, likelihood)?;
        let optimiser = settings::optimiser(&settings, data.n_train);
        Ok(Vae { settings, shape, values, likelihood, networks, objective, optimiser })
    }

    fn input(&self, graph: &Graph, batch: usize) -> Tensor {
        graph.input("x", Type::f32([&[batch], self.shape.as_slice()].concat()))
    }

    /// x [B, ..shape] -> mean and log variance of q(z | x), each [B, Z].
    fn encode(&self, s: &Scope, x: &Tensor) -> (Tensor, Tensor) {
        let levels = match self.values {
            Values::Levels(levels) => Some(levels),
            Values::Signed | Values::Standardised => None,
        };
        self.networks.encode(s, &unit(x, levels))
    }

    /// log p(x | z) in nats, [B, K], for x [B, ..shape] and z [B, K, Z].
    fn log_likelihood(&self, s: &Scope, x: &Tensor, z: &Tensor) -> Tensor {
        let (b, k, n, d) = (z.dims()[0], z.dims()[1], z.dims()[2], self.networks.dims());
        let heads: Vec<Tensor> = self.networks.decode(s, &z.reshape([b * k, n])).iter().map(|h| h.reshape([b, k, d])).collect();
        self.likelihood.log_p(&heads, &x.reshape([b, 1, d])).sum(&[2])
    }

    /// Standard normal noise of K draws of each row, [B, K, Z].
    fn noise(&self, s: &Scope, x: &Tensor, k: usize) -> Tensor {
        s.random("noise", Distribution::Normal, [x.dims()[0], k, self.networks.latents])
    }

    /// K reparameterised draws of each row, z = mean + deviation noise, by noise [B, K, Z].
    fn draws(&self, s: &Scope, x: &Tensor, noise: &Tensor) -> Draws {
        let (mean, log_var) = self.encode(s, x);
        let each = |t: &Tensor| t.reshape([t.dims()[0], 1, t.dims()[1]]);
        let z = each(&mean) + each(&(&log_var * 0.5).exp()) * noise; // [B, K, Z]
        let (log_likelihood, log_ratio) = (self.log_likelihood(s, x, &z), log_ratio(noise, &each(&log_var), &z));
        Draws { mean, log_var, log_likelihood, log_ratio }
    }

    /// Means of q(z | x), [B, Z], as the output of this name.
    fn codes(&self, output: &str, batch: usize) -> Result<Program, GraphError> {
        let graph = Graph::new(&format!("vae {output}"));
        let (mean, _) = self.encode(&Scope::new(&graph, Mode::Eval), &self.input(&graph, batch));
        graph.output(output, &mean);
        graph.finish()
    }

    /// Means of p(x | z) for z [N, Z]: [N, ..shape], images in [0, 1].
    fn means(&self, s: &Scope, z: &Tensor) -> Tensor {
        let rows = self.likelihood.mean(&self.networks.decode(s, z));
        let rows = rows.reshape([&[z.dims()[0]], self.shape.as_slice()].concat());
        match self.values {
            Values::Levels(_) => rows.max(&z.graph().scalar(0.0)).min(&z.graph().scalar(1.0)),
            Values::Signed | Values::Standardised => rows,
        }
    }

    /// The loss, and what it is made of, as a step shows them.
    fn losses(&self, s: &Scope, x: &Tensor, noise: &Tensor) -> Vec<(&'static str, Tensor)> {
        let draws = self.draws(s, x, noise);
        let kl = kl(&draws.mean, &draws.log_var); // [B, Z]
        let reconstruction = draws.log_likelihood.mean_all().neg();
        let divergence = kl.sum(&[1]).mean_all();
        let loss = if self.objective.k > 1 {
            importance_weighted(&draws.log_weights()).mean_all().neg()
        } else {
            let term = if self.objective.free_bits > 0.0 { free_bits(&kl, self.objective.free_bits) } else { divergence.clone() };
            let term = if self.objective.is_weighted() { term * &x.graph().scalar_input("beta") } else { term };
            &reconstruction + &term
        };
        vec![("loss", loss), (self.likelihood.reconstruction(), reconstruction), ("kl", divergence)]
    }
}

impl Model for Vae {
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
        self.values
    }

    fn learning(&self) -> Learning<'_> {
        Learning::Descent(self)
    }

    fn latent(&self) -> Option<&dyn Latent> {
        Some(self)
    }

    fn autoencoder(&self) -> Option<&dyn Autoencoder> {
        Some(self)
    }

    fn bound(&self) -> Option<&dyn Bound> {
        self.likelihood.is_likelihood().then_some(self as &dyn Bound)
    }

    fn why_no_density(&self) -> Option<&'static str> {
        let why = "has no density with likelihood=cross-entropy: the cross-entropy of grey levels is no likelihood, so it bounds none; \
                   train it with likelihood=discretised-logistic, or of bits with bernoulli";
        (!self.likelihood.is_likelihood()).then_some(why)
    }

    /// The negative bound of the objective's number of draws; of one draw with the KL in closed form. Neither beta nor free bits
    /// change it.
    fn held_out(&self, batch: usize) -> Option<Result<Program, GraphError>> {
        let graph = Graph::new("vae held-out loss");
        let (s, x) = (Scope::new(&graph, Mode::Eval), self.input(&graph, batch));
        let draws = self.draws(&s, &x, &self.noise(&s, &x, self.objective.k));
        let loss = match self.objective.k {
            1 => kl(&draws.mean, &draws.log_var).sum(&[1]) - draws.log_likelihood.reshape([batch]),
            _ => importance_weighted(&draws.log_weights()).neg(),
        };
        graph.output("loss", &loss.reshape([batch, 1]));
        Some(graph.finish())
    }

    /// Means of q(z | x).
    fn features(&self, batch: usize) -> Option<Result<Program, GraphError>> {
        Some(self.codes("features", batch))
    }
}

impl Descent for Vae {
    fn program(&self, stage: &Stage) -> Result<Program, GraphError> {
        let graph = Graph::new("vae training");
        let s = Scope::new(&graph, Mode::Train);
        let x = self.input(&graph, stage.batch);
        let losses = self.losses(&s, &x, &self.noise(&s, &x, self.objective.k));
        for (name, value) in &losses {
            graph.output(name, value);
        }
        self.optimiser.update(&[&s], &losses[0].1);
        graph.finish()
    }

    fn at(&self, step: u64, lr_scale: f64) -> Turn {
        let beta = self.objective.is_weighted().then(|| ("beta".to_owned(), self.objective.beta(step) as f32));
        Turn::only(self.optimiser.scalars(step, lr_scale).into_iter().chain(beta).collect())
    }

    fn validation(&self) -> Option<Validation> {
        // A schedule of its own is not changed by the held-out set.
        let own = self.settings.word("schedule") != "plateau";
        descent::validation(&self.settings).map(|v| if own { Validation { least_lr: 1.0, ..v } } else { v })
    }
}

impl Latent for Vae {
    fn parts(&self) -> Vec<LatentPart> {
        vec![LatentPart { name: "z", kind: LatentKind::Normal, size: self.networks.latents }]
    }

    fn sampling(&self, batch: usize) -> Result<Program, GraphError> {
        let graph = Graph::new("vae sampling");
        let z = graph.input("z", Type::f32([batch, self.networks.latents]));
        graph.output("rows", &self.means(&Scope::new(&graph, Mode::Eval), &z));
        graph.finish()
    }
}

impl Autoencoder for Vae {
    fn encoding(&self, batch: usize) -> Result<Program, GraphError> {
        self.codes("codes", batch)
    }

    fn reconstruction(&self, batch: usize) -> Result<Program, GraphError> {
        let graph = Graph::new("vae reconstruction");
        let s = Scope::new(&graph, Mode::Eval);
        let (mean, _) = self.encode(&s, &self.input(&graph, batch));
        graph.output("rows", &self.means(&s, &mean));
        graph.finish()
    }
}

impl Bound for Vae {
    fn log_weights(&self, s: &Scope, x: &Tensor, samples: usize) -> Tensor {
        self.draws(s, x, &self.noise(s, x, samples)).log_weights()
    }

    fn bounds_what(&self) -> Option<&'static str> {
        let scaled = matches!(self.likelihood, Likelihood::Gaussian { levels: Some(_), .. });
        scaled
            .then_some("a density of levels scaled to 0..1, which is no probability: compare it with no figure of levels or bits")
    }

    fn variational(&self) -> Option<&dyn Variational> {
        Some(self)
    }
}

impl Variational for Vae {
    fn n_latents(&self) -> usize {
        self.networks.latents
    }

    fn approximate_posterior(&self, batch: usize) -> Result<Program, GraphError> {
        let graph = Graph::new("vae posterior");
        let (mean, log_var) = self.encode(&Scope::new(&graph, Mode::Eval), &self.input(&graph, batch));
        graph.output("posterior", &mean.concat(&log_var, 1));
        graph.finish()
    }

    fn likelihood(&self, batch: usize) -> Result<Program, GraphError> {
        let graph = Graph::new("vae likelihood");
        let (d, z) = (self.networks.dims(), self.networks.latents);
        let xz = graph.input("xz", Type::f32([batch, d + z]));
        let x = xz.slice(1, 0, d).reshape([&[batch], self.shape.as_slice()].concat());
        let z = xz.slice(1, d, d + z).reshape([batch, 1, z]);
        graph.output("log_p", &self.log_likelihood(&Scope::new(&graph, Mode::Eval), &x, &z));
        graph.finish()
    }
}
