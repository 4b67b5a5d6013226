//! The training loop: batches, steps on the device, losses, periodic samples and checkpoints.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use calotype_data::Prefetch;
use calotype_graph::{Device, Poll, Ticket};
use calotype_models::feeds::borrowed;
use calotype_models::{Learning, Measure, Model, Named};

use crate::alarms::{Alarms, GRADIENT, gradient_norms};
use crate::checkpoint::Checkpoint;
use crate::config::RunConfig;
use crate::counting::count;
use crate::error::{Result, TrainingError};
use crate::feeder::Feeder;
use crate::fit::Plans;
use crate::folder::RunFolder;
use crate::interrupt::Interrupt;
use crate::live::{Live, Request, Status};
use crate::load::Loader;
use crate::material::Rows;
use crate::metrics::{self, LEARNING_RATE, Line, Log, Losses};
use crate::pace::Pace;
use crate::pictures::{Pictures, Studio};
use crate::progress::{Progress, grouped};
use crate::quality::Quality;
use crate::replace::write_atomically;
use crate::rows::RowProgram;
use crate::sampler::Sampler;
use crate::schedule::{Ready, Schedule};
use crate::states::States;
use crate::watch::{Gauge, Look, Watch};
use crate::{report, wait};

/// Steps whose losses have not been read yet.
pub(crate) const IN_FLIGHT: usize = 2;

/// Between two looks whether a pause is over.
const PAUSED: Duration = Duration::from_millis(50);

/// Steps whose batches lie ready.
const FED_AHEAD: usize = 3;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All steps are done.
    Finished,
    /// The held-out set has not improved for long enough.
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
    pub(crate) device: &'a mut dyn Device,
    pub(crate) feeder: Arc<Feeder>,
    pub(crate) schedule: Schedule<'a>,
    pub(crate) states: States,
    watch: Option<Watch>,
    alarms: Alarms,
    /// As [`calotype_models::Descent::watches_gradients`].
    watches_gradients: bool,
    /// As [`calotype_models::Descent::comparable_from`].
    comparable_from: u64,
    pictures: Pictures,
    log: Log,
    pub(crate) progress: &'a mut Progress,
    pub(crate) interrupt: &'a Interrupt,
    live: Live,
    /// Steps submitted.
    step: u64,
    /// Step of the newest checkpoint known to be whole.
    pub(crate) saved: Option<u64>,
    /// Steps, their stages, and what will be known of them.
    in_flight: VecDeque<(u64, usize, Ticket)>,
    /// Losses since the last line of the log.
    losses: Losses,
    /// When the report is written anew, after a checkpoint.
    reports: Pace,
    started: Instant,
    /// Seconds of training before this process.
    wall_before_s: f64,
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
    /// Whether event files for TensorBoard are written into the run folder.
    pub tensorboard: bool,
}

/// A run learns: by steps, or by counting its rows. The folder must be locked; states come from a checkpoint or are the initial
/// ones of the run's seed.
///
/// # Errors
/// What the device or the system says; a checkpoint that lacks a state; metrics that cannot be continued; a loss or state that is
/// not finite. Checkpoints written before are whole.
pub fn learn(setup: Setup, from: Option<&Checkpoint>) -> Result<Outcome> {
    match setup.model.learning() {
        Learning::Descent(_) => Trainer::new(setup, from)?.run(),
        Learning::Counting(counting) => count(setup, counting, from),
    }
}

