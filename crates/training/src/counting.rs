//! Models that learn by counting: every row once, then one checkpoint.

use std::time::Instant;

use calotype_graph::StateSpec;
use calotype_models::Counting;

use crate::checkpoint::Checkpoint;
use crate::error::{Result, TrainingError};
use crate::material::Rows;
use crate::metrics::{Line, Log};
use crate::pictures::{Pictures, Studio};
use crate::report;
use crate::rows::RowProgram;
use crate::sampler::Sampler;
use crate::states::States;
use crate::trainer::{Ending, Outcome, Setup, write_checkpoint};

/// The step of the only checkpoint.
const DONE: u64 = 1;

/// Counts the rows of a run, scores them, and saves what was counted. A run that was interrupted begins again: it takes seconds.
pub(crate) fn count(setup: Setup, counting: &dyn Counting, from: Option<&Checkpoint>) -> Result<Outcome> {
    let Setup { config, folder, model, device, rows, plans, loader, progress, interrupt, tensorboard: _ } = setup;
    let done = |ending| Outcome { ending, step: DONE, checkpoint: folder.checkpoint(DONE) };
    if from.is_some() {
        return Ok(done(Ending::Finished));
    }
    let (Rows::Once(rows), Some(plan)) = (rows, &plans.held_out) else {
        return Err(TrainingError::Contradiction(format!("{} does not learn by counting", config.model)));
    };
    folder.sweep()?;
    let started = Instant::now();
    let mut log = Log::open(&folder.metrics(), 0)?;
    let n_values: usize = model.shape().iter().product();
    let mut counts = counting.counts();
    for batch in rows.iter() {
        if interrupt.asked() {
            return Ok(Outcome { ending: Ending::Interrupted, step: 0, checkpoint: folder.checkpoint(0) });
        }
        batch.batch.images.chunks_exact(n_values).take(batch.n_valid).for_each(|row| counts.add(row));
    }
    let (specs, values): (Vec<StateSpec>, Vec<_>) = counts.states().into_iter().unzip();
    let checkpoint = Checkpoint::new(config.identity(), DONE, specs.iter().zip(values));
    let program = RowProgram::load(device, plan, loader, config.seed)?;
    let sampler = Sampler::load(model, device, &plans.sampling, loader, config.seed)?;
    let pictures = Pictures::load(device, &Studio { model, plans, sampler, loader, seed: config.seed, rows: None, known: None })?;
    States::of(plans).write(device, folder, config.seed, Some(&checkpoint))?;
    let nats = program.mean_sum(device, &rows)?;
    progress.say(&format!("{} rows counted: {nats:.3} nats a row", rows.rows().len()));
    let wall_s = started.elapsed().as_secs_f64();
    log.write(Line::of(DONE, wall_s, vec![("nats".to_owned(), Some(nats as f32))]))?;
    log.sync()?;
    pictures.write(device, folder, DONE)?;
    write_checkpoint(folder, config, &checkpoint)?;
    report::write(folder, config)?;
    Ok(done(Ending::Finished))
}
