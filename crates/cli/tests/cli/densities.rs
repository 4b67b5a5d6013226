//! Models with a density, from the command line: trained, scored, explained, completed, encoded, compared.

use std::fs;
use std::path::{Path, PathBuf};

use calotype_data::read_npy;

use crate::support::{Place, same, text};

/// Every explicit model of images, and what makes it small and quick.
const MODELS: [(&str, &[&str]); 7] = [
    ("independent", &[]),
    ("markov", &[]),
    ("context", &["--set", "neighbours=4"]),
    ("nade", &["--steps", "20", "--set", "hidden=20"]),
    ("pixelcnn", &["--steps", "3", "--set", "width=4", "--set", "blocks=1"]),
    ("row-lstm", &["--steps", "3", "--set", "width=4", "--set", "layers=1"]),
    ("diagonal-bilstm", &["--steps", "3", "--set", "width=4", "--set", "layers=1"]),
];

const CPU: [&str; 4] = ["--device", "cpu", "--threads", "1"];

/// Trains a small model on digits.
fn train(place: &Place, model: &str, small: &[&str]) -> PathBuf {
    let path = place.path(model);
    place.run(&[&["train", model, "--data", "digits", "--out", text(&path)], small, &CPU].concat()).ok();
    path
}

fn bits(values: &[f32]) -> bool {
    values.iter().all(|&v| v == 0.0 || v == 1.0)
}

/// Numbers in the last column but one of each line that has the chain rule's six.
fn running_sum(text: &str) -> Vec<f64> {
    let line = |l: &str| l.split_whitespace().last().and_then(|n| n.parse().ok()).filter(|_| l.contains('('));
    text.lines().filter_map(line).collect()
}

#[test]
fn every_model_scores_draws_and_completes() {
    let place = Place::new();
    for (model, small) in MODELS {
        let run = train(&place, model, small);
        let report = fs::read_to_string(run.join("report.html")).expect("a report");
        let counted = ["independent", "markov", "context"].contains(&model);
        assert_eq!(report.contains("<h2>Curves</h2>"), !counted, "{model}: what counts has no curve");
        let run = text(&run);
        let (csv, npy) = (place.path("scores.csv"), place.path("pixels.npy"));
        let args = [&["score", run, "--count", "5", "--out", text(&csv), "--pixels", text(&npy)][..], &CPU].concat();
        let said = place.run(&args).ok().stdout;
        assert!(said.contains("nats a row") && said.contains("exact"), "{model}: {said}");
        let pixels = read_npy(&npy, 1 << 20).expect("an array");
        assert_eq!(pixels.shape, [5, 8, 8, 1], "{model}");
        let csv = fs::read_to_string(&csv).expect("a table");
        let lines: Vec<Vec<&str>> = csv.lines().map(|l| l.split(',').collect()).collect();
        assert_eq!(lines[0], ["row", "index", "log_likelihood_nats", "bits_per_dim", "bound"], "{model}");
        assert_eq!([lines[1][0], lines[1][1], lines[5][0]], ["0", "4", "4"], "{model}: every fifth of the digits is a test row");
        for (line, row) in lines[1..].iter().zip(pixels.data.chunks_exact(64)) {
            let log_p: f64 = line[2].parse().expect("a number");
            let sum: f64 = row.iter().map(|&v| f64::from(v)).sum();
            assert!((log_p - sum).abs() < 1e-3 && log_p < 0.0 && line[4] == "exact", "{model}: {line:?}, {sum}");
        }

        let explained = place.run(&[&["score", run, "--explain", "0"][..], &CPU].concat()).ok().stdout;
        let sums = running_sum(&explained);
        let first: f64 = lines[1][2].parse().expect("a number");
        assert_eq!(sums.len(), 64, "{model}: {explained}");
        assert!((sums[63] - first).abs() < 1e-3, "{model}: {} and {first}", sums[63]);

        let drawn = place.path("drawn.npy");
        place.run(&[&["sample", run, "--count", "3", "--out", text(&drawn)][..], &CPU].concat()).ok();
        let three = read_npy(&drawn, 1 << 20).expect("an array");
        assert_eq!(three.shape, [3, 8, 8, 1], "{model}");
        assert!(bits(&three.data), "{model}");
        place.run(&[&["sample", run, "--count", "70", "--out", text(&drawn)][..], &CPU].concat()).ok();
        let many = read_npy(&drawn, 1 << 20).expect("an array");
        assert_eq!(many.data[..3 * 64], three.data, "{model}: rows do not depend on their number");

        // What was drawn can be scored and completed: it is data of the model's own.
        let said = place.run(&[&["score", run, "--data", text(&drawn)][..], &CPU].concat()).ok().stdout;
        assert!(said.contains("70 rows"), "{model}: {said}");
        let completed = place.path("completed.npy");
        let args = ["sample", run, "--complete", text(&drawn), "--keep", "left", "--count", "4", "--out", text(&completed)];
        place.run(&[&args[..], &CPU].concat()).ok();
        let completed = read_npy(&completed, 1 << 20).expect("an array");
        for image in completed.data.chunks_exact(64) {
            let left = |image: &[f32]| (0..64).filter(|d| d % 8 < 4).map(|d| image[d]).collect::<Vec<_>>();
            assert_eq!(left(image), left(&many.data[..64]), "{model}: the left half is kept");
        }
    }
}

