//! Moves the elementwise kernel that alone reads an op's result into the op's epilogue.

use std::collections::HashMap;

use super::kernel::{Draft, Draws, Output, depends};
use crate::expr::{Expr, Instr, Reg};
use crate::op::Op;
use crate::plan::{Index, MAX_BINDINGS};
use crate::profile::DeviceProfile;
use crate::shape::Type;

pub(crate) fn absorb(draws: &mut Draws, profile: &DeviceProfile) {
    let mut at = 0;
    while at < draws.drafts.len() {
        match follower(draws, at, profile) {
            Some(next) => {
                let reader = draws.drafts.remove(next);
                let at_now = if next < at { at - 1 } else { at };
                merge(&mut draws.drafts[at_now], reader);
                at = at_now + 1;
            }
            None => at += 1,
        }
    }
}

/// The kernel to absorb into draft `at`.
fn follower(draws: &Draws, at: usize, profile: &DeviceProfile) -> Option<usize> {
    let d = &draws.drafts[at];
    let (op, own) = d.op.as_ref()?;
    let result = d.outputs[0].node;
    // A product in parts is joined by a kernel that knows no epilogue; a reduction joins its own.
    let in_parts = draws.workspace(d, profile) > 0 && !matches!(op, Op::Reduce(_));
    if !op.accepts_epilogue() || d.expr.is_some() || in_parts || draws.is_kept(result) {
        return None;
    }
    let mut readers = (0..draws.drafts.len()).filter(|&i| draws.drafts[i].reads().any(|r| r == result));
    let (reader, None) = (readers.next()?, readers.next()) else { return None };
    let r = &draws.drafts[reader];
    let plain = r.operands.iter().all(|o| o.base != result || o.index == Index::Same);
    let others = r.operands.iter().filter(|o| o.base != result).count();
    let fits = own.len() + others + 2 <= MAX_BINDINGS;
    let same_size = r.outputs[0].ty.numel() == d.result.numel();
    if !r.is_elementwise() || r.outputs.len() != 1 || !plain || !fits || !same_size {
        return None;
    }
    (!depends(&draws.dependencies(), reader, at, true)).then_some(reader)
}

/// `op`, then `reader` on each element of its result.
fn merge(op: &mut Draft, reader: Draft) {
    let result = op.outputs[0].node;
    let mut renumbered: HashMap<u16, Option<u16>> = HashMap::new();
    let mut operands = Vec::new();
    for (n, o) in reader.operands.into_iter().enumerate() {
        let kept = if o.base == result {
            None
        } else {
            operands.push(o);
            Some(operands.len() as u16 - 1)
        };
        renumbered.insert(n as u16, kept);
    }
    let Some(body) = reader.expr else { return };
    let mut expr = Expr::default();
    let mut regs: Vec<Reg> = Vec::new();
    for instr in body.code {
        let reg = match instr {
            Instr::Load(n) => match renumbered[&n] {
                Some(n) => expr.push(Instr::Load(n)),
                None => expr.push(Instr::Acc),
            },
            other => expr.push(map_regs(other, |r| regs[r as usize])),
        };
        regs.push(reg);
    }
    expr.outputs = body.outputs.iter().map(|&r| regs[r as usize]).collect();
    op.expr = Some(expr);
    op.operands = operands;
    // What is written has the reader's element type; the kernel counts through the op's shape.
    let written = |o: Output| Output { ty: Type { shape: op.result.shape.clone(), dtype: o.ty.dtype }, ..o };
    op.outputs = reader.outputs.into_iter().map(written).collect();
}

/// An instruction with its registers renamed.
pub(super) fn map_regs(instr: Instr, f: impl Fn(Reg) -> Reg) -> Instr {
    match instr {
        Instr::Unary(op, a) => Instr::Unary(op, f(a)),
        Instr::Binary(op, a, b) => Instr::Binary(op, f(a), f(b)),
        Instr::Select(c, a, b) => Instr::Select(f(c), f(a), f(b)),
        Instr::Load(_) | Instr::Acc | Instr::Position | Instr::Const(_) => instr,
    }
}
