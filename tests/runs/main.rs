//! What holds for a run of every model, as a person trains it: it repeats, it goes on as if it had never stopped, it survives being
//! killed, and what is written about the model is what it can do. On the CPU, with the models of Calotype and one more.

#[path = "../../crates/cli/tests/cli/support.rs"]
#[expect(dead_code, reason = "the command line's own tests use all of it")]
mod support;
#[path = "../toy/model.rs"]
mod toy;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use calotype_graph::philox::{Domain, Stream};
use calotype_models::{Ability, Learning, Model, ModelInfo, abilities, all, in_words};
use calotype_tests::{Suite, tiny};
use calotype_training::{Material, Wanted};
use support::{Place, lines, newest, same, until};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_calotype-with-toy");

fn main() -> ExitCode {
    calotype_models::add(&toy::INFO);
    let mut suite = Suite::new();
    for info in all() {
        let name = info.name;
        suite.test(format!("{name}: repeats"), move || repeats(info));
        suite.test(format!("{name}: goes on as one that never stopped"), move || goes_on(info));
        if learns_by_steps(info) {
            suite.test(format!("{name}: resumed after any step"), move || resumes_anywhere(info));
        }
        suite.test(format!("{name}: killed at any instant, nothing is lost"), move || is_killed(info));
        suite.test(format!("{name}: every command uses it or refuses"), move || is_used(info));
        suite.test(format!("{name}: help and README say what it can do"), move || is_described(info));
    }
    suite.run()
}

/// The data that a tiny run is trained on.
fn data(info: &ModelInfo) -> &'static str {
    match info.name {
        "rnade" => "swiss-roll",
        // Digits are 8x8, and it grows to 16x16.
        "progan" => "fashion-mnist",
        // With captions.
        "text2image" => "shapes",
        _ => "digits",
    }
}

/// The second data set, of a model that learns from two.
const DATA_B: &str = "fashion-mnist";

/// Arguments of a tiny training run.
fn train(info: &ModelInfo, out: &str, more: &[&str]) -> Vec<String> {
    train_with(info, &[], out, more)
}

/// The same with other values for some of its tiny settings.
fn train_with(info: &ModelInfo, other: &[(&str, &str)], out: &str, more: &[&str]) -> Vec<String> {
    let fixed = ["train", info.name, "--out", out, "--data", data(info), "--device", "cpu", "--threads", "1"];
    let mut args: Vec<String> = fixed.iter().map(|a| (*a).to_owned()).collect();
    if info.roles().len() > 1 {
        args.extend(["--data-b", DATA_B].map(str::to_owned));
    }
    if has(info, "batch") {
        args.extend(["--batch", "8"].map(str::to_owned));
    }
    let usual = tiny(info.name).iter().filter(|(key, _)| other.iter().all(|(o, _)| o != key));
    usual.chain(other).for_each(|(key, value)| args.extend(["--set".to_owned(), format!("{key}={value}")]));
    args.extend(more.iter().map(|a| (*a).to_owned()));
    args
}

fn run(place: &Place, args: &[String]) -> support::Ended {
    place.run(&args.iter().map(String::as_str).collect::<Vec<_>>()).ok()
}

/// Whether a model has a setting.
fn has(info: &ModelInfo, key: &str) -> bool {
    (info.settings)(info.default_preset()).iter().any(|s| s.key == key)
}

fn learns_by_steps(info: &ModelInfo) -> bool {
    has(info, "steps")
}

/// The step of a finished tiny run of at most `steps`.
fn last(info: &ModelInfo, steps: u64) -> u64 {
    if learns_by_steps(info) { steps } else { 1 }
}

