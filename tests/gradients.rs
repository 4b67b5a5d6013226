//! Derivatives in f64 against central finite differences: those of every op's cases under random cotangents, and the
//! derivative of a gradient's norm, as gradient penalties need it.

use std::sync::Arc;

use calotype_cpu_reference::Cpu;
use calotype_graph::op::{Case, Conditional, Fill, NadeWeights, PoolWindow, Tolerance, cases};
use calotype_graph::philox::{Domain, Stream};
use calotype_graph::{Device, Graph, GraphError, HostTensor, PlanId, PlanOptions, Program, Tensor, Type, Window, plan};
use calotype_parity::{compare_slices, fill, forward, gradient, operands};

/// Named values of a program's inputs, as f64 (words as numbers).
type Values = Vec<(String, Vec<f64>)>;

/// Perturbation of finite differences: their error is about its fourth power, and 1e-16 divided by it.
const H: f64 = 1e-5;

/// Constants of graphs are f32, so that a factor 1/n has seven digits.
const TOLERANCE: Tolerance = Tolerance { atol: 2e-6, rtol: 2e-6 };

/// Elements of each operand that are looked at one by one.
const ELEMENTS: u32 = 6;

/// A program on the f64 oracle, as the graph was written.
struct Loaded {
    cpu: Cpu<f64>,
    id: PlanId,
}

impl Loaded {
    fn new(program: &Program, options: PlanOptions) -> Self {
        let mut cpu = Cpu::<f64>::plain();
        let plan = plan(program, cpu.profile(), options).expect("a plan for the CPU");
        let id = cpu.load(&Arc::new(plan)).expect("the CPU loads every plan");
        Loaded { cpu, id }
    }

    fn run(&mut self, values: &Values) -> Vec<Vec<f64>> {
        let inputs: Vec<(&str, &[f64])> = values.iter().map(|(n, v)| (n.as_str(), v.as_slice())).collect();
        self.cpu.submit_f64(self.id, &inputs).expect("all inputs are given")
    }
}

