//! Attributes: what a model is told of a row beside its values, and what a row can be translated to.

use std::fmt;
use std::ops::Range;

use crate::settings::nearest;

/// Something that a row has or has not, or has one of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// `Male`, `tone`.
    pub name: String,
    /// What it is one of; none where a row has it or has not.
    pub values: Vec<String>,
}

impl Attribute {
    /// One that a row has or has not.
    pub fn flag(name: &str) -> Self {
        Attribute { name: name.to_owned(), values: vec![] }
    }

    /// One of these values.
    pub fn choice(name: &str, values: &[String]) -> Self {
        Attribute { name: name.to_owned(), values: values.to_vec() }
    }

    pub fn is_flag(&self) -> bool {
        self.values.is_empty()
    }

    /// Numbers of it in a vector: one of a flag, one a value otherwise.
    pub fn width(&self) -> usize {
        self.values.len().max(1)
    }

    /// How many values it has: of a flag no and yes, 0 and 1.
    pub fn n_values(&self) -> u32 {
        if self.is_flag() { 2 } else { self.values.len() as u32 }
    }

    /// The number of a value; `no` and `yes` of a flag.
    fn value(&self, text: &str) -> Option<u32> {
        match (self.is_flag(), text) {
            (true, "yes" | "true" | "1") => Some(1),
            (true, "no" | "false" | "0" | "-1") => Some(0),
            (true, _) => None,
            (false, _) => self.values.iter().position(|value| value == text).map(|n| n as u32),
        }
    }

    /// A value in words: `light`, `Male`, `not Male`.
    pub fn describe(&self, value: u32) -> String {
        match (self.is_flag(), value) {
            (true, 0) => format!("not {}", self.name),
            (true, _) => self.name.clone(),
            (false, n) => self.values.get(n as usize).cloned().unwrap_or_default(),
        }
    }
}

/// For a list: `Male`, `tone (light, medium or dark)`.
impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.values.split_last() {
            None => f.write_str(&self.name),
            Some((last, [])) => write!(f, "{} ({last})", self.name),
            Some((last, rest)) => write!(f, "{} ({} or {last})", self.name, rest.join(", ")),
        }
    }
}

/// Several, one after the other: what a vector of zeros and ones says of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes(pub Vec<Attribute>);

/// A new value of some attributes, by number of the attribute and of the value.
pub type Changes = Vec<(usize, u32)>;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttributeError {
    #[error("no attribute or value `{text}`{}; there are: {known}", guess.as_ref().map_or(String::new(), |g| format!(" (did you mean `{g}`?)")))]
    Unknown { text: String, guess: Option<String>, known: String },

    #[error("`{text}`: expected {expected}")]
    Value { text: String, expected: String },

    #[error("`{name}` is given twice; leave one out")]
    Twice { name: String },
}

impl Attributes {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Numbers of a vector.
    pub fn width(&self) -> usize {
        self.0.iter().map(Attribute::width).sum()
    }

    /// Each with its place in a vector.
    pub fn places(&self) -> impl Iterator<Item = (&Attribute, Range<usize>)> {
        let mut at = 0;
        self.0.iter().map(move |attribute| {
            let start = at;
            at += attribute.width();
            (attribute, start..at)
        })
    }

    /// The vector of a row that has these values, one an attribute.
    pub fn vector(&self, values: impl IntoIterator<Item = u32>) -> Vec<f32> {
        let mut vector = vec![0.0; self.width()];
        for ((attribute, place), value) in self.places().zip(values) {
            set(&mut vector[place], attribute, value);
        }
        vector
    }

    /// Sets values in a vector.
    pub fn change(&self, vector: &mut [f32], changes: &[(usize, u32)]) {
        for (n, (attribute, place)) in self.places().enumerate() {
            for &(_, value) in changes.iter().filter(|(at, _)| *at == n) {
                set(&mut vector[place.clone()], attribute, value);
            }
        }
    }

