use std::collections::BTreeMap;

use calotype_graph::{HostTensor, StateSpec};

use super::*;
use crate::feeds::{Named, random_words};
use crate::init;
use crate::stages::Stages;
use crate::testing::{self, NamedFloats};

fn build(preset: Preset, given: &[(&str, &str)], channels: usize) -> Result<PuzzleGan, SettingError> {
    let data = DataShape { shape: vec![64, 64, channels], levels: Some(256), n_train: 1000, ..DataShape::default() };
    let given: BTreeMap<String, String> = given.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    PuzzleGan::new(Settings::resolve(&settings::settings(preset), &given)?, &data)
}

const TINY: [(&str, &str); 4] = [("size", "16"), ("width", "2"), ("embedding", "3"), ("latents", "2")];

fn tiny(more: &[(&str, &str)]) -> PuzzleGan {
    build(Preset::SMALL, &[&TINY, more].concat(), 3).expect("valid settings")
}

/// Made-up numbers in (-1, 1) without a pattern.
fn wild(shape: &[usize], seed: usize) -> HostTensor {
    let n: usize = shape.iter().product();
    let value = |i: usize| ((i * 7919 + seed * 104_729) % 1009) as f32 / 504.5 - 1.0;
    HostTensor::f32(shape, (0..n).map(value).collect::<Vec<_>>())
}

/// A mask [B, 16, 16, 1]: of each image another quarter.
fn quarters(batch: usize) -> HostTensor {
    let inside = |b: usize, y: usize, x: usize| (y < 8) == (b & 1 == 0) && (x < 8) == (b & 2 == 0);
    let values = (0..batch * 256).map(|i| f32::from(inside(i / 256, i / 16 % 16, i % 16)));
    HostTensor::f32([batch, 16, 16, 1], values.collect::<Vec<_>>())
}

/// Weights as large as if every layer kept the size of what passes: at first an image hardly depends on its patches.
fn lively(spec: &StateSpec) -> HostTensor {
    let value = init::initial(spec, 0);
    let scale = if spec.name.ends_with("conv.weight") { 12.0 } else { 1.0 };
    let values = value.as_f32().expect("floats").iter().map(|v| scale * v);
    HostTensor::f32(value.shape.clone(), values.collect::<Vec<_>>())
}

/// Of the paper's networks at 64 pixels in colour, which tell where biases and batch norms are.
#[test]
fn networks_have_the_parameters_of_the_paper() {
    let model = build(Preset::PAPER, &[], 3).expect("defaults are valid");
    let stages = Stages::new(&model, 2).expect("it builds");
    let count = |prefix: &str| -> usize {
        stages.program(0).parameters().filter(|s| s.name.starts_with(prefix)).map(|s| s.ty.numel()).sum()
    };
    assert_eq!(count("generator.encoder."), 5_357_056);
    assert_eq!(count("generator.mask_decoder."), 9_656_257);
    assert_eq!(count("generator.image_decoder."), 15_016_835);
    assert_eq!(count("discriminator."), 4_316_545);
    assert_eq!(count(""), 5_357_056 + 9_656_257 + 15_016_835 + 4_316_545, "and nothing else");
    let has = |name: &str| stages.program(0).parameters().any(|s| s.name == name);
    for network in ["generator.encoder", "discriminator"] {
        let norms = [0, 1, 2, 3, 4].map(|layer| has(&format!("{network}.{layer}.norm.weight")));
        assert_eq!(norms, [false, true, true, true, false], "{network}");
    }
    for network in ["generator.mask_decoder", "generator.image_decoder"] {
        let norms = [0, 1, 2, 3, 4].map(|layer| has(&format!("{network}.{layer}.norm.weight")));
        assert_eq!(norms, [true, true, true, true, false], "{network}");
    }
}

#[test]
fn every_size_builds() {
    for size in ["16", "32", "64", "128"] {
        for (channels, n_critic, n) in [(1, "1", "1"), (3, "2", "4")] {
            let given = [("size", size), ("width", "1"), ("embedding", "2"), ("n_critic", n_critic), ("patches", n)];
            let model = build(Preset::SMALL, &given, channels).unwrap_or_else(|e| panic!("{size}: {e}"));
            let stages = Stages::new(&model, 2).expect("it builds");
            assert_eq!(stages.len(), if n_critic == "1" { 1 } else { 2 });
            let side: usize = size.parse().expect("a number");
            let composed = model.composition(2, 3).expect("it builds");
            let shapes: Vec<_> = composed.outputs().map(|(name, ty)| (name, ty.shape.dims())).collect();
            assert_eq!(shapes, [("composed", [3, side, side, channels + 1].as_slice())]);
        }
    }
}

