//! Runs compiled expressions over memory, block by block: elementwise kernels, and the epilogues of other ops while their
//! results are still in the cache.

use std::ops::Range;

use calotype_graph::Dtype;
use calotype_graph::plan::{Index, Read};

use super::block::{Block, run_periodic, run_varying};
use super::program::{Program, Uniform};
use super::simd::Level;
use crate::op::elementwise::{binary, unary};

/// An operand's memory.
#[derive(Clone, Copy)]
pub struct Operand<'a> {
    pub data: *const f32,
    pub len: usize,
    pub index: &'a Index,
    /// Whether the elements are read as floats; u32s are converted.
    pub float: bool,
}

/// A program with the memory that it reads and its uniform values of this step.
pub struct Bound<'a> {
    pub program: &'a Program,
    pub uniforms: Vec<f32>,
    pub operands: Vec<Operand<'a>>,
    /// Whether its operands fit no cache that is near.
    pub is_large: bool,
    level: Level,
}

/// Bytes of operands beyond which those of the next block are asked for before it begins: about a second-level cache.
const LARGE_BYTES: usize = 1 << 18;

// SAFETY: the pointers are those of slices that live as long as the step's operands, and every use says why it may.
unsafe impl Sync for Bound<'_> {}

impl<'a> Bound<'a> {
    /// `memory[n]` is where `reads[n]` lies.
    ///
    /// # Safety
    /// The memory can be read now.
    pub unsafe fn new(level: Level, program: &'a Program, reads: &'a [Read], memory: &[(*const f32, usize)]) -> Self {
        let operands = reads.iter().zip(memory).map(|(r, &(data, len))| {
            let float = r.ty.dtype == Dtype::F32 || program.bits;
            Operand { data, len, index: &r.index, float }
        });
        let (operands, uniforms): (Vec<_>, _) = (operands.collect(), Vec::with_capacity(program.uniforms.len()));
        let read = operands.iter().filter(|o| *o.index == Index::Same).map(|o| o.len).sum::<usize>();
        let is_large = read * size_of::<f32>() > LARGE_BYTES;
        let mut bound = Bound { program, uniforms, operands, is_large, level };
        for u in &program.uniforms {
            let of = |n: usize| bound.uniforms[n];
            let value = match *u {
                Uniform::Const(c) => c,
                Uniform::Load(n) => {
                    let o = &bound.operands[n];
                    assert!(o.len > 0);
                    // SAFETY: the operand has an element, and the caller's.
                    let slot = unsafe { *o.data };
                    if o.float { slot } else { slot.to_bits() as f32 }
                }
                Uniform::Unary(f, a) => unary(f, of(a)),
                Uniform::Binary(f, a, b) => binary(f, of(a), of(b)),
                Uniform::Select(c, a, b) => {
                    if of(c) != 0.0 {
                        of(a)
                    } else {
                        of(b)
                    }
                }
            };
            bound.uniforms.push(value);
        }
        bound
    }

    /// Starts a task, with scratch memory of its own.
    ///
    /// # Panics
    /// If the scratch holds not even a small block of the program's registers.
    pub fn start<'s>(&'s self, scratch: &'s mut [f32]) -> Running<'s> {
        let p = self.program;
        let room = scratch.len() / p.n_slots.max(1) / p.period * p.period;
        let block = p.block.min(room);
        assert!(block > 0, "{} registers of {} elements do not fit the scratch memory", p.n_slots, p.period);
        Running { bound: self, block, scratch, phase: None, filled: 0 }
    }
}

/// A program at work on one thread.
pub struct Running<'s> {
    bound: &'s Bound<'s>,
    block: usize,
    scratch: &'s mut [f32],
    /// Which element of the period the periodic registers start with, and how many elements of them are there.
    phase: Option<usize>,
    filled: usize,
}

