//! `calotype models`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::{self, Formatter};

use anyhow::Result;
use calotype_models::{DataShape, ModelInfo, Preset, Setting as Known, Value, abilities, all, find};
use calotype_training::{Scalar, common_settings, data_shape};
use serde::{Serialize, Serializer};

use super::Ending;
use crate::output::Form;

pub fn run(model: Option<&str>, form: Form) -> Result<Ending> {
    match model {
        Some(name) => form.answer(&Described::new(find(name)?)?)?,
        None => form.answer(&List::new()?)?,
    }
    Ok(Ending::Done)
}

/// Every model.
#[derive(Serialize)]
struct List(Vec<Listed>);

#[derive(Serialize)]
struct Listed {
    name: &'static str,
    title: &'static str,
    paper: &'static str,
    used_for: Vec<String>,
    presets: Vec<OfPreset>,
}

/// A preset, and what a model trains on with it unless told otherwise.
#[derive(Serialize)]
struct OfPreset {
    name: &'static str,
    data: &'static [&'static str],
}

/// One model with its settings.
#[derive(Serialize)]
struct Described {
    #[serde(flatten)]
    model: Listed,
    settings: Vec<Setting>,
    /// Those of every model, without those that it has itself.
    common_settings: Vec<Setting>,
}

#[derive(Serialize)]
struct Setting {
    key: &'static str,
    /// By preset.
    #[serde(serialize_with = "as_map")]
    defaults: Vec<(&'static str, Scalar)>,
    /// The smallest and the largest number; none of flags and words.
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<(f64, f64)>,
    /// The words that there are; none of flags and numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    words: Option<&'static [&'static str]>,
    about: &'static str,
}

fn as_map<S: Serializer>(defaults: &[(&'static str, Scalar)], s: S) -> Result<S::Ok, S::Error> {
    s.collect_map(defaults.iter().map(|(preset, value)| (preset, value)))
}

impl List {
    fn new() -> Result<Self> {
        let mut known = BTreeMap::new();
        Ok(List(all().iter().map(|info| Listed::new(info, &mut known)).collect::<Result<_>>()?))
    }
}

impl Listed {
    /// What it can be used for is said of its defaults on its default data, which are opened once a name.
    fn new(info: &ModelInfo, known: &mut BTreeMap<&'static str, DataShape>) -> Result<Self> {
        let name = (info.default_data)(info.default_preset())[0];
        let shape = match known.entry(name) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(data_shape(name)?),
        };
        let model = info.build(info.default_preset(), &BTreeMap::new(), shape)?;
        let preset = |&preset: &Preset| OfPreset { name: preset.0, data: (info.default_data)(preset) };
        Ok(Listed {
            name: info.name,
            title: info.title,
            paper: info.paper,
            used_for: abilities(model.as_ref()).iter().map(ToString::to_string).collect(),
            presets: info.presets.iter().map(preset).collect(),
        })
    }
}

impl Described {
    fn new(info: &ModelInfo) -> Result<Self> {
        let model = Listed::new(info, &mut BTreeMap::new())?;
        let by_preset: Vec<Vec<Known>> = info.presets.iter().map(|&preset| (info.settings)(preset)).collect();
        let own = by_preset.first().map_or(&[][..], Vec::as_slice);
        let setting = |known: &Known| {
            let of = |settings: &Vec<Known>| settings.iter().find(|s| s.key == known.key).unwrap_or(known).default.clone();
            Setting::new(known, info.presets.iter().map(|p| p.0).zip(by_preset.iter().map(of)))
        };
        let common = common_settings();
        let others = common.iter().filter(|common| !own.iter().any(|own| own.key == common.key));
        Ok(Described { model, settings: own.iter().map(setting).collect(), common_settings: others.map(setting).collect() })
    }
}

impl Setting {
    fn new(known: &Known, defaults: impl Iterator<Item = (&'static str, Value)>) -> Self {
        let is_number = matches!(known.default, Value::Integer(_) | Value::Number(_));
        let is_word = matches!(known.default, Value::Word(_));
        Setting {
            key: known.key,
            defaults: defaults.map(|(preset, value)| (preset, Scalar::from(&value))).collect(),
            range: is_number.then_some(known.range),
            words: is_word.then_some(known.words),
            about: known.doc,
        }
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for Listed { name, title, paper, used_for, presets } in &self.0 {
            writeln!(f, "{name:<15} {title}: {paper}")?;
            let data: Vec<String> = presets.iter().map(|p| format!("{} ({})", p.data.join(" and "), p.name)).collect();
            writeln!(f, "{:<15} {}; data {}", "", used_for.join(", "), data.join(", "))?;
        }
        writeln!(f, "\n`calotype models NAME` lists the settings of a model")
    }
}

impl fmt::Display for Described {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Listed { name, title, paper, used_for, presets } = &self.model;
        writeln!(f, "{name}: {title}\n{paper}\nused for: {}\n", used_for.join(", "))?;
        writeln!(f, "{:<18}{}", "--set KEY=VALUE", columns(presets.iter().map(|p| p.name)))?;
        self.settings.iter().try_for_each(|setting| setting.fmt(f))?;
        writeln!(f, "{:<18}{}  --data", "", columns(presets.iter().map(|p| p.data[0])))?;
        writeln!(f, "\nsettings of every model")?;
        self.common_settings.iter().try_for_each(|setting| setting.fmt(f))
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:<18}{}  {}", self.key, columns(self.defaults.iter().map(|(_, value)| value)), self.about)?;
        match (self.range, self.words) {
            (Some((low, high)), _) => writeln!(f, " ({low} to {high})"),
            (None, Some(words)) => writeln!(f, " ({})", words.join(", ")),
            (None, None) => writeln!(f, " (true or false)"),
        }
    }
}

/// One column a preset.
fn columns<T: ToString>(values: impl Iterator<Item = T>) -> String {
    values.map(|v| format!(" {:>13}", v.to_string())).collect()
}
