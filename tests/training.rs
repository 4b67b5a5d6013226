//! Training on a GPU follows training on the CPU (losses within 1e-5 at the first step, 1e-3 up to the tenth), and repeats to
//! the bit: DCGAN 32x32, f = 8, batch 8.

use std::sync::Arc;

use calotype_gpu_kernels::ShaderMode;
use calotype_graph::philox::{Domain, Stream};
use calotype_graph::{Device, HostTensor, PlanOptions, plan};
use calotype_models::feeds::borrowed;
use calotype_models::{DataShape, Descent, Model, Stages, init};
use calotype_parity::{read_states, run_step};
use calotype_tests::{On, Suite, with};

const STEPS: u64 = 10;
const BATCH: usize = 8;
const SIZE: usize = 32;
/// Of a run in which no activation lies within rounding of LeakyReLU's kink: there, one bit decides a gradient of 1 or 0.2.
const SEED: u64 = 21;

fn main() -> std::process::ExitCode {
    let mut suite = Suite::new();
    let gpu = On::Gpu(ShaderMode::Unchecked);
    suite.on(gpu, "dcgan follows the CPU", |device| {
        let (on_gpu, on_cpu) = (losses(device), with(On::Fast, losses));
        for (step, (got, want)) in on_gpu.iter().zip(&on_cpu).enumerate() {
            // Adam's first steps are all of one size, whatever the gradient's: rounding is amplified.
            let tolerance = if step == 0 { 1e-5 } else { 1e-3 };
            for (g, w) in got.iter().zip(want) {
                assert!((g - w).abs() <= tolerance * w.abs(), "step {}: {g} on the GPU, {w} on the CPU", step + 1);
            }
        }
    });
    for on in [gpu, On::Fast] {
        suite.on(on, "dcgan repeats to the bit", |device| {
            let first = (losses(device), digest(device));
            let second = (losses(device), digest(device));
            assert!(first == second, "losses {:?} and {:?}", first.0, second.0);
        });
    }
    suite.run()
}

fn model() -> Arc<dyn Model> {
    let info = calotype_models::find("dcgan").expect("a model of that name");
    let data = DataShape { shape: vec![SIZE, SIZE, 1], levels: Some(256), n_train: 1000, ..DataShape::default() };
    let set = [("width".to_owned(), "8".to_owned())].into();
    info.build(info.default_preset(), &set, &data).expect("valid settings")
}

fn descent(model: &dyn Model) -> &dyn Descent {
    model.learning().descent().expect("it learns by steps")
}

/// [loss_d, loss_g] of ten steps from the initial values.
fn losses(device: &mut dyn Device) -> Vec<Vec<f32>> {
    let model = model();
    let stages = Stages::new(descent(model.as_ref()), BATCH).expect("it builds");
    let program = stages.program(0);
    for spec in program.states() {
        device.write_state(&spec.name, &init::initial(spec, SEED)).expect("a state");
    }
    let plan = Arc::new(plan(program, device.profile(), PlanOptions::default()).expect("it fits"));
    let id = device.load(&plan).expect("it loads");
    let mut pixels = Stream::new(SEED, Domain::Test, "images", 0);
    let all = (0..STEPS).map(|step| {
        let images: Vec<f32> = (0..BATCH * SIZE * SIZE).map(|_| 2.0 * pixels.uniform() - 1.0).collect();
        let images = HostTensor::f32([BATCH, SIZE, SIZE, 1], images);
        let inputs = stages.inputs(&descent(model.as_ref()).at(step, 1.0), vec![("x".to_owned(), images)], SEED, step);
        let losses = run_step(device, id, &borrowed(&inputs)).expect("it runs");
        losses.iter().map(|l| l.item().expect("a scalar")).collect()
    });
    let all = all.collect();
    device.unload(id);
    all
}

/// Every word of every state.
fn digest(device: &mut dyn Device) -> Vec<(String, Vec<u32>)> {
    let names: Vec<String> = device.states().into_iter().map(|s| s.name).collect();
    let borrowed: Vec<&str> = names.iter().map(String::as_str).collect();
    let values = read_states(device, &borrowed).expect("states");
    names.into_iter().zip(values).map(|(name, value)| (name, value.words().to_vec())).collect()
}
