//! Every command, used as intended.

use std::fs;

use crate::support::{LIVELY, Place, TINY, same, text};

#[test]
fn lists_and_help_are_there() {
    let place = Place::new();
    for (args, says) in [
        (vec!["--help"], "calotype train dcgan"),
        (vec!["train", "--help"], "--preset paper"),
        (vec!["sample", "--help"], "--interpolate"),
        (vec!["--version"], env!("CARGO_PKG_VERSION")),
        (vec!["plan", "--version"], env!("CARGO_PKG_VERSION")),
        (vec!["models"], "arXiv:1511.06434"),
        (vec!["models", "dcgan"], "checkpoint_every"),
        (vec!["data"], "fashion-mnist-60k"),
        (vec!["data", "digits"], "1797 rows (1438 train, 359 test)"),
        (vec!["devices"], "--device auto is"),
    ] {
        let ended = place.run(&args).ok();
        assert!(ended.stdout.contains(says), "{args:?}: {}", ended.stdout);
    }
}

/// bash takes the script and completes a command with it; man pages name the options.
#[cfg(unix)]
#[test]
fn shells_and_man_know_the_commands() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = place.run(&["completions", shell]).ok().stdout;
        assert!(script.contains("translate") && script.contains("checkpoint"), "{shell}: {script}");
        fs::write(place.path(shell), script).expect("it is written");
    }
    let line =
        "source ./bash; COMP_WORDS=(calotype trans); COMP_CWORD=1; _calotype calotype trans calotype; echo \"${COMPREPLY[*]}\"";
    let bash = std::process::Command::new("bash").args(["-c", line]).current_dir(place.path("")).output().expect("bash");
    assert_eq!(String::from_utf8_lossy(&bash.stdout).trim(), "translate", "{}", String::from_utf8_lossy(&bash.stderr));
    place.run(&["completions", "tcsh"]).refused(2, &["bash", "fish"]);
    place.run(&["man", "--out", "man/man1"]).ok();
    let page = fs::read_to_string(place.path("man/man1/calotype-train.1")).expect("a page");
    assert!(page.contains(".TH") && page.contains("resume"), "{page}");
    fs::write(place.path("file"), "").expect("it is written");
    place.run(&["man", "--out", "file/man1"]).refused(1, &["file/man1"]);
}

#[test]
fn the_plan_is_told_without_training() {
    let place = Place::new();
    let ended = place.run(&["plan", "dcgan", "--device", "cpu", "--batch", "16"]).ok();
    for says in ["batch 16", "planned memory", "conv2d_transpose", "largest tensors", "GFLOP", "dispatches"] {
        assert!(ended.stdout.contains(says), "{says}: {}", ended.stdout);
    }
    assert!(!place.path("runs").exists());
}

#[test]
fn a_training_step_is_timed() {
    let place = Place::new();
    let export = place.path("bench.json");
    let args = [&["bench", "train", "dcgan", "--steps", "5", "--export", text(&export)], TINY].concat();
    let ended = place.run(&args).ok();
    for says in ["a step", "median of 5", "images", "dispatches", "first step after"] {
        assert!(ended.stdout.contains(says), "{says}: {}", ended.stdout);
    }
    let json: serde_json::Value = serde_json::from_slice(&fs::read(&export).expect("it was written")).expect("JSON");
    assert!(json["step_s_median"].as_f64().is_some_and(|s| s > 0.0), "{json}");
    assert!(json["step_s_min"].as_f64().is_some_and(|s| s > 0.0), "{json}");
    assert_eq!(json["planned_bytes"], json["allocated_bytes"], "{json}");
    assert!(!place.path("runs").exists());
}

