//! What holds for every model: each of its programs runs on every device as on the plain CPU, takes the memory that was planned, and
//! computes fused what it computes unfused. Those with a density sum to 1 and draw alike everywhere.

use std::sync::Arc;

use calotype_gpu_kernels::ShaderMode;
use calotype_graph::op::{Fill, Tolerance};
use calotype_graph::{Device, HostTensor, Plan, PlanOptions, Program, plan};
use calotype_models::feeds::borrowed;
use calotype_models::{Density, Feed, Learning, Model, Source, Stages, Values, add, all, density, init};
use calotype_parity::{compare, drive, fill, run_step};
use calotype_tests::{On, Suite, small, with};

#[path = "../toy/model.rs"]
mod toy;

/// Rows of a step.
const BATCH: usize = 3;
/// From each border of a model's stages.
const STEPS: u64 = 3;
const SEED: u64 = 5;
const AS_WRITTEN: PlanOptions = PlanOptions { simplify: false, fuse: false };

fn main() -> std::process::ExitCode {
    let mut suite = Suite::new();
    let gpu = On::Gpu(ShaderMode::Unchecked);
    add(&toy::INFO);
    for info in all() {
        let name = info.name;
        for on in [On::Fast, gpu] {
            suite.on(on, format!("{name}: learns as on the plain CPU"), move |d| learns_alike(name, d));
        }
        suite.on(On::Plain, format!("{name}: fused is unfused"), move |d| fused_is_unfused(name, d));
        for on in [On::Fast, gpu] {
            suite.on(on, format!("{name}: memory is as planned"), move |d| memory_is_as_planned(name, d));
        }
        if small(name, SHAPE, 2).density().is_none() {
            continue;
        }
        for on in [On::Fast, gpu] {
            suite.on(on, format!("{name}: draws as the plain CPU"), move |d| draws_alike(name, d));
        }
        if small(name, [3, 3, 1], 2).values() == Values::Levels(2) {
            for on in [On::Plain, On::Fast, gpu] {
                suite.on(on, format!("{name}: probabilities of all images sum to 1"), move |d| sums_to_one(name, [3, 3, 1], d));
            }
            for on in [On::Fast, gpu] {
                suite.on(on, format!("{name}: in colour, too"), move |d| sums_to_one(name, [2, 2, 3], d));
            }
        }
    }
    suite.run()
}

/// Of images for models of images.
const SHAPE: [usize; 3] = [5, 4, 1];

/// Rows [n, ..shape] of the model's values.
fn rows(model: &dyn Model, n: usize, stream: &str) -> HostTensor {
    let with = match model.values() {
        Values::Levels(levels) => Fill::Below(levels),
        Values::Signed => Fill::Uniform { low: -1.0, high: 1.0 },
        Values::Standardised => Fill::Normal,
    };
    fill(&calotype_graph::Type::f32([&[n], model.shape()].concat()), with, stream)
}

/// The initial values of a plan's states that the device does not have yet.
fn write_initial(device: &mut dyn Device, plan: &Plan) {
    let known: Vec<String> = device.states().into_iter().map(|s| s.name).collect();
    for spec in plan.states.iter().filter(|s| !known.contains(&s.name)) {
        device.write_state(&spec.name, &init::initial(spec, SEED)).expect("a state");
    }
}

/// Learns a little on the device, which then holds the model's states; the losses of each step.
fn learn(model: &dyn Model, device: &mut dyn Device, options: PlanOptions) -> Vec<Vec<HostTensor>> {
    let descent = match model.learning() {
        Learning::Descent(descent) => descent,
        Learning::Counting(counting) => {
            let mut counts = counting.counts();
            let all = rows(model, 40, "counted");
            let n_values = all.shape.numel() / 40;
            all.as_f32().expect("floats").chunks_exact(n_values).for_each(|row| counts.add(row));
            for (spec, value) in counts.states() {
                device.write_state(&spec.name, &value).expect("a state");
            }
            return vec![];
        }
    };
    let stages = Stages::new(descent, BATCH).expect("it builds");
    let plans: Vec<_> =
        stages.iter().map(|(_, program)| Arc::new(plan(program, device.profile(), options).expect("it fits"))).collect();
    plans.iter().for_each(|plan| write_initial(device, plan));
    let ids: Vec<_> = plans.iter().map(|plan| device.load(plan).expect("it loads")).collect();
    // Every stage has a turn.
    let steps = stages.borders().into_iter().flat_map(|border| border..border + STEPS);
    let losses = steps.map(|step| {
        let turn = descent.at(step, 1.0);
        let feeds = stages.get(turn.stage).feeds.iter();
        let value = |feed: &Feed| match feed.source {
            Source::Rows => rows(model, BATCH, &format!("step {step}")),
            _ => feed.made_up(model, BATCH, SEED, step),
        };
        let fed = feeds.map(|feed| (feed.name.to_owned(), value(feed))).collect();
        let inputs = stages.inputs(&turn, fed, SEED, step);
        run_step(device, ids[turn.stage], &borrowed(&inputs)).expect("it runs")
    });
    let losses = losses.collect();
    ids.into_iter().for_each(|id| device.unload(id));
    losses
}

