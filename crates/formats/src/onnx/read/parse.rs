//! The messages of `onnx.proto3`: <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3>.

use std::collections::HashMap;
use std::sync::Arc;

use calotype_graph::HostTensor;

use super::{Attribute, Constant, Input, Ints, Network, Node, ReadError};
use crate::protobuf::{Fields, Wire};

/// Types of elements.
const FLOAT: i64 = 1;
const INT32: i64 = 6;
const INT64: i64 = 7;
const FLOAT16: i64 = 10;
const DOUBLE: i64 = 11;
const BFLOAT16: i64 = 16;

type Result<T, E = ReadError> = std::result::Result<T, E>;

/// The parts of a model that are read.
#[derive(Default)]
struct Parts {
    nodes: Vec<Node>,
    constants: HashMap<String, Constant>,
    inputs: Vec<(String, Vec<Option<usize>>)>,
    outputs: Vec<String>,
}

pub(super) fn network(bytes: &[u8]) -> Result<Network> {
    let mut graph = None;
    for field in Fields::of(bytes) {
        match field? {
            (7, message) => graph = Some(parts(message.bytes()?)?),
            (20, _) => return Err(ReadError::Unfit("it is a model of training".into())),
            _ => {}
        }
    }
    let Parts { nodes, constants, inputs, outputs } = graph.ok_or("it holds no graph")?;
    // Older files list their weights among the inputs.
    let mut images = inputs.into_iter().filter(|(name, _)| !constants.contains_key(name));
    let input = match (images.next(), images.next()) {
        (Some((name, dims)), None) => image(name, &dims)?,
        (None, _) => return Err(ReadError::Unfit("it has no input".into())),
        (Some((a, _)), Some((b, _))) => {
            return Err(ReadError::Unfit(format!("it has several inputs, `{a}` and `{b}`, and images are one")));
        }
    };
    let output = outputs.into_iter().next().ok_or("its graph has no output")?;
    Ok(Network { nodes, constants, input, output })
}

fn image(name: String, dims: &[Option<usize>]) -> Result<Input> {
    let &[n, a, b, c] = dims else {
        let message = format!("its input `{name}` has {} axes, and images have four", dims.len());
        return Err(ReadError::Unfit(message));
    };
    let is_channels = |n: Option<usize>| matches!(n, Some(1 | 3));
    match (is_channels(a), is_channels(c)) {
        (true, _) => Ok(Input { name, dims: [n, a, b, c], channels_last: false }),
        (false, true) => Ok(Input { name, dims: [n, a, b, c], channels_last: true }),
        (false, false) => {
            let size = |n: Option<usize>| n.map_or_else(|| "?".to_owned(), |n| n.to_string());
            let sizes: Vec<String> = dims.iter().copied().map(size).collect();
            Err(ReadError::Unfit(format!("its input `{name}` is {}: no axis of 1 or 3 channels", sizes.join("x"))))
        }
    }
}

fn parts(graph: &[u8]) -> Result<Parts> {
    let mut parts = Parts::default();
    for field in Fields::of(graph) {
        let (number, value) = field?;
        match number {
            1 => parts.nodes.push(node(value.bytes()?)?),
            5 => {
                let (name, constant) = tensor(value.bytes()?)?;
                parts.constants.insert(name, constant);
            }
            11 => parts.inputs.push(port(value.bytes()?)?),
            12 => parts.outputs.push(port(value.bytes()?)?.0),
            15 => return Err(ReadError::Unfit("it has sparse weights".into())),
            _ => {}
        }
    }
    Ok(parts)
}

fn node(message: &[u8]) -> Result<Node> {
    let mut node =
        Node { op: String::new(), name: String::new(), inputs: vec![], outputs: vec![], attributes: Default::default() };
    for field in Fields::of(message) {
        let (number, value) = field?;
        match number {
            1 => node.inputs.push(value.text()?),
            2 => node.outputs.push(value.text()?),
            3 => node.name = value.text()?,
            4 => node.op = value.text()?,
            5 => {
                let (name, value) = attribute(value.bytes()?)?;
                node.attributes.extend(value.map(|value| (name, value)));
            }
            7 if !matches!(value.text()?.as_str(), "" | "ai.onnx") => {
                return Err(ReadError::Op {
                    op: node.op,
                    name: node.name,
                    reason: format!("it is of the operators of {}", value.text()?),
                });
            }
            _ => {}
        }
    }
    Ok(node)
}

/// None of a kind that no operator here has.
fn attribute(message: &[u8]) -> Result<(String, Option<Attribute>)> {
    let (mut name, mut found) = (String::new(), None);
    let (mut ints, mut floats, mut kind) = (vec![], vec![], 0);
    for field in Fields::of(message) {
        let (number, value) = field?;
        match number {
            1 => name = value.text()?,
            2 => found = Some(Attribute::Float(value.single()?)),
            3 => found = Some(Attribute::Int(value.whole()?)),
            4 => found = Some(Attribute::Text(value.text()?)),
            5 => found = Some(Attribute::Tensor(tensor(value.bytes()?)?.1)),
            7 => value.singles(&mut floats)?,
            8 => value.wholes(&mut ints)?,
            20 => kind = value.whole()?,
            _ => {}
        }
    }
    let found = match kind {
        6 => Some(Attribute::Floats(floats)),
        7 => Some(Attribute::Ints(ints)),
        _ => found,
    };
    Ok((name, found))
}