#[test]
fn pictures_and_films_are_written() {
    let place = Place::new();
    let run = train(&place, "context", &[]);
    let run = text(&run);
    for name in ["grid.png", "film.gif"] {
        let out = place.path(name);
        place.run(&[&["sample", run, "--count", "2", "--complete", "test:1", "--out", text(&out)][..], &CPU].concat()).ok();
        assert!(fs::metadata(&out).is_ok_and(|m| m.len() > 100), "{name}");
    }
    let folder = place.path("heat");
    place.run(&[&["score", run, "--heatmaps", text(&folder), "--count", "2"][..], &CPU].concat()).ok();
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 2);
    let again = train_as(&place, "again", "context");
    let (png, table) = (place.path("ladder.png"), place.path("ladder.md"));
    let args = ["ladder", run, text(&again), "--out", text(&png), "--table", text(&table), "--columns", "3"];
    let said = place.run(&[&args[..], &CPU].concat()).ok().stdout;
    assert!(said.contains("context") && said.contains("best"), "{said}");
    assert!(fs::read_to_string(&table).expect("a table").contains("| context |") && png.exists());
}

fn train_as(place: &Place, name: &str, model: &str) -> PathBuf {
    let path = place.path(name);
    place.run(&[&["train", model, "--data", "digits", "--out", text(&path)], &CPU[..]].concat()).ok();
    path
}

#[test]
fn what_does_not_fit_is_found() {
    let place = Place::new();
    let nine = place.path("no-nines");
    let args = ["train", "independent", "--data", "digits", "--set", "exclude=1", "--out", text(&nine)];
    place.run(&[&args[..], &CPU].concat()).ok();
    let config = fs::read_to_string(nine.join("run.toml")).expect("a run");
    assert!(config.contains("exclude = 1"), "{config}");
    let said = place.run(&[&["score", text(&nine)][..], &CPU].concat()).ok().stdout;
    assert!(said.contains("class 1") && said.contains("AUROC") && said.contains("alarms"), "{said}");
    // Noise is less likely than digits by far, and a model as its own background tells nothing apart.
    let noise = place.path("noise.npy");
    let values: Vec<f32> = (0..50 * 64_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 31) as f32).collect();
    calotype_data::write_npy(&noise, &[50, 8, 8, 1], &values).expect("it is written");
    let run = train(&place, "context", &[]);
    let args = ["score", text(&run), "--against", text(&noise)];
    let area = |said: &str| -> f64 {
        let line = said.lines().rev().find(|l| l.starts_with("AUROC")).unwrap_or_else(|| panic!("{said}"));
        line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{line}"))
    };
    let found = area(&place.run(&[&args[..], &CPU].concat()).ok().stdout);
    assert!(found > 0.95, "{found}");
    let none = area(&place.run(&[&args[..], &["--background", text(&run)], &CPU].concat()).ok().stdout);
    assert_eq!(none, 0.5);
}

#[test]
fn features_are_encoded_and_probed() {
    let place = Place::new();
    let run = train(&place, "nade", &["--steps", "60", "--set", "hidden=20"]);
    let out = place.path("features.npy");
    let said = place.run(&[&["encode", text(&run), "--out", text(&out), "--probe"][..], &CPU].concat()).ok().stdout;
    assert_eq!(read_npy(&out, 1 << 20).expect("an array").shape, [359, 20]);
    let percent = |line: &str| -> f64 {
        let found = said.lines().find(|l| l.starts_with(line)).unwrap_or_else(|| panic!("{said}"));
        found[16..].split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{found}"))
    };
    assert!(percent("20 features") > 50.0 && percent("raw values") > 85.0, "{said}");
    let gan = place.train("gan", &["--steps", "2"]);
    place.run(&[&["encode", text(&gan), "--out", text(&out)][..], &CPU].concat()).ok();
    assert_eq!(read_npy(&out, 1 << 24).expect("an array").shape[0], 359);
}

