//! Models of two data sets and of attributes: what they are given, what they make of images, what they refuse.

use std::fs;
use std::path::{Path, PathBuf};

use calotype_data::picture::{grid, read_png, write_png};

use crate::support::{Ended, Place, same, text};

const CPU: [&str; 4] = ["--device", "cpu", "--threads", "1"];

/// A CycleGAN that takes a blink.
const CYCLE: &[&str] = &["size=24", "width=2", "width_d=2", "blocks=1", "pool=3"];
/// A StarGAN that does.
const STAR: &[&str] = &["size=32", "width=2", "width_d=2", "blocks=1", "n_critic=2"];

fn train(place: &Place, model: &str, settings: &[&str], more: &[&str]) -> Ended {
    let set: Vec<&str> = settings.iter().flat_map(|set| ["--set", set]).collect();
    place.run(&[&["train", model, "--steps", "4"], &CPU[..], &set, more].concat())
}

fn translate(place: &Place, run: &str, more: &[&str]) -> Ended {
    place.run(&[&["translate", run, "--device", "cpu"], more].concat())
}

/// A picture of this height and width, darker or brighter by `shade`, in colours or grey.
fn picture(place: &Place, name: &str, [h, w]: [usize; 2], channels: usize, shade: f32) -> PathBuf {
    let path = place.path(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("it is made");
    let values: Vec<f32> = (0..h * w * channels).map(|n| (shade + (n % 31) as f32 / 62.0).min(1.0)).collect();
    write_png(&path, &grid(&values, [1, h, w, channels], None, 0).expect("a picture")).expect("it is written");
    path
}

/// Two folders of coloured images, laid out as the public sets are.
fn seasons(place: &Place) {
    for n in 0..3 {
        picture(place, &format!("seasons/trainA/{n}.png"), [30, 40], 3, 0.1 * n as f32);
        picture(place, &format!("seasons/trainB/{n}.png"), [30, 30], 3, 0.5);
    }
    picture(place, "seasons/testA/9.png", [30, 40], 3, 0.3);
    picture(place, "seasons/testB/9.png", [30, 40], 3, 0.5);
}

fn run_toml(place: &Place, run: &str) -> toml::Table {
    fs::read_to_string(place.path(run).join("run.toml")).expect("it is there").parse().expect("TOML")
}

/// Both data sets are hashed in `run.toml`, by a folder that holds both or by two names; the run goes on where they are.
#[test]
fn a_run_may_have_two_data_sets() {
    let place = Place::new();
    seasons(&place);
    train(&place, "cyclegan", CYCLE, &["--data", "seasons", "--out", "run", "--set", "load_size=28", "--set", "sample_every=2"])
        .ok();
    let toml = run_toml(&place, "run");
    let of = |which: &str, key: &str| toml[which][key].as_str().expect(key).to_owned();
    assert!(of("data", "name").ends_with("seasons:A") && of("data_b", "name").ends_with("seasons:B"), "{toml}");
    assert_ne!(of("data", "sha256"), of("data_b", "sha256"));
    assert!(place.path("run/samples/translations.gif").exists(), "a film of the translations");
    let report = fs::read_to_string(place.path("run/report.html")).expect("a report");
    assert!(report.contains("data B") && report.contains("Translations"));

    // Moved, named again; and changed.
    fs::rename(place.path("seasons"), place.path("moved")).expect("it is moved");
    place.run(&["train", "--resume", "run"]).refused(2, &["seasons:A"]);
    place.run(&["train", "--resume", "run", "--data", "moved"]).ok();
    picture(&place, "moved/trainB/0.png", [30, 30], 3, 0.9);
    place.run(&["train", "--resume", "run"]).refused(2, &["SHA-256 mismatch", "moved:B"]);

    train(&place, "cyclegan", CYCLE, &["--data", "moved/trainA", "--data-b", "moved/trainB", "--out", "two"]).ok();
    assert!(run_toml(&place, "two")["data_b"]["name"].as_str().is_some_and(|name| name.ends_with("trainB")));
}

#[test]
fn the_learning_rate_is_logged_and_a_function_of_the_step() {
    let place = Place::new();
    seasons(&place);
    let set = ["--set", "constant_steps=2", "--set", "decay_steps=4", "--set", "log_every=1", "--set", "lr=0.01"];
    train(&place, "cyclegan", CYCLE, &[&["--data", "seasons", "--out", "run"], &set[..]].concat()).ok();
    let rates = |run: &str| -> Vec<f64> {
        let metrics = fs::read_to_string(place.path(run).join("metrics.jsonl")).expect("metrics");
        let rate = |line: &str| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["lr"].as_f64();
        metrics.lines().filter_map(rate).collect()
    };
    let wanted = [0.01, 0.01, 0.01, 0.0075];
    assert!(rates("run").iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-8) && rates("run").len() == 4, "{:?}", rates("run"));
    place.run(&["train", "--resume", "run", "--steps", "7"]).refused(2, &["at most 6"]);
    place.run(&["train", "--resume", "run", "--steps", "6"]).ok();
    assert!((rates("run")[5] - 0.0025).abs() < 1e-8, "{:?}", rates("run"));
}

