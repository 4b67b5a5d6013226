//! One block of a compiled expression: each instruction is a loop over the block's elements, which the compiler turns into
//! vector code for each level.

use calotype_graph::plan::Index;
use calotype_graph::{Binary, Dtype, Unary};

use super::epilogue::{Bound, Operand};
use super::math::{exp, log, sigmoid, softplus, tanh};
use super::pack::prefetch;
use super::program::{Arg, Task, Work};
use super::simd::multiversion;
use crate::op::elementwise::index;

/// Elements `start..start + len` of the result.
pub struct Block<'a> {
    pub bound: &'a Bound<'a>,
    pub start: usize,
    pub len: usize,
    /// Elements of the next block that are asked for from memory meanwhile.
    pub next: usize,
    /// Distance between slots.
    pub stride: usize,
    pub scratch: *mut f32,
    pub acc: *const f32,
    pub outputs: &'a [*mut f32],
}

/// An instruction's operand: one value for all, or one for each element.
#[derive(Clone, Copy)]
enum Value<'a> {
    One(f32),
    Each(&'a [f32]),
}

impl<'a> Block<'a> {
    /// # Safety
    /// The register was computed; nothing writes it while the value lives.
    #[inline(always)]
    unsafe fn value(&self, arg: Arg) -> Value<'a> {
        let p = match arg {
            Arg::Uniform(n) => return Value::One(self.bound.uniforms[n]),
            // SAFETY: inside the scratch; the elements of the range, which the caller of `run` may read.
            Arg::Slot(n) => unsafe { self.scratch.add(n * self.stride).cast_const() },
            Arg::Operand(n) => self.bound.operands[n].data.wrapping_add(self.start),
            Arg::Acc => self.acc.wrapping_add(self.start),
            Arg::Output(n) => self.outputs[n].wrapping_add(self.start).cast_const(),
        };
        // SAFETY: as above.
        Value::Each(unsafe { std::slice::from_raw_parts(p, self.len) })
    }

    /// # Safety
    /// No value that lives is in this place: an instruction's result never lies on its operands.
    #[inline(always)]
    unsafe fn result(&self, to: Arg) -> &'a mut [f32] {
        let p = match to {
            // SAFETY: inside the scratch.
            Arg::Slot(n) => unsafe { self.scratch.add(n * self.stride) },
            Arg::Output(n) => self.outputs[n].wrapping_add(self.start),
            other => unreachable!("{other:?} is not written"),
        };
        // SAFETY: the elements of the range, which the caller of `run` may write.
        unsafe { std::slice::from_raw_parts_mut(p, self.len) }
    }

    /// # Safety
    /// As [`super::epilogue::Running::run`].
    #[inline(always)]
    unsafe fn perform<const FMA: bool>(&self, tasks: &[Task]) {
        for (nth, task) in tasks.iter().enumerate() {
            if self.next > 0 {
                self.look_ahead(nth, tasks.len());
            }
            // SAFETY: tasks come in the order of their registers; the compiler gives results places of their own.
            unsafe {
                let to = self.result(task.to);
                match task.work {
                    Work::Gather(n) => gather(&self.bound.operands[n], self.start, to),
                    Work::Position => to.iter_mut().enumerate().for_each(|(i, t)| *t = (self.start + i) as f32),
                    Work::Unary(f, a) => apply_unary::<FMA>(f, self.value(a), to),
                    Work::Binary(f, a, b) => apply_binary(f, self.value(a), self.value(b), to),
                    Work::Select(c, a, b) => select(self.value(c), self.value(a), self.value(b), to),
                }
            }
        }
    }

    /// Asks for part `nth` of `n` of what the next block reads: the hardware foresees nothing across the end of a page, which a block
    /// of each operand fills.
    #[inline(always)]
    fn look_ahead(&self, nth: usize, n: usize) {
        const LINE: usize = 16;
        let lines = self.next.div_ceil(LINE);
        for o in self.bound.operands.iter().filter(|o| matches!(o.index, Index::Same)) {
            let first = o.data.wrapping_add(self.start + self.len);
            (nth * lines / n..(nth + 1) * lines / n).for_each(|line| prefetch(first.wrapping_add(line * LINE)));
        }
    }

    /// # Safety
    /// As [`super::epilogue::Running::run`].
    #[inline(always)]
    unsafe fn store(&self) {
        for &(k, from, dtype) in &self.bound.program.stores {
            // All of the block has been read by now: a pointer, not a slice, because it may be its own source.
            let to = self.outputs[k].wrapping_add(self.start);
            // SAFETY: the elements of the range.
            unsafe {
                match (self.value(from), dtype) {
                    (Value::Each(v), Dtype::F32) => std::ptr::copy(v.as_ptr(), to, v.len()),
                    (Value::Each(v), Dtype::U32) => v.iter().enumerate().for_each(|(i, &v)| *to.add(i) = word(v)),
                    (Value::One(v), Dtype::F32) => (0..self.len).for_each(|i| *to.add(i) = v),
                    (Value::One(v), Dtype::U32) => (0..self.len).for_each(|i| *to.add(i) = word(v)),
                }
            }
        }
    }
}

