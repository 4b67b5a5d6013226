//! A disk that is full: a small one of its own, in memory, which only this test and the program see. What is being written is
//! named, what was there stays whole, nothing half written is left, and with room again a run goes on to the same bits.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::support::{Ended, Place, TINY, ended, newest, same};

/// A disk of a few megabytes at a folder of the place. It is gone with the process that holds it.
struct Disk {
    holder: Child,
    /// As the program sees it, and as it is seen from here.
    at: PathBuf,
    seen: PathBuf,
    place: Place,
}

impl Disk {
    /// None, said aloud, where the system lets nobody mount anything.
    fn new(size: &str) -> Option<Self> {
        let place = Place::new();
        let at = place.path("disk");
        fs::create_dir(&at).expect("a folder");
        let mount = format!("mount -t tmpfs -o size={size} none \"$1\" && echo ready && read -r _");
        let mut unshare = Command::new("unshare");
        unshare.args(["-rm", "sh", "-c", &mount, "sh"]).arg(&at);
        unshare.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut holder = match unshare.spawn() {
            Ok(holder) => holder,
            Err(e) => return skipped(&e.to_string()),
        };
        let mut said = String::new();
        BufReader::new(holder.stdout.as_mut().expect("piped")).read_line(&mut said).expect("text");
        if said != "ready\n" {
            let mut why = String::new();
            holder.stderr.take().expect("piped").read_to_string(&mut why).expect("text");
            holder.wait().expect("it ended");
            return skipped(why.trim());
        }
        let seen = PathBuf::from(format!("/proc/{}/root{}", holder.id(), at.display()));
        Some(Disk { holder, at, seen, place })
    }

    /// The program, where the disk is.
    fn run(&self, args: &[&str]) -> Ended {
        let holder = self.holder.id().to_string();
        let mut inside = Command::new("nsenter");
        let place = format!("--wd={}", self.place.path("").display());
        inside.args(["-t", &holder, "-U", "-m", "--preserve-credentials", &place, crate::PROGRAM]).args(args);
        inside.env("XDG_CACHE_HOME", self.place.path("cache"));
        ended(inside.output().expect("it starts"))
    }

    /// A path on the disk, as the program is given it.
    fn path(&self, name: &str) -> String {
        self.at.join(name).to_str().expect("a path of text").to_owned()
    }

    /// Fills it, but for so many bytes.
    fn fill_but(&self, n_bytes: usize) {
        let filler = self.seen.join("filler");
        let _ = fs::remove_file(&filler);
        let mut file = fs::File::create(&filler).expect("a file");
        while file.write_all(&[7; 1 << 12]).is_ok() {}
        let full = file.metadata().expect("it is there").len();
        file.set_len(full.saturating_sub(n_bytes as u64)).expect("a length");
    }

    fn make_room(&self) {
        fs::remove_file(self.seen.join("filler")).expect("it was there");
    }

    /// All files below it and what is in them.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut all = BTreeMap::new();
        gather(&self.seen, &mut all);
        all
    }
}

fn skipped(why: &str) -> Option<Disk> {
    println!("SKIPPED: no disk can be mounted for this test: {why}");
    None
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The end of its input ends it, and with it goes the disk.
        drop(self.holder.stdin.take());
        self.holder.wait().expect("it ends");
    }
}

fn gather(folder: &Path, all: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => gather(&path, all),
            false => drop(all.insert(path.clone(), fs::read(&path).expect("a file"))),
        }
    }
}

/// Checkpoints of 600 kB, of which one is kept; a sample grid each, and a log.
const SOME: &[&str] =
    &["--data", "digits", "--device", "cpu", "--threads", "1", "--batch", "8", "--set", "width=8", "--set", "latents=4"];
const OFTEN: &[&str] =
    &["--set", "checkpoint_every=2", "--set", "sample_every=2", "--set", "log_every=1", "--set", "keep_checkpoints=1"];

