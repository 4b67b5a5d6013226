//! Differentiable augmentation: what a discriminator sees, real and made, is moved and cut at random, so that it cannot learn a few
//! images by heart. Zhao, Liu, Lin, Zhu, Han 2020, "Differentiable Augmentation for Data-Efficient GAN Training", arXiv:2006.10738, §3.

use calotype_graph::op::Distribution;
use calotype_graph::{Scope, Tensor};

use crate::settings::{Setting, SettingError, Settings, Value};

/// What is done to images, of the paper's three; colours are left as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Augment {
    /// Moved by at most an eighth of each side, each whole number of pixels as likely; what comes in is grey (0).
    pub translation: bool,
    /// A square of half of each side is made grey (0), its centre anywhere in the image.
    pub cutout: bool,
}

const WORDS: &[&str] = &["none", "translation", "cutout", "translation+cutout"];

impl Augment {
    /// `augment` and `flips`.
    pub fn settings() -> Vec<Setting> {
        vec![
            Setting::word(
                "augment",
                "none",
                WORDS,
                "differentiable augmentation of what the discriminator sees, against overfitting on fewer than some thousand images",
            )
            .before(Value::Word("none".into())),
            Setting::flag("flips", false, "mirror training images left to right, half of them by chance").before(Value::Flag(false)),
        ]
    }

    /// As those settings say, for rows of this shape.
    ///
    /// # Errors
    /// It is asked for, and the rows are no images.
    pub fn of(s: &Settings, shape: &[usize]) -> Result<Self, SettingError> {
        let word = s.word("augment");
        let augment = Augment { translation: word.contains("translation"), cutout: word.contains("cutout") };
        match shape.len() == 3 || (augment == Augment::default() && !s.flag("flips")) {
            true => Ok(augment),
            false => {
                Err(SettingError::Unfit("its rows are vectors, and `augment` and `flips` are for images; leave them out".into()))
            }
        }
    }

    /// Images x [B, H, W, C], changed at random, each in its own way. `name`: of the random numbers, new in the scope.
    pub fn apply(self, s: &Scope, name: &str, x: &Tensor) -> Tensor {
        let s = s.sub(name);
        let mut y = x.clone();
        if self.translation {
            y = self.translated(&s, &y);
        }
        if self.cutout {
            y = self.cut(&s, &y);
        }
        y
    }

    fn translated(self, s: &Scope, x: &Tensor) -> Tensor {
        let &[b, h, w, c] = x.dims() else { return x.clone() };
        let u = s.random("translation", Distribution::Uniform, [b, 2]);
        let rows = moves(&u.slice(1, 0, 1), h).matmul(&x.reshape([b, h, w * c]));
        let across = rows.reshape([b, h, w, c]).permute(&[0, 2, 1, 3]).reshape([b, w, h * c]);
        let columns = moves(&u.slice(1, 1, 2), w).matmul(&across);
        columns.reshape([b, w, h, c]).permute(&[0, 2, 1, 3])
    }

    fn cut(self, s: &Scope, x: &Tensor) -> Tensor {
        let &[b, h, w, _] = x.dims() else { return x.clone() };
        let u = s.random("cutout", Distribution::Uniform, [b, 2]);
        let [rows, columns] = [(0, h), (1, w)].map(|(n, side)| within(&u.slice(1, n, n + 1), side));
        let hole = rows.reshape([b, h, 1, 1]) * columns.reshape([b, 1, w, 1]);
        x * &(1.0 - &hole)
    }
}

/// Matrices [B, n, n] that move lines of n by floor((2 r + 1) u) - r, r an eighth of n, for u [B, 1] in (0, 1).
fn moves(u: &Tensor, n: usize) -> Tensor {
    let b = u.dims()[0];
    let most = (n as f32 / 8.0).round();
    let by = (u * (2.0 * most + 1.0)).floor() - most;
    let places = u.graph().iota(n);
    let from = &places.reshape([1, 1, n]).expand([b, 1, n]) + &by.reshape([b, 1, 1]);
    places.reshape([1, n, 1]).expand([b, n, n]).equal(&from.expand([b, n, n]))
}