/// Stopped half way, and gone on with: the same bits as in one go, validation included.
#[test]
fn a_resumed_density_is_the_same_to_the_bit() {
    let place = Place::new();
    let small = ["--set", "hidden=10", "--set", "validate_every=7", "--set", "plateau=1", "--set", "checkpoint_every=10"];
    let train = |name: &str, steps: &str| {
        let path = place.path(name);
        let args = ["train", "nade", "--data", "digits", "--out", text(&path), "--steps", steps];
        place.run(&[&args[..], &small, &CPU].concat()).ok();
    };
    train("whole", "60");
    train("parts", "30");
    place.run(&["train", "--resume", text(&place.path("parts")), "--steps", "60", "--threads", "1"]).ok();
    assert!(place.checkpoint("whole", 60) == place.checkpoint("parts", 60), "checkpoints differ");
    let losses = |name: &str| {
        let lines = calotype_training::metrics::read(&place.path(name).join("metrics.jsonl")).expect("metrics");
        lines.into_iter().map(|l| (l.step, l.losses)).collect::<Vec<_>>()
    };
    assert_eq!(losses("whole"), losses("parts"));
    assert!(losses("whole").iter().any(|(_, l)| l.iter().any(|(name, _)| name == "validation_nats")));
}

#[test]
fn training_ends_when_held_out_rows_no_longer_improve_and_the_best_is_used() {
    let place = Place::new();
    let path = place.path("run");
    let settings = ["hidden=40", "validate_every=10", "patience=2", "plateau=1000", "lr=0.05", "decay=0", "keep_checkpoints=1"];
    let mut args = vec!["train", "nade", "--data", "digits", "--steps", "5000", "--out", text(&path)];
    settings.iter().for_each(|s| args.extend(["--set", *s]));
    let said = place.run(&[&args[..], &CPU].concat()).ok().stderr;
    assert!(said.contains("no longer improve"), "{said}");
    let checkpoints = fs::read_dir(path.join("checkpoints")).expect("a folder").count();
    assert_eq!(checkpoints, 2, "the last and the best are kept");
    let mean = |which: &[&str]| -> f64 {
        let said = place.run(&[&["score", text(&path), "--split", "train"][..], which, &CPU].concat()).ok().stdout;
        let line = said.lines().find(|l| l.starts_with("-log p")).unwrap_or_else(|| panic!("{said}"));
        line.split_whitespace().nth(2).and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{line}"))
    };
    let (auto, best, last) = (mean(&[]), mean(&["--checkpoint", "best"]), mean(&["--checkpoint", "last"]));
    assert_eq!(auto, best);
    assert_ne!(best, last);
    // Nothing is left to do.
    let said = place.run(&["train", "--resume", text(&path), "--threads", "1"]).ok().stderr;
    assert!(said.contains("no longer improve"), "{said}");
    // The best is damaged, or gone: the last one serves, and it is said.
    let entries = fs::read_dir(path.join("checkpoints")).expect("a folder").map(|e| e.expect("an entry").path());
    let lost = entries.min().expect("there are two");
    let score = |which: &[&str]| place.run(&[&["score", text(&path), "--split", "train"][..], which, &CPU].concat());
    for gone in [false, true] {
        if gone { fs::remove_file(&lost) } else { fs::write(&lost, b"nothing") }.expect("it is spoilt");
        let said = score(&[]).ok().stderr;
        assert!(said.contains(text(&lost)) && said.contains("is used instead"), "{said}");
        assert_eq!(mean(&[]), last);
        score(&["--checkpoint", "best"]).refused(1, &[text(&lost), "is damaged"]);
    }
}

