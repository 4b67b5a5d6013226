//! The states of a run: their initial values, their resets, and those that a checkpoint holds.

use std::collections::{BTreeMap, BTreeSet};

use calotype_graph::{Device, HostTensor, Plan, Program, StateSpec};
use calotype_models::density::SAMPLER_PREFIX;
use calotype_models::{Learning, Model, Stages, init};

use crate::checkpoint::Checkpoint;
use crate::config::RunConfig;
use crate::error::{Result, TrainingError};
use crate::fit::Plans;
use crate::folder::RunFolder;
use crate::restore::Restored;
use crate::trainer::Stop;
use crate::wait;

/// Every state of a run's plans but those that a sampler keeps for itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct States {
    specs: Vec<StateSpec>,
    /// By name, the first step of a stage of training that has it. What is in no stage is never trained, and in no checkpoint.
    trained_from: BTreeMap<String, u64>,
}

impl States {
    pub fn of(plans: &Plans) -> Self {
        let mut all = States::default();
        for (stage, plan) in plans.training.iter().flat_map(|t| t.stages.iter().map(|(stage, _)| stage).zip(&t.plans)) {
            for spec in &plan.states {
                let from = all.trained_from.entry(spec.name.clone()).or_insert(stage.span.start);
                *from = stage.span.start.min(*from);
            }
        }
        let mut known = BTreeSet::new();
        let states = plans.all().into_iter().flat_map(|p| &p.states).filter(|s| !s.name.starts_with(SAMPLER_PREFIX));
        all.specs = states.filter(|s| known.insert(&s.name)).cloned().collect();
        if plans.training.is_none() {
            // What is counted is all there is.
            all.trained_from = all.specs.iter().map(|s| (s.name.clone(), 0)).collect();
        }
        all
    }

    /// Whether a checkpoint of `step` holds it: a stage that has it has begun, as [`calotype_models::Stage::has_begun`] says.
    fn has_begun(&self, spec: &StateSpec, step: u64) -> bool {
        self.trained_from.get(&spec.name).is_some_and(|&from| from < step.max(1))
    }

    /// As [`States`], of a run that goes on from a checkpoint. What that holds of stages to come, every later one does: weights that
    /// the run was given.
    pub fn with_given(mut self, from: Option<&Checkpoint>) -> Self {
        for name in from.iter().flat_map(|c| c.tensors().keys()) {
            self.trained_from.entry(name.clone()).and_modify(|step| *step = 0);
        }
        self
    }

    /// Those of all stages of training.
    pub fn trained(&self) -> Vec<&StateSpec> {
        self.specs.iter().filter(|s| self.trained_from.contains_key(&s.name)).collect()
    }

    /// Those that a checkpoint of `step` holds.
    pub fn begun(&self, step: u64) -> Vec<&StateSpec> {
        self.specs.iter().filter(|s| self.has_begun(s, step)).collect()
    }

    /// Writes every state: what a checkpoint of this folder holds, else its initial value.
    ///
    /// # Errors
    /// A checkpoint without a state of a stage that has begun; what the device says.
    pub fn write(&self, device: &mut dyn Device, folder: &RunFolder, seed: u64, from: Option<&Checkpoint>) -> Result<()> {
        for spec in &self.specs {
            let value = match from.filter(|c| self.has_begun(spec, c.step)) {
                Some(c) => c.state(spec).map_err(|reason| TrainingError::Foreign { path: folder.checkpoint(c.step), reason })?,
                None => init::initial(spec, seed),
            };
            device.write_state(&spec.name, &value)?;
        }
        Ok(())
    }

    /// Sets the states whose names begin with `prefix` to their initial values, after what was submitted.
    ///
    /// # Errors
    /// There are none; what the device says.
    pub fn reset(&self, device: &mut dyn Device, prefix: &str, seed: u64) -> Result<()> {
        let mut those = self.specs.iter().filter(|s| s.name.starts_with(prefix)).peekable();
        if those.peek().is_none() {
            return Err(TrainingError::Contradiction(format!("the schedule resets `{prefix}…`, and no state has such a name")));
        }
        those.try_for_each(|spec| Ok(device.write_state(&spec.name, &init::initial(spec, seed))?))
    }

