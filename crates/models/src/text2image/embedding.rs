//! The joint embedding of sentences and images. Reed, Akata, Schiele, Lee 2016, "Learning Deep Representations of Fine-grained Visual
//! Descriptions", arXiv:1605.05395, §3: F(v, t) = θ(v)ᵀ φ(t) is larger for what belongs together.

use calotype_graph::op::MatMul;
use calotype_graph::{Dtype, Tensor};

/// By how much more what belongs together should fit.
const MARGIN: f32 = 1.0;
/// Beyond every score.
const FAR: f32 = 1e30;

/// Scores F [B, B] of images, by row, and sentences, by column, from their embeddings [B, E].
pub(super) fn scores(images: &Tensor, sentences: &Tensor) -> Tensor {
    images.matmul_with(sentences, MatMul { transpose_a: false, transpose_b: true })
}

/// 1 where an image and a sentence say different things, else 0: [B, B], from their meanings u32 [B], numbers below 2^24.
pub(super) fn differ(meanings: &Tensor) -> Tensor {
    let b = meanings.dims()[0];
    let m = meanings.cast(Dtype::F32);
    let same = m.reshape([b, 1]).expand([b, b]).equal(&m.reshape([1, b]).expand([b, b]));
    1.0 - &same
}

/// How the encoders learn from a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// Eqs. 3 to 5, with a margin of 1: a hinge loss over all wrong sentences of an image and all wrong images of a sentence, each the mean
    /// over such pairs.
    Hinge,
    /// The cross-entropy of the right one among it and all wrong ones of the batch, by a softmax over scores; of images and of sentences,
    /// half each. Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision", arXiv:2103.00020, §2.3. The
    /// mean over pairs forgets what differs in a word alone and rarely meets in a batch; here it counts for as much as it is mistaken.
    Softmax,
}

impl Loss {
    pub const NAMES: [&str; 2] = ["hinge", "softmax"];

    pub fn named(name: &str) -> Self {
        if name == "softmax" { Loss::Softmax } else { Loss::Hinge }
    }

    /// From [`scores`], the scores of what belongs together, `own` [B], and [`differ`]: a scalar.
    pub fn of(self, scores: &Tensor, own: &Tensor, differ: &Tensor) -> Tensor {
        match self {
            Loss::Hinge => hinge(scores, own, differ),
            Loss::Softmax => softmax(scores, own, differ),
        }
    }
}

fn hinge(scores: &Tensor, own: &Tensor, differ: &Tensor) -> Tensor {
    let b = own.dims()[0];
    let wrong_sentence = (scores - &own.reshape([b, 1]) + MARGIN).relu();
    let wrong_image = (scores - &own.reshape([1, b]) + MARGIN).relu();
    let pairs = differ.sum_all().max(&scores.graph().scalar(1.0));
    ((wrong_sentence + wrong_image) * differ).sum_all() / pairs
}

fn softmax(scores: &Tensor, own: &Tensor, differ: &Tensor) -> Tensor {
    let wrong = scores * differ - (1.0 - differ) * FAR;
    let surprise = |wrong: &Tensor| (wrong.concat(&own.reshape([own.dims()[0], 1]), 1).log_sum_exp() - own).mean_all();
    (surprise(&wrong) + surprise(&wrong.permute(&[1, 0]))) * 0.5
}