#[test]
fn wrong_use_is_refused_with_what_would_be_right() {
    let place = Place::new();
    let gan = place.train("gan", &["--steps", "1"]);
    let run = train(&place, "independent", &[]);
    let other = place.path("levels");
    let args = ["train", "independent", "--data", "digits", "--set", "levels=17", "--out", text(&other)];
    place.run(&[&args[..], &CPU].concat()).ok();
    let (gan, run, other) = (text(&gan), text(&run), text(&other));
    let three = place.path("three.npy");
    calotype_data::write_npy(&three, &[1, 8, 8, 1], &[3.0; 64]).expect("it is written");
    let cases: [(&[&str], &[&str]); 22] = [
        (&["train", "markov", "--data", "digits", "--steps", "5"], &["no effect on markov", "`steps`"]),
        (&["bench", "train", "markov"], &["markov learns by counting"]),
        (&["score", gan], &["dcgan has no density", "generation"]),
        (&["score", run, "--explain", "359"], &["no row 359", "359 rows"]),
        (&["score", run, "--inner", "4"], &["--data or --against"]),
        (&["score", run, "--background", other], &["trained on 8x8x1 images of 17 levels, and", "on 8x8x1 images of bits"]),
        (&["score", run, "--background", gan], &["dcgan has no density"]),
        (&["score", run, "--false-alarms", "1"], &["from 0 to below 1"]),
        (&["score", run, "--false-alarms", "0.1"], &["--against DATA"]),
        (&["score", run, "--explain", "1", "--out", "x.csv"], &["--explain", "--out"]),
        (&["score", run, "--out", "x.npy"], &["ends in .csv"]),
        (&["encode", gan, "--out", "x.csv"], &["ends in .npy"]),
        (&["sample", run, "--interpolate"], &["no latents", "--complete"]),
        (&["sample", run, "--complete", "test:x"], &["test:12"]),
        (&["sample", run, "--complete", "test:9999"], &["no row 9999"]),
        (&["sample", gan, "--complete", "test:1"], &["cannot complete", "pixelcnn"]),
        (&["sample", run, "--out", "x.jpg"], &[".png, .npy, .npz or .gif"]),
        (&["ladder", run, other], &["cannot be compared", "levels:17"]),
        (&["encode", run], &["no features"]),
        (&["train", "independent", "--data", "digits", "--set", "test_every=5"], &["`test_every`", "no effect on digits"]),
        (&["train", "independent", "--data", "digits", "--set", "rows=5"], &["`rows`", "no effect on digits"]),
        (&["train", "independent", "--data", "digits", "--set", "exclude=10"], &["exclude=10", "10 classes"]),
    ];
    for (args, says) in cases {
        let ended = place.run(args);
        assert_eq!(ended.code, Some(2), "{args:?}: {}", ended.stderr);
        ended.refused(2, says);
    }
    // Digits as floats of 0 to 16 are digits; what has more levels is not.
    let said = place.run(&["score", run, "--data", text(&three)]).ok().stderr;
    assert!(said.contains("three.npy: 17 levels, prepared as the training data were: bits:threshold"), "{said}");
    calotype_data::write_npy(&three, &[1, 8, 8, 1], &[30.0; 64]).expect("it is written");
    place.run(&["score", run, "--data", text(&three)]).refused(1, &["expected a whole number from 0 to 16", "found 30"]);
    calotype_data::write_npy(&three, &[1, 8, 8, 1], &[-3.5; 64]).expect("it is written");
    place.run(&["score", run, "--data", text(&three)]).refused(1, &["it holds the value -3.5", "levels from 0 to 1"]);
    place.run(&["score", run, "--checkpoint", "best"]).refused(2, &["no held-out set"]);
    same_seed_same_bytes(&place, run);
}

/// A table of `n` columns of numbers, `constant` of them the same in every row.
fn table(place: &Place, name: &str, n: usize, constant: &[usize]) -> PathBuf {
    let header: Vec<String> = (1..=n).map(|c| format!("x{c}")).collect();
    let mut lines = vec![header.join(",")];
    for row in 0..40 {
        let number = |c| if constant.contains(&c) { "0.1".to_owned() } else { format!("{}", (row * 7 + c * 3) % 11) };
        lines.push((1..=n).map(number).collect::<Vec<_>>().join(","));
    }
    fs::write(place.path(name), lines.join("\n")).expect("it is written");
    place.path(name)
}

#[test]
fn columns_that_do_not_match_are_counted_for_both() {
    let place = Place::new();
    let rnade = |name: &str, data: &Path| {
        let path = place.path(name);
        let args = ["train", "rnade", "--data", text(data), "--steps", "2", "--set", "hidden=4", "--out", text(&path)];
        place.run(&[&args[..], &CPU].concat()).ok();
        path
    };
    let (thirteen, three) = (table(&place, "thirteen.csv", 13, &[]), table(&place, "three.csv", 3, &[]));
    let (run, other) = (rnade("run", &thirteen), rnade("other", &three));
    let explained = place.run(&["score", text(&run), "--explain", "1"]).ok().stdout;
    assert!(explained.contains("column 13 `x13`") && explained.contains("densities are those of standardised"), "{explained}");
    let scored = place.run(&["score", text(&run)]).ok().stdout;
    assert!(scored.contains("in the data's own units") && scored.contains("are training rows"), "{scored}");
    place.run(&["score", text(&run), "--data", text(&three)]).refused(1, &["three.csv", "it has 3 columns, the run has 13"]);
    place.run(&["score", text(&run), "--data", "digits"]).refused(1, &["it has 8x8x1 images, the run has 13 columns"]);
    place.run(&["score", text(&run), "--background", text(&other)]).refused(
        2,
        &["trained on 3 columns of standardised numbers, and", "on 13 columns of standardised numbers", "the same rows"],
    );
}

