//! What planning needs to know of a device.

/// Kind of hardware behind a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    DiscreteGpu,
    IntegratedGpu,
    /// A GPU interface carried out by the CPU: for parity tests.
    SoftwareGpu,
    Cpu,
}

/// How products (matrix products and convolutions) are computed; everything else is f32 always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// f32 throughout.
    #[default]
    Full,
    /// Operands rounded to f16, sums in f32: what matrix units do. Coarser by far: about three digits.
    Mixed,
}

/// What planning needs to know of a device.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceProfile {
    /// Name as a person knows it, e.g. `llvmpipe (LLVM 15.0.6, 256 bits)`.
    pub name: String,
    pub kind: DeviceKind,
    /// Backend and driver version, for `run.toml`.
    pub driver: String,
    /// Every tensor starts at a multiple of this.
    pub alignment_bytes: u64,
    /// Largest range that a kernel may bind.
    pub max_binding_bytes: u64,
    /// Largest buffer; arenas are split to stay below.
    pub max_buffer_bytes: u64,
    /// Memory that may be used in all, where it is known.
    pub memory_bytes: Option<u64>,
    /// Workgroups (or threads) that keep the device busy: split-K is chosen to reach it.
    pub parallelism: u32,
    /// Memory outside regions for every loaded plan: staging rings, uniform blocks, scratch of the threads.
    pub fixed_bytes: u64,
    /// Memory outside regions for each step of a loaded plan, and for every two dispatches of one that takes more: their
    /// blocks of parameters.
    pub step_bytes: u64,
    /// Host copies kept of each input and output byte (steps in flight).
    pub staging_copies: u64,
    /// Tests only: the planner leaves a gap of one alignment unit after each tensor, in every region but the states.
    pub guard_bands: bool,
    /// How it computes products.
    pub precision: Precision,
}
