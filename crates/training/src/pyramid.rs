//! Patches of images by scale, as Karras, Aila, Laine, Lehtinen 2018, arXiv:1710.10196, §5, compare images by them: a Laplacian pyramid
//! (Burt and Adelson 1983), of whose every level some squares are taken.

use calotype_graph::philox::{Domain, Stream};
use rayon::prelude::*;

/// Pixels a side of a patch.
const SIDE: usize = 7;
/// Levels are halved down to this many pixels a side; smaller images are compared whole.
const LEAST: usize = 16;
/// The binomial filter of Burt and Adelson, along each axis.
const FILTER: [f32; 5] = [1.0 / 16.0, 4.0 / 16.0, 6.0 / 16.0, 4.0 / 16.0, 1.0 / 16.0];

/// The patches of one level of the pyramid, of all images.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Level {
    /// [height, width] of the level.
    pub size: [usize; 2],
    /// Numbers of a patch: its pixels, each with its C channels.
    pub d: usize,
    /// [patches, d].
    pub patches: Vec<f32>,
}

/// `per_image` patches at random places of every image [N, H, W, C] and level, finest first; images below 16 pixels a side give one patch,
/// all of them. The places of an image depend on the seed and its number alone, which is that of the first one for the first.
pub(crate) fn levels(images: &[f32], shape: [usize; 3], per_image: usize, seed: u64, first: usize) -> Vec<Level> {
    let [h, w, c] = shape;
    if h.min(w) < LEAST {
        return vec![Level { size: [h, w], d: h * w * c, patches: images.to_vec() }];
    }
    let of_image = |(n, image): (usize, &[f32])| {
        let mut random = Stream::new(seed, Domain::Test, "patches", (first + n) as u32);
        let levels = pyramid(image, shape).into_iter();
        levels.map(|(size, level)| taken(&level, size, c, per_image, &mut random)).collect::<Vec<_>>()
    };
    let all: Vec<Vec<Vec<f32>>> = images.par_chunks_exact(h * w * c).enumerate().map(of_image).collect();
    let sizes = sizes([h, w]).into_iter().enumerate();
    let joined = |level: usize| all.iter().flat_map(|of_image| of_image[level].iter().copied()).collect();
    sizes.map(|(n, size)| Level { size, d: SIDE * SIDE * c, patches: joined(n) }).collect()
}

/// [height, width] of every level, finest first.
fn sizes([h, w]: [usize; 2]) -> Vec<[usize; 2]> {
    let mut all = vec![[h, w]];
    while let Some(&[h, w]) = all.last().filter(|[h, w]| h.min(w) / 2 >= LEAST) {
        all.push([h.div_ceil(2), w.div_ceil(2)]);
    }
    all
}

/// An image [H, W, C] as the difference of each size from the next smaller one, enlarged; the last is what is left.
fn pyramid(image: &[f32], [h, w, c]: [usize; 3]) -> Vec<([usize; 2], Vec<f32>)> {
    let mut all = vec![([h, w], image.to_vec())];
    for &size in &sizes([h, w])[1..] {
        let Some((above, finer)) = all.last_mut() else { break };
        let smaller = halved(finer, *above, c);
        let enlarged = doubled(&smaller, *above, c);
        finer.iter_mut().zip(enlarged).for_each(|(v, e)| *v -= e);
        all.push((size, smaller));
    }
    all
}

/// Filtered, and every other pixel of it.
fn halved(image: &[f32], [h, w]: [usize; 2], c: usize) -> Vec<f32> {
    let filtered = filtered(image, [h, w], c, 1.0);
    let row = |y: usize| (0..w).step_by(2).flat_map(move |x| (0..c).map(move |channel| (y * w + x) * c + channel));
    (0..h).step_by(2).flat_map(row).map(|at| filtered[at]).collect()
}

/// Enlarged to `size`: its pixels at every other place, zeros between, filtered with the weight that the zeros lack.
fn doubled(image: &[f32], [h, w]: [usize; 2], c: usize) -> Vec<f32> {
    let (mut spread, narrow) = (vec![0.0; h * w * c], w.div_ceil(2));
    for (at, &v) in image.iter().enumerate() {
        let (y, x, channel) = (at / (narrow * c), at / c % narrow, at % c);
        spread[(2 * y * w + 2 * x) * c + channel] = v;
    }
    filtered(&spread, [h, w], c, 2.0)
}

