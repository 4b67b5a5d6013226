//! From images as they are to images as a model wants them: channels, middle square, size, border.

use std::sync::Arc;

use image::imageops::{self, FilterType};
use image::{ImageBuffer, Luma, Primitive};
use rayon::prelude::*;

use crate::dataset::{Dataset, Values};
use crate::error::{DataError, Result};

/// Prepared data never take more than this.
const MOST_BYTES: u64 = 32 << 30;
const MOST_SIDE: usize = 4096;

/// What images become: [size, size, channels], the picture itself `inner` pixels wide in a black border.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Target {
    inner: [usize; 2],
    outer: [usize; 2],
    channels: usize,
}

/// Brings every image to `size` and `channels`; vectors pass unchanged when neither is asked for. 28 pixels become 32 by two black
/// pixels a side; otherwise the middle square is resized (`inner` pixels wide if given, the rest black): Lanczos 3 when it shrinks,
/// bilinear when it grows. Levels become 256 by resizing. Returns values and row shape, sharing memory where nothing changes.
pub(crate) fn arrange(
    dataset: &Dataset,
    size: Option<usize>,
    inner: Option<usize>,
    channels: Option<usize>,
) -> Result<(Values, Vec<usize>)> {
    let unchanged = || (dataset.values().clone(), dataset.shape().to_vec());
    let Some(from) = dataset.image_shape() else {
        return match (size, inner, channels) {
            (None, None, None) => Ok(unchanged()),
            _ => Err(refusal(dataset, "images", "its rows are vectors", "leave out size, inner and channels")),
        };
    };
    let to = target(dataset, from, size, inner, channels)?;
    if (to.outer, to.inner, to.channels) == ([from[0], from[1]], to.outer, from[2]) {
        return Ok(unchanged());
    }
    let shape = vec![to.outer[0], to.outer[1], to.channels];
    let resized = to.inner != [from[0], from[1]];
    let values = match dataset.values() {
        Values::Levels { data, levels } => {
            let widened: Vec<u8>;
            let promote = resized && *levels < 256;
            let pixels = if promote {
                let most = *levels - 1;
                widened = data.iter().map(|&v| ((u32::from(v) * 255 + most / 2) / most) as u8).collect();
                &widened
            } else {
                data.as_ref()
            };
            Values::Levels {
                data: Arc::new(arrange_rows(pixels, from, to, grey_u8)),
                levels: if promote { 256 } else { *levels },
            }
        }
        Values::Continuous(data) => {
            let (low, high) = data.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
            if low >= 0.0 && high <= 1.0 {
                Values::Continuous(Arc::new(arrange_rows(data, from, to, grey_f32)))
            } else {
                return Err(refusal(
                    dataset,
                    "images of another size or other channels",
                    &format!("its values reach from {low} to {high}, outside 0..1"),
                    "bring them to 0..1, or leave size and channels as they are",
                ));
            }
        }
    };
    Ok((values, shape))
}

fn refusal(dataset: &Dataset, wanted: &str, reason: &str, remedy: &str) -> DataError {
    let [origin, wanted, reason, remedy] = [dataset.name(), wanted, reason, remedy].map(str::to_owned);
    DataError::Preparation { origin, wanted, reason, remedy }
}

