//! The language of Calotype: shapes, ops, a static graph with reverse-mode autodiff, passes and a memory plan. A graph
//! compiles to a [`Plan`], which a [`Device`] carries out. No device code, no files, clocks or threads.

mod autodiff;
pub mod device;
mod error;
pub mod expr;
mod graph;
mod host;
mod memory;
mod norms;
pub mod op;
mod passes;
pub mod philox;
pub mod plan;
mod planner;
mod profile;
mod scope;
mod shape;
mod tensor;

pub use device::{BoxFuture, CompileJob, Device, HostTime, NonFinite, PlanId, Poll, Ticket};
pub use error::{DeviceError, GraphError, PlanError};
pub use expr::{Binary, Expr, Instr, Scalar, Unary};
pub use graph::{Graph, Label, NodeRef, Program, Source};
pub use host::{HostData, HostTensor};
pub use norms::Affine;
pub use op::{Op, Window};
pub use plan::{Index, Init, Kernel, Layout, MAX_BINDINGS, MemoryBytes, Place, Plan, Port, Read, Region, StateSpec, Step, Write};
pub use planner::{PlanOptions, is_sound, memory_bytes, plan};
pub use profile::{DeviceKind, DeviceProfile, Precision};
pub use scope::{Mode, Scope};
pub use shape::{Dtype, ELEMENT_BYTES, Shape, Type};
pub use tensor::Tensor;
