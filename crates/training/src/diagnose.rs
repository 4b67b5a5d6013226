//! Diagnosis of a loss or a state that is not finite: the steps since the last good checkpoint are run again, the last ones kernel
//! by kernel, and the first non-finite tensor is named.

use calotype_graph::{NonFinite, Poll};
use calotype_models::feeds::borrowed;

use crate::error::{Result, TrainingError};
use crate::restore;
use crate::schedule::Ready;
use crate::trainer::Trainer;
use crate::wait;

/// How many steps up to a bad loss are looked at: an update can spoil a parameter whose first use is the next step.
const LOOKED_AT: u64 = 2;

impl Trainer<'_> {
    /// The error that ends the run. `step` steps were done when `what` was found to be bad.
    pub(crate) fn diagnose(&mut self, step: u64, what: String, value: f32, at_step: bool) -> TrainingError {
        let found = match self.find(step, at_step) {
            Ok(found) => found,
            Err(e) => format!("the search for the first non-finite tensor failed: {e}"),
        };
        let run = self.folder.path().display();
        let kept = match self.saved {
            Some(saved) => format!(
                "The last good checkpoint is {} (`calotype sample {run}` uses it)",
                self.folder.checkpoint(saved).display()
            ),
            None => "No checkpoint had been written".to_owned(),
        };
        let way_on = format!("{kept}. A resumed run would fail again: start a new run with a smaller learning rate (--set lr=…)");
        TrainingError::NonFinite { step, what, value, found, way_on }
    }

    /// In words: which tensor, or why it is not known.
    fn find(&mut self, step: u64, at_step: bool) -> Result<String> {
        let first = self.saved.unwrap_or(0);
        let origin = match self.saved {
            Some(saved) => format!("the checkpoint of step {saved}"),
            None => "the initial state".to_owned(),
        };
        self.progress.say(&format!("not finite at step {step}; replaying from {origin} to find the tensor (Ctrl-C skips this)"));
        self.rewind()?;
        let checked_from = if at_step { step.saturating_sub(LOOKED_AT) } else { first };
        for s in first..step {
            if self.interrupt.asked() {
                return Ok("the search for the tensor was skipped".to_owned());
            }
            let fed = self.feeder.feed(s);
            if s < checked_from {
                let (_, ticket) = self.submit(s, fed)?;
                self.device.poll(Poll::Now)?;
                wait::outputs(self.device, ticket)?;
                continue;
            }
            let Ready { id, stage, inputs, .. } = self.begin(s, fed)?;
            if let Some(bad) = self.device.find_non_finite(id, &borrowed(&inputs))? {
                return Ok(self.describe(s + 1, stage, &bad));
            }
        }
        Ok("the replay did not reproduce it: the results of this device are not repeatable".to_owned())
    }

    /// Back to the last good checkpoint, or the initial state.
    fn rewind(&mut self) -> Result<()> {
        let damaged = |reason| TrainingError::Damaged { path: self.folder.checkpoint(self.saved.unwrap_or(0)), reason };
        let from = self.saved.map(|step| restore::read(self.folder, step)).transpose().map_err(damaged)?;
        self.states.write(self.device, self.folder, self.config.seed, from.as_ref())
    }

    fn describe(&self, step: u64, stage: usize, bad: &NonFinite) -> String {
        let stem = self.schedule.plan(stage).steps.get(bad.step).map_or("", |s| s.stem());
        format!(
            "the first non-finite tensor is `{}` ({stem}) in step {step}: its element {} is {}",
            bad.name, bad.element, bad.value
        )
    }
}
