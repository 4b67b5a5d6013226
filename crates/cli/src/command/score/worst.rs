//! The most surprising rows: by number or by file, and as images.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use calotype_data::picture;
use calotype_models::Model;
use calotype_training::{Examined, brightness};

use crate::fault::WrongUse;
use crate::output::{note, replace};

/// Rows that are listed where they are files, and tiles of a sheet, unless `--worst` says how many.
const LISTED: usize = 5;
const TILES: usize = 16;
/// How wide a sheet is about.
const ABOUT_PIXELS: usize = 800;

/// Places among scored rows, the most surprising first.
fn worst(surprise: &[f64], n: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..surprise.len()).collect();
    places.sort_by(|&a, &b| surprise[b].total_cmp(&surprise[a]));
    places.truncate(n);
    places
}

/// The rows of the highest anomaly scores in nats, of all of `rows` (numbers in the data set). Empty where nobody asked and rows have no names.
pub(super) fn text(examined: &Examined, rows: &[u32], surprise: &[f64], asked: Option<usize>) -> String {
    let named = examined.dataset.files().is_some() && surprise.len() > 1;
    let n = match asked {
        Some(n) => n,
        None if named => LISTED,
        None => return String::new(),
    };
    let mut text = format!("\nmost surprising rows of {}\n", examined.dataset.name());
    for place in worst(surprise, n) {
        let row = rows[place];
        let found = match (examined.place_is(), examined.place(row)) {
            (Some("line"), Some(line)) => format!("  line {line}"),
            (_, place) => place.map_or(String::new(), |file| format!("  {file}")),
        };
        let _ = writeln!(text, "{:>12.3} nats  row {place:<7} index {row:<7}{found}", surprise[place]);
    }
    text
}

/// That a sheet can be drawn of a model's rows.
///
/// # Errors
/// Its rows are vectors.
pub(super) fn check(model: &dyn Model) -> Result<[usize; 3]> {
    match *model.shape() {
        [h, w, c] => Ok([h, w, c]),
        _ => {
            let message = format!("--out-sheet draws images, and {} scores vectors; leave it out", model.info().name);
            Err(WrongUse(message).into())
        }
    }
}

/// Draws them as the model sees them, line by line.
///
/// # Errors
/// What the system says.
pub(super) fn draw(
    path: &Path,
    model: &dyn Model,
    examined: &Examined,
    rows: &[u32],
    scores: (&[f64], Option<usize>),
) -> Result<()> {
    let [h, w, c] = check(model)?;
    let (surprise, asked) = scores;
    let places = worst(surprise, asked.unwrap_or(TILES));
    let images: Vec<f32> = places.iter().flat_map(|&place| brightness(model.values(), &examined.rows.row(rows[place]))).collect();
    replace(path, |file| {
        picture::sheet(&images, [places.len(), h, w, c], None, ABOUT_PIXELS).and_then(|p| picture::write_png(file, &p))
    })?;
    note(&path.display().to_string());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_come_first() {
        assert_eq!(worst(&[1.0, 5.0, f64::INFINITY, -2.0, 5.0], 3), [2, 1, 4]);
        assert!(worst(&[], 3).is_empty());
    }
}
