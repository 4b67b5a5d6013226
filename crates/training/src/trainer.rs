//! The loop: batches in, steps on the device, losses back, samples and checkpoints on their periods.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use calotype_data::{Batch, Batches, Prefetch, picture};
use calotype_graph::{Device, HostTensor, Plan, PlanId, Poll, StateSpec, Ticket, philox};
use calotype_models::{Model, init};

use crate::checkpoint::Checkpoint;
use crate::config::RunConfig;
use crate::error::{Result, TrainingError};
use crate::fit::Plans;
use crate::folder::{RunFolder, temporary_of, write_atomically};
use crate::interrupt::Interrupt;
use crate::load::Loader;
use crate::metrics::{Line, Log};
use crate::progress::Progress;
use crate::sampler::{SAMPLE_BATCH, Sampler};
use crate::{report, wait};

/// Steps whose losses have not been read yet.
const IN_FLIGHT: usize = 2;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All steps are done.
    Finished,
    /// The person stopped it; it was saved.
    Interrupted,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub ending: Ending,
    /// Steps done.
    pub step: u64,
    /// The checkpoint of that step.
    pub checkpoint: PathBuf,
}

/// Why the loop stopped before its end.
pub(crate) enum Stop {
    NonFinite {
        /// Steps done, the bad one included.
        step: u64,
        what: String,
        value: f32,
        /// The loss of this very step is bad; otherwise a state that any step since the last checkpoint may have spoilt.
        at_step: bool,
    },
    Error(TrainingError),
}

impl<E: Into<TrainingError>> From<E> for Stop {
    fn from(e: E) -> Self {
        Stop::Error(e.into())
    }
}

/// A run that is loaded on a device.
pub struct Trainer<'a> {
    pub(crate) config: &'a RunConfig,
    pub(crate) folder: &'a RunFolder,
    model: &'a dyn Model,
    pub(crate) device: &'a mut dyn Device,
    pub(crate) batches: Arc<Batches>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) id: PlanId,
    sampler: Sampler,
    /// Latents of the sample grids: the same throughout the run.
    latents: HostTensor,
    log: Log,
    pub(crate) progress: &'a mut Progress,
    pub(crate) interrupt: &'a Interrupt,
    /// Steps submitted.
    step: u64,
    /// Step of the newest checkpoint known to be whole.
    pub(crate) saved: Option<u64>,
    in_flight: VecDeque<(u64, Ticket)>,
    started: Instant,
    /// Seconds of training before this process.
    wall_before_s: f64,
}

/// What a [`Trainer`] is made of.
pub struct Setup<'a> {
    pub config: &'a RunConfig,
    pub folder: &'a RunFolder,
    pub model: &'a dyn Model,
    pub device: &'a mut dyn Device,
    pub batches: Arc<Batches>,
    pub plans: &'a Plans,
    pub loader: Loader,
    pub progress: &'a mut Progress,
    pub interrupt: &'a Interrupt,
}

impl<'a> Trainer<'a> {
    /// Loads the plans, and the states of a checkpoint or the initial ones of the run's seed. The folder must be locked.
    ///
    /// # Errors
    /// What the device says; a checkpoint that lacks a state; metrics that cannot be continued.
    pub fn new(setup: Setup<'a>, from: Option<&Checkpoint>) -> Result<Self> {
        let Setup { config, folder, model, device, batches, plans, loader, progress, interrupt } = setup;
        let step = from.map_or(0, |c| c.step);
        folder.sweep()?;
        folder.set_aside(step)?;
        let id = loader.load(device, &plans.training)?;
        let sampler = Sampler::load(model, device, &plans.sampling, loader)?;
        let log = Log::open(&folder.metrics(), step)?;
        let trainer = Trainer {
            latents: init::latents(SAMPLE_BATCH, model.latents(), config.seed),
            wall_before_s: log.wall_s(),
            plan: Arc::clone(&plans.training),
            saved: from.map(|c| c.step),
            in_flight: VecDeque::new(),
            started: Instant::now(),
            config,
            folder,
            model,
            batches,
            id,
            sampler,
            log,
            progress,
            interrupt,
            step,
            device,
        };
        write_states(trainer.device, folder, &trainer.plan.states, config, from)?;
        Ok(trainer)
    }

    /// Trains to the last step, or until the person stops it. The last step that was done is saved.
    ///
    /// # Errors
    /// What the device or the system says; a loss or state that is not finite. Checkpoints written before are whole.
    pub fn run(mut self) -> Result<Outcome> {
        self.started = Instant::now();
        self.progress.begin(self.step, self.config.steps);
        let stopped = self.steps();
        self.progress.end();
        match stopped {
            Ok(outcome) => Ok(outcome),
            Err(Stop::Error(e)) => Err(e),
            Err(Stop::NonFinite { step, what, value, at_step }) => {
                self.in_flight.drain(..).for_each(|(_, ticket)| self.device.forget(ticket));
                Err(self.diagnose(step, what, value, at_step))
            }
        }
    }

    fn steps(&mut self) -> Result<Outcome, Stop> {
        let total = self.config.steps;
        let period = &self.config.period;
        let mut prefetch = Prefetch::new(Arc::clone(&self.batches), self.step);
        while self.step < total && !self.interrupt.asked() {
            let batch = prefetch.next()?;
            let ticket = self.submit(self.step, batch)?;
            self.in_flight.push_back((self.step, ticket));
            self.step += 1;
            self.device.poll(Poll::Now)?;
            self.retire(IN_FLIGHT)?;
            let last = self.step == total;
            if last || self.step.is_multiple_of(period.sample_every) {
                self.retire(0)?;
                self.sample()?;
            }
            // After the samples: what a checkpoint claims to have been done has been done.
            if last || self.step.is_multiple_of(period.checkpoint_every) {
                self.save()?;
            }
        }
        if self.saved != Some(self.step) {
            self.save()?;
        }
        let ending = if self.step < total { Ending::Interrupted } else { Ending::Finished };
        Ok(Outcome { ending, step: self.step, checkpoint: self.folder.checkpoint(self.step) })
    }

