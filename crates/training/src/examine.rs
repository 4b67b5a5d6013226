//! Rows for a trained model: the run's data or others, prepared as the model takes them.

use std::collections::BTreeMap;
use std::sync::Arc;

use calotype_data::{
    DataError, Dataset, DatasetSpec, Encoding, Evaluation, LeftOut, Options, Preparation, Prepared, Range, Split,
};
use calotype_models::{Model, Values};

use crate::config::{RunConfig, square_side};
use crate::data_settings::overlaid;
use crate::error::{Result, TrainingError};
use crate::material::prepare;
use crate::score::SCORE_BATCH;

/// Which rows are meant.
#[derive(Clone, Debug, Default)]
pub struct Which {
    /// Name or path, of one picture too; none means the run's own data.
    pub data: Option<String>,
    /// None means test rows where there are any, else all.
    pub split: Option<Split>,
    /// Pictures are resized to this, in the middle of black; none fills the model's size.
    pub inner: Option<usize>,
    /// Settings of other data, beside those of the run's own.
    pub set: BTreeMap<String, String>,
}

/// Rows, as a model takes them.
#[derive(Debug)]
pub struct Examined {
    pub dataset: Dataset,
    pub split: Split,
    pub rows: Evaluation,
    /// What a person should know about how they were read.
    pub notes: Vec<String>,
}

impl Examined {
    /// Opens and prepares rows for a run's model: brought to the model's size, channels and levels as the training data were,
    /// standardised by what these were. An array for a model of levels may hold its levels already (0 and 1 for bits), as
    /// `sample --out x.npy` writes them: a note says what it was taken for.
    ///
    /// # Errors
    /// Data that cannot be read or prepared, or that the model cannot take; the run's own data that have changed; no such split.
    pub fn open(config: &RunConfig, model: &dyn Model, which: &Which) -> Result<Self> {
        let own = which.data.is_none();
        let spec = match &which.data {
            Some(name) => DatasetSpec::parse(name)?,
            None => config.data.spec()?,
        };
        let (dataset, holds_levels) = match own {
            true => (spec.open(&config.data.opening())?, false),
            false => other_data(config, model, &spec, which)?,
        };
        if own {
            config.data.check_own(model.info().name, &dataset)?;
        }
        let left_out = dataset.left_out().iter().map(|left_out| format!("left out of {}: {left_out}", dataset.name()));
        let mut notes = if own { vec![] } else { left_out.chain(dataset.notes().iter().cloned()).collect() };
        let is_array = !own && is_array_file(&spec);
        let prepared = if holds_levels {
            notes.push(format!("{}: its numbers are taken as the model's levels", dataset.name()));
            levels(model, &dataset)?
        } else {
            if is_array {
                in_range(model, &dataset)?;
                let levels = dataset.levels().map_or("real numbers".to_owned(), |levels| format!("{levels} levels"));
                let encoding = config.data.preparation.encoding;
                notes.push(format!("{}: {levels}, prepared as the training data were: {encoding}", dataset.name()));
            }
            Arc::new(prepared(config, model, &dataset, which.inner)?)
        };
        let split = which.split.unwrap_or_else(|| dataset.default_evaluation_split());
        let rows = Evaluation::new(prepared, dataset.rows(split)?, SCORE_BATCH, config.seed)?;
        Ok(Examined { dataset, split, rows, notes })
    }

    /// What a row of the data set is found by: `file` or `line`, where rows are files or lines of a table.
    pub fn place_is(&self) -> Option<&'static str> {
        match (self.dataset.files(), self.dataset.lines()) {
            (Some(_), _) => Some("file"),
            (None, Some(_)) => Some("line"),
            (None, None) => None,
        }
    }

    /// Its file, or its line from 1.
    pub fn place(&self, row: u32) -> Option<String> {
        let file = self.dataset.files().and_then(|files| files.get(row as usize)).cloned();
        file.or_else(|| self.dataset.lines()?.get(row as usize).map(ToString::to_string))
    }

    /// One row [..shape] by its place among the rows.
    ///
    /// # Errors
    /// There are not so many.
    pub fn row(&self, index: usize) -> Result<Vec<f32>> {
        let &row = self.rows.rows().get(index).ok_or_else(|| {
            let (n, split) = (self.rows.rows().len(), self.split);
            TrainingError::Contradiction(format!(
                "no row {index}: {} has {n} rows ({split}), numbered from 0",
                self.dataset.name()
            ))
        })?;
        Ok(self.rows.row(row))
    }
}