#[test]
fn constant_columns_are_named_when_a_run_starts() {
    let place = Place::new();
    let said = |data: &Path, name: &str| {
        let run = place.path(name);
        let args = ["train", "rnade", "--data", text(data), "--steps", "2", "--set", "hidden=4", "--out", text(&run)];
        place.run(&[&args[..], &CPU].concat()).ok().stderr
    };
    let one = said(&table(&place, "one.csv", 3, &[3]), "one");
    assert!(one.contains("column 3 `x3` is constant, so its density is unbounded; remove this column"), "{one}");
    let many: Vec<usize> = (2..12).collect();
    let many = said(&table(&place, "many.csv", 12, &many), "many");
    assert!(many.contains("column 2 `x2`, column 3 `x3`, ") && many.contains("`x9` and 2 more are constant"), "{many}");
    let none = said(&table(&place, "none.csv", 3, &[]), "none");
    assert!(!none.contains("constant"), "{none}");
}

/// `n` pictures of a size in a folder.
fn pictures(place: &Place, name: &str, n: usize, [w, h]: [usize; 2]) -> PathBuf {
    let folder = place.path(name);
    fs::create_dir_all(&folder).expect("a folder");
    for nth in 0..n {
        let values: Vec<f32> = (0..w * h).map(|at| ((at * 7 + nth) % 5) as f32 / 4.0).collect();
        let picture = calotype_data::picture::grid(&values, [1, h, w, 1], None, 0).expect("a picture");
        calotype_data::picture::write_png(&folder.join(format!("{w}x{h}-{nth}.png")), &picture).expect("it is written");
    }
    folder
}

#[test]
fn pictures_of_a_folder_keep_their_size_or_it_is_said() {
    let place = Place::new();
    let run = |data: &Path, name: &str, more: &[&str]| {
        let run = place.path(name);
        let args = ["train", "independent", "--data", text(data), "--out", text(&run)];
        let said = place.run(&[&args[..], more, &CPU].concat()).ok().stderr;
        (fs::read_to_string(run.join("run.toml")).expect("a run"), said)
    };
    let scored = |name: &str, more: &[&str]| place.run(&[&["score", name], more, &CPU].concat());
    let square = pictures(&place, "square", 10, [8, 8]);
    let (config, said) = run(&square, "kept", &[]);
    assert!(config.contains("shape = [8, 8, 1]") && !said.contains("brought"), "{config}{said}");
    scored("kept", &[]).ok();
    // A picture that is not square is scored by its run, and by no other size's.
    let wide = pictures(&place, "wide", 10, [6, 4]);
    assert!(run(&wide, "oblong", &[]).0.contains("shape = [4, 6, 1]"));
    scored("oblong", &[]).ok();
    scored("oblong", &["--data", "wide/6x4-3.png"]).ok();
    scored("oblong", &["--data", "square/8x8-3.png"]).refused(1, &["it has 8x8x1 images, the run has 4x6x1 images"]);
    // A run that says no size, from when small pictures were enlarged, opens them as it did.
    let (config, _) = run(&square, "old", &["--set", "size=64"]);
    let old = config.replace("[data.options]\nsize = 64\n", "[data.options]\n");
    assert!(old != config);
    fs::write(place.path("old/run.toml"), old).expect("it is written");
    scored("old", &[]).ok();
    pictures(&place, "square", 1, [20, 30]);
    let (config, said) = run(&square, "mixed", &[]);
    let note = "images of 2 sizes, 8x8 to 30x20, resized to 64x64";
    assert!(config.contains("shape = [64, 64, 1]") && said.contains(note), "{config}{said}");
    let said = place.run(&["data", text(&square)]).ok().stdout;
    assert!(said.contains(&format!("note      {note}")), "{said}");
}

fn same_seed_same_bytes(place: &Place, run: &str) {
    let draw = |name: &str, seed: &str| {
        let out = place.path(name);
        place.run(&[&["sample", run, "--count", "4", "--seed", seed, "--out", text(&out)][..], &CPU].concat()).ok();
        fs::read(&out).expect("an array")
    };
    let first = draw("a.npy", "1");
    same(&first, &draw("b.npy", "1"));
    assert!(first != draw("c.npy", "2"));
}
