//! Commands that need no run and measure nothing.

use std::fs;

use calotype_training::grouped;
use serde_json::Value;

use super::{Both, both, count, of, said};
use crate::support::Place;

#[test]
fn devices() {
    let both = both(&Place::new(), &["devices"]);
    both.line(&["cpu  ", both.text("/cpu/name"), " of memory"]);
    assert!(both.whole("/cpu/memory_bytes") > 1 << 20);
    for adapter in both.list("/adapters") {
        both.line(&[
            &format!("{:<4} {} (", count(adapter, "index"), said(adapter, "name")),
            &said(adapter, "backend"),
            &said(adapter, "kind"),
        ]);
        both.line(&["driver      ", &said(adapter, "driver")]);
        both.line(&["workgroup   ", &format!(" {} invocations", adapter["limits"]["workgroup_invocations"])]);
    }
    both.line(&["--device auto is", both.text("/auto/why")]);
    let auto = both.text("/auto/device");
    assert!(auto == "cpu" || both.list("/adapters").iter().any(|a| count(a, "index").to_string() == auto), "{auto}");
}

#[test]
fn models_and_their_settings() {
    let place = Place::new();
    let all = both(&place, &["models"]);
    for model in all.list("") {
        all.line(&[&format!("{:<15} {}: {}", said(model, "name"), said(model, "title"), said(model, "paper"))]);
        let words = |list: &Value| {
            list.as_array().expect("a list").iter().map(|w| w.as_str().expect("text").to_owned()).collect::<Vec<_>>()
        };
        let preset = &model["presets"][0];
        let data = format!("data {} ({})", words(&preset["data"]).join(" and "), said(preset, "name"));
        all.line(&[&words(&model["used_for"]).join(", "), &data]);
    }
    assert_eq!(all.table.matches("arXiv").count(), all.json.to_string().matches("arXiv").count());

    let one = both(&place, &["models", "dcgan"]);
    one.line(&["dcgan: ", one.text("/title")]);
    let (own, common) = (one.list("/settings"), one.list("/common_settings"));
    for setting in own.iter().chain(common) {
        let plain = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
        let key = format!("{:<18}", said(setting, "key"));
        let default = |preset: &str| match setting["defaults"][preset].as_f64() {
            Some(v) => format!(" {v:>13}"),
            None => format!(" {:>13}", plain(&setting["defaults"][preset])),
        };
        let range = match (&setting["range"], &setting["words"]) {
            (Value::Array(range), _) => format!(" ({} to {})", range[0].as_f64().expect("low"), range[1].as_f64().expect("high")),
            (_, Value::Array(words)) => format!(" ({})", words.iter().map(plain).collect::<Vec<_>>().join(", ")),
            _ => " (true or false)".to_owned(),
        };
        one.line(&[&format!("{key}{}{}  {}{range}", default("small"), default("paper"), said(setting, "about"))]);
    }
    // Nothing but the head and the data has no setting of its own.
    assert_eq!(one.table.lines().filter(|l| l.contains("  ") && !l.starts_with(' ')).count(), own.len() + common.len() + 1);
}

fn rows(count: &Value) -> String {
    format!("{} train, {} test", count["train"], count["test"])
}

#[test]
fn data_sets() {
    let place = Place::new();
    let all = both(&place, &["data"]);
    for entry in all.list("") {
        let more = if entry["download"] == true { " (download)" } else { "" };
        all.line(&[&format!("{:<18} {}{more}", said(entry, "name"), said(entry, "about"))]);
        all.line(&[&said(entry, "licence")]);
    }
    let digits = both(&place, &["data", "digits", "--sheet", "sheet.png"]);
    digits.line(&[&format!("digits: {} rows ({})", digits.whole("/rows/all"), rows(digits.at("/rows")))]);
    digits.line(&["8x8x1", &format!("{} levels", digits.whole("/levels"))]);
    assert_eq!(digits.at("/shape"), &serde_json::json!([8, 8, 1]));
    assert_eq!(digits.list("/classes").len(), 10);
    for class in digits.list("/classes") {
        digits.line(&[&format!("    {:<20} {}", said(class, "name"), rows(&class["rows"]))]);
    }
    digits.line(&["sha256    ", digits.text("/sha256")]);
    digits.line(&["licence   ", digits.text("/licence")]);
    assert_eq!(digits.text("/sheet"), "sheet.png");
    assert!(place.path("sheet.png").exists() && digits.table.trim().ends_with("\nsheet.png"));

    fs::write(
        place.path("t.csv"),
        "a,b\n".to_owned() + &(0..30).map(|i| format!("{},{}\n", f64::from(i) / 8.0, i % 7)).collect::<String>(),
    )
    .expect("it is written");
    let table = both(&place, &["data", "t.csv", "--set", "label=none"]);
    for column in table.list("/columns") {
        let [least, largest, mean] = ["least", "largest", "mean"].map(|key| of(column, key));
        table.line(&[&said(column, "name"), &format!("{least} to {largest}, mean "), &format!("{:.6}", mean)[..6]]);
    }
    assert!(table.json.get("licence").is_none() && table.json.get("sheet").is_none(), "{}", table.json);
}