impl<'a> Trainer<'a> {
    fn new(setup: Setup<'a>, from: Option<&Checkpoint>) -> Result<Self> {
        let Setup { config, folder, model, device, rows, plans, loader, progress, interrupt, tensorboard } = setup;
        let (Some(training), Some(descent), Rows::Steps { feeder, held_out, shown, learned, known }) =
            (&plans.training, model.learning().descent(), rows)
        else {
            return Err(TrainingError::Contradiction(format!("{} does not learn by steps", config.model)));
        };
        let step = from.map_or(0, |c| c.step);
        folder.sweep()?;
        folder.set_aside(step)?;
        let mut schedule = Schedule::new(descent, training, loader, config.seed);
        schedule.enter(device, step)?;
        let sampler = Sampler::load(model, device, &plans.sampling, loader, config.seed)?;
        let studio = Studio {
            model,
            plans,
            sampler: sampler.clone(),
            loader,
            seed: config.seed,
            rows: Some(&shown),
            known: known.as_deref(),
        };
        let pictures = Pictures::load(device, &studio)?;
        let rules = descent.validation();
        let gauge = match (held_out, rules.map(|rules| rules.measure), &plans.held_out, sampler) {
            (Some(rows), Some(Measure::Loss), Some(plan), _) => {
                Some(Gauge::Loss(RowProgram::load(device, plan, loader, config.seed)?, rows))
            }
            (Some(rows), Some(Measure::Samples), _, Sampler::Latent(sampler)) => {
                Quality::new(model, sampler, &rows, &learned, config.seed).map(|quality| Gauge::Samples(Box::new(quality)))
            }
            _ => None,
        };
        let record = from.and_then(|c| c.validation).map(|record| (step, record));
        let watch = gauge.zip(rules).map(|(gauge, rules)| Watch::new(gauge, rules, feeder.steps_per_epoch(), record));
        let states = States::of(plans).with_given(from);
        states.write(device, folder, config.seed, from)?;
        let log = Log::open(&folder.metrics(), step)?;
        let log = if tensorboard { log.with_events(folder, step)? } else { log };
        let alarms = Alarms::new(descent.signs(), &metrics::read(&folder.metrics())?, descent.comparable_from());
        let saved = from.map(|c| c.step);
        let (steps, memory_bytes, wall_s) = (config.steps, plans.total_bytes, log.wall_s());
        let status = Status { step, steps, wall_s, saved, memory_bytes, ..Status::default() };
        Ok(Trainer {
            live: Live::begin(folder, interrupt, status),
            wall_before_s: wall_s,
            saved,
            in_flight: VecDeque::new(),
            losses: Losses::default(),
            reports: Pace::of(Duration::ZERO),
            started: Instant::now(),
            config,
            folder,
            device,
            feeder,
            schedule,
            states,
            watch,
            alarms,
            watches_gradients: descent.watches_gradients(),
            comparable_from: descent.comparable_from(),
            pictures,
            log,
            progress,
            interrupt,
            step,
        })
    }

    /// Trains to the last step, to an early stop, or to Ctrl-C. The last step that was done is saved.
    fn run(mut self) -> Result<Outcome> {
        self.started = Instant::now();
        self.watch.iter().filter_map(Watch::note).for_each(|note| self.progress.say(&note));
        self.progress.begin(self.step, self.config.steps);
        let stopped = self.steps();
        self.progress.end();
        match stopped {
            Ok(outcome) => Ok(outcome),
            Err(Stop::Error(e)) => Err(e),
            Err(Stop::NonFinite { step, what, value, at_step }) => {
                self.in_flight.drain(..).for_each(|(_, _, ticket)| self.device.forget(ticket));
                let wall_s = self.wall_s();
                let error = self.diagnose(step, what, value, at_step);
                // The report says why there is no more; what stopped the run counts more than that it could not be written there.
                let line = Line { warning: Some(error.to_string()), ..Line::of(step, wall_s, vec![]) };
                if let Err(e) = self.log.write(line).and_then(|()| report::write(self.folder, self.config)) {
                    self.progress.say(&format!("warning: the report does not say so: {e}"));
                }
                Err(error)
            }
        }
    }