    /// Those that a checkpoint of `step` holds, as they are on the device, all of them finite.
    pub fn read_finite(&self, device: &mut dyn Device, step: u64) -> Result<Vec<(&StateSpec, HostTensor)>, Stop> {
        let specs = self.begun(step);
        let names: Vec<&str> = specs.iter().map(|s| s.name.as_str()).collect();
        let values = wait::states(device, &names)?;
        for (name, value) in names.iter().zip(&values) {
            if let Some(&bad) = value.as_f32().unwrap_or_default().iter().find(|v| !v.is_finite()) {
                return Err(Stop::NonFinite { step, what: format!("the state `{name}`"), value: bad, at_step: false });
            }
        }
        Ok(specs.into_iter().zip(values).collect())
    }
}

/// A state of a program that uses a run: the checkpoint's. One that no stage of training that has begun makes is as at first.
///
/// # Errors
/// In words: the checkpoint lacks it, or has another.
pub fn state_of_run(
    model: &dyn Model,
    config: &RunConfig,
    checkpoint: &Checkpoint,
    spec: &StateSpec,
) -> Result<HostTensor, String> {
    let lacks = !checkpoint.tensors().contains_key(&spec.name);
    if lacks && !is_trained(model, config.batch, checkpoint.step, spec)? {
        return Ok(init::initial(spec, config.seed));
    }
    checkpoint.state(spec)
}

/// Writes the states of a plan that uses a run, as [`state_of_run`] has them; what a sampler keeps for itself stays as it is.
///
/// # Errors
/// The checkpoint lacks one, or has another; what the device says.
pub fn write_states_of_run(
    device: &mut dyn Device,
    model: &dyn Model,
    config: &RunConfig,
    restored: &Restored,
    plan: &Plan,
) -> Result<()> {
    for spec in plan.states.iter().filter(|spec| !spec.name.starts_with(SAMPLER_PREFIX)) {
        let value = state_of_run(model, config, &restored.checkpoint, spec)
            .map_err(|reason| TrainingError::Damaged { path: restored.path.clone(), reason })?;
        device.write_state(&spec.name, &value)?;
    }
    Ok(())
}

/// Whether a stage that has begun after `step` steps has the state.
fn is_trained(model: &dyn Model, batch: usize, step: u64, spec: &StateSpec) -> Result<bool, String> {
    let Learning::Descent(descent) = model.learning() else { return Ok(true) };
    let stages = Stages::new(descent, batch).map_err(|e| e.to_string())?;
    let has = |program: &Program| program.states().any(|s| s.name == spec.name);
    Ok(stages.iter().any(|(stage, program)| stage.has_begun(step) && has(program)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use calotype_graph::{Init, Layout, Type};

    fn spec(name: &str) -> StateSpec {
        StateSpec { name: name.into(), ty: Type::f32([1]), init: Init::Constant(3.0), layout: Layout::Plain }
    }

    /// `early` is trained from the first step, `late` from the fifth, `average` by no stage.
    fn states() -> States {
        let trained_from = [("early".to_owned(), 0), ("late".to_owned(), 4)].into();
        States { specs: vec![spec("early"), spec("late"), spec("average")], trained_from }
    }

    #[test]
    fn a_checkpoint_holds_the_states_of_stages_that_have_begun() {
        let names = |step| states().begun(step).into_iter().map(|s| s.name.clone()).collect::<Vec<_>>();
        assert_eq!([names(0), names(4), names(5)], [vec!["early"], vec!["early"], vec!["early", "late"]]);
    }

    /// What a checkpoint of an early step does not hold is as at first, never what memory held; of a later one it is an error.
    #[test]
    fn what_has_not_begun_is_initial() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = RunFolder::at(dir.path());
        let mut cpu = calotype_cpu_reference::Cpu::<f32>::plain();
        let checkpoint = |step| {
            let identity = crate::checkpoint::Identity { data: String::new(), model: "m".into(), seed: 0, settings: [].into() };
            Checkpoint::new(identity, step, [(&spec("early"), HostTensor::f32([1], vec![7.0]))])
        };
        states().write(&mut cpu, &folder, 0, Some(&checkpoint(4))).expect("it is whole");
        let values = wait::states(&mut cpu, &["early", "late", "average"]).expect("they are there");
        assert_eq!(values.iter().map(|v| v.words()[0]).collect::<Vec<_>>(), [7.0_f32, 3.0, 3.0].map(f32::to_bits));
        let message = states().write(&mut cpu, &folder, 0, Some(&checkpoint(5))).expect_err("`late` is missing").to_string();
        assert!(message.contains("`late`"), "{message}");
        assert!(states().reset(&mut cpu, "optimizer.", 0).is_err(), "a prefix that no state has");
        states().reset(&mut cpu, "ear", 0).expect("there is one");
        assert_eq!(wait::states(&mut cpu, &["early"]).expect("it is there")[0].words()[0], 3.0_f32.to_bits());
    }
}
