//! Compiles a program to a plan for a device.

use std::collections::HashMap;

use crate::error::PlanError;
use crate::graph::{NodeId, NodeKind, Program};
use crate::memory::{Demand, assign, padded};
use crate::op::Op;
use crate::passes::kernel::{Draft, Draws, Output};
use crate::passes::merge::Count;
use crate::passes::{epilogue, fuse, legalise, merge, order, rewrite};
use crate::plan::{Index, Kernel, MAX_BINDINGS, MemoryBytes, Place, Plan, Port, Read, Region, Step, Write};
use crate::profile::DeviceProfile;
use crate::shape::{ELEMENT_BYTES, Type};

/// What planning does beyond what it must. Tests compare plans with and without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanOptions {
    /// Common subexpressions and algebraic identities.
    pub simplify: bool,
    /// Elementwise fusion, epilogues, joined kernels.
    pub fuse: bool,
}

impl Default for PlanOptions {
    fn default() -> Self {
        PlanOptions { simplify: true, fuse: true }
    }
}

/// Compiles a program for a device.
///
/// # Errors
/// A tensor that the device cannot bind; more memory than it has. [`PlanError::Overlap`] and [`PlanError::Circle`] are the
/// planner's own mistakes, looked for in every plan because devices would compute wrong numbers in silence.
pub fn plan(program: &Program, profile: &DeviceProfile, options: PlanOptions) -> Result<Plan, PlanError> {
    let program = rewrite::rewrite(program, options.simplify)?;
    let program = legalise::legalise(&program);
    let mut plan = carry_out(&program, profile, options, Count::InPlace)?;
    if plan.steps.iter().any(|s| s.n_bindings() > MAX_BINDINGS) {
        plan = carry_out(&program, profile, options, Count::Apart)?;
    }
    check(&plan, profile)?;
    Ok(plan)
}

fn carry_out(program: &Program, profile: &DeviceProfile, options: PlanOptions, count: Count) -> Result<Plan, PlanError> {
    let mut draws = fuse::draw(program, options.fuse);
    if options.fuse {
        epilogue::absorb(&mut draws, profile);
        merge::siblings(&mut draws, count);
    }
    order::order(&mut draws)?;
    Ok(Placed::new(&draws, profile).plan(&draws, profile))
}

/// Memory that a program would take on a device, whether it fits or not.
///
/// # Errors
/// A mistake in the program.
pub fn memory_bytes(program: &Program, profile: &DeviceProfile) -> Result<MemoryBytes, PlanError> {
    let unlimited = DeviceProfile { max_binding_bytes: u64::MAX, memory_bytes: None, ..profile.clone() };
    plan(program, &unlimited, PlanOptions::default()).map(|p| p.memory)
}

fn check(plan: &Plan, profile: &DeviceProfile) -> Result<(), PlanError> {
    for step in &plan.steps {
        let tensors = step.reads.iter().map(|r| (&r.place, &r.ty)).chain(step.writes.iter().map(|w| (&w.place, &w.ty)));
        for (place, ty) in tensors {
            let bytes = place.len as u64 * ELEMENT_BYTES;
            if bytes > profile.max_binding_bytes.min(profile.max_buffer_bytes) {
                return Err(PlanError::TensorTooLarge {
                    name: step.name.clone(),
                    shape: ty.shape.clone(),
                    bytes,
                    limit: profile.max_binding_bytes.min(profile.max_buffer_bytes),
                    device: profile.name.clone(),
                });
            }
        }
        if !is_sound(step) {
            return Err(PlanError::Overlap { name: step.name.clone() });
        }
    }
    match profile.memory_bytes {
        Some(limit) if plan.memory.total() > limit => {
            Err(PlanError::OutOfMemory { bytes: plan.memory.total(), limit, device: profile.name.clone() })
        }
        _ => Ok(()),
    }
}

/// Whether a step's writes overlap nothing, but for those that lie exactly on reads of their element type that they may
/// overwrite.
pub fn is_sound(step: &Step) -> bool {
    let scratch = step.workspace.iter();
    step.writes.iter().enumerate().all(|(i, w)| {
        let writes = step.writes[i + 1..].iter().all(|other| !w.place.overlaps(&other.place));
        let in_place = |n: usize, r: &Read| step.may_overwrite(n) && r.place == w.place && r.ty.dtype == w.ty.dtype;
        let reads = step.reads.iter().enumerate().all(|(n, r)| in_place(n, r) || !w.place.overlaps(&r.place));
        writes && reads && scratch.clone().all(|s| !s.overlaps(&w.place))
    })
}

