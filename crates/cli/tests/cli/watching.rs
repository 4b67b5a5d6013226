//! `watch`: pages of a run that another process trains, and what is asked of it from there.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Place, TINY, ended, newest, same, until};

const MANY: &[&str] =
    &["--steps", "1000000", "--set", "checkpoint_every=1000000", "--set", "sample_every=1000000", "--set", "log_every=1"];

/// An answer of the page at `url`.
fn asked(method: &str, url: &str) -> String {
    let (host, path) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("an address");
    let mut stream = TcpStream::connect(host).expect("it listens");
    write!(stream, "{method} /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        .expect("it is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

fn wait(what: &str, is: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Paused, saved, gone on with and stopped from its page, a run comes to the same bits as one that nobody watched.
#[test]
fn a_run_is_paused_saved_and_stopped_from_its_page() {
    let place = Place::new();
    let mut train = place.begin(&[&["train", "dcgan", "--out", "run"], TINY, MANY].concat());
    until(&mut train, &place.path("run/status.json"), |_| true);
    let mut watch = place.command(&["watch", "run"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut url = String::new();
    BufReader::new(watch.stdout.as_mut().expect("piped")).read_line(&mut url).expect("an address");
    let run = format!("{}run/run/", url.trim());
    assert!(asked("GET", &run).starts_with("HTTP/1.1 200"), "{run}");
    let ask = |what: &str| assert!(asked("POST", &format!("{run}control/{what}")).starts_with("HTTP/1.1 200"), "{what}");
    let status = || std::fs::read_to_string(place.path("run/status.json")).unwrap_or_default();
    // The step of the last line.
    let done = || {
        let text = std::fs::read_to_string(place.path("run/metrics.jsonl")).expect("it is there");
        let line = text.lines().rfind(|line| line.ends_with('}')).expect("a line");
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        line["step"].as_u64().expect("a step")
    };

    ask("pause");
    wait("it is paused", || status().contains("\"paused\":true"));
    let paused = done();
    ask("save");
    wait("it is saved", || newest(&place, "run").is_some());
    assert_eq!((done(), newest(&place, "run")), (paused, Some(paused)), "nothing is done meanwhile");
    ask("resume");
    wait("it goes on", || done() > paused);
    ask("stop");
    let stopped = ended(train.wait_with_output().expect("it ends"));
    assert_eq!((stopped.code, stopped.stdout.as_str()), (Some(130), "run\n"), "{}", stopped.stderr);
    for said in ["paused after step", "run/control/pause", "saved step", "going on", "calotype train --resume run"] {
        assert!(stopped.stderr.contains(said), "no `{said}`: {}", stopped.stderr);
    }
    assert!(!place.path("run/status.json").exists(), "it trains no more");
    assert!(asked("POST", &format!("{run}control/pause")).starts_with("HTTP/1.1 409"));

    let total = (newest(&place, "run").expect("it was saved") + 2).to_string();
    place.run(&["train", "--resume", "run", "--steps", &total]).ok();
    place.train("whole", &["--steps", &total]);
    let last = total.parse().expect("a number");
    same(&place.checkpoint("run", last), &place.checkpoint("whole", last));
    assert!(asked("GET", &run).contains("finished"), "after training too");

    let sent = Command::new("kill").args(["-INT", &watch.id().to_string()]).status().expect("kill");
    assert!(sent.success());
    assert_eq!(ended(watch.wait_with_output().expect("it ends")).code, Some(0));
}

#[test]
fn what_cannot_be_watched_is_refused() {
    let place = Place::new();
    place.run(&["watch"]).refused(2, &["there is no runs", "calotype train"]);
    place.run(&["watch", "nothing"]).refused(2, &["there is no nothing"]);
    place.run(&["watch", "--port", "70000"]).refused(2, &["70000"]);
    std::fs::write(place.path("file"), b"").expect("it is written");
    place.run(&["watch", "file"]).refused(2, &["file"]);
}
