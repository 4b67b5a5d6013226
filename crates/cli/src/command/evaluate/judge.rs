//! The classifier whose features and classes figures are made of: trained on the run's own data, kept for the next time, and always on
//! the CPU, so that it does not depend on the device of the run.

use std::sync::Arc;

use anyhow::Result;
use calotype_cpu_reference::Cpu;
use calotype_data::{Batches, Options, Preparation, cache_folder};
use calotype_training::evaluate::FeaturesOf;
use calotype_training::{Against, Classified, Classifier, DataConfig, Lessons, Loader, Material, brightness, prepare, signed};

use crate::output::note;
use crate::used::Used;

/// Rows of a step, and steps.
const BATCH: usize = 64;
const STEPS: u64 = 2000;

pub struct Judge {
    device: Cpu<f32>,
    classifier: Classifier,
    /// What figures are called after.
    pub name: String,
    pub n_classes: usize,
    accuracy: f64,
}

impl Judge {
    /// Of a run on images with classes.
    ///
    /// # Errors
    /// Data that cannot be prepared.
    pub fn of(used: &Used, material: &Material, against: &Against, threads: usize) -> Result<Option<Self>> {
        let dataset = material.dataset();
        let n_classes = dataset.class_names().len();
        let (&[_, _, 1 | 3], Some(labels)) = (used.model.shape(), dataset.labels()) else { return Ok(None) };
        let rows = against.learned.rows().to_vec();
        if n_classes < 2 || rows.len() < BATCH {
            return Ok(None);
        }
        let data = DataConfig {
            preparation: Preparation { flips: false, crop: None, ..used.config.data.preparation.clone() },
            ..used.config.data.clone()
        };
        let batches = Batches::new(Arc::new(prepare(dataset, &data)?), rows, BATCH, 0)?;
        let name = dataset.name().to_owned();
        let lessons = Lessons { name: &name, batches: &batches, values: used.model.values(), n_classes, steps: STEPS };
        let mut device = Cpu::<f32>::fast(threads)?;
        let loader = Loader { threads };
        note(&format!("features: a classifier of {name}, {STEPS} steps unless it was kept"));
        let classifier = match cache_folder(&Options::default()) {
            Ok(folder) => Classifier::kept(&mut device, loader, &lessons, (&folder.join("classifiers"), &data.sha256))?,
            Err(_) => Classifier::train(&mut device, loader, &lessons)?,
        };
        let mut judge = Judge { device, classifier, name, n_classes, accuracy: 0.0 };
        let held_out = against.held_out.spaced(10_000);
        let values: Vec<f32> = held_out.iter().flat_map(|&row| against.held_out.row(row)).collect();
        let said = judge.says(&brightness(used.model.values(), &values))?;
        let right = held_out.iter().zip(&said.classes).filter(|(row, class)| labels[**row as usize] == **class).count();
        judge.accuracy = right as f64 / held_out.len().max(1) as f64;
        Ok(Some(judge))
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
