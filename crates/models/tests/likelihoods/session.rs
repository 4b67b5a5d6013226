//! A model on a device: fitted or with chosen states, scored, drawn from.

use std::collections::BTreeMap;
use std::sync::Arc;

use calotype_cpu_reference::Cpu;
use calotype_graph::philox::{Domain, Stream};
use calotype_graph::{Device, Dtype, HostTensor, PlanId, PlanOptions, Program, plan};
use calotype_models::feeds::borrowed;
use calotype_models::{DataShape, Density, Descent, Learning, Model, Preset, SettingError, Stages, density, find, init};
use calotype_parity::{drive, run_step};

/// The naive loops, and what users run.
pub fn devices() -> [Box<dyn Device>; 2] {
    [Box::new(Cpu::<f32>::plain()), Box::new(Cpu::<f32>::fast(2).expect("threads"))]
}

pub fn fast() -> Box<dyn Device> {
    Box::new(Cpu::<f32>::fast(2).expect("threads"))
}

pub fn build(name: &str, given: &[(&str, &str)], shape: &[usize], levels: Option<u32>) -> Result<Arc<dyn Model>, SettingError> {
    let data = DataShape { shape: shape.to_vec(), levels, n_train: 1000, ..DataShape::default() };
    let given: BTreeMap<String, String> = given.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    find(name)?.build(Preset::SMALL, &given, &data)
}

pub fn density(model: &dyn Model) -> &dyn Density {
    model.density().expect("a density")
}

pub fn floats(t: &HostTensor) -> &[f32] {
    t.as_f32().expect("floats")
}

pub fn load(device: &mut dyn Device, program: &Program) -> PlanId {
    let plan = Arc::new(plan(program, device.profile(), PlanOptions::default()).expect("it fits"));
    device.load(&plan).expect("it loads")
}

/// Runs a program once: its outputs.
pub fn run(device: &mut dyn Device, program: &Program, inputs: &[(&str, &HostTensor)]) -> Vec<HostTensor> {
    let id = load(device, program);
    let outputs = run_step(device, id, inputs).expect("it runs");
    device.unload(id);
    outputs
}

/// Counts rows one after another.
pub fn count<'a>(device: &mut dyn Device, model: &dyn Model, rows: impl Iterator<Item = &'a [f32]>) {
    let Learning::Counting(counting) = model.learning() else { panic!("it learns by descent") };
    let mut counts = counting.counts();
    rows.for_each(|row| counts.add(row));
    counts.states().iter().for_each(|(spec, value)| device.write_state(&spec.name, value).expect("a state"));
}

/// Rows [n, ..shape] of a model as a tensor.
pub fn rows(model: &dyn Model, values: &[f32]) -> HostTensor {
    let n = values.len() / model.shape().iter().product::<usize>();
    HostTensor::f32([&[n], model.shape()].concat(), values)
}

/// log p(x_d | x_<d), [n, D].
pub fn log_p(device: &mut dyn Device, model: &dyn Model, x: &[f32]) -> Vec<f32> {
    let x = rows(model, x);
    let program = density::scoring(density(model), x.shape.dims()[0]).expect("a sound graph");
    floats(&run(device, &program, &[("x", &x)])[0]).to_vec()
}

/// [n, D, K]
pub fn parameters(device: &mut dyn Device, model: &dyn Model, x: &[f32]) -> Vec<f32> {
    let x = rows(model, x);
    let program = density::conditionals(density(model), x.shape.dims()[0]).expect("a sound graph");
    floats(&run(device, &program, &[("x", &x)])[0]).to_vec()
}

