//! What `encode` says of a category whose meaning a model learned by itself: how well it tells the data's classes apart.

use std::fmt::Write as _;
use std::ops::Range;

use calotype_data::Factor;
use calotype_models::{Latent, LatentKind};
use calotype_training::{Examined, matched_accuracy, matched_classes, most_probable};

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

/// For the classes of the data, and every other factor that is known of each row: the accuracy of the category as a classifier where each
/// category is matched with one value of its own (Hungarian method). Matched by the training rows where there are some, else by the rows
/// themselves.
pub fn classified(rows: Featured, train: Option<Featured>, n_features: usize, category: &Range<usize>) -> String {
    let (said, k) = (rows.categories(n_features, category), category.len());
    let by = train.unwrap_or(rows);
    let said_of_train = by.categories(n_features, category);
    let mut text = String::new();
    for factor in rows.examined.dataset.factors() {
        // Rows of one data set: its factors are the same in both.
        let classes = matched_classes(&said_of_train, &by.values(factor), k, factor.values.len());
        let accuracy = 100.0 * matched_accuracy(&said, &rows.values(factor), &classes);
        let _ = writeln!(
            text,
            "category as a classifier of {}: accuracy {accuracy:.1} % of {} rows; {k} categories and {} values, matched one to one by {}",
            factor.name,
            said.len(),
            factor.values.len(),
            if train.is_some() { "the training rows" } else { "these rows" }
        );
        if k <= MOST_NAMED {
            let value = |class: &Option<u32>| class.map_or("none", |class| factor.values[class as usize].as_str());
            let pairs: Vec<String> = classes.iter().enumerate().map(|(n, class)| format!("{n} = {}", value(class))).collect();
            let _ = writeln!(text, "  {}", pairs.join(", "));
        }
    }
    text
}
