//! WGSL from expressions: the bodies of elementwise kernels and of epilogues.

use calotype_graph::plan::Index;
use calotype_graph::{Binary, DeviceError, Dtype, Expr, Instr, Read, Unary, Write};

use crate::dispatch::{Element, Table};
use crate::source::{Source, shader};

/// How an operand is walked as the output is counted through: `offset + Σ coordinate_d · stride_d`.
#[derive(Clone, Debug, PartialEq)]
struct Walk {
    /// (size, stride), outermost first, axes that continue each other merged; never empty.
    dims: Vec<(usize, isize)>,
    offset: isize,
}

impl Walk {
    fn new(index: &Index, total: usize) -> Walk {
        let outer = |n: usize| total.checked_div(n).unwrap_or(0);
        let (dims, offset) = match index {
            Index::Same => (vec![(total, 1)], 0),
            Index::Scalar => (vec![(total, 0)], 0),
            Index::Suffix(n) => (vec![(outer(*n), 0), (*n, 1)], 0),
            Index::Prefix(n) => (vec![(outer(*n), 1), (*n, 0)], 0),
            Index::Strided { shape, strides, offset } => {
                (shape.dims().iter().copied().zip(strides.iter().copied()).collect(), *offset)
            }
        };
        let mut merged: Vec<(usize, isize)> = Vec::new();
        for (size, stride) in dims.into_iter().filter(|d| d.0 != 1) {
            match merged.last_mut() {
                Some(last) if last.1 == stride * size as isize => *last = (last.0 * size, stride),
                _ => merged.push((size, stride)),
            }
        }
        if merged.is_empty() {
            merged.push((1, 0));
        }
        Walk { dims: merged, offset }
    }

    /// What four neighbours of the output, from a multiple of four, find here.
    fn quad(&self) -> Quad {
        let inner = self.dims[self.dims.len() - 1];
        let outer_aligned = self.offset % 4 == 0 && self.dims[..self.dims.len() - 1].iter().all(|d| d.1 % 4 == 0);
        match inner {
            (n, 1) if n % 4 == 0 && outer_aligned => Quad::Neighbours,
            (n, 0) if n % 4 == 0 || self.dims.len() == 1 => Quad::Same,
            _ => Quad::Scattered,
        }
    }

