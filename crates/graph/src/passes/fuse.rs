//! Draws up kernels: decides which elementwise nodes are written to memory and which live in registers of the kernels
//! that use them.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::emit::expression;
use super::kernel::{Draft, Draws, MAX_LOADS, Output, Whole, is_elementwise};
use super::view::{View, views};
use crate::expr::{Binary, Unary};
use crate::graph::{Node, NodeId, NodeKind, Program};
use crate::op::Op;
use crate::plan::{Index, MAX_BINDINGS};

/// Instructions of a kernel that fusion makes: registers are counted in 16 bits, and compilers of shaders take their time.
const MAX_CODE: usize = 1024;

pub(super) struct Fusion<'a> {
    program: &'a Program,
    views: Vec<View>,
    /// Nodes that must be in memory whatever their uses.
    pinned: Vec<bool>,
    /// Elementwise nodes that are written to memory.
    root: Vec<bool>,
}

/// One kernel for each op and for each elementwise node that is written; with `fuse`, the other elementwise nodes are
/// inlined where they are used.
pub(crate) fn draw(program: &Program, fuse: bool) -> Draws<'_> {
    let mut f = Fusion { program, views: views(program), pinned: vec![false; program.nodes.len()], root: vec![] };
    f.pin(fuse);
    loop {
        f.choose_roots();
        if !f.limit() {
            break;
        }
    }
    let drafts = f.drafts();
    let states = program.states.iter().enumerate().filter(|(_, s)| s.current != s.initial);
    let finals = states.map(|(n, s)| (n, s.current)).collect();
    Draws { program, types: program.nodes.iter().map(|n| n.ty.clone()).collect(), drafts, finals, versions: vec![] }
}

