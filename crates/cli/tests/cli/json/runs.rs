//! Commands about a trained run.

use std::fs;

use calotype_training::grouped;
use serde_json::Value;

use super::{Both, both, count, of, parsed, said};
use crate::support::Place;

const CPU: [&str; 4] = ["--device", "cpu", "--threads", "1"];

fn train(place: &Place, model: &str, name: &str, more: &[&str]) {
    let data: &[&str] = if more.contains(&"--data") { &[] } else { &["--data", "digits"] };
    place.run(&[&["train", model, "--out", name], data, more, &CPU].concat()).ok();
}

fn on_cpu(place: &Place, args: &[&str]) -> Both {
    both(place, &[args, &CPU].concat())
}

/// As a table prints a mean with its standard error.
fn mean(of_rows: &Value, digits: usize) -> String {
    format!("{:.digits$} +- {:.digits$}", of(of_rows, "mean"), of(of_rows, "standard_error"))
}

#[test]
fn log_likelihoods() {
    let place = Place::new();
    train(&place, "nade", "nade", &["--steps", "20", "--set", "hidden=8"]);
    let score = on_cpu(&place, &["score", "nade", "--worst", "3"]);
    score.line(&["nade on digits (test, ", score.text("/encoding"), score.text("/checkpoint")]);
    score.line(&["-log p      ", &mean(score.at("/nats"), 3), &format!("over {} rows), exact", score.whole("/n_rows"))]);
    score.line(&[&mean(score.at("/bits_per_dim"), 4), &format!("bits a dimension, of {}", score.whole("/n_dims"))]);
    let bits = score.number("/nats/mean") / 64.0 / std::f64::consts::LN_2;
    assert!((bits - score.number("/bits_per_dim/mean")).abs() < 1e-9 && score.text("/bound") == "exact");
    let mut n = 0;
    for bin in score.list("/histogram") {
        score.line(&[&format!("{:>10.2} {:>7}  ", of(bin, "from_nats"), count(bin, "n_rows"))]);
        n += count(bin, "n_rows");
    }
    assert_eq!(n, score.whole("/n_rows"));
    for row in score.list("/most_surprising/0/rows") {
        score.line(&[&format!("{:.3} nats  row {:<7} index {}", of(row, "nats"), count(row, "row"), count(row, "index"))]);
    }
    assert_eq!(score.list("/most_surprising/0/rows").len(), 3);
    assert!(score.number("/rows_per_second") > 0.0);
    assert!(score.json.get("anomalies").is_none() && score.json.get("background").is_none(), "{}", score.json);
    let one = on_cpu(&place, &["score", "nade", "--count", "1"]);
    one.line(&[&format!("-log p      {:.3} nats, exact", one.number("/nats/mean"))]);
    assert!(one.at("/nats/standard_error").is_null() && one.list("/histogram").is_empty());

    let explained = on_cpu(&place, &["score", "nade", "--explain", "2"]);
    let mut sum = 0.0;
    for (step, factor) in explained.list("/factors").iter().enumerate() {
        let [p, log_p, so_far] = ["p", "log_p_nats", "sum_nats"].map(|key| of(factor, key));
        sum += log_p;
        assert!((so_far - sum).abs() < 1e-9 && (p - log_p.exp()).abs() < 1e-9, "{factor}");
        let place = format!("({}, {})", factor["pixel"][0], factor["pixel"][1]);
        explained.line(&[&format!("{step:>6}  {place:<27} {:>8} {p:>12.6} {log_p:>10.4} {so_far:>12.4}", of(factor, "value"))]);
    }
    assert_eq!(explained.list("/factors").len(), 64);
    let [log_p, bits] = ["/log_p_nats", "/bits_per_dim"].map(|at| explained.number(at));
    explained.line(&[&format!("log p(x) = {log_p:.4} nats, {bits:.4} bits a dimension, exact")]);
}