/// Opens data that are not the run's own, and says whether they hold the model's levels already. The classes have the run's numbers.
fn other_data(config: &RunConfig, model: &dyn Model, spec: &DatasetSpec, which: &Which) -> Result<(Dataset, bool)> {
    let mut options = overlaid(alike(config, model, spec, which)?, spec, &which.set)?;
    let named = |dataset: Dataset| dataset.with_class_numbers_of(&config.data.class_names);
    if is_array_file(spec) {
        let asked = (options.levels, options.range);
        let as_it_is = spec.open(&Options { levels: None, range: Some(Range::Raw), ..options.clone() })?;
        if holds_levels(config, model, &as_it_is) {
            return Ok((named(as_it_is), true));
        }
        // Numbers of floating point are so many levels only if that is what they hold.
        let whole = as_it_is.levels().is_some() || (are_levels(&as_it_is, u32::MAX) && !are_levels(&as_it_is, 2));
        options.levels = if which.set.contains_key("levels") { asked.0 } else { asked.0.filter(|_| whole) };
        if whole && options.levels.is_some() && !which.set.contains_key("range") {
            options.range = None;
        }
    }
    let dataset = match spec.open(&options) {
        // The other table need not have the column of the classes.
        Err(DataError::Setting { key: "label", .. }) if !which.set.contains_key("label") => {
            spec.open(&Options { label: None, ..options.clone() })?
        }
        opened => opened?,
    };
    Ok((named(by_columns(config, model, spec, dataset, &options)?), false))
}

/// Columns by their names, where both tables have them: in the run's order, others left out.
///
/// # Errors
/// Some of the run's columns are there, and others are not.
fn by_columns(config: &RunConfig, model: &dyn Model, spec: &DatasetSpec, dataset: Dataset, options: &Options) -> Result<Dataset> {
    let (own, found) = (&config.data.columns, dataset.columns().to_vec());
    if own.is_empty() || found.is_empty() || *own == found || !options.columns.is_empty() {
        return Ok(dataset);
    }
    let missing: Vec<&str> = own.iter().filter(|name| !found.contains(name)).map(String::as_str).collect();
    match missing.len() {
        0 => Ok(spec.open(&Options { columns: own.clone(), ..options.clone() })?),
        n if n == own.len() && found.len() == own.len() => Ok(dataset.with_note(format!(
            "its columns have other names than the run's, and are taken in their order: {} for {}",
            found[0], own[0]
        ))),
        _ => {
            let listed: Vec<&str> = missing.into_iter().take(LeftOut::MOST_NAMED).collect();
            let (n, n_own) = (found.len(), own.len());
            let reason = format!("it has {n} columns, the run has {n_own}, and it lacks {}", listed.join(", "));
            Err(unfit(model, &dataset, reason))
        }
    }
}

/// How other data than the run's own are opened: what was asked for of the run's holds for data of the same kind. Images come in the
/// model's size at once. The classes of an array are in a file that is of the run's own rows.
fn alike(config: &RunConfig, model: &dyn Model, spec: &DatasetSpec, which: &Which) -> Result<Options> {
    let kind = spec.kind()?;
    // By what was kept, so that it holds where the run's own data are gone; runs from before that are asked where they are.
    let same_kind = match config.data.kind.as_str() {
        "" => DatasetSpec::parse(&config.data.name).is_ok_and(|own| own.kind().is_ok_and(|own| own == kind)),
        own => own == kind.name,
    };
    let same_arrays = is_array(&config.data.name) && is_array_file(spec);
    let (own, heeds) = (&config.data.options, |key: &str| kind.heeds.contains(&key));
    let of_images = heeds("broken") || heeds("channels");
    Ok(Options {
        levels: config.data.levels.filter(|_| heeds("levels")),
        size: match square_side(model.shape()).filter(|_| of_images && which.inner.is_none()) {
            Some(side) => Some(side),
            None => own.size,
        },
        test_every: own.test_every.filter(|_| heeds("test_every")),
        range: own.range.filter(|_| same_kind || same_arrays),
        label: own.label.clone().filter(|label| heeds("columns") || label == "none"),
        channels: None,
        ..own.clone()
    })
}

/// A `.npy`, a `.npz` or one array of it, by its name.
fn is_array(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.ends_with(".npy") || name.ends_with(".npy.gz") || name.contains(".npz")
}

