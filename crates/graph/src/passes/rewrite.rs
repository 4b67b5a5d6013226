//! Rebuilds a program from what its outputs and states need: dead code is left behind, composite ops are expanded, equal
//! nodes are shared, those that a wider op computes too are parts of it, and each node is simplified by [`rules`](super::rules).

use std::collections::{HashMap, HashSet};

use super::rules;
use crate::error::GraphError;
use crate::graph::{Graph, NodeId, NodeKind, Program};
use crate::op::{Op, Slice};
use crate::tensor::Tensor;

/// A graph being rebuilt, with the nodes it has by what they compute.
pub(super) struct Rewriter {
    pub graph: Graph,
    known: HashMap<(Op, Vec<NodeId>), Tensor>,
    simplify: bool,
}

impl Rewriter {
    /// The value of an op: simplified, or the equal node that is there, or a new one.
    pub fn apply(&mut self, op: &Op, operands: &[Tensor]) -> Tensor {
        if self.simplify
            && let Some(simpler) = rules::simplify(self, op, operands)
        {
            return simpler;
        }
        let key = (op.clone(), operands.iter().map(|t| t.id).collect::<Vec<_>>());
        if self.simplify
            && let Some(t) = self.known.get(&key)
        {
            return t.clone();
        }
        let t = self.graph.apply(op.clone(), operands);
        self.known.insert(key, t.clone());
        t
    }

    /// The op and operands behind a tensor, if it is one.
    pub fn definition(&self, t: &Tensor) -> Option<(Op, Vec<Tensor>)> {
        let node = self.graph.node(t.id);
        match node.kind {
            NodeKind::Op(op) => Some((op, node.operands.iter().map(|&o| self.graph.tensor(o)).collect())),
            _ => None,
        }
    }
}

/// Nodes that outputs and final states depend on.
fn live(program: &Program) -> Vec<bool> {
    let mut live = vec![false; program.nodes.len()];
    let roots = program.outputs.iter().map(|&(_, id)| id);
    let states = program.states.iter().filter(|s| s.current != s.initial).map(|s| s.current);
    for id in roots.chain(states) {
        live[id as usize] = true;
    }
    for id in (0..live.len()).rev() {
        if live[id] {
            program.nodes[id].operands.iter().for_each(|&o| live[o as usize] = true);
        }
    }
    live
}

/// Nodes whose values wider ops on the same operands hold, with those ops.
fn held(program: &Program, live: &[bool]) -> HashMap<NodeId, Op> {
    let ops = || {
        let nodes = program.nodes.iter().zip(0..).filter(|&(_, id)| live[id as usize]);
        nodes.filter_map(|(node, id)| if let NodeKind::Op(op) = &node.kind { Some((id, op, &node.operands)) } else { None })
    };
    let narrow: Vec<_> = ops().filter_map(|(id, op, operands)| Some((id, op.wider()?, operands))).collect();
    let wanted: HashSet<(&Op, &Vec<NodeId>)> = narrow.iter().map(|(_, wide, operands)| (wide, *operands)).collect();
    let there: HashSet<_> = ops().map(|(_, op, operands)| (op, operands)).filter(|wide| wanted.contains(wide)).collect();
    let held = narrow.iter().filter(|(_, wide, operands)| there.contains(&(wide, *operands)));
    held.map(|(id, wide, _)| (*id, wide.clone())).collect()
}

/// The same program, smaller. Inputs stay, used or not; a state that is neither read nor assigned goes.
pub(crate) fn rewrite(program: &Program, simplify: bool) -> Result<Program, GraphError> {
    // Composite ops expand to nodes that deserve the same treatment: their expansion is built in a scratch graph first.
    let expanded = expand_composites(program)?;
    let program = expanded.as_ref().unwrap_or(program);
    let mut r = Rewriter { graph: Graph::new(program.name()), known: HashMap::new(), simplify };
    let live = live(program);
    let held = if simplify { held(program, &live) } else { HashMap::new() };
    let mut new: HashMap<NodeId, Tensor> = HashMap::new();
    for (id, node) in program.nodes.iter().enumerate() {
        let id = id as NodeId;
        let t = match &node.kind {
            NodeKind::Input(n) => r.graph.input(&program.inputs[*n].0, node.ty.clone()),
            _ if !live[id as usize] => continue,
            NodeKind::State(n) => keep_state(&r.graph, program, *n),
            NodeKind::Op(op) => {
                let _label = r.graph.label(&node.name);
                let operands: Vec<Tensor> = node.operands.iter().map(|o| new[o].clone()).collect();
                match held.get(&id) {
                    Some(wide) => {
                        let part = Slice { axis: 0, start: 0, end: node.ty.shape.dims()[0] };
                        let all = r.apply(wide, &operands);
                        r.apply(&part.into(), &[all])
                    }
                    None => r.apply(op, &operands),
                }
            }
        };
        new.insert(id, t);
    }
    for (n, s) in program.states.iter().enumerate().filter(|(_, s)| s.current != s.initial) {
        keep_state(&r.graph, program, n);
        r.graph.assign(&s.spec.name, &new[&s.current]);
    }
    for (name, id) in &program.outputs {
        r.graph.output(name, &new[id]);
    }
    r.graph.finish()
}

/// State `n` of `program` in another graph.
fn keep_state(graph: &Graph, program: &Program, n: usize) -> Tensor {
    let s = &program.states[n];
    graph.state(&s.spec.name, s.spec.ty.clone(), s.spec.init.clone(), s.spec.layout, s.trainable)
}

/// The program with composite ops replaced by their definitions; `None` where it has none.
fn expand_composites(program: &Program) -> Result<Option<Program>, GraphError> {
    let composite = |op: &Op| op.carried() == crate::op::Carried::Composite;
    if !program.nodes.iter().any(|n| matches!(&n.kind, NodeKind::Op(op) if composite(op))) {
        return Ok(None);
    }
    let graph = Graph::new(program.name());
    let mut new: Vec<Tensor> = Vec::with_capacity(program.nodes.len());
    for node in &program.nodes {
        let t = match &node.kind {
            NodeKind::Input(n) => graph.input(&program.inputs[*n].0, node.ty.clone()),
            NodeKind::State(n) => keep_state(&graph, program, *n),
            NodeKind::Op(op) => {
                let _label = graph.label(&node.name);
                let operands: Vec<Tensor> = node.operands.iter().map(|&o| new[o as usize].clone()).collect();
                let expanded = if composite(op) { op.expand(&operands) } else { None };
                expanded.unwrap_or_else(|| graph.apply(op.clone(), &operands))
            }
        };
        new.push(t);
    }
    for s in program.states.iter().filter(|s| s.current != s.initial) {
        graph.assign(&s.spec.name, &new[s.current as usize]);
    }
    for (name, id) in &program.outputs {
        graph.output(name, &new[*id as usize]);
    }
    graph.finish().map(Some)
}