/// The disk is filled after the run was begun, by ever more: whatever it is that cannot be written, it is named.
#[test]
fn a_run_that_fills_the_disk_goes_on_when_there_is_room() {
    let Some(disk) = Disk::new("4m") else { return };
    let begin = [&["train", "dcgan", "--out", "whole", "--steps", "6"], SOME, OFTEN].concat();
    disk.place.run(&begin).ok();
    let (run, seen) = (disk.path("run"), disk.seen.join("run"));
    disk.run(&[&["train", "dcgan", "--out", &run, "--steps", "2"], SOME, OFTEN].concat()).ok();
    let checkpoint = |step: u64| fs::read(seen.join(format!("checkpoints/step-{step:07}.safetensors"))).expect("a checkpoint");
    let good = checkpoint(2);
    let mut named = BTreeMap::new();
    for room in [0, 1 << 12, 1 << 13, 1 << 14, 1 << 15, 1 << 16, 1 << 17, 1 << 18] {
        disk.fill_but(room);
        let full = disk.run(&["train", "--resume", &run, "--steps", "6"]);
        if full.code == Some(0) {
            break;
        }
        let full = full.refused(1, &[&run, "No space left on device"]);
        // Before it trains, the same command is the way on.
        assert!(full.stderr.contains("run.toml: No space") || full.stderr.contains("calotype train --resume"), "{}", full.stderr);
        // Of whatever step the newest is, it is whole, and the only one.
        let newest = newest_of(&seen);
        let whole = disk.place.path("whole");
        match newest {
            2 => same(&checkpoint(2), &good),
            6 => same(&checkpoint(6), &fs::read(whole.join("checkpoints/step-0000006.safetensors")).expect("a checkpoint")),
            4 => {}
            other => panic!("a checkpoint of step {other}"),
        }
        for (path, bytes) in disk.files() {
            let name = path.strip_prefix(&disk.seen).expect("below it").display().to_string();
            assert!(!name.ends_with(".tmp"), "{name} is left: {}", full.stderr);
            let ends = |end: &[u8]| bytes.ends_with(end);
            let is_whole = match path.extension().and_then(|e| e.to_str()) {
                Some("png") => ends(b"IEND\xaeB`\x82"),
                Some("html") => String::from_utf8_lossy(&bytes).trim_end().ends_with("</html>"),
                Some("gif") => ends(b";"),
                Some("toml") => {
                    toml::from_str::<toml::Table>(&String::from_utf8(bytes.clone()).expect("text")).is_ok_and(|t| t.len() > 5)
                }
                _ => true,
            };
            assert!(is_whole, "{name} is half written, {} bytes: {}", bytes.len(), full.stderr);
        }
        let what = full.stderr.lines().find(|line| line.starts_with("error")).expect("an error").to_owned();
        *named.entry(what.split(": No space").next().unwrap_or_default().to_owned()).or_insert(0) += 1;
    }
    assert!(named.len() >= 2, "it fails at several files: {named:?}");
    disk.make_room();
    disk.run(&["train", "--resume", &run, "--steps", "6"]).ok();
    same(&checkpoint(6), &disk.place.checkpoint("whole", 6));
    assert_eq!(newest(&disk.place, "whole"), Some(6));
    let lines = |bytes: Vec<u8>| bytes.iter().filter(|&&b| b == b'\n').count();
    let log = |path: &Path| lines(fs::read(path.join("metrics.jsonl")).expect("it is there"));
    assert_eq!(log(&seen), log(&disk.place.path("whole")), "every line once");
}

fn newest_of(run: &Path) -> u64 {
    let entries = fs::read_dir(run.join("checkpoints")).expect("a folder").map(|e| e.expect("an entry").file_name());
    let names: Vec<String> = entries.map(|name| name.into_string().expect("text")).collect();
    let step = |name: &String| name.strip_prefix("step-")?.strip_suffix(".safetensors")?.parse::<u64>().ok();
    names.iter().filter_map(step).max().unwrap_or_else(|| panic!("no checkpoint: {names:?}"))
}

