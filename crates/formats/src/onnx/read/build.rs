//! A network's nodes as a program. Images are [B, C, H, W] in the file and [B, H, W, C] here, from the first convolution to the last.

use std::collections::HashMap;
use std::sync::Arc;

use calotype_graph::{Graph, HostTensor, Init, Layout, Shape, Tensor, Type};

use super::fold::folded;
use super::{Attribute, Constant, Ints, Loaded, Network, Node, ReadError};

/// The value of a name.
#[derive(Clone)]
pub(super) enum Held {
    /// [B, H, W, C], where the file has [B, C, H, W].
    Image(Tensor),
    /// Axes as they are in the file.
    Plain(Tensor),
    /// In the file.
    Floats(Arc<HostTensor>),
    Ints(Ints),
}

impl Held {
    pub fn floats(value: HostTensor) -> Self {
        Held::Floats(Arc::new(value))
    }

    pub fn ints(&self) -> Option<&Ints> {
        if let Held::Ints(ints) = self { Some(ints) } else { None }
    }

    /// Sizes as they are in the file.
    pub fn dims(&self) -> Vec<usize> {
        match self {
            Held::Image(t) => [0, 3, 1, 2].map(|axis| t.dims()[axis]).to_vec(),
            Held::Plain(t) => t.dims().to_vec(),
            Held::Floats(value) => value.shape.dims().to_vec(),
            Held::Ints(ints) => ints.dims.clone(),
        }
    }
}

impl Node {
    pub fn int(&self, name: &str, default: i64) -> i64 {
        if let Some(Attribute::Int(n)) = self.attributes.get(name) { *n } else { default }
    }

    pub fn float(&self, name: &str, default: f32) -> f32 {
        if let Some(Attribute::Float(v)) = self.attributes.get(name) { *v } else { default }
    }

    pub fn text(&self, name: &str) -> &str {
        if let Some(Attribute::Text(text)) = self.attributes.get(name) { text } else { "" }
    }

    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        if let Some(Attribute::Ints(all)) = self.attributes.get(name) { Some(all) } else { None }
    }

    /// A pair of sizes, for height and width.
    pub fn pair(&self, name: &str, default: usize) -> Result<[usize; 2], String> {
        match self.ints(name) {
            None => Ok([default; 2]),
            Some(&[a, b]) if a > 0 && b > 0 => Ok([a as usize, b as usize]),
            Some(other) => Err(format!("its {name} are {other:?}, and images have a height and a width")),
        }
    }
}

pub(super) fn program(network: &Network, batch: usize, [h, w, c]: [usize; 3]) -> Result<Loaded, ReadError> {
    let sizes = network.image().into_iter().zip([c, h, w]).zip(["channels", "pixels of height", "pixels of width"]);
    for ((wanted, has), what) in sizes {
        if let Some(wanted) = wanted.filter(|wanted| *wanted != has) {
            return Err(ReadError::Unfit(format!("it takes images of {wanted} {what}, and these have {has}")));
        }
    }
    let graph = Graph::new("features of an ONNX model");
    let x = graph.input("x", Type::f32([batch, h, w, c]));
    let x = if network.input.channels_last { Held::Plain(x) } else { Held::Image(x) };
    let mut b = Builder { graph, held: HashMap::new(), states: vec![] };
    b.held.insert(network.input.name.clone(), x);
    for (name, constant) in &network.constants {
        b.held.insert(name.clone(), constant_of(constant));
    }
    for node in &network.nodes {
        let refused = |reason: String| ReadError::Op { op: node.op.clone(), name: node.name.clone(), reason };
        for (name, held) in b.node(node).map_err(refused)? {
            b.held.insert(name, held);
        }
    }
    let output = b.held.get(&network.output).cloned();
    let output = output.ok_or_else(|| ReadError::Broken(format!("no node makes its output `{}`", network.output)))?;
    let y = b.plain(&output).map_err(|reason| ReadError::Unfit(format!("its output `{}`: {reason}", network.output)))?;
    let n = y.shape().numel();
    if y.dims().first() != Some(&batch) || n == batch {
        let message = format!("its output `{}` is {}, and features are several numbers of each image", network.output, y.shape());
        return Err(ReadError::Unfit(message));
    }
    b.graph.output("features", &y.reshape([batch, n / batch]));
    Ok(Loaded { program: b.graph.finish()?, states: b.states })
}

fn constant_of(constant: &Constant) -> Held {
    match constant {
        Constant::Floats(value) => Held::Floats(Arc::clone(value)),
        Constant::Ints(ints) => Held::Ints(ints.clone()),
    }
}

