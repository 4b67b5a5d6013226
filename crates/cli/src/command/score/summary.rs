//! What `calotype score` answers: mean, standard error and histogram of log-likelihoods, then anomalies and surprising rows.

use std::fmt::{self, Formatter};

use calotype_data::Split;
use calotype_training::Examined;
use serde::Serialize;

use super::Scores;
use super::anomaly::Anomalies;
use super::worst::MostSurprising;
use crate::mean::Mean;
use crate::output::counted;
use crate::used::{Exactness, Used};

const BINS: usize = 12;
const WIDTH: usize = 40;

/// Of the scored rows.
#[derive(Serialize)]
pub(super) struct Summary {
    run: String,
    model: String,
    data: String,
    split: String,
    encoding: String,
    checkpoint: String,
    step: u64,
    n_rows: usize,
    /// Whether some of the rows are training rows.
    has_training_rows: bool,
    bound: Exactness,
    /// -log p of a row.
    nats: Mean,
    bits_per_dim: Mean,
    n_dims: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    of_what: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    standardised: Option<Standardised>,
    #[serde(skip_serializing_if = "Option::is_none")]
    background: Option<Background>,
    rows_per_second: f64,
    histogram: Vec<Bin>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) anomalies: Option<Anomalies>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) most_surprising: Vec<MostSurprising>,
}

/// Of standardised columns: the mean in the data's own units.
#[derive(Serialize)]
struct Standardised {
    nats_in_own_units: f64,
    /// Σ ln of the standard deviations: what lies between the two.
    difference_nats: f64,
}

/// -log p by the background model, and by how much the run's is more.
#[derive(Serialize)]
struct Background {
    nats: Mean,
    difference_nats: Mean,
}

/// Rows between two scores.
#[derive(Serialize)]
struct Bin {
    from_nats: f64,
    to_nats: f64,
    n_rows: usize,
}

impl Summary {
    /// Without anomalies and surprising rows yet.
    pub(super) fn new(used: &Used, examined: &Examined, scores: &Scores, exactness: Exactness, seconds: f64) -> Self {
        let n_dims: usize = used.model.shape().iter().product();
        let nats = Mean::of(&scores.nats);
        let standardised = used.config.data.standard.as_ref().map(|standard| {
            let difference_nats: f64 = standard.deviation.iter().map(|&d| d.ln()).sum();
            Standardised { nats_in_own_units: nats.mean + difference_nats, difference_nats }
        });
        let background = |nats: &Vec<f64>| Background { nats: Mean::of(nats), difference_nats: Mean::of(&scores.surprise()) };
        Summary {
            run: used.folder.path().display().to_string(),
            model: used.config.model.clone(),
            data: examined.dataset.name().to_owned(),
            split: examined.split.to_string(),
            encoding: used.config.data.preparation.encoding.to_string(),
            checkpoint: used.restored.path.display().to_string(),
            step: used.restored.checkpoint.step,
            n_rows: scores.nats.len(),
            has_training_rows: examined.dataset.is_content(&used.config.data.sha256) && examined.split != Split::Test,
            bound: exactness,
            nats,
            bits_per_dim: nats.divided_by(std::f64::consts::LN_2 * n_dims as f64),
            n_dims,
            of_what: used.model.bound().and_then(|bound| bound.bounds_what()),
            standardised,
            background: scores.background.as_ref().map(background),
            rows_per_second: scores.nats.len() as f64 / seconds.max(1e-9),
            histogram: histogram(&scores.nats),
            anomalies: None,
            most_surprising: vec![],
        }
    }
}

/// The number of rows between equally spaced bounds; none where all are the same, or one is not finite.
fn histogram(values: &[f64]) -> Vec<Bin> {
    let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
    if !(low.is_finite() && high.is_finite() && high > low) {
        return vec![];
    }
    let width = (high - low) / BINS as f64;
    let at = |n: usize| low + width * n as f64;
    let mut bins: Vec<Bin> = (0..BINS).map(|n| Bin { from_nats: at(n), to_nats: at(n + 1), n_rows: 0 }).collect();
    for v in values {
        bins[(((v - low) / width) as usize).min(BINS - 1)].n_rows += 1;
    }
    bins
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Summary { model, data, split, encoding, checkpoint, nats, bits_per_dim, n_dims, bound, .. } = self;
        writeln!(f, "{model} on {data} ({split}, {encoding}), {checkpoint}")?;
        if self.has_training_rows {
            writeln!(f, "some of these rows are training rows: their log-likelihood is too high")?;
        }
        match self.n_rows {
            1 => writeln!(f, "\n-log p      {nats:.3} nats, {bound}")?,
            n => writeln!(
                f,
                "\n-log p      {nats:.3} nats a row (mean and its standard error over {}), {bound}",
                counted(n as u64, "row")
            )?,
        }
        writeln!(f, "            {bits_per_dim:.4} bits a dimension, of {n_dims}")?;
        if let Some(what) = self.of_what {
            writeln!(f, "            of {what}")?;
        }
        if let Some(Standardised { nats_in_own_units, difference_nats }) = &self.standardised {
            writeln!(
                f,
                "            of standardised columns; in the data's own units it is {nats_in_own_units:.3} nats ({difference_nats:+.3}, \
                 Σ ln of the standard deviations)"
            )?;
        }
        if let Some(Background { nats, difference_nats }) = &self.background {
            writeln!(f, "background  {nats:.3} nats")?;
            writeln!(f, "difference  {difference_nats:.3} nats")?;
        }
        writeln!(f, "speed       {:.0} rows a second\n", self.rows_per_second)?;
        bars(f, &self.histogram)?;
        self.anomalies.iter().try_for_each(|anomalies| anomalies.fmt(f))?;
        self.most_surprising.iter().try_for_each(|rows| rows.fmt(f))
    }
}

fn bars(f: &mut Formatter<'_>, histogram: &[Bin]) -> fmt::Result {
    let Some(most) = histogram.iter().map(|bin| bin.n_rows).max().filter(|&n| n > 0) else { return Ok(()) };
    writeln!(f, "{:>10}    rows", "nats")?;
    for Bin { from_nats, n_rows, .. } in histogram {
        writeln!(f, "{from_nats:>10.2} {n_rows:>7}  {}", "#".repeat((n_rows * WIDTH).div_ceil(most)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_a_bin() {
        let values: Vec<f64> = (0..100).map(f64::from).collect();
        let bins = histogram(&values);
        assert_eq!(bins.iter().map(|bin| bin.n_rows).sum::<usize>(), 100);
        assert_eq!((bins[0].from_nats, bins[BINS - 1].to_nats), (0.0, 99.0));
        assert!(bins.windows(2).all(|w| w[0].to_nats == w[1].from_nats));
        assert!(histogram(&[1.0; 4]).is_empty() && histogram(&[1.0, f64::INFINITY]).is_empty());
    }
}