/// Images keep their names and sizes; a broken one is named and skipped, and the exit code says so.
#[test]
fn a_folder_of_any_sizes_is_translated() {
    let place = Place::new();
    seasons(&place);
    train(&place, "cyclegan", CYCLE, &["--data", "seasons", "--out", "run"]).ok();
    picture(&place, "photos/a.png", [25, 37], 3, 0.2);
    picture(&place, "photos/deeper/b.png", [24, 24], 1, 0.4);
    picture(&place, "photos/c.png", [25, 37], 3, 0.6);
    let sizes = |out: &str, names: &[&str]| -> Vec<(u32, u32)> {
        names.iter().map(|name| read_png(&place.path(out).join(name)).expect(name).dimensions()).collect()
    };
    let names = ["a.png", "deeper/b.png", "c.png"];
    let done = translate(&place, "run", &["photos", "--to", "b", "--out", "out", "--grid", "sheet.png"]).ok();
    assert_eq!(done.stdout, "out\nsheet.png\n");
    assert!(done.stderr.contains("2 images: sides that are no multiple of 4 are padded"), "{}", done.stderr);
    assert_eq!(sizes("out", &names), [(37, 25), (24, 24), (37, 25)]);
    // One by one they are the same.
    translate(&place, "run", &["photos/c.png", "--to", "B", "--out", "alone"]).ok();
    let bytes = |path: &Path| fs::read(path).expect("it was made");
    same(&bytes(&place.path("alone/c.png")), &bytes(&place.path("out/c.png")));
    assert!(read_png(&place.path("sheet.png")).is_ok());
    translate(&place, "run", &["photos", "--to", "A", "--to", "B", "--out", "both", "--size", "32"]).ok();
    assert_eq!(sizes("both/A", &names), [(47, 32), (32, 32), (47, 32)]);
    same(&bytes(&place.path("both/B/c.png")), &bytes(&place.path("both/B/c.png")));
    assert_ne!(bytes(&place.path("both/A/c.png")), bytes(&place.path("both/B/c.png")));

    fs::write(place.path("photos/broken.jpg"), b"\xff\xd8\xff\xe0 not all of a picture").expect("it is written");
    let ended = translate(&place, "run", &["photos", "--to", "B", "--out", "some"]);
    assert!(ended.stderr.contains("skipped: ") && sizes("some", &names).len() == 3, "{}", ended.stderr);
    ended.refused(1, &["1 of 4 could not be read", "broken.jpg"]);
}

#[test]
fn what_cannot_be_translated_is_refused_before_work() {
    let place = Place::new();
    seasons(&place);
    train(&place, "cyclegan", CYCLE, &["--data", "seasons", "--out", "run"]).ok();
    let refused = |more: &[&str], says: &[&str]| {
        translate(&place, "run", &[more, &["--out", "out"]].concat()).refused(2, says);
        assert!(!place.path("out").exists(), "{more:?}");
    };
    let small = picture(&place, "small.png", [5, 5], 3, 0.5);
    refused(&["seasons/trainA", "--to", "C"], &["--to C", "A and B"]);
    refused(&[text(&small), "--to", "B"], &["small.png has 5x5 pixels", "at least 16x16"]);
    refused(&["nowhere", "--to", "B"], &["nowhere"]);
    refused(&["seasons/trainA", "--to", "B", "--to", "B"], &["--to B is given twice"]);
    refused(&["seasons/trainA", "--to", "B", "--split", "test"], &["--split"]);
    refused(&["digits", "--to", "B"], &["8x8 pixels"]);
    // Its own files are never overwritten.
    let own = place.path("seasons/trainA");
    translate(&place, "run", &[text(&own), "--to", "B", "--out", text(&own)]).refused(2, &["would be overwritten"]);
    place.train("gan", &["--steps", "1"]);
    translate(&place, "gan", &["seasons/trainA", "--to", "B", "--out", "out"]).refused(2, &["dcgan translates no images"]);
    place.run(&["sample", "run", "--device", "cpu"]).refused(2, &["cyclegan generates no rows", "calotype translate"]);
}

