//! Calotype's data: named and bundled sets, file formats, preparation, seeded batches, prefetch, pictures.
//!
//! The way of a batch: [`open`] a [`Dataset`] by name or path; prepare it once ([`Prepared`]: size, channels, encoding); take
//! [`Batches`] of some of its rows, each a pure function of (seed, step); let [`Prefetch`] make them ahead.
//!
//! ```
//! use std::sync::Arc;
//! use calotype_data::{Batches, Encoding, Options, Preparation, Prepared, Split, open};
//!
//! # fn main() -> Result<(), calotype_data::DataError> {
//! let digits = open("digits", &Options::default())?;
//! let preparation = Preparation { encoding: Encoding::Signed, ..Preparation::default() };
//! let prepared = Arc::new(Prepared::new(&digits, &preparation)?);
//! let batches = Batches::new(prepared, digits.rows(Split::Train)?, 32, 7)?;
//! let batch = batches.batch(0);
//! assert_eq!((batch.images.len(), batch.labels.len()), (32 * 8 * 8, 32));
//! # Ok(())
//! # }
//! ```
//!
//! Data are never trusted: what a file claims and what a .gz unpacks to are bounded before memory is taken, and every fault is a
//! [`DataError`] that names the file, what was expected and what was found.

mod batches;
mod bundled;
mod cache;
pub mod canvas;
mod captions;
mod dataset;
mod emoji;
mod error;
pub mod fetch;
mod format;
mod geometry;
mod hex;
pub mod lettering;
mod natural;
mod options;
mod parts;
mod patches;
mod photos;
pub mod picture;
mod plain;
mod prefetch;
mod prepare;
mod random;
mod resample;
mod shapes;
mod spec;
mod summary;
pub mod toy;
mod trouble;
mod typed;

pub use batches::{Batch, Batches, Evaluation, EvaluationBatch};
pub use cache::cache_folder;
pub use captions::Captions;
pub use dataset::Dataset;
pub use error::{DataError, Result};
pub use format::npy::{Npy, NpyElement, NpyWriter, read_npy, write_npy, write_npy_f64};
pub use format::npz::write_npz;
pub use format::{KINDS, Kind, Records, Refused, is_picture, read_records, without_cache};
pub use hex::hex;
pub use options::{Broken, Layout, Missing, Options, Range};
pub use parts::{Factor, LeftOut, Part, Split, Values};
pub use patches::{KeyBox, KeyPatches, enlarged, key_boxes, mask_of, sort_patches};
pub use photos::{Photo, Pixels, photos, with_channels};
pub use plain::{plain, plain_message};
pub use prefetch::Prefetch;
pub use prepare::{Binarise, Encoding, Preparation, Prepared, Standard};
pub use random::seed_of;
pub use spec::{CATALOGUE, DatasetSpec, Entry, open};
pub use summary::{Count, Said, Summary, Survey};
