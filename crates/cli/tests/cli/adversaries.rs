//! Models with a critic, of vectors: what their runs show.

use std::fs;

use crate::support::Place;

/// A GAN that takes a blink.
const TINY_GAN: &[&str] = &[
    "train",
    "gan",
    "--device",
    "cpu",
    "--threads",
    "1",
    "--batch",
    "16",
    "--steps",
    "20",
    "--set",
    "hidden=8",
    "--set",
    "layers=1",
    "--set",
    "sample_every=10",
    "--out",
    "run",
];

fn pixels(place: &Place, name: &str) -> Vec<[u8; 3]> {
    let picture = calotype_data::picture::read_png(&place.path(name)).expect("a picture");
    assert_eq!(picture.dimensions(), (480, 480));
    picture.pixels().map(|p| p.0).collect()
}

/// Samples are green, rows of the data grey; what seems made is violet, what seems real orange. The film has every picture.
#[test]
fn points_are_shown_over_the_data_and_the_critics_field() {
    let place = Place::new();
    place.run(&[TINY_GAN, &["--data", "ring", "--set", "lr=0.05"]].concat()).ok();
    for name in ["run/samples/step-0000010.png", "run/samples/step-0000020.png"] {
        let all = pixels(&place, name);
        let count = |is: fn(&[u8; 3]) -> bool| all.iter().filter(|p| is(p)).count();
        assert!(count(|[r, g, b]| g > r && g > b && g - r > 60) > 100, "{name}: samples");
        assert!(count(|[r, g, b]| r.abs_diff(*g) < 30 && g.abs_diff(*b) < 30 && *r < 150) > 100, "{name}: data");
        assert!(count(|[r, g, b]| b > r && b > g) + count(|[r, g, b]| r > g && g > b && r - b > 20) > 10_000, "{name}: a field");
    }
    let film = fs::read(place.path("run/samples/samples.gif")).expect("a film");
    assert!(film.starts_with(b"GIF89a"));
    let report = fs::read_to_string(place.path("run/report.html")).expect("a report");
    assert_eq!(report.matches("data:image").count(), 2);
    // Made again from what is there and can be read, after a resume that had nothing to do.
    fs::write(place.path("run/samples/step-0000015.png"), "no picture").expect("it is written");
    fs::remove_file(place.path("run/samples/samples.gif")).expect("it was there");
    place.run(&["train", "--resume", "run"]).ok();
    assert_eq!(fs::read(place.path("run/samples/samples.gif")).expect("a film"), film);
}

/// One column is shown as histograms, of four the first two; a table of a person's own is learned in its own units.
#[test]
fn a_table_of_any_number_of_columns_is_learned() {
    let place = Place::new();
    let table: String = (0..200).map(|i| format!("{},{},{},{}\n", 1000 + i % 7, i % 5, 0.001 * f64::from(i), -i)).collect();
    fs::write(place.path("own.csv"), format!("a,b,c,d\n{table}")).expect("it is written");
    for (data, columns) in [("mixture-1d", 1), ("swiss-roll", 2), ("grid", 2), ("own.csv", 4)] {
        let _ = fs::remove_dir_all(place.path("run"));
        place.run(&[TINY_GAN, &["--data", data]].concat()).ok();
        pixels(&place, "run/samples/step-0000020.png");
        place.run(&["sample", "run", "--count", "50", "--out", "x.npy", "--device", "cpu"]).ok();
        let x = calotype_data::read_npy(&place.path("x.npy"), 1 << 20).expect("an array");
        assert_eq!(x.shape, [50, columns], "{data}");
        if data == "own.csv" {
            assert!(
                x.data.chunks(4).all(|row| (900.0..1100.0).contains(&row[0]) && (-1.0..1.5).contains(&row[2])),
                "in its units"
            );
        }
        let refused = place.run(&["score", "run", "--device", "cpu"]);
        assert_eq!(refused.code, Some(2));
        assert!(
            refused.stderr.contains("gan has no density") && refused.stderr.contains("calotype sample"),
            "{}",
            refused.stderr
        );
        let refused = place.run(&["sample", "run", "--out", "x.png"]);
        assert_eq!(refused.code, Some(2));
        assert!(refused.stderr.contains(".npy"), "{}", refused.stderr);
    }
}

/// The updates of the discriminator for one of the generator, and every loss, by the command line.
#[test]
fn every_loss_trains() {
    for loss in ["minimax", "least-squares", "hinge", "wgan-gp"] {
        let place = Place::new();
        let set = format!("loss={loss}");
        place.run(&[TINY_GAN, &["--data", "ring", "--set", &set, "--set", "n_critic=3", "--set", "log_every=1"]].concat()).ok();
        let metrics = fs::read_to_string(place.path("run/metrics.jsonl")).expect("metrics");
        let penalty = if loss == "wgan-gp" { "\"gradient_penalty\"" } else { "\"r1\"" };
        assert_eq!(metrics.matches(penalty).count(), 20, "{loss}");
        assert!(metrics.lines().last().is_some_and(|l| l.contains("\"step\":20")), "{metrics}");
    }
}

