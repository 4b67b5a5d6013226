//! Scalar expressions: the body of every elementwise kernel and of every epilogue.

use std::collections::HashMap;

/// A float constant, compared and hashed by its bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scalar(u32);

impl Scalar {
    pub fn get(self) -> f32 {
        f32::from_bits(self.0)
    }
}

impl From<f32> for Scalar {
    fn from(value: f32) -> Self {
        Scalar(value.to_bits())
    }
}

impl std::fmt::Debug for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(&self.get(), f)
    }
}

/// Functions of one number. Of NaN every one is NaN on every backend, but for the sign, which is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unary {
    Neg,
    Abs,
    /// -1, 0 or 1.
    Sign,
    Exp,
    /// Natural logarithm; of a negative number it is NaN on every backend.
    Log,
    Sqrt,
    /// 1 / sqrt(x).
    Rsqrt,
    /// 1 / x.
    Recip,
    Square,
    /// Saturates to ±1 for large arguments on every backend.
    Tanh,
    /// 1 / (1 + exp(-x)).
    Sigmoid,
    /// log(1 + exp(x)) as max(x, 0) + log1p(exp(-|x|)).
    Softplus,
    /// max(x, 0).
    Relu,
    /// x where x > 0, else slope · x; slope > 0.
    LeakyRelu(Scalar),
    /// Largest whole number not above x.
    Floor,
}

/// Functions of two numbers. Comparisons give 1 or 0; a comparison with NaN gives 0, any other function of it NaN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Max,
    Min,
    /// x > y
    Greater,
    /// x >= y
    GreaterEqual,
    /// x == y
    Equal,
}

/// Index of an instruction of an [`Expr`].
pub type Reg = u16;

/// One instruction; its result is the register of its own index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Instr {
    /// Operand `n` of the kernel (for an epilogue: operand `n` after the op's own), u32 converted to float.
    Load(u16),
    /// The accumulator of the op that this is the epilogue of.
    Acc,
    /// Row-major index of the element that is computed, as a float; exact below 2^24.
    Position,
    Const(Scalar),
    Unary(Unary, Reg),
    Binary(Binary, Reg, Reg),
    /// `Select(c, a, b)`: a where c != 0, else b.
    Select(Reg, Reg, Reg),
}

impl Instr {
    /// The same with its registers renamed.
    pub(crate) fn map_regs(self, f: impl Fn(Reg) -> Reg) -> Instr {
        match self {
            Instr::Unary(op, a) => Instr::Unary(op, f(a)),
            Instr::Binary(op, a, b) => Instr::Binary(op, f(a), f(b)),
            Instr::Select(c, a, b) => Instr::Select(f(c), f(a), f(b)),
            Instr::Load(_) | Instr::Acc | Instr::Position | Instr::Const(_) => self,
        }
    }
}

/// A straight-line program over f32 registers. Instructions refer to earlier ones only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Expr {
    pub code: Vec<Instr>,
    /// Registers that are written, one for each output of the kernel. A u32 output is converted from float.
    pub outputs: Vec<Reg>,
}

impl Expr {
    /// `y = x`. Carried out on bit patterns where operand and output have the same dtype.
    pub fn copy() -> Self {
        Expr { code: vec![Instr::Load(0)], outputs: vec![0] }
    }

    pub fn is_copy(&self) -> bool {
        self.code == [Instr::Load(0)] && self.outputs == [0]
    }

    /// Number of operands that it loads.
    pub fn n_operands(&self) -> usize {
        let loads = self.code.iter().filter_map(|i| match i {
            Instr::Load(n) => Some(*n as usize + 1),
            _ => None,
        });
        loads.max().unwrap_or(0)
    }

    /// Arithmetic operations for each element; transcendental functions count as one.
    pub fn flops(&self) -> u64 {
        self.code.iter().filter(|i| matches!(i, Instr::Unary(..) | Instr::Binary(..) | Instr::Select(..))).count() as u64
    }
}

/// An expression that grows by instructions, none of them twice.
#[derive(Default)]
pub(crate) struct Builder {
    expr: Expr,
    known: HashMap<Instr, Reg>,
}

impl From<Expr> for Builder {
    fn from(expr: Expr) -> Self {
        let known = expr.code.iter().zip(0..).map(|(&instr, reg)| (instr, reg)).collect();
        Builder { expr, known }
    }
}

impl Builder {
    /// Appends an instruction, or finds the equal one.
    pub fn push(&mut self, instr: Instr) -> Reg {
        *self.known.entry(instr).or_insert_with(|| {
            self.expr.code.push(instr);
            self.expr.code.len() as Reg - 1
        })
    }

    /// Appends `body`, whose loads and accumulator are what `leaf` makes of them; the registers of its outputs.
    pub fn append(&mut self, body: &Expr, leaf: impl Fn(&mut Builder, Instr) -> Reg) -> Vec<Reg> {
        let mut regs: Vec<Reg> = Vec::with_capacity(body.code.len());
        for &instr in &body.code {
            let reg = match instr {
                Instr::Load(_) | Instr::Acc => leaf(self, instr),
                other => self.push(other.map_regs(|r| regs[r as usize])),
            };
            regs.push(reg);
        }
        body.outputs.iter().map(|&r| regs[r as usize]).collect()
    }

    /// Register of output `n` so far.
    pub fn output(&self, n: usize) -> Reg {
        self.expr.outputs[n]
    }

    /// The expression, with these outputs after those it has.
    pub fn finish(mut self, outputs: &[Reg]) -> Expr {
        self.expr.outputs.extend(outputs);
        self.expr
    }
}
