//! The most surprising rows: by number or by file, and as images.

use std::fmt::{self, Formatter};
use std::path::Path;

use anyhow::Result;
use calotype_data::picture;
use calotype_models::Model;
use calotype_training::{Examined, brightness};
use serde::Serialize;

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

/// The rows of the highest anomaly scores.
#[derive(Serialize)]
pub(super) struct MostSurprising {
    data: String,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    /// The anomaly score.
    nats: f64,
    /// Its place among the scored rows, and its number in the data set.
    row: usize,
    index: u32,
    /// Where rows are files, or lines of a table from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
}

impl MostSurprising {
    /// Of `rows` (numbers in the data set), by their anomaly scores in nats. None where nobody asked and rows have no names.
    pub(super) fn new(examined: &Examined, rows: &[u32], surprise: &[f64], asked: Option<usize>) -> Option<Self> {
        let named = examined.dataset.files().is_some() && surprise.len() > 1;
        let n = asked.or(named.then_some(LISTED))?;
        let row = |place: usize| {
            let index = rows[place];
            let file = examined.dataset.files().and_then(|files| files.get(index as usize)).cloned();
            let line = examined.dataset.lines().and_then(|lines| lines.get(index as usize)).copied();
            Row { nats: surprise[place], row: place, index, line: line.filter(|_| file.is_none()), file }
        };
        Some(MostSurprising { data: examined.dataset.name().to_owned(), rows: worst(surprise, n).into_iter().map(row).collect() })
    }
}

impl fmt::Display for MostSurprising {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nmost surprising rows of {}", self.data)?;
        for Row { nats, row, index, file, line } in &self.rows {
            write!(f, "{nats:>12.3} nats  row {row:<7} index {index:<7}")?;
            match (file, line) {
                (Some(file), _) => writeln!(f, "  {file}")?,
                (None, Some(line)) => writeln!(f, "  line {line}")?,
                (None, None) => writeln!(f)?,
            }
        }
        Ok(())
    }
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
