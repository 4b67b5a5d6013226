use std::collections::BTreeMap;

use calotype_graph::{HostTensor, StateSpec};

use super::*;
use crate::attributes::Attribute;
use crate::feeds::Named;
use crate::init;
use crate::stages::Stages;
use crate::testing::{self, NamedFloats};

/// A choice of three and two flags.
fn faces() -> Attributes {
    let hair = ["Black", "Blond", "Brown"].map(str::to_owned);
    Attributes(vec![Attribute::flag("Male"), Attribute::choice("hair", &hair), Attribute::flag("Young")])
}

fn classes(n: usize) -> Attributes {
    let values: Vec<String> = (0..n).map(|class| class.to_string()).collect();
    Attributes(vec![Attribute::choice("class", &values)])
}

fn build(preset: Preset, given: &[(&str, &str)], attributes: Attributes) -> Result<StarGan, SettingError> {
    let data = DataShape { shape: vec![64, 64, 3], levels: Some(256), n_train: 1000, attributes, ..DataShape::default() };
    let given: BTreeMap<String, String> = given.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    StarGan::new(Settings::resolve(&settings::settings(preset), &given)?, &data)
}

fn tiny(attributes: Attributes) -> StarGan {
    let given = [("size", "32"), ("width", "2"), ("width_d", "2"), ("blocks", "1"), ("n_critic", "2")];
    build(Preset::SMALL, &given, attributes).expect("valid settings")
}

/// Made-up numbers in (-1, 1) without a pattern.
fn wild(shape: &[usize], seed: usize) -> HostTensor {
    let n: usize = shape.iter().product();
    let value = |i: usize| ((i * 7919 + seed * 104_729) % 1000) as f32 / 500.0 - 1.0;
    HostTensor::f32(shape, (0..n).map(value).collect::<Vec<_>>())
}

/// The vectors of rows that have these values.
fn vectors(attributes: &Attributes, rows: &[&[u32]]) -> HostTensor {
    let values: Vec<f32> = rows.iter().flat_map(|row| attributes.vector(row.iter().copied())).collect();
    HostTensor::f32([rows.len(), attributes.width()], values)
}

/// Initial values, but those of D as large as if its layers had a gain of √2: its scores at first would not depend on what it sees.
fn lively(spec: &StateSpec) -> HostTensor {
    let value = init::initial(spec, 0);
    match spec.name.starts_with("discriminator.") {
        true => HostTensor::f32(value.shape.clone(), value.as_f32().expect("floats").iter().map(|v| 2.5 * v).collect::<Vec<_>>()),
        false => value,
    }
}

#[test]
fn networks_have_the_parameters_of_the_authors_code() {
    let model = build(Preset::PAPER, &[], classes(5)).expect("defaults are valid");
    let stages = Stages::new(&model, 1).expect("it builds");
    let count = |prefix: &str| -> usize {
        stages.program(0).parameters().filter(|s| s.name.starts_with(prefix)).map(|s| s.ty.numel()).sum()
    };
    assert_eq!((count("generator."), count("discriminator.")), (8_430_528, 44_762_048));
    let has = |name: &str| stages.program(0).parameters().any(|s| s.name == name);
    for name in
        ["generator.main.14.main.4.bias", "generator.main.18.weight", "generator.main.21.weight", "discriminator.main.10.bias"]
    {
        assert!(has(name), "{name}");
    }
    assert!(!has("generator.main.0.bias") && !has("discriminator.conv1.bias") && !has("discriminator.conv2.bias"));
}

#[test]
fn every_size_builds() {
    for (size, layers) in [("32", 4), ("64", 5), ("128", 6), ("256", 7)] {
        let model =
            build(Preset::SMALL, &[("size", size), ("width", "1"), ("width_d", "1"), ("blocks", "0")], faces()).expect(size);
        assert_eq!(model.networks().layers(), layers);
        Stages::new(&model, 2).expect("it builds");
    }
}

