//! The device: opening it, and the trait that the rest of the program speaks to.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use calotype_graph::device::{BoxFuture, CompileJob};
use calotype_graph::{
    Device, DeviceError, DeviceKind, DeviceProfile, HostTensor, HostTime, NonFinite, Plan, PlanId, Poll, Region, StateSpec,
    Ticket,
};
use futures::channel::oneshot;

use crate::adapter::{AdapterDescription, MATRIX_FEATURES, OpenOptions, ShaderMode, choose, matrix_units};
use crate::clock::Stopwatch;
use crate::faults::{Faults, device_error, scoped};
use crate::loaded::{Compiled, LoadedPlan, Loading, lower};
use crate::pipelines::Pipelines;
use crate::profile::{driver, profile};
use crate::readback::{host_buffer, read_later};
use crate::store::{Store, bytes};
use crate::tiles::{ProductShape, Target, TileTable};

type Outputs = Result<Vec<HostTensor>, DeviceError>;

/// Submissions whose end can still be waited for by their own ticket; older ones wait for the oldest of these.
const MAX_TICKETS: usize = 1024;

/// A GPU that carries out plans.
pub struct GpuDevice {
    description: AdapterDescription,
    device: wgpu::Device,
    queue: wgpu::Queue,
    target: Target,
    pipelines: Arc<Pipelines>,
    faults: Arc<Faults>,
    store: Store,
    plans: Vec<Option<LoadedPlan>>,
    next_ticket: u64,
    submitted: VecDeque<(Ticket, wgpu::SubmissionIndex)>,
    outputs: HashMap<Ticket, oneshot::Receiver<Outputs>>,
    host_time: HostTime,
}

impl std::fmt::Debug for GpuDevice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GpuDevice").field("adapter", &self.description).finish_non_exhaustive()
    }
}

