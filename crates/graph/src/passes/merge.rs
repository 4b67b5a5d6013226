//! Joins elementwise kernels of one size that share operands, or of which one reads the other's result: a parameter and
//! its two moments are one kernel.

use std::collections::BTreeSet;

use super::epilogue::map_regs;
use super::kernel::{Draft, Draws, Operand, Output, depends};
use crate::expr::{Instr, Reg};
use crate::graph::NodeId;
use crate::plan::{Index, MAX_BINDINGS};
use crate::shape::Dtype;

/// How the outputs of a kernel are counted against the limit on bindings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    /// A new value of a state shares the binding of the old value that the kernel reads. True unless the order of kernels
    /// keeps the update from being in place.
    InPlace,
    /// Every output has a binding of its own.
    Apart,
}

pub(crate) fn siblings(draws: &mut Draws, count: Count) {
    let mut dependencies = draws.dependencies();
    let mut later = 1;
    while later < draws.drafts.len() {
        let partner = (0..later).rev().find(|&earlier| can_join(draws, &dependencies, earlier, later, count));
        let Some(earlier) = partner else {
            later += 1;
            continue;
        };
        let first = draws.drafts.remove(earlier);
        join(first, &mut draws.drafts[later - 1]);
        dependencies = draws.dependencies();
        // The joined kernel now stands one place earlier, and may join again.
    }
}

/// A copy of u32s moves bits; as a part of another kernel it would go through a float.
fn copies_words(draws: &Draws, d: &Draft) -> bool {
    let reads_words = |o: &Operand| draws.types[o.base as usize].dtype == Dtype::U32;
    d.outputs[0].ty.dtype == Dtype::U32 && d.operands.first().is_some_and(reads_words)
}

fn can_join(draws: &Draws, dependencies: &[Vec<usize>], earlier: usize, later: usize, count: Count) -> bool {
    let (a, b) = (&draws.drafts[earlier], &draws.drafts[later]);
    let numel = |d: &Draft| d.outputs[0].ty.numel();
    if !a.is_elementwise() || !b.is_elementwise() || numel(a) != numel(b) || [a, b].iter().any(|d| copies_words(draws, d)) {
        return false;
    }
    // What b reads of a's results must be the element that a has just computed, and the very value: a register holds the float
    // that a word is made from.
    let reads_result = |o: &Operand| a.computes(o.base);
    let in_register = |o: &Operand| o.index == Index::Same && draws.types[o.base as usize].dtype == Dtype::F32;
    if b.operands.iter().any(|o| reads_result(o) && !in_register(o)) {
        return false;
    }
    let large = |base| draws.types[base as usize].numel() == numel(a);
    let shared = a.operands.iter().any(|o| large(o.base) && b.operands.contains(o));
    if !shared && !b.operands.iter().any(reads_result) {
        return false;
    }
    bindings(draws, a, b, count) <= MAX_BINDINGS
        && !depends(dependencies, later, earlier, true)
        && !depends(dependencies, earlier, later, false)
}

/// Storage bindings that the two need as one.
fn bindings(draws: &Draws, a: &Draft, b: &Draft, count: Count) -> usize {
    let operands = || a.operands.iter().chain(b.operands.iter().filter(|o| !a.computes(o.base)));
    let bases: BTreeSet<NodeId> = operands().map(|o| o.base).collect();
    let shares = |output: &Output| {
        let state = draws.finals.iter().find(|&&(_, value)| value == output.node).map(|&(n, _)| &draws.program.states[n]);
        let read = state.is_some_and(|s| bases.contains(&s.initial));
        count == Count::InPlace && read && operands().all(|o| state.is_none_or(|s| o.base != s.initial || o.index == Index::Same))
    };
    bases.len() + a.outputs.iter().chain(&b.outputs).filter(|o| !shares(o)).count()
}

/// `a` before `b`, in `b`'s place.
fn join(a: Draft, b: &mut Draft) {
    let (Some(mut expr), Some(body)) = (a.expr, b.expr.take()) else { return };
    if !b.name.split(", ").any(|n| n == a.name) {
        b.name = format!("{}, {}", a.name, b.name); // whoever looks for a tensor finds it
    }
    let mut operands = a.operands;
    let mut regs: Vec<Reg> = Vec::new();
    for instr in body.code {
        let reg = match instr {
            Instr::Load(n) => {
                let operand = &b.operands[n as usize];
                match a.outputs.iter().position(|o| o.node == operand.base) {
                    Some(computed) => expr.outputs[computed],
                    None => {
                        let n = operands.iter().position(|o| o == operand).unwrap_or_else(|| {
                            operands.push(operand.clone());
                            operands.len() - 1
                        });
                        expr.push(Instr::Load(n as u16))
                    }
                }
            }
            other => expr.push(map_regs(other, |r| regs[r as usize])),
        };
        regs.push(reg);
    }
    expr.outputs.extend(body.outputs.iter().map(|&r| regs[r as usize]));
    b.expr = Some(expr);
    b.operands = operands;
    b.outputs = [a.outputs, std::mem::take(&mut b.outputs)].concat();
}
