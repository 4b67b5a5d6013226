use std::collections::BTreeMap;
use std::f64::consts::{LN_2, PI};
use std::sync::Arc;

use calotype_graph::{Graph, HostTensor, Mode, Program, Scope, Tensor, Type};

use super::information::{Normals, categorical_entropy, categorical_nll, floored};
use super::{INFO, InfoGan};
use crate::feeds::Named;
use crate::latent::LatentKind;
use crate::model::{DataShape, Descent, Model};
use crate::settings::{Preset, SettingError, Settings};
use crate::stages::Stages;
use crate::testing::step_with;

type Set = &'static [(&'static str, &'static str)];
type Parts = &'static [(&'static str, usize)];

const TINY: Set = &[("size", "8"), ("width", "2"), ("hidden", "6"), ("hidden_q", "5"), ("latents", "3")];

fn data(channels: usize) -> DataShape {
    DataShape { shape: vec![8, 8, channels], levels: Some(17), n_train: 60, ..DataShape::default() }
}

fn given(set: &[(&str, &str)]) -> BTreeMap<String, String> {
    set.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn build(set: &[(&str, &str)]) -> Result<Arc<dyn Model>, SettingError> {
    INFO.build(Preset::SMALL, &given(&[TINY, set].concat()), &data(1))
}

fn infogan(set: &[(&str, &str)]) -> InfoGan {
    let settings = Settings::resolve(&(INFO.settings)(Preset::SMALL), &given(&[TINY, set].concat())).expect("valid settings");
    InfoGan::new(settings, &data(1)).expect("it fits")
}

fn training(model: &dyn Model, batch: usize) -> Program {
    Stages::new(model.learning().descent().expect("steps"), batch).expect("it builds").program(0).clone()
}

fn names(program: &Program) -> Vec<String> {
    program.outputs().map(|(name, _)| name.to_owned()).collect()
}

/// What `f` makes of inputs [N, n].
fn evaluated(inputs: &[(&str, usize, &[f32])], f: impl Fn(&[Tensor]) -> Tensor) -> Vec<f32> {
    let graph = Graph::new("test");
    let tensors: Vec<Tensor> =
        inputs.iter().map(|(name, n, values)| graph.input(name, Type::f32([values.len() / n, *n]))).collect();
    graph.output("y", &f(&tensors));
    let value = |&(name, n, values): &(&str, usize, &[f32])| (name.to_owned(), HostTensor::f32([values.len() / n, n], values));
    let fed: Vec<Named> = inputs.iter().map(value).collect();
    step_with(&graph.finish().expect("a sound graph"), &fed).remove(0)
}

/// Made-up numbers in (-1, 1) without a pattern.
fn wild(n: usize, seed: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 7919 + seed * 104_729) % 1999) as f32 / 1000.0 - 0.9995).collect()
}

/// The bound of a category by logits [N, K].
fn category_bound(logits: &[f32], categories: &[u32], k: usize) -> f64 {
    let graph = Graph::new("test");
    let n = categories.len();
    let y = graph.input("logits", Type::f32([n, k]));
    let c = graph.input("category", Type::u32([n]));
    graph.output("y", &categorical_nll(&y, &c));
    let fed = [
        ("logits".to_owned(), HostTensor::f32([n, k], logits)),
        ("category".to_owned(), HostTensor::u32([n], categories.to_vec())),
    ];
    categorical_entropy(k) - f64::from(step_with(&graph.finish().expect("a sound graph"), &fed)[0][0])
}

