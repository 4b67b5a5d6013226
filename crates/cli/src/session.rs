//! A trained run on a device. Each of its programs is planned and loaded once, with the states of the checkpoint.

use std::sync::Arc;

use anyhow::Result;
use calotype_data::Evaluation;
use calotype_graph::{DeviceProfile, Plan, PlanError, PlanOptions, Program, plan};
use calotype_training::{
    Compositions, Drawer, DrawingPlans, Drawings, Encoder, Known, Loader, Probed, RowProgram, SamplingPlans, Scorer,
    TrainingError, TranslationPlans, Translations, planning_profile, write_states_of_run,
};
use calotype_training::{Labelled, probe};

use crate::device::Opened;
use crate::output::bytes;
use crate::used::{Exactness, Used};

pub struct Session {
    pub used: Used,
    pub opened: Opened,
    pub loader: Loader,
    /// Planned bytes of what is loaded, without states: these the programs of a run share.
    loaded_bytes: u64,
    scorer: Option<Scorer>,
    drawer: Option<Drawer>,
}

impl Session {
    pub fn new(used: Used, opened: Opened, threads: usize) -> Self {
        Session { used, opened, loader: Loader { threads }, loaded_bytes: 0, scorer: None, drawer: None }
    }

    /// What plans are held against: the device's memory, less what is loaded.
    fn profile(&mut self) -> DeviceProfile {
        let profile = planning_profile(self.opened.device().profile());
        let memory_bytes = profile.memory_bytes.map(|all| all.saturating_sub(self.loaded_bytes));
        DeviceProfile { memory_bytes, ..profile }
    }

    fn plan(&mut self, program: &Program) -> Result<Arc<Plan>> {
        let planned = plan(program, &self.profile(), PlanOptions::default());
        let planned = planned.map_err(|e| match e {
            PlanError::OutOfMemory { bytes: needed, limit, device } => {
                let (needed, limit) = (bytes(needed), bytes(limit));
                anyhow::anyhow!(
                    "`{}` needs {needed} of memory, and {device} has {limit} left; use another --device",
                    program.name()
                )
            }
            other => TrainingError::from(other).into(),
        })?;
        self.loaded_bytes += planned.memory.total() - planned.memory.state;
        Ok(Arc::new(planned))
    }

    /// Writes the checkpoint's states of a loaded plan; a sampler's own stay as they are.
    fn write_states(&mut self, plan: &Plan) -> Result<()> {
        let Used { model, config, restored, .. } = &self.used;
        Ok(write_states_of_run(self.opened.device(), model.as_ref(), config, restored, plan)?)
    }

    /// Loads a program of rows, with the checkpoint's states. What it draws, it draws by `seed`.
    ///
    /// # Errors
    /// It does not fit; a state that the checkpoint lacks; what the device says.
    pub fn row_program(&mut self, program: &Program, seed: u64) -> Result<RowProgram> {
        let plan = self.plan(program)?;
        let rows = RowProgram::load(self.opened.device(), &plan, self.loader, seed)?;
        self.write_states(&plan)?;
        Ok(rows)
    }

    /// That images of [H, W] can be translated, one at a time.
    ///
    /// # Errors
    /// They do not fit the device's memory: says what would.
    pub fn check_translations(&mut self, size: [usize; 2]) -> Result<()> {
        self.planned_translations(1, size).map(|_| ())
    }

    fn planned_translations(&mut self, batch: usize, [h, w]: [usize; 2]) -> Result<TranslationPlans> {
        let Some(translator) = self.used.model.translator() else { return Err(self.used.cannot("translates no images")) };
        let profile = planning_profile(self.opened.device().profile());
        let unlimited = DeviceProfile { memory_bytes: None, ..profile.clone() };
        let planned = TranslationPlans::new(translator, batch, [h, w], &unlimited).map_err(TrainingError::from)?;
        match profile.memory_bytes {
            Some(limit) if planned.bytes() > limit => Err(anyhow::anyhow!(
                "an image of {h}x{w} pixels needs {} of memory, and {} has {}; make images smaller first: --size N",
                bytes(planned.bytes()),
                profile.name,
                bytes(limit)
            )),
            _ => Ok(planned),
        }
    }

    /// Loads what translates `batch` images of [H, W] at once, with the checkpoint's states. To be given back: [`Session::unload`].
    ///
    /// # Errors
    /// It does not fit; a state that the checkpoint lacks; what the device says.
    pub fn translations(&mut self, batch: usize, size: [usize; 2]) -> Result<Translations> {
        let plans = match self.planned_translations(batch, size) {
            Err(_) if batch > 1 => self.planned_translations(1, size)?,
            planned => planned?,
        };
        let programs = Translations::load(self.opened.device(), &plans, self.loader)?;
        plans.all().try_for_each(|plan| self.write_states(plan))?;
        Ok(programs)
    }

