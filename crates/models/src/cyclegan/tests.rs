use std::collections::BTreeMap;
use std::sync::Arc;

use calotype_graph::{Graph, HostTensor, Mode, Program, Scope, Tensor, Type};

use super::{CycleGan, INFO, Made, losses};
use crate::facets::{Ability, Way, abilities};
use crate::feeds::{Named, Role};
use crate::init;
use crate::losses::Adversarial;
use crate::model::{DataShape, Descent, Model};
use crate::settings::{Preset, SettingError, Settings};
use crate::stages::Stages;
use crate::testing::{run, step_with};

type Set<'a> = &'a [(&'a str, &'a str)];

const TINY: Set = &[("size", "24"), ("width", "2"), ("width_d", "2"), ("blocks", "1")];

fn data(channels: usize) -> DataShape {
    DataShape { shape: vec![64, 64, channels], levels: Some(256), n_train: 60, ..DataShape::default() }
}

fn given(set: Set) -> BTreeMap<String, String> {
    set.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn build(set: Set) -> Result<Arc<dyn Model>, SettingError> {
    INFO.build(Preset::SMALL, &given(&[TINY, set].concat()), &data(3))
}

fn cyclegan(set: Set) -> CycleGan {
    let settings = Settings::resolve(&(INFO.settings)(Preset::SMALL), &given(&[TINY, set].concat())).expect("valid settings");
    CycleGan::new(settings, &data(3)).expect("it fits")
}

fn training(model: &dyn Model, batch: usize) -> Program {
    Stages::new(model.learning().descent().expect("steps"), batch).expect("it builds").program(0).clone()
}

fn outputs(set: Set) -> Vec<String> {
    training(&cyclegan(set), 2).outputs().map(|(name, _)| name.to_owned()).collect()
}

/// Made-up numbers in (-1, 1) without a pattern.
fn wild(n: usize, seed: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 7919 + seed * 104_729) % 1999) as f32 / 1000.0 - 0.9995).collect()
}

/// Parameters of the public networks with three channels.
#[test]
fn the_paper_s_networks_have_the_canonical_sizes() {
    let all = |size: &str| {
        let set = given(&[("size", size), ("load_size", "0")]);
        training(INFO.build(Preset::PAPER, &set, &data(3)).expect("valid settings").as_ref(), 1)
    };
    let count = |program: &Program, network: &str| -> usize {
        program.parameters().filter(|s| s.name.starts_with(&format!("{network}."))).map(|s| s.ty.numel()).sum()
    };
    for (size, n) in [("256", 11_378_179), ("128", 7_837_699)] {
        let program = all(size);
        assert_eq!(["netG_A", "netG_B", "netD_A", "netD_B"].map(|name| count(&program, name)), [n, n, 2_764_737, 2_764_737]);
        assert_eq!(program.parameters().map(|s| s.ty.numel()).sum::<usize>(), 2 * (n + 2_764_737));
    }
}

/// The cycle and identity terms of the objective with λ 10 and identity 0.5, of functions in place of the networks.
fn terms(a_to_b: impl Fn(&Tensor) -> Tensor, b_to_a: impl Fn(&Tensor) -> Tensor) -> [f32; 2] {
    let graph = Graph::new("test");
    let [a, b] = ["a", "b"].map(|name| graph.input(name, Type::f32([2, 3, 3, 1])));
    let made = Made::of(a_to_b, b_to_a, &a, &b, true);
    let sum = |[x, y]: [Tensor; 2]| x + y;
    graph.output("cycle", &(sum(made.cycle(&a, &b)) * 10.0));
    graph.output("identity", &(sum(made.identity(&a, &b).expect("it is asked for")) * 5.0));
    let rows = |name: &str, seed| (name.to_owned(), HostTensor::f32([2, 3, 3, 1], wild(18, seed)));
    let got = step_with(&graph.finish().expect("a sound graph"), &[rows("a", 1), rows("b", 2)]);
    [got[0][0], got[1][0]]
}

#[test]
fn what_is_translated_to_itself_costs_nothing() {
    assert_eq!(terms(Tensor::clone, Tensor::clone), [0.0, 0.0]);
    let [cycle, identity] = terms(|x| x + 0.1, Tensor::clone);
    assert!((cycle - 2.0).abs() < 1e-5 && (identity - 0.5).abs() < 1e-5, "{cycle}, {identity}");
    // There and back is as it was, and neither keeps rows of its own domain.
    let [cycle, identity] = terms(|x| x + 0.1, |x| x - 0.1);
    assert!(cycle.abs() < 1e-5 && (identity - 1.0).abs() < 1e-5, "{cycle}, {identity}");
}

