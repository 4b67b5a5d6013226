//! Readers of what lies in a run folder, and of weights to begin with.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use calotype_cpu_reference::Cpu;
use calotype_formats::onnx::{Network, ReadError};
use calotype_graph::Device;
use calotype_training::{
    Checkpoint, Choice, Dashboard, InitFile, Interrupt, Material, Plans, RunConfig, RunFolder, Status, choose, first_checkpoint,
    metrics, planning_profile, plans, write_report,
};

use crate::content::{Content, Files};
use crate::fuzzing::{Reader, place};

/// A page has the program that draws its curves in it.
const PAGES: fn(usize) -> usize = |n_bytes| (16 << 20) + 200 * n_bytes;
/// A model is planned.
const PLANS: fn(usize) -> usize = |n_bytes| (64 << 20) + 60 * n_bytes;

pub const READERS: [Reader; 7] = [
    Reader { name: "checkpoint", seeds: checkpoints, read: restored, most_bytes: |n| (4 << 20) + 60 * n },
    Reader { name: "init", seeds: weights, read: begun_with, most_bytes: |n| (8 << 20) + 60 * n },
    Reader { name: "onnx", seeds: networks, read: network, most_bytes: |n| (8 << 20) + 60 * n },
    Reader { name: "config", seeds: configs, read: configured, most_bytes: PLANS },
    Reader { name: "metrics", seeds: logs, read: measured, most_bytes: |n| (4 << 20) + 60 * n },
    Reader { name: "report", seeds: whole, read: reported, most_bytes: PAGES },
    Reader { name: "watch", seeds: whole, read: watched, most_bytes: PAGES },
];

const RUN: &str = "run";

/// A run that was trained: its files, and what its checkpoints belong to.
struct Trained {
    files: BTreeMap<String, Vec<u8>>,
    config: RunConfig,
}