/// Equal seeds give equal checkpoints and equal samples, byte for byte; another seed gives others where anything is drawn.
fn repeats(info: &'static ModelInfo) {
    let place = Place::new();
    let steps: &[&str] = if learns_by_steps(info) { &["--steps", "5"] } else { &[] };
    let able = abilities(configured(info).as_ref());
    for name in ["a", "b"] {
        run(&place, &train(info, name, steps));
        if able.contains(&Ability::Generation) {
            place.run(&["sample", name, "--count", "3", "--seed", "4", "--out", &format!("{name}.npy"), "--device", "cpu"]).ok();
        }
        if able.contains(&Ability::Translation) {
            let out = place.path(&format!("{name}.npy")).with_extension("");
            translate(&place, info, name, support::text(&out)).ok();
            fs::rename(out.join("photo.png"), out.with_extension("npy")).expect("it was made");
        }
        if able.contains(&Ability::Drawing) {
            draw(&place, name, &format!("{name}.npy")).ok();
        }
        if able.contains(&Ability::Composition) {
            compose(&place, name, &format!("{name}.npy")).ok();
        }
    }
    let step = last(info, 5);
    same(&place.checkpoint("a", step), &place.checkpoint("b", step));
    let made = |name: &str| fs::read(place.path(&format!("{name}.npy"))).expect("what was made");
    same(&made("a"), &made("b"));
    if learns_by_steps(info) {
        run(&place, &train(info, "c", &[steps, &["--seed", "1"]].concat()));
        assert_ne!(place.checkpoint("a", step), place.checkpoint("c", step), "another seed");
    }
}

/// Translates a picture, whose sides are no multiples of anything, into a folder.
fn translate(place: &Place, info: &ModelInfo, run: &str, out: &str) -> support::Ended {
    let photo = place.path("photo.png");
    if !photo.exists() {
        let values: Vec<f32> = (0..33 * 35).map(|n| (n % 97) as f32 / 96.0).collect();
        let picture = calotype_data::picture::grid(&values, [1, 33, 35, 1], None, 0).expect("a picture");
        calotype_data::picture::write_png(&photo, &picture).expect("it is written");
    }
    // A data set, or a class of the digits.
    let to = if info.roles().len() > 1 { "B" } else { "3" };
    place.run(&["translate", run, "photo.png", "--to", to, "--out", out, "--device", "cpu"])
}

/// Draws two sentences.
fn draw(place: &Place, run: &str, out: &str) -> support::Ended {
    place.run(&["draw", run, "a large red ring, top", "green", "--count", "2", "--out", out, "--device", "cpu"])
}

/// Composes images of the patches of a row.
fn compose(place: &Place, run: &str, out: &str) -> support::Ended {
    place.run(&["compose", run, "--from", "test:3", "--count", "2", "--out", out, "--device", "cpu"])
}

/// Settings by which a look at the held-out set, or a learning rate that falls, comes within the first steps.
fn looks(info: &ModelInfo) -> &'static [&'static str] {
    match (has(info, "validate_every"), has(info, "decay_steps")) {
        (true, _) => &["--set", "validate_every=3"],
        (_, true) => &["--set", "constant_steps=9", "--set", "decay_steps=20"],
        _ => &[],
    }
}

/// After so many steps it does.
const FALLS: u64 = 9;

/// N steps are N/2 steps, resumed: also where the schedule goes from one stage to the next in between, where programs take turns and
/// N/2 is in the middle of a round, and across a look at the held-out set.
fn goes_on(info: &'static ModelInfo) {
    let place = Place::new();
    if !learns_by_steps(info) {
        // There is one checkpoint, and going on from it changes nothing.
        run(&place, &train(info, "whole", &[]));
        let before = place.checkpoint("whole", 1);
        place.run(&["train", "--resume", "whole"]).ok();
        return same(&before, &place.checkpoint("whole", 1));
    }
    let looks = looks(info);
    for half in [4_u64, 7, 11] {
        let (part, whole) = (format!("part-{half}"), format!("whole-{half}"));
        let (first, all) = (half.to_string(), (2 * half).to_string());
        run(&place, &train(info, &part, &[looks, &["--steps", &first]].concat()));
        place.run(&["train", "--resume", &part, "--steps", &all]).ok();
        run(&place, &train(info, &whole, &[looks, &["--steps", &all]].concat()));
        same(&place.checkpoint(&part, 2 * half), &place.checkpoint(&whole, 2 * half));
    }
}

