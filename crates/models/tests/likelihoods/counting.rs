//! `independent`, `markov`, `context`.

use std::sync::Arc;

use calotype_graph::philox::{Domain, Stream};
use calotype_graph::{Device, HostTensor};
use calotype_models::{Learning, Model, SettingError};

use super::checks::{known_values_are_kept, sees_what_shows, shares_of_samples, sums_by_first_dimensions};
use super::session::{build, count, density, devices, draw, every_row, floats, log_p, noise, parameters, probabilities};

/// Name, settings, shape, levels.
type Kind = (&'static str, &'static [(&'static str, &'static str)], [usize; 3], u32);

const PER_PLACE: (&str, &str) = ("shared", "false");

/// Small images for every kind of table.
const KINDS: [Kind; 10] = [
    ("independent", &[], [3, 3, 1], 2),
    ("markov", &[], [3, 3, 1], 2),
    ("markov", &[("order", "4")], [3, 3, 1], 2),
    ("context", &[], [3, 3, 1], 2),
    ("context", &[PER_PLACE, ("neighbours", "3")], [3, 3, 1], 2),
    ("independent", &[], [2, 2, 1], 5),
    ("markov", &[("order", "2")], [2, 3, 1], 3),
    ("context", &[("neighbours", "4")], [2, 3, 1], 3),
    ("context", &[("neighbours", "3")], [1, 3, 3], 2),
    ("context", &[PER_PLACE], [1, 2, 3], 3),
];

fn model(&(name, given, shape, levels): &Kind) -> Arc<dyn Model> {
    let text = levels.to_string();
    build(name, &[given, &[("levels", text.as_str())]].concat(), &shape, Some(256)).expect("valid settings")
}

/// Rows in which values follow each other, so that every table has something to say.
fn data(model: &dyn Model, levels: u32, n: usize) -> Vec<f32> {
    let dims: usize = model.shape().iter().product();
    let mut random = Stream::new(3, Domain::Test, "rows", 0);
    let mut last = 0;
    let mut value = |_| {
        if random.uniform() < 0.4 {
            last = random.below(levels).min(random.below(levels));
        }
        last as f32
    };
    (0..n * dims).map(&mut value).collect()
}

/// On each device, with 60 rows counted.
fn each(kinds: &[Kind], check: impl Fn(&mut dyn Device, &dyn Model, u32)) {
    for kind in kinds {
        let model = model(kind);
        let dims: usize = model.shape().iter().product();
        for mut device in devices() {
            count(device.as_mut(), model.as_ref(), data(model.as_ref(), kind.3, 60).chunks_exact(dims));
            check(device.as_mut(), model.as_ref(), kind.3);
        }
    }
}

#[test]
fn probabilities_sum_to_one() {
    each(&KINDS, |device, model, levels| {
        let dims = model.shape().iter().product();
        let p = probabilities(&log_p(device, model, &every_row(dims, levels as usize)), dims);
        let sum: f64 = p.iter().sum();
        assert!((sum - 1.0).abs() <= 1e-5, "{} {:?}: {sum}", model.info().name, model.shape());
        assert!(p.iter().fold(0.0f64, |a, &b| a.max(b)) > 3.0 / p.len() as f64, "as good as uniform");
    });
}

/// By hand: one row 1 1 0 1 of four bits, order 1.
#[test]
fn frequencies_are_counted_and_smoothed() {
    let markov = build("markov", &[("smoothing", "0.5")], &[1, 4, 1], Some(2)).expect("valid settings");
    for mut device in devices() {
        count(device.as_mut(), markov.as_ref(), [[1.0, 1.0, 0.0, 1.0].as_slice()].into_iter());
        let got = log_p(device.as_mut(), markov.as_ref(), &[1.0, 1.0, 0.0, 0.0]);
        // Seen once of once; so too; so too; never, of once.
        let want = [1.5f32 / 2.0, 1.5 / 2.0, 1.5 / 2.0, 0.5 / 2.0].map(f32::ln);
        assert!(got.iter().zip(want).all(|(g, w)| (g - w).abs() <= 1e-6), "{got:?}, should be {want:?}");
        // After a 0 in place of the 1 nothing was seen.
        let got = log_p(device.as_mut(), markov.as_ref(), &[0.0, 0.0, 0.0, 0.0]);
        assert!((got[1] - 0.5f32.ln()).abs() <= 1e-6, "{got:?}");
    }
}

