//! Prepared images at smaller sizes, for models that grow: each pixel is the mean of a square of pixels of the full size.

use std::sync::Arc;

use rayon::prelude::*;

use super::{Encoding, Prepared, encode_level};
use crate::error::{DataError, Result};
use crate::parts::Values;

impl Prepared {
    /// The same rows at each of `sides` pixels a side, in that order. Levels become 256, each rounded to the nearest from the mean of
    /// the full size; continuous values stay so. Flips fall as they do at the full size.
    ///
    /// Errors: rows that are no square images; a side that is not theirs divided by a whole number; `raw` or `standard` values; more
    /// memory, with the full size, than the data's `max_bytes`.
    pub fn reduced(&self, sides: &[usize]) -> Result<Vec<Prepared>> {
        let refusal = |reason: String| DataError::Preparation {
            origin: self.origin.clone(),
            wanted: "images at smaller sizes".into(),
            reason,
            remedy: "use whole square images as `unit`, `signed`, `levels` or `bits`".into(),
        };
        let &[height, width, channels] = self.shape.as_slice() else {
            return Err(refusal("its rows are vectors".into()));
        };
        if height != width || self.uncut.is_some() || matches!(self.preparation.encoding, Encoding::Raw | Encoding::Standard) {
            return Err(refusal(format!("its images are {height}x{width}, as `{}`", self.preparation.encoding)));
        }
        if let Some(side) = sides.iter().find(|side| **side == 0 || !height.is_multiple_of(**side)) {
            let expected = format!("a whole part of the {height} pixels of the images");
            return Err(DataError::Setting { key: "side", expected, found: side.to_string() });
        }
        let bytes_per_value = if matches!(self.values, Values::Levels { .. }) { 1 } else { 4 };
        let bytes = |side: usize| (self.n_rows * side * side * channels) as u64 * bytes_per_value;
        let claimed_bytes = sides.iter().map(|&side| bytes(side)).sum::<u64>() + bytes(height);
        if claimed_bytes > self.max_bytes {
            let what = format!("{} prepared images of {height}x{width}x{channels} and of its smaller sizes", self.n_rows);
            return Err(DataError::TooLarge { origin: self.origin.clone(), what, claimed_bytes, limit_bytes: self.max_bytes });
        }
        sides
            .iter()
            .map(|&side| self.at_side(side, [height, channels]).ok_or_else(|| refusal("its values are f64".into())))
            .collect()
    }

    fn at_side(&self, side: usize, [full, channels]: [usize; 2]) -> Option<Prepared> {
        let place = Place { full, side, channels };
        let n = (full / side).pow(2) as f64;
        let values = match &self.values {
            Values::Levels { data, levels } => {
                let scale = 255.0 / f64::from(levels - 1) / n;
                let store = |sum: f64| (sum * scale).round() as u8;
                Values::Levels { data: Arc::new(place.sums(data, f64::from, store)), levels: 256 }
            }
            Values::Continuous(data) => Values::Continuous(Arc::new(place.sums(data, f64::from, |sum| (sum / n) as f32))),
            Values::Double(_) => return None,
        };
        let of_level = match &values {
            Values::Levels { levels, .. } => (0..*levels).map(|v| encode_level(v, *levels, self.preparation.encoding)).collect(),
            Values::Continuous(_) | Values::Double(_) => vec![],
        };
        let (preparation, labels) = (self.preparation.clone(), self.labels.clone());
        let shape = vec![side, side, channels];
        let (origin, max_bytes, n_rows) = (self.origin.clone(), self.max_bytes, self.n_rows);
        Some(Prepared { preparation, shape, uncut: None, values, n_rows, labels, standard: None, of_level, origin, max_bytes })
    }
}

/// From images [full, full, channels] to [side, side, channels].
#[derive(Clone, Copy)]
struct Place {
    full: usize,
    side: usize,
    channels: usize,
}

impl Place {
    /// What `store` makes of the sum over each square, of all rows, in parallel.
    fn sums<T: Copy + Default + Send + Sync>(
        self,
        data: &[T],
        load: impl Fn(T) -> f64 + Sync,
        store: impl Fn(f64) -> T + Sync,
    ) -> Vec<T> {
        let Place { full, side, channels } = self;
        let (wide, factor) = (side * side * channels, full / side);
        let mut reduced = vec![T::default(); data.len() / (full * full * channels) * wide];
        reduced.par_chunks_exact_mut(wide).zip(data.par_chunks_exact(full * full * channels)).for_each(|(out, row)| {
            for (at, o) in out.iter_mut().enumerate() {
                let (y, x, c) = (at / (side * channels), at / channels % side, at % channels);
                let line = |dy: usize| &row[((y * factor + dy) * full + x * factor) * channels..][..factor * channels];
                *o = store((0..factor).flat_map(|dy| line(dy).iter().skip(c).step_by(channels)).map(|&v| load(v)).sum());
            }
        });
        reduced
    }
}