/// Its name and its values.
fn tensor(message: &[u8]) -> Result<(String, Constant)> {
    let (mut name, mut dims, mut element) = (String::new(), vec![], 0);
    let (mut raw, mut floats, mut halves, mut ints, mut doubles): (Option<&[u8]>, _, _, _, Vec<f32>) =
        (None, vec![], vec![], vec![], vec![]);
    for field in Fields::of(message) {
        let (number, value) = field?;
        match number {
            1 => value.wholes(&mut dims)?,
            2 => element = value.whole()?,
            4 => value.singles(&mut floats)?,
            5 => value.wholes(&mut halves)?, // int32_data, where half precision lies too
            7 => value.wholes(&mut ints)?,
            8 => name = value.text()?,
            9 => raw = Some(value.bytes()?),
            10 => doubles.extend(many::<8>(value.bytes()?).map(|b| f64::from_le_bytes(b) as f32)),
            13 => return Err(ReadError::Unfit(format!("the weights `{name}` are in another file; save the model as one file"))),
            14 if value == Wire::Whole(1) => {
                return Err(ReadError::Unfit(format!("the weights `{name}` are in another file; save the model as one file")));
            }
            _ => {}
        }
    }
    let dims = dims.into_iter().map(usize::try_from).collect::<Result<Vec<_>, _>>();
    let dims = dims.map_err(|_| ReadError::Broken(format!("`{name}` has a size below 0")))?;
    let wanted = dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
    let whole = |n: usize| match wanted == Some(n) {
        true => Ok(()),
        false => Err(ReadError::Broken(format!("`{name}` of {dims:?} holds {n} numbers"))),
    };
    let of_floats = |values: Vec<f32>| {
        whole(values.len())?;
        Ok(Constant::Floats(Arc::new(HostTensor::f32(dims.clone(), values))))
    };
    let of_ints = |values: Vec<i64>| {
        whole(values.len())?;
        Ok(Constant::Ints(Ints { dims: dims.clone(), values }))
    };
    let constant = match (element, raw) {
        (FLOAT, Some(raw)) => of_floats(many(raw).map(f32::from_le_bytes).collect()),
        (FLOAT, None) => of_floats(floats),
        (DOUBLE, Some(raw)) => of_floats(many(raw).map(|b| f64::from_le_bytes(b) as f32).collect()),
        (DOUBLE, None) => of_floats(doubles),
        (FLOAT16 | BFLOAT16, raw) => {
            let bits: Vec<u16> = match raw {
                Some(raw) => many(raw).map(u16::from_le_bytes).collect(),
                None => halves.into_iter().map(|n| n as u16).collect(),
            };
            let single = |bits: u16| match element {
                FLOAT16 => half::f16::from_bits(bits).to_f32(),
                _ => half::bf16::from_bits(bits).to_f32(),
            };
            of_floats(bits.into_iter().map(single).collect())
        }
        (INT64, Some(raw)) => of_ints(many(raw).map(i64::from_le_bytes).collect()),
        (INT64, None) => of_ints(ints),
        (INT32, Some(raw)) => of_ints(many(raw).map(|b| i32::from_le_bytes(b).into()).collect()),
        (INT32, None) => of_ints(halves),
        (other, _) => Err(ReadError::Unfit(format!("`{name}` has elements of type {other}, which are not read"))),
    };
    constant.map(|constant| (name.clone(), constant))
}

/// Numbers of N bytes each; what is left over is no number.
fn many<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> + '_ {
    bytes.chunks_exact(N).map(|bytes| <[u8; N]>::try_from(bytes).unwrap_or([0; N]))
}

/// The name of an input or output, and its sizes.
fn port(message: &[u8]) -> Result<(String, Vec<Option<usize>>)> {
    let (mut name, mut dims) = (String::new(), vec![]);
    for field in Fields::of(message) {
        match field? {
            (1, value) => name = value.text()?,
            (2, kind) => {
                let shape = within(kind.bytes()?, 1)?.map(|tensor| within(tensor, 2)).transpose()?.flatten();
                for dim in Fields::of(shape.unwrap_or_default()) {
                    if let (1, dim) = dim? {
                        let size = Fields::of(dim.bytes()?).find_map(|field| match field {
                            Ok((1, size)) => size.whole().ok().and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0),
                            _ => None,
                        });
                        dims.push(size);
                    }
                }
            }
            _ => {}
        }
    }
    Ok((name, dims))
}

/// The message that is a field of another.
fn within(message: &[u8], number: u64) -> Result<Option<&[u8]>> {
    for field in Fields::of(message) {
        let (at, value) = field?;
        if at == number {
            return Ok(Some(value.bytes()?));
        }
    }
    Ok(None)
}
