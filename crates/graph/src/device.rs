//! What a device does: the one trait that `models` and `training` speak to.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::error::DeviceError;
use crate::host::HostTensor;
use crate::plan::{Plan, Region, StateSpec};
use crate::profile::DeviceProfile;

/// A plan on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PlanId(pub usize);

/// A submitted step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// How long [`Device::poll`] may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Poll {
    /// Returns at once.
    Now,
    /// Blocks until this ticket's work has ended, where the platform can block (a browser cannot: it returns at once).
    Until(Ticket),
}

/// Work that `load` would do alone: compiling one pipeline. Jobs may run on any threads, in any order.
pub type CompileJob = Box<dyn FnOnce() + Send>;

pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// The first step whose result was not finite.
#[derive(Clone, Debug, PartialEq)]
pub struct NonFinite {
    /// Index into [`Plan::steps`].
    pub step: usize,
    /// Scoped name of the tensor.
    pub name: String,
    /// First bad element and its value.
    pub element: usize,
    pub value: f32,
}

/// Time that the host spent on replaying a plan, summed over submissions.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HostTime {
    pub n_submissions: u64,
    pub n_dispatches: u64,
    /// Encode, finish, and submit until it returns.
    pub encode_submit_s: f64,
}

/// Carries out plans. State lives in the device's store, keyed by name, and is shared by all plans loaded.
pub trait Device {
    fn profile(&self) -> &DeviceProfile;

    /// Compilation that may be run in parallel before [`Device::load`]. Optional: `load` compiles what is missing.
    fn prepare(&mut self, plan: &Arc<Plan>) -> Result<Vec<CompileJob>, DeviceError>;

    /// Allocates regions and missing state (zero-filled), and makes ready to submit.
    ///
    /// # Errors
    /// State of the same name and another type; out of memory; a shader that does not compile.
    fn load(&mut self, plan: &Arc<Plan>) -> Result<PlanId, DeviceError>;

    /// Frees everything of a plan but the state.
    fn unload(&mut self, id: PlanId);

    /// Uploads inputs and starts one step; never waits. Inputs are given by name, in any order, all of them.
    fn submit(&mut self, id: PlanId, inputs: &[(&str, &HostTensor)]) -> Result<Ticket, DeviceError>;

    /// Runs a plan `n` times, one after another, and never waits: the step of a sampler, which finds all that it needs in states.
    /// Outputs are dropped.
    ///
    /// # Errors
    /// A plan that has inputs: what they would be is not known.
    fn replay(&mut self, id: PlanId, n: usize) -> Result<(), DeviceError>;

    /// Lets finished work be noticed. Call it each step.
    fn poll(&mut self, until: Poll) -> Result<(), DeviceError>;

    /// The outputs of a submitted step, in the order of [`Plan::outputs`]. Resolves only while someone polls. Each ticket may
    /// be asked for once; outputs never asked for are dropped after [`Device::forget`].
    fn finished(&mut self, ticket: Ticket) -> BoxFuture<'static, Result<Vec<HostTensor>, DeviceError>>;

    /// Says that nobody will ask for this ticket's outputs.
    fn forget(&mut self, ticket: Ticket);

    /// States in the store, sorted by name.
    fn states(&self) -> Vec<StateSpec>;

    /// Makes a state or sets an existing one. Ordered after all submitted steps.
    fn write_state(&mut self, name: &str, value: &HostTensor) -> Result<(), DeviceError>;

    /// Copies of states as after all submitted steps. Resolves only while someone polls.
    fn read_states(&mut self, names: &[&str]) -> BoxFuture<'static, Result<Vec<HostTensor>, DeviceError>>;

    /// Removes a state from the store. Plans that use it must be unloaded first.
    fn remove_state(&mut self, name: &str) -> Result<(), DeviceError>;

    /// Runs one step kernel by kernel and looks at every result. Slow; state is changed as by `submit`.
    fn find_non_finite(&mut self, id: PlanId, inputs: &[(&str, &HostTensor)]) -> Result<Option<NonFinite>, DeviceError>;

    /// Runs one step and times each of the plan's steps, in seconds, in their order. Slower than [`Device::submit`], by which state is changed
    /// alike; its outputs are dropped.
    ///
    /// # Errors
    /// [`DeviceError::Unsupported`] where the device has no clock.
    fn time_steps(&mut self, id: PlanId, inputs: &[(&str, &HostTensor)]) -> Result<Vec<f64>, DeviceError>;

    /// Bytes allocated now, everything included; for one loaded plan and its states it equals
    /// [`MemoryBytes::total`](crate::plan::MemoryBytes::total).
    fn allocated_bytes(&self) -> u64;

    fn host_time(&self) -> HostTime;

    /// Fills a region (not a state) with one bit pattern. For tests.
    fn fill(&mut self, id: PlanId, region: Region, word: u32) -> Result<(), DeviceError>;

    /// All words of a region, guard bands included. Blocks; for tests.
    fn dump(&mut self, id: PlanId, region: Region) -> Result<Vec<u32>, DeviceError>;
}

/// A non-finite value in `words`, if there is one: for the devices' own use.
pub fn first_non_finite(words: &[u32]) -> Option<(usize, f32)> {
    words.iter().map(|&w| f32::from_bits(w)).enumerate().find(|(_, v)| !v.is_finite())
}
