//! The CPU as a device: a store of states, loaded plans, and the loop over their steps.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use calotype_graph::device::first_non_finite;
use calotype_graph::plan::{Layout, Place, Port, Step};
use calotype_graph::{
    BoxFuture, CompileJob, Device, DeviceError, DeviceKind, DeviceProfile, Dtype, HostTensor, HostTime, Init, NonFinite, Plan,
    PlanId, Poll, Region, StateSpec, Ticket,
};

use crate::execute::{Executor, Plain, Prepared, prepare};
use crate::fast::Context;
use crate::fast::simd::Level;
use crate::float::Float;
use crate::memory::{Buffer, LINE, Table, check};
use crate::transfer::{expect, host, numbers, store, store_f64};

/// Bytes of an element, as plans count them. In f64 the memory is twice that.
const ELEMENT_BYTES: u64 = 4;

struct State<T> {
    spec: StateSpec,
    memory: Buffer<T>,
}

struct Loaded<T> {
    plan: Arc<Plan>,
    /// Each of its steps, prepared.
    steps: Vec<Prepared>,
    /// Slot in the store of each of the plan's states.
    slots: Vec<usize>,
    input: Buffer<T>,
    output: Buffer<T>,
    arenas: Vec<Buffer<T>>,
}

/// The CPU. Work is done by the time `submit` returns.
pub struct Cpu<T: Float> {
    profile: DeviceProfile,
    executor: Box<dyn Executor<T>>,
    /// Slots keep their numbers; a removed state leaves an empty one.
    store: Vec<Option<State<T>>>,
    slot_of: BTreeMap<String, usize>,
    plans: BTreeMap<usize, Loaded<T>>,
    n_plans: usize,
    n_tickets: u64,
    finished: HashMap<Ticket, Vec<HostTensor>>,
    host_time: HostTime,
}

impl Cpu<f32> {
    /// The kernels that users train with, on `threads` threads (0: as many as the machine has).
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn fast(threads: usize) -> Result<Self, DeviceError> {
        Self::fast_at(Level::detect(), threads)
    }

    /// As [`Cpu::fast`], with instructions of at most this level: one of [`Level::available`].
    ///
    /// # Errors
    /// As [`Cpu::fast`]; a level that the machine does not have.
    pub fn fast_at(level: Level, threads: usize) -> Result<Self, DeviceError> {
        if !Level::available().contains(&level) {
            return Err(DeviceError::Other(format!("this CPU has no {level:?} instructions")));
        }
        let all = || std::thread::available_parallelism().map_or(1, usize::from);
        let threads = if threads == 0 { all() } else { threads };
        let cx = Context::new(level, threads).map_err(|e| DeviceError::Other(format!("{threads} threads: {e}")))?;
        let name = format!("CPU, {level:?}, {threads} threads");
        Ok(Self::new(name, threads as u32, Context::scratch_bytes(threads), Box::new(cx)))
    }
}

impl<T: Float> Cpu<T> {
    /// The oracle: naive loops, one thread.
    pub fn plain() -> Self {
        let name = format!("CPU, plain loops, {}", std::any::type_name::<T>());
        Self::new(name, 1, 0, Box::new(Plain))
    }

    pub(crate) fn new(name: String, threads: u32, scratch_bytes: u64, executor: Box<dyn Executor<T>>) -> Self {
        let profile = DeviceProfile {
            name,
            kind: DeviceKind::Cpu,
            driver: format!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")),
            alignment_bytes: LINE as u64 * ELEMENT_BYTES,
            max_binding_bytes: u64::MAX,
            max_buffer_bytes: u64::MAX,
            memory_bytes: None,
            parallelism: threads,
            fixed_bytes: scratch_bytes,
            step_bytes: 0,
            staging_copies: 0,
            guard_bands: false,
            precision: calotype_graph::Precision::Full,
        };
        Cpu {
            profile,
            executor,
            store: Vec::new(),
            slot_of: BTreeMap::new(),
            plans: BTreeMap::new(),
            n_plans: 0,
            n_tickets: 0,
            finished: HashMap::new(),
            host_time: HostTime::default(),
        }
    }

