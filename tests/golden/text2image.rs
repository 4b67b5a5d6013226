//! Two steps of the encoders and two of generator and discriminator: losses of every step, the first gradient of every weight, where they
//! lead.

use calotype_graph::op::Tolerance;
use calotype_graph::{Device, HostTensor};
use calotype_models::feeds::borrowed;
use calotype_models::{DataShape, Preset, Stages};
use calotype_parity::{read_states, run_step};
use calotype_tests::{Golden, permuted};

use super::{begin, check, compare_state, part, weights};

/// By which states may differ, of their largest value.
const PART: f32 = 5e-5;

const BATCH: usize = 4;
const SEED: u64 = 7;
const SET: [(&str, &str); 17] = [
    ("size", "32"),
    ("width", "2"),
    ("width_d", "2"),
    ("latents", "3"),
    ("text_width", "4"),
    ("text_length", "72"),
    ("embedding", "5"),
    ("projection", "3"),
    ("encoder_steps", "2"),
    ("steps", "4"),
    ("encoder_lr", "0.001"),
    ("encoder_loss", "hinge"),
    ("noise", "0"),
    ("text_norm", "false"),
    ("lr", "0.001"),
    ("lr_d", "0.001"),
    ("ema", "0"),
];

/// Whether batch norm takes a bias off again: its gradient is rounding, of which Adam makes steps of any sign, and running means follow it.
fn is_free(name: &str) -> bool {
    let (layer, last) = name.rsplit_once('.').expect("a state of a layer");
    let first = ["image_encoder.conv.0", "discriminator.conv.0", "generator.text", "generator.up.3", "discriminator.score"];
    let encoder = layer.starts_with("text_encoder.") || layer == "image_encoder.out";
    let is_bias = last == "bias" && !layer.contains("norm") && !encoder && !first.contains(&layer);
    is_bias || last == "running_mean"
}

pub fn text2image(device: &mut dyn Device) {
    let golden = Golden::open("text2image");
    let set = SET.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let data = DataShape { shape: vec![32, 32, 3], levels: Some(256), n_train: 40, ..DataShape::default() };
    let model = calotype_models::find("text2image").expect("a model").build(Preset::SMALL, &set, &data).expect("valid settings");
    let descent = model.learning().descent().expect("steps");
    let stages = Stages::new(descent, BATCH).expect("it builds");
    let (networks, ids) = begin(device, &golden, &stages);
    let x = permuted(&golden.get("x"), &[0, 1, 3, 4, 2]); // [4, 4, 32, 32, 3]
    for step in 0..4 {
        let turn = descent.at(step as u64, 1.0);
        let fed = stages.get(turn.stage).feeds.iter().map(|feed| match feed.name {
            "x" => ("x".to_owned(), part(&x, step)),
            name => (name.to_owned(), words(&golden.get(name), step)),
        });
        let inputs = stages.inputs(&turn, fed.collect(), SEED, step as u64);
        let losses = run_step(device, ids[turn.stage], &borrowed(&inputs)).expect("it runs");
        for ((name, _), loss) in stages.program(turn.stage).outputs().zip(&losses) {
            let tolerance = Tolerance { atol: 2e-6 * (step + 1) as f32, rtol: 2e-5 };
            check(&format!("{name}, step {step}"), loss, &part(&golden.get(name), step % 2), tolerance);
        }
        // Adam's first moment is 1 - β1 times the gradient.
        let (first, scale): (&[&str], f32) = match step {
            0 => (&["text_encoder.", "image_encoder."], 10.0),
            2 => (&["discriminator.", "generator."], 2.0),
            _ => (&[], 0.0),
        };
        for spec in networks.iter().filter(|spec| first.iter().any(|prefix| spec.name.starts_with(prefix))) {
            let want = weights(&golden, &format!("gradient/{}", spec.name), spec.layout);
            let optimiser = if step == 0 { "encoder." } else { "" };
            let moment = format!("optimizer.{optimiser}{}.exp_avg", spec.name);
            match is_free(&spec.name) {
                true => {
                    let value = read_states(device, &[&moment]).expect("a state").remove(0);
                    assert!(value.as_f32().expect("floats").iter().all(|v| v.abs() < 1e-6), "{moment}: {value:?}");
                }
                false => compare_state(device, &moment, scale, &want, PART),
            }
        }
    }
    for name in golden.names("final/").map(|name| name.trim_start_matches("final/")).filter(|name| !is_free(name)) {
        let layout = networks.iter().find(|spec| spec.name == name).map_or(Default::default(), |spec| spec.layout);
        compare_state(device, name, 1.0, &weights(&golden, &format!("final/{name}"), layout), PART);
    }
    ids.into_iter().for_each(|id| device.unload(id));
}

/// Part `n` of whole numbers.
fn words(t: &HostTensor, n: usize) -> HostTensor {
    let shape = &t.shape.dims()[1..];
    let len: usize = shape.iter().product();
    HostTensor::u32(shape, &t.as_u32().expect("words")[n * len..(n + 1) * len])
}
