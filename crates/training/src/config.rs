//! The configuration of a run: resolved once, written to `run.toml`, and read by all that resumes or uses the run.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use calotype_data::{DataError, Dataset, DatasetSpec};
use calotype_graph::{DeviceKind, DeviceProfile, Precision};
use calotype_models::attributes::{Attribute, Attributes};
use calotype_models::{DataShape, Model, ModelInfo, Preset, Setting, Settings, Tables, Value, find};
use serde::{Deserialize, Serialize};

use crate::checkpoint::Identity;
use crate::data_settings::{alike, data_settings, value_in};
use crate::error::{Result, TrainingError};
use crate::files::{FileConfig, described};
use crate::init_file::InitConfig;

/// Version of `run.toml`.
const FORMAT: u32 = 1;

/// Settings that every model has beside its own, with their defaults; where a model has one of the same name (`levels`), that one counts.
pub fn common_settings() -> Vec<Setting> {
    let steps = (1, 1_000_000_000);
    let of_training = vec![
        Setting::integer(
            "checkpoint_every",
            500,
            steps,
            "steps from one checkpoint to the next; the last step always writes one",
        ),
        Setting::integer("sample_every", 500, steps, "steps from one sample grid to the next"),
        Setting::integer("log_every", 10, steps, "steps from one line of metrics.jsonl to the next"),
        Setting::integer("keep_checkpoints", 3, (1, 1_000_000), "number of checkpoints to keep: the newest ones, and the best"),
        Setting::word(
            "exclude",
            "none",
            &["none", "<CLASS>"],
            "class to exclude from training, by name or number from 0, for anomaly detection by `score`",
        ),
    ];
    of_training.into_iter().chain(data_settings()).collect()
}

/// All settings of a model's run: its own, then those of [`common_settings`] that it does not have itself.
pub fn all_settings(info: &ModelInfo, preset: Preset) -> Vec<Setting> {
    let mut all = (info.settings)(preset);
    let common = common_settings().into_iter().filter(|c| !all.iter().any(|own| own.key == c.key)).collect::<Vec<_>>();
    all.extend(common);
    all
}

/// A setting's value in files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    Flag(bool),
    Integer(u64),
    Number(f64),
    Word(String),
}

impl From<&Value> for Scalar {
    fn from(value: &Value) -> Self {
        match value {
            Value::Integer(v) => Scalar::Integer(*v),
            Value::Number(v) => Scalar::Number(*v),
            Value::Flag(v) => Scalar::Flag(*v),
            Value::Word(v) => Scalar::Word(v.clone()),
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scalar::Flag(v) => write!(f, "{v}"),
            Scalar::Integer(v) => write!(f, "{v}"),
            Scalar::Number(v) => write!(f, "{v}"),
            Scalar::Word(v) => f.write_str(v),
        }
    }
}

/// What was asked for on the command line, not yet checked.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub model: String,
    /// By name; none means the model's default.
    pub preset: Option<String>,
    /// Name or path; none means the model's default.
    pub data: Option<String>,
    /// Of the second data set, of a model that learns from two.
    pub data_b: Option<String>,
    /// `--set`, with `--steps` and `--batch` in it.
    pub set: BTreeMap<String, String>,
    pub seed: u64,
}

/// How often things are done, in steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    pub checkpoint_every: u64,
    pub sample_every: u64,
    pub log_every: u64,
    pub keep_checkpoints: usize,
}

impl Period {
    pub(crate) fn of(common: &Settings) -> Self {
        Period {
            checkpoint_every: common.integer("checkpoint_every"),
            sample_every: common.integer("sample_every"),
            log_every: common.integer("log_every"),
            keep_checkpoints: common.size("keep_checkpoints"),
        }
    }

    /// By key, for comparison with `--set`.
    pub(crate) fn get(&self, key: &str) -> Option<u64> {
        match key {
            "checkpoint_every" => Some(self.checkpoint_every),
            "sample_every" => Some(self.sample_every),
            "log_every" => Some(self.log_every),
            "keep_checkpoints" => Some(self.keep_checkpoints as u64),
            _ => None,
        }
    }
}

