//! The command that begins a run like one that is there.

use std::path::Path;

use calotype_models::find;

use crate::config::{RunConfig, all_settings};
use crate::data_settings::{data_settings, value_in};
use crate::error::Result;

/// A path, or other text, as it is typed in a shell: quoted where it must be.
pub fn typed(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+:,@%=".contains(c) || (cfg!(windows) && c == '\\');
    match !text.is_empty() && text.chars().all(plain) {
        true => text,
        false if cfg!(windows) => format!("\"{text}\""),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

impl RunConfig {
    /// `calotype train …`: with all that is not as it would be by itself, but not the device.
    ///
    /// # Errors
    /// As of [`RunConfig::model`].
    pub fn command(&self) -> Result<String> {
        let info = find(&self.model)?;
        let preset = info.preset(Some(&self.preset))?;
        let defaults = all_settings(info, preset);
        let is_own = |key: &str| (info.settings)(preset).iter().any(|s| s.key == key);
        let mut words = vec![];
        if self.preset != info.default_preset().0 {
            words.push(("--preset", self.preset.clone()));
        }
        words.push(("--data", self.data.name.clone()));
        words.extend(self.data_b.iter().map(|data| ("--data-b", data.name.clone())));
        words.extend(self.init.iter().map(|init| match init.network.as_str() {
            "" => ("--init", init.path.clone()),
            network => ("--init", format!("{network}={}", init.path)),
        }));
        if self.device.mixed {
            words.push(("--precision", "mixed".to_owned()));
        }
        if self.seed != 0 {
            words.push(("--seed", self.seed.to_string()));
        }
        let model = self.model()?;
        let own = model.settings().iter().map(|(key, value)| (key, value.to_string()));
        let period = ["checkpoint_every", "sample_every", "log_every", "keep_checkpoints"].into_iter();
        let period = period.filter_map(|key| Some((key, self.period.get(key)?.to_string())));
        let of_data = data_settings().into_iter().filter_map(|s| Some((s.key, value_in(&self.data.options, s.key)?.to_string())));
        let others = period.chain([("exclude", self.data.excluded())]).chain(of_data).filter(|(key, _)| !is_own(key));
        for (key, value) in own.chain(others) {
            let default = defaults.iter().find(|s| s.key == key).map(|s| s.default.to_string());
            match key {
                _ if default.as_ref() == Some(&value) => {}
                "steps" => words.push(("--steps", value)),
                "batch" => words.push(("--batch", value)),
                _ => words.push(("--set", format!("{key}={value}"))),
            }
        }
        let words = words.iter().map(|(flag, value)| format!(" {flag} {}", typed(Path::new(value))));
        Ok(format!("calotype train {}{}", self.model, words.collect::<String>()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_where_they_must_be() {
        assert_eq!(typed(Path::new("runs/rün-001")), "runs/rün-001");
        if cfg!(unix) {
            assert_eq!(typed(Path::new("a b/it's")), r"'a b/it'\''s'");
        }
    }
}
