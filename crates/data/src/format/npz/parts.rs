//! Which arrays of a file are rows, classes and the test split, by the names that are in use.

use super::Archive;

/// Names of arrays, with upper or lower case letters: training rows and classes, validation, test.
const SPLIT: [[&str; 6]; 3] = [
    // Keras: mnist.npz.
    ["x_train", "y_train", "x_val", "y_val", "x_test", "y_test"],
    // MedMNIST.
    ["train_images", "train_labels", "val_images", "val_labels", "test_images", "test_labels"],
    ["train_x", "train_y", "val_x", "val_y", "test_x", "test_y"],
];

const ROWS: [&str; 3] = ["x", "data", "images"];
const LABELS: [&str; 4] = ["y", "labels", "target", "label"];

/// Names of arrays by what they are.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Parts {
    pub(super) rows: String,
    pub(super) labels: Option<String>,
    pub(super) test_rows: Option<String>,
    pub(super) test_labels: Option<String>,
    pub(super) validation_rows: Option<String>,
    pub(super) validation_labels: Option<String>,
}

impl Parts {
    /// Looks for them; none where no rows are known, or where nothing else than rows is.
    pub(super) fn among(archive: &Archive) -> Option<Self> {
        let find = |wanted: &str| archive.names().find(|name| name.eq_ignore_ascii_case(wanted)).map(str::to_owned);
        for [x, y, x_val, y_val, x_test, y_test] in SPLIT {
            let (labels, test_rows) = (find(y), find(x_test));
            if let Some(rows) = find(x)
                && (labels.is_some() || test_rows.is_some())
            {
                let (test_labels, validation_rows, validation_labels) = (find(y_test), find(x_val), find(y_val));
                return Some(Parts { rows, labels, test_rows, test_labels, validation_rows, validation_labels });
            }
        }
        let rows = ROWS.iter().find_map(|name| find(name))?;
        let labels = LABELS.iter().find_map(|name| find(name))?;
        Some(Parts { rows, labels: Some(labels), ..Parts::default() })
    }

    /// All of the names.
    pub(super) fn used(&self) -> Vec<&str> {
        let optional = [&self.labels, &self.test_rows, &self.test_labels, &self.validation_rows, &self.validation_labels]
            .into_iter()
            .flatten();
        std::iter::once(&self.rows).chain(optional).map(String::as_str).collect()
    }
}