/// D learns every step, G every second; Adam counts each network's own updates, the weights fall by steps.
#[test]
fn turns_count_the_updates_of_each_network() {
    let model = tiny(&[("lr", "0.0002"), ("lambda_steps", "10"), ("lambda_fall", "0.01")]);
    let scalar = |step: u64, name: &str| {
        let turn = model.at(step, 1.0);
        turn.scalars.iter().find(|(n, _)| n == name).map(|(_, value)| f64::from(*value))
    };
    for step in 0..30 {
        let t_d = step as i32 + 1;
        let want = 2e-4 / (1.0 - 0.5f64.powi(t_d));
        assert!((scalar(step, "discriminator.step_size").expect("every step") / want - 1.0).abs() < 1e-6);
        let of_g = scalar(step, "generator.step_size");
        assert_eq!(of_g.is_some(), step % 2 == 1, "step {step}");
        assert_eq!(model.at(step, 1.0).stage, usize::from(step % 2 == 0));
        let Some(of_g) = of_g else { continue };
        assert!((of_g / (2e-4 / (1.0 - 0.5f64.powi(t_d / 2))) - 1.0).abs() < 1e-6, "step {step}: its {}th update", t_d / 2);
        let fall = 0.01f64.powf((step as f64 / 10.0).min(1.0));
        assert!((scalar(step, "lambda").expect("with G") / fall - 1.0).abs() < 1e-6, "step {step}");
    }
}

const BATCH: usize = 3;

fn inputs(model: &PuzzleGan, program: &Program, x: &HostTensor, mask: &HostTensor) -> Vec<Named> {
    let patches = wild(&[BATCH, 3, 16, 16, 3], 8);
    let fed = [("x", x), ("patches", &patches), ("mask", mask)].map(|(name, value)| (name.to_owned(), value.clone()));
    let scalars = model.at(1, 1.0).scalars.into_iter().map(|(name, value)| (name, HostTensor::scalar(value)));
    let all = fed.into_iter().chain(scalars).chain(random_words(3, 0));
    all.filter(|(name, _)| program.inputs().any(|(read, _)| read == name)).collect()
}

fn outputs(model: &PuzzleGan, stage: usize, x: &HostTensor, mask: &HostTensor) -> BTreeMap<String, f32> {
    let stages = Stages::new(model, BATCH).expect("it builds");
    let program = stages.program(stage);
    let given = inputs(model, program, x, mask);
    let given: Vec<(&str, HostTensor)> = given.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let got = testing::run(program, lively, &given);
    program.outputs().map(|(name, _)| name.to_owned()).zip(got.iter().map(|value| value[0])).collect()
}

/// The L1 losses by their formulas, from what the generator makes of the same batch.
#[test]
fn the_spatial_and_the_appearance_loss_are_sums_over_an_image() {
    let model = tiny(&[]);
    let (x, mask) = (wild(&[BATCH, 16, 16, 3], 5), quarters(BATCH));
    let [by_l1, by_bce] = ["l1", "bce"].map(|spatial| outputs(&tiny(&[("spatial", spatial)]), 0, &x, &mask));
    let graph = Graph::new("test");
    let scope = Scope::new(&graph, Mode::Train);
    let patches = graph.input("patches", model.images(&[BATCH, 3]));
    let z = graph.random("z", Distribution::Uniform, [BATCH, 2]) * 2.0 - 1.0;
    let made = model.networks.generator(&scope.sub("generator"), &patches, &z);
    graph.output("image", &made.image);
    graph.output("mask", &made.mask());
    let program = graph.finish().expect("a sound graph");
    let got = testing::run(&program, lively, &[("patches", wild(&[BATCH, 3, 16, 16, 3], 8))]);
    let (x, m) = (x.as_f32().expect("floats"), mask.as_f32().expect("floats"));
    let l1: f64 = got[1].iter().zip(m).map(|(a, b)| f64::from((a - b).abs())).sum();
    let probability = |(a, b): (&f32, &f32)| f64::from(if *b > 0.0 { *a } else { 1.0 - *a });
    let bce: f64 = got[1].iter().zip(m).map(|pair| -probability(pair).ln()).sum();
    let part = |i: usize| f64::from((got[0][i] * got[1][i / 3] - x[i] * m[i / 3]).abs());
    let appearance: f64 = (0..x.len()).map(part).sum();
    for (name, losses, want) in [("spatial", &by_l1, l1), ("spatial", &by_bce, bce), ("appearance", &by_l1, appearance)] {
        let want = want / BATCH as f64;
        assert!(want > 1.0 && (f64::from(losses[name]) / want - 1.0).abs() < 1e-5, "{name}: {} for {want}", losses[name]);
    }
    assert_eq!(by_l1["appearance"], by_bce["appearance"]);
}

/// Without parts, both of the shuffled negatives are whole real images, as where all is part: D is told that real images are made.
#[test]
fn negatives_are_images_with_parts_or_backgrounds_of_others() {
    let model = tiny(&[]);
    let same = {
        let one = wild(&[1, 16, 16, 3], 5);
        HostTensor::f32([BATCH, 16, 16, 3], one.as_f32().expect("floats").repeat(BATCH))
    };
    let [none, all] = [0.0, 1.0].map(|v| HostTensor::f32([BATCH, 16, 16, 1], vec![v; BATCH * 256]));
    let unlike = wild(&[BATCH, 16, 16, 3], 5);
    let loss = |x: &HostTensor, mask: &HostTensor| outputs(&model, 1, x, mask)["loss_d"];
    // Parts of equal images are their own, wherever they are.
    assert!((loss(&same, &none) - loss(&same, &quarters(BATCH))).abs() < 1e-4);
    // Of unlike ones the place counts, and who is part and who is background does not.
    assert!((loss(&unlike, &none) - loss(&unlike, &all)).abs() < 1e-5);
    assert!((loss(&unlike, &none) - loss(&unlike, &quarters(BATCH))).abs() > 1e-3);
}

