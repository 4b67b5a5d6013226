//! Data of every kind with every verb, and what is said of them.

use std::fs;
use std::path::Path;

use calotype_data::picture;

use crate::support::{Place, same, text};

const CPU: [&str; 2] = ["--device", "cpu"];

/// An array of bytes as NumPy writes it.
fn npy_u8(shape: &str, data: &[u8]) -> Vec<u8> {
    let mut header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({shape}), }}");
    while (header.len() + 11) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    [b"\x93NUMPY\x01\x00", (header.len() as u16).to_le_bytes().as_slice(), header.as_bytes(), data].concat()
}

fn idx(sizes: &[u32], data: &[u8]) -> Vec<u8> {
    let sizes = sizes.iter().flat_map(|s| s.to_be_bytes()).collect::<Vec<u8>>();
    [&[0, 0, 8, (sizes.len() / 4) as u8], sizes.as_slice(), data].concat()
}

/// 40 images of 4x4 with these many levels: two kinds of them.
fn images(levels: u32) -> Vec<u8> {
    let value = |n: u32, at: u32| (n * 7 + at * (1 + n % 2) * 5) % levels;
    (0..40).flat_map(|n| (0..16).map(move |at| value(n, at) as u8)).collect()
}

fn folder(place: &Place, name: &str) {
    for (n, image) in images(256).chunks(16).enumerate() {
        let class = place.path(name).join(["even", "odd"][n % 2]);
        fs::create_dir_all(&class).expect("a folder");
        let values: Vec<f32> = image.iter().map(|&v| f32::from(v) / 255.0).collect();
        let picture = picture::grid(&values, [1, 4, 4, 1], None, 0).expect("a picture");
        picture::write_png(&class.join(format!("{n:02}.png")), &picture).expect("it is written");
    }
}

fn write(place: &Place, name: &str, bytes: &[u8]) {
    fs::write(place.path(name), bytes).expect("it is written");
}

/// What a run was trained on is scored and encoded alike whether it is the run's own data or named again: by every model's values, in
/// every kind of file.
#[test]
fn what_was_trained_on_is_usable_by_every_verb() {
    let place = Place::new();
    write(&place, "17.npy", &npy_u8("40, 4, 4", &images(17)));
    write(&place, "256.npy", &npy_u8("40, 4, 4, 1", &images(256)));
    let unit: Vec<f32> = images(256).iter().map(|&v| f32::from(v) / 255.0).collect();
    calotype_data::write_npy(&place.path("unit.npy"), &[40, 4, 4], &unit).expect("it is written");
    let bits: Vec<f32> = images(2).iter().map(|&v| v.into()).collect();
    calotype_data::write_npy(&place.path("bits.npy"), &[40, 4, 4], &bits).expect("it is written");
    write(&place, "images-idx3-ubyte", &idx(&[40, 4, 4], &images(256)));
    write(&place, "labels-idx1-ubyte", &idx(&[40], &[0, 1].repeat(20)));
    folder(&place, "folder");
    let table: String =
        images(256).chunks(16).map(|row| format!("{},{},{}\n", row[0], f64::from(row[1]) / 7.0, row[2])).collect();
    write(&place, "table.csv", table.as_bytes());

    let nade: &[&str] = &["nade", "--set", "hidden=4", "--steps", "2"];
    let levels: &[&str] =
        &["pixelcnn", "--set", "levels=4", "--set", "width=2", "--set", "blocks=1", "--set", "head=4", "--steps", "1"];
    let numbers: &[&str] = &["rnade", "--set", "hidden=4", "--steps", "2"];
    let files = ["17.npy", "256.npy", "unit.npy", "bits.npy", "images-idx3-ubyte", "folder"];
    let all = files.iter().flat_map(|file| [(*file, nade), (*file, levels)]).chain([("table.csv", numbers)]);
    for (n, (file, model)) in all.enumerate() {
        let (run, file) = (format!("run-{n}"), format!("./{file}"));
        let common = ["--data", &file, "--out", &run, "--batch", "8", "--set", "validation=0", "--set", "test_every=4"];
        place.run(&[&["train"], model, &common, &CPU].concat()).ok();
        let score = |out: &str, more: &[&str]| {
            place.run(&[&["score", &run, "--out", out], more, &CPU].concat()).ok();
            fs::read(place.path(out)).expect("a table")
        };
        let own = score("own.csv", &[]);
        same(&own, &score("again.csv", &["--data", &file]));
        if model == nade {
            let encode = |out: &str, more: &[&str]| {
                place.run(&[&["encode", &run, "--out", out], more, &CPU].concat()).ok();
                fs::read(place.path(out)).expect("features")
            };
            same(&encode("own.npy", &[]), &encode("again.npy", &["--data", &file]));
        }
        place.run(&[&["score", &run, "--against", &file], &CPU[..]].concat()).ok();
        place.run(&[&["score", &run, "--explain", "1", "--data", &file], &CPU[..]].concat()).ok();
        // What it draws is scored as drawn.
        place.run(&[&["sample", &run, "--count", "3", "--out", "drawn.npy"], &CPU[..]].concat()).ok();
        let said = place.run(&[&["score", &run, "--data", "drawn.npy"], &CPU[..]].concat()).ok().stderr;
        assert!(
            model == numbers || said.contains("taken as the model's levels") || file.contains("unit") || file.contains("bits")
        );
    }
    // Levels of another number than the run's are refused, not taken for its own.
    let message = ["expected a level below 17"];
    place.run(&[&["score", "run-0", "--data", "./256.npy"], &CPU[..]].concat()).refused(1, &message);
}

