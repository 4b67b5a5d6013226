//! The data sets of a run, one a role: which they are, opened and held against each other.

use calotype_data::{Dataset, DatasetSpec, Encoding, Options, Preparation, Prepared};
use calotype_models::{ModelInfo, Preset, Role, Setting, Settings};

use super::Told;
use crate::attributes::Attributed;
use crate::config::{AttributeConfig, AttributesConfig, DataConfig, Wanted};
use crate::data_settings::heeded;
use crate::error::{Result, TrainingError};

/// A data set as it was opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub spec: DatasetSpec,
    pub dataset: Dataset,
    pub options: Options,
}

impl Opened {
    /// # Errors
    /// Data that cannot be read.
    pub fn new(spec: DatasetSpec, options: &Options) -> Result<Self> {
        let (dataset, mut options) = (spec.open(options)?, options.clone());
        if let DatasetSpec::Path(_) = spec {
            // Other files of the same kind are held to as many levels, and to the same range.
            options.levels = dataset.levels();
            options.range = dataset.range();
        }
        Ok(Opened { spec, dataset, options })
    }

    /// What `run.toml` says of it: prepared as a model takes it, of whose training split `n_train` rows are learned from.
    ///
    /// # Errors
    /// Data that cannot be prepared so.
    pub fn config(&self, preparation: Preparation, n_train: usize, exclude: Option<u32>, told: &Told) -> Result<DataConfig> {
        let Opened { spec, dataset, options } = self;
        let standard = match preparation.encoding {
            Encoding::Standard => Prepared::new(dataset, &preparation)?.standard().cloned(),
            _ => None,
        };
        let attributes = |of: &Attributed| AttributesConfig {
            sha256: of.hash(),
            list: of.attributes.0.iter().map(|a| AttributeConfig { name: a.name.clone(), values: a.values.clone() }).collect(),
        };
        Ok(DataConfig {
            name: spec.resolved()?,
            sha256: dataset.content_hash().to_owned(),
            shape: dataset.shape().to_vec(),
            levels: dataset.levels(),
            n_train,
            n_classes: n_classes(dataset),
            exclude,
            exclude_name: exclude.and_then(|class| dataset.class_names().get(class as usize).cloned()),
            kind: spec.kind()?.name.to_owned(),
            class_names: dataset.class_names().to_vec(),
            columns: dataset.columns().to_vec(),
            splits_sha256: dataset.split_hash(),
            attributes: told.attributes.as_deref().map(attributes),
            captions_sha256: told.captions.as_ref().map(|told| told.hash()),
            notes: dataset.notes().to_vec(),
            left_out: dataset.left_out().to_vec(),
            options: options.clone(),
            preparation,
            standard,
        })
    }
}

/// Classes of a data set's rows; 0 where they have none.
pub(super) fn n_classes(dataset: &Dataset) -> u32 {
    dataset.labels().map_or(0, |_| dataset.class_names().len() as u32)
}

/// The data sets of a run, in the order of its model's roles.
///
/// # Errors
/// None of that name; more or fewer than the model learns from.
pub(super) fn specs(info: &ModelInfo, preset: Preset, wanted: &Wanted) -> Result<Vec<DatasetSpec>> {
    let parse = |name: &str| Ok(DatasetSpec::parse(name)?);
    let refused = |message: String| Err(TrainingError::Contradiction(message));
    let name = info.name;
    match (info.roles(), &wanted.data, &wanted.data_b) {
        (_, None, None) => (info.default_data)(preset).iter().map(|name| parse(name)).collect(),
        ([_], _, Some(_)) => refused(format!("--data-b has no effect on {name}, which learns from one data set; leave it out")),
        ([_], Some(data), None) => Ok(vec![parse(data)?]),
        (_, Some(data), Some(data_b)) => Ok(vec![parse(data)?, parse(data_b)?]),
        (_, Some(data), None) => match parse(data)?.two() {
            Some(two) => Ok(two.into()),
            None => refused(format!(
                "{name} learns from two data sets; give the second one too: --data-b NAME|PATH; or a folder that holds trainA and trainB"
            )),
        },
        (_, None, Some(_)) => refused(format!("{name} learns from two data sets; give the first one too: --data NAME|PATH")),
    }
}

/// That every setting of data has an effect on one of them.
///
/// # Errors
/// As of [`heeded`].
pub(super) fn heeded_by_one(specs: &[DatasetSpec], all: &Settings, own: &[Setting]) -> Result<()> {
    let mut found = specs.iter().map(|spec| heeded(spec, all, own));
    match found.next() {
        Some(Err(first)) if !found.any(|other| other.is_ok()) => Err(first),
        _ => Ok(()),
    }
}

/// That images of several data sets have equally many channels.
///
/// # Errors
/// They have not: says how both are read as RGB, where that can be said.
pub(super) fn same_channels(info: &ModelInfo, sets: &[Opened]) -> Result<()> {
    let [a, b] = sets else { return Ok(()) };
    let of = |set: &Opened| set.dataset.image_shape().map(|[_, _, channels]| channels);
    if of(a) == of(b) {
        return Ok(());
    }
    let [of_a, of_b] = [(Role::A, a), (Role::B, b)].map(|(role, set)| match of(set) {
        Some(1) => format!("the images of {} ({}) have 1 channel", role.name(), set.dataset.name()),
        Some(channels) => format!("the images of {} ({}) have {channels} channels", role.name(), set.dataset.name()),
        None => format!("the rows of {} ({}) are vectors", role.name(), set.dataset.name()),
    });
    let reads_as = |set: &Opened| set.spec.kind().is_ok_and(|kind| kind.heeds.contains(&"channels"));
    let remedy = match sets.iter().any(|set| of(set) == Some(1) && reads_as(set)) {
        true => "--set channels=3 reads both as RGB",
        false => "give two data sets of images that are both grey or both RGB",
    };
    let reason = format!("shape mismatch: {of_a}, {of_b}; {remedy}");
    Err(TrainingError::Unfit { model: info.name, data: b.dataset.name().to_owned(), reason })
}