/// Kernel by kernel: each has a time, and what takes most is said first.
#[test]
fn a_training_step_is_traced() {
    let place = Place::new();
    let trace = place.path("trace.json");
    let args = [&["bench", "train", "dcgan", "--steps", "1", "--trace", text(&trace)], TINY].concat();
    let ended = place.run(&args).ok();
    let json: serde_json::Value = serde_json::from_slice(&fs::read(&trace).expect("it was written")).expect("JSON");
    let events = json["traceEvents"].as_array().expect("events");
    let kernels: Vec<_> = events.iter().filter(|e| e["ph"] == "X").collect();
    assert!(ended.stdout.contains(&format!("{} kernels one by one", kernels.len())), "{}", ended.stdout);
    assert!(kernels.iter().any(|k| k["cat"] == "conv2d_weight_grad" && k["args"]["flops"].as_u64().is_some_and(|n| n > 0)));
    let mut end = 0.0;
    for kernel in kernels {
        let [ts, dur] = ["ts", "dur"].map(|key| kernel[key].as_f64().expect("a time"));
        assert!((ts - end).abs() < 1e-3 && dur >= 0.0, "{kernel}");
        end = ts + dur;
    }
    place.run(&["bench", "train", "dcgan", "--trace", "none/trace.json"]).refused(2, &["--trace", "none"]);
}

/// A closed pipe ends nothing in a panic.
#[test]
#[cfg(unix)]
fn a_reader_that_goes_away_is_no_failure() {
    let place = Place::new();
    let program = crate::PROGRAM;
    let line = format!("'{}' models dcgan | true; exit ${{PIPESTATUS[0]}}", program);
    let output = std::process::Command::new("bash").args(["-c", &line]).current_dir(place.path("")).output().expect("bash");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn train_ends_with_the_folder_and_says_the_rest_on_standard_error() {
    let place = Place::new();
    let args = ["train", "dcgan", "--data", "digits", "--device", "cpu", "--batch", "8", "--set", "width=2", "--steps", "2"];
    let first = place.run(&args).ok();
    assert_eq!(first.stdout, "runs/dcgan-digits-001\n");
    for says in ["planned memory", "device: CPU", "step 2/2", "calotype sample runs/dcgan-digits-001", "--preset paper"] {
        assert!(first.stderr.contains(says), "{says}: {}", first.stderr);
    }
    assert!(!first.stderr.contains('\u{1b}'), "no escape codes where there is no terminal");
    assert_eq!(place.run(&args).ok().stdout, "runs/dcgan-digits-002\n");
    let config = fs::read_to_string(place.path("runs/dcgan-digits-001/run.toml")).expect("run.toml");
    for says in ["model = \"dcgan\"", "steps = 2", "batch = 8", "sha256", "width = 2", "driver", "checkpoint_every"] {
        assert!(config.contains(says), "{says}: {config}");
    }
}

/// Neither a stop half way nor the number of threads changes a bit.
#[test]
fn half_and_half_is_the_whole() {
    let place = Place::new();
    place.train("whole", &["--steps", "6", "--seed", "5"]);
    place.train("parts", &["--steps", "3", "--seed", "5"]);
    place.run(&["train", "--resume", "parts", "--steps", "6", "--threads", "2"]).ok();
    same(&place.checkpoint("whole", 6), &place.checkpoint("parts", 6));
    let lines = fs::read_to_string(place.path("whole/metrics.jsonl")).expect("metrics");
    for line in lines.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("strict JSON");
        let measured = line["loss_d"].is_number() || line["gradient_norm_generator"].is_number();
        assert!(line["step"].is_u64() && line["wall_s"].is_f64() && measured, "{line}");
    }
    let again = place.run(&["train", "--resume", "parts", "dcgan", "--data", "digits", "--set", "width=2", "--seed", "5"]).ok();
    assert!(again.stdout.ends_with("parts\n"), "a run that is done says so: {}", again.stdout);
}

#[test]
fn equal_seeds_are_equal_images_whatever_the_count() {
    let place = Place::new();
    place.train("run", LIVELY);
    let sample = |more: &[&str], out: &str| {
        let args = [&["sample", "run", "--device", "cpu", "--out", out], more].concat();
        let ended = place.run(&args).ok();
        assert_eq!(ended.stdout.trim(), out);
        fs::read(place.path(out)).expect("the file")
    };
    let many = sample(&["--count", "70", "--seed", "1"], "a.npy");
    same(&many, &sample(&["--count", "70", "--seed", "1", "--threads", "1"], "b.npy"));
    assert!(many != sample(&["--count", "70", "--seed", "2"], "c.npy"), "another seed, other images");
    let few = sample(&["--count", "3", "--seed", "1"], "few.npy");
    let per_image = 32 * 32 * 4;
    let (few, many) = (&few[few.len() - 3 * per_image..], &many[many.len() - 70 * per_image..]);
    same(few, &many[..3 * per_image]);
    assert!(few[..per_image] != few[per_image..2 * per_image], "images differ from each other");
    same(&sample(&["--count", "5"], "a.png"), &sample(&["--count", "5"], "b.png"));
    assert_eq!(&sample(&["--count", "5"], "c.PNG")[1..4], b"PNG");
}

