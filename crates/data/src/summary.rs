//! What `calotype data` prints of a data set.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::captions::Captions;
use crate::dataset::Dataset;
use crate::parts::{Factor, LeftOut, Part, Split, Values};

/// A data set in a few lines; [`fmt::Display`] prints them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    pub name: String,
    pub rows: Count,
    /// [H, W, C] or `[D]`.
    pub shape: Vec<usize>,
    /// None for continuous values.
    pub levels: Option<u32>,
    /// The least and the largest of continuous values.
    pub bounds: Option<[f64; 2]>,
    /// Of vectors, each column.
    pub columns: Vec<Column>,
    pub classes: Vec<Class>,
    /// Those other than the class.
    pub factors: Vec<OtherFactor>,
    pub captions: Option<Said>,
    /// What lay in the data and became no rows.
    pub left_out: Vec<LeftOut>,
    /// What a person should know about how it was read.
    pub notes: Vec<String>,
    #[serde(rename = "sha256")]
    pub content_hash: String,
}

/// A class and its rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Class {
    pub name: String,
    pub rows: Count,
}

/// A factor, and how many values it has.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OtherFactor {
    pub name: String,
    pub n_values: usize,
}

/// What a column of vectors holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Column {
    /// `column 2 `height``.
    pub name: String,
    pub least: f64,
    pub mean: f64,
    pub largest: f64,
    /// How many of its values are different.
    pub different: usize,
}

impl Column {
    fn of(rows: &Dataset, at: usize) -> Self {
        let n = rows.n_rows();
        let mut values: Vec<f64> = (0..n).map(|row| rows.values().get(row * rows.n_values() + at)).collect();
        let mean = values.iter().sum::<f64>() / n as f64;
        values.sort_by(f64::total_cmp);
        let (least, largest) = (values[0], values[n - 1]);
        values.dedup();
        Column { name: rows.column(at), least, mean, largest, different: values.len() }
    }
}

/// Columns that are described, at most.
const MOST_COLUMNS: usize = 40;

/// Rows by split. Serialised with their sum, `all`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub train: usize,
    pub validation: usize,
    pub test: usize,
}

impl Count {
    /// Of all splits.
    pub fn all(self) -> usize {
        self.train + self.validation + self.test
    }

    fn add(&mut self, part: Part) {
        match part {
            Part::Train => self.train += 1,
            Part::Validation => self.validation += 1,
            Part::Test => self.test += 1,
        }
    }
}

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_map([("all", self.all()), ("train", self.train), ("validation", self.validation), ("test", self.test)])
    }
}

/// `9,000 train, 1,000 test`
impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} train", self.train)?;
        if self.validation > 0 {
            write!(f, ", {} validation", self.validation)?;
        }
        write!(f, ", {} test", self.test)
    }
}

/// What is said of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Said {
    /// Rows with a caption.
    pub n_rows: usize,
    /// Different captions.
    pub n_texts: usize,
}

impl Said {
    pub(crate) fn of(captions: &Captions) -> Self {
        let n_rows = (0..captions.n_rows() as u32).filter(|&row| !captions.numbers(row).is_empty()).count();
        Said { n_rows, n_texts: captions.texts().len() }
    }
}

/// What is known of all rows of a data set, without their values.
pub(crate) struct Known<'a> {
    pub(crate) n_rows: usize,
    /// Of each row; none where all of it is training data.
    pub(crate) parts: Option<&'a [Part]>,
    /// Of each row; empty where there are no classes.
    pub(crate) labels: &'a [u32],
    pub(crate) classes: &'a [String],
    pub(crate) content_hash: String,
    pub(crate) bounds: Option<[f64; 2]>,
}

impl Dataset {
    /// What `calotype data` prints.
    pub fn summary(&self) -> Summary {
        Summary::new(
            self,
            Known {
                n_rows: self.n_rows(),
                parts: self.parts(),
                labels: self.labels().unwrap_or_default(),
                classes: self.class_names(),
                content_hash: self.content_hash().to_owned(),
                bounds: bounds(self.values()),
            },
        )
    }
}