/// From any of its first steps a run comes to the same end: on both sides of each border between stages, in the middle of a round of
/// programs that take turns, where something begins anew, and between a look at the held-out set and the next.
fn resumes_anywhere(info: &'static ModelInfo) {
    // Where a learning rate begins to fall is a border too.
    let falls = if has(info, "decay_steps") { FALLS } else { 3 };
    let (place, steps) = (Place::new(), 3 + last_border(info).max(falls));
    let (all, every) = (steps.to_string(), ["--set", "checkpoint_every=1", "--set", "keep_checkpoints=1000"]);
    run(&place, &train(info, "whole", &[looks(info), &["--steps", &all], &every].concat()));
    let pictures = |name: &str| -> BTreeMap<PathBuf, Vec<u8>> {
        let folder = place.path(&format!("{name}/samples"));
        let files = fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path());
        files.map(|path| (path.strip_prefix(&folder).expect("below it").to_owned(), fs::read(&path).expect("a file"))).collect()
    };
    assert!(!pictures("whole").is_empty());
    for done in 1..steps {
        let part = format!("part-{done}");
        as_it_was(&place.path("whole"), &place.path(&part), done);
        let resumed = place.run(&["train", "--resume", &part]).ok();
        assert!(resumed.stderr.contains(&format!("resuming from step {done}")), "{}", resumed.stderr);
        same(&place.checkpoint(&part, steps), &place.checkpoint("whole", steps));
        assert!(pictures(&part) == pictures("whole"), "pictures of one that was resumed after step {done}");
    }
}

/// The last step before which something happens for the first time: one stage comes after another one, or states begin anew.
fn last_border(info: &ModelInfo) -> u64 {
    const FIRST: u64 = 40;
    let model = configured(info);
    let descent = model.learning().descent().expect("it learns by steps");
    let turns: Vec<_> = (0..FIRST).map(|step| descent.at(step, 1.0)).collect();
    let borders: Vec<_> = turns.windows(2).map(|pair| (pair[0].stage, pair[1].stage, pair[1].resets.clone())).collect();
    let is_new = |at: &usize| {
        let (from, to, resets) = &borders[*at];
        (from != to || !resets.is_empty()) && !borders[..*at].contains(&borders[*at])
    };
    (0..borders.len()).rfind(is_new).map_or(0, |at| at as u64 + 1)
}

/// The folder of a run as it was after `done` steps.
fn as_it_was(whole: &Path, part: &Path, done: u64) {
    for folder in ["checkpoints", "samples"] {
        fs::create_dir_all(part.join(folder)).expect("a folder");
        for entry in fs::read_dir(whole.join(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            let step = path.file_stem().and_then(|stem| stem.to_str()?.rsplit('-').next()?.parse::<u64>().ok());
            if step.is_some_and(|step| step <= done) {
                fs::copy(&path, part.join(folder).join(path.file_name().expect("a name"))).expect("it is copied");
            }
        }
    }
    for file in ["run.toml", "metrics.jsonl"] {
        fs::copy(whole.join(file), part.join(file)).expect("it is copied");
    }
}

/// Phases of a model that has some, for kills: so long that most fall on the way to the last one.
fn grows(info: &ModelInfo) -> &'static [(&'static str, &'static str)] {
    match info.name {
        "progan" => &[("fade_images", "480"), ("stable_images", "480"), ("last_images", "480")],
        "text2image" => &[("encoder_steps", "30")],
        _ => &[],
    }
}

