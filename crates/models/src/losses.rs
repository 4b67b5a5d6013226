//! Losses: of logits in their stable forms, of adversaries, and the penalties on a critic's gradient.

use calotype_graph::Tensor;

/// Mean of -log σ(logits): binary cross-entropy against "real". Of any shape; gives a scalar.
pub fn bce_real(logits: &Tensor) -> Tensor {
    logits.neg().softplus().mean_all()
}

/// Mean of -log(1 - σ(logits)): binary cross-entropy against "fake".
pub fn bce_fake(logits: &Tensor) -> Tensor {
    logits.softplus().mean_all()
}

/// -t log σ(x) - (1 - t) log(1 - σ(x)) for each of the logits x and targets t in [0, 1], in their shape: binary cross-entropy
/// that neither overflows nor loses small losses.
pub fn bce(logits: &Tensor, targets: &Tensor) -> Tensor {
    &logits.softplus() - &(logits * targets)
}

/// -log softmax(x)[label] for each row of logits x [.., V] and its label (u32 [..], less than V): [..].
pub fn cross_entropy(logits: &Tensor, labels: &Tensor) -> Tensor {
    &logits.log_sum_exp() - &logits.pick(labels)
}

/// What a critic and a generator are trained by, from the critic's outputs on real and fake rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adversarial {
    /// Goodfellow et al. 2014, arXiv:1406.2661, eq. 1: D maximises, and G minimises, `E log D(x) + E log(1 - D(G(z)))`.
    Minimax,
    /// The same for D; G maximises `E log D(G(z))`, whose gradient does not vanish where D is sure (§3 there).
    NonSaturating,
    /// Mao et al. 2017, arXiv:1611.04076, eq. 9: squared distances from 1 and 0, each times ½.
    LeastSquares,
    /// Lim and Ye 2017, arXiv:1705.02894; Miyato et al. 2018, arXiv:1802.05957, eqs. 16 and 17.
    Hinge,
    /// Arjovsky et al. 2017, arXiv:1701.07875, eq. 2; it needs a critic that is nearly 1-Lipschitz: see [`gradient_penalty`].
    Wasserstein,
}

impl Adversarial {
    /// The critic's loss, from its outputs of any shape: logits for the first two, else scores.
    pub fn critic(self, real: &Tensor, fake: &Tensor) -> Tensor {
        match self {
            Adversarial::Minimax | Adversarial::NonSaturating => bce_real(real) + bce_fake(fake),
            Adversarial::LeastSquares => ((real - 1.0).square().mean_all() + fake.square().mean_all()) * 0.5,
            Adversarial::Hinge => (1.0 - real).relu().mean_all() + (fake + 1.0).relu().mean_all(),
            Adversarial::Wasserstein => fake.mean_all() - real.mean_all(),
        }
    }

    /// The generator's loss, from the critic's outputs on its fakes.
    pub fn generator(self, fake: &Tensor) -> Tensor {
        match self {
            Adversarial::Minimax => bce_fake(fake).neg(),
            Adversarial::NonSaturating => bce_real(fake),
            Adversarial::LeastSquares => (fake - 1.0).square().mean_all() * 0.5,
            Adversarial::Hinge | Adversarial::Wasserstein => fake.mean_all().neg(),
        }
    }
}

/// Under the root of a norm, so that a gradient of exactly zero has a derivative.
const NORM_EPS: f32 = 1e-12;

/// The gradient penalty of WGAN-GP, without its weight λ: mean over rows of `(|∇D(x̂)| - 1)²` at `x̂ = α x + (1 - α) G(z)`.
/// Gulrajani et al. 2017, arXiv:1704.00028, eq. 3 and algorithm 1.
///
/// `critic` gives a score of each row, [B] or [B, 1], or several whose sum counts, [B, ..], of rows [B, ..]; `real` and `fake` are such rows, `alpha` [B] is uniform in (0, 1): one
/// number a row. The norm is over the whole row, `sqrt(Σ g² + 1e-12)`. It trains the critic only: no gradient reaches the
/// generator. Rows must not see each other in the critic, so that ∇D(x̂) is a row's own: a critic with batch norm is an error.
pub fn gradient_penalty(critic: impl Fn(&Tensor) -> Tensor, real: &Tensor, fake: &Tensor, alpha: &Tensor) -> Tensor {
    let batch = real.dims()[0];
    let each = [&[batch], vec![1; real.shape().rank() - 1].as_slice()].concat();
    let (real, fake, alpha) = (real.detach(), fake.detach(), alpha.reshape(each));
    let between = &fake + &((&real - &fake) * &alpha);
    let squares = squared_gradients(&critic(&between), &between);
    ((squares + NORM_EPS).sqrt() - 1.0).square().mean_all()
}

