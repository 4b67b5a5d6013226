//! Losses on logits.

use calotype_graph::{Device, Graph, HostTensor, Tensor};
use calotype_models::losses::{bce, cross_entropy};
use calotype_tests::Golden;

use crate::{CLOSE, check, run};

pub fn losses(device: &mut dyn Device) {
    each(device, "cross_entropy", ["logits", "labels", "loss"], cross_entropy);
    each(device, "bce", ["logits", "targets", "loss"], bce);
    each(device, "log_softmax", ["x", "x", "y"], |x, _| x.log_softmax());
}

/// Every case of `kind`: names of the operand with a gradient, the other operand, the result.
fn each(device: &mut dyn Device, kind: &str, names: [&str; 3], f: impl Fn(&Tensor, &Tensor) -> Tensor) {
    let golden = Golden::open("losses");
    for case in golden.cases(&format!("{kind}/")) {
        let get = |part: &str| golden.get(&format!("{case}/{part}"));
        let given = [names[0], names[1], "dy"].map(|part| (part, get(part)));
        let g = Graph::new("golden");
        let [x, other, dy] = given.each_ref().map(|(name, t)| g.input(name, t.ty()));
        let y = f(&x, &other);
        g.output("y", &y);
        g.output("dx", &g.vjp(&[(&y, &dy)], &[&x])[0]);
        let inputs: Vec<(&str, &HostTensor)> = given.iter().map(|(name, t)| (*name, t)).collect();
        let got = run(device, &g.finish().expect("a graph"), &inputs);
        check(&case, &got[0], &get(names[2]), CLOSE);
        check(&format!("{case}: gradient"), &got[1], &get(&format!("d{}", names[0])), CLOSE);
    }
}
