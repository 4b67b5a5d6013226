//! Settings of the data (`--set key=value`): what may be set, what it becomes of [`Options`], and which data heed it.

use std::collections::BTreeMap;

use calotype_data::{Broken, DatasetSpec, Layout, Missing, Options};
use calotype_models::{Setting, Settings, Value};

use crate::error::{Result, TrainingError};

/// A setting that is one of the [`Options`].
struct DataSetting {
    setting: Setting,
    put: fn(&mut Options, &Value),
    get: fn(&Options) -> Value,
}

fn integer(value: &Value) -> Option<u64> {
    match value {
        Value::Integer(v) if *v > 0 => Some(*v),
        _ => None,
    }
}

/// A word other than `auto`.
fn word(value: &Value) -> Option<&str> {
    match value {
        Value::Word(v) if v != "auto" => Some(v),
        _ => None,
    }
}

fn of_word(word: Option<&str>) -> Value {
    Value::Word(word.unwrap_or("auto").to_owned())
}

fn table() -> Vec<DataSetting> {
    let of = |setting, put, get| DataSetting { setting, put, get };
    vec![
        of(
            Setting::integer(
                "levels",
                0,
                (0, 256),
                "arrays of whole numbers: their levels; 0: the maximum + 1, but 256 for images whose maximum is 64 or more, for floating point and IDX files of u8",
            ),
            |o, v| o.levels = integer(v).map(|n| n as u32),
            |o| Value::Integer(o.levels.map_or(0, u64::from)),
        ),
        of(
            Setting::integer(
                "size",
                0,
                (0, 4096),
                "images of folders, archives and lists, and shapes: pixels a side; 0: their own if all have one of at most 256, else 64",
            ),
            |o, v| o.size = integer(v).map(|n| n as usize),
            |o| Value::Integer(o.size.map_or(0, |n| n as u64)),
        ),
        of(
            Setting::flag("tones", false, "emoji: all skin tones, not only the default one"),
            |o, v| o.tones = *v == Value::Flag(true),
            |o| Value::Flag(o.tones),
        ),
        of(
            Setting::integer(ROWS, 0, (0, 4_294_967_295), "generated data, such as shapes: number of rows; 0: their default"),
            |o, v| o.rows = integer(v).map(|n| n as usize),
            |o| Value::Integer(o.rows.map_or(0, |n| n as u64)),
        ),
        of(
            Setting::integer("test_every", 0, (0, 1_000_000), "files and folders: every n-th row is a test row; 0: none"),
            |o, v| o.test_every = integer(v).map(|n| n as u32),
            |o| Value::Integer(o.test_every.map_or(0, u64::from)),
        ),
        of(
            Setting::word(
                "label",
                "auto",
                &["auto", "none", "<COLUMN>"],
                "tables: column of the classes, by name or number from 1; auto: the column of words, if there is one; arrays: FILE.npy of the \
                 classes, or the name of an array of a .npz; lists of attributes: the column of the classes, by name or number from 1",
            ),
            |o, v| o.label = word(v).map(str::to_owned),
            |o| of_word(o.label.as_deref()),
        ),
        of(
            Setting::word(
                "columns",
                "all",
                &["all", "<A,B,C>"],
                "tables: columns to read, by name or number from 1; 2-5: a range",
            ),
            |o, v| {
                o.columns = match v {
                    Value::Word(names) if names != "all" => names.split(',').map(|name| name.trim().to_owned()).collect(),
                    _ => vec![],
                }
            },
            |o| Value::Word(if o.columns.is_empty() { "all".to_owned() } else { o.columns.join(",") }),
        ),
        of(
            Setting::word("header", "auto", &["auto", "yes", "no"], "tables: whether the first line holds names of columns"),
            |o, v| o.header = word(v).map(|v| v == "yes"),
            |o| of_word(o.header.map(|header| if header { "yes" } else { "no" })),
        ),
        of(
            Setting::word(
                "missing",
                "error",
                &["error", "drop"],
                "tables: lines with missing values (empty, NA, ?); drop leaves them out",
            ),
            |o, v| o.missing = if word(v) == Some("drop") { Missing::Drop } else { Missing::Error },
            |o| of_word(Some(if o.missing == Missing::Drop { "drop" } else { "error" })),
        ),
        of(
            Setting::word(
                "broken",
                "error",
                &["error", "skip"],
                "images: files that cannot be decoded; skip leaves them out and names them in run.toml",
            ),
            |o, v| o.broken = if word(v) == Some("skip") { Broken::Skip } else { Broken::Error },
            |o| of_word(Some(if o.broken == Broken::Skip { "skip" } else { "error" })),
        ),
        of(
            Setting::word(
                "channels",
                "auto",
                &["auto", "1", "3"],
                "folders of images: 1 (grey) or 3 (RGB); auto: 1 if all of them are grey",
            ),
            |o, v| o.channels = word(v).and_then(|v| v.parse().ok()),
            |o| of_word(o.channels.map(|c| if c == 1 { "1" } else { "3" })),
        ),
        of(
            Setting::word("layout", "auto", &["auto", "nchw", "nhwc"], "arrays of images: where the channels are"),
            |o, v| {
                o.layout = match word(v) {
                    Some("nchw") => Some(Layout::Nchw),
                    Some("nhwc") => Some(Layout::Nhwc),
                    _ => None,
                }
            },
            |o| {
                of_word(o.layout.map(|layout| match layout {
                    Layout::Nchw => "nchw",
                    Layout::Nhwc => "nhwc",
                }))
            },
        ),
        of(
            Setting::word(
                "range",
                "auto",
                &["auto", "raw", "<LOW>..<HIGH>"],
                "arrays of continuous values and images of 16 bits: what becomes 0 and 1; raw leaves them as they are; auto: images by their values, rows as they are",
            ),
            |o, v| o.range = word(v).and_then(|v| v.parse().ok()),
            |o| Value::Word(o.range.map_or_else(|| "auto".to_owned(), |range| range.to_string())),
        ),
    ]
}

