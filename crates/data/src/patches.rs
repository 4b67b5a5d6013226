//! Key patches: the informative square boxes of an image, and what a model of patches is given of them.
//!
//! The detector follows the idea of Edge Boxes (Zitnick and Dollár 2014, "Edge Boxes: Locating Object Proposals from Edges"): a box is as
//! good as the edges in it are dense. It is a pure function of the image:
//!
//! 1. The magnitude of the gradient of the luma (BT.601), by central differences; beyond the border the image goes on as its last pixel.
//! 2. For boxes of a quarter, three eighths and a half of the shorter side, at every place of a grid of 1/32 of it, the sum of the
//!    magnitudes in the box, by an integral image in f64, over side^1.5: a larger box has more edges for being larger, and κ = 1.5,
//!    which is theirs, takes most of it away.
//! 3. Greedily the best box that covers at most an eighth of the area of any chosen one, or is covered so by it; where there is none, the
//!    one that covers the least. Of equally good boxes the smaller one counts, then the upper one, then the left one.

use std::cmp::Ordering;

use crate::format::luma;
use crate::resample::Resampler;

/// Sides of boxes, in eighths of the shorter side of the image.
const EIGHTHS: [usize; 3] = [2, 3, 4];
/// Places of a box along the shorter side of the image.
const PLACES: usize = 32;
/// Of the smaller of two boxes, at most the nth part is in both.
const SHARED: usize = 8;

/// A square part of an image, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyBox {
    pub top: usize,
    pub left: usize,
    pub side: usize,
}

impl KeyBox {
    /// Pixels that are in both.
    fn shared(&self, other: &KeyBox) -> usize {
        let along = |a: usize, b: usize| (a + self.side).min(b + other.side).saturating_sub(a.max(b));
        along(self.top, other.top) * along(self.left, other.left)
    }

    fn hardly_shares(&self, other: &KeyBox) -> bool {
        SHARED * self.shared(other) <= self.side.min(other.side).pow(2)
    }

    /// What an image [H, W, C] shows there: [side, side, C].
    pub fn cut(&self, image: &[f32], [_, w, c]: [usize; 3]) -> Vec<f32> {
        let lines = image.chunks_exact(w * c).skip(self.top).take(self.side);
        lines.flat_map(|line| &line[self.left * c..(self.left + self.side) * c]).copied().collect()
    }
}

/// The key boxes of an image [H, W, C], C of 1 or 3, the best first: `n` of them, or all that there are. H and W are 8 or more.
pub fn key_boxes(image: &[f32], shape @ [h, w, _]: [usize; 3], n: usize) -> Vec<KeyBox> {
    let edges = Integral::new(&magnitudes(image, shape), w);
    let side = h.min(w);
    let grid = (side / PLACES).max(1);
    let mut boxes: Vec<(f64, KeyBox)> = vec![];
    for side in EIGHTHS.map(|eighths| (eighths * side / 8).max(1)) {
        let places = (0..=h - side).step_by(grid).flat_map(|top| (0..=w - side).step_by(grid).map(move |left| (top, left)));
        let scored = places.map(|(top, left)| {
            let key = KeyBox { top, left, side };
            (edges.sum(key) / (side as f64 * (side as f64).sqrt()), key)
        });
        boxes.extend(scored);
    }
    boxes.sort_by(|(a, _), (b, _)| b.total_cmp(a)); // stable: equal ones stay as they came
    let mut chosen: Vec<KeyBox> = vec![];
    while chosen.len() < n.min(boxes.len()) {
        let shared = |key: &KeyBox| chosen.iter().map(|other| key.shared(other)).sum::<usize>();
        let rest = || boxes.iter().map(|(_, key)| *key).filter(|key| !chosen.contains(key));
        let free = rest().find(|key| chosen.iter().all(|other| key.hardly_shares(other)));
        let next = free.or_else(|| rest().min_by_key(shared));
        chosen.extend(next);
    }
    chosen
}

/// What a model of patches is given of an image.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyPatches {
    /// [n, H, W, C]: what the image shows in each of its key boxes, [`enlarged`] to its size; in the order of [`sort_patches`].
    pub patches: Vec<f32>,
    /// [H, W]: 1 in the boxes, 0 elsewhere.
    pub mask: Vec<f32>,
    pub boxes: Vec<KeyBox>,
}

impl KeyPatches {
    /// Of an image [H, W, C], by [`key_boxes`].
    pub fn of(image: &[f32], shape: [usize; 3], n: usize) -> Self {
        let boxes = key_boxes(image, shape, n);
        let [h, w, c] = shape;
        let patch = |key: &KeyBox| enlarged(&key.cut(image, shape), [key.side, key.side, c], [h, w]);
        let mut patches = boxes.iter().flat_map(patch).collect::<Vec<_>>();
        sort_patches(&mut patches, h * w * c);
        KeyPatches { patches, mask: mask_of(&boxes, [h, w]), boxes }
    }
}

