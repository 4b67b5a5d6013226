//! The plans of a run, and whether they fit a device: their memory is known before the first step.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use calotype_graph::{DeviceKind, DeviceProfile, GraphError, MemoryBytes, Plan, PlanError, PlanOptions, Program, plan};
use calotype_models::{Learning, Measure, Model, Stage, Stages};

use crate::compose::composition_plan;
use crate::draw::DrawingPlans;
use crate::error::{Result, TrainingError};
use crate::material::ShownRows;
use crate::sampler::{SAMPLE_BATCH, SamplingPlans, sample_batch};
use crate::score::SCORE_BATCH;
use crate::translate::TranslationPlans;

/// What is loaded while a model learns.
#[derive(Clone, Debug)]
pub struct Plans {
    /// None for a model that counts.
    pub training: Option<Training>,
    pub sampling: SamplingPlans,
    /// The loss of rows: of those that were held out, or of those that were counted.
    pub held_out: Option<Arc<Plan>>,
    /// Of [`calotype_models::Autoencoder::reconstruction`], for pictures.
    pub reconstruction: Option<Arc<Plan>>,
    /// Of [`calotype_models::Model::features`] where they are codes, for pictures.
    pub codes: Option<Arc<Plan>>,
    /// Of [`calotype_models::Critic::judging`], for pictures.
    pub critic: Option<Arc<Plan>>,
    /// Of a translator, for pictures.
    pub translation: TranslationPlans,
    /// Of a model that draws from text, for pictures.
    pub drawing: Option<DrawingPlans>,
    /// Of [`calotype_models::Composer::composition`], for pictures.
    pub composition: Option<Arc<Plan>>,
    /// Planned bytes when most is loaded: the largest stage of training and all that is loaded beside it; states are shared.
    pub total_bytes: u64,
}

/// The stages of training, planned.
#[derive(Clone, Debug)]
pub struct Training {
    pub stages: Stages,
    /// One a stage.
    pub plans: Vec<Arc<Plan>>,
}

impl Training {
    /// The plans of the stages that may run at a step.
    fn at(&self, step: u64) -> Vec<&Arc<Plan>> {
        self.stages.at(step).into_iter().map(|n| &self.plans[n]).collect()
    }

    /// Planned bytes of training alone, when most is loaded; the states of all stages.
    pub fn memory(&self, profile: &DeviceProfile) -> MemoryBytes {
        let largest = self.largest();
        let sum = |of: fn(&MemoryBytes) -> u64| largest.iter().map(|p| of(&p.memory)).sum::<u64>();
        MemoryBytes {
            state: state_bytes(self.plans.iter(), profile),
            arenas: sum(|m| m.arenas),
            inputs: sum(|m| m.inputs),
            outputs: sum(|m| m.outputs),
            staging: sum(|m| m.staging),
        }
    }

    /// The plans that are loaded when they take most, apart from states.
    fn largest(&self) -> Vec<&Arc<Plan>> {
        self.largest_at().map(|step| self.at(step)).unwrap_or_default()
    }

    /// The first step at which they do.
    fn largest_at(&self) -> Option<u64> {
        let bytes = |step: &u64| self.at(*step).iter().map(|p| p.memory.total() - p.memory.state).sum::<u64>();
        self.stages.borders().into_iter().max_by_key(bytes)
    }

    /// The stages that are loaded then, by name; none where there is only one.
    fn largest_name(&self) -> Option<String> {
        let at = self.largest_at().filter(|_| self.stages.len() > 1)?;
        Some(self.stages.at(at).into_iter().map(|n| self.stages.get(n).name.as_str()).collect::<Vec<_>>().join(", "))
    }
}

impl Plans {
    /// All of them, the one that the model learns by first.
    pub fn all(&self) -> Vec<&Arc<Plan>> {
        self.training.iter().flat_map(|t| &t.plans).chain(self.beside()).collect()
    }

    /// Those that are loaded throughout.
    fn beside(&self) -> Vec<&Arc<Plan>> {
        let others = [&self.held_out, &self.reconstruction, &self.codes, &self.critic, &self.composition];
        let drawing = self.drawing.iter().flat_map(DrawingPlans::all);
        others.into_iter().flatten().chain(self.sampling.all()).chain(self.translation.all()).chain(drawing).collect()
    }
}

