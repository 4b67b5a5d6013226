//! Bad input ends in one clear message and an exit code: 2 for wrong use, 1 for a failure. Nothing is lost, nothing panics.

use std::fs;

use calotype_graph::{HostTensor, Init, Layout, StateSpec};
use calotype_training::Checkpoint;

use crate::support::{Place, TINY, same, text};

/// Wrong use: each is refused before any work, and leaves no run behind.
#[test]
fn wrong_use_says_what_would_be_right() {
    let place = Place::new();
    let cases: &[(&[&str], &[&str])] = &[
        (&["train", "dcgna"], &["no model `dcgna`", "did you mean `dcgan`"]),
        (&["train"], &["MODEL"]),
        (&["trian", "dcgan"], &["train"]),
        (&["train", "dcgan", "--stpes", "3"], &["--steps"]),
        (&["train", "dcgan", "--set", "widht=3"], &["no setting `widht`", "did you mean `width`", "beta1", "log_every"]),
        (&["train", "dcgan", "--set", "width"], &["KEY=VALUE"]),
        (&["train", "dcgan", "--set", "width=0"], &["width=0", "from 1 to 512"]),
        (&["train", "dcgan", "--set", "size=48"], &["32, 64 or 128"]),
        (&["train", "dcgan", "--set", "log_every=0"], &["log_every=0", "from 1"]),
        (&["train", "dcgan", "--set", "batch=4", "--batch", "8"], &["`batch` is given twice"]),
        (&["train", "dcgan", "--steps", "0"], &["--steps"]),
        (&["train", "dcgan", "--batch", "0"], &["--batch"]),
        (&["train", "dcgan", "--batch", "1"], &["batch=1", "from 2"]),
        (&["train", "dcgan", "--seed", "-1"], &["--seed"]),
        (&["train", "dcgan", "--threads", "0"], &["from 1"]),
        (&["train", "dcgan", "--preset", "large"], &["small", "paper"]),
        (&["train", "gan", "--set", "loss=wasserstein"], &["loss=wasserstein", "non-saturating", "wgan-gp"]),
        (&["train", "gan", "--set", "latents=0"], &["latents=0", "from 1"]),
        (&["train", "gan", "--set", "n_critic=0"], &["n_critic=0", "from 1"]),
        (&["train", "dcgan", "--device", "voodoo2"], &["voodoo2", "no such adapter", "cpu"]),
        (&["train", "dcgan", "--device", "99"], &["99", "no such adapter"]),
        (&["train", "dcgan", "--data", "fashon-mnist"], &["did you mean `fashion-mnist`"]),
        (&["train", "dcgan", "--data", "./nowhere"], &["nowhere", "no such file or folder"]),
        (&["train", "dcgan", "--data", "ring"], &["vectors [2]", "images"]),
        (&["train", "dcgan", "--data", "digits", "--batch", "2000"], &["--batch 1295"]),
        (&["train", "--resume", "nowhere"], &["nowhere", "no run"]),
        (&["sample", "nowhere"], &["nowhere", "no run"]),
        (&["plan", "dcgan", "--set", "lr=2"], &["lr=2", "from 0 to 1"]),
        (&["models", "dcgam"], &["did you mean `dcgan`"]),
        (&["data", "digit"], &["did you mean `digits`"]),
        (&["data", "fetch", "digits"], &["cannot be fetched", "fashion-mnist-60k"]),
    ];
    for (args, says) in cases {
        place.run(args).refused(2, says);
    }
    assert!(!place.path("runs").exists(), "no run was begun");
}

