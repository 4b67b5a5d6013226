//! The attributes of a data set's rows that a model is told: which were asked for, and what each row has.

use calotype_data::{Dataset, Factor};
use calotype_models::attributes::{Attribute, Attributes};
use calotype_models::nearest;
use sha2::{Digest, Sha256};

use crate::error::{Result, TrainingError};

/// The setting that says which.
pub(crate) const SETTING: &str = "attributes";
/// Names between which are these are flags of which a row has exactly one.
const OR: char = '/';

/// What every row of a data set has of some attributes.
#[derive(Clone, Debug, PartialEq)]
pub struct Attributed {
    pub attributes: Attributes,
    /// The factors of the data set that the values are of, one an attribute; several of exclusive flags.
    factors: Vec<Vec<String>>,
    /// Of each row, a value an attribute; none of a row that has none of exclusive flags, or several.
    values: Vec<Option<Vec<u32>>>,
}

impl Attributed {
    /// Of what a setting asks for: `auto`, the classes; or `A,B/C,D`, names of factors with commas, exclusive flags with a slash.
    ///
    /// # Errors
    /// Data without classes; a name that no factor has; what is no flag between slashes; no row that has all of them.
    pub fn new(dataset: &Dataset, text: &str) -> Result<Self> {
        let groups: Vec<Vec<&Factor>> = match text {
            "auto" => vec![vec![class(dataset)?]],
            _ => text
                .split(',')
                .map(|group| group.split(OR).map(|name| find(dataset, name.trim())).collect())
                .collect::<Result<_>>()?,
        };
        let names: Vec<&str> = groups.iter().flatten().map(|f| f.name.as_str()).collect();
        if let Some(twice) = names.iter().enumerate().find_map(|(n, name)| names[..n].contains(name).then_some(name)) {
            return Err(wrong(text, format!("`{twice}` is there twice")));
        }
        let groups = groups.into_iter().map(|group| Group::new(dataset, text, group)).collect::<Result<Vec<_>>>()?;
        let row = |row: usize| groups.iter().map(|group| group.value(row)).collect::<Option<Vec<u32>>>();
        let values: Vec<_> = (0..dataset.n_rows()).map(row).collect();
        if values.iter().all(Option::is_none) {
            return Err(wrong(text, "no row has exactly one of exclusive attributes".into()));
        }
        let (attributes, factors) = groups.into_iter().map(|group| (group.attribute, group.factors)).unzip();
        Ok(Attributed { attributes: Attributes(attributes), factors, values })
    }

    /// The values of a row; none if it has not exactly one of exclusive attributes.
    pub fn of_row(&self, row: u32) -> Option<&[u32]> {
        self.values.get(row as usize)?.as_deref()
    }

    /// The vectors of rows, one after the other. Of rows that have values.
    pub fn vectors(&self, rows: &[u32]) -> Vec<f32> {
        rows.iter().flat_map(|&row| self.attributes.vector(self.of_row(row).unwrap_or_default().iter().copied())).collect()
    }

    /// How many rows have no values.
    pub fn n_without(&self) -> usize {
        self.values.iter().filter(|values| values.is_none()).count()
    }

    /// The factor and the value of it that a change of one attribute is; none of exclusive flags, which are several factors.
    pub fn factor(&self, (at, value): (usize, u32)) -> Option<(&str, u32)> {
        match self.factors.get(at)?.as_slice() {
            [one] => Some((one, value)),
            _ => None,
        }
    }

    /// SHA-256 of all values, in hexadecimal.
    pub fn hash(&self) -> String {
        let mut sha = Sha256::new();
        for values in &self.values {
            match values {
                Some(values) => values.iter().for_each(|v| sha.update(v.to_le_bytes())),
                None => sha.update(u32::MAX.to_le_bytes()),
            }
        }
        calotype_data::hex(&sha.finalize())
    }
}

/// A factor, or exclusive flags.
struct Group<'a> {
    attribute: Attribute,
    factors: Vec<String>,
    of: Vec<&'a Factor>,
}

impl<'a> Group<'a> {
    fn new(dataset: &Dataset, text: &str, of: Vec<&'a Factor>) -> Result<Self> {
        let factors: Vec<String> = of.iter().map(|f| f.name.clone()).collect();
        let attribute = match of.as_slice() {
            [one] if is_flag(one) => Attribute::flag(&one.name),
            [one] => Attribute::choice(&one.name, &one.values),
            flags => {
                if let Some(other) = flags.iter().find(|f| !is_flag(f)) {
                    let reason = format!(
                        "`{}` has the values {}, and {OR} is between attributes that a row has or has not",
                        other.name,
                        other.values.join(", ")
                    );
                    return Err(wrong(text, reason));
                }
                Attribute::choice(&factors.join(&OR.to_string()), &factors)
            }
        };
        if attribute.n_values() < 2 {
            return Err(wrong(text, format!("all rows of {} have the same `{}`", dataset.name(), attribute.name)));
        }
        Ok(Group { attribute, factors, of })
    }

