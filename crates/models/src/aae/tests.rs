use std::collections::BTreeMap;
use std::sync::Arc;

use calotype_graph::Program;

use super::{Aae, INFO};
use crate::feeds::Named;
use crate::model::{DataShape, Model};
use crate::settings::{Preset, SettingError};
use crate::stages::Stages;
use crate::table::{Table, Tables};
use crate::testing::step_with;
use crate::{LatentKind, Prior};

const IMAGES: &[usize] = &[4, 3, 1];

fn data(shape: &[usize], n_classes: u32) -> DataShape {
    DataShape { shape: shape.to_vec(), levels: Some(17), n_train: 60, n_classes, ..DataShape::default() }
}

fn build_with(given: &[(&str, &str)], tables: &Tables, data: &DataShape) -> Result<Arc<dyn Model>, SettingError> {
    let given: BTreeMap<String, String> = given.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    INFO.build_with(Preset::SMALL, &given, tables, data)
}

fn build(given: &[(&str, &str)], data: &DataShape) -> Result<Arc<dyn Model>, SettingError> {
    build_with(&[given, &[("hidden", "6")]].concat(), &Tables::new(), data)
}

fn file(width: usize, data: Vec<f32>) -> Tables {
    Tables::from([("prior".to_owned(), Arc::new(Table::new(width, data).expect("finite rows")))])
}

/// The losses of the first step, by name, and its program.
fn first_step(model: &dyn Model) -> (Vec<(String, f32)>, Program) {
    let descent = model.learning().descent().expect("steps");
    let stages = Stages::new(descent, 8).expect("it builds");
    let feeds = stages.get(0).feeds.iter();
    let fed: Vec<Named> = feeds.map(|f| (f.name.to_owned(), f.made_up(model, 8, 3, 0))).collect();
    let inputs = stages.inputs(&descent.at(0, 1.0), fed, 3, 0);
    let losses = step_with(stages.program(0), &inputs);
    let named = stages.program(0).outputs().map(|(name, _)| name.to_owned()).zip(losses.into_iter().map(|l| l[0])).collect();
    (named, stages.program(0).clone())
}

/// The canonical networks for 28x28 pixels: 784-1000-1000-8, 8-1000-1000-784, 8-1000-1000-1.
#[test]
fn the_paper_preset_has_the_canonical_sizes() {
    let model = INFO.build(Preset::PAPER, &BTreeMap::new(), &data(&[28, 28, 1], 10)).expect("defaults are valid");
    let stages = Stages::new(model.learning().descent().expect("steps"), 4).expect("it builds");
    let count =
        |part: &str| -> usize { stages.program(0).parameters().filter(|s| s.name.starts_with(part)).map(|s| s.ty.numel()).sum() };
    let network = |n: usize, m: usize| (n + 1) * 1000 + 1001 * 1000 + 1001 * m;
    assert_eq!(count("encoder."), network(784, 8));
    assert_eq!(count("decoder."), network(8, 784));
    assert_eq!(count("discriminator."), network(8, 1));
}

