//! From pictures to rows of one size: as they are, or their middle squares resized.

use image::DynamicImage;

use crate::format::decode::on_white;
use crate::resample::{Resampler, middle_lines, middle_square};

/// What every picture becomes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Form {
    pub(super) size: Size,
    /// Made grey while it is read; else RGB.
    pub(super) grey: bool,
}

/// Of a row, in pixels.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Size {
    /// Height and width that all pictures have.
    Own([usize; 2]),
    /// The middle squares, resized to this side.
    Square(usize),
}

impl Form {
    /// [H, W, C].
    pub(super) fn shape(&self) -> [usize; 3] {
        let [h, w] = match self.size {
            Size::Own(size) => size,
            Size::Square(side) => [side; 2],
        };
        [h, w, if self.grey { 1 } else { 3 }]
    }
}

/// What rows are made of: u8 of 256 levels, or f32 of 0 to 1 where pictures have more.
pub(crate) trait Sample: Copy + PartialEq + Send + Sync + 'static {
    /// Of 0 to [`Sample::WHITE`], which a resized value may pass a little.
    fn of(v: f32) -> Self;
    fn get(self) -> f32;
    const WHITE: f32;
    /// A picture over white, [H, W, 3].
    fn rgb(picture: DynamicImage) -> Vec<Self>;
}

impl Sample for u8 {
    const WHITE: f32 = 255.0;
    fn of(v: f32) -> Self {
        // Rounds halves up, as `round` does where numbers are not negative, but without a call for each.
        let v = v.clamp(0.0, 255.0);
        let whole = v as u8;
        whole + u8::from(v - f32::from(whole) >= 0.5)
    }
    fn get(self) -> f32 {
        self.into()
    }
    fn rgb(picture: DynamicImage) -> Vec<Self> {
        on_white(picture).into_raw()
    }
}

impl Sample for f32 {
    const WHITE: f32 = 1.0;
    fn of(v: f32) -> Self {
        v.clamp(0.0, 1.0)
    }
    fn get(self) -> f32 {
        self
    }
    fn rgb(picture: DynamicImage) -> Vec<Self> {
        match picture.color().has_alpha() {
            false => picture.into_rgb32f().into_raw(),
            true => {
                let over = |p: &[f32]| [p[0], p[1], p[2]].map(|c| p[3] * c + (1.0 - p[3]));
                picture.into_rgba32f().as_raw().chunks_exact(4).flat_map(over).collect()
            }
        }
    }
}

/// Resizes; remembers the weights of the side that it met last.
#[derive(Default)]
pub(super) struct Resizer {
    last: Option<(usize, usize, Resampler)>,
}

impl Resizer {
    fn to(&mut self, from: usize, to: usize) -> &Resampler {
        let known = matches!(self.last, Some((f, t, _)) if (f, t) == (from, to));
        let (.., resampler) = match self.last.take().filter(|_| known) {
            Some(same) => self.last.insert(same),
            None => self.last.insert((from, to, Resampler::new(from, to))),
        };
        resampler
    }
}

/// The pixels [H, W, 3] of a picture of this height and width as a row of this form; none if it is to keep its size and has another.
pub(super) fn row<T: Sample>(rgb: Vec<T>, [h, w]: [usize; 2], form: &Form, resizer: &mut Resizer) -> Option<Vec<T>> {
    match form.size {
        Size::Own(size) if size != [h, w] => None,
        Size::Own(_) if form.grey => Some(rgb.chunks_exact(3).map(|p| T::of(luma(p))).collect()),
        Size::Own(_) => Some(rgb),
        Size::Square(side) => {
            if h.min(w) == side && !form.grey {
                return Some(if h == w { rgb } else { middle_square(&rgb, [h, w, 3]) });
            }
            let resampler = resizer.to(h.min(w), side);
            let lines = middle_lines(&rgb, [h, w, 3]);
            let resized = match form.grey {
                true => resampler.apply_lines(lines, 1, |line, out| out.extend(line.chunks_exact(3).map(luma))),
                false => resampler.apply_lines(lines, 3, |line, out| out.extend(line.iter().map(|v| v.get()))),
            };
            Some(resized.into_iter().map(T::of).collect())
        }
    }
}

/// Grey of an RGB pixel, BT.601; one that is grey stays as it is, which the sum of its rounded parts is not always.
pub(crate) fn luma<T: Sample>(p: &[T]) -> f32 {
    if p[0] == p[1] && p[1] == p[2] {
        return p[0].get();
    }
    0.299 * p[0].get() + 0.587 * p[1].get() + 0.114 * p[2].get()
}

/// Whether all pixels of a row [.., 3] are grey.
pub(super) fn is_grey<T: Sample>(rgb: &[T]) -> bool {
    rgb.chunks_exact(3).all(|p| p[0] == p[1] && p[1] == p[2])
}

/// One channel of a grey row [.., 3].
pub(super) fn first_channel<T: Sample>(rgb: &[T]) -> Vec<T> {
    rgb.iter().step_by(3).copied().collect()
}

/// Whether a picture has more than 256 levels.
pub(super) fn is_wide(picture: &DynamicImage) -> bool {
    let color = picture.color();
    color.bytes_per_pixel() > color.channel_count()
}

#[cfg(test)]
mod tests {
    use image::{GrayImage, Luma, RgbaImage};

    use crate::format::decode::over_white;

    use super::*;

    #[test]
    fn eight_and_sixteen_bits_of_one_picture_agree() {
        let grey = GrayImage::from_fn(9, 6, |x, y| Luma([(20 * x + 9 * y) as u8]));
        let wide = DynamicImage::from(grey.clone()).into_luma16();
        for size in [Size::Own([6, 9]), Size::Square(6), Size::Square(4), Size::Square(11)] {
            for grey_wanted in [false, true] {
                let form = Form { size: size.clone(), grey: grey_wanted };
                let eight = row::<u8>(u8::rgb(grey.clone().into()), [6, 9], &form, &mut Resizer::default()).expect("it fits");
                let more = row::<f32>(f32::rgb(wide.clone().into()), [6, 9], &form, &mut Resizer::default()).expect("it fits");
                assert_eq!(eight.len(), form.shape().iter().product::<usize>());
                assert!(eight.iter().zip(&more).all(|(&a, &b)| (f32::from(a) - 255.0 * b).abs() < 0.51), "{form:?}");
                assert!(grey_wanted || (is_grey(&eight) && is_grey(&more)));
            }
        }
        assert!(is_wide(&wide.into()) && !is_wide(&grey.into()));
    }

    #[test]
    fn transparent_pixels_are_white_in_both() {
        let picture = RgbaImage::from_fn(2, 1, |x, _| image::Rgba([0, 100, 0, [0, 51][x as usize]]));
        let form = Form { size: Size::Own([1, 2]), grey: false };
        let eight = row(u8::rgb(picture.clone().into()), [1, 2], &form, &mut Resizer::default()).expect("it fits");
        let more = row(f32::rgb(picture.into()), [1, 2], &form, &mut Resizer::default()).expect("it fits");
        assert_eq!(eight, [255, 255, 255, 204, 224, 204]);
        assert!(eight.iter().zip(&more).all(|(&a, &b)| (f32::from(a) - 255.0 * b).abs() < 0.51), "{more:?}");
        assert_eq!(over_white(100, 51), 224);
        assert!(!is_grey(&eight));
    }
}
