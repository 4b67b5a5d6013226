//! Penalties on a critic's gradient, and what they do to its weights: derivatives of derivatives.

use calotype_graph::op::{PoolWindow, Tolerance};
use calotype_graph::{Device, Graph, HostTensor, Layout, Tensor, Window};
use calotype_models::layers::minibatch_deviation;
use calotype_models::losses::{Adversarial, gradient_penalty, r1};
use calotype_tests::{Golden, permuted};

use crate::{CLOSE, TO_NHWC, check, run, weights};

/// [B, H, W, C] as PyTorch flattens it.
fn flat(x: &Tensor) -> Tensor {
    let batch = x.dims()[0];
    x.permute(&[0, 3, 1, 2]).reshape([batch, x.shape().numel() / batch])
}

/// Two convolutions, one of stride 2, and a linear layer. Between two equal rows lies the row itself.
pub fn strided(device: &mut dyn Device) {
    let golden = Golden::open("gradient_penalty");
    let x = permuted(&golden.get("x"), TO_NHWC);
    let layouts = [("w1", Layout::Conv), ("w2", Layout::Conv), ("w3", Layout::Linear)];
    let values = layouts.map(|(name, layout)| (name, weights(&golden, name, layout)));
    let g = Graph::new("gradient penalty");
    let image = g.input("x", x.ty());
    let w: Vec<Tensor> = values.iter().map(|(name, t)| g.input(name, t.ty())).collect();
    let critic = |x: &Tensor| {
        let h = x.conv2d(&w[0], Window::square(2, 1)).leaky_relu(0.2);
        let h = h.conv2d(&w[1], Window::square(1, 1)).leaky_relu(0.2); // [B, 4, 4, 5]
        flat(&h).matmul(&w[2])
    };
    let penalty = gradient_penalty(critic, &image, &image, &g.full([x.shape.dims()[0]], 0.4));
    g.output("penalty", &penalty);
    for (gradient, (name, _)) in g.grad(&penalty, &w.iter().collect::<Vec<_>>()).iter().zip(&values) {
        g.output(&format!("d{name}"), gradient);
    }
    let program = g.finish().expect("all of it can be differentiated twice");
    let inputs: Vec<(&str, &HostTensor)> = values.iter().map(|(n, t)| (*n, t)).chain([("x", &x)]).collect();
    let got = run(device, &program, &inputs);
    check("penalty", &got[0], &golden.get("penalty"), CLOSE);
    for ((name, layout), got) in layouts.iter().zip(&got[1..]) {
        check(&format!("d{name}"), got, &weights(&golden, &format!("d{name}"), *layout), CLOSE);
    }
}

const LEAK: f32 = 0.2;
const SAME: Window = Window::square(1, 1);
const GENERATOR: [(&str, Layout); 3] = [("g1", Layout::Linear), ("g2", Layout::Conv), ("g3", Layout::Conv)];
const CRITIC: [(&str, Layout); 3] = [("d1", Layout::Conv), ("d2", Layout::Conv), ("d3", Layout::Linear)];

/// z [B, 5] -> [B, 8, 8, 2].
fn generator(w: &[Tensor], z: &Tensor) -> Tensor {
    let batch = z.dims()[0];
    let y = z.pixel_norm(1e-8).matmul(&w[0]).reshape([batch, 6, 4, 4]).permute(&[0, 2, 3, 1]);
    let y = y.leaky_relu(LEAK).pixel_norm(1e-8).upsample_nearest(2); // [B, 8, 8, 6]
    let y = y.conv2d(&w[1], SAME).leaky_relu(LEAK).pixel_norm(1e-8);
    y.conv2d(&w[2], Window::square(1, 0))
}

/// x [B, 8, 8, 2] -> [B, 1].
fn critic(w: &[Tensor], x: &Tensor) -> Tensor {
    let y = x.conv2d(&w[0], SAME).instance_norm(None, 1e-5).leaky_relu(LEAK);
    let y = minibatch_deviation(&y.avg_pool2d(PoolWindow::tiles(2)), 2); // [B, 4, 4, 6]
    flat(&y.conv2d(&w[1], SAME).leaky_relu(LEAK)).matmul(&w[2])
}

/// A generator and a critic of all that such networks are made of: losses, penalties and the gradient of every weight.
pub fn whole(device: &mut dyn Device) {
    let golden = Golden::open("critics");
    let values: Vec<(&str, HostTensor)> =
        GENERATOR.iter().chain(&CRITIC).map(|&(name, layout)| (name, weights(&golden, name, layout))).collect();
    let (z, x, alpha) = (golden.get("z"), permuted(&golden.get("x"), TO_NHWC), golden.get("alpha"));
    let graph = Graph::new("critics");
    let w: Vec<Tensor> = values.iter().map(|(name, t)| graph.input(name, t.ty())).collect();
    let (of_generator, of_critic) = w.split_at(3);
    let [noise, real, share] = [("z", &z), ("x", &x), ("alpha", &alpha)].map(|(name, t)| graph.input(name, t.ty()));
    let fake = generator(of_generator, &noise);
    let judged = critic(of_critic, &real);
    let wasserstein = Adversarial::Wasserstein.critic(&judged, &critic(of_critic, &fake));
    let penalty = gradient_penalty(|x| critic(of_critic, x), &real, &fake, &share);
    let r1 = r1(&judged, &real);
    let loss_g = Adversarial::Wasserstein.generator(&critic(of_critic, &fake));
    let loss_d = &wasserstein + &penalty * 10.0 + &r1 * 0.5;
    for (name, loss) in [("wasserstein", &wasserstein), ("penalty", &penalty), ("r1", &r1), ("loss_g", &loss_g)] {
        graph.output(name, loss);
    }
    let wrt = |w: &'_ [Tensor], loss| graph.grad(loss, &w.iter().collect::<Vec<_>>());
    let gradients = [wrt(of_generator, &loss_g), wrt(of_critic, &loss_d)].concat();
    let named =
        GENERATOR.map(|(name, l)| (format!("g.{name}"), l)).into_iter().chain(CRITIC.map(|(name, l)| (format!("d.{name}"), l)));
    let named: Vec<(String, Layout)> = named.collect();
    named.iter().zip(&gradients).for_each(|((name, _), t)| graph.output(name, t));
    let program = graph.finish().expect("all of it can be differentiated twice");
    let given = values.iter().map(|(name, t)| (*name, t)).chain([("z", &z), ("x", &x), ("alpha", &alpha)]);
    let got = run(device, &program, &given.collect::<Vec<_>>());
    for ((name, _), got) in program.outputs().zip(&got).take(4) {
        check(name, got, &golden.get(name), CLOSE);
    }
    for ((name, layout), got) in named.iter().zip(&got[4..]) {
        // Sums over pixels and rows of terms up to some hundred, with the penalty's weight.
        check(name, got, &weights(&golden, name, *layout), Tolerance { atol: 2e-4, rtol: 5e-5 });
    }
}
