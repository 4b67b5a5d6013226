//! Puts copies where an op needs its operand in order, and where an output or a state needs a value of its own.

use std::collections::{HashMap, HashSet};

use super::kernel::is_elementwise;
use super::view::views;
use crate::graph::{Node, NodeId, NodeKind, Program};
use crate::op::{Carried, Cast};

/// The program with its copies.
pub(crate) fn legalise(program: &Program) -> Program {
    let mut out = Program { nodes: Vec::new(), ..program.clone() };
    let old_views = views(program);
    let mut new: Vec<NodeId> = Vec::with_capacity(program.nodes.len());
    let mut copies: HashMap<NodeId, NodeId> = HashMap::new();
    for node in &program.nodes {
        let heavy = matches!(&node.kind, NodeKind::Op(op) if op.carried() != Carried::View) && !is_elementwise(&node.kind);
        let operands = node.operands.iter().map(|&o| {
            let v = &old_views[o as usize];
            let whole = v.is_whole(program.nodes[v.base as usize].ty.numel());
            if heavy && !whole {
                *copies.entry(o).or_insert_with(|| push_copy(&mut out.nodes, new[o as usize]))
            } else {
                new[o as usize]
            }
        });
        let operands = operands.collect();
        out.nodes.push(Node { operands, ..node.clone() });
        new.push(out.nodes.len() as NodeId - 1);
    }
    let mut taken: HashSet<NodeId> = HashSet::new();
    let mut own = |nodes: &mut Vec<Node>, old: NodeId| {
        let id = new[old as usize];
        let is_view = old_views[old as usize].base != old;
        let leaf = !matches!(nodes[id as usize].kind, NodeKind::Op(_));
        if is_view || leaf || !taken.insert(id) { push_copy(nodes, id) } else { id }
    };
    for s in &mut out.states {
        s.current = if s.current == s.initial { new[s.initial as usize] } else { own(&mut out.nodes, s.current) };
        s.initial = new[s.initial as usize];
    }
    for (_, id) in &mut out.outputs {
        *id = own(&mut out.nodes, *id);
    }
    for (_, id) in &mut out.inputs {
        *id = new[*id as usize];
    }
    out
}

fn push_copy(nodes: &mut Vec<Node>, of: NodeId) -> NodeId {
    let node = &nodes[of as usize];
    let copy = Node {
        kind: NodeKind::Op(Cast { to: node.ty.dtype }.into()),
        operands: vec![of],
        ty: node.ty.clone(),
        name: node.name.clone(),
    };
    nodes.push(copy);
    nodes.len() as NodeId - 1
}
