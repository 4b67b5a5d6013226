//! The model and the data of a run, opened and checked against each other before any work.

mod against;
mod opened;
mod shown;
mod told;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use calotype_data::{CATALOGUE, Dataset, DatasetSpec, Encoding, Evaluation, Options, Part, Preparation, Prepared, Split};
use calotype_models::attributes::Attributes;
use calotype_models::{
    DataShape, Known, Learning, Measure, Model, SettingError, Settings, Stage, Tables, Validation, Values, find,
};

use crate::attributes::Attributed;
use crate::config::{DataConfig, DeviceConfig, Period, RunConfig, Wanted, all_settings, square_side};
use crate::data_settings::{ROWS, data_settings, options, rows};
use crate::error::{Result, TrainingError};
use crate::feeder::{FeedSet, Feeder, known_rows};
use crate::files::read_given;
use crate::progress::grouped;
use crate::quality::LEAST_ROWS;
use crate::score::SCORE_BATCH;
use crate::troubles::troubles;

pub use against::{Against, HeldBack};
use opened::{Opened, heeded_by_one, n_classes, same_channels, specs};
pub use shown::ShownRows;
pub use told::Told;

/// Fewer images than this are learned by heart by a discriminator that sees them unchanged.
const FEW_IMAGES: usize = 2000;

/// A configured model and the data that it learns from.
pub struct Material {
    pub model: Arc<dyn Model>,
    pub data: DataConfig,
    pub period: Period,
    /// For the name of a run folder: `fashion-mnist`.
    pub short_name: String,
    wanted: Wanted,
    dataset: Dataset,
    /// Of a model that learns from two data sets.
    second: Option<Second>,
    /// What the model is told of the rows of the first.
    told: Told,
    /// Of the files that settings name.
    tables: Tables,
}

/// The second data set.
struct Second {
    data: DataConfig,
    dataset: Dataset,
}

impl Material {
    /// Checks what was asked for.
    ///
    /// # Errors
    /// An unknown model, setting or data set; a wrong value; data or a setting's file that cannot be read or that the model cannot take.
    pub fn open(wanted: &Wanted) -> Result<Self> {
        let info = find(&wanted.model)?;
        let preset = info.preset(wanted.preset.as_deref())?;
        let own = (info.settings)(preset);
        let amounts = ["steps", "batch"].into_iter().find(|key| wanted.set.contains_key(*key));
        if let Some(key) = amounts.filter(|key| own.iter().all(|s| s.key != *key)) {
            let message = format!("`{key}` has no effect on {}, which counts every row once; leave it out", info.name);
            return Err(TrainingError::Contradiction(message));
        }
        let all = Settings::resolve(&all_settings(info, preset), &wanted.set)?;
        let given = wanted.set.iter().filter(|(key, _)| own.iter().any(|s| s.key == key.as_str()));
        let given: BTreeMap<String, String> = given.map(|(k, v)| (k.clone(), v.clone())).collect();
        let tables = read_given(&own, &given)?;
        let specs = specs(info, preset, wanted)?;
        heeded_by_one(&specs, &all, &own)?;
        let mut options = options(&all, &own);
        if all.size("size") > 0 {
            // What a folder of images is resized to, where the model says.
            options.size = Some(all.size("size").max(size_in(&all, "load_size")));
        }
        if own.iter().any(|s| s.key == ROWS) {
            options.rows = rows(&specs, &all)?;
        }
        options.captions = Told::reads_captions(&own);
        let sets = specs.into_iter().map(|spec| Opened::new(spec, &options)).collect::<Result<Vec<_>>>()?;
        same_channels(info, &sets)?;
        let mut sets = sets.into_iter();
        let Some(first) = sets.next() else {
            return Err(TrainingError::Contradiction(format!("{} learns from no data", info.name)));
        };
        let exclude = excluded(&first.dataset, all.word("exclude"))?;
        let told = Told::wanted(&first.dataset, info.name, &own, &all)?;
        // Rows of a validation split are never learned from.
        let (learned, _) = first.dataset.hold_out(&training_rows(&first.dataset, exclude, &told)?, 0.0);
        let shape = DataShape { attributes: told.list(), ..shape_of(&first.dataset, learned.len()) };
        let unfit = |e| match e {
            SettingError::Unfit(reason) => {
                TrainingError::Unfit { model: info.name, data: first.dataset.name().to_owned(), reason }
            }
            other => other.into(),
        };
        let model = info.build_with(preset, &given, &tables, &shape).map_err(unfit)?;
        let preparation = preparation(model.as_ref())?;
        let second = sets.next().map(|set| {
            let (learned, _) = set.dataset.hold_out(&training_rows(&set.dataset, None, &Told::default())?, 0.0);
            let data = set.config(preparation.clone(), learned.len(), None, &Told::default())?;
            Ok::<_, TrainingError>(Second { data, dataset: set.dataset })
        });
        let data = first.config(preparation.clone(), learned.len(), exclude, &told)?;
        Ok(Material {
            period: Period::of(&all),
            short_name: first.spec.short_name(),
            wanted: wanted.clone(),
            dataset: first.dataset,
            second: second.transpose()?,
            model,
            data,
            told,
            tables,
        })
    }