/// The data of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// A data set's name, or an absolute path.
    pub name: String,
    /// SHA-256 of the content, as [`calotype_data::Dataset::content_hash`].
    pub sha256: String,
    /// Of a row, as the data set has it: [H, W, C] or `[D]`.
    pub shape: Vec<usize>,
    /// Levels of a value; none for continuous ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub levels: Option<u32>,
    /// Rows of the training split, without those of an excluded class.
    pub n_train: usize,
    /// Classes of its rows; 0 where they have none, and in runs from before models were told.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub n_classes: u32,
    /// A class that is never trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclude: Option<u32>,
    /// Its name; absent in runs from before names were kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclude_name: Option<String>,
    /// What kind of data they are, by [`calotype_data::Kind::name`]; absent in runs from before it was kept.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Names of the classes; absent in runs from before they were kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub class_names: Vec<String>,
    /// Names of the columns of a table; absent where they have none, and in runs from before they were kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// SHA-256 of which rows are of which split; absent where there are none, and in runs from before it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub splits_sha256: Option<String>,
    /// The attributes that the model is told; absent where it is told none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attributes: Option<AttributesConfig>,
    /// SHA-256 of the captions that the model is told; absent where it is told none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub captions_sha256: Option<String>,
    /// What a person should know about how they were read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What lay in the data and became no rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<calotype_data::LeftOut>,
    #[serde(default)]
    pub options: calotype_data::Options,
    #[serde(default)]
    pub preparation: calotype_data::Preparation,
    /// What values are standardised by, where they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard: Option<calotype_data::Standard>,
}