fn as_f64(t: &HostTensor) -> Vec<f64> {
    match t.as_f32() {
        Some(v) => v.iter().map(|&x| x.into()).collect(),
        None => t.words().iter().map(|&w| w.into()).collect(),
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Directions to perturb an operand in: some elements one by one, and all of them at once, at random.
fn directions(n: usize, random: &mut Stream) -> Vec<Vec<f64>> {
    if n == 0 {
        return vec![];
    }
    let element = |at: usize| (0..n).map(|i| if i == at { 1.0 } else { 0.0 }).collect::<Vec<f64>>();
    let mut all: Vec<Vec<f64>> = if n <= ELEMENTS as usize {
        (0..n).map(element).collect()
    } else {
        (0..ELEMENTS).map(|_| element(random.below(n as u32) as usize)).collect()
    };
    let scale = (n as f64).sqrt().recip(); // a step of length H
    all.push((0..n).map(|_| f64::from(random.normal()) * scale).collect());
    all
}

/// The derivative of `f` by operand `n` along `v`: `s(h) = (f(x + h v) - f(x - h v)) / 2h`, extrapolated from h and h/2.
fn slope(values: &Values, n: usize, v: &[f64], mut f: impl FnMut(&Values) -> f64) -> f64 {
    let mut at = |h: f64| {
        let mut moved = values.clone();
        moved[n].1.iter_mut().zip(v).for_each(|(x, d)| *x += h * d);
        f(&moved)
    };
    let mut s = |h: f64| (at(h) - at(-h)) / (2.0 * h);
    (4.0 * s(H / 2.0) - s(H)) / 3.0
}

/// What is wrong with the gradient of a case, if anything is.
fn check(case: &Case) -> Result<(), String> {
    let error = |e: GraphError| e.to_string();
    let (y, dx) = (forward(case).map_err(error)?, gradient(case).map_err(error)?);
    let values: Values = operands(case).iter().map(|(n, t)| (n.clone(), as_f64(t))).collect();
    let dy = values.last().map(|(_, v)| v.clone()).unwrap_or_default();
    let as_written = PlanOptions { simplify: false, fuse: false };
    let (mut y, mut dx_raw) = (Loaded::new(&y, as_written), Loaded::new(&dx, as_written));
    let gradients = dx_raw.run(&values);
    let wrt = (0..case.given.len()).filter(|&n| case.given[n].differentiable);
    let mut random = Stream::new(0, Domain::Test, &case.name, 1);
    let mut n_checked = 0;
    for (n, dx) in wrt.zip(&gradients) {
        for v in directions(dx.len(), &mut random) {
            let want = slope(&values, n, &v, |moved| dot(&y.run(moved)[0], &dy));
            compare_slices(&[dot(dx, &v)], &[want], TOLERANCE).map_err(|e| format!("operand {n}: {e}"))?;
            n_checked += 1;
        }
    }
    if n_checked == 0 && case.given.iter().any(|g| g.differentiable && g.ty.numel() > 0) {
        return Err("no element was checked".into());
    }
    Ok(())
}

#[test]
fn every_case_with_a_gradient_matches_finite_differences() {
    let all: Vec<Case> = cases().into_iter().filter(|c| c.gradient).collect();
    let faults: Vec<String> =
        all.iter().filter_map(|c| check(c).err().map(|why| format!("{}: {}: {why}", c.stem, c.name))).collect();
    assert!(faults.is_empty(), "{} of {} cases:\n{}", faults.len(), all.len(), faults.join("\n"));
    assert!(all.len() > 100, "only {} cases have gradients", all.len());
}

/// A critic of one strided convolution, leaky ReLU and a product: [B, 6, 6, 2] -> [B, 1].
fn critic(x: &Tensor, w1: &Tensor, w2: &Tensor) -> Tensor {
    let h = x.conv2d(w1, Window::square(2, 1)).leaky_relu(0.2); // [B, 3, 3, 4]
    h.reshape([x.dims()[0], 36]).matmul(w2)
}

/// Gulrajani et al. 2017, arXiv:1704.00028, eq. (3), without its factor: mean of (|∇x D(x)| - 1)².
fn penalty(g: &Graph, x: &Tensor, w1: &Tensor, w2: &Tensor) -> Tensor {
    let d = critic(x, w1, w2).sum_all();
    let dx = g.grad(&d, &[x]).remove(0);
    let norm = (dx.square().sum(&[1, 2, 3]) + 1e-12).sqrt(); // [B]
    (norm - 1.0).square().mean_all()
}

#[test]
fn the_gradient_of_a_gradient_norm_matches_finite_differences() {
    let shapes = [("x", vec![3, 6, 6, 2]), ("w1", vec![4, 4, 2, 4]), ("w2", vec![36, 1])];
    let value = |(name, shape): &(&str, Vec<usize>)| {
        let v = fill(&Type::f32(shape.clone()), Fill::Normal, &format!("penalty/{name}"));
        ((*name).to_owned(), as_f64(&v).iter().map(|x| 0.3 * x).collect())
    };
    let values: Values = shapes.iter().map(value).collect();
    let program = |with_gradient: bool| {
        let g = Graph::new("penalty");
        let t: Vec<Tensor> = shapes.iter().map(|(n, s)| g.input(n, Type::f32(s.clone()))).collect();
        let p = penalty(&g, &t[0], &t[1], &t[2]);
        g.output("penalty", &p);
        if with_gradient {
            let dw = g.grad(&p, &[&t[0], &t[1], &t[2]]);
            dw.iter().zip(&shapes).for_each(|(dw, (n, _))| g.output(&format!("d{n}"), dw));
        }
        g.finish().expect("every op of the critic has all derivatives")
    };
    let mut p = Loaded::new(&program(false), PlanOptions::default());
    for options in [PlanOptions::default(), PlanOptions { simplify: false, fuse: false }] {
        let gradients = Loaded::new(&program(true), options).run(&values);
        let mut random = Stream::new(0, Domain::Test, "penalty", 1);
        for n in 0..3 {
            for v in directions(values[n].1.len(), &mut random) {
                let want = slope(&values, n, &v, |moved| p.run(moved)[0][0]);
                let close = compare_slices(&[dot(&gradients[n + 1], &v)], &[want], TOLERANCE);
                assert!(close.is_ok(), "{}: {close:?}", shapes[n].0);
            }
        }
        // x enters the penalty through the signs of the activations alone; the weights enter it for real.
        assert!(gradients[2].iter().chain(&gradients[3]).any(|g| g.abs() > 0.01));
    }
}

#[test]
fn a_second_derivative_of_a_largest_element_is_an_error_that_names_it() {
    let g = Graph::new("second order");
    let _label = g.label("features.pool");
    let x = g.input("x", Type::f32([1, 4, 4, 2]));
    let y = x.max_pool2d(PoolWindow::tiles(2));
    let dx = g.grad(&y.square().sum_all(), &[&x]).remove(0);
    assert!(g.finish().is_ok());
    g.grad(&dx.square().sum_all(), &[&x]);
    let error = g.finish().expect_err("the largest is first order only");
    assert!(matches!(&error, GraphError::NotDifferentiable { op: "pool2d_grad", in_gradient: true, .. }), "{error}");
    assert!(error.to_string().contains("features.pool") && error.to_string().contains("first order only"), "{error}");
}

#[test]
fn a_first_derivative_that_there_is_not_is_an_error_that_does_not_speak_of_the_second() {
    let g = Graph::new("sampler");
    let _label = g.label("sampler.draw");
    let input = |name: &str, shape: &[usize]| g.input(name, Type::f32(shape));
    let (noise, known, mask) = (input("noise", &[2, 3, 1]), input("known", &[2, 3]), input("mask", &[2, 3]));
    let (w, c) = (input("w", &[3, 4]), input("c", &[4]));
    let (v, b) = (input("v", &[3, 4, 1]), input("b", &[3, 1]));
    let weights = NadeWeights { w: w.clone(), c, v, b, rho: None };
    let x = weights.sample(Conditional::Bernoulli, &noise, &known, &mask);
    g.grad(&x.sum_all(), &[&w]);
    let error = g.finish().expect_err("a sample has no derivative");
    assert!(matches!(&error, GraphError::NotDifferentiable { op: "nade_sample", in_gradient: false, .. }), "{error}");
    assert!(error.to_string().contains("sampler.draw") && !error.to_string().contains("order"), "{error}");
}

#[test]
fn a_second_derivative_of_batch_norm_is_an_error_that_names_it() {
    let g = Graph::new("second order");
    let _label = g.label("critic.norm");
    let x = g.input("x", Type::f32([8, 3]));
    let (scale, shift) = (g.full([3], 1.0), g.full([3], 0.0));
    let y = x.batch_norm(&scale, &shift, 1e-5).0;
    let dx = g.grad(&y.square().square().sum_all(), &[&x]).remove(0);
    assert!(g.finish().is_ok());
    g.grad(&dx.square().sum_all(), &[&x]);
    let error = g.finish().expect_err("batch norm is first order only");
    assert!(matches!(&error, GraphError::NotDifferentiable { op, .. } if op.starts_with("batch_norm")), "{error}");
    assert!(error.to_string().contains("critic.norm"), "{error}");
}

#[test]
fn a_gradient_that_does_not_arrive_is_told_from_one_that_is_zero() {
    let g = Graph::new("missing");
    let input = |name: &str| g.input(name, Type::f32([3]));
    let (x, cut, unused, stepped) = (input("x"), input("cut"), input("unused"), input("stepped"));
    let loss = (&x * 0.0 + cut.detach() + stepped.greater(0.5)).sum_all();
    let wrt = [&x, &cut, &unused, &stepped];
    let found: Vec<bool> = g.grad_or_none(&loss, &wrt).iter().map(Option::is_some).collect();
    assert_eq!(found, [true, false, false, false]);
    let dy = x.full_like(1.0);
    assert!(g.vjp_or_none(&[(&x, &dy)], &wrt)[0].is_some());
    assert!(g.vjp_or_none(&[], &wrt).iter().all(Option::is_none));
    assert!(g.grad(&loss, &wrt).iter().all(|dw| dw.dims() == [3]), "zeros stand for what does not arrive");
    assert!(g.finish().is_ok());
    assert!(g.grad_or_none(&x, &wrt).iter().all(Option::is_none));
    assert!(matches!(g.finish(), Err(GraphError::NotScalar { .. })));
}
