//! Kernels while they are being drawn up: what each computes, in terms of nodes.

use std::collections::HashSet;

use crate::expr::Expr;
use crate::graph::{NodeId, NodeKind, Program};
use crate::op::Op;
use crate::plan::Index;
use crate::profile::DeviceProfile;
use crate::shape::Type;

/// Operands that an elementwise kernel loads, in as many ways: how each is indexed takes room in the kernel's block of
/// parameters ([`DeviceProfile::step_bytes`] is for two of 64 words).
pub(crate) const MAX_LOADS: usize = 12;

/// An operand of an expression: a whole node in memory and how it is indexed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Operand {
    pub base: NodeId,
    pub index: Index,
}

/// A whole tensor that an op reads: a node in memory, and its type as the op sees it (the node's own may be another shape).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Whole {
    pub base: NodeId,
    pub ty: Type,
}

/// A node that a kernel computes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Output {
    pub node: NodeId,
    /// As the kernel writes it: of the node's element type, and of the shape that the kernel counts through (after an op,
    /// the op's).
    pub ty: Type,
}

/// A kernel: an expression, or an op with perhaps an expression as its epilogue.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// The op and what it reads; `None` for an elementwise kernel.
    pub op: Option<(Op, Vec<Whole>)>,
    /// The elementwise body or the epilogue.
    pub expr: Option<Expr>,
    /// What `expr` loads.
    pub operands: Vec<Operand>,
    /// Nodes that it computes, in the order of `expr`'s outputs.
    pub outputs: Vec<Output>,
    /// Type of the op's own result, before the epilogue.
    pub result: Type,
    pub name: String,
}

impl Draft {
    /// Nodes that it reads.
    pub fn reads(&self) -> impl Iterator<Item = NodeId> + '_ {
        let own = self.op.iter().flat_map(|(_, reads)| reads.iter().map(|r| r.base));
        own.chain(self.operands.iter().map(|o| o.base))
    }

    /// Whether it computes `node`.
    pub fn computes(&self, node: NodeId) -> bool {
        self.outputs.iter().any(|o| o.node == node)
    }

    pub fn is_elementwise(&self) -> bool {
        self.op.is_none()
    }

    /// Whether its result may take the memory of `node`, which it reads: element by element, or as the operand that its op
    /// works on in place.
    pub fn may_overwrite(&self, node: NodeId) -> bool {
        match &self.op {
            None => self.operands.iter().all(|o| o.base != node || o.index == Index::Same),
            Some((op, own)) => {
                let target = op.in_place().filter(|_| self.expr.is_none());
                target.is_some_and(|n| own[n].base == node) && own.iter().filter(|r| r.base == node).count() == 1
            }
        }
    }
}

/// A program with its nodes' types (of copies that planning added, too) and its kernels.
pub(crate) struct Draws<'a> {
    pub program: &'a Program,
    pub types: Vec<Type>,
    pub drafts: Vec<Draft>,
    /// For each state that is assigned: the node whose value it takes.
    pub finals: Vec<(usize, NodeId)>,
    /// Values that live in a state's memory before the final one does.
    pub versions: Vec<(usize, NodeId)>,
}

impl Draws<'_> {
    /// Nodes that are read after the step.
    pub fn kept(&self) -> HashSet<NodeId> {
        self.program.outputs.iter().map(|&(_, o)| o).chain(self.finals.iter().map(|&(_, f)| f)).collect()
    }

    /// Scratch elements of a draft's op.
    pub fn workspace(&self, draft: &Draft, profile: &DeviceProfile) -> usize {
        draft.op.as_ref().map_or(0, |(op, reads)| {
            let types: Vec<Type> = reads.iter().map(|r| r.ty.clone()).collect();
            op.workspace(&types, &draft.result, profile)
        })
    }
}

/// Whether a node is computed by an expression.
pub(crate) fn is_elementwise(kind: &NodeKind) -> bool {
    matches!(kind, NodeKind::Op(Op::Unary(_) | Op::Binary(_) | Op::Select(_) | Op::Cast(_) | Op::Full(_) | Op::Iota(_)))
}
