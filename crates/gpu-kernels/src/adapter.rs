//! Which adapters there are, and which one is meant.

use calotype_graph::{DeviceError, DeviceKind, Precision};

/// Which adapter to open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Select {
    /// The best real GPU; never a software one.
    #[default]
    Auto,
    /// The first whose name or backend contains this, whatever the case; software adapters too.
    Name(String),
    /// By its place in [`adapters`].
    Index(usize),
}

/// Whether shaders are compiled with wgpu's guards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShaderMode {
    /// Indices are clamped, loops bounded, divisors tested, workgroup memory zeroed.
    Checked,
    /// As fast as written; the kernels guard every access themselves.
    Unchecked,
}

impl Default for ShaderMode {
    fn default() -> Self {
        if cfg!(debug_assertions) { ShaderMode::Checked } else { ShaderMode::Unchecked }
    }
}

/// How to open a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenOptions {
    pub select: Select,
    pub shaders: ShaderMode,
    /// What [`GpuDevice::cache_bytes`](crate::GpuDevice::cache_bytes) gave on the same adapter; anything else is ignored.
    pub pipeline_cache: Option<Vec<u8>>,
    /// Tests only: planning leaves a gap after each tensor.
    pub guard_bands: bool,
    /// [`Precision::Mixed`] computes products on matrix units where the adapter offers them, else by rounding their operands as
    /// matrix units would.
    pub precision: Precision,
}

/// What a person may want to know of an adapter's limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdapterLimits {
    pub binding_bytes: u64,
    pub buffer_bytes: u64,
    pub workgroup_bytes: u32,
    pub workgroup_invocations: u32,
    pub storage_buffers: u32,
    pub subgroup_sizes: (u32, u32),
}

/// An adapter as `calotype devices` lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdapterDescription {
    /// For [`Select::Index`].
    pub index: usize,
    pub name: String,
    /// Vulkan, Metal, DX12 or the browser's WebGPU.
    pub backend: String,
    pub kind: DeviceKind,
    /// Driver and its version.
    pub driver: String,
    pub limits: AdapterLimits,
    pub timestamps: bool,
    pub subgroups: bool,
}

impl std::fmt::Display for AdapterDescription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self.kind {
            DeviceKind::DiscreteGpu => "discrete GPU",
            DeviceKind::IntegratedGpu => "integrated GPU",
            DeviceKind::SoftwareGpu => "software",
            DeviceKind::Cpu => "CPU",
        };
        write!(f, "{}: {} ({}, {kind}; {})", self.index, self.name, self.backend, self.driver)
    }
}

fn kind(device_type: wgpu::DeviceType) -> DeviceKind {
    match device_type {
        wgpu::DeviceType::DiscreteGpu | wgpu::DeviceType::VirtualGpu => DeviceKind::DiscreteGpu,
        wgpu::DeviceType::IntegratedGpu | wgpu::DeviceType::Other => DeviceKind::IntegratedGpu,
        wgpu::DeviceType::Cpu => DeviceKind::SoftwareGpu,
    }
}

impl AdapterDescription {
    pub(crate) fn new(index: usize, adapter: &wgpu::Adapter) -> Self {
        let (info, limits, features) = (adapter.get_info(), adapter.limits(), adapter.features());
        AdapterDescription {
            index,
            kind: kind(info.device_type),
            backend: info.backend.to_string(),
            driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
            name: info.name,
            limits: AdapterLimits {
                binding_bytes: limits.max_storage_buffer_binding_size,
                buffer_bytes: limits.max_buffer_size,
                workgroup_bytes: limits.max_compute_workgroup_storage_size,
                workgroup_invocations: limits.max_compute_invocations_per_workgroup,
                storage_buffers: limits.max_storage_buffers_per_shader_stage,
                subgroup_sizes: (info.subgroup_min_size, info.subgroup_max_size),
            },
            timestamps: features.contains(wgpu::Features::TIMESTAMP_QUERY),
            subgroups: features.contains(wgpu::Features::SUBGROUP),
        }
    }
}

async fn all() -> Vec<wgpu::Adapter> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends: wgpu::Backends::PRIMARY,
        // Validation layers only where a developer asks for them by wgpu's own variables.
        flags: wgpu::InstanceFlags::empty().with_env(),
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    instance.enumerate_adapters(wgpu::Backends::PRIMARY).await
}

/// What the cooperative core needs of a device.
pub(crate) const MATRIX_FEATURES: wgpu::Features =
    wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX.union(wgpu::Features::SHADER_F16).union(wgpu::Features::SUBGROUP);

