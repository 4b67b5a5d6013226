//! GFLOP/s of each convolution of DCGAN at 64x64 (Radford et al. 2016; f = 64): forward, data gradient, weight gradient.
//!
//! `cargo run --release -p calotype-cpu-reference --example dcgan_layers [BATCH] [THREADS]`

use std::time::Instant;

use calotype_cpu_reference::fast::{Context, simd::Level};
use calotype_cpu_reference::op::{conv2d, conv2d_transpose, conv2d_weight_grad};
use calotype_graph::op::Window;
use calotype_graph::op::conv2d::ConvDims;

/// Channels of the large and small side, size of the large side: each layer of the discriminator, and of the generator,
/// whose layers are the transposes of the same convolutions.
const LAYERS: [(usize, usize, usize); 4] = [(3, 64, 64), (64, 128, 32), (128, 256, 16), (256, 512, 8)];

fn layer(batch: usize, (c_in, c_out, size): (usize, usize, usize)) -> ConvDims {
    ConvDims {
        batch,
        height: size,
        width: size,
        c_in,
        out_height: size / 2,
        out_width: size / 2,
        c_out,
        kernel_h: 4,
        kernel_w: 4,
        window: Window::square(2, 1),
    }
}

/// Seconds of the fastest of some runs.
fn fastest(cx: &Context, mut f: impl FnMut() + Send) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..12 {
        let start = Instant::now();
        cx.enter(&mut f);
        best = best.min(start.elapsed().as_secs_f64());
    }
    best
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|a| a.parse().expect("a number"));
    let (batch, threads) = (arguments.next().unwrap_or(64), arguments.next().unwrap_or(2));
    let cx = Context::new(Level::detect(), threads).expect("threads");
    println!("{:?}, {threads} threads, batch {batch}", cx.level);
    println!("{:>18}  {:>9} {:>9} {:>9}   GFLOP/s", "layer", "forward", "data", "weight");
    for sizes in LAYERS {
        let d = layer(batch, sizes);
        let (n_x, n_y) = (batch * d.height * d.width * d.c_in, batch * d.out_height * d.out_width * d.c_out);
        let flops = 2.0 * (n_y * 16 * d.c_in) as f64; // as PyTorch's counter has it: taps outside the image included
        let values = |n: usize| (0..n).map(|i| (i % 13) as f32 - 6.0).collect::<Vec<f32>>();
        let (mut x, mut y, mut w) = (values(n_x), values(n_y), values(16 * d.c_in * d.c_out));
        let forward = fastest(&cx, || conv2d::fast(&cx, &d, &x, &w, &mut y, None));
        let data = fastest(&cx, || conv2d_transpose::fast(&cx, &d, &y, &w, &mut x, None));
        let weight = fastest(&cx, || conv2d_weight_grad::fast(&cx, &d, &x, &y, &mut w));
        let rate = |s: f64| flops / s * 1e-9;
        let name = format!("{}->{} at {}", d.c_in, d.c_out, d.height);
        println!("{name:>18}  {:9.1} {:9.1} {:9.1}", rate(forward), rate(data), rate(weight));
    }
}
