//! Resizing of images, most of them square: Lanczos 3 when they shrink, bilinear when they grow. Separable, weights worked out once.
//!
//! Pixel i of n covers [i, i + 1); a filter that shrinks is stretched by from / to, so that nothing aliases. At the edges weights that
//! fall outside are left out and the rest made to sum to 1.
//!
//! `image::imageops::resize` has the same filters but other roundings: one value of 22,000 of emoji brought to 32 pixels is another
//! level. Runs are continued on rows that are the same to the bit, so this stays; it is also four times as fast where it shrinks.

use std::f64::consts::PI;

/// Brings one axis of an image, or both, from `from` pixels to `to`.
pub(crate) struct Resampler {
    from: usize,
    to: usize,
    /// For each output pixel: the first input pixel, and the weights from there on.
    taps: Vec<(usize, Vec<f32>)>,
}

impl Resampler {
    /// Neither side is zero.
    pub(crate) fn new(from: usize, to: usize) -> Self {
        let scale = from as f64 / to as f64;
        let shrinks = scale > 1.0;
        let (stretch, radius) = if shrinks { (scale, 3.0 * scale) } else { (1.0, 1.0) };
        let filter = if shrinks { lanczos3 } else { triangle };
        let taps = (0..to).map(|out| {
            let centre = (out as f64 + 0.5) * scale;
            let start = (centre - radius).floor().max(0.0) as usize;
            let end = ((centre + radius).ceil() as usize).min(from);
            let weights: Vec<f64> = (start..end).map(|i| filter((i as f64 + 0.5 - centre) / stretch)).collect();
            let sum: f64 = weights.iter().sum();
            (start, weights.iter().map(|w| (w / sum) as f32).collect())
        });
        Resampler { from, to, taps: taps.collect() }
    }

    /// `image` is [from, from, C], the result [to, to, C]; Lanczos overshoots a little, so the caller clamps.
    pub(crate) fn apply(&self, image: &[f32], n_channels: usize) -> Vec<f32> {
        if self.from == self.to {
            return image.to_vec();
        }
        self.apply_lines(image.chunks_exact(self.from * n_channels), n_channels, |line, out| out.extend_from_slice(line))
    }

    /// An image [from, w, C], whose lines `across` brings from w pixels to W: [to, W, C].
    pub(crate) fn apply_across(&self, across: &Resampler, image: &[f32], n_channels: usize) -> Vec<f32> {
        let lines = image.chunks_exact(across.from * n_channels);
        self.apply_both(across, lines, n_channels, |line, out| out.extend_from_slice(line))
    }

