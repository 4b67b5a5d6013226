//! Distributions on a device against their twins on the host, where numbers are easy and where they are not.

use std::sync::Arc;

use calotype_cpu_reference::Cpu;
use calotype_graph::op::{self, NadeWeights};
use calotype_graph::{Device, Graph, HostTensor, PlanOptions, Tensor, Type, plan};
use calotype_models::distributions::{Conditional, DiscretisedLogistic, Gaussians, logistic};
use calotype_parity::run_once;

/// The naive loops, and what users run.
fn devices() -> [Box<dyn Device>; 2] {
    [Box::new(Cpu::<f32>::plain()), Box::new(Cpu::<f32>::fast(2).expect("threads"))]
}

/// What `f` makes of operands, and the gradients of its sum.
fn run(device: &mut dyn Device, given: &[&HostTensor], f: impl Fn(&[Tensor]) -> Tensor) -> Vec<Vec<f32>> {
    let g = Graph::new("a distribution");
    let names: Vec<String> = (0..given.len()).map(|n| format!("given {n}")).collect();
    let t: Vec<Tensor> = names.iter().zip(given).map(|(name, t)| g.input(name, t.ty())).collect();
    let y = f(&t);
    g.output("y", &y);
    for (name, gradient) in names.iter().zip(g.grad(&y.sum_all(), &t.iter().collect::<Vec<_>>())) {
        g.output(&format!("gradient of {name}"), &gradient);
    }
    let program = g.finish().expect("a sound graph");
    let plan = Arc::new(plan(&program, device.profile(), PlanOptions::default()).expect("it fits"));
    let inputs: Vec<(&str, &HostTensor)> = names.iter().map(String::as_str).zip(given.iter().copied()).collect();
    run_once(device, &plan, &inputs).expect("it runs").iter().map(|t| t.as_f32().expect("floats").to_vec()).collect()
}

/// A conditional in B = 1: one dimension for each x, with its parameters.
fn on_device(device: &mut dyn Device, conditional: Conditional, parameters: &[Vec<f32>], x: &[f32]) -> Vec<Vec<f32>> {
    let (n, k) = (x.len(), conditional.n_parameters());
    let (parameters, x) = (HostTensor::f32([1, n, k], parameters.concat()), HostTensor::f32([1, n], x));
    run(device, &[&parameters, &x], |t| conditional.log_p(&t[0], &t[1]))
}

/// To rounding of the result and of the largest number that it is a difference of.
#[track_caller]
fn close(got: f32, want: f64, largest: f32, what: &str) {
    let tolerance = 2e-6 + 2e-6 * want.abs() + f64::from(largest * f32::EPSILON);
    assert!((f64::from(got) - want).abs() <= tolerance, "{what}: {got}, should be {want}");
}

/// Every pair of one of `parameters` and one of `x`, on both devices: the same as on the host, with finite gradients.
fn agrees(conditional: Conditional, parameters: &[Vec<f32>], x: &[f32]) {
    let (all_parameters, all_x): (Vec<Vec<f32>>, Vec<f32>) =
        parameters.iter().flat_map(|p| x.iter().map(move |&x| (p.clone(), x))).unzip();
    for mut device in devices() {
        let got = on_device(device.as_mut(), conditional, &all_parameters, &all_x);
        for ((got, p), &x) in got[0].iter().zip(&all_parameters).zip(&all_x) {
            let largest = p.iter().fold(0.0f32, |largest, p| largest.max(p.abs()));
            close(*got, conditional.log_p_host(p, x), largest, &format!("{conditional:?} {p:?} at {x}"));
        }
        assert!(got[1].iter().all(|g| g.is_finite()), "{conditional:?}: gradients {:?}", got[1]);
    }
}

#[test]
fn bits_agree_with_the_host() {
    let logits = [-1e4, -100.0, -20.0, -1.5, 0.0, 1e-4, 2.5, 16.0, 100.0, 1e4];
    agrees(Conditional::Bernoulli, &logits.map(|l| vec![l]), &[0.0, 1.0]);
}

