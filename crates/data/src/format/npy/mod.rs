//! NumPy's `.npy`, versions 1 to 3: bool, whole numbers and floating point of any size and byte order, in C or Fortran order.
//!
//! Source: numpy.org/doc/stable/reference/generated/numpy.lib.format.html. Read here and not by a crate (npyz, ndarray-npy): a
//! header's sizes are held against the file before memory is taken, the header itself is bounded and read without recursion, so that
//! no nesting in it can exhaust the stack, and the elements go part by part into the narrowest form that holds them. That takes about
//! one copy of the result, in 64 KiB parts from the file, which is why a large array needs no mapping into memory.

mod header;
mod open;
mod write;

use std::path::Path;

use super::array::{Array, Numbers, Wide};
use super::source::Source;
use crate::error::Result;

pub(super) use header::read_claim;
pub(super) use open::{is_npy, labels_at, open};
pub(crate) use write::npy_header;
pub use write::{NpyElement, NpyWriter, write_npy, write_npy_f64};

/// An array of f32, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Npy {
    pub shape: Vec<usize>,
    pub data: Vec<f32>,
}

/// Reads numbers of any type and shape as f32, row-major. No more than `limit_bytes` are taken.
///
/// Errors: elements that are no numbers; sizes that the file does not hold; NaN or infinity, as f32 too (row and column are those of
/// [N, rest]).
pub fn read_npy(path: &Path, limit_bytes: u64) -> Result<Npy> {
    let mut source = Source::file(path, limit_bytes)?;
    let claim = read_claim(&mut source)?;
    let array = Array::read(source, claim, Wide::Single)?;
    let array = Array { numbers: array.numbers.widened(Wide::Single), ..array };
    array.check_finite()?;
    let data = match array.numbers {
        Numbers::Single(data) => data,
        other => (0..other.len()).map(|at| other.get(at) as f32).collect(),
    };
    Ok(Npy { shape: array.shape, data })
}