#[test]
fn anomalies() {
    let place = Place::new();
    train(&place, "independent", "run", &["--set", "exclude=1"]);
    train(&place, "context", "background", &["--set", "neighbours=4"]);
    let noise: Vec<f32> = (0..50 * 64_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 31) as f32).collect();
    calotype_data::write_npy(&place.path("noise.npy"), &[50, 8, 8, 1], &noise).expect("it is written");
    let args = ["score", "run", "--against", "noise.npy", "--background", "background", "--false-alarms", "0.1"];
    let score = on_cpu(&place, &args);
    score.line(&["background  ", &mean(score.at("/background/nats"), 3)]);
    score.line(&["difference  ", &mean(score.at("/background/difference_nats"), 3)]);
    let found = score.at("/anomalies");
    let percent = |of_what: &Value, key: &str| format!("{:.1} %", 100.0 * of(of_what, key));
    score.line(&[&format!("threshold   {:.3} nats: {}", of(found, "threshold_nats"), percent(found, "false_alarm_rate"))]);
    let class = &found["excluded_class"];
    score.line(&[&format!("class {}: ", said(class, "class")), &format!("AUROC {:.3}", of(class, "auroc"))]);
    score.line(&[&format!(
        "{} alarms on it, {} alarms on the others",
        percent(class, "alarm_rate"),
        percent(class, "alarm_rate_of_others")
    )]);
    let against = &found["against"];
    score.line(&["noise.npy", &mean(&against["nats"], 3)]);
    score.line(&[&format!("AUROC       {:.3} by -log p alone", of(against, "auroc_without_background"))]);
    score.line(&[&format!("AUROC       {:.3} by -log p + log p of the background", of(against, "auroc"))]);
    score.line(&[&format!(
        "{} alarms on noise.npy, {} alarms on the run's own",
        percent(against, "alarm_rate"),
        percent(against, "alarm_rate_of_own")
    )]);
}

#[test]
fn a_bound_and_what_it_is_made_of() {
    let place = Place::new();
    train(&place, "vae", "vae", &["--steps", "10", "--set", "latents=2", "--set", "hidden=8"]);
    let score = on_cpu(&place, &["score", "vae", "--samples", "7", "--count", "30"]);
    assert_eq!(score.text("/bound"), "lower:k=7");
    score.line(&["-log p      ", &mean(score.at("/nats"), 3), "--samples 7"]);
    for (more, by) in [(&[][..], "grid"), (&["--samples", "50"], "samples")] {
        let open = on_cpu(&place, &[&["score", "vae", "--explain", "2"], more].concat());
        for (name, key) in
            [("reconstruction ", "reconstruction"), ("KL ", "kl"), ("bound ", "bound"), ("log p(x) ", "log_p"), ("gap ", "gap")]
        {
            open.line(&[name, &format!("{:>12.4} nats", open.number(&format!("/{key}_nats")))]);
        }
        for (n, latent) in open.list("/latents").iter().enumerate() {
            let [mean, deviation, kl] = ["mean", "deviation", "kl_nats"].map(|key| of(latent, key));
            open.line(&[&format!("{n:>6} {mean:>10.4} {deviation:>10.4} {kl:>10.4}")]);
        }
        let kl: f64 = open.list("/latents").iter().map(|latent| of(latent, "kl_nats")).sum();
        assert!((kl - open.number("/kl_nats")).abs() < 1e-9 && open.list("/latents").len() == 2);
        match by {
            "grid" => open.line(&["KL to the posterior", &format!("{:.4} nats", open.number("/grid/kl_to_posterior_nats"))]),
            _ => open.line(&[&format!(
                "{} samples, +- {:.4}",
                open.whole("/samples/n"),
                open.number("/samples/standard_error_nats")
            )]),
        }
    }
}