impl GpuDevice {
    /// Opens an adapter with its own limits, not WebGPU's defaults.
    ///
    /// # Errors
    /// [`DeviceError::NoAdapter`], which lists what there is; what the driver says when it refuses.
    pub async fn open(options: &OpenOptions) -> Result<Self, DeviceError> {
        let (adapter, description) = choose(&options.select).await?;
        let mut wanted = wgpu::Features::TIMESTAMP_QUERY | wgpu::Features::SUBGROUP | wgpu::Features::PIPELINE_CACHE;
        let units = matrix_units(&adapter, options.precision);
        if units.is_some() {
            wanted |= MATRIX_FEATURES;
        }
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("calotype"),
            required_features: adapter.features() & wanted,
            required_limits: adapter.limits(),
            experimental_features: match units {
                // SAFETY: the one experimental feature that is asked for is cooperative matrices, whose kernel keeps its rules: all
                // of a subgroup arrive at each operation, with the sizes that the adapter named.
                Some(_) => unsafe { wgpu::ExperimentalFeatures::enabled() },
                None => wgpu::ExperimentalFeatures::disabled(),
            },
            ..Default::default()
        };
        let opened = adapter.request_device(&descriptor).await;
        let (device, queue) = opened.map_err(|e| DeviceError::Other(format!("{} cannot be opened: {e}", description.name)))?;
        let faults = Faults::watch(&device);
        let pipelines = Arc::new(Pipelines::new(&device, options.shaders, options.pipeline_cache.as_deref()));
        let profile = profile(&description, &device.limits(), options.guard_bands, options.precision)?;
        Ok(GpuDevice {
            description,
            device,
            queue,
            target: Target { units, ..Target::new(profile) },
            pipelines,
            faults,
            store: Store::default(),
            plans: Vec::new(),
            next_ticket: 0,
            submitted: VecDeque::new(),
            outputs: HashMap::new(),
            host_time: HostTime::default(),
        })
    }

    /// The adapter that was opened.
    pub fn description(&self) -> &AdapterDescription {
        &self.description
    }

    /// The driver's compiled kernels, to be given to [`OpenOptions::pipeline_cache`] next time; `None` where the backend
    /// keeps them itself.
    pub fn cache_bytes(&self) -> Option<Vec<u8>> {
        self.pipelines.cache_bytes()
    }

    /// Carries out products as this table says from now on, in plans that are loaded later. The table's digest becomes part of the
    /// driver's name, since another tile may change last bits.
    pub fn set_tiles(&mut self, tiles: TileTable) {
        self.target.profile.driver = driver(&self.description, &tiles, self.target.precision);
        self.target.tiles = tiles;
    }

    /// How products are carried out where that was measured.
    pub fn tiles(&self) -> &TileTable {
        &self.target.tiles
    }

    /// Ways to carry out a product that differ from the one that would be chosen without a table.
    pub fn other_ways(&self, shape: ProductShape) -> Vec<&'static str> {
        self.target.other_ways(shape)
    }

    /// Sizes of the products that a plan would be carried out by, one for each dispatch that is one.
    ///
    /// # Errors
    /// An op that the adapter cannot carry out.
    pub fn products(&self, plan: &Plan) -> Result<Vec<ProductShape>, DeviceError> {
        let lowered = lower(plan, &self.target, self.max_bindings())?;
        Ok(lowered.iter().flatten().filter_map(|d| d.product).collect())
    }

    /// Whether its shaders are compiled with wgpu's guards.
    pub fn shader_mode(&self) -> ShaderMode {
        self.pipelines.mode()
    }

    pub(crate) fn pipelines(&self) -> &Pipelines {
        &self.pipelines
    }

    pub(crate) fn device(&self) -> &wgpu::Device {
        &self.device
    }

    pub(crate) fn queue(&self) -> &wgpu::Queue {
        &self.queue
    }

    pub(crate) fn name(&self) -> &str {
        &self.target.name
    }

    #[cfg(test)]
    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// Tests: plan and lower as for another kind of device.
    #[cfg(test)]
    pub(crate) fn pretend(&mut self, kind: DeviceKind, parallelism: u32) {
        self.target.profile.kind = kind;
        self.target.profile.parallelism = parallelism;
    }

    fn max_bindings(&self) -> usize {
        self.description.limits.storage_buffers as usize
    }

    pub(crate) fn check(&self) -> Result<(), DeviceError> {
        self.faults.check()
    }

    pub(crate) fn loaded(&self, id: PlanId) -> Result<&LoadedPlan, DeviceError> {
        self.plans.get(id.0).and_then(Option::as_ref).ok_or(DeviceError::UnknownPlan)
    }

    /// Submits what was encoded since the watch was started, and says what the host spent on it. A software driver runs the
    /// kernels before a submission returns: there submitting is not counted.
    fn hand_over(&self, encoder: wgpu::CommandEncoder, watch: &Stopwatch) -> (wgpu::SubmissionIndex, f64) {
        let commands = encoder.finish();
        let encoded = watch.seconds();
        let index = self.queue.submit([commands]);
        (index, if self.description.kind == DeviceKind::SoftwareGpu { encoded } else { watch.seconds() })
    }

    /// Encodes and submits a loaded plan; returns the last submission, what will hold its outputs, and the seconds that the
    /// host spent on it.
    fn submit_once(&self, plan: &LoadedPlan) -> (wgpu::SubmissionIndex, oneshot::Receiver<Outputs>, f64) {
        let mut seconds = 0.0;
        let (sender, receiver) = oneshot::channel();
        let target = plan.ring.as_ref().map(|ring| ring.take(&self.device));
        let mut index = None;
        for (n, range) in plan.submissions.iter().enumerate() {
            let watch = Stopwatch::start();
            let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            plan.encode(&mut encoder, range.clone(), None);
            let last = n + 1 == plan.submissions.len();
            if let (true, Some(target), Some(output)) = (last, &target, plan.buffer(Region::Output)) {
                encoder.copy_buffer_to_buffer(output, 0, target, 0, bytes(plan.plan.output_len));
            }
            let (submitted, spent) = self.hand_over(encoder, &watch);
            index = Some(submitted);
            seconds += spent;
        }
        let index = index.unwrap_or_else(|| self.queue.submit([]));
        match target {
            Some(buffer) => {
                let edge = Arc::clone(&plan.plan);
                read_later(buffer, plan.ring.clone(), sender, move |words| LoadedPlan::outputs(&edge, words));
            }
            None => self.queue.on_submitted_work_done(move || {
                // Whoever asked may have gone.
                let _gone = sender.send(Ok(Vec::new()));
            }),
        }
        (index, receiver, seconds)
    }
}

impl Device for GpuDevice {
    fn profile(&self) -> &DeviceProfile {
        &self.target.profile
    }