#[test]
fn steps_given_alone_are_half_constant_and_half_a_line_to_0() {
    let steps = |given: &[(&str, &str)]| {
        let model = build(Preset::SMALL, given, classes(2)).expect("valid settings");
        ["steps", "constant_steps", "decay_steps"].map(|key| model.settings.integer(key))
    };
    assert_eq!(steps(&[]), [8000, 4000, 4000]);
    assert_eq!(steps(&[("steps", "5")]), [5, 2, 3]);
    let model = build(Preset::SMALL, &[("steps", "8"), ("lr", "0.5")], classes(2)).expect("valid settings");
    let rates: Vec<f64> = (0..8).filter_map(|step| model.learning_rate(step)).collect();
    assert_eq!(rates, [0.5, 0.5, 0.5, 0.5, 0.5, 0.375, 0.25, 0.125]);
}

/// Both networks learn at the rate of the step; Adam counts each network's own updates.
#[test]
fn turns_count_the_updates_of_each_network() {
    let model = build(Preset::SMALL, &[("steps", "40"), ("n_critic", "5")], classes(2)).expect("valid settings");
    let of_g: Vec<u64> = (0..40).filter(|&step| model.at(step, 1.0).stage == 0).collect();
    assert_eq!(of_g, [4, 9, 14, 19, 24, 29, 34, 39]);
    let scalar = |step: u64, name: &str| {
        let turn = model.at(step, 1.0);
        f64::from(turn.scalars.iter().find(|(n, _)| n == name).expect(name).1)
    };
    let rate = |step| model.learning_rate(step).expect("a rate");
    for step in of_g {
        let (t_d, t_g) = (step as i32 + 1, (step as i32 + 1) / 5);
        for (name, t) in [("discriminator.step_size", t_d), ("generator.step_size", t_g)] {
            let want = rate(step) / (1.0 - 0.5f64.powi(t));
            assert!((scalar(step, name) / want - 1.0).abs() < 1e-6, "{name} at {step}");
        }
    }
    let always = build(Preset::SMALL, &[("n_critic", "1")], classes(2)).expect("valid settings");
    assert_eq!((always.stages(4).len(), always.at(0, 1.0).stage), (1, 0));
}

/// Inputs of a step of 2 rows.
fn inputs(model: &StarGan, program: &Program, target: &HostTensor) -> Vec<Named> {
    let own = vectors(&faces(), &[&[0, 0, 1], &[1, 2, 0]]);
    let fed = [("x", wild(&[2, 32, 32, 3], 1)), ("attributes", own), ("target", target.clone())];
    let scalars = model.at(1, 1.0).scalars.into_iter().map(|(name, value)| (name, HostTensor::scalar(value)));
    let all = fed.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(scalars);
    all.filter(|(name, _)| program.inputs().any(|(read, _)| read == name)).collect()
}

fn state<'a>(states: &'a [NamedFloats], name: &str) -> &'a [f32] {
    &states.iter().find(|(n, _)| n == name).unwrap_or_else(|| panic!("no {name}")).1
}

/// What D_cls learns does not depend on what fakes were made to be; what D_src learns does.
#[test]
fn the_critic_learns_no_class_from_fakes() {
    let model = tiny(faces());
    let stages = Stages::new(&model, 2).expect("it builds");
    let targets = [[&[1u32, 1, 0][..], &[0, 0, 1]], [&[0, 2, 1], &[1, 0, 0]]].map(|rows| vectors(&faces(), &rows));
    for (stage, program) in stages.iter() {
        let [a, b] = targets.each_ref().map(|target| testing::states_after(program, &inputs(&model, program, target)));
        let moment = |layer: &str| format!("optimizer.discriminator.{layer}.weight.exp_avg");
        assert_eq!(state(&a, &moment("conv2")), state(&b, &moment("conv2")), "{}", stage.name);
        assert!(state(&a, &moment("conv2")).iter().any(|v| *v != 0.0));
        assert_ne!(state(&a, &moment("conv1")), state(&b, &moment("conv1")), "{}", stage.name);
    }
}