/// Exit codes are the same: a density of coins fails, and the JSON says which claim.
#[test]
fn claims() {
    let place = Place::new();
    train(&place, "markov", "markov", &[]);
    let verified = on_cpu(&place, &["verify", "markov", "--export", "markov.json"]);
    let export = fs::read(place.path("markov.json")).expect("it was written");
    assert_eq!(verified.json, serde_json::from_slice::<Value>(&export).expect("JSON"));
    verified.line(&[&format!("markov of {}, step {}", verified.text("/run"), verified.whole("/step"))]);
    for claim in verified.list("/claims") {
        assert_eq!(claim["passed"], true);
        verified.line(&[&said(claim, "subject"), "ok"]);
    }
    verified.line(&[&format!("all {} claims hold", verified.list("/claims").len())]);
    let sums = verified.list("/claims").iter().find(|claim| claim["claim"] == "sums-to-one").expect("a sum");
    verified.line(&["sums to one", &format!("{:.7}  (1 ± {})", of(sums, "figure"), of(&sums["bound"], "around_one"))]);
    let ended = place.run(&[&["verify", "markov", "--json"], &CPU[..]].concat()).ok();
    assert!(ended.stderr.contains("markov/context.png"), "the path is a note: {}", ended.stderr);

    let header = [0x803_u32, 10, 4, 5].map(u32::to_be_bytes).concat();
    let images = [vec![0; 5 * 20], vec![255; 5 * 20]].concat();
    fs::write(place.path("coins-images-idx3-ubyte"), [header, images].concat()).expect("it is written");
    train(&place, "independent", "coins", &["--data", "coins-images-idx3-ubyte"]);
    let json = parsed(&place.run(&[&["verify", "coins", "--json"], &CPU[..]].concat()).refused(1, &["1 of 8 claims failed"]));
    let failed: Vec<String> =
        json["claims"].as_array().expect("claims").iter().filter(|c| c["passed"] == false).map(|c| said(c, "claim")).collect();
    assert_eq!((&json["passed"], failed), (&Value::Bool(false), vec!["not-uniform".to_owned()]));
}

#[test]
fn models_beside_each_other() {
    let place = Place::new();
    train(&place, "independent", "independent", &[]);
    train(&place, "markov", "markov", &[]);
    let ladder = on_cpu(&place, &["ladder", "independent", "markov", "--columns", "3", "--table", "ladder.md"]);
    ladder.line(&[&format!("digits (test, {}), {} rows", ladder.text("/encoding"), ladder.whole("/n_rows"))]);
    assert!(ladder.list("/models").len() == 2 && ladder.table.trim().ends_with(ladder.text("/picture")));
    for model in ladder.list("/models") {
        let behind = match &model["nats_behind_the_best"] {
            Value::Null => "best".to_owned(),
            nats => mean(nats, 2),
        };
        let n = grouped(count(model, "n_parameters"));
        ladder.line(&[
            &said(model, "model"),
            &mean(&model["nats"], 2),
            &format!("{:.4}", of(model, "bits_per_dim")),
            &behind,
            &n,
        ]);
    }
    assert_eq!(ladder.list("/models").iter().filter(|model| model["nats_behind_the_best"].is_null()).count(), 1);
}

#[test]
fn samples_evaluated() {
    let place = Place::new();
    train(&place, "nade", "nade", &["--steps", "20", "--set", "hidden=4"]);
    let evaluated = on_cpu(&place, &["evaluate", "nade", "--count", "64"]);
    let file = fs::read(place.path("nade/evaluation.json")).expect("it is there");
    assert_eq!(evaluated.json, serde_json::from_slice::<Value>(&file).expect("JSON"));
    assert!(evaluated.table.trim().ends_with("nade/evaluation.json"));
    let shown = |estimate: &Value| {
        let value = of(estimate, "value");
        let digits = if value.abs() >= 100.0 {
            1
        } else if value.abs() >= 1.0 {
            2
        } else {
            3
        };
        let error = estimate["standard_error"].as_f64().map(|error| format!(" \u{b1} {error:.digits$}"));
        format!("{value:.digits$}{}", error.unwrap_or_default())
    };
    for figure in evaluated.list("/figures") {
        let floor = if figure["floor"].is_null() { "-".to_owned() } else { shown(&figure["floor"]) };
        evaluated.line(&[&said(figure, "name"), &shown(&figure["samples"]), &floor]);
    }
    evaluated.line(&["-log p(x), nats", &format!("{:.4} bits/dim", evaluated.number("/likelihood/bits_per_dim"))]);
}

