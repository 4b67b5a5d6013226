//! Conditions: what a person fixes of latents, by name.

use super::traverse::{Axis, Place};
use super::{Latent, LatentKind, LatentPart};
use crate::settings::nearest;

/// A latent that is set to a value, or goes through a range of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// As it was typed: `category`, `c1`, `z.3`.
    pub name: String,
    place: Place,
    values: Values,
}

/// Numbers, or numbers of categories.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Values {
    One(f32),
    /// Both ends are included.
    Range(f32, f32),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    #[error("expected NAME=VALUE; the latents are: {known}")]
    Malformed { known: String },

    #[error("no latent `{name}`{}; the latents are: {known}", guess.as_ref().map_or(String::new(), |g| format!(" (did you mean `{g}`?)")))]
    Unknown { name: String, guess: Option<String>, known: String },

    #[error("`{part}` has {size} numbers; say which, from {part}.0 to {part}.{}", size - 1)]
    WhichNumber { part: &'static str, size: usize },

    #[error("`{text}`: expected {expected}")]
    Value { text: String, expected: String },

    #[error("`{name}` is set twice; leave one out")]
    Twice { name: String },
}

impl Condition {
    /// Of `NAME=VALUE`, `NAME=LOW..HIGH`, or `NAME.N=…` for number N, from 0, of a part of several. A category's value is its number,
    /// or one of `classes` where its categories are the data's classes.
    ///
    /// # Errors
    /// Says which names and values there are.
    pub fn parse(latent: &dyn Latent, classes: &[String], text: &str) -> Result<Self, ConditionError> {
        let parts = latent.parts();
        let named = |part: &LatentPart| if latent.class_part() == Some(part.name) { classes } else { &[] };
        let known = || parts.iter().map(|part| described(part, named(part))).collect::<Vec<_>>().join(", ");
        let (name, value) = text.split_once('=').ok_or_else(|| ConditionError::Malformed { known: known() })?;
        let (stem, number) = match name.split_once('.') {
            Some((stem, number)) => (stem, Some(number)),
            None => (name, None),
        };
        let Some(at) = parts.iter().position(|part| part.name == stem) else {
            let guess = nearest(stem, parts.iter().map(|part| part.name)).map(str::to_owned);
            return Err(ConditionError::Unknown { name: name.to_owned(), guess, known: known() });
        };
        let part = &parts[at];
        let n = match number {
            _ if part.kind == LatentKind::Category && number.is_none() => 0,
            None if part.size == 1 => 0,
            None => return Err(ConditionError::WhichNumber { part: part.name, size: part.size }),
            Some(number) => {
                let within = |n: &usize| *n < part.size && part.kind != LatentKind::Category;
                let unknown = || ConditionError::Unknown { name: name.to_owned(), guess: None, known: known() };
                number.parse().ok().filter(within).ok_or_else(unknown)?
            }
        };
        let place = Place::of(&parts, at, n);
        let one = |text: &str| match place.categories {
            Some(k) => category(text, named(part), k),
            None => text.parse::<f32>().ok().filter(|v| v.is_finite()),
        };
        let range = || value.split_once("..").and_then(|(low, high)| one(low).zip(one(high))).filter(|(low, high)| low != high);
        let values = one(value).map(Values::One).or_else(|| range().map(|(low, high)| Values::Range(low, high)));
        let values =
            values.ok_or_else(|| ConditionError::Value { text: value.to_owned(), expected: expected(part, named(part)) })?;
        Ok(Condition { name: name.to_owned(), place, values })
    }

    /// All of them, each of another latent.
    ///
    /// # Errors
    /// As of [`Condition::parse`]; a latent that is set twice.
    pub fn parse_all(latent: &dyn Latent, classes: &[String], texts: &[String]) -> Result<Vec<Self>, (String, ConditionError)> {
        let mut all: Vec<Self> = Vec::with_capacity(texts.len());
        for text in texts {
            let one = Condition::parse(latent, classes, text).map_err(|e| (text.clone(), e))?;
            if all.iter().any(|other| other.place == one.place) {
                return Err((text.clone(), ConditionError::Twice { name: one.name }));
            }
            all.push(one);
        }
        Ok(all)
    }

    /// What it goes through where it is a range: every category of it, or a number in `steps` steps.
    pub fn axis(&self, steps: usize) -> Option<Axis> {
        let Values::Range(low, high) = self.values else { return None };
        if self.is_category() {
            let n = (high - low).abs() as usize;
            let values = (0..=n).map(|n| low + (high - low).signum() * n as f32).collect();
            return Some(Axis { place: self.place, values });
        }
        Some(Axis::even(self.place, (low, high), steps))
    }

    /// Whether it sets a category.
    pub fn is_category(&self) -> bool {
        self.place.categories.is_some()
    }

    /// Sets it in a latent vector where it is one value.
    pub fn apply(&self, z: &mut [f32]) {
        if let Values::One(value) = self.values {
            self.place.set(z, value);
        }
    }
}

/// The number of a category, by a class's name or else by its own.
fn category(text: &str, classes: &[String], k: usize) -> Option<f32> {
    let by_name = classes.iter().position(|class| class == text);
    by_name.or_else(|| text.parse().ok()).filter(|&n: &usize| n < k).map(|n| n as f32)
}

/// Class names in a sentence, at most.
const MOST_NAMED: usize = 12;

