//! Logarithm of sums of exponentials over rows.

use calotype_graph::{DeviceError, Step};

use crate::dispatch::Dispatch;
use crate::op::softmax::rows;
use crate::source::shader;

pub(crate) fn log_sum_exp(step: &Step) -> Result<Vec<Dispatch>, DeviceError> {
    rows("log_sum_exp", shader!("log_sum_exp"), step)
}
