use std::collections::BTreeMap;

use calotype_graph::{HostTensor, StateSpec};

use super::*;
use crate::feeds::Named;
use crate::init;
use crate::settings::Value;
use crate::stages::Stages;
use crate::testing::{self, NamedFloats};
use crate::text;

const TINY: [(&str, &str); 8] = [
    ("size", "32"),
    ("width", "2"),
    ("width_d", "2"),
    ("latents", "3"),
    ("text_width", "4"),
    ("text_length", "48"),
    ("embedding", "5"),
    ("projection", "3"),
];

fn build(preset: Preset, given: &[(&str, &str)]) -> Result<Text2Image, SettingError> {
    let data = DataShape { shape: vec![64, 64, 3], levels: Some(256), n_train: 1000, ..DataShape::default() };
    let given: BTreeMap<String, String> = given.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Text2Image::new(Settings::resolve(&settings::settings(preset), &given)?, &data)
}

fn tiny(more: &[(&str, &str)]) -> Text2Image {
    build(Preset::SMALL, &[&TINY[..], more].concat()).expect("valid settings")
}

/// Made-up numbers in (-1, 1) without a pattern.
fn wild(shape: &[usize], seed: usize) -> HostTensor {
    let n: usize = shape.iter().product();
    let value = |i: usize| ((i * 7919 + seed * 104_729) % 1000) as f32 / 500.0 - 1.0;
    HostTensor::f32(shape, (0..n).map(value).collect::<Vec<_>>())
}

fn sentences(all: &[&str]) -> HostTensor {
    HostTensor::u32([all.len(), 48], all.iter().flat_map(|s| text::read(s, 48).characters).collect::<Vec<_>>())
}

#[test]
fn networks_have_the_sizes_of_the_paper() {
    let model = build(Preset::PAPER, &[]).expect("defaults are valid");
    let stages = Stages::new(&model, 4).expect("it builds");
    let count = |stage: usize, prefix: &str| -> usize {
        stages.program(stage).parameters().filter(|s| s.name.starts_with(prefix)).map(|s| s.ty.numel()).sum()
    };
    // With the layer of the text, 131,200.
    assert_eq!((count(1, "generator."), count(1, "discriminator.")), (18_909_699, 4_032_321));
    let conv = |c_in: usize, c: usize| 4 * c_in * c + c;
    let lstm = 2 * (256 * 1024 + 1024);
    assert_eq!(count(0, "text_encoder."), conv(70, 384) + conv(384, 512) + conv(512, 256) + lstm + 256 * 1024 + 1024);
    assert_eq!(count(0, "text_encoder."), count(1, "text_encoder."), "the second stage reads with what the first learned");
    assert_eq!(count(1, "image_encoder."), 0);
}

#[test]
fn every_size_and_option_builds() {
    for size in ["32", "64", "128"] {
        for (cls, int, n_feeds) in [("true", "true", 3), ("true", "false", 3), ("false", "true", 3), ("false", "false", 2)] {
            let model = tiny(&[("size", size), ("cls", cls), ("int", int), ("ema", "0.9")]);
            let stages = Stages::new(&model, 4).expect("it builds");
            assert_eq!(stages.get(1).feeds.len(), n_feeds);
            let rows = model.drawing(3).expect("it builds");
            let side: usize = size.parse().expect("a number");
            assert_eq!(rows.outputs().map(|(_, ty)| ty.shape.dims().to_vec()).collect::<Vec<_>>(), [vec![3, side, side, 3]]);
        }
    }
    for length in 48..120 {
        tiny(&[("text_length", &length.to_string())]).reading(1).expect("the encoder sees all of it");
    }
    assert!(build(Preset::SMALL, &[("text_length", "47")]).is_err(), "its last convolution would see nothing");
}

#[test]
fn the_encoder_has_a_quarter_of_steps_that_are_given_alone() {
    let steps = |given: &[(&str, &str)]| {
        build(Preset::SMALL, given).map(|m| ["encoder_steps", "steps"].map(|key| m.settings.integer(key)))
    };
    assert_eq!(steps(&[("steps", "100")]), Ok([25, 100]));
    assert_eq!(steps(&[("steps", "1")]), Ok([0, 1]));
    assert_eq!(steps(&[("steps", "100"), ("encoder_steps", "99")]), Ok([99, 100]));
    for given in [&[("steps", "100"), ("encoder_steps", "100")][..], &[("encoder_steps", "100000")]] {
        let message = steps(given).expect_err("nothing is left").to_string();
        assert!(message.contains("more than encoder_steps=") && message.contains("fewer encoder_steps"), "{message}");
    }
    assert!(build(Preset::SMALL, &[("size", "48")]).is_err());
}

