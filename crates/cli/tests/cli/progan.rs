//! A model that grows: what its runs show at the end of each level, what an early checkpoint makes, and what is refused.

use std::fs;

use crate::support::Place;

/// Three levels, whose phases are of three steps.
pub const TINY: &[&str] = &[
    "train",
    "progan",
    "--data",
    "fashion-mnist",
    "--device",
    "cpu",
    "--threads",
    "1",
    "--batch",
    "8",
    "--set",
    "size=16",
    "--set",
    "fmap_base=16",
    "--set",
    "fmap_max=4",
    "--set",
    "fade_images=24",
    "--set",
    "stable_images=24",
    "--set",
    "last_images=24",
    "--set",
    "validation=0",
    "--set",
    "checkpoint_every=1",
    "--set",
    "keep_checkpoints=100",
];

fn picture(place: &Place, name: &str) -> calotype_data::picture::RgbImage {
    calotype_data::picture::read_png(&place.path(name)).expect("a picture")
}

/// The images in the first column of a sheet of 8 columns, as they are in it.
fn column(place: &Place, step: u64) -> Vec<calotype_data::picture::RgbImage> {
    let sheet = picture(place, &format!("run/samples/step-{step:07}.png"));
    (0..8).map(|n| calotype_data::picture::image_of_sheet(&sheet, [16, 16], 8, 320, n).expect("64 images")).collect()
}