/// Rows drawn from noise [n, D, R], with `known` [n, D] kept where `mask` is not 0: [n, D].
pub fn draw(device: &mut dyn Device, model: &dyn Model, noise: &HostTensor, known: &[f32], mask: &[f32]) -> Vec<f32> {
    let (n, dims) = (noise.shape.dims()[0], noise.shape.dims()[1]);
    let drawing = density(model).drawing(n).expect("sound graphs");
    let (known, mask) = (HostTensor::f32([n, dims], known), HostTensor::f32([n, dims], mask));
    run(device, &drawing.begin, &[("noise", noise), ("known", &known), ("mask", &mask)]);
    let round: Vec<(PlanId, usize)> = drawing.round.iter().map(|(program, n)| (load(device, program), *n)).collect();
    for _ in 0..drawing.rounds {
        round.iter().for_each(|&(id, n)| device.replay(id, n).expect("it runs"));
    }
    round.iter().for_each(|&(id, _)| device.unload(id));
    let x = run(device, &drawing.end, &[]).remove(0);
    assert_eq!(x.shape.dims(), [&[n], model.shape()].concat());
    // The next batch may have another size.
    for state in device.states().iter().filter(|s| s.name.starts_with(density::SAMPLER_PREFIX)) {
        device.remove_state(&state.name).expect("it is there");
    }
    floats(&x).to_vec()
}

/// Noise for n rows: [n, D, R].
pub fn noise(model: &dyn Model, n: usize, name: &str) -> HostTensor {
    let (dims, r) = (model.shape().iter().product(), density(model).conditional().n_noise());
    let mut random = Stream::new(7, Domain::Test, name, 0);
    let mut number = |i: usize| if i.is_multiple_of(r) { random.uniform() } else { random.normal() };
    HostTensor::f32([n, dims, r], (0..n * dims * r).map(&mut number).collect::<Vec<_>>())
}

/// Every row that `n` values with `levels` levels each can be: [levels^n, n].
pub fn every_row(n: usize, levels: usize) -> Vec<f32> {
    (0..levels.pow(n as u32)).flat_map(|row| (0..n).map(move |d| (row / levels.pow(d as u32) % levels) as f32)).collect()
}

/// p(x) of each row.
pub fn probabilities(log_p: &[f32], dims: usize) -> Vec<f64> {
    log_p.chunks_exact(dims).map(|row| row.iter().map(|&l| f64::from(l)).sum::<f64>().exp()).collect()
}

pub fn state(device: &mut dyn Device, name: &str) -> HostTensor {
    let promise = device.read_states(&[name]);
    drive(device, promise).expect("a state").remove(0)
}

/// Gives a model's states values of chance: floats from -size to size, the rest as they start.
pub fn set_states(device: &mut dyn Device, model: &dyn Model, size: f32) {
    let program = density::scoring(density(model), 1).expect("a sound graph");
    for spec in program.states() {
        let mut random = Stream::new(5, Domain::Test, &spec.name, 0);
        let value = match spec.ty.dtype {
            Dtype::F32 => {
                let values = (0..spec.ty.numel()).map(|_| size * (2.0 * random.uniform() - 1.0)).collect::<Vec<_>>();
                HostTensor::f32(spec.ty.shape.clone(), values)
            }
            Dtype::U32 => init::initial(spec, 0),
        };
        device.write_state(&spec.name, &value).expect("a new state");
    }
}

/// Steps on one batch, from the states' first values: the losses.
pub fn train(device: &mut dyn Device, descent: &dyn Descent, x: &HostTensor, n_steps: u64) -> Vec<f32> {
    let stages = Stages::new(descent, x.shape.dims()[0]).expect("a sound graph");
    for spec in stages.program(0).states() {
        device.write_state(&spec.name, &init::initial(spec, 0)).expect("a new state");
    }
    let id = load(device, stages.program(0));
    let mut step = |step| {
        let inputs = stages.inputs(&descent.at(step, 1.0), vec![("x".to_owned(), x.clone())], 0, step);
        run_step(device, id, &borrowed(&inputs)).expect("it runs")[0].item().expect("a loss")
    };
    (0..n_steps).map(&mut step).collect()
}
