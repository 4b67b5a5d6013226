//! The inputs of a step that come from the data: a pure function of the seed and the step.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use calotype_data::{Batch, Batches, DataError, Prepared};
use calotype_graph::HostTensor;
use calotype_models::{Feed, Model, Named, Source, Stage};

use crate::error::{Result, TrainingError};

/// Feeds the steps of a run. Every size of batch has its own order of the rows.
pub struct Feeder {
    model: Arc<dyn Model>,
    stages: Vec<Stage>,
    by_batch: BTreeMap<usize, Arc<Batches>>,
}

impl Feeder {
    /// Of the training rows `rows` of prepared data, which have `n_classes` classes.
    ///
    /// # Errors
    /// A batch larger than the data; a model that is fed classes which the data do not have.
    pub fn new(model: Arc<dyn Model>, prepared: &Arc<Prepared>, rows: &[u32], n_classes: usize, seed: u64) -> Result<Self> {
        let stages = model.learning().descent().map_or_else(Vec::new, |d| d.stages(model.batch()));
        for feed in stages.iter().flat_map(|s| &s.feeds) {
            check(model.as_ref(), feed, prepared.labels().map(|_| n_classes))?;
        }
        let batches = |batch| Batches::new(Arc::clone(prepared), rows.to_vec(), batch, seed).map(Arc::new);
        let by_batch = stages.iter().map(|s| Ok((s.batch, batches(s.batch)?))).collect::<Result<_, DataError>>()?;
        Ok(Feeder { model, stages, by_batch })
    }

    /// Whole batches of an epoch of the first stage.
    pub fn steps_per_epoch(&self) -> u64 {
        self.stages.first().and_then(|s| self.by_batch.get(&s.batch)).map_or(1, |b| b.steps_per_epoch())
    }

    /// The feeds of the stage that runs at a step; nothing where none does.
    pub fn feed(&self, step: u64) -> Vec<Named> {
        let turn = self.model.learning().descent().map(|d| d.at(step, 1.0));
        let stage = turn.and_then(|turn| self.stages.get(turn.stage));
        let Some((stage, batches)) = stage.and_then(|s| Some((s, self.by_batch.get(&s.batch)?))) else { return vec![] };
        let Batch { images: rows, labels, .. } = batches.batch(step);
        let shape = [&[stage.batch], self.model.shape()].concat();
        let mut rows = Some(HostTensor::f32(shape, rows));
        let last_rows = stage.feeds.iter().rposition(|f| f.source == Source::Rows);
        let value = |(n, feed): (usize, &Feed)| {
            let value = match feed.source {
                // They are large, and nearly always fed once.
                Source::Rows if Some(n) == last_rows => rows.take()?,
                Source::Rows => rows.clone()?,
                Source::Labels { .. } => HostTensor::u32([stage.batch], labels.clone()),
                Source::OtherLabels { .. } => {
                    let order = batches.other_order(step);
                    HostTensor::u32([stage.batch], order.iter().map(|&at| labels[at as usize]).collect::<Vec<_>>())
                }
            };
            Some((feed.name.to_owned(), value))
        };
        stage.feeds.iter().enumerate().filter_map(value).collect()
    }
}

impl fmt::Debug for Feeder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feeder").field("stages", &self.stages).finish_non_exhaustive()
    }
}

/// That data with `n_classes` classes, or none, can give this.
fn check(model: &dyn Model, feed: &Feed, n_classes: Option<usize>) -> Result<()> {
    let unfit = |reason: String| Err(TrainingError::Unfit { model: model.info().name, data: "this data set".into(), reason });
    match (feed.source, n_classes) {
        (Source::Rows, _) => Ok(()),
        (Source::Labels { .. } | Source::OtherLabels { .. }, None) => unfit(
            "it has no classes, and the model is trained on them; give data with classes (one folder a class, or IDX with labels)"
                .into(),
        ),
        (Source::Labels { n_classes: most } | Source::OtherLabels { n_classes: most }, Some(n)) if n > most as usize => {
            unfit(format!("it has {n} classes, and the model takes at most {most}"))
        }
        _ => Ok(()),
    }
}
