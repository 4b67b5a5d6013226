//! The adversarial auto-encoder as a person uses it: priors of files, few labels, what `encode` says, and what is refused.

use std::fs;

use calotype_data::write_npy;

use crate::support::Place;

const TINY: &[&str] = &["--data", "digits", "--device", "cpu", "--threads", "1", "--batch", "20", "--set", "hidden=12"];

fn train(place: &Place, name: &str, more: &[&str]) -> crate::support::Ended {
    place.run(&[&["train", "aae", "--out", name], TINY, more].concat())
}

/// A triangle's corners, blurred.
fn samples(place: &Place, name: &str, width: usize) -> String {
    let row = |n: usize| (0..width).map(move |d| if n % width == d { 2.0 } else { 0.01 * (n % 7) as f32 });
    write_npy(&place.path(name), &[60, width], &(0..60).flat_map(row).collect::<Vec<_>>()).expect("it is written");
    format!("prior={name}")
}

/// Each is one clear message before any work.
#[test]
fn wrong_settings_are_refused_before_any_work() {
    let place = Place::new();
    samples(&place, "three.npy", 3);
    write_npy(&place.path("nan.npy"), &[3, 2], &[0.0, 1.0, 2.0, f32::NAN, 4.0, 5.0]).expect("it is written");
    write_npy(&place.path("line.npy"), &[6], &[0.0; 6]).expect("it is written");
    write_npy(&place.path("one.npy"), &[1, 2], &[0.0, 1.0]).expect("it is written");
    fs::write(place.path("text.npy"), "0.5,0.5\n").expect("it is written");
    let cases: &[(&[&str], i32, &[&str])] = &[
        (&["prior=three.npy", "latents=8"], 2, &["latents=8", "expected 3", "prior=three.npy"]),
        (&["prior=nan.npy"], 1, &["nan.npy", "row 1", "column 1", "finite", "NaN"]),
        (&["prior=line.npy"], 2, &["line.npy", "[N, latents]", "[6]"]),
        (&["prior=one.npy"], 2, &["one.npy", "it has 1"]),
        (&["prior=text.npy"], 1, &["text.npy", "magic number"]),
        (&["prior=nowhere.npy"], 2, &["nowhere.npy"]),
        (&["prior=gausian"], 2, &["prior=gausian", "gaussian, ring, swiss-roll, FILE.npy"]),
        (&["latents=0"], 2, &["latents=0", "from 1"]),
        (&["prior=ring", "latents=3"], 2, &["latents=3", "expected 2", "prior=ring"]),
        (&["labels=few"], 2, &["labels=few", "none, prior, decoder, NUMBER"]),
        (&["labels=9"], 2, &["labels=9", "10 to 1438"]),
        (&["labels=prior"], 2, &["labels=prior", "prior=ring"]),
        (&["labels=100", "clusters=4"], 2, &["clusters=4", "labels=100"]),
    ];
    for (set, code, says) in cases {
        let set: Vec<&str> = set.iter().flat_map(|s| ["--set", s]).collect();
        train(&place, "run", &set).refused(*code, says);
    }
    for labels in ["labels=100", "labels=decoder", "labels=prior"] {
        let args = ["train", "aae", "--data", "swiss-roll", "--out", "run", "--set", labels, "--set", "prior=ring"];
        place.run(&args).refused(2, &[labels, "classes"]);
    }
    assert!(!place.path("run").exists(), "no run was begun");
}