/// What may be set of data.
pub fn data_settings() -> Vec<Setting> {
    table().into_iter().map(|s| s.setting).collect()
}

/// The options that settings say; those of them that a model has under the same name (`levels`) say nothing of data.
pub(crate) fn options(all: &Settings, own: &[Setting]) -> Options {
    let mut options = Options::default();
    for DataSetting { setting, put, .. } in table() {
        let value = all.iter().find(|(key, _)| *key == setting.key && own.iter().all(|s| s.key != *key));
        if let Some((_, value)) = value {
            put(&mut options, value);
        }
    }
    options
}

/// Options of data by themselves, as `calotype data` is given them.
///
/// # Errors
/// An unknown key, a wrong value; a setting that these data do not heed.
pub fn options_of(spec: &DatasetSpec, given: &BTreeMap<String, String>) -> Result<Options> {
    let all = Settings::resolve(&data_settings(), given)?;
    heeded(spec, &all, &[])?;
    Ok(options(&all, &[]))
}

/// Options with other settings of data.
///
/// # Errors
/// As of [`options_of`].
pub(crate) fn overlaid(mut own: Options, spec: &DatasetSpec, given: &BTreeMap<String, String>) -> Result<Options> {
    let all = Settings::resolve(&data_settings(), given)?;
    heeded(spec, &all, &[])?;
    for DataSetting { setting, put, .. } in table() {
        if let Some((_, value)) = all.iter().find(|(key, _)| *key == setting.key && all.is_given(key)) {
            put(&mut own, value);
        }
    }
    Ok(own)
}

/// Whether a setting of data says what options have: `a, b` is `a,b`.
///
/// # Errors
/// A wrong value.
pub(crate) fn alike(own: &Options, known: &[Setting], key: &str, text: &str) -> Result<bool> {
    let all = Settings::resolve(known, &BTreeMap::from([(key.to_owned(), text.to_owned())]))?;
    let given = value_in(&options(&all, &[]), key);
    Ok(given.is_some() && given == value_in(own, key))
}

/// The value of a setting in options that were made of it; none if it is no setting of data.
pub(crate) fn value_in(options: &Options, key: &str) -> Option<Value> {
    table().into_iter().find(|s| s.setting.key == key).map(|s| (s.get)(options))
}