    /// Loads what draws `batch` pictures at once from sentences, with the checkpoint's states.
    ///
    /// # Errors
    /// A model that does not; it does not fit; a state that the checkpoint lacks; what the device says.
    pub fn drawings(&mut self, batch: usize) -> Result<Drawings> {
        let model = Arc::clone(&self.used.model);
        let Some(text) = model.text() else { return Err(self.used.cannot("draws nothing from text")) };
        let plans = DrawingPlans::new(text, batch, |program| self.plan(program))?;
        let programs = Drawings::load(self.opened.device(), &plans, self.loader)?;
        plans.all().into_iter().try_for_each(|plan| self.write_states(plan))?;
        Ok(programs)
    }

    /// Loads what composes `batch` images at once from `n` patches each, with the checkpoint's states.
    ///
    /// # Errors
    /// A model that composes none; as of [`Session::row_program`].
    pub fn compositions(&mut self, n: usize, batch: usize) -> Result<Compositions> {
        let model = Arc::clone(&self.used.model);
        let Some(composer) = model.composer() else { return Err(self.used.cannot("composes no images")) };
        let plan = self.plan(&composer.composition(n, batch)?)?;
        let programs = Compositions::load(self.opened.device(), composer, &plan, self.loader)?;
        self.write_states(&plan)?;
        Ok(programs)
    }

    /// Takes programs off the device.
    pub fn unload(&mut self, programs: Translations) {
        programs.unload(self.opened.device());
    }

    /// The outputs of rows [N, n_in], [N, n_out].
    ///
    /// # Errors
    /// What the device says.
    pub fn run(&mut self, program: &RowProgram, rows: &[f32]) -> Result<Vec<f32>> {
        Ok(program.all(self.opened.device(), rows)?)
    }

    /// Features by a program of [`calotype_models::Model::features`].
    ///
    /// # Errors
    /// As of [`Session::row_program`].
    pub fn encoder(&mut self, program: &Program) -> Result<Encoder> {
        Ok(Encoder::new(self.row_program(program, self.used.config.seed)?))
    }

    /// Every row x [D], in their order, with the terms of its log p(x) in nats: see [`Used::scoring`], whose `draws` are meant.
    ///
    /// # Errors
    /// A model that scores nothing; what the device or `f` says.
    pub fn score(&mut self, rows: &Evaluation, draws: Option<usize>, f: impl FnMut(&[f32], &[f32]) -> Result<()>) -> Result<()> {
        if self.scorer.is_none() {
            let (program, exactness) = self.used.scoring(draws)?;
            let program = self.row_program(&program, self.used.config.seed)?;
            self.scorer = Some(match exactness {
                Exactness::Exact => Scorer::exact(program),
                Exactness::Lower(draws) => Scorer::bound(program, draws),
            });
        }
        match &self.scorer {
            Some(scorer) => scorer.each(self.opened.device(), rows, f),
            None => Ok(()),
        }
    }

    /// -log p(x) in nats of every row.
    ///
    /// # Errors
    /// As of [`Session::score`].
    pub fn nats(&mut self, rows: &Evaluation, draws: Option<usize>) -> Result<Vec<f64>> {
        let mut all = Vec::with_capacity(rows.rows().len());
        self.score(rows, draws, |_, log_p| {
            all.push(calotype_training::nats(log_p));
            Ok(())
        })?;
        Ok(all)
    }

    /// Rows [N, D] drawn from noise [N, D, R], `batch` at a time.
    ///
    /// # Errors
    /// A model without a density; what the device says.
    pub fn draw(&mut self, batch: usize, noise: &[f32], known: Option<Known>) -> Result<Vec<f32>> {
        if self.drawer.as_ref().is_none_or(|d| d.batch() != batch) {
            let profile = self.profile();
            let plans = SamplingPlans::new(self.used.model.as_ref(), batch, &profile)?;
            let drawer = Drawer::load(self.used.density()?, self.opened.device(), &plans, self.loader)?;
            for plan in plans.all() {
                self.loaded_bytes += plan.memory.total() - plan.memory.state;
                self.write_states(plan)?;
            }
            self.drawer = drawer;
        }
        match &self.drawer {
            Some(drawer) => Ok(drawer.draw(self.opened.device(), noise, known)?),
            None => Err(self.used.cannot("has no density to draw from")),
        }
    }

    /// A linear probe of numbers with classes.
    ///
    /// # Errors
    /// What the device says.
    pub fn probe(&mut self, train: &Labelled, test: &Labelled, n_classes: usize) -> Result<Probed> {
        let loader = self.loader;
        Ok(probe(self.opened.device(), loader, train, test, n_classes)?)
    }
}