    /// The material of a run that exists.
    ///
    /// # Errors
    /// As [`Material::open`]; data that are not those that the run began with.
    pub fn of_run(config: &RunConfig) -> Result<Self> {
        let model = config.model()?;
        let spec = config.data.spec()?;
        let own = |data: &DataConfig, spec: &DatasetSpec| {
            let dataset = spec.open(&data.opening())?;
            data.check_own(model.info().name, &dataset)?;
            Ok::<_, TrainingError>(dataset)
        };
        let dataset = own(&config.data, &spec)?;
        let second = config.data_b.as_ref().map(|data| {
            let dataset = own(data, &data.spec()?)?;
            Ok::<_, TrainingError>(Second { data: data.clone(), dataset })
        });
        let told = Told::of_run(config, model.as_ref(), &dataset)?;
        Ok(Material {
            second: second.transpose()?,
            told,
            model,
            data: config.data.clone(),
            period: config.period.clone(),
            short_name: spec.short_name(),
            wanted: Wanted { model: config.model.clone(), seed: config.seed, ..Wanted::default() },
            dataset,
            tables: config.tables.clone(),
        })
    }

    /// Whether some rows of the data are never learned from.
    pub fn has_test_rows(&self) -> bool {
        self.dataset.has_splits()
    }

    /// What a person should know about the data before they are learned from.
    ///
    /// # Errors
    /// Data without a training split.
    pub fn notes(&self) -> Result<Vec<String>> {
        let second = self.second.as_ref().map(|second| (&second.data, &second.dataset));
        let of_data = [(&self.data, &self.dataset)].into_iter().chain(second).flat_map(|(data, dataset)| {
            let name = &data.name;
            let shadowed = Path::new(name).exists() && CATALOGUE.iter().any(|entry| entry.name == name);
            let shadow =
                shadowed.then(|| format!("`{name}` is the bundled data set; the file or folder of that name here is ./{name}"));
            let left_out = dataset.left_out().iter().map(|left_out| format!("left out: {left_out}"));
            shadow.into_iter().chain(left_out).chain(dataset.notes().iter().cloned()).collect::<Vec<_>>()
        });
        Ok(of_data.chain(self.not_learned()).chain(self.warnings()?).collect())
    }

    /// Which rows of the data are not learned from though they are no test rows.
    fn not_learned(&self) -> Vec<String> {
        let excluded = self.data.exclude.map(|class| {
            let n = self.dataset.labels().unwrap_or_default().iter().filter(|&&label| label == class).count();
            format!("excluded from training: class {}, {n} rows", self.data.excluded())
        });
        let parts = self.dataset.parts().unwrap_or_default();
        let validation = parts.iter().filter(|part| **part == Part::Validation).count();
        let held_out = (validation > 0).then(|| format!("held out: the {validation} rows of the validation split"));
        excluded.into_iter().chain(held_out).chain(self.told.notes()).collect()
    }

