//! A run of very many steps holds no more at its end than after a tenth of it: memory, open files and threads.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

const STEPS: u64 = 40_000;

pub fn run() {
    if !cfg!(target_os = "linux") {
        return eprintln!("SKIPPED: what a process holds is known on Linux alone");
    }
    let place = tempfile::tempdir().expect("a folder");
    let train = ["train", "gan", "--data", "ring", "--out", "run", "--device", "cpu", "--threads", "1", "--batch", "2"];
    let small =
        ["hidden=2", "layers=1", "latents=1", "validation=0", "log_every=100", "sample_every=2000", "checkpoint_every=2000"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_calotype-with-toy"));
    command.args(train).args(small.iter().flat_map(|set| ["--set", set])).args(["--steps", &STEPS.to_string()]);
    command.current_dir(place.path()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("it starts");
    let metrics = place.path().join("run/metrics.jsonl");
    let step = || {
        let text = fs::read_to_string(&metrics).unwrap_or_default();
        let line = text.lines().rfind(|line| line.ends_with('}'))?.to_owned();
        serde_json::from_str::<Value>(&line).ok()?["step"].as_u64()
    };
    let (begun, mut early, mut late) = (Instant::now(), None, None);
    while child.try_wait().expect("it is known").is_none() {
        assert!(begun.elapsed() < Duration::from_secs(300), "step {:?}", step());
        let done = step().unwrap_or(0);
        if let Some(held) = Held::by(&child) {
            match done {
                0..4000 => {}
                4000..8000 => early = early.or(Some(held)),
                // Then films and the report are made.
                36_000..STEPS => late = Some(held),
                _ => {}
            }
        }
        thread::sleep(Duration::from_millis(20));
    }
    assert!(child.wait().expect("it ended").success());
    let (early, late) = (early.expect("it was seen at a tenth"), late.expect("it was seen near its end"));
    eprintln!("a run of very many steps: {early:?}, then {late:?}");
    assert!(late.memory_kb <= early.memory_kb + early.memory_kb / 20 + 2048, "{early:?}, then {late:?}");
    // A checkpoint may be open as one looks.
    assert!(late.files <= early.files + 2, "{early:?}, then {late:?}");
    assert_eq!(late.threads, early.threads);
    let text = fs::read_to_string(&metrics).expect("it is there");
    assert!(text.len() as u64 / (STEPS / 100) < 300, "{} bytes of {} lines", text.len(), text.lines().count());
}

/// What a process holds.
#[derive(Clone, Copy, Debug)]
struct Held {
    memory_kb: u64,
    files: usize,
    threads: u64,
}

impl Held {
    /// None of one that has just ended.
    fn by(child: &Child) -> Option<Self> {
        let place = format!("/proc/{}", child.id());
        let status = fs::read_to_string(format!("{place}/status")).ok()?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim_start_matches(':').split_whitespace().next()?.parse::<u64>().ok()
        };
        let files = fs::read_dir(format!("{place}/fd")).ok()?.count();
        Some(Held { memory_kb: field("VmRSS")?, files, threads: field("Threads")? })
    }
}
