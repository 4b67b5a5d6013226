//! The phases of an adversarial auto-encoder that learns from a few known classes: losses, each optimiser's first gradients, weights.

use std::sync::Arc;

use calotype_graph::op::Tolerance;
use calotype_graph::{Device, HostTensor, PlanOptions, Program, StateSpec, plan};
use calotype_models::feeds::borrowed;
use calotype_models::{DataShape, Preset, Stages, init};
use calotype_parity::{read_states, run_step};
use calotype_tests::{Golden, permuted};

use super::{check, part, weights};

const STEPS: usize = 10;
const BATCH: usize = 5;
const OPTIMISERS: [&str; 4] = ["reconstruction", "discriminator", "generator", "classification"];

pub fn aae(device: &mut dyn Device) {
    let golden = Golden::open("aae");
    let set = [
        ("hidden", "7"),
        ("latents", "3"),
        ("labels", "4"),
        ("gamma", "0.2"),
        ("clip", "0.4"),
        ("joint", "false"),
        ("lr", "0.05"),
        ("lr_adversarial", "0.1"),
        ("lr_class", "0.1"),
    ];
    let set = set.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let data = DataShape { shape: vec![4, 3, 1], levels: Some(256), n_train: 40, n_classes: 3, ..DataShape::default() };
    let info = calotype_models::find("aae").expect("a model of that name");
    let model = info.build(Preset::SMALL, &set, &data).expect("valid settings");
    let descent = model.learning().descent().expect("steps");
    let stages = Stages::new(descent, BATCH).expect("it builds");
    let program = stages.program(0);
    let networks: Vec<_> = program.parameters().cloned().collect();
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
    let rows = |name: &str| permuted(&golden.get(name), &[0, 1, 3, 4, 2]); // [10, n, 4, 3, 1]
    let (x, known_x, known_labels) = (rows("x"), rows("known_x"), golden.get("known_labels"));
    for step in 0..STEPS {
        let labels = &known_labels.as_u32().expect("classes")[4 * step..][..4];
        let fed = vec![
            ("x".to_owned(), part(&x, step)),
            ("known_x".to_owned(), part(&known_x, step)),
            ("known_labels".to_owned(), HostTensor::u32([4], labels.to_vec())),
        ];
        let inputs = stages.inputs(&descent.at(step as u64, 1.0), fed, 7, step as u64);
        let losses = run_step(device, id, &borrowed(&inputs)).expect("it runs");
        for ((name, _), loss) in program.outputs().zip(&losses) {
            // SGD carries rounding on as it is: a few ulp a step.
            let tolerance = Tolerance { atol: 1e-6 * (step + 2) as f32, rtol: 1e-6 };
            check(&format!("{name}, step {step}"), loss, &part(&golden.get(name), step), tolerance);
        }
        if step == 0 {
            first_gradients(device, &golden, program);
        }
    }
    for spec in &networks {
        let got = read_states(device, &[&spec.name]).expect("a state").remove(0);
        let want = weights(&golden, &format!("final/{}", spec.name), spec.layout);
        check(&format!("final {}", spec.name), &got, &want, Tolerance { atol: 2e-5, rtol: 1e-5 });
    }
    device.unload(id);
}

/// After the first step the velocity of SGD is the gradient.
fn first_gradients(device: &mut dyn Device, golden: &Golden, program: &Program) {
    let moments: Vec<&StateSpec> = program.states().filter(|s| s.name.starts_with("optimizer.")).collect();
    assert_eq!(moments.len(), golden.names("gradient/").count(), "a gradient for each optimiser and each parameter of it");
    for spec in moments {
        let name = spec.name.strip_prefix("optimizer.").and_then(|n| n.strip_suffix(".momentum_buffer")).expect("a velocity");
        // An optimiser's own scope is not named twice.
        let (optimiser, parameter) = match name.split_once('.').expect("an optimiser and a parameter") {
            (first, rest) if OPTIMISERS.contains(&first) && program.parameters().any(|p| p.name == rest) => (first, rest),
            (first, _) => (first, name),
        };
        let want = weights(golden, &format!("gradient/{optimiser}/{parameter}"), spec.layout);
        let got = read_states(device, &[&spec.name]).expect("a velocity").remove(0);
        let largest = want.as_f32().expect("floats").iter().fold(0.0f32, |m, v| m.max(v.abs()));
        check(&spec.name, &got, &want, Tolerance { atol: 1e-5 * largest, rtol: 1e-5 });
    }
}
