//! A progressive GAN through the fade of its second level: losses of every step, gradients in the middle of the fade, weights and averages
//! at the end.

use std::sync::Arc;

use calotype_graph::op::Tolerance;
use calotype_graph::{Device, Layout, PlanId, PlanOptions, plan};
use calotype_models::averages::AVERAGES;
use calotype_models::feeds::borrowed;
use calotype_models::{DataShape, Preset, Stages, Turn, init};
use calotype_parity::{read_states, run_step};
use calotype_tests::{Golden, permuted};

use super::{check, part, weights};

const BATCH: usize = 8;
const SEED: u64 = 7;
/// Of 4x4, and of all.
const FIRST_STEPS: usize = 2;
const STEPS: usize = 7;
/// In the middle of the fade.
const HALF_WAY: usize = 3;

pub fn progan(device: &mut dyn Device) {
    let golden = Golden::open("progan");
    let set = [
        ("size", "8"),
        ("fmap_base", "12"),
        ("fmap_max", "6"),
        ("latents", "5"),
        ("batch", "8"),
        ("fade_images", "24"),
        ("stable_images", "16"),
        ("last_images", "16"),
    ];
    let set = set.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let data = DataShape { shape: vec![8, 8, 3], levels: Some(256), n_train: 40, ..DataShape::default() };
    let model = calotype_models::find("progan").expect("a model").build(Preset::SMALL, &set, &data).expect("valid settings");
    assert_eq!(model.steps(), STEPS as u64);
    let descent = model.learning().descent().expect("steps");
    let stages = Stages::new(descent, BATCH).expect("it builds");
    let networks: Vec<_> = stages.program(1).parameters().cloned().collect();
    assert_eq!(networks.len(), golden.names("initial/").count(), "the same tensors");
    for spec in stages.iter().flat_map(|(_, program)| program.states()) {
        let own = spec.name.strip_prefix(AVERAGES).map_or(spec.name.as_str(), |rest| &rest[1..]);
        let value = match networks.iter().find(|n| n.name == own) {
            Some(_) => weights(&golden, &format!("initial/{own}"), spec.layout),
            None => init::initial(spec, 0),
        };
        device.write_state(&spec.name, &value).expect("the model's shape is PyTorch's");
    }
    let load = |(_, program): (_, &calotype_graph::Program)| {
        let plan = Arc::new(plan(program, device.profile(), PlanOptions::default()).expect("it fits"));
        device.load(&plan).expect("it loads")
    };
    let ids: Vec<PlanId> = stages.iter().map(load).collect();
    let rows = |name: &str| permuted(&golden.get(name), &[0, 1, 3, 4, 2]); // [steps, 8, S, S, 3]
    let (small, large) = (rows("x4"), rows("x8"));
    for step in 0..STEPS {
        let turn: Turn = descent.at(step as u64, 1.0);
        let moments = stages.iter().flat_map(|(_, program)| program.states());
        for spec in moments.filter(|s| turn.resets.iter().any(|prefix| s.name.starts_with(prefix))) {
            device.write_state(&spec.name, &init::initial(spec, 0)).expect("a state");
        }
        let x = if step < FIRST_STEPS { part(&small, step) } else { part(&large, step - FIRST_STEPS) };
        let inputs = stages.inputs(&turn, vec![("x".to_owned(), x)], SEED, step as u64);
        let losses = run_step(device, ids[turn.stage], &borrowed(&inputs)).expect("it runs");
        for ((name, _), loss) in stages.program(turn.stage).outputs().zip(&losses) {
            // A step of Adam without first moment is as long for a small gradient as for a large one: rounding of the small ones goes on.
            let tolerance = Tolerance { atol: 2e-6 * (step + 1) as f32, rtol: 1e-5 };
            check(&format!("{name}, step {step}"), loss, &part(&golden.get(name), step), tolerance);
        }
        if step == HALF_WAY {
            for spec in &networks {
                let moment = format!("optimizer.{}.exp_avg", spec.name); // β1 is 0: the gradient
                compare(device, &golden, &moment, &format!("gradient/{}", spec.name), spec.layout, 1e-4);
            }
        }
    }
    for spec in &networks {
        compare(device, &golden, &spec.name, &format!("final/{}", spec.name), spec.layout, 2e-5);
        if spec.name.starts_with("generator.") {
            compare(device, &golden, &format!("{AVERAGES}.{}", spec.name), &format!("ema/{}", spec.name), spec.layout, 2e-5);
        }
    }
    let blend = read_states(device, &["state.blend"]).expect("a state").remove(0);
    assert_eq!(blend.as_f32().expect("floats"), [0.0, 1.0], "8x8 alone");
    ids.into_iter().for_each(|id| device.unload(id));
}

/// A state beside a golden, to a part of its largest value.
fn compare(device: &mut dyn Device, golden: &Golden, state: &str, name: &str, layout: Layout, part: f32) {
    let want = weights(golden, name, layout);
    let got = read_states(device, &[state]).expect("a state").remove(0);
    let largest = want.as_f32().expect("floats").iter().fold(0.0f32, |m, v| m.max(v.abs()));
    check(state, &got, &want, Tolerance { atol: part * largest, rtol: part });
}