/// A device's profile, with the machine's memory for a CPU that does not know it.
pub fn planning_profile(profile: &DeviceProfile) -> DeviceProfile {
    let cpu = profile.kind == DeviceKind::Cpu;
    let memory_bytes = profile.memory_bytes.or_else(|| cpu.then(host_memory_bytes).flatten());
    DeviceProfile { memory_bytes, ..profile.clone() }
}

/// The machine's memory, or what the process's control group leaves of it; none where the system does not say.
pub fn host_memory_bytes() -> Option<u64> {
    let information = fs::read_to_string("/proc/meminfo").ok()?;
    let line = information.lines().find_map(|l| l.strip_prefix("MemTotal:"))?;
    let total = line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024;
    let group = fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|t| t.trim().parse::<u64>().ok());
    Some(group.map_or(total, |limit| limit.min(total)))
}

/// Plans training with this batch, sampling and scoring.
///
/// # Errors
/// A batch that does not fit: the error says the largest that does. A mistake in the model.
pub fn plans(model: &dyn Model, batch: usize, profile: &DeviceProfile) -> Result<Plans> {
    match try_plans(model, batch, profile) {
        Ok(plans) => Ok(plans),
        Err(Misfit { cause: PlanError::Graph(e), .. }) => Err(e.into()),
        Err(Misfit { cause, stage }) => {
            let remedy = match largest_batch(model, profile, batch) {
                Some(fits) => format!("the largest that fits is --batch {fits}"),
                None => format!(
                    "no batch size does; use a smaller model (`calotype models {}` lists its settings)",
                    model.info().name
                ),
            };
            let at = stage.map_or_else(String::new, |name| format!("at `{name}` "));
            Err(TrainingError::DoesNotFit { batch, why: format!("{at}{}", in_words(&cause)), remedy })
        }
    }
}

fn in_words(cause: &PlanError) -> String {
    let gb = |bytes: u64| bytes as f64 / 1e9;
    match cause {
        PlanError::OutOfMemory { bytes, limit, device } => {
            format!("it needs {:.1} GB, and {device} has {:.1} GB", gb(*bytes), gb(*limit))
        }
        other => other.to_string(),
    }
}

/// Why plans do not fit.
struct Misfit {
    cause: PlanError,
    /// The stage of training that does not, where there are several.
    stage: Option<String>,
}

impl<E: Into<PlanError>> From<E> for Misfit {
    fn from(e: E) -> Self {
        Misfit { cause: e.into(), stage: None }
    }
}

fn try_plans(model: &dyn Model, batch: usize, profile: &DeviceProfile) -> Result<Plans, Misfit> {
    // Memory is held against all plans together, below.
    let unlimited = DeviceProfile { memory_bytes: None, ..profile.clone() };
    let plan = |program: &Program| plan(program, &unlimited, PlanOptions::default()).map(Arc::new);
    let (training, watched) = match model.learning() {
        Learning::Descent(descent) => {
            let stages = Stages::new(descent, batch)?;
            let several = stages.len() > 1;
            let named = |stage: &Stage| several.then(|| stage.name.clone());
            let each = stages.iter().map(|(stage, program)| plan(program).map_err(|cause| Misfit { cause, stage: named(stage) }));
            let plans = each.collect::<Result<_, Misfit>>()?;
            let by_loss = descent.validation().is_some_and(|v| v.measure == Measure::Loss);
            (Some(Training { stages, plans }), by_loss)
        }
        Learning::Counting(_) => (None, true),
    };
    let held_out = if watched { model.held_out(SCORE_BATCH) } else { None };
    let held_out = held_out.map(|program| plan(&program?)).transpose()?;
    let sampling = SamplingPlans::new(model, sample_batch(model.shape()), &unlimited)?;
    let planned = |program: Option<Result<Program, GraphError>>| -> Result<Option<Arc<Plan>>, PlanError> {
        program.map(|program| plan(&program?)).transpose()
    };
    let reconstruction = planned(model.autoencoder().map(|a| a.reconstruction(SAMPLE_BATCH)))?;
    let codes = planned(model.codes().and_then(|_| model.features(SAMPLE_BATCH)))?;
    // Of images there is no picture of what a critic thinks of all places.
    let critic = model.critic().filter(|_| matches!(model.shape(), [1 | 2]));
    let critic = planned(critic.map(|c| c.judging(SAMPLE_BATCH)))?;
    let translation = match (model.translator(), model.shape()) {
        (Some(translator), &[h, w, _]) => TranslationPlans::new(translator, ShownRows::ROWS, [h, w], &unlimited)?,
        _ => TranslationPlans::default(),
    };
    let drawing = model.text().map(|text| DrawingPlans::new(text, SAMPLE_BATCH, plan)).transpose()?;
    let composer = model.composer();
    let composition = composer.map(|c| composition_plan(c, c.n_patches(), ShownRows::ROWS, &unlimited)).transpose()?;
    let mut plans =
        Plans { training, sampling, held_out, reconstruction, codes, critic, translation, drawing, composition, total_bytes: 0 };
    plans.total_bytes = total_bytes(&plans, profile);
    match profile.memory_bytes {
        Some(limit) if plans.total_bytes > limit => {
            let cause = PlanError::OutOfMemory { bytes: plans.total_bytes, limit, device: profile.name.clone() };
            Err(Misfit { cause, stage: plans.training.as_ref().and_then(Training::largest_name) })
        }
        _ => Ok(plans),
    }
}