/// Filtered along both axes, times `gain` along each, mirrored at the borders without repeating them.
fn filtered(image: &[f32], [h, w]: [usize; 2], c: usize, gain: f32) -> Vec<f32> {
    let along = |image: &[f32], n: usize, stride: usize| {
        let mut out = vec![0.0; image.len()];
        for (at, o) in out.iter_mut().enumerate() {
            let place = at / stride % n;
            let base = at - place * stride;
            let tap = |(k, weight): (usize, &f32)| weight * image[base + mirrored(place + k, n) * stride];
            *o = gain * FILTER.iter().enumerate().map(tap).sum::<f32>();
        }
        out
    };
    along(&along(image, w, c), h, w * c)
}

/// The place `at - 2` of a line of `n`, mirrored into it.
fn mirrored(at: usize, n: usize) -> usize {
    let place = at.abs_diff(2);
    if place < n { place } else { 2 * (n - 1) - place }
}

/// Squares [per_image, SIDE, SIDE, C] of a level, at places drawn evenly.
fn taken(level: &[f32], [h, w]: [usize; 2], c: usize, per_image: usize, random: &mut Stream) -> Vec<f32> {
    let mut all = Vec::with_capacity(per_image * SIDE * SIDE * c);
    for _ in 0..per_image {
        let (y, x) = (random.below((h - SIDE + 1) as u32) as usize, random.below((w - SIDE + 1) as u32) as usize);
        for line in y..y + SIDE {
            all.extend_from_slice(&level[(line * w + x) * c..][..SIDE * c]);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(h: usize, w: usize, c: usize, value: impl Fn(usize, usize, usize) -> f32) -> Vec<f32> {
        let at = |i: usize| value(i / (w * c), i / c % w, i % c);
        (0..h * w * c).map(at).collect()
    }

    #[test]
    fn levels_are_halved_to_sixteen_pixels() {
        assert_eq!(sizes([64, 64]), [[64, 64], [32, 32], [16, 16]]);
        assert_eq!(sizes([28, 28]), [[28, 28]]);
        assert_eq!(sizes([45, 33]), [[45, 33], [23, 17]]);
    }

    /// What is even is all in the coarsest level; a slope too, away from the borders, where it is mirrored.
    #[test]
    fn what_is_smooth_has_no_fine_levels() {
        for (h, w) in [(32, 32), (45, 33)] {
            let even = pyramid(&image(h, w, 2, |_, _, c| 3.0 + c as f32), [h, w, 2]);
            assert!(even[0].1.iter().all(|v| v.abs() < 1e-5));
            assert!(even[1].1.iter().enumerate().all(|(i, v)| (v - 3.0 - (i % 2) as f32).abs() < 1e-5));
            let slope = pyramid(&image(h, w, 1, |y, x, _| 0.5 * y as f32 - 2.0 * x as f32), [h, w, 1]);
            for (y, x) in [(8, 8), (9, 20), (22, 7)] {
                assert!(slope[0].1[y * w + x].abs() < 1e-4, "{h}x{w} at {y}, {x}: {}", slope[0].1[y * w + x]);
            }
        }
    }

    /// A pattern of the finest scale is all in the finest level.
    #[test]
    fn what_alternates_is_in_the_finest_level() {
        let chess = pyramid(&image(32, 32, 1, |y, x, _| if (y + x) % 2 == 0 { 1.0 } else { -1.0 }), [32, 32, 1]);
        assert!(chess[1].1.iter().all(|v| v.abs() < 1e-6), "the filter is 0 there");
        assert!(chess[0].1.iter().all(|v| (v.abs() - 1.0).abs() < 1e-6));
    }

    #[test]
    fn patches_are_squares_of_their_image_and_depend_on_its_number_alone() {
        let (shape, n_values) = ([20, 24, 2], 20 * 24 * 2);
        let two: Vec<f32> = (0..2 * n_values).map(|i| i as f32).collect();
        let [level] = <[Level; 1]>::try_from(levels(&two, shape, 5, 3, 0)).expect("20 pixels are one level");
        assert_eq!((level.d, level.patches.len()), (98, 2 * 5 * 98));
        for patch in level.patches.chunks_exact(98) {
            let line = |y: usize| patch[y * 14..][..14].windows(2).all(|p| p[1] - p[0] == 1.0);
            assert!((0..7).all(line) && patch[14] - patch[0] == 48.0, "{patch:?}");
        }
        let first = levels(&two[..n_values], shape, 5, 3, 0).remove(0);
        assert_eq!(first.patches, level.patches[..5 * 98]);
        assert_eq!(levels(&two[n_values..], shape, 5, 3, 1)[0].patches, level.patches[5 * 98..]);
        assert_ne!(levels(&two[..n_values], shape, 5, 4, 0)[0].patches, first.patches);
    }

    #[test]
    fn small_images_are_one_patch() {
        let all = levels(&[1.0; 3 * 64], [8, 8, 1], 32, 0, 0);
        assert_eq!(all, [Level { size: [8, 8], d: 64, patches: vec![1.0; 3 * 64] }]);
    }
}
