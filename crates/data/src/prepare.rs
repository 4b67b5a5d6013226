//! Preparation: data as read become f32 as a model wants them.

mod reduced;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::error::{DataError, Result};
use crate::geometry;
use crate::parts::{Split, Values};
use crate::random::{Draws, Stream};

/// How grey becomes bits. Written `threshold`, `fixed:SEED`, `dynamic`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binarise {
    /// 1 from the middle level on: 128 of 256, 8 of 17.
    Threshold,
    /// 1 with the pixel's brightness as probability, drawn once for each row and pixel from this seed.
    Fixed(u64),
    /// The same, drawn anew at every step from the batches' seed.
    Dynamic,
}

/// What the numbers are that a model gets. Written `raw`, `unit`, `signed`, `bits:BINARISE`, `levels:L`, `standard`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Encoding {
    /// As they were read: levels 0..L-1, or continuous values.
    Raw,
    /// 0 to 1: v / (levels - 1).
    #[default]
    Unit,
    /// -1 to 1: 2 v / (levels - 1) - 1.
    Signed,
    /// 0 or 1.
    Bits(Binarise),
    /// floor(v L / levels): 0 to L - 1.
    Levels(u32),
    /// (v - mean) / deviation, by column, both measured on the training split.
    Standard,
}

impl fmt::Display for Binarise {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Binarise::Threshold => f.write_str("threshold"),
            Binarise::Fixed(seed) => write!(f, "fixed:{seed}"),
            Binarise::Dynamic => f.write_str("dynamic"),
        }
    }
}

impl FromStr for Binarise {
    type Err = DataError;
    fn from_str(s: &str) -> Result<Self> {
        let fixed = || s.strip_prefix("fixed:").and_then(|seed| seed.parse().ok()).map(Binarise::Fixed);
        match s {
            "threshold" => Ok(Binarise::Threshold),
            "dynamic" => Ok(Binarise::Dynamic),
            _ => fixed().ok_or_else(|| DataError::Setting {
                key: "binarise",
                expected: "threshold, fixed:SEED or dynamic".into(),
                found: s.into(),
            }),
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Encoding::Raw => f.write_str("raw"),
            Encoding::Unit => f.write_str("unit"),
            Encoding::Signed => f.write_str("signed"),
            Encoding::Bits(binarise) => write!(f, "bits:{binarise}"),
            Encoding::Levels(levels) => write!(f, "levels:{levels}"),
            Encoding::Standard => f.write_str("standard"),
        }
    }
}

impl FromStr for Encoding {
    type Err = DataError;
    fn from_str(s: &str) -> Result<Self> {
        let levels = || s.strip_prefix("levels:").and_then(|l| l.parse().ok()).map(Encoding::Levels);
        match (s, s.strip_prefix("bits:")) {
            ("raw", _) => Ok(Encoding::Raw),
            ("unit", _) => Ok(Encoding::Unit),
            ("signed", _) => Ok(Encoding::Signed),
            ("standard", _) => Ok(Encoding::Standard),
            (_, Some(binarise)) => binarise.parse().map(Encoding::Bits),
            _ => levels().ok_or_else(|| DataError::Setting {
                key: "encoding",
                expected: "raw, unit, signed, bits:BINARISE, levels:L or standard".into(),
                found: s.into(),
            }),
        }
    }
}

impl From<Encoding> for String {
    fn from(encoding: Encoding) -> Self {
        encoding.to_string()
    }
}

impl TryFrom<String> for Encoding {
    type Error = DataError;
    fn try_from(s: String) -> Result<Self> {
        s.parse()
    }
}

/// What is done to every row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Preparation {
    /// Images become this many pixels high and wide; none leaves their size. 28 to 32 is two black pixels a side; otherwise the
    /// middle square is resized.
    pub size: Option<usize>,
    /// The picture itself is resized to this, in the middle of `size` black pixels; none means all of it.
    pub inner: Option<usize>,
    /// 1 (grey, BT.601) or 3 (RGB); none leaves them.
    pub channels: Option<usize>,
    /// Of each image of a training batch, resized to `size`, a square of this many pixels a side is cut at random; of others the middle
    /// one. None takes the whole.
    pub crop: Option<usize>,
    /// Half of a training batch, by chance, is mirrored left to right.
    pub flips: bool,
    pub encoding: Encoding,
}