    /// Plans for this device leave a gap after each tensor, for tests.
    #[must_use]
    pub fn with_guard_bands(mut self) -> Self {
        self.profile.guard_bands = true;
        self
    }

    fn loaded(&self, id: PlanId) -> Result<&Loaded<T>, DeviceError> {
        self.plans.get(&id.0).ok_or(DeviceError::UnknownPlan)
    }

    fn state(&self, name: &str) -> Result<&State<T>, DeviceError> {
        let slot = self.slot_of.get(name).and_then(|&slot| self.store[slot].as_ref());
        slot.ok_or_else(|| DeviceError::UnknownState(name.to_owned()))
    }

    fn state_mut(&mut self, name: &str) -> Result<&mut State<T>, DeviceError> {
        let slot = self.slot_of.get(name).and_then(|&slot| self.store[slot].as_mut());
        slot.ok_or_else(|| DeviceError::UnknownState(name.to_owned()))
    }

    /// The slot of a state, which is made (zero-filled) if there is none of that name.
    fn slot(&mut self, spec: &StateSpec) -> Result<usize, DeviceError> {
        if let Ok(known) = self.state(&spec.name) {
            return if known.spec.ty == spec.ty {
                Ok(self.slot_of[&spec.name])
            } else {
                let (expected, got) = (known.spec.ty.clone(), spec.ty.clone());
                Err(DeviceError::WrongType { name: spec.name.clone(), expected, got })
            };
        }
        self.store.push(Some(State { spec: spec.clone(), memory: Buffer::new(spec.ty.numel()) }));
        self.slot_of.insert(spec.name.clone(), self.store.len() - 1);
        Ok(self.store.len() - 1)
    }

    /// Carries out all steps of a plan this many times; `after` sees what each has written.
    fn carry_out(
        &mut self,
        id: PlanId,
        times: usize,
        mut after: impl FnMut(usize, &Step, &mut Table<T>) + Send,
    ) -> Result<(), DeviceError> {
        let start = Instant::now();
        let p = self.plans.get_mut(&id.0).ok_or(DeviceError::UnknownPlan)?;
        let take = |&slot: &usize| {
            self.store[slot].as_mut().map_or_else(Buffer::none, |s| std::mem::replace(&mut s.memory, Buffer::none()))
        };
        let mut states: Vec<Buffer<T>> = p.slots.iter().map(take).collect();
        let mut table = Table::new(
            states.iter_mut().map(Buffer::as_mut_slice).collect(),
            p.input.as_mut_slice(),
            p.output.as_mut_slice(),
            p.arenas.iter_mut().map(Buffer::as_mut_slice).collect(),
        );
        let executor = &*self.executor;
        executor.enter(&mut || {
            for _ in 0..times {
                for (n, (step, prepared)) in p.plan.steps.iter().zip(&p.steps).enumerate() {
                    // SAFETY: the plan was checked when it was loaded, and the regions were allocated for it; a state that a
                    // plan uses cannot be removed.
                    let operands = unsafe { table.operands(step) };
                    executor.run(step, prepared, operands);
                    after(n, step, &mut table);
                }
            }
        });
        for (&slot, memory) in p.slots.iter().zip(states) {
            if let Some(s) = &mut self.store[slot] {
                s.memory = memory;
            }
        }
        self.host_time.n_submissions += 1;
        self.host_time.n_dispatches += (times * p.plan.steps.len()) as u64;
        self.host_time.encode_submit_s += start.elapsed().as_secs_f64();
        Ok(())
    }

