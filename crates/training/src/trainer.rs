//! The loop: batches in, steps on the device, losses back, samples and checkpoints on their periods.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use calotype_data::{Batch, Batches, Evaluation, Prefetch};
use calotype_graph::{Device, HostTensor, Plan, PlanId, Poll, StateSpec, Ticket, philox};
use calotype_models::{Descent, Learning, Model, Validation, init};

use crate::checkpoint::Checkpoint;
use crate::config::RunConfig;
use crate::counting::count;
use crate::error::{Result, TrainingError};
use crate::fit::Plans;
use crate::folder::{RunFolder, write_atomically};
use crate::grid::Grid;
use crate::interrupt::Interrupt;
use crate::load::Loader;
use crate::material::Rows;
use crate::metrics::{LR_SCALE, Line, Log, VALIDATION};
use crate::progress::Progress;
use crate::score::Scorer;
use crate::validation::Record;
use crate::{report, wait};

/// Steps whose losses have not been read yet.
const IN_FLIGHT: usize = 2;

/// Steps from one look at the held-out rows to the next at least, unless the person says otherwise: a few steps teach too little for
/// patience to be lost over.
const SHORTEST_EPOCH: u64 = 10;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All steps are done.
    Finished,
    /// Held-out rows have not improved for long enough.
    Converged,
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
    descent: &'a dyn Descent,
    pub(crate) device: &'a mut dyn Device,
    pub(crate) batches: Arc<Batches>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) id: PlanId,
    grid: Option<Grid>,
    watch: Option<Watch>,
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

/// Looks at the held-out rows.
struct Watch {
    scorer: Scorer,
    held_out: Evaluation,
    rules: Validation,
    /// Steps from one look to the next.
    every: u64,
    record: Option<Record>,
    /// What the learning rate was multiplied by, from which step on: for replays.
    lr_scales: Vec<(u64, f64)>,
}

impl Watch {
    fn lr_scale(&self, step: u64) -> f64 {
        self.lr_scales.iter().rev().find(|(from, _)| *from <= step).map_or(1.0, |(_, scale)| *scale)
    }

    fn is_over(&self) -> bool {
        self.record.is_some_and(|r| r.is_over(&self.rules))
    }
}

/// What [`learn`] is given.
pub struct Setup<'a> {
    pub config: &'a RunConfig,
    pub folder: &'a RunFolder,
    pub model: &'a dyn Model,
    pub device: &'a mut dyn Device,
    pub rows: Rows,
    pub plans: &'a Plans,
    pub loader: Loader,
    pub progress: &'a mut Progress,
    pub interrupt: &'a Interrupt,
}

/// A run learns: by steps, or by counting its rows. The folder must be locked; states come from a checkpoint or are the initial
/// ones of the run's seed.
///
/// # Errors
/// What the device or the system says; a checkpoint that lacks a state; metrics that cannot be continued; a loss or state that is
/// not finite. Checkpoints written before are whole.
pub fn learn(setup: Setup, from: Option<&Checkpoint>) -> Result<Outcome> {
    match setup.model.learning() {
        Learning::Descent(descent) => Trainer::new(setup, descent, from)?.run(),
        Learning::Counting(counting) => count(setup, counting, from),
    }
}

