//! Arrays of numbers, whatever file they came from, and how they become data sets.
//!
//! An array is read part by part and kept in the narrowest of three forms: bytes while all of it is whole numbers of 0..=255, else
//! f32, or f64 for vectors. So memory is about one copy of the result, whatever type the file has; an array in Fortran order is
//! copied once more when it is put in order.

mod dataset;
mod element;
mod images;
mod labels;
mod scale;

use super::source::Source;
use crate::error::{DataError, Result};

pub(super) use dataset::{Given, dataset};
pub(super) use element::{Element, Number};
pub(super) use labels::{Classes, classes};

/// What a header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) element: Element,
    pub(super) shape: Vec<usize>,
    /// The first index runs fastest, not the last.
    pub(super) fortran: bool,
}

impl Claim {
    /// `float32 [100, 28, 28]`
    pub(super) fn shown(&self) -> String {
        format!("{} {:?}", self.element.name(), self.shape)
    }

    /// How many elements it has, where their bytes can be counted.
    pub(super) fn n_elements(&self) -> Option<usize> {
        let within = self.shape.iter().try_fold(8_usize, |n, &d| n.checked_mul(d));
        within.map(|n_bytes| n_bytes / 8)
    }
}

/// The elements of an array, row-major.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Numbers {
    /// Whole numbers of 0..=255.
    Bytes(Vec<u8>),
    Single(Vec<f32>),
    Double(Vec<f64>),
}

/// In what form numbers are kept that are not all whole numbers of 0..=255.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wide {
    Single,
    Double,
}

/// An array, row-major.
#[derive(Debug)]
pub(super) struct Array {
    /// Of the file, for messages.
    pub(super) origin: String,
    pub(super) element: Element,
    pub(super) shape: Vec<usize>,
    pub(super) numbers: Numbers,
    /// Whether whole numbers were too large to keep their last digits.
    pub(super) rounded: bool,
}

impl Numbers {
    pub(super) fn len(&self) -> usize {
        match self {
            Numbers::Bytes(data) => data.len(),
            Numbers::Single(data) => data.len(),
            Numbers::Double(data) => data.len(),
        }
    }

    /// Bytes of one.
    fn width(&self) -> u64 {
        match self {
            Numbers::Bytes(_) => 1,
            Numbers::Single(_) => 4,
            Numbers::Double(_) => 8,
        }
    }

    pub(super) fn get(&self, at: usize) -> f64 {
        match self {
            Numbers::Bytes(data) => data[at].into(),
            Numbers::Single(data) => data[at].into(),
            Numbers::Double(data) => data[at],
        }
    }

    /// In f32 or f64, if it is bytes.
    pub(super) fn widened(self, wide: Wide) -> Self {
        match (self, wide) {
            (Numbers::Bytes(data), Wide::Single) => Numbers::Single(data.into_iter().map(f32::from).collect()),
            (Numbers::Bytes(data), Wide::Double) => Numbers::Double(data.into_iter().map(f64::from).collect()),
            (wide, _) => wide,
        }
    }

    fn append(self, more: Self, wide: Wide) -> Self {
        match (self, more) {
            (Numbers::Bytes(mut a), Numbers::Bytes(b)) => {
                a.extend(b);
                Numbers::Bytes(a)
            }
            (a, b) => match (a.widened(wide), b.widened(wide)) {
                (Numbers::Single(mut a), Numbers::Single(b)) => {
                    a.extend(b);
                    Numbers::Single(a)
                }
                (a, b) => Numbers::Double((0..a.len()).map(|at| a.get(at)).chain((0..b.len()).map(|at| b.get(at))).collect()),
            },
        }
    }
}

/// In what form rows of this shape are kept where bytes do not do: f64 for the digits of vectors.
pub(super) fn wide_of(element: Element, shape: &[usize]) -> Wide {
    let single = shape.len() > 2 || element.number == Number::Float && element.n_bytes < 8;
    if single { Wide::Single } else { Wide::Double }
}

/// Elements as they arrive.
struct Gathering {
    element: Element,
    wide: Wide,
    numbers: Numbers,
    scratch: Vec<f64>,
    rounded: bool,
}

impl Gathering {
    fn add(&mut self, part: &[u8]) {
        if let (Numbers::Bytes(data), Number::Unsigned, 1) = (&mut self.numbers, self.element.number, self.element.n_bytes) {
            return data.extend_from_slice(part);
        }
        self.scratch.clear();
        self.element.decode(part, &mut self.scratch);
        if matches!(self.numbers, Numbers::Bytes(_)) && self.scratch.iter().any(|v| !(0.0..=255.0).contains(v)) {
            let narrow = std::mem::replace(&mut self.numbers, Numbers::Bytes(vec![]));
            self.numbers = narrow.widened(self.wide);
        }
        let exact = if self.wide == Wide::Single { 2_f64.powi(24) } else { 2_f64.powi(53) };
        self.rounded |= self.element.is_whole() && self.scratch.iter().any(|v| v.abs() > exact);
        match &mut self.numbers {
            Numbers::Bytes(data) => data.extend(self.scratch.iter().map(|&v| v as u8)),
            Numbers::Single(data) => data.extend(self.scratch.iter().map(|&v| v as f32)),
            Numbers::Double(data) => data.extend(&self.scratch),
        }
    }
}

