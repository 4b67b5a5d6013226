//! A data set in memory: rows of values, and what is known about each row.

use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};

use crate::captions::Captions;
use crate::error::{DataError, Result};
use crate::hex::hex;
use crate::options::{DEFAULT_MAX_BYTES, Range};
use crate::parts::{Factor, LeftOut, Part, Split, Values};
use crate::typed::{Typed, columns_setting};

/// What stands for f32 and for f64 in a content hash, where levels have their number, 2 to 256.
pub(crate) const SINGLE: u32 = 0;
const DOUBLE: u32 = 1;
/// And what stands for images of 8 bits.
pub(crate) const LEVELS_OF_IMAGES: u32 = 256;

/// The beginning of a content hash: the values of all rows and the labels follow.
pub(crate) fn hasher(shape: &[usize], kind: u32) -> Sha256 {
    let mut sha = Sha256::new();
    sha.update((shape.len() as u64).to_le_bytes());
    shape.iter().for_each(|&d| sha.update((d as u64).to_le_bytes()));
    sha.update(u64::from(kind).to_le_bytes());
    sha
}

/// A data set: N rows of one shape, [H, W, C] for images or `[D]` for vectors, with splits and what is known about each row.
///
/// Every way to make one checks it: at least one row, lengths that agree, finite values, levels in range.
#[derive(Debug)]
pub struct Dataset {
    name: String,
    shape: Vec<usize>,
    values: Values,
    n_rows: usize,
    factors: Vec<Factor>,
    /// Which factor is the class, if one is.
    class: Option<usize>,
    captions: Option<Captions>,
    /// Names of the columns of vectors, from a table's header; else empty.
    columns: Vec<String>,
    /// Of each row; none where all of it is training data.
    parts: Option<Vec<Part>>,
    /// How the columns of a table are chosen by `--set columns=…`; else empty.
    typed: Vec<Typed>,
    /// Rows of equal group are kept on one side of a hold-out; none where each row is its own.
    groups: Option<Vec<u32>>,
    /// Names of the files that the rows are of, below the folder that was opened.
    files: Option<Vec<String>>,
    /// The line of every row in its table, from 1.
    lines: Option<Vec<u32>>,
    left_out: Vec<LeftOut>,
    notes: Vec<String>,
    /// What of an array's numbers became 0 and 1.
    range: Option<Range>,
    max_bytes: u64,
    hash: OnceLock<String>,
}

impl Dataset {
    /// Makes a data set of whole rows: `shape` is [H, W, C] or `[D]`; the number of values is a multiple of its product. Images are
    /// of levels or f32: f64 become that.
    ///
    /// Errors: no rows, a dimension of zero, a part of a row, a NaN or infinity, levels other than 2 to 256, a level out of range.
    pub fn new(name: impl Into<String>, shape: &[usize], values: Values) -> Result<Self> {
        let name = name.into();
        let values = match values {
            Values::Double(data) if shape.len() == 3 => Values::Continuous(Arc::new(data.iter().map(|&v| v as f32).collect())),
            as_they_are => as_they_are,
        };
        let wanted = || DataError::format(&name, "rows of shape [H, W, C] or [D], no dimension zero", format!("{shape:?}"));
        if !matches!(shape.len(), 1 | 3) {
            return Err(wanted());
        }
        let per_row = shape.iter().try_fold(1_usize, |n, &d| n.checked_mul(d)).filter(|&n| n > 0).ok_or_else(wanted)?;
        if values.is_empty() {
            return Err(DataError::Empty { origin: name, what: "rows".into() });
        }
        let n_rows = values.len() / per_row;
        if !values.len().is_multiple_of(per_row) {
            return Err(DataError::RowLength { origin: name, row: n_rows, expected: per_row, found: values.len() % per_row });
        }
        if u32::try_from(n_rows).is_err() {
            return Err(DataError::format(name, "fewer than 2^32 rows", n_rows.to_string()));
        }
        values.check(&name, per_row)?;
        Ok(Dataset {
            name,
            shape: shape.to_vec(),
            values,
            n_rows,
            factors: vec![],
            class: None,
            captions: None,
            columns: vec![],
            parts: None,
            typed: vec![],
            groups: None,
            files: None,
            lines: None,
            left_out: vec![],
            notes: vec![],
            range: None,
            max_bytes: DEFAULT_MAX_BYTES,
            hash: OnceLock::new(),
        })
    }

