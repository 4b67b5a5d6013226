//! Errors of building and planning a graph.

use crate::shape::{Dtype, Shape, Type};

/// What is wrong with a graph. The first error made while building is kept and returned by
/// [`Graph::finish`](crate::Graph::finish), so that model code stays free of `?`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum GraphError {
    #[error("{op} `{name}`: {why} (operands: {})", list(.operands))]
    Operands { op: &'static str, name: String, why: String, operands: Vec<Type> },

    #[error("{op} has no derivative, and the gradient through `{name}` needs it{}", second_order(*.in_gradient))]
    NotDifferentiable {
        op: &'static str,
        name: String,
        /// Whether the op is itself a part of a gradient: a derivative of higher order was asked for.
        in_gradient: bool,
    },

    #[error("the gradient starts at `{name}` of shape {shape}; it must be a scalar (reduce it first)")]
    NotScalar { name: String, shape: Shape },

    #[error("state `{name}`: shape mismatch: declared as {known}, used as {asked}")]
    StateMismatch { name: String, known: Type, asked: Type },

    #[error("state `{name}`: declared as {known}, used as {asked}")]
    StateConflict { name: String, known: String, asked: String },

    #[error("random streams `{name}` and `{other}` have the same hash and would draw the same numbers: rename one of them")]
    StreamCollision { name: String, other: String },

    #[error("{what} `{name}` is declared twice")]
    Duplicate { what: &'static str, name: String },

    #[error("assigning to `{name}`, which is not a state of this graph")]
    UnknownState { name: String },

    #[error("{program}: {}", input_names(.missing, .unread))]
    Inputs { program: String, missing: Vec<String>, unread: Vec<String> },

    #[error("the training schedule is inconsistent: {why}")]
    Schedule { why: String },

    #[error("optimiser `{optimiser}`: its loss does not depend on {}", quoted(.parameters))]
    NoGradient { optimiser: String, parameters: Vec<String> },

    #[error("optimiser `{optimiser}` has no parameters: there are none in its scopes")]
    NoParameters { optimiser: String },

    #[error("a tensor of another graph was used in `{name}`")]
    ForeignTensor { name: String },
}

fn second_order(in_gradient: bool) -> &'static str {
    if in_gradient { "; it is part of a gradient, and what it came from is first order only" } else { "" }
}

fn list(types: &[Type]) -> String {
    types.iter().map(Type::to_string).collect::<Vec<_>>().join(", ")
}

fn input_names(missing: &[String], unread: &[String]) -> String {
    let part = |what: &str, names: &[String]| (!names.is_empty()).then(|| format!("{what} {}", quoted(names)));
    let parts = [part("missing inputs:", missing), part("unused inputs:", unread)];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")
}

/// Why a graph cannot be carried out on a device.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PlanError {
    #[error(transparent)]
    Graph(#[from] GraphError),

    #[error("tensor `{name}` {shape} takes {bytes} bytes; {device} binds at most {limit}")]
    TensorTooLarge { name: String, shape: Shape, bytes: u64, limit: u64, device: String },

    #[error("the plan needs {bytes} bytes; {device} has {limit}")]
    OutOfMemory { bytes: u64, limit: u64, device: String },

    #[error("a bug of the planner: `{name}` would write where it reads or writes something else; please report it")]
    Overlap { name: String },

    #[error("a bug of the planner: the kernel of `{name}` would wait for itself; please report it")]
    Circle { name: String },
}

/// Why a device could not do what was asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DeviceError {
    #[error("{device}: no such adapter; there are: {available}")]
    NoAdapter { device: String, available: String },

    #[error("out of device memory: {0}")]
    OutOfMemory(String),

    #[error("the device was lost: {0}")]
    Lost(String),

    #[error("shader `{shader}` does not compile: {message}")]
    Shader { shader: String, message: String },

    #[error("missing input `{0}`")]
    MissingInput(String),

    #[error("`{name}`: shape mismatch: expected {expected} elements of {dtype}, got {got}")]
    WrongSize { name: String, expected: usize, got: usize, dtype: Dtype },

    #[error("`{name}`: shape mismatch: expected {expected}, got {got}")]
    WrongType { name: String, expected: Type, got: Type },

    #[error("no state `{0}` on this device")]
    UnknownState(String),

    #[error("no such plan is loaded")]
    UnknownPlan,

    #[error("{op}: not supported on {device}: {why}")]
    Unsupported { op: String, device: String, why: String },

    #[error("{0}")]
    Other(String),
}