/// Tables of chance numbers tell all contexts apart.
#[test]
fn a_dimension_depends_on_what_it_sees() {
    let mut large = KINDS;
    large.iter_mut().for_each(|(_, _, shape, _)| *shape = [4, 5, shape[2]]);
    each(&large, |device, model, levels| {
        let Learning::Counting(counting) = model.learning() else { panic!("it counts") };
        let mut random = Stream::new(4, Domain::Test, "counts", 0);
        for (spec, value) in counting.counts().states() {
            let counts: Vec<u32> = (0..value.shape.numel()).map(|_| random.below(1000)).collect();
            device.write_state(&spec.name, &HostTensor::u32(value.shape, counts)).expect("a state");
        }
        sees_what_shows(device, model, &data(model, levels, 3), levels);
    });
}

#[test]
fn the_first_dimensions_of_a_large_image_sum_to_one() {
    let mut large = KINDS;
    large.iter_mut().for_each(|(_, _, shape, _)| *shape = [9, 8, shape[2]]);
    each(&large, |device, model, levels| sums_by_first_dimensions(device, model, levels as usize, 5));
}

#[test]
fn drawing_agrees_with_scoring() {
    each(&KINDS, |device, model, levels| {
        let (n, dims) = (50, model.shape().iter().product::<usize>());
        let noise = noise(model, n, "u");
        let nothing = vec![0.0; n * dims];
        let x = draw(device, model, &noise, &nothing, &nothing);
        let k = density(model).conditional().n_parameters();
        let parameters = parameters(device, model, &x);
        for (at, (&u, &x)) in floats(&noise).iter().zip(&x).enumerate() {
            let given = &parameters[at * k..(at + 1) * k];
            let sums: Vec<f32> = match k {
                1 => vec![1.0 / (1.0 + given[0].exp())],
                _ => given.iter().scan(0.0, |sum, l| Some(std::mem::replace(sum, *sum + l.exp()) + l.exp())).collect(),
            };
            if sums.iter().any(|s| (s - u).abs() < 1e-6) || k == 1 && (1.0 - sums[0] - u).abs() < 1e-6 {
                continue;
            }
            let want = if k == 1 { f32::from(u < 1.0 - sums[0]) } else { sums.iter().filter(|&&s| s <= u).count() as f32 };
            assert_eq!(x, want, "{}: u {u}, sums {sums:?}, levels {levels}", model.info().name);
        }
    });
}

#[test]
fn known_values_are_kept_and_a_row_does_not_depend_on_its_batch() {
    each(&KINDS, |device, model, levels| known_values_are_kept(device, model, &data(model, levels, 9)));
}

#[test]
fn samples_have_the_probabilities() {
    each(&[KINDS[3]], |device, model, _| shares_of_samples(device, model));
}

/// A shared table scores images of another size, the same for an image within black.
#[test]
fn a_shared_table_has_other_canvases() {
    let model = build("context", &[], &[3, 3, 1], Some(2)).expect("valid settings");
    let wide = density(model.as_ref()).canvas([5, 6, 1]).expect("a shared table");
    let mut device = super::session::fast();
    count(device.as_mut(), model.as_ref(), data(model.as_ref(), 2, 60).chunks_exact(9));
    assert_eq!(wide.shape(), [5, 6, 1]);
    let (small, large) = (log_p(device.as_mut(), model.as_ref(), &[0.0; 9]), log_p(device.as_mut(), wide.as_ref(), &[0.0; 30]));
    assert!(large.iter().all(|&l| l == small[0]), "{large:?}, {small:?}");
    assert!(density(model.as_ref()).canvas([5, 6, 3]).is_none());
    for name in ["independent", "markov"] {
        let model = build(name, &[], &[3, 3, 1], Some(2)).expect("valid settings");
        assert!(density(model.as_ref()).canvas([5, 6, 1]).is_none(), "{name}");
    }
    let model = build("context", &[PER_PLACE], &[3, 3, 1], Some(2)).expect("valid settings");
    assert!(density(model.as_ref()).canvas([5, 6, 1]).is_none());
}

#[test]
fn a_table_that_is_too_large_is_refused_with_what_would_fit() {
    let message = |name: &str, given: &[(&str, &str)], shape: &[usize]| match build(name, given, shape, Some(256)) {
        Err(SettingError::Unfit(message)) => message,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("{name} {given:?} is too large"),
    };
    let text = message("markov", &[("order", "16")], &[28, 28, 1]);
    assert!(text.contains("--set order=13 or less"), "{text}");
    assert!(build("markov", &[("order", "13")], &[28, 28, 1], Some(256)).is_ok());
    let text = message("context", &[("levels", "32"), PER_PLACE, ("neighbours", "3")], &[28, 28, 1]);
    assert!(text.contains("shared=true") && text.contains("--set neighbours=1 or less"), "{text}");
    let text = message("independent", &[("levels", "256"), ("size", "300")], &[28, 28, 1]);
    assert!(text.contains("--set levels="), "{text}");
}
