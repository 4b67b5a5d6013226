//! `nade`.

use std::sync::Arc;

use calotype_graph::{Device, HostTensor, Init};
use calotype_models::{Learning, Model, SettingError, density};

use super::checks::{known_values_are_kept, sees_what_shows, shares_of_samples, sums_by_first_dimensions};
use super::session::{self, build, devices, draw, every_row, floats, log_p, noise, run, set_states};

const ORDERS: [&str; 3] = ["raster", "random:3", "spiral"];

fn model(order: &str, shape: [usize; 3]) -> Arc<dyn Model> {
    let given = [("order", order), ("hidden", "21"), ("levels", "2")];
    build("nade", &given, &shape, Some(256)).expect("valid settings")
}

/// On each device and in each order, with weights of chance.
fn each(shape: [usize; 3], mut check: impl FnMut(&mut dyn Device, &dyn Model)) {
    for order in ORDERS {
        let model = model(order, shape);
        for mut device in devices() {
            set_states(device.as_mut(), model.as_ref(), 1.0);
            check(device.as_mut(), model.as_ref());
        }
    }
}

#[test]
fn probabilities_sum_to_one_in_every_order_and_orders_differ() {
    let mut likelihoods = Vec::new();
    each([3, 3, 1], |device, model| {
        let log_p = log_p(device, model, &every_row(9, 2));
        let p = session::probabilities(&log_p, 9);
        let sum: f64 = p.iter().sum();
        assert!((sum - 1.0).abs() <= 1e-5, "{sum}");
        likelihoods.push(p[77]);
    });
    let (a, b, c) = (likelihoods[0], likelihoods[2], likelihoods[4]);
    let apart = |a: f64, b: f64| (a - b).abs() > 1e-3 * a;
    assert!(apart(a, b) && apart(b, c) && apart(a, c), "{likelihoods:?}");
}

#[test]
fn the_first_dimensions_of_a_large_image_sum_to_one() {
    each([12, 11, 3], |device, model| sums_by_first_dimensions(device, model, 2, 8));
}

#[test]
fn a_dimension_depends_on_all_before_it() {
    each([3, 3, 1], |device, model| sees_what_shows(device, model, &every_row(9, 2)[9 * 200..9 * 203], 2));
    each([2, 2, 3], |device, model| sees_what_shows(device, model, &every_row(12, 2)[12 * 200..12 * 203], 2));
}

/// The two add up in different orders: a u that hits p to the sixth digit says nothing.
#[test]
fn drawing_agrees_with_scoring() {
    each([5, 4, 1], |device, model| {
        let noise = noise(model, 40, "u");
        let nothing = [0.0; 40 * 20];
        let x = draw(device, model, &noise, &nothing, &nothing);
        let logits = session::parameters(device, model, &x);
        for ((&u, &x), &logit) in floats(&noise).iter().zip(&x).zip(&logits) {
            let p = 1.0 / (1.0 + (-f64::from(logit)).exp());
            assert!((f64::from(u) < p) == (x == 1.0) || (f64::from(u) - p).abs() < 2e-6, "u {u}, p {p}, x {x}");
        }
        assert!((100.0..700.0).contains(&x.iter().sum::<f32>()), "too many are alike");
    });
}

#[test]
fn known_values_are_kept_and_a_row_does_not_depend_on_its_batch() {
    each([3, 4, 1], |device, model| known_values_are_kept(device, model, &every_row(12, 2)[12 * 300..12 * 309]));
}

#[test]
fn samples_have_the_probabilities() {
    each([3, 3, 1], |device, model| shares_of_samples(device, model));
}

#[test]
fn the_order_is_a_state_beside_the_weights() {
    let model = model("spiral", [3, 3, 1]);
    let program = density::scoring(session::density(model.as_ref()), 1).expect("a sound graph");
    let order = program.states().find(|s| s.name == "order").expect("a state").init.clone();
    assert_eq!(order, Init::Given(HostTensor::u32([9], vec![4, 5, 8, 7, 6, 3, 0, 1, 2])));
    let n: usize = program.parameters().map(|s| s.ty.numel()).sum();
    assert_eq!(n, 2 * 9 * 21 + 21 + 9, "2HD + H + D");
}

/// h = σ(c + Σ_d x_d w_d), by hand.
#[test]
fn features_are_the_last_hidden_units() {
    each([2, 2, 1], |device, model| {
        let x = [1.0, 0.0, 1.0, 1.0];
        let program = density::features(session::density(model), 1).expect("there are some").expect("a sound graph");
        let h = run(device, &program, &[("x", &HostTensor::f32([1, 2, 2, 1], x))]).remove(0);
        let [c, w] = ["c", "w"].map(|name| session::state(device, name));
        let order = session::density(model).order();
        for (j, &h) in floats(&h).iter().enumerate() {
            let a: f32 = floats(&c)[j] + order.iter().enumerate().map(|(i, &d)| x[d] * floats(&w)[i * 21 + j]).sum::<f32>();
            assert!((h - 1.0 / (1.0 + (-a).exp())).abs() < 1e-6);
        }
    });
}

#[test]
fn other_levels_are_refused() {
    for (levels, data) in [("8", 256), ("0", 5)] {
        match build("nade", &[("levels", levels)], &[3, 3, 1], Some(data)) {
            Err(SettingError::Unfit(message)) => assert!(message.contains("levels=2"), "{message}"),
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("{levels} levels of {data}"),
        }
    }
    assert!(build("nade", &[], &[30], None).is_err(), "vectors");
}

/// A step of training takes the whole batch down: twenty rows of which half are stripes.
#[test]
fn training_lowers_the_loss() {
    let model = build("nade", &[("hidden", "16"), ("batch", "20")], &[4, 4, 1], Some(2)).expect("valid settings");
    let Learning::Descent(descent) = model.learning() else { panic!("it descends") };
    let mut device = session::fast();
    let x: Vec<f32> = (0..20 * 16).map(|i| if i < 160 { (i / 4 % 2) as f32 } else { (i % 2) as f32 }).collect();
    let losses = session::train(device.as_mut(), descent, &session::rows(model.as_ref(), &x), 400);
    // 16 bits know nothing; two images know one bit, 0.69 nats.
    assert!(losses[0] > 10.0 && losses[399] < 2.0, "{} to {}", losses[0], losses[399]);
}
