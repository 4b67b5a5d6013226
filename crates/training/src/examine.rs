//! Rows for a trained model: the run's data or others, prepared as the model takes them.

use std::path::Path;
use std::sync::Arc;

use calotype_data::{
    DataError, Dataset, DatasetSpec, Encoding, Evaluation, Options, Preparation, Prepared, Range, Split, is_picture, open_images,
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
}

impl Examined {
    /// Opens and prepares rows for a run's model.
    ///
    /// A `.npy` file for a model of levels holds levels (0 and 1 for bits), as `sample --out x.npy` writes them; everything else is
    /// brought to the model's size, channels and levels as the training data were, standardised by what these were.
    ///
    /// # Errors
    /// Data that cannot be read or prepared, or that the model cannot take; the run's own data that have changed; no such split.
    pub fn open(config: &RunConfig, model: &dyn Model, which: &Which) -> Result<Self> {
        let own = which.data.is_none();
        let name = which.data.as_deref().unwrap_or(&config.data.name);
        let spec = DatasetSpec::parse(name)?;
        let numbers = matches!(&spec, DatasetSpec::Path(p) if is_npy(p)) && matches!(model.values(), Values::Levels(_)) && !own;
        let options = match own {
            true => config.data.opening(),
            false => options_of_others(&config.data.options, &spec, numbers),
        };
        let dataset = match &spec {
            DatasetSpec::Path(path) if is_picture(path) => {
                let size = square_side(model.shape());
                open_images(std::slice::from_ref(path), &Options { size, ..options })?
            }
            _ => spec.open(&options)?,
        };
        if own && !dataset.is_content(&config.data.sha256) {
            let reason = format!(
                "SHA-256 mismatch: expected {1} as in run.toml, found {0}: the data have changed; restore them or train a new run",
                dataset.content_hash(),
                config.data.sha256
            );
            return Err(TrainingError::Unfit { model: model.info().name, data: config.data.name.clone(), reason });
        }
        let prepared = if numbers { levels(model, &dataset)? } else { Arc::new(prepared(config, model, &dataset, which.inner)?) };
        let split = which.split.unwrap_or_else(|| dataset.default_evaluation_split());
        let rows = Evaluation::new(prepared, dataset.rows(split)?, SCORE_BATCH, config.seed)?;
        Ok(Examined { dataset, split, rows })
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

fn is_npy(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("npy"))
}

/// How data are opened that are not the run's own: as the run's were, with the same range. What a model of levels is given as numbers
/// stays as it is. The classes of an array are in another file, which is of the run's own rows.
fn options_of_others(options: &Options, spec: &DatasetSpec, numbers: bool) -> Options {
    let of_arrays = |label: &String| matches!(spec, DatasetSpec::Path(path) if is_array(path)) && label != "none";
    Options {
        levels: None,
        range: if numbers { Some(Range::Raw) } else { options.range },
        label: options.label.clone().filter(|label| !of_arrays(label)),
        ..options.clone()
    }
}

/// A `.npy`, a `.npz` or one array of it.
fn is_array(path: &Path) -> bool {
    is_npy(path) || path.to_string_lossy().to_ascii_lowercase().contains(".npz")
}

/// Numbers that are levels already.
fn levels(model: &dyn Model, dataset: &Dataset) -> Result<Arc<Prepared>> {
    let Values::Levels(levels) = model.values() else { return Err(unfit(model, dataset, "its values are levels".into())) };
    let shape = dataset.shape();
    let same = shape == model.shape() || shape.iter().product::<usize>() == model.shape().iter().product::<usize>();
    if !same {
        return Err(unlike(model, dataset, shape));
    }
    let prepared = Arc::new(Prepared::new(dataset, &Preparation { encoding: Encoding::Raw, ..Preparation::default() })?);
    let all: Vec<u32> = (0..dataset.n_rows() as u32).collect();
    let rows = Evaluation::new(Arc::clone(&prepared), all, SCORE_BATCH, 0)?;
    for batch in rows.iter() {
        if let Some(bad) = batch.batch.images.iter().find(|v| v.fract() != 0.0 || !(0.0..levels as f32).contains(*v)) {
            return Err(unfit(model, dataset, format!("it holds the value {bad}, expected levels from 0 to {}", levels - 1)));
        }
    }
    Ok(prepared)
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