    fn prepare(&mut self, plan: &Arc<Plan>) -> Result<Vec<CompileJob>, DeviceError> {
        let lowered = lower(plan, &self.target, self.max_bindings())?;
        let mut kernels: Vec<_> = lowered.iter().flatten().map(|d| self.pipelines.kernel(d)).collect();
        kernels.sort_by_key(Arc::as_ptr);
        kernels.dedup_by(|a, b| Arc::ptr_eq(a, b));
        kernels.retain(|k| !self.pipelines.is_compiled(k));
        let jobs = kernels.into_iter().map(|kernel| {
            let pipelines = Arc::clone(&self.pipelines);
            let job: CompileJob = Box::new(move || {
                // `load` asks again and reports.
                let _reported_by_load = pipelines.compiled(&kernel);
            });
            job
        });
        Ok(jobs.collect())
    }

    fn load(&mut self, plan: &Arc<Plan>) -> Result<PlanId, DeviceError> {
        self.check()?;
        self.store.check(&plan.states)?;
        let loading = Loading {
            device: &self.device,
            queue: &self.queue,
            pipelines: &self.pipelines,
            target: &self.target,
            max_bindings: self.max_bindings(),
        };
        let compiled = Compiled::new(&loading, plan)?;
        let before = self.store.names();
        let store = &mut self.store;
        let loaded = scoped(&self.device, || LoadedPlan::new(&loading, store, plan, compiled));
        let loaded = loaded.map_err(|e| {
            self.store.release(&plan.states);
            self.store.keep_only(&before);
            device_error(&e)
        })?;
        self.check()?;
        let free = self.plans.iter().position(Option::is_none).unwrap_or(self.plans.len());
        if free == self.plans.len() {
            self.plans.push(None);
        }
        self.plans[free] = Some(loaded);
        Ok(PlanId(free))
    }

    fn unload(&mut self, id: PlanId) {
        if let Some(plan) = self.plans.get_mut(id.0).and_then(Option::take) {
            self.store.release(&plan.plan.states);
        }
    }

    fn submit(&mut self, id: PlanId, inputs: &[(&str, &HostTensor)]) -> Result<Ticket, DeviceError> {
        self.check()?;
        let plan = self.loaded(id)?;
        plan.upload(&self.queue, inputs)?;
        let n_dispatches = plan.dispatches.len() as u64;
        let (index, receiver, seconds) = self.submit_once(plan);
        self.host_time.encode_submit_s += seconds;
        self.host_time.n_submissions += 1;
        self.host_time.n_dispatches += n_dispatches;
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.outputs.insert(ticket, receiver);
        self.submitted.push_back((ticket, index));
        if self.submitted.len() > MAX_TICKETS {
            self.submitted.pop_front();
        }
        self.check()?;
        Ok(ticket)
    }

    fn replay(&mut self, id: PlanId, n: usize) -> Result<(), DeviceError> {
        self.check()?;
        let plan = self.loaded(id)?;
        if let Some(port) = plan.plan.inputs.first() {
            return Err(DeviceError::MissingInput(port.name.clone()));
        }
        let n_dispatches = (n * plan.dispatches.len()) as u64;
        let mut seconds = 0.0;
        let (mut n_submissions, mut left) = (0, n);
        while left > 0 {
            let together = plan.runs_together.min(left);
            for range in &plan.submissions {
                let watch = Stopwatch::start();
                let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
                {
                    let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                    (0..together).for_each(|_| plan.record(&mut pass, range.clone()));
                }
                seconds += self.hand_over(encoder, &watch).1;
            }
            n_submissions += 1;
            left -= together;
        }
        self.host_time.encode_submit_s += seconds;
        self.host_time.n_submissions += n_submissions;
        self.host_time.n_dispatches += n_dispatches;
        self.check()
    }

    fn poll(&mut self, until: Poll) -> Result<(), DeviceError> {
        let poll_type = match until {
            Poll::Now => wgpu::PollType::Poll,
            Poll::Until(ticket) => {
                if ticket.0 >= self.next_ticket {
                    return Err(DeviceError::Other(format!("step {} has not been submitted", ticket.0)));
                }
                match self.submitted.iter().find(|(t, _)| *t >= ticket) {
                    Some((_, index)) => wgpu::PollType::Wait { submission_index: Some(index.clone()), timeout: None },
                    None => wgpu::PollType::Poll,
                }
            }
        };
        self.device.poll(poll_type).map_err(|e| DeviceError::Lost(e.to_string()))?;
        if let Poll::Until(ticket) = until {
            while self.submitted.front().is_some_and(|(t, _)| *t <= ticket) {
                self.submitted.pop_front();
            }
        }
        self.check()
    }

