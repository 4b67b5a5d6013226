//! What training will see of images, without holding more than a few of them.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::facts::Rows;
use super::read::{Reading, Sink, checked};
use super::rows::{Form, Sample, first_channel, is_grey};
use super::{finish, look};
use crate::dataset::{LEVELS_OF_IMAGES, SINGLE, hasher};
use crate::error::Result;
use crate::format::source::name_of;
use crate::hex::hex;
use crate::options::Options;
use crate::summary::{Known, Summary, Survey, is_shown};

/// Reads all images of a folder or an archive, row by row, and keeps `n_shown` of them, evenly spaced. Errors: as [`super::open`].
pub(in crate::format) fn survey(path: &Path, options: &Options, n_shown: usize) -> Result<Survey> {
    let (tree, arranged) = look(path, options)?;
    let name = name_of(path);
    let reading = Reading { name: &name, tree: &tree, files: &arranged.files, options };
    let of = (arranged.files.len(), n_shown);
    let auto = options.channels.is_none();
    let levels = reading.read(|form| Shown::<u8>::new(form, LEVELS_OF_IMAGES, of, auto))?;
    let (facts, hash, rows, grey) = match levels {
        Some((facts, shown)) => (facts, shown.hash, Rows::Levels(shown.rows), shown.grey),
        None => {
            let read = reading.read(|form| Shown::<f32>::new(form, SINGLE, of, auto))?;
            let (facts, shown) = read.ok_or_else(|| reading.nothing())?;
            (facts, shown.hash, Rows::Continuous(shown.rows), shown.grey)
        }
    };
    let mut facts = checked(&name, arranged.files.len(), facts, options)?;
    let labels: Vec<u32> = match &arranged.classes {
        Some((of_row, _)) => facts.kept.iter().map(|&n| of_row[n as usize]).collect(),
        None => vec![],
    };
    let (mut hash, rows) = match grey {
        Some(grey) => {
            facts.shape[2] = 1;
            (grey, rows.first_channel())
        }
        None => (hash, rows),
    };
    labels.iter().for_each(|label| hash.update(label.to_le_bytes()));
    let all = std::mem::take(&mut facts.kept);
    // Of every row all is known but its values: those of the rows that are shown stand for all.
    let places = all.iter().enumerate().filter(|(row, _)| is_shown(*row, of));
    facts.kept = places.map(|(_, &file)| file).collect();
    let parts = arranged.parts.clone().map(|parts| all.iter().map(|&n| parts[n as usize]).collect::<Vec<_>>());
    let classes = arranged.classes.as_ref().map_or(vec![], |(_, names)| names.clone());
    let bounds = facts.bounds;
    let shown = finish(path, arranged, (facts, rows))?;
    let content_hash = hex(&hash.finalize());
    let bounds = bounds.map(|bounds| bounds.map(f64::from));
    let known = Known { n_rows: all.len(), parts: parts.as_deref(), labels: &labels, classes: &classes, content_hash, bounds };
    Ok(Survey { summary: Summary::new(&shown, known), shown })
}

/// Hashes rows as a data set of them is hashed, and keeps some.
struct Shown<T> {
    hash: Sha256,
    /// Of the rows as one channel, as long as all of them are grey and nobody asked for a number of channels.
    grey: Option<Sha256>,
    /// Rows, and how many of them are kept.
    of: (usize, usize),
    n: usize,
    rows: Vec<T>,
}

impl<T: Sample> Shown<T> {
    fn new(form: &Form, kind: u32, of: (usize, usize), auto: bool) -> Self {
        let shape = form.shape();
        let grey = (auto && shape[2] == 3).then(|| hasher(&[shape[0], shape[1], 1], kind));
        Shown { hash: hasher(&shape, kind), grey, of, n: 0, rows: vec![] }
    }
}

impl<T: Sample + Bytes> Sink<T> for Shown<T> {
    fn push(&mut self, row: &[T]) {
        T::hash(row, &mut self.hash);
        if let Some(grey) = self.grey.as_mut() {
            if is_grey(row) {
                T::hash(&first_channel(row), grey);
            } else {
                self.grey = None;
            }
        }
        if is_shown(self.n, self.of) {
            self.rows.extend_from_slice(row);
        }
        self.n += 1;
    }
}

/// Values as a content hash takes them.
trait Bytes: Sized {
    fn hash(row: &[Self], sha: &mut Sha256);
}

impl Bytes for u8 {
    fn hash(row: &[Self], sha: &mut Sha256) {
        sha.update(row);
    }
}

impl Bytes for f32 {
    fn hash(row: &[Self], sha: &mut Sha256) {
        sha.update(row.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>());
    }
}
