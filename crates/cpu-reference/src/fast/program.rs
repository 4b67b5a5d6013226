//! Expressions, compiled: what is computed once for a step, once for a task, and for each block of elements.

use calotype_graph::plan::{Index, Read, Write};
use calotype_graph::{Binary, Dtype, Expr, Instr, Unary};

/// Elements of a block at most. All registers of a block stay in the first- and second-level cache.
pub const MAX_BLOCK: usize = 2048;
/// Elements of a block, where nothing asks for more or less.
const BLOCK: usize = 1024;

/// Slots of the longest period that the scratch memory of a thread is enough for.
const MAX_SLOTS: usize = 64;

/// Where a register's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arg {
    /// Block-sized scratch `n`.
    Slot(usize),
    /// One value for the whole step.
    Uniform(usize),
    /// Operand `n`, read where it lies.
    Operand(usize),
    /// The result that this is the epilogue of.
    Acc,
    /// Output `n`, which was written earlier in the block.
    Output(usize),
}

/// What one instruction of a block does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Work {
    /// Operand `n` by its index, as floats.
    Gather(usize),
    Position,
    Unary(Unary, Arg),
    Binary(Binary, Arg, Arg),
    Select(Arg, Arg, Arg),
}

#[derive(Clone, Copy, Debug)]
pub struct Task {
    pub work: Work,
    /// A slot or an output.
    pub to: Arg,
}

/// A value that is the same for all elements.
#[derive(Clone, Copy, Debug)]
pub enum Uniform {
    Const(f32),
    /// The only element of operand `n` that is read.
    Load(usize),
    Unary(Unary, usize),
    Binary(Binary, usize, usize),
    Select(usize, usize, usize),
}

/// How often a register changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    /// Never within a step.
    Uniform,
    /// With `i % period`: broadcast over leading axes.
    Periodic,
    Varying,
}

/// A compiled expression.
#[derive(Debug)]
pub struct Program {
    pub uniforms: Vec<Uniform>,
    /// Done once for each task and phase.
    pub periodic: Vec<Task>,
    /// Done for each block.
    pub varying: Vec<Task>,
    /// Outputs that are not written by `varying`: source, as which dtype.
    pub stores: Vec<(usize, Arg, Dtype)>,
    pub n_slots: usize,
    /// Elements of a block: a multiple of the period.
    pub block: usize,
    /// Periodic registers belong to element `i % period`.
    pub period: usize,
    /// A copy between u32s: bits are moved as if they were floats.
    pub bits: bool,
}

struct Compiler<'a> {
    expr: &'a Expr,
    reads: &'a [Read],
    class: Vec<Class>,
    /// Where each register is, once it is computed.
    at: Vec<Option<Arg>>,
    /// Last instruction that uses each register; `usize::MAX` for those stored at the end.
    last: Vec<usize>,
    free: Vec<usize>,
    /// Some output overwrites an operand.
    in_place: bool,
    program: Program,
}

impl Program {
    /// Compiles an elementwise kernel or an epilogue. `aliased[k]`: output `k` lies on an operand or on the accumulator.
    pub fn new(expr: &Expr, reads: &[Read], writes: &[Write], aliased: &[bool]) -> Program {
        let program = Self::compile(expr, reads, writes, aliased, period(reads));
        let fits = program.n_slots * program.period <= MAX_SLOTS * MAX_BLOCK;
        if fits { program } else { Self::compile(expr, reads, writes, aliased, None) }
    }

    fn compile(expr: &Expr, reads: &[Read], writes: &[Write], aliased: &[bool], period: Option<usize>) -> Program {
        let class = classes(expr, reads, period.is_some());
        let period = if class.contains(&Class::Periodic) { period.unwrap_or(1) } else { 1 };
        let block = if period >= BLOCK { period } else { BLOCK / period * period };
        let n = expr.code.len();
        let program = Program {
            uniforms: vec![],
            periodic: vec![],
            varying: vec![],
            stores: vec![],
            n_slots: 0,
            block,
            period,
            bits: expr.is_copy() && writes[0].ty.dtype == Dtype::U32 && reads[0].ty.dtype == Dtype::U32,
        };
        let bits = program.bits;
        let in_place = aliased.contains(&true);
        let mut c = Compiler { expr, reads, class, at: vec![None; n], last: last_uses(expr), free: vec![], in_place, program };
        c.uniforms();
        c.tasks(Class::Periodic, &[]);
        c.free.clear(); // what is periodic stays
        let dtype = |k: usize| if bits { Dtype::F32 } else { writes[k].ty.dtype };
        let direct: Vec<bool> = (0..writes.len()).map(|k| !aliased[k] && dtype(k) == Dtype::F32).collect();
        c.tasks(Class::Varying, &direct);
        for (k, &r) in expr.outputs.iter().enumerate() {
            let at = c.place(r as usize);
            if at != Arg::Output(k) {
                c.program.stores.push((k, at, dtype(k)));
            }
        }
        // The accumulator lies on the first output: what is stored from it goes before it is overwritten.
        c.program.stores.sort_by_key(|&(_, from, _)| from != Arg::Acc);
        c.program
    }
}

