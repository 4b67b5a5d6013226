//! A model that draws from text: its captions, what it draws, what is refused.

use std::fs;

use calotype_data::picture::{grid, read_png, write_png};
use calotype_data::read_npy;

use crate::support::{Ended, Place, same};

const CPU: [&str; 4] = ["--device", "cpu", "--threads", "1"];
/// One that takes a blink: three steps of the encoder, then five.
const TINY: &[&str] = &[
    "size=32",
    "width=2",
    "width_d=2",
    "latents=3",
    "text_width=4",
    "text_length=48",
    "embedding=5",
    "projection=3",
    "encoder_steps=3",
    "batch=4",
];

fn train(place: &Place, more: &[&str]) -> Ended {
    let set: Vec<&str> = TINY.iter().flat_map(|set| ["--set", set]).collect();
    place.run(&[&["train", "text2image", "--steps", "8"], &CPU[..], &set, more].concat())
}

fn draw(place: &Place, run: &str, more: &[&str]) -> Ended {
    place.run(&[&["draw", run, "--device", "cpu"], more].concat())
}

/// Six small pictures, and what is said of them.
fn folder(place: &Place, name: &str, captions: &str) {
    fs::create_dir_all(place.path(name)).expect("a folder");
    for n in 0..6 {
        let values: Vec<f32> = (0..32 * 32 * 3).map(|i| ((i * (n + 3)) % 17) as f32 / 17.0).collect();
        let picture = grid(&values, [1, 32, 32, 3], None, 0).expect("a picture");
        write_png(&place.path(name).join(format!("{n}.png")), &picture).expect("it is written");
    }
    fs::write(place.path(name).join("captions.csv"), captions).expect("it is written");
}

const CAPTIONS: &str = "file,caption\n0.png,a red dog\n0.png,one dog that is red\n1.png,a blue cat\n2.png,the sea\n3.png,a tree\n4.png,\"a house, \
                        tall\"\n5.png,a red dog\n";

#[test]
fn sentences_become_pictures_that_repeat() {
    let place = Place::new();
    let trained = train(
        &place,
        &["--data", "shapes", "--set", "rows=900", "--set", "sample_every=4", "--set", "log_every=1", "--out", "run"],
    );
    trained.ok();
    let logged = fs::read_to_string(place.path("run/metrics.jsonl")).expect("metrics");
    let lines: Vec<&str> = logged.lines().collect();
    assert!(lines[..3].iter().all(|line| line.contains("retrieval") && line.contains("loss_e")), "{logged}");
    assert!(lines[3..8].iter().all(|line| line.contains("loss_d") && !line.contains("retrieval")), "{logged}");
    assert!(place.path("run/samples/drawings-0000008.png").exists() && place.path("run/samples/drawings.gif").exists());
    assert!(fs::read_to_string(place.path("run/report.html")).expect("a report").contains("Drawings"));

    let two = ["a large blue square, bottom left", "a small red ring, top"];
    let first = draw(&place, "run", &[two[0], two[1], "--out", "two.png", "--count", "5", "--seed", "4"]).ok();
    assert_eq!(first.stdout.trim(), "two.png");
    assert!(first.stderr.contains("10 pictures from"), "{}", first.stderr);
    draw(&place, "run", &[two[0], two[1], "--out", "again.png", "--count", "5", "--seed", "4"]).ok();
    let bytes = |name: &str| fs::read(place.path(name)).expect("it is there");
    same(&bytes("two.png"), &bytes("again.png"));
    let picture = read_png(&place.path("two.png")).expect("a picture");
    // Two lines of five images of 32 pixels, three times enlarged, each with a sentence of one line below.
    assert_eq!(picture.dimensions(), (3 * (5 * 33 + 1), 2 * (3 * 34 + 18)));

    let array = |more: &[&str], name: &str| {
        draw(&place, "run", &[more, &["--out", name]].concat()).ok();
        read_npy(&place.path(name), 1 << 20).expect("an array")
    };
    let both = array(&[two[0], two[1], "--count", "2"], "both.npy");
    assert_eq!(both.shape, [4, 32, 32, 3]);
    assert!(both.data.iter().all(|v| (0.0..=1.0).contains(v)));
    let alone = array(&[two[1], "--count", "2"], "alone.npy");
    let half = both.data.len() / 2;
    let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
    assert!(near(&alone.data, &both.data[half..]), "a sentence is drawn as if it were alone");
    let walk = array(&[two[0], two[1], "--interpolate", "--count", "1"], "walk.npy");
    let n = 32 * 32 * 3;
    assert_eq!(walk.shape, [9, 32, 32, 3]);
    assert!(
        near(&walk.data[..n], &both.data[..n]) && near(&walk.data[8 * n..], &both.data[half..half + n]),
        "from one to the other"
    );
}

