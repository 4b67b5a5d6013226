//! The compiled form of a graph: steps over fixed places in memory. Devices carry it out; nothing in it changes by step.

use crate::expr::Expr;
use crate::host::HostTensor;
use crate::op::Op;
use crate::shape::{ELEMENT_BYTES, Shape, Type};

/// Storage buffers that a kernel may bind: WebGPU's default limit.
pub const MAX_BINDINGS: usize = 8;

/// A block of device memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Region {
    /// State `n` of [`Plan::states`]; it belongs to the device's store and is shared by plans.
    State(u32),
    /// All inputs, uploaded each step.
    Input,
    /// All outputs, read back each step.
    Output,
    /// Scratch memory `n` of [`Plan::arenas`].
    Arena(u32),
}

/// A contiguous range of 4-byte elements in a region. Its offset is a multiple of the device's alignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    pub region: Region,
    pub offset: usize,
    pub len: usize,
}

impl Place {
    pub fn overlaps(&self, other: &Place) -> bool {
        self.region == other.region && self.offset < other.offset + other.len && other.offset < self.offset + self.len
    }
}

/// Which element of an operand belongs to element `i` of the kernel's output (row-major).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Index {
    /// `i`
    Same,
    /// `0`
    Scalar,
    /// `i % n`: broadcast over leading axes, as a channel vector in NHWC.
    Suffix(usize),
    /// `i / n`: broadcast over trailing axes, as a value for each row.
    Prefix(usize),
    /// `offset + Σ coordinate(i)_d · strides_d` over the output's shape. Strides may be zero or negative.
    Strided { shape: Shape, strides: Vec<isize>, offset: isize },
}

/// An operand of a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    pub place: Place,
    /// Type of what lies at `place`, contiguous.
    pub ty: Type,
    /// How elementwise kernels and epilogues index it; `Same` for an op's own operands, which are whole tensors.
    pub index: Index,
}

/// A result of a step: always contiguous.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    pub place: Place,
    pub ty: Type,
}

/// What a step computes.
#[derive(Clone, Debug, PartialEq)]
pub enum Kernel {
    /// Every write has the same number of elements; `expr` is evaluated for each. The limit on bindings
    /// ([`MAX_BINDINGS`]) holds.
    Elementwise(Expr),
    /// An op on whole tensors. The first [`Op::arity`] reads are its own; the rest belong to the epilogue, which turns each
    /// element of the result (its `Acc`) into what is written. Only ops whose
    /// [`accepts_epilogue`](crate::op::Operation::accepts_epilogue) is true have one.
    Op { op: Op, epilogue: Option<Expr> },
}

/// One unit of work; on a GPU one dispatch (an ordered two-stage reduction may take two).
///
/// A write may lie exactly on a read that [`Step::may_overwrite`] (in place). Otherwise writes overlap neither reads nor
/// each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Scoped name of the node that it computes, for messages and profiles.
    pub name: String,
    pub kernel: Kernel,
    pub reads: Vec<Read>,
    pub writes: Vec<Write>,
    /// Scratch for this step alone, of the size that [`Operation::workspace`](crate::op::Operation::workspace) asked for.
    pub workspace: Option<Place>,
    pub flops: u64,
    /// Bytes read and written at least once.
    pub bytes: u64,
}

impl Step {
    /// The op's own operands, without the epilogue's.
    pub fn operands(&self) -> &[Read] {
        match &self.kernel {
            Kernel::Elementwise(_) => &self.reads,
            Kernel::Op { op, .. } => &self.reads[..op.arity()],
        }
    }

    /// The epilogue's operands.
    pub fn epilogue_operands(&self) -> &[Read] {
        match &self.kernel {
            Kernel::Elementwise(_) => &[],
            Kernel::Op { op, .. } => &self.reads[op.arity()..],
        }
    }

    /// Whether a write may lie exactly on read `n`: an elementwise kernel reads it at the element that it writes, an op says
    /// that it can.
    pub fn may_overwrite(&self, n: usize) -> bool {
        match &self.kernel {
            Kernel::Elementwise(_) => self.reads[n].index == Index::Same,
            Kernel::Op { op, epilogue } => epilogue.is_none() && op.in_place() == Some(n),
        }
    }

    /// Storage bindings that it needs: distinct places.
    pub fn n_bindings(&self) -> usize {
        let reads = self.reads.iter().map(|r| r.place);
        let all = reads.chain(self.writes.iter().map(|w| w.place)).chain(self.workspace);
        all.map(|p| (p.region, p.offset)).collect::<std::collections::BTreeSet<_>>().len()
    }

    /// How often it takes [`step_bytes`](crate::profile::DeviceProfile::step_bytes): once for two dispatches.
    pub fn units(&self) -> u64 {
        match &self.kernel {
            Kernel::Elementwise(_) => 1,
            Kernel::Op { op, .. } => {
                let types: Vec<Type> = self.operands().iter().map(|r| r.ty.clone()).collect();
                op.dispatches(&types).div_ceil(2).max(1) as u64
            }
        }
    }