/// ln K + E log softmax(y)[c] in f64; at most ln 10 of ten, reached only where Q is sure and right.
#[test]
fn the_bound_of_a_ten_way_code_is_at_most_ln_10() {
    let categories: Vec<u32> = (0..20).map(|i| i * 3 % 10).collect();
    for scale in [0.0, 0.1, 3.0, 50.0, 1e4] {
        let logits: Vec<f32> = wild(200, 1).iter().map(|v| v * scale).collect();
        let log_q = |n: usize| {
            let row: Vec<f64> = logits[10 * n..][..10].iter().map(|&v| f64::from(v)).collect();
            let most = row.iter().copied().fold(f64::MIN, f64::max);
            row[categories[n] as usize] - most - row.iter().map(|v| (v - most).exp()).sum::<f64>().ln()
        };
        let want = 10f64.ln() + (0..20).map(log_q).sum::<f64>() / 20.0;
        let got = category_bound(&logits, &categories, 10);
        assert!((got - want).abs() <= 1e-5 * want.abs().max(1.0), "{scale}: {got} for {want}");
        assert!(got <= 10f64.ln(), "{got}");
    }
    let sure: Vec<f32> = (0..200).map(|i| if (i % 10) as u32 == categories[i / 10] { 1e6 } else { 0.0 }).collect();
    assert_eq!(category_bound(&sure, &categories, 10), 10f64.ln());
    assert!(category_bound(&vec![0.0; 200], &categories, 10).abs() < 1e-6, "nothing is recognised");
}

/// -log N(c; μ, σ²) in f64, with σ = 1 and with learned σ.
#[test]
fn the_loss_of_continuous_codes_is_its_closed_form() {
    let (codes, means) = (wild(14, 1), wild(14, 2));
    let closed = |sigma: &dyn Fn(usize) -> f64, code: usize| {
        let each = (0..7).map(|n| 2 * n + code).map(|at| {
            let apart = f64::from(codes[at]) - f64::from(means[at]);
            0.5 * (apart / sigma(at)).powi(2) + sigma(at).ln() + 0.5 * (2.0 * PI).ln()
        });
        each.sum::<f64>() / 7.0
    };
    let fixed = evaluated(&[("codes", 2, &codes), ("mean", 2, &means)], |t| {
        Normals { mean: t[1].clone(), log_deviation: None }.nll(&t[0])
    });
    let v: Vec<f32> = wild(14, 3).iter().map(|v| 4.0 * v).collect();
    let floor = 0.05;
    let sigma = |at: usize| (floor + (f64::from(v[at]).exp()) * (1.0 - floor)).max(floor);
    let learned = evaluated(&[("codes", 2, &codes), ("mean", 2, &means), ("v", 2, &v)], |t| {
        Normals { mean: t[1].clone(), log_deviation: Some(floored(&t[2], floor)) }.nll(&t[0])
    });
    for code in 0..2 {
        let (one, other) = (closed(&|_| 1.0, code), closed(&sigma, code));
        assert!((f64::from(fixed[code]) - one).abs() < 1e-6, "{} for {one}", fixed[code]);
        assert!((f64::from(learned[code]) - other).abs() < 2e-5 * other.abs(), "{} for {other}", learned[code]);
    }
}

/// However sure q is, and however right, its loss is at least ln floor + ln √(2π). Without a floor there is no end to it: with a floor
/// ten times lower the loss falls by another ln 10.
#[test]
fn a_learned_deviation_has_a_floor_and_the_loss_with_it() {
    let codes = wild(8, 1);
    let loss = |floor: f64, v: f32| {
        let v = vec![v; 8];
        let all = evaluated(&[("codes", 1, &codes), ("v", 1, &v)], |t| {
            Normals { mean: t[0].clone(), log_deviation: Some(floored(&t[1], floor)) }.nll(&t[0])
        });
        f64::from(all[0])
    };
    for floor in [0.1, 0.01, 0.001] {
        let least = f64::ln(floor) + 0.5 * (2.0 * PI).ln();
        for v in [-1e6, -100.0, -10.0, -1.0, 0.0, 5.0] {
            assert!(loss(floor, v) >= least - 1e-5, "floor {floor}, v {v}: {}", loss(floor, v));
        }
        assert!((loss(floor, -100.0) - least).abs() < 1e-5, "it is reached");
        assert!((loss(floor, 0.0) - 0.5 * (2.0 * PI).ln()).abs() < 1e-5, "0 is a deviation of 1");
    }
    assert!((loss(0.01, -100.0) - loss(0.001, -100.0) - 10f64.ln()).abs() < 1e-4);
}

