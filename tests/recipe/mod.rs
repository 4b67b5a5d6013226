//! Random small graphs: a recipe is a list of instructions, each applied to tensors made before.

use calotype_graph::op::Fill;
use calotype_graph::{Dtype, Graph, GraphError, HostTensor, Init, Layout, Program, Tensor, Type};
use calotype_parity::fill;
use proptest::prelude::*;

/// One instruction: what to do, on which tensors (counted back from the latest), with which parameter.
#[derive(Clone, Copy, Debug)]
pub struct Instruction {
    what: u8,
    a: u8,
    b: u8,
    parameter: u8,
}

#[derive(Clone, Debug)]
pub struct Recipe {
    instructions: Vec<Instruction>,
    /// How often it is differentiated: once, the products of cotangents with the results' Jacobians; twice, the same of those.
    order: u8,
}

/// Kinds of instructions; more entries make one more likely.
const N_KINDS: u8 = 27;

pub fn recipes() -> impl Strategy<Value = Recipe> {
    let instruction =
        (0..N_KINDS, 0..8u8, 0..8u8, any::<u8>()).prop_map(|(what, a, b, parameter)| Instruction { what, a, b, parameter });
    (proptest::collection::vec(instruction, 1..16), 0..3u8).prop_map(|(instructions, order)| Recipe { instructions, order })
}

/// Names and shapes of what every recipe starts from. The first two are states.
const LEAVES: [(&str, &[usize]); 6] =
    [("s", &[3, 4]), ("t", &[3, 4]), ("x", &[3, 4]), ("row", &[4]), ("cube", &[2, 3, 4]), ("one", &[])];

/// Values for a program's inputs.
pub fn inputs(program: &Program) -> Vec<(String, HostTensor)> {
    let value = |(name, ty): (&str, &Type)| {
        let fill_with = match (name, ty.dtype) {
            ("mask", _) => Fill::Below(2),
            (_, Dtype::U32) => Fill::Below(u32::MAX),
            _ => Fill::Normal,
        };
        (name.to_owned(), fill(ty, fill_with, &format!("recipe/{name}")))
    };
    program.inputs().map(value).collect()
}

impl Recipe {
    /// Every instruction that fits its operands, in order; the last tensors are outputs. Values stay of unit size: what
    /// could grow goes through tanh.
    pub fn program(&self) -> Result<Program, GraphError> {
        let g = Graph::new("recipe");
        let leaf = |(n, (name, shape)): (usize, &(&str, &[usize]))| {
            let ty = Type::f32(*shape);
            if n < 2 { g.state(name, ty, Init::Zeros, Layout::Plain, true) } else { g.input(name, ty) }
        };
        let mut made: Vec<Tensor> = LEAVES.iter().enumerate().map(leaf).collect();
        let mask = g.input("mask", Type::f32([3, 4]));
        let words = g.input("words", Type::u32([3, 4]));
        for i in &self.instructions {
            let back = |n: u8| made[made.len() - 1 - n as usize % made.len()].clone();
            made.extend(apply(&g, i, &back(i.a), &back(i.b), &mask, &words));
        }
        let made = &made[LEAVES.len()..];
        let outputs = &made[made.len().saturating_sub(3)..];
        for (n, t) in outputs.iter().enumerate() {
            g.output(&format!("y{n}"), t);
        }
        // The states' initial values are their leaves.
        let leaves: Vec<Tensor> = LEAVES[2..].iter().map(|(name, shape)| g.input(name, Type::f32(*shape))).collect();
        let wrt: Vec<&Tensor> = leaves.iter().collect();
        let mut results = outputs.to_vec();
        for order in 1..=self.order {
            let cotangent = |(n, t): (usize, &Tensor)| g.input(&format!("{}y{n}", "d".repeat(order.into())), t.ty());
            let cotangents: Vec<Tensor> = results.iter().enumerate().map(cotangent).collect();
            let from: Vec<(&Tensor, &Tensor)> = results.iter().zip(&cotangents).collect();
            let gradients = g.vjp(&from, &wrt);
            // Derivatives grow with their order; what is compared stays of unit size.
            results = gradients.iter().map(|dx| (dx * 0.25).tanh()).collect();
            for (dx, (name, _)) in results.iter().zip(&LEAVES[2..]) {
                g.output(&format!("{}{name}", "d".repeat(order.into())), dx);
            }
        }
        g.finish()
    }
}

