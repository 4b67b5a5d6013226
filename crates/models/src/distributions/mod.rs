//! Provisional: replaced by the module of distributions.

use calotype_graph::Tensor;

use crate::losses::{bce, cross_entropy};

/// What a dimension's numbers say about its value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Conditional {
    Bernoulli,
    Categorical { levels: u32 },
    Gaussians { components: usize, floor: f32 },
}

impl Conditional {
    pub fn n_parameters(self) -> usize {
        match self {
            Conditional::Bernoulli => 1,
            Conditional::Categorical { levels } => levels as usize,
            Conditional::Gaussians { components, .. } => 3 * components,
        }
    }

    pub fn n_noise(self) -> usize {
        if matches!(self, Conditional::Gaussians { .. }) { 2 } else { 1 }
    }

    pub fn log_p(self, parameters: &Tensor, x: &Tensor) -> Tensor {
        match self {
            Conditional::Bernoulli => bce(&parameters.reshape(x.shape()), x).neg(),
            Conditional::Categorical { .. } => cross_entropy(parameters, &x.cast(calotype_graph::Dtype::U32)).neg(),
            Conditional::Gaussians { .. } => todo_gaussians(parameters),
        }
    }
}

fn todo_gaussians(p: &Tensor) -> Tensor {
    p.clone()
}
