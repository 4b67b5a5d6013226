//! A plan on the device: its memory, and its dispatches as plain structs that a replay walks through.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use calotype_graph::{DeviceError, DeviceKind, HostTensor, Place, Plan, Region, Step};

use crate::dispatch::{Dispatch, Slot};
use crate::pipelines::{Kernel, Pipelines};
use crate::readback::Ring;
use crate::store::{Store, bytes, storage_buffer};
use crate::tiles::Target;

/// Bytes of a parameter block's slot; every device's uniform offsets are multiples of it.
pub(crate) const UNIFORM_UNIT: u64 = 256;
/// Parameter memory for each step, and for every two dispatches of one that takes more: a block for each dispatch.
pub(crate) const STEP_BYTES: u64 = 2 * UNIFORM_UNIT;
/// Bound where a tensor has no elements.
pub(crate) const EMPTY_BYTES: u64 = 256;
/// Steps in flight that have their own copies of inputs and outputs.
pub(crate) const STAGING_COPIES: u64 = 3;
/// Drivers have watchdogs: a submission should not outlast this.
const SUBMIT_SECONDS: f64 = 0.3;
/// Runs of a plan in one submission: past this many, encoding the next ones while these run is worth more.
const MOST_TOGETHER: f64 = 256.0;

/// One dispatch, ready to be encoded.
pub(crate) struct Recorded {
    pipeline: wgpu::ComputePipeline,
    bind_group: wgpu::BindGroup,
    grid: [u32; 3],
    /// The previous dispatch has the same pipeline.
    same_pipeline: bool,
}

pub(crate) struct LoadedPlan {
    pub plan: Arc<Plan>,
    arenas: Vec<wgpu::Buffer>,
    states: Vec<wgpu::Buffer>,
    input: Option<wgpu::Buffer>,
    output: Option<wgpu::Buffer>,
    empty: wgpu::Buffer,
    uniforms: Vec<wgpu::Buffer>,
    pub dispatches: Vec<Recorded>,
    /// For each step of the plan, its dispatches.
    pub steps: Vec<Range<usize>>,
    /// Dispatches of each submission.
    pub submissions: Vec<Range<usize>>,
    /// How many runs of the plan one submission takes when they follow one another: 1 where one run is cut into several.
    pub runs_together: usize,
    pub ring: Option<Ring>,
    pub n_pipelines: usize,
}

/// What a load needs of its device.
pub(crate) struct Loading<'a> {
    pub device: &'a wgpu::Device,
    pub queue: &'a wgpu::Queue,
    pub pipelines: &'a Pipelines,
    pub target: &'a Target,
    /// Storage buffers that a kernel may bind.
    pub max_bindings: usize,
}

/// A plan whose kernels are compiled.
pub(crate) struct Compiled {
    lowered: Vec<Vec<Dispatch>>,
    kernels: Vec<Arc<Kernel>>,
    pipelines: Vec<wgpu::ComputePipeline>,
}

impl Compiled {
    pub fn new(l: &Loading, plan: &Plan) -> Result<Self, DeviceError> {
        let lowered = lower(plan, l.target, l.max_bindings)?;
        let kernels: Vec<Arc<Kernel>> = lowered.iter().flatten().map(|d| l.pipelines.kernel(d)).collect();
        let pipelines = kernels.iter().map(|k| l.pipelines.compiled(k)).collect::<Result<Vec<_>, _>>()?;
        Ok(Compiled { lowered, kernels, pipelines })
    }
}

impl LoadedPlan {
    /// Allocates what a plan needs and makes its bind groups.
    pub fn new(l: &Loading, store: &mut Store, plan: &Arc<Plan>, compiled: Compiled) -> Self {
        let Compiled { lowered, kernels, pipelines } = compiled;
        let region = |len: usize, label: &str| (len > 0).then(|| storage_buffer(l.device, label, bytes(len)));
        let empty = storage_buffer(l.device, "empty", EMPTY_BYTES);
        let (submissions, runs_together) = submissions(plan, &lowered, l.target.kind);
        let mut loaded = LoadedPlan {
            arenas: plan.arenas.iter().map(|&n| region(n, "arena").unwrap_or_else(|| empty.clone())).collect(),
            states: plan.states.iter().map(|s| store.use_in_plan(l.device, s, l.target.alignment_bytes)).collect(),
            input: region(plan.input_len, "inputs"),
            output: region(plan.output_len, "outputs"),
            empty,
            uniforms: Vec::new(),
            dispatches: Vec::new(),
            steps: Vec::new(),
            submissions,
            runs_together,
            ring: (plan.output_len > 0).then(|| Ring::new(l.device, bytes(plan.output_len), STAGING_COPIES)),
            plan: Arc::clone(plan),
            n_pipelines: 0,
        };
        let blocks = loaded.upload_parameters(l, &lowered);
        let mut last: Option<&Arc<Kernel>> = None;
        let mut seen: Vec<*const Kernel> = Vec::new();
        for (((d, kernel), pipeline), block) in lowered.iter().flatten().zip(&kernels).zip(pipelines).zip(blocks) {
            let bind_group = loaded.bind(l.device, kernel, &d.slots, block);
            let same_pipeline = last.is_some_and(|k| Arc::ptr_eq(k, kernel));
            loaded.dispatches.push(Recorded { pipeline, bind_group, grid: d.grid, same_pipeline });
            seen.push(Arc::as_ptr(kernel));
            last = Some(kernel);
        }
        seen.sort_unstable();
        seen.dedup();
        loaded.n_pipelines = seen.len();
        let mut next = 0;
        for step in &lowered {
            loaded.steps.push(next..next + step.len());
            next += step.len();
        }
        loaded
    }

