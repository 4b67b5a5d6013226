//! Rows for a trained model: the run's data or others, prepared as the model takes them.

use std::sync::Arc;

use calotype_data::{
    DataError, Dataset, DatasetSpec, Encoding, Evaluation, Options, Preparation, Prepared, Range, Split, is_picture,
};
use calotype_models::{Model, Values};

use crate::config::{RunConfig, square_side};
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
        let name = which.data.as_deref().unwrap_or(&config.data.name);
        let spec = DatasetSpec::parse(name)?;
        let (dataset, holds_levels) = match own {
            true => (spec.open(&config.data.opening())?, false),
            false => other_data(config, model, &spec)?,
        };
        if own && !dataset.is_content(&config.data.sha256) {
            let reason = format!(
                "SHA-256 mismatch: expected {1} as in run.toml, found {0}: the data have changed; restore them or train a new run",
                dataset.content_hash(),
                config.data.sha256
            );
            return Err(TrainingError::Unfit { model: model.info().name, data: config.data.name.clone(), reason });
        }
        let mut notes = if own { vec![] } else { dataset.notes().to_vec() };
        let is_array = !own && is_array(&spec);
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

    /// The file of a row of the data set, where each is of its own.
    pub fn file(&self, row: u32) -> Option<&str> {
        self.dataset.files()?.get(row as usize).map(String::as_str)
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
fn other_data(config: &RunConfig, model: &dyn Model, spec: &DatasetSpec) -> Result<(Dataset, bool)> {
    let options = alike(config, model, spec)?;
    if is_array(spec) && matches!(model.values(), Values::Levels(_)) {
        let as_it_is = spec.open(&Options { levels: None, range: Some(Range::Raw), ..options.clone() })?;
        if holds_levels(config, model, &as_it_is) {
            return Ok((as_it_is.with_class_numbers_of(&config.data.class_names), true));
        }
    }
    let dataset = match spec.open(&options) {
        // The other table need not have the column of the classes.
        Err(DataError::Setting { key: "label", .. }) => spec.open(&Options { label: None, ..options })?,
        opened => opened?,
    };
    Ok((dataset.with_class_numbers_of(&config.data.class_names), false))
}

/// How other data than the run's own are opened: by what was asked for of these, one image at the model's size. The classes of an
/// array are in a file that is of the run's own rows.
fn alike(config: &RunConfig, model: &dyn Model, spec: &DatasetSpec) -> Result<Options> {
    let kind = spec.kind()?;
    let one_image = matches!(spec, DatasetSpec::Path(path) if is_picture(path));
    let own = &config.data.options;
    Ok(Options {
        // Arrays are held to as many levels as the run's data have; other data have their own.
        levels: config.data.levels.filter(|_| is_array(spec)),
        size: if one_image { square_side(model.shape()) } else { own.size },
        test_every: own.test_every.filter(|_| kind.heeds.contains(&"test_every")),
        label: own.label.clone().filter(|label| !is_array(spec) || label == "none"),
        ..own.clone()
    })
}

/// A `.npy`, a `.npz` or one array of it.
fn is_array(spec: &DatasetSpec) -> bool {
    matches!(spec, DatasetSpec::Path(path) if {
        let name = path.to_string_lossy().to_ascii_lowercase();
        name.ends_with(".npy") || name.ends_with(".npy.gz") || name.contains(".npz")
    })
}

/// Whether an array holds a model's levels rather than what its training data held: whole numbers that are levels, where the training
/// data are no arrays of whole numbers themselves.
fn holds_levels(config: &RunConfig, model: &dyn Model, dataset: &Dataset) -> bool {
    let Values::Levels(levels) = model.values() else { return false };
    let trained_on_array = DatasetSpec::parse(&config.data.name).is_ok_and(|own| is_array(&own));
    let all = |f: &dyn Fn(f64) -> bool| (0..dataset.values().len()).all(|at| f(dataset.values().get(at)));
    let are_levels = || all(&|v| v.fract() == 0.0 && (0.0..f64::from(levels)).contains(&v));
    match (dataset.levels(), trained_on_array, config.data.levels) {
        (Some(_), true, Some(_)) => false,
        // 0 and 1 are the ends of 0..1 as well: there they are what was trained on.
        (None, true, None) => are_levels() && !all(&|v| v <= 1.0),
        _ => are_levels(),
    }
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