/// Each network's updates are counted from its own beginning, and the learning rate is halved by those of the second stage.
#[test]
fn turns_count_the_steps_of_their_stage() {
    let model =
        tiny(&[("encoder_steps", "4"), ("steps", "20"), ("halve_every", "5"), ("lr", "0.5"), ("lr_d", "0.5"), ("ema", "0.5")]);
    let scalar = |step: u64, name: &str| {
        let turn = model.at(step, 1.0);
        turn.scalars.iter().find(|(n, _)| n == name).map(|(_, v)| *v)
    };
    assert_eq!((0..20).map(|step| model.at(step, 1.0).stage).collect::<Vec<_>>(), [vec![0; 4], vec![1; 16]].concat());
    assert_eq!(scalar(3, "generator.step_size"), None);
    for (step, t) in [(4, 0), (8, 4), (9, 5), (19, 15)] {
        let rate = 0.5 * 0.5f64.powi(t / 5);
        let want = (rate / (1.0 - 0.5f64.powi(t + 1))) as f32;
        assert_eq!(
            (scalar(step, "generator.step_size"), scalar(step, "discriminator.step_size")),
            (Some(want), Some(want)),
            "{step}"
        );
    }
    assert_eq!(tiny(&[("encoder_steps", "0")]).at(0, 1.0).stage, 0, "without pretraining there is one stage");
}

/// The loss of D at given logits, by algorithm 1 in f64.
#[test]
fn the_critics_loss_is_that_of_algorithm_1() {
    let graph = Graph::new("test");
    let [real, wrong, fake] = ["real", "wrong", "fake"].map(|name| graph.input(name, Type::f32([3])));
    graph.output("cls", &critic(&real, Some(&wrong), &fake));
    graph.output("gan", &critic(&real, None, &fake));
    let logits = [[0.3f32, -1.2, 5.0], [-0.7, 2.0, 0.1], [1.5, -3.0, 0.4]];
    let given: Vec<Named> =
        ["real", "wrong", "fake"].iter().zip(logits).map(|(name, v)| ((*name).to_owned(), HostTensor::f32([3], v))).collect();
    let got = testing::step_with(&graph.finish().expect("a sound graph"), &given);
    let log_sigma = |v: f32| -((-f64::from(v)).exp().ln_1p());
    let mean = |v: &[f32; 3], sign: f32| v.iter().map(|v| -log_sigma(sign * v)).sum::<f64>() / 3.0;
    let (r, w, f) = (mean(&logits[0], 1.0), mean(&logits[1], -1.0), mean(&logits[2], -1.0));
    assert!(
        (f64::from(got[0][0]) - (r + (w + f) / 2.0)).abs() < 1e-6 && (f64::from(got[1][0]) - (r + f)).abs() < 1e-6,
        "{got:?}"
    );
}

/// What a step of the second stage is fed, of 4 rows.
fn inputs(model: &Text2Image, program: &Program, wrong: &HostTensor) -> Vec<Named> {
    let text = sentences(&["a red circle", "a large cross", "green", "the ring is small"]);
    let fed = [("x", wild(&[4, 32, 32, 3], 1)), ("text", text), ("wrong", wrong.clone())];
    let scalars = model.at(model.encoder_steps, 1.0).scalars.into_iter().map(|(name, value)| (name, HostTensor::scalar(value)));
    let all = fed.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(scalars);
    all.filter(|(name, _)| program.inputs().any(|(read, _)| read == name)).collect()
}

fn after(model: &Text2Image, wrong: &HostTensor) -> Vec<NamedFloats> {
    let stages = Stages::new(model, 4).expect("it builds");
    let program = stages.program(1).clone();
    testing::states_after(&program, &inputs(model, &program, wrong))
}

/// The states of a network that differ between two steps.
fn differing(a: &[NamedFloats], b: &[NamedFloats], prefix: &str) -> usize {
    a.iter().zip(b).filter(|((name, a), (_, b))| name.starts_with(prefix) && a != b).count()
}

