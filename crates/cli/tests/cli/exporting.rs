//! `export`: networks as ONNX, what is told of them, and what is refused. That they are right is `tests/onnx`'s.

use std::fs;

use crate::support::{LIVELY, Place};

#[test]
fn a_generator_is_written_and_told_of() {
    let place = Place::new();
    place.train("run", LIVELY);
    let ended = place.run(&["export", "run", "--to", "g.onnx"]).ok();
    let told = &ended.stdout;
    assert!(told.starts_with("generator of dcgan, 40 steps: "), "{told}");
    assert!(told.contains("in   z") && told.contains("float [batch, 4]") && told.contains("normal"), "{told}");
    assert!(told.contains("out  rows") && told.contains("float [batch, 32, 32, 1]") && told.contains("from 0 to 1"), "{told}");
    let bytes = fs::read(place.path("g.onnx")).expect("it is there");
    let has = |part: &str| bytes.windows(part.len()).any(|w| w == part.as_bytes());
    for part in ["calotype", "ConvTranspose", "generator.main.0.weight", "batch", "arXiv"] {
        assert!(has(part), "no {part}");
    }
    // Of another checkpoint it has other weights, and the same bytes again of the same.
    place.run(&["export", "run", "--to", "again.onnx"]).ok();
    assert_eq!(fs::read(place.path("again.onnx")).expect("it is there"), bytes);
    let listed = place.run(&["export", "run", "--list"]).ok().stdout;
    assert!(
        listed.lines().next().is_some_and(|l| l.starts_with("generator ") && l.contains(" makes rows from latents")),
        "{listed}"
    );
}

#[test]
fn what_cannot_be_written_is_refused() {
    let place = Place::new();
    place.train("run", &["--steps", "1"]);
    place.run(&["export", "run"]).refused(2, &["--to"]);
    place.run(&["export", "run", "--to", "g.png"]).refused(2, &[".onnx"]);
    place.run(&["export", "run", "--to", "none/g.onnx"]).refused(2, &["none"]);
    place.run(&["export", "run", "--to", "g.onnx", "--part", "decoder"]).refused(2, &["no such part", "generator"]);
    place.run(&["export", "run", "--to", "g.onnx", "--size", "64x64"]).refused(2, &["--size", "dcgan"]);
    place.run(&["export", "run", "--to", "g.onnx", "--size", "64"]).refused(2, &["HEIGHTxWIDTH"]);
    place.run(&["export", "none", "--to", "g.onnx"]).refused(2, &["none"]);
    let tiny = ["--data", "digits", "--device", "cpu", "--steps", "1", "--set", "width=4", "--set", "layers=1"];
    place.run(&[&["train", "row-lstm", "--out", "rows"], &tiny[..]].concat()).ok();
    place.run(&["export", "rows", "--to", "r.onnx"]).refused(1, &["lstm_scan", "neighbours", "ONNX"]);
    assert!(!place.path("r.onnx").exists() && !place.path("g.onnx").exists());
}
