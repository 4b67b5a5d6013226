//! Expressions, evaluated for each element: elementwise kernels and the epilogues of other ops.

use calotype_graph::plan::{Index, Read, Write};
use calotype_graph::{Binary, Dtype, Expr, Instr, Unary};

use crate::float::Float;
use crate::memory::Source;

/// Element of an operand that belongs to element `i` of the result.
pub fn index(index: &Index, i: usize) -> usize {
    match index {
        Index::Same => i,
        Index::Scalar => 0,
        Index::Suffix(n) => i % n,
        Index::Prefix(n) => i / n,
        Index::Strided { shape, strides, offset } => {
            let mut rest = i;
            let mut at = *offset;
            for (&size, &stride) in shape.dims().iter().zip(strides).rev() {
                at += (rest % size) as isize * stride;
                rest /= size;
            }
            at as usize
        }
    }
}

pub fn unary<T: Float>(f: Unary, x: T) -> T {
    let truth = |b: bool| if b { T::ONE } else { T::ZERO };
    match f {
        Unary::Neg => -x,
        Unary::Abs => x.abs(),
        Unary::Sign => truth(x > T::ZERO) - truth(x < T::ZERO),
        Unary::Exp => x.exp(),
        Unary::Log => x.ln(),
        Unary::Sqrt => x.sqrt(),
        Unary::Rsqrt => T::ONE / x.sqrt(),
        Unary::Recip => T::ONE / x,
        Unary::Square => x * x,
        Unary::Tanh => x.tanh(),
        Unary::Sigmoid => T::ONE / (T::ONE + (-x).exp()),
        Unary::Softplus => x.larger(T::ZERO) + (-x.abs()).exp().ln_1p(),
        Unary::Relu => x.larger(T::ZERO),
        Unary::LeakyRelu(slope) => {
            if x > T::ZERO {
                x
            } else {
                T::of(slope.get()) * x
            }
        }
        Unary::Floor => x.floor(),
    }
}

pub fn binary<T: Float>(f: Binary, a: T, b: T) -> T {
    let truth = |b: bool| if b { T::ONE } else { T::ZERO };
    match f {
        Binary::Add => a + b,
        Binary::Sub => a - b,
        Binary::Mul => a * b,
        Binary::Div => a / b,
        Binary::Max => a.larger(b),
        Binary::Min => a.smaller(b),
        Binary::Greater => truth(a > b),
        Binary::GreaterEqual => truth(a >= b),
        Binary::Equal => truth(a == b),
    }
}

/// One element's registers: each instruction's result, in order.
fn evaluate<T: Float>(expr: &Expr, position: usize, acc: T, load: impl Fn(usize) -> T, registers: &mut Vec<T>) {
    registers.clear();
    for instr in &expr.code {
        let r = |n: u16| registers[n as usize];
        let value = match *instr {
            Instr::Load(n) => load(n as usize),
            Instr::Acc => acc,
            Instr::Position => T::of(position as f32),
            Instr::Const(c) => T::of(c.get()),
            Instr::Unary(f, x) => unary(f, r(x)),
            Instr::Binary(f, a, b) => binary(f, r(a), r(b)),
            Instr::Select(c, a, b) => {
                if r(c) != T::ZERO {
                    r(a)
                } else {
                    r(b)
                }
            }
        };
        registers.push(value);
    }
}

/// Evaluates `expr` for every element of the writes. `acc` is the result of the op that this is the epilogue of, if it is
/// one; `sources` are where `reads` lie. All loads of an element come before its stores, so that it may work in place.
pub fn plain<T: Float>(
    expr: &Expr,
    acc: Option<&[T]>,
    (reads, sources): (&[Read], &[Source<T>]),
    (types, writes): (&[Write], &mut [&mut [T]]),
) {
    let n = writes.first().map_or(0, |w| w.len());
    let keeps_bits = acc.is_none() && expr.is_copy() && reads[0].ty.dtype == types[0].ty.dtype;
    let mut registers = Vec::with_capacity(expr.code.len());
    for i in 0..n {
        let slot = |k: usize| {
            let at = index(&reads[k].index, i);
            match sources[k] {
                Source::Slice(s) => s[at],
                Source::Written(w) => writes[w][at],
            }
        };
        if keeps_bits {
            let bits = slot(0);
            writes[0][i] = bits;
            continue;
        }
        let load = |k: usize| match reads[k].ty.dtype {
            Dtype::F32 => slot(k),
            Dtype::U32 => T::of_f64(slot(k).word().into()),
        };
        evaluate(expr, i, acc.map_or(T::ZERO, |a| a[i]), load, &mut registers);
        for ((w, write), &r) in types.iter().zip(&mut *writes).zip(&expr.outputs) {
            let value = registers[r as usize];
            write[i] = match w.ty.dtype {
                Dtype::F32 => value,
                Dtype::U32 => T::from_word(value.to_f64() as u32),
            };
        }
    }
}