/// The slot of a float that becomes a u32.
#[inline(always)]
fn word(v: f32) -> f32 {
    f32::from_bits(v as u32)
}

/// # Safety
/// As [`super::epilogue::Running::run`].
#[inline(always)]
unsafe fn periodic<const FMA: bool>(b: &Block) {
    // SAFETY: the caller's.
    unsafe { b.perform::<FMA>(&b.bound.program.periodic) }
}

/// # Safety
/// As [`super::epilogue::Running::run`].
#[inline(always)]
unsafe fn varying<const FMA: bool>(b: &Block) {
    // SAFETY: the caller's.
    unsafe {
        b.perform::<FMA>(&b.bound.program.varying);
        b.store();
    }
}

multiversion! {
    /// The registers that depend on `i % period` only.
    ///
    /// # Safety
    /// As [`super::epilogue::Running::run`]; the CPU has the level.
    pub unsafe fn run_periodic[](b: &Block) by periodic::<true>, periodic::<false>
}

multiversion! {
    /// All other registers, and the outputs.
    ///
    /// # Safety
    /// As [`super::epilogue::Running::run`]; the CPU has the level.
    pub unsafe fn run_varying[](b: &Block) by varying::<true>, varying::<false>
}

/// Elements of an operand for `start..` of the result.
///
/// # Safety
/// The operand can be read.
unsafe fn gather(o: &Operand, start: usize, to: &mut [f32]) {
    let at = |i: usize| {
        debug_assert!(i < o.len, "{i} of {}", o.len);
        // SAFETY: plans index inside their operands, and the caller's.
        unsafe { *o.data.add(i) }
    };
    match o.index {
        Index::Scalar => to.fill(at(0)),
        Index::Same => to.iter_mut().enumerate().for_each(|(i, t)| *t = at(start + i)),
        Index::Suffix(n) => {
            let mut from = start % n;
            let mut rest = &mut *to;
            while !rest.is_empty() {
                let (run, tail) = rest.split_at_mut((n - from).min(rest.len()));
                run.iter_mut().enumerate().for_each(|(i, t)| *t = at(from + i));
                (from, rest) = (0, tail);
            }
        }
        Index::Prefix(n) => {
            let (mut row, mut left) = (start / n, n - start % n);
            let mut rest = &mut *to;
            while !rest.is_empty() {
                let (run, tail) = rest.split_at_mut(left.min(rest.len()));
                run.fill(at(row));
                (row, left, rest) = (row + 1, *n, tail);
            }
        }
        Index::Strided { shape, strides, .. } => match (shape.dims().last(), strides.last()) {
            (Some(&n), Some(&step)) => {
                let mut i = start;
                let mut rest = &mut *to;
                while !rest.is_empty() {
                    let (run, tail) = rest.split_at_mut((n - i % n).min(rest.len()));
                    let first = index(o.index, i) as isize;
                    i += run.len();
                    run.iter_mut().enumerate().for_each(|(k, t)| *t = at((first + k as isize * step) as usize));
                    rest = tail;
                }
            }
            _ => to.fill(at(index(o.index, start))),
        },
    }
    if !o.float {
        to.iter_mut().for_each(|t| *t = t.to_bits() as f32);
    }
}

