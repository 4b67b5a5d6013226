//! The classifier whose features and classes figures are made of: trained on the run's own data, kept for the next time, and always on
//! the CPU, so that it does not depend on the device of the run.

use std::sync::Arc;

use anyhow::Result;
use calotype_cpu_reference::Cpu;
use calotype_data::{Batches, Dataset, Encoding, Evaluation, Options, Preparation, Prepared, Values, cache_folder};
use calotype_training::evaluate::{FeaturesOf, part};
use calotype_training::{
    Against, Classified, Classifier, DataConfig, Lessons, Loader, Material, brightness, grouped, prepare, signed,
};

use crate::output::note;
use crate::used::Used;

/// Rows of a step, and steps: so many, or of few rows so many times over all of them.
const BATCH: usize = 64;
const STEPS: u64 = 2000;
const PASSES: u64 = 50;

pub struct Judge {
    device: Cpu<f32>,
    classifier: Classifier,
    /// What figures are called after.
    pub name: String,
    pub n_classes: usize,
    /// Of held-out rows, where it learned from such.
    accuracy: Option<f64>,
}

fn steps(batches: &Batches) -> u64 {
    STEPS.min(PASSES * batches.steps_per_epoch())
}

/// What a judge tells apart in the rows of a data set.
pub struct Subject {
    /// Such as `colour`.
    pub name: String,
    /// Of every row.
    pub labels: Vec<u32>,
    /// What each label is called.
    pub values: Vec<String>,
}

impl Judge {
    /// Of a run on images with classes.
    ///
    /// # Errors
    /// Data that cannot be prepared.
    pub fn of(used: &Used, material: &Material, against: &Against, threads: usize) -> Result<Option<Self>> {
        let dataset = material.dataset();
        let (&[_, _, 1 | 3], Some(_)) = (used.model.shape(), dataset.labels()) else { return Ok(None) };
        let rows = against.learned.rows().to_vec();
        if dataset.class_names().len() < 2 || rows.len() < BATCH {
            return Ok(None);
        }
        Judge::taught(used, dataset, dataset.name().to_owned(), rows, &against.held_out, threads).map(Some)
    }

    /// Of something else that is known of all `learned` and held-out rows.
    ///
    /// # Errors
    /// Data that cannot be prepared; fewer rows than a batch.
    pub fn of_subject(
        used: &Used,
        dataset: &Dataset,
        subject: Subject,
        (learned, held_out): (Vec<u32>, &Evaluation),
        threads: usize,
    ) -> Result<Self> {
        let images = Dataset::new(dataset.name(), dataset.shape(), dataset.values().clone())?;
        let labelled = images.with_labels(subject.labels, subject.values, dataset.name())?;
        Judge::taught(used, &labelled, format!("{}-{}", dataset.name(), subject.name), learned, held_out, threads)
    }

    /// Of images [n, ..shape] from 0 to 1, which are not kept; none of fewer than a batch.
    ///
    /// # Errors
    /// What the device says.
    pub fn of_images(
        shape: &[usize],
        images: &[f32],
        (labels, names): (Vec<u32>, &[String]),
        threads: usize,
    ) -> Result<Option<Self>> {
        if labels.len() < BATCH {
            return Ok(None);
        }
        let name = "samples".to_owned();
        let values = Values::Continuous(Arc::new(images.to_vec()));
        let dataset = Dataset::new(&name, shape, values)?.with_labels(labels, names.to_vec(), &name)?;
        let prepared = Prepared::new(&dataset, &Preparation { encoding: Encoding::Signed, ..Preparation::default() })?;
        let rows = (0..dataset.n_rows() as u32).collect();
        let batches = Batches::new(Arc::new(prepared), rows, BATCH, 0)?;
        let (n_classes, values) = (names.len(), calotype_models::Values::Signed);
        let lessons = Lessons { name: &name, batches: &batches, values, n_classes, steps: steps(&batches) };
        let mut device = Cpu::<f32>::fast(threads)?;
        let classifier = Classifier::train(&mut device, Loader { threads }, &lessons)?;
        Ok(Some(Judge { device, classifier, name, n_classes, accuracy: None }))
    }

    fn taught(
        used: &Used,
        dataset: &Dataset,
        name: String,
        learned: Vec<u32>,
        held_out: &Evaluation,
        threads: usize,
    ) -> Result<Self> {
        let data = DataConfig {
            preparation: Preparation { flips: false, crop: None, ..used.config.data.preparation.clone() },
            ..used.config.data.clone()
        };
        let batches = Batches::new(Arc::new(prepare(dataset, &data)?), learned, BATCH, 0)?;
        let n_classes = dataset.class_names().len();
        let steps = steps(&batches);
        let lessons = Lessons { name: &name, batches: &batches, values: used.model.values(), n_classes, steps };
        let mut device = Cpu::<f32>::fast(threads)?;
        let loader = Loader { threads };
        note(&format!("features: a classifier of {name}, {} steps unless it was kept", grouped(steps)));
        let classifier = match cache_folder(&Options::default()) {
            Ok(folder) => Classifier::kept(&mut device, loader, &lessons, (&folder.join("classifiers"), &data.sha256))?,
            Err(_) => Classifier::train(&mut device, loader, &lessons)?,
        };
        let mut judge = Judge { device, classifier, name, n_classes, accuracy: None };
        let rows = held_out.spaced(10_000);
        let values: Vec<f32> = rows.iter().flat_map(|&row| held_out.row(row)).collect();
        let said = judge.says(&brightness(used.model.values(), &values))?;
        let labels = dataset.labels().unwrap_or_default();
        let right = part(rows.iter().zip(&said.classes).map(|(row, class)| labels[*row as usize] == *class));
        judge.accuracy = Some(right.value);
        Ok(judge)
    }

    /// Of images from 0 to 1.
    ///
    /// # Errors
    /// What the device says.
    pub fn says(&mut self, images: &[f32]) -> Result<Classified> {
        Ok(self.classifier.classified(&mut self.device, &signed(images))?)
    }

    pub fn described(&self) -> FeaturesOf {
        FeaturesOf {
            network: format!("a classifier trained on {}", self.name),
            sha256: self.classifier.sha256().to_owned(),
            accuracy: self.accuracy,
        }
    }
}