    /// WGSL of the index of output element `i`; sizes and strides become parameters named after `name`.
    fn function(&self, name: &str, table: &mut Table) -> Result<String, DeviceError> {
        let mut body = String::new();
        let inner_first: Vec<_> = self.dims.iter().rev().enumerate().collect();
        let used = inner_first.iter().rposition(|(_, d)| d.1 != 0).map_or(0, |n| n + 1);
        for &(d, &(size, stride)) in &inner_first[..used] {
            let last = d + 1 == self.dims.len();
            let coordinate = if last {
                "rest".to_owned()
            } else {
                table.param(format!("{name}_n{d}"), size)?;
                format!("rest % p.{name}_n{d}")
            };
            match stride {
                0 => {}
                1 => body.push_str(&format!("    at += {coordinate};\n")),
                _ => {
                    // Negative strides wrap: the sum is right modulo 2^32.
                    table.word(format!("{name}_s{d}"), stride as i32 as u32);
                    body.push_str(&format!("    at += {coordinate} * p.{name}_s{d};\n"));
                }
            }
            if !last && d + 1 < used {
                body.push_str(&format!("    rest /= p.{name}_n{d};\n"));
            }
        }
        let offset = if self.offset == 0 {
            "0u".to_owned()
        } else {
            table.word(format!("{name}_offset"), self.offset as i32 as u32);
            format!("p.{name}_offset")
        };
        Ok(format!("fn {name}_at(i: u32) -> u32 {{\n    var rest = i;\n    var at = {offset};\n{body}    return at;\n}}\n"))
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Quad {
    Neighbours,
    Same,
    Scattered,
}

/// The text that evaluates an expression, one element or four at a time.
pub(crate) struct Body {
    /// Functions that the statements use.
    pub functions: String,
    /// Statements over `i` (index of the first element) and, in an epilogue, `acc`; they store the results.
    pub statements: String,
}

/// An expression with its operands and results, to be compiled.
pub(crate) struct Job<'a> {
    pub expr: &'a Expr,
    pub reads: &'a [Read],
    pub writes: &'a [Write],
    /// Elements of each result.
    pub total: usize,
    /// Elements at a time: 1, or 4 where `total` and every row that is stored are multiples of four.
    pub width: usize,
    /// Prefix of the operands' names.
    pub prefix: &'static str,
}

impl Job<'_> {
    /// Binds operands and results in `table` and writes the code.
    pub fn compile(&self, table: &mut Table) -> Result<Body, DeviceError> {
        let (real, word) = if self.width == 4 { ("vec4<f32>", "vec4<u32>") } else { ("f32", "u32") };
        let bits = self.is_bit_copy();
        let types = format!("alias real = {real};\nalias word = {word};\n");
        let functions = shader!("lib/functions");
        let mut functions = Source::new("functions", functions).section("types", &types)?.finish();
        for (n, read) in self.reads.iter().enumerate() {
            functions.push_str(&self.loader(n, read, bits, table)?);
        }
        let mut statements = String::new();
        for (n, instr) in self.expr.code.iter().enumerate() {
            let value = match *instr {
                // WGSL has no literals for these, and rejects constant expressions that give them.
                Instr::Const(c) if !c.get().is_finite() => {
                    table.word(format!("{}_c{n}", self.prefix), c.get().to_bits());
                    format!("bitcast<real>(word(p.{}_c{n}))", self.prefix)
                }
                _ => self.instruction(instr),
            };
            statements.push_str(&format!("    let r{n} = {value};\n"));
        }
        for (n, (write, reg)) in self.writes.iter().zip(&self.expr.outputs).enumerate() {
            let dtype = if bits { Dtype::U32 } else { write.ty.dtype };
            let y = table.write(format!("y{n}"), write.place, Element::of(dtype, self.width));
            let value = if dtype == Dtype::U32 && !bits { format!("word(r{reg})") } else { format!("r{reg}") };
            let at = if self.width == 4 { "i >> 2u" } else { "i" };
            statements.push_str(&format!("    {y}[{at}] = {value};\n"));
        }
        Ok(Body { functions, statements })
    }

    fn is_bit_copy(&self) -> bool {
        self.expr.is_copy() && self.reads[0].ty.dtype == self.writes[0].ty.dtype
    }

    /// Function `PREFIXn(i)` that loads operand n.
    fn loader(&self, n: usize, read: &Read, bits: bool, table: &mut Table) -> Result<String, DeviceError> {
        let name = format!("{}{n}", self.prefix);
        let walk = Walk::new(&read.index, self.total);
        let quad = walk.quad();
        let wide = self.width == 4 && quad == Quad::Neighbours;
        let dtype = if bits { Dtype::U32 } else { read.ty.dtype };
        let x = table.read(name.clone(), read.place, Element::of(dtype, if wide { 4 } else { 1 }));
        let mut text = walk.function(&name, table)?;
        let ty = if bits { "word" } else { "real" };
        let one = |at: &str| if bits { format!("{x}[{at}]") } else { format!("f32({x}[{at}])") };
        let value = match (self.width, quad) {
            (1, _) | (_, Quad::Same) => format!("{ty}({})", one(&format!("{name}_at(i)"))),
            (_, Quad::Neighbours) => format!("{ty}({x}[{name}_at(i) >> 2u])"),
            (_, Quad::Scattered) => {
                let lane = |k: usize| one(&format!("{name}_at(i + {k}u)"));
                format!("{ty}({}, {}, {}, {})", lane(0), lane(1), lane(2), lane(3))
            }
        };
        text.push_str(&format!("fn {name}_load(i: u32) -> {ty} {{\n    return {value};\n}}\n"));
        Ok(text)
    }

