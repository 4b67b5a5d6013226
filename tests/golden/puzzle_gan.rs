//! Four steps of a small Puzzle-GAN, every second of both networks: losses of every step, the first gradient of every weight, running
//! statistics, where they lead.

use calotype_graph::op::Tolerance;
use calotype_graph::{Device, HostTensor, StateSpec};
use calotype_models::feeds::borrowed;
use calotype_models::{DataShape, Preset, Stages};
use calotype_parity::{read_states, run_step};
use calotype_tests::{Golden, permuted};

use super::{begin, check, compare_state, part, weights};

/// By which states may differ, of their largest value.
const PART: f32 = 2e-5;

const BATCH: usize = 3;
const SEED: u64 = 7;
const STEPS: usize = 4;
const N_CRITIC: usize = 2;
const SET: [(&str, &str); 10] = [
    ("size", "16"),
    ("width", "2"),
    ("embedding", "3"),
    ("latents", "2"),
    ("lr", "0.001"),
    ("spatial", "l1"),
    ("lambda_spatial", "0.05"),
    ("lambda_appearance", "0.05"),
    ("lambda_fall", "0.01"),
    ("lambda_steps", "4"),
];

pub fn puzzle_gan(device: &mut dyn Device) {
    let golden = Golden::open("puzzle_gan");
    let set = SET.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let data = DataShape { shape: vec![16, 16, 3], levels: Some(256), n_train: 40, ..DataShape::default() };
    let model = calotype_models::find("puzzle-gan").expect("a model").build(Preset::SMALL, &set, &data).expect("valid settings");
    let descent = model.learning().descent().expect("steps");
    let stages = Stages::new(descent, BATCH).expect("it builds");
    let (networks, ids) = begin(device, &golden, &stages);
    let images = |name: &str| permuted(&golden.get(name), &[0, 2, 3, 1]);
    let patches = permuted(&golden.get("patches"), &[0, 1, 3, 4, 2]); // [B, 3, 16, 16, 3]
    let fed = [("x", images("x")), ("patches", patches), ("mask", images("mask"))];
    let mut n_gradients = 0;
    for step in 0..STEPS {
        let turn = descent.at(step as u64, 1.0);
        let fed = fed.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let inputs = stages.inputs(&turn, fed, SEED, step as u64);
        let losses = run_step(device, ids[turn.stage], &borrowed(&inputs)).expect("it runs");
        assert_eq!(losses.len(), if (step + 1).is_multiple_of(N_CRITIC) { 4 } else { 1 });
        for ((name, _), loss) in stages.program(turn.stage).outputs().zip(&losses) {
            let want = golden.get(name);
            // Losses of G are of every second step.
            let nth = if want.shape.dims()[0] == STEPS { step } else { step / N_CRITIC };
            check(&format!("{name}, step {step}"), loss, &part(&want, nth), Tolerance { atol: 1e-6, rtol: 2e-5 });
        }
        let first = ["discriminator.", "generator."].get(step);
        for spec in networks.iter().filter(|spec| first.is_some_and(|prefix| spec.name.starts_with(prefix))) {
            // Adam's first moment is (1 - 0.5) times the gradient, exactly.
            let moment = format!("optimizer.{}.exp_avg", spec.name);
            match is_seen(spec, &networks) {
                true => {
                    compare_state(device, &moment, 2.0, &weights(&golden, &format!("gradient/{}", spec.name), spec.layout), PART)
                }
                false => check(&moment, &read(device, &moment), &zeros(spec), Tolerance { atol: 1e-6, rtol: 0.0 }),
            }
            n_gradients += usize::from(is_seen(spec, &networks));
        }
        if step == 0 {
            golden.names("statistics/").for_each(|name| compare_state(device, of(name), 1.0, &golden.get(name), PART));
        }
    }
    assert_eq!(n_gradients, golden.names("gradient/").count(), "each of them");
    for spec in networks.iter().filter(|spec| is_seen(spec, &networks)) {
        compare_state(device, &spec.name, 1.0, &weights(&golden, &format!("final/{}", spec.name), spec.layout), PART);
    }
    for name in golden.names("final/").filter(|name| name.ends_with("running_var")) {
        compare_state(device, of(name), 1.0, &golden.get(name), PART);
    }
    ids.into_iter().for_each(|id| device.unload(id));
}

/// The state that a tensor of the golden is of.
fn of(name: &str) -> &str {
    name.split_once('/').map_or(name, |(_, state)| state)
}

/// Whether a parameter changes anything: a bias in front of a batch norm does not, so that its gradient is rounding alone.
fn is_seen(spec: &StateSpec, all: &[StateSpec]) -> bool {
    let norm = spec.name.strip_suffix("conv.bias").map(|layer| format!("{layer}norm.weight"));
    norm.is_none_or(|norm| all.iter().all(|other| other.name != norm))
}

fn zeros(spec: &StateSpec) -> HostTensor {
    HostTensor::f32(spec.ty.shape.clone(), vec![0.0; spec.ty.numel()])
}

fn read(device: &mut dyn Device, state: &str) -> HostTensor {
    read_states(device, &[state]).expect("a state").remove(0)
}
