//! `docs/results.md`, made of records alone. Numbers are written as `calotype` writes them, of whose crates none is used here.

use std::fmt::Write as _;

use serde_json::Value;

use super::Listed;
use super::record::Record;

const HEAD: &str = "# Results

Every model, trained with its defaults (`--preset small`) on data that are inside the program, by the command that stands above its figures, and
evaluated by `calotype evaluate` on rows that it never learned from. `cargo xtask results` trains what is missing and writes this page; nothing here is
typed by hand. *Floor*: the same of training rows in the samples' place. *Baselines* need no model. What a figure is:
[How good samples are](evaluation.md). Sizes are for two CPU cores and minutes: `--preset paper` has those of the papers.

";

/// Of all models, with the records that there are.
pub fn page<'a>(all: impl Iterator<Item = (&'a Listed, &'a Option<Record>)> + Clone) -> String {
    let mut text = HEAD.to_owned();
    text += "| model | data | steps | time | first figure | samples | floor | best baseline |\n|---|---|---:|---:|---|---:|---:|---:|\n";
    for (model, record) in all.clone() {
        match record {
            Some(record) => summary(&mut text, model, record),
            None => _ = writeln!(text, "| {} | | | | not recorded yet | | | |", model.name),
        }
    }
    for (model, record) in all {
        if let Some(record) = record {
            section(&mut text, model, record);
        }
    }
    text
}

fn summary(text: &mut String, model: &Listed, record: &Record) {
    let of = &record.evaluation;
    let data = of["data"].as_str().unwrap_or_default();
    let (steps, time) = (grouped(record.steps), duration(record.seconds));
    let (steps, time) = if record.steps == 0 { (String::new(), "counted".to_owned()) } else { (steps, time) };
    let [name, samples, floor, baseline] = match &of["likelihood"] {
        Value::Null => first(&of["figures"][0]),
        nats => {
            let what = if nats["bound"] == "exact" { "-log p(x), nats" } else { "-log p(x), nats, at most" };
            [what.to_owned(), estimate(&nats["held_out"]), estimate(&nats["training"]), String::new()]
        }
    };
    let title = model.title.to_lowercase();
    let anchor: String =
        title.chars().map(|c| if c == ' ' { '-' } else { c }).filter(|c| c.is_alphanumeric() || *c == '-').collect();
    let _ =
        writeln!(text, "| [{}](#{anchor}) | {data} | {steps} | {time} | {name} | {samples} | {floor} | {baseline} |", model.name);
}

/// A figure's name, samples, floor, and the best of its baselines.
fn first(figure: &Value) -> [String; 4] {
    let number = |of: &Value| of["value"].as_f64().unwrap_or(f64::NAN);
    let baselines = figure["baselines"].as_array().map_or(&[][..], Vec::as_slice).iter();
    let best = match figure["better"] == "lower" {
        true => baselines.min_by(|a, b| number(a).total_cmp(&number(b))),
        false => baselines.max_by(|a, b| number(a).total_cmp(&number(b))),
    };
    let word = |of: &Value| of.as_str().unwrap_or_default().to_owned();
    [word(&figure["name"]), estimate(&figure["samples"]), estimate(&figure["floor"]), best.map_or_else(String::new, estimate)]
}

fn section(text: &mut String, model: &Listed, record: &Record) {
    let of = &record.evaluation;
    let _ = writeln!(text, "\n## {}\n\n{}.\n\n```\n{}\n```\n", model.title, model.paper, record.command);
    let (n, held_out, data) = (of["n"].as_u64().unwrap_or_default(), &of["held_out"], &of["data"]);
    let word = |of: &Value| of.as_str().unwrap_or_default().to_owned();
    let how = match record.steps {
        0 => "Counted".to_owned(),
        steps => format!("{} steps in {}, evaluated at step {}", grouped(steps), duration(record.seconds), of["step"]),
    };
    let _ =
        writeln!(text, "{how}; {}. {} samples, held against {} of {}.", record.device, grouped(n), word(held_out), word(data));
    if let Some(file) = &record.picture {
        let _ = writeln!(text, "\n![{}](../assets/results/{file})", model.title);
    }
    let _ = writeln!(text, "\n| figure | samples | floor | better |\n|---|---:|---:|---|");
    if let nats @ Value::Object(_) = &of["likelihood"] {
        let bits = nats["bits_per_dim"].as_f64().map_or_else(String::new, |bits| format!(" ({bits:.4} bits/dim)"));
        let what = if nats["bound"] == "exact" { String::new() } else { format!(", an upper bound, {}", word(&nats["bound"])) };
        let (held_out, training) = (estimate(&nats["held_out"]), estimate(&nats["training"]));
        let _ = writeln!(text, "| -log p(x) of held-out rows, nats{what} | {held_out}{bits} | {training} | lower |");
    }
    for figure in of["figures"].as_array().map_or(&[][..], Vec::as_slice) {
        let better = if figure["better"] == "near" { "near the floor".to_owned() } else { word(&figure["better"]) };
        let (samples, floor) = (estimate(&figure["samples"]), estimate(&figure["floor"]));
        let _ = writeln!(text, "| {} | {samples} | {floor} | {better} |", word(&figure["name"]));
        for baseline in figure["baselines"].as_array().map_or(&[][..], Vec::as_slice) {
            let _ = writeln!(text, "| &emsp;{} | {} | | |", word(&baseline["name"]), estimate(baseline));
        }
    }
    for verdict in of["verdicts"].as_array().map_or(&[][..], Vec::as_slice) {
        let _ = writeln!(text, "\n*{}*", word(verdict));
    }
}