/// Killed at random instants (the seed makes them the same each time, as far as a machine allows), then continued: the result is
/// what it would have been.
fn is_killed(info: &'static ModelInfo) {
    let place = Place::new();
    let mut random = Stream::new(11, Domain::Test, info.name, 0);
    if !learns_by_steps(info) {
        return a_count_is_killed(info, &place, &mut random);
    }
    let no_end: &[&str] = match (has(info, "validation"), has(info, "decay_steps")) {
        (true, _) => &["--set", "validation=0"],
        // A learning rate that falls over so many steps, not over those that a run is given.
        (_, true) => &["--set", "constant_steps=500000", "--set", "decay_steps=500000"],
        _ => &[],
    };
    let many = ["--steps", "1000000", "--set", "checkpoint_every=5", "--set", "sample_every=1000000", "--set", "log_every=1"];
    let begin = train_with(info, grows(info), "run", &[no_end, &many].concat());
    let begin: Vec<&str> = begin.iter().map(String::as_str).collect();
    let mut before = 0;
    for round in 0..10 {
        let mut child = match place.path("run/run.toml").exists() {
            true => place.begin(&["train", "--resume", "run"]),
            false => place.begin(&begin),
        };
        if round == 0 {
            until(&mut child, &place.path("run/metrics.jsonl"), |b| lines(b) >= 7);
        } else {
            thread::sleep(Duration::from_millis(u64::from(random.below(300))));
        }
        child.kill().expect("it is killed");
        child.wait().expect("it is gone");
        let now = newest(&place, "run").unwrap_or(0);
        assert!(now >= before, "step {before} was saved, and only {now} is left");
        before = now;
    }
    assert!(before > 0, "something was saved between the kills");
    // Beyond the first phase, which no run may end with.
    let end = (before + 5).max(35);
    let total = end.to_string();
    let resumed = place.run(&["train", "--resume", "run", "--steps", &total]).ok();
    assert!(!resumed.stderr.contains("damaged"), "no half checkpoint: {}", resumed.stderr);
    let whole = [no_end, &["--steps", &total, "--set", "checkpoint_every=1000000"]].concat();
    run(&place, &train_with(info, grows(info), "whole", &whole));
    same(&place.checkpoint("run", end), &place.checkpoint("whole", end));
    let metrics = fs::read_to_string(place.path("run/metrics.jsonl")).expect("metrics");
    let step = |line: &str| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["step"].as_u64().expect("a step");
    let losses = metrics.lines().filter(|line| !line.contains("\"gradient_norm_")).map(step);
    assert_eq!(losses.collect::<Vec<_>>(), (1..=end).collect::<Vec<_>>(), "each step once");
}

/// A count that is killed leaves a run folder that can be trained, and nothing that looks whole.
fn a_count_is_killed(info: &'static ModelInfo, place: &Place, random: &mut Stream) {
    run(place, &train(info, "whole", &[]));
    for round in 0..10 {
        let name = format!("run-{round}");
        let begin = train(info, &name, &[]);
        let mut child = place.begin(&begin.iter().map(String::as_str).collect::<Vec<_>>());
        thread::sleep(Duration::from_millis(u64::from(random.below(150))));
        child.kill().expect("it is killed");
        child.wait().expect("it is gone");
        match place.path(&name).join("run.toml").exists() {
            true => drop(place.run(&["train", "--resume", &name]).ok()),
            false => drop(run(place, &begin)),
        }
        same(&place.checkpoint(&name, 1), &place.checkpoint("whole", 1));
    }
}

