//! Ten steps of an InfoGAN with learned deviations: losses and bounds, every gradient of the first step, where they lead.

use std::sync::Arc;

use calotype_graph::op::Tolerance;
use calotype_graph::{Device, PlanOptions, plan};
use calotype_models::feeds::borrowed;
use calotype_models::{DataShape, Preset, Stages, init};
use calotype_parity::{read_states, run_step};
use calotype_tests::{Golden, permuted};

use super::{check, part, weights};

const STEPS: usize = 10;
const BATCH: usize = 6;
const SET: [(&str, &str); 11] = [
    ("augment", "none"),
    ("size", "8"),
    ("width", "2"),
    ("hidden", "6"),
    ("hidden_q", "5"),
    ("latents", "3"),
    ("categories", "4"),
    ("codes", "2"),
    ("lambda_codes", "0.5"),
    ("sigma", "learned"),
    ("sigma_floor", "0.2"),
];

const BEFORE_NORM: [&str; 3] = ["main.0.bias", "main.3.bias", "trunk.6.bias"];

pub fn infogan(device: &mut dyn Device) {
    let golden = Golden::open("infogan");
    let set = SET.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let data = DataShape { shape: vec![8, 8, 1], levels: Some(256), n_train: 40, ..DataShape::default() };
    let info = calotype_models::find("infogan").expect("a model of that name");
    let model = info.build(Preset::SMALL, &set, &data).expect("valid settings");
    let descent = model.learning().descent().expect("steps");
    let stages = Stages::new(descent, BATCH).expect("it builds");
    let program = stages.program(0);
    let networks: Vec<_> = program.states().filter(|s| !s.name.starts_with("optimizer.")).cloned().collect();
    assert_eq!(networks.len(), golden.names("initial/").count(), "the same tensors");
    for spec in program.states() {
        device.write_state(&spec.name, &init::initial(spec, 0)).expect("a new state");
    }
    for spec in &networks {
        let value = weights(&golden, &format!("initial/{}", spec.name), spec.layout);
        device.write_state(&spec.name, &value).expect("the model's shape is PyTorch's");
    }
    let plan = Arc::new(plan(program, device.profile(), PlanOptions::default()).expect("it fits"));
    let id = device.load(&plan).expect("it loads");
    let images = permuted(&golden.get("images"), &[0, 1, 3, 4, 2]); // [10, 6, 8, 8, 1]
    for step in 0..STEPS {
        let fed = vec![("x".to_owned(), part(&images, step))];
        let inputs = stages.inputs(&descent.at(step as u64, 1.0), fed, 7, step as u64);
        let losses = run_step(device, id, &borrowed(&inputs)).expect("it runs");
        for ((name, _), loss) in program.outputs().zip(&losses) {
            let tolerance = Tolerance { atol: 1e-6 * (step + 5) as f32, rtol: 1e-6 };
            check(&format!("{name}, step {step}"), loss, &part(&golden.get(name), step), tolerance);
        }
        if step == 0 {
            first_gradients(device, &golden, &networks);
        }
    }
    for spec in &networks {
        let got = read_states(device, &[&spec.name]).expect("a state").remove(0);
        let want = weights(&golden, &format!("final/{}", spec.name), spec.layout);
        // What Adam makes of a gradient of rounding is a step of either sign; it moves the running mean with it, and nothing else.
        let shifted = ["main.1.running_mean", "main.4.running_mean", "trunk.7.running_mean"];
        let is_shift = BEFORE_NORM.iter().chain(&shifted).any(|name| spec.name.ends_with(name));
        let atol = if is_shift { 2.0 * STEPS as f32 * 1e-3 } else { 2e-5 };
        check(&format!("final {}", spec.name), &got, &want, Tolerance { atol, rtol: 1e-5 });
    }
    device.unload(id);
}

/// After the first step Adam's first moment is (1 - 0.5) times the gradient, exactly.
fn first_gradients(device: &mut dyn Device, golden: &Golden, networks: &[calotype_graph::StateSpec]) {
    let names: Vec<&str> = golden.names("gradient/").filter_map(|name| name.strip_prefix("gradient/")).collect();
    for name in names {
        let spec = networks.iter().find(|s| s.name == name).unwrap_or_else(|| panic!("no `{name}`"));
        let optimiser = if name.starts_with("recognition.") { "optimizer.discriminator" } else { "optimizer" };
        let moment = read_states(device, &[&format!("{optimiser}.{name}.exp_avg")]).expect("Adam's").remove(0);
        let gradient: Vec<f32> = moment.as_f32().expect("floats").iter().map(|m| 2.0 * m).collect();
        let want = weights(golden, &format!("gradient/{name}"), spec.layout);
        let largest = want.as_f32().expect("floats").iter().fold(0.0f32, |m, v| m.max(v.abs()));
        // Against the largest element: small ones are differences of large ones. A bias before batch norm has a gradient of 0.
        let rounding = if BEFORE_NORM.iter().any(|bias| name.ends_with(bias)) { 1e-6 } else { 0.0 };
        let tolerance = Tolerance { atol: 1e-5 * largest + rounding, rtol: 1e-5 };
        let gradient = calotype_graph::HostTensor::f32(moment.shape, gradient);
        check(&format!("gradient of {name}"), &gradient, &want, tolerance);
    }
}
