//! Latents by name: what is set, what goes through a range, which images are made; and codes whose meaning a model learns.

use std::fs::{self, File};
use std::io::BufReader;

use calotype_data::picture::{RgbImage, read_png};
use calotype_data::read_npy;
use image::AnimationDecoder;
use image::codecs::gif::GifDecoder;

use crate::support::{Ended, LIVELY, Place};

/// An InfoGAN that takes a blink: latents are z.0 to z.2, category (0 to 3), c1, c2.
const TINY: &[&str] =
    &["width=2", "size=8", "hidden=6", "hidden_q=5", "latents=3", "categories=4", "lr_g=0.02", "sample_every=20"];

fn train(place: &Place, name: &str) {
    let set: Vec<&str> = TINY.iter().flat_map(|set| ["--set", set]).collect();
    let args = ["train", "infogan", "--data", "digits", "--device", "cpu", "--threads", "1", "--batch", "16", "--steps", "40"];
    place.run(&[&args[..], &set, &["--out", name]].concat()).ok();
}

fn sample(place: &Place, run: &str, args: &[&str]) -> Ended {
    place.run(&[&["sample", run, "--device", "cpu"], args].concat())
}

/// Images [N, ..] that the arguments give, as numbers.
fn numbers(place: &Place, run: &str, args: &[&str]) -> Vec<Vec<f32>> {
    sample(place, run, &[args, &["--out", "numbers.npy"]].concat()).ok();
    let npy = read_npy(&place.path("numbers.npy"), 1 << 24).expect("an array");
    npy.data.chunks_exact(npy.shape[1..].iter().product()).map(<[f32]>::to_vec).collect()
}

fn picture(place: &Place, run: &str, args: &[&str]) -> RgbImage {
    sample(place, run, &[args, &["--out", "picture.png"]].concat()).ok();
    read_png(&place.path("picture.png")).expect("a picture")
}

fn n_frames(place: &Place, run: &str, args: &[&str]) -> usize {
    sample(place, run, &[args, &["--out", "film.gif"]].concat()).ok();
    let file = BufReader::new(File::open(place.path("film.gif")).expect("a film"));
    GifDecoder::new(file).expect("a GIF").into_frames().collect_frames().expect("frames").len()
}

#[track_caller]
fn close(a: &[f32], b: &[f32]) {
    let far = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(a.len() == b.len() && far < 1e-5, "{far}");
}

fn differ(a: &[f32], b: &[f32]) -> bool {
    a.iter().zip(b).any(|(a, b)| (a - b).abs() > 1e-4)
}

/// What is set is what a file of such latents gives, and nothing else changes.
#[test]
fn a_condition_sets_latents_by_their_names() {
    let place = Place::new();
    train(&place, "run");
    let row = |z0: f32, category: usize, c2: f32| {
        let one = |n: usize| f32::from(u8::from(n == category));
        vec![z0, 0.25, -0.75, one(0), one(1), one(2), one(3), 0.125, c2]
    };
    let write = |name: &str, rows: &[Vec<f32>]| {
        calotype_data::write_npy(&place.path(name), &[rows.len(), 9], &rows.concat()).expect("it is written");
    };
    write("given.npy", &[row(0.5, 0, -0.5), row(-0.5, 3, 0.5)]);
    write("wanted.npy", &[row(0.5, 2, 1.5), row(-0.5, 2, 1.5)]);
    let set = ["--condition", "category=2", "--condition", "c2=1.5", "--latents"];
    let got = numbers(&place, "run", &[&set[..], &["given.npy"]].concat());
    let want = numbers(&place, "run", &["--latents", "wanted.npy"]);
    got.iter().zip(&want).for_each(|(got, want)| close(got, want));
    assert!(differ(&got[0], &numbers(&place, "run", &["--latents", "given.npy"])[0]), "it changes something");
    let both = numbers(&place, "run", &["--latents", "given.npy", "--condition", "z.0=0"]);
    write("wanted.npy", &[row(0.0, 0, -0.5), row(0.0, 3, 0.5)]);
    both.iter().zip(&numbers(&place, "run", &["--latents", "wanted.npy"])).for_each(|(got, want)| close(got, want));
}

