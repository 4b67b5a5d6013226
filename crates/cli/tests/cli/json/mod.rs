//! `--json`: one value on standard output, whose figures are those of the table.

mod lists;
mod measures;
mod runs;

use serde_json::Value;

use crate::support::{Ended, Place};

/// A command's table and its JSON.
pub struct Both {
    pub table: String,
    pub json: Value,
}

/// Runs a command twice: without the option, and with it.
#[track_caller]
pub fn both(place: &Place, args: &[&str]) -> Both {
    let table = place.run(args).ok().stdout;
    let json = parsed(&place.run(&[args, &["--json"]].concat()).ok());
    Both { table, json }
}

/// Standard output is one JSON value and nothing else.
#[track_caller]
pub fn parsed(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|e| panic!("{e}: {}{}", ended.stdout, ended.stderr))
}

impl Both {
    /// A number of the JSON, by its JSON pointer.
    #[track_caller]
    pub fn number(&self, pointer: &str) -> f64 {
        self.at(pointer).as_f64().unwrap_or_else(|| panic!("{pointer} is no number: {}", self.json))
    }

    #[track_caller]
    pub fn whole(&self, pointer: &str) -> u64 {
        self.at(pointer).as_u64().unwrap_or_else(|| panic!("{pointer} is no whole number: {}", self.json))
    }

    #[track_caller]
    pub fn text(&self, pointer: &str) -> &str {
        self.at(pointer).as_str().unwrap_or_else(|| panic!("{pointer} is no text: {}", self.json))
    }

    #[track_caller]
    pub fn list(&self, pointer: &str) -> &[Value] {
        self.at(pointer).as_array().unwrap_or_else(|| panic!("{pointer} is no list: {}", self.json))
    }

    #[track_caller]
    pub fn at(&self, pointer: &str) -> &Value {
        self.json.pointer(pointer).unwrap_or_else(|| panic!("no {pointer}: {}", self.json))
    }

    /// One line of the table has all of this.
    #[track_caller]
    pub fn line(&self, parts: &[&str]) {
        assert!(self.table.lines().any(|l| parts.iter().all(|part| l.contains(part))), "no line of {parts:?}:\n{}", self.table);
    }
}

/// A number in a list's entry.
#[track_caller]
pub fn of(entry: &Value, key: &str) -> f64 {
    entry[key].as_f64().unwrap_or_else(|| panic!("{key}: {entry}"))
}

/// The same of a whole number.
#[track_caller]
pub fn count(entry: &Value, key: &str) -> u64 {
    entry[key].as_u64().unwrap_or_else(|| panic!("{key}: {entry}"))
}

#[track_caller]
pub fn said(entry: &Value, key: &str) -> String {
    entry[key].as_str().unwrap_or_else(|| panic!("{key}: {entry}")).to_owned()
}

/// What prints no table has no such option, and a failure prints no JSON.
#[test]
fn only_tables_have_it() {
    let place = Place::new();
    for args in [&["train", "dcgan", "--json"][..], &["sample", "run", "--json"], &["report", "a", "b", "--json"]] {
        let ended = place.run(args).refused(2, &["unexpected argument '--json'"]);
        assert!(ended.stdout.is_empty(), "{}", ended.stdout);
    }
    place.run(&["data", "fetch", "fashion-mnist-60k", "--json"]).refused(2, &["unexpected argument '--json'"]);
    let ended = place.run(&["score", "nowhere", "--json"]).refused(2, &["no run"]);
    assert!(ended.stdout.is_empty(), "{}", ended.stdout);
}