/// Every use of classes and every prior: what is learned, what is fed, what the latents and features are.
#[test]
fn each_use_of_classes_has_its_networks_and_parts() {
    let samples = file(3, vec![0.5; 30]);
    let plain = ["reconstruction", "loss_d", "loss_g"];
    let few = [&plain[..], &["classification"]].concat();
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str], &'a [&'a str], usize, usize);
    let cases: [Case; 7] = [
        (&[], &["x"], &plain, 8, 0),
        (&[("prior", "ring"), ("labels", "prior")], &["x", "labels"], &plain, 2, 0),
        (&[("prior", "swiss-roll"), ("labels", "prior")], &["x", "labels"], &plain, 2, 0),
        (&[("labels", "decoder"), ("latents", "4")], &["x", "labels"], &plain, 4, 5),
        (&[("labels", "10")], &["x", "known_x", "known_labels"], &few, 8, 5),
        (&[("clusters", "7")], &["x"], &plain, 8, 7),
        (&[("prior", "mine.npy")], &["x"], &plain, 3, 0),
    ];
    for (set, feeds, losses, z, k) in cases {
        let model = build_with(&[set, &[("hidden", "6")]].concat(), &samples, &data(IMAGES, 5))
            .unwrap_or_else(|e| panic!("{set:?}: {e}"));
        let stages = Stages::new(model.learning().descent().expect("steps"), 8).expect("it builds");
        assert_eq!(stages.get(0).feeds.iter().map(|f| f.name).collect::<Vec<_>>(), feeds, "{set:?}");
        let (got, _) = first_step(model.as_ref());
        assert_eq!(got.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), losses, "{set:?}");
        assert!(got.iter().all(|(_, loss)| loss.is_finite() && *loss > 0.0), "{set:?}: {got:?}");
        let parts: Vec<usize> = model.latent().expect("latents").parts().iter().map(|p| p.size).collect();
        assert_eq!(parts, [z, k].into_iter().filter(|n| *n > 0).collect::<Vec<_>>(), "{set:?}");
        assert!(matches!(model.latent().expect("latents").parts()[0].kind, LatentKind::Prior(_)));
        let told = set.contains(&("labels", "decoder"));
        let features = model.features(2).expect("codes").expect("it builds");
        assert_eq!(features.outputs().next().expect("codes").1.shape.dims(), [2, if told { z } else { z + k }], "{set:?}");
        assert_eq!(model.autoencoder().is_some(), !told);
        assert_eq!(model.settings().size("latents"), z, "as it is written to run.toml");
    }
}

/// The discriminator of z is told the category in `joint` mode, where there is one, and with `labels=prior` always.
#[test]
fn the_discriminator_of_z_is_told_what_it_should_be() {
    let ring = [("prior", "ring"), ("labels", "prior")];
    type Case<'a> = (&'a [(&'a str, &'a str)], [usize; 2]);
    let cases: [Case; 4] = [(&[], [8, 8]), (&[("labels", "10")], [8, 13]), (&[("labels", "decoder")], [8, 13]), (&ring, [7, 7])];
    for (set, inputs) in cases {
        for (joint, n) in ["false", "true"].into_iter().zip(inputs) {
            let model = build(&[set, &[("joint", joint)]].concat(), &data(IMAGES, 5)).expect("valid settings");
            let (losses, program) = first_step(model.as_ref());
            assert!(losses.iter().all(|(_, loss)| loss.is_finite()), "{losses:?}");
            let first = program.parameters().find(|s| s.name == "discriminator.hidden.0.weight").expect("a layer");
            assert_eq!(first.ty.shape.dims(), [n, 6], "{set:?}, joint={joint}");
        }
    }
}

#[test]
fn vectors_are_decoded_linearly_and_images_into_the_unit_interval() {
    let of = |shape: &[usize]| {
        let model = build(&[], &data(shape, 0)).expect("valid settings");
        let program = model.latent().expect("latents").sampling(50).expect("it builds");
        let z = crate::latent::latents(&model.latent().expect("latents").parts(), 50, 1);
        step_with(&program, &[("z".to_owned(), z)]).remove(0)
    };
    assert!(of(IMAGES).iter().all(|v| (0.0..=1.0).contains(v)));
    assert!(of(&[12]).iter().any(|v| *v < 0.0), "vectors have no such bounds");
}

