//! `rnade`.

use std::sync::Arc;

use calotype_graph::philox::{Domain, Stream};
use calotype_graph::{Device, HostTensor};
use calotype_models::{Learning, Model, density};

use super::session::{self, build, devices, draw, floats, noise, parameters, set_states};

const FLOOR: f32 = 0.05;

fn model(order: &str, dims: usize) -> Arc<dyn Model> {
    let given = [("order", order), ("hidden", "17"), ("components", "3"), ("floor", "0.05")];
    build("rnade", &given, &[dims], None).expect("valid settings")
}

/// On each device and in both orders, with weights of chance.
fn each(dims: usize, check: impl Fn(&mut dyn Device, &dyn Model)) {
    for order in ["raster", "random:3"] {
        let model = model(order, dims);
        for mut device in devices() {
            set_states(device.as_mut(), model.as_ref(), 0.4);
            check(device.as_mut(), model.as_ref());
        }
    }
}

/// Normal numbers.
fn vectors(n: usize, name: &str) -> Vec<f32> {
    let mut random = Stream::new(1, Domain::Test, name, 0);
    (0..n).map(|_| random.normal()).collect()
}

/// Each conditional over a wide grid, by the rule of rectangles, with the dimensions before it at values of chance.
#[test]
fn conditionals_integrate_to_one() {
    const N: usize = 4001;
    each(4, |device, model| {
        let row = vectors(4, "row");
        for d in 0..4 {
            let width = 40.0 / (N - 1) as f32;
            let mut x = row.repeat(N);
            x.chunks_exact_mut(4).enumerate().for_each(|(i, row)| row[d] = i as f32 * width - 20.0);
            let log_p = session::log_p(device, model, &x);
            let sum: f64 = log_p.chunks_exact(4).map(|row| f64::from(row[d]).exp()).sum::<f64>() * f64::from(width);
            assert!((sum - 1.0).abs() < 1e-4, "dimension {d}: {sum}");
        }
    });
}

#[test]
fn a_dimension_depends_on_all_before_it() {
    each(6, |device, model| {
        let k = session::density(model).conditional().n_parameters();
        let row = vectors(6, "row");
        let mut all = row.repeat(7);
        (0..6).for_each(|from| all[(from + 1) * 6 + from] += 1.0);
        let all = parameters(device, model, &all);
        let (before, after) = all.split_at(6 * k);
        for (from, after) in after.chunks_exact(6 * k).enumerate() {
            for at in 0..6 {
                let of = at * k..(at + 1) * k;
                assert_eq!(session::density(model).sees(at, from), after[of.clone()] != before[of], "{at} and {from}");
            }
        }
    });
}

/// The noise is found again from the sample and the conditionals that scoring gives it.
#[test]
fn drawing_agrees_with_scoring() {
    each(6, |device, model| {
        let noise = noise(model, 40, "noise");
        let nothing = [0.0; 40 * 6];
        let x = draw(device, model, &noise, &nothing, &nothing);
        let mut used = [0; 3];
        for ((&x, noise), y) in x.iter().zip(floats(&noise).chunks_exact(2)).zip(parameters(device, model, &x).chunks_exact(9)) {
            let total: f32 = y[..3].iter().map(|w| w.exp()).sum();
            let sums = [y[0].exp() / total, (y[0].exp() + y[1].exp()) / total];
            if sums.iter().any(|s| (s - noise[0]).abs() < 1e-5) {
                continue;
            }
            let component = sums.iter().filter(|&&s| s <= noise[0]).count();
            let want = y[3 + component] + y[6 + component].exp().max(FLOOR) * noise[1];
            assert!((x - want).abs() <= 1e-4 * (1.0 + want.abs()), "x {x}, should be {want}");
            used[component] += 1;
        }
        assert!(used.iter().all(|&n| n > 10), "components were drawn {used:?} times");
    });
}

