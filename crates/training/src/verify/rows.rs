//! Rows for checks: all values of some dimensions, random ones, small canvases; and the names of dimensions.

use calotype_graph::philox::{Domain, Stream};
use calotype_models::distributions::Conditional;
use calotype_models::{Density, Model};

/// Every random number of the checks comes from this seed, so that what fails once fails again.
pub(super) const SEED: u64 = 0x0CA1_0717;

/// A sequence of its own for each name.
pub(super) fn random(seed: u64, name: &str) -> Stream {
    Stream::new(seed, Domain::Test, &format!("verify/{name}"), 0)
}

/// D: values of a row.
pub(super) fn dims(density: &dyn Density) -> usize {
    density.shape().iter().product()
}

/// L; none for real values.
pub(super) fn levels(density: &dyn Density) -> Option<usize> {
    match density.conditional() {
        Conditional::Bernoulli => Some(2),
        Conditional::Categorical { levels } => Some(levels as usize),
        Conditional::Gaussians { .. } => None,
    }
}

/// A row [D] of uniform levels or standard normal numbers.
pub(super) fn random_row(density: &dyn Density, name: &str) -> Vec<f32> {
    let mut random = random(SEED, name);
    let value = |_| match levels(density) {
        Some(levels) => random.below(levels as u32) as f32,
        None => random.normal(),
    };
    (0..dims(density)).map(value).collect()
}

/// Another value than this one that a dimension can have.
pub(super) fn other(density: &dyn Density, value: f32, random: &mut Stream) -> f32 {
    match levels(density) {
        Some(levels) => ((value as usize + 1 + random.below((levels as u32 - 1).max(1)) as usize) % levels) as f32,
        None => value + if random.uniform() < 0.5 { -0.5 } else { 0.5 } + random.normal(),
    }
}

/// State `state` of some dimensions, in base L: the value of dimension `n` of them.
pub(super) fn digit(state: usize, n: usize, levels: usize) -> usize {
    state / levels.pow(n as u32) % levels
}

/// The largest n with levels^n at most `most`.
pub(super) fn most_dims(levels: usize, most: usize) -> usize {
    let mut n = 0;
    let mut states = levels;
    while states <= most {
        n += 1;
        states = states.saturating_mul(levels);
    }
    n
}

/// The canvases [H, W] of at most n pixels that show most: one about as high as wide, where there is one; else a row and a
/// column.
pub(super) fn canvases(n: usize) -> Vec<[usize; 2]> {
    let squarish = |area: usize| (2..=area.isqrt()).rev().find(|h| area.is_multiple_of(*h) && area / h <= 2 * h);
    let largest = (4..=n).rev().find_map(|area| squarish(area).map(|h| [h, area / h]));
    match (largest, n) {
        (Some(canvas), _) => vec![canvas],
        (None, 0) => vec![],
        (None, 1) => vec![[1, 1]],
        (None, n) => vec![[1, n], [n, 1]],
    }
}

/// The model on another canvas, or as it is; and a stretch of its order that is looked at.
pub(super) struct Stage<'a> {
    own: &'a dyn Density,
    canvas: Option<Box<dyn Model>>,
    /// Dimensions, following each other in the order.
    pub window: Vec<usize>,
    /// Whether these are all dimensions.
    pub whole: bool,
}

impl<'a> Stage<'a> {
    /// The first `n` dimensions of the order of `own` on a canvas [H, W]; none where it cannot have one.
    pub fn on_canvas(own: &'a dyn Density, [height, width]: [usize; 2], n: usize) -> Option<Self> {
        let &[_, _, channels] = own.shape() else { return None };
        let canvas = own.canvas([height, width, channels])?;
        let order = canvas.density()?.order();
        let whole = n >= order.len();
        Some(Stage { own, canvas: Some(canvas), window: order.into_iter().take(n).collect(), whole })
    }

    /// Dimensions `from`.. of the order of `own` as it is, `n` of them.
    pub fn own(own: &'a dyn Density, from: usize, n: usize) -> Self {
        let order = own.order();
        let whole = n >= order.len();
        Stage { own, canvas: None, window: order.into_iter().skip(from).take(n).collect(), whole }
    }

    /// Whether it is the model as it is.
    pub fn is_own(&self) -> bool {
        self.canvas.is_none()
    }

    pub fn density(&self) -> &dyn Density {
        self.canvas.as_deref().and_then(Model::density).unwrap_or(self.own)
    }
}

/// `28x28`, `8x8 in colour`, `13 numbers`.
pub(super) fn size(density: &dyn Density) -> String {
    match *density.shape() {
        [h, w, 1] => format!("{h}x{w}"),
        [h, w, 3] => format!("{h}x{w} in colour"),
        [d] => format!("{d} numbers"),
        ref other => format!("{other:?}"),
    }
}

/// A dimension as a person finds it: row, column, colour.
pub(super) fn place(density: &dyn Density, d: usize) -> String {
    match *density.shape() {
        [_, w, 1] => format!("({}, {})", d / w, d % w),
        [_, w, c] => format!("({}, {}, {})", d / c / w, d / c % w, ["R", "G", "B"].get(d % c).unwrap_or(&"?")),
        _ => format!("{d}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canvases_are_as_large_and_square_as_states_allow() {
        assert_eq!(most_dims(2, 65_536), 16);
        assert_eq!(most_dims(256, 65_536), 2);
        assert_eq!(most_dims(257, 256), 0);
        let canvas = |n| canvases(n);
        assert_eq!(canvas(16), [[4, 4]]);
        assert_eq!(canvas(13), [[3, 4]]);
        assert_eq!(canvas(9), [[3, 3]]);
        assert_eq!(canvas(5), [[2, 2]]);
        assert_eq!(canvas(3), [[1, 3], [3, 1]]);
        assert_eq!(canvas(1), [[1, 1]]);
        assert!(canvas(0).is_empty());
    }

    #[test]
    fn states_count_in_base_l() {
        assert_eq!((0..3).map(|n| digit(5 + 2 * 17 + 3 * 289, n, 17)).collect::<Vec<_>>(), [5, 2, 3]);
    }
}
