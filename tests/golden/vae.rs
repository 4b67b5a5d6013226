//! Variational auto-encoders of every likelihood: losses, the first step's gradients, and ten losses in training.

use std::sync::Arc;

use calotype_graph::op::Tolerance;
use calotype_graph::{Device, HostTensor, PlanOptions, Program, plan};
use calotype_models::feeds::borrowed;
use calotype_models::{DataShape, Model, Stages, init};
use calotype_parity::{read_states, run_step};
use calotype_tests::Golden;

use super::{check, part, weights};

const STEPS: usize = 10;
const BATCH: usize = 4;
const SEED: u64 = 7;
/// 1 - β1 of Adam.
const NEW: f32 = 0.1;

/// The settings of a case that differ from a dense network of 7 hidden units and 3 latents.
fn settings(case: &str) -> &'static [(&'static str, &'static str)] {
    match case {
        "bits" | "colour bits" => &[],
        "iwae" => &[("hidden", "6"), ("layers", "2"), ("activation", "tanh"), ("latents", "5"), ("k", "3")],
        "levels" => &[("likelihood", "discretised-logistic"), ("latents", "2")],
        "convolutions" => &[("likelihood", "discretised-logistic"), ("filters", "2"), ("stages", "2"), ("hidden", "5")],
        "vectors" | "scaled levels" => &[("likelihood", "gaussian")],
        "cross-entropy" => &[("likelihood", "cross-entropy")],
        "regularised" => &[("beta", "0.5"), ("kl_warm_up", "4"), ("free_bits", "0.3")],
        other => panic!("no settings for `{other}`"),
    }
}

fn levels(case: &str) -> Option<u32> {
    match case {
        "levels" | "cross-entropy" => Some(5),
        "convolutions" => Some(16),
        "scaled levels" => Some(9),
        "vectors" => None,
        _ => Some(2),
    }
}

fn model(golden: &Golden, case: &str) -> Arc<dyn Model> {
    let shape = golden.get(&format!("{case}/x")).shape.dims()[2..].to_vec();
    let data = DataShape { shape, levels: levels(case), n_train: 40, ..DataShape::default() };
    let base = [("hidden", "7"), ("latents", "3"), ("floor", "0.01")];
    let set = base.iter().chain(settings(case)).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let info = calotype_models::find("vae").expect("a model of that name");
    info.build(info.default_preset(), &set, &data).unwrap_or_else(|e| panic!("{case}: {e}"))
}

pub fn losses_and_gradients(device: &mut dyn Device) {
    let golden = Golden::open("vae");
    let cases: std::collections::BTreeSet<&str> = golden.names("").filter_map(|n| Some(n.split_once('/')?.0)).collect();
    assert_eq!(cases.len(), 9);
    for case in cases {
        ten_steps(device, &golden, case);
        let states: Vec<String> = device.states().into_iter().map(|s| s.name).collect();
        states.iter().for_each(|name| device.remove_state(name).expect("no plan uses it"));
    }
}

fn ten_steps(device: &mut dyn Device, golden: &Golden, case: &str) {
    let model = model(golden, case);
    let descent = model.learning().descent().expect("steps");
    let stages = Stages::new(descent, BATCH).expect("it builds");
    let program = stages.program(0);
    assert_eq!(program.parameters().count(), golden.names(&format!("{case}/initial/")).count(), "{case}: the same tensors");
    for spec in program.states() {
        let value = match spec.name.starts_with("optimizer.") {
            true => init::initial(spec, 0),
            false => weights(golden, &format!("{case}/initial/{}", spec.name), spec.layout),
        };
        device.write_state(&spec.name, &value).expect("the model's shape is PyTorch's");
    }
    let plan = Arc::new(plan(program, device.profile(), PlanOptions::default()).expect("it fits"));
    let id = device.load(&plan).expect("it loads");
    let (x, want) = (golden.get(&format!("{case}/x")), golden.get(&format!("{case}/losses")));
    for step in 0..STEPS {
        let fed = vec![("x".to_owned(), part(&x, step))];
        let inputs = stages.inputs(&descent.at(step as u64, 1.0), fed, SEED, step as u64);
        let losses = run_step(device, id, &borrowed(&inputs)).expect("it runs");
        let got = HostTensor::f32([3], losses.iter().map(|l| l.item().expect("a scalar")).collect::<Vec<_>>());
        if step == 0 {
            // By a loop over rows, draws, latents and values: nothing is averaged but the batch.
            check(
                &format!("{case}: the loop"),
                &got,
                &golden.get(&format!("{case}/reference")),
                Tolerance { atol: 2e-5, rtol: 5e-6 },
            );
            first_gradients(device, golden, case, program);
        }
        // Adam's first steps are of one size whatever the gradient's, so that rounding is amplified.
        let tolerance = Tolerance { atol: 2e-5 * (step + 1) as f32, rtol: 1e-5 };
        check(&format!("{case}: losses of step {step}"), &got, &part(&want, step), tolerance);
    }
    device.unload(id);
}

/// Adam's first moment after the first step is (1 - β1) times the gradient.
fn first_gradients(device: &mut dyn Device, golden: &Golden, case: &str, program: &Program) {
    for spec in program.parameters() {
        let moment = read_states(device, &[&format!("optimizer.{}.exp_avg", spec.name)]).expect("Adam's").remove(0);
        let gradient: Vec<f32> = moment.as_f32().expect("floats").iter().map(|m| m / NEW).collect();
        let want = weights(golden, &format!("{case}/gradient/{}", spec.name), spec.layout);
        let largest = want.as_f32().expect("floats").iter().fold(0.0f32, |m, v| m.max(v.abs()));
        // Against the largest element: small ones are differences of large ones.
        let tolerance = Tolerance { atol: 2e-5 * largest + 1e-7, rtol: 2e-5 };
        check(&format!("{case}: gradient of {}", spec.name), &HostTensor::f32(moment.shape, gradient), &want, tolerance);
    }
}
