//! How long work takes on the device: a plan over and over, and the adapter's roofs. Blocks, where the platform can block.

use calotype_graph::{DeviceError, DeviceKind, HostTensor, Place, PlanId, Region};

use crate::clock::Stopwatch;
use crate::device::GpuDevice;
use crate::dispatch::{Dispatch, Element, Table, folded};
use crate::faults::{device_error, scoped};
use crate::source::{Source, shader};
use crate::stamps::Stamps;
use crate::store::storage_buffer;

/// What an adapter can do at most, measured by kernels that do nothing else (`shaders/roof_*.wgsl`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Roofs {
    /// Fused multiply-adds in registers, two operations each.
    pub flop_per_s: f64,
    /// A copy between buffers larger than caches, bytes read and bytes written.
    pub bytes_per_s: f64,
    /// Bytes read from workgroup memory.
    pub workgroup_bytes_per_s: f64,
    /// A dispatch in a chain of dispatches that do next to nothing.
    pub dispatch_s: f64,
    /// Size of each of the copy's two buffers.
    pub copy_bytes: u64,
}

/// A kernel that measures a roof, ready to be encoded.
struct Probe {
    pipeline: wgpu::ComputePipeline,
    bind_group: wgpu::BindGroup,
    grid: [u32; 3],
    _parameters: wgpu::Buffer,
}

/// The probes' memory: x holds what a chain begins with, y what it ends in.
struct Bench {
    x: wgpu::Buffer,
    y: wgpu::Buffer,
    bytes: u64,
}

const WG_SIZE: u64 = 256;
/// Of the copy: elements (vec4) of an invocation.
const PER_THREAD: u64 = 4;
const ROUNDS: u64 = 256;
/// Operations of an invocation of `roof_fma`, bytes of one of `roof_workgroup`.
const FMA_FLOPS: u64 = 2 * 48 * ROUNDS;
const WORKGROUP_BYTES: u64 = 16 * 4 * ROUNDS;
/// A dispatch that is timed alone takes at least so long if the largest grid allows.
const DISPATCH_SECONDS: f64 = 2e-3;
const SAMPLE_SECONDS: f64 = 10e-3;
const SAMPLES: usize = 9;

impl GpuDevice {
    /// Whether [`GpuDevice::time_replays`] goes by the device's own clock.
    pub fn has_timestamps(&self) -> bool {
        self.device().features().contains(wgpu::Features::TIMESTAMP_QUERY)
    }

    /// Seconds of one run of a loaded plan in a chain of `n` (at least 1): by timestamps around the chain where the adapter has
    /// them, else by the host's clock, which also sees how the chain is handed over. State is changed as by `n` submissions;
    /// outputs stay on the device.
    ///
    /// # Errors
    /// As of `submit`.
    pub fn time_replays(&mut self, id: PlanId, inputs: &[(&str, &HostTensor)], n: u32) -> Result<f64, DeviceError> {
        self.time_chain(id, inputs, n, self.has_timestamps())
    }

    /// [`GpuDevice::time_replays`] by the clock that is asked for; timestamps only where the adapter has them.
    pub(crate) fn time_chain(
        &mut self,
        id: PlanId,
        inputs: &[(&str, &HostTensor)],
        n: u32,
        timestamps: bool,
    ) -> Result<f64, DeviceError> {
        self.check()?;
        let plan = self.loaded(id)?;
        plan.upload(self.queue(), inputs)?;
        let n = n.max(1);
        // A plan that is submitted in parts may take long: then each run is one of its own, or a driver may lose patience.
        let (runs, in_a_pass) = if plan.submissions.len() == 1 { (1, n) } else { (n, 1) };
        let mut seconds = 0.0;
        for _ in 0..runs {
            for range in &plan.submissions {
                seconds += self.time_pass(timestamps, |pass| (0..in_a_pass).for_each(|_| plan.record(pass, range.clone())))?;
            }
        }
        self.check()?;
        Ok(seconds / f64::from(n))
    }