    /// The value of each attribute that a vector says: of a choice the largest number, of a flag whether it is 1/2 or more.
    pub fn values(&self, vector: &[f32]) -> Vec<u32> {
        let value = |(attribute, place): (&Attribute, Range<usize>)| {
            let numbers = &vector[place];
            let largest = || numbers.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(&a.0)));
            match attribute.is_flag() {
                true => u32::from(numbers[0] >= 0.5),
                false => largest().map_or(0, |(n, _)| n as u32),
            }
        };
        self.places().map(value).collect()
    }

    /// Each value that a row can be given by changing one attribute: all of a choice, and both of a flag.
    pub fn single_changes(&self) -> Vec<(usize, u32)> {
        self.0.iter().enumerate().flat_map(|(n, attribute)| (0..attribute.n_values()).map(move |value| (n, value))).collect()
    }

    /// What `VALUE[,ATTRIBUTE=VALUE]…` asks for: a value of a choice, a flag, or either with its name before it.
    ///
    /// # Errors
    /// Says what there is.
    pub fn parse(&self, text: &str) -> Result<Changes, AttributeError> {
        let mut all = Changes::new();
        for part in text.split(',').map(str::trim) {
            let (at, value) = match part.split_once('=') {
                Some((name, value)) => self.named(name.trim(), value.trim())?,
                None => self.by_value(part)?,
            };
            if all.iter().any(|&(other, _)| other == at) {
                return Err(AttributeError::Twice { name: self.0[at].name.clone() });
            }
            all.push((at, value));
        }
        Ok(all)
    }

    fn named(&self, name: &str, value: &str) -> Result<(usize, u32), AttributeError> {
        let at = self.0.iter().position(|attribute| attribute.name == name).ok_or_else(|| self.unknown(name))?;
        let attribute = &self.0[at];
        let expected = || if attribute.is_flag() { "yes or no".to_owned() } else { attribute.to_string() };
        let wrong = || AttributeError::Value { text: format!("{name}={value}"), expected: expected() };
        Ok((at, attribute.value(value).ok_or_else(wrong)?))
    }

    fn by_value(&self, text: &str) -> Result<(usize, u32), AttributeError> {
        let flag = self.0.iter().position(|attribute| attribute.is_flag() && attribute.name == text).map(|at| (at, 1));
        let of = |(at, attribute): (usize, &Attribute)| Some((at, attribute.value(text).filter(|_| !attribute.is_flag())?));
        let found: Vec<(usize, u32)> = flag.into_iter().chain(self.0.iter().enumerate().filter_map(of)).collect();
        match found.as_slice() {
            [one] => Ok(*one),
            [] => Err(self.unknown(text)),
            [(at, _), ..] => Err(AttributeError::Value {
                text: text.to_owned(),
                expected: format!("the attribute before it, as in {}={text}: several have this value", self.0[*at].name),
            }),
        }
    }

    fn unknown(&self, text: &str) -> AttributeError {
        let names = self.0.iter().flat_map(|a| std::iter::once(&a.name).chain(&a.values).map(String::as_str));
        AttributeError::Unknown { text: text.to_owned(), guess: nearest(text, names).map(str::to_owned), known: self.to_string() }
    }
}

/// For a list, with commas.
impl fmt::Display for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
    }
}

fn set(numbers: &mut [f32], attribute: &Attribute, value: u32) {
    match attribute.is_flag() {
        true => numbers[0] = value as f32,
        false => numbers.iter_mut().enumerate().for_each(|(n, number)| *number = f32::from(n as u32 == value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faces() -> Attributes {
        let hair = ["Black", "Blond"].map(str::to_owned);
        Attributes(vec![Attribute::choice("hair", &hair), Attribute::flag("Male"), Attribute::flag("Young")])
    }

    #[test]
    fn vectors_say_the_values_that_they_were_made_of() {
        let faces = faces();
        assert_eq!(faces.vector([1, 0, 1]), [0.0, 1.0, 0.0, 1.0]);
        for values in [[0, 0, 0], [1, 1, 0], [0, 1, 1]] {
            assert_eq!(faces.values(&faces.vector(values)), values);
        }
        let mut vector = faces.vector([1, 0, 1]);
        faces.change(&mut vector, &[(0, 0), (1, 1)]);
        assert_eq!(faces.values(&vector), [0, 1, 1]);
        assert_eq!(faces.values(&[0.2, 0.2, 0.5, 0.4]), [0, 1, 0], "the first of equal ones");
        assert_eq!(faces.single_changes().len(), 2 + 2 + 2);
    }

    #[test]
    fn what_is_asked_for_is_found_by_value_flag_or_name() {
        let faces = faces();
        assert_eq!(faces.parse("Blond"), Ok(vec![(0, 1)]));
        assert_eq!(faces.parse("hair=Black, Male, Young=no"), Ok(vec![(0, 0), (1, 1), (2, 0)]));
        let message = |text: &str| faces.parse(text).expect_err(text).to_string();
        assert_eq!(
            message("Blonde"),
            "no attribute or value `Blonde` (did you mean `Blond`?); there are: hair (Black or Blond), Male, Young"
        );
        assert_eq!(message("Male=maybe"), "`Male=maybe`: expected yes or no");
        assert_eq!(message("Male,Male=no"), "`Male` is given twice; leave one out");
        let sizes = ["small", "large"].map(str::to_owned);
        let two = Attributes(vec![Attribute::choice("a", &sizes), Attribute::choice("b", &sizes)]);
        assert!(two.parse("small").expect_err("either").to_string().contains("a=small"));
        assert_eq!(two.parse("b=small"), Ok(vec![(1, 0)]));
    }
}