impl Fusion<'_> {
    pub fn node(&self, id: NodeId) -> &Node {
        &self.program.nodes[id as usize]
    }

    pub fn numel(&self, id: NodeId) -> usize {
        self.node(id).ty.numel()
    }

    /// The node in whose memory this one lies: itself, if it is no view.
    pub fn base(&self, id: NodeId) -> NodeId {
        self.views[id as usize].base
    }

    /// Whether kernels that use this node (no view) compute it themselves.
    pub fn is_inlined(&self, id: NodeId) -> bool {
        self.is_full(id) || (self.elementwise(id) && !self.root[id as usize])
    }

    fn elementwise(&self, id: NodeId) -> bool {
        is_elementwise(&self.node(id).kind) || self.is_stuck_reshape(id)
    }

    /// A reshape across strides: carried out as a copy.
    fn is_stuck_reshape(&self, id: NodeId) -> bool {
        matches!(self.node(id).kind, NodeKind::Op(Op::Reshape(_))) && self.views[id as usize].base == id
    }

    fn is_full(&self, id: NodeId) -> bool {
        matches!(self.node(id).kind, NodeKind::Op(Op::Full(_)))
    }

    fn is_view(&self, id: NodeId) -> bool {
        self.views[id as usize].base != id
    }

    fn pin(&mut self, fuse: bool) {
        for &(_, id) in &self.program.outputs {
            self.pinned[id as usize] = true;
        }
        for s in self.program.states.iter().filter(|s| s.current != s.initial) {
            self.pinned[s.current as usize] = true;
        }
        for (id, node) in self.program.nodes.iter().enumerate() {
            let id = id as NodeId;
            if self.is_view(id) {
                continue;
            }
            if !self.elementwise(id) {
                node.operands.iter().for_each(|&o| self.pinned[self.views[o as usize].base as usize] = true);
                continue;
            }
            // Copies, casts to integers and positions mean an element of memory, not of a register.
            let cast = matches!(node.kind, NodeKind::Op(Op::Cast(c)) if c.to == crate::Dtype::U32 || self.is_copy(node));
            let in_memory = cast || matches!(node.kind, NodeKind::Op(Op::Iota(_))) || self.is_stuck_reshape(id);
            if in_memory || (!fuse && !self.is_full(id)) {
                self.pinned[id as usize] = true;
            }
            for &o in &node.operands {
                let base = self.base(o);
                if self.operand_index(id, o, self.numel(id)).is_none() && !self.is_full(base) {
                    self.pinned[base as usize] = true;
                }
            }
        }
    }

    fn is_copy(&self, node: &Node) -> bool {
        self.node(node.operands[0]).ty.dtype == node.ty.dtype
    }

    /// The index of an operand that could be inlined: the same element, or the only one. `None` for any other.
    fn operand_index(&self, id: NodeId, operand: NodeId, numel: usize) -> Option<Index> {
        let index = self.index(id, operand, numel);
        let only = self.numel(self.views[operand as usize].base) == 1;
        (index == Index::Same || (index == Index::Scalar && only)).then_some(index)
    }

    /// How a kernel of `numel` elements, of which node `id` is a part, reads an operand of that node.
    pub fn index(&self, id: NodeId, operand: NodeId, numel: usize) -> Index {
        let view = &self.views[operand as usize];
        let shape = if self.is_stuck_reshape(id) { &self.node(operand).ty.shape } else { &self.node(id).ty.shape };
        let index = view.index(shape, self.numel(view.base));
        if index == Index::Same && self.numel(view.base) == 1 && numel != 1 { Index::Scalar } else { index }
    }

    /// Worth computing again in every kernel that uses it: one plain operation on at most one large operand.
    fn cheap(&self, id: NodeId) -> bool {
        let node = self.node(id);
        let plain = match &node.kind {
            NodeKind::Op(Op::Unary(f)) => {
                matches!(
                    f,
                    Unary::Neg | Unary::Abs | Unary::Sign | Unary::Square | Unary::Relu | Unary::LeakyRelu(_) | Unary::Floor
                )
            }
            NodeKind::Op(Op::Binary(f)) => *f != Binary::Div || node.ty.numel() == 1,
            NodeKind::Op(Op::Select(_) | Op::Cast(_) | Op::Full(_)) => true,
            _ => false,
        };
        let bases: BTreeSet<NodeId> = node.operands.iter().map(|&o| self.base(o)).collect();
        let large = bases.into_iter().filter(|&b| !self.is_full(b) && self.numel(b) > 1).count();
        plain && large <= 1
    }

    /// A node is written where it is pinned, or where several kernels want it and it is not cheap.
    fn choose_roots(&mut self) {
        let n = self.program.nodes.len();
        self.root = vec![false; n];
        let mut sinks = vec![Sinks::None; n];
        for id in (0..n as NodeId).rev() {
            if self.is_view(id) || !self.elementwise(id) {
                continue;
            }
            let i = id as usize;
            self.root[i] = self.pinned[i] || (sinks[i] == Sinks::Several && !self.cheap(id));
            let mine = if self.root[i] { Sinks::One(id) } else { sinks[i] };
            for &o in &self.node(id).operands {
                let base = self.base(o) as usize;
                sinks[base] = sinks[base].and(mine);
            }
        }
    }

    /// Pins parts of kernels that would bind, load or compute too much, the largest part of each first; whether there were
    /// any. Who computes what may then change: roots are to be chosen anew.
    fn limit(&mut self) -> bool {
        let mut places = Places::default();
        let mut needs: Vec<Needs> = vec![Needs::default(); self.program.nodes.len()];
        let mut pinned = false;
        for id in 0..self.program.nodes.len() as NodeId {
            if self.is_view(id) || !self.elementwise(id) {
                continue;
            }
            needs[id as usize] = loop {
                let all = self.needs(id, &needs, &mut places);
                let parts = self.node(id).operands.iter().map(|&o| self.base(o));
                let parts = parts.filter(|&o| self.is_inlined(o) && !self.is_full(o));
                let size = |&o: &NodeId| (needs[o as usize].loads.len(), needs[o as usize].code);
                match parts.max_by_key(size) {
                    Some(largest) if !places.fit(&all) => {
                        (self.pinned[largest as usize], self.root[largest as usize], pinned) = (true, true, true);
                    }
                    _ => break all,
                }
            };
        }
        pinned
    }

    /// What a kernel needs to compute a node whose inlined operands need `needs`.
    fn needs(&self, id: NodeId, needs: &[Needs], places: &mut Places) -> Needs {
        let mut all = Needs { loads: vec![], code: 1 };
        for &operand in &self.node(id).operands {
            let base = self.base(operand);
            if self.is_inlined(base) {
                let part = &needs[base as usize];
                part.loads.iter().for_each(|&load| all.add(load));
                all.code += part.code.max(1);
            } else {
                // As in a kernel of many elements: one of a single element has no more operands.
                all.add(places.of(base, self.index(id, operand, usize::MAX)));
                all.code += 1;
            }
        }
        if all.code > MAX_CODE {
            all.code = self.count(id); // what is used twice was counted twice
        }
        all
    }

    /// Instructions that compute a node, each counted once.
    fn count(&self, id: NodeId) -> usize {
        let mut seen: HashSet<NodeId> = HashSet::from([id]);
        let mut stack = vec![id];
        while let Some(id) = stack.pop() {
            for base in self.node(id).operands.iter().map(|&o| self.base(o)) {
                if seen.insert(base) && self.is_inlined(base) {
                    stack.push(base);
                }
            }
        }
        seen.len()
    }

    /// All kernels.
    fn drafts(&self) -> Vec<Draft> {
        let mut drafts = Vec::new();
        for (id, node) in self.program.nodes.iter().enumerate() {
            let id = id as NodeId;
            let NodeKind::Op(op) = &node.kind else { continue };
            let elementwise = self.elementwise(id);
            if self.is_view(id) || (elementwise && !self.root[id as usize]) {
                continue;
            }
            let (op, (expr, operands)) = if elementwise {
                let (expr, operands) = expression(self, id);
                (None, (Some(expr), operands))
            } else {
                let whole = |&o: &NodeId| Whole { base: self.base(o), ty: self.node(o).ty.clone() };
                let reads = node.operands.iter().map(whole).collect();
                (Some((op.clone(), reads)), (None, vec![]))
            };
            let (result, name) = (node.ty.clone(), node.name.to_string());
            drafts.push(Draft { op, expr, operands, outputs: vec![Output { node: id, ty: result.clone() }], result, name });
        }
        drafts
    }
}

