//! `--precision mixed`: on an adapter, a part of the run.

use crate::measuring::has_adapter;
use crate::support::{Place, same, text};

#[test]
fn the_cpu_refuses_mixed_precision() {
    let place = Place::new();
    let ended = place.run(&["train", "dcgan", "--data", "digits", "--device", "cpu", "--precision", "mixed"]);
    ended.refused(2, &["--precision mixed needs a GPU", "calotype devices"]);
}

#[test]
fn a_mixed_run_says_so_and_goes_on_as_it_began() {
    let place = Place::new();
    if !has_adapter(&place) {
        return;
    }
    let tiny = ["train", "dcgan", "--data", "digits", "--device", "0", "--batch", "8", "--set", "width=2"];
    let run = |name: &str, more: &[&str]| {
        place.run(&[&tiny[..], &["--out", text(&place.path(name))], more].concat()).ok();
    };
    run("whole", &["--steps", "4", "--precision", "mixed"]);
    run("parts", &["--steps", "2", "--precision", "mixed"]);
    run("full", &["--steps", "4"]);
    let config = std::fs::read_to_string(place.path("parts/run.toml")).expect("a run");
    assert!(config.contains("mixed = true"), "{config}");
    place.run(&["train", "--resume", "parts", "--steps", "4", "--precision", "full"]).refused(2, &["precision", "mixed", "full"]);
    place.run(&["train", "--resume", "parts", "--steps", "4"]).ok();
    same(&place.checkpoint("parts", 4), &place.checkpoint("whole", 4));
    assert_ne!(place.checkpoint("full", 4), place.checkpoint("whole", 4), "nothing was rounded");
}
