//! Draws up kernels: decides which elementwise nodes are written to memory and which live in registers of the kernels
//! that use them.

use std::collections::{BTreeSet, HashMap};

use super::kernel::{Draft, Draws, Operand, Output, Whole, is_elementwise};
use super::view::{View, views};
use crate::expr::{Binary, Expr, Instr, Reg, Unary};
use crate::graph::{Node, NodeId, NodeKind, Program};
use crate::op::Op;
use crate::plan::{Index, MAX_BINDINGS};

struct Fusion<'a> {
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
    let drafts = loop {
        f.choose_roots();
        match f.drafts() {
            Ok(drafts) => break drafts,
            Err(too_wide) => f.pinned[too_wide as usize] = true,
        }
    };
    let states = program.states.iter().enumerate().filter(|(_, s)| s.current != s.initial);
    let finals = states.map(|(n, s)| (n, s.current)).collect();
    Draws { program, types: program.nodes.iter().map(|n| n.ty.clone()).collect(), drafts, finals, versions: vec![] }
}

impl Fusion<'_> {
    fn node(&self, id: NodeId) -> &Node {
        &self.program.nodes[id as usize]
    }

    fn numel(&self, id: NodeId) -> usize {
        self.node(id).ty.numel()
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
                let base = self.views[o as usize].base;
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
    fn index(&self, id: NodeId, operand: NodeId, numel: usize) -> Index {
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
        let bases: BTreeSet<NodeId> = node.operands.iter().map(|&o| self.views[o as usize].base).collect();
        let large = bases.into_iter().filter(|&b| !self.is_full(b) && self.numel(b) > 1).count();
        plain && large <= 1
    }

    /// A node is written where it is pinned, or where several kernels want it and it is not cheap.
    fn choose_roots(&mut self) {
        let n = self.program.nodes.len();
        self.root = vec![false; n];
        let mut sinks: Vec<BTreeSet<NodeId>> = vec![BTreeSet::new(); n];
        for id in (0..n as NodeId).rev() {
            if self.is_view(id) || !self.elementwise(id) {
                continue;
            }
            let i = id as usize;
            self.root[i] = self.pinned[i] || (sinks[i].len() > 1 && !self.cheap(id));
            let mine = if self.root[i] { BTreeSet::from([id]) } else { std::mem::take(&mut sinks[i]) };
            for &o in &self.node(id).operands {
                let base = self.views[o as usize].base;
                sinks[base as usize].extend(&mine);
            }
        }
    }

    /// All kernels; an error names a node to write, where a kernel would bind too much.
    fn drafts(&self) -> Result<Vec<Draft>, NodeId> {
        let mut drafts = Vec::new();
        for (id, node) in self.program.nodes.iter().enumerate() {
            let id = id as NodeId;
            let NodeKind::Op(op) = &node.kind else { continue };
            if self.is_view(id) {
                continue;
            }
            if self.elementwise(id) {
                if self.root[id as usize] {
                    drafts.push(self.expression(id)?);
                }
                continue;
            }
            let whole = |&o: &NodeId| Whole { base: self.views[o as usize].base, ty: self.node(o).ty.clone() };
            let reads = node.operands.iter().map(whole).collect();
            drafts.push(Draft {
                op: Some((op.clone(), reads)),
                expr: None,
                operands: vec![],
                outputs: vec![Output { node: id, ty: node.ty.clone() }],
                result: node.ty.clone(),
                name: node.name.to_string(),
            });
        }
        Ok(drafts)
    }

    fn expression(&self, root: NodeId) -> Result<Draft, NodeId> {
        let mut e = Emit { fusion: self, numel: self.numel(root), expr: Expr::default(), operands: vec![], done: HashMap::new() };
        let out = e.node(root);
        e.expr.outputs.push(out);
        if e.operands.len() + 1 > MAX_BINDINGS {
            return Err(self.widest_part(root, e.operands.len()));
        }
        let node = self.node(root);
        Ok(Draft {
            op: None,
            expr: Some(e.expr),
            operands: e.operands,
            outputs: vec![Output { node: root, ty: node.ty.clone() }],
            result: node.ty.clone(),
            name: node.name.to_string(),
        })
    }

    /// The inlined node that loads the most operands by itself, but not all.
    fn widest_part(&self, root: NodeId, all: usize) -> NodeId {
        let mut best = (0, root);
        let mut stack = vec![root];
        while let Some(id) = stack.pop() {
            for &o in &self.node(id).operands {
                let base = self.views[o as usize].base;
                if self.elementwise(base) && !self.root[base as usize] && !self.is_full(base) {
                    let mut e = Emit {
                        fusion: self,
                        numel: self.numel(base),
                        expr: Expr::default(),
                        operands: vec![],
                        done: HashMap::new(),
                    };
                    e.node(base);
                    if e.operands.len() < all && e.operands.len() > best.0 {
                        best = (e.operands.len(), base);
                    }
                    stack.push(base);
                }
            }
        }
        best.1
    }
}

/// Emits the expression of one kernel.
struct Emit<'a, 'b> {
    fusion: &'a Fusion<'b>,
    numel: usize,
    expr: Expr,
    operands: Vec<Operand>,
    done: HashMap<NodeId, Reg>,
}

impl Emit<'_, '_> {
    fn load(&mut self, base: NodeId, index: Index) -> Reg {
        let operand = Operand { base, index };
        let n = self.operands.iter().position(|o| *o == operand).unwrap_or_else(|| {
            self.operands.push(operand);
            self.operands.len() - 1
        });
        self.expr.push(Instr::Load(n as u16))
    }

    fn operand(&mut self, of: NodeId, operand: NodeId) -> Reg {
        let f = self.fusion;
        let base = f.views[operand as usize].base;
        if f.is_full(base) || (f.elementwise(base) && !f.root[base as usize]) {
            return self.node(base);
        }
        let index = f.index(of, operand, self.numel);
        self.load(base, index)
    }

    fn node(&mut self, id: NodeId) -> Reg {
        if let Some(&reg) = self.done.get(&id) {
            return reg;
        }
        let node = self.fusion.node(id);
        let regs: Vec<Reg> = node.operands.iter().map(|&o| self.operand(id, o)).collect();
        let reg = match &node.kind {
            NodeKind::Op(Op::Unary(f)) => self.expr.push(Instr::Unary(*f, regs[0])),
            NodeKind::Op(Op::Binary(f)) => self.expr.push(Instr::Binary(*f, regs[0], regs[1])),
            NodeKind::Op(Op::Select(_)) => self.expr.push(Instr::Select(regs[0], regs[1], regs[2])),
            NodeKind::Op(Op::Full(full)) => self.expr.push(Instr::Const(full.value)),
            NodeKind::Op(Op::Iota(_)) => self.expr.push(Instr::Position),
            _ => regs[0], // a copy: Cast or a reshape across strides
        };
        self.done.insert(id, reg);
        reg
    }
}
