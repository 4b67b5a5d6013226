//! Reads images chunk by chunk, decoded in parallel, and hands their rows over in order: memory grows with what is kept alone.

use rayon::prelude::*;

use super::cache;
use super::facts::{Facts, MOST_16, Rows};
use super::rows::{Form, Resizer, Sample, Size, is_grey, is_wide, row};
use super::tree::{Entry, Tree};
use crate::error::{DataError, Result};
use crate::format::decode::{MOST_FILE_BYTES, decode};
use crate::options::{Broken, Options, Range};
use crate::parts::LeftOut;

/// Where no size is asked for, images of one size keep it if no side is longer.
const MOST_KEPT_SIDE: u32 = 256;
/// Images that are decoded before their rows are handed over: so many, or what takes so much memory.
const CHUNK: usize = 512;
const CHUNK_BYTES: usize = 256 << 20;

/// Reads all images as rows, from the cache if they were read before.
///
/// Errors: an image that cannot be decoded, unless `options.broken` says otherwise; no image that can; more bytes than `options.max_bytes`.
pub(super) fn all(name: &str, tree: &Tree, files: &[Entry], options: &Options) -> Result<(Facts, Rows)> {
    let kept = cache::Place::of(tree, files, options);
    if let Some((facts, rows)) = kept.as_ref().and_then(|place| place.read(options)) {
        return checked(name, files.len(), facts, options).map(|facts| (facts, rows));
    }
    let reading = Reading { name, tree, files, options };
    let reserve = |form: &Form| files.len() * form.shape().iter().product::<usize>();
    let (facts, rows) = match reading.read(|form| Vec::<u8>::with_capacity(reserve(form)))? {
        Some((facts, levels)) => (facts, Rows::Levels(levels)),
        None => {
            let read = reading.read(|form| Vec::<f32>::with_capacity(reserve(form)))?;
            let (facts, values) = read.ok_or_else(|| reading.nothing())?;
            (facts, Rows::Continuous(values))
        }
    };
    let (facts, rows) = if options.channels.is_none() && facts.shape[2] == 3 { one_channel(facts, rows) } else { (facts, rows) };
    if let Some(place) = kept {
        place.write(&facts, &rows, options);
    }
    checked(name, files.len(), facts, options).map(|facts| (facts, rows))
}

/// Facts, unless images are unreadable that should not be.
pub(super) fn checked(name: &str, of: usize, facts: Facts, options: &Options) -> Result<Facts> {
    let n = facts.unreadable.len();
    if n > 0 && (options.broken == Broken::Error || facts.kept.is_empty()) {
        let first = facts.unreadable.iter().take(LeftOut::MOST_NAMED).cloned().collect();
        return Err(DataError::Broken { origin: name.to_owned(), n, of, first });
    }
    Ok(facts)
}

/// Rows of one channel, if all of them are grey.
fn one_channel(mut facts: Facts, rows: Rows) -> (Facts, Rows) {
    let grey = match &rows {
        Rows::Levels(rgb) => rgb.par_chunks(3 << 16).all(is_grey),
        Rows::Continuous(rgb) => rgb.par_chunks(3 << 16).all(is_grey),
    };
    if !grey {
        return (facts, rows);
    }
    facts.shape[2] = 1;
    (facts, rows.first_channel())
}

/// Takes rows in their order.
pub(super) trait Sink<T> {
    fn push(&mut self, row: &[T]);
}

impl<T: Copy> Sink<T> for Vec<T> {
    fn push(&mut self, row: &[T]) {
        self.extend_from_slice(row);
    }
}

pub(super) struct Reading<'a> {
    pub(super) name: &'a str,
    pub(super) tree: &'a Tree,
    pub(super) files: &'a [Entry],
    pub(super) options: &'a Options,
}

/// What became of a file.
enum Outcome<T> {
    Row {
        row: Vec<T>,
        size: (u32, u32),
        no_end: bool,
        bounds: [f32; 2],
    },
    Unreadable(DataError),
    /// It has another size than the first.
    OtherSize,
    /// It has more than 256 levels.
    Wide,
}

fn wider(a: [f32; 2], b: [f32; 2]) -> [f32; 2] {
    [a[0].min(b[0]), a[1].max(b[1])]
}

/// Of rows of f32; nobody asks for those of levels.
fn bounds_of<T: Sample>(row: &[T]) -> [f32; 2] {
    match T::WHITE > 1.0 {
        true => [0.0; 2],
        false => row.iter().fold([f32::INFINITY, f32::NEG_INFINITY], |[l, h], v| [l.min(v.get()), h.max(v.get())]),
    }
}

/// Why rows of this form cannot be made.
enum Stop {
    OtherSize,
    Wide,
    Error(DataError),
}