/// [H, W]: 1 in the boxes, 0 elsewhere.
pub fn mask_of(boxes: &[KeyBox], [h, w]: [usize; 2]) -> Vec<f32> {
    let mut mask = vec![0.0; h * w];
    for key in boxes {
        let lines = mask.chunks_exact_mut(w).skip(key.top).take(key.side);
        lines.for_each(|line| line[key.left..key.left + key.side].fill(1.0));
    }
    mask
}

/// Puts patches of `n_values` each into an order of their own, by their values from the first one on. A model that sums over patches is then
/// given, and adds, the same numbers in the same order, in whatever order the patches came: the sum of floats depends on it, so that without
/// this the last bits of three patches or more would.
pub fn sort_patches(patches: &mut [f32], n_values: usize) {
    let mut all: Vec<Vec<f32>> = patches.chunks_exact(n_values.max(1)).map(<[f32]>::to_vec).collect();
    let by_values = |a: &Vec<f32>, b: &Vec<f32>| {
        let unlike = a.iter().zip(b).map(|(a, b)| a.total_cmp(b)).find(|order| order.is_ne());
        unlike.unwrap_or(Ordering::Equal)
    };
    all.sort_by(by_values);
    patches.chunks_exact_mut(n_values.max(1)).zip(all).for_each(|(to, from)| to.copy_from_slice(&from));
}

/// An image [h, w, C] brought to [H, W, C], neither of them less: bilinear.
pub fn enlarged(image: &[f32], [h, w, c]: [usize; 3], [height, width]: [usize; 2]) -> Vec<f32> {
    Resampler::new(h, height).apply_across(&Resampler::new(w, width), image, c)
}

/// |∇ luma| of an image [H, W, C]: [H, W].
fn magnitudes(image: &[f32], [h, w, c]: [usize; 3]) -> Vec<f32> {
    let grey: Vec<f32> = if c == 3 { image.chunks_exact(3).map(luma).collect() } else { image.to_vec() };
    let at = |y: usize, x: usize| grey[y.min(h - 1) * w + x.min(w - 1)];
    let magnitude = |y: usize, x: usize| {
        let down = at(y + 1, x) - at(y.saturating_sub(1), x);
        let across = at(y, x + 1) - at(y, x.saturating_sub(1));
        (down * down + across * across).sqrt()
    };
    (0..h).flat_map(|y| (0..w).map(move |x| magnitude(y, x))).collect()
}

/// Sums over all boxes that begin at the upper left corner: [H + 1, W + 1].
struct Integral {
    sums: Vec<f64>,
    /// W + 1.
    line: usize,
}

impl Integral {
    /// Of values [H, `w`].
    fn new(values: &[f32], w: usize) -> Self {
        let line = w + 1;
        let mut sums = vec![0.0; line];
        for (y, values) in values.chunks_exact(w).enumerate() {
            let mut of_line = 0.0;
            sums.push(0.0);
            for (x, value) in values.iter().enumerate() {
                of_line += f64::from(*value);
                sums.push(sums[y * line + x + 1] + of_line);
            }
        }
        Integral { sums, line }
    }

