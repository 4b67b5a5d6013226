//! Grid, specialisation and bindings of every op, one file a stem. `view` has none: it is no work.

pub(crate) mod batch_norm_stats;
pub(crate) mod batch_norm_sums;
pub(crate) mod concat;
pub(crate) mod conv2d;
pub(crate) mod conv2d_transpose;
pub(crate) mod conv2d_weight_grad;
pub(crate) mod cumsum;
pub(crate) mod elementwise;
pub(crate) mod gather;
pub(crate) mod log_sum_exp;
pub(crate) mod lstm_scan;
pub(crate) mod lstm_scan_grad;
pub(crate) mod matmul;
pub(crate) mod nade;
pub(crate) mod nade_grad;
pub(crate) mod nade_sample;
pub(crate) mod pad;
pub(crate) mod pad_reflect;
pub(crate) mod pad_reflect_grad;
pub(crate) mod pool2d;
pub(crate) mod pool2d_grad;
pub(crate) mod random;
pub(crate) mod reduce;
pub(crate) mod row_write;
pub(crate) mod scatter_add;
pub(crate) mod softmax;

use calotype_graph::{DeviceError, Kernel, Op, Step};

use crate::dispatch::Dispatch;
use crate::tiles::Target;

/// The dispatches that carry out a step: none where it writes nothing, two for reductions in two stages.
pub(crate) fn lower(step: &Step, target: &Target) -> Result<Vec<Dispatch>, DeviceError> {
    let profile = &target.profile;
    let op = match &step.kernel {
        Kernel::Elementwise(expr) => return elementwise::elementwise(step, expr),
        Kernel::Op { op, .. } => op,
    };
    match op {
        Op::MatMul(op) => matmul::matmul(step, op, target),
        Op::Conv2d(op) => conv2d::conv2d(step, op, target),
        Op::Conv2dTranspose(op) => conv2d_transpose::conv2d_transpose(step, op, target),
        Op::Conv2dWeightGrad(op) => conv2d_weight_grad::conv2d_weight_grad(step, op, target),
        Op::Gather(op) => gather::gather(step, op),
        Op::ScatterAdd(op) => scatter_add::scatter_add(step, op),
        Op::Pool2d(op) => pool2d::pool2d(step, op),
        Op::Pool2dGrad(op) => pool2d_grad::pool2d_grad(step, op),
        Op::PadReflect(op) => pad_reflect::pad_reflect(step, op),
        Op::PadReflectGrad(op) => pad_reflect_grad::pad_reflect_grad(step, op),
        Op::RowWrite(op) => row_write::row_write(step, op),
        Op::Cumsum(op) => cumsum::cumsum(step, op),
        Op::Reduce(op) => reduce::reduce(step, op),
        Op::BatchNormStats(op) => batch_norm_stats::batch_norm_stats(step, op),
        Op::BatchNormSums(op) => batch_norm_sums::batch_norm_sums(step, op),
        Op::Softmax(_) => softmax::softmax(step),
        Op::LogSumExp(_) => log_sum_exp::log_sum_exp(step),
        Op::LstmScan(op) => lstm_scan::lstm_scan(step, op),
        Op::LstmScanGrad(op) => lstm_scan_grad::lstm_scan_grad(step, op),
        Op::Random(op) => random::random(step, op),
        Op::Nade(op) => nade::nade(step, op),
        Op::NadeGrad(op) => nade_grad::nade_grad(step, op, profile),
        Op::NadeSample(op) => nade_sample::nade_sample(step, op),
        Op::Pad(op) => pad::pad(step, op),
        Op::Concat(op) => concat::concat(step, op),
        other => Err(DeviceError::Unsupported {
            op: other.stem().to_owned(),
            device: profile.name.clone(),
            why: format!("`{}` is no kernel of its own: planning expands it", step.name),
        }),
    }
}