    /// Writes every parameter block once, equal ones together. Returns buffer, offset and size for each dispatch.
    fn upload_parameters(&mut self, l: &Loading, lowered: &[Vec<Dispatch>]) -> Vec<(usize, u64, u64)> {
        let units: u64 = self.plan.steps.iter().map(Step::units).sum();
        let capacity = (STEP_BYTES * units).max(UNIFORM_UNIT);
        let mut contents: Vec<Vec<u8>> = Vec::new();
        let mut known: HashMap<&[u32], (usize, u64, u64)> = HashMap::new();
        let mut blocks = Vec::new();
        for d in lowered.iter().flatten() {
            let at = *known.entry(&d.params).or_insert_with(|| {
                let size = (d.params.len() as u64 * 4).next_multiple_of(16);
                let fits = |c: &Vec<u8>| c.len() as u64 + size <= capacity;
                // One buffer holds a plan's blocks unless many are unusually long.
                if !contents.last().is_some_and(fits) {
                    contents.push(Vec::new());
                }
                let n = contents.len() - 1;
                let content = &mut contents[n];
                let offset = content.len() as u64;
                content.extend_from_slice(bytemuck::cast_slice(&d.params));
                content.resize((offset + size.next_multiple_of(UNIFORM_UNIT)) as usize, 0);
                (n, offset, size)
            });
            blocks.push(at);
        }
        for content in contents {
            let buffer = l.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("parameters"),
                size: capacity.max(content.len() as u64),
                usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            });
            l.queue.write_buffer(&buffer, 0, &content);
            self.uniforms.push(buffer);
        }
        blocks
    }

    fn bind(&self, device: &wgpu::Device, kernel: &Kernel, slots: &[Slot], block: (usize, u64, u64)) -> wgpu::BindGroup {
        let (uniform, offset, size) = block;
        let part = |buffer, offset, size| {
            let size = wgpu::BufferSize::new(size);
            wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset, size })
        };
        let parameters = part(&self.uniforms[uniform], offset, size);
        let tensors = slots.iter().map(|s| match s.place.len {
            0 => part(&self.empty, 0, EMPTY_BYTES),
            len => part(self.buffer(s.place.region).unwrap_or(&self.empty), bytes(s.place.offset), bytes(len)),
        });
        let resources = std::iter::once(parameters).chain(tensors);
        let entries: Vec<_> = resources.zip(0..).map(|(resource, binding)| wgpu::BindGroupEntry { binding, resource }).collect();
        device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout: &kernel.layout().bindings, entries: &entries })
    }

    /// The buffer of a region; `None` where the region is empty or not of this plan.
    pub fn buffer(&self, region: Region) -> Option<&wgpu::Buffer> {
        match region {
            Region::State(n) => self.states.get(n as usize),
            Region::Input => self.input.as_ref(),
            Region::Output => self.output.as_ref(),
            Region::Arena(n) => self.arenas.get(n as usize),
        }
    }

    /// Uploads the inputs of one step; values that the plan does not ask for are left out.
    pub fn upload(&self, queue: &wgpu::Queue, inputs: &[(&str, &HostTensor)]) -> Result<(), DeviceError> {
        let mut values: Vec<(&Place, &[u32])> = Vec::with_capacity(self.plan.inputs.len());
        for port in &self.plan.inputs {
            let given = inputs.iter().find(|(name, _)| *name == port.name).map(|(_, value)| *value);
            let value = given.ok_or_else(|| DeviceError::MissingInput(port.name.clone()))?;
            let got = value.ty();
            if got != port.ty {
                return Err(DeviceError::WrongType { name: port.name.clone(), expected: port.ty.clone(), got });
            }
            values.push((&port.place, value.words()));
        }
        let Some(buffer) = &self.input else { return Ok(()) };
        for (place, words) in values.into_iter().filter(|(_, words)| !words.is_empty()) {
            queue.write_buffer(buffer, bytes(place.offset), bytemuck::cast_slice(words));
        }
        Ok(())
    }

    /// Encodes some of the dispatches.
    pub fn encode(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        range: Range<usize>,
        times: Option<wgpu::ComputePassTimestampWrites>,
    ) {
        let descriptor = wgpu::ComputePassDescriptor { label: None, timestamp_writes: times };
        self.record(&mut encoder.begin_compute_pass(&descriptor), range);
    }

    /// Puts some of the dispatches into a pass.
    pub fn record(&self, pass: &mut wgpu::ComputePass, range: Range<usize>) {
        for (n, d) in self.dispatches[range].iter().enumerate() {
            if !d.same_pipeline || n == 0 {
                pass.set_pipeline(&d.pipeline);
            }
            pass.set_bind_group(0, &d.bind_group, &[]);
            pass.dispatch_workgroups(d.grid[0], d.grid[1], d.grid[2]);
        }
    }

    /// The outputs from the words of the output region.
    pub fn outputs(plan: &Plan, words: &[u32]) -> Vec<HostTensor> {
        let part = |place: &Place| &words[place.offset..place.offset + place.len];
        plan.outputs.iter().map(|p| HostTensor::from_words(&p.ty, part(&p.place))).collect()
    }

    /// Bytes of everything but the states.
    pub fn allocated_bytes(&self) -> u64 {
        let buffers = self.arenas.iter().chain(&self.input).chain(&self.output).chain(&self.uniforms);
        let rings = self.ring.as_ref().map_or(0, Ring::allocated_bytes);
        // wgpu keeps a copy of each upload until its step has run.
        let uploads = STAGING_COPIES * bytes(self.plan.input_len);
        buffers.map(wgpu::Buffer::size).sum::<u64>() + rings + uploads + EMPTY_BYTES
    }
}