impl Array {
    /// Reads what is claimed, to the end of the source, row-major. No more than the source's limit is taken.
    ///
    /// Errors: the source does not hold as much, holds more, or it would take more than the limit.
    pub(super) fn read(mut source: Source, claim: Claim, wide: Wide) -> Result<Self> {
        let (origin, limit_bytes) = (source.name().to_owned(), source.limit());
        let Claim { element, ref shape, .. } = claim;
        let what = claim.shown();
        let n = claim.n_elements().ok_or_else(|| DataError::format(&origin, "a shape of less than 2^64 bytes", &what))? as u64;
        source.holds(n * element.n_bytes as u64, &what)?;
        let numbers = match (element.is_whole(), wide) {
            (true, _) => Numbers::Bytes(vec![]),
            (false, Wide::Single) => Numbers::Single(vec![]),
            (false, Wide::Double) => Numbers::Double(vec![]),
        };
        let within = |gathering: &Gathering| {
            let claimed_bytes = n.saturating_mul(gathering.numbers.width());
            let too_large = || DataError::TooLarge { origin: origin.clone(), what: what.clone(), claimed_bytes, limit_bytes };
            if claimed_bytes <= limit_bytes { Ok(()) } else { Err(too_large()) }
        };
        let mut gathering = Gathering { element, wide, numbers, scratch: vec![], rounded: false };
        within(&gathering)?;
        source.parts(n * element.n_bytes as u64, &what, |part| {
            gathering.add(part);
            within(&gathering)
        })?;
        source.end()?;
        let Gathering { numbers, rounded, .. } = gathering;
        let numbers = if claim.fortran { row_major(numbers, shape) } else { numbers };
        Ok(Array { origin, element, shape: claim.shape, numbers, rounded })
    }

    /// What it takes.
    pub(super) fn n_bytes(&self) -> u64 {
        self.numbers.len() as u64 * self.numbers.width()
    }

    /// With the rows of another array after its own.
    ///
    /// Errors: rows of another type or shape.
    pub(super) fn joined(self, more: Array) -> Result<Self> {
        let same =
            self.shape.get(1..) == more.shape.get(1..) && !self.shape.is_empty() && self.element.name() == more.element.name();
        if !same {
            let shown = |array: &Array| format!("{} {:?}", array.element.name(), array.shape);
            let expected = format!("rows as those of {}, {}", self.origin, shown(&self));
            return Err(DataError::format(&more.origin, expected, shown(&more)));
        }
        let wide = wide_of(self.element, &self.shape);
        let mut shape = self.shape;
        shape[0] = shape[0].saturating_add(more.shape[0]);
        let rounded = self.rounded || more.rounded;
        let (origin, element) = (self.origin, self.element);
        Ok(Array { origin, element, shape, numbers: self.numbers.append(more.numbers, wide), rounded })
    }

    /// That all of it is finite. Errors: a NaN or infinity, by row and column.
    pub(super) fn check_finite(&self) -> Result<()> {
        let bad = match &self.numbers {
            Numbers::Bytes(_) => None,
            Numbers::Single(data) => data.iter().position(|v| !v.is_finite()),
            Numbers::Double(data) => data.iter().position(|v| !v.is_finite()),
        };
        match bad {
            None => Ok(()),
            Some(at) => Err(self.value(at, "a finite number")),
        }
    }

    /// The error that an element is not as expected, by its row and its place in it.
    pub(super) fn value(&self, at: usize, expected: &str) -> DataError {
        let per_row = self.shape.iter().skip(1).product::<usize>().max(1);
        DataError::Value {
            origin: self.origin.clone(),
            row: at / per_row,
            column: at % per_row,
            expected: expected.to_owned(),
            found: match &self.numbers {
                Numbers::Bytes(data) => data[at].to_string(),
                Numbers::Single(data) => data[at].to_string(),
                Numbers::Double(data) => data[at].to_string(),
            },
        }
    }
}

fn row_major(numbers: Numbers, shape: &[usize]) -> Numbers {
    match numbers {
        Numbers::Bytes(data) => Numbers::Bytes(reordered(&data, shape)),
        Numbers::Single(data) => Numbers::Single(reordered(&data, shape)),
        Numbers::Double(data) => Numbers::Double(reordered(&data, shape)),
    }
}

/// From the order in which the first index runs fastest to that in which the last one does.
fn reordered<T: Copy>(data: &[T], shape: &[usize]) -> Vec<T> {
    let strides: Vec<usize> = shape.iter().scan(1, |n, &d| Some(std::mem::replace(n, *n * d))).collect();
    let (mut index, mut from) = (vec![0; shape.len()], 0);
    let mut out = Vec::with_capacity(data.len());
    for _ in 0..data.len() {
        out.push(data[from]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            from += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            from -= strides[axis] * shape[axis];
            index[axis] = 0;
        }
    }
    out
}
