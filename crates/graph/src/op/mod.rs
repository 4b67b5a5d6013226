//! The ops: parameters, shape rules, derivatives, costs and test cases, one file a stem.
//!
//! Adding an op: its file here, its twin in `cpu-reference/src/op`, its grid in `gpu-kernels/src/op`, its shader, and one
//! line in each `op/mod.rs`.

pub mod batch_norm;
pub mod batch_norm_stats;
pub mod batch_norm_sums;
pub mod case;
pub mod concat;
pub mod conv2d;
pub mod conv2d_transpose;
pub mod conv2d_weight_grad;
pub mod cumsum;
pub mod elementwise;
pub mod gather;
pub mod log_sum_exp;
pub mod lstm_scan;
pub mod lstm_scan_grad;
pub mod matmul;
pub mod nade;
pub mod nade_grad;
pub mod nade_sample;
pub mod pad;
pub mod pad_reflect;
pub mod pad_reflect_grad;
pub mod pool2d;
pub mod pool2d_grad;
pub mod random;
pub mod reduce;
pub mod row_write;
pub mod scatter_add;
pub mod softmax;
pub mod view;

pub use batch_norm::BatchNorm;
pub use batch_norm_stats::BatchNormStats;
pub use batch_norm_sums::BatchNormSums;
pub use case::{Case, Fill, Given, Tolerance};
pub use concat::Concat;
pub use conv2d::{Conv2d, Window};
pub use conv2d_transpose::Conv2dTranspose;
pub use conv2d_weight_grad::Conv2dWeightGrad;
pub use cumsum::Cumsum;
pub use elementwise::{Cast, Full, Iota, Select};
pub use gather::Gather;
pub use log_sum_exp::LogSumExp;
pub use lstm_scan::LstmScan;
pub use lstm_scan_grad::LstmScanGrad;
pub use matmul::MatMul;
pub use nade::{Nade, NadeActivation, NadeDims};
pub use nade_grad::{NadeGrad, NadeGradLayout, NadeGradParts};
pub use nade_sample::{Conditional, NadeSample, NadeWeights};
pub use pad::Pad;
pub use pad_reflect::{Borders, PadReflect, ReflectDims};
pub use pad_reflect_grad::PadReflectGrad;
pub use pool2d::{Pool2d, PoolDims, PoolKind, PoolWindow};
pub use pool2d_grad::Pool2dGrad;
pub use random::{Distribution, Random};
pub use reduce::{Reduce, ReduceKind};
pub use row_write::RowWrite;
pub use scatter_add::ScatterAdd;
pub use softmax::Softmax;
pub use view::{Detach, Expand, Flip, Permute, Reshape, Slice};

use crate::expr::{Binary, Unary};
use crate::profile::DeviceProfile;
use crate::shape::Type;
use crate::tensor::Tensor;

/// How an op is carried out; the catalogue test checks that its artefacts are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carried {
    /// By `shaders/STEM.wgsl`.
    Own,
    /// By a shader that several ops are composed from, e.g. `matmul`.
    Shares(&'static str),
    /// By a kernel generated from an expression.
    Generated,
    /// By another way to index the same memory: no work.
    View,
    /// By other ops: [`Operation::expand`] replaces it before planning, and no device sees it.
    Composite,
}

/// What a derivative is made from.
pub struct Vjp<'a> {
    pub inputs: &'a [Tensor],
    pub output: &'a Tensor,
    /// Cotangent of the output, of its shape.
    pub dy: &'a Tensor,
    /// Which inputs' cotangents are asked for; others may be left out.
    pub wanted: &'a [bool],
}

impl Vjp<'_> {
    /// `make()` where input `n` is wanted.
    pub fn want(&self, n: usize, make: impl FnOnce() -> Tensor) -> Option<Tensor> {
        self.wanted[n].then(make)
    }
}

/// Cotangents of an op's inputs; `None` for inputs that carry no gradient.
pub type Cotangents = Vec<Option<Tensor>>;

/// What `graph` knows of an op.
pub trait Operation {
    /// The name that its file has in every room.
    fn stem(&self) -> &'static str;

    fn carried(&self) -> Carried;

    /// Number of operands.
    fn arity(&self) -> usize;

    /// Type of the result. The error says what is wrong; op, name and operand types are added by the caller.
    fn infer(&self, inputs: &[Type]) -> Result<Type, String>;

    /// Cotangents of the inputs, written in ops; `None` where the op has no derivative, which is an error. An input without slope
    /// (an index, a comparison's operand) has no cotangent, which is none.
    fn vjp(&self, v: &Vjp) -> Option<Cotangents>;

    /// Floating-point operations.
    fn flops(&self, inputs: &[Type], output: &Type) -> u64;

    /// The operand whose memory the result takes over where nobody reads it afterwards; the op then writes only what differs.
    fn in_place(&self) -> Option<usize> {
        None
    }