impl Running<'_> {
    /// Evaluates elements `range` of the result. `acc` and `outputs` point to element 0.
    ///
    /// # Safety
    /// These elements of the outputs and of `acc` may be written, those of the operands read; outputs overlap operands only
    /// as the program was told when it was compiled.
    pub unsafe fn run(&mut self, range: Range<usize>, acc: *const f32, outputs: &[*mut f32]) {
        let (b, p) = (self.bound, self.bound.program);
        let mut start = range.start;
        while start < range.end {
            let len = self.block.min(range.end - start);
            let next = if b.is_large { self.block.min(range.end - start - len) } else { 0 };
            let scratch = self.scratch.as_mut_ptr();
            let block = Block { bound: b, start, len, next, stride: self.block, scratch, acc, outputs };
            let phase = start % p.period;
            // SAFETY: the scratch holds `n_slots` blocks; the caller's for the rest; the level was detected.
            unsafe {
                if !p.periodic.is_empty() && (self.phase != Some(phase) || self.filled < len) {
                    run_periodic(b.level, &block);
                    (self.phase, self.filled) = (Some(phase), len);
                }
                run_varying(b.level, &block);
            }
            start += len;
        }
    }
}

/// The epilogue of an op with one output: turns each element of its result into what is written, in its place.
#[derive(Clone, Copy)]
pub struct Epilogue<'a> {
    pub bound: &'a Bound<'a>,
    /// Index in the whole result of element 0 of the part that the op works on.
    offset: usize,
}

impl<'a> Epilogue<'a> {
    pub fn new(bound: &'a Bound<'a>) -> Self {
        Epilogue { bound, offset: 0 }
    }

    /// For a part of the result that starts with this element.
    pub fn from(&self, element: usize) -> Self {
        Epilogue { offset: self.offset + element, ..*self }
    }

    /// Starts a task.
    pub fn start<'s>(&'s self, scratch: &'s mut [f32]) -> Applied<'s> {
        Applied { running: self.bound.start(scratch), offset: self.offset }
    }
}

/// An epilogue at work on one thread.
pub struct Applied<'s> {
    running: Running<'s>,
    offset: usize,
}

impl Applied<'_> {
    /// Turns elements `range` of the part at `c` into what is written.
    ///
    /// # Safety
    /// They are finished, and this thread's alone.
    pub unsafe fn run(&mut self, c: *mut f32, range: Range<usize>) {
        let whole = c.wrapping_sub(self.offset);
        let range = self.offset + range.start..self.offset + range.end;
        // SAFETY: the elements are those of the caller; epilogues are compiled as lying on their accumulator.
        unsafe { self.running.run(range, whole, &[whole]) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use calotype_graph::plan::{Place, Region, Write};
    use calotype_graph::{Expr, Instr, Type, Unary};

    /// Outputs -acc, on the accumulator itself, and acc.
    #[test]
    fn an_output_of_the_accumulator_survives_one_that_overwrites_it() {
        let expr = Expr { code: vec![Instr::Acc, Instr::Unary(Unary::Neg, 0)], outputs: vec![1, 0] };
        let n = 5000;
        let write = |region| Write { place: Place { region, offset: 0, len: n }, ty: Type::f32([n]) };
        let program = Program::new(&expr, &[], &[write(Region::Output), write(Region::Arena(0))], &[true, false]);
        let values: Vec<f32> = (0..n).map(|i| i as f32).collect();
        let (mut first, mut second) = (values.clone(), vec![f32::NAN; n]);
        let mut scratch = vec![0.0; 1 << 14];
        // SAFETY: no operands; outputs of `n` elements each, the first on the accumulator as the program was told.
        unsafe {
            let bound = Bound::new(Level::detect(), &program, &[], &[]);
            let outputs = [first.as_mut_ptr(), second.as_mut_ptr()];
            bound.start(&mut scratch).run(0..n, outputs[0], &outputs);
        }
        assert!(first.iter().zip(&values).all(|(a, b)| *a == -b));
        assert_eq!(second, values);
    }
}
