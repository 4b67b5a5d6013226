//! Evaluates the held-out set during training, and decides on early stopping and the learning rate.

use calotype_data::Evaluation;
use calotype_graph::Device;
use calotype_models::Validation;

use crate::error::Result;
use crate::rows::RowProgram;
use crate::validation::Record;

/// Steps from one evaluation to the next at least, unless set otherwise: a few steps teach too little for patience to be lost
/// over.
const SHORTEST_EPOCH: u64 = 10;

/// The held-out set, and what was found so far.
pub(crate) struct Watch {
    /// Of [`calotype_models::Model::held_out`].
    program: RowProgram,
    rows: Evaluation,
    rules: Validation,
    /// Steps from one look to the next.
    every: u64,
    record: Option<Record>,
    /// What the learning rate was multiplied by, from which step on: for replays.
    lr_scales: Vec<(u64, f64)>,
}

impl Watch {
    /// `from`: steps done and what was found until then.
    pub fn new(program: RowProgram, rows: Evaluation, rules: Validation, epoch: u64, from: Option<(u64, Record)>) -> Self {
        let every = if rules.every == 0 { epoch.max(SHORTEST_EPOCH) } else { rules.every };
        let lr_scales = from.iter().map(|(step, r)| (*step, r.lr_scale(&rules))).collect();
        Watch { program, rows, rules, every, record: from.map(|(_, record)| record), lr_scales }
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

    /// Mean loss of the held-out rows.
    ///
    /// # Errors
    /// What the device says.
    pub fn loss(&self, device: &mut dyn Device) -> Result<f32> {
        Ok(self.program.mean_sum(device, &self.rows)? as f32)
    }

    /// Takes in a loss that was found after `done` steps.
    pub fn take_in(&mut self, loss: f32, done: u64) -> Record {
        let record = Record::after(self.record, loss, done, &self.rules);
        self.lr_scales.push((done, record.lr_scale(&self.rules)));
        self.record = Some(record);
        record
    }
}
