//! Compiled kernels: one pipeline for each text, whoever asks for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use calotype_graph::DeviceError;

use crate::adapter::ShaderMode;
use crate::dispatch::Dispatch;
use crate::faults::{lock, scoped};

/// A kernel that is or will be compiled.
pub(crate) struct Kernel {
    entry: &'static str,
    wgsl: String,
    layout: Layout,
    pipeline: OnceLock<Result<wgpu::ComputePipeline, DeviceError>>,
}

/// Bind group layout and the pipeline layout made of it; there is one of each for every pattern of bindings.
#[derive(Clone)]
pub(crate) struct Layout {
    pub bindings: wgpu::BindGroupLayout,
    pipeline: wgpu::PipelineLayout,
}

impl Kernel {
    pub fn layout(&self) -> &Layout {
        &self.layout
    }
}

/// All kernels of a device.
pub(crate) struct Pipelines {
    device: wgpu::Device,
    mode: ShaderMode,
    cache: Option<wgpu::PipelineCache>,
    kernels: Mutex<HashMap<String, Arc<Kernel>>>,
    layouts: Mutex<HashMap<Vec<bool>, Layout>>,
}

impl Pipelines {
    pub fn new(device: &wgpu::Device, mode: ShaderMode, cache: Option<&[u8]>) -> Self {
        let offered = device.features().contains(wgpu::Features::PIPELINE_CACHE);
        let create = |data| {
            let descriptor = wgpu::PipelineCacheDescriptor { label: Some("calotype"), data, fallback: true };
            // SAFETY: the bytes are what `cache_bytes` gave; wgpu and the driver test their header.
            scoped(device, || unsafe { device.create_pipeline_cache(&descriptor) }).ok()
        };
        // An older driver's cache is passed over by wgpu itself, another adapter's is an error to it.
        let cache = if offered { create(cache).or_else(|| create(None)) } else { None };
        let (kernels, layouts) = (Mutex::default(), Mutex::default());
        Pipelines { device: device.clone(), mode, cache, kernels, layouts }
    }

    pub fn mode(&self) -> ShaderMode {
        self.mode
    }

    /// The driver's compiled form of what has been compiled, if it gives it away.
    pub fn cache_bytes(&self) -> Option<Vec<u8>> {
        self.cache.as_ref().and_then(wgpu::PipelineCache::get_data)
    }

    /// The kernel of a dispatch, not compiled yet if nobody has asked before.
    pub fn kernel(&self, dispatch: &Dispatch) -> Arc<Kernel> {
        let mut kernels = lock(&self.kernels);
        if let Some(kernel) = kernels.get(&dispatch.wgsl) {
            return Arc::clone(kernel);
        }
        let layout = self.layout(dispatch);
        let (entry, wgsl) = (dispatch.entry, dispatch.wgsl.clone());
        let kernel = Arc::new(Kernel { entry, wgsl: wgsl.clone(), layout, pipeline: OnceLock::new() });
        kernels.insert(wgsl, Arc::clone(&kernel));
        kernel
    }

    /// The pipeline of a kernel, compiled now if it is not. Any thread may ask.
    pub fn compiled(&self, kernel: &Kernel) -> Result<wgpu::ComputePipeline, DeviceError> {
        kernel.pipeline.get_or_init(|| self.compile(kernel)).clone()
    }

    /// Kernels that nobody has compiled.
    pub fn is_compiled(&self, kernel: &Kernel) -> bool {
        kernel.pipeline.get().is_some()
    }

    fn compile(&self, kernel: &Kernel) -> Result<wgpu::ComputePipeline, DeviceError> {
        let label = Some(kernel.entry);
        let source = wgpu::ShaderSource::Wgsl(kernel.wgsl.as_str().into());
        let descriptor = wgpu::ShaderModuleDescriptor { label, source };
        let pipeline = scoped(&self.device, || {
            let module = match self.mode {
                ShaderMode::Checked => self.device.create_shader_module(descriptor),
                // SAFETY: every kernel guards its own accesses and loops (parity tests run both modes).
                ShaderMode::Unchecked => unsafe {
                    self.device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked())
                },
            };
            self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label,
                layout: Some(&kernel.layout.pipeline),
                module: &module,
                entry_point: label,
                compilation_options: wgpu::PipelineCompilationOptions {
                    zero_initialize_workgroup_memory: self.mode == ShaderMode::Checked,
                    ..Default::default()
                },
                cache: self.cache.as_ref(),
            })
        });
        pipeline.map_err(|e| {
            log::debug!("{}", kernel.wgsl);
            DeviceError::Shader { shader: kernel.entry.to_owned(), message: e.to_string() }
        })
    }

    fn layout(&self, dispatch: &Dispatch) -> Layout {
        let pattern: Vec<bool> = dispatch.slots.iter().map(|s| s.read_only).collect();
        let mut layouts = lock(&self.layouts);
        if let Some(layout) = layouts.get(&pattern) {
            return layout.clone();
        }
        let uniform = std::iter::once(wgpu::BufferBindingType::Uniform);
        let storage = pattern.iter().map(|&read_only| wgpu::BufferBindingType::Storage { read_only });
        let entries: Vec<_> = uniform.chain(storage).zip(0..).map(|(ty, binding)| entry(binding, ty)).collect();
        let bindings =
            self.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some("calotype"), entries: &entries });
        let pipeline = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some("calotype"),
            bind_group_layouts: &[Some(&bindings)],
            immediate_size: 0,
        });
        let layout = Layout { bindings, pipeline };
        layouts.insert(pattern, layout.clone());
        layout
    }
}

fn entry(binding: u32, ty: wgpu::BufferBindingType) -> wgpu::BindGroupLayoutEntry {
    let ty = wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None };
    wgpu::BindGroupLayoutEntry { binding, visibility: wgpu::ShaderStages::COMPUTE, ty, count: None }
}