fn target(
    dataset: &Dataset,
    [h, w, c]: [usize; 3],
    size: Option<usize>,
    inner: Option<usize>,
    channels: Option<usize>,
) -> Result<Target> {
    let setting = |key, expected: String, found: usize| DataError::Setting { key, expected, found: found.to_string() };
    let outer = match size {
        None => [h, w],
        Some(s @ 1..=MOST_SIDE) => [s, s],
        Some(other) => return Err(setting("size", format!("1 to {MOST_SIDE}"), other)),
    };
    let inner = match inner {
        Some(i) if i >= 1 && i <= outer[0].min(outer[1]) => [i, i],
        Some(other) => return Err(setting("inner", format!("1 to the size, {}", outer[0].min(outer[1])), other)),
        None if [h, w] == [28, 28] && outer == [32, 32] => [28, 28],
        None => outer,
    };
    let channels = match channels {
        None => c,
        Some(to) if to == c || matches!((c, to), (1, 3) | (3, 1)) => to,
        Some(to) => {
            let reason = format!("it has {c} channels");
            return Err(refusal(dataset, &format!("images of {to} channels"), &reason, "use its own number, or 1 <-> 3"));
        }
    };
    let bytes_per_value = if dataset.levels().is_some() { 1 } else { 4 };
    let row_bytes = (outer[0] * outer[1]) as u64 * channels as u64 * bytes_per_value;
    let claimed_bytes = row_bytes.saturating_mul(dataset.n_rows() as u64);
    if claimed_bytes > MOST_BYTES {
        let what = format!("{} prepared images of {}x{}x{channels}", dataset.n_rows(), outer[0], outer[1]);
        let origin = dataset.name().to_owned();
        return Err(DataError::TooLarge { origin, what, claimed_bytes, limit_bytes: MOST_BYTES });
    }
    Ok(Target { inner, outer, channels })
}

/// All rows, in parallel; `grey` makes one value of [R, G, B].
fn arrange_rows<T>(data: &[T], from: [usize; 3], to: Target, grey: fn([T; 3]) -> T) -> Vec<T>
where
    T: Primitive + Default + Send + Sync + 'static,
{
    let [h, w, c] = from;
    let row_len = to.outer[0] * to.outer[1] * to.channels;
    let mut arranged = vec![T::default(); data.len() / (h * w * c) * row_len];
    arranged.par_chunks_exact_mut(row_len).zip(data.par_chunks_exact(h * w * c)).for_each(|(out, row)| {
        let planes: Vec<Vec<T>> = if to.channels < c {
            vec![row.chunks_exact(3).map(|p| grey([p[0], p[1], p[2]])).collect()]
        } else {
            (0..c).map(|channel| row.iter().skip(channel).step_by(c).copied().collect()).collect()
        };
        let (top, left) = ((to.outer[0] - to.inner[0]) / 2, (to.outer[1] - to.inner[1]) / 2);
        for (nth, plane) in planes.into_iter().enumerate() {
            let plane = resize(plane, [h, w], to.inner);
            // One plane fills every channel of grey made RGB.
            let channels = if c < to.channels { 0..to.channels } else { nth..nth + 1 };
            for (at, value) in plane.into_iter().enumerate() {
                let (y, x) = (top + at / to.inner[1], left + at % to.inner[1]);
                channels.clone().for_each(|channel| out[(y * to.outer[1] + x) * to.channels + channel] = value);
            }
        }
    });
    arranged
}

/// The middle part of a plane [h, w] that has the target's proportions, resized to it.
fn resize<T: Primitive + 'static>(plane: Vec<T>, [h, w]: [usize; 2], to: [usize; 2]) -> Vec<T> {
    if [h, w] == to {
        return plane;
    }
    let side = h.min(w);
    let square = (0..side).flat_map(|y| {
        let start = ((h - side) / 2 + y) * w + (w - side) / 2;
        plane[start..start + side].iter().copied()
    });
    let square: Vec<T> = square.collect();
    if [side, side] == to {
        return square;
    }
    let filter = if to[0] < side { FilterType::Lanczos3 } else { FilterType::Triangle };
    match ImageBuffer::<Luma<T>, _>::from_raw(side as u32, side as u32, square) {
        Some(square) => imageops::resize(&square, to[1] as u32, to[0] as u32, filter).into_raw(),
        None => unreachable!("a square of side^2 values"),
    }
}

/// ITU-R BT.601 luma, rounded.
fn grey_u8([r, g, b]: [u8; 3]) -> u8 {
    ((299 * u32::from(r) + 587 * u32::from(g) + 114 * u32::from(b) + 500) / 1000) as u8
}

fn grey_f32([r, g, b]: [f32; 3]) -> f32 {
    (0.299 * r + 0.587 * g + 0.114 * b).clamp(0.0, 1.0)
}
