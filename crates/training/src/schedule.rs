//! The stages of training on a device: those of the current step are loaded while the next ones are compiled.

use std::sync::Arc;

use calotype_graph::{Device, Plan, PlanId};
use calotype_models::{Descent, Named, Stages, Turn};

use crate::error::{Result, TrainingError};
use crate::fit::Training;
use crate::load::{Ahead, Loader};

/// Which programs of training are loaded, and what runs at a step.
pub(crate) struct Schedule<'a> {
    descent: &'a dyn Descent,
    stages: &'a Stages,
    plans: &'a [Arc<Plan>],
    loaded: Vec<Option<PlanId>>,
    /// The steps for which what is loaded is right.
    valid: std::ops::Range<u64>,
    /// What compiles the stages to come.
    ahead: Option<Ahead>,
    loader: Loader,
    seed: u64,
}

/// A step that is ready to be submitted.
pub(crate) struct Ready {
    pub id: PlanId,
    pub stage: usize,
    pub resets: Vec<&'static str>,
    pub inputs: Vec<Named>,
}

impl<'a> Schedule<'a> {
    /// Nothing is loaded yet.
    pub fn new(descent: &'a dyn Descent, training: &'a Training, loader: Loader, seed: u64) -> Self {
        let Training { stages, plans } = training;
        Schedule { descent, stages, plans, loaded: vec![None; plans.len()], valid: 0..0, ahead: None, loader, seed }
    }

    /// The learning rate of a step, where it is a function of the step.
    pub fn learning_rate(&self, step: u64) -> Option<f64> {
        self.descent.learning_rate(step)
    }

    /// Whether [`Schedule::enter`] would change what is loaded: nothing may be in flight then.
    pub fn changes_at(&self, step: u64) -> bool {
        !self.valid.contains(&step)
    }

    /// Unloads the stages that `step` is outside of, loads those that it is in, and begins to compile those that come next.
    ///
    /// # Errors
    /// What the device says.
    pub fn enter(&mut self, device: &mut dyn Device, step: u64) -> Result<()> {
        if !self.changes_at(step) {
            return Ok(());
        }
        let wanted = self.stages.at(step);
        for n in (0..self.plans.len()).filter(|n| !wanted.contains(n)) {
            if let Some(id) = self.loaded[n].take() {
                device.unload(id);
            }
        }
        if let Some(ahead) = self.ahead.take() {
            ahead.finish();
        }
        for &n in &wanted {
            if self.loaded[n].is_none() {
                log::info!("step {step}: stage `{}` begins", self.stages.get(n).name);
                self.loaded[n] = Some(self.loader.load(device, &self.plans[n])?);
            }
        }
        let borders = self.stages.borders();
        let begin = borders.iter().rev().find(|&&at| at <= step).copied().unwrap_or(0);
        let end = borders.iter().find(|&&at| at > step).copied().unwrap_or(u64::MAX);
        self.valid = begin..end;
        if end != u64::MAX {
            let next = self.stages.at(end).into_iter().filter(|n| !wanted.contains(n)).map(|n| &self.plans[n]);
            self.ahead = Some(Ahead::begin(device, next)?);
        }
        Ok(())
    }

    /// All that a step takes; its stage is loaded. `fed`: what the data give for it.
    ///
    /// # Errors
    /// A schedule that has no stage for it.
    pub fn ready(&self, step: u64, fed: Vec<Named>, lr_scale: f64) -> Result<Ready> {
        let turn = self.descent.at(step, lr_scale);
        let inputs = self.stages.inputs(&turn, fed, self.seed, step);
        let Turn { stage, resets, .. } = turn;
        let id = self.loaded.get(stage).copied().flatten().ok_or_else(|| {
            TrainingError::Contradiction(format!("the schedule asks for stage {stage} at step {step}, which is outside its span"))
        })?;
        Ok(Ready { id, stage, resets, inputs })
    }

    /// The plan of a stage.
    pub fn plan(&self, stage: usize) -> &Arc<Plan> {
        &self.plans[stage]
    }
}
