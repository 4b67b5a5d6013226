//! Times the training step of a model on synthetic rows.

use std::collections::VecDeque;
use std::fs;
use std::time::Instant;

use calotype_graph::{Device, DeviceKind, Poll, Ticket};
use calotype_models::feeds::borrowed;
use calotype_models::{Model, Named, Stage, Stages, init};
use serde::Serialize;

use crate::error::{Result, TrainingError};
use crate::fit::Training;
use crate::load::Loader;
use crate::schedule::{Ready, Schedule};
use crate::trace::Trace;
use crate::trainer::IN_FLIGHT;
use crate::wait;

/// Steps that are run before the clock is looked at.
const WARM_UP: usize = 3;

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// Where there are several: those that were timed, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stages: Option<String>,
    /// Rows of a step, of the first of them.
    pub batch: usize,
    /// Steps that were timed.
    pub n_steps: usize,
    /// Loading the plan (compiling what was not compiled), initial values, one step.
    pub first_step_s: f64,
    /// From the end of a step to the end of the next.
    pub step_s_median: f64,
    pub step_s_min: f64,
    pub step_s_max: f64,
    pub images_per_s: f64,
    /// Of the plan's operations, at the median.
    pub gflop_per_s: f64,
    pub n_dispatches: usize,
    /// Host time (encode, finish, submit) for each dispatch; none on a CPU, which computes while it is submitted to.
    pub host_us_per_dispatch: Option<f64>,
    pub planned_bytes: u64,
    pub allocated_bytes: u64,
    /// Largest resident memory of this process so far, where the system tells.
    pub peak_resident_bytes: Option<u64>,
}

/// What is to be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked<'a> {
    /// Steps to time, at least 1.
    pub n_steps: usize,
    /// From the first step of the stage of this name, or else from where the last stages begin.
    pub stage: Option<&'a str>,
    /// Whether one more step is timed kernel by kernel.
    pub traced: bool,
}

/// Trains steps of `model` on a device that has nothing loaded, on rows that are made up, and times them.
///
/// # Errors
/// What the device says; a model that does not learn by steps; a stage that there is not.
pub fn measure(
    model: &dyn Model,
    device: &mut dyn Device,
    training: &Training,
    loader: Loader,
    asked: Asked,
) -> Result<(Measured, Option<Trace>)> {
    let Asked { n_steps, stage, traced } = asked;
    const SEED: u64 = 0;
    let name = model.info().name;
    let counts = || TrainingError::Contradiction(format!("{name} learns by counting and has no training step to time"));
    let descent = model.learning().descent().ok_or_else(counts)?;
    let fed: Vec<Vec<Named>> = training.stages.iter().map(|(stage, _)| made_up(model, stage)).collect();
    let from = begins(&training.stages, stage)?;
    let begin = Instant::now();
    let mut schedule = Schedule::new(descent, training, loader, SEED);
    schedule.enter(device, from)?;
    for spec in training.plans.iter().flat_map(|p| &p.states) {
        device.write_state(&spec.name, &init::initial(spec, SEED))?;
    }
    let mut flops = 0.0;
    let mut ready = |device: &mut dyn Device, step: usize| -> Result<Ready> {
        let step = from + step as u64;
        schedule.enter(device, step)?;
        let rows = fed[descent.at(step, 1.0).stage].clone();
        schedule.ready(step, rows, 1.0)
    };
    let mut submit = |device: &mut dyn Device, step: usize| -> Result<Ticket> {
        let Ready { id, stage, inputs, .. } = ready(device, step)?;
        flops += training.plans[stage].flops() as f64;
        Ok(device.submit(id, &borrowed(&inputs))?)
    };
    let first = submit(device, 0)?;
    wait::outputs(device, first)?;
    let first_step_s = begin.elapsed().as_secs_f64();

    // The last steps in flight end without another one behind them: they are not timed.
    let total = WARM_UP + n_steps.max(1) + IN_FLIGHT;
    let host_before = device.host_time();
    let mut in_flight = VecDeque::new();
    let mut ends = Vec::with_capacity(total);
    for step in 1..=total {
        in_flight.push_back(submit(device, step)?);
        device.poll(Poll::Now)?;
        if in_flight.len() > IN_FLIGHT
            && let Some(ticket) = in_flight.pop_front()
        {
            wait::outputs(device, ticket)?;
            ends.push(Instant::now());
        }
    }
    for ticket in in_flight {
        wait::outputs(device, ticket)?;
    }
    let host = device.host_time();
    let mut steps_s: Vec<f64> = ends.windows(2).skip(WARM_UP - 1).map(|w| (w[1] - w[0]).as_secs_f64()).collect();
    steps_s.sort_by(f64::total_cmp);
    let median = steps_s[steps_s.len() / 2];
    let timed: Vec<&Stage> = training.stages.at(from).into_iter().map(|n| training.stages.get(n)).collect();
    let batch = timed.first().map_or(0, |stage| stage.batch);
    let names = || timed.iter().map(|stage| stage.name.as_str()).collect::<Vec<_>>().join(", ");
    let dispatches = (host.n_dispatches - host_before.n_dispatches).max(1);
    let measured = Measured {
        stages: (training.stages.len() > 1).then(names),
        batch,
        n_steps: steps_s.len(),
        first_step_s,
        step_s_median: median,
        step_s_min: steps_s[0],
        step_s_max: steps_s[steps_s.len() - 1],
        images_per_s: batch as f64 / median,
        gflop_per_s: flops / (total + 1) as f64 / median / 1e9,
        n_dispatches: dispatches as usize / total,
        host_us_per_dispatch: (device.profile().kind != DeviceKind::Cpu)
            .then(|| (host.encode_submit_s - host_before.encode_submit_s) / dispatches as f64 * 1e6),
        planned_bytes: training.memory(device.profile()).total(),
        allocated_bytes: device.allocated_bytes(),
        peak_resident_bytes: peak_resident_bytes(),
    };
    let mut trace = None;
    if traced {
        let Ready { id, stage, inputs, .. } = ready(device, total + 1)?;
        let seconds = device.time_steps(id, &borrowed(&inputs))?;
        let of = format!("{name}, a step of {batch} rows");
        trace = Some(Trace::new(of, device.profile().name.clone(), &training.plans[stage], &seconds));
    }
    Ok((measured, trace))
}

/// The first step of a stage, or of the last ones.
fn begins(stages: &Stages, name: Option<&str>) -> Result<u64> {
    let Some(name) = name else { return Ok(stages.borders().into_iter().rfind(|&at| !stages.at(at).is_empty()).unwrap_or(0)) };
    let names = || stages.iter().map(|(stage, _)| stage.name.as_str()).collect::<Vec<_>>().join(", ");
    let found = stages.iter().find(|(stage, _)| stage.name == name).map(|(stage, _)| stage.span.start);
    found.ok_or_else(|| TrainingError::Contradiction(format!("no stage `{name}`; there are: {}", names())))
}

/// What a stage is fed.
fn made_up(model: &dyn Model, stage: &Stage) -> Vec<Named> {
    stage.feeds.iter().map(|feed| (feed.name.to_owned(), feed.made_up(model, stage.batch, 0, 0))).collect()
}

fn peak_resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}
