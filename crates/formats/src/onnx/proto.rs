//! The messages of `onnx.proto3`: <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3>.

use super::{Dim, Port};
use crate::protobuf::Message;
use calotype_graph::Dtype;

/// Of the format, and of the operators: 8 and 17 of ONNX 1.12, 2022.
const IR_VERSION: i64 = 8;
const OPSET: i64 = 17;

/// Types of elements.
const FLOAT: i64 = 1;
const INT64: i64 = 7;
pub(super) const BOOL: i64 = 9;

/// What numbers of the graph are in a model: indices are `int64` there.
pub(super) fn element(dtype: Dtype) -> i64 {
    match dtype {
        Dtype::F32 => FLOAT,
        Dtype::U32 => INT64,
    }
}

/// An attribute of a node.
pub(super) enum Attribute<'a> {
    Int(&'a str, i64),
    Float(&'a str, f32),
    Text(&'a str, &'a str),
    Ints(&'a str, Vec<i64>),
    /// A tensor of one float.
    Value(&'a str, f32),
}

impl Attribute<'_> {
    fn message(&self) -> Message {
        let of = |name: &str, kind: i64| Message::new().text(1, name).whole(20, kind);
        match self {
            Attribute::Float(name, v) => of(name, 1).single(2, *v),
            Attribute::Int(name, n) => of(name, 2).whole(3, *n),
            Attribute::Text(name, text) => of(name, 3).text(4, text),
            Attribute::Value(name, v) => of(name, 4).message(5, &floats("", &[1], &[*v])),
            Attribute::Ints(name, all) => of(name, 7).each(all, |m, &n| m.whole(8, n)),
        }
    }
}

pub(super) fn node(op: &str, name: &str, inputs: &[&str], output: &str, attributes: &[Attribute]) -> Message {
    let inputs = Message::new().each(inputs, |m, input| m.text(1, input));
    inputs.text(2, output).text(3, name).text(4, op).each(attributes, |m, a| m.message(5, &a.message()))
}

/// A tensor of floats.
pub(super) fn floats(name: &str, dims: &[i64], values: &[f32]) -> Message {
    tensor(name, dims, FLOAT, bytemuck::cast_slice(values))
}

/// A tensor of whole numbers.
pub(super) fn integers(name: &str, dims: &[i64], values: &[i64]) -> Message {
    tensor(name, dims, INT64, bytemuck::cast_slice(values))
}

/// `raw`: little-endian, as every machine has them that this runs on.
fn tensor(name: &str, dims: &[i64], element: i64, raw: &[u8]) -> Message {
    Message::new().each(dims, |m, &d| m.whole(1, d)).whole(2, element).text(8, name).bytes(9, raw)
}

pub(super) fn value(port: &Port) -> Message {
    let dim = |dim: &Dim| match dim {
        Dim::Fixed(n) => Message::new().whole(1, *n as i64),
        Dim::Rows(1) => Message::new().text(2, "batch"),
        Dim::Rows(n) => Message::new().text(2, &format!("{n} batch")),
    };
    let shape = Message::new().each(&port.dims, |m, d| m.message(1, &dim(d)));
    let tensor = Message::new().whole(1, element(port.dtype)).message(2, &shape);
    Message::new().text(1, &port.name).message(2, &Message::new().message(1, &tensor)).text(3, &port.doc)
}

/// What is in a graph.
#[derive(Default)]
pub(super) struct Parts {
    pub nodes: Vec<Message>,
    pub tensors: Vec<Message>,
    pub inputs: Vec<Message>,
    pub outputs: Vec<Message>,
}

pub(super) fn model(name: &str, doc: &str, version: &str, parts: &Parts) -> Vec<u8> {
    let graph = Message::new()
        .each(&parts.nodes, |m, node| m.message(1, node))
        .text(2, name)
        .each(&parts.tensors, |m, tensor| m.message(5, tensor))
        .each(&parts.inputs, |m, input| m.message(11, input))
        .each(&parts.outputs, |m, output| m.message(12, output));
    let opset = Message::new().text(1, "").whole(2, OPSET);
    let model = Message::new().whole(1, IR_VERSION).text(2, "calotype").text(3, version).text(6, doc);
    model.message(7, &graph).message(8, &opset).into_bytes()
}