#[test]
fn latents_and_interpolations_come_in_every_form() {
    let place = Place::new();
    place.train("run", LIVELY);
    let z: Vec<f32> = (0..12).map(|i| ((i * 7 % 12) as f32 - 5.5) / 4.0).collect();
    calotype_data::write_npy(&place.path("z.npy"), &[3, 4], &z).expect("it is written");
    let read = |name: &str| calotype_data::read_npy(&place.path(name), 1 << 24).expect(name);
    let run = |args: &[&str]| place.run(&[&["sample", "run", "--device", "cpu"], args].concat()).ok();
    run(&["--latents", "z.npy", "--out", "images.npy"]);
    let images = read("images.npy");
    assert_eq!(images.shape, [3, 32, 32, 1]);
    assert!(images.data.iter().all(|v| (0.0..=1.0).contains(v)));
    run(&["--latents", "z.npy", "--interpolate", "--out", "walk.npy"]);
    let walk = read("walk.npy");
    assert_eq!(walk.shape, [17, 32, 32, 1]);
    let image = |data: &[f32], n: usize| data[n * 1024..][..1024].to_vec();
    let far = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    for (at, row) in [(0, 0), (8, 1), (16, 2)] {
        assert!(far(&image(&walk.data, at), &image(&images.data, row)) < 1e-4, "it passes through latent {row}");
    }
    assert!(far(&image(&walk.data, 4), &image(&images.data, 0)) > 1e-3, "it moves");
    run(&["--interpolate", "--count", "2", "--out", "walk.gif"]);
    assert_eq!(&fs::read(place.path("walk.gif")).expect("a film")[..6], b"GIF89a");
    assert_eq!(run(&["--interpolate"]).stdout, "run/interpolation-seed-0.png\n");
    assert_eq!(run(&["--seed", "3", "--checkpoint", "40"]).stdout, "run/sample-step-0000040-seed-3.png\n");
}

/// The same images as a grid, an array, a zipped array and a folder of files, of a model with latents and of one with a density.
#[test]
fn samples_are_written_in_every_form() {
    let place = Place::new();
    place.train("gan", LIVELY);
    place.run(&[&["train", "independent", "--data", "digits", "--out", "counts"], &["--device", "cpu"][..]].concat()).ok();
    for run in ["gan", "counts"] {
        let sample = |out: &str, more: &[&str]| {
            place.run(&[&["sample", run, "--count", "11", "--device", "cpu", "--out", out], more].concat())
        };
        let (npy, npz, folder) = (format!("{run}.npy"), format!("{run}.npz"), format!("{run}-images/"));
        sample(&npy, &[]).ok();
        sample(&npz, &[]).ok();
        let open = |file: &str| calotype_data::open(text(&place.path(file)), &calotype_data::Options::default()).expect("rows");
        let (array, zipped) = (open(&npy), open(&npz));
        assert_eq!((array.n_rows(), array.shape()), (11, zipped.shape()));
        let n: usize = array.shape().iter().product::<usize>() * 11;
        assert!((0..n).all(|i| array.values().get(i) == zipped.values().get(i)), "{run}: zipped, they are the same");
        assert_eq!(sample(&folder, &[]).ok().stdout.trim(), folder);
        let images = open(&format!("{run}-images"));
        let mut names: Vec<_> =
            fs::read_dir(place.path(&folder)).expect("a folder").map(|e| e.expect("it").file_name()).collect();
        names.sort();
        assert_eq!((names.len(), names[0].to_str(), names[10].to_str()), (11, Some("0000.png"), Some("0010.png")));
        assert_eq!(images.shape()[..2], array.shape()[..2], "as large as they are");
        sample(&folder, &[]).refused(2, &["not empty", "name one"]);
        sample(&format!("{run}-large"), &[]).refused(2, &[".npz", "a folder's that ends in /"]);
        sample(&format!("{run}-large/"), &["--scale", "3"]).ok();
        assert_eq!(open(&format!("{run}-large")).shape()[0], 3 * array.shape()[0]);
    }
}
