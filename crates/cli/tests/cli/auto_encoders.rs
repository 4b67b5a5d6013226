//! What auto-encoders and variational bounds are used for: reconstructions, latents in order, codes, a bound laid open, anomalies; and
//! numbers that stay numbers.

use std::fs;

use calotype_data::picture::read_png;
use calotype_data::read_npy;

use crate::support::{Place, TINY};

/// A small VAE on digits, trained for a while.
fn trained(place: &Place, name: &str, more: &[&str]) {
    let args = ["train", "vae", "--data", "digits", "--device", "cpu", "--threads", "1", "--out", name, "--set", "hidden=32"];
    place.run(&[&args[..], more].concat()).ok();
}

fn on_cpu(place: &Place, args: &[&str]) -> crate::support::Ended {
    place.run(&[args, &["--device", "cpu"]].concat())
}

#[test]
fn rows_are_reconstructed_and_latents_are_shown_in_order() {
    let place = Place::new();
    trained(&place, "run", &["--steps", "300", "--set", "latents=2"]);
    let size = |file: &str| read_png(&place.path(file)).expect("a picture").dimensions();
    on_cpu(&place, &["sample", "run", "--reconstruct", "--out", "pairs.png", "--count", "10"]).ok();
    on_cpu(&place, &["sample", "run", "--traverse", "--out", "middle.png"]).ok();
    on_cpu(&place, &["sample", "run", "--traverse=test:3", "--out", "row.npy"]).ok();
    on_cpu(&place, &["sample", "run", "--manifold", "--out", "manifold.npy"]).ok();
    on_cpu(&place, &["sample", "run", "--reconstruct", "--out", "pairs.npy", "--count", "10"]).ok();
    // Eight pairs and two, each line of originals above one of reconstructions.
    let (width, height) = size("pairs.png");
    assert_eq!(f64::from(width) / f64::from(height), 73.0 / 37.0, "8 x 4 images of 8 pixels, with margins");
    let (width, height) = size("middle.png");
    assert!(width > 4 * height, "9 x 2 images: {width} x {height}");

    let numbers = |file: &str| read_npy(&place.path(file), 1 << 24).expect("numbers");
    let (pairs, manifold, row) = (numbers("pairs.npy"), numbers("manifold.npy"), numbers("row.npy"));
    assert_eq!(
        (&pairs.shape[..], &manifold.shape[..], &row.shape[..]),
        (&[10, 2, 8, 8, 1][..], &[400, 8, 8, 1][..], &[18, 8, 8, 1][..])
    );
    let error = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f32>();
    let of = |n: usize, which: usize| &pairs.data[(2 * n + which) * 64..][..64];
    let nearer = (0..10).filter(|&n| error(of(n, 0), of(n, 1)) < error(of((n + 1) % 10, 0), of(n, 1))).count();
    assert!(nearer >= 8, "a row is reconstructed as itself, not as another: {nearer} of 10");
    assert!(error(&manifold.data[..64], &manifold.data[399 * 64..]) > 5.0, "the corners differ");
}

#[test]
fn codes_are_plotted_by_class() {
    let place = Place::new();
    trained(&place, "run", &["--steps", "100", "--set", "latents=2"]);
    let ended = on_cpu(&place, &["encode", "run", "--plot", "codes.png"]).ok();
    assert!(ended.stderr.contains("both numbers of each code; 0 blue, 1 orange"), "{}", ended.stderr);
    let picture = read_png(&place.path("codes.png")).expect("a picture");
    assert!(picture.pixels().filter(|p| p.0 != [255; 3]).count() > 1000);
}

/// reconstruction - KL + gap = log p(x), each by its own sum; and the importance-weighted estimate agrees.
#[test]
fn a_bound_is_laid_open() {
    let place = Place::new();
    trained(&place, "run", &["--steps", "300", "--set", "latents=2"]);
    let text = on_cpu(&place, &["score", "run", "--explain", "2", "--posterior", "z.png"]).ok().stdout;
    let figure = |text: &str, what: &str| -> f64 {
        let line = text.lines().find(|l| l.starts_with(what)).unwrap_or_else(|| panic!("no {what} in {text}"));
        line[20..].split_whitespace().next().and_then(|v| v.parse().ok()).expect("a figure")
    };
    let [reconstruction, kl, bound, log_p, gap, divergence] =
        ["reconstruction", "KL  ", "bound", "log p(x)", "gap", "KL to the posterior"].map(|what| figure(&text, what));
    assert!((reconstruction - kl - bound).abs() < 2e-4 && (log_p - bound - gap).abs() < 2e-4, "{text}");
    assert!((gap - divergence).abs() < 2e-3 && gap > 0.0, "{text}");
    assert!(
        read_png(&place.path("z.png")).expect("a picture").pixels().any(|p| p.0[2] > p.0[0].saturating_add(100)),
        "something is likely"
    );
    let estimated = on_cpu(&place, &["score", "run", "--explain", "2", "--samples", "5000"]).ok().stdout;
    assert!((figure(&estimated, "log p(x)") - log_p).abs() < 0.1, "{estimated}\n{text}");
    assert!(estimated.contains("estimate by 5000 samples"), "{estimated}");
}