    /// Adds classes: a label for each row and the names of all classes. They are the factor `class` too.
    ///
    /// Errors: another number of labels than rows, or a label without a name; `origin` is where the labels came from.
    pub fn with_labels(self, labels: Vec<u32>, names: Vec<String>, origin: &str) -> Result<Self> {
        self.with_class_factor(Factor { name: "class".into(), values: names, of_row: labels }, origin)
    }

    /// Adds something known about every row, and makes it the class. Errors as [`Dataset::with_labels`].
    pub fn with_class_factor(mut self, factor: Factor, origin: &str) -> Result<Self> {
        self.check_factor(&factor, origin)?;
        self.class = Some(self.factors.len());
        self.factors.push(factor);
        Ok(self)
    }

    /// Numbers the classes as other data do, by their names; those that the others lack come after. Where none is of theirs, nothing
    /// changes.
    #[must_use]
    pub fn with_class_numbers_of(mut self, names: &[String]) -> Self {
        let Some(factor) = self.class.map(|class| &mut self.factors[class]) else { return self };
        if !factor.values.iter().any(|name| names.contains(name)) {
            return self;
        }
        let mut all = names.to_vec();
        for name in &factor.values {
            if !all.contains(name) {
                all.push(name.clone());
            }
        }
        let number = |name: &String| all.iter().position(|n| n == name).unwrap_or(0) as u32;
        let numbers: Vec<u32> = factor.values.iter().map(number).collect();
        factor.of_row.iter_mut().for_each(|label| *label = numbers[*label as usize]);
        factor.values = all;
        // The content hash is over the numbers of the classes.
        self.hash = OnceLock::new();
        self
    }

    /// Adds something known about every row. Errors as [`Dataset::with_labels`].
    pub fn with_factor(mut self, factor: Factor) -> Result<Self> {
        self.check_factor(&factor, &self.name)?;
        self.factors.push(factor);
        Ok(self)
    }

    /// Adds the captions of every row. Errors: of another number of rows.
    pub fn with_captions(mut self, captions: Captions) -> Result<Self> {
        self.check_length(captions.n_rows(), &self.name)?;
        self.captions = Some(captions);
        Ok(self)
    }

    /// Names the columns of vectors. Errors: another number of names than columns.
    pub fn with_columns(mut self, columns: Vec<String>) -> Result<Self> {
        if columns.len() != self.n_values() {
            let expected = format!("{} names of columns", self.n_values());
            return Err(DataError::format(&self.name, expected, columns.len().to_string()));
        }
        self.columns = columns;
        Ok(self)
    }

    /// Says how the columns of a table are typed.
    pub(crate) fn with_typed_columns(self, typed: Vec<Typed>) -> Self {
        Dataset { typed, ..self }
    }

    /// The setting that reads all columns of a table but these, counted from 0: `--set columns=a,b`. None where nothing would be
    /// left, and for other data.
    pub fn columns_without(&self, columns: &[usize]) -> Option<String> {
        let rest = self.typed.iter().enumerate().filter(|(at, _)| !columns.contains(at));
        let rest: Vec<Typed> = rest.map(|(_, typed)| typed.clone()).collect();
        (!rest.is_empty()).then(|| columns_setting(&rest))
    }

    /// Says which rows are test rows. Errors: another number of flags than rows.
    pub fn with_test_rows(self, test: Vec<bool>) -> Result<Self> {
        self.with_parts(test.into_iter().map(|test| if test { Part::Test } else { Part::Train }).collect())
    }

    /// Says which split every row belongs to. Errors: another number of them than rows.
    pub fn with_parts(mut self, parts: Vec<Part>) -> Result<Self> {
        self.check_length(parts.len(), &self.name)?;
        self.parts = Some(parts);
        Ok(self)
    }