#[test]
fn features_and_codes() {
    let place = Place::new();
    train(&place, "nade", "nade", &["--steps", "20", "--set", "hidden=8"]);
    let probed = on_cpu(&place, &["encode", "nade", "--probe", "--out", "features.npy"]);
    let (n, f) = (probed.whole("/n_rows"), probed.whole("/n_features"));
    probed.line(&[&format!("linear probe on digits: {} classes, accuracy on {n} rows", probed.whole("/linear_probe/n_classes"))]);
    for (name, key) in [(format!("{f} features"), "features"), ("raw values".to_owned(), "raw_values")] {
        let [test, train] =
            ["accuracy", "of_training_rows"].map(|of| 100.0 * probed.number(&format!("/linear_probe/{key}/{of}")));
        probed.line(&[&name, &format!("{test:.1} % ({train:.1} % of the training rows)")]);
    }
    assert_eq!(probed.text("/files/features"), "features.npy");
    assert!(probed.table.starts_with("features.npy\n") && probed.json.get("classifier").is_none(), "{}", probed.table);

    let small = ["--steps", "9", "--batch", "20", "--set", "hidden=12"];
    train(&place, "aae", "taught", &[&small[..], &["--set", "labels=100"]].concat());
    let taught = on_cpu(&place, &["encode", "taught", "--probe"]);
    let prior = taught.at("/against_prior");
    let [distance, floor, ratio] = ["sliced_wasserstein", "floor", "ratio"].map(|key| of(prior, key));
    taught.line(&[&format!("sliced Wasserstein {distance:.4}, floor {floor:.4} ({ratio:.2} times; {} codes", prior["n_codes"])]);
    let error = |of_what: &Value| format!("error {:.2} %", 100.0 * of(of_what, "error"));
    taught.line(&["classifier taught by 100 labels", &error(taught.at("/classifier")), "of 359 rows"]);
    for probe in taught.list("/known_rows_probes") {
        taught.line(&[
            &format!("linear probe of {} taught by the same {} labels", said(probe, "of"), probe["n_labels"]),
            &error(probe),
        ]);
    }
    train(&place, "aae", "clustered", &[&small[..], &["--set", "clusters=4"]].concat());
    let clustered = on_cpu(&place, &["encode", "clustered", "--probe"]);
    clustered.line(&["4 clusters, named by the training rows", &error(clustered.at("/clusters"))]);

    let set = ["width=2", "size=8", "hidden=6", "hidden_q=5", "latents=3", "categories=4"].map(|set| ["--set", set]).concat();
    train(&place, "infogan", "infogan", &[&["--steps", "4", "--batch", "16"][..], &set].concat());
    let infogan = on_cpu(&place, &["encode", "infogan"]);
    let category = infogan.at("/category/0");
    let accuracy = format!("accuracy {:.1} % of {} rows", 100.0 * of(category, "accuracy"), category["n_rows"]);
    infogan.line(&["category as a classifier of ", &said(category, "factor"), &accuracy, &said(category, "matched_by")]);
    let value = |(n, value): (usize, &Value)| format!("{n} = {}", value.as_str().unwrap_or("none"));
    let values = category["values"].as_array().expect("values");
    infogan.line(&[&values.iter().enumerate().map(value).collect::<Vec<_>>().join(", ")]);
}

#[test]
fn parts_of_a_network() {
    let place = Place::new();
    place.train("run", &["--steps", "1"]);
    let parts = both(&place, &["export", "run", "--list"]);
    for part in parts.list("") {
        parts.line(&[&said(part, "part"), &said(part, "what")]);
    }
    assert_eq!(parts.list("").len(), parts.table.lines().count());
    let written = both(&place, &["export", "run", "--to", "g.onnx"]);
    let size = fs::metadata(place.path("g.onnx")).expect("it is there").len();
    assert_eq!(written.whole("/bytes"), size);
    written.line(&[
        "generator of dcgan, 1 step",
        &format!("{} weights, {} bytes", grouped(written.whole("/n_weights")), grouped(size)),
    ]);
    written.line(&["in   ", written.text("/inputs/0/name"), "float [batch, 4]", written.text("/inputs/0/about")]);
    assert_eq!(written.at("/inputs/0/shape"), &serde_json::json!(["batch", 4]));
    assert_eq!(written.at("/outputs/0/shape"), &serde_json::json!(["batch", 32, 32, 1]));
}
