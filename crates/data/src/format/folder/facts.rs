//! What is known of images that were read as rows.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::rows::first_channel;
use crate::options::Range;
use crate::parts::{LeftOut, Values};

/// The largest value of 16 bits.
pub(super) const MOST_16: f32 = 65_535.0;

/// What was found while images were read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Facts {
    /// Of a row: [H, W, C].
    pub(super) shape: [usize; 3],
    /// Places of the files that became rows.
    pub(super) kept: Vec<u32>,
    /// Width and height of the images.
    pub(super) sizes: BTreeSet<(u32, u32)>,
    /// Whether they were resized though no size was asked for.
    pub(super) resized: bool,
    /// JPEGs whose end marker is missing.
    pub(super) no_end: Vec<String>,
    /// Files that could not be read, each with the reason.
    pub(super) unreadable: Vec<String>,
    /// The least and the largest value, where images of 16 bits are among them: of 0 to 65,535.
    pub(super) wide: Option<[f32; 2]>,
    /// What becomes 0 and 1 of these.
    pub(super) range: Option<[f64; 2]>,
    /// Whether a range was asked for of images that have none.
    pub(super) idle_range: bool,
    /// The least and the largest value of rows of f32.
    pub(super) bounds: Option<[f32; 2]>,
    /// Whether the rows were read before.
    #[serde(skip)]
    pub(super) cached: bool,
}

/// The values of all rows.
pub(super) enum Rows {
    Levels(Vec<u8>),
    Continuous(Vec<f32>),
}

impl Rows {
    pub(super) fn into_values(self) -> Values {
        match self {
            Rows::Levels(data) => Values::Levels { data: Arc::new(data), levels: 256 },
            Rows::Continuous(data) => Values::Continuous(Arc::new(data)),
        }
    }

    /// The first of three channels: all of a grey picture.
    pub(super) fn first_channel(self) -> Self {
        match self {
            Rows::Levels(rgb) => Rows::Levels(first_channel(&rgb)),
            Rows::Continuous(rgb) => Rows::Continuous(first_channel(&rgb)),
        }
    }
}

impl Facts {
    /// What a person should know.
    pub(super) fn notes(&self) -> Vec<String> {
        let resized = self.resized.then(|| resized(&self.sizes, self.shape[0]));
        let no_end = LeftOut::new("JPEGs have no end marker, and may have been cut off", &self.no_end);
        let wide = self.wide.map(|[_, largest]| match self.range {
            Some([low, high]) => format!("images of 16 bits: {low} to {high} became 0 to 1"),
            None if largest < 0.5 * MOST_16 => format!(
                "images of 16 bits, whose largest value is {largest} of 65535: they are dark; --set range=0..{largest} makes it white"
            ),
            None => format!("images of 16 bits, whose largest value is {largest} of 65535"),
        });
        let idle = self.idle_range.then(|| "range has no effect: the images have 8 bits".to_owned());
        let cached = self.cached.then(|| "decoded images were taken from the cache; --no-cache decodes them again".to_owned());
        let no_end = (no_end.n > 0).then(|| no_end.to_string());
        [resized, no_end, wide, idle, cached].into_iter().flatten().collect()
    }

    /// The files that could not be read, all by name.
    pub(super) fn broken(&self) -> Option<LeftOut> {
        let (n, names) = (self.unreadable.len(), self.unreadable.clone());
        (n > 0).then(|| LeftOut { what: "images that cannot be read".into(), n, names })
    }

    /// Of rows that were read before.
    pub(super) fn taken_from_cache(self) -> Self {
        Facts { cached: true, ..self }
    }

    /// What becomes 0 and 1 of the values of images of 16 bits.
    pub(super) fn range(&self) -> Option<Range> {
        self.wide.map(|_| self.range.map_or(Range::Between(0.0, MOST_16.into()), |[low, high]| Range::Between(low, high)))
    }
}

/// `images of 3 sizes, 1x1 to 200x300, resized to 64x64`: height x width
fn resized(sizes: &BTreeSet<(u32, u32)>, side: usize) -> String {
    let area = |&(w, h): &(u32, u32)| u64::from(w) * u64::from(h);
    let shown = |size: Option<(u32, u32)>| size.map_or_else(String::new, |(w, h)| format!("{h}x{w}"));
    let (least, most) = (sizes.iter().copied().min_by_key(area), sizes.iter().copied().max_by_key(area));
    let from = match sizes.len() {
        1 => shown(least),
        n => format!("{n} sizes, {} to {}", shown(least), shown(most)),
    };
    format!("images of {from}, resized to {side}x{side} from the middle square of each; use --set size=… for another size")
}