/// 1 within the window of half of n around floor(n u), else 0: [B, n] for u [B, 1] in (0, 1).
fn within(u: &Tensor, n: usize) -> Tensor {
    let b = u.dims()[0];
    let half = n / 2;
    let first = (u * n as f32).floor() - (half / 2) as f32;
    let places = u.graph().iota(n).reshape([1, n]).expand([b, n]);
    let first = first.expand([b, n]);
    let before_end = (&first + (half as f32 - 1.0)).greater_equal(&places);
    places.greater_equal(&first) * before_end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feeds::Named;
    use crate::testing::step_with;
    use calotype_graph::{Graph, HostTensor, Mode, Type};

    const ALL: Augment = Augment { translation: true, cutout: true };

    /// Augmented images [B, H, W, C] and the gradient of their weighted sum.
    fn run(augment: Augment, [b, h, w, c]: [usize; 4], x: &[f32]) -> [Vec<f32>; 2] {
        let graph = Graph::new("test");
        let s = Scope::new(&graph, Mode::Train);
        let input = graph.input("x", Type::f32([b, h, w, c]));
        let weights = graph.input("weights", Type::f32([b, h, w, c]));
        let y = augment.apply(&s, "augment", &input);
        graph.output("y", &y);
        graph.output("slope", &graph.grad(&(&y * &weights).sum_all(), &[&input])[0]);
        let weights: Vec<f32> = (0..b * h * w * c).map(|i| (i % 97) as f32).collect();
        let inputs: [Named; 2] =
            [("x".into(), HostTensor::f32([b, h, w, c], x.to_vec())), ("weights".into(), HostTensor::f32([b, h, w, c], weights))];
        let all = step_with(&graph.finish().expect("a sound graph"), &inputs);
        [all[0].clone(), all[1].clone()]
    }

    /// An image [H, W, C] moved by (dy, dx).
    fn moved(x: &[f32], [h, w, c]: [usize; 3], dy: i32, dx: i32) -> Vec<f32> {
        let mut y = vec![0.0; x.len()];
        for (at, v) in y.iter_mut().enumerate() {
            let (from_y, from_x) = ((at / (w * c)) as i32 - dy, (at / c % w) as i32 - dx);
            if (0..h as i32).contains(&from_y) && (0..w as i32).contains(&from_x) {
                *v = x[(from_y as usize * w + from_x as usize) * c + at % c];
            }
        }
        y
    }

    /// Each image is itself, moved by a whole number of pixels, and the gradient is moved back.
    #[test]
    fn translation_moves_each_image_and_its_gradient() {
        let shape = [40, 16, 24, 2];
        let n = 16 * 24 * 2;
        let x: Vec<f32> = (0..40 * n).map(|i| 1.0 + (i % 89) as f32).collect();
        let [y, slope] = run(Augment { translation: true, cutout: false }, shape, &x);
        let mut seen = Vec::new();
        for b in 0..40 {
            let (image, got) = (&x[b * n..][..n], &y[b * n..][..n]);
            let ways = (-2..=2).flat_map(|dy| (-3..=3).map(move |dx| (dy, dx)));
            let mut fits = ways.filter(|&(dy, dx)| moved(image, [16, 24, 2], dy, dx) == got);
            let (dy, dx) = fits.next().unwrap_or_else(|| panic!("image {b} is no translation"));
            assert_eq!(fits.next(), None);
            let weights: Vec<f32> = (b * n..(b + 1) * n).map(|i| (i % 97) as f32).collect();
            assert_eq!(slope[b * n..][..n], moved(&weights, [16, 24, 2], -dy, -dx), "image {b}");
            seen.push((dy, dx));
        }
        seen.sort_unstable();
        seen.dedup();
        assert!(seen.len() > 15, "40 of 35 ways: {seen:?}");
    }

    /// What is not 1 is a rectangle of at most half of each side, and no gradient flows through it.
    #[test]
    fn cutout_makes_a_hole_of_half_the_sides() {
        let (b, h, w) = (30, 16, 24);
        let [y, slope] = run(Augment { translation: false, cutout: true }, [b, h, w, 1], &vec![1.0; b * h * w]);
        let mut sizes = Vec::new();
        for n in 0..b {
            let hole: Vec<(usize, usize)> = (0..h * w).filter(|at| y[n * h * w + at] == 0.0).map(|at| (at / w, at % w)).collect();
            let side = |of: fn(&(usize, usize)) -> usize| {
                let (low, high) = (hole.iter().map(of).min().unwrap_or(0), hole.iter().map(of).max().unwrap_or(0));
                high - low + 1
            };
            let (tall, wide) = (side(|p| p.0), side(|p| p.1));
            assert_eq!(hole.len(), tall * wide, "a rectangle");
            assert!(tall <= 8 && wide <= 12 && tall >= 4 && wide >= 6, "{tall}x{wide}");
            sizes.push((tall, wide));
            for at in n * h * w..(n + 1) * h * w {
                assert_eq!(slope[at], y[at] * (at % 97) as f32);
            }
        }
        assert!(sizes.contains(&(8, 12)), "most are whole: {sizes:?}");
    }

    /// Draws are of the step and of the name, and nothing is drawn where nothing is asked for.
    #[test]
    fn nothing_changes_unless_it_is_asked_for() {
        let x: Vec<f32> = (0..2 * 64).map(|i| i as f32).collect();
        assert_eq!(run(Augment::default(), [2, 8, 8, 1], &x)[0], x);
        assert_ne!(run(ALL, [2, 8, 8, 1], &x)[0], x);
    }

    /// A penalty on the gradient of a critic that sees augmented images can be differentiated again.
    #[test]
    fn gradients_of_gradients_flow_through_it() {
        let graph = Graph::new("test");
        let s = Scope::new(&graph, Mode::Train);
        let x = graph.input("x", Type::f32([2, 8, 8, 1]));
        let score = ALL.apply(&s, "augment", &x).square().sum_all();
        let penalty = graph.grad(&score, &[&x])[0].square().sum_all();
        graph.output("slope", &graph.grad(&penalty, &[&x])[0]);
        let x: Named = ("x".into(), HostTensor::f32([2, 8, 8, 1], vec![1.0; 128]));
        let slope = step_with(&graph.finish().expect("a sound graph"), &[x]).remove(0);
        // Each value that is seen gives x² once: 8 x, where nothing of it was cut.
        assert!(slope.iter().all(|v| *v == 0.0 || *v == 8.0) && slope.contains(&8.0), "{slope:?}");
    }
}