/// The text encoder stays as it was. Wrong captions reach D by CLS, G by INT, and each by the other too: D by the batch norm of G, G by the
/// gradient of the updated D. Without both they are not there.
#[test]
fn wrong_captions_reach_what_they_are_for() {
    let [one, other] = [["a", "b", "c", "d"], ["the blue one", "b", "c", "d"]].map(|all| sentences(&all));
    for (cls, int) in [("true", "false"), ("false", "true"), ("true", "true")] {
        let model = tiny(&[("cls", cls), ("int", int)]);
        let (a, b) = (after(&model, &one), after(&model, &other));
        assert_eq!(differing(&a, &b, "text_encoder."), 0);
        let begun = |spec: &StateSpec| init::initial(spec, 0).as_f32().expect("floats").to_vec();
        let stages = Stages::new(&model, 4).expect("it builds");
        for spec in stages.program(1).states().filter(|s| s.name.starts_with("text_encoder.")) {
            let now = &a.iter().find(|(name, _)| *name == spec.name).expect("a state").1;
            assert_eq!(*now, begun(spec), "{}: it has learned before", spec.name);
        }
        assert!(differing(&a, &b, "optimizer.discriminator.joint.") > 0, "cls={cls}, int={int}");
        assert!(differing(&a, &b, "optimizer.generator.text.") > 0, "cls={cls}, int={int}");
    }
    let plain = tiny(&[("cls", "false"), ("int", "false")]);
    assert_eq!(after(&plain, &one), after(&plain, &other), "they are not fed");
}

/// Noise is on the images that D sees, real and made; what runs from before it began with is the paper's way.
#[test]
fn noise_is_shown_to_the_discriminator() {
    let wrong = sentences(&["a", "b", "c", "d"]);
    let [none, some] = ["0", "0.1"].map(|noise| after(&tiny(&[("noise", noise)]), &wrong));
    for prefix in ["optimizer.discriminator.conv.0.", "optimizer.generator.up.0."] {
        assert!(differing(&none, &some, prefix) > 0, "{prefix}");
    }
    assert_eq!(differing(&none, &some, "text_encoder."), 0);
    let before = |key: &str| {
        let all = settings::settings(Preset::SMALL);
        all.into_iter().find(|s| s.key == key).expect("a setting").before
    };
    assert_eq!(before("noise"), Some(Value::Number(0.0)));
    assert_eq!(before("rows"), Some(Value::Integer(0)));
    assert_eq!(before("near_misses"), Some(Value::Integer(1)));
    assert_eq!(before("text_norm"), Some(Value::Flag(false)));
    assert_eq!(before("encoder_loss"), Some(Value::Word("hinge".into())));
}

#[test]
fn captions_between_two_are_of_the_first_half_of_a_batch() {
    let model = tiny(&[]);
    let wrong = sentences(&["a", "b", "c", "d"]);
    // The wrong captions of the second half of the batch are in no fake: only CLS sees them.
    let other = sentences(&["a", "b", "x y z", "w"]);
    let without_cls = tiny(&[("cls", "false")]);
    assert_eq!(after(&without_cls, &wrong), after(&without_cls, &other));
    assert_ne!(after(&model, &wrong), after(&model, &other));
}

/// Initial values, but those of G's and the encoder's as large as if each layer kept the size of what passes.
fn lively(spec: &StateSpec) -> HostTensor {
    let value = init::initial(spec, 0);
    let grown = |v: &f32| if spec.name.starts_with("generator.") { 8.0 * v } else { 2.0 * v };
    match spec.name.ends_with("weight") && spec.ty.shape.rank() > 1 {
        true => HostTensor::f32(value.shape.clone(), value.as_f32().expect("floats").iter().map(grown).collect::<Vec<_>>()),
        false => value,
    }
}

#[test]
fn a_batch_is_read_and_drawn_as_each_sentence_alone() {
    let model = tiny(&[]);
    let all = ["a red circle", "a large cross, top", "x"];
    let read = |of: &[&str]| {
        let program = model.reading(of.len()).expect("it builds");
        testing::run(&program, lively, &[("text", sentences(of))]).remove(0)
    };
    let embeddings = read(&all);
    let z = wild(&[3, 3], 2);
    let draw = |n: usize, embedding: &[f32], z: &[f32]| {
        let program = model.drawing(n).expect("it builds");
        let given = [("embedding", HostTensor::f32([n, 5], embedding)), ("z", HostTensor::f32([n, 3], z))];
        testing::run(&program, lively, &given).remove(0)
    };
    let zs = z.as_f32().expect("floats");
    let drawn = draw(3, &embeddings, zs);
    assert!(drawn.iter().all(|v| (0.0..=1.0).contains(v)));
    for (n, sentence) in all.iter().enumerate() {
        let alone = read(&[sentence]);
        assert!(alone.iter().zip(&embeddings[5 * n..]).all(|(a, b)| (a - b).abs() < 1e-5), "{sentence}");
        let picture = draw(1, &alone, &zs[3 * n..3 * n + 3]);
        let len = 32 * 32 * 3;
        let worst = picture.iter().zip(&drawn[n * len..]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-4, "{sentence}: {worst}");
    }
    let first = draw(1, &embeddings[..5], &zs[..3]);
    assert_ne!(first, draw(1, &embeddings[5..10], &zs[..3]), "the sentence counts");
    assert_ne!(first, draw(1, &embeddings[..5], &zs[3..6]), "and so does z");
}