    /// Says which rows belong together, so that [`Dataset::hold_out`] does not part them.
    pub(crate) fn with_groups(mut self, groups: Vec<u32>) -> Result<Self> {
        self.check_length(groups.len(), &self.name)?;
        self.groups = Some(groups);
        Ok(self)
    }

    /// Names the file of every row, below the folder that was opened. Errors: another number of names than rows.
    pub fn with_files(mut self, files: Vec<String>) -> Result<Self> {
        self.check_length(files.len(), &self.name)?;
        self.files = Some(files);
        Ok(self)
    }

    /// Says what of an array's numbers became 0 and 1.
    pub(crate) fn with_range(self, range: Option<Range>) -> Self {
        Dataset { range, ..self }
    }

    /// What of an array's continuous numbers became 0 and 1, or that they are as they were; other files that are read with
    /// [`Options::range`](crate::Options) of it are mapped as this one was. None where numbers are levels by their type, and of data that is no array.
    pub fn range(&self) -> Option<Range> {
        self.range
    }

    /// How values that are outside 0..1 are brought there: by a setting for arrays, whose range is known; in the file for others.
    pub(crate) fn to_unit(&self) -> String {
        match self.range {
            Some(_) => self.values.to_unit(),
            None if self.image_shape().is_some() => "scale them to 0..1".into(),
            None => "scale its columns to 0..1, or train a model of continuous rows, such as rnade".into(),
        }
    }

    /// Adds things that lay in the data and became no rows.
    pub(crate) fn with_left_out(mut self, left_out: impl IntoIterator<Item = LeftOut>) -> Self {
        self.left_out.extend(left_out.into_iter().filter(|l| l.n > 0));
        self
    }

    /// Adds what a person should know about how it was read.
    #[must_use]
    pub fn with_note(mut self, note: String) -> Self {
        self.notes.push(note);
        self
    }

    /// What a person should know about how it was read: pictures that were resized though no size was asked for.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Says which line of a table every row is, from 1. Errors: another number of lines than rows.
    pub(crate) fn with_lines(mut self, lines: Vec<u32>) -> Result<Self> {
        self.check_length(lines.len(), &self.name)?;
        self.lines = Some(lines);
        Ok(self)
    }

    /// The line of every row in its table, from 1, where it is of one.
    pub fn lines(&self) -> Option<&[u32]> {
        self.lines.as_deref()
    }

    /// The file of every row, below the folder that was opened, where each is of its own.
    pub fn files(&self) -> Option<&[String]> {
        self.files.as_deref()
    }

    /// What lay in the data and became no rows.
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// Sets what its rows may take when they are prepared; without it, as much as [`Options`](crate::Options) has by default.
    pub fn with_max_bytes(self, max_bytes: u64) -> Self {
        Dataset { max_bytes, ..self }
    }

    /// What its rows may take when they are prepared.
    pub(crate) fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// The name it was opened by; for a path, the last part of it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The shape of one row: [H, W, C] for images, `[D]` for vectors.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// [H, W, C] if the rows are images.
    pub fn image_shape(&self) -> Option<[usize; 3]> {
        self.shape.as_slice().try_into().ok()
    }

    /// How many rows there are in all splits.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// How many values a row has: H W C, or D.
    pub fn n_values(&self) -> usize {
        self.shape.iter().product()
    }

    /// The values as they were read, [N, H, W, C] or [N, D].
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// How many levels a value has; none for continuous values.
    pub fn levels(&self) -> Option<u32> {
        match self.values {
            Values::Levels { levels, .. } => Some(levels),
            Values::Continuous(_) | Values::Double(_) => None,
        }
    }

    /// Each row's class, if there are classes.
    pub fn labels(&self) -> Option<&[u32]> {
        self.class.map(|class| self.factors[class].of_row.as_slice())
    }

    /// The factor that is the class, if one is.
    pub fn class(&self) -> Option<&Factor> {
        self.class.map(|class| &self.factors[class])
    }

    /// The names of the classes; empty if there are none.
    pub fn class_names(&self) -> &[String] {
        self.class.map_or(&[], |class| &self.factors[class].values)
    }

    /// All that is known about the rows.
    pub fn factors(&self) -> &[Factor] {
        &self.factors
    }