/// The place of every node that is in memory.
struct Placed {
    places: HashMap<NodeId, Place>,
    /// For each draft, its scratch.
    scratch: Vec<Option<Place>>,
    arenas: Vec<usize>,
    input_len: usize,
    output_len: usize,
}

impl Placed {
    fn new(draws: &Draws, profile: &DeviceProfile) -> Self {
        let mut p = Placed { places: HashMap::new(), scratch: vec![], arenas: vec![], input_len: 0, output_len: 0 };
        p.edges(draws, profile);
        p.temporaries(draws, profile);
        p
    }

    /// Inputs, outputs and states.
    fn edges(&mut self, draws: &Draws, profile: &DeviceProfile) {
        let numel = |id: NodeId| draws.types[id as usize].numel();
        for &(_, id) in &draws.program.inputs {
            self.places.insert(id, Place { region: Region::Input, offset: self.input_len, len: numel(id) });
            self.input_len += padded(numel(id), profile);
        }
        for &(_, id) in &draws.program.outputs {
            self.places.insert(id, Place { region: Region::Output, offset: self.output_len, len: numel(id) });
            self.output_len += padded(numel(id), profile);
        }
        for (n, s) in draws.program.states.iter().enumerate() {
            self.places.insert(s.initial, Place { region: Region::State(n as u32), offset: 0, len: s.spec.ty.numel() });
        }
        for &(n, value) in draws.finals.iter().chain(&draws.versions) {
            self.places.insert(value, Place { region: Region::State(n as u32), offset: 0, len: numel(value) });
        }
    }

    /// Everything else, in arenas. A result takes over the memory of an operand that dies with it, where the kernel can.
    fn temporaries(&mut self, draws: &Draws, profile: &DeviceProfile) {
        let mut last: HashMap<NodeId, usize> = HashMap::new();
        for (at, draft) in draws.drafts.iter().enumerate() {
            for id in draft.reads().chain(draft.outputs.iter().map(|o| o.node)) {
                last.insert(id, at);
            }
        }
        let mut demands: Vec<Demand> = Vec::new();
        let mut slot_of: HashMap<NodeId, usize> = HashMap::new();
        let mut scratch: Vec<Option<usize>> = Vec::new();
        for (at, draft) in draws.drafts.iter().enumerate() {
            let mut heirs: Vec<usize> = Vec::new();
            for Output { node: output, ty } in draft.outputs.iter().filter(|o| !self.places.contains_key(&o.node)) {
                let len = ty.numel();
                // Of one element type, too: a device binds the place once, as the one or the other.
                let fits = |id: NodeId| {
                    let before = &draws.types[id as usize];
                    before.numel() == len && before.dtype == ty.dtype
                };
                let heir = dying_operand(draft, &slot_of, &last, at, fits).filter(|slot| !heirs.contains(slot));
                let slot = heir.unwrap_or_else(|| {
                    demands.push(Demand { len, first: at, last: at });
                    demands.len() - 1
                });
                heirs.push(slot);
                demands[slot].last = last[output];
                slot_of.insert(*output, slot);
            }
            let words = draws.workspace(draft, profile);
            scratch.push((words > 0).then(|| {
                demands.push(Demand { len: words, first: at, last: at });
                demands.len() - 1
            }));
        }
        // A slot lives until the last reader of whoever lives in it.
        for (&id, &slot) in &slot_of {
            demands[slot].last = demands[slot].last.max(last[&id]);
        }
        let (slots, arenas) = assign(&demands, profile);
        let place = |slot: usize, len| Place { region: Region::Arena(slots[slot].arena), offset: slots[slot].offset, len };
        for (id, slot) in slot_of {
            self.places.insert(id, place(slot, draws.types[id as usize].numel()));
        }
        self.scratch = scratch.into_iter().map(|s| s.map(|s| place(s, demands[s].len))).collect();
        self.arenas = arenas;
    }