    /// Copies all inputs to their places by `write`, which returns the reason if what was given does not fit.
    fn upload<I>(
        &mut self,
        id: PlanId,
        inputs: &[(&str, I)],
        write: impl Fn(&I, &Port, &mut [T]) -> Result<(), DeviceError>,
    ) -> Result<(), DeviceError> {
        let p = self.plans.get_mut(&id.0).ok_or(DeviceError::UnknownPlan)?;
        for port in &p.plan.inputs {
            let given = inputs.iter().find(|(name, _)| *name == port.name);
            let (_, value) = given.ok_or_else(|| DeviceError::MissingInput(port.name.clone()))?;
            write(value, port, &mut p.input.as_mut_slice()[port.place.offset..][..port.place.len])?;
        }
        Ok(())
    }

    fn upload_host(&mut self, id: PlanId, inputs: &[(&str, &HostTensor)]) -> Result<(), DeviceError> {
        self.upload(id, inputs, |value, port, to| {
            expect(&port.name, &port.ty, value)?;
            store(value, to);
            Ok(())
        })
    }

    /// Runs one step and gives the seconds that each of [`Plan::steps`] took.
    ///
    /// # Errors
    /// As [`Device::submit`].
    pub fn time_steps(&mut self, id: PlanId, inputs: &[(&str, &HostTensor)]) -> Result<Vec<f64>, DeviceError> {
        self.upload_host(id, inputs)?;
        let mut seconds = Vec::with_capacity(self.loaded(id)?.plan.steps.len());
        let mut last = Instant::now();
        self.carry_out(id, 1, |_, _, _| {
            let now = Instant::now();
            seconds.push((now - last).as_secs_f64());
            last = now;
        })?;
        Ok(seconds)
    }

    /// Seconds of one run of a plan in a chain of `n` (at least 1). State is changed as by `n` submissions; inputs are uploaded
    /// before the clock starts, outputs are not copied.
    ///
    /// # Errors
    /// As [`Device::submit`].
    pub fn time_replays(&mut self, id: PlanId, inputs: &[(&str, &HostTensor)], n: u32) -> Result<f64, DeviceError> {
        self.upload_host(id, inputs)?;
        let start = Instant::now();
        self.carry_out(id, n.max(1) as usize, |_, _, _| ())?;
        Ok(start.elapsed().as_secs_f64() / f64::from(n.max(1)))
    }

    /// Runs one step with inputs and outputs in f64, whatever the memory; u32 elements are given as numbers. Inputs are
    /// given by name, all of them; outputs come in the order of [`Plan::outputs`]. For finite differences.
    ///
    /// # Errors
    /// A missing input, or one of another length.
    pub fn submit_f64(&mut self, id: PlanId, inputs: &[(&str, &[f64])]) -> Result<Vec<Vec<f64>>, DeviceError> {
        self.upload(id, inputs, |value, port, to| store_f64(&port.name, &port.ty, value, to))?;
        self.carry_out(id, 1, |_, _, _| ())?;
        let p = self.loaded(id)?;
        Ok(p.plan.outputs.iter().map(|port| numbers(&port.ty, of_place(&p.output, &port.place))).collect())
    }

    /// A state's elements in f64.
    ///
    /// # Errors
    /// No such state.
    pub fn read_state_f64(&self, name: &str) -> Result<Vec<f64>, DeviceError> {
        let s = self.state(name)?;
        Ok(numbers(&s.spec.ty, s.memory.as_slice()))
    }

    /// Sets the elements of an existing state.
    ///
    /// # Errors
    /// No such state, or another length.
    pub fn write_state_f64(&mut self, name: &str, value: &[f64]) -> Result<(), DeviceError> {
        let s = self.state_mut(name)?;
        store_f64(name, &s.spec.ty, value, s.memory.as_mut_slice())
    }