/// The kernels that use a node.
#[derive(Clone, Copy, PartialEq)]
enum Sinks {
    None,
    One(NodeId),
    Several,
}

impl Sinks {
    fn and(self, other: Sinks) -> Sinks {
        match (self, other) {
            (Sinks::None, sinks) | (sinks, Sinks::None) => sinks,
            (Sinks::One(a), Sinks::One(b)) if a == b => self,
            _ => Sinks::Several,
        }
    }
}

/// What a kernel needs to compute a node.
#[derive(Clone, Default)]
struct Needs {
    /// Numbers of [`Places`].
    loads: Vec<u32>,
    /// Instructions, at most.
    code: usize,
}

impl Needs {
    fn add(&mut self, load: u32) {
        if !self.loads.contains(&load) {
            self.loads.push(load);
        }
    }
}

/// What kernels load, numbered.
#[derive(Default)]
struct Places {
    numbers: HashMap<(NodeId, Index), u32>,
    bases: Vec<NodeId>,
}

impl Places {
    fn of(&mut self, base: NodeId, index: Index) -> u32 {
        *self.numbers.entry((base, index)).or_insert_with(|| {
            self.bases.push(base);
            self.bases.len() as u32 - 1
        })
    }

    /// Whether one kernel may need so much, and have a result.
    fn fit(&self, needs: &Needs) -> bool {
        let bases: BTreeSet<NodeId> = needs.loads.iter().map(|&n| self.bases[n as usize]).collect();
        needs.loads.len() <= MAX_LOADS && bases.len() < MAX_BINDINGS && needs.code <= MAX_CODE
    }
}
