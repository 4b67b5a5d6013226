//! The transpose of reflecting padding: one invocation an element of the image, or four neighbouring channels.

use calotype_graph::op::{PadReflectGrad, ReflectDims};
use calotype_graph::{DeviceError, Step};

use crate::dispatch::Dispatch;
use crate::op::pad_reflect::lower;
use crate::source::shader;

pub(crate) fn pad_reflect_grad(step: &Step, op: &PadReflectGrad) -> Result<Vec<Dispatch>, DeviceError> {
    lower("pad_reflect_grad", shader!("pad_reflect_grad"), step, ReflectDims::new(&step.writes[0].ty, op.borders))
}