/// A likely bit keeps its small logarithm, to the last digits of f32: 784 of them are not 784 rounding errors of 1e-6.
#[test]
fn likely_bits_keep_their_small_logarithms() {
    for mut device in devices() {
        for logit in [10.0f32, 17.3, 40.0] {
            let got = on_device(device.as_mut(), Conditional::Bernoulli, &[vec![logit]], &[1.0])[0][0];
            let want = Conditional::Bernoulli.log_p_host(&[logit], 1.0);
            assert!((f64::from(got) / want - 1.0).abs() < 1e-5, "logit {logit}: {got}, should be {want}");
        }
    }
}

#[test]
fn levels_agree_with_the_host_and_sum_to_one() {
    let rows = [vec![0.0, 0.5, -1.0, 2.0, 0.25], vec![100.0, -100.0, 99.0, 0.0, -1e4], vec![-50.0, -50.0, -51.0, -50.0, -49.0]];
    let (levels, x) = (Conditional::Categorical { levels: 5 }, [0.0, 1.0, 2.0, 3.0, 4.0]);
    agrees(levels, &rows, &x);
    for mut device in devices() {
        for row in &rows {
            let log_p = &on_device(device.as_mut(), levels, &vec![row.clone(); 5], &x)[0];
            let total: f64 = log_p.iter().map(|&l| f64::from(l).exp()).sum();
            assert!((total - 1.0).abs() < 1e-5, "{row:?}: {total}");
        }
    }
    agrees(Conditional::Categorical { levels: 1 }, &[vec![-3.0], vec![100.0]], &[0.0]);
}

/// One component and several; at the floor and above; weights that leave one component; 1e4 deviations away.
#[test]
fn mixtures_agree_with_the_host() {
    let two = [
        vec![0.5, -1.0, -0.75, 2.0, 0.25, -1.5],
        vec![100.0, -100.0, 0.0, 3.0, -0.5, 0.5],
        vec![0.0, 0.0, 1.0, 1.0, -100.0, 20.0],
    ];
    let x = [-10.0, -0.75, 0.0, 1.0, 1.0625, 12.0];
    agrees(Conditional::Gaussians { components: 2, floor: 1.0 / 1024.0 }, &two, &x);
    agrees(Conditional::Gaussians { components: 2, floor: 0.5 }, &two, &x);
    agrees(Conditional::Gaussians { components: 1, floor: 0.25 }, &[vec![7.0, 0.5, -3.0]], &x);
}

#[test]
fn mixtures_integrate_to_one_on_a_device() {
    let mixture = Conditional::Gaussians { components: 3, floor: 0.125 };
    let parameters = vec![0.5, -1.0, 2.0, -3.0, 0.0, 4.0, -5.0, 0.0, 1.0];
    let (n, low, step) = (4000, -20.0, 0.0125);
    let x: Vec<f32> = (0..n).map(|i| low + step * i as f32).collect();
    for mut device in devices() {
        let log_p = &on_device(device.as_mut(), mixture, &vec![parameters.clone(); n], &x)[0];
        let total: f64 = log_p.iter().map(|&l| f64::from(l).exp() * f64::from(step)).sum();
        assert!((total - 1.0).abs() < 1e-5, "{total}");
    }
}

