//! `evaluate`: figures of samples, what they say together, what is refused.

use std::fs;

use calotype_data::write_npy;
use serde_json::Value;

use crate::support::{Place, same};

const CPU: [&str; 2] = ["--device", "cpu"];

fn read(place: &Place, file: &str) -> Value {
    serde_json::from_slice(&fs::read(place.path(file)).expect("it is there")).expect("JSON")
}

/// A figure of the samples, and its floor.
fn figure(of: &Value, name: &str) -> [f64; 2] {
    let found =
        of["figures"].as_array().expect("figures").iter().find(|f| f["name"] == name).unwrap_or_else(|| panic!("no {name}"));
    ["samples", "floor"].map(|what| found[what]["value"].as_f64().expect("a number"))
}

/// A GAN of a few steps on digits, whose classes give the features; then test rows, training rows and one row in its samples' place.
#[test]
fn samples_are_held_against_held_out_rows() {
    let place = Place::new();
    place.train("run", &["--steps", "20"]);
    let first = place.run(&[&["evaluate", "run", "--count", "300"], &CPU[..]].concat()).ok();
    for part in
        ["held against 300 test rows", "features: a classifier trained on digits", "sliced Wasserstein x 1000", "FID-digits"]
    {
        assert!(first.stdout.contains(part), "`{part}` is not in: {}", first.stdout);
    }
    assert_eq!(first.stdout.trim().lines().last(), Some("run/evaluation.json"));
    assert!(place.path("run/nearest.png").exists());
    let of_run = read(&place, "run/evaluation.json");
    assert!(of_run["features"]["accuracy"].as_f64().expect("a number") > 0.9, "{of_run}");
    let [far, floor] = figure(&of_run, "FID-digits");
    assert!(far > 10.0 * floor.abs(), "{far} for a floor of {floor}");

    // The classifier was kept: the same again, to the byte.
    let before = fs::read(place.path("run/evaluation.json")).expect("it is there");
    place.run(&[&["evaluate", "run", "--count", "300"], &CPU[..]].concat()).ok();
    same(&before, &fs::read(place.path("run/evaluation.json")).expect("it is there"));

    // What the samples are is known here, and said. Of the training rows a tenth was held out to measure samples by.
    let digits = calotype_data::open("digits", &calotype_data::Options::default()).expect("bundled");
    let rows = |split| digits.rows(split).expect("rows");
    let image = |row: u32| (0..64).map(move |i| row as usize * 64 + i).collect::<Vec<_>>();
    let values = |rows: &[u32]| -> Vec<f32> {
        let most = f64::from(digits.levels().expect("levels") - 1);
        rows.iter().flat_map(|&row| image(row)).map(|at| (digits.values().get(at) / most) as f32).collect()
    };
    let (train, test) = (rows(calotype_data::Split::Train), rows(calotype_data::Split::Test));
    let cases = [
        ("heart", values(&train[..300]), "learned by heart: 9"),
        ("one", values(&train[..1]).repeat(300), "collapsed"),
        ("test", values(&test[..300]), "not told from the data"),
    ];
    for (name, values, says) in cases {
        let file = format!("{name}.npy");
        write_npy(&place.path(&file), &[300, 8, 8, 1], &values).expect("it is written");
        let out = format!("{name}.json");
        let ended =
            place.run(&[&["evaluate", "run", "--count", "300", "--samples", &file, "--out", &out], &CPU[..]].concat()).ok();
        assert!(ended.stdout.contains(says), "{name}: {}", ended.stdout);
        assert_eq!(read(&place, &out)["samples_from"], file.as_str());
    }
}

/// A density has its likelihood beside the figures; vectors are their own features, without a picture.
#[test]
fn densities_and_vectors_are_evaluated() {
    let place = Place::new();
    let train = |model: &str, more: &[&str]| {
        let args = [&["train", model, "--steps", "20", "--out", model, "--threads", "1"], &CPU[..], more].concat();
        place.run(&args).ok();
    };
    train("nade", &["--data", "digits", "--set", "hidden=4"]);
    let ended = place.run(&[&["evaluate", "nade", "--count", "64"], &CPU[..]].concat()).ok();
    assert!(ended.stdout.contains("-log p(x), nats: held-out rows"), "{}", ended.stdout);
    let of_run = read(&place, "nade/evaluation.json");
    assert_eq!(of_run["likelihood"]["bound"], "exact");
    let nats = of_run["likelihood"]["held_out"]["value"].as_f64().expect("a number");
    let bits = of_run["likelihood"]["bits_per_dim"].as_f64().expect("a number");
    assert!((bits - nats / 64.0 / std::f64::consts::LN_2).abs() < 1e-9 && nats > 0.0);

    train("gan", &["--data", "ring"]);
    let ended = place.run(&[&["evaluate", "gan", "--count", "64"], &CPU[..]].concat()).ok();
    assert!(ended.stdout.contains("KID-values") && ended.stdout.contains("coverage"), "{}", ended.stdout);
    assert!(!place.path("gan/nearest.png").exists());
}

#[test]
fn what_cannot_be_evaluated_is_refused_before_work() {
    let place = Place::new();
    place.train("run", &["--steps", "2"]);
    let evaluate = |more: &[&str]| place.run(&[&["evaluate"], more, &CPU[..]].concat());
    evaluate(&["nowhere"]).refused(2, &["nowhere"]);
    evaluate(&["run", "--out", "x.csv"]).refused(2, &["--out x.csv", ".json"]);
    evaluate(&["run", "--nearest", "none/x.png"]).refused(2, &["--nearest", "there is no folder none"]);
    evaluate(&["run", "--count", "3"]).refused(2, &["--count"]);
    evaluate(&["run", "--samples", "none.npy"]).refused(2, &["none.npy"]);
    write_npy(&place.path("few.npy"), &[5, 8, 8, 1], &[0.5; 320]).expect("it is written");
    evaluate(&["run", "--samples", "few.npy"]).refused(2, &["--samples few.npy", "it has 5 rows"]);
    let set = ["size=16", "width=4", "embedding=8", "latents=4"].map(|set| ["--set", set]).concat();
    let puzzle = ["train", "puzzle-gan", "--data", "digits", "--steps", "2", "--batch", "8", "--out", "puzzle"];
    let puzzle = [&puzzle[..], &CPU, &set].concat();
    place.run(&puzzle).ok();
    evaluate(&["puzzle"]).refused(2, &["puzzle-gan makes no rows by itself", "--samples"]);
}
