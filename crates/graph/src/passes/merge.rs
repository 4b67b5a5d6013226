//! Joins elementwise kernels of one size that share operands, or of which one reads the other's result: a parameter and
//! its two moments are one kernel.

use super::epilogue::map_regs;
use super::kernel::{Draft, Draws, depends};
use crate::expr::{Instr, Reg};
use crate::plan::Index;
use crate::planner::MAX_BINDINGS;

pub(crate) fn siblings(draws: &mut Draws) {
    let mut dependencies = draws.dependencies();
    let mut later = 1;
    while later < draws.drafts.len() {
        let partner = (0..later).rev().find(|&earlier| can_join(draws, &dependencies, earlier, later));
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

fn can_join(draws: &Draws, dependencies: &[Vec<usize>], earlier: usize, later: usize) -> bool {
    let (a, b) = (&draws.drafts[earlier], &draws.drafts[later]);
    let numel = |d: &Draft| draws.types[d.outputs[0] as usize].numel();
    if !a.is_elementwise() || !b.is_elementwise() || numel(a) != numel(b) {
        return false;
    }
    // What b reads of a's results must be the element that a has just computed.
    let reads_result = |o: &super::kernel::Operand| a.outputs.contains(&o.base);
    if b.operands.iter().any(|o| reads_result(o) && o.index != Index::Same) {
        return false;
    }
    let large = |base| draws.types[base as usize].numel() == numel(a);
    let shared = a.operands.iter().any(|o| large(o.base) && b.operands.contains(o));
    if !shared && !b.operands.iter().any(reads_result) {
        return false;
    }
    let mut bound: Vec<_> = a.reads().chain(b.reads().filter(|r| !a.outputs.contains(r))).collect();
    bound.sort_unstable();
    bound.dedup();
    bound.len() + a.outputs.len() + b.outputs.len() <= MAX_BINDINGS
        && !depends(dependencies, later, earlier, true)
        && !depends(dependencies, earlier, later, false)
}

/// `a` before `b`, in `b`'s place.
fn join(a: Draft, b: &mut Draft) {
    let (Some(mut expr), Some(body)) = (a.expr, b.expr.take()) else { return };
    let mut operands = a.operands;
    let mut regs: Vec<Reg> = Vec::new();
    for instr in body.code {
        let reg = match instr {
            Instr::Load(n) => {
                let operand = &b.operands[n as usize];
                match a.outputs.iter().position(|&o| o == operand.base) {
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
