//! Which kernel reads what another computes, kept up to date while kernels are joined.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::kernel::Draft;
use crate::graph::NodeId;

/// For each node, the kernels that read it, each once and in order.
pub(crate) fn readers(drafts: &[Draft]) -> HashMap<NodeId, Vec<usize>> {
    let mut readers: HashMap<NodeId, Vec<usize>> = HashMap::new();
    for (at, draft) in drafts.iter().enumerate() {
        for node in draft.reads() {
            let of_node = readers.entry(node).or_default();
            if of_node.last() != Some(&at) {
                of_node.push(at);
            }
        }
    }
    readers
}

/// For each node that a kernel computes, the kernel.
pub(crate) fn producers(drafts: &[Draft]) -> HashMap<NodeId, usize> {
    drafts.iter().enumerate().flat_map(|(at, d)| d.outputs.iter().map(move |o| (o.node, at))).collect()
}

/// A set of kernels that is emptied in no time.
#[derive(Default)]
struct Marks {
    marked: Vec<u32>,
    round: u32,
}

impl Marks {
    fn clear(&mut self, n: usize) {
        self.marked.resize(n, 0);
        self.round += 1;
    }

    /// Adds a kernel; whether it is new.
    fn add(&mut self, at: usize) -> bool {
        std::mem::replace(&mut self.marked[at], self.round) != self.round
    }

    fn has(&self, at: usize) -> bool {
        self.marked[at] == self.round
    }
}

/// The order that kernels must keep, by their places in the list of drafts; there is no circle in it.
///
/// Each kernel has a rank, above the ranks of all that it must follow. A question whether one must follow another then looks
/// at what lies between the two alone. Ranks are kept right as by Pearce and Kelly 2007, "A dynamic topological sort algorithm
/// for directed acyclic graphs".
#[derive(Default)]
pub(crate) struct Links {
    /// Those that each must follow and those that must follow it. May repeat themselves and name kernels that were joined.
    before: Vec<Vec<usize>>,
    after: Vec<Vec<usize>>,
    /// The kernel that each has become a part of; itself at first.
    now: Vec<usize>,
    rank: Vec<usize>,
    marks: Marks,
    /// What [`Links::look_above`] has found, and those of it from which it has not gone on, by rank.
    above: Marks,
    frontier: BinaryHeap<(usize, usize)>,
}

/// A direction along the links.
type Lists = fn(&Links) -> &[Vec<usize>];

const BEFORE: Lists = |links| &links.before;
const AFTER: Lists = |links| &links.after;

impl Links {
    pub fn new(drafts: &[Draft], producers: &HashMap<NodeId, usize>) -> Self {
        let n = drafts.len();
        let (before, after) = (vec![vec![]; n], vec![vec![]; n]);
        let mut links = Links { before, after, now: (0..n).collect(), ..Links::default() };
        for (at, draft) in drafts.iter().enumerate() {
            for &producer in draft.reads().filter_map(|node| producers.get(&node)) {
                links.before[at].push(producer);
                links.after[producer].push(at);
            }
        }
        links.rank = vec![n; n];
        for (rank, at) in sorted(&links.before, Reverse).into_iter().enumerate() {
            links.rank[at] = rank;
        }
        links
    }

    /// Adds a kernel that follows none, behind all others.
    pub fn push(&mut self) {
        let n = self.now.len();
        self.now.push(n);
        self.rank.push(self.rank.iter().max().map_or(0, |last| last + 1));
        self.before.push(vec![]);
        self.after.push(vec![]);
    }

    /// The kernel that `at` is a part of. The way there is shortened.
    pub fn now(&mut self, at: usize) -> usize {
        let mut at = at;
        while self.now[at] != at {
            self.now[at] = self.now[self.now[at]];
            at = self.now[at];
        }
        at
    }

    /// Appends the neighbours of a kernel to `to`.
    fn next(&mut self, lists: Lists, at: usize, to: &mut Vec<usize>) {
        for n in 0..lists(self)[at].len() {
            let other = self.now(lists(self)[at][n]);
            if other != at {
                to.push(other);
            }
        }
    }

    /// All kernels that are reached from `at` over such ranks, by rank; without `at`.
    fn reach(&mut self, lists: Lists, at: usize, ranks: std::ops::RangeInclusive<usize>) -> Vec<usize> {
        self.marks.clear(self.now.len());
        let (mut found, mut stack) = (vec![], vec![]);
        self.next(lists, at, &mut stack);
        while let Some(at) = stack.pop() {
            if ranks.contains(&self.rank[at]) && self.marks.add(at) {
                found.push(at);
                self.next(lists, at, &mut stack);
            }
        }
        found.sort_unstable_by_key(|&at| self.rank[at]);
        found
    }

    /// Gives kernels the ranks that they have together, in this order.
    fn rank_as(&mut self, order: &[usize]) {
        let mut ranks: Vec<usize> = order.iter().map(|&at| self.rank[at]).collect();
        ranks.sort_unstable();
        order.iter().zip(ranks).for_each(|(&at, rank)| self.rank[at] = rank);
    }

    /// `later` must follow `earlier`, which does not follow it.
    pub fn follow(&mut self, later: usize, earlier: usize) {
        let (low, high) = (self.rank[later], self.rank[earlier]);
        if low < high {
            let mut order = self.reach(BEFORE, earlier, low..=high);
            order.extend([earlier, later]);
            order.extend(self.reach(AFTER, later, low..=high));
            self.rank_as(&order);
        }
        self.before[later].push(earlier);
        self.after[earlier].push(later);
    }