/// Where the deviation is 1 in training, what is reported is the best bound of any deviation that is one for all rows.
#[test]
fn the_reported_bound_is_that_of_the_best_deviation() {
    let codes = wild(40, 1);
    let means: Vec<f32> = codes.iter().zip(wild(40, 5)).map(|(c, e)| c + 0.2 * e).collect();
    let got = evaluated(&[("codes", 1, &codes), ("mean", 1, &means)], |t| {
        Normals { mean: t[1].clone(), log_deviation: None }.bound(&t[0], 1e-3)
    });
    let bound = |sigma: f64| {
        let each = codes.iter().zip(&means).map(|(c, m)| {
            let apart = f64::from(*c) - f64::from(*m);
            0.5 * (apart / sigma).powi(2) + sigma.ln() + 0.5 * (2.0 * PI).ln()
        });
        LN_2 - each.sum::<f64>() / 40.0
    };
    let best = (1..4000).map(|i| bound(f64::from(i) * 1e-3)).fold(f64::MIN, f64::max);
    assert!((f64::from(got[0]) - best).abs() < 1e-4 && best > bound(1.0) + 0.5, "{} for {best}", got[0]);
    // Of means that say nothing, less than nothing: a normal distribution is no uniform one.
    let nothing = evaluated(&[("codes", 1, &wild(400, 1)), ("mean", 1, &vec![0.0; 400])], |t| {
        Normals { mean: t[1].clone(), log_deviation: None }.bound(&t[0], 1e-3)
    });
    assert!(nothing[0] < 0.0 && nothing[0] > -0.25, "{}", nothing[0]);
    let exact = evaluated(&[("codes", 1, &codes)], |t| Normals { mean: t[0].clone(), log_deviation: None }.bound(&t[0], 1e-3));
    assert!(exact[0].is_finite(), "an error of 0 counts as the least one");
}

/// What is maximised moves G, the trunk and Q, and D's head not at all.
#[test]
fn the_information_moves_g_and_q_and_not_the_head_of_d() {
    let model = infogan(&[("sigma", "learned")]);
    let graph = Graph::new("test");
    let s = Scope::new(&graph, Mode::Train);
    let [g, d, q] = ["generator", "discriminator", "recognition"].map(|name| s.sub(name));
    let drawn = model.draw(&s, 8);
    let fake = model.generator(&g, &model.latents(&s, &drawn, 8));
    let shared = model.trunk(&d, &fake);
    let nothing = model.head(&d, &shared).sum_all() * 0.0; // so that the head's parameters are there
    let loss = model.informed(&nothing.detach(), &drawn, &model.recognise(&q, &shared));
    let parameters = s.parameters();
    let found = graph.grad_or_none(&loss, &parameters.iter().map(|(_, w)| w).collect::<Vec<_>>());
    for ((spec, _), gradient) in parameters.iter().zip(&found) {
        assert_eq!(gradient.is_none(), spec.name.starts_with("discriminator.head."), "{}", spec.name);
        if let Some(gradient) = gradient {
            graph.output(&spec.name, &gradient.square().sum_all());
        }
    }
    let program = graph.finish().expect("a sound graph");
    for (name, square) in names(&program).iter().zip(step_with(&program, &[])) {
        // A bias before batch norm moves nothing.
        let before_norm = ["main.0.bias", "main.3.bias", "trunk.6.bias"].iter().any(|bias| name.ends_with(bias));
        assert!(before_norm || square[0] > 0.0, "{name}: {}", square[0]);
    }
}

/// Parameters of the networks of table 1 at 28x28 and one channel, without biases of convolutions.
#[test]
fn the_paper_preset_has_the_canonical_sizes() {
    let data = DataShape { shape: vec![28, 28, 1], ..data(1) };
    let program = training(INFO.build(Preset::PAPER, &BTreeMap::new(), &data).expect("valid").as_ref(), 4);
    let count =
        |prefix: &str| -> usize { program.parameters().filter(|s| s.name.starts_with(prefix)).map(|s| s.ty.numel()).sum() };
    let (dense, norm) = (|n: usize, m: usize| (n + 1) * m, |n: usize| 2 * n);
    let small = 7 * 7 * 128;
    assert_eq!(
        count("generator."),
        dense(74, 1024) + norm(1024) + dense(1024, small) + norm(small) + 16 * 128 * 64 + norm(64) + 16 * 64
    );
    let trunk = 16 * 64 + 16 * 64 * 128 + norm(128) + dense(small, 1024) + norm(1024);
    assert_eq!(count("discriminator."), trunk + dense(1024, 1));
    assert_eq!(count("recognition."), dense(1024, 128) + norm(128) + dense(128, 10) + dense(128, 2));
}

