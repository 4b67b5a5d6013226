//! What p(x | z) is.

use calotype_graph::Tensor;

use crate::distributions::{bernoulli, logistic};
use crate::losses::bce;

/// ½ log 2π
const HALF_LOG_TAU: f32 = 0.918_938_5;

/// The distribution of each value of a row, given the decoder's numbers for it; values are independent given z.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Likelihood {
    /// Of bits, by a logit.
    Bernoulli,
    /// Of real numbers: N(mean, deviation²), the deviation as max(exp(second number), floor). Of levels, where there are some, it is
    /// the density of x/(L - 1), which is between 0 and 1.
    Gaussian { floor: f32, levels: Option<u32> },
    /// Of levels: a logistic distribution cut at half levels, as in PixelCNN++ (arXiv:1701.05517, eq. 2), of
    /// mean (L - 1)(½ + first number) and log-scale log(L/4) + second number, in levels.
    DiscretisedLogistic { levels: u32 },
    /// No likelihood: the cross-entropy of a bit of logit l against the grey level x/(L - 1) as its probability.
    CrossEntropy { levels: u32 },
}

impl Likelihood {
    /// Numbers that the decoder gives for each value.
    pub fn heads(self) -> usize {
        match self {
            Likelihood::Bernoulli | Likelihood::CrossEntropy { .. } => 1,
            Likelihood::Gaussian { .. } | Likelihood::DiscretisedLogistic { .. } => 2,
        }
    }

    /// Whether [`Likelihood::log_p`] is the logarithm of a probability or density.
    pub fn is_likelihood(self) -> bool {
        !matches!(self, Likelihood::CrossEntropy { .. })
    }

    /// Name of its negative logarithm among a step's outputs.
    pub fn reconstruction(self) -> &'static str {
        if self.is_likelihood() { "reconstruction" } else { "cross_entropy" }
    }

    /// log p(x_d | z) in nats for each value; for the cross-entropy its negative. x as [`Model::values`](crate::Model::values) has
    /// it; it and the decoder's numbers broadcast against each other.
    pub fn log_p(self, heads: &[Tensor], x: &Tensor) -> Tensor {
        match (self, heads) {
            (Likelihood::Gaussian { floor, levels }, [mean, log_deviation]) => {
                let s = log_deviation.max(&log_deviation.graph().scalar(floor.max(f32::MIN_POSITIVE).ln()));
                let standard = (unit(x, levels) - mean) * s.neg().exp();
                (standard.square() * 0.5 + &s).neg() - HALF_LOG_TAU
            }
            (Likelihood::DiscretisedLogistic { levels }, [mean, log_scale]) => {
                let (mean, log_scale) = (level_mean(mean, levels), log_scale + (levels as f32 / 4.0).ln());
                logistic::log_p(&mean, &log_scale, x, levels)
            }
            (Likelihood::CrossEntropy { levels }, heads) => bce(&heads[0], &unit(x, Some(levels))).neg(),
            (_, heads) => bernoulli::log_p(&heads[0], x),
        }
    }

    /// The mean of x given z in a row's unit scale: images in [0, 1].
    pub fn mean(self, heads: &[Tensor]) -> Tensor {
        match self {
            Likelihood::Bernoulli | Likelihood::CrossEntropy { .. } => heads[0].sigmoid(),
            Likelihood::Gaussian { .. } => heads[0].clone(),
            Likelihood::DiscretisedLogistic { .. } => &heads[0] + 0.5,
        }
    }
}

/// Levels on the scale that both networks work in, 0 to 1; bits and real numbers as they are.
pub fn unit(x: &Tensor, levels: Option<u32>) -> Tensor {
    match levels {
        Some(levels @ 3..) => x * (1.0 / (levels - 1) as f32),
        _ => x.clone(),
    }
}

fn level_mean(first: &Tensor, levels: u32) -> Tensor {
    (first + 0.5) * (levels - 1) as f32
}