#[test]
fn rows_of_a_folder_are_named_by_file() {
    let place = Place::new();
    folder(&place, "photos");
    let train = ["train", "nade", "--data", "photos", "--out", "run", "--steps", "2", "--batch", "8", "--set", "hidden=4"];
    place.run(&[&train[..], &CPU].concat()).ok();
    let args = ["score", "run", "--data", "photos", "--out", "scores.csv", "--worst", "3", "--out-sheet", "worst.png"];
    let said = place.run(&[&args[..], &CPU].concat()).ok().stdout;
    let mut table = csv::Reader::from_path(place.path("scores.csv")).expect("a table");
    assert_eq!(table.headers().expect("a head"), vec!["row", "index", "file", "log_likelihood_nats", "bits_per_dim", "bound"]);
    let rows: Vec<(f64, String)> =
        table.records().map(|r| r.expect("a row")).map(|r| (-r[3].parse::<f64>().expect("nats"), r[2].to_owned())).collect();
    assert_eq!((rows.len(), rows[0].1.as_str(), rows[39].1.as_str()), (40, "even/00.png", "odd/39.png"));
    let mut sorted = rows.clone();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let listed: Vec<&str> = said.lines().filter(|l| l.contains(".png")).collect();
    assert_eq!(listed.len(), 3, "{said}");
    assert!(listed[0].contains(&sorted[0].1) && listed[0].contains(&format!("{:.3} nats", sorted[0].0)), "{said}");
    let sheet = picture::read_png(&place.path("worst.png")).expect("a sheet");
    assert!(sheet.width() > 400 && sheet.height() > 400);
    // Without being asked: five of them, and of the other data too.
    fs::create_dir(place.path("more")).expect("a folder");
    fs::copy(place.path("photos/odd/01.png"), place.path("more/other.png")).expect("a copy");
    fs::copy(place.path("photos/odd/03.png"), place.path("more/stranger.png")).expect("a copy");
    let said = place.run(&[&["score", "run", "--against", "more"], &CPU[..]].concat()).ok().stdout;
    assert_eq!(said.lines().filter(|l| l.contains("/") && l.contains(".png")).count(), 5, "{said}");
    assert!(said.contains("most surprising rows of more") && said.contains("stranger.png"), "{said}");
    place.run(&[&["encode", "run", "--out", "f.npy", "--rows", "rows.csv"], &CPU[..]].concat()).ok();
    let rows = fs::read_to_string(place.path("rows.csv")).expect("a table");
    assert!(rows.starts_with("row,index,file,class\n0,0,even/00.png,even\n"), "{rows}");
    // One image by itself, and a class by its name.
    place.run(&[&["score", "run", "--data", "photos/odd/01.png"], &CPU[..]].concat()).ok();
    place.run(&[&["encode", "run", "--data", "photos/odd/01.png", "--out", "one.npy"], &CPU[..]].concat()).ok();
    let one = [&["train", "independent", "--data", "photos", "--out", "without", "--set", "exclude=odd"][..], &CPU].concat();
    place.run(&one).ok();
    let config = fs::read_to_string(place.path("without/run.toml")).expect("a run");
    assert!(config.contains("exclude = 1\n") && config.contains("exclude_name = \"odd\""), "{config}");
    let said = place.run(&[&["score", "without", "--split", "all"], &CPU[..]].concat()).ok().stdout;
    assert!(said.contains("odd") && said.contains("excluded from training"), "{said}");
    place
        .run(&["train", "independent", "--data", "photos", "--set", "exclude=old"])
        .refused(2, &["no such class", "the classes even, odd"]);
}

