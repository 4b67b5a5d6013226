//! NADE and RNADE: conditionals, gradients, samples.

use calotype_graph::op::{Conditional, NadeWeights};
use calotype_graph::{Device, Graph, HostTensor, Tensor};
use calotype_tests::Golden;

use super::{CLOSE, check, run};

const WEIGHTS: [&str; 5] = ["x", "w", "c", "v", "rho"];

/// Tensors of a case by these names, those that it has.
fn present(golden: &Golden, case: &str, names: &[&'static str]) -> Vec<(&'static str, HostTensor)> {
    let has = |name: &str| golden.names(case).any(|n| n == format!("{case}/{name}"));
    names.iter().filter(|n| has(n)).map(|&n| (n, golden.get(&format!("{case}/{n}")))).collect()
}

fn inputs<'a>(values: &'a [(&'static str, HostTensor)]) -> Vec<(&'a str, &'a HostTensor)> {
    values.iter().map(|(n, t)| (*n, t)).collect()
}

fn conditionals(t: &[Tensor]) -> Tensor {
    match t {
        [x, w, c, v] => x.nade(w, c, v),
        [x, w, c, v, rho] => x.rnade(w, c, v, rho),
        _ => panic!("{} operands", t.len()),
    }
}

pub fn conditionals_and_gradients(device: &mut dyn Device) {
    let golden = Golden::open("nade");
    let cases: Vec<String> = golden.cases("").into_iter().filter(|c| !c.starts_with("sample")).collect();
    assert_eq!(cases.len(), 4);
    for case in cases {
        let get = |part: &str| golden.get(&format!("{case}/{part}"));
        let mut values = present(&golden, &case, &WEIGHTS);
        // The derivative by everything, and by the weights alone, as in training.
        for first in [0, 1] {
            let g = Graph::new("nade");
            let t: Vec<Tensor> = values.iter().map(|(n, t)| g.input(n, t.ty())).collect();
            let y = conditionals(&t);
            let dy = g.input("dy", y.ty());
            let gradients = g.vjp(&[(&y, &dy)], &t[first..].iter().collect::<Vec<_>>());
            g.output("y", &y);
            let names = values[first..].iter().map(|(n, _)| format!("d{n}"));
            names.zip(&gradients).for_each(|(n, t)| g.output(&n, t));
            let program = g.finish().expect("first derivatives");
            values.push(("dy", get("dy")));
            let got = run(device, &program, &inputs(&values));
            values.pop();
            for ((name, _), got) in program.outputs().zip(&got) {
                check(&format!("{case}: {name}"), got, &get(name), CLOSE);
            }
        }
    }
}

pub fn samples(device: &mut dyn Device) {
    let golden = Golden::open("nade");
    let floor = golden.get("sample/mixture/floor").as_f32().expect("a number")[0];
    for (case, conditional) in
        [("sample/bits", Conditional::Bernoulli), ("sample/mixture", Conditional::Gaussians { floor: floor.into() })]
    {
        let values = present(&golden, case, &["noise", "known", "mask", "w", "c", "v", "b", "rho"]);
        let g = Graph::new("samples");
        let t: Vec<Tensor> = values.iter().map(|(n, t)| g.input(n, t.ty())).collect();
        let [noise, known, mask, w, c, v, b] = t[..7].to_vec().try_into().expect("seven at least");
        let weights = NadeWeights { w, c, v, b, rho: t.get(7).cloned() };
        g.output("x", &weights.sample(conditional, &noise, &known, &mask));
        let got = run(device, &g.finish().expect("a sampler"), &inputs(&values));
        check(case, &got[0], &golden.get(&format!("{case}/x")), CLOSE);
    }
}
