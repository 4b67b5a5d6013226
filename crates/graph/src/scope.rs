//! Names of states, nested as in PyTorch's modules, and whether a model is trained or only used.

use crate::graph::{Graph, Label};
use crate::op::Distribution;
use crate::plan::{Init, Layout};
use crate::shape::{Shape, Type};
use crate::tensor::Tensor;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Batch norm uses the batch's statistics and updates the running ones; dropout drops.
    Train,
    /// Running statistics; an image does not depend on its batch.
    Eval,
}

/// Where the states of a part of a model live: `generator.main.0` and so on.
#[derive(Clone)]
pub struct Scope {
    graph: Graph,
    prefix: String,
    mode: Mode,
}

impl Scope {
    pub fn new(graph: &Graph, mode: Mode) -> Self {
        Scope { graph: graph.clone(), prefix: String::new(), mode }
    }

    /// The scope `name` within this one.
    pub fn sub(&self, name: &str) -> Scope {
        Scope { prefix: self.path(name), ..self.clone() }
    }

    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Full name of `name` in this scope.
    pub fn path(&self, name: &str) -> String {
        if self.prefix.is_empty() { name.to_owned() } else { format!("{}.{name}", self.prefix) }
    }

    /// Nodes made while the guard lives are named `name` of this scope.
    pub fn label(&self, name: &str) -> Label {
        self.graph.label(&self.path(name))
    }

    /// A trained state.
    pub fn param(&self, name: &str, shape: impl Into<Shape>, init: Init, layout: Layout) -> Tensor {
        self.graph.state(&self.path(name), Type::f32(shape), init, layout, true)
    }

    /// A state that is not trained: a running statistic, a moment.
    pub fn buffer(&self, name: &str, ty: Type, init: Init) -> Tensor {
        self.graph.state(&self.path(name), ty, init, Layout::Plain, false)
    }

    /// New version of a state of this scope.
    pub fn assign(&self, name: &str, value: &Tensor) {
        self.graph.assign(&self.path(name), value);
    }

    /// Random numbers of this step; `name` must be new in the scope.
    pub fn random(&self, name: &str, distribution: Distribution, shape: impl Into<Shape>) -> Tensor {
        self.graph.random(&self.path(name), distribution, shape)
    }

    /// Latest versions of the scope's parameters.
    pub fn parameters(&self) -> Vec<(crate::plan::StateSpec, Tensor)> {
        self.graph.parameters(&self.within())
    }

    /// Latest versions of all of the scope's states: parameters and buffers.
    pub fn states(&self) -> Vec<(crate::plan::StateSpec, Tensor)> {
        self.graph.states(&self.within())
    }

    /// How the names begin of all that is in the scope.
    fn within(&self) -> String {
        if self.prefix.is_empty() { String::new() } else { format!("{}.", self.prefix) }
    }
}