/// One range: a row a draw. Two: a plane of one draw, the first from left to right. By frames, there and back.
#[test]
fn ranges_are_columns_rows_and_frames() {
    let place = Place::new();
    train(&place, "run");
    let swept = numbers(&place, "run", &["--condition", "c1=-2..2", "--count", "3"]);
    assert_eq!(swept.len(), 3 * 9);
    let at = |c1: &str| numbers(&place, "run", &["--condition", c1, "--count", "3"]);
    for (column, c1) in [(0, "c1=-2"), (4, "c1=0"), (8, "c1=2")] {
        for (row, want) in at(c1).iter().enumerate() {
            close(&swept[9 * row + column], want);
        }
    }
    assert!(differ(&swept[0], &swept[8]) && differ(&swept[0], &swept[9]), "a code and a draw each change an image");
    let plane = numbers(&place, "run", &["--condition", "category=3..0", "--condition", "c1=-1..1", "--images", "2"]);
    assert_eq!(plane.len(), 4 * 9, "four categories beside each other, nine values below each other");
    for (place_of, conditions) in
        [(0, ["category=3", "c1=-1"]), (3, ["category=0", "c1=-1"]), (4 * 8 + 1, ["category=2", "c1=1"])]
    {
        let [category, c1] = conditions;
        let one = numbers(&place, "run", &["--condition", category, "--condition", c1, "--images", "2"]);
        close(&plane[place_of], &one[0]);
    }
    // 9 columns and 2 rows of 8 pixels, with margins of one.
    let sheet = picture(&place, "run", &["--condition", "c1=-2..2", "--count", "2", "--scale", "1"]);
    assert_eq!(sheet.dimensions(), (9 * 9 + 1, 2 * 9 + 1));
    assert_eq!(n_frames(&place, "run", &["--condition", "c1=-2..2", "--count", "2"]), 25 + 23);
    assert_eq!(n_frames(&place, "run", &["--condition", "c1=-2..2", "--condition", "category=0..3"]), 4);
    assert_eq!(n_frames(&place, "run", &["--interpolate", "--count", "3", "--scale", "2"]), 2 * 24 + 1);
    let named = sample(&place, "run", &["--condition", "category=3", "--condition", "c1=-2..2"]).ok().stdout;
    assert_eq!(named, "run/condition-category-3-c1--2to2-seed-0.png\n");
}

/// A walk keeps the category of a stretch, so that nothing jumps within it.
#[test]
fn an_interpolation_keeps_its_category_along_a_stretch() {
    let place = Place::new();
    train(&place, "run");
    let rows = [[0.5, 0.25, -0.75, 1.0, 0.0, 0.0, 0.0, 0.125, 0.5], [-0.5, 0.5, 0.75, 0.0, 0.0, 0.0, 1.0, -0.125, -0.5]];
    calotype_data::write_npy(&place.path("ends.npy"), &[2, 9], &rows.concat()).expect("it is written");
    let walk = numbers(&place, "run", &["--latents", "ends.npy", "--interpolate"]);
    let same = numbers(&place, "run", &["--latents", "ends.npy", "--interpolate", "--condition", "category=0"]);
    assert_eq!(walk.len(), 9);
    walk.iter().zip(&same).for_each(|(a, b)| close(a, b));
    let strip = picture(&place, "run", &["--latents", "ends.npy", "--interpolate", "--scale", "1"]);
    assert_eq!(strip.dimensions(), (9 * 9 + 1, 8 + 2), "a line with both ends");
}

