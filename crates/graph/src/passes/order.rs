//! The order of kernels, and the edges that in-place updates of state need.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use super::kernel::{Draft, Draws, Operand, Output};
use super::links::{Links, producers, readers, sorted};
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
    let mut edges = Edges::new(draws);
    for f in 0..draws.finals.len() {
        let (state, value) = draws.finals[f];
        let initial = draws.program.states[state].initial;
        if !edges.producers.contains_key(&value) {
            continue;
        }
        let readers = edges.readers.get(&initial).cloned().unwrap_or_default();
        let versions = edges.versions(draws, value);
        let first = match versions.iter().rposition(|v| edges.in_place(draws, &readers, initial, *v)) {
            Some(n) => {
                draws.versions.extend(versions[1..=n].iter().map(|&v| (state, v)));
                edges.producers[&versions[n]]
            }
            None => edges.push_copy(draws, f),
        };
        readers.iter().filter(|&&r| r != first).for_each(|&r| edges.links.follow(first, r));
    }
    sort(draws, &edges.links.into_before())
}

/// What must come before what.
struct Edges {
    producers: HashMap<NodeId, usize>,
    readers: HashMap<NodeId, Vec<usize>>,
    kept: HashSet<NodeId>,
    links: Links,
}

impl Edges {
    fn new(draws: &Draws) -> Self {
        let producers = producers(&draws.drafts);
        let links = Links::new(&draws.drafts, &producers);
        Edges { producers, readers: readers(&draws.drafts), kept: draws.kept(), links }
    }

    /// Whether the kernel that computes `value` can be the first to write over a state's `initial` value: all its other
    /// `readers` can run before.
    fn in_place(&mut self, draws: &Draws, readers: &[usize], initial: NodeId, value: NodeId) -> bool {
        let first = self.producers[&value];
        if readers.contains(&first) && !draws.drafts[first].may_overwrite(initial) {
            return false;
        }
        readers.iter().all(|&r| r == first || !self.links.follows(r, first))
    }

    /// The final value of a state and, latest first, the values that it was made from by ops which work in place and that
    /// nobody else reads: all of them can live in the state's memory.
    fn versions(&self, draws: &Draws, value: NodeId) -> Vec<NodeId> {
        let mut versions = vec![value];
        let mut at = value;
        while let Some((op, own)) = &draws.drafts[self.producers[&at]].op {
            let Some(before) = op.in_place().map(|n| own[n].base) else { break };
            let readers = self.readers.get(&before).map_or(0, Vec::len);
            let made_here = self.producers.get(&before).is_some_and(|&p| draws.drafts[p].outputs.len() == 1);
            let overwritten = draws.drafts[self.producers[&at]].may_overwrite(before);
            if readers != 1 || !made_here || !overwritten || self.kept.contains(&before) {
                break;
            }
            versions.push(before);
            at = before;
        }
        versions
    }

    /// Adds a kernel that copies final value `f` to where its state is.
    fn push_copy(&mut self, draws: &mut Draws, f: usize) -> usize {
        let (state, value) = draws.finals[f];
        let copy = draws.types.len() as NodeId;
        let ty = draws.types[value as usize].clone();
        draws.types.push(ty.clone());
        draws.drafts.push(Draft {
            op: None,
            expr: Some(Expr::copy()),
            operands: vec![Operand { base: value, index: Index::Same }],
            outputs: vec![Output { node: copy, ty: ty.clone() }],
            result: ty,
            name: draws.program.states[state].spec.name.clone(),
        });
        let at = draws.drafts.len() - 1;
        self.links.push();
        self.links.follow(at, self.producers[&value]);
        self.producers.insert(copy, at);
        self.readers.entry(value).or_default().push(at);
        self.kept.remove(&value);
        self.kept.insert(copy);
        draws.finals[f].1 = copy;
        at
    }
}

/// Dependencies first; among those that are ready, the one written first.
fn sort(draws: &mut Draws, before: &[Vec<usize>]) -> Result<(), PlanError> {
    let key = |at: usize| Reverse((draws.drafts[at].outputs.iter().map(|o| o.node).max(), at));
    let order = sorted(before, key);
    let mut drafts: Vec<Option<Draft>> = draws.drafts.drain(..).map(Some).collect();
    draws.drafts = order.into_iter().filter_map(|at| drafts[at].take()).collect();
    match drafts.into_iter().flatten().next() {
        Some(stuck) => Err(PlanError::Circle { name: stuck.name }),
        None => Ok(()),
    }
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