#[test]
fn bad_data_are_refused_by_name() {
    let place = Place::new();
    let idx = |n: u32, rows: usize| {
        [&[0, 0, 8, 3][..], &n.to_be_bytes(), &8_u32.to_be_bytes(), &8_u32.to_be_bytes(), &vec![7; rows * 64]].concat()
    };
    fs::write(place.path("lies-idx3-ubyte"), idx(u32::MAX, 3)).expect("it is written");
    fs::write(place.path("short-idx3-ubyte"), idx(10, 9)).expect("it is written");
    calotype_data::write_npy(&place.path("nan.npy"), &[2, 2, 2], &[0.0, 0.5, 1.0, f32::NAN, 0.0, 0.0, 0.0, 0.0])
        .expect("it is written");
    fs::create_dir(place.path("photos")).expect("a folder");
    fs::create_dir(place.path("empty")).expect("a folder");
    fs::write(place.path("photos/cut.png"), b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0").expect("it is written");
    for (data, says) in [
        ("lies-idx3-ubyte", ["lies-idx3-ubyte", "bytes"]),
        ("short-idx3-ubyte", ["short-idx3-ubyte", "truncated"]),
        ("nan.npy", ["nan.npy", "finite"]),
        ("photos", ["cut.png", "truncated or damaged"]),
        ("empty", ["empty", "found nothing"]),
    ] {
        place.run(&["train", "dcgan", "--data", &format!("./{data}")]).refused(1, &says);
    }
    assert!(!place.path("runs").exists(), "no run was begun");
}

/// The batch that is offered works, and nothing above it is refused for another reason.
#[test]
fn a_plan_that_cannot_fit_is_refused_with_a_batch_that_does() {
    let place = Place::new();
    let plan = |batch: &str| {
        place.run(&["plan", "dcgan", "--device", "cpu", "--set", "size=128", "--set", "width=512", "--batch", batch])
    };
    let refused = plan("65536").refused(1, &["batch size 65536 does not fit", "--batch "]);
    let offered = refused.stderr.rsplit_once("--batch ").map(|(_, rest)| rest.trim().to_owned()).expect("an offer");
    plan(&offered).ok();
    let more = offered.parse::<u32>().expect("a number") + 1;
    plan(&more.to_string()).refused(1, &["does not fit"]);
}

#[test]
fn folders_that_cannot_be_written_are_named() {
    let place = Place::new();
    fs::write(place.path("file"), b"").expect("it is written");
    let train = |out: &str| place.run(&[&["train", "dcgan", "--steps", "1", "--out", out], TINY].concat());
    train("file/run").refused(1, &["file/run"]);
    place.train("run", &["--steps", "1"]);
    train("run").refused(2, &["run holds a run already", "--resume"]);
    place.run(&["sample", "run", "--device", "cpu", "--out", "file/a.png"]).refused(1, &["file/a.png", "cannot be written"]);
    place.run(&["sample", "run", "--device", "cpu", "--out", "a.jpeg"]).refused(2, &[".png, .npy, .npz or .gif"]);
    place.run(&["sample", "run", "--device", "cpu", "--out", "a.gif"]).refused(2, &["--interpolate"]);
}

#[test]
fn bad_requests_for_samples_are_refused() {
    let place = Place::new();
    place.train("run", &["--steps", "1"]);
    let write = |name: &str, shape: &[usize], data: &[f32]| calotype_data::write_npy(&place.path(name), shape, data).expect(name);
    write("long.npy", &[2, 5], &[0.0; 10]);
    write("flat.npy", &[4], &[0.0; 4]);
    write("nan.npy", &[1, 4], &[0.0, f32::NAN, 0.0, 0.0]);
    write("one.npy", &[1, 4], &[0.0; 4]);
    for (more, code, says) in [
        (&["--latents", "long.npy"][..], 2, "expected latents [N, 4]"),
        (&["--latents", "flat.npy"], 2, "found [4]"),
        (&["--latents", "nan.npy"], 1, "finite"),
        (&["--latents", "none.npy"], 2, "no such file"),
        (&["--latents", "one.npy", "--interpolate"], 2, "at least two"),
        (&["--latents", "one.npy", "--count", "3"], 2, "--count"),
        (&["--count", "0"], 2, "--count"),
        (&["--checkpoint", "best"], 2, "no held-out set"),
        (&["--checkpoint", "7"], 2, "of steps: 1"),
        (&["--checkpoint", "first"], 2, "`last`, `best` or a step"),
    ] {
        place.run(&[&["sample", "run", "--device", "cpu"], more].concat()).refused(code, &[says]);
    }
}

#[test]
fn a_resume_that_contradicts_the_run_is_refused() {
    let place = Place::new();
    place.train("run", &["--steps", "2"]);
    for (more, says) in [
        (&["--batch", "9"][..], "batch = 8"),
        (&["--seed", "9"], "seed = 0"),
        (&["--set", "width=3"], "width = 2"),
        (&["--set", "checkpoint_every=3"], "checkpoint_every = 500"),
        (&["--data", "emoji"], "data = digits"),
        (&["--preset", "paper"], "preset = small"),
        (&["--out", "elsewhere"], "out = run"),
        (&["--steps", "1"], "has done 2 steps"),
        (&["--set", "wiidth=2"], "did you mean `width`"),
        (&["cdgan"], "model = dcgan"),
        (&["--device", "gpu"], "the run began on CPU"),
    ] {
        place.run(&[&["train", "--resume", "run"], more].concat()).refused(2, &[says]);
    }
}

#[test]
fn damaged_runs_are_named() {
    let place = Place::new();
    let run = place.train("run", &["--steps", "4", "--set", "checkpoint_every=2"]);
    let good = place.checkpoint("run", 4);
    let newest = run.join("checkpoints/step-0000004.safetensors");
    fs::write(&newest, &good[..good.len() / 3]).expect("it is written");
    let sample = || place.run(&["sample", "run", "--device", "cpu", "--out", "a.png"]);
    assert!(sample().ok().stderr.contains("step-0000004.safetensors is damaged"), "the damaged one is named");
    let resumed = place.run(&["train", "--resume", "run"]).ok();
    assert!(resumed.stderr.contains("is damaged") && resumed.stderr.contains("resuming from step 2"), "{}", resumed.stderr);
    same(&place.checkpoint("run", 4), &good);
    for step in [2, 4] {
        fs::write(run.join(format!("checkpoints/step-000000{step}.safetensors")), b"{}").expect("it is written");
    }
    sample().refused(1, &["no good checkpoint", "step-0000002", "step-0000004"]);
    place.run(&["train", "--resume", "run"]).refused(1, &["no good checkpoint"]);
    fs::write(run.join("run.toml"), b"format = 1\nmodel = ").expect("it is written");
    place.run(&["train", "--resume", text(&run)]).refused(1, &["run.toml"]);
}

/// Weights that overflow in the next step: the run stops, names the tensor, keeps the checkpoint, and says what to do.
#[test]
fn a_loss_that_is_not_finite_ends_in_one_message() {
    let place = Place::new();
    let run = place.train("run", &["--steps", "2"]);
    let good = Checkpoint::decode(&place.checkpoint("run", 2)).expect("it is whole");
    let huge = |(name, t): (&String, &HostTensor)| {
        let value = match name.as_str() {
            "discriminator.main.0.weight" => HostTensor::f32(t.shape.clone(), vec![3e38; t.shape.numel()]),
            _ => t.clone(),
        };
        (StateSpec { name: name.clone(), ty: t.ty(), init: Init::Zeros, layout: Layout::Plain }, value)
    };
    let states: Vec<(StateSpec, HostTensor)> = good.tensors().iter().map(huge).collect();
    let bad = Checkpoint::new(good.identity.clone(), 2, states.iter().map(|(spec, value)| (spec, value.clone())));
    let bytes = bad.encode().expect("it encodes");
    fs::write(run.join("checkpoints/step-0000002.safetensors"), &bytes).expect("it is written");
    let says = ["step 3", "`discriminator.main.0", "step-0000002.safetensors", "--set lr="];
    let stopped = place.run(&["train", "--resume", "run", "--steps", "9"]).refused(1, &says);
    assert_eq!(stopped.stdout, "run\n");
    same(&place.checkpoint("run", 2), &bytes);
    let metrics = fs::read_to_string(run.join("metrics.jsonl")).expect("metrics");
    assert!(metrics.lines().all(|l| serde_json::from_str::<serde_json::Value>(l).is_ok()), "strict JSON: {metrics}");
}
