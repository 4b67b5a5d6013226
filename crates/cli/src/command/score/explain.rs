//! `score --explain`: the chain rule of one row, factor by factor.

use std::fmt::{self, Formatter};

use calotype_data::Dataset;
use calotype_models::{Density, Values};
use calotype_training::nats;
use serde::Serialize;

use crate::used::Exactness;

/// Names of an RGB pixel's parts.
const COLOURS: [&str; 3] = ["R", "G", "B"];

/// Every value of a row, in the order of the model's chain rule.
#[derive(Serialize)]
pub struct Explained {
    row: usize,
    /// Whether probabilities are densities, those of standardised values.
    has_densities: bool,
    log_p_nats: f64,
    bits_per_dim: f64,
    bound: Exactness,
    factors: Vec<Factor>,
}

/// p(x_d | x_<d).
#[derive(Serialize)]
struct Factor {
    #[serde(flatten)]
    of: Place,
    value: f32,
    p: f64,
    log_p_nats: f64,
    /// Of this and all before.
    sum_nats: f64,
}

/// Where a value is.
#[derive(Serialize)]
#[serde(untagged)]
enum Place {
    Pixel {
        /// Row and column.
        pixel: [usize; 2],
        #[serde(skip_serializing_if = "Option::is_none")]
        colour: Option<&'static str>,
    },
    Column {
        column: String,
    },
}

impl Explained {
    /// Of row `row` of a data set, whose columns may have names: x [D], log p(x_d | x_<d) [D].
    pub fn new(model: &dyn Density, dataset: &Dataset, row: usize, x: &[f32], log_p: &[f32]) -> Self {
        let mut sum_nats = 0.0;
        let factor = |&d: &usize| {
            let log_p_nats = f64::from(log_p[d]);
            sum_nats += log_p_nats;
            Factor { of: Place::new(model.shape(), dataset, d), value: x[d], p: log_p_nats.exp(), log_p_nats, sum_nats }
        };
        let factors = model.order().iter().map(factor).collect();
        let total = nats(log_p);
        Explained {
            row,
            has_densities: model.values() == Values::Standardised,
            log_p_nats: -total,
            bits_per_dim: total / (std::f64::consts::LN_2 * x.len() as f64),
            bound: Exactness::Exact,
            factors,
        }
    }
}

impl Place {
    fn new(shape: &[usize], dataset: &Dataset, d: usize) -> Self {
        match *shape {
            [_, w, c] => Place::Pixel { pixel: [d / (w * c), d / c % w], colour: (c == 3).then(|| COLOURS[d % 3]) },
            _ => Place::Column { column: dataset.column(d) },
        }
    }

    /// What is said of a place.
    fn kind(&self) -> &'static str {
        match self {
            Place::Pixel { colour: Some(_), .. } => "pixel (row, column), colour",
            Place::Pixel { colour: None, .. } => "pixel (row, column)",
            Place::Column { .. } => "column",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.pad(&match self {
            Place::Pixel { pixel: [i, j], colour: Some(colour) } => format!("({i}, {j}) {colour}"),
            Place::Pixel { pixel: [i, j], colour: None } => format!("({i}, {j})"),
            Place::Column { column } => column.clone(),
        })
    }
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "row {}: log p(x) = Σ log p(x_d | x_<d), in the order of the model's chain rule\n", self.row)?;
        if self.has_densities {
            writeln!(f, "Values are standardised, and densities are those of standardised values.\n")?;
        }
        let (of, head) =
            (self.factors.first().map_or("", |factor| factor.of.kind()), if self.has_densities { "density" } else { "p" });
        writeln!(f, "{:>6}  {of:<27} {:>8} {head:>12} {:>10} {:>12}", "step", "value", "log p", "sum")?;
        for (step, Factor { of, value, p, log_p_nats, sum_nats }) in self.factors.iter().enumerate() {
            let value = if self.has_densities { format!("{value:.4}") } else { value.to_string() };
            writeln!(f, "{step:>6}  {of:<27} {value:>8} {p:>12.6} {log_p_nats:>10.4} {sum_nats:>12.4}")?;
        }
        let Explained { log_p_nats, bits_per_dim, bound, .. } = self;
        writeln!(f, "\nlog p(x) = {log_p_nats:.4} nats, {bits_per_dim:.4} bits a dimension, {bound}")
    }
}
