//! `cargo xtask probes`: every model with features trained on the same data, and the accuracies of linear probes on them.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::{cargo, root, succeed, target};

const DATA: [&str; 2] = ["digits", "fashion-mnist"];

/// Recurrent and convolutional density models learn slowly: of Fashion-MNIST they see this many steps.
const SOME: &str = "1500";

/// A name, the model, its settings, and steps where they are not its own.
struct Probed {
    name: &'static str,
    model: &'static str,
    set: &'static [&'static str],
    /// For digits and for Fashion-MNIST.
    steps: [Option<&'static str>; 2],
}

const fn probed(
    name: &'static str,
    model: &'static str,
    set: &'static [&'static str],
    steps: [Option<&'static str>; 2],
) -> Probed {
    Probed { name, model, set, steps }
}

const MODELS: [Probed; 9] = [
    probed("nade", "nade", &[], [None; 2]),
    probed("pixelcnn", "pixelcnn", &[], [None, Some(SOME)]),
    probed("row-lstm", "row-lstm", &[], [None, Some(SOME)]),
    probed("diagonal-bilstm", "diagonal-bilstm", &[], [None, Some(SOME)]),
    probed("vae", "vae", &[], [None; 2]),
    probed("aae", "aae", &[], [None; 2]),
    probed("aae, 100 labels", "aae", &["labels=100"], [None; 2]),
    probed("dcgan", "dcgan", &[], [Some(SOME), Some("3000")]),
    probed("infogan", "infogan", &[], [None; 2]),
];

/// Trains what is not trained yet in `target/probes/DATA/MODEL` (what was interrupted goes on), then writes
/// `assets/bench/probes.md`.
pub fn run(args: &[String]) -> Result<(), String> {
    if let Some(wrong) = args.first() {
        return Err(format!("`probes` takes no arguments, and `{wrong}` was given"));
    }
    succeed(cargo().args(["build", "--release", "--package", "calotype"]))?;
    let program = target().join("release/calotype");
    let mut text = String::from(HEAD);
    for (n, data) in DATA.into_iter().enumerate() {
        let rows = MODELS.iter().map(|model| probe(&program, data, model, model.steps[n])).collect::<Result<Vec<_>, _>>()?;
        let _ = writeln!(
            text,
            "\n## {data}\n\n| features of | steps | numbers | test rows | training rows |\n|---|---:|---:|---:|---:|"
        );
        for (encoding, of) in RAW {
            let row = MODELS.iter().zip(&rows).find(|(model, _)| model.name == of);
            row.iter().for_each(|(_, row)| _ = writeln!(text, "| raw pixels, {encoding} | | | {} |", row.raw));
        }
        rows.iter().for_each(|row| _ = writeln!(text, "{}", row.features));
    }
    let path = root().join("assets/bench/probes.md");
    fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))
}

const HEAD: &str = "# Linear probes

Accuracy of multinomial logistic regression on the features of every model that has some (`calotype encode RUN --probe`), beside raw
pixels: density models and the VAE take bits, the others grey levels. The probe is fitted to the training rows; steps are those of the
checkpoint that is used. Made by `cargo xtask probes`.
";

/// What is said of a model.
struct Row {
    /// Of the pixels as it takes them: test and training rows.
    raw: String,
    /// A line of the table.
    features: String,
}

/// Encodings of pixels, each with a model that takes them so.
const RAW: [(&str, &str); 2] = [("bits", "nade"), ("grey levels", "aae")];

fn probe(program: &Path, data: &str, model: &Probed, steps: Option<&str>) -> Result<Row, String> {
    let run = target().join("probes").join(data).join(model.name.replace(", ", "-").replace(' ', "-"));
    println!("xtask: {data}: {}", model.name);
    let mut train = Command::new(program);
    train.arg("train");
    if run.join("run.toml").exists() {
        train.arg("--resume").arg(&run);
    } else {
        train.args([model.model, "--data", data, "--out"]).arg(&run);
        steps.iter().for_each(|steps| {
            train.args(["--steps", steps]);
        });
        model.set.iter().for_each(|setting| {
            train.args(["--set", setting]);
        });
    }
    succeed(&mut train)?;
    let mut encode = Command::new(program);
    let output = encode.arg("encode").arg(&run).arg("--probe").output().map_err(|e| format!("calotype does not start: {e}"))?;
    let (said, noted) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        return Err(format!("{}: {noted}", model.name));
    }
    let used = last_step(&run)?;
    let line = |of: &str| said.lines().find_map(|l| accuracies(l, of)).ok_or_else(|| format!("no accuracy of {of} in: {said}"));
    let (raw, features) = (line("raw values")?, line("features")?);
    Ok(Row {
        raw: format!("{} | {}", raw.test, raw.training),
        features: format!("| {} | {used} | {} | {} | {} |", model.name, features.numbers, features.test, features.training),
    })
}

/// `400 features    94.1 % (97.2 % of the training rows)`.
struct Accuracies {
    numbers: String,
    test: String,
    training: String,
}

fn accuracies(line: &str, of: &str) -> Option<Accuracies> {
    let (what, rest) = line.split_once(of)?;
    let (test, rest) = rest.trim().split_once(" (")?;
    let training = rest.strip_suffix(" of the training rows)")?;
    Some(Accuracies { numbers: what.trim().to_owned(), test: test.to_owned(), training: training.to_owned() })
}

/// Steps of the checkpoint that is used: the best by the held-out set, where there is one.
fn last_step(run: &Path) -> Result<String, String> {
    let path = run.join("metrics.jsonl");
    let metrics = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let number = |line: &str, key: &str| -> Option<f64> {
        let (_, rest) = line.split_once(&format!("\"{key}\":"))?;
        rest.split([',', '}']).next()?.trim().parse().ok()
    };
    let looks = metrics.lines().filter_map(|l| Some((number(l, "validation_nats")?, number(l, "step")?)));
    let best = looks.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, step)| step);
    let last = metrics.lines().last().and_then(|l| number(l, "step"));
    best.or(last).map(|step| format!("{step}")).ok_or_else(|| format!("{}: no steps", path.display()))
}
