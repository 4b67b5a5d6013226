//! Distributions of one number, and the chain rule that makes a distribution of many out of them:
//! `log p(x) = Σ_d log p(x_d | x_<d)`.
//!
//! Each file has one distribution twice: `log_p` on tensors, which models train through, and the same in f64 on the host, to
//! count, check and explain with. All logarithms are natural: log-probabilities are in nats.

pub mod bernoulli;
pub mod categorical;
pub mod count;
mod error;
pub mod gaussians;
pub mod joint;
pub mod logistic;
pub mod special;

pub use bernoulli::Bernoulli;
pub use categorical::Categorical;
pub use error::DistributionError;
pub use gaussians::Gaussians;
pub use joint::{JointTable, TableError, Variable};
pub use logistic::DiscretisedLogistic;

use calotype_graph::Tensor;

/// What a model's numbers for one dimension say about its value x_d.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Conditional {
    /// One logit; x_d is 0 or 1.
    Bernoulli,
    /// A logit for each level; x_d is a whole number from 0 to `levels` - 1.
    Categorical { levels: u32 },
    /// K weights, K means, K log-deviations, in that order; x_d is any number. See [`gaussians`].
    Gaussians { components: usize, floor: f32 },
}

impl Conditional {
    /// Numbers that a model gives for each dimension.
    pub fn n_parameters(self) -> usize {
        match self {
            Conditional::Bernoulli => 1,
            Conditional::Categorical { levels } => levels as usize,
            Conditional::Gaussians { components, .. } => 3 * components,
        }
    }

    /// Random numbers that drawing x_d takes: a uniform one; for mixtures a standard normal one behind it.
    pub fn n_noise(self) -> usize {
        match self {
            Conditional::Bernoulli | Conditional::Categorical { .. } => 1,
            Conditional::Gaussians { .. } => 2,
        }
    }

    /// log p(x_d | its parameters) of each dimension, in nats: parameters [B, D, n_parameters] and x [B, D] give [B, D]. Any
    /// leading axes will do in place of B and D.
    ///
    /// Another number of parameters is an error of the graph.
    pub fn log_p(self, parameters: &Tensor, x: &Tensor) -> Tensor {
        let parameters = parameters.reshape([x.dims(), &[self.n_parameters()]].concat());
        match self {
            Conditional::Bernoulli => bernoulli::log_p(&parameters.reshape(x.shape()), x),
            Conditional::Categorical { .. } => categorical::log_p(&parameters, x),
            Conditional::Gaussians { floor, .. } => gaussians::log_p(&parameters, x, floor),
        }
    }

    /// log p(x_d | its parameters) of one dimension, in f64 on the host: the twin of [`Conditional::log_p`].
    ///
    /// -∞ where x_d is none of the values that it can have; NaN where there are not [`Conditional::n_parameters`] parameters.
    pub fn log_p_host(self, parameters: &[f32], x: f32) -> f64 {
        if parameters.len() != self.n_parameters() || parameters.is_empty() {
            return f64::NAN;
        }
        let parameters: Vec<f64> = parameters.iter().map(|&p| f64::from(p)).collect();
        match self {
            Conditional::Bernoulli if x == 0.0 || x == 1.0 => bernoulli::log_p_host(parameters[0], x == 1.0),
            Conditional::Categorical { .. } if x >= 0.0 && x.fract() == 0.0 => categorical::log_p_host(&parameters, x as usize),
            Conditional::Bernoulli | Conditional::Categorical { .. } => f64::NEG_INFINITY,
            Conditional::Gaussians { floor, .. } => Gaussians::from_parameters(&parameters, floor.into()).log_p(x.into()),
        }
    }
}