    /// `part` becomes a part of `whole`. Neither follows the other through a third.
    pub fn join(&mut self, part: usize, whole: usize) {
        let (first, last) = if self.rank[part] < self.rank[whole] { (part, whole) } else { (whole, part) };
        let between = self.rank[first]..=self.rank[last];
        let mut order = self.reach(BEFORE, last, between.clone());
        order.retain(|&at| at != first);
        order.extend([part, whole]);
        let after = self.reach(AFTER, first, between);
        order.extend(after.into_iter().filter(|&at| at != last));
        self.rank_as(&order);
        self.now[part] = whole;
        for lists in [&mut self.before, &mut self.after] {
            let mut of_part = std::mem::take(&mut lists[part]);
            if of_part.len() > lists[whole].len() {
                std::mem::swap(&mut of_part, &mut lists[whole]);
            }
            lists[whole].append(&mut of_part);
        }
    }

    /// Whether `later` must follow `earlier`.
    pub fn follows(&mut self, later: usize, earlier: usize) -> bool {
        let ranks = self.rank[earlier]..=self.rank[later];
        !ranks.is_empty() && self.reach(BEFORE, later, ranks).contains(&earlier)
    }

    /// Prepares [`Links::is_far_above`] for `at`.
    pub fn look_above(&mut self, at: usize) {
        self.above.clear(self.now.len());
        self.frontier.clear();
        let (mut near, mut far) = (vec![], vec![]);
        self.next(BEFORE, at, &mut near);
        near.into_iter().for_each(|n| self.next(BEFORE, n, &mut far));
        self.enter(far);
    }

    fn enter(&mut self, found: Vec<usize>) {
        for at in found {
            if self.above.add(at) {
                self.frontier.push((self.rank[at], at));
            }
        }
    }

    /// Whether the kernel that [`Links::look_above`] was last called for must follow this one through a third.
    pub fn is_far_above(&mut self, at: usize) -> bool {
        while let Some(&(rank, next)) = self.frontier.peek()
            && rank > self.rank[at]
        {
            self.frontier.pop();
            let mut found = vec![];
            self.next(BEFORE, next, &mut found);
            self.enter(found);
        }
        self.above.has(at)
    }

    /// For each kernel, those that it must follow.
    pub fn into_before(self) -> Vec<Vec<usize>> {
        self.before
    }
}

/// Kernels in an order in which each comes after those `before` it; among those that are ready, the one of the largest key.
/// Kernels that wait for each other are left out.
pub(crate) fn sorted<K: Ord>(before: &[Vec<usize>], key: impl Fn(usize) -> K) -> Vec<usize> {
    let mut after: Vec<Vec<usize>> = vec![vec![]; before.len()];
    for (at, before) in before.iter().enumerate() {
        before.iter().for_each(|&b| after[b].push(at));
    }
    let mut waits: Vec<usize> = before.iter().map(Vec::len).collect();
    let mut ready: BinaryHeap<(K, usize)> = (0..before.len()).filter(|&at| waits[at] == 0).map(|at| (key(at), at)).collect();
    let mut sorted = Vec::with_capacity(before.len());
    while let Some((_, at)) = ready.pop() {
        sorted.push(at);
        for &next in &after[at] {
            waits[next] -= 1;
            if waits[next] == 0 {
                ready.push((key(next), next));
            }
        }
    }
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::philox::{Domain, Stream};

    /// Whether `later` follows `earlier` over a path of at least `least` links, by all paths.
    fn reaches(edges: &[(usize, usize)], later: usize, earlier: usize, least: usize) -> bool {
        let next = edges.iter().filter(|e| e.0 == later).map(|e| e.1);
        next.into_iter().any(|n| (n == earlier && least <= 1) || reaches(edges, n, earlier, least.saturating_sub(1)))
    }

    #[test]
    fn ranks_stay_right_while_kernels_are_linked_and_joined() {
        let n = 14;
        for round in 0..200 {
            let mut random = Stream::new(7, Domain::Test, "links", round);
            let mut links = Links::default();
            (0..n).for_each(|_| links.push());
            let mut edges: Vec<(usize, usize)> = Vec::new();
            let mut alive: Vec<usize> = (0..n).collect();
            for _ in 0..40 {
                let mut one = || alive[random.below(alive.len() as u32) as usize];
                let (a, b) = (one(), one());
                if a == b {
                    continue;
                }
                links.look_above(a);
                let far = links.is_far_above(b);
                assert_eq!(far, reaches(&edges, a, b, 2), "{a} far after {b} in {edges:?}");
                assert_eq!(links.follows(a, b), reaches(&edges, a, b, 1), "{a} after {b} in {edges:?}");
                let back = links.follows(b, a);
                if random.below(3) > 0 {
                    if !back {
                        links.follow(a, b);
                        edges.push((a, b));
                    }
                } else if !far && !back {
                    links.join(b, a);
                    alive.retain(|&at| at != b);
                    let now = |at: usize| if at == b { a } else { at };
                    edges = edges.iter().map(|&(l, e)| (now(l), now(e))).filter(|(l, e)| l != e).collect();
                }
                assert!(edges.iter().all(|&(l, e)| links.rank[l] > links.rank[e]), "{edges:?}: {:?}", links.rank);
            }
        }
    }
}