/// Each is what the whole grid has in its place: as numbers and as a picture, whatever its size.
#[test]
fn images_of_a_grid_are_made_alone_and_enlarged() {
    let place = Place::new();
    train(&place, "run");
    let whole = numbers(&place, "run", &["--seed", "3", "--count", "20"]);
    let some = numbers(&place, "run", &["--seed", "3", "--images", "7,1,17..18"]);
    for (got, n) in some.iter().zip([7, 1, 17, 18]) {
        assert_eq!(got, &whole[n], "image {n}");
    }
    assert_eq!(some.len(), 4);
    // A sheet has a column a category.
    let sheet = picture(&place, "run", &["--seed", "3", "--count", "20", "--scale", "1"]);
    let one = picture(&place, "run", &["--seed", "3", "--images", "6", "--scale", "5"]);
    assert_eq!((sheet.dimensions(), one.dimensions()), ((4 * 9 + 1, 5 * 9 + 1), (50, 50)));
    for (x, y) in (0..64).map(|n| (n % 8, n / 8)) {
        let pixel = one.get_pixel(5 * (1 + x) + 2, 5 * (1 + y) + 4);
        assert_eq!(pixel, sheet.get_pixel(1 + 2 * 9 + x, 1 + 9 + y), "pixel {x}, {y} of column 2, row 1");
    }
    let pair = numbers(&place, "run", &["--seed", "3", "--images", "7,1", "--interpolate"]);
    assert!(!differ(&pair[0], &whole[7]));
    // Models that draw pixel by pixel have such a grid too.
    place.run(&["train", "markov", "--data", "digits", "--device", "cpu", "--out", "counted"]).ok();
    let whole = numbers(&place, "counted", &["--count", "9"]);
    assert_eq!(numbers(&place, "counted", &["--images", "8,2"]), [whole[8].clone(), whole[2].clone()]);
    assert_eq!(picture(&place, "counted", &["--images", "8", "--scale", "3"]).dimensions(), (30, 30));
}

/// Truncated latents are nearer to each other, and a wide truncation changes nothing; a row depends on no other.
#[test]
fn truncation_narrows_normal_latents() {
    let place = Place::new();
    place.train("run", LIVELY);
    let spread = |rows: &[Vec<f32>]| {
        let far = |row: &Vec<f32>| row.iter().zip(&rows[0]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        rows.iter().map(far).fold(0.0, f32::max)
    };
    let (plain, wide) =
        (numbers(&place, "run", &["--count", "9"]), numbers(&place, "run", &["--count", "9", "--truncation", "9"]));
    plain.iter().zip(&wide).for_each(|(a, b)| assert!(!differ(a, b)));
    let narrow = numbers(&place, "run", &["--count", "9", "--truncation", "0.05"]);
    assert!(spread(&narrow) < 0.3 * spread(&plain), "{} of {}", spread(&narrow), spread(&plain));
    assert!(spread(&narrow) > 0.0);
    assert_eq!(numbers(&place, "run", &["--images", "4", "--truncation", "0.05"])[0], narrow[4]);
}

#[test]
fn what_cannot_be_set_is_refused_with_what_can() {
    let place = Place::new();
    train(&place, "run");
    place.train("dcgan", &["--steps", "1"]);
    place.run(&["train", "markov", "--data", "digits", "--device", "cpu", "--out", "counted"]).ok();
    let known = "z.0 to z.2, category (0 to 3), c1, c2";
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("run", &["--condition", "c3=1"], &["--condition c3=1", "no latent `c3`", known]),
        ("run", &["--condition", "c1"], &["NAME=VALUE", known]),
        ("run", &["--condition", "category=4"], &["`4`", "from 0 to 3"]),
        ("run", &["--condition", "z=1"], &["from z.0 to z.2"]),
        ("run", &["--condition", "c1=x"], &["a number"]),
        ("run", &["--condition", "c1=1", "--condition", "c1=2"], &["`c1` is set twice"]),
        ("run", &["--condition", "c1=-2..2", "--interpolate"], &["--interpolate", "c1"]),
        ("run", &["--condition", "c1=0..1", "--condition", "c2=0..1", "--condition", "z.0=0..1"], &["3 ranges"]),
        ("run", &["--condition", "c1=0..1", "--condition", "c2=0..1", "--count", "3"], &["--count has no effect", "--images"]),
        ("run", &["--condition", "c1=0..1", "--condition", "c2=0..1", "--images", "3,4"], &["one number"]),
        ("run", &["--condition", "c1=0", "--out", "a.gif"], &["--interpolate", "c1=-2..2"]),
        ("run", &["--condition", "c1=0", "--traverse"], &["--condition", "--traverse"]),
        ("run", &["--truncation", "0.5"], &["--truncation is for normal latents", "uniform"]),
        ("run", &["--images", "1..x"], &["3,7,10..12"]),
        ("run", &["--images", "3", "--count", "4"], &["--images", "--count"]),
        ("run", &["--images", "3", "--interpolate"], &["at least two"]),
        ("run", &["--scale", "2", "--out", "a.npy"], &["--scale is for pictures"]),
        ("run", &["--scale", "0"], &["--scale"]),
        ("run", &["--traverse", "--out", "a.gif"], &["need .png, .npy or .npz"]),
        ("dcgan", &["--truncation", "0"], &["from 0.001"]),
        ("run", &["--traverse", "--images", "3"], &["--images"]),
        ("dcgan", &["--condition", "z.0=-2..2", "--scale", "64", "--out", "a.gif"], &["smaller --scale"]),
        ("dcgan", &["--condition", "category=1"], &["no latent `category`", "z.0 to z.3"]),
        ("counted", &["--condition", "c1=1"], &["markov has no latents"]),
        ("counted", &["--truncation", "1"], &["markov has no latents"]),
    ];
    for (run, args, says) in cases {
        sample(&place, run, args).refused(2, says);
    }
}

