//! Logarithm of sums of exponentials over rows: the softmax kernel with another result.

use calotype_graph::{DeviceError, Step};

use crate::dispatch::Dispatch;
use crate::op::softmax::rows;
use crate::source::shader;

pub(crate) fn log_sum_exp(step: &Step) -> Result<Vec<Dispatch>, DeviceError> {
    rows(step, Some(shader!("lib/log_sum_exp")))
}
