//! Normalisations within one example, and a gradient of a gradient through each.

use calotype_graph::op::Tolerance;
use calotype_graph::{Affine, Device, Graph, HostTensor, Tensor};
use calotype_tests::{Golden, permuted};

use crate::{TO_NHWC, check, run};

pub fn norms(device: &mut dyn Device) {
    each(device, "instance", |x, by| x.instance_norm(by, 1e-5));
    each(device, "layer", |x, by| x.layer_norm(1, by, 1e-5));
    each(device, "pixel", |x, _| x.pixel_norm(1e-8));
}

fn each(device: &mut dyn Device, kind: &str, norm: impl Fn(&Tensor, Affine) -> Tensor) {
    let golden = Golden::open("norms");
    for case in golden.cases(kind) {
        // Channels last: [B, C, H, W] turns.
        let get = |part: &str| {
            let t = golden.get(&format!("{case}/{part}"));
            if t.shape.rank() == 4 { permuted(&t, TO_NHWC) } else { t }
        };
        let parts: &[&str] = if case.ends_with("affine") { &["x", "scale", "shift"] } else { &["x"] };
        let given: Vec<(&str, HostTensor)> = parts.iter().chain(&["dy"]).map(|part| (*part, get(part))).collect();
        let g = Graph::new("golden");
        let leaves: Vec<Tensor> = given.iter().map(|(name, t)| g.input(name, t.ty())).collect();
        let (dy, leaves) = leaves.split_last().expect("dy comes last");
        let y = norm(&leaves[0], (leaves.len() == 3).then(|| (&leaves[1], &leaves[2])));
        let gradients = g.vjp(&[(&y, dy)], &leaves.iter().collect::<Vec<_>>());
        g.output("y", &y);
        gradients.iter().zip(parts).for_each(|(t, part)| g.output(&format!("d{part}"), t));
        g.output("second", &g.grad(&gradients[0].square().sum_all(), &[&leaves[0]])[0]);
        let program = g.finish().expect("all derivatives");
        let inputs: Vec<(&str, &HostTensor)> = given.iter().map(|(name, t)| (*name, t)).collect();
        let got = run(device, &program, &inputs);
        for ((name, _), got) in program.outputs().zip(&got) {
            // The terms of a second derivative are of size 10 and partly cancel.
            let atol = if name == "second" { 2e-4 } else { 2e-5 };
            check(&format!("{case}: {name}"), got, &get(name), Tolerance { atol, rtol: 2e-5 });
        }
    }
}