#[test]
fn parameters_of_images() {
    let place = Place::new();
    let bits = both(&place, &["count", "--pixels", "784"]);
    let shown = |both: &Both, pointer: &str| {
        let exact = both.at(&format!("{pointer}/exact")).as_u64().map(grouped);
        exact.map_or(both.text(&format!("{pointer}/formula")).to_owned(), |n| format!(" = {n}"))
    };
    for (name, key) in [
        ("the joint table", "joint_table"),
        ("the chain rule", "chain_rule"),
        ("Markov, order 1", "markov"),
        ("independence", "independence"),
    ] {
        bits.line(&[name, &shown(&bits, &format!("/free_parameters/{key}"))]);
    }
    let log10 = bits.number("/free_parameters/joint_table/log10");
    assert!(bits.at("/free_parameters/joint_table/exact").is_null(), "beyond 2^128");
    assert!((log10 - 784.0 * 2f64.log10()).abs() < 1e-9);
    bits.line(&[&format!("{:.2}e{}", 10f64.powf(log10.fract()), log10.floor())]);
    let colour = both(&place, &["count", "--pixels", "1", "--channels", "3", "--levels", "256"]);
    assert_eq!(colour.whole("/images/exact"), 1 << 24);
    colour.line(&["1 pixel of 3 channels", &format!("{} images", grouped(colour.whole("/images/exact")))]);
    // One value of one level more than none: its logarithm is no number of JSON.
    assert_eq!((colour.whole("/values"), colour.whole("/levels")), (3, 256));
}

/// Observations in which B copies A, and C goes its own way.
const COPIES: &str = "A,B,C\n1,1,x\n1,1,y\n0,0,x\n0,0,y\n1,1,x\n0,0,x\n1,1,y\n1,1,y\n";

fn cells(both: &Both, list: &Value) {
    for cell in list["cells"].as_array().expect("cells") {
        let p = of(cell, "p");
        let p = if p == 0.0 || p >= 0.001 { format!("{p:.4}") } else { format!("{p:.2e}") };
        let values = cell["values"].as_array().expect("values").iter().map(|v| v.as_str().expect("text"));
        both.line(&[&values.chain([p.as_str()]).collect::<Vec<_>>().join("  ")]);
    }
}

#[test]
fn a_joint_table() {
    let place = Place::new();
    fs::write(place.path("t.csv"), COPIES).expect("it is written");
    let all = both(&place, &["table", "t.csv"]);
    let [observations, n, free] = ["/n_observations", "/n_cells", "/n_free_parameters"].map(|at| all.whole(at));
    all.line(&[&format!("{observations} observations of A (2), B (2), C (2): {n} cells, {free} free parameters")]);
    assert_eq!(all.list("/joint/cells").len(), 8);
    cells(&all, all.at("/joint"));
    let factors: Vec<String> = all.list("/chain_rule/factors").iter().map(|f| f["n_parameters"].to_string()).collect();
    all.line(&[&format!("{} = {} parameters", factors.join(" + "), all.whole("/chain_rule/n_parameters"))]);
    assert!(all.json.get("given").is_none() && all.json.get("marginals").is_none(), "what was not asked is not there");

    let given = both(&place, &["table", "t.csv", "--given", "B=1", "--marginal", "A", "--marginal", "A,C"]);
    assert_eq!(given.text("/given/facts/B"), "1");
    given.line(&[&format!("p(B=1) = {:.4}", given.number("/given/p"))]);
    for cell in given.list("/marginals/0/cells") {
        let [prior, likelihood, p] = ["prior", "likelihood", "p"].map(|key| of(cell, key));
        given.line(&[&format!("{}  {prior:.4}  {likelihood:.4}      {p:.4}", cell["values"][0].as_str().expect("a value"))]);
        assert!((prior * likelihood / given.number("/given/p") - p).abs() < 1e-12, "{cell}");
    }
    cells(&given, given.at("/marginals/1"));

    let tested = both(&place, &["table", "t.csv", "--independent", "A,B", "--independent", "A,C"]);
    for (n, pair) in tested.list("/independence").iter().enumerate() {
        tested.line(&[&format!("{} and {}", said(pair, "a"), said(pair, "b"))]);
        tested.line(&[
            "likelihood-ratio test",
            &format!("G = {:.2}, {} degree", of(&pair["test"], "g"), pair["test"]["degrees_of_freedom"]),
        ]);
        tested.line(&["p-value", &said(pair, "verdict")]);
        assert_eq!(of(pair, "mutual_information_nats") > 0.5, n == 0, "{pair}");
    }
    tested.line(&["mutual information", &format!("{:.3} nats", tested.number("/independence/0/mutual_information_nats"))]);
}
