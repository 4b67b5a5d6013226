//! Ctrl-C, kill -9, two at once, a full disk: no checkpoint is ever lost or half there.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Ended, Place, TINY, ended, same};

const MANY: &[&str] =
    &["--steps", "1000000", "--set", "checkpoint_every=5", "--set", "sample_every=1000000", "--set", "log_every=1"];

impl Place {
    fn begin(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
    }
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status().expect("kill");
    assert!(sent.success());
}

/// Waits for a file whose bytes fulfil a condition; a process that ends before is a failure.
fn until(child: &mut Child, path: &Path, holds: impl Fn(&[u8]) -> bool) {
    let start = Instant::now();
    while !fs::read(path).is_ok_and(|bytes| holds(&bytes)) {
        if let Some(status) = child.try_wait().expect("it is known") {
            let mut text = String::new();
            child.stderr.take().expect("piped").read_to_string(&mut text).expect("text");
            panic!("it ended ({status}): {text}");
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{} did not come", path.display());
        thread::sleep(Duration::from_millis(2));
    }
}

fn lines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&b| b == b'\n').count()
}

fn newest(place: &Place, run: &str) -> Option<u64> {
    let entries = fs::read_dir(place.path(run).join("checkpoints")).ok()?;
    let step = |name: &str| name.strip_prefix("step-")?.strip_suffix(".safetensors")?.parse().ok();
    entries.filter_map(|e| step(e.ok()?.file_name().to_str()?)).max()
}

#[test]
fn ctrl_c_saves_and_says_how_to_go_on() {
    let place = Place::new();
    let mut child = place.begin(&[&["train", "dcgan", "--out", "run"], TINY, MANY].concat());
    until(&mut child, &place.path("run/metrics.jsonl"), |b| lines(b) >= 3);
    signal(&child, "-INT");
    let stopped = ended(child.wait_with_output().expect("it ends"));
    assert_eq!(stopped.code, Some(130), "{}", stopped.stderr);
    assert_eq!(stopped.stdout, "run\n");
    assert!(stopped.stderr.contains("calotype train --resume run"), "{}", stopped.stderr);
    let done = newest(&place, "run").expect("it was saved");
    assert!(stopped.stderr.contains(&format!("stopped after step {done}")), "{}", stopped.stderr);
    // What was stopped and went on equals what was never stopped.
    let total = (done + 2).to_string();
    place.run(&["train", "--resume", "run", "--steps", &total]).ok();
    place.train("whole", &["--steps", &total]);
    same(&place.checkpoint("run", done + 2), &place.checkpoint("whole", done + 2));
}

#[test]
fn a_second_ctrl_c_leaves_at_once() {
    let place = Place::new();
    let mut child = place.begin(&[&["train", "dcgan", "--out", "run"], TINY, MANY].concat());
    until(&mut child, &place.path("run/metrics.jsonl"), |b| lines(b) >= 1);
    // Stopped, it cannot finish its step between the two.
    signal(&child, "-INT");
    signal(&child, "-TERM");
    let stopped = ended(child.wait_with_output().expect("it ends"));
    assert_eq!((stopped.code, stopped.stdout.as_str()), (Some(130), "run\n"), "{}", stopped.stderr);
    place.run(&["train", "--resume", "run", "--steps", &(newest(&place, "run").unwrap_or(0) + 1).to_string()]).ok();
}

/// Killed at random instants (the seed makes them the same each time, as far as a machine allows), then continued: the result is
/// what it would have been.
#[test]
fn killed_at_any_instant_nothing_is_lost() {
    let place = Place::new();
    let go_on: &[&str] = &["train", "--resume", "run"];
    let mut random = calotype_graph::philox::Stream::new(11, calotype_graph::philox::Domain::Test, "kill", 0);
    let mut before = 0;
    for round in 0..10 {
        let mut child = match place.path("run/run.toml").exists() {
            true => place.begin(go_on),
            false => place.begin(&[&["train", "dcgan", "--out", "run"], TINY, MANY].concat()),
        };
        if round == 0 {
            until(&mut child, &place.path("run/metrics.jsonl"), |b| lines(b) >= 7);
        } else {
            thread::sleep(Duration::from_millis(u64::from(random.below(500))));
        }
        child.kill().expect("it is killed");
        child.wait().expect("it is gone");
        let now = newest(&place, "run").unwrap_or(0);
        assert!(now >= before, "step {before} was saved, and only {now} is left");
        before = now;
    }
    assert!(before > 0, "something was saved between the kills");
    let total = (before + 5).to_string();
    let last = place.run(&["train", "--resume", "run", "--steps", &total]).ok();
    assert!(!last.stderr.contains("damaged"), "no half checkpoint: {}", last.stderr);
    place.train("whole", &["--steps", &total, "--set", "checkpoint_every=1000"]);
    same(&place.checkpoint("run", before + 5), &place.checkpoint("whole", before + 5));
    let metrics = fs::read_to_string(place.path("run/metrics.jsonl")).expect("metrics");
    let steps: Vec<u64> = metrics
        .lines()
        .map(|l| serde_json::from_str::<serde_json::Value>(l).expect("JSON")["step"].as_u64().expect("a step"))
        .collect();
    assert_eq!(steps, (1..=before + 5).collect::<Vec<_>>(), "each step once");
}

#[test]
fn a_run_is_trained_by_one_process_at_a_time() {
    let place = Place::new();
    let mut child = place.begin(&[&["train", "dcgan", "--out", "run"], TINY, MANY].concat());
    until(&mut child, &place.path("run/metrics.jsonl"), |b| lines(b) >= 1);
    place.run(&["train", "--resume", "run"]).refused(1, &["is being trained by another process"]);
    child.kill().expect("it is killed");
    child.wait().expect("it is gone");
}

/// A limit on the size of files stands for a full disk: the checkpoint cannot be written, what was there stays, and when there is
/// room again the run goes on to the same bits.
#[test]
fn a_full_disk_loses_nothing() {
    let place = Place::new();
    let program = assert_cmd::cargo::cargo_bin!("calotype");
    let limited = |args: &[&str], kib: u32| -> Ended {
        let mut shell = Command::new("bash");
        // Without the signal the write fails with an error, as on a full disk.
        shell.arg("-c").arg(format!("trap '' XFSZ; ulimit -f {kib}; exec \"$0\" \"$@\"")).arg(program);
        ended(shell.args(args).current_dir(place.path("")).output().expect("bash"))
    };
    let train = [&["train", "dcgan", "--out", "run", "--steps", "4"], TINY].concat();
    let failed = limited(&train, 8).refused(1, &["step-0000004.safetensors", "calotype train --resume run"]);
    assert_eq!(failed.stdout, "run\n");
    assert_eq!(newest(&place, "run"), None, "nothing half written");
    assert_eq!(fs::read_dir(place.path("run/checkpoints")).expect("a folder").count(), 0);
    place.run(&["train", "--resume", "run"]).ok();
    place.train("whole", &["--steps", "4"]);
    same(&place.checkpoint("run", 4), &place.checkpoint("whole", 4));
    let more = limited(&["train", "--resume", "run", "--steps", "6"], 8).refused(1, &["saved up to step 4"]);
    assert_eq!(more.stdout, "run\n");
    same(&place.checkpoint("run", 4), &place.checkpoint("whole", 4));
}
