//! Matrix product: the GEMM core as it is.

use calotype_graph::op::MatMul;
use calotype_graph::{DeviceError, Step};

use crate::dispatch::Dispatch;
use crate::gemm::{Gemm, Loader, Operand};
use crate::tiles::Target;

pub(crate) fn matmul(step: &Step, op: &MatMul, target: &Target) -> Result<Vec<Dispatch>, DeviceError> {
    let (a, b) = (&step.reads[0], &step.reads[1]);
    let d = op.dims(&a.ty, &b.ty);
    if d.batch * d.m * d.n == 0 {
        return Ok(Vec::new());
    }
    let a_stride = if op.transpose_a { d.m } else { d.k };
    let b_stride = if op.transpose_b { d.k } else { d.n };
    let gemm = Gemm {
        z: d.batch,
        m: d.m,
        n: d.n,
        k: d.k,
        k_part: None,
        a: Operand { place: a.place, along_k: !op.transpose_a, loader: Loader::Matrix { batch: d.m * d.k, stride: a_stride } },
        b: Operand { place: b.place, along_k: op.transpose_b, loader: Loader::Matrix { batch: d.k * d.n, stride: b_stride } },
        prelude: String::new(),
        address: None,
        step,
        result: None,
    };
    Ok(vec![gemm.dispatch(target)?])
}
