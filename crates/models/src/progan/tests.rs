use std::collections::BTreeMap;

use calotype_graph::{Graph, HostTensor, Layout, StateSpec};

use super::*;
use crate::feeds::Named;
use crate::init;
use crate::layers::minibatch_deviation;
use crate::stages::Stages;
use crate::testing;

fn build(preset: Preset, given: &[(&str, &str)]) -> Result<ProGan, SettingError> {
    let data = DataShape { shape: vec![64, 64, 3], levels: Some(256), n_train: 1000, ..DataShape::default() };
    let given: BTreeMap<String, String> = given.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    ProGan::new(Settings::resolve(&settings(preset), &given)?, &data)
}

/// 4x4, 8x8 and 16x16, of 6, 6 and 4 maps.
fn tiny() -> ProGan {
    let given = [("size", "16"), ("fmap_base", "32"), ("fmap_max", "6"), ("latents", "5"), ("batch", "4")];
    build(Preset::SMALL, &given).expect("valid settings")
}

/// Made-up numbers without a pattern.
fn wild(n: usize, seed: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 7919 + seed * 104_729) % 1000) as f32 / 500.0 - 1.0).collect()
}

/// The parameters of all levels, by the prefix of their names.
fn parameters(model: &ProGan, prefix: &str) -> usize {
    let stages = Stages::new(model, 4).expect("it builds");
    let all: BTreeMap<&str, usize> =
        stages.iter().flat_map(|(_, p)| p.parameters()).map(|s| (s.name.as_str(), s.ty.numel())).collect();
    all.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(_, n)| n).sum()
}

/// Table 2 of the paper: 23.1 million each. All sizes by the sum over levels.
#[test]
fn the_paper_preset_has_the_published_parameters() {
    let conv = |c_in: usize, c_out: usize, kernel: usize| kernel * kernel * c_in * c_out + c_out;
    for size in ["8", "64", "1024"] {
        let model = build(Preset::PAPER, &[("size", size)]).expect("a size");
        let nf = |level: usize| (8192 >> (level + 1)).min(512);
        let (mut g, mut d) = (16 * 512 * nf(0) + nf(0) + conv(nf(0), nf(0), 3), 0);
        for level in 0..model.n_levels() {
            if level > 0 {
                g += conv(nf(level - 1), nf(level), 3) + conv(nf(level), nf(level), 3);
                d += conv(nf(level), nf(level), 3) + conv(nf(level), nf(level - 1), 3);
            }
            g += conv(nf(level), 3, 1);
            d += conv(3, nf(level), 1);
        }
        d += conv(nf(0) + 1, nf(0), 3) + 16 * nf(0) * nf(0) + nf(0) + nf(0) + 1;
        assert_eq!((parameters(&model, "generator."), parameters(&model, "discriminator.")), (g, d), "{size}");
        if size == "1024" {
            assert_eq!((g, d), (23_079_115, 23_087_249));
        }
    }
}

#[test]
fn a_size_between_two_levels_is_refused_with_both() {
    let message = build(Preset::SMALL, &[("size", "48")]).err().expect("it is refused").to_string();
    assert!(message.contains("32 or 64"), "{message}");
    assert!(build(Preset::SMALL, &[("size", "4")]).is_err() && build(Preset::SMALL, &[("size", "2048")]).is_err());
}

/// 20,000 images are 1,250 steps of 16: one phase of 4x4, two of each other level; the last one is of 40,000.
#[test]
fn steps_of_0_are_all_phases() {
    assert_eq!(build(Preset::SMALL, &[]).expect("defaults").steps(), 6 * 1250 + 2500);
    assert_eq!(build(Preset::SMALL, &[("last_images", "0")]).expect("as stable_images").steps(), 7 * 1250);
    assert_eq!(build(Preset::SMALL, &[("last_images", "0"), ("stable_images", "16")]).expect("as stable_images").steps(), 3754);
    assert_eq!(build(Preset::SMALL, &[("steps", "100")]).expect("fewer").steps(), 100);
    let paper = build(Preset::PAPER, &[]).expect("defaults");
    let batches: Vec<usize> = paper.stages(16).iter().map(|stage| stage.batch).collect();
    assert_eq!(batches, [16, 16, 16, 16, 16, 16, 14, 6, 3]);
    assert_eq!(paper.stages(4).iter().map(|stage| stage.batch).collect::<Vec<_>>(), [4, 4, 4, 4, 4, 4, 4, 4, 3]);
    let steps = |batch: u64| 600_000_u64.div_ceil(batch);
    assert_eq!(paper.steps(), 11 * steps(16) + 2 * (steps(14) + steps(6)) + steps(3) + 2_400_000 / 3);
    // 4x4 alone, the fades of eight levels, seven of them alone, and the last one.
    assert_eq!(600_000 * (1 + 8 + 7) + paper.settings().integer("last_images"), 12_000_000);
}

