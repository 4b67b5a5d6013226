//! Convolution: the GEMM core over the image seen through the kernel.

use calotype_graph::op::Conv2d;
use calotype_graph::{DeviceError, Step};

use crate::dispatch::Dispatch;
use crate::gemm::{Gemm, Loader, Operand, image};
use crate::source::shader;
use crate::tiles::Target;

/// M = pixels of the result, N = output channels, K = taps and input channels.
pub(crate) fn conv2d(step: &Step, op: &Conv2d, target: &Target) -> Result<Vec<Dispatch>, DeviceError> {
    let (x, w) = (&step.reads[0], &step.reads[1]);
    // The result's own shape; an epilogue may have given the written tensor another.
    let y = calotype_graph::op::Operation::infer(op, &[x.ty.clone(), w.ty.clone()]).map_err(DeviceError::Other)?;
    let d = op.dims(&x.ty, &w.ty, &y);
    let pixels = d.batch * d.out_height * d.out_width;
    if pixels * d.c_out == 0 {
        return Ok(Vec::new());
    }
    let k = d.kernel_h * d.kernel_w * d.c_in;
    let loader = match d.as_matrix() {
        Some(_) => Loader::Matrix { batch: 0, stride: k },
        None => Loader::Indexed { fragment: shader!("lib/load_image"), contiguous: d.c_in },
    };
    let gemm = Gemm {
        z: 1,
        m: pixels,
        n: d.c_out,
        k,
        k_part: None,
        a: Operand { place: x.place, along_k: true, loader },
        b: Operand { place: w.place, along_k: false, loader: Loader::Matrix { batch: 0, stride: d.c_out } },
        prelude: if d.as_matrix().is_some() { String::new() } else { image(&d)? },
        address: None,
        step,
        result: None,
    };
    Ok(vec![gemm.dispatch(target)?])
}
