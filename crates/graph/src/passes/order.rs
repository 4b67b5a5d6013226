//! The order of kernels, and the edges that in-place updates of state need.

use std::collections::HashMap;

use super::kernel::{Draft, Draws, Operand, Output, depends};
use crate::error::PlanError;
use crate::expr::Expr;
use crate::graph::NodeId;
use crate::plan::Index;

/// Orders the kernels so that every state can be updated in place: whoever reads a state's old value runs before, or is
/// the kernel that writes the new one and may overwrite the old. Where that cannot be, the new value is kept apart and
/// copied after the last reader.
///
/// # Errors
/// Kernels that wait for each other: a mistake of an earlier pass.
pub(crate) fn order(draws: &mut Draws) -> Result<(), PlanError> {
    let mut dependencies = draws.dependencies();
    for f in 0..draws.finals.len() {
        let (state, value) = draws.finals[f];
        let initial = draws.program.states[state].initial;
        let producers = draws.producers();
        if !producers.contains_key(&value) {
            continue;
        }
        let readers: Vec<usize> = (0..draws.drafts.len()).filter(|&i| draws.drafts[i].reads().any(|r| r == initial)).collect();
        let in_place = |first: usize| {
            let before = |&r: &usize| !depends(&dependencies, r, first, false);
            readers.iter().all(|r| if *r == first { draws.drafts[first].may_overwrite(initial) } else { before(r) })
        };
        let versions = versions(draws, &producers, value);
        let first = match versions.iter().rposition(|v| in_place(producers[v])) {
            Some(n) => {
                draws.versions.extend(versions[1..=n].iter().map(|&v| (state, v)));
                producers[&versions[n]]
            }
            None => push_copy(draws, &mut dependencies, state, f, value),
        };
        dependencies[first].extend(readers.iter().filter(|&&r| r != first));
    }
    sort(draws, &dependencies)
}

/// The final value of a state and, latest first, the values that it was made from by ops which work in place and that
/// nobody else reads: all of them can live in the state's memory.
fn versions(draws: &Draws, producers: &HashMap<NodeId, usize>, value: NodeId) -> Vec<NodeId> {
    let mut versions = vec![value];
    let mut at = value;
    while let Some((op, own)) = &draws.drafts[producers[&at]].op {
        let Some(before) = op.in_place().map(|n| own[n].base) else { break };
        let readers = draws.drafts.iter().filter(|d| d.reads().any(|r| r == before)).count();
        let made_here = producers.get(&before).is_some_and(|&p| draws.drafts[p].outputs.len() == 1);
        if readers != 1 || !made_here || !draws.drafts[producers[&at]].may_overwrite(before) || draws.is_kept(before) {
            break;
        }
        versions.push(before);
        at = before;
    }
    versions
}

fn push_copy(draws: &mut Draws, dependencies: &mut Vec<Vec<usize>>, state: usize, f: usize, value: NodeId) -> usize {
    let copy = draws.types.len() as NodeId;
    let ty = draws.types[value as usize].clone();
    draws.types.push(ty.clone());
    let producer = draws.producers()[&value];
    draws.drafts.push(Draft {
        op: None,
        expr: Some(Expr::copy()),
        operands: vec![Operand { base: value, index: Index::Same }],
        outputs: vec![Output { node: copy, ty: ty.clone() }],
        result: ty,
        name: draws.program.states[state].spec.name.clone(),
    });
    dependencies.push(vec![producer]);
    draws.finals[f].1 = copy;
    draws.drafts.len() - 1
}

/// Dependencies first; among those that are ready, the one written first.
fn sort(draws: &mut Draws, dependencies: &[Vec<usize>]) -> Result<(), PlanError> {
    let n = draws.drafts.len();
    let mut waits: Vec<usize> = vec![0; n];
    let mut followers: Vec<Vec<usize>> = vec![vec![]; n];
    for (i, before) in dependencies.iter().enumerate() {
        let mut before = before.clone();
        before.sort_unstable();
        before.dedup();
        waits[i] = before.len();
        before.iter().for_each(|&b| followers[b].push(i));
    }
    let key = |i: usize| std::cmp::Reverse((draws.drafts[i].outputs.iter().map(|o| o.node).max(), i));
    let mut ready: std::collections::BinaryHeap<_> = (0..n).filter(|&i| waits[i] == 0).map(key).collect();
    let mut sorted = Vec::with_capacity(n);
    while let Some(std::cmp::Reverse((_, i))) = ready.pop() {
        sorted.push(i);
        for &j in &followers[i] {
            waits[j] -= 1;
            if waits[j] == 0 {
                ready.push(key(j));
            }
        }
    }
    if let Some(stuck) = (0..n).find(|&i| waits[i] > 0) {
        return Err(PlanError::Circle { name: draws.drafts[stuck].name.clone() });
    }
    let mut drafts: Vec<Option<Draft>> = draws.drafts.drain(..).map(Some).collect();
    draws.drafts = sorted.into_iter().filter_map(|i| drafts[i].take()).collect();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Program;
    use crate::shape::Type;

    #[test]
    fn kernels_that_wait_for_each_other_are_an_error() {
        let kernel = |reads: NodeId, node: NodeId| Draft {
            op: None,
            expr: Some(Expr::copy()),
            operands: vec![Operand { base: reads, index: Index::Same }],
            outputs: vec![Output { node, ty: Type::f32([1]) }],
            result: Type::f32([1]),
            name: format!("node {node}"),
        };
        let program = Program::default();
        let order_of = |drafts: Vec<Draft>| {
            let mut draws = Draws { program: &program, types: vec![], drafts, finals: vec![], versions: vec![] };
            order(&mut draws).map(|()| draws.drafts.iter().map(|d| d.outputs[0].node).collect::<Vec<_>>())
        };
        assert_eq!(order_of(vec![kernel(2, 1), kernel(0, 2)]), Ok(vec![2, 1]));
        let circle = order_of(vec![kernel(0, 1), kernel(3, 2), kernel(2, 3)]);
        assert!(matches!(&circle, Err(PlanError::Circle { name }) if name == "node 2"), "{circle:?}");
    }
}
