//! Moves the elementwise kernel that alone reads an op's result into the op's epilogue.

use std::collections::HashSet;

use super::kernel::{Draft, Draws, Output};
use super::links::readers;
use crate::expr::{Builder, Instr};
use crate::graph::NodeId;
use crate::op::Op;
use crate::plan::{Index, MAX_BINDINGS};
use crate::profile::DeviceProfile;
use crate::shape::Type;

pub(crate) fn absorb(draws: &mut Draws, profile: &DeviceProfile) {
    let kept = draws.kept();
    let readers = readers(&draws.drafts);
    // The kernel that each has become a part of; itself at first.
    let mut now: Vec<usize> = (0..draws.drafts.len()).collect();
    for at in 0..draws.drafts.len() {
        let only_reader = |node: NodeId| {
            let mut all = readers.get(&node)?.iter().map(|&r| now[r]);
            let first = all.next()?;
            all.all(|r| r == first).then_some(first)
        };
        if let Some(next) = follower(draws, only_reader, &kept, at, profile) {
            let reader = draws.drafts[next].clone();
            merge(&mut draws.drafts[at], reader);
            now[next] = at;
        }
    }
    let mut stays = now.into_iter().enumerate().map(|(at, now)| at == now);
    draws.drafts.retain(|_| stays.next() == Some(true));
}

/// The kernel to absorb into draft `at`.
fn follower(
    draws: &Draws,
    only_reader: impl Fn(NodeId) -> Option<usize>,
    kept: &HashSet<NodeId>,
    at: usize,
    profile: &DeviceProfile,
) -> Option<usize> {
    let d = &draws.drafts[at];
    let (op, own) = d.op.as_ref()?;
    let result = d.outputs[0].node;
    // A product in parts is joined by a kernel that knows no epilogue; a reduction joins its own.
    let in_parts = draws.workspace(d, profile) > 0 && !matches!(op, Op::Reduce(_));
    if !op.accepts_epilogue() || d.expr.is_some() || in_parts || kept.contains(&result) {
        return None;
    }
    // Whatever else the only reader reads has not come from the result, so that the two can be one.
    let reader = only_reader(result)?;
    let r = &draws.drafts[reader];
    let plain = r.operands.iter().all(|o| o.base != result || o.index == Index::Same);
    let others = r.operands.iter().filter(|o| o.base != result).count();
    let fits = own.len() + others + 2 <= MAX_BINDINGS;
    let same_size = r.outputs[0].ty.numel() == d.result.numel();
    (r.is_elementwise() && r.outputs.len() == 1 && plain && fits && same_size).then_some(reader)
}

/// `op`, then `reader` on each element of its result.
fn merge(op: &mut Draft, reader: Draft) {
    let result = op.outputs[0].node;
    let Some(body) = reader.expr else { return };
    // Place of each of the reader's operands among those that are left.
    let mut places: Vec<Option<u16>> = Vec::new();
    for operand in reader.operands {
        let other = operand.base != result;
        places.push(other.then_some(op.operands.len() as u16));
        op.operands.extend(other.then_some(operand));
    }
    let mut expr = Builder::default();
    let outputs = expr.append(&body, |expr, instr| match instr {
        Instr::Load(n) => expr.push(places[n as usize].map_or(Instr::Acc, Instr::Load)),
        other => expr.push(other),
    });
    op.expr = Some(expr.finish(&outputs));
    // What is written has the reader's element type; the kernel counts through the op's shape.
    let written = |o: Output| Output { ty: Type { shape: op.result.shape.clone(), dtype: o.ty.dtype }, ..o };
    op.outputs = reader.outputs.into_iter().map(written).collect();
}
