//! Nodes and constants of a model while it is written.

use std::collections::HashMap;

use calotype_graph::{HostData, HostTensor};

use super::proto::{self, Attribute, Parts};

/// A size, or a place on an axis: `fixed + rows N`, N the rows of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Size {
    pub fixed: i64,
    pub rows: i64,
}

impl Size {
    /// From what it is with each of two numbers of rows; none if it is no such sum.
    pub fn of(values: [usize; 2], batches: [usize; 2]) -> Option<Self> {
        let [a, b] = values.map(|v| v as i64);
        let [n, m] = batches.map(|v| v as i64);
        let rows = (b - a) / (m - n);
        (rows * (m - n) == b - a).then_some(Size { fixed: a - rows * n, rows })
    }

    pub fn is_fixed(self) -> bool {
        self.rows == 0
    }
}

/// The names that values have in a model.
#[derive(Default)]
pub(super) struct Writer {
    pub parts: Parts,
    /// What new values are called, and how many there are.
    label: String,
    n: usize,
    known: HashMap<Constant, String>,
    /// A value with N, the rows of a batch, as its first axis.
    batch: Option<String>,
}

fn axes(dims: &[usize]) -> Vec<i64> {
    dims.iter().map(|&d| d as i64).collect()
}

#[derive(PartialEq, Eq, Hash)]
enum Constant {
    Ints(Vec<i64>),
    Int(i64),
    Float(u32),
    Size(Size),
}

impl Writer {
    /// Names of new values begin so.
    pub fn label(&mut self, label: &str) {
        self.label = label.replace(' ', "_");
    }

    fn fresh(&mut self) -> String {
        self.n += 1;
        format!("{}.{}", self.label, self.n)
    }

    /// The result of an operator.
    pub fn op(&mut self, op: &str, inputs: &[&str], attributes: &[Attribute]) -> String {
        let name = self.fresh();
        self.named(op, inputs, attributes, &name);
        name
    }

    /// The same under a given name.
    pub fn named(&mut self, op: &str, inputs: &[&str], attributes: &[Attribute], output: &str) {
        self.parts.nodes.push(proto::node(op, output, inputs, output, attributes));
    }

    /// An input, whose first axis is the rows of a batch where `has_rows` says so.
    pub fn input(&mut self, name: &str, message: crate::protobuf::Message, has_rows: bool) {
        self.parts.inputs.push(message);
        if has_rows && self.batch.is_none() {
            self.batch = Some(name.to_owned());
        }
    }

    /// A tensor under a given name.
    pub fn weights(&mut self, name: &str, tensor: &HostTensor) {
        let dims = axes(tensor.shape.dims());
        self.parts.tensors.push(match &tensor.data {
            HostData::F32(values) => proto::floats(name, &dims, values),
            HostData::U32(values) => proto::integers(name, &dims, &values.iter().map(|&v| i64::from(v)).collect::<Vec<_>>()),
        });
    }

    /// A tensor of floats.
    pub fn floats(&mut self, dims: &[usize], values: &[f32]) -> String {
        let name = self.fresh();
        self.parts.tensors.push(proto::floats(&name, &axes(dims), values));
        name
    }

    fn constant(&mut self, key: Constant, make: impl FnOnce(&mut Self, &str)) -> String {
        if let Some(name) = self.known.get(&key) {
            return name.clone();
        }
        self.n += 1;
        let name = format!("constant.{}", self.n);
        make(self, &name);
        self.known.insert(key, name.clone());
        name
    }

    /// Whole numbers [n].
    pub fn ints(&mut self, values: &[i64]) -> String {
        self.constant(Constant::Ints(values.to_vec()), |w, name| {
            w.parts.tensors.push(proto::integers(name, &[values.len() as i64], values));
        })
    }

    /// A whole number [].
    pub fn int(&mut self, value: i64) -> String {
        self.constant(Constant::Int(value), |w, name| w.parts.tensors.push(proto::integers(name, &[], &[value])))
    }

    /// A number [].
    pub fn float(&mut self, value: f32) -> String {
        self.constant(Constant::Float(value.to_bits()), |w, name| w.parts.tensors.push(proto::floats(name, &[], &[value])))
    }

    /// A size, [1]; none if it follows the rows of a batch that no input has.
    pub fn size(&mut self, size: Size) -> Option<String> {
        if size.is_fixed() {
            return Some(self.ints(&[size.fixed]));
        }
        let batch = self.batch.clone()?;
        Some(self.constant(Constant::Size(size), |w, name| {
            let rows = format!("{name}.rows");
            w.named("Shape", &[&batch], &[Attribute::Int("start", 0), Attribute::Int("end", 1)], &rows);
            let (factor, sum) = (w.ints(&[size.rows]), w.ints(&[size.fixed]));
            let product = format!("{name}.product");
            w.named("Mul", &[&rows, &factor], &[], &product);
            w.named("Add", &[&product, &sum], &[], name);
        }))
    }

    /// Sizes, [n].
    pub fn sizes(&mut self, sizes: &[Size]) -> Option<String> {
        if sizes.iter().all(|s| s.is_fixed()) {
            return Some(self.ints(&sizes.iter().map(|s| s.fixed).collect::<Vec<_>>()));
        }
        let all = sizes.iter().map(|&s| self.size(s)).collect::<Option<Vec<String>>>()?;
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        Some(self.op("Concat", &all, &[Attribute::Int("axis", 0)]))
    }

    /// For a change of shape: a single size that is not fixed follows from the others.
    pub fn shape(&mut self, sizes: &[Size]) -> Option<String> {
        match sizes.iter().filter(|s| !s.is_fixed()).count() {
            1 => Some(self.ints(&sizes.iter().map(|s| if s.is_fixed() { s.fixed } else { -1 }).collect::<Vec<_>>())),
            _ => self.sizes(sizes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_follow_the_rows_of_a_batch() {
        let of = |values| Size::of(values, [5, 7]);
        assert_eq!(of([32, 32]), Some(Size { fixed: 32, rows: 0 }));
        assert_eq!(of([5, 7]), Some(Size { fixed: 0, rows: 1 }));
        assert_eq!(of([80, 112]), Some(Size { fixed: 0, rows: 16 }));
        assert_eq!(of([4, 6]), Some(Size { fixed: -1, rows: 1 }));
        assert_eq!(of([25, 49]), Some(Size { fixed: -35, rows: 12 }), "as a square it would be wrong at other numbers");
        assert_eq!(of([2, 3]), None, "half of the rows");
    }
}