/// Attributes of a data set's rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributesConfig {
    /// SHA-256 of what each row has.
    pub sha256: String,
    /// In their order.
    pub list: Vec<AttributeConfig>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributeConfig {
    pub name: String,
    /// What it is one of; absent where a row has it or has not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

impl DataConfig {
    /// How the run's own data are opened again: a folder's images at the size and with the channels that they had.
    pub fn opening(&self) -> calotype_data::Options {
        let mut options = self.options.clone();
        options.size = options.size.or(square_side(&self.shape));
        options.channels = options.channels.or(match *self.shape.as_slice() {
            [_, _, channels] => Some(channels),
            _ => None,
        });
        options
    }

    /// Where the run's own data are.
    ///
    /// # Errors
    /// They are not there any more.
    pub(crate) fn spec(&self) -> Result<DatasetSpec> {
        DatasetSpec::parse(&self.name).map_err(|error| match error {
            DataError::NotFound { path } => TrainingError::Contradiction(format!(
                "the run's data are not at {} any more; if they were moved, say where: --data PATH",
                path.display()
            )),
            other => other.into(),
        })
    }

    /// That a data set is what the run began with.
    ///
    /// # Errors
    /// Its content or its splits are others.
    pub(crate) fn check_own(&self, model: &'static str, dataset: &Dataset) -> Result<()> {
        let differs = |what: &str, expected: &str, found: &str| Err(self.changed(model, what, expected, found));
        if !dataset.is_content(&self.sha256) {
            return differs("", &self.sha256, dataset.content_hash());
        }
        // The hash is of the shape, too: the data are as they were.
        if self.shape != dataset.shape() {
            let reason = format!(
                "shape mismatch: expected {:?} as in run.toml, found {:?}: run.toml has changed; restore it, or train a new run",
                self.shape,
                dataset.shape()
            );
            return Err(TrainingError::Unfit { model, data: self.name.clone(), reason });
        }
        match (&self.splits_sha256, dataset.split_hash()) {
            (Some(expected), found) if found.as_ref() != Some(expected) => {
                differs(" of the splits", expected, found.as_deref().unwrap_or("none"))
            }
            _ => Ok(()),
        }
    }

    /// The error that the data are not what they were.
    pub(crate) fn changed(&self, model: &'static str, what: &str, expected: &str, found: &str) -> TrainingError {
        let reason = format!(
            "SHA-256 mismatch{what}: expected {expected} as in run.toml, found {found}: the data have changed; restore them, give a copy \
             with --data PATH, or train a new run"
        );
        TrainingError::Unfit { model, data: self.name.clone(), reason }
    }

    /// The excluded class, as it was written: its name where that is known.
    pub fn excluded(&self) -> String {
        let number = || self.exclude.map_or_else(|| "none".to_owned(), |class| class.to_string());
        self.exclude_name.clone().unwrap_or_else(number)
    }

    /// What the model was configured with.
    pub fn data_shape(&self) -> DataShape {
        let of = |a: &AttributeConfig| Attribute { name: a.name.clone(), values: a.values.clone() };
        DataShape {
            shape: self.shape.clone(),
            levels: self.levels,
            n_train: self.n_train,
            n_classes: self.n_classes,
            attributes: Attributes(self.attributes.iter().flat_map(|a| &a.list).map(of).collect()),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// Pixels a side of images [S, S, C].
pub(crate) fn square_side(shape: &[usize]) -> Option<usize> {
    match *shape {
        [height, width, _] if height == width => Some(height),
        _ => None,
    }
}

/// The device of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceConfig {
    pub name: String,
    /// `cpu`, `discrete-gpu`, `integrated-gpu`, `software-gpu`.
    pub kind: String,
    pub driver: String,
    /// Whether products are computed in [`Precision::Mixed`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mixed: bool,
    /// How products were carried out that had been measured on it, as text; absent where nothing was tuned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tiles: Option<String>,
}

impl DeviceConfig {
    /// With no tiles: a profile does not hold them.
    pub fn of(profile: &DeviceProfile) -> Self {
        DeviceConfig {
            name: profile.name.clone(),
            kind: kind_name(profile.kind).to_owned(),
            driver: profile.driver.clone(),
            mixed: profile.precision == Precision::Mixed,
            tiles: None,
        }
    }

    pub fn precision(&self) -> Precision {
        if self.mixed { Precision::Mixed } else { Precision::Full }
    }
}

/// A kind of device as it is written.
pub fn kind_name(kind: DeviceKind) -> &'static str {
    match kind {
        DeviceKind::DiscreteGpu => "discrete-gpu",
        DeviceKind::IntegratedGpu => "integrated-gpu",
        DeviceKind::SoftwareGpu => "software-gpu",
        DeviceKind::Cpu => "cpu",
    }
}

/// A resolved run: `run.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    pub format: u32,
    /// Of the program that began the run.
    pub version: String,
    pub model: String,
    pub preset: String,
    /// Total number of steps.
    pub steps: u64,
    pub batch: usize,
    pub seed: u64,
    /// The model's settings but for `steps` and `batch`.
    pub settings: BTreeMap<String, Scalar>,
    pub period: Period,
    pub data: DataConfig,
    /// The second data set, of a model that learns from two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_b: Option<DataConfig>,
    pub device: DeviceConfig,
    /// Files whose weights it began with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub init: Vec<InitConfig>,
    /// Files that settings name, by key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, FileConfig>,
    /// What they hold.
    #[serde(skip)]
    pub tables: Tables,
}

impl RunConfig {
    pub(crate) fn new(
        model: &dyn Model,
        wanted: &Wanted,
        period: Period,
        (data, data_b): (DataConfig, Option<DataConfig>),
        device: DeviceConfig,
    ) -> Self {
        let preset = wanted.preset.as_deref().unwrap_or(model.info().default_preset().0);
        let own = model.settings().iter().filter(|(key, _)| !matches!(*key, "steps" | "batch"));
        RunConfig {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            model: model.info().name.to_owned(),
            preset: preset.to_string(),
            steps: model.steps(),
            batch: model.batch(),
            seed: wanted.seed,
            settings: own.map(|(key, value)| (key.to_owned(), value.into())).collect(),
            period,
            data,
            data_b,
            device,
            init: vec![],
            files: BTreeMap::new(),
            tables: Tables::new(),
        }
    }

    /// With the tables of the files that its settings name.
    pub(crate) fn with_tables(self, tables: Tables) -> Self {
        RunConfig { files: described(&tables), tables, ..self }
    }

    /// Reads `run.toml`.
    ///
    /// # Errors
    /// Not readable, not TOML, of another format, a field missing or unknown.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(TrainingError::io(path))?;
        let wrong = |reason: String| TrainingError::Config { path: path.to_owned(), reason };
        let line = |e: &toml::de::Error| {
            let at = e.span().map(|span| 1 + text.bytes().take(span.start).filter(|&b| b == b'\n').count());
            at.map_or_else(String::new, |line| format!("line {line}: "))
        };
        let config: RunConfig =
            toml::from_str(&text).map_err(|e| wrong(format!("{}{}", line(&e), e.message().replace('\n', " "))))?;
        match config.format {
            FORMAT => Ok(config),
            other => Err(wrong(format!("format mismatch: expected {FORMAT}, found {other}"))),
        }
    }

    /// The text of `run.toml`.
    ///
    /// # Errors
    /// What TOML cannot hold: a seed above 2^63 - 1.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|e| TrainingError::Contradiction(format!("the run cannot be written as run.toml: {e}")))
    }

    /// The model of this run.
    ///
    /// # Errors
    /// A model or setting that this program does not know: a file of another version, or changed by hand.
    pub fn model(&self) -> Result<Arc<dyn Model>> {
        let info = find(&self.model)?;
        let preset = info.preset(Some(&self.preset))?;
        let mut given: BTreeMap<String, String> = self.settings.iter().map(|(k, v)| (k.clone(), v.to_string())).collect();
        let amounts = [("steps", self.steps.to_string()), ("batch", self.batch.to_string())];
        // A model that counts has neither.
        let own = (info.settings)(preset);
        for (key, before) in own.iter().filter_map(|s| Some((s.key, s.before.as_ref()?))) {
            given.entry(key.to_owned()).or_insert_with(|| before.to_string());
        }
        given.extend(amounts.into_iter().filter(|(k, _)| own.iter().any(|s| s.key == *k)).map(|(k, v)| (k.to_owned(), v)));
        Ok(info.build_with(preset, &given, &self.tables, &self.data.data_shape())?)
    }

    /// What its checkpoints belong to.
    pub fn identity(&self) -> Identity {
        let mut settings = self.settings.clone();
        settings.insert("batch".into(), Scalar::Integer(self.batch as u64));
        settings.extend(self.files.iter().map(|(key, file)| (format!("{key}.sha256"), Scalar::Word(file.sha256.clone()))));
        settings.extend(self.data_b.iter().map(|data| ("data_b.sha256".into(), Scalar::Word(data.sha256.clone()))));
        settings.extend(self.data.attributes.iter().map(|of| ("attributes.sha256".into(), Scalar::Word(of.sha256.clone()))));
        settings.extend(self.data.captions_sha256.iter().map(|sha256| ("captions.sha256".into(), Scalar::Word(sha256.clone()))));
        Identity { data: self.data.sha256.clone(), model: self.model.clone(), seed: self.seed, settings }
    }

    /// Holds one `--set key=value` against the run; `steps` is the total and may change.
    ///
    /// # Errors
    /// An unknown key; another value than the run's.
    pub fn agree(&self, key: &str, text: &str) -> Result<()> {
        let info = find(&self.model)?;
        let preset = info.preset(Some(&self.preset))?;
        let (known, own_settings) = (all_settings(info, preset), (info.settings)(preset));
        let given = Settings::resolve(&known, &BTreeMap::from([(key.to_owned(), text.to_owned())]))?;
        let given = given.iter().find(|(k, _)| *k == key).map(|(_, v)| Scalar::from(v));
        let own = match key {
            "steps" => return Ok(()),
            "batch" => Some(Scalar::Integer(self.batch as u64)),
            _ if self.settings.contains_key(key) => self.settings.get(key).cloned(),
            // Of a setting that there was not when the run began.
            _ if own_settings.iter().any(|s| s.key == key) => {
                own_settings.iter().find(|s| s.key == key).map(|s| Scalar::from(s.before.as_ref().unwrap_or(&s.default)))
            }
            // By its name, or its number.
            "exclude" if self.data.exclude.is_some_and(|class| class.to_string() == text) => return Ok(()),
            "exclude" => Some(Scalar::Word(self.data.excluded())),
            _ => match alike(&self.data.options, &known, key, text)? {
                true => return Ok(()),
                false => self
                    .period
                    .get(key)
                    .map(Scalar::Integer)
                    .or_else(|| value_in(&self.data.options, key).as_ref().map(Scalar::from)),
            },
        };
        match (own, given) {
            (Some(own), Some(given)) if own != given => Err(TrainingError::contradiction(key, &own.to_string(), text)),
            _ => Ok(()),
        }
    }
}