    /// The factor of that name.
    pub fn factor(&self, name: &str) -> Option<&Factor> {
        self.factors.iter().find(|f| f.name == name)
    }

    /// The row that belongs together with this one and is as it is but for one factor, which has this value: the same emoji of the same
    /// vendor in another tone. None where there is none, and of data whose rows are each their own.
    pub fn twin(&self, row: u32, factor: &str, value: u32) -> Option<u32> {
        let groups = self.groups.as_ref()?;
        let is_twin = |other: u32| {
            let at = |f: &Factor| (f.of_row[row as usize], f.of_row[other as usize]);
            let alike = |f: &Factor| if f.name == factor { at(f).1 == value } else { at(f).0 == at(f).1 };
            groups[other as usize] == groups[row as usize] && self.factors.iter().all(alike)
        };
        self.factor(factor)?;
        (0..self.n_rows as u32).find(|&other| is_twin(other))
    }

    /// What is said of the rows, captions or names, if anything is.
    pub fn captions(&self) -> Option<&Captions> {
        self.captions.as_ref()
    }

    /// Names of the columns of vectors, from a table's header; empty where there are none.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// A column of vectors in messages, by its number in the file from 1: `column 3 `x``, or `column 3` where it has no name.
    pub fn column(&self, at: usize) -> String {
        let number = self.typed.get(at).map_or(at, |typed| typed.at) + 1;
        column(number, self.columns.get(at).map_or("", String::as_str))
    }

    /// SHA-256 of the splits, in hexadecimal; none where the data have none.
    pub fn split_hash(&self) -> Option<String> {
        let parts: Vec<u8> = self.parts.as_ref()?.iter().map(|part| *part as u8).collect();
        Some(hex(&Sha256::digest(parts)))
    }

    /// Which split every row belongs to; none where all of them are training data.
    pub fn parts(&self) -> Option<&[Part]> {
        self.parts.as_deref()
    }

    /// Whether there are test rows apart from training rows.
    pub fn has_splits(&self) -> bool {
        self.parts.as_ref().is_some_and(|parts| parts.contains(&Part::Test))
    }

    /// The split to score when none was asked for: `test` where there is one, else all.
    pub fn default_evaluation_split(&self) -> Split {
        if self.has_splits() { Split::Test } else { Split::All }
    }

    /// The rows of a split, in order; those of a validation split are training data. Data without splits is all training data.
    /// Errors: `Test` where there is none.
    pub fn rows(&self, split: Split) -> Result<Vec<u32>> {
        let all = 0..self.n_rows as u32;
        match (&self.parts, split) {
            (_, Split::Test) if !self.has_splits() => Err(DataError::NoSplit { origin: self.name.clone(), split: split.name() }),
            (None, _) | (_, Split::All) => Ok(all.collect()),
            (Some(parts), _) => Ok(all.filter(|&r| (parts[r as usize] == Part::Test) == (split == Split::Test)).collect()),
        }
    }

    /// Parts `rows` into (kept, held out). Rows of a validation split are what is held out, or left out if the fraction is zero.
    /// Without any, about `fraction` of `rows` are held out: every k-th, k = round(1 / fraction), counting groups where rows belong
    /// together (the tones and vendors of one emoji). Pure: no seed.
    pub fn hold_out(&self, rows: &[u32], fraction: f64) -> (Vec<u32>, Vec<u32>) {
        let validation = |row: &u32| self.parts.as_ref().is_some_and(|parts| parts[*row as usize] == Part::Validation);
        if rows.iter().any(validation) {
            let (held_out, kept) = rows.iter().copied().partition(validation);
            return if fraction > 0.0 { (kept, held_out) } else { (kept, vec![]) };
        }
        if fraction.is_nan() || fraction <= 0.0 {
            return (rows.to_vec(), vec![]);
        }
        let every = (1.0 / fraction.min(1.0)).round() as usize;
        let mut rank_of_group = std::collections::HashMap::new();
        let held = |row: &u32| {
            let group = self.groups.as_ref().map_or(*row, |g| g[*row as usize]);
            let next = rank_of_group.len();
            *rank_of_group.entry(group).or_insert(next) % every == every - 1
        };
        let (held_out, kept) = rows.iter().copied().partition(held);
        (kept, held_out)
    }