impl<'a> Trainer<'a> {
    fn new(setup: Setup<'a>, descent: &'a dyn Descent, from: Option<&Checkpoint>) -> Result<Self> {
        let Setup { config, folder, model, device, rows, plans, loader, progress, interrupt } = setup;
        let (Some(plan), Rows::Steps { batches, held_out }) = (&plans.training, rows) else {
            return Err(TrainingError::Contradiction(format!("{} does not learn by steps", config.model)));
        };
        let step = from.map_or(0, |c| c.step);
        folder.sweep()?;
        folder.set_aside(step)?;
        let id = loader.load(device, plan)?;
        let grid = Grid::load(model, device, &plans.sampling, loader, config.seed)?;
        let watch = match (held_out, descent.validation(), model.density(), &plans.scoring) {
            (Some(held_out), Some(rules), Some(density), Some(plan)) => {
                let scorer = Scorer::load(density, device, plan, loader)?;
                let every = if rules.every == 0 { batches.steps_per_epoch().max(SHORTEST_EPOCH) } else { rules.every };
                let record = from.and_then(|c| c.validation);
                let lr_scales = record.iter().map(|r| (step, r.lr_scale(&rules))).collect();
                Some(Watch { scorer, held_out, rules, every, record, lr_scales })
            }
            _ => None,
        };
        let log = Log::open(&folder.metrics(), step)?;
        let trainer = Trainer {
            wall_before_s: log.wall_s(),
            plan: Arc::clone(plan),
            saved: from.map(|c| c.step),
            in_flight: VecDeque::new(),
            started: Instant::now(),
            config,
            folder,
            model,
            descent,
            batches,
            id,
            grid,
            watch,
            log,
            progress,
            interrupt,
            step,
            device,
        };
        write_states(trainer.device, folder, &trainer.plan.states, config, from)?;
        Ok(trainer)
    }

    /// Trains to the last step, to the end of patience, or until the person stops it. The last step that was done is saved.
    fn run(mut self) -> Result<Outcome> {
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
        while self.step < total && !self.interrupt.asked() && !self.is_over() {
            let batch = prefetch.next()?;
            let ticket = self.submit(self.step, batch)?;
            self.in_flight.push_back((self.step, ticket));
            self.step += 1;
            self.device.poll(Poll::Now)?;
            self.retire(IN_FLIGHT)?;
            let better = self.look()?;
            let last = self.step == total || self.is_over();
            if last || self.step.is_multiple_of(period.sample_every) {
                self.retire(0)?;
                self.sample()?;
            }
            // After the samples: what a checkpoint claims to have been done has been done.
            if last || better || self.step.is_multiple_of(period.checkpoint_every) {
                self.save()?;
            }
        }
        if self.saved != Some(self.step) {
            self.save()?;
        }
        let ending = match self.step < total {
            true if self.is_over() => Ending::Converged,
            true => Ending::Interrupted,
            false => Ending::Finished,
        };
        Ok(Outcome { ending, step: self.step, checkpoint: self.folder.checkpoint(self.step) })
    }

    fn is_over(&self) -> bool {
        self.watch.as_ref().is_some_and(Watch::is_over)
    }

    /// Scores the held-out rows where it is time to; whether they are better than ever.
    fn look(&mut self) -> Result<bool, Stop> {
        if !self.watch.as_ref().is_some_and(|w| self.step.is_multiple_of(w.every)) {
            return Ok(false);
        }
        self.retire(0)?;
        let Some(watch) = &mut self.watch else { return Ok(false) };
        let nats = watch.scorer.nats(self.device, &watch.held_out)?;
        let value = (nats.iter().sum::<f64>() / nats.len().max(1) as f64) as f32;
        let lr_scale = watch.lr_scale(self.step);
        let wall_s = self.wall_before_s + self.started.elapsed().as_secs_f64();
        let losses =
            vec![(VALIDATION.to_owned(), Some(value).filter(|v| v.is_finite())), (LR_SCALE.to_owned(), Some(lr_scale as f32))];
        self.log.write(Line { step: self.step, wall_s, losses })?;
        if !value.is_finite() {
            let what = "the loss of the held-out rows".to_owned();
            return Err(Stop::NonFinite { step: self.step, what, value, at_step: false });
        }
        let record = Record::after(watch.record, value, self.step, &watch.rules);
        watch.lr_scales.push((self.step, record.lr_scale(&watch.rules)));
        watch.record = Some(record);
        self.progress.remark(&format!("validation {value:.3} nats (best {:.3} at step {})", record.best, record.best_step));
        Ok(record.best_step == self.step)
    }

