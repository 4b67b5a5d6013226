//! Carries out one step, by the plain kernels.

use calotype_graph::op::{Carried, Op, ReflectDims};
use calotype_graph::plan::{Kernel, Step};
use calotype_graph::{DeviceError, Type};

use crate::fast::program::Program;
use crate::float::Float;
use crate::memory::Operands;
use crate::op;
use crate::op::nade::Weights;

/// What is known of a step once its plan is loaded.
pub struct Prepared {
    /// Type of what the step's op computes, before its epilogue.
    pub result: Type,
    /// Its expression, for the fast kernels.
    pub program: Option<Program>,
}

/// A way to carry out steps.
pub trait Executor<T>: Send + Sync {
    /// Prepares a step of a plan that was checked.
    ///
    /// # Errors
    /// What cannot be carried out.
    fn prepare(&self, _step: &Step, _prepared: &mut Prepared) -> Result<(), DeviceError> {
        Ok(())
    }

    /// Runs `f`, which carries out steps.
    fn enter(&self, f: &mut (dyn FnMut() + Send)) {
        f();
    }

    /// Carries out a step that was prepared.
    fn run(&self, step: &Step, prepared: &Prepared, operands: Operands<T>);
}

/// Prepares a step of a plan that was checked.
///
/// # Errors
/// What cannot be carried out.
pub fn prepare<T>(executor: &dyn Executor<T>, step: &Step) -> Result<Prepared, DeviceError> {
    let mut prepared = Prepared { result: result_type(step)?, program: None };
    executor.prepare(step, &mut prepared)?;
    Ok(prepared)
}

/// Type of what a step's op computes, before its epilogue.
///
/// # Errors
/// An op that no device carries out, or one that does not fit its operands: a planner's mistake.
fn result_type(step: &Step) -> Result<Type, DeviceError> {
    let Kernel::Op { op, .. } = &step.kernel else { return Ok(step.writes[0].ty.clone()) };
    let unsupported = |why: String| DeviceError::Unsupported { op: op.stem().into(), device: "the CPU".into(), why };
    if !is_carried(op) {
        return Err(unsupported(format!("no kernel; `{}` should have become an expression or a view", step.name)));
    }
    let types: Vec<Type> = step.operands().iter().map(|r| r.ty.clone()).collect();
    let ty = op.infer(&types).map_err(unsupported)?;
    if ty.numel() != step.writes[0].place.len {
        return Err(unsupported(format!("`{}` computes {ty} and writes {} elements", step.name, step.writes[0].place.len)));
    }
    Ok(ty)
}

/// Whether [`plain_op`] has the op: expressions, views and composite ops do not reach a device as ops.
fn is_carried(op: &Op) -> bool {
    matches!(op.carried(), Carried::Own | Carried::Shares(_))
}

/// The naive loops.
pub struct Plain;

impl<T: Float> Executor<T> for Plain {
    fn run(&self, step: &Step, prepared: &Prepared, mut o: Operands<T>) {
        let result = &prepared.result;
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

/// Types of a step's operands.
pub fn types(step: &Step) -> Vec<&Type> {
    step.operands().iter().map(|r| &r.ty).collect()
}

/// An op's result, without its epilogue.
pub fn plain_op<T: Float>(op: &Op, step: &Step, result: &Type, o: &Operands<T>, y: &mut [T]) {
    let ty = |n: usize| &step.reads[n].ty;
    let x = |n: usize| o.slice(n);
    match op {
        Op::Pad(p) => op::pad::plain(p, ty(0), x(0), y),
        Op::Concat(p) => op::concat::plain(p, [ty(0), ty(1)], x(0), x(1), y),
        Op::Gather(p) => op::gather::plain(p.dims(ty(0), ty(1)), x(0), x(1), y),
        Op::ScatterAdd(p) => op::scatter_add::plain(p.dims(ty(0)), x(0), x(1), y),
        Op::Pool2d(p) => op::pool2d::plain(p, &p.dims(ty(0), result), x(0), y),
        Op::Pool2dGrad(p) => {
            let image = (op.arity() == 2).then(|| x(1));
            op::pool2d_grad::plain(&p.pool, &p.dims(ty(0), result), x(0), image, y);
        }
        Op::PadReflect(p) => op::pad_reflect::plain(&ReflectDims::new(ty(0), p.borders), x(0), y),
        Op::PadReflectGrad(p) => op::pad_reflect_grad::plain(&ReflectDims::new(result, p.borders), x(0), y),
        Op::RowWrite(_) => op::row_write::plain(o.apart(0), x(1), x(2), y),
        Op::Cumsum(p) => op::cumsum::plain(p, p.dims(ty(0)), x(0), y),
        Op::Reduce(p) => op::reduce::plain(p, ty(0), x(0), y),
        Op::MatMul(p) => op::matmul::plain(p, [ty(0), ty(1)], x(0), x(1), y),
        Op::Conv2d(p) => op::conv2d::plain(&p.dims(ty(0), ty(1), result), x(0), x(1), y),
        Op::Conv2dTranspose(p) => op::conv2d_transpose::plain(&p.dims(ty(0), ty(1), result), x(0), x(1), y),
        Op::Conv2dWeightGrad(p) => op::conv2d_weight_grad::plain(&p.dims(ty(0), ty(1), result), x(0), x(1), y),
        Op::BatchNormStats(p) => op::batch_norm_stats::plain(p.dims(ty(0)), x(0), y),
        Op::BatchNormSums(p) => op::batch_norm_sums::plain(p.dims(ty(0)), x(0), x(1), x(2), y),
        Op::Softmax(_) => op::softmax::plain(ty(0).shape.last(), x(0), y),
        Op::LogSumExp(_) => op::log_sum_exp::plain(ty(0).shape.last(), x(0), y),
        Op::LstmScan(p) => op::lstm_scan::plain(&p.dims(ty(0)), x(0), x(1), x(2), x(3), y),
        Op::LstmScanGrad(p) => op::lstm_scan_grad::plain(&p.dims(ty(0)), x(0), x(1), x(2), x(3), y),
        Op::Random(p) => op::random::plain(p, x(0), x(1), y),
        Op::Nade(p) => op::nade::plain(p.activation, &p.dims(&types(step)), x(0), Weights::of(p.activation, o, [1, 2, 3, 4]), y),
        Op::NadeGrad(p) => {
            let weights = Weights::of(p.activation, o, [1, 2, 3, 4]);
            op::nade_grad::plain(p, &p.dims(&types(step)), x(0), weights, x(1 + p.activation.n_weights()), y);
        }
        Op::NadeSample(p) => {
            let weights = Weights::of(p.activation, o, [2, 3, 4, 6]);
            op::nade_sample::plain(p, &p.dims(&types(step)), (x(0), x(1)), weights, x(5), y);
        }
        _ => unreachable!("`is_carried` refuses {op:?} when a plan is loaded"),
    }
}