/// The part of the sentences whose best image of the batch is one that says the same: a scalar.
pub(super) fn retrieval(scores: &Tensor, differ: &Tensor) -> Tensor {
    let right = (scores - &(differ * FAR)).max_over(&[0]);
    right.greater_equal(&scores.max_over(&[0])).mean_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::step_with;
    use calotype_graph::{Graph, HostTensor, Type};

    /// Five pairs, of which the first and the fourth say the same.
    #[test]
    fn losses_and_retrieval_are_their_formulas() {
        let (b, e) = (5, 3);
        let wild = |seed: usize| move |i: usize| ((i * 7919 + seed * 104_729) % 1000) as f32 / 500.0 - 1.0;
        let (v, t): (Vec<f32>, Vec<f32>) = ((0..b * e).map(wild(1)).collect(), (0..b * e).map(wild(4)).collect());
        let meanings = [0u32, 1, 2, 0, 4];
        let graph = Graph::new("test");
        let [images, sentences] = ["v", "t"].map(|name| graph.input(name, Type::f32([b, e])));
        let meaning = graph.input("m", Type { shape: [b].into(), dtype: Dtype::U32 });
        let (f, differ) = (scores(&images, &sentences), differ(&meaning));
        let own = (&images * &sentences).sum(&[1]);
        graph.output("hinge", &Loss::Hinge.of(&f, &own, &differ));
        graph.output("softmax", &Loss::Softmax.of(&f, &own, &differ));
        graph.output("retrieval", &retrieval(&f, &differ));
        let given = [
            ("v".to_owned(), HostTensor::f32([b, e], v.clone())),
            ("t".to_owned(), HostTensor::f32([b, e], t.clone())),
            ("m".to_owned(), HostTensor::u32([b], meanings)),
        ];
        let got = step_with(&graph.finish().expect("a sound graph"), &given);
        let f = |n: usize, k: usize| (0..e).map(|i| f64::from(v[n * e + i]) * f64::from(t[k * e + i])).sum::<f64>();
        let pairs: Vec<(usize, usize)> =
            (0..b).flat_map(|n| (0..b).map(move |k| (n, k))).filter(|&(n, k)| meanings[n] != meanings[k]).collect();
        let hinge = |v: f64| v.max(0.0);
        let sum: f64 = pairs.iter().map(|&(n, k)| hinge(1.0 + f(n, k) - f(n, n)) + hinge(1.0 + f(n, k) - f(k, k))).sum();
        assert_eq!(pairs.len(), 18);
        assert!((f64::from(got[0][0]) - sum / 18.0).abs() < 1e-5, "{} for {}", got[0][0], sum / 18.0);
        let best = |k: usize| (0..b).max_by(|&a, &c| f(a, k).total_cmp(&f(c, k))).expect("images");
        let right = (0..b).filter(|&k| meanings[best(k)] == meanings[k]).count();
        assert!((got[2][0] - right as f32 / b as f32).abs() < 1e-6 && right > 0 && right < b, "{} for {right}", got[2][0]);
        let surprise = |own: usize, of: &dyn Fn(usize) -> f64| {
            let among = (0..b).filter(|&k| k == own || meanings[k] != meanings[own]);
            among.map(|k| of(k).exp()).sum::<f64>().ln() - of(own)
        };
        let want = (0..b).map(|n| (surprise(n, &|k| f(n, k)) + surprise(n, &|k| f(k, n))) / 2.0).sum::<f64>() / b as f64;
        assert!((f64::from(got[1][0]) - want).abs() < 1e-5, "{} for {want}", got[1][0]);
    }

    /// A batch in which all say the same has no wrong pair.
    #[test]
    fn a_batch_of_one_meaning_has_no_loss() {
        let graph = Graph::new("test");
        let v = graph.input("v", Type::f32([2, 1]));
        let meaning = graph.input("m", Type { shape: [2].into(), dtype: Dtype::U32 });
        let (f, differ) = (scores(&v, &v), differ(&meaning));
        let own = v.square().sum(&[1]);
        graph.output("hinge", &Loss::Hinge.of(&f, &own, &differ));
        graph.output("softmax", &Loss::Softmax.of(&f, &own, &differ));
        graph.output("retrieval", &retrieval(&f, &differ));
        let given = [("v".to_owned(), HostTensor::f32([2, 1], [1.0, 9.0])), ("m".to_owned(), HostTensor::u32([2], [3, 3]))];
        assert_eq!(step_with(&graph.finish().expect("a sound graph"), &given), [[0.0], [0.0], [1.0]]);
    }
}