/// Runs that are made to fail say so while they run, in the log and in the report, with what to do.
#[test]
fn what_goes_wrong_is_said() {
    let images = ["--set", "hidden=64", "--set", "norm=none", "--set", "gamma=0", "--set", "lr=0.003", "--set", "validation=0"];
    let images =
        [&["train", "gan", "--preset", "images", "--data", "digits", "--steps", "800", "--set", "n_critic=5"], &images[..]]
            .concat();
    let ring = ["train", "gan", "--data", "ring", "--set", "schedule=constant", "--set", "loss=wgan-gp", "--set", "lambda=0"];
    let ring = [&ring[..], &["--set", "hidden=32", "--set", "validate_every=500"]].concat();
    let infogan = ["train", "infogan", "--data", "digits", "--batch", "8", "--steps", "2100", "--set", "validation=0"];
    let narrow = ["--set", "size=8", "--set", "width=1", "--set", "hidden=4", "--set", "hidden_q=4", "--set", "latents=4"];
    let runs: [(Vec<&str>, &str); 4] = [
        // Codes that nobody asks for.
        ([&infogan[..], &narrow, &["--set", "lambda=1e-9"]].concat(), "flat mutual information"),
        // Nothing holds the discriminator back, and minimax gives the generator no gradient once it is sure.
        ([&images[..], &["--set", "loss=minimax"]].concat(), "saturated discriminator"),
        // A critic without its penalty.
        ([&ring[..], &["--set", "lr=0.001", "--steps", "2000"]].concat(), "samples become alike"),
        (
            [&ring[..], &["--set", "lr=0.003", "--set", "n_critic=20", "--set", "checkpoint_every=30", "--steps", "600"]]
                .concat(),
            "exploding gradients",
        ),
    ];
    for (args, sign) in runs {
        let place = Place::new();
        let said = place.run(&[&args[..], &["--device", "cpu", "--threads", "1", "--out", "run"]].concat()).ok().stderr;
        let warning = said.lines().find(|l| l.starts_with("warning: step") && l.contains(sign));
        assert!(warning.is_some_and(|l| l.contains("--set l")), "{sign}: {said}");
        let metrics = fs::read_to_string(place.path("run/metrics.jsonl")).expect("metrics");
        let line = metrics.lines().find(|l| l.contains("\"warning\"")).expect(sign);
        assert!(
            serde_json::from_str::<serde_json::Value>(line)
                .is_ok_and(|v| v["warning"].as_str().is_some_and(|w| w.contains(sign)))
        );
        let report = fs::read_to_string(place.path("run/report.html")).expect("a report");
        assert!(report.contains("What went wrong") && report.contains(sign), "{sign}");
    }
}

/// The tiny GAN goes well, as far as it can be seen.
#[test]
fn a_run_that_goes_well_is_not_warned_of() {
    let place = Place::new();
    let args =
        ["train", "gan", "--data", "ring", "--batch", "64", "--steps", "600", "--set", "hidden=32", "--set", "validate_every=50"];
    let said = place.run(&[&args[..], &["--device", "cpu", "--threads", "1", "--out", "run"]].concat()).ok().stderr;
    assert!(!said.contains("warning"), "{said}");
}