    /// Starts step `step`, counted from 0.
    pub(crate) fn submit(&mut self, step: u64, batch: Batch) -> Result<Ticket> {
        let inputs = self.inputs(step, batch);
        let inputs: Vec<(&str, &HostTensor)> = inputs.iter().map(|(name, value)| (name.as_str(), value)).collect();
        Ok(self.device.submit(self.id, &inputs)?)
    }

    /// All inputs of a step that the plan has.
    pub(crate) fn inputs(&self, step: u64, batch: Batch) -> Vec<(String, HostTensor)> {
        let lr_scale = self.watch.as_ref().map_or(1.0, |w| w.lr_scale(step));
        step_inputs(self.model, self.descent, &self.plan, batch.images, self.config.seed, Moment { step, lr_scale })
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

    /// Writes the samples of this step.
    fn sample(&mut self) -> Result<()> {
        match &self.grid {
            Some(grid) => grid.write(self.device, &self.folder.sample(self.step)),
            None => Ok(()),
        }
    }

    /// Writes a checkpoint of this step, once everything up to it is known to be finite.
    fn save(&mut self) -> Result<(), Stop> {
        self.retire(0)?;
        let values = finite_states(self.device, &self.plan.states, self.step)?;
        let validation = self.watch.as_ref().and_then(|w| w.record);
        let checkpoint = Checkpoint::new(self.config.identity(), self.step, self.plan.states.iter().zip(values));
        self.log.sync()?;
        write_checkpoint(self.folder, self.config, &checkpoint.with_validation(validation))?;
        self.saved = Some(self.step);
        Ok(())
    }
}

/// States as they are on the device, all of them finite.
pub(crate) fn finite_states(device: &mut dyn Device, specs: &[StateSpec], step: u64) -> Result<Vec<HostTensor>, Stop> {
    let names: Vec<&str> = specs.iter().map(|s| s.name.as_str()).collect();
    let values = wait::states(device, &names)?;
    for (name, value) in names.iter().zip(&values) {
        if let Some(&bad) = value.as_f32().unwrap_or_default().iter().find(|v| !v.is_finite()) {
            return Err(Stop::NonFinite { step, what: format!("the state `{name}`"), value: bad, at_step: false });
        }
    }
    Ok(values)
}

/// Puts a checkpoint into its folder, removes old ones, and writes the report anew.
pub(crate) fn write_checkpoint(folder: &RunFolder, config: &RunConfig, checkpoint: &Checkpoint) -> Result<()> {
    let path = folder.checkpoint(checkpoint.step);
    let bytes = checkpoint.encode().map_err(|reason| TrainingError::Damaged { path: path.clone(), reason })?;
    write_atomically(&path, &bytes)?;
    folder.prune(config.period.keep_checkpoints)?;
    report::write(folder, config)
}

/// When a step is done: `step` counts from 0, `lr_scale` is what validation has made of the learning rate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub step: u64,
    pub lr_scale: f64,
}

/// The inputs that a training plan has, for one step: `x` are the rows of its batch, [B, ..shape].
pub(crate) fn step_inputs(
    model: &dyn Model,
    descent: &dyn Descent,
    plan: &Plan,
    x: Vec<f32>,
    seed: u64,
    at: Moment,
) -> Vec<(String, HostTensor)> {
    let n_values: usize = model.shape().iter().product();
    let batch = x.len() / n_values.max(1);
    let mut inputs = vec![
        ("x".to_owned(), HostTensor::f32([&[batch], model.shape()].concat(), x)),
        ("seed".to_owned(), HostTensor::u32([2], philox::key(seed))),
        ("step".to_owned(), HostTensor::u32([1], [at.step as u32])),
    ];
    let scalars = descent.step_inputs(at.step, at.lr_scale);
    inputs.extend(scalars.into_iter().map(|(name, value)| (name, HostTensor::scalar(value))));
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