/// Column means and deviations of the training split, over the D = H W C values of a row; a deviation of 0 counts as 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standard {
    pub mean: Vec<f64>,
    pub deviation: Vec<f64>,
}

/// When a row is drawn: what its flip and its dynamic bits depend on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) seed: u64,
    pub(crate) step: u64,
    /// Evaluation never flips, and cuts the middle.
    pub(crate) training: bool,
}

/// A data set of which every row is ready but for its encoding, which is applied as batches are made.
#[derive(Debug)]
pub struct Prepared {
    preparation: Preparation,
    /// Of a row as it is given: [H, W, C] or `[D]`.
    shape: Vec<usize>,
    /// Pixels a row of the images that a part is cut from; none where they are taken whole.
    uncut: Option<usize>,
    values: Values,
    n_rows: usize,
    labels: Option<Vec<u32>>,
    standard: Option<Standard>,
    /// What each level becomes; for bits drawn by chance its probability.
    of_level: Vec<f32>,
    /// The data set's name, for messages, and the most bytes that its rows may take.
    origin: String,
    max_bytes: u64,
}

impl Prepared {
    /// Prepares all rows of all splits; memory is shared with the data set where size and channels stay.
    ///
    /// Errors: images asked for of vectors; a change of channels other than 1 <-> 3; an encoding of 0..1 for continuous values
    /// outside it; levels other than 2 to 256; more memory than the data's `max_bytes`.
    pub fn new(dataset: &Dataset, preparation: &Preparation) -> Result<Self> {
        let mut prepared = Self::without_standard(dataset, preparation)?;
        if preparation.encoding == Encoding::Standard {
            let standard = prepared.measure(&dataset.rows(Split::Train)?);
            if let Some(at) = standard.deviation.iter().position(|d| !d.is_finite()) {
                return Err(DataError::Preparation {
                    origin: dataset.name().to_owned(),
                    wanted: "`standard`".into(),
                    reason: format!("the values of {} are too large to be squared", dataset.column(at)),
                    remedy: dataset.columns_without(&[at]).unwrap_or_else(|| "scale them down".into()),
                });
            }
            prepared.standard = Some(standard);
        }
        Ok(prepared)
    }

    /// As [`Prepared::new`], with means and deviations measured elsewhere: other data are scored by a run's own.
    ///
    /// Errors: also `standard` of another length than a row, or a deviation that is not above 0.
    pub fn with_standard(dataset: &Dataset, preparation: &Preparation, standard: Standard) -> Result<Self> {
        let mut prepared = Self::without_standard(dataset, preparation)?;
        let (expected, n_mean, n_deviation) = (prepared.n_values(), standard.mean.len(), standard.deviation.len());
        let positive = standard.deviation.iter().all(|&d| d.is_finite() && d > 0.0);
        if (n_mean, n_deviation) != (expected, expected) || !positive {
            let expected = format!("{expected} means and deviations above 0");
            let found = format!("{n_mean} means, {n_deviation} deviations");
            return Err(DataError::format(dataset.name(), expected, found));
        }
        prepared.standard = Some(standard);
        Ok(prepared)
    }

    fn without_standard(dataset: &Dataset, preparation: &Preparation) -> Result<Self> {
        let Preparation { size, inner, channels, crop, flips, encoding } = *preparation;
        let refusal = |reason: String, remedy: &str| DataError::Preparation {
            origin: dataset.name().to_owned(),
            wanted: format!("`{encoding}`"),
            reason,
            remedy: remedy.to_owned(),
        };
        if let Encoding::Levels(levels) = encoding
            && !(2..=256).contains(&levels)
        {
            return Err(DataError::Setting { key: "levels", expected: "2 to 256".into(), found: levels.to_string() });
        }
        if flips && dataset.image_shape().is_none() {
            return Err(refusal("flips are for images, its rows are vectors".into(), "use flips=false"));
        }
        let (values, mut shape) = geometry::arrange(dataset, size, inner, channels)?;
        let uncut = crop.map(|crop| cut(&mut shape, crop)).transpose()?;
        if !matches!((&values, encoding), (Values::Levels { .. }, _) | (_, Encoding::Raw | Encoding::Standard))
            && let Some(at) = (0..values.len()).find(|&at| !(0.0..=1.0).contains(&values.get(at)))
        {
            let (row, column) = (at / dataset.n_values(), at % dataset.n_values());
            let reason = format!("row {row}, column {column} is {}, outside 0..1", values.get(at));
            return Err(refusal(reason, &dataset.to_unit()));
        }
        let of_level = match &values {
            Values::Levels { levels, .. } => (0..*levels).map(|v| encode_level(v, *levels, encoding)).collect(),
            Values::Continuous(_) | Values::Double(_) => vec![],
        };
        let (n_rows, labels) = (dataset.n_rows(), dataset.labels().map(<[u32]>::to_vec));
        let (preparation, origin, max_bytes) = (preparation.clone(), dataset.name().to_owned(), dataset.max_bytes());
        Ok(Prepared { preparation, shape, uncut, values, n_rows, labels, standard: None, of_level, origin, max_bytes })
    }