static TRAINED: LazyLock<Trained> = LazyLock::new(|| {
    let place = tempfile::tempdir().expect("a folder");
    let run = |args: &[&str]| {
        let ended = Command::new(env!("CARGO_BIN_EXE_calotype-with-toy")).args(args).current_dir(place.path()).output();
        let ended = ended.expect("it starts");
        assert!(ended.status.success(), "{args:?}: {}", String::from_utf8_lossy(&ended.stderr));
    };
    let train = ["train", "vae", "--out", RUN, "--data", "digits", "--device", "cpu", "--threads", "1", "--batch", "8"];
    let small = ["--set", "hidden=3", "--set", "latents=1", "--set", "validate_every=2", "--set", "sample_every=3"];
    let few = ["--steps", "6", "--set", "checkpoint_every=3", "--set", "log_every=1"];
    run(&[&train[..], &small, &few].concat());
    run(&["evaluate", RUN, "--count", "64", "--device", "cpu"]);
    let mut files = BTreeMap::new();
    for folder in ["", "checkpoints", "samples"] {
        for entry in fs::read_dir(place.path().join(RUN).join(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.strip_prefix(place.path()).expect("below it").to_string_lossy().into_owned();
            // A report is not read.
            if path.is_file() && !name.ends_with(".html") && !name.ends_with("lock") {
                files.insert(name, fs::read(&path).expect("a file"));
            }
        }
    }
    let (_, config) = RunFolder::open(&place.path().join(RUN)).expect("a run");
    Trained { files, config }
});

thread_local! {
    static PLANNED: Plans = planned(&TRAINED.config).expect("it was trained");
}

fn planned(config: &RunConfig) -> Result<Plans, String> {
    let material = Material::of_run(config).map_err(|e| e.to_string())?;
    let profile = planning_profile(Cpu::<f32>::plain().profile());
    plans(material.model.as_ref(), config.batch, &profile).map_err(|e| e.to_string())
}

/// Of a file of the run: checkpoints are taken apart, so that damage to their headers leaves headers.
fn content(name: &str, bytes: &[u8]) -> Content {
    match name.ends_with(".safetensors") {
        true => Content::safetensors(bytes),
        false => Content::plain(bytes),
    }
}

fn of_run(wanted: impl Fn(&str) -> bool) -> Files {
    let all = TRAINED.files.iter().filter(|(name, _)| wanted(name));
    all.map(|(name, bytes)| (name.clone(), content(name, bytes))).collect()
}

// ---- Checkpoints and weights

fn checkpoints() -> Vec<Files> {
    vec![of_run(|name| name.ends_with(".safetensors"))]
}

/// A damaged checkpoint is never taken for a good one.
fn restored(folder: &Path) -> Result<(), String> {
    let known: Vec<Checkpoint> = TRAINED
        .files
        .iter()
        .filter(|(name, _)| name.ends_with(".safetensors"))
        .map(|(_, bytes)| Checkpoint::decode(bytes).expect("a checkpoint"))
        .collect();
    let run = bare(folder);
    let of_step = choose(&run, &TRAINED.config.identity(), Choice::Step(6)).map(drop).map_err(|e| e.to_string());
    let best = choose(&run, &TRAINED.config.identity(), Choice::Auto).map_err(|e| e.to_string())?;
    assert!(known.contains(&best.checkpoint), "step {}", best.checkpoint.step);
    assert!(best.remarks().all(|remark| remark.contains("step-")));
    of_step
}

/// A run folder whose `run.toml` is whole.
fn bare(folder: &Path) -> RunFolder {
    let (path, run) = (folder.join(RUN), format!("{RUN}/run.toml"));
    fs::create_dir_all(&path).expect("a folder");
    fs::write(path.join("run.toml"), &TRAINED.files[&run]).expect("it is written");
    RunFolder::open(&path).expect("a run").0
}

fn weights() -> Vec<Files> {
    let newest = TRAINED.files.iter().rfind(|(name, _)| name.ends_with(".safetensors")).expect("a checkpoint").1;
    vec![Files::from([("a.safetensors".into(), Content::safetensors(newest))])]
}

fn begun_with(folder: &Path) -> Result<(), String> {
    let file = InitFile { network: None, path: folder.join("a.safetensors") };
    let model = TRAINED.config.model().expect("a model");
    let begun = PLANNED.with(|plans| first_checkpoint(&TRAINED.config, model.as_ref(), plans, &[file]));
    let begun = begun.map_err(|e| e.to_string())?;
    assert_eq!(begun.described.len(), 1);
    let finite = |t: &calotype_graph::HostTensor| t.as_f32().is_none_or(|values| values.iter().all(|v| v.is_finite()));
    assert!(begun.checkpoint.tensors().values().all(finite), "weights that are not finite");
    Ok(())
}

/// A network of others. Of a file of 35 kB most is weights: their numbers may be any.
fn networks() -> Vec<Files> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/golden/onnx_features.onnx");
    vec![Files::from([("a.onnx".into(), Content::plain(fs::read(path).expect("it is there")))])]
}

/// As features of images are made by it.
fn network(folder: &Path) -> Result<(), String> {
    let wrong = |e: ReadError| format!("a.onnx: {e}");
    let network = Network::read(&fs::read(folder.join("a.onnx")).expect("it is there")).map_err(wrong)?;
    let [channels, height, width] = network.image();
    let image = [height.unwrap_or(30), width.unwrap_or(34), channels.unwrap_or(3)];
    if image.iter().any(|n| *n > 1000) {
        return Err("a.onnx: its images are larger than any here".into());
    }
    let loaded = network.program(2, image).map_err(wrong)?;
    assert!(loaded.program.outputs().all(|(_, ty)| ty.shape.rank() == 2), "rows of features");
    Ok(())
}

// ---- run.toml

fn configs() -> Vec<Files> {
    vec![of_run(|name| name.ends_with(".toml"))]
}

/// As a run is resumed.
fn configured(folder: &Path) -> Result<(), String> {
    let (run, config) = RunFolder::open(&folder.join(RUN)).map_err(|e| e.to_string())?;
    run.model(&config).map_err(|e| e.to_string())?;
    let again: RunConfig = toml::from_str(&config.to_toml().map_err(|e| e.to_string())?).expect("what was written is read");
    assert_eq!(again.identity(), config.identity());
    // What the data say, they say by their own name.
    planned(&config).map(drop).map_err(|e| format!("run.toml: {e}"))
}