/// The same numbers in another shape, of as many.
pub(super) fn reshaped(value: &HostTensor, shape: Vec<usize>) -> HostTensor {
    HostTensor { shape: Shape::from(shape), data: value.data.clone() }
}

pub(super) struct Builder {
    pub graph: Graph,
    held: HashMap<String, Held>,
    states: Vec<(String, HostTensor)>,
}

pub(super) type Made = Result<Held, String>;

impl Builder {
    /// Weights, which a state holds.
    pub fn state(&mut self, value: HostTensor) -> Tensor {
        let name = format!("weights.{}", self.states.len());
        let ty = value.ty();
        self.states.push((name.clone(), value));
        self.graph.state(&name, ty, Init::Zeros, Layout::Plain, false)
    }

    pub fn input(&self, node: &Node, at: usize) -> Result<Held, String> {
        let name =
            node.inputs.get(at).filter(|name| !name.is_empty()).ok_or_else(|| format!("its input {} is missing", at + 1))?;
        self.held.get(name).cloned().ok_or_else(|| format!("its input `{name}` is made by no node before it"))
    }

    pub fn optional(&self, node: &Node, at: usize) -> Result<Option<Held>, String> {
        match node.inputs.get(at).is_some_and(|name| !name.is_empty()) {
            true => self.input(node, at).map(Some),
            false => Ok(None),
        }
    }

    pub fn plain(&mut self, held: &Held) -> Result<Tensor, String> {
        match held {
            Held::Image(t) => Ok(t.permute(&[0, 3, 1, 2])),
            Held::Plain(t) => Ok(t.clone()),
            Held::Floats(value) => Ok(self.state(HostTensor::clone(value))),
            Held::Ints(_) => Err("it has whole numbers where a network has others".into()),
        }
    }

    /// As [B, H, W, C], with axes of 1 before where there are fewer than four.
    pub fn image(&mut self, held: &Held) -> Result<Tensor, String> {
        let dims = held.dims();
        if dims.len() > 4 {
            return Err(format!("it has {} axes, and images have four", dims.len()));
        }
        let four: Vec<usize> = std::iter::repeat_n(1, 4 - dims.len()).chain(dims).collect();
        match held {
            Held::Image(t) => Ok(t.clone()),
            Held::Plain(t) => Ok(t.reshape(four).permute(&[0, 2, 3, 1])),
            Held::Floats(value) => Ok(self.state(reshaped(value, four).permuted(&[0, 2, 3, 1]))),
            Held::Ints(_) => Err("it has whole numbers where a network has others".into()),
        }
    }

    pub fn four_axes(&mut self, held: &Held) -> Result<Tensor, String> {
        match held.dims().len() {
            4 => self.image(held),
            n => Err(format!("it is of {n} axes, and only images are read, which have four")),
        }
    }

    pub fn floats(&self, node: &Node, at: usize, what: &str) -> Result<Arc<HostTensor>, String> {
        match self.input(node, at)? {
            Held::Floats(value) => Ok(value),
            _ => Err(format!("its {what} are not in the file")),
        }
    }

    /// Whole numbers of an input, or of the attribute that older operators have in its place.
    pub fn whole(&self, node: &Node, at: usize, name: &str) -> Result<Option<Vec<i64>>, String> {
        match (node.ints(name), self.optional(node, at)?) {
            (Some(all), _) => Ok(Some(all.to_vec())),
            (None, Some(Held::Ints(Ints { values, .. }))) => Ok(Some(values)),
            (None, Some(_)) => Err(format!("its {name} depend on the image")),
            (None, None) => Ok(None),
        }
    }

    /// What a node makes, by name.
    fn node(&mut self, node: &Node) -> Result<Vec<(String, Held)>, String> {
        let inputs = (0..node.inputs.len()).map(|at| self.optional(node, at)).collect::<Result<Vec<_>, _>>()?;
        if node.op == "Split" {
            return self.split(node);
        }
        let made = match folded(node, &inputs) {
            Some(made) => made?,
            None => self.made(node)?,
        };
        let output = node.outputs.first().cloned().unwrap_or_default();
        Ok(vec![(output, made)])
    }

