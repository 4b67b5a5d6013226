//! One row replaced, at an index that is held on the device.

use crate::float::Float;

/// y = x but for row `index`; in place (x is `None`) y holds x already.
pub fn plain<T: Float>(x: Option<&[T]>, row: &[T], index: &[T], y: &mut [T]) {
    if let Some(x) = x {
        y.copy_from_slice(x);
    }
    let at = index[0].word() as usize * row.len();
    if at < y.len() {
        y[at..at + row.len()].copy_from_slice(row);
    }
}
