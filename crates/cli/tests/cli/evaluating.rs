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

/// Samples of chosen classes teach a classifier something, and rows teach it more.
#[test]
fn samples_of_chosen_classes_teach() {
    let place = Place::new();
    let aae = ["train", "aae", "--data", "digits", "--steps", "400", "--out", "aae", "--set", "labels=decoder", "--threads", "1"];
    place.run(&[&aae[..], &CPU].concat()).ok();
    place.run(&[&["evaluate", "aae", "--count", "300"], &CPU[..]].concat()).ok();
    let [samples, floor] = figure(&read(&place, "aae/evaluation.json"), "taught by samples");
    assert!(samples > 0.3 && floor > 0.8, "{samples} of samples, {floor} of rows");
}

/// Features of an ONNX file in place of the classifier's, whatever size and channels its images have.
#[test]
fn features_may_be_of_a_network_that_one_has() {
    let place = Place::new();
    place.train("run", &["--steps", "2"]);
    let net = concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets/golden/onnx_features.onnx");
    let evaluate = |net: &str, more: &[&str]| {
        let out = ["--out", "found.json", "--count", "200"];
        place.run(&[&["evaluate", "run", "--features", net], &out[..], &CPU, more].concat())
    };
    let ended = evaluate(net, &[]).ok();
    assert!(
        ended.stdout.contains("features: onnx_features.onnx (") && ended.stdout.contains("KID-onnx_features"),
        "{}",
        ended.stdout
    );
    let found = read(&place, "found.json");
    assert_eq!((found["features"]["network"].as_str(), found["features"].get("accuracy")), (Some("onnx_features.onnx"), None));
    let [far, floor] = figure(&found, "FID-onnx_features");
    assert!(far > 3.0 * floor && figure(&found, "classes found, of 10")[1] == 10.0, "{far} for a floor of {floor}");
    evaluate(net, &["--features-range", "-1,1"]).ok();
    assert_ne!(figure(&read(&place, "found.json"), "FID-onnx_features")[0], far);

    evaluate(net, &["--features-range", "1"]).refused(2, &["--features-range", "0,255"]);
    fs::write(place.path("broken.onnx"), &fs::read(net).expect("it is there")[..9000]).expect("it is written");
    evaluate("broken.onnx", &[]).refused(2, &["--features broken.onnx", "it is no ONNX model"]);
    evaluate("none.onnx", &[]).refused(2, &["--features none.onnx"]);
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
}

/// A figure's baselines by name.
fn baselines<'a>(of: &'a Value, name: &str) -> Vec<&'a str> {
    let all = of["figures"].as_array().expect("figures");
    let found = all.iter().find(|f| f["name"] == name).unwrap_or_else(|| panic!("no {name} in {of}"));
    let named = found["baselines"].as_array().into_iter().flatten();
    named.map(|b| b["name"].as_str().filter(|_| b["value"].is_f64()).expect("a name and a number")).collect()
}

/// Rows that are made from others: from patches, from captions, from rows of another domain. Each has figures of its own.
#[test]
fn what_is_made_from_other_rows_is_evaluated() {
    let place = Place::new();
    let evaluated = |run: &str, train: &[&str], set: &[&str], told: &str| {
        let set: Vec<&str> = set.iter().flat_map(|set| ["--set", set]).collect();
        place.run(&[&["train"], train, &["--out", run, "--threads", "1"], &CPU[..], &set].concat()).ok();
        let ended = place.run(&[&["evaluate", run, "--count", "64"], &CPU[..]].concat()).ok();
        let of = read(&place, &format!("{run}/evaluation.json"));
        for figure in of["figures"].as_array().expect("figures") {
            let name = figure["name"].as_str().expect("a name");
            assert!(ended.stdout.contains(name), "`{name}` is not in: {}", ended.stdout);
        }
        let page = fs::read_to_string(place.path(run).join("report.html")).expect("a report");
        assert!(page.contains(told), "`{told}` is not in the report of {run}");
        of
    };
    let puzzle = evaluated(
        "puzzle",
        &["puzzle-gan", "--data", "digits", "--steps", "2", "--batch", "8"],
        &["size=16", "width=4", "embedding=8", "latents=4"],
        "patches at random places",
    );
    for name in ["mask IoU", "L1 of patches"] {
        assert_eq!(baselines(&puzzle, name), ["patches at random places", "mean mask, mean image"]);
    }
    assert!(figure(&puzzle, "sliced Wasserstein x 1000")[0] > 0.0 && place.path("puzzle/nearest.png").exists());

    let text = ["width=2", "width_d=2", "text_width=4", "embedding=5", "encoder_steps=1", "rows=900"];
    let drawn = evaluated("drawn", &["text2image", "--steps", "2", "--batch", "4"], &text, "place as held-out captions say");
    for factor in ["shape", "colour", "size", "place"] {
        for captions in ["held-out", "training"] {
            let name = format!("{factor} as {captions} captions say");
            assert_eq!(baselines(&drawn, &name), ["drawings of other captions", "chance"]);
            let [drawn, real] = figure(&drawn, &name);
            assert!(drawn < 0.6 && real > 0.5, "{name}: {drawn} of drawings, {real} of rows");
        }
    }
    assert_eq!(baselines(&drawn, "retrieval by held-out captions"), ["chance"]);

    let tiny = ["size=24", "width=2", "width_d=2", "blocks=1"];
    let sides = evaluated("sides", &["cyclegan", "--steps", "2"], &tiny, "doing nothing");
    for to in ["A", "B"] {
        assert_eq!(baselines(&sides, &format!("to {to}: L1 to the true row")), ["doing nothing"]);
        assert!(figure(&sides, &format!("to {to}: sliced Wasserstein x 1000"))[1] > 0.0);
    }
    let tones = evaluated(
        "tones",
        &["stargan", "--steps", "2"],
        &["size=32", "width=2", "width_d=2", "blocks=1"],
        "to dark: seen as asked",
    );
    let [_, real] = figure(&tones, "to dark: seen as asked");
    assert!(real > 0.9, "{real}");
    assert_eq!(baselines(&tones, "to dark: L1 to the true row"), ["doing nothing"]);
}