    /// SHA-256 over shape, values and labels, in hexadecimal: the data's identity in `run.toml`. Computed once.
    ///
    /// Not over captions, factors other than the class, and splits: `emoji` and `shapes` have all of them, and runs that exist are
    /// continued only on the hashes that they know. What learns from captions must keep a hash of those too.
    pub fn content_hash(&self) -> &str {
        self.hash.get_or_init(|| match &self.values {
            Values::Levels { data, levels } => self.hashed(*levels, |sha| sha.update(data.as_slice())),
            Values::Continuous(data) => self.hashed(SINGLE, |sha| {
                let chunk_bytes = |chunk: &[f32]| chunk.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
                data.chunks(1 << 14).for_each(|chunk| sha.update(chunk_bytes(chunk)));
            }),
            Values::Double(data) => self.hashed(DOUBLE, |sha| {
                let chunk_bytes = |chunk: &[f64]| chunk.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
                data.chunks(1 << 14).for_each(|chunk| sha.update(chunk_bytes(chunk)));
            }),
        })
    }

    /// Whether these are the data of that content hash. Earlier versions read tables as f32, and hashed
    /// them so: runs on them go on.
    pub fn is_content(&self, hash: &str) -> bool {
        let as_single = |data: &[f64]| self.hashed(SINGLE, |sha| data.iter().for_each(|&v| sha.update((v as f32).to_le_bytes())));
        self.content_hash() == hash || matches!(&self.values, Values::Double(data) if as_single(data) == hash)
    }

    /// SHA-256 of shape, kind of values, what `values` adds, and labels.
    fn hashed(&self, kind: u32, values: impl FnOnce(&mut Sha256)) -> String {
        let mut sha = hasher(&self.shape, kind);
        values(&mut sha);
        self.labels().unwrap_or_default().iter().for_each(|l| sha.update(l.to_le_bytes()));
        hex(&sha.finalize())
    }

    /// Some rows by themselves: their values alone, under the same name. Errors: no rows; a row out of range.
    pub(crate) fn only(&self, rows: &[u32]) -> Result<Self> {
        let n = self.n_values();
        if let Some(row) = rows.iter().find(|&&row| row as usize >= self.n_rows) {
            let expected = format!("rows below {}", self.n_rows);
            return Err(DataError::Setting { key: "rows", expected, found: row.to_string() });
        }
        fn of<T: Copy>(data: &[T], n: usize, rows: &[u32]) -> Arc<Vec<T>> {
            Arc::new(rows.iter().flat_map(|&row| &data[row as usize * n..][..n]).copied().collect())
        }
        let values = match &self.values {
            Values::Levels { data, levels } => Values::Levels { data: of(data, n, rows), levels: *levels },
            Values::Continuous(data) => Values::Continuous(of(data, n, rows)),
            Values::Double(data) => Values::Double(of(data, n, rows)),
        };
        Dataset::new(&self.name, &self.shape, values)
    }

    fn check_length(&self, found: usize, origin: &str) -> Result<()> {
        let (images, labels) = (self.name.clone(), origin.to_owned());
        let wrong = DataError::LabelCount { images, labels, expected: self.n_rows, found };
        if found == self.n_rows { Ok(()) } else { Err(wrong) }
    }

    fn check_factor(&self, factor: &Factor, origin: &str) -> Result<()> {
        self.check_length(factor.of_row.len(), origin)?;
        match factor.of_row.iter().position(|&v| v as usize >= factor.values.len()) {
            None => Ok(()),
            Some(row) => Err(DataError::Value {
                origin: origin.to_owned(),
                row,
                column: 0,
                expected: format!("a {} below {}", factor.name, factor.values.len()),
                found: factor.of_row[row].to_string(),
            }),
        }
    }
}

/// [`Dataset::column`] of a data set that is not made yet, by its number from 1 and its name.
pub(crate) fn column(number: usize, name: &str) -> String {
    match name {
        "" => format!("column {number}"),
        name => format!("column {number} `{}`", name.chars().take(40).collect::<String>()),
    }
}
