//! A trained run that is used: its model, a checkpoint, a device.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use calotype_graph::{Plan, PlanOptions, Program, plan};
use calotype_models::{Density, Model, abilities, density, in_words};
use calotype_training::{
    Choice, Drawer, Loader, Restored, RunConfig, RunFolder, SCORE_BATCH, SamplingPlans, Scorer, TrainingError, choose,
    planning_profile, state_of_run,
};

use crate::device::{self, Opened};
use crate::fault::WrongUse;
use crate::output::note;

/// A run folder, with the checkpoint that was asked for.
pub struct Used {
    pub folder: RunFolder,
    pub config: RunConfig,
    pub model: Arc<dyn Model>,
    pub restored: Restored,
}

impl Used {
    /// # Errors
    /// No run, no such checkpoint, none that is whole.
    pub fn open(run: &Path, choice: Choice) -> Result<Self> {
        let (folder, config) = RunFolder::open(run)?;
        let model = config.model()?;
        let restored = choose(&folder, &config.identity(), choice)?;
        restored.remarks().for_each(|remark| note(&remark));
        Ok(Used { folder, config, model, restored })
    }

    /// The model as a density.
    ///
    /// # Errors
    /// It is none: says what it can do instead.
    pub fn density(&self) -> Result<&dyn Density> {
        self.model.density().ok_or_else(|| {
            let (name, able) = (self.model.info().name, in_words(&abilities(self.model.as_ref())));
            WrongUse(format!("{name} has no density, so nothing can be scored by it; it is for: {able}")).into()
        })
    }

    /// Opens a device for it.
    ///
    /// # Errors
    /// There is no such device.
    pub fn on(self, wanted: Option<&str>, threads: usize) -> Result<Bench> {
        let opened = device::open(wanted, threads)?;
        Ok(Bench { used: self, opened, loader: Loader { threads } })
    }
}

/// A trained run on a device.
pub struct Bench {
    pub used: Used,
    pub opened: Opened,
    pub loader: Loader,
}

impl Bench {
    /// A plan for the device.
    ///
    /// # Errors
    /// It does not fit.
    pub fn plan(&mut self, program: &Program) -> Result<Arc<Plan>> {
        Ok(Arc::new(plan(program, &planning_profile(self.opened.device().profile()), PlanOptions::default())?))
    }

    /// Writes the checkpoint's states of a loaded plan; others, such as a sampler's own, stay as they are.
    ///
    /// # Errors
    /// A state that the checkpoint lacks.
    pub fn write_states(&mut self, plan: &Plan) -> Result<()> {
        for spec in plan.states.iter().filter(|s| !s.name.starts_with(density::SAMPLER_PREFIX)) {
            let Used { model, config, restored, .. } = &self.used;
            let value = state_of_run(model.as_ref(), config, &restored.checkpoint, spec)
                .map_err(|reason| TrainingError::Damaged { path: restored.path.clone(), reason })?;
            self.opened.device().write_state(&spec.name, &value)?;
        }
        Ok(())
    }

    /// The programs that draw rows, `batch` at a time, with the checkpoint's states.
    ///
    /// # Errors
    /// A model without a density; what the device says.
    pub fn drawer(&mut self, batch: usize) -> Result<Drawer> {
        let profile = planning_profile(self.opened.device().profile());
        let plans = SamplingPlans::new(self.used.model.as_ref(), batch, &profile)?;
        let drawer = Drawer::load(self.used.density()?, self.opened.device(), &plans, self.loader)?;
        let drawer = drawer.ok_or_else(|| WrongUse(format!("{} draws nothing", self.used.config.model)))?;
        for plan in plans.all() {
            self.write_states(plan)?;
        }
        Ok(drawer)
    }

    /// A scoring program with the checkpoint's states.
    ///
    /// # Errors
    /// A model without a density; what the device says.
    pub fn scorer(&mut self) -> Result<Scorer> {
        let program = density::scoring(self.used.density()?, SCORE_BATCH)?;
        let plan = self.plan(&program)?;
        let scorer = Scorer::load(self.opened.device(), &plan, self.loader, self.used.config.seed)?;
        self.write_states(&plan)?;
        Ok(scorer)
    }
}
