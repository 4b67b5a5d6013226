//! Tuned tiles: whose they are, and the run that keeps its own.

use std::fs;
use std::path::PathBuf;

use calotype_gpu_kernels::TILE_TABLE;

use crate::json::{parsed, said};
use crate::measuring::{has_adapter, says};
use crate::support::{Place, same, text};

/// The first adapter, and the file of its tiles.
struct Adapter {
    backend: String,
    name: String,
    driver: String,
    file: PathBuf,
}

impl Adapter {
    fn first(place: &Place) -> Self {
        let devices = parsed(&place.run(&["devices", "--json"]).ok());
        let [backend, name, driver] = ["backend", "name", "driver"].map(|key| said(&devices["adapters"][0], key));
        let file = format!("{backend}-{name}").replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        let file = place.path(&format!("cache/calotype/tiles-{file}.txt"));
        fs::create_dir_all(file.parent().expect("a folder")).expect("it is made");
        Adapter { backend, name, driver, file }
    }

    /// As if `bench tune` had found these, with this driver.
    fn tuned(&self, driver: &str, tiles: &str) {
        let Adapter { backend, name, .. } = self;
        let text = format!("# tile table {TILE_TABLE}\n# {backend} {name}\n# {driver}\n{tiles}");
        fs::write(&self.file, text).expect("it is written");
    }
}

/// A table for this adapter and driver is used and named, another one is not, and either can be forgotten.
#[test]
fn tuned_tiles_belong_to_an_adapter_and_its_driver() {
    let place = Place::new();
    place.run(&["bench", "tune", "--device", "cpu"]).refused(2, &["no tiles to tune"]);
    if !has_adapter(&place) {
        return;
    }
    let adapter = Adapter::first(&place);
    let selftest = |driver: &str| {
        adapter.tuned(driver, "1 64 64 64 medium\n");
        place.run(&["selftest", "softmax", "--device", "0"]).ok()
    };
    says(&selftest(&adapter.driver), &[&format!("tile table {TILE_TABLE}, tuned ")]);
    let other = selftest("another one");
    assert!(!other.stdout.contains("tuned") && other.stderr.contains("was tuned for another driver"), "{}", other.stderr);
    says(&place.run(&["bench", "tune", "--reset", "--device", "0"]).ok(), &["deleted"]);
    assert!(!adapter.file.exists());
    says(&place.run(&["bench", "tune", "--reset", "--device", "0"]).ok(), &["this adapter has no tuned tiles"]);
}

/// Sums that lanes share have other last bits than those of one lane, so that a run shows which tiles it used.
fn shared_sums() -> String {
    let mut tiles = String::new();
    for m in [16, 64, 256, 1024] {
        for n in [2, 8, 32, 128] {
            for k in [4, 16, 64, 256, 1024] {
                tiles += &format!("1 {m} {n} {k} dot\n");
            }
        }
    }
    tiles
}

#[test]
fn a_resumed_run_uses_the_tiles_it_began_with() {
    let place = Place::new();
    if !has_adapter(&place) {
        return;
    }
    let adapter = Adapter::first(&place);
    let tiny = ["train", "dcgan", "--data", "digits", "--device", "0", "--batch", "8", "--set", "width=2"];
    let run = |name: &str, steps: &str| {
        place.run(&[&tiny[..], &["--out", text(&place.path(name)), "--steps", steps]].concat()).ok();
    };
    let config = |name: &str| fs::read_to_string(place.path(name).join("run.toml")).expect("a run");
    let resume = |name: &str| {
        let said = place.run(&["train", "--resume", name, "--steps", "4"]).ok().stderr;
        assert!(!said.contains("the last bits"), "{said}");
    };
    run("plain", "4");
    run("plain-parts", "2");
    adapter.tuned(&adapter.driver, &shared_sums());
    run("tuned", "4");
    run("tuned-parts", "2");
    assert!(config("tuned-parts").contains("1 64 8 256 dot") && !config("plain").contains("tiles"), "{}", config("plain"));
    assert_ne!(place.checkpoint("tuned", 4), place.checkpoint("plain", 4), "the tiles changed nothing");
    // A run without tiles leaves those that were tuned since; one with tiles needs no file of them.
    resume("plain-parts");
    same(&place.checkpoint("plain-parts", 4), &place.checkpoint("plain", 4));
    fs::remove_file(&adapter.file).expect("it is there");
    resume("tuned-parts");
    same(&place.checkpoint("tuned-parts", 4), &place.checkpoint("tuned", 4));
    let damaged = config("tuned-parts").replace("1 64 8 256 dot", "1 64 8 256 knot");
    fs::write(place.path("tuned-parts/run.toml"), damaged).expect("it is written");
    place.run(&["train", "--resume", "tuned-parts", "--steps", "6"]).refused(1, &["run.toml", "tiles", "dot"]);
}