/// The dispatches of every step, none of which may bind more than `limit` storage buffers, or bind memory that it writes twice.
pub(crate) fn lower(plan: &Plan, target: &Target, limit: usize) -> Result<Vec<Vec<Dispatch>>, DeviceError> {
    let lowered = plan.steps.iter().map(|step| crate::op::lower(step, target)).collect::<Result<Vec<_>, _>>()?;
    for (step, dispatches) in plan.steps.iter().zip(&lowered) {
        if let Some((a, b)) = dispatches.iter().find_map(Dispatch::clash) {
            return Err(DeviceError::Other(format!("`{}` binds memory that it writes as `{a}` and as `{b}`", step.name)));
        }
        if let Some(d) = dispatches.iter().find(|d| d.slots.len() > limit) {
            return Err(DeviceError::Unsupported {
                op: step.stem().to_owned(),
                device: target.name.clone(),
                why: format!("`{}` binds {} buffers; {limit} are allowed", step.name, d.slots.len()),
            });
        }
    }
    Ok(lowered)
}

/// Cuts a plan into submissions that stay well under a watchdog's patience, by what its steps cost on such a device. Software
/// drivers have no watchdog, and each submission would cost the host as much as a hundred dispatches. Also how many runs of the
/// plan fit one submission.
fn submissions(plan: &Plan, lowered: &[Vec<Dispatch>], kind: DeviceKind) -> (Vec<Range<usize>>, usize) {
    // Rates that slow devices of the kind reach: operations and bytes a second, seconds a dispatch.
    let (flops, bandwidth, overhead) = match kind {
        DeviceKind::DiscreteGpu => (5e11, 5e10, 1e-5),
        DeviceKind::IntegratedGpu => (5e10, 1e10, 2e-5),
        DeviceKind::SoftwareGpu | DeviceKind::Cpu => (f64::INFINITY, f64::INFINITY, 0.0),
    };
    let (mut all, mut start, mut next, mut seconds) = (Vec::new(), 0, 0, 0.0);
    for (step, dispatches) in plan.steps.iter().zip(lowered) {
        let cost = (step.flops as f64 / flops).max(step.bytes as f64 / bandwidth) + overhead * dispatches.len() as f64;
        if seconds + cost > SUBMIT_SECONDS && next > start {
            all.push(start..next);
            (start, seconds) = (next, 0.0);
        }
        next += dispatches.len();
        seconds += cost;
    }
    all.push(start..next);
    let together = if all.len() > 1 { 1 } else { (SUBMIT_SECONDS / seconds.max(SUBMIT_SECONDS / MOST_TOGETHER)) as usize };
    (all, together.max(1))
}