/// The losses of a choice and two flags, by their formulas.
#[test]
fn classification_is_the_sum_over_attributes() {
    let (attributes, logits) = (faces(), wild(&[2, 5], 3));
    let rows: [&[u32]; 2] = [&[1, 2, 0], &[0, 0, 1]];
    let graph = Graph::new("test");
    let [l, c] = ["logits", "domain"].map(|name| graph.input(name, Type::f32([2, 5])));
    graph.output("loss", &super::classes::loss(&attributes, &l, &c));
    graph.output("probabilities", &super::classes::probabilities(&attributes, &l));
    let program = graph.finish().expect("a sound graph");
    let given = [("logits", logits.clone()), ("domain", vectors(&attributes, &rows))];
    let got = testing::run(&program, |spec| init::initial(spec, 0), &given);
    let sigma = |v: f64| 1.0 / (1.0 + (-v).exp());
    let (mut loss, mut probabilities) = (0.0, vec![]);
    for (row, l) in rows.iter().zip(logits.as_f32().expect("floats").chunks(5)) {
        let l: Vec<f64> = l.iter().map(|&v| v.into()).collect();
        let sum: f64 = l[1..4].iter().map(|v| v.exp()).sum();
        let p = [sigma(l[0]), l[1].exp() / sum, l[2].exp() / sum, l[3].exp() / sum, sigma(l[4])];
        let flag = |p: f64, is: u32| if is == 1 { -p.ln() } else { -(1.0 - p).ln() };
        loss += 0.5 * (flag(p[0], row[0]) - p[1 + row[1] as usize].ln() + flag(p[4], row[2]));
        probabilities.extend(p);
    }
    assert!((f64::from(got[0][0]) - loss).abs() < 1e-6, "{} for {loss}", got[0][0]);
    assert!(got[1].iter().zip(&probabilities).all(|(g, w)| (f64::from(*g) - w).abs() < 1e-6), "{:?}", got[1]);
}

/// Of the images that are to stay what they are, and of those alone.
#[test]
fn the_identity_loss_is_of_images_that_have_their_target() {
    let (x, fake) = (wild(&[3, 2, 2, 1], 1), wild(&[3, 2, 2, 1], 2));
    let value = |rows: [&[u32]; 3]| {
        let graph = Graph::new("test");
        let [x_in, fake_in] = ["x", "fake"].map(|name| graph.input(name, Type::f32([3, 2, 2, 1])));
        let [own, target] = ["own", "target"].map(|name| graph.input(name, Type::f32([3, 5])));
        graph.output("identity", &identity(&x_in, &fake_in, &own, &target));
        let own = vectors(&faces(), &[&[1, 2, 0], &[0, 0, 1], &[1, 1, 1]]);
        let given = [("x", x.clone()), ("fake", fake.clone()), ("own", own), ("target", vectors(&faces(), &rows))];
        testing::run(&graph.finish().expect("a sound graph"), |spec| init::initial(spec, 0), &given)[0][0]
    };
    let (x, fake) = (x.as_f32().expect("floats"), fake.as_f32().expect("floats"));
    let of = |row: usize| (4 * row..4 * row + 4).map(|i| (x[i] - fake[i]).abs()).sum::<f32>() / 4.0;
    let close = |got: f32, want: f32| assert!((got - want).abs() < 1e-6, "{got} for {want}");
    close(value([&[1, 2, 0], &[0, 0, 0], &[1, 1, 1]]), 0.5 * (of(0) + of(2)));
    close(value([&[1, 1, 0], &[0, 0, 1], &[0, 0, 0]]), of(1));
    close(value([&[0, 2, 0], &[0, 1, 1], &[1, 1, 0]]), 0.0);
}