#[test]
fn known_values_are_kept_and_a_row_does_not_depend_on_its_batch() {
    each(7, |device, model| super::checks::known_values_are_kept(device, model, &vectors(7 * 5, "known")));
}

/// Before anything is learned, the density is nearly that of a standard normal.
#[test]
fn it_starts_near_a_standard_normal() {
    let model = build("rnade", &[], &[5], None).expect("valid settings");
    let program = density::scoring(session::density(model.as_ref()), 1).expect("a sound graph");
    let mut device = session::fast();
    for spec in program.states() {
        device.write_state(&spec.name, &calotype_models::init::initial(spec, 0)).expect("a new state");
    }
    let x = vectors(5 * 400, "normal");
    let nats = -session::log_p(device.as_mut(), model.as_ref(), &x).iter().sum::<f32>() / 400.0;
    let entropy = 5.0 * 0.5 * (std::f32::consts::TAU * std::f32::consts::E).ln();
    assert!((nats - entropy).abs() < 0.25, "{nats}, a normal has {entropy}");
}

/// The trick changes gradients, no values: the first loss is the same, the second is not.
#[test]
fn scaled_means_change_steps_but_no_loss() {
    let x = HostTensor::f32([30, 3], vectors(90, "x"));
    let losses = |scale: &str| {
        let given = [("scale_means", scale), ("noise", "0"), ("optimiser", "rmsprop"), ("lr", "0.01")];
        let model = build("rnade", &given, &[3], None).expect("valid settings");
        let Learning::Descent(descent) = model.learning() else { panic!("it descends") };
        session::train(session::fast().as_mut(), descent, &x, 40)
    };
    let (plain, scaled) = (losses("false"), losses("true"));
    assert!((plain[0] - scaled[0]).abs() < 1e-5 && plain[39] != scaled[39]);
    assert!(plain[39] < plain[0] && scaled[39] < scaled[0], "{plain:?}, {scaled:?}");
}

/// Two modes, and a second dimension that bends with the first: the sum of the entropies of a choice and of two Gaussians.
#[test]
fn a_mixture_of_known_entropy_is_approached() {
    const N: usize = 1000;
    let given = [("hidden", "32"), ("components", "4"), ("noise", "0"), ("l2", "0")];
    let model = build("rnade", &given, &[2], None).expect("valid settings");
    let Learning::Descent(descent) = model.learning() else { panic!("it descends") };
    let mut random = Stream::new(2, Domain::Test, "mixture", 0);
    let mut rows = |n: usize| -> Vec<f32> {
        let mut row = |_| {
            let side = if random.uniform() < 0.3 { -1.0 } else { 1.0 };
            let x = side + 0.2 * random.normal();
            [x, x * x - 1.0 + 0.1 * random.normal()]
        };
        (0..n).flat_map(&mut row).collect()
    };
    let gaussian = |deviation: f64| 0.5 * (std::f64::consts::TAU * std::f64::consts::E).ln() + deviation.ln();
    let entropy = -(0.3 * 0.3f64.ln() + 0.7 * 0.7f64.ln()) + gaussian(0.2) + gaussian(0.1); // the modes do not touch
    let mut device = session::fast();
    session::train(device.as_mut(), descent, &HostTensor::f32([N, 2], rows(N)), 400);
    let test = rows(4 * N);
    let nats =
        -session::log_p(device.as_mut(), model.as_ref(), &test).iter().map(|&l| f64::from(l)).sum::<f64>() / (4 * N) as f64;
    assert!((nats - entropy).abs() < 0.1, "{nats} nats, the entropy is {entropy}");
}

#[test]
fn what_are_no_vectors_of_real_numbers_is_refused() {
    for (shape, levels) in [(vec![28, 28, 1], None), (vec![5], Some(7))] {
        let error = build("rnade", &[], &shape, levels).err().expect("no such data").to_string();
        assert!(error.contains("nade"), "{error}");
    }
}
