//! Transposed convolution, by output phase.

use calotype_graph::op::Conv2dTranspose;
use calotype_graph::{DeviceError, Step, Type};

use crate::dispatch::Dispatch;
use crate::gemm::{Gemm, Loader, Operand, image};
use crate::source::{Source, shader};
use crate::tiles::Target;

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Each phase (result pixels with equal coordinates modulo the stride) is a dense convolution of the small image: M = pixels
/// of one phase, N = channels of the result, K = taps that a phase meets and channels of the small image.
pub(crate) fn conv2d_transpose(step: &Step, op: &Conv2dTranspose, target: &Target) -> Result<Vec<Dispatch>, DeviceError> {
    let (y, w) = (&step.reads[0], &step.reads[1]);
    let (batch, c_in) = (y.ty.shape.dims()[0], w.ty.shape.dims()[2]);
    let d = op.dims(&y.ty, &w.ty, &Type::f32([batch, op.size[0], op.size[1], c_in]));
    if d.batch * d.height * d.width * d.c_in == 0 {
        return Ok(Vec::new());
    }
    if let Some([rows, inner]) = d.as_matrix() {
        return Ok(vec![as_product(step, rows, inner, d.c_out).dispatch(target)?]);
    }
    let (stride, dilation) = (d.window.stride, d.window.dilation);
    let kernel = [d.kernel_h, d.kernel_w];
    let common = [gcd(stride[0], dilation[0]), gcd(stride[1], dilation[1])];
    let phase = [d.height.div_ceil(stride[0]), d.width.div_ceil(stride[1])];
    let tap_step = [stride[0] / common[0], stride[1] / common[1]];
    let taps = [kernel[0].div_ceil(tap_step[0]), kernel[1].div_ceil(tap_step[1])];
    let phases = Source::new("load_phase", shader!("lib/load_phase")).sizes(&[
        ("PHASE_H", phase[0]),
        ("PHASE_W", phase[1]),
        ("TAPS_H", taps[0]),
        ("TAPS_W", taps[1]),
        ("STEP_H", tap_step[0]),
        ("STEP_W", tap_step[1]),
        ("SHIFT_H", dilation[0] / common[0]),
        ("SHIFT_W", dilation[1] / common[1]),
    ])?;
    let gemm = Gemm {
        z: stride[0] * stride[1],
        m: d.batch * phase[0] * phase[1],
        n: d.c_in,
        k: taps[0] * taps[1] * d.c_out,
        k_part: None,
        a: Operand { place: y.place, along_k: true, loader: Loader::Indexed { fragment: "", contiguous: d.c_out } },
        b: Operand {
            place: w.place,
            along_k: true,
            loader: Loader::Indexed { fragment: shader!("lib/load_phase_weights"), contiguous: d.c_out },
        },
        prelude: image(&d)? + &phases.finish(),
        address: Some(shader!("lib/address_phase")),
        step,
        result: None,
    };
    Ok(vec![gemm.dispatch(target)?])
}

/// x [rows, inner] = y [rows, C_OUT] wᵀ: no pixel of the result meets two taps.
fn as_product(step: &Step, rows: usize, inner: usize, c_out: usize) -> Gemm<'_> {
    let matrix = |place| Operand { place, along_k: true, loader: Loader::Matrix { batch: 0, stride: c_out } };
    Gemm {
        z: 1,
        m: rows,
        n: inner,
        k: c_out,
        k_part: None,
        a: matrix(step.reads[0].place),
        b: matrix(step.reads[1].place),
        prelude: String::new(),
        address: None,
        step,
        result: None,
    }
}