    fn made(&mut self, node: &Node) -> Made {
        match node.op.as_str() {
            "Constant" => constant(node),
            "Identity" | "Dropout" => self.input(node, 0),
            "Cast" if node.int("to", 1) == 1 => self.input(node, 0),
            "Shape" => {
                let dims = self.input(node, 0)?.dims();
                Ok(Held::Ints(Ints::line(dims.into_iter().map(|n| n as i64).collect())))
            }
            "Relu" => self.each(node, Tensor::relu),
            "LeakyRelu" => self.each(node, |x| x.leaky_relu(node.float("alpha", 0.01))),
            "Sigmoid" => self.each(node, Tensor::sigmoid),
            "Tanh" => self.each(node, Tensor::tanh),
            "Softplus" => self.each(node, Tensor::softplus),
            "Exp" => self.each(node, Tensor::exp),
            "Log" => self.each(node, Tensor::log),
            "Sqrt" => self.each(node, Tensor::sqrt),
            "Reciprocal" => self.each(node, Tensor::recip),
            "Neg" => self.each(node, Tensor::neg),
            "Abs" => self.each(node, Tensor::abs),
            "HardSigmoid" => self.each(node, |x| clipped(&(x * node.float("alpha", 0.2) + node.float("beta", 0.5)), 0.0, 1.0)),
            "HardSwish" => self.each(node, |x| x * &clipped(&(x * (1.0 / 6.0) + 0.5), 0.0, 1.0)),
            "Clip" => self.clip(node),
            "Add" => self.both(node, |a, b| a + b),
            "Sub" => self.both(node, |a, b| a - b),
            "Mul" => self.both(node, |a, b| a * b),
            "Div" => self.both(node, |a, b| a / b),
            "Max" => self.both(node, Tensor::max),
            "Min" => self.both(node, Tensor::min),
            "Pow" => match self.floats(node, 1, "exponents")?.item() {
                Some(2.0) => self.each(node, Tensor::square),
                Some(0.5) => self.each(node, Tensor::sqrt),
                _ => Err("of powers, squares and roots are read".into()),
            },
            "Conv" => self.conv(node),
            "BatchNormalization" => self.batch_norm(node),
            "InstanceNormalization" => {
                let x = self.input(node, 0)?;
                let x = self.four_axes(&x)?;
                let (scale, shift) = (self.floats(node, 1, "scales")?, self.floats(node, 2, "shifts")?);
                let [scale, shift] = [scale, shift].map(|value| self.state(HostTensor::clone(&value)));
                Ok(Held::Image(x.instance_norm(Some((&scale, &shift)), node.float("epsilon", 1e-5))))
            }
            "MaxPool" | "AveragePool" => self.pool(node),
            "GlobalAveragePool" => self.over_image(node, |x| x.mean(&[1, 2])),
            "GlobalMaxPool" => self.over_image(node, |x| x.max_over(&[1, 2])),
            "ReduceMean" => self.reduce_mean(node),
            "Gemm" => self.gemm(node),
            "MatMul" => {
                let (a, b) = (self.input(node, 0)?, self.input(node, 1)?);
                Ok(Held::Plain(self.plain(&a)?.matmul(&self.plain(&b)?)))
            }
            "Flatten" => {
                let x = self.input(node, 0)?;
                let dims = x.dims();
                let at = axis(node.int("axis", 1), dims.len() + 1)?;
                let size = |dims: &[usize]| dims.iter().product::<usize>();
                Ok(Held::Plain(self.plain(&x)?.reshape([size(&dims[..at]), size(&dims[at..])])))
            }
            "Reshape" => self.reshape(node),
            "Squeeze" | "Unsqueeze" => self.squeeze(node),
            "Transpose" => {
                let x = self.input(node, 0)?;
                let rank = x.dims().len();
                let turned: Vec<i64> = (0..rank as i64).rev().collect();
                let axes = node.ints("perm").unwrap_or(&turned).iter().map(|&a| axis(a, rank)).collect::<Result<Vec<_>, _>>()?;
                if (0..rank).any(|axis| !axes.contains(&axis)) || axes.len() != rank {
                    return Err(format!("its order of axes is {axes:?}"));
                }
                match x {
                    // Weights that the file has in another order are weights still.
                    Held::Floats(value) => Ok(Held::floats(value.permuted(&axes))),
                    other => Ok(Held::Plain(self.plain(&other)?.permute(&axes))),
                }
            }
            "Concat" => self.concat(node),
            "Pad" => self.pad(node),
            "Slice" => self.slice(node),
            "Softmax" => {
                let x = self.input(node, 0)?;
                let rank = x.dims().len();
                match axis(node.int("axis", -1), rank)? + 1 == rank {
                    true => Ok(Held::Plain(self.plain(&x)?.softmax())),
                    false => Err("it is read over the last axis".into()),
                }
            }
            _ => Err("features are read through convolutions, poolings, normalisations, products and what goes with them".into()),
        }
    }

    /// A function of each number.
    fn each(&mut self, node: &Node, of: impl Fn(&Tensor) -> Tensor) -> Made {
        match self.input(node, 0)? {
            Held::Image(x) => Ok(Held::Image(of(&x))),
            other => Ok(Held::Plain(of(&self.plain(&other)?))),
        }
    }

