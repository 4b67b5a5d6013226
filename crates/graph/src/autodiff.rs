//! Reverse-mode differentiation as a graph transform: gradients are ordinary tensors, and can be differentiated again.

use std::collections::HashMap;

use crate::error::GraphError;
use crate::graph::{Graph, NodeId, NodeKind};
use crate::op::Vjp;
use crate::tensor::Tensor;

impl Graph {
    /// ∂loss/∂w for each w of `wrt`, in its shape; zeros where loss does not depend on it. `loss` has one element.
    ///
    /// Nothing is built for what does not lead to `wrt`: a discriminator's gradients do not reach into the generator.
    /// Errors are kept in the graph: loss is not a scalar; an op on the way is not differentiable (again).
    pub fn grad(&self, loss: &Tensor, wrt: &[&Tensor]) -> Vec<Tensor> {
        if loss.shape().numel() != 1 {
            let name = self.node(loss.id).name.to_string();
            self.fail(GraphError::NotScalar { name, shape: loss.shape().clone() });
            return wrt.iter().map(|w| w.full_like(0.0)).collect();
        }
        self.vjp(&[(loss, &loss.full_like(1.0))], wrt)
    }

    /// Σ ∂y/∂w · dy for each w: the product of cotangents with the Jacobian.
    pub fn vjp(&self, from: &[(&Tensor, &Tensor)], wrt: &[&Tensor]) -> Vec<Tensor> {
        let Some(last) = from.iter().map(|(y, _)| y.id).max() else { return wrt.iter().map(|w| w.full_like(0.0)).collect() };
        let leads = self.leads_to(wrt, last);
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
            if wrt.iter().any(|w| w.id == id) {
                found.insert(id, dy.clone());
            }
            self.node_vjp(id, &dy, &leads, &mut cotangents);
        }
        wrt.iter().map(|w| found.get(&w.id).cloned().unwrap_or_else(|| w.full_like(0.0))).collect()
    }

    /// For each node up to `last`: is it one of `wrt`, or computed from one?
    fn leads_to(&self, wrt: &[&Tensor], last: NodeId) -> Vec<bool> {
        let mut leads = vec![false; last as usize + 1];
        for id in 0..=last {
            let is = wrt.iter().any(|w| w.id == id) || self.node(id).operands.iter().any(|&o| leads[o as usize]);
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
        let _label = self.label(&format!("{} gradient", node.name.trim_end_matches(" gradient")));
        let inputs: Vec<Tensor> = node.operands.iter().map(|&o| self.tensor(o)).collect();
        match op.vjp(&Vjp { inputs: &inputs, output: &self.tensor(id), dy, wanted: &wanted }) {
            None => self.fail(GraphError::NotDifferentiable { op: op.stem(), name: node.name.to_string() }),
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

fn accumulate(cotangents: &mut HashMap<NodeId, Tensor>, id: NodeId, part: Tensor) {
    let sum = match cotangents.remove(&id) {
        Some(before) => &before + &part,
        None => part,
    };
    cotangents.insert(id, sum);
}