    fn plan(self, draws: &Draws, profile: &DeviceProfile) -> Plan {
        let program = draws.program;
        // What writes nothing is no step.
        let writes = |d: &Draft| d.outputs.iter().any(|o| o.ty.numel() > 0);
        let drafts = draws.drafts.iter().zip(&self.scratch).filter(|(d, _)| writes(d));
        let steps: Vec<Step> = drafts.map(|(d, s)| self.step(draws, d, *s)).collect();
        let port = |(name, id): &(String, NodeId)| Port {
            name: name.clone(),
            ty: draws.types[*id as usize].clone(),
            place: self.places[id],
        };
        let unit = profile.alignment_bytes.max(1);
        let bytes = |len: usize| len as u64 * ELEMENT_BYTES;
        let state = program.states.iter().map(|s| s.spec.allocated_bytes(unit)).sum();
        let (inputs, outputs) = (bytes(self.input_len), bytes(self.output_len));
        let staging = profile.fixed_bytes
            + profile.step_bytes * steps.iter().map(Step::units).sum::<u64>()
            + profile.staging_copies * (inputs + outputs);
        let memory = MemoryBytes { state, arenas: bytes(self.arenas.iter().sum()), inputs, outputs, staging };
        Plan {
            name: program.name.clone(),
            steps,
            states: program.states.iter().map(|s| s.spec.clone()).collect(),
            inputs: program.inputs.iter().map(port).collect(),
            outputs: program.outputs.iter().map(port).collect(),
            arenas: self.arenas,
            input_len: self.input_len,
            output_len: self.output_len,
            memory,
        }
    }

    fn step(&self, draws: &Draws, d: &Draft, workspace: Option<Place>) -> Step {
        let ty = |id: NodeId| draws.types[id as usize].clone();
        let own = d.op.iter().flat_map(|(_, reads)| reads.iter());
        let own = own.map(|r| Read { place: self.places[&r.base], ty: r.ty.clone(), index: Index::Same });
        let loads = d.operands.iter().map(|o| Read { place: self.places[&o.base], ty: ty(o.base), index: o.index.clone() });
        let reads: Vec<Read> = own.chain(loads).collect();
        let write = |o: &Output| Write { place: self.places[&o.node], ty: o.ty.clone() };
        let writes: Vec<Write> = d.outputs.iter().map(write).collect();
        let n = writes[0].ty.numel() as u64;
        let expression = d.expr.as_ref().map_or(0, |e| e.flops() * n);
        let lens = |reads: &[Read]| reads.iter().map(|r| r.place.len).sum::<usize>();
        let (kernel, flops, moved) = match &d.op {
            None => {
                let moved = lens(&reads) + writes.iter().map(|w| w.place.len).sum::<usize>();
                (Kernel::Elementwise(d.expr.clone().unwrap_or_default()), expression, moved)
            }
            Some((op, own)) => {
                let types: Vec<Type> = own.iter().map(|r| r.ty.clone()).collect();
                let flops = op.flops(&types, &d.result) + expression;
                let in_place = op.in_place().is_some_and(|n| reads[n].place == writes[0].place);
                let moved = op.moved(&types, &d.result, in_place) + lens(&reads[own.len()..]);
                (Kernel::Op { op: op.clone(), epilogue: d.expr.clone() }, flops, moved)
            }
        };
        Step { name: d.name.clone(), kernel, reads, writes, workspace, flops, bytes: moved as u64 * ELEMENT_BYTES }
    }
}

/// The slot of an operand that the kernel can overwrite and that is read here for the last time.
fn dying_operand(
    draft: &Draft,
    slot_of: &HashMap<NodeId, usize>,
    last: &HashMap<NodeId, usize>,
    at: usize,
    fits: impl Fn(NodeId) -> bool,
) -> Option<usize> {
    let dies = |id: &NodeId| last[id] == at && fits(*id) && draft.may_overwrite(*id);
    draft.reads().filter(dies).find_map(|id| slot_of.get(&id).copied())
}

impl Program {
    /// Number of ops written, before any pass.
    pub fn n_ops(&self) -> usize {
        self.ops().count()
    }

    /// The ops as they were written, before any pass.
    pub fn ops(&self) -> impl Iterator<Item = &Op> {
        self.nodes.iter().filter_map(|n| match &n.kind {
            NodeKind::Op(op) => Some(op),
            _ => None,
        })
    }
}
