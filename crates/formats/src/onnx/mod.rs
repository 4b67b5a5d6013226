//! Programs as ONNX models, of any number of rows: <https://onnx.ai>, opset 17.
//!
//! A program is built for a fixed batch. It is built twice, with two numbers of rows, and what differs between the two follows the rows of
//! a batch: a size is `a + b N` in the model. Arrays have the axes that they have here: images are [N, H, W, C].

mod ops;
mod proto;
mod read;
mod writer;

use calotype_graph::{Dtype, GraphError, HostTensor, NodeRef, Program, Source, StateSpec};

use ops::Call;
pub use read::{Loaded, Network, ReadError};
use writer::{Size, Writer};

/// Numbers of rows with which a program is built: no size of a network changes by as much.
const BATCHES: [usize; 2] = [5, 7];

/// A model larger than this no reader takes: protocol buffers end there.
const MOST_BYTES: usize = i32::MAX as usize;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    #[error(transparent)]
    Graph(#[from] GraphError),

    #[error("`{name}` ({op}) cannot be written as ONNX: {reason}")]
    Op { op: &'static str, name: String, reason: &'static str },

    #[error("`{name}` is made for a fixed number of rows, and cannot be written as ONNX for any number")]
    Batch { name: String },

    /// Of a state's value.
    #[error("{0}")]
    State(String),

    #[error("the model has {bytes} bytes; ONNX ends at 2 GiB")]
    TooLarge { bytes: usize },
}

/// Why an op cannot be written.
enum Trouble {
    Op(&'static str),
    /// It follows the rows of a batch as no size in ONNX does.
    Batch,
}

/// A size of an input or output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dim {
    Fixed(usize),
    /// So many times the rows of a batch.
    Rows(usize),
}

/// An input or output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    pub name: String,
    pub dims: Vec<Dim>,
    /// u32 is `int64` in the model.
    pub dtype: Dtype,
    /// What it is.
    pub doc: String,
}

/// A written model.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// The file.
    pub bytes: Vec<u8>,
    pub inputs: Vec<Port>,
    pub outputs: Vec<Port>,
    /// Numbers in it that were learned.
    pub n_weights: usize,
}

/// What a model says of itself.
#[derive(Clone, Copy)]
pub struct About<'a> {
    pub name: &'a str,
    pub doc: &'a str,
    /// Of the program that writes it.
    pub version: &'a str,
    /// What an input or output is, by its name.
    pub port: &'a dyn Fn(&str) -> String,
}

/// The model that a program is: `build` makes the program for a batch of so many rows, `value` has the values of its states.
///
/// # Errors
/// What cannot be built or has no value; an op that ONNX does not have; a program that follows the rows of its batch in other ways than
/// sizes do.
pub fn export(
    about: &About,
    build: &dyn Fn(usize) -> Result<Program, GraphError>,
    value: &mut dyn FnMut(&StateSpec) -> Result<HostTensor, String>,
) -> Result<Model, ExportError> {
    let programs = [build(BATCHES[0])?, build(BATCHES[1])?];
    let nodes: [Vec<NodeRef>; 2] = [programs[0].nodes().collect(), programs[1].nodes().collect()];
    let used = used(&programs[0], &nodes[0]);
    let whole = |name: &str| ExportError::Batch { name: name.to_owned() };
    if nodes[0].len() != nodes[1].len() || programs[0].results().next().is_none() {
        return Err(whole(programs[0].name()));
    }
    let mut w = Writer::default();
    let (mut inputs, mut n_weights) = (vec![], 0);
    let mut names: Vec<String> = Vec::with_capacity(nodes[0].len());
    for (id, (node, other)) in nodes[0].iter().zip(&nodes[1]).enumerate() {
        if !used[id] {
            names.push(String::new());
            continue;
        }
        if node.operands != other.operands || !ops::alike(&node.ty.shape, &other.ty.shape) {
            return Err(whole(node.name));
        }
        let name = match (node.source, other.source) {
            (Source::Input(name), Source::Input(_)) => {
                let port = port([node, other], name, about).ok_or_else(|| whole(name))?;
                w.input(name, proto::value(&port), port.dims.first() == Some(&Dim::Rows(1)));
                inputs.push(port);
                name.to_owned()
            }
            (Source::State(spec), Source::State(_)) => {
                let tensor = value(spec).map_err(ExportError::State)?;
                w.weights(&spec.name, &tensor);
                n_weights += tensor.shape.numel();
                spec.name.clone()
            }
            (Source::Op(a), Source::Op(b)) if std::mem::discriminant(a) == std::mem::discriminant(b) => {
                w.label(node.name);
                let operand = |&at: &u32| [nodes[0][at as usize].ty, nodes[1][at as usize].ty];
                let call = Call {
                    ops: [a, b],
                    inputs: node.operands.iter().map(operand).collect(),
                    output: [node.ty, other.ty],
                    names: node.operands.iter().map(|&at| names[at as usize].as_str()).collect(),
                };
                call.write(&mut w).map_err(|trouble| match trouble {
                    Trouble::Op(reason) => ExportError::Op { op: a.stem(), name: node.name.to_owned(), reason },
                    Trouble::Batch => whole(node.name),
                })?
            }
            _ => return Err(whole(node.name)),
        };
        names.push(name);
    }
    let mut outputs = vec![];
    for (name, id) in programs[0].results() {
        let at = id as usize;
        let port = port([&nodes[0][at], &nodes[1][at]], name, about).ok_or_else(|| whole(name))?;
        w.named("Identity", &[&names[at]], &[], name);
        w.parts.outputs.push(proto::value(&port));
        outputs.push(port);
    }
    let bytes = proto::model(about.name, about.doc, about.version, &w.parts);
    match bytes.len() {
        0..=MOST_BYTES => Ok(Model { bytes, inputs, outputs, n_weights }),
        bytes => Err(ExportError::TooLarge { bytes }),
    }
}

/// Whether each node leads to an output.
fn used(program: &Program, nodes: &[NodeRef]) -> Vec<bool> {
    let mut used = vec![false; nodes.len()];
    program.results().for_each(|(_, id)| used[id as usize] = true);
    for id in (0..nodes.len()).rev() {
        if used[id] {
            nodes[id].operands.iter().for_each(|&operand| used[operand as usize] = true);
        }
    }
    used
}

fn port(nodes: [&NodeRef; 2], name: &str, about: &About) -> Option<Port> {
    let [a, b] = nodes.map(|node| node.ty.shape.dims());
    let dim = |(&a, &b)| match Size::of([a, b], BATCHES)? {
        Size { fixed, rows: 0 } => Some(Dim::Fixed(fixed as usize)),
        Size { fixed: 0, rows } => Some(Dim::Rows(rows as usize)),
        _ => None,
    };
    let dims = a.iter().zip(b).map(dim).collect::<Option<_>>()?;
    Some(Port { name: name.to_owned(), dims, dtype: nodes[0].ty.dtype, doc: (about.port)(name) })
}

#[cfg(test)]
mod tests;