// ---- metrics.jsonl, report and watch

fn logs() -> Vec<Files> {
    let text = "{\"step\":1,\"wall_s\":0.5,\"loss\":1.25,\"lr\":1e-3}\n{\"step\":2,\"wall_s\":1.0,\"loss\":null}\n\
                {\"step\":3,\"wall_s\":1.5,\"warning\":\"it fails\"}\n";
    vec![of_run(|name| name.ends_with(".jsonl")), Files::from([(format!("{RUN}/metrics.jsonl"), Content::plain(text))])]
}

fn measured(folder: &Path) -> Result<(), String> {
    let lines = metrics::read(&folder.join(RUN).join("metrics.jsonl")).map_err(|e| e.to_string())?;
    for line in &lines {
        assert!(line.wall_s.is_finite() && line.wall_s >= 0.0, "{} s", line.wall_s);
        assert!(line.losses.iter().all(|(_, v)| v.is_none_or(f32::is_finite)), "{line:?}");
    }
    match lines.is_empty() {
        true => Err("metrics.jsonl has no line".into()),
        false => Ok(()),
    }
}

fn whole() -> Vec<Files> {
    let mut files = of_run(|name| !name.ends_with(".safetensors"));
    let status = Status { step: 3, steps: 6, rate: Some(2.5), losses: vec![("loss".into(), Some(1.0))], ..Status::default() };
    let status = serde_json::to_vec(&status).expect("JSON");
    files.insert(format!("{RUN}/status.json"), Content::Plain(status));
    files.insert(format!("{RUN}/control/pause"), Content::plain(""));
    vec![files]
}

fn reported(folder: &Path) -> Result<(), String> {
    let path = write_report(&folder.join(RUN)).map_err(|e| e.to_string())?;
    let page = fs::read_to_string(path).expect("text");
    is_page(&page);
    Ok(())
}

fn is_page(page: &str) {
    let head = page.get(..15).unwrap_or_default();
    assert!(head.eq_ignore_ascii_case("<!doctype html>") && page.trim_end().ends_with("</html>"), "a whole page");
    let of_file = page.rsplit("</style>").next().expect("a page");
    assert!(!of_file.contains(">NaN ") && !of_file.contains(">inf "), "figures with a unit are finite");
}

/// Asks for the table of runs, for the run's page, and now and then for what is new there.
fn watched(folder: &Path) -> Result<(), String> {
    static URL: LazyLock<std::sync::Mutex<String>> = LazyLock::new(|| {
        let pages = Dashboard::open(&place("watch"), 0, &Interrupt::default()).expect("it is served");
        let url = pages.url();
        thread::spawn(move || pages.serve());
        url.into()
    });
    let url = URL.lock().expect("nobody panicked").clone();
    let table = asked(&url, "", usize::MAX);
    assert_eq!(status(&table), "200", "{table}");
    let page = asked(&url, &format!("run/{RUN}/"), usize::MAX);
    if status(&page) == "404" {
        return Err(format!("no {RUN}"));
    }
    assert_eq!(status(&page), "200", "{page}");
    is_page(page.split_once("\r\n\r\n").expect("a head").1);
    let n_bytes = fs::metadata(folder.join(RUN).join("metrics.jsonl")).map_or(0, |meta| meta.len());
    if n_bytes % 64 == 1 {
        let news = asked(&url, &format!("run/{RUN}/events?from=0"), 200);
        // Of pages that are gone it is noticed after a while: there may be too many.
        assert!(["200", "503"].contains(&status(&news)), "{news}");
    }
    Ok(())
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

/// The beginning of an answer.
fn asked(url: &str, path: &str, most_bytes: usize) -> String {
    let (host, token) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("an address");
    let mut stream = TcpStream::connect(host).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a limit");
    write!(stream, "GET /{token}{path} HTTP/1.0\r\nHost: {host}\r\n\r\n").expect("it is sent");
    let mut answer = vec![];
    stream.take(most_bytes as u64).read_to_end(&mut answer).expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}
