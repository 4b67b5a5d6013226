//! `docs/data.md`, made of the lists that the program and its tests use.

use std::fmt::Write as _;

use calotype_data::{CATALOGUE, KINDS};

use crate::data_settings::data_settings;

const INTRODUCTION: &str = "# Data

<!-- Made by `cargo run -p calotype-training --example data_md > docs/data.md`; a test holds it against the program. -->

`--data` takes the name of a bundled data set or a path. `calotype data PATH` says what training will see: rows by split and class,
sizes, what was left out and why. `--sheet sheet.png` draws 64 of the rows.

```
calotype data ./photos --set size=64 --sheet sheet.png
calotype data iris.csv --set label=species
calotype train dcgan --data ./photos --set size=64
calotype score RUN --data ./photos --worst 16 --out-sheet worst.png
```

What a file was taken for, and what was left out, is said when it is opened, and kept in `run.toml` when a run is trained on it. Other files that
a run scores or encodes are read by the settings of its training data where they are of the same kind; `--set` says more. Columns of
another table are matched by their names, classes too. A run whose data were moved goes on with `--data NEWPATH`.
";

const RULES: &str = "
## Rules

**Folders of images.** Folders are classes, in the order of their numbers (`2` before `10`); what lies deeper belongs to the class. Folders
named `train` (`training`), `val` (`valid`, `validation`) and `test` (`testing`) are splits; validation images are held out of training, and are the
test split where there is no `test`. A folder around everything (`photos.zip` with `photos/` in it) counts for nothing. Hidden files and folders,
`__MACOSX`, `Thumbs.db` and `desktop.ini` are never data.

**Sizes** are height x width. Images of a folder keep their size if they all have the same one, of at most 256 a side. Otherwise their
middle squares become 64x64, and a note says so; `--set size=32` asks for another size. 28x28 becomes 32x32 by two black pixels a side.

**Images of 16 bits** keep them: the rows are f32 in 0..1. The largest value is said, since a sensor of 12 bits looks black;
`--set range=0..4095` makes it white. Transparent pixels are laid on white, pictures are turned upright as their EXIF says, and of animations
and files of several pages the first is read.

**Cache.** When a run is trained or used, decoded images of folders and archives of 1,000 files or more are kept in the user's cache folder (`CALOTYPE_DATA`, else
`~/.cache/calotype` or the system's own), by what the files hold: at most 2 GB a data set and 8 GB in all, the oldest go first.
`--no-cache` decodes again and keeps nothing.

**Arrays.** Whole numbers of 0 to 255 are levels, other numbers are continuous. Images of floating point lie in 0..1; values in 0..255 or
-1..1 are recognised and scaled, which is said. `sample --out x.npy` writes a model's own levels, and `score --data x.npy` takes them as
such; other arrays are prepared as the training data were. A note says which.

**Tables.** Numbers are read as f64, and standardised in f64 before they become f32: seconds since 1970 keep their digits. A column
of words holds the classes. No line is lost without being counted.

**Continuous densities** of tables (`rnade`, `vae` with a Gaussian likelihood) have no bound on columns that are constant, copies of others, or
counts, and on test rows that are training rows as well. They are named before and after training.
";

/// The text of `docs/data.md`.
pub fn data_documentation() -> String {
    let mut text = INTRODUCTION.to_owned();
    text += "\n## Names\n\n| name | what it is |\n|---|---|\n";
    for entry in &CATALOGUE {
        let fetched = if entry.fetched { format!("; `calotype data fetch {}` downloads it", entry.name) } else { String::new() };
        let _ = writeln!(text, "| `{}` | {}{fetched} |", entry.name, cell(entry.about));
    }
    text += "\n## Files and folders\n\n| kind | recognised by | becomes | settings |\n|---|---|---|---|\n";
    for kind in KINDS {
        let settings: Vec<String> = kind.heeds.iter().map(|key| format!("`{key}`")).collect();
        let (name, recognised, becomes) = (cell(kind.name), cell(kind.recognised), cell(kind.becomes));
        let _ = writeln!(text, "| {name} | {recognised} | {becomes} | {} |", settings.join(" "));
    }
    text += RULES;
    text += "\n## Settings\n\nEach is `--set KEY=VALUE`; one that has no effect on the data is refused.\n\n";
    text += "| setting | default | what it is for |\n|---|---|---|\n";
    for setting in data_settings() {
        let _ = writeln!(text, "| `{}` | `{}` | {} |", setting.key, setting.default, cell(setting.doc));
    }
    text += "\n## What is refused\n\nEach with a message that names the file and says what to do; these words are in it.\n\n";
    text += "| kind | what | words |\n|---|---|---|\n";
    for kind in KINDS {
        for refused in kind.refused {
            let _ = writeln!(text, "| {} | {} | {} |", cell(kind.name), cell(refused.what), cell(refused.words));
        }
    }
    text
}

/// Text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_as_the_program() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/data.md");
        let kept = std::fs::read_to_string(path).unwrap_or_default().replace("\r\n", "\n");
        assert!(kept == data_documentation(), "make it again: cargo run -p calotype-training --example data_md > docs/data.md");
    }
}