/// The smallest common period of the operands that are broadcast over leading axes, if it fits a block.
fn period(reads: &[Read]) -> Option<usize> {
    let gcd = |mut a: usize, mut b: usize| {
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    reads.iter().try_fold(1usize, |p, r| match r.index {
        Index::Suffix(n) if n > 0 => Some(p / gcd(p, n) * n).filter(|&p| p <= MAX_BLOCK),
        _ => Some(p),
    })
}

fn classes(expr: &Expr, reads: &[Read], periods: bool) -> Vec<Class> {
    let mut class: Vec<Class> = Vec::with_capacity(expr.code.len());
    for instr in &expr.code {
        let of = |r: u16| class[r as usize];
        class.push(match *instr {
            Instr::Const(_) => Class::Uniform,
            Instr::Acc | Instr::Position => Class::Varying,
            Instr::Load(n) => match reads[n as usize].index {
                Index::Scalar => Class::Uniform,
                Index::Suffix(_) if periods => Class::Periodic,
                _ => Class::Varying,
            },
            Instr::Unary(_, a) => of(a),
            Instr::Binary(_, a, b) => of(a).max(of(b)),
            Instr::Select(c, a, b) => of(c).max(of(a)).max(of(b)),
        });
    }
    class
}

fn last_uses(expr: &Expr) -> Vec<usize> {
    let mut last = vec![0; expr.code.len()];
    for (i, instr) in expr.code.iter().enumerate() {
        match *instr {
            Instr::Unary(_, a) => last[a as usize] = i,
            Instr::Binary(_, a, b) => [a, b].iter().for_each(|&r| last[r as usize] = i),
            Instr::Select(c, a, b) => [c, a, b].iter().for_each(|&r| last[r as usize] = i),
            Instr::Load(_) | Instr::Acc | Instr::Position | Instr::Const(_) => {}
        }
    }
    expr.outputs.iter().for_each(|&r| last[r as usize] = usize::MAX);
    last
}

impl Compiler<'_> {
    fn uniforms(&mut self) {
        for (i, instr) in self.expr.code.iter().enumerate().filter(|(i, _)| self.class[*i] == Class::Uniform) {
            let of = |r: u16| match self.at[r as usize] {
                Some(Arg::Uniform(n)) => n,
                other => unreachable!("a uniform register of {other:?}"),
            };
            let value = match *instr {
                Instr::Const(c) => Uniform::Const(c.get()),
                Instr::Load(n) => Uniform::Load(n as usize),
                Instr::Unary(f, a) => Uniform::Unary(f, of(a)),
                Instr::Binary(f, a, b) => Uniform::Binary(f, of(a), of(b)),
                Instr::Select(c, a, b) => Uniform::Select(of(c), of(a), of(b)),
                Instr::Acc | Instr::Position => unreachable!("these vary"),
            };
            self.at[i] = Some(Arg::Uniform(self.program.uniforms.len()));
            self.program.uniforms.push(value);
        }
    }

    fn place(&self, r: usize) -> Arg {
        self.at[r].unwrap_or_else(|| unreachable!("register {r} is used before it is computed"))
    }

    /// The instructions of one class, in order. `direct[k]`: output `k` may be written as soon as it is known.
    fn tasks(&mut self, class: Class, direct: &[bool]) {
        let expr = self.expr;
        for (i, instr) in expr.code.iter().enumerate() {
            if self.class[i] != class {
                continue;
            }
            let of = |r: u16| self.place(r as usize);
            let work = match *instr {
                Instr::Load(n) => {
                    let r = &self.reads[n as usize];
                    // Stored as it is, it might be overwritten by another output's store before its own.
                    let stored = self.in_place && expr.outputs.len() > 1 && self.last[i] == usize::MAX;
                    if r.index == Index::Same && !stored && (r.ty.dtype == Dtype::F32 || self.program.bits) {
                        self.at[i] = Some(Arg::Operand(n as usize));
                        continue;
                    }
                    Work::Gather(n as usize)
                }
                Instr::Acc => {
                    self.at[i] = Some(Arg::Acc);
                    continue;
                }
                Instr::Position => Work::Position,
                Instr::Unary(f, a) => Work::Unary(f, of(a)),
                Instr::Binary(f, a, b) => Work::Binary(f, of(a), of(b)),
                Instr::Select(c, a, b) => Work::Select(of(c), of(a), of(b)),
                Instr::Const(_) => unreachable!("constants are uniform"),
            };
            let output = expr.outputs.iter().position(|&r| r as usize == i).filter(|&k| direct.get(k) == Some(&true));
            let to = match output {
                Some(k) => Arg::Output(k),
                None => self.take_slot(),
            };
            self.at[i] = Some(to);
            let list = if class == Class::Periodic { &mut self.program.periodic } else { &mut self.program.varying };
            list.push(Task { work, to });
            if class == Class::Varying {
                self.release(i);
            }
        }
    }

    fn take_slot(&mut self) -> Arg {
        Arg::Slot(self.free.pop().unwrap_or_else(|| {
            self.program.n_slots += 1;
            self.program.n_slots - 1
        }))
    }

    /// Frees the slots of varying registers that instruction `i` was the last to use. Its own slot was taken before, so that
    /// no instruction writes where it reads.
    fn release(&mut self, i: usize) {
        for r in 0..i {
            if self.last[r] == i
                && self.class[r] == Class::Varying
                && let Some(Arg::Slot(n)) = self.at[r]
            {
                self.free.push(n);
            }
        }
    }
}