    fn steps(&mut self) -> Result<Outcome, Stop> {
        let total = self.config.steps;
        let period = &self.config.period;
        let feeder = Arc::clone(&self.feeder);
        let mut fed = Prefetch::spawn(self.step, FED_AHEAD, move |step| Ok(feeder.feed(step)));
        while self.step < total && !self.interrupt.asked() && !self.is_over() {
            self.obey()?;
            if self.interrupt.asked() {
                break;
            }
            if self.schedule.changes_at(self.step) {
                self.retire(0)?;
            }
            let (stage, ticket) = self.submit(self.step, fed.next()?)?;
            self.in_flight.push_back((self.step, stage, ticket));
            self.step += 1;
            self.device.poll(Poll::Now)?;
            self.retire(IN_FLIGHT)?;
            let better = self.look()?;
            let last = self.step == total || self.is_over();
            // A stage that ends now shows what became of it.
            let ends = self.schedule.changes_at(self.step);
            if last || ends || self.step.is_multiple_of(period.sample_every) {
                self.retire(0)?;
                self.picture()?;
            }
            if ends {
                self.pictures.growth(self.folder, self.step)?;
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
        if ending != Ending::Interrupted {
            self.pictures.growth(self.folder, self.step)?;
            self.pictures.films(self.folder)?;
        }
        report::write(self.folder, self.config)?;
        Ok(Outcome { ending, step: self.step, checkpoint: self.folder.checkpoint(self.step) })
    }

    /// Does what is asked from outside: saves, or waits until it may go on.
    fn obey(&mut self) -> Result<(), Stop> {
        if self.live.takes_save() {
            self.save_asked()?;
        }
        if !self.live.is_paused() {
            return Ok(());
        }
        self.retire(0)?;
        let pause = self.folder.control().join(Request::Pause.name());
        self.progress.say(&format!("paused after step {}, for as long as {} is there", grouped(self.step), pause.display()));
        self.live.tell(|status| status.paused = true);
        while self.live.is_paused() && !self.interrupt.asked() {
            if self.live.takes_save() {
                self.save_asked()?;
            }
            // Waiting is no training.
            let since = Instant::now();
            std::thread::sleep(PAUSED);
            let waited = since.elapsed();
            self.started += waited;
            self.progress.waited(waited);
        }
        self.live.tell(|status| status.paused = false);
        self.progress.say("going on");
        Ok(())
    }

    fn save_asked(&mut self) -> Result<(), Stop> {
        if self.saved != Some(self.step) {
            self.save()?;
        }
        self.progress.say(&format!("saved step {}, as asked", grouped(self.step)));
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.watch.as_ref().is_some_and(Watch::is_over)
    }

    fn wall_s(&self) -> f64 {
        self.wall_before_s + self.started.elapsed().as_secs_f64()
    }

    /// Looks at the held-out set where it is time to; whether it is better than ever.
    fn look(&mut self) -> Result<bool, Stop> {
        if !self.watch.as_ref().is_some_and(|w| w.is_due(self.step)) {
            return Ok(false);
        }
        self.retire(0)?;
        let wall_s = self.wall_s();
        let Some(watch) = &mut self.watch else { return Ok(false) };
        let Look { value, all, diversity } = watch.look(self.device, self.step)?;
        let losses = all.into_iter().map(|(name, v)| (name, Some(v).filter(|v| v.is_finite()))).collect();
        self.log.write(Line::of(self.step, wall_s, losses))?;
        if !value.is_finite() {
            let what = "what was measured by the held-out set".to_owned();
            return Err(Stop::NonFinite { step: self.step, what, value, at_step: false });
        }
        if self.step < self.comparable_from {
            self.progress.remark(&format!("held-out set: {}, while the model grows", watch.what().in_words(value)));
            return Ok(false);
        }
        let record = watch.take_in(value, self.step);
        let found = watch.what().beside(value, record.best, record.best_step);
        let remark = format!("held-out set: {found}");
        self.progress.remark(&remark);
        self.live.tell(|status| status.remark = remark);
        let warnings = diversity.map_or_else(Vec::new, |diversity| self.alarms.of_samples(diversity));
        self.warn(self.step, warnings)?;
        Ok(record.best_step == self.step)
    }

    /// Says what goes wrong, and writes it down.
    fn warn(&mut self, step: u64, warnings: Vec<String>) -> Result<()> {
        for warning in warnings {
            self.progress.say(&format!("warning: step {}: {warning}", grouped(step)));
            let wall_s = self.wall_s();
            self.log.write(Line { warning: Some(warning), ..Line::of(step, wall_s, vec![]) })?;
        }
        Ok(())
    }

    /// Starts step `step`, counted from 0. Nothing may be in flight where the schedule changes.
    pub(crate) fn submit(&mut self, step: u64, fed: Vec<Named>) -> Result<(usize, Ticket)> {
        let Ready { id, stage, inputs, .. } = self.begin(step, fed)?;
        Ok((stage, self.device.submit(id, &borrowed(&inputs))?))
    }

    /// Brings the device to where step `step` can be submitted: its stage is loaded, what it resets is reset.
    pub(crate) fn begin(&mut self, step: u64, fed: Vec<Named>) -> Result<Ready> {
        self.schedule.enter(self.device, step)?;
        let lr_scale = self.watch.as_ref().map_or(1.0, |w| w.lr_scale(step));
        let ready = self.schedule.ready(step, fed, lr_scale)?;
        for prefix in &ready.resets {
            self.states.reset(self.device, prefix, self.config.seed)?;
        }
        Ok(ready)
    }

    /// Reads losses until at most `most` steps are in flight.
    fn retire(&mut self, most: usize) -> Result<(), Stop> {
        while self.in_flight.len() > most {
            let Some((step, stage, ticket)) = self.in_flight.pop_front() else { break };
            let outputs = wait::outputs(self.device, ticket)?;
            let named = self.schedule.plan(stage).outputs.iter().zip(&outputs);
            let of_step: Vec<(&str, f32)> = named.filter_map(|(port, t)| Some((port.name.as_str(), t.item()?))).collect();
            let bad = of_step.iter().find(|(_, loss)| !loss.is_finite()).map(|(what, value)| ((*what).to_owned(), *value));
            of_step.iter().for_each(|(name, loss)| self.losses.set(name, *loss));
            let done = step + 1;
            if bad.is_some() || done == self.config.steps || done.is_multiple_of(self.config.period.log_every) {
                let (wall_s, mut line) = (self.wall_s(), self.losses.take());
                line.extend(self.schedule.learning_rate(step).map(|lr| (LEARNING_RATE.to_owned(), Some(lr as f32))));
                self.log.write(Line::of(done, wall_s, line))?;
            }
            let warnings = self.alarms.of_losses(&of_step);
            self.warn(done, warnings)?;
            if let Some((what, value)) = bad {
                return Err(Stop::NonFinite { step: done, what, value, at_step: true });
            }
            let (latest, wall_s) = (self.losses.latest(), self.wall_s());
            self.progress.advance(done, &latest);
            let finite = |(name, loss): (String, f32)| (name, Some(loss).filter(|l| l.is_finite()));
            self.live.tell(|status| {
                (status.step, status.wall_s, status.losses) = (done, wall_s, latest.into_iter().map(finite).collect());
            });
        }
        Ok(())
    }

    /// Writes the pictures of this step.
    fn picture(&mut self) -> Result<()> {
        self.pictures.write(self.device, self.folder, self.step)?;
        self.log.pictures(self.folder, self.step)
    }

    /// Writes a checkpoint of this step, once everything up to it is known to be finite.
    fn save(&mut self) -> Result<(), Stop> {
        self.retire(0)?;
        let states = self.states.read_finite(self.device, self.step)?;
        let norms = if self.watches_gradients { gradient_norms(&states) } else { vec![] };
        let validation = self.watch.as_ref().and_then(Watch::record);
        let checkpoint = Checkpoint::new(self.config.identity(), self.step, states).with_validation(validation);
        if !norms.is_empty() {
            let losses = norms.iter().map(|(name, norm)| (format!("{GRADIENT}{name}"), Some(*norm))).collect();
            let wall_s = self.wall_s();
            self.log.write(Line::of(self.step, wall_s, losses))?;
        }
        let warnings = self.alarms.of_gradients(&norms);
        self.warn(self.step, warnings)?;
        self.log.sync()?;
        write_checkpoint(self.folder, self.config, &checkpoint)?;
        self.saved = Some(self.step);
        self.live.tell(|status| status.saved = self.saved);
        if self.reports.is_due() {
            self.reports.done(|| report::write(self.folder, self.config))?;
        }
        Ok(())
    }
}

/// Puts a checkpoint into its folder, and removes old ones.
pub(crate) fn write_checkpoint(folder: &RunFolder, config: &RunConfig, checkpoint: &Checkpoint) -> Result<()> {
    let path = folder.checkpoint(checkpoint.step);
    let bytes = checkpoint.encode().map_err(|reason| TrainingError::Damaged { path: path.clone(), reason })?;
    write_atomically(&path, &bytes)?;
    folder.prune(config.period.keep_checkpoints)
}
