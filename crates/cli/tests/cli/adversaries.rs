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
    assert_eq!(report.matches("samples after ").count(), 2);
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
