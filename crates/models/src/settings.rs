//! Settings of models (`--set key=value`): typed, listed, and checked once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::table::{Table, Tables};

/// Sizes and amounts of training that come together, by their name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset(pub &'static str);

impl Preset {
    /// Trains on a two-core CPU in about ten minutes.
    pub const SMALL: Preset = Preset("small");
    /// The paper's own.
    pub const PAPER: Preset = Preset("paper");
    /// What most models have, the default first.
    pub const SMALL_AND_PAPER: &'static [Preset] = &[Preset::SMALL, Preset::PAPER];
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A setting's value; its kind is its default's.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Integer(u64),
    Number(f64),
    Flag(bool),
    /// One of the words that the setting's documentation lists.
    Word(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Integer(v) => write!(f, "{v}"),
            Value::Number(v) => write!(f, "{v}"),
            Value::Flag(v) => write!(f, "{v}"),
            Value::Word(v) => f.write_str(v),
        }
    }
}

/// What may be set.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    pub key: &'static str,
    pub default: Value,
    /// Smallest and largest number that make sense; ignored for flags and words.
    pub range: (f64, f64),
    /// The words that a [`Value::Word`] may be. Capitals at the end of one, as in `random:SEED` and `CLASS`, stand for a whole number;
    /// `FILE.npy` for a path that ends so; `<COLUMN>` for any text, `<LOW>..<HIGH>` for two numbers, the first the smaller.
    pub words: &'static [&'static str],
    pub doc: &'static str,
    /// What counts in a run from before there was this setting, where that is not the default.
    pub before: Option<Value>,
}

impl Setting {
    pub fn integer(key: &'static str, default: u64, range: (u64, u64), doc: &'static str) -> Self {
        let range = (range.0 as f64, range.1 as f64);
        Setting { key, default: Value::Integer(default), range, words: &[], doc, before: None }
    }

    pub fn number(key: &'static str, default: f64, range: (f64, f64), doc: &'static str) -> Self {
        Setting { key, default: Value::Number(default), range, words: &[], doc, before: None }
    }

    pub fn flag(key: &'static str, default: bool, doc: &'static str) -> Self {
        Setting { key, default: Value::Flag(default), range: (0.0, 0.0), words: &[], doc, before: None }
    }

    pub fn word(key: &'static str, default: &str, words: &'static [&'static str], doc: &'static str) -> Self {
        Setting { key, default: Value::Word(default.to_owned()), range: (0.0, 0.0), words, doc, before: None }
    }

    /// With what counts in runs from before there was this setting.
    #[must_use]
    pub fn before(self, value: Value) -> Self {
        Setting { before: Some(value), ..self }
    }

    /// Whether `text` is the path of a file, whose numbers a model is given as a [`Table`].
    pub fn names_file(&self, text: &str) -> bool {
        matches!(self.default, Value::Word(_)) && self.words.iter().any(|word| word.starts_with(FILE) && is_word(word, text))
    }

    fn parse(&self, text: &str) -> Result<Value, SettingError> {
        let bad = |expected: String| SettingError::Value { key: self.key.to_owned(), text: text.to_owned(), expected };
        let (low, high) = self.range;
        match &self.default {
            Value::Integer(_) => {
                let expected = || bad(format!("a whole number from {low} to {high}"));
                let v: u64 = text.parse().map_err(|_| expected())?;
                if (low..=high).contains(&(v as f64)) { Ok(Value::Integer(v)) } else { Err(expected()) }
            }
            Value::Number(_) => {
                let expected = || bad(format!("a number from {low} to {high}"));
                let v: f64 = text.parse().map_err(|_| expected())?;
                // A NaN is in no range.
                if (low..=high).contains(&v) { Ok(Value::Number(v)) } else { Err(expected()) }
            }
            Value::Flag(_) => text.parse().map(Value::Flag).map_err(|_| bad("true or false".into())),
            Value::Word(_) => match self.words.iter().any(|word| is_word(word, text)) {
                true => Ok(Value::Word(text.to_owned())),
                false => Err(bad(format!("one of: {}", self.words.join(", ")))),
            },
        }
    }
}

/// Begins the words that stand for paths.
const FILE: &str = "FILE.";

/// Whether `text` is this word of a [`Setting`].
fn is_word(word: &str, text: &str) -> bool {
    if let Some(ending) = word.strip_prefix(FILE) {
        return text.strip_suffix(ending).is_some_and(|path| path.len() > 1 && path.ends_with('.'));
    }
    if word.starts_with('<') {
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|v| v.is_finite());
        return match text.split_once("..").filter(|_| word.contains("..")) {
            Some((low, high)) => number(low).zip(number(high)).is_some_and(|(low, high)| low < high),
            None => !word.contains("..") && !text.is_empty(),
        };
    }
    match word.trim_end_matches(|c: char| c.is_ascii_uppercase()) {
        whole if whole == word => word == text,
        stem => text.strip_prefix(stem).is_some_and(|n| n.parse::<u64>().is_ok_and(|n| i64::try_from(n).is_ok())),
    }
}

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SettingError {
    #[error("no setting `{key}`{}; there are: {}", guess.as_ref().map_or(String::new(), |g| format!(" (did you mean `{g}`?)")), valid.join(", "))]
    Unknown { key: String, guess: Option<String>, valid: Vec<String> },

    #[error("`{key}={text}`: expected {expected}")]
    Value { key: String, text: String, expected: String },

    #[error("no model `{name}`{}; there are: {}", guess.as_ref().map_or(String::new(), |g| format!(" (did you mean `{g}`?)")), valid.join(", "))]
    UnknownModel { name: String, guess: Option<String>, valid: Vec<String> },

    #[error("{model} has no preset `{name}`; there are: {}", valid.join(", "))]
    NoPreset { model: &'static str, name: String, valid: Vec<&'static str> },

    #[error("{0}")]
    Unfit(String),
}

