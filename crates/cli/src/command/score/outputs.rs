//! The output files of `calotype score`. CSV and .npy are streamed row by row, so memory does not grow with the number of rows.

use std::fs::File;
use std::path::Path;

use anyhow::Result;
use calotype_data::NpyWriter;
use calotype_training::{Examined, nats};

use super::heatmap::Heatmaps;
use crate::args::ScoreArgs;
use crate::output::{counted, note, replace};
use crate::used::Exactness;

/// The output files of scored rows; each row is written as soon as it is scored.
pub(super) struct Outputs<'a> {
    table: Option<Table<'a>>,
    pixels: Option<NpyWriter>,
    heatmaps: Option<Heatmaps>,
    n: usize,
}

impl Outputs<'_> {
    /// The next row: x [D], the terms of its log p(x) in nats.
    ///
    /// # Errors
    /// What the system says.
    pub fn row(&mut self, x: &[f32], log_p: &[f32]) -> Result<()> {
        if let Some(table) = &mut self.table {
            table.row(self.n, nats(log_p))?;
        }
        if let Some(pixels) = &mut self.pixels {
            pixels.write(log_p)?;
        }
        if let Some(heatmaps) = &self.heatmaps {
            heatmaps.write(self.n, x, log_p)?;
        }
        self.n += 1;
        Ok(())
    }

    fn finish(self) -> Result<()> {
        if let Some(mut table) = self.table {
            table.csv.flush()?;
            note(&format!("{} scored", counted(self.n as u64, "row")));
        }
        Ok(self.pixels.map_or(Ok(()), NpyWriter::finish)?)
    }
}

/// Rows by their numbers in a data set.
#[derive(Clone, Copy)]
pub(super) struct Numbered<'a> {
    pub(super) rows: &'a [u32],
    pub(super) examined: &'a Examined,
}

/// Runs `score`, of rows [..shape], with the output files of the options. They appear when complete; after an error, none does.
pub(super) fn write(
    args: &ScoreArgs,
    shape: &[usize],
    exactness: Exactness,
    rows: Numbered,
    background: Option<&[f64]>,
    heatmaps: Option<Heatmaps>,
    score: impl FnOnce(&mut Outputs) -> Result<Vec<f64>>,
) -> Result<Vec<f64>> {
    let n_values = shape.iter().product();
    let of_pixels = [&[rows.rows.len()], shape].concat();
    with_file(args.out.as_deref(), |csv| {
        with_file(args.pixels.as_deref(), |npy| {
            let table = csv.map(|file| Table::begin(file, rows, n_values, exactness, background)).transpose()?;
            let pixels = npy.map(|file| NpyWriter::create(file, &of_pixels)).transpose()?;
            let mut outputs = Outputs { table, pixels, heatmaps, n: 0 };
            let scored = score(&mut outputs)?;
            outputs.finish()?;
            Ok(scored)
        })
    })
}

/// Hands over the path that a file is written at, which it leaves when all has gone well.
fn with_file<T>(path: Option<&Path>, work: impl FnOnce(Option<&Path>) -> Result<T>) -> Result<T> {
    let Some(path) = path else { return work(None) };
    let mut done = None;
    replace(path, |file| {
        done = Some(work(Some(file))?);
        Ok::<(), anyhow::Error>(())
    })?;
    done.ok_or_else(|| anyhow::anyhow!("{} was not written", path.display()))
}

/// `--out`.
struct Table<'a> {
    csv: csv::Writer<File>,
    rows: Numbered<'a>,
    per_bit: f64,
    bound: String,
    background: Option<&'a [f64]>,
}

impl<'a> Table<'a> {
    fn begin(
        path: &Path,
        rows: Numbered<'a>,
        n_values: usize,
        exactness: Exactness,
        background: Option<&'a [f64]>,
    ) -> Result<Self> {
        let mut csv = csv::Writer::from_path(path)?;
        let place = rows.examined.place_is();
        let head = [&["row", "index"], place.as_slice(), &["log_likelihood_nats", "bits_per_dim", "bound"]].concat();
        let more: &[&str] = if background.is_some() { &["background_log_likelihood_nats", "ratio_nats"] } else { &[] };
        csv.write_record(head.iter().chain(more))?;
        let per_bit = std::f64::consts::LN_2 * n_values as f64;
        Ok(Table { csv, rows, per_bit, bound: exactness.word(), background })
    }

    /// Row `n`, by its -log p(x).
    fn row(&mut self, n: usize, nats: f64) -> Result<()> {
        let number = |v: f64| format!("{v:.6}");
        let index = self.rows.rows[n];
        let mut fields = vec![n.to_string(), index.to_string()];
        fields.extend(self.rows.examined.place(index));
        fields.extend([number(-nats), number(nats / self.per_bit), self.bound.clone()]);
        if let Some(background) = self.background {
            fields.extend([number(-background[n]), number(background[n] - nats)]);
        }
        Ok(self.csv.write_record(&fields)?)
    }
}