/// For a list: `z.0 to z.61`, `category (0 to 9)`, `c1`.
fn described(part: &LatentPart, classes: &[String]) -> String {
    let (name, last) = (part.name, part.size.saturating_sub(1));
    match (&part.kind, part.size) {
        (LatentKind::Category, _) if !classes.is_empty() => format!("{name} ({})", in_words(classes)),
        (LatentKind::Category, _) => format!("{name} (0 to {last})"),
        (_, 1) => name.to_owned(),
        _ => format!("{name}.0 to {name}.{last}"),
    }
}

fn in_words(classes: &[String]) -> String {
    match classes {
        few if few.len() <= MOST_NAMED => few.join(", "),
        many => format!("{}, …", many[..MOST_NAMED].join(", ")),
    }
}

fn expected(part: &LatentPart, classes: &[String]) -> String {
    let name = part.name;
    match part.kind {
        LatentKind::Category => {
            let last = part.size.saturating_sub(1);
            let named = if classes.is_empty() { String::new() } else { format!("{}, or ", in_words(classes)) };
            format!("{named}a category from 0 to {last}, or a range of them such as {name}=0..{last}")
        }
        _ => "a number such as 0.5, or a range of two different ones such as -2..2".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use calotype_graph::{GraphError, Program};

    /// Two normal numbers, a category, a code; the categories are classes or not.
    struct Model(Option<&'static str>);

    impl Latent for Model {
        fn parts(&self) -> Vec<LatentPart> {
            vec![
                LatentPart { name: "z", kind: LatentKind::Normal, size: 2 },
                LatentPart { name: "category", kind: LatentKind::Category, size: 3 },
                LatentPart { name: "c1", kind: LatentKind::Uniform, size: 1 },
            ]
        }

        fn class_part(&self) -> Option<&'static str> {
            self.0
        }

        fn sampling(&self, _: usize) -> Result<Program, GraphError> {
            calotype_graph::Graph::new("none").finish()
        }
    }

    fn classes() -> Vec<String> {
        ["shirt", "2", "shoe"].map(str::to_owned).to_vec()
    }

    fn parse(text: &str) -> Result<Condition, ConditionError> {
        Condition::parse(&Model(None), &classes(), text)
    }

    #[test]
    fn a_value_is_set_in_its_place() {
        for (text, want) in [
            ("z.1=-0.5", [9.0, -0.5, 9.0, 9.0, 9.0, 9.0]),
            ("category=2", [9.0, 9.0, 0.0, 0.0, 1.0, 9.0]),
            ("c1=1.5", [9.0, 9.0, 9.0, 9.0, 9.0, 1.5]),
        ] {
            let (one, mut z) = (parse(text).expect(text), [9.0; 6]);
            one.apply(&mut z);
            assert_eq!((z, one.axis(5)), (want, None), "{text}");
        }
        let by_class = |text: &str| {
            let mut z = [9.0; 6];
            Condition::parse(&Model(Some("category")), &classes(), text).expect(text).apply(&mut z);
            z[2..5].iter().position(|v| *v == 1.0)
        };
        assert_eq!(
            ["category=shoe", "category=2", "category=0"].map(by_class),
            [Some(2), Some(1), Some(0)],
            "a name comes first"
        );
    }

    #[test]
    fn a_range_goes_through_its_values_and_sets_nothing() {
        let c1 = parse("c1=-2..2").expect("a range");
        assert_eq!(c1.axis(5).expect("a range").values, [-2.0, -1.0, 0.0, 1.0, 2.0]);
        let mut z = [9.0; 6];
        c1.apply(&mut z);
        assert_eq!(z, [9.0; 6]);
        assert_eq!(parse("category=2..0").expect("a range").axis(9).expect("a range").values, [2.0, 1.0, 0.0]);
        assert_eq!(parse("z.0=-1.5..-0.5").expect("a range").axis(2).expect("a range").values, [-1.5, -0.5]);
    }

    #[test]
    fn wrong_names_and_values_are_refused_with_what_there_is() {
        let known = "z.0 to z.1, category (0 to 2), c1";
        for (text, says) in [
            ("c1", known),
            ("x=1", known),
            ("categry=1", "did you mean `category`"),
            ("z=1", "from z.0 to z.1"),
            ("z.2=1", known),
            ("z.one=1", known),
            ("category.1=1", known),
            ("category=3", "from 0 to 2"),
            ("category=1.5", "from 0 to 2"),
            ("category=shoe", "from 0 to 2"),
            ("c1=much", "a number such as 0.5"),
            ("c1=NaN", "a number such as 0.5"),
            ("c1=1..1", "two different ones"),
            ("c1=1..", "two different ones"),
            ("c1=", "a number"),
        ] {
            let message = parse(text).expect_err(text).to_string();
            assert!(message.contains(says), "{text}: {message}");
        }
        let message = Condition::parse(&Model(Some("category")), &classes(), "category=hat").expect_err("no class").to_string();
        assert!(message.contains("shirt, 2, shoe, or a category from 0 to 2"), "{message}");
        let twice = Condition::parse_all(&Model(None), &[], &["c1=1".into(), "z.1=2".into(), "c1=0..1".into()]);
        assert!(twice.expect_err("twice").1.to_string().contains("`c1` is set twice"));
    }
}
