//! The LSTM's scan and its gradients, and as many single cells as it has time steps.

use calotype_graph::{Device, Graph, HostTensor, Tensor, Window};
use calotype_tests::Golden;

use super::{CLOSE, check, run};

/// The operands' names, in order.
const GIVEN: [&str; 4] = ["x", "w", "h0", "c0"];

pub fn lstm_scan(device: &mut dyn Device) {
    let golden = Golden::open("lstm");
    for case in golden.cases("") {
        let get = |part: &str| golden.get(&format!("{case}/{part}"));
        let operands = GIVEN.map(|name| (name, get(name)));
        let dh = get("dh");
        let g = Graph::new(&case);
        let t: Vec<Tensor> = operands.iter().map(|(name, t)| g.input(name, t.ty())).collect();
        let h = t[0].lstm_scan(&t[1], &t[2], &t[3], case.ends_with("reverse"));
        let all = g.vjp(&[(&h, &g.input("dh", dh.ty()))], &[&t[0], &t[1], &t[2], &t[3]]);
        // The gates' cotangent again, in a graph that does not ask for the initial states'.
        let without = g.vjp(&[(&h, &g.input("dh2", dh.ty()))], &[&t[0], &t[1]]);
        g.output("h", &h);
        let names = ["dx", "dw", "dh0", "dc0"];
        names.iter().zip(&all).for_each(|(name, t)| g.output(name, t));
        names.iter().zip(&without).for_each(|(name, t)| g.output(&format!("{name} alone"), t));
        let mut inputs: Vec<(&str, &HostTensor)> = operands.iter().map(|(name, t)| (*name, t)).collect();
        inputs.extend([("dh", &dh), ("dh2", &dh)]);
        let program = g.finish().expect("first derivatives");
        for ((name, _), got) in program.outputs().zip(run(device, &program, &inputs)) {
            check(&format!("{case}: {name}"), &got, &get(name.trim_end_matches(" alone")), CLOSE);
        }
    }
}

pub fn lstm_cell(device: &mut dyn Device) {
    let golden = Golden::open("lstm");
    for case in golden.cases("") {
        let get = |part: &str| golden.get(&format!("{case}/{part}"));
        let operands = GIVEN.map(|name| (name, get(name)));
        let g = Graph::new(&case);
        let t: Vec<Tensor> = operands.iter().map(|(name, t)| g.input(name, t.ty())).collect();
        let c = unrolled(&g, &t, case.ends_with("reverse"));
        g.output("c", &c);
        let inputs: Vec<(&str, &HostTensor)> = operands.iter().map(|(name, t)| (*name, t)).collect();
        let program = g.finish().expect("a graph");
        let want = get("h");
        let n = want.words().len() / want.shape.dims()[0];
        for ((name, _), got) in program.outputs().zip(run(device, &program, &inputs)) {
            let want = match name.parse::<usize>() {
                Ok(t) => HostTensor::f32(got.shape.clone(), want.as_f32().expect("floats")[t * n..(t + 1) * n].to_vec()),
                Err(_) => get(name),
            };
            check(&format!("{case}: cell {name}"), &got, &want, CLOSE);
        }
    }
}

/// One cell after another; each time step's h [B, P, H] is an output named by it. Returns the last cells.
fn unrolled(g: &Graph, t: &[Tensor], reverse: bool) -> Tensor {
    let (x, w, mut h, mut c) = (&t[0], &t[1], t[2].clone(), t[3].clone());
    let (&[steps, b, p, gates], taps) = (x.dims(), w.dims()[0]) else { panic!("{x:?}") };
    for s in 0..steps {
        let step = if reverse { steps - 1 - s } else { s };
        let now = x.slice(0, step, step + 1).reshape([b, p, gates]);
        (h, c) = if taps == 2 { diagonal(&now, w, &h, &c) } else { positions(&now, w, &h, &c) };
        g.output(&step.to_string(), &h);
    }
    c
}

/// One or three taps: all positions at once.
fn positions(x: &Tensor, w: &Tensor, h: &Tensor, c: &Tensor) -> (Tensor, Tensor) {
    let (&[b, p, gates], taps) = (x.dims(), w.dims()[0]) else { panic!("{x:?}") };
    let seen = h.pad(1, taps / 2, taps / 2, 0.0).reshape([b, 1, p + taps - 1, gates / 4]);
    let recurrent = seen.conv2d(&w.reshape([1, taps, gates / 4, gates]), Window::square(1, 0));
    (recurrent.reshape([b, p, gates]) + x).lstm_cell(c)
}

/// Two taps: the position ahead first.
fn diagonal(x: &Tensor, w: &Tensor, h: &Tensor, c: &Tensor) -> (Tensor, Tensor) {
    let &[b, p, gates] = x.dims() else { panic!("{x:?}") };
    let at = |t: &Tensor, q: usize| t.slice(1, q, q + 1).reshape([b, t.shape().last()]);
    let tap = |k: usize| w.slice(0, k, k + 1).reshape([gates / 4, gates]);
    let (mut ahead, mut states, mut cells) = (None::<Tensor>, None::<Tensor>, None::<Tensor>);
    for q in 0..p {
        let own = at(h, q).matmul(&tap(1)) + at(x, q);
        let pre = ahead.map_or(own.clone(), |ahead| own + ahead.matmul(&tap(0)));
        let (h, c) = pre.lstm_cell(&at(c, q));
        let join = |all: Option<Tensor>, t: &Tensor| {
            let t = t.reshape([b, 1, gates / 4]);
            Some(all.map_or(t.clone(), |all| all.concat(&t, 1)))
        };
        (states, cells, ahead) = (join(states, &h), join(cells, &c), Some(h));
    }
    (states.expect("a position"), cells.expect("a position"))
}