/// The result of an instruction, or nothing where it does not fit its operands or makes no tensor.
fn apply(g: &Graph, i: &Instruction, a: &Tensor, b: &Tensor, mask: &Tensor, words: &Tensor) -> Option<Tensor> {
    let p = i.parameter as usize;
    let dims = a.dims().to_vec();
    let axis = if dims.is_empty() { 0 } else { p % dims.len() };
    let has_axes = !dims.is_empty();
    let shape = a.shape().broadcast(b.shape()).filter(|s| s.numel() <= 300);
    let both = shape.is_some();
    let same = a.shape() == mask.shape() && b.shape() == mask.shape();
    Some(match i.what {
        0 => a.neg(),
        1 => a.abs(),
        2 => a.tanh(),
        3 => a.sigmoid(),
        4 => (a * 2.0 - 1.0).softplus() * 0.5,
        5 => a.relu(),
        6 => a.leaky_relu(0.2),
        7 => (a * 0.5).square().tanh(),
        8 if both => (a + b) * 0.5,
        9 if both => a - b,
        10 | 11 if both => (a * b).tanh(),
        12 if both => a / &(b.abs() + 1.0),
        13 if both => a.max(b),
        14 if both => a.min(b) * 1.0 + 0.0,
        15 if same => mask.select(a, b),
        16 => a.reshape([a.shape().numel()]),
        17 if dims.len() >= 2 => a.permute(&(0..dims.len()).rev().collect::<Vec<_>>()),
        18 if has_axes && dims[axis] > 0 => {
            let start = p / 2 % dims[axis];
            a.slice(axis, start, start + 1 + p / 8 % (dims[axis] - start)) // often of one element
        }
        19 if has_axes => a.flip(axis),
        20 if has_axes && a.shape().numel() < 100 => a.pad(axis, p % 2, 1, 0.5),
        21 if has_axes => a.sum(&[axis]) * 0.3,
        22 if has_axes => (a.max_over(&[axis]) - 0.5 * &a.mean_all()).reshape([a.shape().numel() / dims[axis]]),
        23 if dims.len() == 2 => a.matmul(&a.permute(&[1, 0])).tanh(),
        24 if has_axes => [a.softmax(), a.log_sum_exp().tanh()][p % 2].clone(),
        25 => match p % 5 {
            // States move on: later uses see the new version.
            0 | 1 if a.shape() == mask.shape() => {
                let name = LEAVES[p % 2].0;
                g.assign(name, a);
                g.state(name, a.ty(), Init::Zeros, Layout::Plain, true)
            }
            2 => words.cast(Dtype::F32) * 1e-10,
            3 if has_axes && 2 * a.shape().numel() < 200 => a.concat(&a.flip(axis), axis),
            _ => a.expand([&[2], &dims[..]].concat()).sum(&[0]) * 0.5,
        },
        26 => {
            let y = match p % 4 {
                0 if has_axes => a.sum(&[axis]) * 0.3,
                1 if has_axes => a.max_over(&[axis]),
                2 if dims.len() == 2 => a.matmul(&a.permute(&[1, 0])).tanh(),
                _ => a.clone(),
            };
            // Nothing lies where a rounding error would make another word of it.
            let words = (y * 3.0 + 0.137).abs().cast(Dtype::U32);
            words.cast(Dtype::F32) * 0.3
        }
        _ => return None,
    })
}