/// Commands of a model's abilities do their work, all others refuse and say what it is for instead.
fn is_used(info: &'static ModelInfo) {
    let place = Place::new();
    run(&place, &train(info, "run", if learns_by_steps(info) { &["--steps", "3"] } else { &[] }));
    let able = abilities(configured(info).as_ref());
    let can = |command: &str| able.iter().any(|a| a.commands().contains(&command));
    let commands: [&[&str]; 4] = [
        &["sample", "run", "--count", "2", "--out", "rows.npy"],
        &["score", "run", "--count", "5", "--out", "scores.csv"],
        &["encode", "run", "--out", "features.npy"],
        &["verify", "run"],
    ];
    for command in commands {
        let on_cpu = [command, &["--device", "cpu"]].concat();
        match (command[0], can(command[0])) {
            ("verify", true) => {} // takes its time, and has tests of its own
            (_, true) => drop(place.run(&on_cpu).ok()),
            (_, false) => drop(place.run(&on_cpu).refused(2, &[info.name, &in_words(&able)])),
        }
    }
    match can("translate") {
        true => drop(translate(&place, info, "run", "translated").ok()),
        false => drop(translate(&place, info, "run", "translated").refused(2, &[info.name, &in_words(&able)])),
    }
    match can("draw") {
        true => drop(draw(&place, "run", "drawn.npy").ok()),
        false => drop(draw(&place, "run", "drawn.npy").refused(2, &[info.name, &in_words(&able)])),
    }
    match can("compose") {
        true => drop(compose(&place, "run", "composed.npy").ok()),
        false => drop(compose(&place, "run", "composed.npy").refused(2, &[info.name, &in_words(&able)])),
    }
    if can("score") {
        let table = fs::read_to_string(place.path("scores.csv")).expect("scores");
        let bound = if able.contains(&Ability::Density) { ",exact" } else { ",lower:k=100" };
        assert_eq!(table.lines().filter(|l| l.ends_with(bound)).count(), 5, "{table}");
        let with_draws = ["score", "run", "--samples", "3", "--count", "5", "--device", "cpu"];
        match able.contains(&Ability::Density) {
            true => drop(place.run(&with_draws).refused(2, &["--samples", info.name])),
            false => {
                assert!(place.run(&with_draws).ok().stdout.contains("--samples 3"));
                bounds_repeat(&place);
            }
        }
    }
    for file in ["rows.npy", "features.npy", "drawn.npy", "composed.npy"].into_iter().filter(|f| place.path(f).exists()) {
        let numbers = calotype_data::read_npy(&place.path(file), 1 << 24).expect("an array");
        assert!(!numbers.data.is_empty() && numbers.data.iter().all(|v| v.is_finite()), "{file}: {:?}", numbers.shape);
    }
}

/// A bound whose draws take several runs of its program repeats, and a row's does not depend on the number of rows.
fn bounds_repeat(place: &Place) {
    let scores = |count: &str, samples: &str| {
        let out = format!("bounds-{count}-{samples}.csv");
        place.run(&["score", "run", "--samples", samples, "--count", count, "--out", &out, "--device", "cpu"]).ok();
        fs::read_to_string(place.path(&out)).expect("scores")
    };
    let few = scores("5", "150");
    assert_eq!(few, scores("5", "150"));
    assert!(scores("70", "150").starts_with(&few));
    let bound = |table: &str| table.lines().nth(1).and_then(|l| l.split(',').nth(2)?.parse::<f64>().ok()).expect("a bound");
    assert_ne!(bound(&few), bound(&scores("5", "149")), "every draw counts");
}

/// The model of a tiny run.
fn configured(info: &ModelInfo) -> Arc<dyn Model> {
    let batch = has(info, "batch").then_some(("batch", "8"));
    let set = tiny(info.name).iter().copied().chain(batch).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    let data_b = (info.roles().len() > 1).then(|| DATA_B.to_owned());
    let wanted = Wanted { model: info.name.into(), data: Some(data(info).into()), data_b, set, ..Wanted::default() };
    Material::open(&wanted).expect("it can be configured").model
}

/// `calotype models` and the README's table are made of the model's facets; `calotype models NAME` lists each of its settings.
fn is_described(info: &'static ModelInfo) {
    let model = configured(info);
    let able = in_words(&abilities(model.as_ref()));
    let place = Place::new();
    let about = place.run(&["models", info.name]).ok().stdout;
    assert!(about.contains(info.title) && about.contains(&format!("used for: {able}")), "{about}");
    for setting in (info.settings)(info.default_preset()) {
        assert!(about.lines().any(|l| l.split_whitespace().next() == Some(setting.key)), "`{}` is not in: {about}", setting.key);
    }
    assert!(place.run(&["models"]).ok().stdout.contains(info.title));
    if std::ptr::eq(info, &toy::INFO) {
        return;
    }
    let how = match model.learning() {
        Learning::Descent(_) => "by gradients",
        Learning::Counting(_) => "by counting",
    };
    let row = format!("| `{}` | {} | {able} | {how} |", info.name, info.title);
    let readme = include_str!("../../README.md");
    assert!(readme.contains(&row), "README's table of models lacks this row:\n{row}");
}
