//! Mean, standard error and histogram of log-likelihoods.

use std::fmt::Write as _;

use calotype_data::Split;
use calotype_training::{Examined, mean_and_error};

use super::Scores;
use crate::output::counted;
use crate::used::{Exactness, Used};

const BINS: usize = 12;
const WIDTH: usize = 40;

pub fn text(used: &Used, examined: &Examined, scores: &Scores, exactness: Exactness, seconds: f64) -> String {
    let n_values: usize = used.model.shape().iter().product();
    let per_bit = std::f64::consts::LN_2 * n_values as f64;
    let (mean, error) = mean_and_error(&scores.nats);
    let n = scores.nats.len();
    let mut text = String::new();
    let encoding = used.config.data.preparation.encoding;
    let _ = writeln!(
        text,
        "{} on {} ({}, {encoding}), {}",
        used.config.model,
        examined.dataset.name(),
        examined.split,
        used.restored.path.display()
    );
    if examined.dataset.is_content(&used.config.data.sha256) && examined.split != Split::Test {
        let _ = writeln!(text, "some of these rows are training rows: their log-likelihood is too high");
    }
    let one = format!("\n-log p      {mean:.3} nats, {exactness}");
    let _ = match n {
        1 => writeln!(text, "{one}"),
        n => writeln!(
            text,
            "\n-log p      {mean:.3} +- {error:.3} nats a row (mean and its standard error over {}), {exactness}",
            counted(n as u64, "row")
        ),
    };
    let bits_error = if n == 1 { String::new() } else { format!(" +- {:.4}", error / per_bit) };
    let _ = writeln!(text, "            {:.4}{bits_error} bits a dimension, of {n_values}", mean / per_bit);
    if let Some(what) = used.model.bound().and_then(|bound| bound.bounds_what()) {
        let _ = writeln!(text, "            of {what}");
    }
    if let Some(standard) = &used.config.data.standard {
        let units: f64 = standard.deviation.iter().map(|&d| d.ln()).sum();
        let _ = writeln!(
            text,
            "            of standardised columns; in the data's own units it is {:.3} nats ({units:+.3}, Σ ln of the standard deviations)",
            mean + units
        );
    }
    if let Some(background) = &scores.background {
        let (b, b_error) = mean_and_error(background);
        let (ratio, ratio_error) = mean_and_error(&scores.surprise());
        let _ = writeln!(text, "background  {b:.3} +- {b_error:.3} nats");
        let _ = writeln!(text, "difference  {ratio:.3} +- {ratio_error:.3} nats");
    }
    let _ = writeln!(text, "speed       {:.0} rows a second\n", n as f64 / seconds.max(1e-9));
    histogram(&mut text, &scores.nats);
    text
}

/// Bars of the number of rows between equally spaced bounds.
fn histogram(text: &mut String, values: &[f64]) {
    let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
    if !(low.is_finite() && high > low) {
        return;
    }
    let width = (high - low) / BINS as f64;
    let mut counts = [0usize; BINS];
    for v in values {
        counts[(((v - low) / width) as usize).min(BINS - 1)] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(1).max(1);
    let _ = writeln!(text, "{:>10}    rows", "nats");
    for (n, count) in counts.iter().enumerate() {
        let bar = "#".repeat((count * WIDTH).div_ceil(most));
        let _ = writeln!(text, "{:>10.2} {count:>7}  {bar}", low + width * n as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_a_bin() {
        let mut text = String::new();
        let values: Vec<f64> = (0..100).map(f64::from).collect();
        histogram(&mut text, &values);
        let counts: usize =
            text.lines().skip(1).map(|l| l.split_whitespace().nth(1).expect("a count").parse::<usize>().expect("a number")).sum();
        assert_eq!(counts, 100, "{text}");
        let mut none = String::new();
        histogram(&mut none, &[1.0; 4]);
        assert!(none.is_empty());
    }
}