/// Bytes when most is loaded.
fn total_bytes(plans: &Plans, profile: &DeviceProfile) -> u64 {
    let together = plans.training.as_ref().map_or_else(Vec::new, Training::largest).into_iter().chain(plans.beside());
    together.map(|p| p.memory.total() - p.memory.state).sum::<u64>() + state_bytes(plans.all().into_iter(), profile)
}

/// Bytes of the states of some plans, each state once.
fn state_bytes<'a>(plans: impl Iterator<Item = &'a Arc<Plan>>, profile: &DeviceProfile) -> u64 {
    let states = plans.flat_map(|p| &p.states);
    let states: BTreeMap<&str, u64> = states.map(|s| (s.name.as_str(), s.allocated_bytes(profile.alignment_bytes))).collect();
    states.values().sum()
}

/// The largest batch below `batch` whose plans fit, if any does. By bisection: what a plan takes grows with its batch.
pub fn largest_batch(model: &dyn Model, profile: &DeviceProfile, batch: usize) -> Option<usize> {
    let fits = |b: usize| try_plans(model, b, profile).is_ok();
    let settings = (model.info().settings)(model.info().default_preset());
    let least = settings.iter().find(|s| s.key == "batch").map_or(1, |s| s.range.0 as usize);
    if batch <= least || !fits(least) {
        return None;
    }
    let (mut good, mut bad) = (least, batch);
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        if fits(middle) { good = middle } else { bad = middle }
    }
    Some(good)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    use calotype_models::{DataShape, Preset, find};

    fn model() -> Arc<dyn Model> {
        let data = DataShape { shape: vec![8, 8, 1], levels: Some(17), n_train: 100, ..DataShape::default() };
        let given = BTreeMap::from([("width".to_owned(), "2".to_owned())]);
        find("dcgan").expect("a model").build(Preset::SMALL, &given, &data).expect("valid settings")
    }

    fn profile(memory_bytes: Option<u64>, max_binding_bytes: u64) -> DeviceProfile {
        DeviceProfile {
            name: "test".into(),
            kind: DeviceKind::DiscreteGpu,
            driver: String::new(),
            alignment_bytes: 256,
            max_binding_bytes,
            max_buffer_bytes: 1 << 40,
            memory_bytes,
            parallelism: 16,
            fixed_bytes: 0,
            step_bytes: 256,
            staging_copies: 3,
            guard_bands: false,
            precision: calotype_graph::Precision::Full,
        }
    }

    #[test]
    fn the_batch_that_is_offered_fits_and_the_next_does_not() {
        let model = model();
        let all = plans(model.as_ref(), 200, &profile(None, 1 << 40)).expect("unlimited").total_bytes;
        for limits in [profile(Some(all - 1), 1 << 40), profile(Some(all / 2), 1 << 40), profile(None, 1 << 18)] {
            let fits = largest_batch(model.as_ref(), &limits, 200).expect("a smaller batch fits");
            assert!(try_plans(model.as_ref(), fits, &limits).is_ok());
            assert!(try_plans(model.as_ref(), fits + 1, &limits).is_err());
            let message = plans(model.as_ref(), 200, &limits).expect_err("it does not fit").to_string();
            assert!(message.contains(&format!("--batch {fits}")), "{message}");
        }
    }

    #[test]
    fn a_model_that_never_fits_says_so() {
        let message = plans(model().as_ref(), 200, &profile(Some(1000), 1 << 40)).expect_err("it does not fit").to_string();
        assert!(message.contains("no batch size does"), "{message}");
    }
}