    /// [`Resampler::apply`] of the lines of an image, from the top, each made [from, C] of f32 by `load` when its turn comes: so that no image is
    /// ever held as f32.
    pub(crate) fn apply_lines<'a, T: 'a>(
        &self,
        lines: impl Iterator<Item = &'a [T]>,
        n_channels: usize,
        load: impl Fn(&'a [T], &mut Vec<f32>),
    ) -> Vec<f32> {
        self.apply_both(self, lines, n_channels, load)
    }

    fn apply_both<'a, T: 'a>(
        &self,
        across: &Resampler,
        lines: impl Iterator<Item = &'a [T]>,
        n_channels: usize,
        load: impl Fn(&'a [T], &mut Vec<f32>),
    ) -> Vec<f32> {
        // Down the columns first: [to, w, C], then along the rows: [to, W, C].
        let line = across.from * n_channels;
        let mut tall = vec![0.0; self.to * line];
        let mut row = Vec::with_capacity(line);
        // Lines that are made of none above this one, and of none below.
        let mut first = 0;
        for (y, from) in lines.enumerate() {
            row.clear();
            load(from, &mut row);
            let is_past = |(start, weights): &(usize, Vec<f32>)| start + weights.len() <= y;
            first += self.taps[first..].iter().take_while(|tap| is_past(tap)).count();
            let reached = tall[first * line..].chunks_exact_mut(line).zip(&self.taps[first..]);
            for (out, (start, weights)) in reached.take_while(|(_, (start, _))| *start <= y) {
                if let Some(weight) = weights.get(y - start) {
                    out.iter_mut().zip(&row).for_each(|(o, v)| *o += weight * v);
                }
            }
        }
        // Columns become lines, so that the second pass runs along memory as the first does.
        let tall = transposed(&tall, self.to, across.from, n_channels);
        let line = self.to * n_channels;
        let mut turned = vec![0.0; across.to * line];
        for (out, (start, weights)) in turned.chunks_exact_mut(line).zip(&across.taps) {
            for (column, weight) in tall.chunks_exact(line).skip(*start).zip(weights) {
                out.iter_mut().zip(column).for_each(|(o, v)| *o += weight * v);
            }
        }
        transposed(&turned, across.to, self.to, n_channels)
    }
}

/// [H, W, C] to [W, H, C].
fn transposed(image: &[f32], h: usize, w: usize, n_channels: usize) -> Vec<f32> {
    let mut turned = vec![0.0; image.len()];
    match n_channels {
        1 => transpose(image.as_chunks::<1>().0, turned.as_chunks_mut::<1>().0, h, w),
        3 => transpose(image.as_chunks::<3>().0, turned.as_chunks_mut::<3>().0, h, w),
        n => {
            for (at, pixel) in image.chunks_exact(n).enumerate() {
                turned[(at % w * h + at / w) * n..][..n].copy_from_slice(pixel);
            }
        }
    }
    turned
}

fn transpose<const C: usize>(image: &[[f32; C]], turned: &mut [[f32; C]], h: usize, w: usize) {
    for (x, column) in turned.chunks_exact_mut(h).enumerate() {
        column.iter_mut().zip(image.iter().skip(x).step_by(w)).for_each(|(out, pixel)| *out = *pixel);
    }
}

fn triangle(x: f64) -> f64 {
    (1.0 - x.abs()).max(0.0)
}

/// sinc(x) sinc(x / 3) within |x| < 3.
fn lanczos3(x: f64) -> f64 {
    let sinc = |x: f64| if x == 0.0 { 1.0 } else { libm::sin(PI * x) / (PI * x) };
    if x.abs() < 3.0 { sinc(x) * sinc(x / 3.0) } else { 0.0 }
}

/// The middle square of [H, W, C].
pub(crate) fn middle_square<T: Copy>(image: &[T], size: [usize; 3]) -> Vec<T> {
    middle_lines(image, size).collect::<Vec<_>>().concat()
}

/// The lines of the middle square of [H, W, C].
pub(crate) fn middle_lines<T>(image: &[T], [h, w, c]: [usize; 3]) -> impl Iterator<Item = &[T]> {
    let side = h.min(w);
    let (top, left) = ((h - side) / 2, (w - side) / 2);
    image.chunks_exact(w * c).skip(top).take(side).map(move |line| &line[left * c..(left + side) * c])
}

#[cfg(test)]
mod tests {
    use image::imageops::{self, FilterType};
    use image::{ImageBuffer, Rgb};

    use super::*;

    /// Against another implementation of the same filters.
    #[test]
    fn agrees_with_the_image_crate() {
        for (from, to, filter) in [
            (64, 32, FilterType::Lanczos3),
            (13, 5, FilterType::Lanczos3),
            (9, 1, FilterType::Lanczos3),
            (5, 13, FilterType::Triangle),
            (1, 4, FilterType::Triangle),
        ] {
            let pixels: Vec<f32> =
                (0..from * from * 3).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / 16_777_216.0).collect();
            let ours = Resampler::new(from as usize, to as usize).apply(&pixels, 3);
            let image = ImageBuffer::<Rgb<f32>, _>::from_raw(from, from, pixels).unwrap();
            let theirs = imageops::resize(&image, to, to, filter).into_raw();
            assert_eq!(ours.len(), theirs.len());
            let worst = ours.iter().zip(&theirs).map(|(a, b)| (a.clamp(0.0, 1.0) - b).abs()).fold(0.0, f32::max);
            assert!(worst <= 1e-5, "{from} -> {to}: {worst}");
        }
    }

    #[test]
    fn the_middle_of_both_orientations() {
        let numbers: Vec<u8> = (0..12).collect();
        assert_eq!(middle_square(&numbers, [2, 6, 1]), [2, 3, 8, 9]);
        assert_eq!(middle_square(&numbers, [3, 2, 2]), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(middle_square(&numbers, [6, 2, 1]), [4, 5, 6, 7]);
    }
}