    /// What a step writes, as words, if it is float and not finite.
    fn first_bad(step: &Step, table: &mut Table<T>) -> Option<(usize, f32)> {
        let floats = step.writes.iter().filter(|w| w.ty.dtype == Dtype::F32);
        floats.into_iter().find_map(|w| {
            // SAFETY: the step belongs to the plan that the table was made for.
            let values = unsafe { table.copy(&w.place) };
            let words: Vec<u32> = values.into_iter().map(|v| v.to_f32().to_bits()).collect();
            first_non_finite(&words)
        })
    }

    /// The region's elements; states are not to be had this way.
    fn region(&mut self, id: PlanId, region: Region) -> Result<&mut [T], DeviceError> {
        let p = self.plans.get_mut(&id.0).ok_or(DeviceError::UnknownPlan)?;
        let memory = match region {
            Region::Input => Some(&mut p.input),
            Region::Output => Some(&mut p.output),
            Region::Arena(n) => p.arenas.get_mut(n as usize),
            Region::State(n) => p.slots.get(n as usize).and_then(|&s| self.store[s].as_mut()).map(|s| &mut s.memory),
        };
        memory.map(Buffer::as_mut_slice).ok_or_else(|| DeviceError::Other(format!("plan {} has no {region:?}", id.0)))
    }
}

fn of_place<'a, T: Float>(memory: &'a Buffer<T>, place: &Place) -> &'a [T] {
    &memory.as_slice()[place.offset..][..place.len]
}

impl<T: Float> Device for Cpu<T> {
    fn profile(&self) -> &DeviceProfile {
        &self.profile
    }

    fn prepare(&mut self, _plan: &Arc<Plan>) -> Result<Vec<CompileJob>, DeviceError> {
        Ok(Vec::new()) // nothing is compiled
    }

    fn load(&mut self, plan: &Arc<Plan>) -> Result<PlanId, DeviceError> {
        check(plan)?;
        let steps = plan.steps.iter().map(|s| prepare(&*self.executor, s)).collect::<Result<Vec<_>, _>>()?;
        // All types are compared before any state is made, so that a refused plan leaves nothing behind.
        for spec in &plan.states {
            if let Ok(known) = self.state(&spec.name)
                && known.spec.ty != spec.ty
            {
                let (expected, got) = (known.spec.ty.clone(), spec.ty.clone());
                return Err(DeviceError::WrongType { name: spec.name.clone(), expected, got });
            }
        }
        let slots = plan.states.iter().map(|spec| self.slot(spec)).collect::<Result<Vec<_>, _>>()?;
        let arenas = plan.arenas.iter().map(|&len| Buffer::new(len)).collect();
        let region = |len: usize| if len == 0 { Buffer::none() } else { Buffer::new(len) };
        let (input, output) = (region(plan.input_len), region(plan.output_len));
        let id = self.n_plans;
        self.n_plans += 1;
        self.plans.insert(id, Loaded { plan: Arc::clone(plan), steps, slots, input, output, arenas });
        Ok(PlanId(id))
    }

    fn unload(&mut self, id: PlanId) {
        self.plans.remove(&id.0);
    }

    fn submit(&mut self, id: PlanId, inputs: &[(&str, &HostTensor)]) -> Result<Ticket, DeviceError> {
        self.upload_host(id, inputs)?;
        self.carry_out(id, 1, |_, _, _| ())?;
        let p = self.loaded(id)?;
        let outputs = p.plan.outputs.iter().map(|port| host(&port.ty, of_place(&p.output, &port.place))).collect();
        let ticket = Ticket(self.n_tickets);
        self.n_tickets += 1;
        self.finished.insert(ticket, outputs);
        Ok(ticket)
    }

    fn replay(&mut self, id: PlanId, n: usize) -> Result<(), DeviceError> {
        if let Some(port) = self.loaded(id)?.plan.inputs.first() {
            return Err(DeviceError::MissingInput(port.name.clone()));
        }
        self.carry_out(id, n, |_, _, _| ())
    }

    fn poll(&mut self, _until: Poll) -> Result<(), DeviceError> {
        Ok(()) // a submitted step has ended
    }

