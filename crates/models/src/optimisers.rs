//! Optimisers, written in the graph: their moments are state like any other. Fusion makes one kernel a parameter.

use calotype_graph::{Graph, Init, Scope, StateSpec, Tensor};

/// Adam: Kingma and Ba 2015, arXiv:1412.6980, algorithm 1, with ε where PyTorch has it (after the bias-corrected root).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    pub lr: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub eps: f64,
}

/// Names of the two scalars that Adam needs each step, for one optimiser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdamInputs {
    /// lr / (1 - β1^t)
    pub step_size: &'static str,
    /// 1 / sqrt(1 - β2^t)
    pub root_correction: &'static str,
}

impl Adam {
    /// The scalars of step `step` (from 0), in f64 until they are passed on.
    pub fn inputs(&self, names: AdamInputs, step: u64) -> Vec<(&'static str, f32)> {
        let t = (step + 1) as f64;
        let step_size = self.lr / (1.0 - self.beta1.powf(t));
        let root_correction = 1.0 / (1.0 - self.beta2.powf(t)).sqrt();
        vec![(names.step_size, step_size as f32), (names.root_correction, root_correction as f32)]
    }

    /// Moves each parameter against its gradient. Moments are `optimizer.PARAMETER.exp_avg` and `.exp_avg_sq`.
    pub fn update(&self, graph: &Graph, names: AdamInputs, parameters: &[(StateSpec, Tensor)], gradients: &[Tensor]) {
        let step_size = graph.scalar_input(names.step_size);
        let root_correction = graph.scalar_input(names.root_correction);
        let (b1, b2) = (self.beta1 as f32, self.beta2 as f32);
        for ((spec, w), g) in parameters.iter().zip(gradients) {
            let name = |moment: &str| format!("optimizer.{}.{moment}", spec.name);
            let _label = graph.label(&name("adam"));
            let m = moment(graph, &name("exp_avg"), spec);
            let v = moment(graph, &name("exp_avg_sq"), spec);
            let m = &m * b1 + g * (1.0 - self.beta1) as f32;
            let v = &v * b2 + g.square() * (1.0 - self.beta2) as f32;
            let w = w - &(&m * &step_size / (v.sqrt() * &root_correction + self.eps as f32));
            graph.assign(&name("exp_avg"), &m);
            graph.assign(&name("exp_avg_sq"), &v);
            graph.assign(&spec.name, &w);
        }
    }
}

/// RMSProp as PyTorch has it (Hinton's lecture 6e; ε after the root), uncentred.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsProp {
    pub alpha: f64,
    pub eps: f64,
}

impl RmsProp {
    /// `lr`: scalar. The mean square is `optimizer.PARAMETER.square_avg`.
    pub fn update(&self, graph: &Graph, lr: &Tensor, parameters: &[(StateSpec, Tensor)], gradients: &[Tensor]) {
        for ((spec, w), g) in parameters.iter().zip(gradients) {
            let name = format!("optimizer.{}.square_avg", spec.name);
            let _label = graph.label(&name);
            let v = moment(graph, &name, spec);
            let v = &v * self.alpha as f32 + g.square() * (1.0 - self.alpha) as f32;
            let w = w - &(g * lr / (v.sqrt() + self.eps as f32));
            graph.assign(&name, &v);
            graph.assign(&spec.name, &w);
        }
    }
}

/// Stochastic gradient descent with momentum, as PyTorch: `v ← μ v + g`, `w ← w - lr v`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    pub momentum: f64,
}

impl Sgd {
    /// `lr`: scalar. The velocity is `optimizer.PARAMETER.momentum_buffer`.
    pub fn update(&self, graph: &Graph, lr: &Tensor, parameters: &[(StateSpec, Tensor)], gradients: &[Tensor]) {
        for ((spec, w), g) in parameters.iter().zip(gradients) {
            let name = format!("optimizer.{}.momentum_buffer", spec.name);
            let _label = graph.label(&name);
            let v = &moment(graph, &name, spec) * self.momentum as f32 + g;
            graph.assign(&name, &v);
            graph.assign(&spec.name, &(w - &(&v * lr)));
        }
    }
}

/// A state of the parameter's shape and layout, zero at first.
fn moment(graph: &Graph, name: &str, of: &StateSpec) -> Tensor {
    graph.state(name, of.ty.clone(), Init::Zeros, of.layout, false)
}

/// The gradients of a loss for all parameters of a scope, which are returned with them.
pub fn gradients(loss: &Tensor, scope: &Scope) -> (Vec<(StateSpec, Tensor)>, Vec<Tensor>) {
    let parameters = scope.parameters();
    let wrt: Vec<&Tensor> = parameters.iter().map(|(_, t)| t).collect();
    let gradients = scope.graph().grad(loss, &wrt);
    (parameters, gradients)
}