/// The candidate nearest to what was typed, if any is near: optimal string alignment distance at most a third of its
/// length.
pub fn nearest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let best = candidates.into_iter().map(|c| (strsim::osa_distance(typed, c), c)).min_by_key(|&(d, _)| d)?;
    (best.0 <= 1 + best.1.len() / 3).then_some(best.1)
}

/// Resolved settings: every key has a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    values: BTreeMap<String, Value>,
    /// Keys whose values are not their defaults by chance.
    given: BTreeSet<String>,
    tables: Tables,
}

impl Settings {
    /// Defaults, changed by what was given.
    ///
    /// # Errors
    /// An unknown key (names the valid ones and the nearest), a value of the wrong kind or out of range.
    pub fn resolve(known: &[Setting], given: &BTreeMap<String, String>) -> Result<Self, SettingError> {
        let mut values: BTreeMap<String, Value> = known.iter().map(|s| (s.key.to_owned(), s.default.clone())).collect();
        for (key, text) in given {
            let setting = known.iter().find(|s| s.key == key).ok_or_else(|| SettingError::Unknown {
                key: key.clone(),
                guess: nearest(key, known.iter().map(|s| s.key)).map(str::to_owned),
                valid: known.iter().map(|s| s.key.to_owned()).collect(),
            })?;
            values.insert(key.clone(), setting.parse(text)?);
        }
        Ok(Settings { values, given: given.keys().cloned().collect(), tables: Tables::new() })
    }

    /// With what the files held that settings name, by key.
    #[must_use]
    pub fn with_tables(self, tables: &Tables) -> Self {
        Settings { tables: tables.clone(), ..self }
    }

    /// The numbers of the file that a setting names; none where it names none, or it was not read.
    pub fn table(&self, key: &str) -> Option<&Arc<Table>> {
        self.tables.get(key)
    }

    /// Whether a value was asked for, even if it is the default.
    pub fn is_given(&self, key: &str) -> bool {
        self.given.contains(key)
    }