    /// The shape of one row: [H, W, C] or `[D]`.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// How many values a row has.
    pub fn n_values(&self) -> usize {
        self.shape.iter().product()
    }

    /// How many rows there are in all splits.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// How many values each number can take as it is given to a model: 2 for bits, L for levels, none for continuous ones.
    pub fn levels(&self) -> Option<u32> {
        match (self.preparation.encoding, &self.values) {
            (Encoding::Bits(_), _) => Some(2),
            (Encoding::Levels(levels), _) => Some(levels),
            (Encoding::Raw, Values::Levels { levels, .. }) => Some(*levels),
            _ => None,
        }
    }

    /// Means and deviations, for [`Encoding::Standard`].
    pub fn standard(&self) -> Option<&Standard> {
        self.standard.as_ref()
    }

    /// What was asked for.
    pub fn preparation(&self) -> &Preparation {
        &self.preparation
    }

    /// Each row's class, if there are classes.
    pub fn labels(&self) -> Option<&[u32]> {
        self.labels.as_deref()
    }

    /// Writes one encoded row.
    pub(crate) fn fill(&self, row: u32, moment: Moment, out: &mut [f32]) {
        match (self.uncut, self.shape.as_slice()) {
            (Some(side), &[height, width, channels]) => {
                let [top, left] = corner(side, [height, width], row, moment);
                let start = row as usize * side * side * channels;
                for (y, line) in out.chunks_exact_mut(width * channels).enumerate() {
                    self.encode(start + ((top + y) * side + left) * channels, line);
                }
            }
            _ => self.encode(row as usize * self.n_values(), out),
        }
        match self.preparation.encoding {
            Encoding::Bits(Binarise::Fixed(seed)) => draw_bits(&Draws::new(seed, Stream::BinariseFixed, 0), row, out),
            Encoding::Bits(Binarise::Dynamic) => {
                draw_bits(&Draws::new(moment.seed, Stream::BinariseDynamic, moment.step), row, out);
            }
            _ => {}
        }
        self.mirrored(row, moment, out);
    }

    /// Writes values from `start` on.
    fn encode(&self, start: usize, out: &mut [f32]) {
        let span = start..start + out.len();
        if let Some(Standard { mean, deviation }) = &self.standard {
            // In f64, so that columns far from 0 keep their digits.
            for (column, o) in out.iter_mut().enumerate() {
                *o = ((self.values.get(start + column) - mean[column]) / deviation[column]) as f32;
            }
            return;
        }
        match &self.values {
            Values::Levels { data, .. } => {
                out.iter_mut().zip(&data[span]).for_each(|(o, &v)| *o = self.of_level[usize::from(v)]);
            }
            Values::Continuous(data) => {
                out.iter_mut().zip(&data[span]).for_each(|(o, &v)| *o = encode_unit(v, self.preparation.encoding));
            }
            Values::Double(data) => {
                out.iter_mut().zip(&data[span]).for_each(|(o, &v)| *o = encode_unit(v as f32, self.preparation.encoding));
            }
        }
    }

    /// Mirrors a row of which the toss at that moment says so.
    fn mirrored(&self, row: u32, moment: Moment, out: &mut [f32]) {
        let tossed = || Draws::new(moment.seed, Stream::Flip, moment.step).block(row, 0)[0] & 1 == 1;
        if self.preparation.flips && moment.training && tossed() {
            mirror(&self.shape, out);
        }
    }