    fn finished(&mut self, ticket: Ticket) -> BoxFuture<'static, Result<Vec<HostTensor>, DeviceError>> {
        let outputs = self.finished.remove(&ticket);
        let none = || DeviceError::Other(format!("the outputs of step {} were asked for, or forgotten, before", ticket.0));
        Box::pin(std::future::ready(outputs.ok_or_else(none)))
    }

    fn forget(&mut self, ticket: Ticket) {
        self.finished.remove(&ticket);
    }

    fn states(&self) -> Vec<StateSpec> {
        self.slot_of.values().filter_map(|&slot| self.store[slot].as_ref()).map(|s| s.spec.clone()).collect()
    }

    fn write_state(&mut self, name: &str, value: &HostTensor) -> Result<(), DeviceError> {
        let spec = StateSpec { name: name.to_owned(), ty: value.ty(), init: Init::Zeros, layout: Layout::default() };
        let slot = self.slot(&spec)?;
        if let Some(s) = &mut self.store[slot] {
            store(value, s.memory.as_mut_slice());
        }
        Ok(())
    }

    fn read_states(&mut self, names: &[&str]) -> BoxFuture<'static, Result<Vec<HostTensor>, DeviceError>> {
        let read = |name: &&str| self.state(name).map(|s| host(&s.spec.ty, s.memory.as_slice()));
        let copies: Result<Vec<_>, _> = names.iter().map(read).collect();
        Box::pin(std::future::ready(copies))
    }

    fn remove_state(&mut self, name: &str) -> Result<(), DeviceError> {
        let slot = *self.slot_of.get(name).ok_or_else(|| DeviceError::UnknownState(name.to_owned()))?;
        if let Some(p) = self.plans.values().find(|p| p.slots.contains(&slot)) {
            return Err(DeviceError::Other(format!("state `{name}` is used by the loaded plan `{}`", p.plan.name)));
        }
        self.slot_of.remove(name);
        self.store[slot] = None;
        Ok(())
    }

    fn find_non_finite(&mut self, id: PlanId, inputs: &[(&str, &HostTensor)]) -> Result<Option<NonFinite>, DeviceError> {
        self.upload_host(id, inputs)?;
        let mut found = None;
        self.carry_out(id, 1, |n, step, table| {
            if found.is_none()
                && let Some((element, value)) = Self::first_bad(step, table)
            {
                found = Some(NonFinite { step: n, name: step.name.clone(), element, value });
            }
        })?;
        Ok(found)
    }

    fn time_steps(&mut self, id: PlanId, inputs: &[(&str, &HostTensor)]) -> Result<Vec<f64>, DeviceError> {
        self.upload_host(id, inputs)?;
        let (mut seconds, mut since) = (vec![], Instant::now());
        self.carry_out(id, 1, |_, _, _| {
            seconds.push(since.elapsed().as_secs_f64());
            since = Instant::now();
        })?;
        Ok(seconds)
    }

    fn allocated_bytes(&self) -> u64 {
        let states = self.store.iter().flatten().map(|s| &s.memory);
        let regions = self.plans.values().flat_map(|p| p.arenas.iter().chain([&p.input, &p.output]));
        let elements: usize = states.chain(regions).map(Buffer::capacity).sum();
        elements as u64 * ELEMENT_BYTES + self.profile.fixed_bytes
    }

    fn host_time(&self) -> HostTime {
        self.host_time
    }

    fn fill(&mut self, id: PlanId, region: Region, word: u32) -> Result<(), DeviceError> {
        if let Region::State(_) = region {
            return Err(DeviceError::Other("states are written by name".into()));
        }
        self.region(id, region)?.fill(T::poison(word));
        Ok(())
    }

    /// In f64 memory, the low halves of the elements.
    fn dump(&mut self, id: PlanId, region: Region) -> Result<Vec<u32>, DeviceError> {
        Ok(self.region(id, region)?.iter().map(|v| v.word()).collect())
    }
}
