//! Log-probabilities against torch.distributions.

use calotype_graph::{Device, Graph, HostTensor, Tensor};
use calotype_models::distributions::{Conditional, logistic};
use calotype_tests::Golden;

use crate::{CLOSE, check, run};

pub fn distributions(device: &mut dyn Device) {
    let golden = Golden::open("distributions");
    for case in golden.cases("bernoulli/") {
        each(device, &golden, &case, &["logits", "x"], 1, |t| {
            let logits = t[0].reshape([t[0].dims(), &[1]].concat());
            Conditional::Bernoulli.log_p(&logits, &t[1])
        });
    }
    for case in golden.cases("categorical/") {
        let levels = golden.get(&format!("{case}/logits")).shape.last() as u32;
        each(device, &golden, &case, &["logits", "x"], 1, |t| Conditional::Categorical { levels }.log_p(&t[0], &t[1]));
    }
    for case in golden.cases("gaussians/") {
        let components = golden.get(&format!("{case}/parameters")).shape.last() / 3;
        let floor = golden.get(&format!("{case}/floor")).item().expect("a number");
        let conditional = Conditional::Gaussians { components, floor };
        each(device, &golden, &case, &["parameters", "x"], 1, |t| conditional.log_p(&t[0], &t[1]));
    }
    for case in golden.cases("logistic/") {
        let levels = golden.get(&format!("{case}/levels")).as_u32().expect("an integer")[0];
        each(device, &golden, &case, &["mean", "log_scale", "x"], 2, |t| logistic::log_p(&t[0], &t[1], &t[2], levels));
    }
}

/// One case: its operands by name, the first `n` of which have gradients.
fn each(device: &mut dyn Device, golden: &Golden, case: &str, names: &[&str], n: usize, f: impl Fn(&[Tensor]) -> Tensor) {
    let get = |part: &str| golden.get(&format!("{case}/{part}"));
    let given: Vec<(&str, HostTensor)> = names.iter().chain(&["dy"]).map(|&part| (part, get(part))).collect();
    let g = Graph::new("golden");
    let t: Vec<Tensor> = given.iter().map(|(name, t)| g.input(name, t.ty())).collect();
    let log_p = f(&t[..names.len()]);
    g.output("log_p", &log_p);
    let gradients = g.vjp(&[(&log_p, &t[names.len()])], &t[..n].iter().collect::<Vec<_>>());
    names.iter().zip(&gradients).for_each(|(name, t)| g.output(&format!("d{name}"), t));
    let program = g.finish().expect("a graph");
    let inputs: Vec<(&str, &HostTensor)> = given.iter().map(|(name, t)| (*name, t)).collect();
    let got = run(device, &program, &inputs);
    for ((name, _), got) in program.outputs().zip(&got) {
        check(&format!("{case}: {name}"), got, &get(name), CLOSE);
    }
}