/// At weight 0 the discriminators learn and the encoder has nothing from them: velocities of the generator are 0.
#[test]
fn without_adversarial_weight_the_encoder_hears_nothing_of_the_prior() {
    for (weight, moves) in [("1", true), ("0", false)] {
        let model = build(&[("adversarial", weight)], &data(IMAGES, 0)).expect("valid settings");
        let descent = model.learning().descent().expect("steps");
        let stages = Stages::new(descent, 8).expect("it builds");
        let fed = stages.get(0).feeds.iter().map(|f| (f.name.to_owned(), f.made_up(model.as_ref(), 8, 3, 0))).collect();
        let inputs = stages.inputs(&descent.at(0, 1.0), fed, 3, 0);
        let states = crate::testing::states_after(stages.program(0), &inputs);
        let moved = |prefix: &str| states.iter().any(|(name, v)| name.starts_with(prefix) && v.iter().any(|v| *v != 0.0));
        assert_eq!(moved("optimizer.generator.encoder."), moves);
        assert!(moved("optimizer.discriminator.") && moved("optimizer.reconstruction.decoder."));
    }
}

#[test]
fn what_cannot_be_is_refused_with_what_would_be_right() {
    let plain = data(IMAGES, 5);
    let no_classes = data(IMAGES, 0);
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a DataShape, &'a [&'a str]);
    let cases: [Case; 15] = [
        (&[("latents", "0")], &plain, &["latents=0", "from 1"]),
        (&[("labels", "some")], &plain, &["labels=some", "none, prior, decoder, NUMBER"]),
        (&[("prior", "normal")], &plain, &["prior=normal", "gaussian, ring, swiss-roll, FILE.npy"]),
        (&[("prior", "ring"), ("latents", "8")], &plain, &["latents=8", "expected 2", "prior=ring"]),
        (&[("prior", "unread.npy")], &plain, &["prior=unread.npy"]),
        (&[("prior", "ring"), ("deviation", "5")], &plain, &["deviation=5", "prior=gaussian"]),
        (&[("labels", "prior")], &plain, &["labels=prior", "prior=ring or prior=swiss-roll"]),
        (&[("labels", "4")], &plain, &["labels=4", "5 to 60"]),
        (&[("labels", "61")], &plain, &["labels=61", "5 to 60"]),
        (&[("labels", "10")], &no_classes, &["labels=10", "classes"]),
        (&[("labels", "decoder")], &no_classes, &["labels=decoder", "classes"]),
        (&[("clusters", "3"), ("joint", "true")], &plain, &["joint=true", "false with clusters"]),
        (&[("clusters", "1")], &plain, &["clusters=1", "2 and more"]),
        (&[("clusters", "3"), ("labels", "10")], &plain, &["clusters=3", "labels=10"]),
        (&[("prior", "ring"), ("labels", "prior")], &data(IMAGES, 11), &["11 classes", "10 components"]),
    ];
    for (set, data, says) in cases {
        let message = build(set, data).err().unwrap_or_else(|| panic!("{set:?} is taken")).to_string();
        assert!(says.iter().all(|part| message.contains(part)), "{set:?}: {message}");
    }
}

#[test]
fn a_file_of_another_width_or_of_one_sample_is_refused() {
    let with = |tables: &Tables, set: &[(&str, &str)]| {
        build_with(&[set, &[("prior", "mine.npy")]].concat(), tables, &data(IMAGES, 5)).err().map(|e| e.to_string())
    };
    assert_eq!(with(&file(3, vec![1.0; 6]), &[("latents", "3")]), None);
    let message = with(&file(3, vec![1.0; 6]), &[("latents", "8")]).expect("it is refused");
    assert!(message.contains("latents=8") && message.contains("expected 3") && message.contains("prior=mine.npy"), "{message}");
    let message = with(&file(3, vec![1.0; 3]), &[]).expect("it is refused");
    assert!(message.contains("prior=mine.npy") && message.contains("it has 1"), "{message}");
}

#[test]
fn the_gaussian_prior_has_the_deviation_that_was_asked_for() {
    let model = Aae::new(
        crate::Settings::resolve(&(INFO.settings)(Preset::SMALL), &BTreeMap::from([("deviation".to_owned(), "5".to_owned())]))
            .expect("valid"),
        &data(IMAGES, 0),
    );
    assert_eq!(model.expect("valid settings").prior, Prior::Gaussian { deviation: 5.0 });
}