    /// Elements read and written at least once.
    fn moved(&self, inputs: &[Type], output: &Type, _in_place: bool) -> usize {
        inputs.iter().map(Type::numel).sum::<usize>() + output.numel()
    }

    /// Whether an expression may be applied to each element of the result before it is written.
    fn accepts_epilogue(&self) -> bool {
        false
    }

    /// Elements of scratch that one execution needs on a device.
    fn workspace(&self, _inputs: &[Type], _output: &Type, _profile: &DeviceProfile) -> usize {
        0
    }

    /// Dispatches that one execution takes on a GPU at most; each has a block of parameters.
    fn dispatches(&self, _inputs: &[Type]) -> usize {
        2
    }

    /// A composite op's definition in other ops.
    fn expand(&self, _inputs: &[Tensor]) -> Option<Tensor> {
        None
    }

    /// An op on the same operands whose result starts, along its first axis, with this one's: where a program has both, this one
    /// is not carried out.
    fn wider(&self) -> Option<Op> {
        None
    }
}

macro_rules! ops {
    ($($variant:ident($params:ty) from $module:ident),* $(,)?) => {
        /// An op with its parameters.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum Op {
            $($variant($params),)*
        }

        $(impl From<$params> for Op {
            fn from(op: $params) -> Self {
                Op::$variant(op)
            }
        })*

        impl Op {
            fn operation(&self) -> &(dyn Operation + 'static) {
                match self {
                    $(Op::$variant(op) => op,)*
                }
            }
        }

        /// Test cases of every op, by stem. An op without cases fails the catalogue test.
        pub fn cases() -> Vec<Case> {
            let mut all: Vec<Case> = Vec::new();
            let mut seen: Vec<&str> = Vec::new();
            $(if !seen.contains(&stringify!($module)) {
                seen.push(stringify!($module));
                all.extend($module::cases());
            })*
            all
        }

        /// Every module of ops (the stems of their files).
        pub const STEMS: &[&str] = &[$(stringify!($module)),*];
    };
}

ops! {
    Unary(Unary) from elementwise,
    Binary(Binary) from elementwise,
    Select(Select) from elementwise,
    Cast(Cast) from elementwise,
    Full(Full) from elementwise,
    Iota(Iota) from elementwise,
    Reshape(Reshape) from view,
    Permute(Permute) from view,
    Expand(Expand) from view,
    Slice(Slice) from view,
    Flip(Flip) from view,
    Detach(Detach) from view,
    Pad(Pad) from pad,
    PadReflect(PadReflect) from pad_reflect,
    PadReflectGrad(PadReflectGrad) from pad_reflect_grad,
    Concat(Concat) from concat,
    Gather(Gather) from gather,
    ScatterAdd(ScatterAdd) from scatter_add,
    Pool2d(Pool2d) from pool2d,
    Pool2dGrad(Pool2dGrad) from pool2d_grad,
    RowWrite(RowWrite) from row_write,
    Cumsum(Cumsum) from cumsum,
    Reduce(Reduce) from reduce,
    MatMul(MatMul) from matmul,
    Conv2d(Conv2d) from conv2d,
    Conv2dTranspose(Conv2dTranspose) from conv2d_transpose,
    Conv2dWeightGrad(Conv2dWeightGrad) from conv2d_weight_grad,
    BatchNorm(BatchNorm) from batch_norm,
    BatchNormStats(BatchNormStats) from batch_norm_stats,
    BatchNormSums(BatchNormSums) from batch_norm_sums,
    Softmax(Softmax) from softmax,
    LogSumExp(LogSumExp) from log_sum_exp,
    LstmScan(LstmScan) from lstm_scan,
    LstmScanGrad(LstmScanGrad) from lstm_scan_grad,
    Random(Random) from random,
    Nade(Nade) from nade,
    NadeGrad(NadeGrad) from nade_grad,
    NadeSample(NadeSample) from nade_sample,
}

impl std::ops::Deref for Op {
    type Target = dyn Operation;

    fn deref(&self) -> &Self::Target {
        self.operation()
    }
}

/// `n` operands, all of which are f32.
pub(crate) fn floats(inputs: &[Type], n: usize) -> Result<(), String> {
    if inputs.len() != n {
        return Err(format!("takes {n} operands, got {}", inputs.len()));
    }
    match inputs.iter().find(|t| t.dtype != crate::Dtype::F32) {
        Some(t) => Err(format!("takes f32, got {t}")),
        None => Ok(()),
    }
}

/// `t` is f32 of this rank.
pub(crate) fn rank(t: &Type, rank: usize, what: &str) -> Result<(), String> {
    if t.shape.rank() == rank { Ok(()) } else { Err(format!("{what} must have {rank} axes, got {}", t.shape)) }
}
