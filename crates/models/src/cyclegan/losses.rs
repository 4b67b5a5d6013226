//! What the four networks are trained by: §3 and §4 of the paper, with the weights of §5.2 and of the authors' public code.

use calotype_graph::Tensor;

use crate::losses::Adversarial;

/// What both generators make of the rows a and b of a step. Rows that are named `_b` are as those of B.
pub struct Made {
    pub fake_a: Tensor,
    pub fake_b: Tensor,
    /// Translated there and back.
    pub again_a: Tensor,
    pub again_b: Tensor,
    /// Of A by the generator that makes A, and of B by the other; none where nothing asks that they be kept as they are.
    pub same: Option<[Tensor; 2]>,
}

impl Made {
    /// `a_to_b` and `b_to_a` keep the rows of a batch apart, [B, ..] -> [B, ..]. Each is called twice: once for translation and identity
    /// together, once for the way back.
    pub fn of(
        a_to_b: impl Fn(&Tensor) -> Tensor,
        b_to_a: impl Fn(&Tensor) -> Tensor,
        a: &Tensor,
        b: &Tensor,
        identity: bool,
    ) -> Self {
        let (fake_b, same_b) = both(&a_to_b, a, b, identity);
        let (fake_a, same_a) = both(&b_to_a, b, a, identity);
        let (again_a, again_b) = (b_to_a(&fake_b), a_to_b(&fake_a));
        Made { fake_a, fake_b, again_a, again_b, same: same_a.zip(same_b).map(<[Tensor; 2]>::from) }
    }

    /// E |G_B(G_A(a)) - a| and E |G_A(G_B(b)) - b|, eq. (2).
    pub fn cycle(&self, a: &Tensor, b: &Tensor) -> [Tensor; 2] {
        [distance(&self.again_a, a), distance(&self.again_b, b)]
    }

    /// E |G_A(b) - b| and E |G_B(a) - a| (§5.2, "Photo generation from paintings"), as the code has them: each named for its generator.
    pub fn identity(&self, a: &Tensor, b: &Tensor) -> Option<[Tensor; 2]> {
        self.same.as_ref().map(|[of_a, of_b]| [distance(of_b, b), distance(of_a, a)])
    }
}

/// `translated` of x, and of what is to stay as it is.
fn both(translated: impl Fn(&Tensor) -> Tensor, x: &Tensor, same: &Tensor, identity: bool) -> (Tensor, Option<Tensor>) {
    if !identity {
        return (translated(x), None);
    }
    let n = x.dims()[0];
    let y = translated(&x.concat(same, 0));
    (y.slice(0, 0, n), Some(y.slice(0, n, 2 * n)))
}

fn distance(x: &Tensor, y: &Tensor) -> Tensor {
    (x - y).abs().mean_all()
}

/// A generator's part of the objective, from the discriminator's scores of what it made. Least squares are whole here, as in the code,
/// where [`Adversarial`] has the half of their paper: λ is relative to them.
pub fn generator(loss: Adversarial, fake: &Tensor) -> Tensor {
    match loss {
        Adversarial::LeastSquares => loss.generator(fake) * 2.0,
        _ => loss.generator(fake),
    }
}

/// A discriminator's objective, halved, so that it learns more slowly than the generator (§7.1); least squares have that half already.
pub fn discriminator(loss: Adversarial, real: &Tensor, fake: &Tensor) -> Tensor {
    match loss {
        Adversarial::LeastSquares => loss.critic(real, fake),
        _ => loss.critic(real, fake) * 0.5,
    }
}