#[test]
fn data_that_are_not_what_a_translator_learns_from_are_refused() {
    let place = Place::new();
    seasons(&place);
    let refused = |model: &str, settings: &[&str], more: &[&str], code: i32, says: &[&str]| {
        train(&place, model, settings, &[more, &["--out", "run"]].concat()).refused(code, says);
        assert!(!place.path("run").exists(), "{more:?}");
    };
    fs::create_dir_all(place.path("empty")).expect("it is made");
    picture(&place, "grey/0.png", [30, 30], 1, 0.5);
    let both = |more: &[&str], code, says: &[&str]| refused("cyclegan", CYCLE, more, code, says);
    both(&["--data", "seasons/trainA"], 2, &["learns from two data sets", "--data-b"]);
    both(&["--data-b", "seasons/trainA"], 2, &["give the first one too"]);
    both(&["--data", "seasons/trainA", "--data-b", "empty"], 1, &["empty", "expected images"]);
    both(
        &["--data", "seasons/trainA", "--data-b", "grey"],
        2,
        &["A (trainA) have 3 channels", "B (grey) have 1 channel;", "--set channels=3"],
    );
    both(&["--data", "seasons/trainA", "--data-b", "ring"], 2, &["the rows of B (ring) are vectors"]);
    both(&["--data", "seasons", "--set", "load_size=16"], 2, &["load_size", "at least size=24"]);
    refused("dcgan", &["width=2"], &["--data", "seasons/trainA", "--data-b", "grey"], 2, &["--data-b has no effect on dcgan"]);
    refused("dcgan", &["width=2"], &["--data", "seasons"], 1, &["seasons:A or", "trainA and trainB"]);
    train(&place, "cyclegan", CYCLE, &["--data", "seasons/trainA", "--data-b", "grey", "--set", "channels=3", "--out", "run"])
        .ok();
}

/// A folder of images with a list of attributes: exclusive hair colours, and two that a face has or has not.
fn faces(place: &Place) {
    let mut list = "file,Black,Blond,Male,Young\n".to_owned();
    for n in 0..12 {
        picture(place, &format!("faces/{n}.png"), [32, 32], 3, 0.05 * n as f32);
        let [black, blond] = if n == 11 { [1, 1] } else { [n % 2, 1 - n % 2] };
        list += &format!("{n}.png,{black},{blond},{},{}\n", n / 2 % 2, n / 4 % 2);
    }
    fs::write(place.path("faces/list.csv"), list).expect("it is written");
}

#[test]
fn attributes_are_chosen_and_changed_by_name() {
    let place = Place::new();
    faces(&place);
    let set = ["--set", "attributes=Black/Blond,Male,Young", "--batch", "4"];
    let done = train(&place, "stargan", STAR, &[&["--data", "faces", "--out", "run"], &set[..]].concat()).ok();
    assert!(done.stderr.contains("1 rows that have none of exclusive attributes, or several"), "{}", done.stderr);
    let toml = run_toml(&place, "run");
    let list = toml["data"]["attributes"]["list"].as_array().expect("a list");
    let names: Vec<&str> = list.iter().filter_map(|a| a["name"].as_str()).collect();
    assert_eq!((names, toml["data"]["n_train"].as_integer()), (vec!["Black/Blond", "Male", "Young"], Some(11)));
    let out = |name: &str, to: &str| {
        translate(&place, "run", &["faces/3.png", "--to", to, "--out", name]).ok();
        fs::read(place.path(name).join("3.png")).expect("it was made")
    };
    // What is not said stays as the image has it: saying all of it is one of the ways to say nothing.
    let all: Vec<Vec<u8>> = ["yes,Young=yes", "yes,Young=no", "no,Young=yes", "no,Young=no"]
        .iter()
        .map(|rest| out("all", &format!("Blond,Male={rest}")))
        .collect();
    assert!(all.contains(&out("one", "Blond")));
    assert_ne!(all[0], all[3]);
    let refused = |to: &str, says: &[&str]| {
        translate(&place, "run", &["faces/3.png", "--to", to, "--out", "none"]).refused(2, says);
    };
    refused("Brown", &["no attribute or value `Brown`", "Black/Blond (Black or Blond), Male, Young"]);
    refused("Male=maybe", &["expected yes or no"]);
    picture(&place, "tiny.png", [20, 20], 3, 0.5);
    translate(&place, "run", &["tiny.png", "--to", "Blond", "--out", "none"])
        .refused(2, &["20x20 pixels are too small to see", "Male, Young"]);
    assert!(!place.path("none").exists(), "before any work");
    translate(&place, "run", &["tiny.png", "--to", "Blond,Male,Young=no", "--out", "said"]).ok();

    let fails = |attributes: &str, code: i32, says: &[&str]| {
        let set = ["--set", attributes, "--batch", "4"];
        train(&place, "stargan", STAR, &[&["--data", "faces", "--out", "other"], &set[..]].concat()).refused(code, says);
    };
    fails("attributes=Brown", 2, &["no such attribute of faces", "Black, Blond, Male, Young"]);
    fails("attributes=auto", 2, &["has no classes; say which attributes: Black"]);
    fs::write(place.path("faces/list.csv"), "file,Black\n0.png,1\nmissing.png,0\n").expect("it is written");
    fails("attributes=Black", 1, &["missing.png", "broken=skip"]);
}