/// Least squares as in §4: whole for G, half for D.
#[test]
fn adversarial_losses_are_those_of_the_code() {
    let (r, m) = (0.7f32, -0.3f32);
    let cases = [
        (Adversarial::LeastSquares, (m - 1.0).powi(2), 0.5 * ((r - 1.0).powi(2) + m * m)),
        (Adversarial::Hinge, -m, 0.5 * ((1.0 - r) + (1.0 + m))),
        (Adversarial::Wasserstein, -m, 0.5 * (m - r)),
    ];
    for (loss, generator, discriminator) in cases {
        let graph = Graph::new("test");
        let scores = |v: f32| graph.scalar(v).expand([2, 3, 3, 1]);
        graph.output("generator", &losses::generator(loss, &scores(m)));
        graph.output("discriminator", &losses::discriminator(loss, &scores(r), &scores(m)));
        let got = step_with(&graph.finish().expect("a sound graph"), &[]);
        assert!((got[0][0] - generator).abs() < 1e-6 && (got[1][0] - discriminator).abs() < 1e-6, "{loss:?}: {got:?}");
    }
}

#[test]
fn the_settings_say_which_losses_there_are() {
    let all = ["loss_g_a", "loss_g_b", "cycle_a", "cycle_b", "identity_a", "identity_b", "loss_d_a", "loss_d_b"];
    assert_eq!(outputs(&[]), all);
    assert_eq!(outputs(&[("loss", "hinge"), ("pool", "0")]), all);
    assert_eq!(outputs(&[("identity", "0")]), [&all[..4], &all[6..]].concat());
    assert_eq!(outputs(&[("loss", "wgan-gp")]), [&all[..], &["gradient_penalty_a", "gradient_penalty_b"]].concat());
    let stage = |set| cyclegan(set).stages(2).remove(0).feeds.iter().map(|feed| feed.name).collect::<Vec<_>>();
    assert_eq!(stage(&[]), ["a", "b", "pool_a", "pool_b"]);
    assert_eq!(stage(&[("pool", "0")]), ["a", "b"]);
}

/// The loss of the discriminators depends on no weight of the generators: the rows that they are shown are given.
#[test]
fn discriminators_teach_no_generator() {
    for set in [&[][..], &[("pool", "0")], &[("loss", "wgan-gp")]] {
        let model = cyclegan(set);
        let graph = Graph::new("test");
        let s = Scope::new(&graph, Mode::Train);
        let [g, d] = ["netG_A", "netD_A"].map(|name| s.sub(name));
        let [a, b] = ["a", "b"].map(|name| graph.input(name, Type::f32([2, 24, 24, 3])));
        let shown = model.shown(&s, "pool_b", &model.networks().generator(&g, &a));
        let (loss, penalty) = model.judged(&d, &b, &shown, "between_b");
        let loss = penalty.map_or_else(|| loss.clone(), |penalty| &loss + penalty);
        let reached = |s: &Scope| {
            let parameters = s.parameters();
            graph.grad_or_none(&loss, &parameters.iter().map(|(_, w)| w).collect::<Vec<_>>())
        };
        let (of_g, of_d) = (reached(&g), reached(&d));
        assert_eq!((of_g.len(), of_d.len()), (16, 10));
        assert!(of_g.iter().all(Option::is_none) && of_d.iter().all(Option::is_some), "{set:?}");
    }
}

/// The rate of every step: constant, then along a line; and what of it is said by `steps` alone.
#[test]
fn the_learning_rate_is_a_function_of_the_step() {
    let model = cyclegan(&[("constant_steps", "6"), ("decay_steps", "4"), ("lr", "1")]);
    assert_eq!(model.steps(), 10);
    let rates: Vec<f64> = (0..12).map(|step| model.learning_rate(step).expect("a rate")).collect();
    assert_eq!(rates, [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0, 0.0]);
    for (step, rate) in rates.iter().enumerate() {
        for name in ["generators.step_size", "discriminators.step_size"] {
            let turn = model.at(step as u64, 1.0);
            let size = turn.scalars.iter().find(|(key, _)| key == name).expect(name).1;
            let want = rate / (1.0 - 0.5f64.powi(step as i32 + 1));
            assert!((f64::from(size) - want).abs() < 1e-6, "{name}, step {step}: {size} for {want}");
        }
    }
    let lengths = |set: Set| {
        let model = build(set).expect("valid settings");
        ["steps", "constant_steps", "decay_steps"].map(|key| model.settings().integer(key))
    };
    assert_eq!(lengths(&[]), [4000, 2000, 2000]);
    assert_eq!(lengths(&[("steps", "101")]), [101, 50, 51]);
    let paper = INFO.build(Preset::PAPER, &BTreeMap::new(), &data(3)).expect("valid settings");
    assert_eq!(
        ["steps", "constant_steps", "decay_steps", "blocks"].map(|k| paper.settings().integer(k)),
        [266_800, 133_400, 133_400, 9]
    );
    assert_eq!((paper.load_size(), build(&[]).expect("valid settings").load_size()), (Some(286), None));
}