    fn sum(&self, KeyBox { top, left, side }: KeyBox) -> f64 {
        let at = |y: usize, x: usize| self.sums[y * self.line + x];
        at(top + side, left + side) - at(top, left + side) - at(top + side, left) + at(top, left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::imageops::{self, FilterType};
    use image::{ImageBuffer, Rgb};

    const SIDE: usize = 32;

    /// A grey image [32, 32, 1] of 0, with a chequered square of every second pixel at each of these boxes.
    fn chequered(boxes: &[KeyBox]) -> Vec<f32> {
        let inside = |y: usize, x: usize| {
            boxes.iter().any(|b| (b.top..b.top + b.side).contains(&y) && (b.left..b.left + b.side).contains(&x))
        };
        // Two pixels a field: central differences of single ones would be 0.
        let value = |at: usize| f32::from(inside(at / SIDE, at % SIDE) && (at / SIDE / 2 + at % SIDE / 2).is_multiple_of(2));
        (0..SIDE * SIDE).map(value).collect()
    }

    fn wild(n: usize, seed: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 7919 + seed * 104_729) % 1009) as f32 / 504.5 - 1.0).collect()
    }

    fn share(a: &KeyBox, b: &KeyBox) -> f64 {
        a.shared(b) as f64 / a.side.min(b.side).pow(2) as f64
    }

    #[test]
    fn what_is_drawn_is_found() {
        let drawn = [(2, 3, 12), (18, 4, 8), (12, 20, 12)].map(|(top, left, side)| KeyBox { top, left, side });
        let found = key_boxes(&chequered(&drawn), [SIDE, SIDE, 1], 3);
        assert_eq!(found.len(), 3);
        for key in &drawn {
            let best = found.iter().map(|b| share(b, key)).fold(0.0, f64::max);
            assert!(best > 0.75, "{key:?} in {found:?}");
        }
        // The densest first: of two equally chequered squares the larger one has more edges for its side.
        assert!(found[..2].iter().all(|b| share(b, &drawn[1]) < 0.5), "{found:?}");
    }

    #[test]
    fn colours_count_by_their_luma() {
        let drawn = [KeyBox { top: 5, left: 17, side: 12 }];
        let grey = chequered(&drawn);
        let coloured: Vec<f32> = grey.iter().flat_map(|&v| [0.0, v, 0.0]).collect();
        assert_eq!(key_boxes(&coloured, [SIDE, SIDE, 3], 1), key_boxes(&grey, [SIDE, SIDE, 1], 1));
    }

    #[test]
    fn boxes_hardly_overlap_and_lie_within() {
        for seed in 0..20 {
            for (shape, n) in [([32, 32, 1], 3), ([64, 64, 3], 3), ([16, 16, 1], 3), ([24, 40, 3], 3), ([8, 8, 1], 2)] {
                let [h, w, c] = shape;
                let boxes = key_boxes(&wild(h * w * c, seed), shape, n);
                assert_eq!(boxes.len(), n, "{shape:?}");
                for (i, b) in boxes.iter().enumerate() {
                    assert!(b.top + b.side <= h && b.left + b.side <= w && 8 * b.side <= 4 * h.min(w), "{b:?}");
                    assert!(boxes[..i].iter().all(|other| share(b, other) <= 0.125), "{shape:?}: {boxes:?}");
                }
            }
        }
    }

    /// An image without edges has boxes too: the smallest, from the upper left corner on.
    #[test]
    fn ties_go_to_the_smaller_then_upper_then_left_box() {
        let flat = key_boxes(&[0.5; SIDE * SIDE], [SIDE, SIDE, 1], 3);
        assert_eq!(flat, [0, 7, 14].map(|left| KeyBox { top: 0, left, side: 8 }));
        let all = key_boxes(&[0.5; SIDE * SIDE], [SIDE, SIDE, 1], 40);
        assert_eq!(all.len(), 40, "more than have room: they overlap as little as may be");
        assert!(all.iter().enumerate().all(|(i, b)| !all[..i].contains(b)));
    }

    #[test]
    fn the_mask_and_the_patches_are_of_the_boxes() {
        let (image, shape) = (wild(SIDE * SIDE * 3, 4), [SIDE, SIDE, 3]);
        let KeyPatches { patches, mask, boxes } = KeyPatches::of(&image, shape, 3);
        let area: usize = boxes.iter().map(|b| b.side * b.side).sum();
        let shared: usize = boxes.iter().enumerate().flat_map(|(i, b)| boxes[..i].iter().map(|o| b.shared(o))).sum();
        assert_eq!(mask.iter().sum::<f32>(), (area - shared) as f32);
        assert_eq!(patches.len(), 3 * image.len());
        for key in &boxes {
            let cut = key.cut(&image, shape);
            assert_eq!(cut[..3], image[(key.top * SIDE + key.left) * 3..][..3]);
            let large = enlarged(&cut, [key.side, key.side, 3], [SIDE, SIDE]);
            assert!(patches.chunks_exact(image.len()).any(|patch| patch == large));
        }
    }

    #[test]
    fn sorted_patches_have_one_order() {
        let patches = [wild(6, 1), wild(6, 2), wild(6, 3), [wild(5, 2), vec![9.0]].concat()];
        let sorted = |order: [usize; 4]| {
            let mut all: Vec<f32> = order.iter().flat_map(|&n| patches[n].clone()).collect();
            sort_patches(&mut all, 6);
            all
        };
        let first = sorted([0, 1, 2, 3]);
        for order in [[3, 2, 1, 0], [1, 0, 3, 2], [2, 3, 0, 1], [1, 3, 2, 0]] {
            assert_eq!(sorted(order), first);
        }
        assert!(patches.iter().all(|patch| first.chunks_exact(6).any(|own| own == patch.as_slice())), "each of them");
        // Zeros of either sign are unlike, as their bits are.
        let mut zeros = [0.0, -0.0];
        sort_patches(&mut zeros, 1);
        assert_eq!(zeros.map(f32::to_bits), [(-0.0_f32).to_bits(), 0]);
    }

    /// Against another implementation of the same filter.
    #[test]
    fn patches_are_enlarged_as_by_the_image_crate() {
        for ([h, w], [height, width]) in [([5, 7], [13, 20]), ([8, 8], [32, 32]), ([1, 4], [6, 6]), ([12, 3], [12, 9])] {
            let image: Vec<f32> = wild(h * w * 3, 6).iter().map(|v| 0.5 * v + 0.5).collect();
            let ours = enlarged(&image, [h, w, 3], [height, width]);
            let theirs = ImageBuffer::<Rgb<f32>, _>::from_raw(w as u32, h as u32, image).expect("pixels");
            let theirs = imageops::resize(&theirs, width as u32, height as u32, FilterType::Triangle).into_raw();
            let worst = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(ours.len() == theirs.len() && worst < 1e-5, "{h}x{w} to {height}x{width}: {worst}");
        }
    }
}