    /// Starts step `step`, counted from 0.
    pub(crate) fn submit(&mut self, step: u64, batch: Batch) -> Result<Ticket> {
        let inputs = self.inputs(step, batch);
        let inputs: Vec<(&str, &HostTensor)> = inputs.iter().map(|(name, value)| (*name, value)).collect();
        Ok(self.device.submit(self.id, &inputs)?)
    }

    /// All inputs of a step that the plan has.
    pub(crate) fn inputs(&self, step: u64, batch: Batch) -> Vec<(&'static str, HostTensor)> {
        step_inputs(self.model, &self.plan, batch.images, self.config.seed, step)
    }

    /// Reads losses until at most `most` steps are in flight.
    fn retire(&mut self, most: usize) -> Result<(), Stop> {
        while self.in_flight.len() > most {
            let Some((step, ticket)) = self.in_flight.pop_front() else { break };
            let outputs = wait::outputs(self.device, ticket)?;
            let named = self.plan.outputs.iter().zip(&outputs);
            let losses: Vec<(String, f32)> = named.filter_map(|(port, t)| Some((port.name.clone(), t.item()?))).collect();
            let done = step + 1;
            let bad = losses.iter().find(|(_, loss)| !loss.is_finite());
            if bad.is_some() || done == self.config.steps || done.is_multiple_of(self.config.period.log_every) {
                let wall_s = self.wall_before_s + self.started.elapsed().as_secs_f64();
                let losses = losses.iter().map(|(name, loss)| (name.clone(), loss.is_finite().then_some(*loss))).collect();
                self.log.write(Line { step: done, wall_s, losses })?;
            }
            if let Some((what, value)) = bad {
                return Err(Stop::NonFinite { step: done, what: what.clone(), value: *value, at_step: true });
            }
            self.progress.advance(done, &losses);
        }
        Ok(())
    }

    /// A grid of the fixed latents.
    fn sample(&mut self) -> Result<()> {
        let latents = self.latents.as_f32().unwrap_or_default();
        let images = self.sampler.images(self.device, latents)?;
        let [h, w, c] = self.sampler.image();
        let picture = picture::grid(&images, [SAMPLE_BATCH, h, w, c], None, 1)?;
        let path = self.folder.sample(self.step);
        let temporary = temporary_of(&path);
        picture::write_png(&temporary, &picture)?;
        std::fs::rename(&temporary, &path).map_err(TrainingError::io(&path))
    }

    /// Writes a checkpoint of this step, once everything up to it is known to be finite.
    fn save(&mut self) -> Result<(), Stop> {
        self.retire(0)?;
        let names: Vec<&str> = self.plan.states.iter().map(|s| s.name.as_str()).collect();
        let values = wait::states(self.device, &names)?;
        for (name, value) in names.iter().zip(&values) {
            if let Some(&bad) = value.as_f32().unwrap_or_default().iter().find(|v| !v.is_finite()) {
                let what = format!("the state `{name}`");
                return Err(Stop::NonFinite { step: self.step, what, value: bad, at_step: false });
            }
        }
        let checkpoint = Checkpoint::new(self.config.identity(), self.step, self.plan.states.iter().zip(values));
        let path = self.folder.checkpoint(self.step);
        let bytes = checkpoint.encode().map_err(|reason| TrainingError::Damaged { path: path.clone(), reason })?;
        self.log.sync()?;
        write_atomically(&path, &bytes)?;
        self.saved = Some(self.step);
        self.folder.prune(self.config.period.keep_checkpoints)?;
        report::write(self.folder, self.config)?;
        Ok(())
    }
}

/// The inputs that a training plan has, for one step: `images` are the rows of its batch, [B, H, W, C].
pub(crate) fn step_inputs(
    model: &dyn Model,
    plan: &Plan,
    images: Vec<f32>,
    seed: u64,
    step: u64,
) -> Vec<(&'static str, HostTensor)> {
    let [h, w, c] = model.image();
    let batch = images.len() / (h * w * c).max(1);
    let mut inputs = vec![
        ("images", HostTensor::f32([batch, h, w, c], images)),
        ("seed", HostTensor::u32([2], philox::key(seed))),
        ("step", HostTensor::u32([1], [step as u32])),
    ];
    inputs.extend(model.step_inputs(step).into_iter().map(|(name, value)| (name, HostTensor::scalar(value))));
    inputs.retain(|(name, _)| plan.inputs.iter().any(|port| port.name == *name));
    inputs
}

/// Writes every state: those of a checkpoint of this folder, or the initial ones.
pub(crate) fn write_states(
    device: &mut dyn Device,
    folder: &RunFolder,
    specs: &[StateSpec],
    config: &RunConfig,
    from: Option<&Checkpoint>,
) -> Result<()> {
    for spec in specs {
        let value = match from {
            Some(c) => c.state(spec).map_err(|reason| TrainingError::Foreign { path: folder.checkpoint(c.step), reason })?,
            None => init::initial(spec, config.seed),
        };
        device.write_state(&spec.name, &value)?;
    }
    Ok(())
}
