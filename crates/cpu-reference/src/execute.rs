//! Carries out one step, by the plain kernels.

use calotype_graph::op::{Carried, Op};
use calotype_graph::plan::{Kernel, Step};
use calotype_graph::{DeviceError, Type};

use crate::float::Float;
use crate::memory::Operands;
use crate::op;

/// A way to carry out steps.
pub trait Executor<T>: Send {
    /// Carries out a step of a plan that was checked, `result` being its op's own type.
    fn run(&self, step: &Step, result: &Type, operands: Operands<T>);
}

/// Type of what a step's op computes, before its epilogue.
///
/// # Errors
/// An op that no device carries out, or one that does not fit its operands: a planner's mistake.
pub fn result_type(step: &Step) -> Result<Type, DeviceError> {
    let Kernel::Op { op, .. } = &step.kernel else { return Ok(step.writes[0].ty.clone()) };
    let unsupported = |why: String| DeviceError::Unsupported { op: op.stem().into(), device: "the CPU".into(), why };
    if !matches!(op.carried(), Carried::Own | Carried::Shares(_)) {
        return Err(unsupported(format!("`{}` should have become an expression or a view", step.name)));
    }
    let types: Vec<Type> = step.operands().iter().map(|r| r.ty.clone()).collect();
    let ty = op.infer(&types).map_err(unsupported)?;
    if ty.numel() != step.writes[0].place.len {
        return Err(unsupported(format!("`{}` computes {ty} and writes {} elements", step.name, step.writes[0].place.len)));
    }
    Ok(ty)
}

/// The naive loops.
pub struct Plain;

impl<T: Float> Executor<T> for Plain {
    fn run(&self, step: &Step, result: &Type, mut o: Operands<T>) {
        let writes = (step.writes.as_slice(), o.writes.as_mut_slice());
        match &step.kernel {
            Kernel::Elementwise(expr) => op::elementwise::plain(expr, None, (&step.reads, &o.reads), writes),
            Kernel::Op { op, epilogue: None } => {
                let y = std::mem::take(&mut o.writes[0]);
                plain_op(op, step, result, &o, y);
            }
            Kernel::Op { op, epilogue: Some(expr) } => {
                let mut acc = vec![T::ZERO; result.numel()];
                let n = op.arity();
                let Operands { reads, writes } = o;
                let own = Operands { reads, writes: Vec::new() };
                plain_op(op, step, result, &own, &mut acc);
                let mut writes = writes;
                op::elementwise::plain(expr, Some(&acc), (&step.reads[n..], &own.reads[n..]), (&step.writes, &mut writes));
            }
        }
    }
}

/// An op's result, without its epilogue.
pub fn plain_op<T: Float>(op: &Op, step: &Step, result: &Type, o: &Operands<T>, y: &mut [T]) {
    let ty = |n: usize| &step.reads[n].ty;
    let x = |n: usize| o.slice(n);
    match op {
        Op::Pad(p) => op::pad::plain(p, ty(0), x(0), y),
        Op::Concat(p) => op::concat::plain(p, [ty(0), ty(1)], x(0), x(1), y),
        Op::Reduce(p) => op::reduce::plain(p, ty(0), x(0), y),
        Op::MatMul(p) => op::matmul::plain(p, [ty(0), ty(1)], x(0), x(1), y),
        Op::Conv2d(p) => op::conv2d::plain(&p.dims(ty(0), ty(1), result), x(0), x(1), y),
        Op::Conv2dTranspose(p) => op::conv2d_transpose::plain(&p.dims(ty(0), ty(1), result), x(0), x(1), y),
        Op::Conv2dWeightGrad(p) => op::conv2d_weight_grad::plain(&p.dims(ty(0), ty(1), result), x(0), x(1), y),
        Op::BatchNormStats(p) => op::batch_norm_stats::plain(p.dims(ty(0)), x(0), y),
        Op::BatchNormSums(p) => op::batch_norm_sums::plain(p.dims(ty(0)), x(0), x(1), x(2), y),
        Op::Softmax(_) => op::softmax::plain(ty(0).shape.last(), x(0), y),
        Op::LogSumExp(_) => op::log_sum_exp::plain(ty(0).shape.last(), x(0), y),
        Op::Random(p) => op::random::plain(p, x(0), x(1), y),
        Op::Unary(_) | Op::Binary(_) | Op::Select(_) | Op::Cast(_) | Op::Full(_) | Op::Iota(_) => not_carried(op),
        Op::Reshape(_) | Op::Permute(_) | Op::Expand(_) | Op::Slice(_) | Op::Flip(_) | Op::BatchNorm(_) => not_carried(op),
    }
}

fn not_carried(op: &Op) -> ! {
    unreachable!("`result_type` refuses {op:?} when a plan is loaded")
}