/// R1, without its weight γ/2: mean over rows of `|∇D(x)|²` at real rows x [B, ..], given the critic's outputs on them, [B] or [B, 1]:
/// logits where it is a classifier. Mescheder, Geiger, Nowozin 2018, arXiv:1801.04406, eq. 9.
///
/// `real` is what the critic read, itself.
pub fn r1(outputs: &Tensor, real: &Tensor) -> Tensor {
    squared_gradients(outputs, real).mean_all()
}

/// |∂ output of a row / ∂ row|², [B], for outputs with one number a row.
fn squared_gradients(outputs: &Tensor, rows: &Tensor) -> Tensor {
    let batch = rows.dims()[0];
    let gradient = rows.graph().grad(&outputs.sum_all(), &[rows]).remove(0);
    gradient.reshape([batch, rows.shape().numel() / batch.max(1)]).square().sum(&[1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::step;
    use calotype_graph::{Graph, GraphError, HostTensor, Init, Layout, Mode, Scope};

    use crate::layers::Layers;

    fn constant(graph: &Graph, name: &str, shape: &[usize], values: impl Fn(usize) -> f32) -> Tensor {
        let n = shape.iter().product();
        let given = HostTensor::f32(shape, (0..n).map(values).collect::<Vec<_>>());
        graph.state(name, given.ty(), Init::Given(given), Layout::Plain, false)
    }

    /// Made-up numbers without a pattern.
    fn wild(seed: usize) -> impl Fn(usize) -> f32 {
        move |i| ((i * 7919 + seed * 104_729) % 1000) as f32 / 500.0 - 1.0
    }

    /// D(x) = w · x has the gradient w everywhere, whatever the rows, their shape and their number.
    #[test]
    fn the_penalties_of_a_linear_critic_are_known() {
        for (shape, scale) in [(vec![1, 3], 1.0), (vec![5, 3], 0.01), (vec![4, 2, 3, 2], 3.0), (vec![7, 5, 5, 1], 0.2)] {
            let graph = Graph::new("test");
            let d: usize = shape[1..].iter().product();
            let w = constant(&graph, "w", &[d, 1], |i| scale * wild(3)(i));
            let critic = |x: &Tensor| x.reshape([shape[0], d]).matmul(&w);
            let (real, fake) = (constant(&graph, "real", &shape, wild(1)), constant(&graph, "fake", &shape, wild(2)));
            let alpha = constant(&graph, "alpha", &shape[..1], |i| (i + 1) as f32 / (shape[0] + 1) as f32);
            graph.output("penalty", &gradient_penalty(critic, &real, &fake, &alpha));
            graph.output("r1", &r1(&critic(&real), &real));
            let got = step(&graph.finish().expect("a sound graph"), &[]);
            let square: f64 = (0..d).map(|i| f64::from(scale * wild(3)(i)).powi(2)).sum();
            let want = [(square.sqrt() - 1.0).powi(2), square];
            for (got, want) in got.iter().zip(want) {
                assert!((f64::from(got[0]) - want).abs() <= 1e-5 * want.max(1.0), "{shape:?}: {} for {want}", got[0]);
            }
        }
    }

    /// A gradient of zero is punished by 1, and its derivative is a number.
    #[test]
    fn a_critic_that_is_constant_is_punished_and_can_learn() {
        let graph = Graph::new("test");
        let s = Scope::new(&graph, Mode::Train);
        let w = s.param("w", [2, 1], Init::Zeros, Layout::Plain);
        let (real, fake) = (constant(&graph, "real", &[3, 2], wild(1)), constant(&graph, "fake", &[3, 2], wild(2)));
        let alpha = constant(&graph, "alpha", &[3], |_| 0.5);
        let penalty = gradient_penalty(|x| x.matmul(&w), &real, &fake, &alpha);
        graph.output("penalty", &penalty);
        graph.output("slope", &graph.grad(&penalty, &[&w])[0]);
        let got = step(&graph.finish().expect("a sound graph"), &[]);
        assert!((got[0][0] - 1.0).abs() < 1e-5 && got[1].iter().all(|v| v.is_finite()), "{got:?}");
    }

    /// Batch norm lets rows see each other, and has no second derivative here: such a critic is refused by the op's name.
    #[test]
    fn a_critic_with_batch_norm_cannot_be_penalised() {
        let graph = Graph::new("test");
        let s = Scope::new(&graph, Mode::Train).sub("critic");
        let critic = |x: &Tensor| {
            let scale = Init::Constant(1.0);
            s.linear("last", &s.batch_norm("norm", x, scale).relu(), 1, Init::Constant(0.1))
        };
        let (real, fake) = (constant(&graph, "real", &[4, 3], wild(1)), constant(&graph, "fake", &[4, 3], wild(2)));
        let alpha = constant(&graph, "alpha", &[4], |_| 0.3);
        let penalty = gradient_penalty(critic, &real, &fake, &alpha);
        let w = graph.versions("critic.last.weight").remove(0);
        graph.output("slope", &graph.grad(&penalty, &[&w])[0]);
        let refused = graph.finish().expect_err("it has no second derivative");
        assert!(
            matches!(refused, GraphError::NotDifferentiable { .. }) && refused.to_string().contains("batch_norm"),
            "{refused}"
        );
    }

    /// Each loss at outputs r on one real and m on one fake row, by its paper's formula.
    #[test]
    fn adversarial_losses_are_their_papers() {
        let (r, m) = (0.7f64, -1.3f64);
        let log_sigma = |v: f64| -((-v).exp().ln_1p());
        let cases = [
            (Adversarial::Minimax, -log_sigma(r) - log_sigma(-m), log_sigma(-m)),
            (Adversarial::NonSaturating, -log_sigma(r) - log_sigma(-m), -log_sigma(m)),
            (Adversarial::LeastSquares, 0.5 * ((r - 1.0).powi(2) + m * m), 0.5 * (m - 1.0).powi(2)),
            (Adversarial::Hinge, (1.0 - r).max(0.0) + (1.0 + m).max(0.0), -m),
            (Adversarial::Wasserstein, m - r, -m),
        ];
        for (loss, critic, generator) in cases {
            let graph = Graph::new("test");
            let (real, fake) = (constant(&graph, "real", &[1], |_| r as f32), constant(&graph, "fake", &[1], |_| m as f32));
            graph.output("critic", &loss.critic(&real, &fake));
            graph.output("generator", &loss.generator(&fake));
            let got = step(&graph.finish().expect("a sound graph"), &[]);
            assert!((f64::from(got[0][0]) - critic).abs() < 1e-6 && (f64::from(got[1][0]) - generator).abs() < 1e-6, "{loss:?}");
        }
    }

    /// dD(x_i)/dx_j = 0 for i ≠ j: what is punished is each row's own gradient, so that the penalty of two rows is the mean of those
    /// of each alone.
    #[test]
    fn a_rows_penalty_is_its_own() {
        let penalty = |rows: std::ops::Range<usize>| {
            let graph = Graph::new("test");
            let s = Scope::new(&graph, Mode::Train);
            let weight = Init::Given(HostTensor::f32([2, 3], (0..6).map(wild(5)).collect::<Vec<_>>()));
            let critic = |x: &Tensor| s.linear("last", &s.linear("first", x, 3, weight.clone()).tanh(), 1, Init::Constant(0.7));
            let of = |name: &str, seed| constant(&graph, name, &[rows.len(), 2], |i| wild(seed)(i + 2 * rows.start));
            let alpha = constant(&graph, "alpha", &[rows.len()], |i| 0.2 + 0.3 * (i + rows.start) as f32);
            graph.output("penalty", &gradient_penalty(critic, &of("real", 1), &of("fake", 2), &alpha));
            step(&graph.finish().expect("a sound graph"), &[])[0][0]
        };
        let (first, second, both) = (penalty(0..1), penalty(1..2), penalty(0..2));
        assert!((first - second).abs() > 1e-3, "the rows differ: {first}, {second}");
        assert!((both - 0.5 * (first + second)).abs() < 1e-6, "{both} together, {first} and {second} alone");
    }
}