    /// A function of pairs of numbers, broadcast.
    fn both(&mut self, node: &Node, of: impl Fn(&Tensor, &Tensor) -> Tensor) -> Made {
        let (a, b) = (self.input(node, 0)?, self.input(node, 1)?);
        match matches!(a, Held::Image(_)) || matches!(b, Held::Image(_)) {
            true => Ok(Held::Image(of(&self.image(&a)?, &self.image(&b)?))),
            false => Ok(Held::Plain(of(&self.plain(&a)?, &self.plain(&b)?))),
        }
    }

    fn clip(&mut self, node: &Node) -> Made {
        let bound = |name: &str, at: usize, default: f32| match (self.optional(node, at)?, node.attributes.get(name)) {
            (Some(Held::Floats(value)), _) => value.item().ok_or_else(|| format!("its {name} is not one number")),
            (None, Some(Attribute::Float(v))) => Ok(*v),
            (None, None) => Ok(default),
            _ => Err(format!("its {name} is not in the file")),
        };
        let (low, high) = (bound("min", 1, f32::MIN)?, bound("max", 2, f32::MAX)?);
        self.each(node, |x| clipped(x, low, high))
    }

    fn reduce_mean(&mut self, node: &Node) -> Made {
        let x = self.input(node, 0)?;
        let rank = x.dims().len();
        let axes = self.whole(node, 1, "axes")?.unwrap_or_else(|| (0..rank as i64).collect());
        let mut axes = axes.into_iter().map(|a| axis(a, rank)).collect::<Result<Vec<_>, _>>()?;
        axes.sort_unstable();
        let keeps = node.int("keepdims", 1) != 0;
        if let (Held::Image(_), [2, 3]) = (&x, axes.as_slice()) {
            let Held::Image(mean) = self.over_image(node, |x| x.mean(&[1, 2]))? else { return Err("it is of no image".into()) };
            let (b, c) = (mean.dims()[0], mean.dims()[3]);
            return Ok(if keeps { Held::Image(mean) } else { Held::Plain(mean.reshape([b, c])) });
        }
        let x = self.plain(&x)?;
        let kept: Vec<usize> = (0..rank).map(|a| if axes.contains(&a) { 1 } else { x.dims()[a] }).collect();
        let mean = x.mean(&axes);
        Ok(Held::Plain(if keeps { mean.reshape(kept) } else { mean }))
    }

    fn gemm(&mut self, node: &Node) -> Made {
        let (a, b) = (self.input(node, 0)?, self.input(node, 1)?);
        let by = calotype_graph::op::MatMul { transpose_a: node.int("transA", 0) != 0, transpose_b: node.int("transB", 0) != 0 };
        let mut y = self.plain(&a)?.matmul_with(&self.plain(&b)?, by);
        let (alpha, beta) = (node.float("alpha", 1.0), node.float("beta", 1.0));
        if alpha != 1.0 {
            y = &y * alpha;
        }
        if let Some(bias) = self.optional(node, 2)? {
            let bias = self.plain(&bias)?;
            y = &y + &(if beta == 1.0 { bias } else { &bias * beta });
        }
        Ok(Held::Plain(y))
    }
}

fn clipped(x: &Tensor, low: f32, high: f32) -> Tensor {
    let bound = |value: f32| x.graph().scalar(value);
    let x = if low > f32::MIN { x.max(&bound(low)) } else { x.clone() };
    if high < f32::MAX { x.min(&bound(high)) } else { x }
}

/// An axis of so many, counted from the end where it is below 0.
pub(super) fn axis(at: i64, rank: usize) -> Result<usize, String> {
    let at = if at < 0 { at + rank as i64 } else { at };
    usize::try_from(at).ok().filter(|at| *at < rank).ok_or_else(|| format!("there is no axis {at} of {rank}"))
}

fn constant(node: &Node) -> Made {
    match node.attributes.iter().next() {
        Some((_, Attribute::Tensor(constant))) => Ok(constant_of(constant)),
        Some((_, Attribute::Float(v))) => Ok(Held::floats(HostTensor::scalar(*v))),
        Some((_, Attribute::Floats(all))) => Ok(Held::floats(HostTensor::f32([all.len()], all.clone()))),
        Some((_, Attribute::Int(n))) => Ok(Held::Ints(Ints { dims: vec![], values: vec![*n] })),
        Some((_, Attribute::Ints(all))) => Ok(Held::Ints(Ints::line(all.clone()))),
        _ => Err("its value is of a kind that is not read".into()),
    }
}
