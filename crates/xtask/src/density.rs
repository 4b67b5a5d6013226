//! `cargo xtask density`: every model with a density trained on the same data, and their table.

use std::path::Path;
use std::process::Command;

use crate::{cargo, root, succeed, target};

/// A table: what the models see, and which they are.
struct Table {
    name: &'static str,
    data: &'static str,
    /// Settings of every model.
    set: &'static [&'static str],
    /// A name for the folder, the model, and settings of its own.
    models: &'static [(&'static str, &'static str, &'static [&'static str])],
}

const PIXEL_MODELS: [(&str, &str, &[&str]); 3] =
    [("pixelcnn", "pixelcnn", &[]), ("row-lstm", "row-lstm", &[]), ("diagonal-bilstm", "diagonal-bilstm", &[])];

const OF_BITS: &[(&str, &str, &[&str])] = &[
    ("independent", "independent", &[]),
    ("markov-1", "markov", &[]),
    ("markov-8", "markov", &["order=8"]),
    ("context-shared", "context", &["shared=true"]),
    ("context", "context", &["shared=false"]),
    ("nade", "nade", &[]),
    PIXEL_MODELS[0],
    PIXEL_MODELS[1],
    PIXEL_MODELS[2],
];

const OF_LEVELS: &[(&str, &str, &[&str])] = &[
    ("independent", "independent", &[]),
    ("markov-1", "markov", &[]),
    ("left-and-above", "context", &["neighbours=2", "shared=false"]),
    PIXEL_MODELS[0],
    PIXEL_MODELS[1],
    PIXEL_MODELS[2],
];

const TABLES: [Table; 4] = [
    Table { name: "digits-bits", data: "digits", set: &[], models: OF_BITS },
    Table { name: "digits-17-levels", data: "digits", set: &["levels=17"], models: OF_LEVELS },
    Table { name: "fashion-bits", data: "fashion-mnist", set: &[], models: OF_BITS },
    Table { name: "fashion-8-levels", data: "fashion-mnist", set: &["levels=8"], models: OF_LEVELS },
];

/// Trains what is not trained yet in `target/density/TABLE/MODEL` (what was interrupted goes on), then writes the table and the
/// picture of the models' completions to `assets/bench/density-TABLE.md` and `.png`. Without arguments, every table.
pub fn run(args: &[String]) -> Result<(), String> {
    let known = || TABLES.iter().map(|t| t.name).collect::<Vec<_>>().join(", ");
    if let Some(wrong) = args.iter().find(|a| TABLES.iter().all(|t| t.name != a.as_str())) {
        return Err(format!("no table `{wrong}`; there are: {}", known()));
    }
    succeed(cargo().args(["build", "--release", "--package", "calotype"]))?;
    let program = target().join("release/calotype");
    for table in TABLES.iter().filter(|t| args.is_empty() || args.iter().any(|a| a == t.name)) {
        make(&program, table)?;
    }
    Ok(())
}

fn make(program: &Path, table: &Table) -> Result<(), String> {
    let folder = target().join("density").join(table.name);
    for (name, model, own) in table.models {
        let run = folder.join(name);
        println!("xtask: {}: {name}", table.name);
        let mut train = Command::new(program);
        train.arg("train");
        if run.join("run.toml").exists() {
            train.arg("--resume").arg(&run);
        } else {
            train.args([model, "--data", table.data, "--out"]).arg(&run);
            table.set.iter().chain(*own).for_each(|setting| {
                train.args(["--set", setting]);
            });
        }
        succeed(&mut train)?;
    }
    let out = root().join("assets/bench").join(format!("density-{}", table.name));
    let mut ladder = Command::new(program);
    ladder.arg("ladder").args(table.models.iter().map(|(name, ..)| folder.join(name)));
    succeed(ladder.arg("--table").arg(out.with_extension("md")).arg("--out").arg(out.with_extension("png")))
}
