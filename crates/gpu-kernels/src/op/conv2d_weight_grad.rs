//! Gradient of a convolution's weights: the GEMM core summing over pixels.

use calotype_graph::op::{Conv2dWeightGrad, ReduceKind};
use calotype_graph::{DeviceError, Step};

use crate::dispatch::Dispatch;
use crate::gemm::{Gemm, Loader, Operand, image, partial};
use crate::op::reduce::{Run, run};
use crate::source::shader;
use crate::tiles::Target;

/// M = taps and input channels, N = output channels, K = pixels, in parts whose sums are added in order.
pub(crate) fn conv2d_weight_grad(step: &Step, op: &Conv2dWeightGrad, target: &Target) -> Result<Vec<Dispatch>, DeviceError> {
    let (x, dy, dw) = (&step.reads[0], &step.reads[1], &step.writes[0]);
    let d = op.dims(&x.ty, &dy.ty, &dw.ty);
    let numel = dw.ty.numel();
    if numel == 0 {
        return Ok(Vec::new());
    }
    let pixels = d.batch * d.out_height * d.out_width;
    let splits = step.workspace.map_or(1, |place| place.len / numel);
    let m = d.kernel_h * d.kernel_w * d.c_in;
    let loader = match d.as_matrix() {
        Some(_) => Loader::Matrix { batch: 0, stride: m },
        None => Loader::Indexed { fragment: shader!("lib/load_taps"), contiguous: d.c_in },
    };
    let gemm = Gemm {
        z: splits,
        m,
        n: d.c_out,
        k: pixels,
        k_part: (splits > 1).then(|| pixels.div_ceil(splits)),
        a: Operand { place: x.place, along_k: false, loader },
        b: Operand { place: dy.place, along_k: false, loader: Loader::Matrix { batch: 0, stride: d.c_out } },
        prelude: if d.as_matrix().is_some() { String::new() } else { image(&d)? },
        address: None,
        step,
        result: step.workspace.map(|place| partial(place, splits, numel)),
    };
    let mut all = vec![gemm.dispatch(target)?];
    if let Some(place) = step.workspace {
        let sum = Run { kind: ReduceKind::Sum, outer: 1, n: splits, inner: numel };
        all.push(run(&sum, place, dw.place, 1)?);
    }
    Ok(all)
}