    /// Seconds of one compute pass, submitted alone.
    fn time_pass(&self, timestamps: bool, record: impl FnOnce(&mut wgpu::ComputePass)) -> Result<f64, DeviceError> {
        let (device, queue) = (self.device(), self.queue());
        let stamps = timestamps.then(|| Stamps::new(device, 1));
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let timestamp_writes = stamps.as_ref().map(|s| s.around(0));
        record(&mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes }));
        if let Some(stamps) = &stamps {
            stamps.resolve(&mut encoder);
            queue.submit([encoder.finish()]);
            return Ok(stamps.seconds(device, queue)?.into_iter().sum());
        }
        let commands = encoder.finish();
        let wait = |index| {
            let waited = device.poll(wgpu::PollType::Wait { submission_index: Some(index), timeout: None });
            waited.map(|_| ()).map_err(|e| DeviceError::Lost(e.to_string()))
        };
        wait(queue.submit([]))?; // uploads are not timed
        let watch = Stopwatch::start();
        wait(queue.submit([commands]))?;
        Ok(watch.seconds())
    }

    /// Measures what the adapter can do at most. Takes some seconds on a software driver, less than one on a GPU.
    ///
    /// # Errors
    /// No memory for the copy's buffers; what the driver says.
    pub fn measure_roofs(&mut self) -> Result<Roofs, DeviceError> {
        let bench = self.bench()?;
        let copy = self.copy(&bench)?;
        let copy_s = self.best(&copy)?;
        let threads = WG_SIZE as f64;
        let fma = self.busy(&bench, "roof_fma", shader!("roof_fma"))?;
        let fma_s = self.best(&fma)? / (workgroups(&fma) * threads);
        let shared = self.busy(&bench, "roof_workgroup", shader!("roof_workgroup"))?;
        let shared_s = self.best(&shared)? / (workgroups(&shared) * threads);
        let empty = self.probe(&bench, "roof_dispatch", shader!("roof_dispatch"), 1, 1)?;
        self.check()?;
        Ok(Roofs {
            flop_per_s: FMA_FLOPS as f64 / fma_s,
            bytes_per_s: 2.0 * bench.bytes as f64 / copy_s,
            workgroup_bytes_per_s: WORKGROUP_BYTES as f64 / shared_s,
            dispatch_s: self.best(&empty)?,
            copy_bytes: bench.bytes,
        })
    }

    fn bench(&self) -> Result<Bench, DeviceError> {
        // Larger than any cache of such a device.
        let wanted: u64 = match self.description().kind {
            DeviceKind::DiscreteGpu => 256 << 20,
            DeviceKind::IntegratedGpu => 128 << 20,
            DeviceKind::SoftwareGpu | DeviceKind::Cpu => 64 << 20,
        };
        let limits = &self.description().limits;
        let bytes = wanted.min(limits.binding_bytes).min(limits.buffer_bytes) / 256 * 256;
        let buffer = |name| storage_buffer(self.device(), name, bytes);
        let (x, y) = scoped(self.device(), || (buffer("roof x"), buffer("roof y"))).map_err(|e| device_error(&e))?;
        self.queue().write_buffer(&x, 0, bytemuck::cast_slice(&[0.9999f32, 0.0001]));
        Ok(Bench { x, y, bytes })
    }

    fn copy(&self, bench: &Bench) -> Result<Probe, DeviceError> {
        let quads = bench.bytes / 16;
        self.probe(bench, "roof_copy", shader!("roof_copy"), quads, quads.div_ceil(WG_SIZE * PER_THREAD))
    }

    /// A kernel over so many workgroups that handing it over is no part of its time.
    fn busy(&self, bench: &Bench, entry: &'static str, text: &str) -> Result<Probe, DeviceError> {
        let mut workgroups: u64 = 16;
        loop {
            let probe = self.probe(bench, entry, text, bench.bytes / 4, workgroups)?;
            self.run(&probe, 1)?; // a driver may compile a kernel at its first use
            if self.run(&probe, 1)? >= DISPATCH_SECONDS || workgroups >= 1 << 16 {
                return Ok(probe);
            }
            workgroups *= 4;
        }
    }

    fn probe(&self, bench: &Bench, entry: &'static str, text: &str, n: u64, workgroups: u64) -> Result<Probe, DeviceError> {
        let dispatch = lower(bench, entry, text, n, workgroups)?;
        let kernel = self.pipelines().kernel(&dispatch);
        let pipeline = self.pipelines().compiled(&kernel)?;
        let (device, parameters) = (self.device(), uniform_buffer(self.device()));
        self.queue().write_buffer(&parameters, 0, bytemuck::cast_slice(&dispatch.params));
        let whole = [&parameters, &bench.x, &bench.y].map(wgpu::Buffer::as_entire_binding);
        let entries: Vec<_> =
            whole.into_iter().zip(0..).map(|(resource, binding)| wgpu::BindGroupEntry { binding, resource }).collect();
        let layout = &kernel.layout().bindings;
        let bind_group = device.create_bind_group(&wgpu::BindGroupDescriptor { label: Some(entry), layout, entries: &entries });
        Ok(Probe { pipeline, bind_group, grid: dispatch.grid, _parameters: parameters })
    }

    /// Seconds of a probe in a chain of `n`.
    fn run(&self, probe: &Probe, n: u32) -> Result<f64, DeviceError> {
        let seconds = self.time_pass(self.has_timestamps(), |pass| {
            pass.set_pipeline(&probe.pipeline);
            pass.set_bind_group(0, &probe.bind_group, &[]);
            let [x, y, z] = probe.grid;
            (0..n).for_each(|_| pass.dispatch_workgroups(x, y, z));
        })?;
        Ok(seconds / f64::from(n))
    }

    /// The shortest time of a probe in chains that take a while: a roof is what can be reached.
    fn best(&self, probe: &Probe) -> Result<f64, DeviceError> {
        self.run(probe, 4)?;
        let once = self.run(probe, 4)?.max(1e-9);
        let n = (SAMPLE_SECONDS / once).ceil().clamp(1.0, 4096.0) as u32;
        let mut best = f64::INFINITY;
        for _ in 0..SAMPLES {
            best = best.min(self.run(probe, n)?);
        }
        Ok(best.max(1e-12))
    }
}

fn workgroups(probe: &Probe) -> f64 {
    probe.grid.iter().map(|&n| f64::from(n)).product()
}

fn lower(bench: &Bench, entry: &'static str, text: &str, n: u64, workgroups: u64) -> Result<Dispatch, DeviceError> {
    let element = if entry == "roof_copy" { Element::Vec4F32 } else { Element::F32 };
    let place = |arena| Place { region: Region::Arena(arena), offset: 0, len: (bench.bytes / 4) as usize };
    let mut table = Table::default();
    table.param("n", n as usize)?;
    table.read("x", place(0), element);
    table.write("y", place(1), element);
    let wgsl = Source::new(entry, text).section("bindings", &table.declarations())?.finish();
    Ok(table.dispatch(entry, wgsl, folded(workgroups)?))
}

fn uniform_buffer(device: &wgpu::Device) -> wgpu::Buffer {
    device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("roof parameters"),
        size: 16,
        usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    })
}