/// The size of its subgroups, where mixed precision is wanted and the adapter multiplies 16 x 16 x 16 of f16 into f32 with
/// subgroups of one size.
pub(crate) fn matrix_units(adapter: &wgpu::Adapter, precision: Precision) -> Option<u32> {
    use wgpu::CooperativeScalarType::{F16, F32};
    let fits =
        |p: &wgpu::CooperativeMatrixProperties| [p.m_size, p.n_size, p.k_size] == [16; 3] && (p.ab_type, p.cr_type) == (F16, F32);
    let info = adapter.get_info();
    let offered = adapter.features().contains(MATRIX_FEATURES) && adapter.cooperative_matrix_properties().iter().any(fits);
    let one_size = info.subgroup_min_size == info.subgroup_max_size && (8..=64).contains(&info.subgroup_min_size);
    (precision == Precision::Mixed && offered && one_size).then_some(info.subgroup_min_size)
}

/// Every adapter of this machine, software ones too.
pub async fn adapters() -> Vec<AdapterDescription> {
    all().await.iter().enumerate().map(|(n, a)| AdapterDescription::new(n, a)).collect()
}

/// The adapter that is meant.
///
/// # Errors
/// [`DeviceError::NoAdapter`], which lists what there is.
pub(crate) async fn choose(select: &Select) -> Result<(wgpu::Adapter, AdapterDescription), DeviceError> {
    let adapters = all().await;
    let list: Vec<_> = adapters.iter().enumerate().map(|(n, a)| AdapterDescription::new(n, a)).collect();
    let index = pick(select, &list)?;
    let found = adapters.into_iter().nth(index).zip(list.into_iter().nth(index));
    found.ok_or_else(|| DeviceError::Other("the adapters changed while one was chosen".to_owned()))
}

fn pick(select: &Select, list: &[AdapterDescription]) -> Result<usize, DeviceError> {
    // One GPU may be there under several backends.
    let rank = |a: &AdapterDescription| (a.kind != DeviceKind::DiscreteGpu, a.backend != "vulkan", a.index);
    let found = match select {
        Select::Auto => list.iter().filter(|a| a.kind != DeviceKind::SoftwareGpu).min_by_key(|a| rank(a)),
        Select::Name(part) => {
            let part = part.to_lowercase();
            list.iter().find(|a| a.name.to_lowercase().contains(&part) || a.backend.to_lowercase().contains(&part))
        }
        Select::Index(n) => list.get(*n),
    };
    found.map(|a| a.index).ok_or_else(|| DeviceError::NoAdapter {
        device: match select {
            Select::Auto => "gpu".to_owned(),
            Select::Name(name) => name.clone(),
            Select::Index(n) => n.to_string(),
        },
        available: match list {
            [] => "none".to_owned(),
            _ => list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(index: usize, name: &str, backend: &str, kind: DeviceKind) -> AdapterDescription {
        let limits = AdapterLimits {
            binding_bytes: 1,
            buffer_bytes: 1,
            workgroup_bytes: 1,
            workgroup_invocations: 1,
            storage_buffers: 8,
            subgroup_sizes: (8, 8),
        };
        let (name, backend, driver) = (name.to_owned(), backend.to_owned(), String::new());
        AdapterDescription { index, name, backend, kind, driver, limits, timestamps: false, subgroups: false }
    }

    #[test]
    fn auto_takes_the_best_real_gpu_and_never_a_software_one() {
        let software = described(0, "llvmpipe", "vulkan", DeviceKind::SoftwareGpu);
        let integrated = described(1, "Iris", "vulkan", DeviceKind::IntegratedGpu);
        let dx12 = described(2, "RTX", "dx12", DeviceKind::DiscreteGpu);
        let vulkan = described(3, "RTX", "vulkan", DeviceKind::DiscreteGpu);
        let list = [software.clone(), integrated, dx12, vulkan];
        assert_eq!(pick(&Select::Auto, &list), Ok(3));
        assert_eq!(pick(&Select::Auto, &list[..2]), Ok(1));
        assert_eq!(pick(&Select::Name("LLVM".to_owned()), &list), Ok(0));
        assert_eq!(pick(&Select::Index(2), &list), Ok(2));
        let Err(error) = pick(&Select::Auto, &[software]) else { panic!("a software adapter was chosen") };
        assert!(error.to_string().contains("llvmpipe"), "{error}");
    }
}