/// α, Adam's count and the resets of a run of 8 images a phase, in steps of 4.
#[test]
fn optimisers_begin_anew_at_both_ends_of_a_fade() {
    let given =
        [("size", "8"), ("batch", "4"), ("fade_images", "12"), ("stable_images", "8"), ("last_images", "8"), ("fmap_max", "2")];
    let model = build(Preset::SMALL, &given).expect("valid settings");
    let scalar = |step: u64, name: &str| model.at(step, 1.0).scalars.iter().find(|(n, _)| n == name).map(|(_, v)| *v);
    assert_eq!((0..8).map(|step| model.at(step, 1.0).stage).collect::<Vec<_>>(), [0, 0, 1, 1, 1, 1, 1, 1]);
    assert_eq!((0..8).map(|step| scalar(step, ALPHA)).collect::<Vec<_>>(), {
        let none = [None; 2];
        [none.as_slice(), &[0.0, 0.5, 1.0, 1.0, 1.0, 1.0].map(Some)].concat()
    });
    let resets: Vec<u64> = (0..40).filter(|&step| !model.at(step, 1.0).resets.is_empty()).collect();
    assert_eq!(resets, [2, 5], "the fade of 8x8 begins and ends");
    let corrections = |step| (scalar(step, "generator.root_correction"), scalar(step, "discriminator.root_correction"));
    for step in [2, 5] {
        assert_eq!(corrections(step), corrections(0), "the count begins anew at {step}");
    }
    assert_ne!(corrections(6), corrections(0));
}

/// A program of the networks: its outputs, from initial states but for those that `state` gives.
fn outputs(build: impl Fn(&Graph, &Scope), state: impl Fn(&StateSpec) -> Option<HostTensor>) -> Vec<Vec<f32>> {
    let graph = Graph::new("test");
    build(&graph, &Scope::new(&graph, Mode::Train));
    let program = graph.finish().expect("a sound graph");
    testing::run(&program, |spec| state(spec).unwrap_or_else(|| init::initial(spec, 0)), &[])
}

fn constant(graph: &Graph, name: &str, shape: &[usize], values: Vec<f32>) -> Tensor {
    let given = HostTensor::f32(shape, values);
    graph.state(name, given.ty(), Init::Given(given), Layout::Plain, false)
}

fn close(got: &[f32], want: &[f32], within: f32) {
    assert_eq!(got.len(), want.len());
    let worst = got.iter().zip(want).map(|(g, w)| (g - w).abs()).fold(0.0, f32::max);
    assert!(worst <= within, "{worst} apart");
}

/// Rows [2, 16, 16, 3] that the sampling program makes of two latents, with these shares.
fn sampled(model: &ProGan, blend: [f32; 3], change: impl Fn(&StateSpec, &mut [f32])) -> Vec<f32> {
    let program = model.sampling(2).expect("it builds");
    let z: Named = ("z".into(), HostTensor::f32([2, 5], wild(10, 1)));
    let state = |spec: &StateSpec| match spec.name.as_str() {
        BLEND => HostTensor::f32([3], blend.to_vec()),
        _ => {
            let value = init::initial(spec, 0);
            let mut values = value.as_f32().expect("floats").to_vec();
            change(spec, &mut values);
            HostTensor::f32(value.shape.clone(), values)
        }
    };
    testing::run(&program, state, &[(z.0.as_str(), z.1)]).remove(0)
}

fn as_it_is(_: &StateSpec, _: &mut [f32]) {}

/// A value of the level that does not show must not reach the image, however large it is.
fn spoil(part: &'static str) -> impl Fn(&StateSpec, &mut [f32]) {
    move |spec, values| {
        if spec.name.contains(part) {
            values.iter_mut().for_each(|v| *v = 1e6 * *v + 3e5);
        }
    }
}

