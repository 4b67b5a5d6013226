//! Settings and data that do not go together, and the presets.

use super::super::settings::{CONV, IWAE, MLP};
use super::{INFO, build};
use crate::latent::Latent;
use crate::model::{Descent, Model, Values};
use crate::settings::Preset;

const IMAGE: &[usize] = &[8, 8, 1];

fn refused(given: &[(&str, &str)], shape: &[usize], levels: Option<u32>) -> String {
    match build(MLP, given, shape, levels) {
        Err(e) => e.to_string(),
        Ok(_) => panic!("{given:?} on {shape:?} of {levels:?} levels is accepted"),
    }
}

#[test]
fn what_cannot_be_is_refused_with_what_could() {
    let bits = Some(2);
    for (given, shape, levels, says) in [
        (&[("latents", "0")][..], IMAGE, bits, &["latents", "from 1"][..]),
        (&[("k", "0")], IMAGE, bits, &["k", "from 1"]),
        (&[("k", "5"), ("beta", "4")], IMAGE, bits, &["k=5 and beta=4", "use k=1"]),
        (&[("k", "5"), ("free_bits", "0.5")], IMAGE, bits, &["k=5 and free_bits=0.5"]),
        (&[("k", "5"), ("kl_warm_up", "9")], IMAGE, bits, &["k=5 and kl_warm_up=9"]),
        (&[("k", "5"), ("likelihood", "cross-entropy")], IMAGE, Some(17), &["likelihood=cross-entropy is none"]),
        (&[("likelihood", "cross-entropy")], IMAGE, bits, &["use likelihood=bernoulli"]),
        (&[("likelihood", "gaussian")], IMAGE, bits, &["use likelihood=bernoulli"]),
        (&[("likelihood", "bernoulli"), ("levels", "8")], IMAGE, Some(256), &["8 levels", "levels=2", "discretised-logistic"]),
        (&[("likelihood", "bernoulli")], &[5], None, &["use likelihood=gaussian"]),
        (&[("likelihood", "normal")], IMAGE, bits, &["auto, bernoulli, gaussian, discretised-logistic, cross-entropy"]),
        (&[("filters", "4")], &[5], None, &["no convolutions", "filters=0"]),
        (&[("stages", "2")], IMAGE, bits, &["stages=2 has no effect", "filters"]),
        (&[("filters", "4")], &[9, 8, 1], bits, &["9 x 8", "multiples of 4", "size=12", "filters=0"]),
        (&[("filters", "4"), ("stages", "4")], IMAGE, bits, &["8 x 8", "multiples of 16", "size=16"]),
        (&[], &[4, 4, 2], bits, &["2 channels"]),
    ] {
        let message = refused(given, shape, levels);
        assert!(says.iter().all(|s| message.contains(s)), "{message}");
    }
}

/// What a person does not say follows from the data.
#[test]
fn the_likelihood_fits_the_data() {
    let values = |given: &[(&str, &str)], shape: &[usize], levels| build(MLP, given, shape, levels).expect("valid").values();
    assert_eq!(values(&[], IMAGE, Some(256)), Values::Levels(2));
    assert_eq!(values(&[], IMAGE, Some(8)), Values::Levels(8));
    assert_eq!(values(&[("likelihood", "bernoulli")], IMAGE, Some(8)), Values::Levels(2));
    assert_eq!(values(&[("likelihood", "discretised-logistic")], IMAGE, Some(256)), Values::Levels(256));
    assert_eq!(values(&[], &[5], None), Values::Standardised);
    let bounded = |word: &str| build(MLP, &[("likelihood", word)], IMAGE, Some(17)).expect("valid").bound().is_some();
    assert!(bounded("gaussian") && bounded("discretised-logistic") && !bounded("cross-entropy"));
}

/// Sizes as the papers have them.
#[test]
fn presets_have_their_sizes() {
    let n_parameters = |preset: Preset, shape: &[usize]| -> usize {
        let model = build(preset, &[], shape, Some(256)).expect("valid");
        let stage = model.stages(2).remove(0);
        let program = model.program(&stage).expect("it builds");
        program.parameters().map(|s| s.ty.numel()).sum()
    };
    assert_eq!(n_parameters(MLP, &[28, 28, 1]), 652_824, "PyTorch's example");
    let encoder = 784 * 200 + 200 + 200 * 200 + 200 + 2 * (200 * 50 + 50);
    let decoder = 50 * 200 + 200 + 200 * 200 + 200 + 200 * 784 + 784;
    assert_eq!(n_parameters(IWAE, &[28, 28, 1]), encoder + decoder);
    for side in [12, 16, 32, 64] {
        let model = build(CONV, &[("size", "0")], &[side, side, 3], Some(256)).expect("valid");
        let program = model.sampling(2).expect("it builds");
        assert_eq!(program.outputs().map(|(_, ty)| ty.shape.dims().to_vec()).collect::<Vec<_>>(), [vec![2, side, side, 3]]);
    }
    assert_eq!(build(CONV, &[], &[64, 64, 3], Some(256)).expect("valid").shape(), [32, 32, 3]);
    assert_eq!(INFO.presets, [MLP, IWAE, CONV]);
}

/// The weight of the KL rises along a line, and the paper's phases are of 1, 3, 9, … epochs of the rows that are learned from.
#[test]
fn schedules_follow_the_steps() {
    let model = build(MLP, &[("kl_warm_up", "4"), ("beta", "2")], IMAGE, Some(2)).expect("valid");
    let beta = |step| model.at(step, 1.0).scalars.iter().find(|(name, _)| name == "beta").expect("beta").1;
    assert_eq!([0, 1, 2, 4, 99].map(beta), [0.0, 0.5, 1.0, 2.0, 2.0]);
    let least_lr = |preset| {
        let model = build(preset, &[("validation", "0.1")], IMAGE, Some(2)).expect("valid");
        model.validation().expect("a held-out set").least_lr
    };
    assert_eq!((least_lr(MLP), least_lr(IWAE)), (0.1, 1.0), "the paper's schedule is the only one");
    let model = build(IWAE, &[("batch", "60")], IMAGE, Some(2)).expect("valid");
    // Of Adam without its bias correction: 10 steps are an epoch of 600 rows.
    let step_size = |step: u64| f64::from(model.at(step, 1.0).scalars[0].1) * (1.0 - 0.9f64.powi(step as i32 + 1));
    for (step, i) in [(0, 0), (9, 0), (10, 1), (39, 1), (40, 2), (129, 2), (130, 3)] {
        let want = 1e-3 * 0.1f64.powf(f64::from(i) / 7.0);
        assert!((step_size(step) - want).abs() < 1e-9, "step {step}: {}, should be {want}", step_size(step));
    }
}
