//! Images from patches: what is given in any order, what is shown, what is refused.

use std::fs;
use std::path::{Path, PathBuf};

use calotype_data::picture::{grid, read_png, write_png};
use calotype_data::read_npy;

use crate::support::{Ended, Place, same, text};

/// A Puzzle-GAN of digits of 16x16 whose images depend on their patches visibly.
const SET: &[&str] = &["size=16", "width=4", "embedding=8", "latents=4", "lr=0.01"];

fn train(place: &Place, out: &str, more: &[&str]) -> Ended {
    let set: Vec<&str> = SET.iter().flat_map(|set| ["--set", set]).collect();
    let fixed = ["train", "puzzle-gan", "--data", "digits", "--steps", "40", "--batch", "8", "--device", "cpu", "--threads", "1"];
    place.run(&[&fixed[..], &set, &["--out", out], more].concat()).ok()
}

fn compose(place: &Place, more: &[&str]) -> Ended {
    place.run(&[&["compose", "run", "--device", "cpu"], more].concat())
}

fn bytes(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A picture of this height and width, in colours or grey.
fn picture(place: &Place, name: &str, [h, w]: [usize; 2], channels: usize) -> PathBuf {
    let path = place.path(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("it is made");
    let values: Vec<f32> = (0..h * w * channels).map(|n| (n * 37 % 101) as f32 / 100.0).collect();
    write_png(&path, &grid(&values, [1, h, w, channels], None, 0).expect("a picture")).expect("it is written");
    path
}

/// All orders of four things.
fn orders() -> Vec<[usize; 4]> {
    let all = (0..256).map(|n| [n / 64, n / 16 % 4, n / 4 % 4, n % 4]);
    all.filter(|order| (0..4).all(|n| order.contains(&n))).collect()
}

/// Bytes of arrays of numbers: not a bit depends on the order of patches, whether they come from files or from an image.
#[test]
fn the_order_of_patches_changes_not_a_bit() {
    let place = Place::new();
    train(&place, "run", &[]);
    compose(&place, &["--from", "test:3", "--cut", "cut", "--out", "from.npy"]).ok();
    let cut = ["patch-1.png", "patch-2.png", "patch-3.png"].map(|name| place.path("cut").join(name));
    picture(&place, "fourth.png", [5, 7], 1);
    let files = [&cut[0], &cut[1], &cut[2], &place.path("fourth.png")].map(|path| text(path).to_owned());
    let by = |order: &[usize]| {
        let given: Vec<&str> = order.iter().map(|&n| files[n].as_str()).collect();
        compose(&place, &[&given[..], &["--out", "out.npy"]].concat()).ok();
        bytes(&place.path("out.npy"))
    };
    // Patches that were cut are those of the image, as files too.
    same(&by(&[0, 1, 2]), &bytes(&place.path("from.npy")));
    same(&by(&[2, 0, 1]), &bytes(&place.path("from.npy")));
    let first = by(&[0, 1, 2, 3]);
    assert_eq!(orders().len(), 24);
    orders().iter().for_each(|order| same(&by(order), &first));
    assert!(by(&[0, 1, 2]) != first && by(&[0, 1]) != by(&[0, 2]), "and which they are counts");
}

#[test]
fn images_are_written_as_asked_for() {
    let place = Place::new();
    train(&place, "run", &[]);
    let sizes = |name: &str| read_png(&place.path(name)).expect(name).dimensions();
    let done = compose(&place, &["--from", "test:5", "--cut", "cut", "--out", "one.png"]).ok();
    assert_eq!(done.stdout, "one.png\n");
    assert!(done.stderr.contains("1 image of 3 patches from"), "{}", done.stderr);
    // Three patches, the mask, the result, the original: 6 tiles of 16 and their margins, three times enlarged.
    assert_eq!(sizes("one.png"), (3 * (6 * 17 + 1), 3 * 18));
    compose(&place, &["--from", "test:5", "--count", "4", "--out", "four.npy", "--seed", "2"]).ok();
    let four = read_npy(&place.path("four.npy"), 1 << 20).expect("an array");
    assert_eq!(four.shape, [4, 16, 16, 1]);
    assert!(four.data.iter().all(|v| (0.0..=1.0).contains(v)));
    let image = |n: usize| &four.data[n * 256..(n + 1) * 256];
    assert!((1..4).all(|n| image(n) != image(0)), "other latents");
    // A folder of patches; one image at its own size, several in a sheet.
    let done = compose(&place, &["cut", "--seed", "2", "--out", "alone.png"]).ok();
    assert!(!done.stderr.contains("learned from 3 patches"), "{}", done.stderr);
    assert_eq!(sizes("alone.png"), (16, 16));
    compose(&place, &["cut", "--seed", "2", "--out", "alone.npy"]).ok();
    let alone = read_npy(&place.path("alone.npy"), 1 << 20).expect("an array");
    let worst = alone.data.iter().zip(image(0)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-6, "--count changes no image but for last bits: {worst}");
    compose(&place, &["cut", "--count", "5", "--out", "sheet.png"]).ok();
    assert!(sizes("sheet.png").0 > 16 * 3);
    // From a file, in any channels and size, as other commands take it.
    picture(&place, "whole.png", [40, 30], 3);
    compose(&place, &["--from", "whole.png", "--out", "whole.npy"]).ok();
    let done = compose(&place, &["cut/patch-1.png", "--out", "single.png"]).ok();
    assert!(done.stderr.contains("1 patch, and the run learned from 3 patches"), "{}", done.stderr);
}

/// Patches, mask, result and original of test rows, all along, and in the report.
#[test]
fn a_run_shows_its_compositions() {
    let place = Place::new();
    train(&place, "run", &["--set", "sample_every=20"]);
    let at = |step: u64| place.path(&format!("run/samples/compositions-{step:07}.png"));
    let [first, last] = [20, 40].map(|step| bytes(&at(step)));
    assert_ne!(first, last, "it learns");
    // Eight lines of three patches, mask, result, original.
    let (width, height) = read_png(&at(40)).expect("a picture").dimensions();
    assert_eq!((width % (6 * 17 + 1), height % (8 * 17 + 1), width / (6 * 17 + 1)), (0, 0, height / (8 * 17 + 1)));
    assert!(place.path("run/samples/compositions.gif").exists());
    let report = fs::read_to_string(place.path("run/report.html")).expect("a report");
    assert!(report.contains("Compositions") && report.contains("its key patches"));
    let metrics = fs::read_to_string(place.path("run/metrics.jsonl")).expect("metrics");
    for loss in ["loss_d", "loss_g", "spatial", "appearance"] {
        assert!(metrics.contains(&format!("\"{loss}\"")), "{loss}");
    }
}

#[test]
fn what_cannot_be_composed_is_refused_before_work() {
    let place = Place::new();
    train(&place, "run", &[]);
    compose(&place, &["--from", "test:1", "--cut", "cut", "--out", "x.png"]).ok();
    fs::remove_file(place.path("x.png")).expect("it was there");
    let refused = |more: &[&str], code: i32, says: &[&str]| {
        compose(&place, &[more, &["--out", "x.png"]].concat()).refused(code, says);
        assert!(!place.path("x.png").exists(), "{more:?}");
    };
    let made = |name: &str, size: [usize; 2], channels: usize| text(&picture(&place, name, size, channels)).to_owned();
    refused(&[], 2, &["no patches", "--from"]);
    refused(&[&made("large.png", [17, 8], 1)], 2, &["large.png has 17x8 pixels", "16x16", "--from"]);
    refused(&["cut", &made("point.png", [1, 1], 1)], 2, &["point.png has 1x1 pixels", "2 to 16", "of 4 to 8"]);
    refused(&[&made("colour.png", [6, 6], 3)], 2, &["colour.png is in colour", "learned from grey images"]);
    refused(&["nowhere.png"], 2, &["nowhere.png"]);
    fs::write(place.path("broken.png"), &bytes(&place.path("cut/patch-1.png"))[..40]).expect("it is written");
    refused(&["cut", "broken.png"], 1, &["broken.png"]);
    fs::write(place.path("words.png"), "no picture").expect("it is written");
    refused(&["words.png"], 1, &["words.png"]);
    refused(&["cut", "--from", "test:1"], 2, &["--from"]);
    refused(&["cut", "--cut", "there"], 2, &["--cut", "--from IMAGE"]);
    refused(&["cut", "--count", "0"], 2, &["--count"]);
    refused(&["--from", "test:99999"], 2, &["no row 99999"]);
    refused(&["--from", "test:one"], 2, &["test:12"]);
    refused(&["--from", "cut"], 2, &["--from cut", "folder"]);
    refused(&["--from", "nowhere.png"], 2, &["nowhere.png"]);
    refused(&["--from", "test:1", "--cut", "no/such"], 2, &["--cut no/such"]);
    compose(&place, &["cut", "--out", "x.jpg"]).refused(2, &["x.jpg", ".png or .npy"]);
    compose(&place, &["cut", "--out", "no/x.png"]).refused(2, &["there is no folder no"]);
    let before = bytes(&place.path("cut/patch-1.png"));
    compose(&place, &["cut", "--out", "cut/patch-1.png"]).refused(2, &["one of the images given"]);
    same(&before, &bytes(&place.path("cut/patch-1.png")));
    // Runs that cannot compose, and what this one can do instead of other things.
    place.train("gan", &["--steps", "1"]);
    place.run(&["compose", "gan", "cut", "--out", "x.png"]).refused(2, &["dcgan composes no images", "calotype sample"]);
    place.run(&["sample", "run", "--device", "cpu"]).refused(2, &["puzzle-gan generates no rows", "calotype compose"]);
}