#[test]
fn an_early_sample_is_the_small_image_enlarged() {
    let model = tiny();
    let rows = sampled(&model, [1.0, 0.0, 0.0], as_it_is);
    assert!(rows.iter().all(|v| (0.0..=1.0).contains(v)) && rows.iter().any(|v| *v > 0.0 && *v < 1.0));
    for (at, v) in rows.iter().enumerate() {
        let (row, y, x, c) = (at / 768, at / 48 % 16, at / 3 % 16, at % 3);
        assert_eq!(*v, rows[row * 768 + (y / 4 * 4) * 48 + (x / 4 * 4) * 3 + c], "blocks of 4x4");
    }
    let program = model.sampling(2).expect("it builds");
    let first = program.states().find(|s| s.name == BLEND).expect("shares");
    assert_eq!(init::initial(first, 0).as_f32().expect("floats"), [1.0, 0.0, 0.0], "as a run begins");
    assert_eq!(rows, sampled(&model, [1.0, 0.0, 0.0], spoil("8x8")), "what has not begun contributes nothing");
}

/// As a fade begins the image is that of the level before, as it ends that of the level alone, and in between it changes little by little.
#[test]
fn samples_are_continuous_at_both_ends_of_every_fade() {
    let model = tiny();
    for level in 1..3 {
        let at = |alpha: f32| {
            let mut blend = [0.0; 3];
            (blend[level - 1], blend[level]) = (1.0 - alpha, alpha);
            blend
        };
        let alone = |level: usize| std::array::from_fn(|l| f32::from(u8::from(l == level)));
        let make = |blend| sampled(&model, blend, as_it_is);
        close(&make(at(0.0)), &make(alone(level - 1)), 0.0);
        close(&make(at(1.0)), &make(alone(level)), 0.0);
        close(&make(at(1e-6)), &make(alone(level - 1)), 1e-5);
        close(&make(at(1.0 - 1e-6)), &make(alone(level)), 1e-5);
        assert_ne!(make(at(0.5)), make(at(0.0)));
        let old = ["4x4.rgb", "8x8.rgb"][level - 1];
        assert_eq!(sampled(&model, at(1.0), spoil(old)), make(alone(level)), "what was faded out has no influence");
    }
}

/// The generator of a training step makes what samples are made of.
#[test]
fn a_step_and_a_sample_show_one_image() {
    let model = tiny();
    let z = HostTensor::f32([2, 5], wild(10, 1));
    let made = outputs(
        |graph, s| {
            let shown = [(1, graph.scalar(0.25)), (2, graph.scalar(0.75))];
            let z = constant(graph, "z", &[2, 5], z.as_f32().expect("floats").to_vec());
            graph.output("x", &model.networks.generator(&s.sub("generator"), &z, &shown));
        },
        |_| None,
    );
    let rows = sampled(&model, [0.0, 0.25, 0.75], as_it_is);
    close(&rows, &made[0].iter().map(|v| (0.5 * v + 0.5).clamp(0.0, 1.0)).collect::<Vec<_>>(), 1e-6);
}

/// D of 16x16 at α = 0 judges as D of 8x8 judges the image reduced; at α = 1 what sees the reduced image has no influence.
#[test]
fn scores_are_continuous_at_both_ends_of_a_fade() {
    let model = tiny();
    let scores = |spoilt: &'static str| {
        outputs(
            |graph, s| {
                let d = s.sub("discriminator");
                let x = constant(graph, "x", &[4, 16, 16, 3], wild(4 * 768, 2));
                for (name, alpha) in [("first", 0.0), ("last", 1.0)] {
                    graph.output(name, &model.networks.discriminator(&d, &x, 2, Some(&graph.scalar(alpha))));
                }
                graph.output("before", &model.networks.discriminator(&d, &halved(&x), 1, None));
                graph.output("alone", &model.networks.discriminator(&d, &x, 2, None));
            },
            |spec| {
                (!spoilt.is_empty() && spec.name.contains(spoilt))
                    .then(|| HostTensor::f32(spec.ty.shape.clone(), vec![1e3; spec.ty.numel()]))
            },
        )
    };
    let all = scores("");
    close(&all[0], &all[2], 1e-6);
    close(&all[1], &all[3], 0.0);
    assert!(all[0].iter().zip(&all[1]).any(|(a, b)| (a - b).abs() > 1e-3), "{all:?}");
    let spoilt = scores("8x8.rgb");
    assert_eq!((&spoilt[1], &spoilt[3]), (&all[1], &all[3]));
    assert_ne!(spoilt[0], all[0]);
}