/// Samples are measured on a schedule, the best checkpoint is kept beside the last ones, `sample` uses it and says so; a moving
/// average makes other samples, and not another training.
#[test]
fn the_best_checkpoint_is_kept_and_used() {
    let place = Place::new();
    let looks = ["--set", "validate_every=20", "--set", "checkpoint_every=10", "--set", "keep_checkpoints=1"];
    let train = |out: &str, more: &[&str]| {
        let args = [
            "train",
            "gan",
            "--data",
            "ring",
            "--steps",
            "200",
            "--set",
            "hidden=16",
            "--set",
            "lr=0.02",
            "--set",
            "schedule=constant",
        ];
        place.run(&[&args[..], &looks, &["--device", "cpu", "--threads", "1", "--out", out], more].concat()).ok()
    };
    let said = train("run", &[]).stderr;
    assert!(said.contains("held-out set: sliced Wasserstein distance x 1000 of training rows"), "{said}");
    let metrics = fs::read_to_string(place.path("run/metrics.jsonl")).expect("metrics");
    let found: Vec<(u64, f64)> = metrics
        .lines()
        .map(|l| serde_json::from_str::<serde_json::Value>(l).expect("JSON"))
        .filter_map(|v| Some((v["step"].as_u64()?, v["sliced_wasserstein"].as_f64()?)))
        .collect();
    assert_eq!(found.iter().map(|f| f.0).collect::<Vec<_>>(), (1..=10).map(|n| 20 * n).collect::<Vec<_>>());
    let best = found.iter().min_by(|a, b| a.1.total_cmp(&b.1)).expect("some").0;
    assert!(best < 200, "such a learning rate gets worse again: {found:?}");
    let kept: Vec<u64> = [best, 200].into_iter().collect();
    let there = |step: u64| place.path("run").join(format!("checkpoints/step-{step:07}.safetensors")).exists();
    assert_eq!((10..=200).filter(|&s| there(s)).collect::<Vec<_>>(), kept);
    let sample =
        |more: &[&str]| place.run(&[&["sample", "run", "--count", "5", "--out", "x.npy", "--device", "cpu"], more].concat()).ok();
    let said = sample(&[]).stderr;
    assert!(said.contains(&format!("step-{best:07}.safetensors, the best on the held-out set")), "{said}");
    let said = sample(&["--checkpoint", "last"]).stderr;
    assert!(said.contains("step-0000200.safetensors, not the best"), "{said}");

    train("averaged", &["--set", "ema=0.9"]);
    let losses = |run: &str| {
        let text = fs::read_to_string(place.path(run).join("metrics.jsonl")).expect("metrics");
        let of_step = |l: &str| l.split("\"loss_d\"").nth(1).map(str::to_owned);
        text.lines().filter_map(of_step).collect::<Vec<_>>()
    };
    assert_eq!(losses("run"), losses("averaged"));
    let rows = |run: &str| {
        place.run(&["sample", run, "--checkpoint", "last", "--count", "5", "--out", "x.npy", "--device", "cpu"]).ok();
        fs::read(place.path("x.npy")).expect("rows")
    };
    assert_ne!(rows("run"), rows("averaged"));
}

/// Few images are warned of, and what is offered trains: on images, not on vectors.
#[test]
fn few_images_are_augmented() {
    let place = Place::new();
    let tiny = ["train", "dcgan", "--data", "digits", "--batch", "4", "--steps", "2", "--set", "width=1", "--device", "cpu"];
    let said = place.run(&[&tiny[..], &["--out", "plain"]].concat()).ok().stderr;
    assert!(said.contains("training images are few") && said.contains("augment=translation+cutout"), "{said}");
    let augmented = ["--out", "augmented", "--set", "augment=translation+cutout", "--set", "flips=true"];
    let said = place.run(&[&tiny[..], &augmented].concat()).ok().stderr;
    assert!(!said.contains("training images are few"), "{said}");
    assert_ne!(place.checkpoint("plain", 2), place.checkpoint("augmented", 2));
    let refused = place.run(&[TINY_GAN, &["--data", "ring", "--set", "augment=cutout"]].concat());
    refused.refused(2, &["vectors", "`augment`"]);
    let images = [
        "train", "gan", "--preset", "images", "--data", "digits", "--batch", "4", "--steps", "2", "--set", "hidden=4",
        "--device", "cpu",
    ];
    for loss in ["non-saturating", "wgan-gp"] {
        let set = format!("loss={loss}");
        place.run(&[&images[..], &["--set", &set, "--set", "augment=translation+cutout", "--out", loss]].concat()).ok();
    }
}

/// Rows are held out where there are enough to measure by, and steps to measure after; what is not measured is said.
#[test]
fn what_cannot_be_measured_is_said() {
    let place = Place::new();
    let table: String = (0..40).map(|i| format!("{},{}\n", 0.1 * f64::from(i * i % 17), i % 5)).collect();
    fs::write(place.path("few.csv"), table).expect("it is written");
    let train = |more: &[&str]| {
        let args = ["train", "gan", "--data", "few.csv", "--device", "cpu", "--steps", "4", "--set", "hidden=4"];
        place.run(&[&args[..], more].concat())
    };
    // Four rows are no held-out set, so that a batch may have all of the forty.
    let said = train(&["--batch", "40", "--set", "validate_every=1", "--out", "a"]).ok().stderr;
    assert!(said.contains("too few to measure samples by") && !said.contains("held-out set:"), "{said}");
    // Twenty are.
    let said = train(&["--batch", "20", "--set", "validation=0.5", "--set", "validate_every=3", "--out", "b"]).ok().stderr;
    assert!(said.contains("sliced Wasserstein") && said.contains("(the 1 step after it were not measured)"), "{said}");
    let said = train(&["--batch", "20", "--set", "validation=0.5", "--out", "c"]).ok().stderr;
    assert!(said.contains("validate_every=N") && said.contains("and the run has 4"), "{said}");
    train(&["--batch", "21", "--set", "validation=0.5"]).refused(2, &["20 rows beside the 20 that are held out", "--batch 20"]);
    // Which checkpoint it is, by the record of the newest one.
    let sample = |step: &str| place.run(&["sample", "b", "--checkpoint", step, "--count", "2", "--device", "cpu"]).ok().stderr;
    assert!(sample("3").contains(", the best on the held-out set") && sample("4").contains(", not the best on the held-out set"));
}
