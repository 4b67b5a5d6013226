//! Measures by the held-out set during training, and decides on early stopping and the learning rate.

use calotype_data::Evaluation;
use calotype_graph::Device;
use calotype_models::Validation;

use crate::error::Result;
use crate::metrics::{DIVERSITY, FLOOR, HeldOut, LR_SCALE};
use crate::quality::Quality;
use crate::rows::RowProgram;
use crate::validation::Record;

/// Steps from one evaluation to the next at least, unless set otherwise: a few steps teach too little for patience to be lost
/// over.
const SHORTEST_EPOCH: u64 = 10;

/// What is measured, of [`calotype_models::Measure`].
pub(crate) enum Gauge {
    /// The mean loss of these rows, by [`calotype_models::Model::held_out`].
    Loss(RowProgram, Evaluation),
    Samples(Box<Quality>),
}

/// What was found after some steps.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Look {
    /// The less, the better.
    pub value: f32,
    /// It and what was measured beside it, by name.
    pub all: Vec<(String, f32)>,
    /// Of samples, as in [`crate::Distances`].
    pub diversity: Option<f64>,
}

/// The held-out set, and what was found so far.
pub(crate) struct Watch {
    gauge: Gauge,
    rules: Validation,
    /// Steps from one look to the next.
    every: u64,
    record: Option<Record>,
    /// What the learning rate was multiplied by, from which step on: for replays.
    lr_scales: Vec<(u64, f64)>,
}

impl Watch {
    /// `from`: steps done and what was found until then.
    pub fn new(gauge: Gauge, rules: Validation, epoch: u64, from: Option<(u64, Record)>) -> Self {
        let every = if rules.every == 0 { epoch.max(SHORTEST_EPOCH) } else { rules.every };
        let lr_scales = from.iter().map(|(step, r)| (*step, r.lr_scale(&rules))).collect();
        Watch { gauge, rules, every, record: from.map(|(_, record)| record), lr_scales }
    }

    /// Whether it is time to look after `done` steps.
    pub fn is_due(&self, done: u64) -> bool {
        done.is_multiple_of(self.every)
    }

    /// What the learning rate is multiplied by at a step.
    pub fn lr_scale(&self, step: u64) -> f64 {
        self.lr_scales.iter().rev().find(|(from, _)| *from <= step).map_or(1.0, |(_, scale)| *scale)
    }

    pub fn is_over(&self) -> bool {
        self.record.is_some_and(|r| r.is_over(&self.rules))
    }

    pub fn record(&self) -> Option<Record> {
        self.record
    }

    /// Measures after `done` steps.
    ///
    /// # Errors
    /// What the device says.
    pub fn look(&self, device: &mut dyn Device, done: u64) -> Result<Look> {
        match &self.gauge {
            Gauge::Loss(program, rows) => {
                let value = program.mean_sum(device, rows)? as f32;
                let all = [(HeldOut::LOSS.metric, value), (LR_SCALE, self.lr_scale(done) as f32)];
                Ok(Look { value, all: all.map(|(name, v)| (name.to_owned(), v)).to_vec(), diversity: None })
            }
            Gauge::Samples(quality) => {
                let found = quality.measure(device)?;
                let metric = HeldOut::SAMPLES.metric;
                let mut all = vec![(metric.to_owned(), found.mean() as f32)];
                all.extend(found.by_size().map(|(size, v)| (format!("{metric}_{size}"), v as f32)));
                all.push((FLOOR.to_owned(), quality.floor.mean() as f32));
                all.push((DIVERSITY.to_owned(), found.diversity as f32));
                Ok(Look { value: found.mean() as f32, all, diversity: Some(found.diversity) })
            }
        }
    }

    /// What its values are.
    pub fn what(&self) -> HeldOut {
        match &self.gauge {
            Gauge::Loss(..) => HeldOut::LOSS,
            Gauge::Samples(_) => HeldOut::SAMPLES,
        }
    }

    /// What a person should know before the first look.
    pub fn note(&self) -> Option<String> {
        match &self.gauge {
            Gauge::Loss(..) => None,
            Gauge::Samples(quality) => Some(format!(
                "held-out set: sliced Wasserstein distance x 1000 of training rows: {}; of samples as good as the data it is the same",
                quality.floor
            )),
        }
    }

    /// Takes in a value that was found after `done` steps.
    pub fn take_in(&mut self, value: f32, done: u64) -> Record {
        let record = Record::after(self.record, value, done, &self.rules);
        self.lr_scales.push((done, record.lr_scale(&self.rules)));
        self.record = Some(record);
        record
    }
}