/// By name, and by number: the classes that the decoder is told.
#[test]
fn a_class_is_set_by_its_name() {
    let place = Place::new();
    let args = [
        "train",
        "aae",
        "--data",
        "digits",
        "--device",
        "cpu",
        "--threads",
        "1",
        "--batch",
        "20",
        "--steps",
        "9",
        "--out",
        "run",
    ];
    place.run(&[&args[..], &["--set", "hidden=12", "--set", "labels=decoder"]].concat()).ok();
    let sheet = numbers(&place, "run", &["--condition", "class=0..9", "--count", "1"]);
    assert_eq!(numbers(&place, "run", &["--condition", "class=7", "--count", "1"])[0], sheet[7]);
    assert!(differ(&sheet[7], &sheet[2]));
    sample(&place, "run", &["--condition", "class=ten"]).refused(2, &["`ten`", "0, 1, 2, 3, 4, 5, 6, 7, 8, 9"]);
    numbers(&place, "run", &["--truncation", "0.5", "--count", "2"]);
}

/// Codes one after the other while it learns, as a film and in the report; by hand; and what the category knows of classes.
#[test]
fn codes_are_traversed_and_held_against_classes() {
    let place = Place::new();
    train(&place, "run");
    for file in ["traversal-0000020.png", "traversal-0000040.png"] {
        // Three codes, three rows each; five columns, since categories are fewer.
        let sheet = read_png(&place.path(&format!("run/samples/{file}"))).expect("a picture");
        let (width, height) = sheet.dimensions();
        assert_eq!(f64::from(width) / f64::from(height), 46.0 / 82.0, "{width} x {height}");
    }
    assert!(fs::read(place.path("run/samples/traversal.gif")).expect("a film").starts_with(b"GIF89a"));
    assert!(fs::read_to_string(place.path("run/report.html")).expect("a report").contains("Traversal of codes"));
    let sheet = picture(&place, "run", &["--traverse", "--count", "2", "--scale", "1"]);
    assert_eq!(sheet.dimensions(), (5 * 9 + 1, 6 * 9 + 1), "two draws a code");

    let said = place.run(&["encode", "run", "--device", "cpu", "--out", "features.npy"]).ok().stdout;
    let line = said.lines().find(|l| l.starts_with("category as a classifier of class")).expect("a line");
    assert!(line.contains("of 359 rows; 4 categories and 10 values, matched one to one by the training rows"), "{said}");
    let accuracy: f64 = line.split("accuracy ").nth(1).and_then(|l| l.split(' ').next()).expect("one").parse().expect("a number");
    assert!((1.0..=45.0).contains(&accuracy), "four categories are right about four classes of ten at most: {line}");
    assert!(said.contains("  0 = "), "{said}");
    let features = read_npy(&place.path("features.npy"), 1 << 20).expect("an array");
    assert_eq!(features.shape, [359, 6]);
    assert!(features.data.chunks_exact(6).all(|row| (row[..4].iter().sum::<f32>() - 1.0).abs() < 1e-4), "probabilities");
    let alone = place.run(&["encode", "run", "--device", "cpu"]).ok().stdout;
    assert!(alone.starts_with("category as a classifier of class"), "no file is asked for: {alone}");
}
