//! ONNX models that others made, as programs: networks of images, for their features. <https://onnx.ai>
//!
//! What is read: the operators of convolutional networks, with weights in the file. Numbers of half and double precision become single.

mod build;
mod fold;
mod parse;
mod shapes;
mod windows;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use calotype_graph::{GraphError, HostTensor, Program};

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    #[error("it is no ONNX model: {0}")]
    Broken(String),

    #[error("{op} `{name}` is not read: {reason}")]
    Op { op: String, name: String, reason: String },

    #[error("{0}")]
    Unfit(String),

    #[error(transparent)]
    Graph(#[from] GraphError),
}

impl From<&'static str> for ReadError {
    fn from(reason: &'static str) -> Self {
        ReadError::Broken(reason.into())
    }
}

/// A network from images to numbers.
#[derive(Clone, Debug)]
pub struct Network {
    nodes: Vec<Node>,
    constants: HashMap<String, Constant>,
    input: Input,
    output: String,
}

/// A constant of the file, its axes as they are there.
#[derive(Clone, Debug, PartialEq)]
enum Constant {
    /// f32.
    Floats(Arc<HostTensor>),
    Ints(Ints),
}

/// Whole numbers of these sizes.
#[derive(Clone, Debug, PartialEq)]
struct Ints {
    dims: Vec<usize>,
    values: Vec<i64>,
}

impl Ints {
    fn line(values: Vec<i64>) -> Self {
        Ints { dims: vec![values.len()], values }
    }
}

#[derive(Clone, Debug)]
struct Node {
    op: String,
    name: String,
    inputs: Vec<String>,
    outputs: Vec<String>,
    attributes: BTreeMap<String, Attribute>,
}

#[derive(Clone, Debug, PartialEq)]
enum Attribute {
    Int(i64),
    Float(f32),
    Text(String),
    Tensor(Constant),
    Ints(Vec<i64>),
    Floats(Vec<f32>),
}

/// The input of images.
#[derive(Clone, Debug)]
struct Input {
    name: String,
    /// Sizes; none where any will do.
    dims: [Option<usize>; 4],
    /// Whether channels come last.
    channels_last: bool,
}

/// A program of a network, and the values of its states.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Input `x` f32 [B, H, W, C], output `features` f32 [B, D].
    pub program: Program,
    pub states: Vec<(String, HostTensor)>,
}

impl Network {
    /// # Errors
    /// Bytes that are no ONNX model; one without an input of images, or with weights in another file.
    pub fn read(bytes: &[u8]) -> Result<Self, ReadError> {
        parse::network(bytes)
    }

    /// Channels, height and width of its images; none where any will do.
    pub fn image(&self) -> [Option<usize>; 3] {
        let [_, a, b, c] = self.input.dims;
        if self.input.channels_last { [c, a, b] } else { [a, b, c] }
    }

    /// Its program for `batch` images [H, W, C] at once, or for as many as the file is made for: its first output, a row an image.
    ///
    /// # Errors
    /// An operator that is not read, or not so; images that the network does not take.
    pub fn program(&self, batch: usize, image: [usize; 3]) -> Result<Loaded, ReadError> {
        build::program(self, self.input.dims[0].unwrap_or(batch), image)
    }
}