/// Losses are close; later ones less, since a first step of Adam or RMSProp is of one size whatever the gradient's.
fn close(name: &str, got: &[Vec<HostTensor>], want: &[Vec<HostTensor>]) {
    for (step, (got, want)) in got.iter().zip(want).enumerate() {
        let rtol = if step == 0 { 2e-5 } else { 2e-3 };
        for (got, want) in got.iter().zip(want) {
            compare(got, want, Tolerance { atol: 1e-5, rtol }).unwrap_or_else(|e| panic!("{name}, step {}: {e}", step + 1));
        }
    }
}

fn on_plain<R>(name: &str, f: impl FnOnce(&dyn Model, &mut dyn Device) -> R) -> R {
    with(On::Plain, |plain| f(small(name, SHAPE, 2).as_ref(), plain))
}

fn learns_alike(name: &str, device: &mut dyn Device) {
    let got = learn(small(name, SHAPE, 2).as_ref(), device, PlanOptions::default());
    close(name, &got, &on_plain(name, |model, plain| learn(model, plain, PlanOptions::default())));
    // And what it has learned says the same of other rows.
    let Some(got) = scored(name, device) else { return };
    let want = on_plain(name, |model, plain| {
        learn(model, plain, PlanOptions::default());
        scored(name, plain).expect("a density")
    });
    compare(&got, &want, Tolerance { atol: 1e-3, rtol: 1e-3 }).unwrap_or_else(|e| panic!("{name}: {e}"));
}

/// log p of some rows, by the states on the device.
fn scored(name: &str, device: &mut dyn Device) -> Option<HostTensor> {
    let model = small(name, SHAPE, 2);
    let density = model.density()?;
    Some(score(density, device, &rows(model.as_ref(), BATCH, "scored")))
}

fn score(density: &dyn Density, device: &mut dyn Device, x: &HostTensor) -> HostTensor {
    let program = density::scoring(density, x.shape.dims()[0]).expect("it builds");
    let plan = Arc::new(plan(&program, device.profile(), PlanOptions::default()).expect("it fits"));
    let id = device.load(&plan).expect("it loads");
    let log_p = run_step(device, id, &[("x", x)]).expect("it runs").remove(0);
    device.unload(id);
    log_p
}

fn fused_is_unfused(name: &str, device: &mut dyn Device) {
    let model = small(name, SHAPE, 2);
    let fused = learn(model.as_ref(), device, PlanOptions::default());
    let unfused = with(On::Plain, |plain| learn(model.as_ref(), plain, AS_WRITTEN));
    close(name, &fused, &unfused);
}

/// Every program of a model.
fn programs(model: &dyn Model) -> Vec<Program> {
    let mut all = Vec::new();
    if let Some(descent) = model.learning().descent() {
        let stages = Stages::new(descent, BATCH).expect("it builds");
        all.extend(stages.iter().map(|(_, program)| program.clone()));
    }
    all.extend(model.held_out(BATCH).map(|p| p.expect("it builds")));
    all.extend(model.features(BATCH).map(|p| p.expect("it builds")));
    all.extend(model.latent().map(|l| l.sampling(BATCH).expect("it builds")));
    if let (Some(translator), &[h, w, _]) = (model.translator(), model.shape()) {
        let ways = translator.domains().ways().into_iter();
        all.extend(ways.map(|way| translator.translation(way, BATCH, [h, w]).expect("it builds")));
        all.extend(translator.recognition(BATCH, [h, w]).map(|p| p.expect("it builds")));
    }
    if let Some(text) = model.text() {
        all.extend([text.reading(BATCH), text.drawing(BATCH)].map(|program| program.expect("it builds")));
    }
    if let Some(composer) = model.composer() {
        let n = composer.n_patches();
        all.extend([n, n + 2].map(|n| composer.composition(n, BATCH).expect("it builds")));
    }
    if let Some(d) = model.density() {
        all.push(density::scoring(d, BATCH).expect("it builds"));
        all.push(density::conditionals(d, BATCH).expect("it builds"));
        let drawing = d.drawing(BATCH).expect("it builds");
        all.extend([drawing.begin, drawing.end].into_iter().chain(drawing.round.into_iter().map(|(p, _)| p)));
    }
    all
}