/// A picture at the end of each level, whatever `sample_every` says; a column for each in the picture of the growth.
#[test]
fn a_run_shows_how_it_grew() {
    let place = Place::new();
    let ended = place.run(&[TINY, &["--out", "run"]].concat()).ok();
    assert!(ended.stderr.contains("calotype train progan --preset paper --set size=32"), "{}", ended.stderr);
    let mut names: Vec<String> = fs::read_dir(place.path("run/samples"))
        .expect("a folder")
        .map(|e| e.expect("a file").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort_unstable();
    let steps = ["step-0000003.png", "step-0000009.png", "step-0000015.png"];
    assert_eq!(names, [&["growth.png", "latent.gif", "samples.gif"], steps.as_slice()].concat());
    let levels: Vec<_> = [3, 9, 15].map(|step| column(&place, step)).into();
    let growth = picture(&place, "run/samples/growth.png");
    assert_eq!(Some(&growth), calotype_data::picture::columns(&levels).as_ref());
    assert_eq!(growth.width(), 3 * (levels[0][0].width() + 1) + 1);
    assert!(fs::read(place.path("run/samples/latent.gif")).expect("a film").starts_with(b"GIF89a"));
    let report = fs::read_to_string(place.path("run/report.html")).expect("a report");
    for part in ["<h2>Growth</h2>", "<h2>One latent</h2>", "data:image&#x2f;gif;base64,", "fade_images=24"] {
        assert!(report.contains(part), "no {part} in the report");
    }
    // Stopped in the middle of a level and resumed, it is the same picture.
    place.run(&[TINY, &["--out", "part", "--steps", "10"]].concat()).ok();
    place.run(&["train", "--resume", "part", "--steps", "15"]).ok();
    assert_eq!(picture(&place, "part/samples/growth.png"), growth);
}

/// Every checkpoint makes images of the full size: in blocks, as long as the levels above are to come.
#[test]
fn an_early_checkpoint_makes_enlarged_images() {
    let place = Place::new();
    place.run(&[TINY, &["--out", "run"]].concat()).ok();
    let rows = |step: &str| {
        let out = format!("{step}.npy");
        place.run(&["sample", "run", "--checkpoint", step, "--count", "3", "--out", &out, "--device", "cpu"]).ok();
        let rows = calotype_data::read_npy(&place.path(&out), 1 << 20).expect("an array");
        assert_eq!(rows.shape, [3, 16, 16, 1]);
        rows.data
    };
    let in_blocks = |rows: &[f32], side: usize| {
        let block = |at: usize| at / 256 * 256 + at / 16 % 16 / side * side * 16 + at % 16 / side * side;
        rows.iter().enumerate().all(|(at, v)| *v == rows[block(at)])
    };
    // The fade of 8x8 begins with the fourth step, at which its share is 0; that of 16x16 with the tenth.
    for (step, side) in [("3", 4), ("4", 4), ("9", 2), ("10", 2)] {
        assert!(in_blocks(&rows(step), side), "step {step} in blocks of {side}x{side}");
    }
    for (step, side) in [("5", 4), ("11", 2)] {
        assert!(!in_blocks(&rows(step), side), "step {step} shows its new level");
    }
    place.run(&["sample", "run", "--interpolate", "--out", "walk.gif", "--device", "cpu"]).ok();
}

#[test]
fn what_it_cannot_grow_to_is_refused_with_what_it_can() {
    let place = Place::new();
    let refused = |more: &[&str], code, says: &[&str]| {
        place.run(&[&["train", "progan", "--device", "cpu", "--out", "run"], more].concat()).refused(code, says);
        assert!(!place.path("run").exists(), "nothing is left of it");
    };
    refused(&["--set", "size=48"], 2, &["size=48", "32 or 64"]);
    refused(&["--data", "digits", "--set", "size=16"], 2, &["8x8", "--set size=8"]);
    refused(&["--data", "ring"], 2, &["vectors"]);
    // The last level of the paper's size, and no other, is too large for it.
    let plan = ["plan", "progan", "--data", "fashion-mnist", "--device", "cpu", "--set", "size=16", "--batch", "60000"];
    place
        .run(&[&plan, ["--set", "fmap_max=512", "--set", "fmap_base=8192"].as_slice()].concat())
        .refused(1, &["batch size 60000 does not fit", "at `16x16`", "--batch "]);
}

#[test]
fn a_plan_shows_every_level() {
    let place = Place::new();
    let plan = place.run(&["plan", "progan", "--device", "cpu", "--set", "size=16", "--set", "fmap_max=4"]).ok().stdout;
    for level in ["4x4", "8x8", "16x16"] {
        assert!(plan.contains(&format!("a step of `{level}`")), "{plan}");
    }
}

/// The last level unless another one is asked for.
#[test]
fn a_step_of_any_level_is_timed() {
    let place = Place::new();
    let bench = ["bench", "train", "progan", "--device", "cpu", "--threads", "1", "--steps", "1"];
    let small = ["--set", "size=16", "--set", "fmap_max=4"];
    let timed = |more: &[&str]| place.run(&[&bench, small.as_slice(), more].concat());
    assert!(timed(&[]).ok().stdout.contains("stage 16x16"));
    assert!(timed(&["--stage", "4x4"]).ok().stdout.contains("stage 4x4"));
    timed(&["--stage", "32x32"]).refused(2, &["no stage `32x32`", "4x4, 8x8, 16x16"]);
}

/// While it grows samples are measured and chosen by nothing: the best checkpoint is one of the full size.
#[test]
fn the_best_checkpoint_is_one_that_has_grown() {
    let place = Place::new();
    let looks = ["--out", "run", "--set", "validate_every=1"];
    let held_out: Vec<&str> = TINY.iter().map(|&arg| if arg == "validation=0" { "validation=0.1" } else { arg }).collect();
    let said = place.run(&[&held_out[..], &looks].concat()).ok().stderr;
    assert!(!said.contains("warning"), "{said}");
    let metrics = fs::read_to_string(place.path("run/metrics.jsonl")).expect("metrics");
    assert_eq!(metrics.matches("\"sliced_wasserstein\"").count(), 15, "every step is measured");
    // The last level is alone from step 12 on.
    let which = |step: u64| {
        let step = step.to_string();
        place.run(&["sample", "run", "--checkpoint", &step, "--count", "1", "--device", "cpu"]).ok().stderr
    };
    let best: Vec<u64> = (1..=15).filter(|&step| which(step).contains(", the best on the held-out set")).collect();
    assert!(matches!(best.as_slice(), [12..=15]), "{best:?}");
    // Stopped before, there is none, and the newest is used.
    let early: Vec<&str> = [&held_out[..], &["--out", "early", "--set", "validate_every=1", "--steps", "8"]].concat();
    place.run(&early).ok();
    let said = place.run(&["sample", "early", "--count", "1", "--device", "cpu"]).ok().stderr;
    assert!(said.contains("step-0000008.safetensors\n"), "{said}");
}