impl TrainingError {
    /// A flag that says something else than the run.
    pub fn contradiction(what: &str, run: &str, given: &str) -> Self {
        TrainingError::Contradiction(format!(
            "the run has {what} = {run}, the command says {given}; a resumed run keeps its settings, except --steps: leave this option out"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run from before there were moving averages and held-out rows goes on without them, whatever the defaults are now.
    #[test]
    fn what_older_runs_do_not_say_is_as_it_was() {
        let wanted = Wanted { model: "dcgan".into(), data: Some("digits".into()), ..Wanted::default() };
        let material = crate::material::Material::open(&wanted).expect("bundled data");
        let device = DeviceConfig { name: "A".into(), kind: "cpu".into(), driver: String::new(), mixed: false, tiles: None };
        let mut config = material.config(device);
        for key in ["ema", "augment", "flips", "validation", "validate_every"] {
            config.settings.remove(key).expect(key);
        }
        let model = config.model().expect("it is read");
        let (settings, descent) = (model.settings(), model.learning().descent().expect("it learns by steps"));
        assert_eq!((settings.number("ema"), settings.word("augment"), settings.flag("flips")), (0.0, "none", false));
        assert!(descent.validation().is_none());
        for (key, other) in [("ema", "0.9"), ("augment", "cutout"), ("flips", "true"), ("validation", "0.3")] {
            let refused = config.agree(key, other).expect_err("the run has it not").to_string();
            assert!(refused.contains(key) && refused.contains(other), "{refused}");
        }
        config.agree("ema", "0").expect("it is as it was");
    }

    /// A progressive GAN from before its last level had images of its own: the same steps, also where `stable_images` was no default.
    #[test]
    fn older_runs_that_grow_have_the_steps_that_they_had() {
        let given = [("fade_images", "48"), ("stable_images", "32"), ("last_images", "0")];
        let set = given.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let wanted = Wanted { model: "progan".into(), data: Some("fashion-mnist".into()), set, ..Wanted::default() };
        let material = crate::material::Material::open(&wanted).expect("bundled data");
        let device = DeviceConfig { name: "A".into(), kind: "cpu".into(), driver: String::new(), mixed: false, tiles: None };
        let mut config = material.config(device);
        assert_eq!(config.steps, 2 + 3 * (3 + 2), "of four levels");
        let turns = |config: &RunConfig| {
            let model = config.model().expect("it is read");
            let descent = model.learning().descent().expect("it learns by steps");
            let turns = (0..40).map(|step| descent.at(step, 1.0)).map(|turn| (turn.stage, turn.scalars, turn.resets)).collect();
            (model.steps(), turns)
        };
        let own: (u64, Vec<_>) = turns(&config);
        config.settings.remove("last_images").expect("a setting");
        assert_eq!(turns(&config), own);
        config.agree("last_images", "0").expect("it is as it was");
        config.agree("last_images", "80000").expect_err("it was as many as stable_images");
    }

    #[test]
    fn tiles_survive_the_file_and_are_absent_where_nothing_was_tuned() {
        let plain = DeviceConfig { name: "A".into(), kind: "software-gpu".into(), driver: "B".into(), mixed: false, tiles: None };
        let tuned = DeviceConfig { tiles: Some("4 64 3 256 tall\n1 1024 1024 1024 large\n".into()), ..plain.clone() };
        for device in [&plain, &tuned] {
            let text = toml::to_string(device).expect("it is written");
            assert_eq!(text.contains("tiles"), device.tiles.is_some(), "{text}");
            assert_eq!(&toml::from_str::<DeviceConfig>(&text).expect("it is read"), device);
        }
    }
}