/// The run keeps the samples: it is resumed and used when the file is gone, and refuses other samples.
#[test]
fn a_prior_of_a_file_is_kept_in_the_run() {
    let place = Place::new();
    let prior = samples(&place, "mine.npy", 3);
    train(&place, "whole", &["--set", &prior, "--steps", "6"]).ok();
    train(&place, "run", &["--set", &prior, "--steps", "3"]).ok();
    fs::remove_file(place.path("mine.npy")).expect("it is there");
    place.run(&["train", "--resume", "run", "--steps", "6"]).ok();
    assert!(place.checkpoint("run", 6) == place.checkpoint("whole", 6), "as if it had never stopped");
    let config = fs::read_to_string(place.path("run/run.toml")).expect("run.toml");
    assert!(config.contains("latents = 3") && config.contains("sha256"), "the file's width, and its hash: {config}");
    place.run(&["sample", "run", "--count", "9", "--out", "grid.png", "--device", "cpu"]).ok();
    let said = place.run(&["encode", "run", "--out", "codes.npy", "--device", "cpu"]).ok().stdout;
    assert!(said.contains("codes against the prior: sliced Wasserstein") && said.contains("floor"), "{said}");
    let codes = calotype_data::read_npy(&place.path("codes.npy"), 1 << 20).expect("an array");
    assert_eq!(codes.shape, [359, 3]);
    // Other samples under the name of the run's own.
    write_npy(&place.path("run/prior.npy"), &[4, 3], &[0.5; 12]).expect("it is written");
    for command in [&["sample", "run"][..], &["encode", "run", "--probe"], &["train", "--resume", "run", "--steps", "9"]] {
        place.run(command).refused(1, &["prior.npy", "SHA-256 mismatch"]);
    }
}

/// With few labels: what the classifier, and probes by the same few rows, say of the test rows; twice the same.
#[test]
fn encode_tells_how_good_a_classifier_is() {
    let place = Place::new();
    train(&place, "few", &["--set", "labels=50", "--steps", "60"]).ok();
    let encode = || place.run(&["encode", "few", "--probe", "--device", "cpu"]).ok().stdout;
    let said = encode();
    let error = |start: &str| -> f64 {
        let line = said.lines().find(|l| l.starts_with(start)).unwrap_or_else(|| panic!("`{start}` is not in: {said}"));
        let number = line.split("error ").nth(1).and_then(|rest| rest.split(' ').next()).expect("an error");
        number.parse().expect("a number")
    };
    let classifier = error("classifier taught by 50 labels");
    assert!(classifier < 60.0, "chance is 90 %: {said}");
    assert!(error("linear probe of raw values taught by the same 50 labels") < 40.0, "{said}");
    assert!(error("linear probe of features taught by the same 50 labels") < 80.0, "{said}");
    assert_eq!(said, encode());
}

#[test]
fn encode_names_clusters_by_the_training_rows() {
    let place = Place::new();
    train(&place, "clusters", &["--set", "clusters=12", "--steps", "20"]).ok();
    let said = place.run(&["encode", "clusters", "--probe", "--device", "cpu"]).ok().stdout;
    assert!(said.contains("12 clusters, named by the training rows: error"), "{said}");
}

/// Codes over the prior while it learns, and a sheet of styles and classes.
#[test]
fn pictures_of_codes_are_written_while_it_learns() {
    let place = Place::new();
    train(&place, "run", &["--set", "prior=ring", "--set", "labels=prior", "--steps", "4", "--set", "sample_every=2"]).ok();
    for file in ["run/samples/codes-0000002.png", "run/samples/codes-0000004.png", "run/samples/step-0000004.png"] {
        let picture = calotype_data::picture::read_png(&place.path(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        assert!(picture.pixels().any(|p| p.0 != [255; 3]), "{file} is empty");
    }
}

/// Rows that no sigmoid bounds, with the default settings: every use of classes stays finite.
#[test]
fn vectors_are_learned_with_the_default_rates() {
    let place = Place::new();
    for labels in ["labels=none", "labels=decoder", "labels=100"] {
        let args = ["train", "aae", "--data", "ring", "--device", "cpu", "--steps", "60", "--set", labels, "--out", labels];
        place.run(&args).ok();
        let metrics = fs::read_to_string(place.path(labels).join("metrics.jsonl")).expect("metrics");
        assert!(metrics.lines().last().is_some_and(|l| l.contains("\"step\":60")), "{labels}: {metrics}");
    }
}