// Loops, not closures in iterators' methods: the compiler may leave such a closure a function of its own, without the wide
// instructions of the function that it stands in.
#[inline(always)]
fn map(a: Value, to: &mut [f32], f: impl Fn(f32) -> f32) {
    match a {
        Value::One(a) => to.fill(f(a)),
        Value::Each(a) => {
            for (t, &a) in to.iter_mut().zip(a) {
                *t = f(a);
            }
        }
    }
}

#[inline(always)]
fn zip(a: Value, b: Value, to: &mut [f32], f: impl Fn(f32, f32) -> f32) {
    match (a, b) {
        (Value::One(a), b) => map(b, to, |b| f(a, b)),
        (a, Value::One(b)) => map(a, to, |a| f(a, b)),
        (Value::Each(a), Value::Each(b)) => {
            for ((t, &a), &b) in to.iter_mut().zip(a).zip(b) {
                *t = f(a, b);
            }
        }
    }
}

#[inline(always)]
fn truth(b: bool) -> f32 {
    if b { 1.0 } else { 0.0 }
}

#[inline(always)]
fn apply_unary<const FMA: bool>(f: Unary, a: Value, to: &mut [f32]) {
    match f {
        Unary::Neg => map(a, to, |x| -x),
        Unary::Abs => map(a, to, f32::abs),
        Unary::Sign => map(a, to, |x| truth(x > 0.0) - truth(x < 0.0)),
        Unary::Exp => map(a, to, exp::<FMA>),
        Unary::Log => map(a, to, log::<FMA>),
        Unary::Sqrt => map(a, to, f32::sqrt),
        Unary::Rsqrt => map(a, to, |x| 1.0 / x.sqrt()),
        Unary::Recip => map(a, to, |x| 1.0 / x),
        Unary::Square => map(a, to, |x| x * x),
        Unary::Tanh => map(a, to, tanh::<FMA>),
        Unary::Sigmoid => map(a, to, sigmoid::<FMA>),
        Unary::Softplus => map(a, to, softplus::<FMA>),
        Unary::Relu => map(a, to, |x| if x > 0.0 || x.is_nan() { x } else { 0.0 }),
        Unary::LeakyRelu(slope) => {
            let slope = slope.get();
            map(a, to, |x| if x > 0.0 { x } else { slope * x });
        }
        Unary::Floor => map(a, to, f32::floor),
    }
}

#[inline(always)]
fn apply_binary(f: Binary, a: Value, b: Value, to: &mut [f32]) {
    match f {
        Binary::Add => zip(a, b, to, |a, b| a + b),
        Binary::Sub => zip(a, b, to, |a, b| a - b),
        Binary::Mul => zip(a, b, to, |a, b| a * b),
        Binary::Div => zip(a, b, to, |a, b| a / b),
        Binary::Max => zip(a, b, to, |a, b| if a > b || a.is_nan() { a } else { b }),
        Binary::Min => zip(a, b, to, |a, b| if a < b || a.is_nan() { a } else { b }),
        Binary::Greater => zip(a, b, to, |a, b| truth(a > b)),
        Binary::GreaterEqual => zip(a, b, to, |a, b| truth(a >= b)),
        Binary::Equal => zip(a, b, to, |a, b| truth(a == b)),
    }
}

#[inline(always)]
fn select(c: Value, a: Value, b: Value, to: &mut [f32]) {
    let f = |c: f32, a: f32, b: f32| if c != 0.0 { a } else { b };
    match (c, a, b) {
        (Value::One(c), a, b) => map(if c != 0.0 { a } else { b }, to, |v| v),
        (c, Value::One(a), b) => zip(c, b, to, |c, b| f(c, a, b)),
        (c, a, Value::One(b)) => zip(c, a, to, |c, a| f(c, a, b)),
        (Value::Each(c), Value::Each(a), Value::Each(b)) => {
            to.iter_mut().zip(c).zip(a).zip(b).for_each(|(((t, &c), &a), &b)| *t = f(c, a, b));
        }
    }
}
