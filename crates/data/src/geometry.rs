//! From images as they are to images as a model wants them: channels, middle square, size, border.

use std::sync::Arc;

use rayon::prelude::*;

use crate::dataset::Dataset;
use crate::error::{DataError, Result};
use crate::parts::Values;
use crate::resample::{Resampler, middle_square};

const MOST_SIDE: usize = 4096;

/// What images become: [size, size, channels], the picture itself `inner` pixels wide in a black border.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Target {
    inner: [usize; 2],
    outer: [usize; 2],
    channels: usize,
}

/// Brings every image to `size` and `channels`; vectors pass unchanged when neither is asked for. 28 pixels become 32 by two black
/// pixels a side; otherwise the middle square is resized (`inner` pixels wide if given, the rest black). Grey is BT.601 luma. Levels
/// become 256 by resizing. Returns values and row shape, sharing memory where nothing changes.
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
    check_bytes(dataset, to)?;
    let shape = vec![to.outer[0], to.outer[1], to.channels];
    let resized = to.inner != [from[0], from[1]];
    let values = match dataset.values() {
        Values::Double(_) => return Err(refusal(dataset, "images", "its values are f64", "give them as f32")),
        Values::Levels { data, levels } => {
            let levels_after = if resized { 256 } else { *levels };
            let (scale, most) = ((levels_after - 1) as f32 / (levels - 1) as f32, (levels_after - 1) as f32);
            let store = |v: f32| v.round().clamp(0.0, most) as u8;
            let data = arrange_rows(data, from, to, |v| f32::from(v) * scale, store);
            Values::Levels { data: Arc::new(data), levels: levels_after }
        }
        Values::Continuous(data) => {
            let (low, high) = data.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
            if low >= 0.0 && high <= 1.0 {
                Values::Continuous(Arc::new(arrange_rows(data, from, to, |v| v, |v| v.clamp(0.0, 1.0))))
            } else {
                return Err(refusal(
                    dataset,
                    "images of another size or other channels",
                    &format!("its values reach from {low} to {high}, outside 0..1"),
                    &dataset.to_unit(),
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
            return Err(refusal(dataset, &format!("images of {to} channels"), &reason, "use images of 1 or 3 channels"));
        }
    };
    Ok(Target { inner, outer, channels })
}

/// Before any memory is taken: that all rows fit in what the data set may take.
fn check_bytes(dataset: &Dataset, to: Target) -> Result<()> {
    let (n_rows, [h, w], limit_bytes) = (dataset.n_rows(), to.outer, dataset.max_bytes());
    let bytes_per_value = if dataset.levels().is_some() { 1 } else { 4 };
    let claimed_bytes = [n_rows, h, w, to.channels].iter().fold(bytes_per_value, |all: u64, &n| all.saturating_mul(n as u64));
    if claimed_bytes <= limit_bytes {
        return Ok(());
    }
    let what = format!("{n_rows} prepared images of {h}x{w}x{}", to.channels);
    Err(DataError::TooLarge { origin: dataset.name().to_owned(), what, claimed_bytes, limit_bytes })
}

/// All rows, in parallel, worked on as f32: `load` reads a value, `store` rounds and clamps it.
fn arrange_rows<T, L, S>(data: &[T], from: [usize; 3], to: Target, load: L, store: S) -> Vec<T>
where
    T: Copy + Default + Send + Sync,
    L: Fn(T) -> f32 + Sync,
    S: Fn(f32) -> T + Sync,
{
    let [h, w, c] = from;
    let row_len = to.outer[0] * to.outer[1] * to.channels;
    let resampler = Resampler::new(h.min(w), to.inner[0]);
    let (top, left) = ((to.outer[0] - to.inner[0]) / 2, (to.outer[1] - to.inner[1]) / 2);
    let mut arranged = vec![T::default(); data.len() / (h * w * c) * row_len];
    arranged.par_chunks_exact_mut(row_len).zip(data.par_chunks_exact(h * w * c)).for_each(|(out, row)| {
        let mut image: Vec<f32> = row.iter().map(|&v| load(v)).collect();
        let mut n_channels = c;
        if to.channels < c {
            image = image.chunks_exact(3).map(|p| 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2]).collect();
            n_channels = 1;
        }
        if to.inner != [h, w] {
            image = resampler.apply(&middle_square(&image, [h, w, n_channels]), n_channels);
        }
        for (at, pixel) in image.chunks_exact(n_channels).enumerate() {
            let (y, x) = (top + at / to.inner[1], left + at % to.inner[1]);
            let place = &mut out[(y * to.outer[1] + x) * to.channels..][..to.channels];
            // Grey made RGB repeats its one value.
            place.iter_mut().zip(pixel.iter().cycle()).for_each(|(o, &v)| *o = store(v));
        }
    });
    arranged
}