/// The numbers of `NadeSample`: with weights of zero its conditionals are its biases.
#[test]
fn mixtures_are_what_nade_draws_from() {
    let floor = 0.25f32;
    let y = [0.5f32, -1.0, 1.0, -4.0, 0.0, 4.0, -3.0, 0.0, 0.5];
    let mixture = Gaussians::from_parameters(&y.map(f64::from), floor.into());
    let noise: Vec<f32> = (0..200).flat_map(|i| [(i as f32 + 0.5) / 200.0, (i % 7) as f32 - 3.0]).collect();
    let zeros = |shape: &[usize]| HostTensor::f32(shape, vec![0.0; shape.iter().product()]);
    let given = [
        HostTensor::f32([200, 1, 2], noise.clone()),
        zeros(&[200, 1]),
        zeros(&[1, 4]),
        zeros(&[4]),
        zeros(&[1, 4, 9]),
        HostTensor::f32([1, 9], y),
    ];
    for mut device in devices() {
        let x = run(device.as_mut(), &given.each_ref(), |t| {
            let weights = NadeWeights { w: t[2].clone(), c: t[3].clone(), v: t[4].clone(), b: t[5].clone(), rho: None };
            // A drawing has no derivative.
            weights.sample(op::Conditional::Gaussians { floor: floor.into() }, &t[0], &t[1], &t[1]).detach()
        });
        for (x, noise) in x[0].iter().zip(noise.chunks_exact(2)) {
            close(*x, mixture.sample(noise[0].into(), noise[1].into()), 4.0, "a sample");
        }
    }
}

/// At the edges and inside, for scales from far below a level to far above all, and with the mean far outside.
#[test]
fn logistics_agree_with_the_host_and_sum_to_one() {
    for levels in [1u32, 2, 3, 256] {
        let top = (levels - 1) as f32;
        for mean in [-300.0, -0.5, 0.0, 0.3 * top, top, top + 40.0] {
            for log_scale in [-100.0f32, -7.0, -2.0, 0.0, 1.375, 1.5, 4.0, 100.0] {
                let x: Vec<f32> = (0..levels).map(|x| x as f32).collect();
                let n = x.len();
                let given = [vec![mean; n], vec![log_scale; n], x].map(|values| HostTensor::f32([n], values));
                let host = DiscretisedLogistic::new(mean.into(), log_scale.into(), levels).expect("numbers");
                for mut device in devices() {
                    let got = run(device.as_mut(), &given.each_ref(), |t| logistic::log_p(&t[0], &t[1], &t[2], levels));
                    let what = format!("{levels} levels, mean {mean}, log-scale {log_scale}");
                    for (x, &log_p) in got[0].iter().enumerate() {
                        let want = host.log_p(x as u32);
                        // The argument (x ± ½ - μ) / s is rounded.
                        let tolerance = 1e-5 + 1e-6 * want.abs();
                        assert!((f64::from(log_p) - want).abs() <= tolerance, "{what}, at {x}: {log_p}, {want}");
                    }
                    let total: f64 = got[0].iter().map(|&l| f64::from(l).exp()).sum();
                    assert!((total - 1.0).abs() < 2e-5, "{what}: {total}");
                    assert!(got[1..].iter().flatten().all(|g| g.is_finite()), "{what}: gradients");
                }
            }
        }
    }
}

#[test]
fn another_number_of_parameters_is_refused() {
    let finish = |conditional: Conditional, k: usize| {
        let g = Graph::new("wrong");
        let parameters = g.input("parameters", Type::f32([2, 3, k]));
        let x = g.input("x", Type::f32([2, 3]));
        g.output("log_p", &conditional.log_p(&parameters, &x));
        g.finish()
    };
    for (conditional, n) in [
        (Conditional::Bernoulli, 1),
        (Conditional::Categorical { levels: 4 }, 4),
        (Conditional::Gaussians { components: 2, floor: 0.5 }, 6),
    ] {
        assert_eq!(conditional.n_parameters(), n);
        assert!(finish(conditional, n).is_ok(), "{conditional:?}");
        assert!(finish(conditional, n + 1).is_err(), "{conditional:?}");
        assert!(conditional.log_p_host(&vec![0.0; n + 1], 0.0).is_nan());
    }
    assert_eq!(Conditional::Bernoulli.log_p_host(&[0.0], 0.5), f64::NEG_INFINITY);
    assert_eq!(Conditional::Categorical { levels: 2 }.log_p_host(&[0.0, 0.0], 2.0), f64::NEG_INFINITY);
    assert_eq!(Conditional::Categorical { levels: 2 }.log_p_host(&[0.0, 0.0], -1.0), f64::NEG_INFINITY);
}