/// The states after a step of 8x8 at this α.
fn after_a_step(model: &ProGan, alpha: f32) -> (Program, BTreeMap<String, Vec<f32>>) {
    let stage = &model.stages(4)[1];
    let program = model.program(stage).expect("it builds");
    let scalars = model.at(stage.span.start + 1, 1.0).scalars;
    let scalars = scalars.into_iter().map(|(name, v)| {
        let value = if name == ALPHA { alpha } else { v };
        (name, HostTensor::scalar(value))
    });
    let x: Named = ("x".into(), HostTensor::f32([4, 8, 8, 3], wild(768, 3)));
    let inputs: Vec<Named> = scalars.chain([x]).collect();
    let after = testing::states_after(&program, &inputs).into_iter().collect();
    (program, after)
}

/// In the phase in which a level is alone, what sees and makes the smaller image does not learn; in a fade all of it does. The shares of
/// samples are written down.
#[test]
fn a_level_that_is_alone_does_not_train_the_old_branch() {
    let model = tiny();
    for (alpha, old_moves) in [(1.0, false), (0.5, true)] {
        let (program, after) = after_a_step(&model, alpha);
        for spec in program.parameters() {
            let moved = init::initial(spec, 0).as_f32().expect("floats") != after[&spec.name].as_slice();
            assert_eq!(moved, old_moves || !spec.name.contains("4x4.rgb"), "{} at {alpha}", spec.name);
            let averaged = &after.get(&format!("ema.{}", spec.name));
            assert_eq!(averaged.is_some(), spec.name.starts_with("generator."), "{}", spec.name);
        }
        assert_eq!(after[BLEND], [1.0 - alpha, alpha, 0.0]);
    }
}

/// Batches of 1 to 7: the map by its formula, and a gradient of the gradient's square that is finite, also where all rows are equal.
#[test]
fn the_deviation_of_any_batch_is_finite_and_the_formulas() {
    for batch in 1..=7 {
        for equal in [false, true] {
            let (n, h) = (group(batch), 2 * 2 * 3);
            let rows = if equal { wild(h, 4).repeat(batch) } else { wild(batch * h, 4) };
            let got = outputs(
                |graph, _| {
                    let x = constant(graph, "x", &[batch, 2, 2, 3], rows.clone());
                    let y = minibatch_deviation(&x, n);
                    let slope = graph.grad(&y.square().sum_all(), &[&x]).remove(0);
                    let second = graph.grad(&slope.square().sum_all(), &[&x]).remove(0);
                    graph.output("map", &y.slice(3, 3, 4));
                    graph.output("slope", &slope);
                    graph.output("second", &second);
                },
                |_| None,
            );
            let n_groups = batch / n;
            let map = |row: usize| {
                let own: Vec<&[f32]> = rows.chunks_exact(h).skip(row % n_groups).step_by(n_groups).collect();
                let deviation = |i: usize| {
                    let mean = own.iter().map(|r| f64::from(r[i])).sum::<f64>() / n as f64;
                    let variance = own.iter().map(|r| (f64::from(r[i]) - mean).powi(2)).sum::<f64>() / n as f64;
                    (variance + 1e-8).sqrt()
                };
                ((0..h).map(deviation).sum::<f64>() / h as f64) as f32
            };
            let want: Vec<f32> = (0..batch).flat_map(|row| [map(row); 4]).collect();
            close(&got[0], &want, 1e-6);
            assert!(got[1].iter().chain(&got[2]).all(|v| v.is_finite()), "{batch} rows, equal: {equal}");
        }
    }
}

#[test]
fn every_size_builds_and_makes_images_of_that_size() {
    for (size, channels) in [(8, 1), (16, 3), (32, 1), (64, 3)] {
        let data = DataShape { shape: vec![64, 64, channels], levels: Some(256), n_train: 10, ..DataShape::default() };
        let given = [("size", size.to_string()), ("fmap_max", "2".into())].map(|(k, v)| (k.to_owned(), v)).into();
        let model = INFO.build(Preset::SMALL, &given, &data).expect("a size");
        let sampling = model.latent().expect("latents").sampling(3).expect("it builds");
        let shapes: Vec<_> = sampling.outputs().map(|(_, ty)| ty.shape.dims().to_vec()).collect();
        assert_eq!(shapes, [vec![3, size, size, channels]]);
        let stages = Stages::new(model.learning().descent().expect("steps"), 2).expect("it builds");
        let sides: Vec<String> = stages.iter().map(|(stage, _)| stage.name.clone()).collect();
        assert_eq!((sides.first().map(String::as_str), sides.last().cloned()), (Some("4x4"), Some(format!("{size}x{size}"))));
    }
}
