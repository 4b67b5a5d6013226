//! Ctrl-C, kill -9, two at once, a full disk: no checkpoint is ever lost or half there.

use std::fs;
use std::process::{Child, Command, Stdio};

use crate::support::{Ended, Place, TINY, ended, lines, newest, same, until};

const MANY: &[&str] =
    &["--steps", "1000000", "--set", "checkpoint_every=5", "--set", "sample_every=1000000", "--set", "log_every=1"];

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status().expect("kill");
    assert!(sent.success());
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

/// `nohup` has the closing of a terminal ignored, and so it stays; other requests to end are heard.
#[test]
fn what_was_ignored_stays_ignored() {
    let place = Place::new();
    let mut train = Command::new("nohup");
    train.arg(crate::PROGRAM).args([&["train", "dcgan", "--out", "run"], TINY, MANY].concat()).current_dir(place.path(""));
    let mut child = train.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let metrics = place.path("run/metrics.jsonl");
    until(&mut child, &metrics, |b| lines(b) >= 2);
    signal(&child, "-HUP");
    let seen = lines(&fs::read(&metrics).expect("it is there"));
    until(&mut child, &metrics, |b| lines(b) > seen + 3);
    signal(&child, "-TERM");
    let stopped = ended(child.wait_with_output().expect("it ends"));
    assert_eq!(stopped.code, Some(130), "{}", stopped.stderr);
    assert!(stopped.stderr.contains("calotype train --resume run"), "{}", stopped.stderr);
    // Without nohup it ends, saved.
    let mut child = place.begin(&["train", "--resume", "run"]);
    let seen = lines(&fs::read(&metrics).expect("it is there"));
    until(&mut child, &metrics, |b| lines(b) > seen);
    signal(&child, "-HUP");
    assert_eq!(ended(child.wait_with_output().expect("it ends")).code, Some(130));
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

#[test]
fn a_run_is_trained_by_one_process_at_a_time() {
    let place = Place::new();
    let mut child = place.begin(&[&["train", "dcgan", "--out", "run"], TINY, MANY].concat());
    until(&mut child, &place.path("run/metrics.jsonl"), |b| lines(b) >= 1);
    place.run(&["train", "--resume", "run"]).refused(1, &["is being trained by another process"]);
    child.kill().expect("it is killed");
    child.wait().expect("it is gone");
}

/// Several that begin at once in one folder: one of them trains there, as if it were alone, and the others are told why not.
#[test]
fn of_several_that_begin_at_once_one_trains() {
    let place = Place::new();
    place.train("alone", &["--steps", "3"]);
    for round in 0..4 {
        let name = format!("run-{round}");
        let begin = [&["train", "dcgan", "--out", &name, "--steps", "3"], TINY].concat();
        let all: Vec<Child> = (0..4).map(|_| place.begin(&begin)).collect();
        let all: Vec<Ended> = all.into_iter().map(|child| ended(child.wait_with_output().expect("it ends"))).collect();
        let (trained, refused): (Vec<Ended>, Vec<Ended>) = all.into_iter().partition(|ended| ended.code == Some(0));
        assert_eq!(trained.len(), 1, "round {round}");
        for other in refused {
            let said = other.stderr.clone();
            match said.contains("holds a run already") {
                true => drop(other.refused(2, &[&name, "--resume"])),
                false => drop(other.refused(1, &[&name, "is being trained by another process"])),
            }
        }
        same(&place.checkpoint(&name, 3), &place.checkpoint("alone", 3));
    }
    // Without `--out` each gets a folder of its own.
    let begin = [&["train", "dcgan", "--steps", "3"], TINY].concat();
    let all: Vec<Child> = (0..3).map(|_| place.begin(&begin)).collect();
    let folders = all.into_iter().map(|child| ended(child.wait_with_output().expect("it ends")).ok().stdout);
    let folders: std::collections::BTreeSet<String> = folders.collect();
    assert_eq!(folders.len(), 3);
    for folder in folders {
        same(&place.checkpoint(folder.trim(), 3), &place.checkpoint("alone", 3));
    }
}

/// The file that a killed process leaves is no lock: what holds the run is the process.
#[test]
fn what_a_killed_process_leaves_blocks_nobody() {
    let place = Place::new();
    let mut child = place.begin(&[&["train", "dcgan", "--out", "run"], TINY, MANY].concat());
    until(&mut child, &place.path("run/status.json"), |_| true);
    fs::create_dir_all(place.path("run/control")).expect("a folder");
    fs::write(place.path("run/control/pause"), "").expect("it is written");
    let status = place.path("run/status.json");
    until(&mut child, &status, |text| String::from_utf8_lossy(text).contains("\"paused\":true"));
    child.kill().expect("it is killed");
    child.wait().expect("it is gone");
    assert!(place.path("run/lock").exists() && status.exists() && place.path("run/control/pause").exists());
    // What was asked of the process that is gone is forgotten, too.
    let total = newest(&place, "run").unwrap_or(0) + 6;
    place.run(&["train", "--resume", "run", "--steps", &total.to_string()]).ok();
    assert!(!status.exists() && !place.path("run/control/pause").exists());
    place.train("whole", &["--steps", &total.to_string()]);
    same(&place.checkpoint("run", total), &place.checkpoint("whole", total));
}

/// A limit on the size of files stands for a full disk: the checkpoint cannot be written, what was there stays, and when there is
/// room again the run goes on to the same bits.
#[test]
fn a_full_disk_loses_nothing() {
    let place = Place::new();
    let program = crate::PROGRAM;
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
    let more = limited(&["train", "--resume", "run", "--steps", "6"], 8).refused(1, &["the last checkpoint is of step 4"]);
    assert_eq!(more.stdout, "run\n");
    same(&place.checkpoint("run", 4), &place.checkpoint("whole", 4));
}