fn is_array_file(spec: &DatasetSpec) -> bool {
    matches!(spec, DatasetSpec::Path(path) if is_array(&path.to_string_lossy()))
}

/// Whether an array holds a model's levels rather than what its training data held: whole numbers that are levels, where the training
/// data are no arrays of whole numbers themselves.
fn holds_levels(config: &RunConfig, model: &dyn Model, dataset: &Dataset) -> bool {
    let Values::Levels(levels) = model.values() else { return false };
    let trained_on_array = is_array(&config.data.name);
    match (dataset.levels(), trained_on_array, config.data.levels) {
        (Some(_), true, Some(_)) => false,
        // 0 and 1 are the ends of 0..1 as well: there they are what was trained on.
        (None, true, None) => are_levels(dataset, levels) && !are_levels(dataset, 2),
        _ => are_levels(dataset, levels),
    }
}

/// Whether all numbers are whole, from 0 to below `levels`.
fn are_levels(dataset: &Dataset, levels: u32) -> bool {
    let is_level = |v: f64| v.fract() == 0.0 && (0.0..f64::from(levels)).contains(&v);
    (0..dataset.values().len()).all(|at| is_level(dataset.values().get(at)))
}

/// Continuous values can be made levels where they lie in 0..1.
fn in_range(model: &dyn Model, dataset: &Dataset) -> Result<()> {
    let (Values::Levels(levels), None) = (model.values(), dataset.levels()) else { return Ok(()) };
    match (0..dataset.values().len()).map(|at| dataset.values().get(at)).find(|v| !(0.0..=1.0).contains(v)) {
        None => Ok(()),
        Some(bad) => {
            let most = levels - 1;
            Err(unfit(model, dataset, format!("it holds the value {bad}, expected levels from 0 to {most}, or values in 0..1")))
        }
    }
}

/// Numbers that are levels already.
fn levels(model: &dyn Model, dataset: &Dataset) -> Result<Arc<Prepared>> {
    let same = dataset.n_values() == model.shape().iter().product::<usize>();
    if !same {
        return Err(unlike(model, dataset, dataset.shape()));
    }
    Ok(Arc::new(Prepared::new(dataset, &Preparation { encoding: Encoding::Raw, ..Preparation::default() })?))
}

fn prepared(config: &RunConfig, model: &dyn Model, dataset: &Dataset, inner: Option<usize>) -> Result<Prepared> {
    let mut data = config.data.clone();
    data.preparation.inner = inner;
    // Columns cannot be brought to another number, nor to images.
    if dataset.shape() != model.shape() && (dataset.image_shape().is_none() || model.shape().len() == 1) {
        return Err(unlike(model, dataset, dataset.shape()));
    }
    let prepared = prepare(dataset, &data)?;
    match prepared.shape() == model.shape() {
        true => Ok(prepared),
        false => Err(unlike(model, dataset, prepared.shape())),
    }
}

/// What a model's rows are, in words: `13 columns of standardised numbers`, `8x8x1 images of bits`.
pub fn rows_in_words(model: &dyn Model) -> String {
    let values = match model.values() {
        Values::Signed => "numbers from -1 to 1".to_owned(),
        Values::Levels(2) => "bits".to_owned(),
        Values::Levels(levels) => format!("{levels} levels"),
        Values::Standardised => "standardised numbers".to_owned(),
    };
    format!("{} of {values}", shape_in_words(model.shape()))
}

fn shape_in_words(shape: &[usize]) -> String {
    match shape {
        [1] => "1 column".to_owned(),
        [n] => format!("{n} columns"),
        sides => format!("{} images", sides.iter().map(ToString::to_string).collect::<Vec<_>>().join("x")),
    }
}

fn unlike(model: &dyn Model, dataset: &Dataset, shape: &[usize]) -> TrainingError {
    unfit(
        model,
        dataset,
        format!("shape mismatch: it has {}, the run has {}", shape_in_words(shape), shape_in_words(model.shape())),
    )
}

fn unfit(model: &dyn Model, dataset: &Dataset, reason: String) -> TrainingError {
    let origin = dataset.name().to_owned();
    TrainingError::Data(DataError::Preparation {
        origin,
        wanted: format!("rows for {}", model.info().name),
        reason,
        remedy: "give data of the same kind as the training data of the run".into(),
    })
}
