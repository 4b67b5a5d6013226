//! `calotype verify`: claims, exit codes, what it writes.

use std::path::PathBuf;

use crate::support::{Place, text};

/// A few steps of a small model on digits.
fn train(place: &Place, model: &str, more: &[&str]) -> PathBuf {
    let run = place.path(model);
    let common = ["train", model, "--out", text(&run), "--data", "digits", "--device", "cpu", "--threads", "1"];
    place.run(&[&common, more].concat()).ok();
    run
}

const STEPS: &[&str] = &["--steps", "4", "--batch", "8"];

/// Every model with a density holds to all that is claimed, and writes what one of its pixels sees.
#[test]
fn every_explicit_model_holds() {
    let small: &[&str] = &["--set", "width=4", "--set", "head=4"];
    let one_layer: &[&str] = &["--set", "layers=1"];
    let models: [(&str, Vec<&[&str]>); 7] = [
        ("independent", vec![]),
        ("markov", vec![]),
        ("context", vec![]),
        ("nade", vec![STEPS, &["--set", "hidden=9"]]),
        ("pixelcnn", vec![STEPS, small, &["--set", "blocks=1"]]),
        ("row-lstm", vec![STEPS, small, one_layer]),
        ("diagonal-bilstm", vec![STEPS, small, one_layer]),
    ];
    let place = Place::new();
    for (model, more) in models {
        let run = train(&place, model, &more.concat());
        let export = place.path(&format!("{model}.json"));
        let ended = place.run(&["verify", text(&run), "--device", "cpu", "--export", text(&export)]).ok();
        for claim in ["sums to one", "not uniform", "no look ahead", "reach", "sample frequencies", "inverse CDF"] {
            assert!(ended.stdout.contains(claim), "{model}: {}", ended.stdout);
        }
        assert!(!ended.stdout.contains("FAILED") && ended.stdout.contains("claims hold"), "{model}: {}", ended.stdout);
        assert!(ended.stderr.contains("pixelcnn") && ended.stderr.contains("of 36 earlier pixels"), "{model}: {}", ended.stderr);
        let json = std::fs::read_to_string(&export).expect("the export");
        assert!(json.contains("\"passed\": true") && json.contains("\"claim\": \"sums-to-one\""), "{json}");
        let map = std::fs::read(run.join("context.png")).expect("the context map");
        assert!(map.starts_with(b"\x89PNG"), "{model}");
    }
}

/// Real values: integrals in place of sums, and no picture.
#[test]
fn a_density_of_real_values_holds() {
    let place = Place::new();
    let run = place.path("rnade");
    let small = ["--steps", "30", "--set", "hidden=8", "--set", "components=3", "--device", "cpu", "--threads", "1"];
    place.run(&[&["train", "rnade", "--data", "ring", "--out", text(&run)], &small[..]].concat()).ok();
    let ended = place.run(&["verify", text(&run), "--device", "cpu"]).ok();
    for claim in ["integrates to one", "the first two dimensions together", "no look ahead", "reach", "distribution function"] {
        assert!(ended.stdout.contains(claim), "{}", ended.stdout);
    }
    assert!(!run.join("context.png").exists());
}

/// As many white images as black ones: independent pixels are fair coins then, and a density of coins is told from one that has
/// learned something, by name and by exit code.
#[test]
fn a_claim_that_fails_is_named_and_ends_in_code_1() {
    let place = Place::new();
    let data = place.path("coins-images-idx3-ubyte");
    let header = [0x803_u32, 10, 4, 5].map(u32::to_be_bytes).concat();
    let images = [vec![0; 5 * 20], vec![255; 5 * 20]].concat();
    std::fs::write(&data, [header, images].concat()).expect("a file");
    let run = place.path("coins");
    place.run(&["train", "independent", "--data", text(&data), "--out", text(&run), "--device", "cpu"]).ok();
    let ended = place.run(&["verify", text(&run), "--device", "cpu", "--export", "coins.json"]);
    let line = ended.stdout.lines().find(|l| l.contains("FAILED") && l.starts_with("not uniform"));
    assert!(line.is_some() && ended.stdout.contains("1 of 8 claims FAILED"), "{}", ended.stdout);
    ended.refused(1, &["verify: 1 of 8 claims failed"]);
    let json = std::fs::read_to_string(place.path("coins.json")).expect("the export");
    assert!(json.contains("\"passed\": false"), "{json}");
}

#[test]
fn what_cannot_be_verified_is_refused() {
    let place = Place::new();
    place.train("gan", &["--steps", "2"]);
    place.run(&["verify", "gan"]).refused(2, &["dcgan has no exact density", "generation"]);
    place.run(&["verify", "nowhere"]).refused(2, &["no run"]);
    train(&place, "independent", &[]);
    place.run(&["verify", "independent", "--export", "no/such/folder.json"]).refused(2, &["no folder"]);
    place.run(&["verify", "independent", "--checkpoint", "77"]).refused(2, &["no checkpoint of step 77"]);
    place.run(&["verify", "independent", "--device", "no-such-adapter"]).refused(2, &["no-such-adapter"]);
}