fn memory_is_as_planned(name: &str, device: &mut dyn Device) {
    for program in programs(small(name, SHAPE, 2).as_ref()) {
        let plan = Arc::new(plan(&program, device.profile(), PlanOptions::default()).expect("it fits"));
        write_initial(device, &plan);
        let id = device.load(&plan).expect("it loads");
        assert_eq!(device.allocated_bytes(), plan.memory.total(), "{name}: {}: {:?}", plan.name, plan.memory);
        device.unload(id);
        plan.states.iter().for_each(|s| device.remove_state(&s.name).expect("no plan uses it"));
    }
}

/// Rows [n, D] drawn by the states on the device.
fn draw(density: &dyn Density, device: &mut dyn Device, noise: &HostTensor) -> HostTensor {
    let n = noise.shape.dims()[0];
    let drawing = density.drawing(n).expect("it builds");
    let load = |device: &mut dyn Device, program: &Program| {
        let plan = Arc::new(plan(program, device.profile(), PlanOptions::default()).expect("it fits"));
        device.load(&plan).expect("it loads")
    };
    let begin = load(device, &drawing.begin);
    let round: Vec<_> = drawing.round.iter().map(|(program, times)| (load(device, program), *times)).collect();
    let end = load(device, &drawing.end);
    let zeros = HostTensor::f32([n, noise.shape.dims()[1]], vec![0.0; n * noise.shape.dims()[1]]);
    let ticket = device.submit(begin, &[("noise", noise), ("known", &zeros), ("mask", &zeros)]).expect("it runs");
    device.forget(ticket);
    for _ in 0..drawing.rounds {
        round.iter().for_each(|&(id, times)| device.replay(id, times).expect("it runs"));
    }
    let ticket = device.submit(end, &[]).expect("it runs");
    let future = device.finished(ticket);
    let x = drive(device, future).expect("it runs").remove(0);
    [begin, end].into_iter().chain(round.into_iter().map(|(id, _)| id)).for_each(|id| device.unload(id));
    x
}

/// The same noise gives the same rows, by the weights that the plain CPU has learned. A u that hits its p to the sixth digit could
/// tell them apart; it is fixed, and none does.
fn draws_alike(name: &str, device: &mut dyn Device) {
    let model = small(name, SHAPE, 2);
    let density = model.density().expect("a density");
    let n_values = model.shape().iter().product();
    let noise = init::noise(BATCH, n_values, density.conditional().n_noise(), SEED);
    let (want, states) = with(On::Plain, |plain| {
        learn(model.as_ref(), plain, PlanOptions::default());
        let names: Vec<String> = plain.states().into_iter().map(|s| s.name).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let values = calotype_parity::read_states(plain, &names).expect("states");
        let states: Vec<(String, HostTensor)> = names.iter().map(|n| (*n).to_owned()).zip(values).collect();
        (draw(density, plain, &noise), states)
    });
    states.iter().for_each(|(name, value)| device.write_state(name, value).expect("a state"));
    let got = draw(density, device, &noise);
    let tolerance = if model.values() == Values::Standardised { 2e-3 } else { 0.0 };
    compare(&got, &want, Tolerance { atol: tolerance, rtol: tolerance }).unwrap_or_else(|e| panic!("{name}: {e}"));
}

/// All images of bits of this shape, by weights that the device has learned: 512 of 3x3, 4,096 of 2x2 in colour.
fn sums_to_one(name: &str, shape: [usize; 3], device: &mut dyn Device) {
    let dims: usize = shape.iter().product();
    let n = 1 << dims;
    let model = small(name, shape, 2);
    learn(model.as_ref(), device, PlanOptions::default());
    let bits: Vec<f32> = (0..n * dims).map(|i| ((i / dims) >> (i % dims) & 1) as f32).collect();
    let [h, w, c] = shape;
    let log_p = score(model.density().expect("a density"), device, &HostTensor::f32([n, h, w, c], bits));
    let p = |row: &[f32]| row.iter().map(|&v| f64::from(v)).sum::<f64>().exp();
    let p: Vec<f64> = log_p.as_f32().expect("floats").chunks_exact(dims).map(p).collect();
    let sum: f64 = p.iter().sum();
    assert!((sum - 1.0).abs() <= 1e-4, "{name}: {sum}");
    let (least, most) = p.iter().fold((1.0f64, 0.0f64), |(l, m), &p| (l.min(p), m.max(p)));
    assert!(most > 1.5 * least, "{name} is as good as uniform: {least} to {most}");
}