/// A run that cannot even be begun leaves no run.
#[test]
fn no_run_begins_on_a_full_disk() {
    let Some(disk) = Disk::new("1m") else { return };
    disk.fill_but(0);
    let run = disk.path("run");
    let begin = [&["train", "dcgan", "--out", &run, "--steps", "2"], TINY].concat();
    disk.run(&begin).refused(1, &[&run, "No space left on device"]);
    assert!(!disk.seen.join("run/run.toml").exists());
    disk.make_room();
    disk.run(&begin).ok();
}

/// Whatever a command writes: it says that it cannot, by name, with code 1, and leaves the disk as it was.
#[test]
fn nothing_half_written_is_left_by_any_command() {
    let Some(disk) = Disk::new("2m") else { return };
    let place = &disk.place;
    place
        .run(&["train", "nade", "--out", "density", "--data", "digits", "--device", "cpu", "--steps", "2", "--set", "hidden=3"])
        .ok();
    place.run(&[&["train", "dcgan", "--out", "images", "--steps", "2"], SOME].concat()).ok();
    place.run(&["encode", "density", "--out", "features.npy", "--device", "cpu"]).ok();
    // Runs whose own folders are full, for what is written there.
    for name in ["density", "images"] {
        copy(&place.path(name), &disk.seen.join(name));
    }
    disk.fill_but(0);
    let before = disk.files();
    let commands: [(&[&str], &str); 17] = [
        (&["sample", "images", "--count", "16", "--out"], "x.png"),
        (&["sample", "images", "--count", "16", "--out"], "x.npy"),
        (&["sample", "images", "--count", "16", "--out"], "x.npz"),
        (&["sample", "images", "--count", "16", "--out"], "many/"),
        (&["sample", "images", "--interpolate", "--count", "4", "--out"], "x.gif"),
        (&["sample", "density", "--count", "16", "--out"], "y.png"),
        (&["score", "density", "--count", "200", "--out"], "x.csv"),
        (&["score", "density", "--count", "200", "--pixels"], "p.npy"),
        (&["score", "density", "--count", "3", "--heatmaps"], "maps"),
        (&["score", "density", "--worst", "4", "--out-sheet"], "worst.png"),
        (&["encode", "density", "--out"], "f.npy"),
        (&["export", "images", "--to"], "g.onnx"),
        (&["data", "digits", "--sheet"], "sheet.png"),
        (&["report", "images", "density", "--out"], "both.html"),
        (&["verify", "density", "--export"], "checks.json"),
        (&["report"], "images"),
        (&["evaluate"], "images"),
    ];
    for (args, name) in commands {
        let out = disk.path(name);
        let computes = !matches!(args[0], "data" | "report" | "export");
        let on_cpu: &[&str] = if computes { &["--device", "cpu"] } else { &[] };
        let last: &[&str] = if args == ["evaluate"] { &["--count", "64"] } else { &[] };
        let full = disk.run(&[args, &[out.as_str()], last, on_cpu].concat());
        let full = full.refused(1, &["No space left on device"]);
        assert!(full.stderr.contains(disk.at.to_str().expect("text")), "{args:?} names no file: {}", full.stderr);
        let after = disk.files();
        let changed: Vec<&PathBuf> = after.iter().filter(|(p, bytes)| before.get(*p) != Some(bytes)).map(|(p, _)| p).collect();
        assert!(changed.is_empty() && after.len() == before.len(), "{args:?} leaves {changed:?}: {}", full.stderr);
        assert!(fs::read_dir(&disk.seen).expect("a folder").count() <= 5, "{args:?}");
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let to = to.join(path.file_name().expect("a name"));
        match path.is_dir() {
            true => copy(&path, &to),
            false => drop(fs::copy(&path, &to).expect("it is copied")),
        }
    }
}