    fn finished(&mut self, ticket: Ticket) -> BoxFuture<'static, Outputs> {
        let receiver = self.outputs.remove(&ticket);
        Box::pin(async move {
            let unknown = || DeviceError::Other(format!("nobody waits for step {}, or it was asked for before", ticket.0));
            let closed = |_| Err(DeviceError::Lost("the device was closed".to_owned()));
            receiver.ok_or_else(unknown)?.await.unwrap_or_else(closed)
        })
    }

    fn forget(&mut self, ticket: Ticket) {
        self.outputs.remove(&ticket);
    }

    fn states(&self) -> Vec<StateSpec> {
        self.store.specs()
    }

    fn write_state(&mut self, name: &str, value: &HostTensor) -> Result<(), DeviceError> {
        self.check()?;
        let (device, queue, unit) = (&self.device, &self.queue, self.target.alignment_bytes);
        let store = &mut self.store;
        let written = scoped(device, || store.write(device, queue, name, value, unit));
        written.map_err(|e| device_error(&e))?
    }

    fn read_states(&mut self, names: &[&str]) -> BoxFuture<'static, Outputs> {
        let receiver = self.start_reading(names);
        Box::pin(async move {
            let closed = |_| Err(DeviceError::Lost("the device was closed".to_owned()));
            receiver?.await.unwrap_or_else(closed)
        })
    }

    fn remove_state(&mut self, name: &str) -> Result<(), DeviceError> {
        self.store.remove(name)
    }

    fn find_non_finite(&mut self, id: PlanId, inputs: &[(&str, &HostTensor)]) -> Result<Option<NonFinite>, DeviceError> {
        self.check()?;
        self.search_non_finite(id, inputs)
    }

    fn time_steps(&mut self, id: PlanId, inputs: &[(&str, &HostTensor)]) -> Result<Vec<f64>, DeviceError> {
        Ok(self.profile_step(id, inputs)?.into_iter().map(|ns| ns as f64 * 1e-9).collect())
    }

    fn allocated_bytes(&self) -> u64 {
        let plans: u64 = self.plans.iter().flatten().map(LoadedPlan::allocated_bytes).sum();
        self.store.allocated_bytes() + plans
    }

    fn host_time(&self) -> HostTime {
        self.host_time
    }

    fn fill(&mut self, id: PlanId, region: Region, word: u32) -> Result<(), DeviceError> {
        self.fill_region(id, region, word)
    }

    fn dump(&mut self, id: PlanId, region: Region) -> Result<Vec<u32>, DeviceError> {
        self.dump_region(id, region)
    }
}

impl GpuDevice {
    fn start_reading(&mut self, names: &[&str]) -> Result<oneshot::Receiver<Outputs>, DeviceError> {
        self.check()?;
        let states = names.iter().map(|n| self.store.get(n)).collect::<Result<Vec<_>, _>>()?;
        let (sender, receiver) = oneshot::channel();
        let types: Vec<_> = states.iter().map(|(ty, _)| (*ty).clone()).collect();
        let total: usize = types.iter().map(calotype_graph::Type::numel).sum();
        if total == 0 {
            let _waiting = sender.send(Ok(types.iter().map(|ty| HostTensor::from_words(ty, &[])).collect()));
            return Ok(receiver);
        }
        let host = scoped(&self.device, || host_buffer(&self.device, bytes(total))).map_err(|e| device_error(&e))?;
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let mut at = 0;
        for (ty, buffer) in states.iter().filter(|(ty, _)| ty.numel() > 0) {
            encoder.copy_buffer_to_buffer(buffer, 0, &host, bytes(at), bytes(ty.numel()));
            at += ty.numel();
        }
        self.queue.submit([encoder.finish()]);
        read_later(host, None, sender, move |words| {
            let mut rest = words;
            let mut next = |ty: &calotype_graph::Type| {
                let (head, tail) = rest.split_at(ty.numel());
                rest = tail;
                HostTensor::from_words(ty, head)
            };
            types.iter().map(&mut next).collect()
        });
        Ok(receiver)
    }
}
