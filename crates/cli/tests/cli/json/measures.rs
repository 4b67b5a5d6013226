//! Commands that measure a device, or plan for one.

use std::fs;

use calotype_training::grouped;
use serde_json::Value;

use super::{Both, both, count, of, parsed, said};
use crate::support::{Place, TINY};

/// As tables print bytes.
fn bytes(n: u64) -> String {
    let (value, unit) = [(1e9, "GB"), (1e6, "MB"), (1e3, "kB")]
        .into_iter()
        .map(|(size, unit)| (n as f64 / size, unit))
        .find(|(value, _)| *value >= 0.9995)
        .unwrap_or((n as f64, "B"));
    if unit == "B" || value >= 99.95 { format!("{value:.0} {unit}") } else { format!("{value:.1} {unit}") }
}

#[test]
fn a_plan() {
    let plan = both(&Place::new(), &["plan", "dcgan", "--device", "cpu", "--batch", "16"]);
    plan.line(&["dcgan on fashion-mnist, batch 16, ", plan.text("/device")]);
    for (name, key) in [("planned memory", "planned"), ("  states", "states"), ("  arenas", "arenas"), ("  staging", "staging")] {
        plan.line(&[name, &bytes(plan.whole(&format!("/memory/{key}_bytes")))]);
    }
    let parts = ["states", "arenas", "inputs", "outputs", "staging", "sampling"];
    let sum: u64 = parts.iter().map(|part| plan.whole(&format!("/memory/{part}_bytes"))).sum();
    assert_eq!(sum, plan.whole("/memory/planned_bytes"));
    let [flops, moved] = ["/steps/0/flops", "/steps/0/moved_bytes"].map(|at| plan.whole(at));
    let per_byte = plan.number("/steps/0/flops_per_byte");
    plan.line(&[
        plan.text("/steps/0/what"),
        &format!("{:.2} GFLOP, {} moved ({per_byte:.1} FLOP", flops as f64 / 1e9, bytes(moved)),
    ]);
    plan.line(&["dispatches  ", &plan.whole("/steps/0/n_dispatches").to_string()]);
    let (mut kernels, mut all) = (0, 0);
    for kernel in plan.list("/steps/0/kernels") {
        plan.line(&[&format!(
            "  {:<20}{:>6}  {:>5.1} %",
            said(kernel, "kernel"),
            count(kernel, "n"),
            100.0 * of(kernel, "part_of_flops")
        )]);
        (kernels, all) = (kernels + count(kernel, "n"), all + count(kernel, "flops"));
    }
    assert_eq!((kernels, all), (plan.whole("/steps/0/n_dispatches"), flops));
    for tensor in plan.list("/steps/0/largest_tensors") {
        let n = count(tensor, "bytes");
        plan.line(&[&bytes(n), &said(tensor, "name")]);
        assert_eq!(
            tensor["shape"].as_array().expect("a shape").iter().map(|d| d.as_u64().expect("a size")).product::<u64>() * 4,
            n
        );
    }
    plan.line(&["parameters and statistics: ", &grouped(plan.whole("/steps/0/n_parameters_and_statistics"))]);
}

/// Times differ from call to call; the JSON is what `--export` writes of the same call.
#[test]
fn a_training_step() {
    let place = Place::new();
    let args = [&["bench", "train", "dcgan", "--steps", "3"], TINY].concat();
    let step = both(&place, &args);
    step.line(&[&format!("dcgan, batch {}, on {}", step.whole("/batch"), step.text("/device"))]);
    step.line(&["a step ", &format!("(median of {}; ", step.whole("/n_steps"))]);
    step.line(&["dispatches  ", &format!("{} a step", step.whole("/n_dispatches"))]);
    step.line(&["planned memory", &bytes(step.whole("/planned_bytes"))]);
    assert!(step.number("/images_per_s") > 0.0 && step.number("/gflop_per_s") > 0.0 && step.json.get("kernels").is_none());

    let ended = place.run(&[&args[..], &["--export", "step.json", "--trace", "trace.json", "--json"]].concat()).ok();
    let (json, export) = (parsed(&ended), fs::read(place.path("step.json")).expect("it was written"));
    assert_eq!(json, serde_json::from_slice::<Value>(&export).expect("JSON"));
    let kinds = json["kernels"]["by_kind"].as_array().expect("kinds");
    let sum: f64 = kinds.iter().map(|kind| of(kind, "seconds")).sum();
    assert!((sum / of(&json["kernels"], "seconds") - 1.0).abs() < 1e-9, "{json}");
    assert_eq!(kinds.iter().map(|kind| count(kind, "n")).sum::<u64>(), step.whole("/n_dispatches"));
}

