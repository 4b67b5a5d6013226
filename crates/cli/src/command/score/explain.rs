//! `score --explain`: the chain rule of one row, factor by factor.

use std::fmt::Write as _;

use calotype_data::Dataset;
use calotype_models::{Density, Values};
use calotype_training::nats;

/// Names of an RGB pixel's parts.
const COLOURS: [&str; 3] = ["R", "G", "B"];

/// Every value of row `index` of a data set, whose columns may have names, in the order of the model's chain rule: x [D],
/// log p(x_d | x_<d) [D].
pub fn text(model: &dyn Density, dataset: &Dataset, index: usize, x: &[f32], log_p: &[f32]) -> String {
    let shape = model.shape();
    let mut text = format!("row {index}: log p(x) = Σ log p(x_d | x_<d), in the order of the model's chain rule\n\n");
    let of = match shape {
        [_, _, 3] => "pixel (row, column), colour",
        [_, _, _] => "pixel (row, column)",
        _ => "column",
    };
    let density = model.values() == Values::Standardised;
    let head = if density { "density" } else { "p" };
    if density {
        text += "Values are standardised, and densities are those of standardised values.\n\n";
    }
    let _ = writeln!(text, "{:>6}  {of:<27} {:>8} {head:>12} {:>10} {:>12}", "step", "value", "log p", "sum");
    let mut sum = 0.0;
    for (step, &d) in model.order().iter().enumerate() {
        let log = f64::from(log_p[d]);
        sum += log;
        let value = if density { format!("{:.4}", x[d]) } else { format!("{}", x[d]) };
        let _ =
            writeln!(text, "{step:>6}  {:<27} {value:>8} {:>12.6} {log:>10.4} {sum:>12.4}", place(shape, dataset, d), log.exp());
    }
    let total = nats(log_p);
    let per_dim = total / (std::f64::consts::LN_2 * x.len() as f64);
    let _ = writeln!(text, "\nlog p(x) = {:.4} nats, {per_dim:.4} bits a dimension, exact", -total);
    text
}

fn place(shape: &[usize], dataset: &Dataset, d: usize) -> String {
    match *shape {
        [_, w, c] => {
            let (i, j) = (d / (w * c), d / c % w);
            if c == 3 { format!("({i}, {j}) {}", COLOURS[d % 3]) } else { format!("({i}, {j})") }
        }
        _ => dataset.column(d),
    }
}
