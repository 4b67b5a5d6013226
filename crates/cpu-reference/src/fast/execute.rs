//! Carries out one step by the fast kernels.

use calotype_graph::DeviceError;
use calotype_graph::op::{Op, ReflectDims};
use calotype_graph::plan::{Kernel, Step};

use super::Context;
use super::epilogue::{Bound, Epilogue};
use super::gemm::Shared;
use super::program::Program;
use crate::execute::{Executor, Prepared, plain_op, types};
use crate::memory::{Operands, Source};
use crate::op;
use crate::op::nade::Weights;

/// Elements that a task of an elementwise kernel works on, about.
const TASK: usize = 1 << 15;

impl Executor<f32> for Context {
    fn prepare(&self, step: &Step, prepared: &mut Prepared) -> Result<(), DeviceError> {
        prepared.program = match &step.kernel {
            Kernel::Elementwise(expr) => {
                let over = |w: &calotype_graph::Write| step.reads.iter().any(|r| r.place.overlaps(&w.place));
                let aliased: Vec<bool> = step.writes.iter().map(over).collect();
                Some(Program::new(expr, &step.reads, &step.writes, &aliased))
            }
            Kernel::Op { epilogue: Some(expr), .. } => {
                let aliased: Vec<bool> = (0..step.writes.len()).map(|k| k == 0).collect();
                Some(Program::new(expr, step.epilogue_operands(), &step.writes, &aliased))
            }
            Kernel::Op { epilogue: None, .. } => None,
        };
        Ok(())
    }

    fn enter(&self, f: &mut (dyn FnMut() + Send)) {
        Context::enter(self, f);
    }

    fn run(&self, step: &Step, prepared: &Prepared, mut o: Operands<f32>) {
        // One pointer for each write, from which all access to it comes: reads in place, too.
        let outputs: Vec<Shared> = o.writes.iter_mut().map(|w| Shared(w.as_mut_ptr())).collect();
        let memory = |s: &Source<f32>, len: usize| match *s {
            Source::Slice(s) => (s.as_ptr(), s.len()),
            Source::Written(k) => (outputs[k].get().cast_const(), len),
        };
        let own = step.operands().len();
        let first = if matches!(step.kernel, Kernel::Elementwise(_)) { 0 } else { own };
        let n = step.writes[0].place.len;
        let sources: Vec<_> = o.reads[first..].iter().map(|s| memory(s, n)).collect();
        // SAFETY: the step's operands.
        let bound = prepared.program.as_ref().map(|p| unsafe { Bound::new(self.level, p, &step.reads[first..], &sources) });
        match (&step.kernel, &bound) {
            (Kernel::Elementwise(_), Some(bound)) => self.elementwise(bound, n, std::ptr::null(), &outputs),
            (Kernel::Op { op, .. }, None) => {
                let y = std::mem::take(&mut o.writes[0]);
                self.op(op, step, prepared, &o, y, None);
            }
            (Kernel::Op { op, .. }, Some(bound)) => {
                // SAFETY: the step's first write, which nothing else refers to meanwhile.
                let y = unsafe { std::slice::from_raw_parts_mut(outputs[0].get(), n) };
                let epilogue = Epilogue::new(bound);
                let fused = outputs.len() == 1 && takes_epilogue(op);
                self.op(op, step, prepared, &o, y, fused.then_some(&epilogue));
                if !fused {
                    self.elementwise(bound, n, outputs[0].get(), &outputs);
                }
            }
            (Kernel::Elementwise(_), None) => unreachable!("`prepare` compiles every expression"),
        }
    }
}

/// Whether the kernel applies the epilogue itself.
fn takes_epilogue(op: &Op) -> bool {
    matches!(op, Op::MatMul(_) | Op::Conv2d(_) | Op::Conv2dTranspose(_))
}

impl Context {
    /// Evaluates a program for all `n` elements.
    fn elementwise(&self, bound: &Bound, n: usize, acc: *const f32, outputs: &[Shared]) {
        let step = (TASK / bound.program.block).max(1) * bound.program.block;
        let work = n * (bound.program.varying.len() + outputs.len());
        let acc = Shared(acc.cast_mut());
        self.all().parallel(n.div_ceil(step), work, |task| {
            let outputs: Vec<*mut f32> = outputs.iter().map(|o| o.get()).collect();
            let range = task * step..((task + 1) * step).min(n);
            // SAFETY: tasks have different elements of the outputs, all of which are inside; the program knows what
            // overlaps.
            unsafe { bound.start(&mut self.scratch()).run(range, acc.get(), &outputs) };
        });
    }