fn state<'a>(states: &'a [NamedFloats], name: &str) -> &'a [f32] {
    &states.iter().find(|(n, _)| n == name).unwrap_or_else(|| panic!("no {name}")).1
}

/// A step of D leaves G's weights as they are; one of both moves every network.
#[test]
fn the_generator_learns_in_its_turn_only() {
    let model = tiny(&[]);
    let stages = Stages::new(&model, BATCH).expect("it builds");
    let (x, mask) = (wild(&[BATCH, 16, 16, 3], 5), quarters(BATCH));
    for (stage, program) in stages.iter() {
        let after = testing::states_after(program, &inputs(&model, program, &x, &mask));
        let moved = |name: &str| {
            let spec = program.states().find(|s| s.name == name).unwrap_or_else(|| panic!("no {name}"));
            init::initial(spec, 0).as_f32().expect("floats") != state(&after, name)
        };
        assert!(moved("discriminator.0.conv.weight") && moved("discriminator.2.conv.bias"), "{}", stage.name);
        for network in ["encoder", "mask_decoder", "image_decoder"] {
            assert_eq!(moved(&format!("generator.{network}.1.conv.weight")), stage.name == BOTH, "{network}");
        }
        assert!(moved("generator.image_decoder.1.norm.running_mean"), "fakes are made in either");
    }
}

fn composed(model: &PuzzleGan, n: usize, patches: &[f32], z: &HostTensor) -> Vec<f32> {
    let batch = z.shape.dims()[0];
    let program = model.composition(n, batch).expect("it builds");
    let patches = HostTensor::f32([batch, n, 16, 16, 3], patches);
    testing::run(&program, lively, &[("patches", patches), ("z", z.clone())]).remove(0)
}

/// Sums of two do not depend on their order, to the bit; of more, only their last bits do (what feeds a composer sorts them).
#[test]
fn the_order_of_patches_does_not_matter() {
    let (model, z) = (tiny(&[]), wild(&[1, 2], 4));
    let one = |seed| wild(&[16, 16, 3], seed).as_f32().expect("floats").to_vec();
    let of = |seeds: &[usize]| composed(&model, seeds.len(), &seeds.iter().flat_map(|&seed| one(seed)).collect::<Vec<_>>(), &z);
    assert_eq!(of(&[1, 2]), of(&[2, 1]));
    let first = of(&[1, 2, 3, 4]);
    for order in [[4, 3, 2, 1], [2, 4, 1, 3]] {
        let worst = of(&order).iter().zip(&first).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-5, "{order:?}: {worst}");
    }
    let unlike = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) > 1e-3;
    assert!(unlike(&first, &of(&[1, 2, 3, 5])) && unlike(&of(&[1]), &of(&[2])), "and which they are does");
}

/// Latents change the image and not the mask; numbers are of their ranges; each image of a batch is made alone.
#[test]
fn masks_depend_on_patches_alone() {
    let model = tiny(&[]);
    let patches = wild(&[2 * 16 * 16 * 3], 6);
    let patches = patches.as_f32().expect("floats");
    let zs = [wild(&[1, 2], 1), wild(&[1, 2], 9)];
    let [a, b] = zs.each_ref().map(|z| composed(&model, 2, patches, z));
    let z = HostTensor::f32([2, 2], zs.iter().flat_map(|z| z.as_f32().expect("floats")).copied().collect::<Vec<_>>());
    let both = composed(&model, 2, &patches.repeat(2), &z);
    let channel = |all: &[f32], c: usize| all.iter().skip(c).step_by(4).copied().collect::<Vec<_>>();
    assert_eq!(channel(&a, 3), channel(&b, 3), "the mask");
    assert_ne!(channel(&a, 0), channel(&b, 0), "the image");
    assert!(a.iter().chain(&b).all(|v| (0.0..=1.0).contains(v)));
    assert!(a.iter().chain(&b).zip(&both).all(|(one, of_batch)| (one - of_batch).abs() < 1e-5));
}

#[test]
fn what_cannot_be_is_refused_with_what_can() {
    let message = |given: &[(&str, &str)]| build(Preset::SMALL, given, 3).err().expect("it is refused").to_string();
    assert!(message(&[("size", "48")]).contains("16, 32, 64 or 128"));
    assert!(message(&[("patches", "0")]).contains("patches"));
    assert!(message(&[("batch", "1")]).contains("batch"));
    assert!(build(Preset::SMALL, &[], 2).is_err(), "two channels are no picture");
}