impl Summary {
    /// Of `rows`, all of the data set or some of it, and what is known of all.
    pub(crate) fn new(rows: &Dataset, known: Known) -> Self {
        let part = |row: usize| known.parts.map_or(Part::Train, |parts| parts[row]);
        let mut count = Count::default();
        let class = |name: &String| Class { name: name.clone(), rows: Count::default() };
        let mut classes: Vec<Class> = known.classes.iter().map(class).collect();
        for row in 0..known.n_rows {
            count.add(part(row));
            if let Some(class) = known.labels.get(row).and_then(|&label| classes.get_mut(label as usize)) {
                class.rows.add(part(row));
            }
        }
        let is_class = |f: &Factor| rows.labels().is_some_and(|labels| std::ptr::eq(labels.as_ptr(), f.of_row.as_ptr()));
        let others = rows.factors().iter().filter(|f| !is_class(f));
        Summary {
            name: rows.name().to_owned(),
            rows: count,
            shape: rows.shape().to_vec(),
            levels: rows.levels(),
            bounds: known.bounds,
            columns: match rows.image_shape() {
                None => (0..rows.n_values().min(MOST_COLUMNS)).map(|at| Column::of(rows, at)).collect(),
                Some(_) => vec![],
            },
            classes,
            factors: others.map(|f| OtherFactor { name: f.name.clone(), n_values: f.values.len() }).collect(),
            captions: rows.captions().map(Said::of),
            left_out: rows.left_out().to_vec(),
            notes: rows.notes().to_vec(),
            content_hash: known.content_hash,
        }
    }
}

/// Ten digits at most.
fn significant(v: f64) -> String {
    let rounded: f64 = format!("{v:.9e}").parse().unwrap_or(v);
    rounded.to_string()
}

/// The least and the largest of continuous values.
pub(crate) fn bounds(values: &Values) -> Option<[f64; 2]> {
    let of = |values: &mut dyn Iterator<Item = f64>| {
        Some(values.fold([f64::INFINITY, f64::NEG_INFINITY], |[l, h], v| [l.min(v), h.max(v)]))
    };
    match values {
        Values::Levels { .. } => None,
        Values::Continuous(data) => of(&mut data.iter().map(|&v| v.into())),
        Values::Double(data) => of(&mut data.iter().copied()),
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "{}: {} rows ({})", self.name, self.rows.all(), self.rows)?;
        write!(f, "  values    ")?;
        match *self.shape.as_slice() {
            [h, w, c] => write!(f, "{h}x{w}x{c} (height x width x channels), ")?,
            ref columns => write!(f, "{} columns, ", columns.iter().product::<usize>())?,
        }
        match (self.levels, self.bounds) {
            (Some(levels), _) => writeln!(f, "{levels} levels")?,
            (None, Some([low, high])) => writeln!(f, "continuous, {} to {}", significant(low), significant(high))?,
            (None, None) => writeln!(f, "continuous")?,
        }
        for column in &self.columns {
            let Column { name, least, mean, largest, different } = column;
            let number = |v: &f64| significant(*v);
            writeln!(f, "    {name:<28} {} to {}, mean {}, {different} different", number(least), number(largest), number(mean))?;
        }
        if self.shape.len() == 1 && self.shape[0] > self.columns.len() {
            writeln!(f, "    and {} more", self.shape[0] - self.columns.len())?;
        }
        if !self.classes.is_empty() {
            writeln!(f, "  classes   {}", self.classes.len())?;
            for Class { name, rows } in &self.classes {
                writeln!(f, "    {name:<20} {rows}")?;
            }
        }
        for OtherFactor { name, n_values } in &self.factors {
            writeln!(f, "  {name:<9} {n_values} values")?;
        }
        if let Some(Said { n_rows, n_texts }) = self.captions {
            writeln!(f, "  captions  {n_texts} different ones, of {n_rows} rows")?;
        }
        for left_out in &self.left_out {
            writeln!(f, "  left out  {left_out}")?;
        }
        for note in &self.notes {
            writeln!(f, "  note      {note}")?;
        }
        write!(f, "  sha256    {}", self.content_hash)
    }
}

/// What training will see of data: in words, and some of the rows.
#[derive(Debug)]
pub struct Survey {
    pub summary: Summary,
    /// Rows evenly spaced among all.
    pub shown: Dataset,
}

/// Whether a row is one of `n_shown` that are evenly spaced among `n`.
pub(crate) fn is_shown(row: usize, (n, n_shown): (usize, usize)) -> bool {
    let before = |row: usize| row as u64 * n_shown as u64 / n.max(1) as u64;
    n_shown >= n || before(row) != before(row + 1)
}

impl Survey {
    /// Of a data set that is in memory.
    ///
    /// # Errors
    /// None but those of [`Dataset::new`], which passed before.
    pub fn of(dataset: &Dataset, n_shown: usize) -> crate::Result<Self> {
        let all = dataset.rows(Split::All)?;
        let n = all.len();
        let rows: Vec<u32> = all.into_iter().filter(|&row| is_shown(row as usize, (n, n_shown))).collect();
        Ok(Survey { summary: dataset.summary(), shown: dataset.only(&rows)? })
    }
}
