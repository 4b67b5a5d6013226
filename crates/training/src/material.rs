//! A run's model and data, opened and checked against each other before any work.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use calotype_data::{Batches, Dataset, DatasetSpec, Encoding, Options, Preparation, Prepared, Split};
use calotype_models::{DataShape, Model, Setting, Settings, find};

use crate::config::{COMMON_KEYS, DataConfig, DeviceConfig, Period, RunConfig, Wanted, common_settings};
use crate::error::{Result, TrainingError};

/// A configured model and the data that it trains on.
pub struct Material {
    pub model: Box<dyn Model>,
    pub data: DataConfig,
    pub period: Period,
    /// For the name of a run folder: `fashion-mnist`.
    pub short_name: String,
    wanted: Wanted,
    dataset: Dataset,
}

impl Material {
    /// Checks what was asked for.
    ///
    /// # Errors
    /// An unknown model, setting or data set; a wrong value; data that cannot be read or that the model cannot take.
    pub fn open(wanted: &Wanted) -> Result<Self> {
        let info = find(&wanted.model)?;
        let own = (info.settings)(wanted.preset);
        let known: Vec<Setting> = own.iter().cloned().chain(common_settings()).collect();
        let all = Settings::resolve(&known, &wanted.set)?;
        let given: BTreeMap<String, String> = wanted
            .set
            .iter()
            .filter(|(key, _)| !COMMON_KEYS.contains(&key.as_str()))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        let name = wanted.data.clone().unwrap_or_else(|| (info.default_data)(wanted.preset).to_owned());
        let spec = DatasetSpec::parse(&name)?;
        let options = options(&all);
        let dataset = spec.open(&options)?;
        let shape = image_shape(info.name, &dataset)?;
        let n_train = dataset.rows(Split::Train)?.len();
        let [height, width, channels] = shape;
        let model = info.build(wanted.preset, &given, &DataShape { height, width, channels, n_train })?;
        let data = DataConfig {
            name: resolved_name(&spec)?,
            sha256: dataset.content_hash().to_owned(),
            shape,
            n_train,
            options,
            preparation: preparation(model.as_ref()),
        };
        let period = Period::of(&all);
        Ok(Material { model, data, period, short_name: spec.short_name(), wanted: wanted.clone(), dataset })
    }

    /// The material of a run that exists.
    ///
    /// # Errors
    /// As [`Material::open`]; data that are not those that the run began with.
    pub fn of_run(config: &RunConfig) -> Result<Self> {
        let model = config.model()?;
        let spec = DatasetSpec::parse(&config.data.name)?;
        let dataset = spec.open(&config.data.options)?;
        if dataset.content_hash() != config.data.sha256 {
            let reason =
                format!("their SHA-256 is {}, run.toml says {}: they have changed", dataset.content_hash(), config.data.sha256);
            return Err(TrainingError::Unfit { model: model.info().name, data: config.data.name.clone(), reason });
        }
        Ok(Material {
            model,
            data: config.data.clone(),
            period: config.period.clone(),
            short_name: spec.short_name(),
            wanted: Wanted { model: config.model.clone(), seed: config.seed, ..Wanted::default() },
            dataset,
        })
    }

    /// The configuration of a new run on this device.
    pub fn config(&self, device: DeviceConfig) -> RunConfig {
        RunConfig::new(self.model.as_ref(), &self.wanted, self.period.clone(), self.data.clone(), device)
    }

    /// The run's batches, in the order of its seed.
    ///
    /// # Errors
    /// A batch larger than the data; data that cannot be prepared.
    pub fn batches(&self) -> Result<Arc<Batches>> {
        let rows = self.dataset.rows(Split::Train)?;
        // Before the data are prepared, which takes longer.
        if self.model.batch() > rows.len() {
            return Err(calotype_data::DataError::BatchTooLarge { batch: self.model.batch(), rows: rows.len() }.into());
        }
        let prepared = Arc::new(Prepared::new(&self.dataset, &self.data.preparation)?);
        Ok(Arc::new(Batches::new(prepared, rows, self.model.batch(), self.wanted.seed)?))
    }
}

fn options(all: &Settings) -> Options {
    let positive = |key| Some(all.integer(key)).filter(|&v| v > 0);
    Options {
        // What a folder of images is resized to, where the model says.
        size: all.iter().any(|(key, _)| key == "size").then(|| all.size("size")),
        tones: all.flag("tones"),
        rows: positive("rows").map(|v| v as usize),
        levels: positive("levels").map(|v| v as u32),
        ..Options::default()
    }
}

fn image_shape(model: &'static str, dataset: &Dataset) -> Result<[usize; 3]> {
    let unfit = |reason: String| TrainingError::Unfit { model, data: dataset.name().to_owned(), reason };
    let list = |shape: &[usize]| shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match dataset.image_shape() {
        Some(shape @ [_, _, 1 | 3]) => Ok(shape),
        Some([_, _, c]) => Err(unfit(format!("its images have {c} channels, and 1 (grey) or 3 (RGB) are needed"))),
        None => Err(unfit(format!("its rows are vectors [{}], and images [H, W, C] are needed", list(dataset.shape())))),
    }
}

/// A name as it is, a path from the root, so that a run can be continued from any folder.
fn resolved_name(spec: &DatasetSpec) -> Result<String> {
    match spec {
        DatasetSpec::Named(entry) => Ok(entry.name.to_owned()),
        DatasetSpec::Path(path) => {
            let absolute = std::fs::canonicalize(path).map_err(TrainingError::io(path))?;
            Ok(display(&absolute))
        }
    }
}

fn display(path: &Path) -> String {
    path.display().to_string()
}

/// Images of the model's size in [-1, 1].
fn preparation(model: &dyn Model) -> Preparation {
    let [height, _, channels] = model.image();
    Preparation { size: Some(height), channels: Some(channels), encoding: Encoding::Signed, ..Preparation::default() }
}
