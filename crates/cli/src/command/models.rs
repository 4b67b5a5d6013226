//! `calotype models`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::Write as _;

use anyhow::Result;
use calotype_models::{DataShape, ModelInfo, Setting, Value, all, find, in_words};
use calotype_training::{common_settings, data_shape};

use super::Ending;
use crate::output::print;

pub fn run(model: Option<&str>) -> Result<Ending> {
    let text = match model {
        Some(name) => one(find(name)?)?,
        None => list()?,
    };
    print(&text)?;
    Ok(Ending::Done)
}

/// What a model can be used for, as it is with its defaults on its default data, which are opened once a name.
fn abilities(info: &ModelInfo, known: &mut BTreeMap<&'static str, DataShape>) -> Result<String> {
    let name = (info.default_data)(info.default_preset())[0];
    let shape = match known.entry(name) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(new) => new.insert(data_shape(name)?),
    };
    let model = info.build(info.default_preset(), &BTreeMap::new(), shape)?;
    Ok(in_words(&calotype_models::abilities(model.as_ref())))
}

fn list() -> Result<String> {
    let mut text = String::new();
    let mut known = BTreeMap::new();
    for info in all() {
        writeln!(text, "{:<15} {}: {}", info.name, info.title, info.paper)?;
        let data: Vec<String> = info.presets.iter().map(|&p| format!("{} ({p})", (info.default_data)(p).join(" and "))).collect();
        writeln!(text, "{:<15} {}; data {}", "", abilities(info, &mut known)?, data.join(", "))?;
    }
    writeln!(text, "\n`calotype models NAME` lists the settings of a model")?;
    Ok(text)
}

fn one(info: &ModelInfo) -> Result<String> {
    let able = abilities(info, &mut BTreeMap::new())?;
    let mut text = format!("{}: {}\n{}\nused for: {able}\n\n", info.name, info.title, info.paper);
    writeln!(text, "{:<18}{}", "--set KEY=VALUE", columns(info.presets.iter()))?;
    let by_preset: Vec<Vec<Setting>> = info.presets.iter().map(|&preset| (info.settings)(preset)).collect();
    let own = by_preset.first().map_or(&[][..], Vec::as_slice);
    for setting in own {
        let of = |settings: &Vec<Setting>| settings.iter().find(|s| s.key == setting.key).unwrap_or(setting).default.clone();
        row(&mut text, setting, &by_preset.iter().map(of).collect::<Vec<_>>())?;
    }
    writeln!(text, "{:<18}{}  --data", "", columns(info.presets.iter().map(|&p| (info.default_data)(p)[0])))?;
    writeln!(text, "\nsettings of every model")?;
    for setting in common_settings().iter().filter(|common| !own.iter().any(|own| own.key == common.key)) {
        row(&mut text, setting, &vec![setting.default.clone(); by_preset.len()])?;
    }
    Ok(text)
}

/// One column a preset.
fn columns<T: ToString>(values: impl Iterator<Item = T>) -> String {
    values.map(|v| format!(" {:>13}", v.to_string())).collect()
}

fn row(text: &mut String, setting: &Setting, defaults: &[Value]) -> Result<()> {
    let (low, high) = setting.range;
    let range = match &setting.default {
        Value::Integer(_) | Value::Number(_) => format!(" ({low} to {high})"),
        Value::Flag(_) => " (true or false)".to_owned(),
        Value::Word(_) => format!(" ({})", setting.words.join(", ")),
    };
    writeln!(text, "{:<18}{}  {}{range}", setting.key, columns(defaults.iter()), setting.doc)?;
    Ok(())
}