#[test]
fn what_a_run_lacks_is_refused_before_any_work() {
    let place = Place::new();
    trained(&place, "vae", &["--steps", "3", "--set", "latents=3"]);
    trained(&place, "grey", &["--steps", "3", "--set", "likelihood=cross-entropy", "--set", "levels=17"]);
    place.run(&[&["train", "dcgan", "--out", "dcgan", "--steps", "2", "--set", "size=32"], TINY].concat()).ok();
    let args = ["train", "markov", "--data", "digits", "--out", "markov", "--device", "cpu"];
    place.run(&args).ok();
    let cases: &[(&[&str], &[&str])] = &[
        (&["sample", "vae", "--manifold"], &["two latents", "has 3", "latents=2"]),
        (&["sample", "vae", "--traverse=3"], &["--traverse 3", "test:12"]),
        (&["sample", "vae", "--traverse=test:99999"], &["no row 99999"]),
        (&["sample", "vae", "--reconstruct", "--out", "a.gif"], &["--reconstruct needs .png, .npy or .npz"]),
        (&["sample", "vae", "--reconstruct", "--manifold"], &["--reconstruct", "--manifold"]),
        (&["sample", "dcgan", "--reconstruct"], &["dcgan has no encoder"]),
        (&["sample", "dcgan", "--traverse=test:1"], &["dcgan has no encoder", "middle"]),
        (&["sample", "markov", "--reconstruct"], &["markov has no encoder"]),
        (&["sample", "markov", "--manifold"], &["markov has no latents", "--manifold"]),
        (&["encode", "dcgan", "--plot", "codes.png"], &["dcgan has no codes"]),
        (&["encode", "vae", "--plot", "codes.gif"], &["--plot codes.gif", ".png"]),
        (&["score", "vae", "--explain", "1", "--posterior", "z.png"], &["two latents", "has 3"]),
        (&["score", "vae", "--posterior", "z.png"], &["--explain"]),
        (&["score", "markov", "--explain", "1", "--posterior", "z.png"], &["--posterior", "markov has none"]),
        (&["score", "vae", "--pixels", "p.npy"], &["--pixels needs an exact density"]),
        (&["score", "vae", "--samples", "0"], &["--samples", "from 1"]),
        (&["score", "grey"], &["cross-entropy of grey levels is no likelihood", "discretised-logistic"]),
        (&["train", "vae", "--set", "latents=0"], &["latents=0", "from 1"]),
        (&["train", "vae", "--set", "k=0"], &["k=0", "from 1"]),
        (&["train", "vae", "--set", "likelihood=poisson"], &["bernoulli, gaussian"]),
        (&["train", "vae", "--data", "ring", "--preset", "conv"], &["real numbers", "likelihood=gaussian"]),
        (&["train", "vae", "--preset", "paper"], &["mlp", "iwae", "conv"]),
    ];
    for (args, says) in cases {
        place.run(args).refused(2, says);
    }
    // The middle of the prior needs no encoder.
    on_cpu(&place, &["sample", "dcgan", "--traverse", "--out", "dcgan.png", "--count", "2"]).ok();
    let metrics = fs::read_to_string(place.path("grey/metrics.jsonl")).expect("metrics");
    assert!(metrics.contains("\"cross_entropy\"") && !metrics.contains("\"reconstruction\""), "{metrics}");
}

/// A run that has not seen one class finds its rows by their bound.
#[test]
fn anomalies_are_found_by_the_bound() {
    let place = Place::new();
    trained(&place, "run", &["--steps", "400", "--set", "latents=6", "--set", "exclude=0"]);
    let noise: Vec<f32> = (0..40 * 64).map(|i| f32::from((i * 7919 + i / 64 * 31) % 5 < 2)).collect();
    calotype_data::write_npy(&place.path("noise.npy"), &[40, 8, 8, 1], &noise).expect("it is written");
    let text = on_cpu(&place, &["score", "run", "--samples", "20", "--against", "noise.npy"]).ok().stdout;
    let areas: Vec<f64> = text
        .split("AUROC")
        .skip(1)
        .map(|rest| rest.split_whitespace().next().and_then(|v| v.parse().ok()).expect("a figure"))
        .collect();
    let &[excluded, other] = areas.as_slice() else { panic!("two figures: {text}") };
    assert!(excluded > 0.6 && other > 0.95, "{text}");
}

/// Columns of scale 1e-3 and 1e4 beside each other, ten times the default learning rate, 500 steps.
#[test]
fn columns_of_any_scale_give_numbers() {
    let place = Place::new();
    let row = |i: u32| {
        let (a, b) = (f64::from(i * 37 % 101) - 50.0, f64::from(i * 53 % 89) - 44.0);
        format!("{},{},{}", 1e-3 * a, 1e4 * b + 3e5, 1e-3 * a * b / 44.0)
    };
    let rows: Vec<String> = (0..600).map(row).collect();
    fs::write(place.path("scales.csv"), format!("small,large,both\n{}\n", rows.join("\n"))).expect("it is written");
    let rate = ["--set", "lr=0.01", "--set", "validation=0", "--set", "log_every=1", "--steps", "500"];
    for (name, more) in [("one", &[][..]), ("several", &["--set", "k=5"]), ("narrow", &["--set", "floor=0.000001"])] {
        let args = ["train", "vae", "--data", "scales.csv", "--device", "cpu", "--out", name, "--set", "hidden=64"];
        place.run(&[&args, &rate[..], more].concat()).ok();
        let metrics = fs::read_to_string(place.path(&format!("{name}/metrics.jsonl"))).expect("metrics");
        assert_eq!(metrics.lines().count(), 500);
        assert!(!metrics.contains("null"), "{name}: a loss that is not finite: {metrics}");
        on_cpu(&place, &["score", name, "--out", "scores.csv"]).ok();
        let scores = fs::read_to_string(place.path("scores.csv")).expect("scores");
        assert!(!scores.contains("NaN") && !scores.contains("inf"), "{name}: {scores}");
    }
}