    fn instruction(&self, instr: &Instr) -> String {
        match *instr {
            Instr::Load(n) => format!("{}{n}_load(i)", self.prefix),
            Instr::Acc => "acc".to_owned(),
            Instr::Position if self.width == 4 => "real(f32(i), f32(i + 1u), f32(i + 2u), f32(i + 3u))".to_owned(),
            Instr::Position => "real(i)".to_owned(),
            Instr::Const(c) => literal(c.get()),
            Instr::Unary(op, x) => unary(op, &format!("r{x}")),
            Instr::Binary(op, a, b) => binary(op, &format!("r{a}"), &format!("r{b}")),
            // A NaN condition is not zero, and an unordered `!=` is not to be had.
            Instr::Select(c, a, b) => format!("select(r{a}, r{b}, r{c} == real(0.0))"),
        }
    }
}

fn literal(value: f32) -> String {
    format!("real({value:?}f)")
}

fn unary(op: Unary, x: &str) -> String {
    match op {
        Unary::Neg => format!("-{x}"),
        Unary::Abs => format!("abs({x})"),
        Unary::Sign => format!("sign_of({x})"),
        Unary::Exp => format!("exp_nan({x})"),
        Unary::Log => format!("log_nan({x})"),
        Unary::Sqrt => format!("sqrt({x})"),
        Unary::Rsqrt => format!("inverseSqrt({x})"),
        Unary::Recip => format!("real(1.0) / {x}"),
        Unary::Square => format!("{x} * {x}"),
        Unary::Tanh => format!("tanh_clamped({x})"),
        Unary::Sigmoid => format!("sigmoid({x})"),
        Unary::Softplus => format!("softplus({x})"),
        Unary::Relu => format!("larger({x}, real(0.0))"),
        Unary::LeakyRelu(slope) => format!("select({} * {x}, {x}, {x} > real(0.0))", literal(slope.get())),
        Unary::Floor => format!("floor({x})"),
    }
}

fn binary(op: Binary, a: &str, b: &str) -> String {
    let test = |sign: &str| format!("select(real(0.0), real(1.0), {a} {sign} {b})");
    match op {
        Binary::Add => format!("{a} + {b}"),
        Binary::Sub => format!("{a} - {b}"),
        Binary::Mul => format!("{a} * {b}"),
        Binary::Div => format!("{a} / {b}"),
        Binary::Max => format!("larger({a}, {b})"),
        Binary::Min => format!("smaller({a}, {b})"),
        Binary::Greater => test(">"),
        Binary::GreaterEqual => test(">="),
        Binary::Equal => test("=="),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use calotype_graph::Shape;

    fn strided(shape: &[usize], strides: &[isize], offset: isize) -> Index {
        Index::Strided { shape: Shape::from(shape), strides: strides.to_vec(), offset }
    }

    #[test]
    fn walks_merge_axes_that_continue_each_other() {
        assert_eq!(Walk::new(&strided(&[2, 3, 4], &[12, 4, 1], 0), 24).dims, [(24, 1)]);
        assert_eq!(Walk::new(&strided(&[2, 3, 4], &[0, 0, 1], 8), 24), Walk { dims: vec![(6, 0), (4, 1)], offset: 8 });
        assert_eq!(Walk::new(&strided(&[2, 1, 4], &[4, 9, 1], 0), 8).dims, [(8, 1)]);
        assert_eq!(Walk::new(&Index::Suffix(4), 4).dims, [(4, 1)]);
        assert_eq!(Walk::new(&Index::Same, 1).dims, [(1, 0)]);
    }

    #[test]
    fn quads_are_taken_whole_only_where_they_are() {
        assert_eq!(Walk::new(&Index::Suffix(8), 64).quad(), Quad::Neighbours);
        assert_eq!(Walk::new(&Index::Suffix(6), 24).quad(), Quad::Scattered);
        assert_eq!(Walk::new(&Index::Prefix(8), 64).quad(), Quad::Same);
        assert_eq!(Walk::new(&Index::Scalar, 64).quad(), Quad::Same);
        assert_eq!(Walk::new(&strided(&[4, 8], &[1, 4], 0), 32).quad(), Quad::Scattered);
        assert_eq!(Walk::new(&strided(&[4, 8], &[16, 1], 2), 32).quad(), Quad::Scattered);
        assert_eq!(Walk::new(&strided(&[8], &[-1], 7), 8).quad(), Quad::Scattered);
    }
}