fn translated(model: &StarGan, x: &HostTensor, domain: &HostTensor) -> Vec<f32> {
    let &[batch, h, w, _] = x.shape.dims() else { panic!("images") };
    let program = model.translation(Way::ToAttributes, batch, [h, w]).expect("it builds");
    assert_eq!(program.outputs().map(|(name, ty)| (name, ty.shape.dims())).collect::<Vec<_>>(), [("rows", x.shape.dims())]);
    testing::run(&program, lively, &[("x", x.clone()), ("domain", domain.clone())]).remove(0)
}

/// Of any size that is a multiple of 4, and each image on its own.
#[test]
fn a_batch_is_translated_as_each_image_alone() {
    let (model, attributes) = (tiny(faces()), faces());
    let rows: [&[u32]; 3] = [&[1, 2, 0], &[0, 0, 1], &[1, 2, 0]];
    for (h, w) in [(4, 8), (32, 32), (20, 12)] {
        let x = wild(&[3, h, w, 3], 5);
        let all = translated(&model, &x, &vectors(&attributes, &rows));
        assert!(all.iter().all(|v| (0.0..=1.0).contains(v)));
        for (n, row) in rows.iter().enumerate() {
            let len = h * w * 3;
            let one = HostTensor::f32([1, h, w, 3], &x.as_f32().expect("floats")[n * len..(n + 1) * len]);
            let alone = translated(&model, &one, &vectors(&attributes, &[row]));
            let worst = alone.iter().zip(&all[n * len..]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-5, "{h}x{w}, image {n}: {worst}");
            let other = translated(&model, &one, &vectors(&attributes, &[&[1 - row[0], row[1], row[2]]]));
            assert_ne!(alone, other, "the domain counts");
        }
    }
}

/// Numbers of each choice sum to 1; images that are smaller have none.
#[test]
fn recognition_is_of_images_as_large_as_the_models_or_larger() {
    let model = tiny(faces());
    assert!(model.recognition(2, [32, 28]).is_none() && model.recognition(2, [16, 64]).is_none());
    let mut all = vec![];
    for size in [[32, 32], [64, 32], [48, 52]] {
        let program = model.recognition(2, size).expect("large enough").expect("it builds");
        let x = wild(&[2, size[0], size[1], 3], 2);
        let got = testing::run(&program, lively, &[("x", x)]).remove(0);
        assert_eq!(got.len(), 10);
        for row in got.chunks(5) {
            assert!((row[1..4].iter().sum::<f32>() - 1.0).abs() < 1e-6 && row.iter().all(|p| (0.0..=1.0).contains(p)), "{row:?}");
            assert_eq!(faces().values(row).len(), 3);
        }
        all.push(got);
    }
    assert_ne!(all[0], all[1]);
}

#[test]
fn what_cannot_be_is_refused_with_what_can() {
    let message =
        |given: &[(&str, &str)], attributes| build(Preset::SMALL, given, attributes).err().expect("it is refused").to_string();
    for (given, attributes, says) in [
        (vec![], Attributes::default(), "use data with classes"),
        (vec![], classes(1), "a translation needs two"),
        (vec![("size", "48")], classes(2), "32, 64, 128 or 256"),
        (vec![("load_size", "20")], classes(2), "at least size=32"),
        (
            vec![("steps", "12"), ("constant_steps", "7"), ("decay_steps", "4")],
            classes(2),
            "at most 11, constant_steps + decay_steps",
        ),
        (vec![("constant_steps", "0"), ("decay_steps", "0")], classes(2), "learning rate is 0"),
    ] {
        let message = message(&given, attributes);
        assert!(message.contains(says), "{message}");
    }
    let vectors = DataShape { shape: vec![6], attributes: classes(2), ..DataShape::default() };
    assert!(INFO.build(Preset::SMALL, &BTreeMap::new(), &vectors).is_err());
    for attributes in ["auto", "tone", "Black/Blond,Male"] {
        assert!(build(Preset::SMALL, &[("attributes", attributes)], faces()).is_ok(), "{attributes}");
    }
}
