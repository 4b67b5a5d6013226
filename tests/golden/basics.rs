//! Functions of one and two numbers, products, reductions and movement.

use calotype_graph::op::{MatMul, Tolerance};
use calotype_graph::{Device, Graph, HostTensor, Tensor};
use calotype_tests::Golden;

use crate::{CLOSE, check, run};

/// The op that a case is of.
fn apply(case: &str, x: &[Tensor]) -> Tensor {
    let with = |transpose_a, transpose_b| x[0].matmul_with(&x[1], MatMul { transpose_a, transpose_b });
    match case {
        "neg" => x[0].neg(),
        "abs" => x[0].abs(),
        "exp" => x[0].exp(),
        "log" => x[0].log(),
        "sqrt" => x[0].sqrt(),
        "rsqrt" => x[0].rsqrt(),
        "recip" => x[0].recip(),
        "square" => x[0].square(),
        "tanh" | "tanh, far" => x[0].tanh(),
        "sigmoid" | "sigmoid, far" => x[0].sigmoid(),
        "softplus" | "softplus, far" => x[0].softplus(),
        "relu" => x[0].relu(),
        "leaky relu" => x[0].leaky_relu(0.2),
        "add" | "add, broadcast" => &x[0] + &x[1],
        "sub" => &x[0] - &x[1],
        "mul" | "mul, broadcast" => &x[0] * &x[1],
        "div" => &x[0] / &x[1],
        "max" => x[0].max(&x[1]),
        "min" => x[0].min(&x[1]),
        "matmul" | "matmul, batched" => x[0].matmul(&x[1]),
        "matmul, a transposed" => with(true, false),
        "matmul, b transposed" => with(false, true),
        "matmul, both transposed" => with(true, true),
        "sum" => x[0].sum(&[1]),
        "sum of two axes" => x[0].sum(&[0, 2]),
        "mean" => x[0].mean(&[1, 2]),
        "largest" => x[0].max_over(&[2]),
        "permute" => x[0].permute(&[2, 0, 1]),
        "slice" => x[0].slice(1, 1, 3),
        "flip" => x[0].flip(1),
        "pad" => x[0].pad(1, 2, 1, 0.5),
        "concat" => x[0].concat(&x[1], 1),
        "expand" => x[0].expand([4, 3, 5]),
        "argmax" => x[0].argmax(2),
        other => panic!("no op for the case `{other}`"),
    }
}

pub fn basics(device: &mut dyn Device) {
    let golden = Golden::open("basics");
    let cases = golden.cases("");
    assert!(cases.len() > 30, "{cases:?}");
    for case in cases {
        let get = |part: String| golden.get(&format!("{case}/{part}"));
        let two = golden.names(&format!("{case}/x1")).next().is_some();
        let names: Vec<String> = (0..if two { 2 } else { 1 }).map(|n| format!("x{n}")).collect();
        let mut given: Vec<(&str, HostTensor)> = names.iter().map(|n| (n.as_str(), get(n.clone()))).collect();
        let g = Graph::new("golden");
        let leaves: Vec<Tensor> = given.iter().map(|(name, t)| g.input(name, t.ty())).collect();
        let y = apply(&case, &leaves);
        g.output("y", &y);
        let mut want = vec![get("y".into())];
        if case != "argmax" {
            let dy = get("dy".into());
            let gradients = g.vjp(&[(&y, &g.input("dy", dy.ty()))], &leaves.iter().collect::<Vec<_>>());
            for (name, gradient) in names.iter().zip(&gradients) {
                g.output(&format!("d{name}"), gradient);
                want.push(get(format!("d{name}")));
            }
            given.push(("dy", dy));
        }
        let inputs: Vec<(&str, &HostTensor)> = given.iter().map(|(name, t)| (*name, t)).collect();
        let got = run(device, &g.finish().expect("a graph"), &inputs);
        // Functions with large slopes, such as 1/x² near 0.1, multiply the rounding of their argument.
        let tolerance = Tolerance { rtol: 1e-4, ..CLOSE };
        for (got, want) in got.iter().zip(&want) {
            check(
                &case,
                got,
                want,
                if got.ty() == want.ty() { tolerance } else { panic!("{case}: {} for {}", got.ty(), want.ty()) },
            );
        }
    }
}
