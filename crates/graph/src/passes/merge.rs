//! Joins elementwise kernels of one size that share operands, or of which one reads the other's result: a parameter and
//! its two moments are one kernel.

use std::collections::{BTreeSet, HashMap};

use super::kernel::{Draft, Draws, MAX_LOADS, Operand, Output};
use super::links::{Links, producers};
use crate::expr::{Builder, Instr};
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

/// Each kernel joins the nearest one before it that it can.
pub(crate) fn siblings(draws: &mut Draws, count: Count) {
    let mut s = Siblings::new(draws, count);
    for later in 0..draws.drafts.len() {
        s.enter(draws, later);
        if let Some(earlier) = s.partner(draws, later) {
            s.leave(draws, earlier);
            s.leave(draws, later);
            let first = draws.drafts[earlier].clone();
            join(first, &mut draws.drafts[later]);
            s.links.join(earlier, later);
            s.enter(draws, later);
        }
    }
    let mut at = 0..;
    draws.drafts.retain(|_| at.next().is_some_and(|at| s.links.now(at) == at));
}

/// Those who load one operand.
#[derive(Default)]
struct Users {
    /// Whoever might take in a kernel that has a result of its own.
    open: BTreeSet<usize>,
    /// Kernels that bind as much as they may.
    full: BTreeSet<usize>,
}

/// How many kernels are looked at, from the nearest on, for one that can be joined.
const NEAR: usize = 64;

/// Who might join whom.
struct Siblings {
    count: Count,
    links: Links,
    /// Which kernel computes a node. Kernels are named by their places in the list of drafts; one that was joined stands in
    /// the later place.
    producers: HashMap<NodeId, usize>,
    /// For each operand as large as the kernel, the elementwise kernels that load it.
    users: HashMap<Operand, Users>,
    /// The state that takes a node's value.
    finals: HashMap<NodeId, usize>,
}

impl Siblings {
    fn new(draws: &Draws, count: Count) -> Self {
        let producers = producers(&draws.drafts);
        let links = Links::new(&draws.drafts, &producers);
        let finals = draws.finals.iter().map(|&(state, node)| (node, state)).collect();
        Siblings { count, links, producers, users: HashMap::new(), finals }
    }

    /// Lets later kernels find this one.
    fn enter(&mut self, draws: &Draws, at: usize) {
        let d = &draws.drafts[at];
        if !joins(draws, d) {
            return;
        }
        let full = self.bindings(draws, d, None) >= MAX_BINDINGS;
        for o in d.operands.iter().filter(|o| is_large(draws, d, o)) {
            let users = self.users.entry(o.clone()).or_default();
            if full {
                users.full.insert(at)
            } else {
                users.open.insert(at)
            };
        }
    }

    fn leave(&mut self, draws: &Draws, at: usize) {
        for o in &draws.drafts[at].operands {
            if let Some(users) = self.users.get_mut(o) {
                users.open.remove(&at);
                users.full.remove(&at);
            }
        }
    }

    /// The nearest kernel before `later` that it can join: one that loads a large operand which `later` loads in the same way,
    /// or whose result it reads.
    fn partner(&mut self, draws: &Draws, later: usize) -> Option<usize> {
        let b = &draws.drafts[later];
        if !joins(draws, b) {
            return None;
        }
        // A new value of a state may share its old value's binding; any other result takes one more than a full kernel has.
        let adds = b.outputs.iter().any(|o| !self.finals.contains_key(&o.node));
        let mut found: BTreeSet<usize> = BTreeSet::new();
        for producer in b.operands.iter().filter_map(|o| self.producers.get(&o.base)) {
            found.extend(Some(self.links.now(*producer)).filter(|&p| p < later));
        }
        let lists = b.operands.iter().filter(|o| is_large(draws, b, o)).filter_map(|o| self.users.get(o));
        let mut lists: Vec<&BTreeSet<usize>> =
            lists.flat_map(|u| [Some(&u.open), (!adds).then_some(&u.full)]).flatten().collect();
        lists.push(&found);
        let mut before = later;
        let mut looked = false;
        for _ in 0..NEAR {
            before = lists.iter().filter_map(|l| l.range(..before).next_back()).max().copied()?;
            if !self.may_join(draws, before, later) {
                continue;
            }
            if !std::mem::replace(&mut looked, true) {
                self.links.look_above(later);
            }
            if !self.links.is_far_above(before) && !self.links.follows(before, later) {
                return Some(before);
            }
        }
        None
    }

