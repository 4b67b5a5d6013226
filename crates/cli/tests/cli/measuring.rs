//! `selftest` and `bench`: on the CPU, and on the first adapter where there is one.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{Ended, Place, text};

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("it was written")).expect("JSON")
}

pub fn says(ended: &Ended, parts: &[&str]) {
    for part in parts {
        assert!(ended.stdout.contains(part), "{part}: {}", ended.stdout);
    }
}

/// Whether the first adapter answers, software ones included. Where GPUs are required, it must.
pub fn has_adapter(place: &Place) -> bool {
    let there = place.run(&["devices"]).ok().stdout.lines().any(|l| l.starts_with("0 "));
    assert!(there || std::env::var("CALOTYPE_GPU").as_deref() != Ok("require"), "no adapter, and one is required");
    there
}

#[test]
fn the_cpu_passes_its_selftest() {
    let place = Place::new();
    let export = place.path("selftest.json");
    let ended = place.run(&["selftest", "softmax", "reduce", "--device", "cpu", "--export", text(&export)]).ok();
    says(&ended, &["calotype   ", "device     CPU", "driver     ", "softmax", "reduce", "checks passed"]);
    assert!(!ended.stdout.contains("matmul") && !ended.stderr.contains('\u{1b}'));
    let report = json(&export);
    assert_eq!((&report["passed"], report["ops"].as_array().map(Vec::len)), (&Value::Bool(true), Some(2)), "{report}");
    let softmax = &report["ops"][1];
    assert_eq!(softmax["op"], "softmax");
    assert!(softmax["n_cases"].as_u64() > Some(2) && softmax["n_gradients"].as_u64() > Some(0), "{softmax}");
    assert!(softmax["worst"]["part_of_allowed"].as_f64().is_some_and(|r| r <= 1.0), "{softmax}");
}

#[test]
fn an_adapter_passes_its_selftest_and_is_timed() {
    let place = Place::new();
    if !has_adapter(&place) {
        return;
    }
    let ended = place.run(&["selftest", "softmax", "--device", "0"]).ok();
    says(&ended, &["limits     binding", "workgroup  ", "shaders    ", "tile table", "checks passed"]);
    let export = place.path("bench.json");
    let ended = place.run(&["bench", "softmax", "--device", "0", "--export", text(&export)]).ok();
    says(&ended, &["workgroup memory", "in a chain of empty ones", "softmax: 28x28", "memory"]);
    let report = json(&export);
    assert!(report["roofs"]["dispatch_s"].as_f64().is_some_and(|s| s > 0.0), "{report}");
    assert!(report["kernels"][0]["times"]["median_s"].as_f64().is_some_and(|s| s > 0.0), "{report}");
}

#[test]
fn a_bench_is_held_against_an_earlier_one() {
    let place = Place::new();
    let (before, plot) = (place.path("before.json"), place.path("roofline.svg"));
    let bench = |more: &[&str]| place.run(&[&["bench", "softmax", "--device", "cpu", "--threads", "1"], more].concat());
    let ended = bench(&["--export", text(&before), "--plot", text(&plot)]).ok();
    says(&ended, &["compute    ", "memory     ", "of roof", "softmax: 28x28, 256 levels, batch 16"]);
    assert!(fs::read_to_string(&plot).expect("a picture").contains("softmax: 28x28"));
    let report = json(&before);
    for key in ["version", "device", "driver", "system"] {
        assert!(report[key].is_string(), "{key}: {report}");
    }
    // Itself, with room for a machine that has other things to do.
    let doctored = |name: &str, change: &dyn Fn(&mut Value)| {
        let mut report = report.clone();
        change(&mut report);
        fs::write(place.path(name), report.to_string()).expect("it is written");
        place.path(name)
    };
    let times = |factor: f64| {
        move |report: &mut Value| {
            for key in ["median_s", "min_s", "quartile_1_s", "quartile_3_s"] {
                let time = &mut report["kernels"][0]["times"][key];
                *time = (time.as_f64().expect(key) * factor).into();
            }
        }
    };
    let slow = doctored("slow.json", &times(8.0));
    says(&bench(&["--against", text(&slow)]).ok(), &["before", "now/then", "faster"]);
    let fast = doctored("fast.json", &times(0.01));
    let ended = bench(&["--against", text(&fast)]).refused(1, &["slower than before: softmax: 28x28"]);
    says(&ended, &["SLOWER"]);
    // Of another device only parts of the roof are compared.
    let other = doctored("other.json", &|r| {
        times(0.01)(r);
        r["device"] = "another".into();
    });
    says(&bench(&["--against", text(&other)]).ok(), &["warning: another device", "no kernel fails"]);
}

#[test]
fn wrong_names_and_files_are_refused() {
    let place = Place::new();
    fs::write(place.path("empty.json"), "{}").expect("it is written");
    place.run(&["selftest", "sotfmax"]).refused(2, &["no op `sotfmax` (did you mean `softmax`?)", "matmul"]);
    place.run(&["bench", "mutmal", "--device", "cpu"]).refused(2, &["no kernel `mutmal` (did you mean `matmul`?)", "conv2d"]);
    place.run(&["bench", "softmax", "--plot", "a.jpg"]).refused(2, &["--plot a.jpg", ".svg"]);
    place.run(&["bench", "softmax", "--export", "nowhere/a.json"]).refused(2, &["--export nowhere/a.json", "no folder"]);
    place.run(&["selftest", "softmax", "--export", "nowhere/a.json"]).refused(2, &["--export nowhere/a.json"]);
    place.run(&["bench", "softmax", "--against", "nowhere.json"]).refused(1, &["--against nowhere.json"]);
    place
        .run(&["bench", "softmax", "--against", "empty.json"])
        .refused(1, &["empty.json", "expected a file that `calotype bench --export` wrote"]);
}