#[test]
fn data_says_what_training_will_see() {
    let place = Place::new();
    folder(&place, "photos/train");
    folder(&place, "photos/test");
    write(&place, "photos/train/even/cut.png", b"\x89PNG");
    write(&place, "photos/train/.DS_Store", b"x");
    place.run(&["data", "photos"]).refused(1, &["1 of 81 images", "even/cut.png", "--set broken=skip"]);
    let said = place.run(&["data", "photos", "--set", "broken=skip", "--sheet", "sheet.png"]).ok().stdout;
    for part in [
        "photos: 80 rows (40 train, 40 test)",
        "values    4x4x1 (height x width x channels), 256 levels",
        "even                 20 train, 20 test",
        "left out  1 hidden files and folders: train/.DS_Store",
        "left out  1 images that cannot be read: train/even/cut.png (truncated or damaged",
        "sheet.png",
    ] {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
    let sheet = picture::read_png(&place.path("sheet.png")).expect("a sheet");
    assert!(sheet.width() > 400);
    place.run(&["data", "photos", "--set", "label=x"]).refused(2, &["`label` has no effect", "a folder or an archive of images"]);
    place.run(&["data", "photos", "--set", "sise=3"]).refused(2, &["no setting `sise`", "did you mean `size`"]);
    place.run(&["data", "digits", "--sheet", "no/sheet.png"]).refused(2, &["no"]);
    place.run(&["data", "ring", "--sheet", "ring.png"]).refused(2, &["--sheet draws images"]);
    // What was skipped is in the run.
    let train = ["train", "independent", "--data", "photos", "--out", "run", "--set", "broken=skip"];
    let said = place.run(&[&train[..], &CPU].concat()).ok().stderr;
    assert!(said.contains("left out: 1 images that cannot be read: train/even/cut.png"), "{said}");
    let config = fs::read_to_string(place.path("run/run.toml")).expect("a run");
    assert!(config.contains("broken = \"skip\"") && config.contains("cut.png"), "{config}");
    place.run(&[&["score", "run"], &CPU[..]].concat()).ok();
    assert!(Path::new(text(&place.path("run"))).is_dir());
}

/// Columns far from 0 keep their digits on the way in and on the way out, and where they lie changes no likelihood.
#[test]
fn numbers_keep_their_digits() {
    let place = Place::new();
    let noise = |n: u32| f64::from(n.wrapping_mul(2_654_435_761) >> 8) / f64::from(1 << 24);
    let table = |shift: [f64; 3]| -> String {
        let row = |n: u32| {
            let [t, north, x] = [f64::from(n), 0.4 * noise(n) - 0.2, noise(n + 5_000) + noise(n + 9_000)];
            format!("{:.3},{:.6},{:.6}\n", shift[0] + t, shift[1] + north, shift[2] + x)
        };
        "time,northing,x\n".to_owned() + &(0..1000).map(row).collect::<String>()
    };
    let nats = |name: &str, shift: [f64; 3]| {
        write(&place, &format!("{name}.csv"), table(shift).as_bytes());
        let data = format!("{name}.csv");
        let train = ["train", "rnade", "--data", &data, "--out", name, "--steps", "60", "--set", "test_every=5"];
        place.run(&[&train[..], &CPU].concat()).ok();
        let said = place.run(&[&["score", name], &CPU[..]].concat()).ok().stdout;
        let own = said.lines().find_map(|l| l.split_once("own units it is ")).expect("own units").1;
        own.split_whitespace().next().and_then(|v| v.parse::<f64>().ok()).expect("nats")
    };
    let (far, near) = (nats("far", [1.7e9, 5_123_456.0, 0.0]), nats("near", [0.0; 3]));
    assert!((far - near).abs() < 0.02, "{far} and {near}");
    place.run(&[&["sample", "far", "--count", "200", "--out", "far.npy"], &CPU[..]].concat()).ok();
    assert!(fs::read(place.path("far.npy")).expect("samples").windows(3).any(|w| w == b"<f8"));
    let drawn = calotype_data::open(text(&place.path("far.npy")), &calotype_data::Options::default()).expect("rows");
    let mut times: Vec<u64> = (0..200).map(|row| drawn.values().get(3 * row).to_bits()).collect();
    times.sort_unstable();
    times.dedup();
    assert!(times.len() > 190, "{} different times of 200", times.len());
    place.run(&[&["score", "far", "--data", "far.npy"], &CPU[..]].concat()).ok();
}