/// With its standard error, where it has one; nothing of null.
fn estimate(of: &Value) -> String {
    let Some(value) = of["value"].as_f64() else { return String::new() };
    let digits = match value.abs() {
        100.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    match of["standard_error"].as_f64() {
        Some(error) => format!("{value:.digits$} ± {error:.digits$}"),
        None => format!("{value:.digits$}"),
    }
}

/// `12,345`.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let from_end = |at: usize| (digits.len() - at).is_multiple_of(3) && at > 0;
    digits.char_indices().flat_map(|(at, c)| from_end(at).then_some(',').into_iter().chain([c])).collect()
}

/// `45 s`, `5 min 24 s`, `1 h 02 min`.
fn duration(seconds: f64) -> String {
    let s = seconds.round() as u64;
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{} min {:02} s", s / 60, s % 60),
        _ => format!("{} h {:02} min", s / 3600, s % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_page_holds_what_was_recorded() {
        let listed = |name: &str| Listed { name: name.into(), title: format!("The {name}"), paper: "A, B 2020".into() };
        let evaluation = json!({
            "data": "digits", "n": 1000, "held_out": "test rows", "step": 1500, "verdicts": ["collapsed"],
            "figures": [{
                "name": "mask IoU", "samples": {"value": 0.75, "standard_error": 0.01}, "floor": null, "better": "higher",
                "baselines": [{"name": "random", "value": 0.25, "standard_error": null}, {"name": "mean", "value": 0.5}],
            }],
            "likelihood": {"bound": "exact", "held_out": {"value": 123.456, "standard_error": 1.0},
                "training": {"value": 120.0, "standard_error": 0.5}, "bits_per_dim": 0.2},
        });
        let record = |evaluation: Value| Record {
            name: "a".into(),
            command: "calotype train a".into(),
            device: "CPU, 2 threads".into(),
            steps: 2000,
            seconds: 83.4,
            evaluation,
            picture: Some("a.png".into()),
        };
        let without = |key: &str| {
            let mut of = evaluation.clone();
            of.as_object_mut().expect("an object").remove(key);
            of
        };
        let models = [listed("a"), listed("b"), listed("c")];
        let records = [Some(record(evaluation.clone())), None, Some(record(without("likelihood")))];
        let text = page(models.iter().zip(&records));
        for line in [
            "| [a](#the-a) | digits | 2,000 | 1 min 23 s | -log p(x), nats | 123.5 ± 1.0 | 120.0 ± 0.5 |  |",
            "| b | | | | not recorded yet | | | |",
            "| [c](#the-c) | digits | 2,000 | 1 min 23 s | mask IoU | 0.750 ± 0.010 |  | 0.500 |",
            "## The a\n\nA, B 2020.\n\n```\ncalotype train a\n```\n",
            "2,000 steps in 1 min 23 s, evaluated at step 1500; CPU, 2 threads. 1,000 samples, held against test rows of digits.",
            "![The a](../assets/results/a.png)",
            "| -log p(x) of held-out rows, nats | 123.5 ± 1.0 (0.2000 bits/dim) | 120.0 ± 0.5 | lower |",
            "| mask IoU | 0.750 ± 0.010 |  | higher |\n| &emsp;random | 0.250 | | |\n| &emsp;mean | 0.500 | | |",
            "*collapsed*",
        ] {
            assert!(text.contains(line), "`{line}` is not in:\n{text}");
        }
        assert!(!text.contains("## The b"));
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!([0, 999, 1_000, 12_345, 1_234_567].map(grouped), ["0", "999", "1,000", "12,345", "1,234,567"]);
        assert_eq!([4.4, 61.0, 3_720.0].map(duration), ["4 s", "1 min 01 s", "1 h 02 min"]);
    }
}