/// A folder's captions are hashed, and rows without one left out; a run goes on while they are what they were.
#[test]
fn a_folder_with_captions_is_learned_from() {
    let place = Place::new();
    folder(&place, "pets", &CAPTIONS.replace("3.png,a tree\n", ""));
    let said = place.run(&["data", "pets"]).ok().stdout;
    assert!(said.contains("captions  5 different ones, of 5 rows"), "{said}");
    let trained = train(&place, &["--data", "pets", "--out", "run"]).ok();
    assert!(trained.stderr.contains("left out: 1 rows without a caption, the first of them 3.png"), "{}", trained.stderr);
    let toml: toml::Table = fs::read_to_string(place.path("run/run.toml")).expect("it is there").parse().expect("TOML");
    assert!(
        toml["data"]["captions_sha256"].as_str().is_some_and(|hash| hash.len() == 64)
            && toml["data"]["n_train"].as_integer() == Some(5)
    );
    place.run(&["train", "--resume", "run", "--steps", "10"]).ok();
    folder(&place, "pets", &CAPTIONS.replace("3.png,a tree\n", "").replace("the sea", "the lake"));
    place.run(&["train", "--resume", "run", "--steps", "12"]).refused(2, &["SHA-256 mismatch of the captions"]);
    draw(&place, "run", &["the sea", "--out", "sea.png"]).ok();
}

#[test]
fn what_cannot_be_learned_from_is_refused() {
    let place = Place::new();
    train(&place, &["--data", "emoji", "--set", "rows=50"]).refused(2, &["`rows` is for generated data"]);
    train(&place, &["--data", "fashion-mnist"]).refused(2, &["its rows have no captions", "captions.csv (file, caption)"]);
    for (captions, code, says) in [
        ("file,caption\n0.png,same\n1.png,Same\n", 2, "captions of its training rows say the same"),
        ("file,title\n0.png,x\n", 1, "no `caption`: file, title"),
        ("file,caption\n9.png,x\n", 1, "1 that are not there: 9.png"),
        ("file,caption\n0.png,a dog, red\n", 1, "between quotes"),
    ] {
        folder(&place, "pets", captions);
        train(&place, &["--data", "pets"]).refused(code, &[says]);
    }
    fs::write(place.path("pets/captions.csv"), b"file,caption\n0.png,caf\xe9\n").expect("it is written");
    train(&place, &["--data", "pets"]).refused(1, &["UTF-8"]);
    assert!(!place.path("runs").exists(), "before any work");
    let too_few = ["train", "text2image", "--steps", "8", "--set", "encoder_steps=8"];
    place.run(&too_few).refused(2, &["more than encoder_steps=8", "fewer encoder_steps"]);
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    let place = Place::new();
    let out = ["--out", "x.png"];
    train(&place, &["--data", "shapes", "--set", "rows=900", "--set", "checkpoint_every=3", "--out", "run"]).ok();
    for (more, says) in [
        (&["", "--out", "x.png"][..], "nothing to draw"),
        (&[" \u{e000} ", "--out", "x.png"], "nothing to draw"),
        (&["a ring", "--out", "x.jpg"], "ends in .png or .npy"),
        (&["a ring", "--out", "none/x.png"], "there is no folder none"),
        (&["a ring", "--out", "x.npy", "--scale", "2"], "--scale is for pictures"),
        (&["a ring", "--interpolate", "--out", "x.png"], "at least two sentences"),
        (
            &["a ring", "--checkpoint", "3", "--out", "x.png"],
            "generator has not begun to learn, the first 3 are of the text encoder",
        ),
    ] {
        draw(&place, "run", more).refused(2, &[says]);
    }
    assert!(!place.path("x.png").exists());
    let cut = draw(&place, "run", &[&["a ring ".repeat(20).as_str(), "a\u{e000}b"], &out[..]].concat()).ok().stderr;
    assert!(cut.contains("the run reads 48 characters") && cut.contains("read as blanks: \u{e000}"), "{cut}");
    place.train("gan", &["--steps", "2"]);
    draw(&place, "gan", &[&["a ring"], &out[..]].concat()).refused(2, &["draws nothing from text", "calotype sample"]);
    place.run(&["sample", "run"]).refused(2, &["generates no rows", "calotype encode, draw"]);
}