    /// Whether two kernels, one of which was found for the other, could be one if their order allowed it.
    fn may_join(&self, draws: &Draws, earlier: usize, later: usize) -> bool {
        let (a, b) = (&draws.drafts[earlier], &draws.drafts[later]);
        if !joins(draws, a) || a.outputs[0].ty.numel() != b.outputs[0].ty.numel() {
            return false;
        }
        // What b reads of a's results must be the element that a has just computed, and the very value: a register holds the
        // float that a word is made from.
        let reads_result = |o: &&Operand| a.computes(o.base);
        let in_register = |o: &Operand| o.index == Index::Same && draws.types[o.base as usize].dtype == Dtype::F32;
        let new = b.operands.iter().filter(|o| !a.computes(o.base) && !a.operands.contains(o)).count();
        b.operands.iter().filter(reads_result).all(in_register)
            && a.operands.len() + new <= MAX_LOADS
            && self.bindings(draws, a, Some(b)) <= MAX_BINDINGS
    }

    /// Storage bindings that a kernel needs, or two as one.
    fn bindings(&self, draws: &Draws, a: &Draft, b: Option<&Draft>) -> usize {
        let operands = || a.operands.iter().chain(b.iter().flat_map(|b| &b.operands).filter(|o| !a.computes(o.base)));
        let bases: BTreeSet<NodeId> = operands().map(|o| o.base).collect();
        let shares = |output: &Output| {
            let Some(&state) = self.finals.get(&output.node) else { return false };
            let initial = draws.program.states[state].initial;
            let in_place = bases.contains(&initial) && operands().all(|o| o.base != initial || o.index == Index::Same);
            self.count == Count::InPlace && in_place
        };
        let outputs = a.outputs.iter().chain(b.iter().flat_map(|b| &b.outputs));
        bases.len() + outputs.filter(|o| !shares(o)).count()
    }
}

/// Whether a kernel may be joined with others. A copy of u32s moves bits; as a part of another kernel it would go through a
/// float.
fn joins(draws: &Draws, d: &Draft) -> bool {
    let reads_words = |o: &Operand| draws.types[o.base as usize].dtype == Dtype::U32;
    let copies_words = d.outputs[0].ty.dtype == Dtype::U32 && d.operands.first().is_some_and(reads_words);
    d.is_elementwise() && !copies_words
}

/// Whether an operand has as many elements as the kernel's results.
fn is_large(draws: &Draws, d: &Draft, o: &Operand) -> bool {
    draws.types[o.base as usize].numel() == d.outputs[0].ty.numel()
}

/// `a` before `b`, in `b`'s place.
fn join(a: Draft, b: &mut Draft) {
    let (Some(expr), Some(body)) = (a.expr, b.expr.take()) else { return };
    if !b.name.split(", ").any(|n| n == a.name) {
        b.name = format!("{}, {}", a.name, b.name); // whoever looks for a tensor finds it
    }
    let mut operands = a.operands;
    // Where each of b's operands is in the joined kernel: a result of a's, or an operand.
    let place = |operand: &Operand| match a.outputs.iter().position(|o| o.node == operand.base) {
        Some(computed) => Err(computed),
        None => Ok(operands.iter().position(|o| o == operand).unwrap_or_else(|| {
            operands.push(operand.clone());
            operands.len() - 1
        })),
    };
    let places: Vec<Result<usize, usize>> = b.operands.iter().map(place).collect();
    let mut expr = Builder::from(expr);
    let outputs = expr.append(&body, |expr, instr| match instr {
        Instr::Load(n) => match places[n as usize] {
            Ok(operand) => expr.push(Instr::Load(operand as u16)),
            Err(computed) => expr.output(computed),
        },
        other => expr.push(other),
    });
    b.expr = Some(expr.finish(&outputs));
    b.operands = operands;
    b.outputs = [a.outputs, std::mem::take(&mut b.outputs)].concat();
}