    /// With another value for a key, as if it had been the default.
    #[must_use]
    pub fn with(mut self, key: &str, value: Value) -> Self {
        self.values.insert(key.to_owned(), value);
        self
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.values.iter().map(|(k, v)| (k.as_str(), v))
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key)
    }

    /// # Panics
    /// These four panic when a model asks for a key or kind that it did not list: a mistake of the program, which the
    /// test of every model's settings finds.
    pub fn integer(&self, key: &str) -> u64 {
        match self.get(key) {
            Some(Value::Integer(v)) => *v,
            other => panic!("setting `{key}` is not an integer: {other:?}"),
        }
    }

    pub fn size(&self, key: &str) -> usize {
        self.integer(key) as usize
    }

    pub fn number(&self, key: &str) -> f64 {
        match self.get(key) {
            Some(Value::Number(v)) => *v,
            other => panic!("setting `{key}` is not a number: {other:?}"),
        }
    }

    pub fn flag(&self, key: &str) -> bool {
        match self.get(key) {
            Some(Value::Flag(v)) => *v,
            other => panic!("setting `{key}` is not a flag: {other:?}"),
        }
    }

    pub fn word(&self, key: &str) -> &str {
        match self.get(key) {
            Some(Value::Word(v)) => v,
            other => panic!("setting `{key}` is not a word: {other:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Vec<Setting> {
        vec![
            Setting::integer("width", 32, (1, 512), "filters"),
            Setting::number("lr", 2e-4, (0.0, 1.0), "learning rate"),
            Setting::flag("flip", true, "mirror images"),
            Setting::word("loss", "bce", &["bce", "hinge"], "adversarial loss"),
            Setting::word("order", "raster", &["raster", "random:SEED"], "of pixels"),
            Setting::word("prior", "gaussian", &["gaussian", "FILE.npy"], "of codes"),
            Setting::word("labels", "none", &["none", "NUMBER"], "rows whose classes are known"),
        ]
    }

    fn set(key: &str, value: &str) -> Result<Settings, SettingError> {
        Settings::resolve(&known(), &BTreeMap::from([(key.to_owned(), value.to_owned())]))
    }

    #[test]
    fn given_values_replace_defaults() {
        let s = set("width", "64").expect("a valid setting");
        assert_eq!((s.integer("width"), s.number("lr"), s.flag("flip"), s.word("loss")), (64, 2e-4, true, "bce"));
    }

    #[test]
    fn wrong_values_are_refused_with_what_would_be_right() {
        for (key, text, says) in [
            ("width", "0", "from 1 to 512"),
            ("width", "wide", "whole number"),
            ("width", "-3", "whole number"),
            ("lr", "NaN", "from 0 to 1"),
            ("lr", "7", "from 0 to 1"),
            ("flip", "yes", "true or false"),
            ("loss", "mse", "bce, hinge"),
            ("order", "random", "raster, random:SEED"),
            ("order", "random:x", "random:SEED"),
            ("prior", "samples.csv", "FILE.npy"),
            ("prior", ".npy", "FILE.npy"),
            ("labels", "many", "none, NUMBER"),
            ("labels", "-3", "none, NUMBER"),
        ] {
            let message = set(key, text).expect_err(text).to_string();
            assert!(message.contains(says), "{message}");
        }
    }

    #[test]
    fn a_word_may_end_in_a_seed() {
        assert_eq!(set("order", "random:17").expect("a seed").word("order"), "random:17");
    }

    #[test]
    fn a_word_may_be_a_path_and_the_rest_is_none() {
        let prior = |text: &str| known().iter().any(|s| s.key == "prior" && s.names_file(text));
        assert!(prior("samples.npy") && prior("/a/b c/x.npy") && !prior("gaussian") && !prior("npy"));
        assert!(known().iter().filter(|s| s.key != "prior").all(|s| !s.names_file("samples.npy")));
        let table = Arc::new(Table::new(2, vec![1.0; 6]).expect("whole rows"));
        let given = set("prior", "x.npy").expect("a path").with_tables(&Tables::from([("prior".to_owned(), Arc::clone(&table))]));
        assert_eq!((given.word("prior"), given.table("prior")), ("x.npy", Some(&table)));
        assert!(given.is_given("prior") && !given.is_given("width") && given.table("order").is_none());
    }

    #[test]
    fn a_word_may_be_a_number() {
        assert_eq!(set("labels", "100").expect("a number").word("labels"), "100");
    }

    #[test]
    fn an_unknown_key_lists_the_valid_ones_and_guesses() {
        let message = set("widht", "3").expect_err("no such key").to_string();
        assert!(message.contains("did you mean `width`") && message.contains("lr"), "{message}");
        let message = set("zzzzzzzz", "3").expect_err("no such key").to_string();
        assert!(!message.contains("did you mean"), "{message}");
    }
}
