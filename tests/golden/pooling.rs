//! Pooling, reflecting padding and nearest upsampling.

use calotype_graph::op::{PadReflect, PoolWindow};
use calotype_graph::{Device, Graph, Tensor};
use calotype_tests::{Golden, permuted};

use crate::{CLOSE, TO_NHWC, check, run};

/// Every case of `kind`: y and dx of `f`, which is told the numbers in `how`.
fn images(device: &mut dyn Device, kind: &str, how: &str, f: impl Fn(&Tensor, &[usize]) -> Tensor) {
    let golden = Golden::open("pooling");
    for case in golden.cases(&format!("{kind}/")) {
        let image = |part: &str| permuted(&golden.get(&format!("{case}/{part}")), TO_NHWC);
        let how: Vec<usize> = golden.get(&format!("{case}/{how}")).words().iter().map(|&n| n as usize).collect();
        let (x, dy) = (image("x"), image("dy"));
        let g = Graph::new("golden");
        let leaf = g.input("x", x.ty());
        let y = f(&leaf, &how);
        g.output("y", &y);
        g.output("dx", &g.vjp(&[(&y, &g.input("dy", dy.ty()))], &[&leaf])[0]);
        let got = run(device, &g.finish().expect("the golden's shapes"), &[("x", &x), ("dy", &dy)]);
        check(&case, &got[0], &image("y"), CLOSE);
        check(&format!("{case}: gradient"), &got[1], &image("dx"), CLOSE);
    }
}

fn window(w: &[usize]) -> PoolWindow {
    PoolWindow { kernel: [w[0], w[1]], stride: [w[2], w[3]], pad: [w[4], w[5]] }
}

pub fn pool2d(device: &mut dyn Device) {
    images(device, "max", "window", |x, w| x.max_pool2d(window(w)));
    images(device, "average", "window", |x, w| x.avg_pool2d(window(w)));
}

pub fn pad_reflect(device: &mut dyn Device) {
    images(device, "reflect", "borders", |x, b| {
        Tensor::apply(PadReflect { borders: [[b[0], b[1]], [b[2], b[3]]] }, std::slice::from_ref(x))
    });
}

pub fn nearest(device: &mut dyn Device) {
    images(device, "nearest", "factor", |x, factor| x.upsample_nearest(factor[0]));
}