/// That no setting is one which has no effect on these data; a model's `own` of the same name say nothing of data.
///
/// # Errors
/// It names the setting, the data, and what data heed it.
pub(crate) fn heeded(spec: &DatasetSpec, all: &Settings, own: &[Setting]) -> Result<()> {
    let of_data = |setting: &Setting| own.iter().all(|s| s.key != setting.key);
    let changed =
        |setting: &Setting| of_data(setting) && all.iter().any(|(key, value)| key == setting.key && *value != setting.default);
    let given: Vec<Setting> = data_settings().into_iter().filter(changed).collect();
    if given.is_empty() {
        return Ok(());
    }
    let kind = spec.kind()?;
    match given.iter().find(|setting| !kind.heeds.contains(&setting.key)) {
        Some(Setting { key, doc, .. }) => {
            let name = match spec {
                DatasetSpec::Named(entry) => entry.name.to_owned(),
                DatasetSpec::Path(path) => path.display().to_string(),
            };
            let message = format!("`{key}` has no effect on {name}, which is {}; it is for {doc}; leave it out", kind.name);
            Err(TrainingError::Contradiction(message))
        }
        None => Ok(()),
    }
}

/// The setting of the number of rows, which a model may have as its own: with its own default.
pub(crate) const ROWS: &str = "rows";

/// Rows that a model's own [`ROWS`] asks of generated data; none of other data.
///
/// # Errors
/// It is given, and the data heed it not.
pub(crate) fn rows(specs: &[DatasetSpec], all: &Settings) -> Result<Option<usize>> {
    let mut heed = true;
    for spec in specs {
        heed &= spec.kind()?.heeds.contains(&ROWS);
    }
    match heed {
        true => Ok(Some(all.size(ROWS)).filter(|&rows| rows > 0)),
        false if all.is_given(ROWS) => Err(TrainingError::Contradiction(
            "`rows` is for generated data, such as shapes, and has no effect on other data; leave it out".into(),
        )),
        false => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_asked_of_generated_data_alone() {
        let known = [Setting::integer(ROWS, 40, (0, 100), "rows")];
        let resolved = |given: &[(&str, &str)]| {
            let given = given.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            Settings::resolve(&known, &given).expect("a value")
        };
        let of = |data: &str, given: &[(&str, &str)]| rows(&[DatasetSpec::parse(data).expect("data")], &resolved(given));
        assert_eq!(of("shapes", &[]).expect("generated"), Some(40));
        assert_eq!(of("shapes", &[(ROWS, "7")]).expect("generated"), Some(7));
        assert_eq!(of("shapes", &[(ROWS, "0")]).expect("generated"), None, "as many as they have");
        assert_eq!(of("emoji", &[]).expect("not asked for"), None);
        let message = of("emoji", &[(ROWS, "7")]).expect_err("it has no effect").to_string();
        assert!(message.contains("`rows` is for generated data"), "{message}");
    }

    /// What was put is got again, for every setting: `agree` compares them.
    #[test]
    fn options_give_back_what_was_set() {
        let values = [
            ("levels", "17"),
            ("size", "32"),
            ("tones", "true"),
            ("rows", "50"),
            ("test_every", "5"),
            ("label", "species"),
            ("columns", "a,b,3"),
            ("header", "no"),
            ("missing", "drop"),
            ("broken", "skip"),
            ("channels", "1"),
            ("layout", "nchw"),
            ("range", "-1..1"),
        ];
        let known = data_settings();
        assert_eq!(known.len(), values.len(), "a value for every setting");
        for (key, text) in values {
            let all = Settings::resolve(&known, &BTreeMap::from([(key.to_owned(), text.to_owned())])).expect("a value");
            let options = options(&all, &[]);
            assert_ne!(options, Options::default(), "{key}");
            assert_eq!(value_in(&options, key).expect("a setting of data").to_string(), text);
            let default = known.iter().find(|s| s.key == key).expect("it").default.clone();
            assert_eq!(value_in(&Options::default(), key), Some(default), "{key}");
        }
        assert_eq!(value_in(&Options::default(), "steps"), None);
    }

    #[test]
    fn values_of_no_form_are_refused() {
        for (key, text) in [("range", "1..0"), ("range", "a..b"), ("channels", "2"), ("label", ""), ("header", "maybe")] {
            let given = BTreeMap::from([(key.to_owned(), text.to_owned())]);
            assert!(Settings::resolve(&data_settings(), &given).is_err(), "{key}={text}");
        }
    }
}