    /// What was asked for of the data, by key.
    pub fn data_settings(&self) -> Vec<(String, String)> {
        let keys = data_settings();
        let of_data =
            |key: &String| keys.iter().any(|setting| setting.key == key) && !self.model.settings().iter().any(|(k, _)| k == key);
        self.wanted.set.iter().filter(|(key, _)| of_data(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// What makes the likelihood of these data meaningless or loses their digits, for a model of standardised columns: to be said
    /// before training, and again with its results.
    ///
    /// # Errors
    /// Data without a training split.
    pub fn warnings(&self) -> Result<Vec<String>> {
        let is_likelihood = self.model.density().is_some() || self.model.bound().is_some();
        let standardised = self.data.preparation.encoding == Encoding::Standard && self.dataset.image_shape().is_none();
        let troubles = match standardised {
            true => troubles(&self.dataset, &training_rows(&self.dataset, self.data.exclude, &Told::default())?, is_likelihood),
            false => vec![],
        };
        Ok(troubles.into_iter().chain(self.few_images()).chain(self.unmeasured()?).collect())
    }

    /// That a discriminator will know the images by heart, where it sees them as they are.
    fn few_images(&self) -> Option<String> {
        let augment = self.model.settings().iter().find(|(key, _)| *key == "augment")?.1.to_string();
        let few = self.data.n_train < FEW_IMAGES && self.model.shape().len() == 3 && augment == "none";
        few.then(|| {
            format!(
                "{} training images are few: a discriminator learns fewer than about {} by heart, and samples get worse from then on; \
                 `--set augment=translation+cutout` helps, and `--set flips=true` where mirror images are as good",
                grouped(self.data.n_train as u64),
                grouped(FEW_IMAGES as u64)
            )
        })
    }

    /// The names of its data, for a sentence: `emoji-noto and emoji-twemoji`.
    pub fn data_in_words(&self) -> String {
        let second = self.second.iter().map(|second| second.data.name.as_str());
        [self.data.name.as_str()].into_iter().chain(second).collect::<Vec<_>>().join(" and ")
    }

    /// Training rows, for a sentence: `9,000 rows`, `1,718 and 1,718 rows`.
    pub fn rows_in_words(&self) -> String {
        let second = self.second.iter().map(|second| second.data.n_train);
        let n: Vec<usize> = [self.data.n_train].into_iter().chain(second).collect();
        let plural = if n == [1] { "" } else { "s" };
        format!("{} row{plural}", n.iter().map(grouped).collect::<Vec<_>>().join(" and "))
    }

    /// The configuration of a new run on this device.
    pub fn config(&self, device: DeviceConfig) -> RunConfig {
        let (model, data) = (self.model.as_ref(), self.data.clone());
        let second = self.second.as_ref().map(|second| second.data.clone());
        RunConfig::new(model, &self.wanted, self.period.clone(), (data, second), device).with_tables(self.tables.clone())
    }

    /// Rows to learn from, and rows that are held out to see when it is enough.
    fn rows(&self) -> Result<(Vec<u32>, Vec<u32>)> {
        let rows = training_rows(&self.dataset, self.data.exclude, &self.told)?;
        let fraction = match self.model.learning() {
            Learning::Descent(descent) => descent.validation().map_or(0.0, |v| v.fraction),
            Learning::Counting(_) => 0.0,
        };
        let (kept, held_out) = self.dataset.hold_out(&rows, fraction);
        match self.measures_samples().is_some() && held_out.len() < LEAST_ROWS {
            true => Ok(self.dataset.hold_out(&rows, 0.0)),
            false => Ok((kept, held_out)),
        }
    }

    /// The data set.
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// The second one, of a model that learns from two.
    pub fn second(&self) -> Option<&Dataset> {
        self.second.as_ref().map(|second| &second.dataset)
    }

    /// How samples are measured by rows that are held out, of a model whose are.
    fn measures_samples(&self) -> Option<Validation> {
        let rules = self.model.learning().descent().and_then(calotype_models::Descent::validation);
        rules.filter(|rules| rules.measure == Measure::Samples)
    }

    /// That samples are not measured though it was asked for.
    fn unmeasured(&self) -> Result<Option<String>> {
        let Some(Validation { every, .. }) = self.measures_samples() else { return Ok(None) };
        if self.rows()?.1.is_empty() {
            return Ok(Some(format!(
                "fewer than {LEAST_ROWS} rows would be held out, too few to measure samples by: none is, and no checkpoint is the best"
            )));
        }
        let steps = self.model.steps();
        Ok((every > steps).then(|| {
            format!(
                "samples are measured every {every} steps, and the run has {steps}: none is measured, and no checkpoint is the best; `--set \
                 validate_every=N` measures them more often, `--set validation=0` holds no rows out"
            )
        }))
    }

    /// Whether the model grows by levels, and so is fed its rows at several sizes.
    fn grows(&self) -> bool {
        self.model.learning().descent().is_some_and(|descent| descent.stages(self.model.batch()).iter().any(Stage::is_level))
    }

    /// Of a model that grows by levels, pixels a side of the largest last level at which images of these data have detail.
    pub fn largest_side(&self) -> Option<usize> {
        match self.dataset.image_shape().filter(|_| self.grows())? {
            [28, 28, _] => Some(32), // with a border
            [h, w, _] => Some(1 << h.min(w).checked_ilog2()?),
        }
    }

    /// That a model that grows by levels finds detail at the last one: images that would be enlarged have none.
    fn check_side(&self) -> Result<()> {
        let (Some([h, w, _]), Some(side), Some(fits)) =
            (self.dataset.image_shape(), square_side(self.model.shape()), self.largest_side())
        else {
            return Ok(());
        };
        if side <= fits {
            return Ok(());
        }
        let remedy = match fits >= LEAST_SIDE {
            true => format!("the largest size that fits is --set size={fits}"),
            false => format!("use images of at least {LEAST_SIDE}x{LEAST_SIDE}"),
        };
        let reason = format!(
            "its images are {h}x{w}, and the levels above that size up to {side}x{side} would find no more detail; {remedy}"
        );
        Err(TrainingError::Unfit { model: self.model.info().name, data: self.dataset.name().to_owned(), reason })
    }

    /// What the run learns from, in the order of its seed.
    ///
    /// # Errors
    /// A batch larger than the data; data that cannot be prepared.
    pub fn rows_to_learn(&self) -> Result<Rows> {
        let (kept, held_out) = self.rows()?;
        let (batch, seed) = (self.model.batch(), self.wanted.seed);
        let counted = matches!(self.model.learning(), Learning::Counting(_));
        // Before the data are prepared, which takes longer.
        if batch > kept.len() && !counted {
            let (rows, n) = (kept.len(), held_out.len());
            return Err(match n {
                0 => calotype_data::DataError::BatchTooLarge { batch, rows }.into(),
                _ => TrainingError::Contradiction(format!(
                    "batch size {batch} is larger than the data, which has {rows} rows beside the {n} that are held out: use --batch {rows}, \
                     or --set validation=0 to hold none out"
                )),
            });
        }
        self.check_side()?;
        let prepared = Arc::new(prepare(&self.dataset, &self.data)?);
        if counted {
            return Ok(Rows::Once(Evaluation::new(prepared, kept, batch, seed)?));
        }
        let shown = if held_out.is_empty() { kept.clone() } else { held_out.clone() };
        let shown = Evaluation::new(Arc::clone(&prepared), shown, SCORE_BATCH, seed)?;
        let held_out = match held_out.is_empty() {
            true => None,
            false => Some(Evaluation::new(Arc::clone(&prepared), held_out, SCORE_BATCH, seed)?),
        };
        let n_classes = self.dataset.class_names().len();
        let first =
            FeedSet { rows: kept.clone(), n_classes, told: self.told.clone(), prepared: self.cut(&self.dataset, &prepared)? };
        let second = self.second.as_ref().map(|second| self.of_second(second)).transpose()?;
        let (second, shown_b) = second.unzip();
        let sets = [first].into_iter().chain(second).collect::<Vec<_>>();
        let feeder = Arc::new(Feeder::new(Arc::clone(&self.model), &sets, seed)?);
        let shows = self.model.translator().is_some() || self.model.text().is_some() || self.model.composer().is_some();
        let known = match shows {
            true => Some(Box::new(self.shown_rows(&prepared, shown_b)?)),
            false => None,
        };
        let learned = Evaluation::new(prepared, kept, SCORE_BATCH, seed)?;
        Ok(Rows::Steps { feeder, held_out, shown, learned, known })
    }

    /// The second data set as a step is fed it, and all of it for pictures.
    fn of_second(&self, Second { data, dataset }: &Second) -> Result<(FeedSet, Arc<Prepared>)> {
        let rows = training_rows(dataset, None, &Told::default())?;
        let (rows, _) = dataset.hold_out(&rows, 0.0);
        let prepared = Arc::new(prepare(dataset, data)?);
        let fed = self.cut(dataset, &prepared)?;
        Ok((FeedSet { rows, n_classes: dataset.class_names().len(), told: Told::default(), prepared: fed }, prepared))
    }

    /// Rows as a step is fed them: squares that are cut from larger images, where the model asks for that.
    fn cut(&self, dataset: &Dataset, prepared: &Arc<Prepared>) -> Result<Arc<Prepared>> {
        let (Some(load_size), plain) = (self.model.load_size(), prepared.preparation()) else { return Ok(Arc::clone(prepared)) };
        let cut = Preparation { size: Some(load_size), crop: plain.size, ..plain.clone() };
        Ok(Arc::new(Prepared::new(dataset, &cut)?))
    }
}

/// What a model is told of a data set before it is configured, for the data set of a name or path with no options.
///
/// # Errors
/// Data that cannot be read.
pub fn data_shape(name: &str) -> Result<DataShape> {
    let dataset = DatasetSpec::parse(name)?.open(&Options::default())?;
    let told = Attributed::new(&dataset, "auto").map_or_else(|_| Attributes::default(), |told| told.attributes);
    Ok(DataShape { attributes: told, ..shape_of(&dataset, training_rows(&dataset, None, &Told::default())?.len()) })
}

fn shape_of(dataset: &Dataset, n_train: usize) -> DataShape {
    let (shape, levels, n_classes) = (dataset.shape().to_vec(), dataset.levels(), n_classes(dataset));
    DataShape { shape, levels, n_train, n_classes, ..DataShape::default() }
}

/// Pixels a side of the smallest images that a model can grow to.
const LEAST_SIDE: usize = 8;

/// Names this many classes at most.
const MOST_NAMED: usize = 8;

/// The training rows of a run.
#[derive(Clone, Debug)]
pub enum Rows {
    /// Batches of every epoch, and the held-out set; rows that pictures show are of the held-out set if there is one. `learned`: those
    /// that batches are made of; `known`: test rows for pictures that show what is known of them.
    Steps {
        feeder: Arc<Feeder>,
        held_out: Option<Evaluation>,
        shown: Evaluation,
        learned: Evaluation,
        known: Option<Box<ShownRows>>,
    },
    /// Every row once.
    Once(Evaluation),
}

/// The rows of a run's own data whose classes its model was told.
///
/// # Errors
/// As of [`known_rows`].
pub fn known_of_run(config: &RunConfig, dataset: &Dataset, known: Known) -> Result<Vec<u32>> {
    let rows = training_rows(dataset, config.data.exclude, &Told::default())?;
    known_rows(&rows, dataset.labels().unwrap_or_default(), known.n_classes, known.of, config.seed)
}

/// The class that `exclude=` says, by name or else by number from 0.
///
/// # Errors
/// Data without classes, or without this one.
fn excluded(dataset: &Dataset, text: &str) -> Result<Option<u32>> {
    if text == "none" {
        return Ok(None);
    }
    let names = dataset.class_names();
    let by_name = names.iter().position(|name| name == text).map(|class| class as u32);
    let by_number = || text.parse::<u32>().ok().filter(|&class| dataset.labels().is_some() && (class as usize) < names.len());
    by_name.or_else(by_number).map(Some).ok_or_else(|| {
        let classes = match names.len() {
            0 => "no classes".to_owned(),
            n if n <= MOST_NAMED => format!("the classes {}", names.join(", ")),
            n => format!("{n} classes, numbered from 0: {}, …", names[..MOST_NAMED].join(", ")),
        };
        TrainingError::Contradiction(format!("exclude={text}: no such class: {} has {classes}", dataset.name()))
    })
}

/// Rows of the training split but for those of one class, and those of which not all is known that a model is told.
///
/// # Errors
/// Nothing is left.
fn training_rows(dataset: &Dataset, exclude: Option<u32>, told: &Told) -> Result<Vec<u32>> {
    let rows = usable(dataset, dataset.rows(Split::Train)?, exclude, told);
    match rows.is_empty() {
        true => Err(TrainingError::Contradiction(format!(
            "exclude={} leaves no training rows of {}; exclude another class",
            exclude.and_then(|class| dataset.class_names().get(class as usize)).map_or("none", |name| name),
            dataset.name()
        ))),
        false => Ok(rows),
    }
}

/// The rows that are of no excluded class, and of which the model is told what it needs.
fn usable(dataset: &Dataset, mut rows: Vec<u32>, exclude: Option<u32>, told: &Told) -> Vec<u32> {
    if let (Some(class), Some(labels)) = (exclude, dataset.labels()) {
        rows.retain(|&row| labels[row as usize] != class);
    }
    rows.retain(|&row| told.has(row));
    rows
}

/// A data set, prepared as the model of a run takes it.
///
/// # Errors
/// Data that cannot be prepared so.
pub fn prepare(dataset: &Dataset, data: &DataConfig) -> Result<Prepared> {
    Ok(match &data.standard {
        Some(standard) => Prepared::with_standard(dataset, &data.preparation, standard.clone())?,
        None => Prepared::new(dataset, &data.preparation)?,
    })
}

/// A setting of that name, where there is one; else 0.
fn size_in(all: &Settings, key: &str) -> usize {
    if all.iter().any(|(k, _)| k == key) { all.size(key) } else { 0 }
}

/// Rows of the model's size and kind of values.
fn preparation(model: &dyn Model) -> Result<Preparation> {
    let encoding = match model.values() {
        Values::Signed => Encoding::Signed,
        Values::Standardised => Encoding::Standard,
        Values::Levels(2) => Encoding::Bits(model.settings().word("binarise").parse()?),
        Values::Levels(levels) => Encoding::Levels(levels),
    };
    let channels = match *model.shape() {
        [_, _, channels] => Some(channels),
        _ => None,
    };
    Ok(Preparation { size: square_side(model.shape()), channels, flips: model.flips(), encoding, ..Preparation::default() })
}