    /// Column means and deviations of `rows`, in f64.
    fn measure(&self, rows: &[u32]) -> Standard {
        let d = self.n_values();
        let value = |row: u32, column: usize| self.values.get(row as usize * d + column);
        let mean_of = |f: &dyn Fn(u32, usize) -> f64| -> Vec<f64> {
            (0..d).map(|column| rows.iter().map(|&row| f(row, column)).sum::<f64>() / rows.len().max(1) as f64).collect()
        };
        let mean = mean_of(&value);
        let variance = mean_of(&|row, column| (value(row, column) - mean[column]).powi(2));
        // The mean of equal values is not always quite their value, and the deviation then not quite 0.
        let constant = |column: usize| rows.iter().all(|&row| value(row, column) == value(rows[0], column));
        let deviation = |(column, v): (usize, f64)| match v.sqrt() {
            deviation if deviation > 0.0 && !constant(column) => deviation,
            _ => 1.0,
        };
        let deviation = variance.into_iter().enumerate().map(deviation).collect();
        Standard { mean, deviation }
    }
}

fn encode_level(v: u32, levels: u32, encoding: Encoding) -> f32 {
    let unit = v as f32 / (levels - 1) as f32;
    match encoding {
        Encoding::Raw | Encoding::Standard => v as f32,
        Encoding::Unit | Encoding::Bits(Binarise::Fixed(_) | Binarise::Dynamic) => unit,
        Encoding::Signed => 2.0 * unit - 1.0,
        Encoding::Bits(Binarise::Threshold) => f32::from(v >= levels / 2),
        Encoding::Levels(wanted) => (v * wanted / levels) as f32,
    }
}

/// `v` lies in 0..=1, but for `Raw` and `Standard`.
fn encode_unit(v: f32, encoding: Encoding) -> f32 {
    match encoding {
        Encoding::Raw | Encoding::Standard | Encoding::Unit => v,
        Encoding::Bits(Binarise::Fixed(_) | Binarise::Dynamic) => v,
        Encoding::Signed => 2.0 * v - 1.0,
        Encoding::Bits(Binarise::Threshold) => f32::from(v >= 0.5),
        Encoding::Levels(wanted) => (v * wanted as f32).floor().min(wanted as f32 - 1.0),
    }
}

/// Probabilities become bits: 1 where u < p.
fn draw_bits(draws: &Draws, row: u32, out: &mut [f32]) {
    for (block, values) in out.chunks_mut(4).enumerate() {
        let uniforms = draws.uniforms(row, block as u32);
        values.iter_mut().zip(uniforms).for_each(|(p, u)| *p = f32::from(u < *p));
    }
}

/// Makes a shape [S, S, C] that of squares of `crop` pixels a side, and gives S.
fn cut(shape: &mut [usize], crop: usize) -> Result<usize> {
    match shape {
        [height, width, _] if height == width && (1..=*height).contains(&crop) => {
            let side = *height;
            (*height, *width) = (crop, crop);
            Ok(side)
        }
        other => Err(DataError::Setting {
            key: "crop",
            expected: format!("at most a side of square images; the rows are {other:?}"),
            found: crop.to_string(),
        }),
    }
}

/// Where a part of [height, width] pixels begins in a square of `side`: at random in training, else in the middle.
fn corner(side: usize, part: [usize; 2], row: u32, moment: Moment) -> [usize; 2] {
    let words = Draws::new(moment.seed, Stream::Crop, moment.step).block(row, 0);
    [0, 1].map(|axis| {
        let room = side - part[axis];
        match moment.training {
            true => ((u64::from(words[axis]) * (room as u64 + 1)) >> 32) as usize,
            false => room / 2,
        }
    })
}

/// Mirrors [H, W, C] left to right.
fn mirror(shape: &[usize], out: &mut [f32]) {
    if let &[_, w, c] = shape {
        for line in out.chunks_exact_mut(w * c) {
            for x in 0..w / 2 {
                (0..c).for_each(|channel| line.swap(x * c + channel, (w - 1 - x) * c + channel));
            }
        }
    }
}
