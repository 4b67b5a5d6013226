//! `calotype models`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::Write as _;

use anyhow::Result;
use calotype_models::{DataShape, ModelInfo, Preset, Setting, Value, all, find, in_words};
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
    let name = data(info, Preset::Small);
    let shape = match known.entry(name) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(new) => new.insert(data_shape(name)?),
    };
    let model = info.build(Preset::Small, &BTreeMap::new(), shape)?;
    Ok(in_words(&calotype_models::abilities(model.as_ref())))
}

fn list() -> Result<String> {
    let mut text = String::new();
    let mut known = BTreeMap::new();
    for info in all() {
        writeln!(text, "{:<15} {}: {}", info.name, info.title, info.paper)?;
        writeln!(
            text,
            "{:<15} {}; data {} (small), {} (paper)",
            "",
            abilities(info, &mut known)?,
            data(info, Preset::Small),
            data(info, Preset::Paper)
        )?;
    }
    writeln!(text, "\n`calotype models NAME` lists the settings of a model")?;
    Ok(text)
}

fn one(info: &ModelInfo) -> Result<String> {
    let able = abilities(info, &mut BTreeMap::new())?;
    let mut text = format!("{}: {}\n{}\nused for: {able}\n\n", info.name, info.title, info.paper);
    writeln!(text, "{:<18}{:>14}{:>14}", "--set KEY=VALUE", "small", "paper")?;
    let (small, paper) = ((info.settings)(Preset::Small), (info.settings)(Preset::Paper));
    for setting in &small {
        let other = paper.iter().find(|p| p.key == setting.key).unwrap_or(setting);
        row(&mut text, setting, other)?;
    }
    writeln!(text, "{:<18}{:>14}{:>14}  --data", "", data(info, Preset::Small), data(info, Preset::Paper))?;
    writeln!(text, "\nsettings of every model")?;
    for setting in common_settings().iter().filter(|common| !small.iter().any(|own| own.key == common.key)) {
        row(&mut text, setting, setting)?;
    }
    Ok(text)
}

fn data(info: &ModelInfo, preset: Preset) -> &'static str {
    (info.default_data)(preset)
}

fn row(text: &mut String, small: &Setting, paper: &Setting) -> Result<()> {
    let (low, high) = small.range;
    let range = match &small.default {
        Value::Integer(_) | Value::Number(_) => format!(" ({low} to {high})"),
        Value::Flag(_) => " (true or false)".to_owned(),
        Value::Word(_) => format!(" ({})", small.words.join(", ")),
    };
    let (a, b) = (small.default.to_string(), paper.default.to_string());
    writeln!(text, "{:<18}{a:>14}{b:>14}  {}{range}", small.key, small.doc)?;
    Ok(())
}
