//! `report`: the page of a run and of several, and the command on it.

use std::fs;

use crate::support::Place;

const CPU: [&str; 2] = ["--device", "cpu"];

fn page(place: &Place, file: &str) -> String {
    fs::read_to_string(place.path(file)).expect("it is there")
}

/// The command that a report gives, as it is copied from there.
#[cfg(unix)]
fn command(page: &str) -> String {
    let code =
        page.split("<pre class=\"command\"><code>").nth(1).and_then(|rest| rest.split("</code>").next()).expect("a command");
    [("&#x2f;", "/"), ("&#x27;", "'"), ("&#39;", "'"), ("&quot;", "\""), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")]
        .iter()
        .fold(code.to_owned(), |code, (from, to)| code.replace(from, to))
}

/// Typed into a shell, it begins a run with the same `run.toml`: of each kind of setting.
#[cfg(unix)]
#[test]
fn the_command_of_a_report_trains_the_same_run() {
    use std::process::Command;
    let place = Place::new();
    let table = "a,b,kind\n".to_owned() + &(0..600).map(|i| format!("{},{},x\n", i % 7, (i * i) % 11)).collect::<String>();
    fs::write(place.path("it's a table.csv"), table).expect("it is written");
    fs::write(place.path("plain.csv"), "a,b\n".to_owned() + &"0.5,1.5\n1.5,0.25\n".repeat(200)).expect("it is written");
    let runs: [&[&str]; 4] = [
        &["dcgan", "--data", "digits", "--batch", "8", "--set", "width=2", "--set", "latents=4", "--steps", "2", "--seed", "7"],
        &["gan", "--data", "digits", "--steps", "2", "--set", "exclude=3", "--set", "sample_every=1", "--set", "lr=0.00015"],
        &["rnade", "--data", "it's a table.csv", "--steps", "2", "--set", "columns=a,b", "--set", "label=kind"],
        &["vae", "--data", "plain.csv", "--steps", "2", "--set", "latents=1", "--set", "test_every=4"],
    ];
    for (n, args) in runs.iter().enumerate() {
        let (first, again) = (format!("run-{n}"), format!("again-{n}"));
        let more = ["--out", &first, "--device", "cpu", "--threads", "1"];
        let ended = place.run(&[&["train"], *args, &more].concat());
        assert_eq!(ended.code, Some(0), "{args:?}: {}", ended.stderr);
        let command = command(&page(&place, &format!("{first}/report.html")));
        let rest = command.strip_prefix("calotype ").expect("the program");
        let line = format!("'{}' {rest} --out {again} --device cpu --threads 1", crate::PROGRAM);
        let status = Command::new("sh").args(["-c", &line]).current_dir(place.path("")).output().expect("a shell");
        assert!(status.status.success(), "{line}: {}", String::from_utf8_lossy(&status.stderr));
        assert_eq!(page(&place, &format!("{first}/run.toml")), page(&place, &format!("{again}/run.toml")), "{line}");
    }
}

#[test]
fn a_report_is_written_anew_with_what_was_evaluated_since() {
    let place = Place::new();
    let run = place.train("run", &["--steps", "2"]);
    assert!(page(&place, "run/report.html").contains("Not evaluated yet"));
    place.run(&[&["evaluate", "run", "--count", "64"], &CPU[..]].concat()).ok();
    let evaluated = page(&place, "run/report.html");
    assert!(evaluated.contains("FID-digits") && !evaluated.contains("Not evaluated yet"), "evaluate writes it anew");
    fs::remove_file(run.join("report.html")).expect("it was there");
    let ended = place.run(&["report", "run"]).ok();
    assert_eq!(ended.stdout.trim(), "run/report.html");
    assert_eq!(page(&place, "run/report.html"), evaluated);
}

#[test]
fn runs_are_shown_beside_each_other() {
    let place = Place::new();
    place.train("one", &["--steps", "20"]);
    place.train("two", &["--steps", "20", "--seed", "3", "--set", "lr=0.001"]);
    let ended = place.run(&["report", "one", "two", "--out", "both.html"]).ok();
    assert_eq!(ended.stdout.trim(), "both.html");
    let page = page(&place, "both.html");
    for part in ["one", "two", "Settings that differ", ">lr<", "loss_d", "data:image&#x2f;png"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains(">beta1<"), "what is alike is left out");
}

#[test]
fn what_is_no_run_is_refused() {
    let place = Place::new();
    place.train("run", &["--steps", "1"]);
    place.run(&["report", "nothing"]).refused(2, &["nothing", "run.toml"]);
    place.run(&["report"]).refused(2, &["RUN"]);
    place.run(&["report", "run", "--out", "x.html"]).refused(2, &["several runs", "run/report.html"]);
    place.run(&["report", "run", "nothing"]).refused(2, &["nothing"]);
    place.run(&["report", "run", "run", "--out", "x.pdf"]).refused(2, &["html"]);
    place.run(&["report", "run", "run", "--out", "no/where/x.html"]).refused(2, &["no/where"]);
    assert!(!place.path("comparison.html").exists());
}

/// Event files beside the run, one a process; none unless asked for, and refused where there are no losses.
#[test]
fn tensorboard_gets_event_files_of_its_own() {
    let place = Place::new();
    let run = place.train("run", &["--steps", "4", "--set", "log_every=2", "--set", "sample_every=4", "--tensorboard"]);
    let files = || {
        let names = fs::read_dir(&run).expect("a folder").map(|e| e.expect("an entry").file_name().into_string().expect("text"));
        names.filter(|name| name.starts_with("events.out.tfevents.")).collect::<Vec<_>>()
    };
    assert_eq!(files().len(), 1);
    let bytes = fs::read(run.join(&files()[0])).expect("it is there");
    let png = fs::read(run.join("samples/step-0000004.png")).expect("samples");
    let has = |part: &[u8]| bytes.windows(part.len()).any(|w| w == part);
    assert!(has(b"brain.Event:2") && has(b"loss_d") && has(b"Samples") && has(&png));
    place.run(&["train", "--resume", "run", "--steps", "6"]).ok();
    assert_eq!(files().len(), 1);
    place.run(&["train", "--resume", "run", "--steps", "8", "--tensorboard"]).ok();
    assert_eq!(files().len(), 2);
    place
        .run(&["train", "markov", "--data", "digits", "--tensorboard", "--out", "counted"])
        .refused(2, &["--tensorboard", "markov"]);
    assert!(!place.path("counted").exists());
}
