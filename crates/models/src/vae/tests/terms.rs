//! The terms of the bound: summed over latents and values, averaged over the batch alone.

use calotype_graph::{Graph, HostTensor, Mode, Scope, Tensor};

use super::{bits, mlp, normal, twice};
use crate::init;
use crate::testing::{run, step};
use crate::vae::bound::{free_bits, kl};
use crate::vae::networks::LOG_VAR_LIMIT;

/// The sum over latents of the KL for means and log variances [B, Z].
fn divergence(mean: &[f32], log_var: &[f32], latents: usize) -> Vec<f32> {
    let shape = [mean.len() / latents, latents];
    let graph = Graph::new("kl");
    let input = |name: &str| graph.input(name, calotype_graph::Type::f32(shape));
    graph.output("kl", &kl(&input("mean"), &input("log_var")).sum(&[1]));
    let value = |v: &[f32]| HostTensor::f32(shape, v);
    let inputs = [("mean", value(mean)), ("log_var", value(log_var))];
    run(&graph.finish().expect("a graph"), |spec| init::initial(spec, 0), &inputs).remove(0)
}

#[test]
fn a_known_divergence() {
    let got = divergence(&[1.0, -2.0, 0.5], &[0.0, -1.0, 0.7], 3);
    assert!((got[0] - 2.96582).abs() < 1e-5, "{got:?}");
    assert_eq!(divergence(&[0.0; 4], &[0.0; 4], 2), [0.0; 2], "the prior itself");
}

#[test]
fn repeated_latents_double_the_divergence() {
    // Of unit variance every number is exact.
    let means = [1.0, -2.0, 0.5, 0.25];
    let (once, repeated) = (divergence(&means, &[0.0; 4], 4), divergence(&[means, means].concat(), &[0.0; 8], 8));
    assert_eq!(repeated[0], 2.0 * once[0]);
    let log_vars = [0.3, -1.1, 0.7, -2.0];
    let (once, repeated) =
        (divergence(&means, &log_vars, 4), divergence(&[means, means].concat(), &[log_vars, log_vars].concat(), 8));
    assert!((repeated[0] - 2.0 * once[0]).abs() < 2e-6, "{repeated:?} and {once:?}");
}

/// The losses of rows by given noise.
fn losses(given: &[(&str, &str)], x: &HostTensor, noise: &HostTensor) -> Vec<f32> {
    let model = mlp(&[&[("hidden", "9"), ("latents", "3")], given].concat(), &[4, 3, 1], Some(2));
    let graph = Graph::new("losses");
    let s = Scope::new(&graph, Mode::Train);
    let (x_in, noise_in) = (graph.input("x", x.ty()), graph.input("noise", noise.ty()));
    model.losses(&s, &x_in, &noise_in).iter().for_each(|(name, value)| graph.output(name, value));
    let inputs = [("x", x.clone()), ("noise", noise.clone())];
    run(&graph.finish().expect("a graph"), |spec| init::initial(spec, 0), &inputs).concat()
}

#[test]
fn a_repeated_batch_changes_no_loss() {
    for (given, k) in [(&[][..], 1), (&[("k", "4")], 4), (&[("free_bits", "0.1")], 1)] {
        let (x, noise) = (bits(&[5, 4, 3, 1], "rows"), normal(&[5, k, 3], "noise"));
        let (once, repeated) = (losses(given, &x, &noise), losses(given, &twice(&x), &twice(&noise)));
        assert_eq!(once.len(), 3);
        for (a, b) in once.iter().zip(&repeated) {
            assert!((a - b).abs() <= 1e-6 * a.abs(), "{given:?}: {once:?} and {repeated:?}");
        }
    }
}

/// By hand: latents of 0.125, 2 and 0 nats as batch means, of which half a nat is free.
#[test]
fn free_bits_are_by_latent_and_of_the_batch_mean() {
    let graph = Graph::new("free bits");
    let all = graph.input("kl", calotype_graph::Type::f32([2, 3]));
    graph.output("term", &free_bits(&all, 0.5));
    let value = HostTensor::f32([2, 3], [0.25, 4.0, 0.0, 0.0, 0.0, 0.0]);
    let got = run(&graph.finish().expect("a graph"), |spec| init::initial(spec, 0), &[("kl", value)]).remove(0);
    assert_eq!(got, [0.5 + 2.0 + 0.5]);
}

/// f(mean, log_var) and its derivative by log_var.
fn at(mean: f32, log_var: f32, f: impl Fn(&Tensor, &Tensor) -> Tensor) -> [f32; 2] {
    let graph = Graph::new("derivative");
    let (mean_in, log_var_in) = (graph.scalar_input("mean"), graph.scalar_input("log_var"));
    let y = f(&mean_in, &log_var_in);
    graph.output("y", &y);
    graph.output("dy", &graph.grad(&y, &[&log_var_in])[0]);
    let got = step(&graph.finish().expect("a graph"), &[("mean", mean), ("log_var", log_var)]);
    [got[0][0], got[1][0]]
}

#[test]
fn the_gradient_of_the_divergence_is_right_for_large_variances() {
    let exact = |m: f64, v: f64| (v.exp() + m * m - 1.0 - v) / 2.0;
    for log_var in [-20.0f32, -3.0, 0.1, 5.0, 20.0] {
        let [value, slope] = at(1.5, log_var, kl);
        let (v, h) = (f64::from(log_var), 1e-4);
        let want = (exact(1.5, v + h) - exact(1.5, v - h)) / (2.0 * h);
        assert!((f64::from(value) - exact(1.5, v)).abs() <= 1e-5 * exact(1.5, v), "{log_var}: {value}");
        assert!((f64::from(slope) - want).abs() <= 1e-5 * want.abs(), "{log_var}: {slope}, should be {want}");
    }
}

/// However far the encoder's last layer is off, the bound and all its gradients are numbers.
#[test]
fn variances_are_held_within_limits() {
    for bias in [-1e30f32, -300.0, 300.0, 1e30] {
        let model = mlp(&[("hidden", "4"), ("latents", "2")], &[2, 2, 1], Some(2));
        let graph = Graph::new("limits");
        let s = Scope::new(&graph, Mode::Train);
        let x = graph.input("x", calotype_graph::Type::f32([3, 2, 2, 1]));
        let noise = graph.input("noise", calotype_graph::Type::f32([3, 1, 2]));
        let (_, log_var) = model.encode(&s, &x);
        let loss = model.losses(&s, &x, &noise).remove(0).1;
        graph.output("log_var", &log_var);
        graph.output("loss", &loss);
        let parameters: Vec<Tensor> = s.parameters().into_iter().map(|(_, w)| w).collect();
        let gradients = graph.grad(&loss, &parameters.iter().collect::<Vec<_>>());
        gradients.iter().enumerate().for_each(|(n, g)| graph.output(&format!("gradient {n}"), g));
        let state = |spec: &calotype_graph::StateSpec| match spec.name.as_str() {
            "fc22.bias" => HostTensor::f32([2], [bias; 2]),
            _ => init::initial(spec, 0),
        };
        let inputs = [("x", bits(&[3, 2, 2, 1], "rows")), ("noise", normal(&[3, 1, 2], "noise"))];
        let got = run(&graph.finish().expect("a graph"), state, &inputs);
        assert!(got[0].iter().all(|v| *v == LOG_VAR_LIMIT.copysign(bias)), "{:?}", got[0]);
        assert!(got.iter().flatten().all(|v| v.is_finite()), "{bias}: {got:?}");
    }
}
