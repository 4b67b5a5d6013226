//! Reverse-mode differentiation as a graph transform: gradients are ordinary tensors, and can be differentiated again.

use std::collections::{HashMap, HashSet};

use crate::error::GraphError;
use crate::graph::{Graph, NodeId, NodeKind};
use crate::op::Vjp;
use crate::tensor::Tensor;

/// Names of nodes that differentiation makes end so.
const GRADIENT: &str = " gradient";

impl Graph {
    /// ∂loss/∂w for each w of `wrt`, in its shape; zeros where loss does not depend on it. `loss` has one element.
    ///
    /// Nothing is built for what does not lead to `wrt`: a discriminator's gradients do not reach into the generator.
    /// Errors are kept in the graph: loss is not a scalar; an op on the way is not differentiable (again).
    pub fn grad(&self, loss: &Tensor, wrt: &[&Tensor]) -> Vec<Tensor> {
        or_zeros(self.grad_or_none(loss, wrt), wrt)
    }

    /// As [`Graph::grad`], with `None` where no gradient arrives: no path leads from w to loss, or every path passes a
    /// [`detach`](Tensor::detach) or a function without slope, such as a comparison. `None` is not zero: a parameter without
    /// a gradient is usually a mistake (an older version of it, another scope), and an optimiser can refuse it by name.
    /// After an error (see [`Graph::grad`]) gradients may be missing because of it.
    pub fn grad_or_none(&self, loss: &Tensor, wrt: &[&Tensor]) -> Vec<Option<Tensor>> {
        if loss.shape().numel() != 1 {
            let name = self.node(loss.id).name.to_string();
            self.fail(GraphError::NotScalar { name, shape: loss.shape().clone() });
            return vec![None; wrt.len()];
        }
        self.vjp_or_none(&[(loss, &loss.full_like(1.0))], wrt)
    }

    /// Σ ∂y/∂w · dy for each w: the product of cotangents with the Jacobian; zeros where no y depends on w.
    pub fn vjp(&self, from: &[(&Tensor, &Tensor)], wrt: &[&Tensor]) -> Vec<Tensor> {
        or_zeros(self.vjp_or_none(from, wrt), wrt)
    }

    /// As [`Graph::vjp`], with `None` where no gradient arrives.
    pub fn vjp_or_none(&self, from: &[(&Tensor, &Tensor)], wrt: &[&Tensor]) -> Vec<Option<Tensor>> {
        let Some(last) = from.iter().map(|(y, _)| y.id).max() else { return vec![None; wrt.len()] };
        let wanted: HashSet<NodeId> = wrt.iter().map(|w| w.id).collect();
        let leads = self.leads_to(&wanted, last);
        let mut cotangents: HashMap<NodeId, Tensor> = HashMap::new();
        for (y, dy) in from {
            accumulate(&mut cotangents, y.id, (*dy).clone());
        }
        let mut found: HashMap<NodeId, Tensor> = HashMap::new();
        for id in (0..=last).rev() {
            if !leads[id as usize] {
                continue;
            }
            let Some(dy) = cotangents.remove(&id) else { continue };
            if wanted.contains(&id) {
                found.insert(id, dy.clone());
            }
            self.node_vjp(id, &dy, &leads, &mut cotangents);
        }
        wrt.iter().map(|w| found.get(&w.id).cloned()).collect()
    }

    /// For each node up to `last`: is it one of those wanted, or computed from one?
    fn leads_to(&self, wanted: &HashSet<NodeId>, last: NodeId) -> Vec<bool> {
        let mut leads = vec![false; last as usize + 1];
        for id in 0..=last {
            let is = wanted.contains(&id) || self.node(id).operands.iter().any(|&o| leads[o as usize]);
            leads[id as usize] = is;
        }
        leads
    }

    fn node_vjp(&self, id: NodeId, dy: &Tensor, leads: &[bool], cotangents: &mut HashMap<NodeId, Tensor>) {
        let node = self.node(id);
        let NodeKind::Op(op) = &node.kind else { return };
        let wanted: Vec<bool> = node.operands.iter().map(|&o| leads[o as usize]).collect();
        if !wanted.contains(&true) {
            return;
        }
        let _label = self.label(&format!("{}{GRADIENT}", node.name.trim_end_matches(GRADIENT)));
        let inputs: Vec<Tensor> = node.operands.iter().map(|&o| self.tensor(o)).collect();
        match op.vjp(&Vjp { inputs: &inputs, output: &self.tensor(id), dy, wanted: &wanted }) {
            None => {
                let (op, in_gradient) = (op.stem(), node.name.ends_with(GRADIENT));
                self.fail(GraphError::NotDifferentiable { op, name: node.name.to_string(), in_gradient });
            }
            Some(parts) => {
                for ((&operand, part), wanted) in node.operands.iter().zip(parts).zip(wanted) {
                    if let (true, Some(part)) = (wanted, part) {
                        accumulate(cotangents, operand, part);
                    }
                }
            }
        }
    }
}

fn or_zeros(found: Vec<Option<Tensor>>, wrt: &[&Tensor]) -> Vec<Tensor> {
    found.into_iter().zip(wrt).map(|(dw, w)| dw.unwrap_or_else(|| w.full_like(0.0))).collect()
}

fn accumulate(cotangents: &mut HashMap<NodeId, Tensor>, id: NodeId, part: Tensor) {
    let sum = match cotangents.remove(&id) {
        Some(before) => &before + &part,
        None => part,
    };
    cotangents.insert(id, sum);
}
