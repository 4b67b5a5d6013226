//! What `encode` says of a category whose meaning a model learned by itself: how well it tells the data's classes apart.

use std::fmt::{self, Formatter};
use std::ops::Range;

use calotype_data::Factor;
use calotype_models::{Latent, LatentKind};
use calotype_training::{Examined, matched_accuracy, matched_classes, most_probable};
use serde::Serialize;

/// Values that are named one by one, at most.
const MOST_NAMED: usize = 20;

/// Where the probabilities of the first categorical code are among the features.
pub fn category(latent: &dyn Latent) -> Option<Range<usize>> {
    let (parts, codes) = (latent.parts(), latent.codes());
    let mut from = 0;
    for part in parts.iter().filter(|part| codes.contains(&part.name)) {
        if part.kind == LatentKind::Category {
            return Some(from..from + part.size);
        }
        from += part.size;
    }
    None
}

/// Rows with their features.
#[derive(Clone, Copy)]
pub struct Featured<'a> {
    pub examined: &'a Examined,
    /// [N, F].
    pub features: &'a [f32],
}

impl Featured<'_> {
    /// The most probable category of each row.
    fn categories(&self, n_features: usize, category: &Range<usize>) -> Vec<u32> {
        let rows = self.features.chunks_exact(n_features.max(1));
        let probabilities: Vec<f32> = rows.flat_map(|row| &row[category.clone()]).copied().collect();
        most_probable(&probabilities, category.len())
    }

    fn values(&self, factor: &Factor) -> Vec<u32> {
        self.examined.rows.rows().iter().map(|&row| factor.of_row[row as usize]).collect()
    }
}

/// The category as a classifier of a factor, each category matched with one value of its own (Hungarian method).
#[derive(Serialize)]
pub struct Recognised {
    factor: String,
    accuracy: f64,
    n_rows: usize,
    n_categories: usize,
    n_values: usize,
    matched_by: &'static str,
    /// The value of each category; none for those that are left over.
    values: Vec<Option<String>>,
}

/// For the classes of the data, and every other factor that is known of each row. Matched by the training rows where there are some,
/// else by the rows themselves.
pub fn recognised(rows: Featured, train: Option<Featured>, n_features: usize, category: &Range<usize>) -> Vec<Recognised> {
    let (said, n_categories) = (rows.categories(n_features, category), category.len());
    let by = train.unwrap_or(rows);
    let said_of_train = by.categories(n_features, category);
    let of = |factor: &Factor| {
        // Rows of one data set: its factors are the same in both.
        let classes = matched_classes(&said_of_train, &by.values(factor), n_categories, factor.values.len());
        Recognised {
            factor: factor.name.clone(),
            accuracy: matched_accuracy(&said, &rows.values(factor), &classes),
            n_rows: said.len(),
            n_categories,
            n_values: factor.values.len(),
            matched_by: if train.is_some() { "the training rows" } else { "these rows" },
            values: classes.iter().map(|class| class.map(|class| factor.values[class as usize].clone())).collect(),
        }
    };
    rows.examined.dataset.factors().iter().map(of).collect()
}

impl fmt::Display for Recognised {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Recognised { factor, accuracy, n_rows, n_categories, n_values, matched_by, values } = self;
        writeln!(
            f,
            "category as a classifier of {factor}: accuracy {:.1} % of {n_rows} rows; {n_categories} categories and {n_values} \
             values, matched one to one by {matched_by}",
            100.0 * accuracy
        )?;
        if *n_categories > MOST_NAMED {
            return Ok(());
        }
        let pair = |(n, value): (usize, &Option<String>)| format!("{n} = {}", value.as_deref().unwrap_or("none"));
        writeln!(f, "  {}", values.iter().enumerate().map(pair).collect::<Vec<_>>().join(", "))
    }
}
