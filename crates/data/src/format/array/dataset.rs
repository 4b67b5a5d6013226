//! An array becomes a data set.

use std::sync::Arc;

use super::images::{bytes_on_white, rows, unit_on_white};
use super::scale::{Scaled, scale};
use super::{Array, Number};
use crate::dataset::Dataset;
use crate::error::{DataError, Result};
use crate::options::Options;
use crate::parts::Values;

/// What a file says of an array beside its numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::format) struct Given {
    /// Levels of whole numbers, where the kind of file has its own.
    pub(in crate::format) levels: Option<u32>,
}

/// Rows of an array: [N, H, W, C], [N, C, H, W] or [N, H, W] are images, [N, D] and [N] vectors. Four channels are laid on white.
///
/// Errors: other sizes, values that are not finite, beyond the levels or outside `options.range`.
pub(in crate::format) fn dataset(name: &str, array: Array, given: Given, options: &Options) -> Result<Dataset> {
    let rows = rows(&array.origin, &array.shape, options)?;
    let (origin, element, rounded) = (array.origin.clone(), array.element, array.rounded);
    let (shape, order): (&[usize], _) = (&rows.shape, rows.note.clone());
    let four = matches!(shape, [_, _, 4]);
    let levels = if four && element.number != Number::Bool { Some(256) } else { given.levels };
    let Scaled { values, range, note } = scale(array.arranged(&rows), levels, options)?;
    let (values, shape) = if four { on_white(&origin, values, shape)? } else { (values, shape.to_vec()) };
    let mut dataset = Dataset::new(name, &shape, values)?.with_range(range);
    let kept =
        if shape.len() > 1 { "f32, which keeps whole numbers up to 2^24" } else { "f64, which keeps whole numbers up to 2^53" };
    let digits = rounded.then(|| format!("some values of {} lose their last digits: they become {kept}", element.name()));
    let transparent = four.then(|| "its 4 channels are red, green, blue and opacity: laid on white".to_owned());
    for note in [order, note, transparent, digits].into_iter().flatten() {
        dataset = dataset.with_note(note);
    }
    Ok(dataset)
}

/// RGB of [H, W, 4]. Errors: values whose opacity is not known, for they are not 256 levels, nor in 0..1.
fn on_white(origin: &str, values: Values, shape: &[usize]) -> Result<(Values, Vec<usize>)> {
    let shape = vec![shape[0], shape[1], 3];
    let refused = |found: String| Err(DataError::format(origin, "images of 4 channels that are 256 levels, or in 0..1", found));
    match values {
        Values::Levels { data, levels: 256 } => {
            let data = bytes_on_white(Arc::unwrap_or_clone(data)).into();
            Ok((Values::Levels { data, levels: 256 }, shape))
        }
        Values::Levels { levels, .. } => refused(format!("{levels} levels; save its first 3 channels, `a[..., :3]`")),
        values => {
            let (low, high) = values.extent();
            if low < 0.0 || high > 1.0 {
                return refused(format!("values from {low} to {high}; {}", values.to_unit()));
            }
            match values {
                Values::Continuous(data) => Ok((Values::Continuous(unit_on_white(Arc::unwrap_or_clone(data)).into()), shape)),
                _ => refused("values in f64".into()),
            }
        }
    }
}
