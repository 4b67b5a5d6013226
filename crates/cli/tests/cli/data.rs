//! Data of every kind with every verb, and what is said of them.

use std::fs;
use std::io::Write;
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

/// 40 images of 6x9 with these many bits, 8 or more, in two folders.
fn wide(place: &Place, name: &str, bits: u32) {
    for n in 0..40_u32 {
        let class = place.path(name).join(["even", "odd"][n as usize % 2]);
        fs::create_dir_all(&class).expect("a folder");
        let value = |x: u32, y: u32| ((n * 977 + x * 3_001 + y * 5_003) % (1 << bits)) as u16;
        let image = image::ImageBuffer::<image::Luma<u16>, _>::from_fn(9, 6, |x, y| image::Luma([value(x, y)]));
        image.save(class.join(format!("{n:02}.png"))).expect("it is written");
    }
}

fn npz(place: &Place, name: &str, arrays: &[(&str, Vec<u8>)]) {
    let mut zip = zip::ZipWriter::new(fs::File::create(place.path(name)).expect("a file"));
    for (name, bytes) in arrays {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).expect("an entry");
        zip.write_all(bytes).expect("it is written");
    }
    zip.finish().expect("it is whole");
}

/// A zip of a folder of classes.
fn zipped(place: &Place, name: &str, of: &str) {
    let mut files = vec![];
    for class in ["even", "odd"] {
        for entry in fs::read_dir(place.path(of).join(class)).expect("a folder") {
            let path = entry.expect("an entry").path();
            files.push((
                format!("{of}/{class}/{}", path.file_name().expect("a name").display()),
                fs::read(&path).expect("it is there"),
            ));
        }
    }
    let files: Vec<(&str, Vec<u8>)> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
    npz(place, name, &files);
}