    /// Name of the kernel: the op's stem, or `elementwise`.
    pub fn stem(&self) -> &'static str {
        match &self.kernel {
            Kernel::Elementwise(_) => "elementwise",
            Kernel::Op { op, .. } => op.stem(),
        }
    }
}

/// How a state starts. The host draws it (see `models`), so that all devices start from the same bits.
#[derive(Clone, Debug, PartialEq)]
pub enum Init {
    Zeros,
    Constant(f32),
    Normal {
        mean: f32,
        deviation: f32,
    },
    Uniform {
        low: f32,
        high: f32,
    },
    /// A counter or other integer state.
    Integer(u32),
    /// These very values, of the state's type: an order of pixels.
    Given(HostTensor),
}

impl std::fmt::Display for Init {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Init::Zeros => write!(f, "0 at first"),
            Init::Constant(value) => write!(f, "{value} at first"),
            Init::Normal { mean, deviation } => write!(f, "normal at first, of mean {mean} and deviation {deviation}"),
            Init::Uniform { low, high } => write!(f, "uniform at first, in {low}..{high}"),
            Init::Integer(value) => write!(f, "{value} at first"),
            Init::Given(_) => write!(f, "given at first"),
        }
    }
}

/// How a state lies in PyTorch, for checkpoints that other programs read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// As here.
    #[default]
    Plain,
    /// [kh, kw, Cin, Cout] here, [Cout, Cin, kh, kw] there.
    Conv,
    /// [kh, kw, Cout, Cin] here, [Cin, Cout, kh, kw] there.
    ConvTranspose,
    /// [in, out] here, [out, in] there.
    Linear,
}

impl Layout {
    /// Axis `d` there is axis `self.axes()[d]` here; `None` for the same layout. Conv and ConvTranspose are the same
    /// permutation of differently named axes.
    pub fn axes(self) -> Option<&'static [usize]> {
        match self {
            Layout::Plain => None,
            Layout::Conv | Layout::ConvTranspose => Some(&[3, 2, 0, 1]),
            Layout::Linear => Some(&[1, 0]),
        }
    }
}

/// A persistent tensor: parameter, moment, running statistic, counter.
#[derive(Clone, Debug, PartialEq)]
pub struct StateSpec {
    /// Scoped name, unique in the store.
    pub name: String,
    pub ty: Type,
    pub init: Init,
    pub layout: Layout,
}

impl StateSpec {
    /// Bytes of its buffer on a device of this alignment.
    pub fn allocated_bytes(&self, alignment_bytes: u64) -> u64 {
        self.ty.shape.bytes().max(1).next_multiple_of(alignment_bytes)
    }
}

/// A named tensor at the edge of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Port {
    pub name: String,
    pub ty: Type,
    pub place: Place,
}

/// Planned memory in bytes, alignment included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryBytes {
    pub state: u64,
    pub arenas: u64,
    pub inputs: u64,
    pub outputs: u64,
    /// Host-visible copies of inputs and outputs, the device's uniform blocks and per-thread scratch.
    pub staging: u64,
}

impl MemoryBytes {
    pub fn total(&self) -> u64 {
        self.state + self.arenas + self.inputs + self.outputs + self.staging
    }
}

/// A program for a device: what one step does, where everything lies.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub name: String,
    pub steps: Vec<Step>,
    pub states: Vec<StateSpec>,
    pub inputs: Vec<Port>,
    pub outputs: Vec<Port>,
    /// Length of each arena in elements.
    pub arenas: Vec<usize>,
    /// Length of the input region in elements.
    pub input_len: usize,
    /// Length of the output region in elements.
    pub output_len: usize,
    pub memory: MemoryBytes,
}

impl Plan {
    /// Floating-point operations of one step of the plan.
    pub fn flops(&self) -> u64 {
        self.steps.iter().map(|s| s.flops).sum()
    }

    /// Bytes moved by one step, each operand of each kernel counted once.
    pub fn bytes(&self) -> u64 {
        self.steps.iter().map(|s| s.bytes).sum()
    }

    /// Elements in a region.
    pub fn region_len(&self, region: Region) -> usize {
        match region {
            Region::State(n) => self.states[n as usize].ty.numel(),
            Region::Input => self.input_len,
            Region::Output => self.output_len,
            Region::Arena(n) => self.arenas[n as usize],
        }
    }

    /// Bytes of the largest tensor that a kernel binds.
    pub fn largest_binding(&self) -> u64 {
        let places = self.steps.iter().flat_map(|s| s.reads.iter().map(|r| &r.place).chain(s.writes.iter().map(|w| &w.place)));
        places.map(|p| p.len as u64 * ELEMENT_BYTES).max().unwrap_or(0)
    }
}
