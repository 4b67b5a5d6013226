//! Four steps of a small StarGAN, every second of both networks: losses of every step, the first gradient of every weight, where they lead.

use calotype_graph::op::Tolerance;
use calotype_graph::{Device, HostTensor};
use calotype_models::attributes::{Attribute, Attributes};
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
    ("size", "32"),
    ("width", "2"),
    ("width_d", "2"),
    ("blocks", "1"),
    ("n_critic", "2"),
    ("lambda_id", "0"),
    ("lr", "0.001"),
    ("steps", "4"),
    ("constant_steps", "2"),
    ("decay_steps", "2"),
];

/// Of G's first weight [7, 7, 3 + 3, 2], the middle taps of the maps of a domain. A map is constant, so what such a tap adds is too, and the
/// instance norm behind it takes it off: the gradient is 0, and of its rounding Adam makes steps of any sign.
const MIDDLE: std::ops::Range<usize> = (24 * 6 + 3) * 2..(24 * 6 + 6) * 2;

pub fn stargan(device: &mut dyn Device) {
    let golden = Golden::open("stargan");
    let set = SET.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let tones = ["light", "dark"].map(str::to_owned);
    let attributes = Attributes(vec![Attribute::choice("tone", &tones), Attribute::flag("Male")]);
    let data = DataShape { shape: vec![32, 32, 3], levels: Some(256), n_train: 40, attributes, ..DataShape::default() };
    let model = calotype_models::find("stargan").expect("a model").build(Preset::SMALL, &set, &data).expect("valid settings");
    let descent = model.learning().descent().expect("steps");
    let stages = Stages::new(descent, BATCH).expect("it builds");
    let (networks, ids) = begin(device, &golden, &stages);
    let x = permuted(&golden.get("x"), &[0, 1, 3, 4, 2]); // [4, 3, 32, 32, 3]
    let (own, target) = (golden.get("attributes"), golden.get("target"));
    for step in 0..STEPS {
        let turn = descent.at(step as u64, 1.0);
        let fed = [("x", &x), ("attributes", &own), ("target", &target)].map(|(name, all)| (name.to_owned(), part(all, step)));
        let inputs = stages.inputs(&turn, fed.to_vec(), SEED, step as u64);
        let losses = run_step(device, ids[turn.stage], &borrowed(&inputs)).expect("it runs");
        assert_eq!(losses.len(), if (step + 1).is_multiple_of(N_CRITIC) { 6 } else { 3 });
        for ((name, _), loss) in stages.program(turn.stage).outputs().zip(&losses) {
            let want = golden.get(name);
            // Losses of G are of every second step.
            let nth = if want.shape.dims()[0] == STEPS { step } else { step / N_CRITIC };
            let tolerance = Tolerance { atol: 1e-6 * (step + 5) as f32, rtol: 1e-5 };
            check(&format!("{name}, step {step}"), loss, &part(&want, nth), tolerance);
        }
        let first = ["discriminator.", "generator."].get(step);
        for spec in networks.iter().filter(|spec| first.is_some_and(|prefix| spec.name.starts_with(prefix))) {
            // Adam's first moment is (1 - 0.5) times the gradient, exactly.
            let want = weights(&golden, &format!("gradient/{}", spec.name), spec.layout);
            compare_state(device, &format!("optimizer.{}.exp_avg", spec.name), 2.0, &want, PART);
        }
    }
    for spec in &networks {
        let mut want = weights(&golden, &format!("final/{}", spec.name), spec.layout);
        if spec.name == "generator.main.0.weight" {
            let own = read_states(device, &[&spec.name]).expect("a state").remove(0);
            let mut values = want.as_f32().expect("floats").to_vec();
            values[MIDDLE].copy_from_slice(&own.as_f32().expect("floats")[MIDDLE]);
            want = HostTensor::f32(want.shape, values);
        }
        compare_state(device, &spec.name, 1.0, &want, PART);
    }
    ids.into_iter().for_each(|id| device.unload(id));
}