impl Reading<'_> {
    /// Reads all images into what `sink` makes for a form. None if there are images of more than 256 levels, and `T` has no more.
    pub(super) fn read<T: Sample, S: Sink<T>>(&self, sink: impl Fn(&Form) -> S) -> Result<Option<(Facts, S)>> {
        let grey = self.options.channels == Some(1);
        let own = match self.options.size {
            None => self.first_size()?.map(|size| Form { size: Size::Own(size), grey }),
            Some(_) => None,
        };
        if let Some(form) = own.filter(|form| self.fits::<T>(form).is_ok()) {
            match self.rows(&form, sink(&form)) {
                Ok(read) => return Ok(Some(read)),
                Err(Stop::Wide) => return Ok(None),
                Err(Stop::Error(error)) => return Err(error),
                Err(Stop::OtherSize) => {}
            }
        }
        let form = Form { size: Size::Square(self.options.image_size()?), grey };
        self.fits::<T>(&form)?;
        match self.rows(&form, sink(&form)) {
            Ok((facts, rows)) => Ok(Some((Facts { resized: self.options.size.is_none(), ..facts }, rows))),
            Err(Stop::Error(error)) => Err(error),
            Err(Stop::Wide | Stop::OtherSize) => Ok(None),
        }
    }

    fn fits<T>(&self, form: &Form) -> Result<()> {
        let row_bytes = form.shape().iter().product::<usize>() * size_of::<T>();
        self.options.check_total(self.name, self.files.len(), row_bytes)
    }

    pub(super) fn nothing(&self) -> DataError {
        DataError::Empty { origin: self.name.to_owned(), what: "images that can be read".into() }
    }

    /// Height and width of the first image that can be decoded, if they are such that all may keep them. Errors: no file at all; one
    /// that is not there.
    fn first_size(&self) -> Result<Option<[usize; 2]>> {
        if self.files.is_empty() {
            return Err(DataError::Empty { origin: self.name.to_owned(), what: "images".into() });
        }
        for file in self.files {
            let bytes = self.tree.read(file, MOST_FILE_BYTES);
            if let Err(error @ DataError::NotFound { .. }) = bytes {
                return Err(error);
            }
            if let Ok(decoded) = bytes.and_then(|bytes| decode(&file.name, &bytes)) {
                let (w, h) = (decoded.picture.width(), decoded.picture.height());
                return Ok((w.max(h) <= MOST_KEPT_SIDE).then_some([h as usize, w as usize]));
            }
        }
        Ok(None)
    }

    fn rows<T: Sample, S: Sink<T>>(&self, form: &Form, mut sink: S) -> Result<(Facts, S), Stop> {
        let mut facts = Facts { shape: form.shape(), ..Facts::default() };
        let none = [f32::INFINITY, f32::NEG_INFINITY];
        let (mut before, mut after) = (none, none);
        let row_bytes = form.shape().iter().product::<usize>() * size_of::<T>();
        let n_chunk = (CHUNK_BYTES / row_bytes.max(1)).clamp(1, CHUNK);
        for (nth, chunk) in self.files.chunks(n_chunk).enumerate() {
            let work = |resizer: &mut Resizer, file: &Entry| self.outcome::<T>(file, form, resizer);
            let outcomes: Vec<Outcome<T>> = chunk.par_iter().map_init(Resizer::default, work).collect();
            for (at, outcome) in outcomes.into_iter().enumerate() {
                let file = nth * n_chunk + at;
                match outcome {
                    Outcome::Row { row, size, no_end, bounds } => {
                        let row = self.ranged(file, row, bounds).map_err(Stop::Error)?;
                        before = wider(before, bounds);
                        after = wider(after, bounds_of(&row));
                        sink.push(&row);
                        facts.kept.push(file as u32);
                        facts.sizes.insert(size);
                        if no_end {
                            facts.no_end.push(self.files[file].name.clone());
                        }
                    }
                    Outcome::Unreadable(error @ DataError::NotFound { .. }) => return Err(Stop::Error(error)),
                    Outcome::Unreadable(error) => facts.unreadable.push(error.in_short()),
                    Outcome::OtherSize => return Err(Stop::OtherSize),
                    Outcome::Wide => return Err(Stop::Wide),
                }
            }
        }
        facts.idle_range = T::WHITE > 1.0 && self.between().is_some();
        if T::WHITE == 1.0 {
            facts.wide = Some(before.map(|v| (v * MOST_16).round()));
            facts.bounds = Some(after);
            facts.range = self.between();
        }
        Ok((facts, sink))
    }

    fn outcome<T: Sample>(&self, file: &Entry, form: &Form, resizer: &mut Resizer) -> Outcome<T> {
        let decoded = match self.tree.read(file, MOST_FILE_BYTES).and_then(|bytes| decode(&file.name, &bytes)) {
            Ok(decoded) => decoded,
            Err(error) => return Outcome::Unreadable(error),
        };
        if T::WHITE > 1.0 && is_wide(&decoded.picture) {
            return Outcome::Wide;
        }
        let (size, no_end) = ((decoded.picture.width(), decoded.picture.height()), decoded.no_end);
        let (h, w) = (size.1 as usize, size.0 as usize);
        let rgb = T::rgb(decoded.picture);
        // Of the picture itself: what is resized swings over a little.
        let bounds = bounds_of(&rgb);
        let Some(row) = row(rgb, [h, w], form, resizer) else { return Outcome::OtherSize };
        Outcome::Row { row, size, no_end, bounds }
    }

    fn between(&self) -> Option<[f64; 2]> {
        match self.options.range {
            // What 16 bits are without being asked.
            Some(Range::Between(low, high)) if (low, high) != (0.0, f64::from(MOST_16)) => Some([low, high]),
            _ => None,
        }
    }

    /// A row of f32 with what was asked for as 0 and 1. Errors: its picture, with these bounds, has a value outside.
    fn ranged<T: Sample>(&self, file: usize, row: Vec<T>, bounds: [f32; 2]) -> Result<Vec<T>> {
        let Some([low, high]) = self.between().filter(|_| T::WHITE == 1.0) else { return Ok(row) };
        let bounds = bounds.map(|v| (v * MOST_16).round());
        match bounds.iter().find(|v| !(low..=high).contains(&f64::from(**v))) {
            None => {
                let scaled = |v: &T| (f64::from(v.get() * MOST_16) - low) / (high - low);
                Ok(row.iter().map(|v| T::of(scaled(v) as f32)).collect())
            }
            Some(v) => Err(DataError::Setting {
                key: "range",
                expected: format!("a range that holds all values of all images; {} has {v}", self.files[file].name),
                found: format!("{low}..{high}"),
            }),
        }
    }
}