/// What is known of the rows is part of what a run is.
#[test]
fn a_list_that_has_changed_is_not_gone_on_with() {
    let place = Place::new();
    faces(&place);
    let set = ["--set", "attributes=Male", "--batch", "4"];
    train(&place, "stargan", STAR, &[&["--data", "faces", "--out", "run"], &set[..]].concat()).ok();
    place.run(&["train", "--resume", "run", "--steps", "4"]).ok();
    let list = fs::read_to_string(place.path("faces/list.csv")).expect("it is there");
    fs::write(place.path("faces/list.csv"), list.replace("0.png,0,1,0", "0.png,0,1,1")).expect("it is written");
    place.run(&["train", "--resume", "run"]).refused(2, &["SHA-256 mismatch of the attributes"]);
}

/// A run begins with the weights of another one's checkpoint, whole or by network.
#[test]
fn a_run_begins_with_given_weights() {
    let place = Place::new();
    seasons(&place);
    let data = ["--data", "seasons"];
    train(&place, "cyclegan", CYCLE, &[&data[..], &["--out", "first"]].concat()).ok();
    let weights = "first/checkpoints/step-0000004.safetensors";
    let done =
        train(&place, "cyclegan", CYCLE, &[&data[..], &["--out", "second", "--seed", "5", "--init", weights]].concat()).ok();
    assert!(done.stderr.contains("begins with the weights of"), "{}", done.stderr);
    let toml = run_toml(&place, "second");
    assert!(toml["init"][0]["path"].as_str().is_some_and(|path| path.ends_with(weights)) && toml["init"][0]["sha256"].is_str());
    let tensors = |run: &str, step: u64, prefix: &str| {
        let bytes = place.checkpoint(run, step);
        let file = safetensors::SafeTensors::deserialize(&bytes).expect("a checkpoint");
        let mut all: Vec<(String, Vec<u8>)> = file.tensors().into_iter().map(|(name, v)| (name, v.data().to_vec())).collect();
        all.retain(|(name, _)| name.starts_with(prefix));
        all.sort();
        all
    };
    for network in ["netG_A.", "netG_B.", "netD_A.", "netD_B."] {
        let (trained, begun) = (tensors("first", 4, network), tensors("second", 0, network));
        assert!(!begun.is_empty() && trained == begun, "{network}");
    }
    // Moments begin anew.
    assert!(tensors("second", 0, "optimizer.").iter().all(|(_, bytes)| bytes.iter().all(|&b| b == 0)));
    // A network alone, without its name, as a state dict has it.
    let bytes = place.checkpoint("first", 4);
    let file = safetensors::SafeTensors::deserialize(&bytes).expect("a checkpoint");
    let own = file.tensors().into_iter().filter_map(|(name, v)| Some((name.strip_prefix("netG_A.")?.to_owned(), v)));
    fs::write(place.path("g.safetensors"), safetensors::serialize(own, None).expect("it is written")).expect("it is written");
    let third = [&data[..], &["--out", "third", "--seed", "5", "--init", "netG_B=g.safetensors"]].concat();
    train(&place, "cyclegan", CYCLE, &third).ok();
    let values = |all: Vec<(String, Vec<u8>)>| all.into_iter().map(|(_, bytes)| bytes).collect::<Vec<_>>();
    assert_eq!(values(tensors("third", 0, "netG_B.")), values(tensors("first", 4, "netG_A.")));
    assert_ne!(values(tensors("third", 0, "netG_A.")), values(tensors("first", 4, "netG_A.")));
    let refused = |init: &str, says: &[&str]| {
        train(&place, "cyclegan", CYCLE, &[&data[..], &["--out", "none", "--init", init]].concat()).refused(1, says);
        assert!(!place.path("none").exists());
    };
    refused("g.safetensors", &["no name of a tensor matches", "within netG_A, netG_B", "--init netG_A=FILE"]);
    refused("netG=g.safetensors", &["no network `netG`"]);
    refused("nowhere.safetensors", &["nowhere.safetensors"]);
    refused("seasons/trainA/0.png", &["not a whole safetensors file"]);
    let counted = ["train", "markov", "--data", "digits", "--device", "cpu", "--init", "g.safetensors", "--out", "none"];
    place.run(&counted).refused(2, &["--init has no effect on markov"]);
}