/// Images with a table of what they are.
fn listed(place: &Place, name: &str) {
    wide(place, name, 16);
    let lines: String = (0..40).map(|n| format!("{n:02}.png,{}\n", ["cat", "dog", "emu"][n % 3])).collect();
    for class in ["even", "odd"] {
        for entry in fs::read_dir(place.path(name).join(class)).expect("a folder") {
            let path = entry.expect("an entry").path();
            fs::rename(&path, place.path(name).join(path.file_name().expect("a name"))).expect("it is moved");
        }
    }
    write(place, &format!("{name}/list.csv"), format!("file,kind\n{lines}").as_bytes());
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

    // Wider than the model's size, of 16 bits, in an archive, in a file of arrays, with a list.
    wide(&place, "wide", 16);
    wide(&place, "sixteen", 12);
    zipped(&place, "folder.zip", "folder");
    npz(
        &place,
        "images.npz",
        &[("x_train.npy", npy_u8("30, 4, 4", &images(256)[..480])), ("x_test.npy", npy_u8("10, 4, 4", &images(256)[480..]))],
    );
    listed(&place, "listed");

    let nade: &[&str] = &["nade", "--set", "hidden=4", "--steps", "2"];
    let levels: &[&str] =
        &["pixelcnn", "--set", "levels=4", "--set", "width=2", "--set", "blocks=1", "--set", "head=4", "--steps", "1"];
    let numbers: &[&str] = &["rnade", "--set", "hidden=4", "--steps", "2"];
    let files = [
        "17.npy",
        "256.npy",
        "unit.npy",
        "bits.npy",
        "images-idx3-ubyte",
        "folder",
        "wide",
        "sixteen",
        "folder.zip",
        "images.npz",
        "listed",
    ];
    let gan: &[&str] = &["gan", "--preset", "images", "--set", "hidden=8", "--steps", "1"];
    let all = files.iter().flat_map(|file| [(*file, nade), (*file, levels), (*file, gan)]).chain([("table.csv", numbers)]);
    for (n, (file, model)) in all.enumerate() {
        let (run, file) = (format!("run-{n}"), format!("./{file}"));
        let common = ["--data", &file, "--out", &run, "--batch", "8", "--set", "test_every=4"];
        let held_out: &[&str] = if model == gan { &[] } else { &["--set", "validation=0"] };
        let size: &[&str] = if file.contains("wide") || file.contains("sixteen") { &["--set", "size=4"] } else { &[] };
        place.run(&[&["train"], model, &common, held_out, size, &CPU].concat()).ok();
        if model == gan {
            let more = ["train", "--resume", &run, "--steps", "2"];
            place.run(&more).ok();
            continue;
        }
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

/// Columns of another table are those of the same names, wherever they stand.
#[test]
fn columns_of_another_table_are_matched_by_name() {
    let place = Place::new();
    let row = |n: u32| [f64::from(n % 13), 100.0 + f64::from(n * 7 % 31), -0.5 * f64::from(n % 5)];
    let table = |names: [&str; 3], order: [usize; 3], extra: &str| -> String {
        let head = order.map(|at| names[at]).join(",");
        let line = |n: u32| {
            format!("{}{}\n", order.map(|at| row(n)[at].to_string()).join(","), if extra.is_empty() { "" } else { ",9" })
        };
        format!("{head}{extra}\n{}", (0..60).map(line).collect::<String>())
    };
    let names = ["age", "weight", "score"];
    for (name, text) in [
        ("own.csv", table(names, [0, 1, 2], "")),
        ("turned.csv", table(names, [2, 0, 1], ",more")),
        ("other.csv", table(["a", "b", "c"], [0, 1, 2], "")),
        ("part.csv", table(["age", "weight", "mark"], [0, 1, 2], "")),
    ] {
        write(&place, name, text.as_bytes());
    }
    place.run(&[&["train", "rnade", "--data", "own.csv", "--out", "run", "--steps", "20"], &CPU[..]].concat()).ok();
    let scores = |data: &str| {
        let said = place.run(&[&["score", "run", "--data", data, "--out", "s.csv"], &CPU[..]].concat()).ok().stderr;
        (fs::read(place.path("s.csv")).expect("a table"), said)
    };
    let (own, _) = scores("own.csv");
    same(&own, &scores("turned.csv").0);
    let (by_place, said) = scores("other.csv");
    same(&own, &by_place);
    assert!(said.contains("taken in their order: a for age"), "{said}");
    place.run(&[&["score", "run", "--data", "part.csv"], &CPU[..]].concat()).refused(1, &["part.csv", "it lacks score"]);
    // Settings of the other data; they are none of the run's own.
    write(&place, "holes.csv", b"age,weight,score\n1,2,3\n4,,6\n7,8,9\n");
    let score = |more: &[&str]| place.run(&[&["score", "run", "--data", "holes.csv"], more, &CPU].concat());
    score(&[]).refused(1, &["--set missing=drop"]);
    let said = score(&["--set", "missing=drop"]).ok();
    assert!(
        said.stderr.contains("1 lines with missing values") && said.stdout.contains("2 rows"),
        "{}{}",
        said.stderr,
        said.stdout
    );
    score(&["--set", "missing=drop", "--out", "lines.csv"]).ok();
    let lines = fs::read_to_string(place.path("lines.csv")).expect("a table");
    let lines: Vec<Vec<&str>> = lines.lines().map(|line| line.split(',').take(3).collect()).collect();
    assert_eq!(lines, [["row", "index", "line"], ["0", "0", "2"], ["1", "1", "4"]]);
    place.run(&["score", "run", "--set", "missing=drop"]).refused(2, &["--set has no effect on the run's own data"]);
}

/// Data that were moved are the run's; data of other content, or of the same content in other splits, are not.
#[test]
fn a_run_goes_on_where_its_data_were_moved() {
    let place = Place::new();
    folder(&place, "all");
    fs::create_dir(place.path("photos")).expect("a folder");
    fs::rename(place.path("all/even"), place.path("photos/train")).expect("it is moved");
    fs::rename(place.path("all/odd"), place.path("photos/test")).expect("it is moved");
    let train = ["train", "nade", "--data", "photos", "--out", "run", "--steps", "2", "--batch", "8", "--set", "hidden=4"];
    place.run(&[&train[..], &CPU].concat()).ok();
    fs::rename(place.path("photos"), place.path("moved")).expect("it is moved");
    place.run(&["train", "--resume", "run", "--steps", "4"]).refused(2, &["not at", "photos", "--data PATH"]);
    place.run(&["score", "run"]).refused(2, &["not at", "--data PATH"]);
    place.run(&["train", "--resume", "run", "--steps", "4", "--data", "moved"]).ok();
    assert!(fs::read_to_string(place.path("run/run.toml")).expect("a run").contains("moved\""));
    place.run(&[&["score", "run"], &CPU[..]].concat()).ok();
    // The last of the training rows becomes the first of the test rows: the same rows in the same order.
    fs::rename(place.path("moved/train/38.png"), place.path("moved/test/00.png")).expect("it is moved");
    let refused = place.run(&["train", "--resume", "run", "--steps", "6"]);
    refused.refused(2, &["of the splits", "the data have changed", "--data PATH"]);
}

/// How a run reads other files does not depend on whether its own are still there.
#[test]
fn other_files_are_read_alike_when_the_own_data_are_gone() {
    let place = Place::new();
    let array = |name: &str, low: f32| {
        let values: Vec<f32> = images(256).iter().map(|&v| low + (1.0 - low) * f32::from(v) / 255.0).collect();
        calotype_data::write_npy(&place.path(name), &[40, 4, 4], &values).expect("it is written");
    };
    // The second by itself would be taken for 0..1.
    array("signed.npy", -1.0);
    array("bright.npy", 0.1);
    let train = ["train", "nade", "--data", "signed.npy", "--out", "run", "--steps", "2", "--batch", "8", "--set", "hidden=4"];
    place.run(&[&train[..], &CPU].concat()).ok();
    let score = |out: &str| {
        place.run(&[&["score", "run", "--data", "bright.npy", "--out", out], &CPU[..]].concat()).ok();
        fs::read(place.path(out)).expect("a table")
    };
    let before = score("before.csv");
    fs::remove_file(place.path("signed.npy")).expect("it is there");
    same(&before, &score("after.csv"));
    // All of it is above the middle of -1..1.
    let ones = place.run(&[&["score", "run", "--data", "bright.npy", "--explain", "0"], &CPU[..]].concat()).ok().stdout;
    let bit = |line: &str| line.split_once(')')?.1.split_whitespace().next()?.parse::<u32>().ok();
    assert_eq!(ones.lines().filter_map(bit).collect::<Vec<_>>(), [1; 16], "{ones}");
}
