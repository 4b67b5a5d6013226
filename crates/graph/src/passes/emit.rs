//! Emits the expression of one kernel.

use std::collections::HashMap;

use super::fuse::Fusion;
use super::kernel::Operand;
use crate::expr::{Builder, Expr, Instr, Reg};
use crate::graph::{NodeId, NodeKind};
use crate::op::Op;
use crate::plan::Index;

/// An expression that is being emitted, for a kernel of `numel` elements.
struct Emit<'a, 'b> {
    fusion: &'a Fusion<'b>,
    numel: usize,
    expr: Builder,
    operands: Vec<Operand>,
    done: HashMap<NodeId, Reg>,
}

/// The expression of the kernel that writes `root`, and what it loads.
pub(super) fn expression(fusion: &Fusion, root: NodeId) -> (Expr, Vec<Operand>) {
    let numel = fusion.numel(root);
    let mut e = Emit { fusion, numel, expr: Builder::default(), operands: vec![], done: HashMap::new() };
    let out = e.emit(root);
    (e.expr.finish(&[out]), e.operands)
}

impl Emit<'_, '_> {
    /// Emits a node after all that it is computed from in the kernel, first operands first. On a stack of its own: chains are
    /// long.
    fn emit(&mut self, root: NodeId) -> Reg {
        let f = self.fusion;
        // Nodes under way, with the registers of the operands that they have so far.
        let mut stack: Vec<(NodeId, Vec<Reg>)> = vec![(root, vec![])];
        while let Some((id, regs)) = stack.last_mut() {
            let id = *id;
            if let Some(&operand) = f.node(id).operands.get(regs.len()) {
                let base = f.base(operand);
                if !f.is_inlined(base) {
                    let reg = self.load(base, f.index(id, operand, self.numel));
                    regs.push(reg);
                } else if let Some(&reg) = self.done.get(&base) {
                    regs.push(reg);
                } else {
                    stack.push((base, vec![]));
                }
                continue;
            }
            let reg = self.instruction(id, regs);
            self.done.insert(id, reg);
            stack.pop();
            match stack.last_mut() {
                Some((_, regs)) => regs.push(reg),
                None => return reg,
            }
        }
        unreachable!("the root is emitted last")
    }

    fn load(&mut self, base: NodeId, index: Index) -> Reg {
        let operand = Operand { base, index };
        let n = self.operands.iter().position(|o| *o == operand).unwrap_or_else(|| {
            self.operands.push(operand);
            self.operands.len() - 1
        });
        self.expr.push(Instr::Load(n as u16))
    }

    fn instruction(&mut self, id: NodeId, regs: &[Reg]) -> Reg {
        let instr = match &self.fusion.node(id).kind {
            NodeKind::Op(Op::Unary(f)) => Instr::Unary(*f, regs[0]),
            NodeKind::Op(Op::Binary(f)) => Instr::Binary(*f, regs[0], regs[1]),
            NodeKind::Op(Op::Select(_)) => Instr::Select(regs[0], regs[1], regs[2]),
            NodeKind::Op(Op::Full(full)) => Instr::Const(full.value),
            NodeKind::Op(Op::Iota(_)) => Instr::Position,
            _ => return regs[0], // a copy: Cast or a reshape across strides
        };
        self.expr.push(instr)
    }
}