    /// Applies an epilogue to all of `c`, which is finished.
    pub fn apply(&self, epilogue: &Epilogue, c: &mut [f32]) {
        let program = epilogue.bound.program;
        let step = (TASK / program.block).max(1) * program.block;
        let (n, out) = (c.len(), Shared(c.as_mut_ptr()));
        self.all().parallel(n.div_ceil(step), n * (program.varying.len() + 1), |task| {
            let range = task * step..((task + 1) * step).min(n);
            // SAFETY: tasks have different elements of `c`, which is borrowed exclusively.
            unsafe { epilogue.start(&mut self.scratch()).run(out.get(), range) };
        });
    }

    /// An op's result, and its epilogue if one is given.
    fn op(&self, op: &Op, step: &Step, prepared: &Prepared, o: &Operands<f32>, y: &mut [f32], epilogue: Option<&Epilogue>) {
        let ty = |n: usize| &step.reads[n].ty;
        let x = |n: usize| o.slice(n);
        let result = &prepared.result;
        match op {
            Op::MatMul(p) => op::matmul::fast(self, p, [ty(0), ty(1)], x(0), x(1), y, epilogue),
            Op::Conv2d(p) => op::conv2d::fast(self, &p.dims(ty(0), ty(1), result), x(0), x(1), y, epilogue),
            Op::Conv2dTranspose(p) => op::conv2d_transpose::fast(self, &p.dims(ty(0), ty(1), result), x(0), x(1), y, epilogue),
            Op::Conv2dWeightGrad(p) => op::conv2d_weight_grad::fast(self, &p.dims(ty(0), ty(1), result), x(0), x(1), y),
            Op::BatchNormStats(p) => op::batch_norm_stats::fast(self, p.dims(ty(0)), x(0), y),
            Op::BatchNormSums(p) => op::batch_norm_sums::fast(self, p.dims(ty(0)), x(0), x(1), x(2), y),
            Op::Gather(p) => op::gather::fast(self, p.dims(ty(0), ty(1)), x(0), x(1), y),
            Op::ScatterAdd(p) => op::scatter_add::fast(self, p.dims(ty(0)), x(0), x(1), y),
            Op::Pool2d(p) => op::pool2d::fast(self, p, &p.dims(ty(0), result), x(0), y),
            Op::Pool2dGrad(p) => {
                let image = (op.arity() == 2).then(|| x(1));
                op::pool2d_grad::fast(self, &p.pool, &p.dims(ty(0), result), x(0), image, y);
            }
            Op::PadReflect(p) => op::pad_reflect::fast(self, &ReflectDims::new(ty(0), p.borders), x(0), y),
            Op::PadReflectGrad(p) => op::pad_reflect_grad::fast(self, &ReflectDims::new(result, p.borders), x(0), y),
            Op::Cumsum(p) => op::cumsum::fast(self, p, p.dims(ty(0)), x(0), y),
            Op::Pad(p) => op::pad::fast(self, p, ty(0), x(0), y),
            Op::Concat(p) => op::concat::fast(self, p, [ty(0), ty(1)], x(0), x(1), y),
            Op::Reduce(p) => op::reduce::fast(self, p, ty(0), x(0), y),
            Op::Softmax(_) => op::softmax::fast(self, ty(0).shape.last(), x(0), y),
            Op::LogSumExp(_) => op::log_sum_exp::fast(self, ty(0).shape.last(), x(0), y),
            Op::LstmScan(p) => op::lstm_scan::fast(self, &p.dims(ty(0)), x(0), x(1), x(2), x(3), y),
            Op::LstmScanGrad(p) => op::lstm_scan_grad::fast(self, &p.dims(ty(0)), x(0), x(1), x(2), x(3), y),
            Op::Random(p) => op::random::fast(self, p, x(0), x(1), y),
            Op::Nade(p) => {
                let weights = Weights::of(p.activation, o, [1, 2, 3, 4]);
                op::nade::fast(self, p.activation, &p.dims(&types(step)), x(0), weights, y);
            }
            Op::NadeGrad(p) => {
                let (weights, dy) = (Weights::of(p.activation, o, [1, 2, 3, 4]), x(1 + p.activation.n_weights()));
                op::nade_grad::fast(self, p, &p.dims(&types(step)), x(0), weights, dy, y);
            }
            Op::NadeSample(p) => {
                let weights = Weights::of(p.activation, o, [2, 3, 4, 6]);
                op::nade_sample::fast(self, p, &p.dims(&types(step)), (x(0), x(1)), weights, x(5), y);
            }
            _ => plain_op(op, step, result, o, y),
        }
    }
}