    fn value(&self, row: usize) -> Option<u32> {
        match self.of.as_slice() {
            [one] => Some(one.of_row[row]),
            flags => {
                let mut has = flags.iter().enumerate().filter(|(_, flag)| flag.of_row[row] == 1).map(|(n, _)| n as u32);
                let first = has.next()?;
                has.next().is_none().then_some(first)
            }
        }
    }
}

/// Whether a factor says that a row has something or has not.
fn is_flag(factor: &Factor) -> bool {
    factor.values == ["no", "yes"]
}

fn class(dataset: &Dataset) -> Result<&Factor> {
    let classes = dataset.class();
    classes.filter(|class| class.values.len() > 1).ok_or_else(|| match dataset.factors() {
        [] => wrong(
            "auto",
            format!(
                "{} has no classes; give a folder with a folder a class, or images with a list of attributes",
                dataset.name()
            ),
        ),
        _ => wrong("auto", format!("{} has no classes; say which attributes: {}", dataset.name(), names(dataset))),
    })
}

fn find<'a>(dataset: &'a Dataset, name: &str) -> Result<&'a Factor> {
    let known = || dataset.factors().iter().map(|f| f.name.as_str());
    dataset.factor(name).ok_or_else(|| {
        let guess = nearest(name, known()).map_or_else(String::new, |guess| format!(" (did you mean `{guess}`?)"));
        let there = match dataset.factors().is_empty() {
            true => "nothing is known of its rows".to_owned(),
            false => format!("there are: {}", names(dataset)),
        };
        wrong(name, format!("no such attribute of {}{guess}; {there}", dataset.name()))
    })
}

fn names(dataset: &Dataset) -> String {
    dataset.factors().iter().map(|f| f.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn wrong(text: &str, reason: String) -> TrainingError {
    TrainingError::Contradiction(format!("{SETTING}={text}: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use calotype_data::Values;

    fn faces() -> Dataset {
        let values = Values::Levels { data: vec![0; 5].into(), levels: 2 };
        let factor = |name: &str, values: &[&str], of_row: &[u32]| Factor {
            name: name.into(),
            values: values.iter().map(|&v| v.to_owned()).collect(),
            of_row: of_row.to_vec(),
        };
        let flag = |name, of_row: &[u32]| factor(name, &["no", "yes"], of_row);
        let dataset = Dataset::new("faces", &[1], values).expect("rows");
        [
            flag("Black", &[1, 0, 0, 1, 0]),
            flag("Blond", &[0, 1, 0, 1, 1]),
            flag("Male", &[0, 1, 1, 0, 1]),
            factor("size", &["small", "large"], &[0, 1, 0, 1, 1]),
            factor("same", &["one"], &[0; 5]),
        ]
        .into_iter()
        .try_fold(dataset, Dataset::with_factor)
        .expect("factors")
    }

    #[test]
    fn exclusive_flags_are_one_choice_and_rows_without_exactly_one_have_no_values() {
        let of = Attributed::new(&faces(), "Black/Blond,Male,size").expect("they are there");
        assert_eq!(of.attributes.to_string(), "Black/Blond (Black or Blond), Male, size (small or large)");
        let rows: Vec<Option<&[u32]>> = (0..5).map(|row| of.of_row(row)).collect();
        assert_eq!(rows, [Some(&[0, 0, 0][..]), Some(&[1, 1, 1]), None, None, Some(&[1, 1, 1])]);
        assert_eq!((of.n_without(), of.vectors(&[0, 4])), (2, vec![1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0]));
        assert_eq!((of.factor((0, 1)), of.factor((1, 1)), of.factor((2, 0))), (None, Some(("Male", 1)), Some(("size", 0))));
        assert_ne!(of.hash(), Attributed::new(&faces(), "Black/Blond,Male").expect("they are there").hash());
    }

    #[test]
    fn what_is_not_there_is_refused_by_name() {
        let message = |text: &str| Attributed::new(&faces(), text).expect_err(text).to_string();
        assert!(
            message("auto").contains("faces has no classes; say which attributes: Black, Blond, Male, size"),
            "{}",
            message("auto")
        );
        assert!(
            message("Blonde").contains("no such attribute of faces (did you mean `Blond`?); there are: Black"),
            "{}",
            message("Blonde")
        );
        assert!(message("Black/size").contains("`size` has the values small, large"), "{}", message("Black/size"));
        assert!(message("Male,Male").contains("`Male` is there twice"), "{}", message("Male,Male"));
        assert!(message("same").contains("all rows of faces have the same `same`"), "{}", message("same"));
    }
}