fn translated(model: &CycleGan, way: Way, [n, h, w]: [usize; 3], x: &[f32]) -> Vec<f32> {
    let program = model.translator().expect("it translates").translation(way, n, [h, w]).expect("it builds");
    assert_eq!(program.outputs().next().expect("rows").1.shape.dims(), [n, h, w, 3]);
    let states = |spec: &calotype_graph::StateSpec| init::initial(spec, 1);
    run(&program, states, &[("x", HostTensor::f32([n, h, w, 3], x))]).remove(0)
}

/// Instance norm keeps images apart, so that what is computed together is what is computed alone.
#[test]
fn images_of_a_batch_are_translated_each_on_its_own() {
    let (model, len) = (cyclegan(&[]), 24 * 24 * 3);
    let x = wild(3 * len, 1);
    for way in Role::ALL.map(Way::To) {
        let together = translated(&model, way, [3, 24, 24], &x);
        for (n, row) in x.chunks(len).enumerate() {
            let alone = translated(&model, way, [1, 24, 24], row);
            let apart = alone.iter().zip(&together[n * len..]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(apart < 1e-6, "row {n}: {apart}");
        }
    }
    let both = Role::ALL.map(|role| translated(&model, Way::To(role), [1, 24, 24], &x[..len]));
    assert_ne!(both[0], both[1], "each way has a network of its own");
}

#[test]
fn any_multiple_of_four_is_translated() {
    let model = cyclegan(&[]);
    for [h, w] in [[8, 8], [20, 36], [64, 12], [28, 28]] {
        let rows = translated(&model, Way::To(Role::B), [1, h, w], &wild(h * w * 3, 1));
        assert!(rows.iter().all(|v| (0.0..=1.0).contains(v)), "{h}x{w}");
    }
    let translator = model.translator().expect("it translates");
    assert_eq!(translator.multiple(), 4);
    assert!(translator.translation(Way::ToAttributes, 1, [8, 8]).is_err());
    assert!(training(build(&[("size", "28")]).expect("a multiple of 4").as_ref(), 1).outputs().count() > 0);
}

#[test]
fn contradictions_are_refused_with_what_would_be_right() {
    for (set, says) in [
        (&[("size", "30")][..], "a multiple of 4, such as 28 or 32"),
        (&[("size", "20")], "from 24 to 1024"),
        (&[("size", "64"), ("load_size", "60")], "at least size=64"),
        (&[("loss", "bce")], "lsgan, hinge, wgan-gp"),
        (&[("steps", "11"), ("constant_steps", "5"), ("decay_steps", "5")], "at most 10, constant_steps + decay_steps"),
        (&[("constant_steps", "0"), ("decay_steps", "0")], "the learning rate is 0"),
    ] {
        let message = build(set).err().expect("a contradiction").to_string();
        assert!(message.contains(says), "{message}");
    }
    for shape in [vec![6], vec![8, 8, 2]] {
        assert!(INFO.build(Preset::SMALL, &BTreeMap::new(), &DataShape { shape, ..data(3) }).is_err());
    }
    assert!(INFO.build(Preset::SMALL, &given(TINY), &data(1)).is_ok(), "grey images are images");
}

#[test]
fn it_translates_and_does_nothing_else() {
    let model = build(&[]).expect("valid settings");
    assert_eq!(abilities(model.as_ref()), [Ability::Translation]);
    assert_eq!(INFO.roles(), Role::ALL);
    let signs = |set| cyclegan(set).signs().iter().map(|sign| sign.loss).collect::<Vec<_>>();
    assert_eq!((signs(&[]), signs(&[("loss", "wgan-gp")])), (vec!["loss_d_a", "loss_d_b"], vec![]));
}

/// One step: every loss is a number, and the histories hold what was made.
#[test]
fn a_step_is_finite_and_fills_the_histories() {
    for set in [&[("pool", "3")][..], &[("loss", "wgan-gp"), ("pool", "3")], &[("loss", "hinge"), ("pool", "3")]] {
        let model = cyclegan(set);
        let stage = model.stages(2).remove(0);
        let mut inputs: Vec<Named> =
            stage.feeds.iter().map(|feed| (feed.name.to_owned(), feed.made_up(&model, 2, 7, 0))).collect();
        inputs.extend(model.at(0, 1.0).scalars.into_iter().map(|(name, v)| (name, HostTensor::scalar(v))));
        let program = model.program(&stage).expect("it builds");
        assert!(step_with(&program, &inputs).iter().all(|loss| loss[0].is_finite()), "{set:?}");
        let states = crate::testing::states_after(&program, &inputs);
        let kept = &states.iter().find(|(name, _)| name == "state.pool_b").expect("a history").1;
        let len = 24 * 24 * 3;
        assert!(kept[..2 * len].iter().any(|v| *v != 0.0) && kept[2 * len..].iter().all(|v| *v == 0.0), "two of three places");
    }
}