/// Sizes, colours, and any codes: what is drawn, recognised and reported.
#[test]
fn latents_features_and_losses_are_those_of_the_codes() {
    let cases: [(Set, Parts, &[&str]); 4] = [
        (&[], &[("z", 3), ("category", 10), ("c1", 1), ("c2", 1)], &["mi_category", "mi_c1", "mi_c2"]),
        (&[("categories", "0"), ("codes", "1")], &[("z", 3), ("c1", 1)], &["mi_c1"]),
        (&[("codes", "0"), ("categories", "4")], &[("z", 3), ("category", 4)], &["mi_category"]),
        (&[("latents", "0"), ("sigma", "learned"), ("codes", "1")], &[("category", 10), ("c1", 1)], &["mi_category", "mi_c1"]),
    ];
    for (set, parts, bounds) in cases {
        let model = build(set).expect("valid settings");
        let latent = model.latent().expect("latents");
        assert_eq!(latent.parts().iter().map(|p| (p.name, p.size)).collect::<Vec<_>>(), parts);
        assert!(latent.parts().iter().all(|p| (p.kind == LatentKind::Category) == (p.name == "category")));
        let codes: Vec<(&str, usize)> = parts.iter().copied().filter(|(name, _)| *name != "z").collect();
        assert_eq!(latent.codes(), codes.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        assert_eq!(names(&training(model.as_ref(), 4)), [&["loss_d", "loss_g"], bounds].concat());
        let features = model.features(2).expect("there are some").expect("it builds");
        let width: usize = codes.iter().map(|(_, size)| size).sum();
        assert_eq!(features.outputs().next().expect("features").1.shape.dims(), [2, width]);
    }
    for (size, channels) in [("28", 1), ("32", 3), ("12", 3)] {
        let set = given(&[TINY, &[("size", size)]].concat());
        let model = INFO.build(Preset::SMALL, &set, &data(channels)).expect(size);
        let n: usize = size.parse().expect("a number");
        let rows = model.latent().expect("latents").sampling(3).expect("it builds");
        assert_eq!(rows.outputs().next().expect("rows").1.shape.dims(), [3, n, n, channels]);
        training(model.as_ref(), 2);
    }
}

#[test]
fn contradictions_are_refused_with_what_would_be_right() {
    for (set, says) in [
        (&[("size", "30")][..], "a multiple of 4"),
        (&[("categories", "1")], "2 or more"),
        (&[("categories", "0"), ("codes", "0")], "1 or more where categories=0"),
        (&[("codes", "9")], "from 0 to 8"),
        (&[("sigma", "free")], "fixed, learned"),
    ] {
        let message = build(set).err().expect("a contradiction").to_string();
        assert!(message.contains(says), "{message}");
    }
    let vectors = DataShape { shape: vec![6], levels: None, n_train: 40, ..DataShape::default() };
    assert!(INFO.build(Preset::SMALL, &BTreeMap::new(), &vectors).is_err());
}

/// Samples come from the average where there is one; a category that is not recognised is a sign only where it is asked for.
#[test]
fn averages_and_signs_are_as_the_settings_say() {
    let states = |set: &[(&str, &str)]| {
        let model = build(set).expect("valid settings");
        let program = model.latent().expect("latents").sampling(2).expect("it builds");
        program.states().map(|s| s.name.clone()).collect::<Vec<_>>()
    };
    assert!(states(&[]).iter().all(|name| name.starts_with("generator.")));
    assert!(states(&[("ema", "0.9")]).iter().all(|name| name.starts_with("ema.generator.")));
    let signs = |set: &[(&str, &str)]| infogan(set).signs().iter().map(|sign| sign.loss).collect::<Vec<_>>();
    assert_eq!(signs(&[]), ["loss_d", "mi_category"]);
    assert_eq!(signs(&[("lambda", "0")]), ["loss_d"]);
    assert!(infogan(&[]).validation().is_some() && infogan(&[("validation", "0")]).validation().is_none());
}