#[test]
fn kernels_and_what_became_of_them() {
    let place = Place::new();
    let args = ["bench", "softmax", "--device", "cpu", "--threads", "1"];
    let table = place.run(&args).ok().stdout;
    let ended = place.run(&[&args[..], &["--export", "before.json", "--json"]].concat()).ok();
    let (json, export) = (parsed(&ended), fs::read(place.path("before.json")).expect("it was written"));
    let mut before: Value = serde_json::from_slice(&export).expect("JSON");
    assert_eq!(json, before);
    let found = Both { table, json };
    found.line(&["calotype   ", found.text("/version"), found.text("/system")]);
    found.line(&["device     ", found.text("/device")]);
    for kernel in found.list("/kernels") {
        found.line(&[&said(kernel, "kernel"), if kernel["bound"] == "bandwidth" { "memory" } else { "compute" }]);
    }

    // As if everything had been a hundred times faster: slower now, by exit code too.
    for key in ["median_s", "min_s", "quartile_1_s", "quartile_3_s"] {
        let time = &mut before["kernels"][0]["times"][key];
        *time = (time.as_f64().expect(key) / 100.0).into();
    }
    fs::write(place.path("fast.json"), before.to_string()).expect("it is written");
    let ended =
        place.run(&[&args[..], &["--against", "fast.json", "--json"]].concat()).refused(1, &["slower than before: softmax"]);
    let json = parsed(&ended);
    let line = &json["against"]["kernels"][0];
    assert_eq!(
        (&line["verdict"], &line["kernel"], &json["against"]["differs"]),
        (&"slower".into(), &json["kernels"][0]["kernel"], &Value::Null)
    );
    assert_eq!(line["now"], json["kernels"][0]["times"]);
    assert!((of(&line["before"], "median_s") / of(&before["kernels"][0]["times"], "median_s") - 1.0).abs() < 1e-9, "{line}");
    assert!((of(line, "ratio") - of(&line["now"], "median_s") / of(&line["before"], "median_s")).abs() < 1e-9, "{line}");
    before["device"] = "another".into();
    fs::write(place.path("other.json"), before.to_string()).expect("it is written");
    let json = parsed(&place.run(&[&args[..], &["--against", "other.json", "--json"]].concat()).ok());
    assert!(json["against"]["differs"].as_str().is_some_and(|why| why.contains("another device")), "{json}");
    let line = &json["against"]["kernels"][0];
    assert!(line["verdict"].is_null() && line.get("before").is_none(), "{line}");
    assert!((of(line, "part_of_roof_before") / of(&before["kernels"][0], "part_of_roof") - 1.0).abs() < 1e-9, "{line}");
}

#[test]
fn a_selftest() {
    let place = Place::new();
    let tested = both(&place, &["selftest", "softmax", "reduce", "--device", "cpu", "--export", "tested.json"]);
    let export = fs::read(place.path("tested.json")).expect("it was written");
    assert_eq!(tested.json, serde_json::from_slice::<Value>(&export).expect("JSON"));
    tested.line(&["device     ", tested.text("/device"), tested.text("/kind")]);
    let mut n = 0;
    for op in tested.list("/ops") {
        let (cases, gradients, worst) = (of(op, "n_cases"), of(op, "n_gradients"), &op["worst"]);
        n += (cases + gradients) as u64;
        let head = format!("{:<20} {cases:>5} {gradients:>9} {:>10}", said(op, "op"), 0);
        tested.line(&[
            &head,
            &format!("{:.3} ({:.2e} in {})", of(worst, "part_of_allowed"), of(worst, "error"), said(worst, "case")),
        ]);
    }
    tested.line(&[&format!("all {n} checks passed")]);
}

/// Without a GPU there are no tiles to tune; with one, nothing was tuned in this folder.
#[test]
fn tiles() {
    let place = Place::new();
    let ended = place.run(&["bench", "tune", "--device", "cpu", "--json"]).refused(2, &["no tiles to tune"]);
    assert!(ended.stdout.is_empty());
    if crate::measuring::has_adapter(&place) {
        let reset = both(&place, &["bench", "tune", "--reset", "--device", "0"]);
        reset.line(&["this adapter has no tuned tiles"]);
        assert!(reset.at("/deleted").is_null());
    }
}
